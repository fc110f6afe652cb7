"""The overview in a real browser, with scripts and without, on a phone and on a desk."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.conftest import DESK, ON_SQLITE, PHONE, Backend, signed_in
from webapp import clock

pytestmark = ON_SQLITE  # the page is the same with both engines


@pytest.fixture(params=[(PHONE, True), (DESK, True), (DESK, False)], ids=["phone", "desk", "without JavaScript"])
def visitor(request: pytest.FixtureRequest, chromium: Browser, backend: Backend) -> Iterator[Page]:
    """A signed-in page."""
    size, has_scripts = request.param
    with signed_in(chromium, backend, java_script_enabled=has_scripts, viewport=size) as page:
        yield page


@pytest.fixture
def _events(backend: Backend) -> None:
    now = clock.now() - clock.HOUR
    for number, days in enumerate((0, 3, 3, 5, 20, 20, 45)):
        backend.event(f"A-{number % 3}", "Purchased", now - days * clock.DAY, Place=number)
    backend.customer("A-0", name="Asha Rao")
    backend.event("A-0", "Viewed", now)


def _tile(page: Page, title: str) -> Locator:
    tile = page.locator(".tile", has=page.get_by_role("heading", name=title, exact=True))
    return tile.locator("strong")


@pytest.mark.usefixtures("_events")
def test_overview_leads_from_figures_to_the_people_behind_them(visitor: Page) -> None:
    page = visitor
    page.goto("/customers")
    page.get_by_role("navigation", name="Main").get_by_role("link", name="Overview").click()
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()
    for title, number in (("Customers", "3"), ("New customers", "3"), ("Events", "7")):
        expect(_tile(page, title)).to_have_text(number)
    page.get_by_role("navigation", name="Days").get_by_role("link", name="7 days").click()
    page.wait_for_url("**/overview?days=7")
    expect(_tile(page, "Events")).to_have_text("5")
    page.get_by_role("link", name=re.compile("^Viewed")).click()
    expect(page.get_by_text("1 customer", exact=True)).to_be_visible()
    expect(page.get_by_role("link", name="Asha Rao")).to_be_visible()


@pytest.mark.usefixtures("_events")
def test_days_of_ones_own_and_the_days_of_an_event(visitor: Page) -> None:
    page = visitor
    page.goto("/overview")
    today = datetime.now(UTC).date()
    page.get_by_label("From", exact=True).fill(str(today - timedelta(days=60)))
    page.get_by_label("To", exact=True).fill(str(today + timedelta(days=1)))
    page.get_by_role("button", name="Show").click()
    page.wait_for_url("**/overview?from=*&to=*")
    expect(_tile(page, "Events")).to_have_text("8")
    page.get_by_role("link", name="By name").click()
    page.wait_for_url("**/overview/event?*")
    page.get_by_role("link", name=re.compile("^Purchased")).click()
    expect(page.get_by_role("heading", name="Purchased")).to_be_visible()
    expect(page.locator(".tile strong")).to_have_text("7")
    page.get_by_role("link", name="Customers who did this").click()
    expect(page.get_by_text("3 customers", exact=True)).to_be_visible()


@pytest.mark.usefixtures("_events")
def test_nothing_on_the_overview_is_wider_than_a_phone(visitor: Page) -> None:
    page = visitor
    for path in ("/overview", "/overview?from=2026-01-01", "/overview/event", "/overview/event?name=Purchased"):
        page.goto(path)
        for width in (320, 375, 768):
            page.set_viewport_size({"width": width, "height": 800})
            assert page.locator("html").bounding_box()["width"] <= width  # type: ignore[index]
            assert page.locator("main").bounding_box()["width"] <= width  # type: ignore[index]
