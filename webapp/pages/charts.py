"""Small charts of days: one bar a day, drawn by the server."""

from typing import NamedTuple

from webapp.counts import date_of
from webapp.days import plain_date
from webapp.filters import plural
from webapp.overview import Days

_HEIGHT = 56  # units; a day is _STEP wide
_STEP = 10
_GAP = 2


class Bar(NamedTuple):
    """A day's bar, units from the left and from the top, and what it says."""

    x: int
    y: float
    height: float
    words: str


class Chart:
    """What was counted on each of some days. `what`: one of it, as it is called."""

    def __init__(self, days: Days, numbers: list[int], what: str) -> None:
        self.days, self.numbers, self.what = days, numbers, what
        self.width = days.number * _STEP
        self.height = _HEIGHT
        self.bar_width = _STEP - _GAP
        self.most = max(numbers, default=0)

    @property
    def bars(self) -> list[Bar]:
        """The days on which there was anything, at least a hair high."""
        found = []
        for place, number in enumerate(self.numbers):
            if number > 0:
                height = max(1.0, round(number / self.most * _HEIGHT, 1))
                words = f"{plural(number, self.what)} on {self._date(place)}"
                found.append(Bar(place * _STEP, round(_HEIGHT - height, 1), height, words))
        return found

    @property
    def words(self) -> str:
        """The chart as a sentence, for those who don't see it."""
        if not self.most:
            return f"No {plural(0, self.what)[2:]} on any of these days."
        least = min(self.numbers)
        top, low = self._date(self.numbers.index(self.most)), self._date(self.numbers.index(least))
        return f"By day: most on {top}, {plural(self.most, self.what)}; fewest on {low}, {least:,}."

    def by_day(self) -> list[tuple[str, int]]:
        """The days in words with their numbers, the latest first."""
        return [(self._date(place), number) for place, number in reversed(list(enumerate(self.numbers)))]

    def _date(self, place: int) -> str:
        return plain_date(date_of(self.days.first + place))
