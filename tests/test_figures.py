"""The top of a profile: figures, a year by day, events by name; and the map of the countries."""

import re
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from flask.testing import FlaskClient

from tests.visitors import BERLIN, DAY, MINUTE, MUMBAI, T0, login, page, part, section, seen, tell, words
from tests.world import Shop, rows, submit
from webapp import clock, tallies, world
from webapp.filters import amount, pause
from webapp.models import Tally, Workspace

SETTINGS = {
    "name": "Shop",
    "time_zone": "Asia/Kolkata",
    "default_region": "IN",
    "placeholder_ids": "null",
    "merges_a_day": "20",
}


@pytest.fixture(autouse=True)
def _today(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is the 20th of March 2026, ten days after T0."""
    monkeypatch.setattr(clock, "now", lambda: T0 + 10 * DAY)


def _figure(of: str, label: str) -> tuple[str, str]:
    """How a figure is computed, and the figure."""
    found = re.search(
        rf'<div (?:class="counted")? ?(?:title="([^"]*)")?>\s*<dt>{label}</dt><dd>(.*?)</dd>', of, re.DOTALL
    )
    assert found is not None, label
    return found[1] or "", words(found[2])


def test_figures_say_what_they_are(shop: Shop, alice: FlaskClient) -> None:
    tell(shop, login("phone", 1))
    for number in range(3):
        begin = T0 + number * 2 * DAY
        tell(shop, seen("phone", begin), seen("phone", begin + (number + 1) * MINUTE))
    shop.event("Purchased", T0 + DAY, Amount=1000.5)
    shop.event("Purchased", T0 + DAY + 1, Amount=234)
    shown = page(alice, shop.profile_path())
    labels = ("Events", "Active days", "Orders", "Revenue", "Visits", "Median visit", "P90 visit", "Between visits")
    found = [_figure(shown, label)[1] for label in labels]
    assert found == ["8", "4", "2", "1,234.50", "3", "2 min", "3 min", "2 days"]
    assert _figure(shown, "Revenue")[0] == "The sum of “Amount” over 2 events “Purchased”"
    assert _figure(shown, "Active days")[0] == "Days with an event, in the zone Asia/Kolkata"
    assert "the latest 3 visits" in _figure(shown, "P90 visit")[0]


def test_what_an_order_is_can_be_said_where_it_cannot_be_guessed(
    shop: Shop, alice: FlaskClient, bob: FlaskClient
) -> None:
    shop.event("Rented", T0, Fee=12, Car="Mini")
    shown = page(alice, shop.profile_path())
    assert _figure(shown, "Orders")[1] == "Which event?"
    assert 'href="/settings/workspace">Which event?' in shown
    assert _figure(page(bob, shop.profile_path()), "Orders")[1] == "not known"
    assert submit(alice, "/settings/workspace", **SETTINGS, order_event="Rented").status_code == 302
    shown = page(alice, shop.profile_path())
    assert (_figure(shown, "Orders")[1], _figure(shown, "Revenue")[1]) == ("1", "Which attribute?")
    submit(alice, "/settings/workspace", **SETTINGS, order_event="Rented", amount_attribute="Fee")
    shown = page(alice, shop.profile_path())
    assert _figure(shown, "Revenue")[1] == "12"
    form = page(alice, "/settings/workspace")
    assert 'name="order_event" value="Rented"' in form
    assert '<option value="Rented">' in form
    submit(alice, "/settings/workspace", **SETTINGS)
    with shop.database.read() as session:
        kept = session.get_one(Workspace, shop.workspace.id)
    assert (kept.order_event, kept.amount_attribute) == (None, None)


def test_orders_without_amounts_have_no_revenue_of_zero(shop: Shop, alice: FlaskClient) -> None:
    shop.event("Purchased", T0, "u2", Amount=5)
    shop.event("Purchased", T0, Total=5)
    assert _figure(page(alice, shop.profile_path()), "Revenue")[1] == "not told"
    shop.customer("u3")
    assert _figure(page(alice, shop.profile_path("u3")), "Revenue")[1] == "0"


@pytest.mark.parametrize(
    ("event", "attribute", "reason"),
    [
        ("Rented", "Car", "“Car” of “Rented” is no number: its type is string."),
        ("", "Fee", "Say which event this amount belongs to: none could be guessed."),
        ("x" * 1001, "", "A name has at most 1,000 characters."),
        ("", "x" * 1001, "A name has at most 1,000 characters."),
    ],
)
def test_wrong_order_is_explained(shop: Shop, alice: FlaskClient, event: str, attribute: str, reason: str) -> None:
    shop.event("Rented", T0, Fee=12, Car="Mini")
    answer = submit(alice, "/settings/workspace", **SETTINGS, order_event=event, amount_attribute=attribute)
    assert (answer.status_code, reason in answer.text) == (422, True)


def test_person_of_many_events_is_counted_in_a_request_of_its_own(
    shop: Shop, alice: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tallies, "FEW", 2)
    monkeypatch.setattr(tallies, "_KEPT_OPEN", 1)
    for number in range(5):
        shop.event("Purchased", T0 + number * DAY, Amount=2)
    path = f"{shop.profile_path()}?by=visit"
    shown = page(alice, path)
    assert (_figure(shown, "Active days")[1], _figure(shown, "Revenue")[1]) == ("…", "…")
    assert (_figure(shown, "Events")[1], _figure(shown, "Orders")[1]) == ("5", "5")
    assert f'hx-get="{path}" hx-trigger="load"' in shown
    assert 'href="?by=visit&amp;count=yes"' in shown
    assert rows(shop.database, Tally) == 0
    counted = part(alice, path, "overview")
    assert counted.lstrip().startswith('<div id="overview"')
    assert "hx-trigger" not in counted
    assert _figure(counted, "Revenue")[1] == "10"
    assert rows(shop.database, Tally) == 1
    assert _figure(page(alice, path), "Revenue")[1] == "10", "the next look finds it"


def test_figures_are_counted_without_scripts_too(
    shop: Shop, alice: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tallies, "FEW", 0)
    shop.event("Purchased", T0, Amount=2)
    assert _figure(page(alice, f"{shop.profile_path()}?count=yes"), "Revenue")[1] == "2"


def test_counting_that_fails_leaves_the_rest_of_the_page(
    shop: Shop, alice: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.customer(name="Asha Rao")
    shop.event("Purchased", T0)

    def fail(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(tallies, "glance", fail)
    shown = page(alice, shop.profile_path())
    assert shown.count("can’t be shown") == 2
    assert "Asha Rao" in shown
    assert "Purchased 1" in section(shown, "names")


def _days(shown: str) -> dict[str, str]:
    """Days of the year that can be clicked, and their titles."""
    return dict(re.findall(r'from=(\d{4}-\d\d-\d\d)&amp;to=\1"[^>]*><rect[^>]*/><title>([^<]*)<', shown))


def test_year_shows_each_day_of_the_last_twelve_months(shop: Shop, alice: FlaskClient) -> None:
    shop.event("A", T0)
    shop.event("B", T0 + 1)
    shop.event("C", T0 + 6 * DAY)
    shop.event("Old", T0 - 400 * DAY)
    shown = page(alice, shop.profile_path())
    assert _days(shown) == {
        "2026-03-10": "2 events on Tue, 10 Mar 2026",
        "2026-03-16": "1 event on Mon, 16 Mar 2026",
    }
    text = section(shown, "year")
    assert "3 events on 2 days, most on 10 Mar 2026 (2)." in text
    assert "March 2026 3 2" in text
    assert re.search(r'href="\?from=2026-03-01&amp;to=2026-03-20">March 2026<', shown)


def test_year_is_chosen_in_the_address(shop: Shop, alice: FlaskClient) -> None:
    shop.event("New", T0)
    shop.event("Old", int(datetime(2024, 12, 31, 18, 30, tzinfo=UTC).timestamp() * 1000))  # already 2025 in India
    shown = page(alice, f"{shop.profile_path()}?by=visit&event=New&year=2025")
    assert list(_days(shown)) == ["2025-01-01"]
    years = re.findall(r'<a href="([^"]*)" hx-get="\1" hx-target="#year"[^>]*>([^<]*)<', shown)
    assert years == [
        ("?by=visit&amp;event=New", "12 months"),
        ("?by=visit&amp;event=New&amp;year=2026", "2026"),
        ("?by=visit&amp;event=New&amp;year=2025", "2025"),
    ]
    assert '"?year=2025&amp;by=visit&amp;from=2025-01-01&amp;to=2025-01-01"' in shown, "a day shows all its events"
    alone = part(alice, f"{shop.profile_path()}?year=2025", "year")
    assert alone.lstrip().startswith('<section id="year"')


@pytest.mark.parametrize("year", ["", "2019", "9999", "-1", "two", "٢٠٢٦", "2" * 500, "2026.0", "%00"])
def test_year_that_is_none_is_the_last_twelve_months(shop: Shop, alice: FlaskClient, year: str) -> None:
    shop.event("New", T0)
    assert list(_days(page(alice, f"{shop.profile_path()}?year={year}"))) == ["2026-03-10"]


def test_year_without_events_says_so(shop: Shop, alice: FlaskClient) -> None:
    shop.customer()
    assert "No events in these twelve months." in section(page(alice, shop.profile_path()), "year")
    shop.event("Old", T0 - 800 * DAY)
    shop.event("New", T0)
    assert "No events in 2025." in section(page(alice, f"{shop.profile_path()}?year=2025"), "year")


def test_levels_are_quarters_of_the_days(shop: Shop, alice: FlaskClient) -> None:
    for day, number in enumerate((1, 2, 3, 4, 5, 6, 7, 40)):
        for place in range(number):
            shop.event("A", T0 + day * DAY + place)
    shown = page(alice, shop.profile_path())
    assert re.findall(r'<rect class="day-(\d)" x=', shown) == ["1", "1", "2", "2", "3", "3", "4", "4"]
    assert "1 to 2 3 to 4 5 to 6 7 or more" in section(shown, "year")


def test_chosen_day_and_name_are_marked(shop: Shop, alice: FlaskClient) -> None:
    shop.event("A", T0)
    shown = page(alice, f"{shop.profile_path()}?from=2026-03-10&to=2026-03-10")
    assert re.search(r'to=2026-03-10" tabindex="-1" aria-current="true"', shown)
    shown = page(alice, f"{shop.profile_path()}?event=A")
    assert '<a href="?event=A" aria-current="true">' in shown


def test_events_by_name_are_bars_that_filter(shop: Shop, alice: FlaskClient) -> None:
    for number in range(12):
        for place in range(12 - number):
            shop.event(f"Event {number:02}", T0 + place)
    shop.event("<b>&amp;", T0)
    shown = page(alice, f"{shop.profile_path()}?by=visit&from=2026-01-01")
    names = section(shown, "names")
    assert names.startswith("Events by name Event 00 12 Event 01 11")
    assert "5 more" in names
    assert 'href="?by=visit&amp;event=Event+03"' in shown
    assert '<rect width="50.0" height="1" />' in shown
    assert "<b>&amp;" not in shown[shown.index('id="names"') :].partition("</section>")[0]
    filtered = page(alice, f"{shop.profile_path()}?by=visit&event=%3Cb%3E%26amp%3B")
    assert "Nothing matches" not in filtered


def test_countries_are_on_the_map(shop: Shop, alice: FlaskClient) -> None:
    tell(shop, login("phone", 1), seen("phone", T0, **MUMBAI), seen("phone", T0 + DAY, **BERLIN))
    tell(shop, seen("phone", T0 + 2 * DAY, country="ZZ"))
    shown = page(alice, shop.profile_path())
    assert 'aria-label="On a map of the world: India, Germany"' in shown
    assert re.search(r"static/world\.svg\?v=\w+#land", shown)
    titles = re.findall(r"<circle[^>]*>\s*<title>(.*?)</title>", shown)
    assert titles == ["India: Mumbai", "Germany: Berlin"]
    tell(shop, seen("phone", T0 + 3 * DAY, **MUMBAI))
    shown = page(alice, shop.profile_path())
    assert re.findall(r'<circle class="pin-latest"[^>]*>\s*<title>(.*?)</title>', shown) == [
        "India: Mumbai (last visit)"
    ]


def test_map_knows_where_countries_are() -> None:
    india, brazil, nowhere = map(world.country, ("IN", "BR", "ZZ"))
    assert india is not None
    assert brazil is not None
    assert nowhere is None
    assert brazil.x < world.WIDTH / 2 < india.x
    assert india.y < brazil.y < world.HEIGHT


@pytest.mark.parametrize(
    ("number", "text"),
    [("0", "0"), ("1234", "1,234"), ("1234.5", "1,234.50"), ("-3.999", "-4.00"), ("1e300", "1.000e+300")],
)
def test_amounts_are_grouped(number: str, text: str) -> None:
    assert amount(Decimal(number)) == text


@pytest.mark.parametrize(
    ("ms", "text"),
    [(0, "0 s"), (90 * MINUTE, "1 h 30 min"), (DAY, "1 day"), (int(2.54 * DAY), "2.5 days"), (20 * DAY, "20 days")],
)
def test_pauses_are_days_where_they_are_long(ms: int, text: str) -> None:
    assert pause(ms) == text
