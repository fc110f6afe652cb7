"""What people have written on a profile: the panel of notes, and the tags in its header."""

from typing import Any

from flask import url_for
from sqlalchemy.orm import Session

from webapp import notes, tags
from webapp.conditions import Tagged
from webapp.pages import addresses, panels
from webapp.pages.guards import Place
from webapp.pages.panels import Panel, Person


def tags_of(session: Session, here: Place, person: Person) -> dict[str, Any]:
    """The person's tags, and those of the workspace that aren't among them, for who may add some."""
    found = tags.of_person(session, person.ids, person.as_of)
    suggested = tags.of_workspace(session, here.workspace.id) if _may_write(here, person) else []
    names = {tag.name for tag in found}
    return {
        **_forms(here, person),
        "tags": found,
        "listing": _listing,
        "suggested": [name for name in suggested if name not in names],
        "longest_tag": tags.LONGEST,
    }


def _listing(tag: str) -> str:
    """Where the list of everybody with a tag is."""
    return url_for("people.index", where=str(Tagged(tag)))


def notes_of(session: Session, here: Place, person: Person) -> dict[str, Any]:
    """The person's notes."""
    found = notes.of_person(session, person.ids, person.as_of)
    return {**_forms(here, person), "notes": found, "most_notes": notes.MOST, "longest_note": notes.LONGEST}


def _forms(here: Place, person: Person) -> dict[str, Any]:
    """What forms need: whether there are any (nothing is written into the past), where they go, what they said."""
    return {"may_write": _may_write(here, person), "beside": addresses.beside, "told": panels.told()}


def _may_write(here: Place, person: Person) -> bool:
    return here.may_edit and person.as_of is None


PANEL = Panel("notes", "Notes", notes_of)
