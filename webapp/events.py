"""Events: recording them once, and reading a customer's timeline."""

import hashlib
import json
import secrets
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, NamedTuple

import orjson
from sqlalchemy import ClauseElement, ColumnElement, Row, case, column, func, select, update
from sqlalchemy.orm import Session

from webapp import arrivals, containing, counts, dictionary, registry, statements, stretches, visits
from webapp.counts import Notes
from webapp.cursors import Cursor
from webapp.customers import Owner
from webapp.db import Base
from webapp.ingest.arrival import Arrival
from webapp.ingest.changes import NOWHERE, Context, EventRecord, OnDevice, Settled, Source
from webapp.lookup import Stretch
from webapp.models import AttributeType, Customer, Device, Event, EventCount

_EVENTS = Base.metadata.tables[Event.__tablename__]
_Key = tuple[Any, ...]  # customer_id, reported_at, id

PAGE_SIZE = 50
_ID_BITS = 63
_LARGE, _EXCERPT = 20_000, 2_000  # characters of JSON


class NotFoundError(LookupError):
    """There is no such event of this customer."""


class Filter(NamedTuple):
    """Which events of a timeline: of any of these names (of all where there is none), reported from (inclusive) until
    (exclusive), epoch ms, and with a text in the names or values of their attributes or the address of their page.
    `hidden`: where all names are asked for, none of these. `is_masked`: of e-mails and mobiles the text is the whole.
    """

    names: tuple[str, ...] = ()
    since: int | None = None
    until: int | None = None
    text: str = ""
    hidden: frozenset[str] = frozenset()
    is_masked: bool = False


class Start(NamedTuple):
    """Where reading begins: beside at most one cursor, else at the newest.

    `left`: how many there are from there on that pass the filter, at most; for no more than these is looked. `size`: so
    many are read, instead of PAGE_SIZE.
    """

    older_than: Cursor | None = None
    newer_than: Cursor | None = None
    left: int | None = None
    size: int | None = None


NEWEST = Start()


class Record(NamedTuple):
    """An event to be stored: whose, what came, what of its attributes is kept, the device that told it and the door."""

    owner: Owner
    change: EventRecord
    settled: Settled
    device: Device | None
    source: Source


@dataclass(frozen=True, slots=True)
class ShownAttribute:
    """An attribute of an event as a page shows it. `excerpt`: the beginning of a value too large for a page.

    `is_hidden`: it stands in the raw event only.
    """

    name: str
    type: str
    value: Any
    excerpt: str | None
    is_hidden: bool = False

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
    def visible(self) -> list[ShownAttribute]:
        """The attributes that aren't hidden."""
        return [one for one in self.attributes if not one.is_hidden]

    @property
    def raw(self) -> str:
        """The event as indented JSON."""
        return orjson.dumps(self.body, option=orjson.OPT_INDENT_2).decode()

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
    """Some events, newest first.

    `beyond`: the cursor from which on there may be more in the direction of reading. `is_edge`: it isn't the last of
    these events, but where looking for them has stopped.
    """

    events: Sequence[Shown]
    beyond: Cursor | None = None
    is_edge: bool = False


def record(arrival: Arrival, notes: Notes, records: Sequence[Record]) -> list[Record]:
    """Store events of locked customers, and note them. Returns those that weren't there before."""
    session = arrival.session
    rows: dict[_Key, dict[str, Any]] = {}
    came: dict[_Key, Record] = {}
    for one in records:
        row = _row(one, arrival.received_at)
        key = (row["customer_id"], row["reported_at"], row["id"])
        if key not in rows:
            rows[key], came[key] = row, one
    # Nobody else can store any of them meanwhile: their customers are locked.
    known, idle = statements.fetch_all(
        session,
        (statements.finding(_EVENTS), statements.named(_EVENTS, rows)),
        (counts.idle, counts.days(notes, rows.values())),
    )
    for key in known:
        del rows[tuple(key)]
    if rows:
        fresh = list(rows.values())
        counts.events(notes, fresh, idle)
        statements.execute_later(session, _recording, fresh)
        arrivals.append(arrival, [(came[key].source, row) for key, row in rows.items()])
        _count(session, {came[key].owner for key in rows}, fresh)
        _visit(session, notes, fresh)
    return [came[key] for key in rows]


def _recording(dialect: str) -> ClauseElement:
    return statements.inserting(dialect, _EVENTS.c)


def _visit(session: Session, notes: Notes, rows: list[dict[str, Any]]) -> None:
    moments: dict[tuple[int, int], list[visits.Span]] = {}
    for row in rows:
        if row["device_id"] is not None:
            moment = visits.moment(row["device_id"], row["reported_at"], row["context"])
            moments.setdefault((row["customer_id"], moment.device_id), []).append(moment)
    if moments:
        visits.extend(session, notes, moments)


def _row(record: Record, received_at: int) -> dict[str, Any]:
    change = record.change
    has_time = change.reported_at is not None
    return {
        "customer_id": record.owner.id,
        "reported_at": change.reported_at if has_time else received_at,
        "id": _digest(change) if has_time else secrets.randbits(_ID_BITS),
        "name": change.name,
        "attributes": orjson.dumps(record.settled.kept).decode(),
        "received_at": received_at,
        "device_id": record.device and record.device.id,
        "context": None if change.context is NOWHERE else _as_json(change.context),
    }


def _as_json(context: Context) -> str | None:
    told = {name: value for name, value in asdict(context).items() if value}
    if context.utm:
        told["utm"] = dict(context.utm)
    return json.dumps(told, ensure_ascii=False) if told else None


def _digest(change: EventRecord) -> int:
    """Equal for events of one name, one device and the same attributes as sent, whatever their order or the way numbers
    look.
    """
    attributes = {name: value if type(value) is str else _plain(value) for name, value, _ in change.attributes}
    content: list[Any] = [change.name, attributes]
    if isinstance(change.who, OnDevice):
        content.append(change.who.did)
    if change.mark:
        content.append({"mark": change.mark})
    text = orjson.dumps(content, option=orjson.OPT_SORT_KEYS)
    digest = hashlib.blake2b(text, digest_size=8).digest()
    return int.from_bytes(digest, "big") >> (64 - _ID_BITS)


_PLAIN = {int, str, bool, type(None)}


def _plain(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**63:  # orjson writes no larger ones
        return int(value)
    if isinstance(value, list):
        return value if set(map(type, value)) <= _PLAIN else [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return value


def _count(session: Session, owners: Iterable[Owner], rows: list[dict[str, Any]]) -> None:
    """Add events that were just stored to the figures of their customers, and of their roots."""
    roots = {owner.id: owner.root_id for owner in owners}
    own = Counter(row["customer_id"] for row in rows)
    times: dict[int, list[int]] = {}
    for row in rows:
        times.setdefault(roots[row["customer_id"]], []).append(row["reported_at"])
    figures = [
        {
            "id": id_,
            "own": own[id_],
            "number": len(times.get(id_, ())),
            "earliest": min(times.get(id_, ()), default=None),
            "latest": max(times.get(id_, ()), default=None),
        }
        for id_ in sorted(own.keys() | times.keys())
    ]
    statements.execute_later(session, _counting, figures)
    add_to_counts(session, Counter((row["customer_id"], row["name"]) for row in rows))


def _counting(dialect: str) -> ClauseElement:
    customers = Base.metadata.tables[Customer.__tablename__]
    at = customers.c.last_seen_at.type
    columns = [column(name, at) for name in ("id", "number", "own", "earliest", "latest")]
    told = statements.given(dialect, columns).subquery("told").c
    # Until the first event comes, first and last seen hold the time of creation, which events don't compete with.
    is_first = (customers.c.event_count == 0) & ~customers.c.has_pruned
    first, last = customers.c.first_seen_at, customers.c.last_seen_at
    is_root = told.number > 0  # or a merged profile, of which no more than its own events are counted
    return (
        update(customers)
        .where(customers.c.id == told.id)
        .values(
            own_event_count=customers.c.own_event_count + told.own,
            event_count=customers.c.event_count + told.number,
            first_seen_at=case((is_root & (is_first | (first > told.earliest)), told.earliest), else_=first),
            last_seen_at=case((is_root & (is_first | (last < told.latest)), told.latest), else_=last),
        )
    )


def add_to_counts(session: Session, counts: Mapping[tuple[int, str], int]) -> None:
    """Add to the numbers of events by customer and name. Customers are locked."""
    rows = [{"customer_id": id_, "name": name, "count": number} for (id_, name), number in counts.items()]
    statements.execute_later(session, _adding, rows)


def _adding(dialect: str) -> ClauseElement:
    table = Base.metadata.tables[EventCount.__tablename__]
    statement = statements.inserting(dialect, table.c)
    return statement.on_conflict_do_update(
        index_elements=list(table.primary_key), set_={"count": table.c.count + statement.excluded.count}
    )


def timeline(
    session: Session,
    workspace_id: int,
    ids: Sequence[int],
    wanted: Filter,
    start: Start = NEWEST,
) -> Timeline:
    """The events of a person's profiles by reported time, some at a time."""
    left, size, is_newest = start.left, start.size or PAGE_SIZE, start.newer_than is None
    if left == 0 or any("\x00" in text for text in (*wanted.names, wanted.text)):  # PostgreSQL can't even be asked
        return Timeline([])
    stretch = Stretch(session, ids, is_newest, _times(wanted), start.older_than or start.newer_than)
    edge = stretch.edge() if wanted.names or wanted.text or wanted.hidden else None
    stretch = replace(stretch, end=edge)
    if wanted.names:
        stretch = stretch.where(Event.name.in_(wanted.names))
    elif wanted.hidden:
        stretch = stretch.where(Event.name.not_in(wanted.hidden))
    number = size + 1 if left is None else min(size + 1, left)
    contains = containing.of(wanted.text, is_masked=wanted.is_masked) if wanted.text else None
    rows, edge = stretch.containing(contains, number, edge) if contains else (stretch.first(number), edge)
    if left is not None and len(rows) >= left:
        edge = None
    has_more = len(rows) > size
    del rows[size:]
    beyond = Cursor(rows[-1].reported_at, rows[-1].id) if has_more else edge
    if not is_newest:
        rows.reverse()
    return Timeline(shown(session, workspace_id, rows), beyond, is_edge=edge is not None and not has_more)


def _times(wanted: Filter) -> list[ColumnElement[bool]]:
    where = []
    if wanted.since is not None:
        where.append(Event.reported_at >= wanted.since)
    if wanted.until is not None:
        where.append(Event.reported_at < wanted.until)
    return where


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
    return registry.registered(session, workspace_id, AttributeType.event_name.in_(names))


def _shown(
    event: Event | Row[Any], types: dict[tuple[str, str], str], hidden: Collection[tuple[str, str]] = ()
) -> Shown:  # fmt: skip
    # Written with spaces a text at most doubles: for nearly every event there is nothing to measure.
    may_be_cut = 2 * len(event.attributes) > _LARGE
    shown = [
        ShownAttribute(
            name,
            types[event.name, name],
            value,
            excerpt(value) if may_be_cut else None,
            (event.name, name) in hidden,
        )
        for name, value in orjson.loads(event.attributes).items()
    ]
    context = orjson.loads(event.context) if event.context else {}
    return Shown(event.id, event.name, event.reported_at, event.received_at, shown, event.device_id, context)


def excerpt(value: Any) -> str | None:
    """The beginning of the JSON of a value that is too large for a page; None of others."""
    text = json.dumps(value, ensure_ascii=False)
    return f"{text[:_EXCERPT]}…" if len(text) > _LARGE else None


def names(session: Session, ids: Sequence[int]) -> Sequence[tuple[str, int]]:
    """The names of a person's events and how many there are of each, most frequent first."""
    number = func.sum(EventCount.count)
    query = (
        select(EventCount.name, number)
        .where(EventCount.customer_id.in_(ids))
        .group_by(EventCount.name)
        .having(number > 0)
        .order_by(number.desc(), EventCount.name)
    )
    return [(name, int(count)) for name, count in session.execute(query)]


def names_until(session: Session, ids: Sequence[int], until: int) -> Sequence[tuple[str, int]]:
    """The same of the events reported before a moment (epoch ms), each of which is looked at."""
    query = select(Event.name, func.count()).where(Event.customer_id.in_(ids), Event.reported_at < until)
    found = [(name, number) for name, number in session.execute(query.group_by(Event.name))]
    return sorted(found, key=lambda one: (-one[1], one[0]))


def last_before(session: Session, ids: Sequence[int], until: int) -> int | None:
    """When a person's last event before a moment was reported; both epoch ms."""
    parts = [
        select(Event.reported_at).where(one, Event.reported_at < until) for one in stretches.of(Event.customer_id, ids)
    ]
    return session.scalar(stretches.first(parts, ("reported_at",), 1, newest=True))


def shown(session: Session, workspace_id: int, rows: Sequence[Row[Any]]) -> list[Shown]:
    """Rows of events as a page shows them."""
    types = _types(session, workspace_id, {row.name for row in rows})
    hidden = dictionary.hidden(session, workspace_id).of_events
    return [_shown(row, types, hidden) for row in rows]
