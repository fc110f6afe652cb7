"""What arrived last: noted with the event and with nothing else, led to the event for good, kept as a ring."""

from collections import Counter

import pytest
from sqlalchemy import func, insert, select, update
from sqlalchemy.orm import Session

from tests.visitors import HOUR, MINUTE, T0, customer, launched, login, logout, seen, tell, values
from tests.world import SMALLEST, Shop
from webapp import arrivals, clock, incoming, keys
from webapp.arrivals import NEWEST, Start, Wanted
from webapp.incoming import Seen
from webapp.ingest import batch
from webapp.ingest.changes import EventRecord, Source
from webapp.models import ApiKey, Arrived, Event

ALL = Wanted()


def _rows(shop: Shop) -> list[Arrived]:
    with shop.database.read() as session:
        query = select(Arrived).where(Arrived.workspace_id == shop.workspace.id).order_by(Arrived.id)
        return list(session.scalars(query))


def _places(shop: Shop) -> Counter[tuple[int, int, int]]:
    return Counter((one.customer_id, one.reported_at, one.event_id) for one in _rows(shop))


def _events(shop: Shop) -> Counter[tuple[int, int, int]]:
    with shop.database.read() as session:
        return Counter((one.customer_id, one.reported_at, one.id) for one in session.scalars(select(Event)))


def _names(shop: Shop, wanted: Wanted = ALL, start: Start = NEWEST) -> list[str]:
    with shop.database.read() as session:
        page = arrivals.read(session, shop.workspace.id, wanted, start)
    return [one.row.name for one in page.arrivals]


def test_every_endpoint_that_stores_an_event_is_told_with_its_key(shop: Shop) -> None:
    for path, body in SMALLEST.items():
        before = len(_rows(shop))
        assert shop.send(path, body).status_code == 200
        new = _rows(shop)[before:]
        is_event = "event" in path or path in {"/msv_cevt", "/mcrs_appl_v1"}
        # The second of the two is the same event as the first, in another endpoint's words.
        assert len(new) == (1 if is_event and path != "/track/event/v2" else 0), path
        for one in new:
            assert one.endpoint == path
            assert one.key_id is not None
            assert abs(one.received_at - clock.now()) < MINUTE
    assert _places(shop) == _events(shop)


def test_what_is_sent_again_has_arrived_once(shop: Shop) -> None:
    shop.event("Purchased", T0)
    shop.event("Purchased", T0)
    twice = {"type": "event", "customerId": "u1", "name": "Purchased", "time": T0 + 1, "attributes": {}}
    assert shop.send("/api/v1/batch", {"changes": [twice, twice]}).status_code == 200
    for _ in range(2):
        shop.send("/rest-api/event", {"customerId": "u1", "name": "Seen"}, Idempotency_Key="again")
    assert [one.name for one in _rows(shop)] == ["Purchased", "Purchased", "Seen"]
    assert _places(shop) == _events(shop)


def test_what_is_refused_has_not_arrived(shop: Shop) -> None:
    good = {"type": "event", "customerId": "u1", "name": "Purchased", "time": T0, "attributes": {}}
    answer = shop.send("/api/v1/batch?strict=1", {"changes": [good, {"type": "event"}]})
    assert answer.status_code == 422
    assert _rows(shop) == []
    shop.send("/api/v1/batch", {"changes": [good, {"type": "event"}]})
    assert [one.endpoint for one in _rows(shop)] == ["/api/v1/batch"]


def test_requests_of_one_group_have_each_their_door(shop: Shop, other_shop: Shop) -> None:
    requests = [
        batch.Request(one.workspace, [EventRecord("u1", name, (), T0)], Source(f"/{name}"))
        for one, name in ((shop, "a"), (other_shop, "b"), (shop, "c"))
    ]
    batch.together(shop.database, requests)
    assert [(one.name, one.endpoint) for one in _rows(shop)] == [("a", "/a"), ("c", "/c")]
    assert [(one.name, one.endpoint) for one in _rows(other_shop)] == [("b", "/b")]


def test_arrivals_follow_events_that_a_late_login_or_logout_moves(shop: Shop) -> None:
    tell(shop, launched("d1", T0), seen("d1", T0 + MINUTE), seen("d1", T0 + HOUR), seen("d2", T0 + MINUTE))
    tell(shop, login("d1", T0 + 30 * MINUTE, "u1"))
    assert _places(shop) == _events(shop)
    tell(shop, login("d1", T0 - HOUR, "u2"), logout("d1", T0 + 50 * MINUTE))
    assert _places(shop) == _events(shop)
    tell(shop, customer("u3"), login("d1", T0 + 40 * MINUTE, "u3"), login("d2", T0, "u3"))
    assert _places(shop) == _events(shop)


def test_event_of_a_backend_stays_where_it_is_when_its_like_moves(shop: Shop) -> None:
    tell(shop, login("d1", T0, "u1"), seen("d1", T0 + MINUTE, "Viewed"))
    shop.event("Viewed", T0 + MINUTE, "u1")
    shop.event("Viewed", T0 + MINUTE, "u2")
    tell(shop, login("d1", T0 + 30, "u2"))
    assert _places(shop) == _events(shop)


def test_page_shows_the_person_that_a_profile_was_merged_into(shop: Shop) -> None:
    tell(shop, values("d1", T0, City="Pune"), seen("d1", T0), login("d1", T0 + 1, "u1"))
    with shop.database.read() as session:
        (one,) = arrivals.read(session, shop.workspace.id, ALL).arrivals
    assert one.customer.system_id == "u1"
    assert one.row.customer_id != one.customer.id


@pytest.fixture
def small_ring(monkeypatch: pytest.MonkeyPatch) -> None:
    """A ring of 20, of which 7 are forgotten at a time."""
    monkeypatch.setattr(arrivals, "KEPT", 20)
    monkeypatch.setattr(arrivals, "_A_STEP", 7)


@pytest.mark.usefixtures("small_ring")
def test_ring_keeps_the_newest_of_each_workspace(shop: Shop, other_shop: Shop) -> None:
    for number in range(45):
        shop.event(f"Event {number}", T0 + number)
    for number in range(5):
        other_shop.event(f"Event {number}", T0 + number)
    arrivals.forget_old(shop.database, other_shop.workspace.id)
    assert len(_rows(shop)) == 45
    arrivals.forget_old(shop.database, shop.workspace.id)
    arrivals.forget_old(shop.database, shop.workspace.id)
    assert [one.name for one in _rows(shop)] == [f"Event {number}" for number in range(25, 45)]
    assert len(_rows(other_shop)) == 5


@pytest.mark.usefixtures("small_ring")
def test_housekeeping_forgets_about_once_a_minute(shop: Shop) -> None:
    for number in range(30):
        shop.event(f"Event {number}", T0 + number)
    assert len(_rows(shop)) == 30
    with shop.database.write() as session:
        session.execute(update(ApiKey).values(last_used_at=clock.now() - 2 * MINUTE))
    shop.event("Last", T0)
    assert 20 <= len(_rows(shop)) <= 21


@pytest.mark.usefixtures("small_ring")
def test_no_more_than_the_ring_is_read_before_it_is_forgotten(shop: Shop) -> None:
    for number in range(30):
        shop.event("Rare" if number < 10 else "Frequent", T0 + number)
    assert _names(shop, Wanted(event="Rare")) == []
    assert _names(shop) == ["Frequent"] * 20
    with shop.database.read() as session:
        assert arrivals.choices(session, shop.workspace.id).events == [("Frequent", 20)]


def test_filters_and_choices(shop: Shop, other_shop: Shop) -> None:
    with shop.database.write() as session:
        second, text = keys.create(session, shop.workspace.id, "Second")
    other = Shop(shop.app, shop.database, shop.workspace, text)
    shop.event("Viewed", T0)
    shop.event("Viewed", T0 + 1)
    shop.send("/rest-api/event", {"customerId": "u1", "name": "Purchased"})
    other.send("/rest-api/event", {"customerId": "u1", "name": "Viewed"})
    other_shop.event("Secret", T0)
    assert _names(shop) == ["Viewed", "Purchased", "Viewed", "Viewed"]
    assert _names(shop, Wanted(event="Purchased")) == ["Purchased"]
    assert _names(shop, Wanted(source="/rest-api/event")) == ["Viewed", "Purchased"]
    assert _names(shop, Wanted(key=second.public_id)) == ["Viewed"]
    assert _names(shop, Wanted("Viewed", "/rest-api/event", second.public_id)) == ["Viewed"]
    for nothing in (Wanted(event="Secret"), Wanted(key="nobody's"), Wanted(event="\x00"), Wanted(source="'")):
        assert _names(shop, nothing) == []
    with shop.database.read() as session:
        found = arrivals.choices(session, shop.workspace.id)
    assert found.events == [("Viewed", 3), ("Purchased", 1)]
    assert sorted(found.endpoints) == [("/rest-api/event", 2), ("/track/event/v2", 2)]
    assert sorted((key.name, number) for key, number in found.keys) == [("Backend", 3), ("Second", 1)]


def test_pages_lead_to_one_another_and_miss_nothing(shop: Shop) -> None:
    tell(shop, *(EventRecord("u1", f"Event {number:03}", (), T0 + number) for number in range(130)))
    names = [f"Event {number:03}" for number in reversed(range(130))]
    with shop.database.read() as session:
        first = arrivals.read(session, shop.workspace.id, ALL)
        second = arrivals.read(session, shop.workspace.id, ALL, Start(before=first.older))
        third = arrivals.read(session, shop.workspace.id, ALL, Start(before=second.older))
        back = arrivals.read(session, shop.workspace.id, ALL, Start(after=third.newer))
        newest = arrivals.read(session, shop.workspace.id, ALL, Start(after=back.newer))
    shown = [one.row.name for page in (first, second, third) for one in page.arrivals]
    assert shown == names
    assert [one.row.name for one in back.arrivals] == names[50:100]
    assert newest == first
    assert (first.newer, third.older) == (None, None)


def _since(shop: Shop, before: Seen, wanted: Wanted = ALL) -> tuple[list[str], Seen]:
    with shop.database.read() as session:
        news = incoming.since(session, shop.workspace.id, wanted, before)
    return ([], before) if news is None else ([one.row.name for one in news.arrivals], news.seen)


def test_news_are_what_arrived_since(shop: Shop, other_shop: Shop) -> None:
    shop.event("Old", T0)
    with shop.database.read() as session:
        seen_first = incoming.seen(session)
    assert _since(shop, seen_first) == ([], seen_first)
    other_shop.event("Secret", T0)
    names, after = _since(shop, seen_first)
    assert names == []
    shop.event("New", T0)
    shop.event("Newer", T0)
    names, last = _since(shop, after)
    assert names == ["Newer", "New"]
    assert _since(shop, after, Wanted(event="New"))[0] == ["New"]
    assert _since(shop, last) == ([], last)
    assert Seen.parse(str(last)) == last


def test_news_of_many_are_the_newest_and_a_number(shop: Shop) -> None:
    tell(shop, *(EventRecord("u1", "Many", (), T0 + number) for number in range(130)))
    with shop.database.read() as session:
        news = incoming.since(session, shop.workspace.id, ALL, Seen(0))
    assert news is not None
    assert (len(news.arrivals), news.beyond, news.has_more) == (50, 80, False)


def test_what_is_committed_late_below_the_newest_is_new(shop: Shop) -> None:
    shop.event("Old", T0)
    (old,) = _rows(shop)
    _insert(shop, old.id + 10, "Quick")
    with shop.database.read() as session:
        before = incoming.seen(session)
    assert (old.id + 1, old.id + 9) in before.gaps
    _insert(shop, old.id + 5, "Slow")
    names, after = _since(shop, before)
    assert names == ["Slow"]
    assert _since(shop, after) == ([], after)


def _insert(shop: Shop, id_: int, name: str) -> None:
    (like, *_) = _rows(shop)
    row = {column.name: getattr(like, column.name) for column in Arrived.__table__.columns}
    with shop.database.write() as session:
        session.execute(insert(Arrived).values(row | {"id": id_, "name": name}))


def test_transaction_that_overtakes_another_hides_nothing(shop: Shop) -> None:
    if shop.database.is_sqlite:
        pytest.skip("SQLite has one writer at a time")
    shop.event("Old", T0)
    with shop.database.write() as slow:
        _like(slow, "Slow")
        shop.event("Quick", T0, "u2")
        with shop.database.read() as session:
            before = incoming.seen(session)
        assert _since(shop, before)[0] == []
    assert _since(shop, before)[0] == ["Slow"]


def _like(session: Session, name: str) -> None:
    """Write one more arrival."""
    names = [one.name for one in Arrived.__table__.columns if one.name not in {"id", "name"}]
    columns = [getattr(Arrived, one) for one in names]
    first = select(func.min(Arrived.id)).scalar_subquery()
    row = session.execute(select(*columns).where(Arrived.id == first)).one()
    session.execute(insert(Arrived).values({**row._mapping, "name": name}))


@pytest.mark.parametrize("text", ["", "x", "-1", "1.2", "1.2-", "1..", "9" * 30, "1.2-3.", "١"])
def test_nonsense_is_nothing_that_was_seen(text: str) -> None:
    assert Seen.parse(text) is None
