"""An administrator says how long events are kept, and whether addresses are: on a phone, on a desk, without scripts."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import DESK, PHONE, Backend, sign_in
from tests.world import Shop
from webapp import clock, retention


@pytest.fixture(autouse=True)
def _events(backend: Backend, shop: Shop) -> Iterator[None]:
    for number in range(3):
        backend.event("u1", "Viewed", clock.now() - 100 * clock.DAY, Number=number)
    backend.event("u1", "Viewed", clock.now(), Number=3)
    yield
    with shop.database.write() as session:
        retention.change(session, shop.workspace.id, None)
        retention.change_addresses(session, shop.workspace.id, keeps=True)


@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
def test_old_events_go_after_a_look_at_how_many(page: Page, size: Any) -> None:
    page.set_viewport_size(size)
    page.goto("/settings/account")
    page.get_by_role("navigation", name="Settings").get_by_role("link", name="Privacy").click()
    expect(page.get_by_text("Events are kept for ever.")).to_be_visible()
    page.get_by_label("Days").fill("30")
    page.get_by_role("button", name="See what that would do").click()
    expect(page.locator("#preview")).to_contain_text("3 of 4 events are from before")
    assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
    page.get_by_role("button", name="Keep events for 30 days, prune 3").click()
    expect(page.get_by_text("Events are kept for 30 days.")).to_be_visible()
    expect(page.locator("#sweeps")).to_contain_text("3 events pruned", timeout=30_000)
    page.get_by_role("radio", name="Not at all").check()
    page.get_by_role("form", name="IP addresses of customers").get_by_role("button", name="Save").click()
    expect(page.get_by_text("No addresses are kept from now on.")).to_be_visible()
    expect(page.get_by_role("radio", name="Not at all")).to_be_checked()


def test_without_javascript(chromium: Browser, backend: Backend) -> None:
    context = chromium.new_context(base_url=backend.url, java_script_enabled=False)
    page = context.new_page()
    page.set_default_timeout(10_000)
    sign_in(page)
    page.goto("/settings/privacy")
    page.get_by_label("Days").fill("many")
    page.get_by_role("button", name="See what that would do").click()
    expect(page.get_by_text("Give a whole number of days")).to_be_visible()
    page.get_by_label("Days").fill("400")
    page.get_by_role("button", name="See what that would do").click()
    page.get_by_role("button", name="Keep events for 400 days").click()
    expect(page.get_by_text("Events are kept for 400 days.")).to_be_visible()
    context.close()
