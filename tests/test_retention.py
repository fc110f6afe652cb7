"""Retention: what a workspace doesn't keep goes, in small steps, and is refused when it comes again."""

from collections import Counter, defaultdict
from random import Random
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from tests import counted
from tests.visitors import (
    BERLIN,
    DAY,
    HOUR,
    MINUTE,
    MUMBAI,
    T0,
    login,
    logout,
    merges,
    page,
    section,
    seen,
    tell,
)
from tests.world import LAUNCH, Clock, Shop, faults, rows
from webapp import (
    customers,
    kept_visits,
    pruning,
    retention,
    sweeping,
    tallies,
    users,
    visits,
    workspaces,
)
from webapp import (
    merges as merging,
)
from webapp.ingest.changes import Attribute, Change, EventRecord
from webapp.models import (
    Arrived,
    Customer,
    Event,
    EventCount,
    IgnoredValue,
    Sweep,
    Visit,
    Workspace,
)
from webapp.orders import Meaning

KEPT = 30
NOW = T0 + 40 * DAY


@pytest.fixture(autouse=True)
def _now(hands: Clock) -> None:
    hands.at = NOW


def _keep(shop: Shop, days: int | None) -> None:
    with shop.database.write() as session:
        retention.change(session, shop.workspace.id, days)


def _prune(shop: Shop, hands: Clock, days: int | None = KEPT) -> Sweep:
    """Keep events for so many days, and let what is older go."""
    _keep(shop, days)
    hands.wait(sweeping.SETTLING)
    sweeping.work_off(shop.database)
    return _sweep(shop)


def _sweep(shop: Shop) -> Sweep:
    with shop.database.read() as session:
        found = sweeping.find(session, shop.workspace.id, "events")
    assert found is not None
    return found


def test_old_events_go_with_all_that_counts_them(shop: Shop, hands: Clock) -> None:
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
        arrived = {one.reported_at for one in session.scalars(select(Arrived))}
    assert counts == {"Purchased": 3, "Viewed": 3}
    assert arrived == {one.reported_at for one in shop.events()}
    assert not counted.differences(shop.database)


def test_nothing_goes_without_the_setting_and_from_others(shop: Shop, other_shop: Shop, hands: Clock) -> None:
    for one in (shop, other_shop):
        one.event("Purchased", T0)
    sweeping.work_off(shop.database)
    assert len(shop.events()) == 1
    _prune(shop, hands)
    assert (len(shop.events()), len(other_shop.events())) == (0, 1)


def test_today_and_so_many_whole_days_before_are_kept(shop: Shop, hands: Clock) -> None:
    with shop.database.read() as session:
        edge = retention.begin(_with(session.get_one(Workspace, shop.workspace.id), KEPT), hands.at)
    assert edge is not None
    assert NOW - (KEPT + 1) * DAY < edge < NOW - KEPT * DAY
    for at in (edge - 1, edge):
        shop.event("Purchased", at)
    _prune(shop, hands)
    assert [one.reported_at for one in shop.events()] == [edge]


def _with(workspace: Workspace, days: int) -> Workspace:
    workspace.retention_days = days
    return workspace


def test_next_day_takes_what_has_grown_old(shop: Shop, hands: Clock) -> None:
    for day in range(12):
        shop.event("Purchased", T0 + day * DAY)
    _prune(shop, hands)
    left = len(shop.events())
    due = _sweep(shop).due_at
    assert due is not None
    assert hands.at < due <= hands.at + DAY + 10 * MINUTE
    sweeping.work_off(shop.database)
    assert len(shop.events()) == left
    hands.at = due
    sweeping.work_off(shop.database)
    assert len(shop.events()) == left - 1
    assert _sweep(shop).done == 1
    assert not counted.differences(shop.database)


def test_profile_with_nothing_left_stays_and_begins_no_history_anew(
    shop: Shop, alice: FlaskClient, hands: Clock
) -> None:
    tell(shop, seen("d1", T0, "Viewed", page="https://shop.example/shoes", utm={"source": "google"}, **MUMBAI))
    before = _visitor(shop)
    _prune(shop, hands)
    assert rows(shop.database, Event) == rows(shop.database, Visit) == rows(shop.database, EventCount) == 0
    visitor = _visitor(shop)
    assert (visitor.event_count, visitor.first_seen_at, visitor.last_seen_at) == (0, T0, T0)
    shown = page(alice, f"/customers/{visitor.growlytics_id}")
    assert "google" in section(shown, "acquisition")
    assert "Mumbai" in section(shown, "location")
    tell(shop, seen("d1", NOW, "Viewed", page="https://shop.example/hats", **BERLIN))
    visitor = _visitor(shop)
    assert (visitor.id, visitor.event_count) == (before.id, 1)
    assert (visitor.first_seen_at, visitor.last_seen_at) == (T0, NOW)
    ends = _ends(shop, [visitor.id])
    assert ends is not None
    assert (ends.first.came.utm, ends.last.exit_page) == ({"source": "google"}, "https://shop.example/hats")


def _visitor(shop: Shop) -> Customer:
    with shop.database.read() as session:
        return session.scalars(select(Customer).where(Customer.workspace_id == shop.workspace.id)).one()


def _ends(shop: Shop, ids: list[int]) -> visits.Ends | None:
    with shop.database.read() as session:
        return visits.ends(session, ids)


def test_first_and_last_seen_outlive_merges_and_their_undoing(shop: Shop, hands: Clock) -> None:
    tell(shop, seen("d1", T0), login("d1", T0 + MINUTE, "u1"), seen("d1", T0 + 2 * MINUTE))
    tell(shop, seen("d1", T0 + 20 * DAY))
    _prune(shop, hands)
    person = shop.find("u1")
    assert (person.first_seen_at, person.last_seen_at, person.event_count) == (T0, T0 + 20 * DAY, 1)
    (merge,) = merges(shop)
    with shop.database.write() as session:
        who = users.create(
            session, users.credentials("ann@shop.example", "a long enough one"), shop.workspace.id, "admin"
        )
        workspace = session.get_one(Workspace, shop.workspace.id)
        merging.undo(session, workspace, who.id, merge.id)
    assert shop.find("u1").first_seen_at == T0 + 2 * MINUTE
    with shop.database.read() as session:
        alone = session.get_one(Customer, merge.member_id)
        assert (alone.first_seen_at, alone.last_seen_at, alone.event_count) == (T0, T0, 0)
    with shop.database.write() as session:
        merging.redo(session, workspace, merge.id)
    person = shop.find("u1")
    assert (person.first_seen_at, person.last_seen_at, person.event_count) == (T0, T0 + 20 * DAY, 1)


def test_figures_that_are_kept_follow(shop: Shop, hands: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tallies, "FEW", 5)
    monkeypatch.setattr(tallies, "_KEPT_OPEN", 2)
    for day in range(40):
        shop.event("Purchased", T0 + day * DAY)
    assert _figures(shop) == 40
    _prune(shop, hands)
    assert _figures(shop) == len(shop.events()) == 30


def _figures(shop: Shop) -> int:
    with shop.database.read() as session:
        one = shop.find()
        whose = tallies.Whose(one, [one.id], Meaning(None, None), _zone(shop))
        return tallies.count(session, shop.database, whose).event_count


def _zone(shop: Shop) -> Any:
    with shop.database.read() as session:
        return workspaces.zone(session.get_one(Workspace, shop.workspace.id))


def test_values_that_old_events_had_ignored_go(shop: Shop, hands: Clock) -> None:
    hands.at = T0
    shop.event("Purchased", T0, Price=1)
    shop.event("Purchased", T0 + 1, Price="many")
    shop.customer("u1", Age=1)
    shop.customer("u1", Age="many")
    hands.at = NOW
    _prune(shop, hands)
    with shop.database.read() as session:
        assert [one.name for one in session.scalars(select(IgnoredValue))] == ["Age"]


# What comes too late.


def test_old_event_is_refused_with_the_reason(shop: Shop, alice: FlaskClient, hands: Clock) -> None:
    _keep(shop, KEPT)
    body = {"customerId": "u1", "name": "Purchased", "time": T0, "attributes": {}}
    answer = shop.send("/track/event/v2", body)
    assert faults(answer) == [(("time",), "date.retention")]
    assert "older than this workspace keeps events" in answer.text
    assert rows(shop.database, Customer) == 0
    assert "date.retention" in page(alice, "/refused") or "keeps events" in page(alice, "/refused")
    assert shop.send("/track/event/v2", body | {"time": NOW}).status_code == 200


def test_old_event_leaves_its_batch_and_dry_runs_say_so(shop: Shop) -> None:
    _keep(shop, KEPT)
    event = {"type": "event", "customerId": "u1", "name": "Purchased"}
    body = {"changes": [event | {"time": T0}, event | {"time": NOW}, {"type": "customer", "id": "u2"}]}
    for path in ("/api/v1/batch?dry_run=1", "/api/v1/batch"):
        answer = shop.send(path, body)
        assert answer.json is not None
        assert answer.json["accepted"] == 2
        assert [(one["index"], one["details"][0]["type"]) for one in answer.json["refused"]] == [(0, "date.retention")]
    assert len(shop.events()) == 1
    assert faults(shop.send("/api/v1/batch?strict=1", body)) == [(("changes", 0, "time"), "date.retention")]


def test_what_was_pruned_does_not_come_back_when_it_is_sent_again(shop: Shop, hands: Clock) -> None:
    body = {"customerId": "u1", "name": "Purchased", "time": T0, "attributes": {}}
    assert shop.send("/track/event/v2", body, Idempotency_Key="once").status_code == 200
    _prune(shop, hands)
    assert shop.send("/track/event/v2", body).status_code == 422
    # Who waits for the first answer gets it.
    assert shop.send("/track/event/v2", body, Idempotency_Key="once").json == {"success": True}
    assert shop.events() == []
    assert not counted.differences(shop.database)


def test_app_with_a_clock_that_is_years_behind_gets_its_id(shop: Shop) -> None:
    _keep(shop, KEPT)
    for body in ({"timestamp": T0}, {"did": "phone", "timestamp": T0}):
        answer = shop.send(LAUNCH, body)
        assert answer.status_code == 200
        assert answer.json is not None
        assert answer.json["did"]
        assert answer.json["sid"]
    assert rows(shop.database, Event) == 0
    assert shop.send("/msv_cevt", {"did": "phone", "name": "Viewed", "timestamp": T0}).status_code == 422
    assert shop.send("/msv_cs_id", {"did": "phone", "clientCustomerId": "u1", "timestamp": T0}).status_code == 200


# As if they had never come.


def _history(random: Random, since: int, until: int, number: int) -> list[Change]:
    """What happens on some devices, in visits that often last over midnight or for long."""
    told: list[Change] = []
    at = since
    while len(told) < number:
        at += random.choice((MINUTE, 5 * MINUTE, 20 * MINUTE, 29 * MINUTE, 2 * HOUR, 9 * HOUR, 30 * HOUR))
        if at >= until:
            at = since + random.randrange(until - since)
        did = f"d{random.randrange(3)}"
        what = random.random()
        if what < 0.07:
            told.append(login(did, at, f"u{random.randrange(3)}"))
        elif what < 0.12:
            told.append(logout(did, at))
        elif what < 0.2:
            event = EventRecord(f"u{random.randrange(3)}", "Purchased", (Attribute("Price", 5, None),), at)
            told.append(event)
        else:
            context: dict[str, Any] = random.choice((MUMBAI, BERLIN, {}, {}))
            if random.random() < 0.5:
                context = context | {"page": f"https://shop.example/{random.randrange(9)}"}
            if random.random() < 0.3:
                context = context | {"utm": {"source": random.choice(("google", "mail"))}}
            told.append(seen(did, at, random.choice(("Viewed", "Clicked")), **context))
    return told


def _people(shop: Shop) -> Counter[frozenset[tuple[str, int, int]]]:
    """The events of each person who has any."""
    query = select(Customer.id, Customer.root_id, Event.name, Event.reported_at, Event.id)
    query = query.join(Event, Event.customer_id == Customer.id).where(Customer.workspace_id == shop.workspace.id)
    found: dict[int, set[tuple[str, int, int]]] = defaultdict(set)
    with shop.database.read() as session:
        for id_, root_id, name, at, event_id in session.execute(query):
            found[root_id or id_].add((name, at, event_id))
    return Counter(map(frozenset, found.values()))


def _spans(shop: Shop) -> Counter[Any]:
    query = select(Visit).join(Customer, Customer.id == Visit.customer_id)
    with shop.database.read() as session:
        found = session.scalars(query.where(Customer.workspace_id == shop.workspace.id)).all()
        columns = (
            "started_at",
            "ended_at",
            "event_count",
            "entry",
            "entry_at",
            "exit_page",
            "exit_at",
            "place",
            "place_at",
        )
        return Counter(tuple(getattr(one, name) for name in columns) for one in found)


def _by_day(shop: Shop) -> dict[counted.Key, int]:
    """The counters of days, but for those of persons: who has nothing left stays one."""
    with shop.database.read() as session:
        stored = counted.stored(session, shop.workspace.id)
    return {key: number for key, number in stored.items() if key[0] != "customer"}


def _counts(shop: Shop) -> Counter[tuple[str, int]]:
    query = select(EventCount).join(Customer, Customer.id == EventCount.customer_id)
    with shop.database.read() as session:
        found = session.scalars(query.where(Customer.workspace_id == shop.workspace.id, EventCount.count != 0))
        return Counter((one.name, one.count) for one in found)


def _acquisitions(shop: Shop) -> dict[int, Any]:
    """First and last visit, and first and last seen, of every person."""
    with shop.database.read() as session:
        query = select(Customer).where(Customer.workspace_id == shop.workspace.id, Customer.root_id.is_(None))
        return {
            one.id: (visits.ends(session, customers.members(session, one.id)), one.first_seen_at, one.last_seen_at)
            for one in session.scalars(query)
        }


def _is_recent(change: Change, edge: int) -> bool:
    return not isinstance(change, EventRecord) or (change.reported_at or 0) >= edge


@pytest.mark.parametrize("seed", range(12))
def test_shop_is_as_if_the_old_events_had_never_come(
    shop: Shop, other_shop: Shop, hands: Clock, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    random = Random(seed)  # noqa: S311 - chance is for the history
    monkeypatch.setattr(pruning, "MOST_EVENTS", random.choice((1, 3, 7, 500)))
    monkeypatch.setattr(kept_visits, "_A_LOOK", random.choice((2, 200)))
    edge = _edge(shop)
    told = _history(random, edge - 5 * DAY, edge + 3 * DAY, 150)
    for place in range(0, len(told), 10):
        some = told[place : place + 10]
        tell(shop, *some)
        tell(other_shop, *(one for one in some if _is_recent(one, edge)))
    before = _acquisitions(shop)
    _prune(shop, hands)
    assert _acquisitions(shop) == before
    _compare(shop, other_shop)
    # News of the past, and the days that follow.
    later = [*_history(random, edge, NOW, 20), *_late(random, edge)]
    random.shuffle(later)
    for one in later:
        tell(shop, one)
        tell(other_shop, one)
    _compare(shop, other_shop)
    hands.wait(2 * DAY)
    sweeping.work_off(shop.database)
    assert not counted.differences(shop.database)


def _edge(shop: Shop) -> int:
    with shop.database.read() as session:
        found = retention.begin(_with(session.get_one(Workspace, shop.workspace.id), KEPT), NOW)
    assert found is not None
    return found


def _late(random: Random, edge: int) -> list[Change]:
    """Logins and logouts from a time of which no event is kept."""
    times = [edge - random.randrange(5 * DAY) for _ in range(8)]
    return [random.choice((login(f"d{at % 3}", at, f"u{at % 2}"), logout(f"d{at % 3}", at))) for at in times]


def _compare(shop: Shop, other: Shop) -> None:
    assert _people(shop) == _people(other)
    assert _spans(shop) == _spans(other)
    assert _counts(shop) == _counts(other)
    assert _by_day(shop) == _by_day(other)
    assert not counted.differences(shop.database)
