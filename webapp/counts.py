"""Counters of each day, kept in the transaction that stores what they count: kinds and rules in docs/decisions/0020.

A transaction notes what changes, and stores all of it at its end in one statement, in the order of the primary key, so
that nobody waits in a circle. While a recount goes on, what concerns customers whom it hasn't come to is left to it.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime, tzinfo
from functools import lru_cache
from typing import Any, Literal
from zoneinfo import ZoneInfo

from sqlalchemy import ClauseElement, Select, delete, exists, select, tuple_
from sqlalchemy.orm import Session

from webapp import statements
from webapp.days import begin
from webapp.db import Base
from webapp.models import Counting, Customer, DailyCount, Event

# event: events stored, by name and reported time. arrival: the same by the hour of the day, `00` to `23`, in which they
# came in. source, country: visits that began, where that is known. customer: persons by the creation of their root,
# and active: profiles with an event of their own on the day; both by `standing`.
Kind = Literal["event", "arrival", "source", "country", "customer", "active"]
REGISTERED, ANONYMOUS, BOT = "registered", "anonymous", "bot"

_EPOCH = date(1970, 1, 1).toordinal()
_LOCK = 1_970_010  # any number that nothing else in the product asks PostgreSQL for, with that of a workspace
_COUNTS = Base.metadata.tables[DailyCount.__tablename__]
_LOCKING = "SELECT pg_advisory_xact_lock_shared(%s::int, %s::int)"
_LOCKING_ALONE = _LOCKING.replace("_shared", "")
_READING = f"SELECT time_zone, counted_to FROM {Counting.__tablename__} WHERE workspace_id = {{}}"  # noqa: S608
_CUSTOMERS = Base.metadata.tables[Customer.__tablename__]
_EVENTS = Base.metadata.tables[Event.__tablename__]


class Notes:
    """What one transaction changes in the counters of a workspace.

    `counting`: tells the rows of its Counting, time zone and how far it is counted, when they are wanted first.
    """

    def __init__(self, workspace_id: int, counting: Callable[[], list[Any]]) -> None:
        self.workspace_id = workspace_id
        self.changes: Counter[tuple[str, str, int]] = Counter()  # by kind, name and day
        self._counting = counting
        self._found: tuple[ZoneInfo, int | None] | None = None

    @property
    def zone(self) -> ZoneInfo:
        """The time zone of the days."""
        return self._told[0]

    @property
    def counted_to(self) -> int | None:
        """The customer up to whom a recount has come; None where all are counted."""
        return self._told[1]

    @counted_to.setter
    def counted_to(self, customer_id: int | None) -> None:
        self._found = self.zone, customer_id

    @property
    def _told(self) -> tuple[ZoneInfo, int | None]:
        # No cached_property: in Python 3.11 one lock guards those of all notes, and this may wait for another thread.
        if self._found is None:
            (time_zone, counted_to), *_ = [*self._counting(), ("UTC", 0)]
            self._found = ZoneInfo(time_zone), counted_to
        return self._found

    def add(self, customer_id: int, kind: Kind, name: str, at: int, number: int = 1) -> None:
        """Count something of a customer at a moment, epoch ms."""
        self.add_on(customer_id, kind, name, day_of(at, self.zone), number)

    def add_on(self, customer_id: int, kind: Kind, name: str, day: int, number: int = 1) -> None:
        """Count something of a customer on a day."""
        if self.has_come_to(customer_id):
            self.changes[kind, name, day] += number

    def has_come_to(self, customer_id: int) -> bool:
        """Whether a customer is counted already, so that whatever changes has to be noted."""
        return self.counted_to is None or customer_id <= self.counted_to

    def arrived(self, customer_id: int, received_at: int, number: int = 1) -> None:
        """Count events of a customer by the hour of their arrival, epoch ms."""
        if self.has_come_to(customer_id):
            self.changes["arrival", *_hour_of(received_at, self.zone)] += number


def day_of(at: int, zone: tzinfo) -> int:
    """The day of a moment (epoch ms) in a zone, in days since 1970-01-01."""
    return datetime.fromtimestamp(at / 1000, zone).toordinal() - _EPOCH


@lru_cache(maxsize=16)
def _hour_of(at: int, zone: tzinfo) -> tuple[str, int]:
    """The hour of the day of a moment, and its day. All that comes in together has one."""
    when = datetime.fromtimestamp(at / 1000, zone)
    return f"{when.hour:02d}", when.toordinal() - _EPOCH


def number_of(day: date) -> int:
    """A day as it is counted: since 1970-01-01."""
    return day.toordinal() - _EPOCH


def date_of(day: int) -> date:
    """The day of the calendar."""
    return date.fromordinal(day + _EPOCH)


def standing(system_id: str | None, *, is_bot: bool) -> str:
    """The name under which a profile is counted."""
    return REGISTERED if system_id is not None else BOT if is_bot else ANONYMOUS


def of(session: Session, workspace_id: int, *, alone: bool = False) -> Notes:
    """The notes of this transaction, which has to `store` them.

    Until it ends no recount goes on; for `alone` (a recount) nobody else counts.
    """
    kept: dict[int, Notes] = session.info.setdefault("counts", {})
    if workspace_id not in kept:
        connection = session.info["connection"]
        is_sqlite = connection.dialect.name == "sqlite"
        if not is_sqlite:
            # On SQLite there is one writer anyway. Not by the row below: those who share its lock would let nobody in
            # who wants it alone.
            number = workspace_id % 2**31
            statements.driven_later(connection, _LOCKING_ALONE if alone else _LOCKING, (_LOCK, number))
        reading = _READING.format("?" if is_sqlite else "%s")
        kept[workspace_id] = Notes(workspace_id, statements.driven_later(connection, reading, (workspace_id,)).rows)
    return kept[workspace_id]


def events(notes: Notes, rows: Iterable[Mapping[str, Any]], idle: Iterable[Sequence[Any]]) -> None:
    """Note events that are about to be stored, and aren't there yet. `idle`: what was found for their `days`."""
    zone = notes.zone
    ours = [(row, day_of(row["reported_at"], zone)) for row in rows if notes.has_come_to(row["customer_id"])]
    notes.changes.update([("event", row["name"], day) for row, day in ours])
    notes.changes.update([("arrival", *_hour_of(row["received_at"], zone)) for row, _ in ours])
    _note_active(notes, idle, 1)


def days(notes: Notes, rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The days of these events, for which has to be asked who is `idle` on them. Their customers are locked."""
    found = {(row["customer_id"], day_of(row["reported_at"], notes.zone)) for row in rows}
    return _asked(notes, (one for one in found if notes.has_come_to(one[0])))


def active(session: Session, notes: Notes, days: Iterable[tuple[int, int]], number: int = 1) -> None:
    """Note that these customers become (or with -1: stop being) active on these days, unless they have events there."""
    asked = _asked(notes, days)
    if asked:
        _note_active(notes, statements.fetch(session, idle, asked), number)


def _asked(notes: Notes, days: Iterable[tuple[int, int]]) -> list[dict[str, Any]]:
    return [
        {"customer_id": customer_id, "day": day, "since": start(day, notes.zone), "until": start(day + 1, notes.zone)}
        for customer_id, day in sorted(days)
    ]


def _note_active(notes: Notes, idle: Iterable[Sequence[Any]], number: int) -> None:
    for customer_id, day, is_registered in idle:
        notes.add_on(customer_id, "active", REGISTERED if is_registered else ANONYMOUS, day, number)


def idle(dialect: str) -> Select[Any]:
    """Those of the given customers who have no event on a day, and whether they are registered."""
    at, day = _EVENTS.c.reported_at, _COUNTS.c.day
    columns = [_EVENTS.c.customer_id, day, at.label("since"), at.label("until")]
    told = statements.given(dialect, columns).subquery("told").c
    has_any = exists().where(_EVENTS.c.customer_id == told.customer_id, at >= told.since, at < told.until)
    query = select(told.customer_id, told.day, _CUSTOMERS.c.system_id.is_not(None))
    return query.where(_CUSTOMERS.c.id == told.customer_id, ~has_any)


@lru_cache(maxsize=4096)
def start(day: int, zone: tzinfo) -> int:
    """When a day begins in a zone, epoch ms."""
    return begin(date_of(day), zone)


def store(session: Session, workspace_id: int) -> None:
    """Store what the transaction has noted for a workspace; afterwards it must lock nothing more there."""
    notes: Notes | None = session.info.get("counts", {}).get(workspace_id)
    changes = sorted((key, number) for key, number in notes.changes.items() if number) if notes else []
    rows = [
        {"workspace_id": workspace_id, "kind": kind, "name": name, "day": day, "count": number}
        for (kind, name, day), number in changes
    ]
    if notes and rows:
        notes.changes.clear()
        statements.execute_later(session, _adding, rows)
        if any(number < 0 for _, number in changes):
            statements.execute_later(session, _clearing, rows)


def _adding(dialect: str) -> ClauseElement:
    statement = statements.inserting(dialect, _COUNTS.c)
    return statement.on_conflict_do_update(
        index_elements=list(_COUNTS.primary_key), set_={"count": _COUNTS.c.count + statement.excluded.count}
    )


def _clearing(dialect: str) -> ClauseElement:
    told = statements.given(dialect, _COUNTS.primary_key)
    return delete(_COUNTS).where(tuple_(*_COUNTS.primary_key).in_(told), _COUNTS.c.count == 0)
