"""The attributes of one person: pinned ones first, reserved and custom apart, and what was refused of them."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from flask import request, url_for
from sqlalchemy.orm import Session

from webapp import attributes, dictionary, filters, pins, refusals
from webapp.pages import addresses, panels, shared
from webapp.pages.guards import Place
from webapp.pages.panels import Panel, Person
from webapp.refusals import Refusal, Refusals
from webapp.registry import RESERVED

# From this many attributes on, a field to filter them is of use.
MANY_ATTRIBUTES = 12
# So many rows a page shows unless all are asked for.
MOST_ROWS = 30
_MOST_OF_EVENTS = 50


class Row(NamedTuple):
    """A line of the panel. `shown` is None where the person hasn't got the attribute: a pinned or a refused one."""

    name: str
    shown: attributes.Shown | None
    refused: Sequence[Refusal]
    is_pinned: bool


class Group(NamedTuple):
    """Rows under a heading."""

    id: str
    title: str
    rows: Sequence[Row]


def read(session: Session, here: Place, person: Person) -> dict[str, Any]:
    """The panel: rows, what was refused of events, and what a form in it has to keep of the address."""
    refused = refusals.of_person(session, here.workspace.id, person.ids, person.as_of)
    return {
        **_rows(session, here, person, refused),
        "refused_of_events": refused.of_events[:_MOST_OF_EVENTS],
        "kept": addresses.kept("attribute", "rows"),
        "filter_path": addresses.profile(person.customer.growlytics_id, "attribute", "rows"),
        "told": panels.told(),
    }


def rows(session: Session, here: Place, person: Person) -> dict[str, Any]:
    """The attributes that match, in groups, and how many there are."""
    refused = refusals.of_person(session, here.workspace.id, person.ids, person.as_of)
    return _rows(session, here, person, refused)


def _rows(session: Session, here: Place, person: Person, refused: Refusals) -> dict[str, Any]:
    everything = shared.attribute_values(session, here, person)
    pinned = pins.of_workspace(session, here.workspace.id)
    text = request.args.get("attribute", "").strip()
    hidden = dictionary.hidden(session, here.workspace.id).attributes
    everybody = _all(everything, pinned, refused)
    shows_hidden = request.args.get("attributes") == "all"
    shown = [row for row in everybody if shows_hidden or row.name not in hidden]
    found = _matching(shown, text, here)
    most = len(found) if request.args.get("rows") == "all" else MOST_ROWS
    id_ = person.customer.growlytics_id
    return {
        "groups": _groups(found[:most]),
        "shown_count": min(most, len(found)),
        "row_count": len(found),
        "attribute_count": len(everything),
        "attribute_text": text,
        "has_many_attributes": len(everything) >= MANY_ATTRIBUTES,
        "all_path": addresses.profile(id_, rows="all"),
        "hidden_count": sum(row.name in hidden for row in everybody),
        "shows_hidden_rows": shows_hidden,
        "hidden_path": addresses.profile(id_, "attributes", **({} if shows_hidden else {"attributes": "all"})),
        "may_pin": here.may_edit,
        "pin_path": addresses.beside(url_for("pinning.pin", growlytics_id=id_)),
        "unpin_path": addresses.beside(url_for("pinning.unpin", growlytics_id=id_)),
    }


def _all(everything: Iterable[attributes.Shown], pinned: Sequence[str], refused: Refusals) -> list[Row]:
    """Pinned ones in the order of pinning, then reserved and custom ones, each by name."""
    shown = {one.name: one for one in everything}
    known = {*shown, *refused.of_attributes}
    reserved = [name for name in RESERVED if name in known]
    custom = sorted(known.difference(RESERVED), key=lambda name: (name.casefold(), name))
    names = dict.fromkeys([*pinned, *reserved, *custom]) if known else {}
    return [Row(name, shown.get(name), refused.of_attributes.get(name, ()), name in pinned) for name in names]


def _matching(found: Iterable[Row], text: str, here: Place) -> list[Row]:
    wanted = text.casefold()
    return [row for row in found if wanted in f"{row.name}\n{_as_shown(row.shown, here)}".casefold()]


def _as_shown(one: attributes.Shown | None, here: Place) -> str:
    if one is None:
        return ""
    if isinstance(one.value, bool):
        return filters.yes_no(one.value)
    is_date = one.type == "date" and isinstance(one.value, str)
    return filters.moment(one.value, here.zone) if is_date else str(one.value)


def _groups(found: Sequence[Row]) -> list[Group]:
    groups = (
        Group("pinned", "Pinned", [row for row in found if row.is_pinned]),
        Group("reserved", "Reserved", [row for row in found if not row.is_pinned and row.name in RESERVED]),
        Group("custom", "Custom", [row for row in found if not row.is_pinned and row.name not in RESERVED]),
    )
    return [group for group in groups if group.rows]


PANEL = Panel("attributes", "Attributes", read)
