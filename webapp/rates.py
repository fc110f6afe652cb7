"""How many requests a minute one address may send with a key. Counted by each process for itself."""

import time

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import SlidingWindowCounterRateLimiter


class Rates:
    """The requests of the last minute, by key and address."""

    def __init__(self) -> None:
        self._limiter = SlidingWindowCounterRateLimiter(MemoryStorage())

    def wait(self, most: int, key_id: int, address: str) -> int:
        """Count a request. Returns 0 where it is among the first `most` of a minute, else the seconds to wait."""
        limit, whose = RateLimitItemPerMinute(most), (str(key_id), address)
        if self._limiter.hit(limit, *whose):
            return 0
        return max(1, round(self._limiter.get_window_stats(limit, *whose).reset_time - time.time()))
