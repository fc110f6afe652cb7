"""The profile: who it is, attributes, timeline."""

import re
from datetime import UTC, datetime
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.world import Shop
from webapp import events

NOON = int(datetime(2026, 3, 10, 12, tzinfo=UTC).timestamp() * 1000)  # 17:30 in the workspace's zone, Asia/Kolkata
HOUR = 3_600_000
DAY = 24 * HOUR


def _page(browser: FlaskClient, path: str, **headers: str) -> str:
    answer = browser.get(path, headers={name.replace("_", "-"): value for name, value in headers.items()})
    assert answer.status_code == 200
    return answer.get_data(as_text=True)


def _customer(shop: Shop, attributes: dict[str, Any]) -> None:
    shop.customer(**attributes)


def _event(shop: Shop, attributes: dict[str, Any], name: str = "Purchased") -> None:
    shop.event(name, NOON, **attributes)


def _events(page: str) -> list[str]:
    return re.findall(r"<summary>\s*<time.*?<strong>([^<]*)</strong>", page, re.DOTALL)


def _older(page: str) -> str | None:
    found = re.search(r'id="older" class="older" href="([^"]+)"', page)
    return found[1].replace("&amp;", "&") if found else None


def test_basic_information_stands_at_the_top(shop: Shop, alice: FlaskClient) -> None:
    shop.customer("u-17", name="Asha Rao", email="asha@example.com", mobile="9919211112")
    page = _page(alice, shop.profile_path("u-17"))
    summary = page[page.index('id="summary"') : page.index('id="attributes"')]
    for text in ("Asha Rao", "asha@example.com", "9919211112", "u-17", shop.find("u-17").growlytics_id, "Registered"):
        assert text in summary


def test_number_of_events_first_and_last_seen_are_shown(shop: Shop, alice: FlaskClient) -> None:
    shop.event(time=NOON)
    shop.event(time=NOON + DAY)
    page = _page(alice, shop.profile_path())
    assert "<dt>Events</dt><dd>2</dd>" in page
    assert "10 Mar 2026, 17:30" in page
    assert "11 Mar 2026, 17:30" in page


def test_attributes_show_value_type_and_when_they_changed(shop: Shop, alice: FlaskClient) -> None:
    _customer(shop, {"City": "Mumbai", "Total Orders": 12.5, "VIP": True, "Joined": "2026-03-10 12:00:00"})
    page = _page(alice, shop.profile_path())
    panel = page[page.index('id="attributes"') : page.index('id="acquisition"')]
    for text in ("City", "Mumbai", "12.5", "Yes", "2026-03-10 12:00:00", "string ·", "number ·", "boolean ·", "date ·"):
        assert text in panel
    assert 'datetime="2026-03-10T06:30:00Z"' in panel


def test_many_attributes_can_be_filtered(shop: Shop, alice: FlaskClient) -> None:
    shop.customer(**{f"Attribute {letter}": f"value {letter}" for letter in "abcdefghijklm"})
    path = shop.profile_path()
    assert 'name="attribute"' in _page(alice, path)
    page = _page(alice, f"{path}?attribute=Attribute+C")
    assert "value c" in page
    assert "value d" not in page
    part = _page(alice, f"{path}?attribute=VALUE+D", HX_Request="true", HX_Target="attribute-rows")
    assert part.lstrip().startswith('<div id="attribute-rows"')
    assert "value d" in part
    assert "value c" not in part


def test_few_attributes_need_no_filter(shop: Shop, alice: FlaskClient) -> None:
    shop.customer(City="Mumbai")
    assert 'name="attribute"' not in _page(alice, shop.profile_path())


def test_value_that_was_ignored_is_told(shop: Shop, alice: FlaskClient) -> None:
    _customer(shop, {"Total Orders": 3})
    _customer(shop, {"Total Orders": "many"})
    page = _page(alice, shop.profile_path())
    assert "1 value was not stored" in page
    assert "A string came" in page
    assert "&#34;many&#34;" in page


def test_acquisition_and_location_say_that_they_have_no_data_yet(shop: Shop, alice: FlaskClient) -> None:
    shop.customer()
    page = _page(alice, shop.profile_path())
    assert "Acquisition Details" in page
    assert "Location Info" in page
    assert page.count("No visits recorded.") == 2


def test_events_are_sorted_by_reported_time_newest_first(shop: Shop, alice: FlaskClient) -> None:
    shop.event("Second", NOON)
    shop.event("Third", NOON + HOUR)
    shop.event("First", NOON - HOUR)
    assert _events(_page(alice, shop.profile_path())) == ["Third", "Second", "First"]


def test_events_are_grouped_by_the_workspaces_day(shop: Shop, alice: FlaskClient) -> None:
    shop.event("Late on Tuesday", NOON + 6 * HOUR)  # 23:30 in Kolkata
    shop.event("Early on Wednesday", NOON + 7 * HOUR)  # 00:30
    page = _page(alice, shop.profile_path())
    days = re.findall(r'class="day"[^>]*>([^<]*)<', page)
    assert days == ["Wednesday, 11 March 2026", "Tuesday, 10 March 2026"]


def test_exact_instant_is_there_on_hover(shop: Shop, alice: FlaskClient) -> None:
    shop.event(time=NOON + 123)
    assert 'title="2026-03-10T12:00:00.123Z">17:30:00<' in _page(alice, shop.profile_path())


def test_event_shows_attributes_of_every_type_and_its_json(shop: Shop, alice: FlaskClient) -> None:
    _event(
        shop,
        {
            "Order ID": "SDF-1",
            "Amount": 732.23,
            "Prepaid": False,
            "Products": ["pid1", "pid2"],
            "Discounts": {"pid1": 12.7},
            "Order": {"lines": [{"name": "Mixer", "tags": ["a", {"deep": None}]}]},
        },
    )
    page = _page(alice, shop.profile_path())
    for text in (
        "SDF-1",
        "732.23",
        "No",
        "pid2",
        "12.7",
        "Mixer",
        "deep",
        "null",
        "string array",
        "number map",
        "custom",
    ):
        assert text in page
    assert "&#34;time&#34;: 1773144000000" in page


def test_profile_without_events_says_so(shop: Shop, alice: FlaskClient) -> None:
    shop.customer()
    assert "Nothing yet." in _page(alice, shop.profile_path())


def test_older_events_come_by_a_link_and_days_are_not_begun_twice(
    shop: Shop, alice: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "PAGE_SIZE", 2)
    for number in range(5):
        shop.event(f"Event {number}", NOON - number)
    first = _page(alice, shop.profile_path())
    assert _events(first) == ["Event 0", "Event 1"]
    older = _older(first)
    assert older is not None
    whole = _page(alice, older)
    assert _events(whole) == ["Event 2", "Event 3"]
    assert "Back to the newest" in whole
    assert 'class="day"' in whole
    part = _page(alice, older, HX_Request="true", HX_Target="older")
    assert _events(part) == ["Event 2", "Event 3"]
    assert "<html" not in part
    assert 'class="day"' not in part
    last = _older(part)
    assert last is not None
    part = _page(alice, last, HX_Request="true", HX_Target="older")
    assert _events(part) == ["Event 4"]
    assert _older(part) is None


def test_events_of_one_instant_are_all_shown_once(
    shop: Shop, alice: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "PAGE_SIZE", 2)
    for number in range(5):
        shop.event(f"Event {number}", NOON)
    page = _page(alice, shop.profile_path())
    seen = _events(page)
    for _ in range(2):
        older = _older(page)
        assert older is not None
        page = _page(alice, older)
        seen += _events(page)
    assert sorted(seen) == [f"Event {number}" for number in range(5)]


def test_events_are_filtered_by_name(shop: Shop, alice: FlaskClient) -> None:
    shop.event("Purchased", NOON)
    shop.event("Add To Cart", NOON + 1)
    shop.event("Purchased", NOON + 2)
    page = _page(alice, f"{shop.profile_path()}?event=Purchased")
    assert _events(page) == ["Purchased", "Purchased"]
    assert 'name="event" value="Purchased" checked /><span>Purchased</span> <small>2</small>' in page


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("from=2026-03-11", ["Wednesday"]),
        ("to=2026-03-10", ["Tuesday", "Monday"]),
        ("from=2026-03-10&to=2026-03-10", ["Tuesday"]),
        ("from=2026-03-12", []),
        ("from=nonsense&to=0000-99-99", ["Wednesday", "Tuesday", "Monday"]),
        ("from=0001-01-01&to=9999-12-31", ["Wednesday", "Tuesday", "Monday"]),
        ("event=Tuesday&from=2026-03-01", ["Tuesday"]),
    ],
)
def test_events_are_filtered_by_the_workspaces_days(
    shop: Shop, alice: FlaskClient, query: str, names: list[str]
) -> None:
    shop.event("Monday", NOON - DAY - 12 * HOUR)
    shop.event("Tuesday", NOON)
    shop.event("Wednesday", NOON + 7 * HOUR)
    page = _page(alice, f"{shop.profile_path()}?{query}")
    assert _events(page) == names
    if not names:
        assert "Nothing matches this filter." in page


def test_filter_goes_on_to_older_events(shop: Shop, alice: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "PAGE_SIZE", 1)
    for number in range(3):
        shop.event("Purchased" if number % 2 == 0 else "Other", NOON + number)
    page = _page(alice, f"{shop.profile_path()}?event=Purchased")
    older = _older(page)
    assert older is not None
    assert _events(_page(alice, older)) == ["Purchased"]
    assert _older(_page(alice, older)) is None


def test_filter_by_htmx_gets_the_activities_alone(shop: Shop, alice: FlaskClient) -> None:
    shop.event("Purchased", NOON)
    part = _page(alice, f"{shop.profile_path()}?event=Purchased", HX_Request="true", HX_Target="activities")
    assert part.lstrip().startswith('<section id="activities"')
    assert _events(part) == ["Purchased"]


def test_history_restore_gets_the_whole_page(shop: Shop, alice: FlaskClient) -> None:
    shop.event("Purchased", NOON)
    page = _page(
        alice, shop.profile_path(), HX_Request="true", HX_Target="activities", HX_History_Restore_Request="true"
    )
    assert "<html" in page


@pytest.mark.parametrize(
    "cursor", ["", "x", "-1.1", "-99999999999999.1", "253402300800000.5", "9000000000000000000.1", f"{10**30}.1"]
)
@pytest.mark.parametrize("target", ["older", "activities", ""])
def test_nonsense_cursor_shows_the_newest(shop: Shop, alice: FlaskClient, cursor: str, target: str) -> None:
    shop.event("Purchased", NOON)
    page = _page(alice, f"{shop.profile_path()}?older_than={cursor}", HX_Request="true", HX_Target=target)
    assert _events(page) == ["Purchased"]


def test_large_event_is_cut_on_the_page_and_whole_on_its_own(shop: Shop, alice: FlaskClient) -> None:
    _event(shop, {"Lines": list(range(100_000)), "Amount": 5})
    page = _page(alice, shop.profile_path())
    assert len(page) < 50_000
    assert "[0, 1, 2, 3" in page
    whole = re.search(r'href="([^"]+)">The whole event as JSON<', page)
    assert whole is not None
    answer = alice.get(whole[1])
    assert answer.json == {
        "name": "Purchased",
        "time": NOON,
        "attributes": {"Lines": list(range(100_000)), "Amount": 5},
    }


@pytest.mark.parametrize("place", ["0.0", "x", f"{NOON}.1", "%00"])
def test_unknown_event_is_a_404(shop: Shop, alice: FlaskClient, place: str) -> None:
    shop.event(time=NOON)
    assert alice.get(f"{shop.profile_path()}/events/{place}").status_code == 404


def test_another_workspaces_event_is_a_404(shop: Shop, alice: FlaskClient, charlie: FlaskClient) -> None:
    _event(shop, {"Lines": list(range(10_000))})
    whole = re.search(r'href="([^"]+)">The whole event as JSON<', _page(alice, shop.profile_path()))
    assert whole is not None
    assert alice.get(whole[1]).status_code == 200
    assert charlie.get(whole[1]).status_code == 404


def test_event_dates_stand_in_the_workspaces_zone(shop: Shop, alice: FlaskClient) -> None:
    _event(
        shop, {"Plain": "2026-03-10 12:00:00", "Zoned": "2026-03-10T12:00:00Z", "Days": {"a": "2026-01-01 00:00:00"}}
    )
    page = _page(alice, shop.profile_path())
    assert 'title="2026-03-10T06:30:00Z">2026-03-10 12:00:00<' in page
    assert 'title="2026-03-10T12:00:00Z">2026-03-10 17:30:00<' in page
    assert 'title="2025-12-31T18:30:00Z">2026-01-01 00:00:00<' in page


def test_attributes_are_filtered_by_what_is_shown(shop: Shop, alice: FlaskClient) -> None:
    _customer(shop, {f"Flag {letter}": False for letter in "abcdefghijkl"} | {"VIP": True})
    page = _page(alice, f"{shop.profile_path()}?attribute=yes")
    assert "VIP" in page
    assert "Flag a" not in page


def test_both_filters_of_the_profile_go_together(shop: Shop, alice: FlaskClient) -> None:
    _customer(shop, {f"Attribute {letter}": letter for letter in "abcdefghijklm"})
    shop.event("Purchased", NOON)
    page = _page(alice, f"{shop.profile_path()}?attribute=b&event=Purchased&from=2026-01-01")
    assert '<input type="hidden" name="attribute" value="b"' in page
    assert '<input type="hidden" name="event" value="Purchased"' in page
    assert '<input type="hidden" name="from" value="2026-01-01"' in page


@pytest.mark.parametrize("id_", ["nobody", "0" * 24, "%00", "%F0%9F%98%80", "a" * 500])
def test_unknown_id_is_a_friendly_404(alice: FlaskClient, id_: str) -> None:
    answer = alice.get(f"/customers/{id_}")
    assert answer.status_code == 404
    assert "No such customer" in answer.get_data(as_text=True)


def test_another_workspaces_customer_is_the_same_404(shop: Shop, alice: FlaskClient, charlie: FlaskClient) -> None:
    shop.customer()
    mine = charlie.get(shop.profile_path())
    nobodys = charlie.get("/customers/nobody")
    assert mine.status_code == nobodys.status_code == 404
    assert _without_token(mine.get_data(as_text=True)) == _without_token(nobodys.get_data(as_text=True))
    assert alice.get(shop.profile_path()).status_code == 200


def _without_token(page: str) -> str:
    return re.sub(r'name="csrf_token" value="[^"]*"', "", page)


def test_hostile_values_are_shown_as_text(shop: Shop, alice: FlaskClient) -> None:
    hostile = "<script>alert(1)</script>"
    shop.customer("u1", name=hostile, email=f'"><img src=x onerror={hostile}>', **{"<b>": hostile})
    _event(shop, {hostile: {hostile: [hostile]}}, hostile)
    for path in (shop.profile_path(), "/customers", f"/customers?q={hostile}"):
        page = _page(alice, path)
        assert hostile not in page
        assert "<img src=x" not in page
