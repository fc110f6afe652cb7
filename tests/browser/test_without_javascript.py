"""The ten main tasks in a browser that runs no script: slower to the hand, but all of them."""

import json
import re

import pytest
from playwright.sync_api import Page, ViewportSize, expect

from tests.browser.conftest import DESK, NOON, ON_SQLITE, PHONE, Backend
from tests.browser.waiting import opened
from tests.visitors import tell, values
from tests.world import PASSWORD, Shop

pytestmark = ON_SQLITE  # a page without scripts is the same with both engines

CUSTOMERS, EVENTS = 60, 70  # more than a page has


@pytest.fixture(autouse=True)
def _customers(backend: Backend) -> None:
    for number in range(CUSTOMERS):
        backend.customer(f"B-{number}", name=f"Somebody {number}")
    backend.customer("A-1001", name="Asha Rao", email="asha@example.com", City="Mumbai")
    for number in range(EVENTS):
        backend.event("A-1001", "Viewed" if number else "Purchased", NOON - number * 1000, Amount=number)


@pytest.fixture(params=[PHONE, DESK], ids=["phone", "desk"])
def plain(request: pytest.FixtureRequest, plain_page: Page) -> Page:
    """A page of a small and of a large browser."""
    size: ViewportSize = request.param
    plain_page.set_viewport_size(size)
    return plain_page


def _profile(page: Page) -> None:
    page.goto("/customers?q=A-1001")
    page.get_by_role("link", name="Asha Rao").click()
    opened(page, "Asha Rao")


def test_signing_in_leads_to_where_one_was_going(plain: Page) -> None:
    plain.context.clear_cookies()
    plain.goto("/customers?q=asha")
    plain.get_by_label("E-mail").fill("asha@support.example")
    plain.get_by_label("Password").fill(PASSWORD)
    plain.get_by_role("button", name="Sign in").click()
    plain.wait_for_url("**/customers?q=asha")


def test_list_and_its_next_page(plain: Page) -> None:
    expect(plain.locator("#list tbody tr")).to_have_count(50)
    first = plain.locator("#list tbody").inner_text()
    plain.get_by_role("link", name="Older").click()
    expect(plain.locator("#list tbody tr")).to_have_count(CUSTOMERS + 1 - 50)
    plain.get_by_role("link", name="Newer").click()
    expect(plain.locator("#list tbody tr")).to_have_count(50)
    assert _names(plain.locator("#list tbody").inner_text()) == _names(first)


def _names(text: str) -> list[str]:
    return re.findall(r"Somebody \d+|Asha \w+", text)


def test_search_and_opening_a_hit(plain: Page) -> None:
    plain.get_by_role("searchbox", name="Search customers").fill("asha@")
    plain.get_by_role("button", name="Search", exact=True).click()
    expect(plain.get_by_text("part of email")).to_be_visible()
    plain.get_by_role("link", name="Asha Rao").click()
    expect(plain.get_by_role("heading", level=1)).to_contain_text("Asha Rao")
    expect(plain.locator("#attributes")).to_contain_text("Mumbai")


def test_filtering_the_timeline(plain: Page) -> None:
    _profile(plain)
    plain.get_by_text("All events").click()
    plain.get_by_role("checkbox", name="Purchased").check()
    plain.locator("#event-menu").get_by_role("button", name="Show").click()
    expect(plain.locator("details.event")).to_have_count(1)
    expect(plain).to_have_url(re.compile("event=Purchased"))


def test_older_activities_and_back_to_the_newest(plain: Page) -> None:
    _profile(plain)
    plain.get_by_role("link", name="Older activities").click()
    expect(plain.locator("details.event")).to_have_count(EVENTS - 50)
    plain.get_by_role("link", name="Back to the newest").click()
    expect(plain.locator("details.event")).to_have_count(50)


def test_raw_event(plain: Page) -> None:
    _profile(plain)
    event = plain.locator("details.event").first
    event.locator("summary").first.click()
    event.get_by_text("Raw JSON").click()
    raw = json.loads(event.locator("pre").inner_text())
    assert (raw["name"], raw["time"]) == ("Purchased", NOON)


def test_history_of_an_attribute(plain: Page, backend: Backend) -> None:
    backend.customer("A-1001", City="Goa")
    _profile(plain)
    row = plain.locator("#attributes tr", has_text="City")
    row.locator("summary").click()
    row.get_by_role("link").click()
    expect(plain.locator("main")).to_contain_text("Mumbai")


def test_merge_with_its_preview(plain: Page, shop: Shop) -> None:
    tell(shop, values("tablet", NOON, email="asha.r@example.com", City="Pune"))
    _profile(plain)
    plain.get_by_role("link", name="Merge …").click()
    plain.get_by_label("Find the other profile").fill("asha.r")
    plain.get_by_role("button", name="Search", exact=True).click()
    plain.get_by_role("link", name="asha.r@example.com").click()
    expect(plain.get_by_role("row", name="City")).to_contain_text("Pune")
    plain.get_by_role("button", name="Merge these two").click()
    expect(plain.get_by_role("status")).to_contain_text("Merged.")


def test_change_of_a_setting(plain: Page) -> None:
    plain.get_by_role("link", name="Settings").click()
    plain.get_by_label("Time zone").select_option("Europe/Berlin")
    plain.get_by_role("button", name="Save").click()
    expect(plain.get_by_role("status")).to_contain_text("Settings saved.")
    expect(plain.get_by_label("Time zone")).to_have_value("Europe/Berlin")


def test_help_for_the_keyboard_and_signing_out(plain: Page) -> None:
    plain.goto("/help/keyboard")
    assert "They need JavaScript, which is off" in plain.content()
    expect(plain.get_by_role("checkbox")).to_be_hidden()
    plain.get_by_role("button", name="Sign out").click()
    plain.wait_for_url("**/login")
    plain.goto("/customers")
    plain.wait_for_url("**/login?next=/customers")
