"""An administrator asks who did something: on a desk, on a phone, by the keyboard, and without scripts."""

import json
import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import DESK, EMAIL, ON_SQLITE, PHONE
from tests.world import Shop
from webapp import audit
from webapp.audit import Who

pytestmark = ON_SQLITE  # the page is the same with both engines

OTHER = "ravi@support.example"
SIZES = pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])


@pytest.fixture(autouse=True)
def _past(shop: Shop) -> None:
    shop.customer("u1", name="Asha Rao")
    target = shop.find("u1").growlytics_id
    with shop.database.write() as session:
        for number in range(60):
            audit.note(session, Who(shop.workspace.id, OTHER, None, "192.0.2.7"), "tag.added", target, tag=f"t{number}")


def _entries(page: Page) -> Any:
    return page.locator(".audit > li")


@SIZES
def test_what_somebody_does_is_found_by_who_what_and_to_what(page: Page, size: Any) -> None:
    page.set_viewport_size(size)
    page.goto("/settings/keys")
    page.get_by_label("Name of the new key").fill("Tills")
    page.get_by_role("button", name="Create key").click()
    expect(page.get_by_text("is made")).to_be_visible()
    page.get_by_role("navigation", name="Settings").get_by_role("link", name="Audit log").click()
    expect(_entries(page).first).to_contain_text(f"{EMAIL} made the API key Tills from 127.0.0.1")
    page.wait_for_load_state()
    page.get_by_label("Who").fill(OTHER)
    page.get_by_label("Who").press("Tab")
    expect(_entries(page).first).to_contain_text("put the tag t59 on the customer")
    expect(page).to_have_url(re.compile("actor=ravi"))
    page.get_by_label("Did what").select_option("Keys: all")
    expect(page.get_by_text("Nothing like it has been done.")).to_be_visible()
    page.get_by_role("link", name="Show everything").click()
    expect(_entries(page)).to_have_count(50)
    page.wait_for_load_state()
    page.get_by_label("Did what").select_option("Keys: all")
    expect(_entries(page)).to_have_count(1)
    page.go_back()
    expect(_entries(page)).to_have_count(50)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@SIZES
def test_profile_leads_to_what_was_done_to_it_and_back(page: Page, shop: Shop, size: Any) -> None:
    page.set_viewport_size(size)
    page.goto(shop.profile_path("u1"))
    page.get_by_role("link", name="Audit log").click()
    expect(_entries(page)).to_have_count(50)
    page.get_by_role("link", name="Earlier").click()
    expect(_entries(page)).to_have_count(10)
    page.get_by_role("link", name="Latest").click()
    expect(_entries(page)).to_have_count(50)
    _entries(page).first.get_by_role("link").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Asha Rao")


def test_details_unfold_by_the_keyboard(page: Page) -> None:
    page.goto(f"/settings/audit?actor={OTHER}")
    page.get_by_role("link", name="JSON lines").focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    expect(_entries(page).first.locator("summary")).to_be_focused()
    page.keyboard.press("Enter")
    details = _entries(page).first.locator("dl")
    expect(details).to_be_visible()
    expect(details).to_contain_text("tag.added")
    expect(details).to_contain_text("t59")


def test_filter_is_sent_by_enter(page: Page) -> None:
    page.goto("/settings/audit")
    page.get_by_label("To what").fill("nothing like it")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Nothing like it has been done.")).to_be_visible()
    expect(page).to_have_url(re.compile("target=nothing"))
    expect(page.get_by_label("To what")).to_be_focused()


def test_files_have_what_is_shown(page: Page) -> None:
    page.goto("/settings/audit")
    page.get_by_label("Who").fill(OTHER)
    page.get_by_label("Who").press("Tab")
    expect(page).to_have_url(re.compile("actor=ravi"))
    with page.expect_download() as waiting:
        page.get_by_role("link", name="JSON lines").click()
    lines = waiting.value.path().read_text().splitlines()
    assert len(lines) == 60
    assert {json.loads(line)["who"] for line in lines} == {OTHER}
    page.goto("/settings/audit")
    expect(_entries(page).first).to_contain_text(f"{EMAIL} exported the audit log")


@SIZES
def test_all_of_it_without_scripts(plain_page: Page, size: Any) -> None:
    page = plain_page
    page.set_viewport_size(size)
    page.goto("/settings/audit")
    page.get_by_label("Who").fill(OTHER)
    page.get_by_label("Did what").select_option("Tag added")
    page.get_by_role("button", name="Show").click()
    expect(page).to_have_url(re.compile("actor=ravi"))
    expect(_entries(page)).to_have_count(50)
    expect(page.get_by_label("Who")).to_have_value(OTHER)
    page.get_by_role("link", name="Earlier").click()
    expect(_entries(page)).to_have_count(10)
    _entries(page).first.locator("summary").click()
    expect(_entries(page).first.locator("dl")).to_contain_text("192.0.2.7")
