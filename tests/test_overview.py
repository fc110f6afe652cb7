"""The overview: figures of days against the days before, top names, what it links to, and what somebody should see."""

import html
import re
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import pytest
from flask.testing import FlaskClient
from sqlalchemy import insert, update

from tests.visitors import DAY, GOOGLEBOT, HOUR, MUMBAI, login, page, seen, tell, words
from tests.world import Shop
from webapp import alerts, clock, counts
from webapp.models import Customer, DailyCount, RefusedHour
from webapp.overview import Days
from webapp.pages.charts import Chart

ZONE = ZoneInfo("Asia/Kolkata")
NOW = int(datetime(2026, 3, 31, 15, 20, tzinfo=ZONE).timestamp() * 1000)


@pytest.fixture(autouse=True)
def _noon(monkeypatch: pytest.MonkeyPatch) -> None:
    """The server's clock stands on the last of March 2026, 15:20."""
    monkeypatch.setattr(clock, "now", lambda: NOW)


@pytest.fixture
def march(shop: Shop) -> Shop:
    """Something on many days up to now."""
    for number, days_ago in enumerate((0, 0, 1, 6, 7, 8, 29, 30, 45)):
        shop.event("Purchased", NOW - days_ago * DAY - HOUR, f"u{number % 4}", Place=number)
    tell(shop, seen("d1", NOW - DAY, referrer="https://google.com/", **MUMBAI), seen("d2", NOW, agent=GOOGLEBOT))
    tell(shop, seen("d3", NOW - 8 * DAY, utm={"source": "mail"}, **MUMBAI))
    return shop


def _tiles(browser: FlaskClient, path: str) -> dict[str, tuple[str, str]]:
    """The figure of each tile and its change."""
    found = {}
    for tile in page(browser, path).split('class="card tile"')[1:]:
        title, number = re.findall(r"<h2[^>]*>(.*?)</h2>", tile)[0], re.findall(r"<strong>(.*?)</strong>", tile)[0]
        change = words(re.findall(r'<span class="change".*?</span></span>', tile, re.DOTALL)[0])
        found[title] = (number, change)
    return found


def _listed(browser: FlaskClient, link: str) -> int:
    """How many customers stand in the list that a link leads to."""
    return len(re.findall(r'class="row-link"', page(browser, html.unescape(link))))


def test_figures_of_some_days_against_those_before(march: Shop, alice: FlaskClient) -> None:
    assert _tiles(alice, "/overview?days=7") == {
        "Customers": ("4", "new against 0 before"),
        "New customers": ("4", "new against 0 before"),
        "Events": ("6", "+100 % against 3 before"),
        "Active customers a day": ("0.6", "+100 % against 0.3 before"),
    }
    assert _tiles(alice, "/overview")["Events"] == ("10", "+400 % against 2 before")
    assert _tiles(alice, "/overview?from=2026-03-01&to=2026-03-02")["Events"] == ("2", "new against 0 before")


def test_every_figure_links_to_the_list_it_counts(march: Shop, alice: FlaskClient) -> None:
    with march.database.write() as session:  # two of them came to be here earlier
        session.execute(update(Customer).where(Customer.system_id.in_(("u0", "u1"))).values(created_at=NOW - 40 * DAY))
        session.execute(
            update(DailyCount)
            .where(DailyCount.kind == "customer", DailyCount.name == "registered")
            .values(count=DailyCount.count - 2)
        )
        day = counts.day_of(NOW - 40 * DAY, ZONE)
        row = {"workspace_id": march.workspace.id, "kind": "customer", "name": "registered", "day": day, "count": 2}
        session.execute(insert(DailyCount).values(row))
    shown = page(alice, "/overview?days=30")
    tiles = _tiles(alice, "/overview?days=30")
    links = dict(re.findall(r'<a href="([^"]*)">(All of them|Who they are|Purchased|Seen since then)', shown))
    assert tiles["Customers"] == ("4", "+100 % against 2 before")
    assert tiles["New customers"] == ("2", "±0 % against 2 before")
    for link, what in links.items():
        listed = words(page(alice, html.unescape(link)))
        expected = {"All of them": "4 customers", "Who they are": "2 customers", "Seen since then": "4 customers"}[what]
        assert expected in listed, what
    (purchased,) = re.findall(r'<a href="([^"]*)"><span class="bar-name">Purchased<', shown)
    assert "4 customers" in words(page(alice, html.unescape(purchased)))


def test_top_names_and_their_days(march: Shop, alice: FlaskClient) -> None:
    shown = page(alice, "/overview?days=7")
    assert "Purchased 4 +100 % against 2 before" in words(shown)
    for kind, name, label, number in (("source", "google.com", "google.com", 1), ("country", "IN", "India", 1)):
        assert label in words(shown)
        names = page(alice, f"/overview/{kind}?days=7")
        (link,) = re.findall(rf'<a href="([^"]*)"><span class="bar-name">{label}<', names)
        assert link == f"/overview/{kind}?days=7&amp;name={name}"
        days = page(alice, html.unescape(link))
        assert re.findall(r"<strong>(\d+)</strong>", days) == [str(number)]
        assert re.findall(r'<th scope="row">30 Mar 2026</th><td>(\d+)</td>', days) == ["1"]
        (whose,) = re.findall(r'<a href="([^"]*)">Customers who came so<', days)
        (direct,) = re.findall(rf'<a href="([^"]*)"><span class="bar-name">{label}<', shown)
        assert direct == whose
        assert f"Visited {'by' if kind == 'source' else 'in'} {name}" in words(page(alice, html.unescape(whose)))
        assert _listed(alice, whose) == number


@pytest.mark.parametrize("path", ["/overview/nothing", "/overview/active", "/overview/customer"])
def test_what_is_counted_for_itself_has_no_list_of_names(march: Shop, alice: FlaskClient, path: str) -> None:
    assert alice.get(path).status_code == 404


@pytest.mark.parametrize(
    ("query", "fault"),
    [
        ({"from": "2026-03-01"}, "Give both days"),
        ({"from": "nonsense", "to": "2026-03-01"}, "Give both days"),
        ({"from": "2026-03-02", "to": "2026-03-01"}, "The first day is after the last one"),
        ({"from": "2026-04-02", "to": "2026-04-05"}, "has not come yet"),
        ({"from": "2020-03-02", "to": "2026-03-01"}, "At most 366 days"),
    ],
)
def test_days_that_cannot_be_shown_are_explained(
    march: Shop, alice: FlaskClient, query: dict[str, str], fault: str
) -> None:
    shown = page(alice, f"/overview?{urlencode(query)}")
    assert fault in words(shown)
    assert 'value="2026-03-02"' in shown  # the usual thirty days


def test_days_to_come_are_cut_off(march: Shop, alice: FlaskClient) -> None:
    assert 'value="2026-03-31"' in page(alice, "/overview?from=2026-03-01&to=2027-01-01")


@pytest.mark.parametrize(
    "query", ["days=0", "days=x", "days=99999999999999999999", "name=%00", "days=7&name=%F0%9F%98%80"]
)
def test_any_address_is_a_page(march: Shop, alice: FlaskClient, query: str) -> None:
    for path in ("/overview", "/overview/event", "/overview/source"):
        assert alice.get(f"{path}?{query}").status_code == 200


def test_name_is_escaped(shop: Shop, alice: FlaskClient) -> None:
    name = "<b>&\"'"
    shop.event(name, NOW)
    for path in ("/overview", "/overview/event", f"/overview/event?{urlencode({'name': name})}"):
        shown = page(alice, path)
        assert "<b>&" not in shown
        assert "&lt;b&gt;" in shown


def test_empty_workspace_is_told_how_to_get_started(alice: FlaskClient) -> None:
    answer = alice.get("/overview")
    assert (answer.status_code, answer.location) == (302, "/customers")


def test_chart_says_in_words_what_it_shows() -> None:
    chart = Chart(Days(20_000, 20_003), [3, 0, 12, 1], "event")
    assert chart.words == "By day: most on 6 Oct 2024, 12 events; fewest on 5 Oct 2024, 0."
    assert [(bar.x, bar.height) for bar in chart.bars] == [(0, 14.0), (20, 56.0), (30, 4.7)]
    assert Chart(Days(20_000, 20_001), [0, 0], "event").words == "No events on any of these days."


def _arrivals(shop: Shop, by_days_and_hour: dict[tuple[int, int], int]) -> None:
    """So many events that came in, days before today and at an hour of the day."""
    today = counts.day_of(NOW, ZONE)
    rows = [
        {"workspace_id": shop.workspace.id, "kind": "arrival", "name": f"{hour:02}", "day": today - days, "count": one}
        for (days, hour), one in by_days_and_hour.items()
    ]
    with shop.database.write() as session:
        session.execute(insert(DailyCount), rows)


USUAL = {(7 * week, hour): 100 + week for week in range(1, 5) for hour in range(24)}
DAILY = {(days, hour): 20 for days in range(1, 30) for hour in range(24)}


@pytest.mark.parametrize(
    ("came", "expected"),
    [
        ({}, None),  # a shop that is new
        (USUAL | {(0, 12): 5}, (2, 102)),
        (DAILY, (15, 20)),
        (DAILY | {(0, 14): 1}, None),  # it is 15:20
        (DAILY | {(0, 15): 1}, None),  # it goes on
        (dict.fromkeys(USUAL, 4), None),  # hardly ever anything
        ({(7, 14): 500, (14, 14): 500}, (168, 250)),  # in two weeks of four
        ({(7, 14): 500}, None),  # once
    ],
)
def test_silence_is_told_where_there_usually_is_data(
    shop: Shop, came: dict[tuple[int, int], int], expected: tuple[int, int] | None
) -> None:
    _arrivals(shop, came or {(100, 1): 1})
    with shop.database.read() as session:
        assert alerts.silence(session, shop.workspace.id, ZONE) == expected


def test_alerts_stand_on_top(march: Shop, alice: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "notice-amber" not in page(alice, "/overview").replace("is being counted", "")
    monkeypatch.setattr(alerts, "silence", lambda *_: alerts.Silence(3, 1200))
    _refuse(march, {0: 70, -30: 168})
    monkeypatch.setattr(alerts, "space", lambda _: alerts.Space(1_200_000_000, 40_000_000_000))
    with march.database.write() as session:
        session.execute(update(Customer).where(Customer.system_id == "u1").values(merging_stopped_at=NOW))
    shown = words(page(alice, "/overview"))
    assert "No data for 3 full hours. At this time there usually are about 1,200 events an hour." in shown
    assert "70 requests refused within an hour; usually it is about 1.0." in shown
    assert "Merging has stopped for u1" in shown
    assert "1.2 GB of 40.0 GB are free" in shown


@pytest.mark.parametrize(
    ("by_hour", "is_told"),
    [({}, False), ({0: 19}, False), ({0: 20}, True), ({-1: 20}, True), ({-2: 5000}, False), ({0: 20, -5: 1000}, False)],
)
def test_jump_in_refusals(shop: Shop, by_hour: dict[int, int], *, is_told: bool) -> None:
    _refuse(shop, by_hour)
    with shop.database.read() as session:
        assert (alerts.refusals(session, shop.workspace.id) is not None) == is_told


def _refuse(shop: Shop, by_hour: dict[int, int]) -> None:
    """Let so many requests have been refused in hours before (or after) the present one; values ignored don't count."""
    with shop.database.write() as session:
        for back, number in by_hour.items():
            for kind, count in (("refused", number), ("ignored", 1000)):
                hour = NOW // HOUR + back
                session.add(RefusedHour(workspace_id=shop.workspace.id, kind=kind, hour=hour, count=count))


def test_disk_that_fills_up(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for free, size, is_told in ((10**9, 10**11, True), (3 * 10**10, 10**12, False), (10**9, 5 * 10**9, False)):
        monkeypatch.setattr("shutil.disk_usage", lambda _, found=(size, size - free, free): _Disk(*found))
        assert (alerts.space(tmp_path / "file") is not None) == is_told
    assert alerts.space(None) is None


class _Disk:
    def __init__(self, total: int, used: int, free: int) -> None:
        self.total, self.used, self.free = total, used, free


def test_customers_created_in_days_are_found(shop: Shop, alice: FlaskClient) -> None:
    for place in range(4):
        shop.customer(f"u{place}", name=f"Person {place}")
        shop.event("Viewed", NOW - 300 * DAY, f"u{place}")
        with shop.database.write() as session:
            is_it = Customer.system_id == f"u{place}"
            session.execute(update(Customer).where(is_it).values(created_at=NOW - place * DAY))
    today = datetime.fromtimestamp(NOW / 1000, ZONE).date()
    for sort in ("last_seen", "created"):
        for where, expected in (
            (f"created from {today - timedelta(2)} to {today - timedelta(1)}", {1, 2}),
            ("created in 2 days", {0, 1, 2}),
            (f"created to {today - timedelta(3)}", {3}),
        ):
            shown = page(alice, f"/customers?{urlencode({'where': where, 'sort': sort})}")
            assert set(map(int, re.findall(r">Person (\d)<", shown))) == expected, (sort, where)


def test_what_a_visitor_does_before_the_login_is_not_the_customers(shop: Shop, alice: FlaskClient) -> None:
    tell(shop, seen("d1", NOW - HOUR), login("d1", NOW - HOUR + 1, "u1"))
    assert _tiles(alice, "/overview?days=7")["Active customers a day"][0] == "0"
    with shop.database.read() as session:
        found = session.query(DailyCount.name).filter_by(kind="active").all()
    assert [one.name for one in found] == ["anonymous"]
