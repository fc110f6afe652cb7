"""What the events of a person add up to: events of each day, the revenue, how many visits.

Nothing is counted as events arrive. Who has few events is counted whenever somebody looks. For everybody else the sums
until shortly before now are kept (`tallies`), and a look adds what came since. The sums belong to nobody's profile but
to those of a person as it stands: a merge, its undoing, an event that moves or that comes late makes them void, and
they are made anew.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import tzinfo
from decimal import Decimal
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import orjson
from sqlalchemy import ColumnElement, func, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from webapp import clock, days, rhythm, stretches
from webapp.db import Database, insert
from webapp.models import Customer, Event, Tally
from webapp.orders import Meaning

FEW = 2_000  # events that are counted while somebody waits for a page
_KEPT_OPEN = 1_000  # the newest events, which aren't in what is kept: most that come late come among them
MOST = 250_000  # events of one person that are looked at: the newest
_BEGINNING = -(2**62)
# All zones of the time since 1970 are whole quarters of an hour from UTC (but Liberia's until 1972).
_QUARTER = 15 * clock.MINUTE


class Whose(NamedTuple):
    """A person, and in what terms it is counted: what an order is, and the zone in which days begin."""

    customer: Customer
    ids: Sequence[int]
    order: Meaning
    zone: ZoneInfo


@dataclass(frozen=True, slots=True)
class Figures:
    """Sums over some time. `days`: numbers of events by the day's ordinal (as in datetime.date).

    `priced`: how many orders told their amount; `revenue`: what these amounts add up to. `visits`: that began in it.
    `since`: events before it (epoch ms) weren't looked at, as there are too many; None: all were.
    """

    days: Counter[int] = field(default_factory=Counter)
    priced: int = 0
    revenue: Decimal = Decimal(0)
    visits: int = 0
    since: int | None = None

    @property
    def event_count(self) -> int:
        """How many events were looked at."""
        return self.days.total()

    def plus(self, later: "Figures") -> "Figures":
        """Both together."""
        return Figures(
            self.days + later.days,
            self.priced + later.priced,
            self.revenue + later.revenue,
            self.visits + later.visits,
            self.since,
        )

    def to_json(self) -> str:
        """As it is kept."""
        told = {"days": list(self.days.items()), "priced": self.priced, "revenue": str(self.revenue)}
        return json.dumps(told | {"visits": self.visits, "since": self.since})

    @classmethod
    def from_json(cls, text: str) -> "Figures":
        """What was kept."""
        told = json.loads(text)
        return cls(Counter(dict(told["days"])), told["priced"], Decimal(told["revenue"]), told["visits"], told["since"])


class _Closed(NamedTuple):
    """What all events before `until` (epoch ms) add up to, and how many there are: more than were looked at, where
    `figures.since` says so.
    """

    figures: Figures
    until: int
    event_count: int

    def extended(self, session: Session, whose: Whose, until: int) -> "_Closed":
        """The same until a later time."""
        more = _between(session, whose, self.until, until)
        return _Closed(self.figures.plus(more), until, self.event_count + more.event_count)

    def misses_some(self, later: Figures, whose: Whose) -> bool:
        """Whether, with all that came later, an event is missing: it came late, from a time that is closed."""
        return self.event_count + later.event_count < whose.customer.event_count


def glance(session: Session, whose: Whose) -> Figures | None:
    """The figures of a person, None where they would take long to count: see `count`."""
    if whose.customer.event_count <= FEW:
        return _between(session, whose, _BEGINNING, None)
    kept = _kept(session, whose, _stamp(session, whose))
    if kept is None or whose.customer.event_count - kept.event_count > FEW:
        return None
    recent = _between(session, whose, kept.until, None)
    return None if kept.misses_some(recent, whose) else kept.figures.plus(recent)


def past(session: Session, whose: Whose, until: int, *, is_patient: bool) -> Figures | None:
    """The figures of a person as they were at a moment (exclusive, epoch ms).

    None where they would take long to count, unless somebody has the patience: nothing is kept of the past.
    """
    if whose.customer.event_count > FEW and not is_patient:
        return None
    if whose.customer.event_count <= MOST:
        return _between(session, whose, _BEGINNING, until)
    since = _time_of_newest(session, whose, MOST)
    return replace(_between(session, whose, since, until), since=since)


def count(session: Session, database: Database, whose: Whose) -> Figures:
    """The figures of a person, however long that takes; they are kept for the next `glance`."""
    found = glance(session, whose)
    if found is not None:
        return found
    stamp = _stamp(session, whose)  # before anything is read: what moves meanwhile makes it void
    until = _time_of_newest(session, whose, _KEPT_OPEN)
    recent = _between(session, whose, until, None)
    kept = _kept(session, whose, stamp)
    closed = None if kept is None else kept.extended(session, whose, until)
    if closed is None or closed.misses_some(recent, whose):
        closed = _nothing(session, whose).extended(session, whose, until)
    _keep(database, whose, stamp, closed)
    return closed.figures.plus(recent)


def _nothing(session: Session, whose: Whose) -> _Closed:
    """To begin from: before all events, or before the newest that are looked at."""
    if whose.customer.event_count <= MOST:
        return _Closed(Figures(), _BEGINNING, 0)
    since = _time_of_newest(session, whose, MOST)
    is_older = Event.customer_id.in_(whose.ids) & (Event.reported_at < since)
    older = session.scalar(select(func.count()).select_from(Event).where(is_older)) or 0
    return _Closed(Figures(since=since), since, older)


def _time_of_newest(session: Session, whose: Whose, number: int) -> int:
    """When the first of so many newest events was reported, epoch ms."""
    parts = [select(Event.reported_at).where(one) for one in stretches.of(Event.customer_id, whose.ids)]
    newest = stretches.first(parts, ("reported_at",), number, newest=True).subquery()
    return session.scalar(select(func.min(newest.c.reported_at))) or 0


def _stamp(session: Session, whose: Whose) -> str:
    moved = session.scalar(select(func.sum(Customer.moved_count)).where(Customer.id.in_(whose.ids))) or 0
    told = [str(whose.zone), *whose.order, int(moved), *whose.ids]
    return hashlib.blake2b(orjson.dumps(told), digest_size=16).hexdigest()


def _kept(session: Session, whose: Whose, stamp: str) -> _Closed | None:
    """What is kept of this person as it is now."""
    row = session.get(Tally, whose.customer.id)
    if row is None or row.stamp != stamp:
        return None
    return _Closed(Figures.from_json(row.figures), row.until_at, row.event_count)


def _keep(database: Database, whose: Whose, stamp: str, closed: _Closed) -> None:
    row = {
        "customer_id": whose.customer.id,
        "stamp": stamp,
        "until_at": closed.until,
        "event_count": closed.event_count,
        "figures": closed.figures.to_json(),
    }

    def put(session: Session) -> None:
        statement = insert(session)(Tally).values(row)
        session.execute(statement.on_conflict_do_update(index_elements=["customer_id"], set_=row))

    # Without it the page is as right, and slower the next time: a full disk needn't fail it.
    with suppress(DBAPIError):
        database.transact(put)


def _between(session: Session, whose: Whose, since: int, until: int | None) -> Figures:
    """The figures of the time from `since` (inclusive) until `until` (exclusive; None: for ever), epoch ms."""
    where = [Event.customer_id.in_(whose.ids), Event.reported_at >= since]
    if until is not None:
        where.append(Event.reported_at < until)
    quarter = Event.reported_at // _QUARTER
    rows = session.execute(select(quarter, func.count()).where(*where).group_by(quarter)).all()
    amounts = _amounts(session, whose.order, where)
    return Figures(
        _by_day(rows, whose.zone),
        len(amounts),
        sum(amounts, Decimal(0)),
        rhythm.begun(session, whose.ids, since, until),
    )


def _by_day(rows: Iterable[Any], zone: tzinfo) -> Counter[int]:
    """Numbers of events by day, from numbers by quarters of an hour since the epoch."""
    found: Counter[int] = Counter()
    day, end = 0, -1
    for quarter, number in sorted(map(tuple, rows)):
        at = quarter * _QUARTER
        if at >= end:
            today = days.of(at, zone)
            day, end = today.toordinal(), days.end(today, zone)
        found[day] += number
    return found


def _amounts(session: Session, order: Meaning, where: Sequence[ColumnElement[bool]]) -> list[Decimal]:
    """The amounts of the orders among these events: of those that told one."""
    if order.event is None or order.amount is None:
        return []
    texts = session.scalars(select(Event.attributes).where(*where, Event.name == order.event))
    told = (orjson.loads(text).get(order.amount) for text in texts)
    # By way of its text, 732.23 stays what it was.
    return [Decimal(str(one)) for one in told if isinstance(one, int | float) and not isinstance(one, bool)]
