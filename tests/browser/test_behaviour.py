"""How pages behave while their parts come and go: nothing jumps, the focus stays, and failures stay in their box."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, Route, ViewportSize, expect

from tests.browser import scenes
from tests.browser.conftest import DESK, NOON, ON_SQLITE, PHONE, Backend
from tests.browser.waiting import opened, until
from tests.world import Shop

pytestmark = ON_SQLITE  # pages behave the same with both engines

SIZES = pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
ERROR_PAGE = "<main><h1>The database can't be reached</h1><p>Nothing is lost.</p></main>"
# What the browser itself counts as a shift of the layout, over the life of a page: the sum of its scores.
_LINE_COMES_AFTER = """document.getAnimations({ subtree: true })
    .find((one) => one.animationName === "appear").effect.getTiming().delay"""
SHIFTS = """
window.shifted = 0;
new PerformanceObserver((list) => { for (const one of list.getEntries()) window.shifted += one.value; })
    .observe({ type: "layout-shift", buffered: true });
"""


@pytest.fixture(autouse=True)
def _customers(backend: Backend) -> None:
    many = {f"Attribute {number:02}": number for number in range(14)}
    backend.customer("A-1001", name="Asha Rao", email="asha@example.com", **many)
    backend.customer("A-1002", name="Ravi Iyer", email="ravi@example.com")
    backend.event("A-1001", "Add To Cart", NOON, Product="Mixer")
    backend.event("A-1001", "Purchased", NOON + 1000, Amount=732.23)


def _profile(page: Page) -> None:
    page.goto("/customers?q=A-1001")
    page.get_by_role("link", name="Asha Rao").click()
    opened(page, "Asha Rao")


def _search(page: Page, text: str) -> None:
    page.get_by_role("searchbox", name="Search customers").press_sequentially(text)


def test_focus_and_what_is_typed_stay_while_results_come(page: Page) -> None:
    page.goto("/customers")
    _search(page, "as")
    expect(page.locator("#list")).to_contain_text("1 match")
    page.keyboard.type("ha")
    expect(page).to_have_url(re.compile("q=asha$"))
    field = page.get_by_role("searchbox", name="Search customers")
    expect(field).to_be_focused()
    expect(field).to_have_value("asha")


def test_focus_stays_in_a_filter_that_is_swapped_itself(page: Page) -> None:
    _profile(page)
    field = page.locator("#event-from")
    field.fill("2020-01-01")
    expect(page).to_have_url(re.compile("from=2020-01-01"))
    expect(field).to_be_focused()


def test_line_on_top_shows_only_when_an_answer_takes_long(page: Page) -> None:
    page.goto("/customers")
    assert _line(page) == "none"
    held: list[Route] = []
    page.route(re.compile("q=asha$"), lambda route: held.append(route))  # noqa: PLW0108 - no builtin
    _search(page, "asha")
    until(page, lambda: len(held) == 1)
    assert _line(page) != "none"
    assert page.evaluate(_LINE_COMES_AFTER) == 200  # ms
    page.wait_for_function("() => getComputedStyle(document.documentElement, '::before').opacity === '1'")
    held[0].continue_()
    expect(page.locator("#list")).to_contain_text("1 match")
    assert _line(page) == "none"


def _line(page: Page) -> str:
    return str(page.evaluate("getComputedStyle(document.documentElement, '::before').content"))


@SIZES
def test_nothing_jumps(page: Page, size: ViewportSize) -> None:
    page.set_viewport_size(size)
    page.add_init_script(SHIFTS)
    page.goto("/customers")
    head = page.locator(".page-head").bounding_box()
    _search(page, "asha")
    expect(page.locator("#list")).to_contain_text("1 match")
    assert page.locator(".page-head").bounding_box() == head
    _profile(page)
    page.wait_for_timeout(300)
    assert page.evaluate("shifted") < 0.01


@pytest.mark.parametrize("width", [375, 768])
def test_bar_leads_to_every_part_of_a_profile_in_one_column(page: Page, backend: Backend, width: int) -> None:
    for number in range(60):
        backend.event("A-1001", "Viewed", NOON - number * 60_000)
    page.set_viewport_size({"width": width, "height": 800})
    page.add_init_script(SHIFTS)
    _profile(page)
    bar = page.get_by_role("navigation", name="On this page")
    below = bar.bounding_box()
    assert below is not None
    for words in bar.get_by_role("link").all_inner_texts():
        link = bar.get_by_role("link", name=words)
        link.click()
        part = page.locator(link.get_attribute("href") or "")
        expect(part.get_by_role("heading").first).to_be_in_viewport(ratio=1)
        box = part.bounding_box()
        assert box is not None
        assert box["y"] >= below["height"]
    assert page.evaluate("shifted") < 0.01
    page.locator("details.event").last.scroll_into_view_if_needed()
    expect(page.locator("details.event")).to_have_count(62)  # older ones have come, and push nothing away
    assert page.locator(".panels section").last.get_attribute("id") == "activities"


def test_wide_window_needs_no_bar(page: Page) -> None:
    page.set_viewport_size(DESK)
    _profile(page)
    expect(page.locator(".jumps")).to_be_hidden()


def test_nothing_is_wider_than_the_window_however_much_there_is(page: Page, shop: Shop) -> None:
    scenes.overfull(shop)
    wide = []
    for path in scenes.open_pages(page, shop, most=3):
        for width in (375, 768, 1440):
            page.set_viewport_size({"width": width, "height": 800})
            if page.evaluate("document.documentElement.scrollWidth") > width:
                wide.append((path, width))
    scenes.empty(shop)
    assert not wide


def test_back_and_reload_show_the_same_page(page: Page) -> None:
    page.goto("/customers")
    _search(page, "asha")
    expect(page.locator("#list")).to_contain_text("1 match")
    searched = page.locator("#list tbody").inner_text()
    page.reload()
    expect(page.locator("#list tbody")).to_have_text(searched, use_inner_text=True)
    page.get_by_role("link", name="Asha Rao").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Asha Rao")
    page.go_back()
    expect(page.get_by_role("searchbox", name="Search customers")).to_have_value("asha")
    expect(page.locator("#list tbody")).to_have_text(searched, use_inner_text=True)


def _answers(status: int) -> Callable[[Route], None]:
    return lambda route: route.fulfill(status=status, content_type="text/html", body=ERROR_PAGE)


@pytest.mark.parametrize("status", [500, 503])
def test_failure_stays_in_its_box_until_it_is_tried_again(rough_page: Page, status: int) -> None:
    page = rough_page
    page.goto("/customers")
    page.route(re.compile(r"q=asha$"), _answers(status))
    _search(page, "asha")
    box = page.get_by_role("alert")
    expect(box).to_contain_text("The database can't be reached. Nothing is lost.")
    expect(page.get_by_role("heading", level=1)).to_have_text("Customer Profiles")
    expect(page.locator("#list tbody tr")).to_have_count(2)
    page.unroute(re.compile(r"q=asha$"))
    box.get_by_role("button", name="Try again").click()
    expect(page.locator("#list")).to_contain_text("1 match")
    expect(box).to_have_count(0)


def test_panel_that_fails_leaves_the_other_panels_alone(rough_page: Page) -> None:
    page = rough_page
    _profile(page)
    page.route(re.compile(r"from=2020"), lambda route: route.abort())
    page.locator("#event-from").fill("2020-01-01")
    box = page.locator("#activities").get_by_role("alert")
    expect(box).to_contain_text("The server can’t be reached.")
    expect(page.locator("details.event")).to_have_count(2)
    page.get_by_label("Filter attributes").fill("Attribute 03")
    expect(page.locator("#attribute-rows tr")).to_have_count(1)
    expect(box).to_be_visible()
    page.unroute(re.compile(r"from=2020"))
    box.get_by_role("button", name="Try again").click()
    expect(box).to_have_count(0)
    expect(page).to_have_url(re.compile("from=2020-01-01"))


def test_server_that_is_away_is_told_and_found_again(rough_page: Page, backend: Backend) -> None:
    page = rough_page
    page.goto("/customers")
    backend.server.stop()
    _search(page, "asha")
    box = page.get_by_role("alert")
    expect(box).to_contain_text("The server can’t be reached.")
    backend.server.start()
    box.get_by_role("button", name="Try again").click()
    expect(page.locator("#list")).to_contain_text("1 match")


def test_who_is_signed_out_meanwhile_is_told_and_comes_back_to_the_same_page(rough_page: Page) -> None:
    page = rough_page
    _profile(page)
    profile = page.url
    page.context.clear_cookies()
    page.get_by_label("Filter attributes").fill("03")
    box = page.get_by_role("alert")
    expect(box).to_contain_text("You are signed out.")
    expect(page.locator("details.event")).to_have_count(2)
    box.get_by_role("link", name="Sign in").click()
    page.get_by_label("E-mail").fill("asha@support.example")
    page.get_by_label("Password").fill("correct horse battery staple")
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(profile)


def test_page_that_asks_by_itself_says_once_that_the_server_is_away(rough_page: Page, backend: Backend) -> None:
    page = rough_page
    page.goto("/settings/website")
    page.get_by_role("button", name="Make a browser key").click()
    page.wait_for_url("**/settings/website?key=*")
    backend.server.stop()
    box = page.get_by_role("alert")
    expect(box).to_contain_text("The server can’t be reached.")
    for _ in range(2):
        with page.expect_event("requestfailed"):
            pass
    expect(box).to_have_count(1)
    backend.server.start()
    expect(box).to_have_count(0)
