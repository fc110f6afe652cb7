"""The timeline in a real browser: choosing, going to places in it, links to events, and news by themselves."""

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Backend, signed_in
from tests.browser.waiting import LONG_PATIENCE, copied
from tests.world import Shop
from webapp import clock

SIZES = ({"width": 375, "height": 800}, {"width": 1440, "height": 900})
AUCKLAND = "Pacific/Auckland"
_NO_DAY_TWICE = """() => {
    const days = [...document.querySelectorAll(".day")].map((day) => day.innerText);
    return new Set(days).size === days.length;
}"""


@pytest.fixture(params=SIZES, ids=["phone", "desktop"])
def window(page: Page, request: pytest.FixtureRequest) -> Page:
    """A page in a small and in a large window."""
    page.set_viewport_size(request.param)
    return page


@pytest.fixture
def path(shop: Shop) -> str:
    """Where the profile of somebody with sixty events on sixty days is."""
    now = clock.now()
    for number in range(60):
        name = ("Product Viewed", "Purchased", "Delivered")[number % 3]
        shop.event(name, now - (number + 1) * clock.DAY, "u1", Product=f"Mixer {number}", Amount=number + 0.5)
    return shop.profile_path("u1")


def test_filter_by_names_and_text_and_take_it_away_again(window: Page, path: str) -> None:
    window.goto(path)
    events = window.locator("details.event")
    window.get_by_text("All events").click()
    window.get_by_label("Purchased 20").check()
    expect(events).to_have_count(20)
    window.get_by_label("Delivered 20").check()  # the menu has stayed open
    expect(events).to_have_count(40)
    expect(window).to_have_url(
        re.compile(r"event=Purchased&event=Delivered&by=day|by=day&event=Purchased&event=Delivered")
    )
    window.keyboard.press("Escape")
    expect(window.get_by_label("Delivered 20")).to_be_hidden()
    window.get_by_label("Text in attributes").fill("MIXER 4")
    window.keyboard.press("Enter")
    expect(events).to_have_count(8)  # 4, 40, 41 … but for those only viewed
    window.get_by_role("link", name="Remove Purchased").click()
    expect(events).to_have_count(3)
    window.reload()
    expect(events).to_have_count(3)
    window.go_back()
    expect(events).to_have_count(8)
    window.get_by_role("link", name="Clear").click()
    expect(events).to_have_count(50)
    expect(window).to_have_url(re.compile(rf"{path}$"))


def test_go_to_the_first_event_to_a_date_and_back(window: Page, path: str) -> None:
    window.goto(path)
    window.get_by_role("link", name="First event").click()
    expect(window.locator("details.event").last).to_contain_text("Delivered")
    expect(window.locator("details.event")).to_have_count(50)
    window.get_by_role("link", name="Newer activities").click()
    expect(window.locator("details.event")).to_have_count(10)
    window.get_by_role("link", name="Back to the newest").click()
    expect(window.locator("details.event").first).to_contain_text("Product Viewed")
    expect(window.get_by_role("link", name="Back to the newest")).to_have_count(0)


def test_link_to_an_event_opens_it_where_it_is(window: Page, path: str) -> None:
    window.goto(path)
    event = window.locator("details.event").nth(30)
    name = event.locator("summary").first.inner_text()
    event.locator("summary").first.click()
    address = copied(window, "Copy the link to this event")
    expect(event.get_by_role("button", name="Copied")).to_be_visible()
    window.goto("/customers")
    window.goto(address)
    linked = window.locator("details.event-linked")
    expect(linked).to_have_attribute("open", "")
    expect(linked.locator("summary").first).to_be_in_viewport()
    expect(linked.locator("summary").first).to_have_text(name, use_inner_text=True)
    expect(window.get_by_role("link", name="Newer activities")).to_have_count(1)


def test_zone_of_the_browser_is_one_click_away(chromium: Browser, backend: Backend, path: str) -> None:
    with signed_in(chromium, backend, timezone_id=AUCKLAND) as page:
        page.goto(f"{path}?event=Purchased")
        page.get_by_text("View", exact=True).click()
        page.get_by_role("link", name=f"Mine {AUCKLAND}").click()
        page.wait_for_url(re.compile(r"event=Purchased&zone=Pacific(/|%2F)Auckland"))
        shown = page.locator("details.event time").first
        in_browser = "(time) => new Date(time.dateTime).toLocaleTimeString('en-GB')"
        assert shown.inner_text() == shown.evaluate(in_browser)
        page.get_by_text("View", exact=True).click()
        expect(page.get_by_role("link", name="Mine")).to_have_attribute("aria-current", "true")
        page.get_by_role("link", name="Workspace").click()
        expect(page).not_to_have_url(re.compile("zone="))


def test_detailed_view_shows_attributes_without_a_click(window: Page, path: str) -> None:
    window.goto(path)
    expect(window.get_by_text("Mixer 7", exact=True).last).to_be_hidden()
    window.get_by_text("View", exact=True).click()
    window.get_by_label("with all attributes").check()
    expect(window.locator("details.event[open]")).to_have_count(50)
    expect(window).to_have_url(re.compile("view=detailed"))


def test_news_appear_on_top_and_leave_the_reader_where_they_are(window: Page, backend: Backend, path: str) -> None:
    window.goto(path)
    window.get_by_label("Live", exact=True).check()
    expect(window).to_have_url(re.compile("live=1"))
    backend.event("u1", "Search", clock.now(), query="mug")
    expect(window.locator("details.event").first).to_contain_text("Searched for “mug”", timeout=LONG_PATIENCE)
    expect(window.locator("#new-events")).to_be_hidden()
    read = window.locator("details.event").nth(40)
    read.scroll_into_view_if_needed()
    top = read.bounding_box()
    backend.event("u1", "Search", clock.now(), query="kettle")
    backend.event("u1", "Search", clock.now(), query="pan")
    expect(window.locator("#new-events")).to_have_text(re.compile("[12] new event"), timeout=LONG_PATIENCE)
    expect(window.locator("#new-events")).to_have_text("2 new events", timeout=LONG_PATIENCE)
    still = window.locator("details.event").nth(42).bounding_box()
    assert top is not None
    assert still is not None
    assert abs(top["y"] - still["y"]) <= 1
    window.wait_for_function(_NO_DAY_TWICE)
    window.locator("#new-events").click()
    expect(window.locator("#new-events")).to_be_hidden()
    expect(window.locator("details.event").first).to_contain_text("Searched for “pan”")


@pytest.mark.parametrize("by", ["visit", "day"])
def test_news_join_the_visit_or_day_that_is_on_top(window: Page, backend: Backend, path: str, by: str) -> None:
    def tell(name: str) -> None:
        backend.send("/msv_cevt", {"did": "phone", "name": name, "timestamp": clock.now()})

    def heads() -> list[str]:
        return window.locator(".visit").all_inner_texts()

    now = clock.now()
    backend.send("/msv_cs_id", {"did": "phone", "clientCustomerId": "u1", "timestamp": now - 10 * clock.MINUTE})
    backend.send("/msv_cevt", {"did": "phone", "name": "Opened", "timestamp": now - 9 * clock.MINUTE})
    window.goto(f"{path}?by={by}")
    window.get_by_label("Live", exact=True).check()
    expect(window).to_have_url(re.compile("live=1"))
    events = window.locator("details.event")
    expect(events.first).to_contain_text("Opened")
    before = heads()
    for name in ("Scrolled", "Tapped"):
        tell(name)
        expect(events.first).to_contain_text(name, timeout=LONG_PATIENCE)
    if by == "visit":
        expect(window.locator(".visit")).to_have_count(len(before))
        expect(window.locator(".visit").first).to_contain_text("3 events")
        assert heads()[1:] == before[1:]
    backend.event("u1", "Refunded", clock.now())  # by the shop's server, while the visit goes on
    backend.event("u1", "Search", clock.now() + 1, query="mug")
    expect(events.first).to_contain_text("Searched for “mug”", timeout=LONG_PATIENCE)
    names = window.locator("details.event > summary").all_inner_texts()[:6]
    told = window.locator(".visit p, .day").all_inner_texts()[:4]
    window.reload()
    expect(events.first).to_contain_text("Searched for “mug”")
    assert window.locator("details.event > summary").all_inner_texts()[:6] == names
    assert window.locator(".visit p, .day").all_inner_texts()[:4] == told


def test_news_on_no_visit_join_what_was_on_none(window: Page, backend: Backend, path: str) -> None:
    backend.event("u1", "Packed", clock.now() - clock.MINUTE)
    window.goto(f"{path}?by=visit")
    window.get_by_label("Live", exact=True).check()
    expect(window).to_have_url(re.compile("live=1"))
    heads = window.locator(".visit").all_inner_texts()
    read = window.locator("details.event").nth(20)
    read.scroll_into_view_if_needed()
    top = read.bounding_box()
    backend.event("u1", "Sent", clock.now())
    expect(window.locator("#new-events")).to_have_text("1 new event", timeout=LONG_PATIENCE)
    still = window.locator("details.event").nth(21).bounding_box()
    assert top is not None
    assert still is not None
    assert abs(top["y"] - still["y"]) <= 1
    assert window.locator(".visit").all_inner_texts() == heads


def test_choices_work_without_javascript(plain_page: Page, path: str) -> None:
    plain_page.goto(path)
    plain_page.get_by_text("All events").click()
    plain_page.get_by_label("Purchased 20").check()
    plain_page.get_by_role("button", name="Show").first.click()
    expect(plain_page.locator("details.event")).to_have_count(20)
    expect(plain_page.get_by_label("Live", exact=True)).to_be_hidden()
    plain_page.get_by_role("link", name="First event").click()
    plain_page.wait_for_url(re.compile("at=first"))
    expect(plain_page.locator("details.event")).to_have_count(20)
    plain_page.get_by_text("View", exact=True).click()
    expect(plain_page.get_by_role("link", name="Mine")).to_be_hidden()
    plain_page.get_by_role("link", name="UTC").click()
    plain_page.wait_for_url(re.compile("zone=utc"))
    plain_page.locator("details.event summary").first.click()
    plain_page.get_by_role("link", name="Link to this event").first.click()
    expect(plain_page.locator("details.event-linked")).to_have_count(1)
