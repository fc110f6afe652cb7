"""The counters of each day: what they count, and that a recount finds the same."""

from collections import Counter
from dataclasses import replace
from datetime import date
from threading import Thread
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import delete, select, update

from tests import counted
from tests.identity_stored import Store
from tests.visitors import (
    BERLIN,
    DAY,
    GOOGLEBOT,
    HOUR,
    MINUTE,
    MUMBAI,
    T0,
    customer,
    launched,
    login,
    logout,
    merges,
    seen,
    tell,
)
from tests.world import Shop, submit
from webapp import counts, recounts
from webapp import merges as merging
from webapp.ingest.changes import OnDevice
from webapp.models import Counting, DailyCount

MARCH_10 = counts.number_of(date(2026, 3, 10))  # of T0, 17:30 in the workspace's zone
GOOGLE = {"referrer": "https://www.google.com/search"}
SETTINGS = {"name": "Shop", "default_region": "IN", "merges_a_day": "20"}


def _counts(shop: Shop, kind: str) -> dict[Any, int]:
    """By name and days after 10 March 2026; those of persons, who are created now, by name alone."""
    assert counted.differences(shop.database) == []
    with shop.database.read() as session:
        found = Counter[Any]()
        for (of, name, day), number in counted.stored(session, shop.workspace.id).items():
            if of == kind:
                found[name if kind == "customer" else (name, day - MARCH_10)] += number
    return dict(found)


def test_event_counts_on_the_day_it_was_reported_for_in_the_zone_of_the_workspace(shop: Shop) -> None:
    shop.event("Purchased", T0)
    shop.event("Purchased", T0 + 7 * HOUR)  # 00:30 of the next day
    shop.event("Viewed", T0 - 30 * DAY)
    assert _counts(shop, "event") == {("Purchased", 0): 1, ("Purchased", 1): 1, ("Viewed", -30): 1}
    assert sum(_counts(shop, "arrival").values()) == 3


def test_event_sent_again_is_not_counted_again(shop: Shop) -> None:
    for _ in range(2):
        shop.event("Purchased", T0, Amount=1)
        tell(shop, seen("d1", T0), seen("d1", T0), seen("d1", T0 + 1))
    assert _counts(shop, "event") == {("Purchased", 0): 1, ("Viewed", 0): 2}
    assert _counts(shop, "active") == {("registered", 0): 1, ("anonymous", 0): 1}


def test_refused_request_counts_nothing(shop: Shop) -> None:
    bad = {"changes": [{"type": "event", "customerId": "u1", "name": "Purchased", "time": T0}, {"type": "nothing"}]}
    assert shop.send("/api/v1/batch?strict=1", bad).status_code == 422
    assert _counts(shop, "event") == {}


def test_profile_is_active_once_a_day_however_late_its_events_come(shop: Shop) -> None:
    for at in (T0, T0 + MINUTE, T0 + 2 * DAY, T0 + DAY, T0 - MINUTE):
        shop.event("Viewed", at)
    assert _counts(shop, "active") == {("registered", day): 1 for day in range(3)}


def test_visitor_is_one_customer_with_whom_they_become_and_again_another_when_that_is_undone(shop: Shop) -> None:
    store = Store(shop.database)  # somebody to undo it
    tell(shop, seen("d1", T0, **MUMBAI))
    assert _counts(shop, "customer") == {"anonymous": 1}
    tell(shop, login("d1", T0 + MINUTE), seen("d1", T0 + 2 * MINUTE, **MUMBAI))
    assert _counts(shop, "customer") == {"registered": 1}
    assert _counts(shop, "active") == {("registered", 0): 1, ("anonymous", 0): 1}
    (merge,) = merges(shop)
    with shop.database.write() as session:
        merging.undo(session, shop.workspace, store.user_id, merge.id)
    assert _counts(shop, "customer") == {"registered": 1, "anonymous": 1}
    with shop.database.write() as session:
        merging.redo(session, shop.workspace, merge.id)
    assert _counts(shop, "customer") == {"registered": 1}


def test_late_login_and_logout_take_the_days_of_what_they_move_along(shop: Shop) -> None:
    tell(shop, seen("d1", T0), seen("d1", T0 + DAY), seen("d1", T0 + 2 * DAY))
    tell(shop, login("d1", T0 + HOUR))
    assert _counts(shop, "active") == {("anonymous", 0): 1, ("registered", 1): 1, ("registered", 2): 1}
    tell(shop, logout("d1", T0 + DAY + HOUR))
    assert _counts(shop, "active") == {("anonymous", 0): 1, ("registered", 1): 1, ("anonymous", 2): 1}
    assert _counts(shop, "event") == {("Viewed", day): 1 for day in range(3)}


def test_visits_count_by_what_they_came_by_and_from_where(shop: Shop) -> None:
    utm: dict[str, Any] = {"utm": {"source": "Newsletter", "medium": "mail"}, "referrer": "https://mail.example/"}
    tell(shop, seen("d1", T0, **GOOGLE, **MUMBAI), seen("d1", T0 + MINUTE, page="/cart", **MUMBAI))
    tell(shop, seen("d2", T0 + DAY, **utm, **BERLIN), seen("d3", T0, page="/"))
    assert _counts(shop, "source") == {("google.com", 0): 1, ("newsletter", 1): 1}
    assert _counts(shop, "country") == {("IN", 0): 1, ("DE", 1): 1}
    # An earlier moment of a visit, told late, is its beginning from then on.
    tell(shop, seen("d1", T0 - MINUTE, referrer="https://bing.com/", **BERLIN))
    assert _counts(shop, "source") == {("bing.com", 0): 1, ("newsletter", 1): 1}
    assert _counts(shop, "country") == {("DE", 0): 1, ("DE", 1): 1}


@pytest.mark.parametrize(
    ("source", "counts_as"),
    [("a\x00b\n", "ab"), ("  ", None), ("\x00", None), ("x" * 500, "x" * 100), ("मेल", "मेल")],
)
def test_source_can_be_any_text(shop: Shop, source: str, counts_as: str | None) -> None:
    tell(shop, seen("d1", T0, utm={"source": source}))
    assert _counts(shop, "source") == ({} if counts_as is None else {(counts_as, 0): 1})


def test_bots_are_customers_of_their_own_kind(shop: Shop) -> None:
    tell(shop, seen("d1", T0, agent=GOOGLEBOT), seen("d2", T0))
    assert _counts(shop, "customer") == {"bot": 1, "anonymous": 1}
    tell(shop, launched("d1", T0 + 1))
    assert _counts(shop, "customer") == {"bot": 1, "anonymous": 1}


def test_device_that_turns_out_to_be_a_bot(shop: Shop) -> None:
    tell(shop, seen("d1", T0))
    tell(shop, replace(launched("d1", T0 + 1), who=OnDevice("d1", GOOGLEBOT)))
    assert _counts(shop, "customer") == {"bot": 1}


def test_workspaces_have_counters_of_their_own(shop: Shop, other_shop: Shop) -> None:
    shop.event("Purchased", T0)
    other_shop.event("Purchased", T0)
    assert _counts(shop, "event") == _counts(other_shop, "event") == {("Purchased", 0): 1}


def _busy(shop: Shop) -> None:
    """A dozen of everybody, each of whom did a little."""
    for number in range(12):
        did, at = f"d{number}", T0 + number * 7 * HOUR
        tell(shop, seen(did, at, **GOOGLE, **MUMBAI), login(did, at + 1, f"u{number % 5}"), seen(did, at + 2))
        tell(shop, customer(f"u{number}"), seen(f"e{number}", at, **BERLIN))


def test_recount_in_steps_finds_the_same(shop: Shop, other_shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recounts, "_MOST_PROFILES", 4)
    monkeypatch.setattr(recounts, "_MOST_EVENTS", 5)
    _busy(shop)
    other_shop.event("Viewed", T0)
    with shop.database.read() as session:
        before = counted.stored(session, shop.workspace.id)
    with shop.database.write() as session:
        recounts.begin(session, shop.workspace.id, shop.workspace.time_zone)
    told: list[recounts.Progress] = []
    recounts.finish(shop.database, shop.workspace.id, told.append)
    assert len(told) > 5
    assert [one.counted for one in told] == sorted(one.counted for one in told)
    with shop.database.read() as session:
        assert counted.stored(session, shop.workspace.id) == before
        assert recounts.due(session) == []
    assert counted.differences(shop.database) == []


def test_what_happens_during_a_recount_counts_once(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recounts, "_MOST_PROFILES", 3)
    _busy(shop)
    store = Store(shop.database)
    store.workspace = shop.workspace
    with shop.database.write() as session:
        recounts.begin(session, shop.workspace.id, shop.workspace.time_zone)
    number = 0
    while recounts.step(shop.database, shop.workspace.id):
        # On both sides of where it has come to: new, late, moved and merged.
        number += 1
        for whose in ("u0", "u11", f"new {number}"):
            shop.event("Viewed", T0 + number * DAY, whose)
        tell(shop, login("e1", T0 - number * HOUR, "u11"), logout("d11", T0 + number * HOUR))
        for merge in [one for one in store.merges() if one.member_id != one.target_id][:: 2 + number % 2]:
            with shop.database.write() as session:
                if merge.undone_at:
                    merging.redo(session, shop.workspace, merge.id)
                else:
                    merging.undo(session, shop.workspace, store.user_id, merge.id)
    assert number > 5
    assert counted.differences(shop.database) == []


def test_recount_beside_writers(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recounts, "_MOST_PROFILES", 2)
    _busy(shop)

    def write(writer: int) -> None:
        for number in range(25):
            shop.event("Viewed", T0 + number * HOUR, f"u{(writer + number) % 9}", Writer=writer)
            tell(shop, seen(f"w{writer} {number}", T0), login(f"w{writer} {number}", T0 + 1, f"u{number % 9}"))

    writers = [Thread(target=write, args=(one,)) for one in range(3)]
    for one in writers:
        one.start()
    for _ in range(2):
        with shop.database.write() as session:
            recounts.begin(session, shop.workspace.id, shop.workspace.time_zone)
        recounts.finish(shop.database, shop.workspace.id)
    for one in writers:
        one.join(60)
    recounts.finish(shop.database, shop.workspace.id)
    assert counted.differences(shop.database) == []
    assert sum(number for (name, _), number in _counts(shop, "event").items() if name == "Viewed") > 150


def test_another_time_zone_counts_anew(shop: Shop, alice: FlaskClient) -> None:
    shop.event("Purchased", T0 + 7 * HOUR)
    assert _counts(shop, "event") == {("Purchased", 1): 1}
    fields = {**SETTINGS, "time_zone": "Europe/Berlin", "placeholder_ids": ""}
    assert submit(alice, "/settings/workspace", **fields).status_code == 302
    with shop.database.read() as session:
        assert counted.stored(session, shop.workspace.id) == {}
        assert session.get_one(Counting, shop.workspace.id).time_zone == "Europe/Berlin"
    assert "is being counted" in alice.get("/overview").get_data(as_text=True)
    shop.event("Viewed", T0, "u2")
    recounts.finish(shop.database, shop.workspace.id)
    assert _counts(shop, "event") == {("Purchased", 0): 1, ("Viewed", 0): 1}
    assert "is being counted" not in alice.get("/overview").get_data(as_text=True)


def test_migrated_database_is_counted_by_the_server(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    _busy(shop)
    with shop.database.write() as session:  # as the migration leaves it
        session.execute(delete(DailyCount))
        session.execute(update(Counting).values(counted_to=0))

    def sleep(seconds: float) -> None:
        if seconds == recounts._PAUSE:  # between two looks
            raise InterruptedError

    monkeypatch.setattr("time.sleep", sleep)
    with pytest.raises(InterruptedError):
        recounts.keep_going(shop.database)
    with shop.database.read() as session:
        assert session.scalars(select(Counting.counted_to)).all() == [None]
    assert counted.differences(shop.database) == []
