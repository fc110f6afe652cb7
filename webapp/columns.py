"""The columns of the customer list: a few that every customer has, and any attribute."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import tzinfo
from typing import Any, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from webapp import contacts, dictionary, filters, matching, registry, workspaces
from webapp.models import AttributeType, Customer, Workspace
from webapp.registry import CUSTOMER, RESERVED

MOST = 20
MOST_SUGGESTED = 200  # names of attributes, of events
BUILT_IN = {
    "email": "Email",
    "mobile": "Mobile",
    "system_id": "System ID",
    "growlytics_id": "Growlytics ID",
    "status": "Status",
    "events": "Events",
    "first_seen": "First seen",
    "created": "Created",
    "last_seen": "Last seen",
}
USUAL = ("email", "mobile", "system_id", "growlytics_id", "last_seen")
_OF_ATTRIBUTE = "attribute:"
Values = Mapping[str, str | float]  # what columns of attributes show of one customer, by attribute


class Column(NamedTuple):
    """A column beside the name. `key`: as in the URL; `attribute`: of which attribute, where it is of one."""

    key: str
    title: str
    attribute: str | None = None


def of_attribute(name: str) -> Column:
    """The column of an attribute."""
    return Column(f"{_OF_ATTRIBUTE}{name}", name, name)


def built_in() -> list[Column]:
    """The columns that every customer has."""
    return [Column(key, title) for key, title in BUILT_IN.items()]


def parse(keys: Iterable[str]) -> list[Column]:
    """The columns of these keys, each once, as many as there may be; the usual ones where there are none."""
    found: list[Column] = []
    for key in dict.fromkeys(keys):
        name = key.removeprefix(_OF_ATTRIBUTE)
        if key in BUILT_IN:
            found.append(Column(key, BUILT_IN[key]))
        elif name not in {key, "", *RESERVED} and "\x00" not in name:
            found.append(of_attribute(name))
    return found[:MOST] or [one for one in built_in() if one.key in USUAL]


def attributes(some: Sequence[Column]) -> list[str]:
    """The attributes that these columns show."""
    return [one.attribute for one in some if one.attribute is not None]


def attribute_names(session: Session, workspace_id: int) -> Sequence[str]:
    """The first attributes of customers by name that aren't hidden, to be suggested."""
    of_customers = (AttributeType.workspace_id == workspace_id, AttributeType.event_name == CUSTOMER)
    is_shown = AttributeType.name.not_in(dictionary.hidden(session, workspace_id).attributes)
    query = select(AttributeType.name).where(*of_customers, is_shown)
    return session.scalars(query.order_by(AttributeType.name).limit(MOST_SUGGESTED)).all()


def event_names(session: Session, workspace_id: int) -> Sequence[str]:
    """The first events by name that aren't hidden, to be suggested."""
    return dictionary.shown_events(session, workspace_id, MOST_SUGGESTED)


def status(customer: Customer) -> str:
    """What kind of customer it is, in a word."""
    if customer.is_registered:
        return "Registered"
    return "Bot" if customer.is_bot else "Anonymous"


def values(
    session: Session, workspace: Workspace, ids: Sequence[int], some: Sequence[Column], *, is_masked: bool = False
) -> Mapping[int, Values]:
    """What the columns of attributes show for the persons with these roots, by root and attribute.

    Numbers are numbers, everything else is text: dates in the workspace's zone, `Yes` and `No`, JSON.
    """
    names = attributes(some)
    if not names or not ids:
        return defaultdict(dict)
    zone, types = workspaces.zone(workspace), registry.types_known(session, workspace.id, names)
    found = matching.values_of(session, ids, names)
    shown = {
        root: {
            name: _shown(contacts.value(name, value) if is_masked else value, types.get(name), zone)
            for name, value in theirs.items()
        }
        for root, theirs in found.items()
    }
    return defaultdict(dict, shown)


def figures(found: Mapping[int, Values]) -> set[str]:
    """The attributes that show numbers, which stand at the right of their column."""
    return {name for theirs in found.values() for name, value in theirs.items() if not isinstance(value, str)}


def _shown(value: Any, type_: str | None, zone: tzinfo) -> str | float:
    if isinstance(value, bool):
        return filters.yes_no(value)
    if isinstance(value, int | float):
        return value
    return filters.moment(value, zone) if type_ == "date" and isinstance(value, str) else filters.value(value)
