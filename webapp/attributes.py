"""Attributes: the registry that fixes each one's type, and the attribute values of customers."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any

from sqlalchemy import ColumnElement, select, tuple_
from sqlalchemy.orm import Session

from webapp import customers, values, workspaces
from webapp.db import insert
from webapp.ingest.changes import Attribute, Change, CustomerUpdate, EventRecord, Ignored, RefusedError, Settled
from webapp.models import AttributeType, CustomerAttribute, IgnoredValue, Workspace

RESERVED = ("name", "email", "mobile")
CUSTOMER = ""  # the registry's event name for attributes of customers


@dataclass(frozen=True, slots=True)
class Shown:
    """An attribute of a customer as a page shows it. Times are epoch ms."""

    name: str
    type: str
    value: Any
    changed_at: int


def settle(session: Session, workspace: Workspace, changes: Sequence[Change], received_at: int) -> list[Settled]:
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


def _event_name(change: Change) -> str:
    return change.name if isinstance(change, EventRecord) else CUSTOMER


def _is_one_of(keys: Iterable[tuple[str, str]]) -> ColumnElement[bool]:
    return tuple_(AttributeType.event_name, AttributeType.name).in_(list(keys))


def registered(session: Session, workspace_id: int, which: ColumnElement[bool]) -> dict[tuple[str, str], str]:
    """The types of the workspace's attributes that a condition chooses, by event name and name."""
    query = select(AttributeType.event_name, AttributeType.name, AttributeType.type)
    query = query.where(AttributeType.workspace_id == workspace_id, which)
    return {(row.event_name, row.name): row.type for row in session.execute(query)}


def _register(session: Session, workspace_id: int, rows: list[tuple[str, str, str]], received_at: int) -> None:
    # The database decides who was first: a look followed by an insert would let two writers both be.
    session.execute(
        insert(session)(AttributeType).on_conflict_do_nothing(),
        [
            {"workspace_id": workspace_id, "event_name": event, "name": name, "type": type_, "created_at": received_at}
            for event, name, type_ in rows
        ],
    )


def _settled(change: Change, types: dict[tuple[str, str], str], zone: tzinfo) -> Settled:
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


def update(
    session: Session,
    workspace: Workspace,
    customer_id: int,
    changes: Sequence[tuple[CustomerUpdate, Settled]],
    received_at: int,
) -> None:
    """Set the attributes of one locked customer, in order.

    Raises RefusedError when the profile would have more custom attributes than the change allows.
    """
    query = select(CustomerAttribute).where(CustomerAttribute.customer_id == customer_id)
    stored = {row.name: row for row in session.scalars(query)}
    custom = {name for name in stored if name not in RESERVED}
    fresh: dict[str, str] = {}
    for change, settled in changes:
        custom.update(name for name in settled.kept if name not in RESERVED)
        if len(custom) > change.limit:
            raise RefusedError(_too_many(change.limit, len(custom)))
        for name, value in settled.kept.items():
            fresh[name] = json.dumps(value, ensure_ascii=False)
    rows = [_row(customer_id, name, value, stored.get(name), received_at) for name, value in fresh.items()]
    _upsert(session, rows)
    basics = {
        row["name"]: json.loads(row["value"])
        for row in rows
        if row["name"] in RESERVED and row["changed_at"] == row["reported_at"]
    }
    if basics:
        customers.rename(session, workspace, customer_id, basics)


def _row(customer_id: int, name: str, value: str, before: CustomerAttribute | None, received_at: int) -> dict[str, Any]:
    # By the server's clock the later arrival is the later value, also within one millisecond or after a clock step.
    reported_at = received_at if before is None else max(received_at, before.reported_at + 1)
    changed_at = reported_at if before is None or before.value != value else before.changed_at
    return {
        "customer_id": customer_id,
        "name": name,
        "value": value,
        "reported_at": reported_at,
        "changed_at": changed_at,
    }


def _upsert(session: Session, rows: list[dict[str, Any]]) -> None:
    if not rows:
        return
    statement = insert(session)(CustomerAttribute)
    statement = statement.on_conflict_do_update(
        index_elements=["customer_id", "name"],
        set_={column: statement.excluded[column] for column in ("value", "reported_at", "changed_at")},
    )
    session.execute(statement, rows)


def _too_many(limit: int, count: int) -> dict[str, Any]:
    return {
        "message": f"the customer would have {count} custom attributes; {limit} are allowed",
        "path": ["attributes"],
        "type": "attributes.max",
        "context": {"key": "attributes", "limit": limit, "count": count},
    }


def of_customer(session: Session, workspace_id: int, customer_id: int) -> list[Shown]:
    """All attributes of a customer: name, email and mobile first, then by name without regard to letter case."""
    query = (
        select(CustomerAttribute, AttributeType.type)
        .outerjoin(
            AttributeType,
            (AttributeType.workspace_id == workspace_id)
            & (AttributeType.event_name == CUSTOMER)
            & (AttributeType.name == CustomerAttribute.name),
        )
        .where(CustomerAttribute.customer_id == customer_id)
    )
    shown = [
        Shown(row.name, type_ or "string", json.loads(row.value), row.changed_at)
        for row, type_ in session.execute(query)
    ]
    order = {name: place for place, name in enumerate(RESERVED)}
    return sorted(shown, key=lambda one: (order.get(one.name, len(order)), one.name.casefold(), one.name))


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


def ignored_of(session: Session, customer_id: int) -> Sequence[IgnoredValue]:
    """The values that were not stored for a customer and for the customer's events, latest first."""
    query = (
        select(IgnoredValue)
        .where(IgnoredValue.customer_id == customer_id)
        .order_by(IgnoredValue.last_at.desc(), IgnoredValue.event_name, IgnoredValue.name)
        .limit(50)
    )
    return session.scalars(query).all()
