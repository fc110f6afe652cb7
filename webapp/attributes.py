"""Attributes: the registry that fixes each one's type, and the attribute values of customers."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from itertools import groupby
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, func, select, tuple_
from sqlalchemy import update as sql_update
from sqlalchemy.orm import Session

from webapp import search, values, workspaces
from webapp.customers import Owner
from webapp.db import insert
from webapp.ingest.arrival import Arrival
from webapp.ingest.changes import Attribute, CustomerUpdate, EventRecord, Ignored, RefusedError, Settled
from webapp.models import ApiKey, AttributeType, AttributeValue, Customer, Device, IgnoredValue, Workspace

Carrying = CustomerUpdate | EventRecord

RESERVED = ("name", "email", "mobile")
MOST_FORMER = 200  # values of a history shown
CUSTOMER = ""  # the registry's event name for attributes of customers


@dataclass(frozen=True, slots=True)
class Shown:
    """An attribute of a customer as a page shows it, with the number of different values so far. Times are epoch ms."""

    name: str
    type: str
    value: Any
    changed_at: int
    value_count: int


class NotFoundError(LookupError):
    """The person has no such attribute."""


class Former(NamedTuple):
    """A value that an attribute has or had: first and last reported, first received (epoch ms), and where from."""

    type: str
    value: Any
    reported_at: int
    until_at: int
    received_at: int
    source: str
    key: str | None


def settle(session: Session, workspace: Workspace, changes: Sequence[Carrying], received_at: int) -> list[Settled]:
    """Hold each change's attributes against the registry, in order; an attribute not seen before gets its type now."""
    firsts: dict[tuple[str, str], str] = {}
    for change in changes:
        for attribute in change.attributes:
            firsts.setdefault((_event_name(change), attribute.name), attribute.type or values.infer(attribute.value))
    for name in RESERVED:
        firsts.pop((CUSTOMER, name), None)
    types = registered(session, workspace.id, _is_one_of(firsts))
    fresh = sorted(key for key in firsts if key not in types)
    if fresh:
        _register(session, workspace.id, [(*key, firsts[key]) for key in fresh], received_at)
        types |= registered(session, workspace.id, _is_one_of(fresh))
    types |= {(CUSTOMER, name): "string" for name in RESERVED}
    zone = workspaces.zone(workspace)
    return [_settled(change, types, zone) for change in changes]


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
    found = registered(session, workspace_id, _is_one_of((CUSTOMER, name) for name in asked)) if asked else {}
    return {name: found.get((CUSTOMER, name), "string") for name in asked}


def _register(session: Session, workspace_id: int, rows: list[tuple[str, str, str]], received_at: int) -> None:
    # The database decides who was first: a look followed by an insert would let two writers both be.
    session.execute(
        insert(session)(AttributeType).on_conflict_do_nothing(),
        [
            {"workspace_id": workspace_id, "event_name": event, "name": name, "type": type_, "created_at": received_at}
            for event, name, type_ in rows
        ],
    )


def _settled(change: Carrying, types: dict[tuple[str, str], str], zone: tzinfo) -> Settled:
    event_name = _event_name(change)
    kept: dict[str, Any] = {}
    ignored = []
    for attribute in change.attributes:
        expected = types[event_name, attribute.name]
        if _fits(attribute, expected):
            # A customer's date becomes an instant now: it must not move when the workspace changes its time zone.
            is_instant = expected == "date" and event_name == CUSTOMER
            kept[attribute.name] = values.canonical_date(attribute.value, zone) if is_instant else attribute.value
        else:
            received = attribute.type or values.infer(attribute.value)
            ignored.append(Ignored(attribute.name, expected, received, attribute.value))
    return Settled(kept, tuple(ignored))


def _fits(attribute: Attribute, expected: str) -> bool:
    if attribute.type is None:
        return values.conforms(attribute.value, expected)
    return attribute.type == expected


def update(arrival: Arrival, owner: Owner, changes: Sequence[tuple[CustomerUpdate, Settled, Device | None]]) -> None:
    """Set the attributes of one locked customer, in order; a value reported before another doesn't replace it.

    Raises RefusedError when the person would have more custom attributes than the change allows.
    """
    session = arrival.session
    person = select(Customer.id).where((Customer.id == owner.root_id) | (Customer.root_id == owner.root_id))
    query = select(AttributeValue).where(AttributeValue.customer_id.in_(person), AttributeValue.is_current)
    stored = session.scalars(query.execution_options(populate_existing=True)).all()
    own = {row.name: row for row in stored if row.customer_id == owner.id}
    custom = {row.name for row in stored if row.name not in RESERVED}
    before = basics_of(stored)
    told: list[tuple[int, str, str]] = []
    for change, settled, device in changes:
        custom.update(name for name in settled.kept if name not in RESERVED)
        if len(custom) > change.limit:
            raise RefusedError(_too_many(change.limit, len(custom)))
        for name, value in settled.kept.items():
            if _report(arrival, owner.id, own, _Report(name, value, change.reported_at, device)) and name in RESERVED:
                told.append((owner.id, name, value))
    session.flush()
    search.add(session, arrival.workspace, told)
    others = [row for row in stored if row.customer_id != owner.id]
    after = basics_of([*others, *own.values()])
    if after != before:
        session.execute(sql_update(Customer).where(Customer.id == owner.root_id).values(**after))


class _Report(NamedTuple):
    """A value as somebody reports it. `reported_at`: epoch ms, None for the server's clock."""

    name: str
    value: Any
    reported_at: int | None
    device: Device | None


def _report(arrival: Arrival, customer_id: int, own: dict[str, AttributeValue], report: _Report) -> bool:
    """Add a value to an attribute's history; `own` holds the current ones. Returns whether it is a new one."""
    before = own.get(report.name)
    text = json.dumps(report.value, ensure_ascii=False)
    reported_at, id_ = report.reported_at, 0
    if reported_at is None:
        # By the server's clock the later arrival is the later value, also within one ms or after a clock step.
        reported_at = arrival.received_at if before is None else max(arrival.received_at, _effective(before) + 1)
        if before is not None and before.id == 0 and before.value == text:
            before.until_at = reported_at
            return False
    else:
        id_ = _digest(text, report.device)
        if arrival.session.get(AttributeValue, (customer_id, report.name, reported_at, id_)) is not None:
            return False
    row = AttributeValue(
        customer_id=customer_id,
        name=report.name,
        reported_at=reported_at,
        id=id_,
        until_at=reported_at,
        value=text,
        is_current=False,
        received_at=arrival.received_at,
        source=arrival.source.name,
        key_id=arrival.source.key_id,
        device_id=report.device and report.device.id,
    )
    arrival.session.add(row)
    if before is None or _rank(row) > _rank(before):
        row.is_current = True
        if before is not None:
            before.is_current = False
        own[report.name] = row
    return True


def _digest(text: str, device: Device | None) -> int:
    """Not 0, and equal for equal values from one device."""
    content = f"{device.did if device else ''}\x00{text}"
    return int.from_bytes(hashlib.blake2b(content.encode(), digest_size=8).digest(), "big") >> 1 or 1


def _effective(row: AttributeValue) -> int:
    """When a value last held, epoch ms. A client's clock that is ahead counts as the time of arrival."""
    return row.until_at if row.id == 0 else min(row.until_at, row.received_at)


def _rank(row: AttributeValue) -> tuple[int, str]:
    """What decides which of two values is the later one; between two of one moment a fixed order of their texts."""
    return _effective(row), row.value


def basics_of(rows: Iterable[AttributeValue]) -> dict[str, str | None]:
    """Name, email and mobile as these values of one person add up to them."""
    best = _latest(row for row in rows if row.name in RESERVED)
    return {name: json.loads(best[name].value) if name in best else None for name in RESERVED}


def _latest(rows: Iterable[AttributeValue]) -> dict[str, AttributeValue]:
    """The latest of several profiles' values, by attribute."""
    best: dict[str, AttributeValue] = {}
    for row in rows:
        if row.name not in best or _rank(row) > _rank(best[row.name]):
            best[row.name] = row
    return best


def basics(session: Session, ids: Sequence[int]) -> dict[str, str | None]:
    """Name, email and mobile of the person with these profiles."""
    return basics_of(session.scalars(_current(ids).where(AttributeValue.name.in_(RESERVED))))


def _current(ids: Sequence[int]) -> Select[Any]:
    query = select(AttributeValue).where(AttributeValue.customer_id.in_(ids), AttributeValue.is_current)
    return query.execution_options(populate_existing=True)


def move(
    session: Session, workspace: Workspace, where: Sequence[ColumnElement[bool]], earlier: int, later: int
) -> None:
    """Give values to another profile, and say anew which ones are current in both."""
    rows = session.scalars(select(AttributeValue).where(*where)).all()
    names = {row.name for row in rows}
    for row in rows:
        row.customer_id = later
    session.flush()
    for customer_id in (earlier, later):
        query = select(AttributeValue).where(AttributeValue.customer_id == customer_id, AttributeValue.name.in_(names))
        history = session.scalars(query).all()
        best = _latest(history)
        for row in history:
            row.is_current = best[row.name] is row
        session.flush()
        for name in names.intersection(RESERVED):
            known = [json.loads(row.value) for row in history if row.name == name]
            search.replace(session, workspace, customer_id, name, known)


def _too_many(limit: int, count: int) -> dict[str, Any]:
    return {
        "message": f"the customer would have {count} custom attributes; {limit} are allowed",
        "path": ["attributes"],
        "type": "attributes.max",
        "context": {"key": "attributes", "limit": limit, "count": count},
    }


def of_person(session: Session, workspace_id: int, ids: Sequence[int]) -> list[Shown]:
    """All attributes of a person: name, email and mobile first, then by name without regard to letter case.

    `ids`: the rows of the person's profiles.
    """
    best = _latest(session.scalars(_current(ids)))
    types = types_of(session, workspace_id, best)
    counts = {row.name: row[1] for row in session.execute(_counts(ids))}
    shown = [
        Shown(name, types[name], json.loads(row.value), row.reported_at, counts[name]) for name, row in best.items()
    ]
    order = {name: place for place, name in enumerate(RESERVED)}
    return sorted(shown, key=lambda one: (order.get(one.name, len(order)), one.name.casefold(), one.name))


def _counts(ids: Sequence[int]) -> Select[str, int]:
    number = func.count(AttributeValue.value.distinct())
    query = select(AttributeValue.name, number).where(AttributeValue.customer_id.in_(ids))
    return query.group_by(AttributeValue.name)


def history(session: Session, workspace_id: int, ids: Sequence[int], name: str) -> list[Former]:
    """Every value that an attribute of a person has had, the latest first; one that is told again and again is one.

    Raises NotFoundError where there is none.
    """
    query = (
        select(AttributeValue, ApiKey.name)
        .outerjoin(ApiKey, ApiKey.id == AttributeValue.key_id)
        .where(AttributeValue.customer_id.in_(ids), AttributeValue.name == name)
        .order_by(AttributeValue.until_at.desc())
        .limit(MOST_FORMER)
    )
    rows = session.execute(query).all() if "\x00" not in name else []  # PostgreSQL can't even be asked
    if not rows:
        raise NotFoundError(name)
    type_ = types_of(session, workspace_id, [name])[name]
    ranked = sorted(rows, key=lambda row: _rank(row[0]), reverse=True)
    runs = [list(run) for _, run in groupby(ranked, key=lambda row: row[0].value)]
    return [
        Former(type_, json.loads(row.value), row.reported_at, run[0][0].until_at, row.received_at, row.source, key)
        for run in runs
        for row, key in run[-1:]
    ]


def note_ignored(
    session: Session, customer_id: int, event_name: str, ignored: Sequence[Ignored], received_at: int
) -> None:
    """Remember values that were not stored, so that the profile can say so."""
    if not ignored:
        return
    statement = insert(session)(IgnoredValue)
    statement = statement.on_conflict_do_update(
        index_elements=["customer_id", "event_name", "name", "received"],
        set_={
            "count": IgnoredValue.count + 1,
            "expected": statement.excluded.expected,
            "sample": statement.excluded.sample,
            "last_at": statement.excluded.last_at,
        },
    )
    session.execute(
        statement,
        [
            {
                "customer_id": customer_id,
                "event_name": event_name,
                "name": one.name,
                "received": one.received,
                "expected": one.expected,
                "sample": json.dumps(one.value, ensure_ascii=False)[:200],
                "count": 1,
                "last_at": received_at,
            }
            for one in ignored
        ],
    )


def ignored_of(session: Session, ids: Sequence[int]) -> Sequence[IgnoredValue]:
    """The values that were not stored for a person's profiles and for their events, latest first."""
    query = (
        select(IgnoredValue)
        .where(IgnoredValue.customer_id.in_(ids))
        .order_by(IgnoredValue.last_at.desc(), IgnoredValue.event_name, IgnoredValue.name)
        .limit(50)
    )
    return session.scalars(query).all()
