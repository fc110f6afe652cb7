"""An engineer finds what was refused, tries it again after a fix, and sends it again."""

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import DESK, ON_SQLITE, PHONE, Backend, signed_in
from tests.browser.waiting import opened
from tests.world import Shop, rows
from webapp.models import Event, Workspace

pytestmark = ON_SQLITE  # the pages are the same with both engines


@pytest.fixture(autouse=True)
def _shop(shop: Shop) -> None:
    with shop.database.write() as session:
        session.get_one(Workspace, shop.workspace.id).placeholder_ids = None
    for number in range(3):
        shop.send("/rest-api/event", {"customerId": "guest", "name": f"Event {number}"})
    shop.customer("u1", Points=1)
    shop.customer("u1", Points="17")


def _mend(page: Page) -> None:
    page.goto("/settings/workspace")
    page.get_by_text("Refused customer ids").click()
    ids = page.locator("textarea[name=placeholder_ids]")
    ids.fill(ids.input_value().replace("guest\n", ""))
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Settings saved.")).to_be_visible()


@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
def test_dry_run_then_sending_all_again(page: Page, shop: Shop, size: dict[str, int]) -> None:
    page.set_viewport_size(size)  # type: ignore[arg-type]
    page.goto("/customers")
    page.get_by_role("link", name="Refused").click()
    page.get_by_role("link", name=re.compile("customerId is the placeholder")).click()
    page.get_by_role("button", name="Dry run of all 3").click()
    expect(page.get_by_role("status")).to_contain_text("None of them would be stored")
    _mend(page)
    page.goto("/refused?kind=refused")
    page.get_by_role("link", name=re.compile("customerId is the placeholder")).click()
    page.get_by_role("button", name="Dry run of all 3").click()
    expect(page.get_by_role("status")).to_contain_text("All of them would be stored")
    assert rows(shop.database, Event) == 0
    page.get_by_role("button", name="Send all again").click()
    expect(page.get_by_text("3 are stored.")).to_be_visible()
    expect(page.locator("#samples")).to_contain_text("Nothing is kept of it any more")
    assert rows(shop.database, Event) == 3
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_filters_change_the_list_and_the_address(page: Page) -> None:
    page.goto("/refused")
    expect(page.locator(".reasons > li")).to_have_count(2)
    page.get_by_label("Kind").select_option("ignored")
    expect(page.locator(".reasons > li")).to_have_count(1)
    expect(page).to_have_url(re.compile("kind=ignored"))
    page.go_back()
    expect(page.locator(".reasons > li")).to_have_count(2)
    page.get_by_label("Endpoint").select_option("/rest-api/event")
    expect(page.locator(".reasons > li")).to_have_count(1)
    expect(page.locator(".reasons")).to_contain_text("placeholder")


def test_mark_of_a_profile_leads_here(page: Page, shop: Shop) -> None:
    page.goto(shop.profile_path("u1"))
    page.get_by_text("1 value was not stored").click()
    page.get_by_role("link", name="All such values").click()
    expect(page.locator(".reasons")).to_contain_text("Points is a number, but a string came")
    page.get_by_role("link", name=re.compile("Points is a number")).click()
    expect(page.locator("#samples")).to_contain_text("17")


def test_dismissing_asks_first(page: Page) -> None:
    page.goto("/refused?kind=ignored")
    page.get_by_role("link", name=re.compile("Points")).click()
    opened(page, "Points")
    page.once("dialog", lambda dialog: dialog.dismiss())
    page.get_by_role("button", name="Dismiss").click()
    expect(page.get_by_role("heading", name=re.compile("Points"))).to_be_visible()
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Dismiss").click()
    expect(page.get_by_text("Dismissed.")).to_be_visible()
    expect(page.locator(".reasons > li")).to_have_count(1)


def test_all_of_it_without_scripts(chromium: Browser, backend: Backend, shop: Shop) -> None:
    with signed_in(chromium, backend, java_script_enabled=False, viewport=PHONE) as page:
        page.goto("/refused")
        page.get_by_label("Kind").select_option("refused")
        page.get_by_role("button", name="Show").click()
        expect(page.locator(".reasons > li")).to_have_count(1)
        _mend(page)
        page.goto("/refused")
        page.get_by_role("link", name=re.compile("customerId is the placeholder")).click()
        page.get_by_role("button", name="Dry run", exact=True).first.click()
        expect(page.get_by_text("It would be stored")).to_be_visible()
        page.get_by_role("button", name="Send again").click()
        expect(page.get_by_text("1 is stored.")).to_be_visible()
        assert rows(shop.database, Event) == 1
        page.get_by_role("button", name="Dismiss").click()
        expect(page.get_by_text("Dismissed.")).to_be_visible()
