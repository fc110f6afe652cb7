"""Logins, logouts, events, merges and undoing all at once: nobody is refused, and the profiles are what the rules say.

IDENTITY_WINDOWS sets how many bursts of eight threads there are on each engine, half of them with merges by hand.
"""

import os
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from threading import Barrier, Thread

import pytest
from sqlalchemy import text

from tests.identity_model import History, Stretch
from tests.identity_stored import Look, Store, link, login_of, ranks, same
from tests.world import NOON, Shop
from webapp import merges
from webapp.clock import MINUTE
from webapp.db import Database
from webapp.ingest.changes import Attribute, Change, CustomerUpdate, EventRecord, Login, Logout, OnDevice

WINDOWS = int(os.environ.get("IDENTITY_WINDOWS", "16"))
THREADS = 8
STEPS = 8  # of each thread in a window
PATIENCE = 60  # seconds
SYSTEM_IDS = tuple(f"u{number}" for number in range(30))
DIDS = tuple(f"d{number}" for number in range(5))


class Client(Thread):
    """Somebody who does a few random things; what was taken, and what went wrong."""

    def __init__(self, store: Store, barrier: Barrier, seed: int, by_hand: bool) -> None:
        super().__init__(daemon=True)
        self.store, self.barrier = store, barrier
        self.random = random.Random(seed)  # noqa: S311 - the same in every run
        self.things: list[Callable[[], None]] = [self.send] * 4 + [self.merge, self.undo, self.redo] * by_hand
        self.told: list[list[Change]] = []
        self.error: BaseException | None = None

    def run(self) -> None:
        """Do it, together with the others."""
        try:
            self.barrier.wait()
            for _ in range(STEPS):
                self.random.choice(self.things)()
        except BaseException as error:  # it is raised where the window is looked at
            self.error = error

    def send(self) -> None:
        """Send some changes in one request, which nothing may refuse."""
        changes = [self._change() for _ in range(self.random.randint(1, 3))]
        self.store.submit(changes)
        self.told.append(changes)

    def _change(self) -> Change:
        device, system_id = OnDevice(self.random.choice(DIDS)), self.random.choice(SYSTEM_IDS)
        at = NOON + self.random.randint(0, 12) * 10 * MINUTE
        values = (Attribute(self.random.choice(["name", "city"]), self.random.choice(["A", "B", "C"]), "string"),)
        kinds: list[Change] = [
            EventRecord(device, "Viewed", (), at),
            EventRecord(device, "Bought", (), at),
            EventRecord(system_id, "Bought", (), at),
            CustomerUpdate(device, values, 100, at),
            CustomerUpdate(system_id, values, 100, at),
            Login(device, system_id, at),
            Login(device, system_id, at),
            Logout(device, at),
        ]
        return self.random.choice(kinds)

    def merge(self) -> None:
        """Merge two people by hand, if that is possible by then."""
        roots = self.store.roots()
        if len(roots) < 2:
            return
        with suppress(merges.ImpossibleError):
            self.store.merge(*self.random.sample(roots, 2))

    def undo(self) -> None:
        """Undo a merge, if there still is one."""
        self._turn(self.store.undo)

    def redo(self) -> None:
        """Let a merge hold again."""
        self._turn(self.store.redo)

    def _turn(self, turn: Callable[[int], None]) -> None:
        known = self.store.merges()
        if not known:
            return
        with suppress(merges.NotFoundError):  # late news may take it away in between
            turn(self.random.choice(known).id)


@pytest.fixture
def hasty_shop(shared_shop: Shop) -> Iterator[Shop]:
    """A shop whose PostgreSQL doesn't wait a second before it sees that two wait for each other."""
    with _deadlock_timeout(shared_shop.database, "50ms"):
        yield shared_shop


@contextmanager
def _deadlock_timeout(database: Database, wait: str) -> Iterator[None]:
    if database.is_sqlite:
        yield
        return
    _set(database, f"= '{wait}'")
    try:
        yield
    finally:
        _set(database, "TO DEFAULT")


def _set(database: Database, value: str) -> None:
    with database.engine.begin() as connection:
        connection.execute(text(f"ALTER ROLE CURRENT_USER SET deadlock_timeout {value}"))
    database.engine.dispose()  # a connection takes it when it begins


@pytest.mark.parametrize("by_hand", [False, True], ids=["requests", "requests and merges by hand"])
def test_outcome_of_doing_it_all_at_once_is_what_the_rules_say(hasty_shop: Shop, by_hand: bool) -> None:
    order = ranks(hasty_shop.database, SYSTEM_IDS)
    for window in range(WINDOWS // 2):
        store, history = Store(hasty_shop.database), History(order.__getitem__)
        for client in _at_once(store, window, by_hand):
            for told in client.told:
                history.tell(told, NOON * 2)
        look = store.look()
        _note_merges(history, store, look)
        same(look, history)


def _at_once(store: Store, window: int, by_hand: bool) -> list[Client]:
    barrier = Barrier(THREADS, timeout=PATIENCE)
    clients = [Client(store, barrier, window * THREADS + place, by_hand) for place in range(THREADS)]
    _run(clients)
    return clients


def _run(clients: Sequence[Client]) -> None:
    for client in clients:
        client.start()
    for client in clients:
        client.join(PATIENCE)
        assert not client.is_alive(), "a client waits for ever"
    for client in clients:
        if client.error is not None:
            raise client.error


def _note_merges(history: History, store: Store, look: Look) -> None:
    """What people have said is what is stored of it, in the order in which it is stored."""
    history.known |= {one for row in look.customers if isinstance(one := look.profile(row.id), Stretch)}
    for merge in sorted(store.merges(), key=lambda one: (one.merged_at, one.id)):
        if merge.device_id is None:
            history.links.append(link(look, merge))
        elif merge.undone_at is not None:
            history.undone.add(login_of(look, merge))


class Newcomers(Client):
    """Visitors who all log in as one customer, as an app makes them that sends one id for everybody."""

    def run(self) -> None:
        """Each of them comes, and logs in."""
        try:
            self.barrier.wait()
            for number in range(STEPS):
                device = OnDevice(f"{self.name} {number}")
                self.store.submit([EventRecord(device, "Viewed", (), NOON)])
                self.store.submit([Login(device, "customer", NOON + 1)])
        except BaseException as error:
            self.error = error


def test_fuse_stops_many_logins_at_once_after_the_allowed_number(hasty_shop: Shop) -> None:
    store = Store(hasty_shop.database, merges_a_day=20)
    barrier = Barrier(THREADS, timeout=PATIENCE)
    _run([Newcomers(store, barrier, place, by_hand=False) for place in range(THREADS)])
    look = store.look()
    look.check()
    assert [one.is_stopped for one in store.merges()].count(False) == 20
    (customer,) = (one for one in look.people() if one.system_id)
    assert len(customer.stretches) == 20
    assert len(look.people()) == 1 + THREADS * STEPS - 20
