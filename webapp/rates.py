"""How many requests a minute a key may be used for, by everybody or by one address. Each process counts for itself."""

import threading
from collections import OrderedDict
from dataclasses import dataclass
from math import ceil
from time import monotonic
from typing import NamedTuple

MINUTE = 60  # seconds
_MOST_COUNTED = 100_000  # keys and addresses at a time: past that, those that began first begin anew


class Limit(NamedTuple):
    """At most so many requests a minute with a key (its public id); of one address, where one is given."""

    most: int
    key: str
    address: str = ""


class Standing(NamedTuple):
    """Where a limit stands after a request: how many more may come within the `seconds` until all may come again.

    `is_over`: this request is one too many.
    """

    limit: Limit
    remaining: int
    seconds: int
    is_over: bool


@dataclass(slots=True)
class _Minute:
    """A minute that began with a request. `ends_at`: by the monotonic clock."""

    ends_at: float
    count: int = 0


class Rates:
    """The minutes under way, those that began first in front."""

    def __init__(self) -> None:
        self._minutes: OrderedDict[tuple[str, str], _Minute] = OrderedDict()
        self._lock = threading.Lock()

    def count(self, limit: Limit) -> Standing:
        """Count a request. One too many isn't counted: whoever goes on asking doesn't wait any longer for it."""
        whose, now = limit[1:], monotonic()
        with self._lock:
            minute = self._minutes.get(whose)
            if minute is None or minute.ends_at <= now:
                minute = self._begin(whose, now)
            is_over = minute.count >= limit.most
            minute.count += not is_over
            remaining, left = max(0, limit.most - minute.count), minute.ends_at - now
        return Standing(limit, remaining, max(1, ceil(left)), is_over)

    def _begin(self, whose: tuple[str, str], now: float) -> _Minute:
        self._minutes.pop(whose, None)
        while self._minutes and (
            len(self._minutes) >= _MOST_COUNTED or next(iter(self._minutes.values())).ends_at <= now
        ):
            self._minutes.popitem(last=False)
        begun = self._minutes[whose] = _Minute(now + MINUTE)
        return begun
