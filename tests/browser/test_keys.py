"""Making, rotating, limiting and revoking keys as an administrator does, on a phone, at a desk and without scripts."""

import json
import re
import urllib.error
import urllib.request

import pytest
from playwright.sync_api import Browser, Page, ViewportSize, expect
from sqlalchemy import delete

from tests.browser.conftest import DESK, ON_SQLITE, PHONE, Backend, signed_in
from tests.browser.eyes import Eyes
from tests.browser.waiting import copied
from tests.world import Shop
from webapp import clock, keys
from webapp.models import ApiKey

pytestmark = ON_SQLITE  # the pages are the same with both engines

PAGE = "/settings/keys"
SIZES = pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])


@pytest.fixture(autouse=True)
def _only_the_servers_key(shop: Shop) -> None:
    with shop.database.write() as session:
        session.execute(delete(ApiKey).where(ApiKey.public_id != shop.key.split("_")[1]))


def _status(backend: Backend, key: str) -> int:
    body = json.dumps({"id": "1001", "attributes": {}}).encode()
    request = urllib.request.Request(f"{backend.url}/track/user", body, {"x-growlytics-key": key})  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def _make(page: Page, name: str) -> str:
    page.goto(PAGE)
    page.get_by_label("Name of the new key").fill(name)
    page.get_by_role("button", name="Create key").click()
    return _shown(page)


def _shown(page: Page) -> str:
    expect(page.locator(".highlight")).to_contain_text("is made")
    page.wait_for_load_state()
    return page.locator(".highlight .copyable .mono").first.inner_text()


def _is_as_wide_as_its_window(page: Page, size: ViewportSize) -> bool:
    page.wait_for_load_state()
    return bool(page.evaluate("document.documentElement.scrollWidth") <= size["width"])


@SIZES
def test_key_is_made_copied_rotated_limited_and_revoked(page: Page, backend: Backend, size: ViewportSize) -> None:
    page.set_viewport_size(size)
    page.on("dialog", lambda dialog: dialog.accept())
    key = _make(page, "Tills")
    assert copied(page, "Copy the key") == key
    assert _status(backend, key) == 200
    page.get_by_role("link", name="Rotate Tills").click()
    page.get_by_label("This key ends").select_option("in 7 days")
    page.get_by_role("button", name="Rotate key").click()
    new = _shown(page)
    assert [_status(backend, one) for one in (key, new)] == [200, 200]
    assert _is_as_wide_as_its_window(page, size)
    page.goto(PAGE)
    expect(page.get_by_text("Ends in 7 days")).to_be_visible()
    expect(page.get_by_text("from 127.0.0.1").first).to_be_visible()
    assert new not in page.content()
    page.get_by_role("link", name="Tills", exact=True).first.click()
    page.get_by_label("Requests a minute").fill("many")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Give a whole number")).to_be_visible()
    page.get_by_label("Requests a minute").fill("2")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status")).to_contain_text("2 requests a minute")
    assert [_status(backend, new) for _ in range(3)] == [200, 200, 429]
    page.get_by_role("button", name="Revoke Tills").click()
    expect(page.get_by_role("status")).to_contain_text("is revoked")
    assert [_status(backend, one) for one in (key, new)] == [200, 401]
    page.get_by_text("1 key revoked or ended").click()
    expect(page.locator(".folded .badge", has_text="Revoked")).to_be_visible()
    assert _is_as_wide_as_its_window(page, size)


@SIZES
def test_key_that_ends_while_it_is_used_is_warned_of(page: Page, shop: Shop, size: ViewportSize) -> None:
    page.set_viewport_size(size)
    key = _make(page, "Shop backend")
    public_id = key.split("_")[1]
    with shop.database.write() as session:
        made = keys.rotate(session, shop.workspace.id, public_id, clock.HOUR).made
        former = keys.find(session, shop.workspace.id, public_id)
        former.last_used_at, former.last_used_from = made.created_at + 1, "203.0.113.7"
    page.goto(PAGE)
    expect(page.locator(".notice")).to_contain_text("from 203.0.113.7")
    page.locator(".notice").get_by_role("link").click()
    expect(page).to_have_url(re.compile(f"{made.public_id}$"))
    expect(page.get_by_role("heading", name="Rotate")).to_be_visible()
    assert _is_as_wide_as_its_window(page, size)


def test_browser_key_is_rotated_and_the_snippet_follows(page: Page, shop: Shop) -> None:
    page.goto(PAGE)
    page.get_by_label("Name of the new key").fill("Blog")
    page.get_by_role("radio", name="Browser sends").check()
    page.get_by_role("button", name="Create key").click()
    page.wait_for_url("**/settings/website?key=*")
    first = page.locator(".snippet pre").inner_text()
    page.goto(PAGE)
    page.get_by_role("link", name="Rotate Blog").click()
    page.get_by_role("button", name="Rotate key").click()
    page.wait_for_url("**/settings/website?key=*")
    second = page.locator(".snippet pre").inner_text()
    assert first != second
    page.goto("/settings/website")
    assert page.locator(".snippet pre").inner_text() == second


@SIZES
def test_axe_finds_nothing_on_the_pages_of_keys(page: Page, eyes: Eyes, shop: Shop, size: ViewportSize) -> None:
    page.set_viewport_size(size)
    _make(page, "K" * 100)
    page.locator("details").evaluate_all("all => all.forEach(one => { one.open = true })")
    found = eyes.violations(page)
    page.get_by_role("link", name=re.compile("^Rotate K+$")).click()
    expect(page.get_by_role("button", name="Rotate key")).to_be_visible()
    found += eyes.violations(page)
    page.get_by_role("button", name="Rotate key").click()
    _shown(page)
    found += eyes.violations(page)
    assert _is_as_wide_as_its_window(page, size)
    for path in (PAGE, "/api-reference/api/v1/key", "/api-reference"):
        page.goto(path)
        found += eyes.violations(page)
        assert _is_as_wide_as_its_window(page, size)
    assert not found, "\n\n".join(found)


@SIZES
def test_everything_works_without_javascript(chromium: Browser, backend: Backend, size: ViewportSize) -> None:
    with signed_in(chromium, backend, java_script_enabled=False, viewport=size) as page:
        page.goto(PAGE)
        page.get_by_label("Name of the new key").fill("Reports")
        page.get_by_role("radio", name="Read is for").check()
        page.get_by_text("Limit and end").click()
        page.get_by_label("Requests a minute").fill("600")
        page.get_by_role("combobox", name="Ends").select_option("after 90 days")
        page.get_by_role("button", name="Create key").click()
        assert _shown(page).startswith("cpr_")
        expect(page.get_by_text("600 requests a minute")).to_be_visible()
        page.get_by_role("link", name="Rotate Reports").click()
        page.get_by_label("This key ends").select_option("at once")
        page.get_by_role("button", name="Rotate key").click()
        assert _shown(page).startswith("cpr_")
        page.goto(PAGE)
        page.get_by_role("link", name="Reports", exact=True).first.click()
        page.get_by_role("button", name="Revoke Reports").click()
        page.get_by_text("2 keys revoked or ended").click()
        expect(page.locator(".folded .badge", has_text="Ended")).to_be_visible()
