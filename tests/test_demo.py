"""The demonstration shop."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from tests.installations import run
from tests.world import NOON, PASSWORD, Shop, submit
from webapp import attributes, clock, customers, demo, devices, search, users, values, visits, workspaces
from webapp.customers import Wanted
from webapp.ingest.changes import Change, DeviceInfo, EventRecord, OnDevice
from webapp.models import AttributeType, Customer, Device, DeviceLogin, Event, IgnoredValue, Merge, Workspace

NUMBER = 120
STRANGERS = 36
SHARED_ID = "customer"  # what the broken app says
FROM_BACKEND = {
    "Purchased", "Order Delivered", "Review Submitted", "Support Ticket Opened", "Support Ticket Closed",
}  # fmt: skip
# Kept for documents: RFC 5737 and RFC 3849
DOCUMENTS = [ip_network(one) for one in ("203.0.113.0/24", "198.51.100.0/24", "2001:db8::/32")]


@dataclass(frozen=True)
class Filled:
    """The demonstration in a workspace, and what was told of it."""

    shop: Shop
    told: list[int]
    summary: str

    @property
    def id(self) -> int:
        """The workspace's."""
        return self.shop.workspace.id


@pytest.fixture(scope="module")
def filled(shared_shop: Shop) -> Filled:
    """The demonstration, loaded once for all tests that look at it."""
    told: list[int] = []
    summary = demo.fill(shared_shop.database, shared_shop.workspace, NUMBER, told.append)
    return Filled(shared_shop, told, summary)


@pytest.fixture
def session(filled: Filled) -> Iterator[Session]:
    """A look at what was loaded."""
    with filled.shop.database.read() as session:
        yield session


@dataclass(frozen=True)
class Seen:
    """A person: the customer of the list, and the row ids of all their profiles."""

    customer: Customer
    ids: list[int]


def _people(session: Session, filled: Filled, status: customers.Status = "registered") -> list[Seen]:
    """Who is in the list, but for bots and whom the broken app made up."""
    query = select(Customer).where(Customer.workspace_id == filled.id, Customer.root_id.is_(None), ~Customer.is_bot)
    if status != "all":
        is_registered = Customer.system_id.is_not(None)
        query = query.where(is_registered if status == "registered" else ~is_registered)
    found = session.scalars(query.order_by(Customer.id))
    return [Seen(one, customers.members(session, one.id)) for one in found if one.system_id != SHARED_ID]


def _events(filled: Filled, *where: Any) -> Select[Any]:
    query = select(Event).join(Customer, Customer.id == Event.customer_id)
    return query.where(Customer.workspace_id == filled.id, *where).order_by(Event.reported_at)


def _purchases(session: Session, person: Seen) -> Sequence[Event]:
    query = select(Event).where(Event.customer_id.in_(person.ids), Event.name == "Purchased")
    return session.scalars(query.order_by(Event.reported_at)).all()


def _shared(filled: Filled) -> Customer:
    return filled.shop.find(SHARED_ID)


def test_shop_is_filled_and_summed_up(filled: Filled, session: Session) -> None:
    assert sum(filled.told) == NUMBER
    events = len(session.scalars(_events(filled)).all())
    assert filled.summary == (
        f"“Alice's shop” has {NUMBER} more customers, with {events:,} events. {STRANGERS} visitors haven't signed up."
    )


def test_list_has_registered_anonymous_and_bots(filled: Filled, session: Session) -> None:
    assert customers.count(session, filled.id, Wanted("registered")) == NUMBER + 1  # one for all of the broken app
    anonymous = customers.count(session, filled.id, Wanted("anonymous", hides_bots=True))
    assert STRANGERS <= anonymous <= STRANGERS + NUMBER // 4, "beside them stopped merges and stretches after a logout"
    query = select(Customer).where(Customer.workspace_id == filled.id, Customer.is_bot, Customer.root_id.is_(None))
    bots = session.scalars(query).all()
    assert len(bots) == 3
    assert all(bot.system_id is None and bot.event_count > 30 for bot in bots)


def test_totals_agree_with_the_events(filled: Filled, session: Session) -> None:
    orders = Counter[int]()
    for person in _people(session, filled):
        purchases = _purchases(session, person)
        orders[len(purchases)] += 1
        said = {one.name: one.value for one in attributes.of_person(session, filled.id, person.ids)}
        totals = [json.loads(one.attributes)["Total"] for one in purchases]
        assert said["Total Orders"] == len(totals)
        assert said["Total Spent"] == sum(totals)
        assert said["Is First Time Purchaser"] == (len(totals) == 1)
        if purchases:
            last_at = datetime.fromisoformat(said["Last Order Date"]).timestamp()
            assert last_at == purchases[-1].reported_at // clock.SECOND
        else:
            assert "Last Order Date" not in said
    assert len(orders) > 2, "some shoppers buy more often than others"


def test_order_adds_up(filled: Filled, session: Session) -> None:
    purchases = session.scalars(_events(filled, Event.name == "Purchased")).all()
    assert purchases
    for purchase in purchases:
        said = json.loads(purchase.attributes)
        products, totals = said["Order"]["products"], said["Order"]["totals"]
        assert sum(one["price"] * one["quantity"] for one in products) == totals["subtotal"]
        assert totals["subtotal"] - totals["discount"] + totals["delivery"] == said["Total"]
        assert said["Sku Purchased"] == [one["sku"] for one in products]


def test_attributes_of_every_type_occur(filled: Filled, session: Session) -> None:
    types = session.scalars(select(AttributeType.type).where(AttributeType.workspace_id == filled.id))
    assert set(types) == set(values.EVENT_TYPES)


def test_events_lie_in_the_last_year(filled: Filled, session: Session) -> None:
    times = [event.reported_at for event in session.scalars(_events(filled))]
    assert clock.now() - 366 * clock.DAY < min(times)
    assert max(times) <= clock.now()


def test_what_is_done_is_on_a_device_and_the_backend_tells_the_rest(filled: Filled, session: Session) -> None:
    query = select(Event.name, Event.device_id.is_(None)).join(Customer, Customer.id == Event.customer_id)
    told = session.execute(query.where(Customer.workspace_id == filled.id).distinct()).all()
    assert {name for name, is_backend in told if is_backend} == FROM_BACKEND
    on_device = {name for name, is_backend in told if not is_backend}
    assert on_device.isdisjoint(FROM_BACKEND)
    assert {"App Launched", "Page Visited", "Signed Up", "Product Viewed"} <= on_device


def test_context_tells_place_address_and_page(filled: Filled, session: Session) -> None:
    for event in session.scalars(_events(filled, Event.device_id.is_not(None))):
        told = json.loads(event.context or "{}")
        assert len(told["country"]) == 2
        assert told["city"]
        assert any(ip_address(told["address"]) in network for network in DOCUMENTS)
        assert told["address"].endswith((".0", "::")), "it is shortened"
        assert ("page" in told) == _is_browser(session, event)
        if told.get("utm", {}).get("medium") == "email":
            assert "referrer" not in told
        if told.get("utm", {}).get("source") in {"google", "facebook", "instagram"}:
            assert told["utm"]["source"] in told["referrer"]
    assert "UTM Source" not in filled.shop.types("Page Visited")


def _is_browser(session: Session, event: Event) -> bool:
    return session.get_one(Device, event.device_id).info is None


def test_visits_begin_in_several_ways(filled: Filled, session: Session) -> None:
    ends = [visits.ends(session, person.ids) for person in _people(session, filled, "all")]
    first = [one.first.came for one in ends if one is not None]
    assert len(first) == len(ends), "everybody has visited"
    assert any(not came.source and not came.utm for came in first), "some come directly"
    assert any(came.source and not came.utm for came in first), "some follow a link"
    assert len({came.utm.get("source") for came in first}) > 3


def test_many_came_first_and_last_by_different_ways(filled: Filled, session: Session) -> None:
    people = [visits.ends(session, person.ids) for person in _people(session, filled)]
    differ = [one for one in people if one is not None and one.first.came.utm != one.last.came.utm]
    assert len(differ) > NUMBER // 3


def test_logins_join_visitors_with_customers(filled: Filled, session: Session) -> None:
    people = _people(session, filled)
    assert len(people) == NUMBER
    assert all(len(person.ids) > 1 for person in people), "everybody was a visitor before signing up"
    before = 0
    for person in people:
        query = _events(filled, Event.customer_id.in_(person.ids), Event.name == "Signed Up")
        signed_up = session.scalars(query).one()
        before += person.customer.first_seen_at < signed_up.reported_at - clock.DAY
    assert before > NUMBER // 3, "many came by on a day before"


def test_about_a_quarter_uses_a_second_device(filled: Filled, session: Session) -> None:
    several = [person for person in _people(session, filled) if len(devices.of_person(session, person.ids)) > 1]
    assert NUMBER // 10 < len(several) < NUMBER // 2


def test_devices_say_what_they_are(filled: Filled, session: Session) -> None:
    shown = [one for person in _people(session, filled, "all") for one in devices.of_person(session, person.ids)]
    assert all(one.title != "Unknown device" for one in shown)
    assert {one.is_app for one in shown} == {True, False}
    assert any(one.takes_push for one in shown)


def test_people_travel(filled: Filled, session: Session) -> None:
    places = [len(visits.stays(session, person.ids)) for person in _people(session, filled)]
    assert min(places) == 1
    assert sum(number > 1 for number in places) > NUMBER // 20


def test_tablet_is_handed_from_one_to_the_next(filled: Filled, session: Session) -> None:
    query = (
        select(Device.info, DeviceLogin.customer_id)
        .join(DeviceLogin, DeviceLogin.device_id == Device.id)
        .where(Device.workspace_id == filled.id)
        .order_by(DeviceLogin.at)
    )
    whose = [customer_id for info, customer_id in session.execute(query) if info and '"Tablet"' in info]
    assert len(set(whose) - {None}) > 2
    assert None in whose, "they log out"
    guests = [session.get_one(Customer, one) for one in whose if one is not None]
    assert len({guest.root_id or guest.id for guest in guests}) == len(guests), "and remain different people"


def test_broken_app_blows_the_fuse(filled: Filled, session: Session) -> None:
    shared = _shared(filled)
    assert shared.merging_stopped_at is not None
    assert [one.id for one in customers.stopped(session, filled.id)] == [shared.id]
    query = select(Merge.is_stopped, func.count()).where(Merge.target_id == shared.id).group_by(Merge.is_stopped)
    assert sorted(map(tuple, session.execute(query))) == [(False, 20), (True, 4)]
    times = session.scalars(select(DeviceLogin.at).where(DeviceLogin.customer_id == shared.id)).all()
    assert max(times) - min(times) < clock.HOUR


def test_former_email_is_found(filled: Filled, session: Session) -> None:
    former = 0
    for person in _people(session, filled):
        if not person.customer.email:
            continue
        for old in attributes.history(session, filled.id, person.ids, "email")[1:]:
            hits = search.find(session, filled.shop.workspace, old.value).hits
            assert [(hit.customer.id, hit.is_former) for hit in hits] == [(person.customer.id, True)]
            assert old.reported_at < person.customer.last_seen_at
            former += 1
    assert former


def test_some_have_moved(filled: Filled, session: Session) -> None:
    histories = [attributes.history(session, filled.id, person.ids, "City") for person in _people(session, filled)]
    assert any(len(history) > 1 for history in histories)
    now = clock.now()
    assert all(value.reported_at < now - clock.MINUTE for history in histories for value in history)


def test_app_that_sends_prices_as_text_shows_in_ignored_values(filled: Filled, session: Session) -> None:
    query = select(IgnoredValue, Customer).join(Customer, Customer.id == IgnoredValue.customer_id)
    ignored = session.execute(query.where(Customer.workspace_id == filled.id)).all()
    assert {(one.event_name, one.name, one.expected, one.received) for one, _ in ignored} == {
        ("Product Viewed", "Price", "number", "string")
    }
    people = {whose.root_id or whose.id for _, whose in ignored}
    assert len(people) == NUMBER // 40


def test_everybody_has_a_profile_page(filled: Filled, session: Session) -> None:
    browser = _admin(filled)
    assert "Merging has stopped" in browser.get("/customers").get_data(as_text=True)
    for person in _people(session, filled, "all"):
        page = browser.get(f"/customers/{person.customer.growlytics_id}?by=visit&show=merge&show=change")
        assert page.status_code == 200


def _admin(filled: Filled) -> FlaskClient:
    with filled.shop.database.write() as session:
        wanted = users.credentials("alice@shop.example", PASSWORD)
        users.create(session, wanted, filled.id, "admin")
    browser = filled.shop.app.test_client()
    submit(browser, "/login", email="alice@shop.example", password=PASSWORD)
    return browser


def test_more_shoppers_are_other_people(shared_shop: Shop) -> None:
    with shared_shop.database.write() as session:
        other = workspaces.create(session, "Charlie's shop")
    for _ in range(2):
        demo.fill(shared_shop.database, other, 5, lambda _: None)
    with shared_shop.database.read() as session:
        assert customers.count(session, other.id, Wanted("registered")) == 11


@pytest.fixture
def sent(shared_shop: Shop, monkeypatch: pytest.MonkeyPatch) -> list[list[Change]]:
    """What two loadings at the same time of day send, without storing it."""
    loadings: list[list[Change]] = []

    def keep(_: object, __: Workspace, changes: Sequence[Change], ___: object) -> None:
        loadings[-1] += changes

    monkeypatch.setattr(clock, "now", lambda: NOON)
    monkeypatch.setattr("webapp.demo.batch.submit", keep)
    with shared_shop.database.write() as session:
        empty = workspaces.create(session, "An empty shop")
    for _ in range(2):
        loadings.append([])
        demo.fill(shared_shop.database, empty, 60, lambda _: None)
    return loadings


def test_shop_is_the_same_every_time(sent: list[list[Change]]) -> None:
    first, second = sent
    assert len(first) > 1000
    assert first == second


def test_some_of_it_arrives_late(sent: list[list[Change]]) -> None:
    latest: dict[str, int] = {}
    late = Counter[type[Change]]()
    for change in sent[0]:
        if isinstance(change, EventRecord | DeviceInfo) and isinstance(change.who, OnDevice):
            at, did = change.reported_at or 0, change.who.did
            late[type(change)] += at < latest.get(did, 0) - clock.HOUR
            latest[did] = max(at, latest.get(did, 0))
    assert late[EventRecord]
    assert late.total() < len(sent[0]) // 10, "few of all"


def test_apps_tell_of_themselves_when_they_are_opened(sent: list[list[Change]]) -> None:
    events = [one for one in sent[0] if isinstance(one, EventRecord) and one.name == "App Launched"]
    launches = {(one.who, one.reported_at) for one in events}
    described = {(one.who, one.reported_at) for one in sent[0] if isinstance(one, DeviceInfo)}
    assert launches == described
    assert all(isinstance(who, OnDevice) and who.user_agent for who, _ in launches)


def test_demo_refuses_a_shop_with_customers_unless_forced(tmp_path: Path) -> None:
    first = run(tmp_path, "demo", "--customers", "3")
    assert first.returncode == 0
    assert "/invitations/" in first.stdout, "the link of a first start is shown only once, so here"
    assert "“My shop” has 3 more customers" in first.stdout
    refused = run(tmp_path, "demo", "--customers", "3")
    assert refused.returncode == 1
    assert refused.stderr == "Error: “My shop” has customers; --force adds the demonstration to them\n"
    assert run(tmp_path, "demo", "--customers", "3", "--force").returncode == 0


@pytest.mark.parametrize("number", ["0", "many"])
def test_demo_needs_a_number_of_customers(tmp_path: Path, number: str) -> None:
    assert run(tmp_path, "demo", "--customers", number).returncode == 2
