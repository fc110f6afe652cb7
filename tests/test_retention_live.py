"""Pruning on a real server: beside all that comes in, and on after a kill."""

import threading
import time

from sqlalchemy import func, select

from tests import counted
from tests.server import LiveServer
from tests.world import Shop
from webapp import clock, retention
from webapp.models import Customer, Event, Sweep

CUSTOMERS, EVENTS = 300, 30
PATIENCE = 60  # seconds
OLD = clock.now() - 100 * clock.DAY


def _fill(shop: Shop) -> None:
    of_all = {"type": "event", "name": "Viewed"}
    events = [
        {**of_all, "customerId": f"u{number % CUSTOMERS}", "time": OLD + number * clock.MINUTE}
        for number in range(CUSTOMERS * EVENTS)
    ]
    for start in range(0, len(events), 1_000):
        assert shop.send("/api/v1/batch", {"changes": events[start : start + 1_000]}).status_code == 200


def _number(shop: Shop) -> int:
    query = select(func.count()).select_from(Event).join(Customer, Customer.id == Event.customer_id)
    with shop.database.read() as session:
        return session.scalar(query.where(Customer.workspace_id == shop.workspace.id)) or 0


def _ended(shop: Shop) -> bool:
    with shop.database.read() as session:
        return session.get_one(Sweep, (shop.workspace.id, "events")).ended_at is not None


def _until(shop: Shop, most: int) -> None:
    until = time.monotonic() + PATIENCE
    while _number(shop) > most:
        assert time.monotonic() < until, _number(shop)
        time.sleep(0.01)


def test_pruning_goes_on_after_kills_and_holds_up_nobody(live_server: LiveServer, live_shop: Shop) -> None:
    _fill(live_shop)
    whole = _number(live_shop)
    live_server.kill()
    with live_shop.database.write() as session:
        retention.change(session, live_shop.workspace.id, 30)
    for most in (whole - 1, whole // 2):
        _due(live_shop)
        live_server.start()
        _until(live_shop, most)
        live_server.kill()
        assert not counted.differences(live_shop.database), "each step is whole"
    _due(live_shop)
    live_server.start()
    stop = threading.Event()
    sent: list[int] = []

    def send() -> None:
        while not stop.is_set():
            number = len(sent)
            live_shop.event("Purchased", clock.now(), f"u{number % CUSTOMERS}", Number=number)
            sent.append(number)

    thread = threading.Thread(target=send)
    thread.start()
    until = time.monotonic() + PATIENCE
    while not _ended(live_shop):
        assert time.monotonic() < until
        time.sleep(0.02)
    stop.set()
    thread.join()
    assert _number(live_shop) == len(sent) > 0
    assert not counted.differences(live_shop.database)


def _due(shop: Shop) -> None:
    """Lest the server waits until the lease of who was killed is over."""
    with shop.database.write() as session:
        sweep = session.get_one(Sweep, (shop.workspace.id, "events"))
        sweep.leased_until, sweep.due_at = 0, 0
