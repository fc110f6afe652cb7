"""A profile as it was: at the end of a day, or at an instant."""

import re
from random import Random

import pytest
from flask.testing import FlaskClient

from tests.visitors import (
    BERLIN,
    DAY,
    HOUR,
    MINUTE,
    MUMBAI,
    T0,
    customer,
    launched,
    login,
    page,
    part,
    path_of,
    section,
    seen,
    tell,
    values,
    words,
)
from tests.world import Shop, submit
from webapp import attributes, clock, customers, tallies

PHONE = {"deviceManufacturer": "Apple", "deviceModel": "iPhone 15"}


@pytest.fixture
def path(shop: Shop) -> str:
    """The profile of somebody who moved from Mumbai to Berlin, and got a tablet, between 10 and 20 March 2026."""
    tell(shop, launched("phone", T0, **PHONE), login("phone", T0), seen("phone", T0, "Early", **MUMBAI))
    tell(shop, customer("u1", T0, City="Mumbai"))
    later = T0 + 10 * DAY
    tell(shop, login("tablet", later), seen("tablet", later, "Late", utm={"source": "mail"}, **BERLIN))
    tell(shop, customer("u1", later, City="Berlin", VIP=True))
    return shop.profile_path()


def _cities(browser: FlaskClient, path: str, moment: str) -> str:
    return section(page(browser, f"{path}?as_of={moment}"), "attributes")


def _events(of: str) -> list[str]:
    return re.findall(r'<details class="event".*?<strong>([^<]*)</strong>', of, re.DOTALL)


def test_page_shows_what_had_been_reported_until_then(path: str, alice: FlaskClient) -> None:
    then = page(alice, f"{path}?as_of=2026-03-15")
    assert "City string · 10 Mar 2026, 17:30 Mumbai" in section(then, "attributes")
    for text in ("VIP", "Berlin", "tablet", "mail"):
        for panel in ("attributes", "acquisition", "location", "devices", "activities"):
            assert text not in section(then, panel), (text, panel)
    assert (_events(then), _events(page(alice, path))) == (["Early"], ["Late", "Early"])
    assert "There has been one visit so far." in section(then, "acquisition")
    assert "Mumbai, Maharashtra, India" in section(then, "location")
    assert "phone" in section(then, "devices")
    now = page(alice, path)
    for text, panel in (("VIP", "attributes"), ("Berlin", "location"), ("tablet", "devices")):
        assert text in section(now, panel)


def test_figures_are_those_of_then(path: str, shop: Shop, alice: FlaskClient) -> None:
    shop.event("Purchased", T0 + HOUR, Amount=100)
    shop.event("Purchased", T0 + 12 * DAY, Amount=23)
    shop.customer(name="Asha", email="asha@example.com")  # by the server's clock: after all of this
    then, now = page(alice, f"{path}?as_of=2026-03-15"), page(alice, path)
    for text in ("Last seen 10 Mar 2026, 18:30", "Events 2", "Active days 1", "Visits 1", "Orders 1", "Revenue 100"):
        assert text in section(then, "figures")
    for text in ("Last seen 22 Mar 2026, 17:30", "Active days 3", "Visits 2", "Orders 2", "Revenue 123"):
        assert text in section(now, "figures")
    assert "Late" not in section(then, "names")
    assert "Late" in section(now, "names")
    assert "on 1 day" in section(then, "year")
    assert ("asha@example.com" in then, "asha@example.com" in now) == (False, True)
    before = section(page(alice, f"{path}?as_of=2026-03-01"), "figures")
    assert "First seen not yet Last seen not yet Events 0 Active days 0" in before


def test_banner_says_what_it_means_and_leads_back(path: str, alice: FlaskClient) -> None:
    then = page(alice, f"{path}?as_of=2026-03-15&event=Early")
    banner = section(then, "as-of")
    assert (
        "As of 15 Mar 2026, 23:59 What had been reported until then, with what is known today of who is who." in banner
    )
    assert f'href="{path}?event=Early">Back to now<' in then
    assert '<input type="hidden" name="event" value="Early"' in then
    assert 'name="as_of" value="2026-03-15"' in then
    assert 'class="as-of as-of-past"' not in page(alice, path)


@pytest.mark.parametrize(
    ("moment", "city"),
    [
        ("2026-03-10", "Mumbai"),
        ("2026-03-19", "Mumbai"),
        ("2026-03-20", "Berlin"),  # 20 March 17:30 is within it
        ("2026-03-20T11:59:59.999Z", "Mumbai"),
        ("2026-03-20T12:00:00.000Z", "Berlin"),
        ("2026-03-20 17:29:59", "Mumbai"),  # in the workspace's zone
        ("2999-01-01", "Berlin"),
        *((nonsense, "Berlin") for nonsense in ("", "nonsense", "2026-02-30", "0001-01-01", "9999-12-31", "%00", "1")),
    ],
)
def test_moment_is_a_day_of_the_workspace_or_an_instant(path: str, alice: FlaskClient, moment: str, city: str) -> None:
    assert f" {city} " in _cities(alice, path, moment)


def test_before_anything_was_reported_nothing_is_there(path: str, alice: FlaskClient) -> None:
    then = page(alice, f"{path}?as_of=2026-03-09")
    assert "None had been reported by then." in section(then, "attributes")
    assert "No visits recorded" in section(then, "acquisition")
    assert section(then, "devices") == ""


def test_links_and_forms_keep_the_moment(path: str, alice: FlaskClient) -> None:
    then = page(alice, f"{path}?as_of=2026-03-15")
    history = re.findall(r'href="([^"]+/history\?[^"]+)"', then)[0].replace("&amp;", "&")
    shown = page(alice, history)
    assert "Mumbai" in shown
    assert "Berlin" not in shown
    assert f'href="{path}?as_of=2026-03-15"' in shown
    assert re.findall(
        r'<form class="card-head filters".*?<input type="hidden" name="as_of" value="2026-03-15"', then, re.DOTALL
    )
    for target in ("attributes", "activities", "attribute-rows", "older", "devices"):
        assert "Berlin" not in part(alice, f"{path}?as_of=2026-03-15", target)


def test_link_at_each_change_leads_to_the_profile_then(path: str, alice: FlaskClient) -> None:
    links = re.findall(r'href="([^"]+)">The profile as of then<', page(alice, f"{path}/history?attribute=City"))
    assert len(links) == 2
    assert [("Berlin" in section(page(alice, link), "attributes")) for link in links] == [True, False]
    assert [("VIP" in section(page(alice, link), "attributes")) for link in links] == [True, False]


def test_filter_by_dates_and_the_moment_go_together(path: str, alice: FlaskClient) -> None:
    assert _events(page(alice, f"{path}?as_of=2026-03-15&from=2026-03-12")) == []
    assert _events(page(alice, f"{path}?as_of=2026-03-15&to=2026-03-12")) == ["Early"]
    assert _events(page(alice, f"{path}?as_of=2026-03-21&to=2026-03-12")) == ["Early"]
    shown = section(page(alice, f"{path}?as_of=2026-03-15&show=visit&show=change&by=visit"), "activities")
    assert "City is Mumbai" in shown
    assert "Berlin" not in shown


def test_merged_profiles_old_id_keeps_the_moment(shop: Shop, alice: FlaskClient) -> None:
    shop.customer()
    tell(shop, seen("phone", T0))
    visitor = path_of(alice, "phone")
    tell(shop, login("phone", T0 + 1))
    answer = alice.get(f"{visitor}?as_of=2026-03-15&event=A")
    assert answer.location == f"{shop.profile_path()}?as_of=2026-03-15&event=A"


def test_notes_tags_and_refusals_are_of_then_and_nothing_is_written(
    shop: Shop, path: str, alice: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock, "now", lambda: T0)
    submit(alice, f"{path}/notes", form_on=path, text="Early note")
    submit(alice, f"{path}/tags", form_on=path, tag="early tag")
    shop.customer("u1", VIP="yes")
    monkeypatch.setattr(clock, "now", lambda: T0 + 10 * DAY)
    submit(alice, f"{path}/notes", form_on=path, text="Late note")
    submit(alice, f"{path}/tags", form_on=path, tag="late tag")
    shop.customer("u1", VIP=1)
    then, now = page(alice, f"{path}?as_of=2026-03-15"), page(alice, path)
    for word, there in (("Early note", True), ("early tag", True), ("Late note", False), ("late tag", False)):
        assert (word in then) == there
        assert word in now
    assert "/notes" not in then
    assert "/tags" not in then
    assert "VIP none 1 value was not stored A string came" in section(then, "attributes")
    assert "2 values were not stored" in section(now, "attributes")


def _choices(of: str) -> list[str]:
    """The events to choose from, each with its number where there is one."""
    menu = re.findall(r'<details class="menu" id="event-menu".*?</details>', of, re.DOTALL)[0]
    return [words(one) for one in re.findall(r"<label>(.*?)</label>", menu, re.DOTALL)]


def test_choice_of_events_has_the_numbers_of_then(
    shop: Shop, alice: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, days in (("Viewed", 0), ("Viewed", 1), ("Purchased", 1), ("Viewed", 20), ("Refunded", 20)):
        shop.event(name, T0 + days * DAY)
    path = shop.profile_path()
    assert _choices(page(alice, path)) == ["Viewed 3", "Purchased 1", "Refunded 1"]
    assert _choices(page(alice, f"{path}?as_of=2026-03-15")) == ["Viewed 2", "Purchased 1"]
    chosen = page(alice, f"{path}?as_of=2026-03-15&event=Refunded")
    assert _choices(chosen) == ["Refunded 0", "Viewed 2", "Purchased 1"]
    assert "Nothing matches this filter." in chosen
    monkeypatch.setattr(tallies, "FEW", 4)  # more than these would take long to count
    assert _choices(page(alice, f"{path}?as_of=2026-03-15")) == ["Viewed", "Purchased", "Refunded"]
    assert _choices(page(alice, path)) == ["Viewed 3", "Purchased 1", "Refunded 1"]


def test_visit_that_goes_on_has_begun(shop: Shop, alice: FlaskClient) -> None:
    tell(shop, login("phone", T0), *(seen("phone", T0 + number * 20 * MINUTE, **MUMBAI) for number in range(4)))
    then = page(alice, f"{shop.profile_path()}?as_of=2026-03-10T12:30:00Z")
    assert "last visit 10 Mar 2026, 18:00" in section(then, "location")
    assert "last seen 10 Mar 2026, 18:00" in section(then, "devices")


# Which value held


class Teller:
    """Tells values of one attribute, by devices' clocks and the server's, and remembers when each arrived."""

    def __init__(self, shop: Shop, patch: pytest.MonkeyPatch, seed: int = 0) -> None:
        self.shop, self.random, self.now = shop, Random(seed), T0  # noqa: S311 - nothing secret
        patch.setattr(clock, "now", lambda: self.now)

    def tell(self, number: int) -> None:
        """So many values, in any order, on the customer and on a phone."""
        for _ in range(number):
            self.now += self.random.choice((1, MINUTE, HOUR, DAY))
            at = self.random.choice((None, self.now - self.random.randrange(3 * DAY), self.now + DAY))
            city = self.random.choice(("Pune", "Goa", "Delhi"))
            told = (
                customer("u1", at, City=city)
                if self.random.random() < 0.5
                else values("phone", at or self.now, City=city)
            )
            tell(self.shop, told)

    def cities(self, as_of: int | None) -> str | None:
        """The value that the person has."""
        with self.shop.database.read() as session:
            ids = customers.members(session, self.shop.find().id)
            found = attributes.of_person(session, self.shop.workspace.id, ids, as_of)
        return found[0].value if found else None


@pytest.fixture(params=range(6))
def teller(shop: Shop, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Teller:
    """A person of two profiles of whom values are told."""
    teller = Teller(shop, monkeypatch, request.param)
    tell(shop, seen("phone", T0 - DAY), login("phone", T0 - 1))
    shop.customer()
    return teller


def test_what_holds_now_is_what_holds_as_of_now(teller: Teller) -> None:
    for _ in range(12):
        teller.tell(1)
        assert teller.cities(teller.now) == teller.cities(None)


def test_later_news_of_later_times_does_not_change_the_past(teller: Teller) -> None:
    teller.tell(8)
    moment, before = teller.now, teller.cities(teller.now)
    teller.now += 4 * DAY
    for city in ("Agra", "Kochi"):
        teller.now += DAY
        tell(teller.shop, customer("u1", None, City=city))
        tell(teller.shop, customer("u1", teller.now + 1, City=city))
    assert teller.cities(moment) == before
    assert teller.cities(None) == "Kochi"


def test_value_told_again_and_again_held_all_the_while(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    teller = Teller(shop, monkeypatch)
    for days in (0, 10):
        teller.now = T0 + days * DAY
        shop.customer(City="Pune")
    assert [teller.cities(T0 + days * DAY) for days in (-1, 0, 5, 10, 20)] == [None, "Pune", "Pune", "Pune", "Pune"]


def test_value_from_a_clock_that_is_ahead_held_since_it_came(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    teller = Teller(shop, monkeypatch)
    tell(shop, customer("u1", T0 + 365 * DAY, City="Future"))
    teller.now += DAY
    tell(shop, customer("u1", T0 + HOUR, City="Pune"))
    assert [teller.cities(T0 + hours * HOUR) for hours in (0, 1, 30)] == ["Future", "Pune", "Pune"]


def test_history_tells_nothing_of_later(path: str, alice: FlaskClient) -> None:
    shown = words(page(alice, f"{path}/history?attribute=City&as_of=2026-03-15"))
    assert "until 15 Mar 2026, 23:59, the latest first. Until now" in shown
    assert alice.get(f"{path}/history?attribute=VIP&as_of=2026-03-15").status_code == 404
    assert alice.get(f"{path}/value?attribute=City&as_of=2026-03-15").json == "Mumbai"
