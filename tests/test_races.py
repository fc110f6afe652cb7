"""Races between clients, over the whole app: whatever their order, the outcome is one that some order gives.

Those for types, limits and duplicates are rows R8, R9 and R5 of the battery.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

from sqlalchemy import select
from werkzeug.test import TestResponse

from tests.world import NOON, Shop, rows
from webapp.models import AttributeType, Customer, Event, SearchTerm

CLIENTS = 16


def _at_once(client: Callable[[int], list[TestResponse]]) -> list[list[TestResponse]]:
    """What each client got, all of them starting together."""
    barrier = Barrier(CLIENTS, timeout=30)

    def start(place: int) -> list[TestResponse]:
        barrier.wait()
        return client(place)

    with ThreadPoolExecutor(CLIENTS) as pool:
        return list(pool.map(start, range(CLIENTS), timeout=60))


def _body(answer: TestResponse) -> Any:
    assert answer.status_code == 200, (answer.status_code, answer.get_data(as_text=True))
    return answer.json


def test_first_type_of_an_events_attribute_wins_for_everybody(shop: Shop) -> None:
    values: list[Any] = [7, "seven", True, [1], {"a": 1}]

    def client(place: int) -> list[TestResponse]:
        return [
            shop.send(
                "/track/event",
                {
                    "customerId": f"u{place}",
                    "name": f"event {number}",
                    "time": NOON,
                    "attributes": {"x": values[(place + number) % len(values)]},
                },
            )
            for number in range(5)
        ]

    answers = _at_once(client)
    kept = [answer for got in answers for answer in got if "ignored" not in _body(answer)]
    assert rows(shop.database, AttributeType) == 5
    for number in range(5):
        assert len(shop.types(f"event {number}")) == 1
    shown = [event for place in range(CLIENTS) for event in shop.events(f"u{place}") if event.attributes]
    assert len(shown) == len(kept)


def test_customer_created_by_many_at_once_is_one(shop: Shop) -> None:
    def client(place: int) -> list[TestResponse]:
        return [
            shop.send("/track/user", {"id": f"u{customer}", "attributes": {f"a{place}": place, "name": f"n{place}"}})
            for customer in range(4)
        ]

    for got in _at_once(client):
        assert [_body(answer) for answer in got] == [{"success": True}] * 4
    assert rows(shop.database, Customer) == 4
    for customer in range(4):
        row = shop.find(f"u{customer}")
        kept = shop.attributes(f"u{customer}")
        assert kept == {f"a{place}": ("number", place) for place in range(CLIENTS)} | {"name": ("string", row.name)}
        with shop.database.read() as session:
            query = select(SearchTerm.term).where(SearchTerm.customer_id == row.id, SearchTerm.field == "name")
            assert set(session.scalars(query)) == {f"n{place}" for place in range(CLIENTS)}, "former ones are found too"


def test_same_idempotency_key_at_once_is_one_request(shop: Shop) -> None:
    body = {"customerId": "u1", "name": "Purchased"}

    def client(_: int) -> list[TestResponse]:
        return [shop.send("/rest-api/event", body, Idempotency_Key=f"k{number}") for number in range(5)]

    answers = [_body(answer) for got in _at_once(client) for answer in got]
    assert answers == [{"success": True}] * (CLIENTS * 5)
    assert rows(shop.database, Event) == 5


def test_idempotency_key_of_different_requests_at_once_belongs_to_one_of_them(shop: Shop) -> None:
    def client(place: int) -> list[TestResponse]:
        body = {"customerId": f"u{place}", "name": "Purchased"}
        return [shop.send("/rest-api/event", body, Idempotency_Key=f"k{number}") for number in range(5)]

    answers = _at_once(client)
    for number in range(5):
        assert sorted(got[number].status_code for got in answers) == [200] + [422] * (CLIENTS - 1)
    assert rows(shop.database, Event) == 5
