"""Events: recording them once, and reading a customer's timeline."""

import hashlib
import json
import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, case, func, select, tuple_, update
from sqlalchemy.orm import Session

from webapp import attributes, stretches, visits
from webapp.cursors import Cursor
from webapp.customers import Owner
from webapp.db import insert
from webapp.ingest.changes import EventRecord, OnDevice, Settled
from webapp.models import AttributeType, Customer, Device, Event

PAGE_SIZE = 50
_ID_BITS = 63
_LARGE, _EXCERPT = 20_000, 2_000  # characters of JSON


class NotFoundError(LookupError):
    """There is no such event of this customer."""


class Filter(NamedTuple):
    """Which events of a timeline: by name, and reported from (inclusive) until (exclusive), epoch ms."""

    name: str | None = None
    since: int | None = None
    until: int | None = None


@dataclass(frozen=True, slots=True)
class ShownAttribute:
    """An attribute of an event as a page shows it. `excerpt`: the beginning of a value too large for a page."""

    name: str
    type: str
    value: Any
    excerpt: str | None

    @property
    def is_plain(self) -> bool:
        """Whether the value is shown as it is, as most are."""
        return self.type in {"string", "number"} and self.value != "" and self.excerpt is None


@dataclass(frozen=True, slots=True)
class Shown:
    """An event as a page shows it. Times are epoch ms."""

    id: int
    name: str
    reported_at: int
    received_at: int
    attributes: list[ShownAttribute]
    device_id: int | None
    context: dict[str, Any]

    @property
    def raw(self) -> str:
        """The event as indented JSON."""
        return json.dumps(self.body, ensure_ascii=False, indent=2)

    @property
    def body(self) -> dict[str, Any]:
        """The event in the shape in which it is sent."""
        return {
            "name": self.name,
            "time": self.reported_at,
            "attributes": {attribute.name: attribute.value for attribute in self.attributes},
        }

    @property
    def is_large(self) -> bool:
        """Whether the event is too large for a page beside forty-nine others."""
        return any(attribute.excerpt is not None for attribute in self.attributes)

    @property
    def cursor(self) -> Cursor:
        """The event's own place in the timeline, for its address."""
        return Cursor(self.reported_at, self.id)


@dataclass(frozen=True, slots=True)
class Timeline:
    """Some events, newest first, and the cursor of the older ones where there are such."""

    events: Sequence[Shown]
    older: Cursor | None


def record(
    session: Session, owner: Owner, changes: Sequence[tuple[EventRecord, Settled, Device | None]], received_at: int
) -> set[int]:
    """Store events of one locked customer. Returns the places in `changes` of those that weren't there before."""
    places: dict[tuple[int, int], int] = {}
    rows = []
    for place, (change, settled, device) in enumerate(changes):
        row = _row(owner.id, change, settled, device, received_at)
        if places.setdefault((row["reported_at"], row["id"]), place) == place:
            rows.append(row)
    statement = insert(session)(Event).on_conflict_do_nothing().returning(Event.reported_at, Event.id)
    stored = {(reported_at, id_) for reported_at, id_ in session.execute(statement, rows)}
    if stored:
        _count(session, owner, [reported_at for reported_at, _ in stored])
        _visit(session, owner.id, [row for row in rows if (row["reported_at"], row["id"]) in stored])
    return {places[key] for key in stored}


def _visit(session: Session, customer_id: int, rows: list[dict[str, Any]]) -> None:
    moments: dict[int, list[visits.Span]] = {}
    for row in rows:
        if row["device_id"] is not None:
            moment = visits.moment(row["device_id"], row["reported_at"], row["context"])
            moments.setdefault(moment.device_id, []).append(moment)
    for device_id in sorted(moments):
        visits.extend(session, customer_id, device_id, moments[device_id])


def _row(
    customer_id: int, change: EventRecord, settled: Settled, device: Device | None, received_at: int
) -> dict[str, Any]:  # fmt: skip
    has_time = change.reported_at is not None
    context = {name: value for name, value in asdict(change.context).items() if value}
    if change.context.utm:
        context["utm"] = dict(change.context.utm)
    return {
        "customer_id": customer_id,
        "reported_at": change.reported_at if has_time else received_at,
        "id": _digest(change) if has_time else secrets.randbits(_ID_BITS),
        "name": change.name,
        "attributes": json.dumps(settled.kept, ensure_ascii=False, separators=(",", ":")),
        "received_at": received_at,
        "device_id": device and device.id,
        "context": json.dumps(context, ensure_ascii=False) if context else None,
    }


def _digest(change: EventRecord) -> int:
    """Equal for events of one name, one device and the same attributes as sent, whatever their order or the way numbers
    look.
    """
    content: list[Any] = [change.name, {attribute.name: _plain(attribute.value) for attribute in change.attributes}]
    if isinstance(change.who, OnDevice):
        content.append(change.who.did)
    text = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    digest = hashlib.blake2b(text.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> (64 - _ID_BITS)


def _plain(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return value


def _count(session: Session, owner: Owner, times: list[int]) -> None:
    earliest, latest = min(times), max(times)
    own = {"own_event_count": Customer.own_event_count + len(times)}
    if owner.id != owner.root_id:
        session.execute(update(Customer).where(Customer.id == owner.id).values(own))
        own = {}
    # Until the first event comes, first and last seen hold the time of creation, which events don't compete with.
    is_first = Customer.event_count == 0
    session.execute(
        update(Customer)
        .where(Customer.id == owner.root_id)
        .values(
            event_count=Customer.event_count + len(times),
            first_seen_at=case(
                (is_first | (Customer.first_seen_at > earliest), earliest), else_=Customer.first_seen_at
            ),
            last_seen_at=case((is_first | (Customer.last_seen_at < latest), latest), else_=Customer.last_seen_at),
            **own,
        )
    )


def timeline(
    session: Session, workspace_id: int, ids: Sequence[int], wanted: Filter, older_than: Cursor | None = None
) -> Timeline:
    """The events of a person's profiles by reported time, newest first, PAGE_SIZE at a time."""
    if "\x00" in (wanted.name or ""):  # PostgreSQL can't even be asked
        return Timeline([], None)
    where = []
    if wanted.name is not None:
        where.append(Event.name == wanted.name)
    if wanted.since is not None:
        where.append(Event.reported_at >= wanted.since)
    if wanted.until is not None:
        where.append(Event.reported_at < wanted.until)
    if older_than is not None:
        where.append(tuple_(Event.reported_at, Event.id) < older_than.key)
    rows = _newest(session, ids, where)
    has_more = len(rows) > PAGE_SIZE
    del rows[PAGE_SIZE:]
    types = _types(session, workspace_id, {row.name for row in rows})
    older = Cursor(rows[-1].reported_at, rows[-1].id) if has_more else None
    return Timeline([_shown(row, types) for row in rows], older)


def _newest(session: Session, ids: Sequence[int], where: list[ColumnElement[bool]]) -> list[Event]:
    parts = [select(Event).where(one, *where) for one in stretches.of(Event.customer_id, ids)]
    newest = stretches.first(parts, ("reported_at", "id"), PAGE_SIZE + 1, newest=True)
    return list(session.scalars(select(Event).from_statement(newest)))


def find(session: Session, workspace_id: int, ids: Sequence[int], at: Cursor | None) -> Shown:
    """One event of a person. Raises NotFoundError."""
    found = None
    if at is not None:
        query = select(Event).where(Event.customer_id.in_(ids), Event.reported_at == at.at, Event.id == at.id)
        found = session.scalars(query).first()
    if found is None:
        raise NotFoundError(at)
    return _shown(found, _types(session, workspace_id, {found.name}))


def _types(session: Session, workspace_id: int, names: set[str]) -> dict[tuple[str, str], str]:
    return attributes.registered(session, workspace_id, AttributeType.event_name.in_(names))


def _shown(event: Event, types: dict[tuple[str, str], str]) -> Shown:
    # Written with spaces a text at most doubles: for nearly every event there is nothing to measure.
    may_be_cut = 2 * len(event.attributes) > _LARGE
    shown = [
        ShownAttribute(name, types[event.name, name], value, _excerpt(value) if may_be_cut else None)
        for name, value in json.loads(event.attributes).items()
    ]
    context = json.loads(event.context) if event.context else {}
    return Shown(event.id, event.name, event.reported_at, event.received_at, shown, event.device_id, context)


def _excerpt(value: Any) -> str | None:
    text = json.dumps(value, ensure_ascii=False)
    return f"{text[:_EXCERPT]}…" if len(text) > _LARGE else None


def names(session: Session, ids: Sequence[int]) -> Sequence[tuple[str, int]]:
    """The names of a person's events and how many there are of each, most frequent first."""
    number = func.count()
    query = (
        select(Event.name, number)
        .where(Event.customer_id.in_(ids))
        .group_by(Event.name)
        .order_by(number.desc(), Event.name)
    )
    return [(name, count) for name, count in session.execute(query)]
