"""The figures of a person: whatever comes, moves, is merged and undone, they are what a plain recount finds."""

import json
from collections import Counter
from contextlib import suppress
from datetime import date, datetime
from decimal import Decimal
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from tests.identity_stored import Look, Store
from tests.visitors import DAY, HOUR, MINUTE, T0, login, merges, seen, tell
from tests.world import Shop, rows
from webapp import customers, orders, rhythm, tallies, visits
from webapp.db import Database
from webapp.ingest.changes import Attribute, Change, Context, EventRecord, Login, Logout, OnDevice
from webapp.merges import ImpossibleError
from webapp.models import Customer, Tally
from webapp.orders import Meaning
from webapp.tallies import Figures, Whose

KOLKATA = ZoneInfo("Asia/Kolkata")
BOUGHT = Meaning("Bought", "Amount")


def _recount(look: Look, root: Customer, zone: ZoneInfo) -> Figures:
    ids = set(look.members[root.id])
    events = [one for one in look.events if one.customer_id in ids]
    amounts = [json.loads(one.attributes).get("Amount") for one in events if one.name == "Bought"]
    told = [Decimal(str(one)) for one in amounts if one is not None]
    days = Counter(datetime.fromtimestamp(one.reported_at / 1000, zone).date().toordinal() for one in events)
    spans = visits.coalesced(
        visits.Span(one.device_id, one.started_at, one.ended_at, one.event_count)
        for one in look.visits
        if one.customer_id in ids
    )
    return Figures(days, len(told), sum(told, Decimal(0)), len(spans))


def _whose(session: Session, root: Customer, zone: ZoneInfo = KOLKATA) -> Whose:
    customer = session.get_one(Customer, root.id)
    return Whose(customer, customers.members(session, root.id), BOUGHT, zone)


def _check(store: Store, random: Random) -> None:
    look = store.look()
    for root in look.roots:
        zone = random.choice((KOLKATA, KOLKATA, KOLKATA, ZoneInfo("America/New_York")))
        expected = _recount(look, root, zone)
        with store.database.read() as session:
            whose = _whose(session, root, zone)
            assert tallies.glance(session, whose) in [None, expected]
            if random.random() < 0.5:
                assert tallies.count(session, store.database, whose) == expected
                assert tallies.glance(session, whose) in [None, expected]


def _some(random: Random) -> Change:
    device = OnDevice(random.choice(("d1", "d1", "d2")))
    at = T0 + random.choice((0, 20 * MINUTE, 45 * MINUTE, HOUR, 8 * HOUR, DAY, 3 * DAY))
    kind = random.random()
    if kind < 0.12:
        return Login(device, random.choice(("asha", "ravi")), at)
    if kind < 0.18:
        return Logout(device, at)
    amount = (Attribute("Amount", random.choice((0.1, 0.2, 7, 732.23)), None),)
    attributes = amount if random.random() < 0.7 else ()
    who = device if random.random() < 0.8 else random.choice(("asha", "ravi"))
    when = at + random.randrange(10) if random.random() < 0.9 else None
    return EventRecord(who, random.choice(("Bought", "Viewed")), attributes, when, Context())


def _merge(store: Store, random: Random) -> None:
    roots = store.roots()
    if len(roots) > 1:
        with suppress(ImpossibleError):
            store.merge(*random.sample(roots, 2))


def _turn(store: Store, random: Random) -> None:
    known = [one for one in store.merges() if one.member_id != one.target_id]
    if known:
        merge = random.choice(known)
        (store.undo if merge.undone_at is None else store.redo)(merge.id)


@pytest.mark.parametrize("seed", range(4))
def test_figures_are_those_of_a_plain_recount(database: Database, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    monkeypatch.setattr(tallies, "FEW", 3)
    monkeypatch.setattr(tallies, "_KEPT_OPEN", 2)
    random, store = Random(seed), Store(database)  # noqa: S311 - chance is for the history
    for _ in range(40):
        step = random.random()
        if step < 0.7:
            store.submit([_some(random) for _ in range(random.randint(1, 4))])
        else:
            (_merge if step < 0.8 else _turn)(store, random)
        _check(store, random)
    assert rows(database, Tally) > 0


def _events(shop: Shop, *times: int, **attributes: Any) -> None:
    for at in times:
        shop.event("Bought", at, **attributes)


def _looked_at(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Whose:
    """The person of the shop, whose figures are kept but for the latest two events."""
    monkeypatch.setattr(tallies, "FEW", 3)
    monkeypatch.setattr(tallies, "_KEPT_OPEN", 2)
    with shop.database.read() as session:
        whose = _whose(session, shop.find())
        assert tallies.glance(session, whose) is None
        tallies.count(session, shop.database, whose)
        return whose


def _glance(shop: Shop) -> Figures | None:
    with shop.database.read() as session:
        return tallies.glance(session, _whose(session, shop.find()))


def test_what_comes_later_is_added_to_what_is_kept(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    _events(shop, *(T0 + number * DAY for number in range(6)), Amount=1.5)
    _looked_at(shop, monkeypatch)
    _events(shop, T0 + 5 * DAY + 1, Amount=0.25)
    found = _glance(shop)
    assert found is not None
    assert (found.event_count, len(found.days), found.priced, found.revenue) == (7, 6, 7, Decimal("9.25"))


def test_late_event_has_everything_counted_anew(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    _events(shop, *(T0 + number * DAY for number in range(6)), Amount=1)
    _looked_at(shop, monkeypatch)
    _events(shop, T0 - 9 * DAY, Amount=1)
    assert _glance(shop) is None
    with shop.database.read() as session:
        whose = _whose(session, shop.find())
        assert tallies.count(session, shop.database, whose).revenue == 7
    found = _glance(shop)
    assert found is not None
    assert len(found.days) == 7


def test_merge_and_its_undoing_count(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    tell(shop, *(seen("phone", T0 + number * HOUR, "Bought") for number in range(5)))
    tell(shop, login("phone", T0 + 5 * HOUR), seen("phone", T0 + 5 * HOUR, "Bought"))
    monkeypatch.setattr(tallies, "FEW", 0)
    numbers = []
    for merge in (None, *merges(shop)):
        if merge is not None:
            store = Store(shop.database)
            store.workspace = shop.workspace
            store.undo(merge.id)
        with shop.database.read() as session:
            found = tallies.count(session, shop.database, _whose(session, shop.find()))
            numbers.append((found.event_count, found.visits))
    assert numbers == [(6, 6), (1, 1)]


def test_person_of_very_many_events_is_counted_from_the_newest_on(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tallies, "MOST", 4)
    _events(shop, *(T0 + number * DAY for number in range(9)), Amount=1)
    _looked_at(shop, monkeypatch)
    found = _glance(shop)
    assert found is not None
    assert (found.event_count, found.since, found.revenue) == (4, T0 + 5 * DAY, Decimal(4))
    _events(shop, T0 + 9 * DAY, Amount=1)
    later = _glance(shop)
    assert later is not None
    assert (later.event_count, later.since) == (5, T0 + 5 * DAY)


def test_figures_that_cannot_be_kept_are_shown_all_the_same(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tallies, "FEW", 0)
    _events(shop, T0, T0 + 1, Amount=1)

    def full(_: object) -> None:
        raise OperationalError("INSERT", {}, Exception("database or disk is full"))

    monkeypatch.setattr(shop.database, "transact", full)
    with shop.database.read() as session:
        assert tallies.count(session, shop.database, _whose(session, shop.find())).revenue == 2
    assert rows(shop.database, Tally) == 0


@pytest.mark.parametrize(
    ("zone", "times", "dates"),
    [
        ("Asia/Kolkata", ["2026-03-09T18:29:59Z", "2026-03-09T18:30:00Z"], ["2026-03-09", "2026-03-10"]),
        ("Asia/Kathmandu", ["2026-03-09T18:14:59Z", "2026-03-09T18:15:00Z"], ["2026-03-09", "2026-03-10"]),
        # Days of 23 and of 25 hours; one that begins at 1:00.
        ("Europe/Berlin", ["2026-03-29T21:59:59Z", "2026-03-29T22:00:00Z"], ["2026-03-29", "2026-03-30"]),
        ("Europe/Berlin", ["2026-10-25T22:59:59Z", "2026-10-25T23:00:00Z"], ["2026-10-25", "2026-10-26"]),
        ("Africa/Cairo", ["2026-04-23T21:59:59Z", "2026-04-23T22:00:00Z"], ["2026-04-23", "2026-04-24"]),
    ],
)
def test_days_are_those_of_the_zone(shop: Shop, zone: str, times: list[str], dates: list[str]) -> None:
    _events(shop, *(int(datetime.fromisoformat(one).timestamp() * 1000) for one in times))
    with shop.database.read() as session:
        found = tallies.glance(session, _whose(session, shop.find(), ZoneInfo(zone)))
    assert found is not None
    assert [date.fromordinal(one).isoformat() for one in sorted(found.days)] == dates


def test_only_numbers_are_amounts(shop: Shop) -> None:
    shop.event("Bought", T0, Amount=1)
    shop.event("Bought", T0 + 1, Amount="2")  # ignored: the type is fixed
    shop.event("Bought", T0 + 2)
    shop.event("Bought", T0 + 3, Amount=-0.5)
    shop.event("Viewed", T0 + 4, Amount=100)
    found = _glance(shop)
    assert found is not None
    assert (found.priced, found.revenue) == (2, Decimal("0.5"))


@pytest.mark.parametrize(
    ("tracked", "event", "amount", "expected"),
    [
        ([("Purchased", {"Total": 2, "Amount": 1})], None, None, ("Purchased", "Amount")),
        ([("Purchased", {"Amount": "1"})], None, None, ("Purchased", None)),
        ([("Order Completed", {"Revenue": 1}), ("Viewed", {"Amount": 1})], None, None, ("Order Completed", "Revenue")),
        ([("order_placed", {"order_value": 1})], None, None, ("order_placed", "order_value")),
        ([("checkoutCompleted", {"City": "Pune"})], None, None, ("checkoutCompleted", None)),
        ([("Viewed", {"Amount": 1})], None, None, (None, None)),
        ([("Viewed", {"Amount": 1}), ("Purchased", {"Amount": 1})], "Viewed", None, ("Viewed", "Amount")),
        ([("Purchased", {"Amount": 1, "Tax": 1})], None, "Tax", ("Purchased", "Tax")),
        ([], "Rented", "Fee", ("Rented", "Fee")),
        ([], "Rented", None, ("Rented", None)),
    ],
)
def test_orders_and_amounts_are_guessed_unless_said(
    shop: Shop,
    tracked: list[tuple[str, dict[str, Any]]],
    event: str | None,
    amount: str | None,
    expected: tuple[str | None, str | None],
) -> None:
    for name, attributes in tracked:
        shop.event(name, **attributes)
    shop.workspace.order_event, shop.workspace.amount_attribute = event, amount
    with shop.database.read() as session:
        assert orders.meaning(session, shop.workspace) == expected


def test_rhythm_of_visits(shop: Shop) -> None:
    tell(shop, login("phone", 1))
    for number, minutes in enumerate((0, 1, 2, 3, 4, 5, 6, 7, 8, 20)):
        begin = T0 + number * number * DAY
        tell(shop, seen("phone", begin), seen("phone", begin + minutes * MINUTE))
    with shop.database.read() as session:
        ids = customers.members(session, shop.find().id)
        found = rhythm.rhythm(session, ids, 100)
        latest = rhythm.rhythm(session, ids, 2)
    assert found == rhythm.Rhythm(10, 4 * MINUTE + MINUTE // 2, 8 * MINUTE, 9 * DAY)
    assert latest == rhythm.Rhythm(2, 14 * MINUTE, 20 * MINUTE, 17 * DAY)


def test_nobody_without_devices_has_a_rhythm(shop: Shop) -> None:
    shop.event()
    with shop.database.read() as session:
        assert rhythm.rhythm(session, [shop.find().id], 100) is None
