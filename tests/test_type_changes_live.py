"""A change of a type outlives the server: killed in the middle, it goes on with the next start."""

import time

from sqlalchemy import select

from tests.server import LiveServer
from tests.world import Shop
from webapp import type_changes, users
from webapp.models import AttributeValue, TypeChange

CUSTOMERS = 3_000
PATIENCE = 60  # seconds


def _fill(shop: Shop) -> None:
    for start in range(0, CUSTOMERS, 1_000):
        changes = [
            {"type": "customer", "id": f"u{number}", "attributes": {"points": str(number) if number % 10 else "none"}}
            for number in range(start, start + 1_000)
        ]
        assert shop.send("/api/v1/batch", {"changes": changes}).status_code == 200


def _change(shop: Shop, id_: int) -> TypeChange:
    with shop.database.read() as session:
        return session.get_one(TypeChange, id_)


def _wait(shop: Shop, id_: int, converted: int) -> TypeChange:
    """The change once so many values are converted; all of them: once it has ended."""
    until = time.monotonic() + PATIENCE
    while True:
        change = _change(shop, id_)
        if change.ended_at is not None or (change.converted >= converted and converted < CUSTOMERS):
            return change
        assert time.monotonic() < until, (change.converted, change.round)
        time.sleep(0.02)


def test_change_goes_on_after_a_kill(live_server: LiveServer, live_shop: Shop) -> None:
    _fill(live_shop)
    with live_shop.database.write() as session:
        who = users.create(
            session, users.credentials("a@shop.example", "a long enough one"), live_shop.workspace.id, "admin"
        )
        change = type_changes.start(session, live_shop.workspace.id, who.id, ("", "points"), "number")
    for wanted in (1, 1_200):
        live_server.kill()
        _expire(live_shop, change.id)  # lest this waits until the lease of who was killed is over
        live_server.start()
        _wait(live_shop, change.id, wanted)
    live_server.kill()
    _expire(live_shop, change.id)
    live_server.start()
    ended = _wait(live_shop, change.id, CUSTOMERS)
    assert (ended.converted, ended.left_behind) == (CUSTOMERS * 9 // 10, CUSTOMERS // 10)
    with live_shop.database.read() as session:
        query = select(AttributeValue.value).where(AttributeValue.name == "points", AttributeValue.is_current)
        assert sorted(map(int, session.scalars(query))) == [number for number in range(CUSTOMERS) if number % 10]


def _expire(shop: Shop, id_: int) -> None:
    with shop.database.write() as session:
        session.get_one(TypeChange, id_).leased_until = 0
