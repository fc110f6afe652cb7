"""The way from an empty Settings › Website to a visitor who is heard, in a real browser."""

import json
import re

import pytest
from playwright.sync_api import Dialog, Page, ViewportSize, expect
from sqlalchemy import delete, select

from tests.browser.conftest import Backend
from tests.browser.waiting import LONG_PATIENCE, all_told, copied
from tests.conftest import settings_for
from tests.server import LiveServer
from webapp.db import Database
from webapp.models import ApiKey, Workspace

PAGE = "/settings/website"
PHONE: ViewportSize = {"width": 375, "height": 800}
DESK: ViewportSize = {"width": 1440, "height": 900}


@pytest.fixture(autouse=True)
def _nothing_set_up(live_server: LiveServer, backend: Backend) -> None:
    """No browser key, no origin, no secret, whatever an earlier test has left."""
    database = Database(settings_for(live_server.database_url).url)
    with database.write() as session:
        session.execute(delete(ApiKey).where(ApiKey.kind == "browser"))
        workspace = session.scalars(select(Workspace)).one()
        workspace.allowed_origins, workspace.login_secret = "", None
    database.engine.dispose()


def test_first_key_and_its_snippet_are_copied(page: Page) -> None:
    page.goto(PAGE)
    page.get_by_role("button", name="Make a browser key").click()
    expect(page.locator(".snippet pre")).to_contain_text("Growlytics.initialize")
    text = copied(page, "Copy the snippet")
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert text == page.locator(".snippet pre").inner_text()
    assert re.fullmatch(r"<script>\n.*apiKey: \"cpb_\w{12}_[\w-]{43}\".*\n</script>", text, re.DOTALL)


def test_check_turns_green_by_itself_once_the_demo_shop_is_opened(page: Page, backend: Backend) -> None:
    page.goto(PAGE)
    page.get_by_role("button", name="Make a browser key").click()
    expect(page.locator("#heard")).to_contain_text("Waiting to hear from your site")
    shop = page.context.new_page()
    shop.goto("/demo-shop")
    expect(page.locator("#heard")).to_contain_text("We have heard from your site.", timeout=LONG_PATIENCE)
    expect(page.locator("#heard")).to_contain_text("Demo shop")


def test_origin_that_was_turned_away_appears_and_is_allowed(page: Page, backend: Backend) -> None:
    page.goto(PAGE)
    page.get_by_role("button", name="Make a browser key").click()
    page.wait_for_url("**/settings/website?key=*")
    key = re.search(r"cpb_[\w-]+", page.locator(".snippet pre").inner_text())
    assert key is not None
    body = {"key": key[0], "did": "d" * 32, "sentAt": 0, "messages": []}
    answer = page.request.post(
        "/api/v1/browser",
        data=json.dumps(body),
        headers={"Origin": "https://new.example", "Content-Type": "text/plain"},
    )
    assert answer.status == 403
    page.get_by_role("button", name="Allow this origin: https://new.example").click()
    expect(page.get_by_role("status")).to_contain_text("https://new.example is allowed.")
    expect(page.get_by_label("Allowed origins")).to_have_value("https://new.example")
    expect(page.get_by_text("Turned away")).to_have_count(0)


def test_questions_are_asked_before_logins_are_refused(page: Page, backend: Backend) -> None:
    asked: list[str] = []

    def agree(dialog: Dialog) -> None:
        asked.append(dialog.message)
        dialog.accept()

    page.on("dialog", agree)
    page.goto(PAGE)
    page.get_by_role("button", name="Make a browser key").click()
    page.wait_for_url("**/settings/website?key=*")
    page.get_by_role("button", name="Take only signed logins").click()
    expect(page.get_by_text("Signed logins only", exact=True)).to_be_visible()
    page.get_by_role("button", name="Show the secret").click()
    expect(page.locator("#signing .mono")).to_have_text(re.compile(r"^[0-9a-f]{64}$"))
    page.wait_for_load_state()
    former = page.locator("#signing .mono").inner_text()
    page.get_by_text("Replace the secret").click()
    page.get_by_role("button", name="Replace it now").click()
    expect(page.get_by_role("status")).to_contain_text("The secret is replaced.")
    page.get_by_role("button", name="Show the secret").click()
    expect(page.locator("#signing .mono")).not_to_have_text(former)
    assert [question.partition("?")[0] for question in asked] == [
        "Refuse logins with “Website” that aren't signed",
        "Replace the secret",
    ]


def test_everything_works_without_javascript(plain_page: Page) -> None:
    plain_page.goto(PAGE)
    plain_page.get_by_role("button", name="Make a browser key").click()
    expect(plain_page.locator(".snippet pre")).to_contain_text("cpb_")
    plain_page.get_by_label("Allowed origins").fill("shop.example")
    plain_page.get_by_role("button", name="Save").click()
    expect(plain_page.get_by_text("“shop.example” is not an origin")).to_be_visible()
    plain_page.get_by_label("Allowed origins").fill("https://shop.example")
    plain_page.get_by_role("button", name="Save").click()
    expect(plain_page.get_by_text("Allowed origins saved.")).to_be_visible()
    with plain_page.expect_navigation():
        plain_page.get_by_role("link", name="Check again").click()
    plain_page.get_by_role("button", name="Take only signed logins").click()
    expect(plain_page.get_by_text("Signed logins only", exact=True)).to_be_visible()
    plain_page.get_by_role("button", name="Show the secret").click()
    expect(plain_page.locator("#signing .mono")).to_have_text(re.compile(r"^[0-9a-f]{64}$"))
    plain_page.get_by_text("How your server signs").click()
    expect(plain_page.get_by_text("hash_hmac")).to_be_visible()
    plain_page.goto("/demo-shop")
    plain_page.get_by_role("link", name="Garden").click()
    plain_page.get_by_role("link", name="Nesting box").click()
    plain_page.get_by_role("button", name="Add to cart").click()
    plain_page.get_by_role("button", name="Buy").click()
    expect(plain_page.get_by_role("heading", name="Thank you")).to_be_visible()
    plain_page.get_by_role("link", name="Log in").click()
    plain_page.get_by_role("button", name="Ravi Iyer").click()
    expect(plain_page.get_by_role("heading", name="Welcome, Ravi Iyer")).to_be_visible()
    plain_page.get_by_role("button", name="Log out").click()
    expect(plain_page.get_by_role("link", name="Log in")).to_be_visible()


def test_shopper_of_the_demo_shop_becomes_a_profile(page: Page, backend: Backend) -> None:
    shop = page.context.new_page()
    shop.goto("/demo-shop?utm_source=newsletter&utm_medium=email")
    shop.get_by_role("link", name="Garden").click()
    expect(shop).to_have_url(re.compile(r"\?room=garden$"))
    expect(shop.get_by_role("link", name="Enamel kettle")).to_be_hidden()
    shop.go_back()
    expect(shop.get_by_role("link", name="Enamel kettle")).to_be_visible()
    shop.get_by_role("link", name="Enamel kettle").click()
    shop.get_by_role("button", name="Add to cart").click()
    shop.get_by_role("button", name="Buy").click()
    expect(shop.get_by_role("heading", name="Thank you")).to_be_visible()
    shop.get_by_role("link", name="Log in").click()
    shop.get_by_role("button", name="Anna Berg").click()
    expect(shop.get_by_role("heading", name="Welcome, Anna Berg")).to_be_visible()
    all_told(shop)
    page.goto("/customers?q=demo-shop-1")
    page.get_by_role("link", name="Anna Berg").click()
    timeline = page.locator(".timeline")
    for event in ("Page Visited", "Product Viewed", "Add To Cart", "Purchased"):
        expect(timeline.get_by_text(event).first).to_be_visible()
    expect(page.get_by_text("newsletter").first).to_be_visible()
    shop.get_by_role("button", name="Stop telling what I do").click()
    expect(shop.get_by_role("status")).to_contain_text("Nothing is told")


@pytest.mark.parametrize("path", [PAGE, "/settings/keys", "/demo-shop", "/demo-shop/products/pot", "/demo-shop/login"])
def test_page_is_no_wider_than_its_window(page: Page, path: str) -> None:
    page.goto("/demo-shop")  # makes a key
    for size in (PHONE, DESK):
        page.set_viewport_size(size)
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
