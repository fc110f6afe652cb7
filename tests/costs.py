"""What work costs, where a test must tell what is slow by itself from a machine that has much to do."""

import gc
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from webapp import server

_TRIES = 3


def cpu_of(work: Callable[[], object], enough: float) -> float:
    """CPU seconds of this thread for some work: those of the first time that took less than `enough`, or the least.

    Others on the machine take its caches, and the clock of CPU time goes on meanwhile.
    """
    least = float("inf")
    for _ in range(_TRIES):
        began = time.thread_time()
        work()
        least = min(least, time.thread_time() - began)
        if least < enough:
            break
    return least


@contextmanager
def small_heap() -> Iterator[None]:
    """Python walks its whole heap while it parses, and that of a test session is many times a server's: as there."""
    usual = gc.get_threshold()
    gc.collect()
    server.settle_heap()
    yield
    gc.unfreeze()
    gc.set_threshold(*usual)
