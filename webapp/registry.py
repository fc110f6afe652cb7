"""The registry that fixes the type of each attribute when it is first tracked."""

from collections.abc import Iterable, Sequence
from datetime import tzinfo
from typing import Any

from sqlalchemy import ColumnElement, Select, select, tuple_
from sqlalchemy.orm import Session

from webapp import clock, dictionary, statements, values, workspaces
from webapp.db import Base, insert
from webapp.dictionary import ITSELF
from webapp.ingest.arrival import Arrival
from webapp.ingest.changes import Carrying, EventRecord, Ignored, Settled
from webapp.models import AttributeType, Workspace

RESERVED = ("name", "email", "mobile")
CUSTOMER = dictionary.CUSTOMER
_TYPES = Base.metadata.tables[AttributeType.__tablename__]


def settle(arrival: Arrival, changes: Sequence[Carrying]) -> list[Settled]:
    """Hold each change's attributes against the registry, in order; an attribute not seen before gets its type now."""
    firsts: dict[tuple[str, str], str] = {}
    known = _known(arrival)
    for change in changes:
        event_name = _event_name(change)
        types = known.get(event_name)
        if types is None:
            types = _NO_TYPES
            if event_name != CUSTOMER:
                firsts[event_name, ITSELF] = ""
        for name, value, type_ in change.attributes:
            if name not in types:
                firsts.setdefault((event_name, name), type_ or values.infer(value))
    learned = _learn(arrival, firsts) if firsts else {}
    zone = workspaces.zone(arrival.workspace)
    return [_settled(change, known.get(_event_name(change), _NO_TYPES), learned, zone) for change in changes]


_NO_TYPES: dict[str, str] = {}
_MOST_KNOWN = 10_000  # names of events, each with the types of its attributes


def _known(arrival: Arrival) -> dict[str, dict[str, str]]:
    """The types that this process has read in this hour, by event name, each event with those of its attributes.

    Every hour they are forgotten, so that whoever asks for them again notes that they came. When a type is changed,
    the workspace has another version of them, with which every request comes soon after (keys.Known).
    """
    hour, remembered = arrival.received_at // clock.HOUR, arrival.session.info["remembered"]
    if remembered.get("hour") != hour or len(remembered["attribute_types"]) > _MOST_KNOWN:
        remembered["attribute_types"], remembered["hour"] = _Known(), hour  # in this order: others look at the hour
    found: dict[str, dict[str, str]] = remembered["attribute_types"].of(arrival.workspace)
    return found


class _Known:
    """Types by workspace and its version of them."""

    def __init__(self) -> None:
        self._by_version: dict[tuple[int, int], dict[str, dict[str, str]]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._by_version.values()))

    def of(self, workspace: Workspace) -> dict[str, dict[str, str]]:
        """Those of a workspace, by event name."""
        return self._by_version.setdefault((workspace.id, workspace.types_version), {})


def _learn(arrival: Arrival, firsts: dict[tuple[str, str], str]) -> dict[tuple[str, str], str]:
    """Read the types of these attributes, and fix those that have none yet; all are returned. Notes that they came.

    Only what the database says beforehand is remembered: what is written now isn't known to other transactions before
    this one is committed, which it may never be.
    """
    session, workspace_id = arrival.session, arrival.workspace.id
    reserved = {(CUSTOMER, name): "string" for name in RESERVED}
    fixed = reserved | _types(session, workspace_id, firsts)
    fresh = sorted(key for key in firsts.keys() - fixed.keys() if key[1] != ITSELF)
    if fresh:
        _register(session, workspace_id, [(*key, firsts[key]) for key in fresh], arrival.received_at)
        fresh_types = _types(session, workspace_id, fresh)
    else:
        fresh_types = {}
    _remember(arrival, dictionary.note(arrival, firsts), fixed)
    return fixed | fresh_types


def _types(session: Session, workspace_id: int, keys: Iterable[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """The types of those of these attributes that have one. A batch may have more than there can be parameters."""
    asked = [{"workspace_id": workspace_id, "event_name": key[0], "name": key[1]} for key in sorted(keys)]
    return {(event_name, name): type_ for event_name, name, type_ in statements.fetch(session, _typed, asked)}


def _typed(dialect: str) -> Select[Any]:
    told = statements.given(dialect, _TYPES.primary_key).subquery("told").c
    query = select(_TYPES.c.event_name, _TYPES.c.name, _TYPES.c.type)
    return query.where(*(column == told[column.name] for column in _TYPES.primary_key))


def _remember(arrival: Arrival, noted: set[tuple[str, str]], fixed: dict[tuple[str, str], str]) -> None:
    known = _known(arrival)
    known.setdefault(CUSTOMER, {})
    for event_name, name in sorted(noted):  # an event itself before its attributes
        if name == ITSELF:
            known.setdefault(event_name, {})
        elif event_name in known and (event_name, name) in fixed:
            known[event_name][name] = fixed[event_name, name]


def _event_name(change: Carrying) -> str:
    return change.name if isinstance(change, EventRecord) else CUSTOMER


def is_one_of(keys: Iterable[tuple[str, str]]) -> ColumnElement[bool]:
    """Whether an attribute is one of these, by event name and name."""
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
    found = registered(session, workspace_id, is_one_of(asked)) if asked else {}
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
    change: Carrying, types: dict[str, str], learned: dict[tuple[str, str], str], zone: tzinfo
) -> Settled:  # fmt: skip
    event_name = _event_name(change)
    kept: dict[str, Any] = {}
    ignored = []
    for name, value, type_ in change.attributes:
        expected = types.get(name) or learned[event_name, name]
        if type_ == expected or (type_ is None and values.conforms(value, expected)):
            # A customer's date becomes an instant now: it must not move when the workspace changes its time zone.
            is_instant = expected == "date" and event_name == CUSTOMER
            kept[name] = values.canonical_date(value, zone) if is_instant else value
        else:
            ignored.append(Ignored(name, expected, type_ or values.infer(value), value))
    return Settled(kept, tuple(ignored))
