"""A year of a person, day by day."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from typing import Any, NamedTuple
from urllib.parse import urlencode

from flask import request
from sqlalchemy.orm import Session

from webapp import clock, days
from webapp.models import Customer
from webapp.pages import figures
from webapp.pages.guards import Place
from webapp.pages.panels import Panel, Person

_MOST_YEARS = 8
_DAY = timedelta(days=1)
_STEP = 13  # from one day's square to the next one's, units


class Period(NamedTuple):
    """The days that are shown, both ends included. `year`: the calendar year they are, None for the latest twelve
    months.
    """

    first: date
    last: date
    year: int | None

    @property
    def monday(self) -> date:
        """The Monday of its first week."""
        return self.first - timedelta(days=self.first.weekday())

    @property
    def weeks(self) -> int:
        """How many weeks it touches."""
        return ((self.last - self.monday) // _DAY) // 7 + 1

    def days(self) -> Iterator[date]:
        """Its days in order."""
        return (self.first + number * _DAY for number in range((self.last - self.first) // _DAY + 1))

    def spot(self, day: date) -> tuple[int, int]:
        """Where a day's square is, units from the left and from the top: a column for each week."""
        week, weekday = divmod((day - self.monday) // _DAY, 7)
        return week * _STEP, weekday * _STEP


class Day(NamedTuple):
    """A day on which something happened. `level`: 1 to 4, by how busy the other days of the period are."""

    date: date
    number: int
    level: int
    x: int
    y: int


class Month(NamedTuple):
    """A month of the period, as far as it is in it."""

    first: date
    last: date
    number: int
    days: int
    link: str


def read(session: Session, here: Place, person: Person) -> dict[str, Any]:
    """The days of the year that the address asks for, or of the latest twelve months."""
    found = figures.counted(session, here, person).figures
    today = days.of(clock.now() if person.as_of is None else person.as_of, here.zone)
    years = [year for year in _years(person.customer, here) if year <= today.year]
    period = _period(today, years)
    counts = Counter[date]()
    if found is not None:
        counts = Counter({day: found.days[day.toordinal()] for day in period.days() if day.toordinal() in found.days})
    bounds, busy = _bounds(counts.values()), counts.items()
    return {
        "period": period,
        "choices": [("12 months", _link(None), period.year is None)]
        + [(str(year), _link(year), period.year == year) for year in years],
        "is_counted": found is not None,
        "since": found.since if found else None,
        "days": [Day(day, number, bisect_left(bounds, number) + 1, *period.spot(day)) for day, number in busy],
        "busiest": max(busy, key=lambda one: one[1], default=None),
        "number": counts.total(),
        "bounds": bounds,
        "months": _months(period, counts) if counts else [],
        "columns": [(period.spot(first)[0], first) for first in _firsts(period)],
        "query": figures.filtering(to="").removesuffix("to="),  # a day's own dates come behind it
        "chosen": request.args.get("from") if request.args.get("from") == request.args.get("to") else None,
    }


def _years(customer: Customer, here: Place) -> list[int]:
    """The calendar years between a person's first and last event, the latest first."""
    first, last = (days.of(at, here.zone).year for at in (customer.first_seen_at, customer.last_seen_at))
    return list(range(last, first - 1, -1))[:_MOST_YEARS]


def _link(year: int | None) -> str:
    """The query of this page with another year."""
    kept = [(name, value) for name, value in request.args.items(multi=True) if name not in {"year", "count"}]
    return f"?{urlencode([*kept, *([] if year is None else [('year', year)])])}"


def _period(today: date, years: list[int]) -> Period:
    asked = request.args.get("year", "")
    if asked.isascii() and asked.isdecimal() and int(asked) in years:
        return Period(date(int(asked), 1, 1), date(int(asked), 12, 31), int(asked))
    return Period(today - 52 * 7 * _DAY, today, None)


def _bounds(numbers: Iterable[int]) -> list[int]:
    """The most events of a day of level 1, 2 and 3: a quarter of the days each, if they differ that much."""
    ordered = sorted(numbers)
    quarters = {ordered[(len(ordered) * part - 1) // 4] for part in (1, 2, 3)} if ordered else set()
    return sorted(quarters - set(ordered[-1:]))


def _firsts(period: Period) -> list[date]:
    """The first days of the period's months that have room for their name above them."""
    found = [day for day in period.days() if day.day == 1]
    return [day for day in found if (period.last - day) // _DAY >= 14]


def _months(period: Period, counts: Counter[date]) -> list[Month]:
    months: dict[tuple[int, int], list[date]] = {}
    for day in period.days():
        months.setdefault((day.year, day.month), []).append(day)
    found = []
    for present in months.values():
        first, last = present[0], present[-1]
        busy = [counts[day] for day in present if day in counts]
        link = figures.filtering(**{"from": first.isoformat(), "to": last.isoformat()})
        found.append(Month(first, last, sum(busy), len(busy), link))
    return found


PANEL = Panel("year", "A year", read)
