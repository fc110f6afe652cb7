"""Many clients at once, all of them starting together."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TypeVar

T = TypeVar("T")

CLIENTS = 16
PATIENCE = 1_800  # seconds that all of it may take


def at_once(work: Callable[[int], T], clients: int = CLIENTS) -> list[T]:
    """What each client brings back, in the order of their places. An error of any is raised."""
    barrier = Barrier(clients, timeout=30)

    def start(place: int) -> T:
        barrier.wait()
        return work(place)

    with ThreadPoolExecutor(clients) as pool:
        return list(pool.map(start, range(clients), timeout=PATIENCE))
