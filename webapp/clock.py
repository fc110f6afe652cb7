"""The server's clock. Every time in the product is UTC epoch milliseconds."""

import time

SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR


def now() -> int:
    """Epoch milliseconds."""
    return time.time_ns() // 1_000_000
