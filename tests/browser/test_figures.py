"""The top of a profile in a real browser: a click on a day, a month or a bar filters the timeline."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import Backend
from tests.browser.waiting import opened, shows
from webapp import clock

WIDTHS = (375, 1440)


@pytest.fixture
def asha(backend: Backend) -> str:
    """The name of a customer with events on some days of the last weeks."""
    now = clock.now()
    for days, name in ((1, "Product Viewed"), (1, "Purchased"), (3, "Product Viewed"), (40, "App Launched")):
        backend.event("C-7", name, now - days * clock.DAY, Amount=250)
    backend.customer("C-7", name="Asha Rao")
    return "Asha Rao"


def _open(page: Page, name: str, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    page.goto("/customers")
    page.get_by_role("link", name=name).click()
    opened(page, name)
    expect(page.locator("#figures")).to_contain_text("Revenue")


def _shown(page: Page) -> Locator:
    return page.locator("#activities .event > summary strong")


@pytest.mark.parametrize("width", WIDTHS)
def test_day_of_the_year_filters_the_timeline(page: Page, asha: str, width: int) -> None:
    _open(page, asha, width)
    expect(_shown(page)).to_have_count(4)
    day = page.locator("#year .days a").last
    title = day.locator("title").text_content()
    assert title is not None
    assert title.startswith("2 events on ")
    day.click()
    expect(page.locator("#activities .event")).to_have_count(2)
    shows(_shown(page), ["Product Viewed", "Purchased"])
    expect(page).to_have_url(re.compile(r"\?from=(\d{4}-\d\d-\d\d)&to=\1$"))
    expect(page.locator("#activities")).to_be_in_viewport()
    expect(day).to_have_attribute("aria-current", "true")
    page.reload()
    expect(page.locator("#activities .event")).to_have_count(2)
    expect(page.locator("#year .days a[aria-current]")).to_have_count(1)
    page.go_back()
    expect(page.locator("#activities .event")).to_have_count(4)


@pytest.mark.parametrize("width", WIDTHS)
def test_bar_of_an_event_filters_the_timeline_by_keyboard(page: Page, asha: str, width: int) -> None:
    _open(page, asha, width)
    bar = page.locator("#names").get_by_role("link", name="Product Viewed")
    bar.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#activities .event")).to_have_count(2)
    expect(_shown(page)).to_have_text(["Product Viewed", "Product Viewed"])
    expect(page).to_have_url(re.compile(r"\?event=Product\+Viewed$"))
    expect(bar).to_be_focused()
    page.locator("#names").get_by_role("link", name="Purchased").click()
    expect(page.locator("#activities .event")).to_have_count(1)
    expect(page.locator("#names a[aria-current]")).to_have_count(1)


def test_month_and_year_are_chosen(page: Page, asha: str) -> None:
    _open(page, asha, 1440)
    year = page.locator("#year")
    this_year = year.locator("nav a").nth(1).inner_text()
    year.get_by_role("link", name=this_year, exact=True).click()
    expect(year.locator("nav [aria-current]")).to_have_text(this_year)
    expect(page).to_have_url(re.compile(rf"\?year={this_year}$"))
    year.get_by_text("By month").click()
    year.locator("tbody a").first.click()
    expect(page).to_have_url(re.compile(rf"\?year={this_year}&from=\d{{4}}-\d\d-01&to=\d{{4}}-\d\d-\d\d$"))
    expect(page.locator("#activities .event").first).to_be_visible()


@pytest.mark.parametrize("width", WIDTHS)
def test_day_and_bar_work_without_scripts(plain_page: Page, asha: str, width: int) -> None:
    _open(plain_page, asha, width)
    plain_page.locator("#year .days a").last.click()
    expect(plain_page.locator("#activities .event")).to_have_count(2)
    plain_page.locator("#names").get_by_role("link", name="App Launched").click()
    expect(plain_page.locator("#activities .event")).to_have_count(1)
