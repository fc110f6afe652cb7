"""Group commit: requests that arrive while a transaction is under way share the next one.

There is no thread of its own and no waiting for company: whoever finds nobody at work stores its own request at once,
and hands over to the first of those who have come meanwhile, who stores all of theirs.
"""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from itertools import pairwise
from time import perf_counter

from webapp import db
from webapp.db import Database
from webapp.ingest import batch
from webapp.ingest.batch import RefusalsError, Request
from webapp.ingest.retries import Outcome

# So many changes go into one transaction, unless one request alone has more.
_MOST_CHANGES = 1_000

# Told after each commit: how many requests and changes it had, and what it took in seconds.
Told = Callable[[int, int, float], None]


class _Waiting:
    """A request, and what becomes of it. `next`: who is to be woken by whoever waits for this one."""

    __slots__ = ("_woken", "end", "next", "request")

    def __init__(self, request: Request) -> None:
        self.request = request
        self.end: Outcome | Exception | None = None
        self.next: _Waiting | None = None
        self._woken = threading.Lock()
        self._woken.acquire()

    def wait(self) -> None:
        """Sleep until somebody has stored this, or it is this one's turn to store."""
        self._woken.acquire()
        if self.next is not None:
            self.next.wake()

    def wake(self) -> None:
        """End the wait."""
        self._woken.release()


class GroupCommit:
    """Stores the requests of all threads of a process, as few transactions as they allow."""

    def __init__(self, database: Database, told: Told = lambda *_: None) -> None:
        self._database = database
        self._told = told
        self._lock = threading.Lock()
        self._waiting: deque[_Waiting] = deque()
        self._is_at_work = False

    def __len__(self) -> int:
        """How many requests wait for their transaction to begin."""
        return len(self._waiting)

    def submit(self, request: Request) -> Outcome:
        """Store a request; on return it is committed.

        Raises RefusedError when it can't be stored, and what the database raises.
        """
        mine = _Waiting(request)
        with self._lock:
            self._waiting.append(mine)
            leads = not self._is_at_work
            self._is_at_work = True
        if not leads:
            mine.wait()
        if mine.end is None:
            self._lead(mine)
        if isinstance(mine.end, Outcome):
            return mine.end
        assert mine.end is not None  # noqa: S101 - who leads stores its own request too
        raise mine.end

    def _lead(self, mine: _Waiting) -> None:
        with self._lock:
            group = self._next()
        try:
            self._store(group)
        finally:
            # Also after an error that nobody expects somebody else goes on.
            with self._lock:
                successor = self._waiting[0] if self._waiting else None
                self._is_at_work = successor is not None
            if successor is not None:
                successor.wake()
            for one in group:
                one.end = one.end or RuntimeError("the transaction of another request ended this one")
            _wake([one for one in group if one is not mine])

    def _next(self) -> list[_Waiting]:
        """The first requests waiting. The second with an Idempotency-Key is left: it gets the first's answer."""
        group: list[_Waiting] = []
        left: list[_Waiting] = []
        keys: set[tuple[int, str]] = set()
        changes = 0
        while self._waiting:
            one = self._waiting[0]
            if group and changes + len(one.request.changes) > _MOST_CHANGES:
                break
            self._waiting.popleft()
            retry = one.request.retry
            key = None if retry is None else (one.request.workspace.id, retry.key)
            if key in keys:
                left.append(one)
                continue
            if key is not None:
                keys.add(key)
            group.append(one)
            changes += len(one.request.changes)
        self._waiting.extendleft(reversed(left))
        return group

    def _store(self, group: Sequence[_Waiting]) -> None:
        """Store requests together; one that can't be doesn't concern the others."""
        if len(group) < 2:
            for one in group:
                self._store_alone(one)
            return
        began = perf_counter()
        try:
            ends = batch.together(self._database, [one.request for one in group])
        except RefusalsError as error:
            # What is refused may have been so because of the others, who are stored first.
            self._store([one for place, one in enumerate(group) if place not in error.faults])
            for place in error.faults:
                self._store_alone(group[place])
        except Exception as error:
            is_everybodys = db.trouble(error) is not None
            for one in group:
                if is_everybodys:
                    one.end = error
                else:
                    self._store_alone(one)
        else:
            for one, end in zip(group, ends, strict=True):
                one.end = end
            self._told(len(group), sum(len(one.request.changes) for one in group), perf_counter() - began)

    def _store_alone(self, one: _Waiting) -> None:
        began = perf_counter()
        try:
            one.end = batch.alone(self._database, one.request)
        except Exception as error:
            one.end = error
        else:
            self._told(1, len(one.request.changes), perf_counter() - began)


def _wake(group: Sequence[_Waiting]) -> None:
    """Wake them one after the other, each by the one before: all at once they would only get in each other's way."""
    for one, after in pairwise(group):
        one.next = after
    for first in group[:1]:
        first.wake()
