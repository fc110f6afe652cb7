"""Counters of each day, kept in the transaction that stores what they count: kinds and rules in docs/decisions/0020.

A transaction notes what changes, and stores all of it at its end in one statement, in the order of the primary key, so
that nobody waits in a circle. While a recount goes on, what concerns customers whom it hasn't come to is left to it.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, tzinfo
from functools import lru_cache
from typing import Any, Literal
from zoneinfo import ZoneInfo

from sqlalchemy import ClauseElement, Select, delete, exists, select, tuple_
from sqlalchemy.orm import Session

from webapp import db
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


@dataclass(slots=True)
class Notes:
    """What one transaction changes in the counters of a workspace, whose days are those of `zone`.

    `counted_to`: the customer up to whom a recount has come; None where all are counted.
    """

    workspace_id: int
    zone: tzinfo
    counted_to: int | None
    changes: Counter[tuple[str, str, int]] = field(default_factory=Counter)  # by kind, name and day

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
            db.driven(connection, _LOCKING_ALONE if alone else _LOCKING, (_LOCK, number))
        found = db.driven(connection, _READING.format("?" if is_sqlite else "%s"), (workspace_id,))
        time_zone, counted_to = found[0] if found else ("UTC", 0)
        kept[workspace_id] = Notes(workspace_id, ZoneInfo(time_zone), counted_to)
    return kept[workspace_id]


def events(session: Session, notes: Notes, rows: Sequence[Mapping[str, Any]]) -> None:
    """Note events that are about to be stored, and aren't there yet. Their customers are locked."""
    zone = notes.zone
    ours = [(row, day_of(row["reported_at"], zone)) for row in rows if notes.has_come_to(row["customer_id"])]
    notes.changes.update([("event", row["name"], day) for row, day in ours])
    notes.changes.update([("arrival", *_hour_of(row["received_at"], zone)) for row, _ in ours])
    active(session, notes, {(row["customer_id"], day) for row, day in ours})


def active(session: Session, notes: Notes, days: Iterable[tuple[int, int]], number: int = 1) -> None:
    """Note that these customers become (or with -1: stop being) active on these days, unless they have events there."""
    asked = [
        {"customer_id": customer_id, "day": day, "since": start(day, notes.zone), "until": start(day + 1, notes.zone)}
        for customer_id, day in sorted(days)
    ]
    for customer_id, day, is_registered in db.fetch(session, _idle, asked) if asked else ():
        notes.add_on(customer_id, "active", REGISTERED if is_registered else ANONYMOUS, day, number)


def _idle(dialect: str) -> Select[Any]:
    """Those of the given customers who have no event on a day, and whether they are registered."""
    at, day = _EVENTS.c.reported_at, _COUNTS.c.day
    columns = [_EVENTS.c.customer_id, day, at.label("since"), at.label("until")]
    told = db.given(dialect, columns).subquery("told").c
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
        db.execute(session, _adding, rows)
        if any(number < 0 for _, number in changes):
            db.execute(session, _clearing, rows)


def _adding(dialect: str) -> ClauseElement:
    statement = db.inserting(dialect, _COUNTS.c)
    return statement.on_conflict_do_update(
        index_elements=list(_COUNTS.primary_key), set_={"count": _COUNTS.c.count + statement.excluded.count}
    )


def _clearing(dialect: str) -> ClauseElement:
    told = db.given(dialect, _COUNTS.primary_key)
    return delete(_COUNTS).where(tuple_(*_COUNTS.primary_key).in_(told), _COUNTS.c.count == 0)
