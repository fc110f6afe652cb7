"""Group commit: who comes while another transaction is under way shares the next one, and nobody pays for another."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import event as sql_event
from sqlalchemy.exc import OperationalError

from tests.world import NOON, Shop, rows
from webapp.ingest.batch import Request
from webapp.ingest.changes import Attribute, Change, CustomerUpdate, EventRecord, RefusedError, Source
from webapp.ingest.group import GroupCommit
from webapp.ingest.retries import Outcome, Retry
from webapp.models import Customer, Event

SOURCE = Source("/test")
PATIENCE = 60  # seconds


def _event(name: str = "Viewed", number: int = 0, who: str = "u1") -> EventRecord:
    return EventRecord(who, name, (), NOON + number)


class Crowd:
    """Requests that come while the first one's transaction is under way."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self.commits: list[tuple[int, int]] = []
        self.group = GroupCommit(shop.database, lambda requests, changes, _: self.commits.append((requests, changes)))

    def request(self, *changes: Change, **more: Any) -> Request:
        """A request of the shop."""
        return Request(self.shop.workspace, changes, SOURCE, **more)

    def come(self, *requests: Request) -> list[Outcome | Exception]:
        """What becomes of requests that all wait for one that is held up."""
        with ThreadPoolExecutor(len(requests) + 1) as pool:
            with self._held_up() as began:
                first = pool.submit(self.group.submit, self.request(_event("First")))
                began()
                others = []
                for place, request in enumerate(requests):
                    others.append(pool.submit(self.group.submit, request))
                    _until(lambda number=place + 1: len(self.group) == number)  # type: ignore[misc]
            first.result(PATIENCE)
            return [_end(other) for other in others]

    @contextmanager
    def _held_up(self) -> Iterator[Callable[[], None]]:
        """While the block lasts, no transaction can be committed."""
        begun, goes_on = threading.Event(), threading.Event()

        def wait(_: object) -> None:
            begun.set()
            assert goes_on.wait(PATIENCE)

        sql_event.listen(self.shop.database.engine, "commit", wait)
        try:
            yield lambda: _assert(begun.wait(PATIENCE))
        finally:
            goes_on.set()


def _until(happened: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE
    while not happened():
        assert time.monotonic() < until
        time.sleep(0.001)


def _assert(is_true: bool) -> None:
    assert is_true


def _end(future: "Future[Outcome]") -> Outcome | Exception:
    try:
        return future.result(PATIENCE)
    except Exception as error:
        return error


@pytest.fixture
def crowd(shop: Shop) -> Crowd:
    """Nobody yet."""
    return Crowd(shop)


def test_one_alone_is_stored_at_once(crowd: Crowd) -> None:
    assert crowd.group.submit(crowd.request(_event())) == Outcome()
    assert crowd.commits == [(1, 1)]


def test_all_who_come_meanwhile_share_one_transaction(crowd: Crowd) -> None:
    ends = crowd.come(*[crowd.request(_event(number=number), _event("Bought", number)) for number in range(10)])
    assert ends == [Outcome()] * 10
    assert crowd.commits == [(1, 1), (10, 20)]
    assert crowd.shop.find().event_count == 21


def test_each_hears_of_its_own_ignored_values(crowd: Crowd) -> None:
    def update(value: Any) -> Request:
        return crowd.request(CustomerUpdate("u1", (Attribute("age", value, None),), 50))

    ends = crowd.come(update(7), update("seven"), update(8))
    told = [{"index": 0, "name": "age", "expected": "number", "received": "string"}]
    assert ends == [Outcome(), Outcome(told), Outcome()]
    assert crowd.shop.attributes() == {"age": ("number", 8)}


def test_one_that_is_refused_does_not_concern_the_others(crowd: Crowd) -> None:
    many = tuple(Attribute(f"a{place}", place, None) for place in range(51))
    bad = crowd.request(CustomerUpdate("u2", many, 50), _event(who="u2"))
    ends = crowd.come(crowd.request(_event(number=1)), bad, crowd.request(_event(number=2)))
    assert isinstance(ends[1], RefusedError)
    assert [ends[0], ends[2]] == [Outcome(), Outcome()]
    assert rows(crowd.shop.database, Customer) == 1
    assert crowd.shop.find().event_count == 3
    assert crowd.shop.types() == {}


def test_two_that_are_too_much_together_are_stored_one_by_one(crowd: Crowd) -> None:
    def update(prefix: str) -> Request:
        attributes = tuple(Attribute(f"{prefix}{place}", place, None) for place in range(30))
        return crowd.request(CustomerUpdate("u1", attributes, 50))

    ends = crowd.come(update("a"), update("b"))
    assert ends[0] == Outcome()
    assert isinstance(ends[1], RefusedError)
    assert len(crowd.shop.attributes()) == 30


def test_partial_request_among_others(crowd: Crowd) -> None:
    many = tuple(Attribute(f"a{place}", place, None) for place in range(51))
    partial = crowd.request(_event(number=1), CustomerUpdate("u2", many, 50), _event(number=2), is_partial=True)
    ends = crowd.come(crowd.request(_event(number=3)), partial)
    assert ends[0] == Outcome()
    assert isinstance(ends[1], Outcome)
    assert list(ends[1].refused) == [1]
    assert crowd.shop.find().event_count == 4


def test_two_with_one_key_are_one(crowd: Crowd) -> None:
    many = EventRecord("u1", "Viewed", (), None)
    same = [crowd.request(many, retry=Retry("k1", "hash")) for _ in range(3)]
    other = crowd.request(many, retry=Retry("k1", "another hash"))
    ends = crowd.come(*same, other)
    assert ends[:3] == [Outcome()] * 3
    assert isinstance(ends[3], RefusedError)
    assert rows(crowd.shop.database, Event) == 2


def test_fault_of_ours_in_one_request_does_not_concern_the_others(crowd: Crowd) -> None:
    broken = crowd.request(EventRecord("u1", None, (), NOON))  # type: ignore[arg-type]
    ends = crowd.come(crowd.request(_event(number=1)), broken, crowd.request(_event(number=2)))
    assert [ends[0], ends[2]] == [Outcome(), Outcome()]
    assert isinstance(ends[1], Exception)
    assert crowd.shop.find().event_count == 3


def test_database_that_is_away_is_told_to_all_and_then_it_goes_on(
    crowd: Crowd, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    transact = crowd.shop.database.transact
    left = [1]  # the transaction that is still good: the first one's

    def failing(work: Any) -> Any:
        if left:
            left.pop()
            return transact(work)
        raise OperationalError("", {}, Exception("the connection was lost"))

    with monkeypatch.context() as patch:
        patch.setattr(crowd.shop.database, "transact", failing)
        ends = crowd.come(*[crowd.request(_event(number=number)) for number in range(5)])
    assert all(isinstance(end, OperationalError) for end in ends)
    assert crowd.group.submit(crowd.request(_event(number=9))) == Outcome()
    assert crowd.shop.find().event_count == 2


def test_large_request_has_a_transaction_of_its_own(crowd: Crowd) -> None:
    large = crowd.request(*[_event("Large", number) for number in range(1_000)])
    ends = crowd.come(crowd.request(_event(number=1)), large, crowd.request(_event(number=2)))
    assert ends == [Outcome()] * 3
    assert crowd.commits == [(1, 1), (1, 1), (1, 1_000), (1, 1)]
