"""What the counters of each day say of a range of days, and of as many days before it."""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import ColumnElement, case, func, select
from sqlalchemy.orm import Session

from webapp.counts import Kind
from webapp.models import DailyCount

MOST_DAYS = 366


class Days(NamedTuple):
    """Days of the workspace's calendar, both included, since 1970-01-01."""

    first: int
    last: int

    @property
    def number(self) -> int:
        """How many they are."""
        return self.last - self.first + 1

    @property
    def before(self) -> "Days":
        """As many days before these."""
        return Days(self.first - self.number, self.first - 1)


class Compared(NamedTuple):
    """A number, and what it was in the days before."""

    now: float
    before: float

    @property
    def change(self) -> int | None:
        """How much more it is, in percent; None where there was nothing."""
        return round((self.now - self.before) * 100 / self.before) if self.before else None


class Series(NamedTuple):
    """What was counted on each of some days, in their order, and in all beside the days before."""

    numbers: list[int]
    total: Compared


class Top(NamedTuple):
    """How many there were of a name."""

    name: str
    number: Compared


def series(session: Session, workspace_id: int, kind: Kind, days: Days, name: str | None = None) -> Series:
    """What was counted of a kind by day, under one name or under all."""
    query = select(DailyCount.day, func.sum(DailyCount.count)).where(*_of(workspace_id, kind, days), *_named(name))
    found = Counter({day: int(number) for day, number in session.execute(query.group_by(DailyCount.day))})
    now, before = (sum(found[day] for day in _each(some)) for some in (days, days.before))
    return Series([found[day] for day in _each(days)], Compared(now, before))


def top(session: Session, workspace_id: int, kind: Kind, days: Days, most: int) -> list[Top]:
    """The names of a kind that were counted most, with their numbers."""
    is_now = DailyCount.day >= days.first
    now, before = (func.sum(case((one, DailyCount.count), else_=0)) for one in (is_now, ~is_now))
    query = select(DailyCount.name, now, before).where(*_of(workspace_id, kind, days)).group_by(DailyCount.name)
    rows = session.execute(query.having(now > 0).order_by(now.desc(), DailyCount.name).limit(most))
    return [Top(name, Compared(int(number), int(former))) for name, number, former in rows]


def until(session: Session, workspace_id: int, name: str, days: Days) -> Compared:
    """How many customers of a standing there were at the end of these days, and before they began."""
    number, is_kind = DailyCount.count, (DailyCount.workspace_id == workspace_id) & (DailyCount.kind == "customer")
    before = func.sum(case((DailyCount.day < days.first, number), else_=0))
    query = select(func.sum(number), before).where(is_kind, DailyCount.name == name, DailyCount.day <= days.last)
    now, former = session.execute(query).one()
    return Compared(int(now or 0), int(former or 0))


def _of(workspace_id: int, kind: Kind, days: Days) -> Sequence[ColumnElement[bool]]:
    is_kind = (DailyCount.workspace_id == workspace_id) & (DailyCount.kind == kind)
    return [is_kind, DailyCount.day.between(days.before.first, days.last)]


def _named(name: str | None) -> Sequence[ColumnElement[bool]]:
    return [] if name is None else [DailyCount.name == name]


def _each(days: Days) -> range:
    return range(days.first, days.last + 1)


def arrivals(session: Session, workspace_id: int, days: Days) -> Counter[tuple[int, int]]:
    """How many events came in, by day and hour of the day (0 to 23)."""
    hours = [f"{hour:02d}" for hour in range(24)]
    query = select(DailyCount.day, DailyCount.name, DailyCount.count).where(
        DailyCount.workspace_id == workspace_id,
        DailyCount.kind == "arrival",
        DailyCount.name.in_(hours),
        DailyCount.day.between(*days),
    )
    return Counter({(day, int(hour)): number for day, hour, number in session.execute(query)})
