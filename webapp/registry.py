"""The registry that fixes the type of each attribute when it is first tracked."""

from collections.abc import Iterable, Sequence
from datetime import tzinfo
from typing import Any

from sqlalchemy import ColumnElement, select, tuple_
from sqlalchemy.orm import Session

from webapp import values, workspaces
from webapp.db import insert
from webapp.ingest.arrival import Arrival
from webapp.ingest.changes import Carrying, EventRecord, Ignored, Settled
from webapp.models import AttributeType

RESERVED = ("name", "email", "mobile")
CUSTOMER = ""  # the registry's event name for attributes of customers


def settle(arrival: Arrival, changes: Sequence[Carrying]) -> list[Settled]:
    """Hold each change's attributes against the registry, in order; an attribute not seen before gets its type now."""
    firsts: dict[tuple[str, str], str] = {}
    known, workspace_id = _known(arrival.session), arrival.workspace.id
    for change in changes:
        event_name = _event_name(change)
        types = known.get((workspace_id, event_name), _NO_TYPES)
        for name, value, type_ in change.attributes:
            if name not in types:
                firsts.setdefault((event_name, name), type_ or values.infer(value))
    fresh = _learn(arrival, firsts) if firsts else {}
    zone = workspaces.zone(arrival.workspace)
    return [
        _settled(change, known.get((workspace_id, _event_name(change)), _NO_TYPES), fresh, zone) for change in changes
    ]


_NO_TYPES: dict[str, str] = {}
_MOST_KNOWN = 10_000  # names of events, each with the types of its attributes


def _known(session: Session) -> dict[tuple[int, str], dict[str, str]]:
    """The types that this process has read, by workspace and event name: once they are fixed they stay."""
    known: dict[tuple[int, str], dict[str, str]] = session.info["remembered"].setdefault("attribute_types", {})
    if len(known) > _MOST_KNOWN:
        known.clear()
    return known


def _learn(arrival: Arrival, firsts: dict[tuple[str, str], str]) -> dict[tuple[str, str], str]:
    """Read the types of these attributes, and fix those that have none yet, which are returned.

    What is fixed now isn't known to other transactions before this one is committed, which it may never be.
    """
    session, workspace_id = arrival.session, arrival.workspace.id
    known = _known(session)
    fixed = {(CUSTOMER, name): "string" for name in RESERVED} | registered(session, workspace_id, _is_one_of(firsts))
    for (event_name, name), type_ in fixed.items():
        known.setdefault((workspace_id, event_name), {})[name] = type_
    fresh = sorted(firsts.keys() - fixed.keys())
    if not fresh:
        return {}
    _register(session, workspace_id, [(*key, firsts[key]) for key in fresh], arrival.received_at)
    return registered(session, workspace_id, _is_one_of(fresh))


def _event_name(change: Carrying) -> str:
    return change.name if isinstance(change, EventRecord) else CUSTOMER


def _is_one_of(keys: Iterable[tuple[str, str]]) -> ColumnElement[bool]:
    return tuple_(AttributeType.event_name, AttributeType.name).in_(list(keys))


def registered(session: Session, workspace_id: int, which: ColumnElement[bool]) -> dict[tuple[str, str], str]:
    """The types of the workspace's attributes that a condition chooses, by event name and name."""
    query = select(AttributeType.event_name, AttributeType.name, AttributeType.type)
    query = query.where(AttributeType.workspace_id == workspace_id, which)
    return {(row.event_name, row.name): row.type for row in session.execute(query)}


def types_of(session: Session, workspace_id: int, names: Iterable[str]) -> dict[str, str]:
    """The types of these attributes of customers, by name."""
    asked = list(names)
    return dict.fromkeys(asked, "string") | types_known(session, workspace_id, asked)


def types_known(session: Session, workspace_id: int, names: Iterable[str]) -> dict[str, str]:
    """The types of those of these attributes of customers that have been tracked, by name."""
    asked = [(CUSTOMER, name) for name in names]
    found = registered(session, workspace_id, _is_one_of(asked)) if asked else {}
    return {name: type_ for (_, name), type_ in found.items()}


def _register(session: Session, workspace_id: int, rows: list[tuple[str, str, str]], received_at: int) -> None:
    # The database decides who was first: a look followed by an insert would let two writers both be.
    session.execute(
        insert(session)(AttributeType).on_conflict_do_nothing(),
        [
            {"workspace_id": workspace_id, "event_name": event, "name": name, "type": type_, "created_at": received_at}
            for event, name, type_ in rows
        ],
    )


def _settled(
    change: Carrying, types: dict[str, str], fresh: dict[tuple[str, str], str], zone: tzinfo
) -> Settled:  # fmt: skip
    event_name = _event_name(change)
    kept: dict[str, Any] = {}
    ignored = []
    for name, value, type_ in change.attributes:
        expected = types.get(name) or fresh[event_name, name]
        if type_ == expected or (type_ is None and values.conforms(value, expected)):
            # A customer's date becomes an instant now: it must not move when the workspace changes its time zone.
            is_instant = expected == "date" and event_name == CUSTOMER
            kept[name] = values.canonical_date(value, zone) if is_instant else value
        else:
            ignored.append(Ignored(name, expected, type_ or values.infer(value), value))
    return Settled(kept, tuple(ignored))
