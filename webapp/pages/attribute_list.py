"""The attributes of one person, filtered by name or value, and the values that weren't stored."""

from typing import Any

from flask import request
from sqlalchemy.orm import Session

from webapp import attributes, filters
from webapp.pages.activities import Asked
from webapp.pages.guards import Place
from webapp.pages.panels import Panel, Person

# From this many attributes on, a field to filter them is of use.
MANY_ATTRIBUTES = 12


def read(session: Session, here: Place, person: Person) -> dict[str, Any]:
    """The panel: rows, what was ignored, and what a form in it has to keep of the address."""
    ignored = attributes.ignored_of(session, person.ids)
    return {**rows(session, here, person), "ignored": ignored, "link": Asked.of_request(here).link}


def rows(session: Session, here: Place, person: Person) -> dict[str, Any]:
    """The attributes that match, and how many there are."""
    everything = attributes.of_person(session, here.workspace.id, person.ids)
    text = request.args.get("attribute", "").strip()
    wanted = text.casefold()
    matching = [one for one in everything if wanted in f"{one.name}\n{_as_shown(one, here)}".casefold()]
    return {
        "attributes": matching,
        "attribute_count": len(everything),
        "attribute_text": text,
        "has_many_attributes": len(everything) >= MANY_ATTRIBUTES,
    }


def _as_shown(one: attributes.Shown, here: Place) -> str:
    if isinstance(one.value, bool):
        return filters.yes_no(one.value)
    return filters.moment(one.value, here.zone) if one.type == "date" else str(one.value)


PANEL = Panel("attributes", "Attributes", read)
