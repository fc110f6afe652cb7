"""The main job in a real browser: log in, search, open a customer, read what happened."""

import re

from playwright.sync_api import Page, expect

from tests.browser.conftest import Backend
from tests.browser.scenes import unfold
from tests.browser.waiting import copied, opened

NOON = 1_773_144_000_000  # 2026-03-10, 17:30 in the workspace's zone
DAY = 86_400_000


def _shop(backend: Backend) -> None:
    backend.customer("A-1001", name="Asha Rao", email="asha@example.com", mobile="9919211112", City="Mumbai")
    backend.customer("A-1002", name="Ravi Iyer", email="ravi@example.com")
    backend.event("A-1001", "Add To Cart", NOON - DAY, Product="Mixer")
    backend.event("A-1001", "Purchased", NOON, Amount=732.23, Products=["pid1", "pid2"])


def test_log_in_search_open_expand(page: Page, backend: Backend) -> None:
    _shop(backend)
    page.goto("/customers")
    page.keyboard.press("/")
    expect(page.get_by_role("searchbox")).to_be_focused()
    page.keyboard.type("099192-111")
    expect(page.locator("#list")).to_contain_text("1 match for")
    expect(page).to_have_url(re.compile(r"q=099192-111"))
    expect(page.get_by_text("part of mobile")).to_be_visible()
    page.get_by_role("link", name="Asha Rao").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Asha Rao")
    event = page.locator("details.event").first
    expect(event).to_contain_text("Purchased")
    expect(event.get_by_text("732.23").last).not_to_be_visible()
    event.locator("summary").first.click()
    expect(event.get_by_role("row", name="Amount")).to_contain_text("732.23")
    event.get_by_text("Raw JSON").click()
    expect(event.locator("pre")).to_contain_text(f'"time": {NOON}')


def test_keyboard_alone_leads_from_the_search_to_the_event(page: Page, backend: Backend) -> None:
    _shop(backend)
    page.goto("/customers")
    page.keyboard.press("/")
    page.keyboard.type("asha@example.com")
    expect(page.get_by_text("email matches")).to_be_visible()
    _tab_to(page, "Asha Rao")
    page.keyboard.press("Enter")
    opened(page, "Asha Rao")
    _tab_to(page, "Bought")
    page.keyboard.press("Enter")
    expect(page.locator("details.event").first).to_have_attribute("open", "")


def _tab_to(page: Page, text: str) -> None:
    for _ in range(90):  # a date has four stops
        page.keyboard.press("Tab")
        focused = page.locator("a:focus, summary:focus")
        if focused.count() and text in focused.inner_text():
            return
    raise AssertionError(f"{text} can't be reached by the keyboard")


def test_click_anywhere_on_the_row_opens_the_profile(page: Page, backend: Backend) -> None:
    _shop(backend)
    page.goto("/customers")
    cell = page.get_by_role("cell", name="ravi@example.com").bounding_box()
    assert cell is not None
    page.mouse.click(cell["x"] + 20, cell["y"] + 20)
    expect(page.get_by_role("heading", level=1)).to_contain_text("Ravi Iyer")


def test_filter_stays_in_the_url_and_survives_going_back(page: Page, backend: Backend) -> None:
    _shop(backend)
    page.goto("/customers")
    page.get_by_role("link", name="Asha Rao").click()
    opened(page, "Asha Rao")
    page.get_by_text("All events").click()
    page.get_by_role("checkbox", name="Add To Cart").check()
    expect(page.locator("details.event")).to_have_count(1)
    expect(page).to_have_url(re.compile(r"event=Add"))
    page.reload()
    expect(page.locator("details.event")).to_have_count(1)
    page.go_back()
    expect(page.locator("details.event")).to_have_count(2)


def test_more_events_come_by_scrolling(page: Page, backend: Backend) -> None:
    for number in range(120):
        backend.event("A-1001", f"Event {number}", NOON - number * 1000)
    page.goto("/customers")
    page.get_by_role("link", name="A-1001").click()
    expect(page.locator("details.event")).to_have_count(50)
    for loaded in (100, 120):
        page.locator("#older").scroll_into_view_if_needed()
        expect(page.locator("details.event")).to_have_count(loaded)
    expect(page.locator("#older")).to_have_count(0)
    expect(page.locator(".day")).to_have_count(1)


def test_copy_button_copies_the_growlytics_id(page: Page, backend: Backend) -> None:
    _shop(backend)
    page.goto("/customers?q=A-1001")
    page.get_by_role("link", name="Asha Rao").click()
    opened(page, "Asha Rao")
    id_ = copied(page, "Copy the Growlytics ID")
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert f"/customers/{id_}?" in page.url


def test_getting_started_turns_into_the_list_by_itself(page: Page, backend: Backend) -> None:
    expect(page.get_by_role("heading", level=1)).to_have_text("Getting started")
    expect(page.locator("pre").first).to_contain_text(f"curl {backend.url}/rest-api/customer")
    _shop(backend)
    expect(page.get_by_role("heading", level=1)).to_have_text("Customer Profiles")
    expect(page.get_by_text("2 customers")).to_be_visible()


def test_everything_works_without_javascript(plain_page: Page, backend: Backend) -> None:
    _shop(backend)
    for number in range(60):
        backend.event("A-1002", f"Event {number}", NOON - number)
    plain_page.goto("/customers")
    plain_page.get_by_role("searchbox").fill("ravi")
    plain_page.get_by_role("button", name="Search").click()
    plain_page.get_by_role("link", name="Ravi Iyer").click()
    plain_page.get_by_role("link", name="Older activities").click()
    expect(plain_page.locator("details.event")).to_have_count(10)
    plain_page.get_by_role("link", name="Back to the newest").click()
    expect(plain_page.locator("details.event")).to_have_count(50)
    plain_page.get_by_text("All events").click()
    plain_page.get_by_role("checkbox", name="Event 7 1").check()
    plain_page.get_by_role("button", name="Show").first.click()
    expect(plain_page.locator("details.event")).to_have_count(1)
    plain_page.locator("details.event summary").first.click()
    expect(plain_page.get_by_text("This event has no attributes.")).to_be_visible()
    plain_page.get_by_role("button", name="Sign out").click()
    plain_page.wait_for_url("**/login")


def test_getting_started_is_no_wider_than_a_phone(page: Page) -> None:
    page.set_viewport_size({"width": 375, "height": 800})
    page.goto("/customers")
    expect(page.get_by_role("heading", level=1)).to_have_text("Getting started")
    assert page.evaluate("document.documentElement.scrollWidth") <= 375


def test_way_back_from_a_profile_leads_to_the_search(page: Page, backend: Backend) -> None:
    _shop(backend)
    page.goto("/customers?q=asha")
    page.get_by_role("link", name="Asha Rao").click()
    page.get_by_role("link", name="Search for “asha”").click()
    expect(page.locator("#list")).to_contain_text("1 match for")


def test_no_page_is_wider_than_a_phone(page: Page, backend: Backend) -> None:
    long = "x" * 49
    backend.customer("w" * 255, name="W" * 300, email=f"{'w' * 200}@example.com", **{long: "W" * 2000})
    backend.event("w" * 255, "W" * 49, NOON, **{long: {"k" * 300: ["v" * 300]}})
    page.set_viewport_size({"width": 375, "height": 800})
    page.goto("/customers")
    profile = page.locator(".row-link").get_attribute("href") or ""
    for path in (
        "/customers",
        f"/customers?q={'w' * 200}",
        profile,
        "/settings/workspace",
        "/settings/keys",
        "/settings/account",
    ):
        page.goto(path)
        unfold(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= 375, path
