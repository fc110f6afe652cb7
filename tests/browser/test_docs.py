"""The description of the API as an engineer reads it: found, looked through, left for samples and come back from."""

import re

import pytest
from playwright.sync_api import Browser, Page, ViewportSize, expect

from tests.browser.conftest import DESK, ON_SQLITE, PHONE, Backend
from webapp import openapi

pytestmark = ON_SQLITE  # the page is the same with both engines

PAGE = "/docs"


@pytest.fixture(params=[PHONE, DESK], ids=["phone", "desk"])
def size(request: pytest.FixtureRequest, page: Page) -> ViewportSize:
    """The page in the size of a phone, and of a desk."""
    found: ViewportSize = request.param
    page.set_viewport_size(found)
    return found


@pytest.mark.usefixtures("size")
def test_endpoint_is_found_and_read(page: Page) -> None:
    page.goto(PAGE)
    page.get_by_role("navigation", name="Endpoints").get_by_role("link", name="/api/v1/batch").click()
    expect(page).to_have_url(re.compile(r"#post_api_v1_batch$"))
    batch = page.locator("#post_api_v1_batch")
    expect(batch).to_be_in_viewport()
    expect(batch).to_contain_text("changes[].customerId")
    expect(batch).to_contain_text("1–255 characters")
    expect(batch).to_contain_text("application/x-ndjson")
    refusal = batch.get_by_text("A Content-Encoding other than gzip.")
    expect(refusal).to_be_hidden()
    batch.get_by_text("Other statuses").click()
    expect(refusal).to_be_visible()


def test_way_to_the_samples_and_back(page: Page) -> None:
    page.goto(PAGE)
    page.locator("#post_track_user").get_by_role("link", name="Samples in the API reference").click()
    expect(page).to_have_url(re.compile(r"/api-reference/track/user$"))
    page.get_by_role("link", name="All types and bounds").click()
    expect(page).to_have_url(re.compile(r"/docs#post_track_user$"))
    expect(page.locator("#post_track_user")).to_be_in_viewport()


def test_everything_is_there_without_javascript_and_without_an_account(chromium: Browser, backend: Backend) -> None:
    context = chromium.new_context(base_url=backend.url, java_script_enabled=False)
    page = context.new_page()
    page.set_default_timeout(10_000)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(PAGE)
    expect(page.get_by_role("heading", level=1)).to_have_text("API")
    for one in openapi.OPERATIONS:
        expect(page.locator(f"#{openapi.id_of(one)}")).to_contain_text(openapi.path_of(one))
    expect(page.get_by_role("button", name=re.compile("^Copy"))).to_have_count(0)
    page.locator("#errors").get_by_text("The types of faults").click()
    expect(page.locator("#errors").get_by_text("idempotency.reused")).to_be_visible()
    assert all(url.startswith(backend.url) for url in asked), asked
    context.close()


def test_it_is_no_wider_than_its_window(page: Page, size: ViewportSize) -> None:
    page.goto(PAGE)
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    expect(page.get_by_text("The fields of a 200").first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
