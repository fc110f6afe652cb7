"""axe finds nothing on any page, in light and in dark, on a phone and on a desk, however much the page shows."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser import scenes
from tests.browser.conftest import DESK, ON_SQLITE, PHONE
from tests.browser.eyes import Eyes
from tests.browser.scenes import Scene
from tests.world import Shop

pytestmark = ON_SQLITE  # pages look the same with both engines


@pytest.fixture(params=scenes.SCENES, ids=lambda scene: scene.__name__)
def filled(request: pytest.FixtureRequest, shop: Shop) -> Iterator[Shop]:
    """The shop with nothing, with a usual amount, with too much in it."""
    scene: Scene = request.param
    scene(shop)
    yield shop
    scenes.empty(shop)


SIZES = pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])


@SIZES
def test_axe_finds_nothing_on_any_page(page: Page, eyes: Eyes, filled: Shop, size: Any) -> None:
    page.set_viewport_size(size)
    seen, found = 0, []
    for _ in scenes.open_pages(page, filled, most=3):
        found += eyes.violations(page)
        seen += 1
    assert seen > 5
    assert not found, "\n\n".join(found)


def test_axe_finds_nothing_before_signing_in(page: Page, eyes: Eyes, shop: Shop) -> None:
    page.context.clear_cookies()
    links = [path for path in scenes.addresses(shop) if path.startswith(("/invitations/", "/resets/"))]
    found = []
    for path in ("/login", "/login?next=/customers", *links, "/invitations/ended", "/resets/ended", "/nowhere"):
        page.goto(path)
        found += eyes.violations(page)
    page.goto("/login")
    page.get_by_label("E-mail").fill("nobody@example.com")
    page.get_by_label("Password").fill("not the password")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_be_visible()
    found += eyes.violations(page)
    assert not found, "\n\n".join(found)


def test_axe_finds_nothing_in_faults_and_dialogs(page: Page, eyes: Eyes, shop: Shop) -> None:
    scenes.ordinary(shop)
    page.goto("/settings/workspace")
    page.get_by_label("Visitors merged").fill("many")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Give a whole number")).to_be_visible()
    found = eyes.violations(page)
    page.goto("/settings/account")
    page.get_by_label("Current password").fill("wrong")
    page.get_by_label("New password").fill("an entirely new secret")
    page.get_by_role("button", name="Change password").click()
    expect(page.locator("#current-fault")).to_be_visible()
    found += eyes.violations(page)
    page.goto("/settings/keys")
    page.get_by_label("Name of the new key").fill("Backend")
    page.get_by_role("button", name="Create key").click()
    expect(page.get_by_text("is made")).to_be_visible()
    found += eyes.violations(page)
    page.goto("/settings/people")
    for email in ("alice", "dora@shop.example"):
        page.locator("#invitations input[name=email]").evaluate("(one) => { one.type = 'text'; }")
        page.locator("#invitations input[name=email]").fill(email)
        page.get_by_role("button", name="Invite", exact=True).click()
        expect(page.get_by_role("alert" if email == "alice" else "status")).to_be_visible()
        found += eyes.violations(page)
    page.goto("/api-reference/track/user")
    for body in ('{"id": "1001", "attributes": {"City": "Pune"}}', "{"):
        page.get_by_label("Body").fill(body)
        page.get_by_role("button", name="Try it").click()
        expect(page.locator("#answer .badge")).to_have_text("422 Unprocessable Entity" if body == "{" else "200 OK")
        found += eyes.violations(page)
    page.keyboard.press("Tab")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_be_visible()
    found += eyes.violations(page)
    page.keyboard.press("Control+k")
    for typed in ("a", "nobody at all"):
        page.locator("#palette-q").fill(typed)
        expect(page.locator(f"#results[data-q='{typed}']")).to_be_visible()
        found += eyes.violations(page)
    scenes.empty(shop)
    assert not found, "\n\n".join(found)


def test_axe_finds_nothing_in_the_box_of_a_part_that_did_not_come(rough_page: Page, eyes: Eyes, shop: Shop) -> None:
    page = rough_page
    scenes.ordinary(shop)
    page.goto("/customers")
    page.context.clear_cookies()
    page.get_by_role("searchbox", name="Search customers").fill("a")
    expect(page.get_by_role("alert")).to_contain_text("You are signed out.")
    found = eyes.violations(page)
    scenes.empty(shop)
    assert not found, "\n\n".join(found)


@SIZES
def test_axe_finds_nothing_in_the_demonstration_shop(page: Page, eyes: Eyes, shop: Shop, size: Any) -> None:
    page.set_viewport_size(size)
    found = []
    for path in ("", "?room=garden", "/products/mug", "/cart", "/login", "/products/none"):
        page.goto(f"/demo-shop{path}")
        found += eyes.violations(page)
    page.goto("/demo-shop/products/lamp")
    page.get_by_role("button", name="Add to cart").click()
    expect(page.get_by_role("heading", name="Your cart")).to_be_visible()
    found += eyes.violations(page)
    page.get_by_role("button", name="Buy").click()
    expect(page.get_by_role("heading", name="Thank you")).to_be_visible()
    found += eyes.violations(page)
    page.goto("/demo-shop/login")
    page.get_by_role("button", name="Anna Berg").click()
    expect(page.get_by_role("heading", name="Welcome, Anna Berg")).to_be_visible()
    page.get_by_role("button", name="Stop telling what I do").click()
    expect(page.get_by_role("status")).to_contain_text("Nothing is told")
    found += eyes.violations(page)
    scenes.empty(shop)
    assert not found, "\n\n".join(found)
