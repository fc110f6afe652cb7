"""The customer list in a real browser: filters, columns, segments and the export, as people use them."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import Backend
from tests.browser.waiting import opened, shows

NOON = 1_773_144_000_000  # 2026-03-10, 17:30 in the workspace's zone
DAY = 86_400_000


@pytest.fixture
def _people(backend: Backend) -> None:
    backend.customer("A-1", name="Asha Rao", email="asha@example.com", City="Pune", Points=120)
    backend.customer("A-2", name="Ravi Iyer", email="ravi@example.com", City="Pune", Points=7)
    backend.customer("A-3", name="Meera Nair", email="meera@example.com", City="Goa", Points=500)
    for number in range(3):
        backend.event("A-1", "Purchased", NOON + number * DAY, Amount=10)
    backend.event("A-2", "Purchased", NOON, Amount=10)


def _rows(page: Page) -> Locator:
    return page.locator("tbody .row-link")


def _work_through(page: Page) -> None:
    """From the whole list to a saved segment with columns of its own, and back."""
    page.goto("/customers")
    _add_filters(page)
    expect(_rows(page)).to_have_text(["Asha Rao"])
    expect(page.get_by_text("1 customer", exact=True)).to_be_visible()
    page.locator("summary", has_text="Columns").click()
    page.get_by_label("Mobile").uncheck()
    page.get_by_label("And the attribute").fill("Points")
    page.get_by_role("button", name="Show").click()
    expect(page.locator("td[data-label=Points]")).to_be_visible()
    page.locator("summary", has_text="Save as segment").click()
    page.get_by_label("Name of the segment").fill("Pune, loyal")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("heading", name="Pune, loyal")).to_be_visible()
    page.get_by_role("link", name="Take away the filter Purchased").click()
    shows(_rows(page), ["Asha Rao", "Ravi Iyer"])
    expect(page.get_by_text("Changed")).to_be_visible()
    page.get_by_role("link", name="Everybody").click()
    expect(_rows(page)).to_have_count(3)
    page.get_by_role("navigation", name="Segments").get_by_role("link", name="Pune, loyal").click()
    expect(_rows(page)).to_have_text(["Asha Rao"])
    expect(page.locator("td[data-label=Points]")).to_be_visible()


def _add_filters(page: Page) -> None:
    page.locator("summary", has_text="Add a filter").click()
    by_attribute = page.locator("form", has=page.get_by_role("heading", name="By attribute"))
    by_attribute.locator("[name=attribute]").fill("City")
    by_attribute.get_by_role("textbox", name="Value").fill("pune")
    by_attribute.get_by_role("button").click()
    shows(_rows(page), ["Asha Rao", "Ravi Iyer"])
    page.locator("summary", has_text="Add a filter").click()
    by_event = page.locator("form", has=page.get_by_role("heading", name="By event"))
    by_event.get_by_label("Event", exact=True).fill("Purchased")
    by_event.get_by_label("At least").fill("2")
    by_event.get_by_label("From").fill("2026-03-11")
    by_event.get_by_role("button").click()
    expect(page).to_have_url(re.compile(r"where=City\+%3D\+pune&where=did\+Purchased\+2\+times\+from\+2026-03-11$"))


@pytest.mark.parametrize("width", [375, 1280])
@pytest.mark.usefixtures("_people")
def test_filters_columns_and_segments(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    _work_through(page)
    page.wait_for_load_state()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.go_back()
    expect(_rows(page)).to_have_count(3)


@pytest.mark.usefixtures("_people")
def test_filters_columns_and_segments_without_javascript(plain_page: Page) -> None:
    _work_through(plain_page)
    plain_page.locator("summary", has_text="Edit segment").click()
    plain_page.get_by_role("button", name="Delete the segment").click()
    expect(plain_page.get_by_text("Segment “Pune, loyal” is deleted.")).to_be_visible()


@pytest.mark.parametrize("width", [375, 1280])
@pytest.mark.usefixtures("_people")
def test_box_closes_by_escape_and_by_a_click_beside_it(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    page.goto("/customers?where=City+%3D+Pune")
    for words in ("Add a filter", "Columns", "Save as segment"):
        summary = page.locator("summary", has_text=words)
        box = page.locator("details", has=summary).locator(".tool-box")
        summary.click()
        field = box.locator("input:not([type=hidden], [type=checkbox])").first
        field.click()
        expect(box).to_be_visible()
        page.keyboard.press("Escape")
        expect(box).to_be_hidden()
        expect(summary).to_be_focused()
        page.keyboard.press("Enter")
        expect(box).to_be_visible()
        page.get_by_role("heading", name="Customer Profiles").click()
        expect(box).to_be_hidden()


@pytest.mark.usefixtures("_people")
def test_escape_elsewhere_leaves_the_focus_there(page: Page) -> None:
    page.goto("/customers")
    page.locator("summary", has_text="Columns").click()
    search = page.get_by_role("searchbox", name="Search customers")
    search.focus()
    page.keyboard.press("Escape")
    expect(page.locator(".tool[open]")).to_have_count(0)
    expect(search).to_be_focused()


@pytest.mark.parametrize("fixture", ["page", "plain_page"])
@pytest.mark.usefixtures("_people")
def test_tag_leads_from_a_profile_to_the_list_and_filters_it(request: pytest.FixtureRequest, fixture: str) -> None:
    page: Page = request.getfixturevalue(fixture)
    for who, name, tags in (("A-1", "Asha Rao", ["VIP", "angry"]), ("A-2", "Ravi Iyer", ["vip"])):
        page.goto(f"/customers?q={who}")
        page.locator("tbody .row-link").click()
        opened(page, name)
        for tag in tags:
            page.get_by_label("A new tag").fill(tag)
            page.get_by_role("button", name="Add the tag").click()
            expect(page.locator("#summary .tag", has_text=tag.lower())).to_be_visible()
    page.get_by_role("link", name="Everybody tagged vip").click()
    expect(page).to_have_url(re.compile(r"/customers\?where=tag\+(%3D|=)\+vip$"))
    shows(_rows(page), ["Asha Rao", "Ravi Iyer"])
    page.locator("summary", has_text="Add a filter").click()
    by_tag = page.locator("form", has=page.get_by_role("heading", name="By tag"))
    by_tag.get_by_label("Tagged").select_option("has not")
    by_tag.get_by_label("Tag", exact=True).fill("Angry")
    by_tag.get_by_role("button").click()
    expect(_rows(page)).to_have_text(["Ravi Iyer"])
    expect(page.get_by_role("list", name="Filters")).to_contain_text("Tagged vip")
    page.get_by_role("link", name="Take away the filter Tagged vip").click()
    shows(_rows(page), ["Meera Nair", "Ravi Iyer"])


@pytest.mark.usefixtures("_people")
def test_what_is_shown_is_exported(page: Page) -> None:
    page.goto("/customers?where=City+%3D+Pune&column=system_id&column=attribute:Points")
    with page.expect_download() as download:
        page.get_by_role("link", name="Export CSV").click()
    assert re.fullmatch(r"customers-\d{4}-\d\d-\d\d\.csv", download.value.suggested_filename)
    assert download.value.path().read_text("utf-8-sig").splitlines() == [
        '"Name","System ID","Points"',
        '"Ravi Iyer","A-2",7',
        '"Asha Rao","A-1",120',
    ]


@pytest.mark.usefixtures("_people")
def test_wrong_filter_in_a_pasted_url_is_explained(page: Page) -> None:
    page.goto("/customers?where=Points+%3E+many&where=has+City")
    expect(page.get_by_text("Points is a number, and “many” isn't one")).to_be_visible()
    expect(_rows(page)).to_have_count(3)
    page.get_by_role("link", name="Take it out").click()
    expect(page).to_have_url(re.compile(r"/customers\?where=has\+City$"))
