"""The API's reference as an engineer uses it: read, copy a sample, try a body; nothing is stored by that."""

import re

import pytest
from playwright.sync_api import Page, ViewportSize, expect

from tests.browser.conftest import DESK, ON_SQLITE, PHONE, Backend
from tests.browser.waiting import copied
from tests.dumps import dump
from tests.world import Shop
from webapp.reference import ENDPOINTS

pytestmark = ON_SQLITE  # the page is the same with both engines

PAGE = "/api-reference"


@pytest.fixture(params=[PHONE, DESK], ids=["phone", "desk"])
def size(request: pytest.FixtureRequest, page: Page) -> ViewportSize:
    """The page in the size of a phone, and of a desk."""
    found: ViewportSize = request.param
    page.set_viewport_size(found)
    return found


@pytest.mark.usefixtures("size")
def test_body_is_tried_changed_and_tried_again(page: Page, backend: Backend, shop: Shop) -> None:
    backend.customer("1001", **{"City": "Mumbai", "Total Orders": 3})
    before = dump(shop.database)
    page.goto(f"{PAGE}/track/user")
    body = page.get_by_label("Body")
    page.get_by_role("button", name="Try it").click()
    answer = page.locator("#answer")
    expect(answer).to_contain_text("200 OK")
    expect(answer).to_contain_text("Customer updated · customer 1001")
    expect(answer).to_contain_text("City unchanged")
    body.fill('{"id": "1001", "attributes": {"City": "Goa", "Total Orders": "many"}}')
    page.get_by_role("button", name="Try it").click()
    expect(answer).to_contain_text("City updated")
    expect(answer).to_contain_text("Total Orders ignored: string instead of number")
    body.fill('{"id": "", "attributes": {}}')
    page.get_by_role("button", name="Try it").click()
    expect(answer).to_contain_text("422 Unprocessable")
    expect(answer).to_contain_text('\\"id\\" is empty; send the customer\'s id in your system')
    assert dump(shop.database) == before


@pytest.mark.usefixtures("size")
def test_language_is_chosen_without_losing_what_was_typed(page: Page) -> None:
    page.goto(f"{PAGE}/track/event/v2")
    page.get_by_label("Body").fill("something typed")
    page.get_by_role("link", name="PHP").click()
    expect(page.locator("#samples pre")).to_contain_text("stream_context_create")
    expect(page).to_have_url(re.compile(r"language=php$"))
    expect(page.get_by_label("Body")).to_have_value("something typed")
    page.get_by_role("link", name="Python").click()
    python = copied(page, "Copy: Python")
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert python == page.locator("#samples pre").inner_text()
    page.reload()
    expect(page.locator("#samples pre")).to_contain_text("urllib.request")


def test_way_there_from_the_first_day_and_from_the_keys(page: Page) -> None:
    page.goto("/customers")
    page.locator("main").get_by_role("link", name="API reference").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("API reference")
    page.locator("main").get_by_role("link", name="Make a key").click()
    page.get_by_label("Name of the new key").fill("Shop")
    page.get_by_role("button", name="Create key").click()
    expect(page.get_by_text("export GROWLYTICS_KEY=cpk_")).to_be_visible()
    page.locator("main").get_by_role("link", name="API reference").first.click()
    expect(page.locator("#keys")).to_contain_text("Shop cpk_")


def test_no_page_is_wider_than_its_window(page: Page, size: ViewportSize) -> None:
    for path in ("", *ENDPOINTS):
        page.goto(f"{PAGE}{path}")
        assert page.evaluate("document.documentElement.scrollWidth") <= size["width"], path
    page.goto(f"{PAGE}/track/user")
    page.get_by_label("Body").fill(f'{{"id": "{"w" * 255}", "attributes": {{"{"n" * 49}": "{"v" * 60_000}"}}}}')
    page.get_by_role("button", name="Try it").click()
    expect(page.locator("#answer")).to_contain_text("Customer created")
    assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]


def test_trying_works_without_javascript(plain_page: Page) -> None:
    page = plain_page
    page.get_by_role("link", name="API reference").first.click()
    page.locator("#endpoints").get_by_role("link", name="/api/v1/batch").click()
    page.get_by_role("link", name="Node").click()
    expect(page.locator("#samples pre")).to_contain_text("await fetch(")
    page.get_by_label("Body").fill('{"changes": [{"type": "customer", "id": "1"}, {"type": "event"}]}')
    page.get_by_role("button", name="Try it").click()
    expect(page.locator("#answer")).to_contain_text("0 Customer created · customer 1, who is new")
    expect(page.locator("#answer")).to_contain_text("1 Change refused")
    expect(page.get_by_label("Body")).to_have_value(re.compile("changes"))
