"""What can be chosen of the activities: names, text, places in time, zones, views; and what comes in meanwhile."""

import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from flask.testing import FlaskClient

from tests.visitors import DAY, HOUR, MINUTE, T0, customer, login, page, part, seen, tell, words
from tests.world import Shop
from webapp import clock, events, lookup

NAME = re.compile(r'<details class="event[^>]*>\s*<summary>.*?<strong>([^<]*)</strong>', re.DOTALL)


def _names(of: str) -> list[str]:
    return NAME.findall(of)


def _link(of: str, text: str) -> str:
    """Where the link with this text leads."""
    found = re.search(rf'href="([^"]+)"[^>]*>(?:<svg.*?</svg>)?[^<]*{text}', of, re.DOTALL)
    assert found is not None, text
    return found[1].replace("&amp;", "&")


def _five(shop: Shop) -> str:
    """Five events, one an hour. Returns the profile's path."""
    for number, name in enumerate(("Signed Up", "Purchased", "Refunded", "Purchased", "Delivered")):
        told: dict[str, Any] = {"Order ID": f"ORD-{number}", "Städte": ["Köln", {"x": 'say "hi"'}]}
        shop.event(name, T0 + number * HOUR, **told)
    return shop.profile_path()


def _chip(of: str, words_: str) -> str:
    """Where the chip that takes this part of the filter away leads."""
    found = re.search(rf'aria-label="Remove {words_}"\s+href="([^"]+)"', of)
    assert found is not None, words_
    return found[1].replace("&amp;", "&")


# Filters


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("event=Purchased&event=Delivered", ["Delivered", "Purchased", "Purchased"]),
        ("event=Purchased&event=", ["Purchased", "Purchased"]),
        ("text=ord-3", ["Purchased"]),
        ("text=KÖLN&event=Refunded", ["Refunded"]),
        ("text=STÄDTE&event=Refunded", ["Refunded"]),
        ("text=say+%22HI&event=Refunded", ["Refunded"]),
        ("text=string", []),
        ("text=%22%2C%22", []),
        ("text=%00", []),
        ("text=%5C", []),
        ("text=+", ["Delivered", "Purchased", "Refunded", "Purchased", "Signed Up"]),
    ],
)
def test_filter_chooses_by_names_and_text(shop: Shop, alice: FlaskClient, query: str, names: list[str]) -> None:
    path = _five(shop)
    assert _names(page(alice, f"{path}?{query}")) == names


def test_text_is_found_in_the_address_of_the_page(shop: Shop, alice: FlaskClient) -> None:
    tell(shop, login("web", 1), seen("web", T0, "Page Visited", page="https://shop.example/Sale?x=1"))
    assert _names(page(alice, f"{shop.profile_path()}?text=sale%3FX")) == ["Page Visited"]
    assert _names(page(alice, f"{shop.profile_path()}?text=page")) == []


def test_each_part_of_the_filter_can_be_taken_away(shop: Shop, alice: FlaskClient) -> None:
    path = _five(shop)
    shown = page(alice, f"{path}?event=Purchased&event=Refunded&text=ord&from=2026-03-01&zone=utc")
    without = _chip(shown, "Refunded")
    assert parse_qs(urlsplit(without).query) == {
        "event": ["Purchased"], "text": ["ord"], "from": ["2026-03-01"], "zone": ["utc"],
    }  # fmt: skip
    assert "text" not in _chip(shown, "“ord”")
    assert "from=" not in _chip(shown, "from 1 Mar 2026")
    assert _link(shown, "Clear") == f"{path}?zone=utc"


def test_search_for_few_stops_and_can_go_on(shop: Shop, alice: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(30):
        shop.event("Rare" if number in {2, 9} else "Frequent", T0 + number * HOUR, Number=f"No. {number}")
    monkeypatch.setattr(lookup, "MOST_EXAMINED", 10)
    for query in ("event=Rare", "text=no.+2&event=Rare"):
        path, found, looks = f"{shop.profile_path()}?{query}", list[str](), 0
        while "look further" in (shown := page(alice, path)):
            found += _names(shown)
            assert "Looked back until" in words(shown)
            path, looks = _link(shown, "Looked back until"), looks + 1
        assert looks == 2
        assert [*found, *_names(shown)] == (["Rare"] * 2 if query == "event=Rare" else ["Rare"])


def test_search_ends_where_all_are_found(shop: Shop, alice: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(30):
        shop.event("Rare" if number in {22, 25} else "Frequent", T0 + number)
    monkeypatch.setattr(lookup, "MOST_EXAMINED", 10)
    assert "older" not in re.findall(r'id="(\w+)"', page(alice, f"{shop.profile_path()}?event=Rare"))
    monkeypatch.setattr(events, "PAGE_SIZE", 1)
    first = page(alice, f"{shop.profile_path()}?event=Rare")
    second = page(alice, _link(first, "Older activities"))
    assert _names(second) == ["Rare"]
    assert 'id="older"' not in second


# Places in time


def test_first_event_and_a_date_are_gone_to(shop: Shop, alice: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(6):
        shop.event(f"Day {number}", T0 + number * DAY)
    monkeypatch.setattr(events, "PAGE_SIZE", 2)
    path = shop.profile_path()
    first = page(alice, f"{path}?at=first")
    assert _names(first) == ["Day 1", "Day 0"]
    assert 'id="older"' not in first
    assert _names(page(alice, _link(first, "Newer activities"))) == ["Day 3", "Day 2"]
    there = page(alice, f"{path}?at=2026-03-13")  # T0 is on the 10th
    assert _names(there) == ["Day 3", "Day 2"]
    assert _names(page(alice, _link(there, "Newer activities"))) == ["Day 5", "Day 4"]
    assert _names(page(alice, _link(there, "Older activities"))) == ["Day 1", "Day 0"]
    assert _link(there, "Back to the newest") == path
    assert _names(page(alice, f"{path}?at=nonsense")) == ["Day 5", "Day 4"]


def test_link_to_an_event_shows_it_open_among_its_neighbours(
    shop: Shop, alice: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(40):
        shop.event(f"Event {number}", T0 + number)
    monkeypatch.setattr(events, "PAGE_SIZE", 20)
    whole = page(alice, f"{shop.profile_path()}?older_than={T0 + 21}.0")
    address = re.findall(r'href="(http://localhost/customers/\w+\?at_event=[^"]+)"', whole)[0]
    assert address.endswith(f"#event-{T0 + 20}-{address.rsplit('-', 1)[1]}")
    shown = page(alice, address.removeprefix("http://localhost").split("#")[0])
    assert _names(shown) == [f"Event {number}" for number in range(30, 0, -1)]
    opened = re.findall(r'<details class="event event-linked" id="([^"]+)" open>', shown)
    assert opened == [address.split("#")[1]]
    assert _names(page(alice, _link(shown, "Newer activities"))) == [f"Event {number}" for number in range(39, 30, -1)]
    assert _names(page(alice, _link(shown, "Older activities"))) == ["Event 0"]


# Clocks and zones


def test_history_that_was_loaded_is_told_once_and_by_each_event_when_it_is_opened(
    shop: Shop, alice: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = "came in together on 29 Apr 2026, long after they happened."
    with monkeypatch.context() as patch:
        for number in range(6):
            patch.setattr(clock, "now", lambda number=number: T0 + 50 * DAY + number * MINUTE)
            shop.event(f"Bought {number}", T0 + number * DAY)
        patch.setattr(clock, "now", lambda: T0 + 60 * DAY)
        shop.event("Straggler", T0 + 2 * DAY + 1)
        shop.event("At once", T0 + 60 * DAY)
    for by in ("day", "visit"):
        shown = page(alice, f"{shop.profile_path()}?by={by}")
        said = re.findall(r'<p class="aside backfill">.*?</p>|<details class="event".*?</summary>', shown, re.DOTALL)
        assert words(said[1]) == f"The next 3 events {told}"
        assert words(said[6]) == f"The next 3 events {told}"
        assert [words(one).split(" ", 1)[1] for one in (*said[2:6], *said[7:10])] == [
            "Bought 5", "Bought 4", "Bought 3", "Straggler late by 57 days", "Bought 2", "Bought 1", "Bought 0",
        ]  # fmt: skip
        assert "received 29 Apr 2026, 17:35, 45 days later" in words(shown)


def test_two_late_events_each_say_so(shop: Shop, alice: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(clock, "now", lambda: T0 + 50 * DAY)
        for number in range(2):
            shop.event(f"Bought {number}", T0 + number * DAY)
    shown = words(page(alice, shop.profile_path()))
    assert "late by 50 days" in shown
    assert "late by 49 days" in shown
    assert "came in together" not in shown


@pytest.mark.parametrize(
    ("late", "words_"),
    [(0, None), (MINUTE, None), (-MINUTE, None), (3 * HOUR, "late by 3 h"), (50 * DAY, "late by 50 days"),
     (MINUTE * 2, "late by 2 min"), (-2 * HOUR, "2 h in the future")],
)  # fmt: skip
def test_event_tells_how_late_it_came(
    shop: Shop, alice: FlaskClient, monkeypatch: pytest.MonkeyPatch, late: int, words_: str | None
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(clock, "now", lambda: T0 + late)
        shop.event(time=T0)
    shown = words(page(alice, shop.profile_path()))
    assert words_ is None or words_ in shown
    assert ("late by" in shown or "in the future" in shown) is (words_ is not None)
    assert "clock that reported it was ahead" not in shown or late < 0


@pytest.mark.parametrize(
    ("zone", "time", "day"),
    [("utc", "20:00:00", "Tuesday, 10"), ("UTC", "20:00:00", "Tuesday, 10"), ("mine", "01:30:00", "Wednesday, 11"),
     ("Europe/Berlin", "21:00:00", "Tuesday, 10"), ("../etc/passwd", "01:30:00", "Wednesday, 11"),
     ("workspace", "01:30:00", "Wednesday, 11"), ("%00", "01:30:00", "Wednesday, 11")],
)  # fmt: skip
def test_zone_of_the_address_is_that_of_the_whole_page(
    shop: Shop, alice: FlaskClient, zone: str, time: str, day: str
) -> None:
    at = T0 + 8 * HOUR
    tell(shop, customer("u1", at, **{f"Attribute {number}": number for number in range(12)}))
    shop.event(time=at, Plain="2026-03-10 12:00:00")
    shown = page(alice, f"{shop.profile_path()}?zone={zone}")
    assert f">{time}</time>" in shown
    assert f'data-part="{day} March 2026"' in shown
    assert 'title="2026-03-10T06:30:00Z">' in shown  # what has no zone is still the workspace's
    kept = zone if time != "01:30:00" else None
    for link in re.findall(r'href="(/customers/\w+[^"]*history[^"]*)"', shown):
        assert ("zone=" in link) is (kept is not None)
    assert (len(re.findall('name="zone" value=', shown[shown.index('id="summary"') :])) == 2) is (kept is not None)
    day_before = page(alice, f"{shop.profile_path()}?zone={zone}&to=2026-03-10")
    assert bool(_names(day_before)) is day.startswith("Tuesday")


# Views


def test_detailed_view_has_all_events_open(shop: Shop, alice: FlaskClient) -> None:
    path = _five(shop)
    assert page(alice, f"{path}?view=detailed").count(" open>") == 5
    assert " open>" not in page(alice, path)


def test_deep_and_long_values_are_folded_and_bounded(shop: Shop, alice: FlaskClient) -> None:
    deep: object = "the bottom"
    for level in range(10):
        deep = {f"level {level}": deep} if level % 2 else [deep]
    body = {"customerId": "u1", "name": "Nested", "time": T0, "attributes": [
        {"name": "Deep", "type": "custom", "value": deep},
        {"name": "Long", "type": "custom", "value": {"list": list(range(5000, 7000))}},
        {"name": "Short", "type": "custom", "value": {"a": {"b": [1, 2]}}},
    ]}  # fmt: skip
    assert shop.send("/track/event/v2", body).status_code == 200
    shown = page(alice, shop.profile_path())
    assert "the bottom" in shown
    assert "2,000 values" in words(shown)
    assert "1,900 more in the JSON" in words(shown)
    tree = shown[: shown.index("Raw JSON")]
    assert "5099" in tree
    assert "5100" not in tree
    assert 'class="branch"' not in tree[tree.index("Short") :]


# News


def _asked_for(of: str) -> str:
    found = re.search(r'id="live".*?hx-get="([^"]+)"', of, re.DOTALL)
    assert found is not None
    return found[1].replace("&amp;", "&")


def test_news_come_once_and_late_ones_are_told(shop: Shop, alice: FlaskClient) -> None:
    now = clock.now()
    shop.event("Old", now - DAY)
    path = f"{shop.profile_path()}?live=1"
    asked = _asked_for(page(alice, path))
    headers = {"HX-Request": "true", "HX-Target": "live"}
    assert alice.get(asked, headers=headers).status_code == 204
    shop.event("New", now)
    shop.event("Late", now - 2 * DAY)
    shop.event("Ahead", now + DAY)
    news = part(alice, asked, "live")
    assert _names(news) == ["New"]
    assert re.findall(r"<strong>(\w+)</strong> came in", news) == ["Ahead", "Late"]
    assert "came in for earlier days" not in news
    assert alice.get(_asked_for(news), headers=headers).status_code == 204


def test_news_pass_the_filter(shop: Shop, alice: FlaskClient) -> None:
    shop.event("Old", clock.now() - DAY)
    asked = _asked_for(page(alice, f"{shop.profile_path()}?live=1&event=Wanted"))
    for name in ("Wanted", "Other"):
        shop.event(name, clock.now())
        shop.event(name, clock.now() - 2 * DAY)
    news = part(alice, asked, "live")
    assert _names(news) == ["Wanted"]
    assert re.findall(r"<strong>(\w+)</strong> came in", news) == ["Wanted"]
    assert "came in for earlier days" not in news


def test_more_news_than_a_page_has_come_one_after_the_other(
    shop: Shop, alice: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = clock.now()
    shop.event("Old", now - DAY)
    asked = _asked_for(page(alice, f"{shop.profile_path()}?live=1"))
    monkeypatch.setattr(events, "PAGE_SIZE", 2)
    for number in range(5):
        shop.event(f"New {number}", now + number)
    found = []
    while alice.get(asked, headers={"HX-Request": "true", "HX-Target": "live"}).status_code == 200:
        news = part(alice, asked, "live")
        found.append(_names(news))
        asked = _asked_for(news)
    assert found == [["New 1", "New 0"], ["New 3", "New 2"], ["New 4"]]


def test_late_event_that_is_too_far_down_is_counted(
    shop: Shop, alice: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webapp.news._LOOKED_AT", 1)
    shop.event("Old", clock.now() - DAY)
    asked = _asked_for(page(alice, f"{shop.profile_path()}?live=1"))
    shop.event("Late", clock.now() - 2 * DAY)
    assert "1 event came in for earlier days" in words(part(alice, asked, "live"))


@pytest.mark.parametrize("query", ["", "since=x&known=1&seen_at=1", "since=1.1&known=x&seen_at=1", "since=1.1"])
def test_nonsense_question_for_news_has_none(shop: Shop, alice: FlaskClient, query: str) -> None:
    shop.event()
    headers = {"HX-Request": "true", "HX-Target": "live"}
    assert alice.get(f"{shop.profile_path()}?{query}", headers=headers).status_code == 204


def test_only_the_newest_page_asks_for_news(shop: Shop, alice: FlaskClient) -> None:
    path = _five(shop)
    for query, asks in (("live=1", True), ("", False), ("live=1&at=2026-03-10", False), ("live=1&at=first", False)):
        assert ('id="live"' in page(alice, f"{path}?{query}")) is asks
