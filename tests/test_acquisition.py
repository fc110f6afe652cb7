"""Where a person came from: Acquisition Details, Location Info, Devices."""

import re
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.visitors import (
    BERLIN,
    CHROME,
    DAY,
    GOOGLEBOT,
    HOUR,
    MINUTE,
    MUMBAI,
    T0,
    launched,
    login,
    logout,
    page,
    path_of,
    section,
    seen,
    tell,
    token,
    words,
)
from tests.world import Shop
from webapp import customers, visits
from webapp.ingest.changes import DeviceInfo, OnDevice

PARIS = {"country": "FR", "region": "Île-de-France", "city": "Paris"}

FACEBOOK: dict[str, Any] = {
    "utm": {"source": "facebook", "medium": "cpc", "campaign": "Diwali Sale"},
    "referrer": "https://www.facebook.com/ads/1",
    "page": "https://shop.example/sale",
}
GOOGLE: dict[str, Any] = {
    "utm": {"source": "google", "medium": "organic", "term": "saree", "content": "top"},
    "referrer": "https://google.com/",
    "page": "https://shop.example/",
}


def _acquisition(browser: FlaskClient, path: str) -> dict[str, list[str]]:
    """The table of Acquisition Details: what stands beside each word, for the first and the last visit."""
    shown = re.search(r'<section id="acquisition".*?</section>', page(browser, path), re.DOTALL)
    assert shown is not None
    rows = re.findall(r'<th scope="row">(.*?)</th>(.*?)</tr>', shown[0], re.DOTALL)
    return {
        words(name): [words(cell) for cell in re.findall(r"<td>(.*?)</td>", cells, re.DOTALL)] for name, cells in rows
    }


def _panel(shop: Shop, browser: FlaskClient, id_: str) -> str:
    return section(page(browser, shop.profile_path()), id_)


def test_first_and_last_visit_are_told_whole(shop: Shop, alice: FlaskClient) -> None:
    tell(shop, login("phone", 1), seen("phone", T0, **FACEBOOK), seen("phone", T0 + DAY, **GOOGLE))
    assert _acquisition(alice, shop.profile_path()) == {
        "When": ["10 Mar 2026, 17:30", "11 Mar 2026, 17:30"],
        "UTM source": ["facebook", "google"],
        "UTM medium": ["cpc", "organic"],
        "UTM campaign": ["Diwali Sale", "–"],
        "UTM term": ["–", "saree"],
        "UTM content": ["–", "top"],
        "Traffic source": ["facebook.com", "google.com"],
        "Landing page": ["https://shop.example/sale", "https://shop.example/"],
    }
    assert "one visit so far" not in _panel(shop, alice, "acquisition")


def test_visit_that_came_by_itself_stays_the_first(shop: Shop, alice: FlaskClient) -> None:
    tell(shop, login("phone", 1), seen("phone", T0), seen("phone", T0 + DAY, **FACEBOOK))
    shown = _acquisition(alice, shop.profile_path())
    assert shown["UTM source"] == ["–", "facebook"]
    assert shown["Traffic source"] == ["direct", "facebook.com"]


def test_page_later_in_a_visit_does_not_replace_how_it_began(shop: Shop, alice: FlaskClient) -> None:
    tell(shop, login("phone", 1), seen("phone", T0, page="https://shop.example/a"), seen("phone", T0 + 1, **FACEBOOK))
    shown = _acquisition(alice, shop.profile_path())
    assert shown["Landing page"] == ["https://shop.example/a"] * 2
    assert shown["UTM source"] == ["–", "–"]


def test_earlier_visit_that_arrives_late_becomes_the_first(shop: Shop, alice: FlaskClient) -> None:
    tell(shop, login("phone", 1), login("laptop", 1), seen("phone", T0 + DAY, **GOOGLE))
    tell(shop, seen("laptop", T0, **FACEBOOK))
    assert _acquisition(alice, shop.profile_path())["UTM source"] == ["facebook", "google"]


def test_earlier_event_that_arrives_late_begins_the_same_visit(shop: Shop, alice: FlaskClient) -> None:
    tell(shop, login("phone", 1), seen("phone", T0 + HOUR, **GOOGLE))
    for earlier in (40, 20, 0):
        tell(shop, seen("phone", T0 + earlier * MINUTE, **(GOOGLE if earlier else FACEBOOK)))
    assert _acquisition(alice, shop.profile_path())["UTM source"] == ["facebook", "facebook"]
    assert "one visit so far" in _panel(shop, alice, "acquisition")


def test_login_in_the_middle_does_not_cut_a_visit_in_two(shop: Shop, alice: FlaskClient) -> None:
    tell(shop, seen("phone", T0, **FACEBOOK), seen("phone", T0 + 10 * MINUTE))
    tell(shop, login("phone", T0 + 11 * MINUTE), seen("phone", T0 + 12 * MINUTE, **GOOGLE))
    shown = _acquisition(alice, shop.profile_path())
    assert shown["When"] == ["10 Mar 2026, 17:30"] * 2
    assert shown["UTM source"] == ["facebook"] * 2
    assert "one visit so far" in _panel(shop, alice, "acquisition")
    assert "12 min, 3 events" in section(page(alice, f"{shop.profile_path()}?by=visit"), "activities")


def test_pause_of_more_than_half_an_hour_makes_two_visits(shop: Shop, alice: FlaskClient) -> None:
    tell(shop, login("phone", 1), seen("phone", T0, **FACEBOOK), seen("phone", T0 + 30 * MINUTE, **GOOGLE))
    assert _acquisition(alice, shop.profile_path())["UTM source"] == ["facebook"] * 2
    tell(shop, seen("phone", T0 + HOUR + 1, **GOOGLE))
    assert _acquisition(alice, shop.profile_path())["UTM source"] == ["facebook", "google"]


def test_first_visit_is_the_visitors_who_logged_in_later(shop: Shop, alice: FlaskClient) -> None:
    tell(shop, seen("phone", T0, **FACEBOOK), login("phone", T0 + DAY), seen("phone", T0 + DAY, **GOOGLE))
    tell(shop, seen("laptop", T0 + 2 * DAY))
    assert _acquisition(alice, shop.profile_path())["UTM source"] == ["facebook", "google"]


def test_events_of_a_backend_are_no_visits(shop: Shop, alice: FlaskClient) -> None:
    shop.event(time=T0)
    for panel in ("acquisition", "location"):
        assert "No visits recorded." in _panel(shop, alice, panel)
    assert _panel(shop, alice, "devices") == ""


# Location Info


def _flags(browser: FlaskClient, path: str) -> list[str]:
    shown = page(browser, path)
    return re.findall(r'class="flag" src="[^"]*/(\w\w)\.svg', shown[: shown.index('id="devices"')])


def test_places_stand_with_flag_first_and_last_visit_the_latest_first(shop: Shop, alice: FlaskClient) -> None:
    tell(shop, login("phone", 1), seen("phone", T0, **MUMBAI), seen("phone", T0 + DAY, **BERLIN))
    tell(shop, seen("phone", T0 - DAY, **MUMBAI))
    assert _panel(shop, alice, "location") == (
        "Location Info Berlin, Berlin, Germany first visit 11 Mar 2026, 17:30 last visit 11 Mar 2026, 17:30"
        " Mumbai, Maharashtra, India first visit 9 Mar 2026, 17:30 last visit 10 Mar 2026, 17:30"
    )
    assert _flags(alice, shop.profile_path()) == ["DE", "IN"]


def test_of_very_many_visits_the_first_and_the_last_tell_their_places(
    shop: Shop, alice: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(visits, "_MOST_STAYS", 2)
    path = (MUMBAI, MUMBAI, PARIS, BERLIN, MUMBAI, BERLIN)
    tell(shop, login("phone", 1), *(seen("phone", T0 + day * DAY, **where) for day, where in enumerate(path)))
    assert _panel(shop, alice, "location") == (
        "Location Info Berlin, Berlin, Germany last visit 15 Mar 2026, 17:30"
        " Mumbai, Maharashtra, India first visit 10 Mar 2026, 17:30 last visit 14 Mar 2026, 17:30"
    )


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        ({"country": "FR"}, "France"),
        ({"country": "ZZ"}, "Unknown Region"),
        ({"country": "QQ", "city": "<b>"}, "<b>, QQ"),
    ],
)
def test_place_of_which_little_is_known_is_shown(
    shop: Shop, alice: FlaskClient, told: dict[str, str], shown: str
) -> None:
    tell(shop, login("phone", 1), seen("phone", T0, **told))
    assert f"Location Info {shown} first visit" in _panel(shop, alice, "location")
    assert _flags(alice, shop.profile_path()) == (["FR"] if told == {"country": "FR"} else [])


def test_visits_without_places_say_how_to_add_them(shop: Shop, alice: FlaskClient) -> None:
    tell(shop, login("phone", 1), seen("phone", T0))
    shown = _panel(shop, alice, "location")
    assert "the server has no database of places" in shown
    assert "GEOIP_DATABASE" in shown


# Devices


ANDROID = {
    "deviceManufacturer": "Xiaomi",
    "deviceModel": "Redmi Note 8",
    "osName": "Android",
    "osVersion": "Android 9",
    "appVersionName": "1.2.0",
    "language": "en",
}


def test_app_tells_model_system_and_version(shop: Shop, alice: FlaskClient) -> None:
    tell(shop, login("phone", 1), launched("phone", T0, **ANDROID), seen("phone", T0), seen("phone", T0 + DAY))
    assert _panel(shop, alice, "devices") == (
        "Devices 1 Xiaomi Redmi Note 8 App 1.2.0 · Android 9 · en"
        " first seen 10 Mar 2026, 17:30 last seen 11 Mar 2026, 17:30 phone"
    )


def test_description_that_was_reported_last_holds(shop: Shop, alice: FlaskClient) -> None:
    tell(shop, login("phone", 1), launched("phone", T0 + DAY, **(ANDROID | {"appVersionName": "2.0"})))
    tell(shop, launched("phone", T0, **ANDROID))
    assert "App 2.0" in _panel(shop, alice, "devices")


@pytest.mark.parametrize(
    ("info", "shown"),
    [
        ({"deviceManufacturer": "OnePlus", "deviceModel": "ONEPLUS A5000"}, "ONEPLUS A5000"),
        ({"osName": "iOS", "osVersion": "17.4"}, "App iOS 17.4"),
        ({"deviceManufacturer": "Xiaomi"}, "Xiaomi"),
        ({"deviceModel": None, "appVersionName": "<b>"}, "App App <b>"),
        ({}, "Unknown device"),
    ],
)
def test_app_that_tells_little_has_a_name_too(shop: Shop, alice: FlaskClient, info: dict[str, Any], shown: str) -> None:
    tell(shop, login("phone", 1), DeviceInfo(OnDevice("phone"), info, T0))
    assert f"Devices 1 {shown} logged in here, nothing else yet" in _panel(shop, alice, "devices")


def test_browser_is_told_by_its_user_agent(shop: Shop, alice: FlaskClient) -> None:
    tell(shop, login("laptop", 1), seen("laptop", T0, agent=CHROME))
    tell(shop, seen("web", T0, agent=CHROME), login("web", T0 + 1))
    assert "Chrome 126 Windows 10 first seen" in _panel(shop, alice, "devices")


def test_device_that_takes_push_messages_says_so(shop: Shop, alice: FlaskClient) -> None:
    tell(shop, login("phone", 1), login("tab", 1), token("phone"))
    assert _panel(shop, alice, "devices").count("takes push messages") == 1


def test_visit_of_many_profiles_parts_is_whole(shop: Shop) -> None:
    number = 2 * visits._FEW_PARTS - 5
    for at in range(T0, T0 + number * MINUTE, MINUTE):  # each login ends a stretch that is a profile of its own
        tell(shop, seen("d1", at), login("d1", at + 10_000), seen("d1", at + 20_000), logout("d1", at + 30_000))
    with shop.database.read() as session:
        ids = customers.members(session, shop.find("u1").id)
        ends = visits.ends(session, ids)
    assert len(ids) == number + 1
    assert ends is not None
    assert ends.first == ends.last
    assert (ends.first.started_at, ends.first.event_count) == (T0, 2 * number)
    assert ends.first.ended_at == T0 + (number - 1) * MINUTE + 20_000


def test_many_devices_are_folded_the_one_used_last_first(shop: Shop, alice: FlaskClient) -> None:
    tell(shop, *(login(f"device {number}", 1) for number in range(6)))
    tell(shop, *(seen(f"device {number}", T0 + number) for number in range(6)))
    shown = _panel(shop, alice, "devices")
    assert re.findall(r"device (\d)", shown) == ["5", "4", "3", "2", "1", "0"]
    assert "2 more devices" in shown


def test_bot_has_a_badge_on_its_profile_and_its_device(shop: Shop, alice: FlaskClient) -> None:
    tell(shop, seen("crawler", T0, agent=GOOGLEBOT))
    path = path_of(alice, "crawler")
    shown = page(alice, path)
    assert shown[: shown.index('id="attributes"')].count(">Bot<") == 1
    assert "Bot" in section(shown, "devices")


def test_another_persons_device_is_not_shown(shop: Shop, alice: FlaskClient) -> None:
    tell(shop, seen("tab", T0), login("tab", T0 + 1, "u2"), seen("tab", T0 + 2))
    tell(shop, login("tab", T0 + 3, "u1"))
    assert "logged in here" in _panel(shop, alice, "devices")
    assert "No visits recorded." in _panel(shop, alice, "acquisition")
