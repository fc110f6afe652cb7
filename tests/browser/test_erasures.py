"""Erasing a person in a real browser: what goes, a second step, the receipt."""

import re

from playwright.sync_api import Page, expect

from tests.browser.conftest import ON_SQLITE, Backend

pytestmark = ON_SQLITE


def test_person_is_erased_after_a_second_step(backend: Backend, page: Page) -> None:
    backend.customer("A-9", name="Asha Rao", email="asha@shop.example")
    backend.event("A-9", "Bought", 1_773_144_000_000)
    page.goto("/customers?q=A-9")
    page.get_by_role("link", name="Asha Rao").click()
    page.get_by_text("More", exact=True).click()
    page.get_by_role("link", name="Erase…").click()
    expect(page.get_by_role("heading", name="What goes")).to_be_visible()
    expect(page.get_by_role("row", name="Events 1")).to_be_visible()
    page.get_by_role("button", name="Erase").click()
    expect(page.get_by_text("Tick the box, if you mean it.")).to_be_visible()
    page.get_by_role("checkbox", name="This can’t be undone").check()
    page.get_by_role("button", name="Erase").click()
    expect(page.get_by_role("heading", name="Receipt")).to_be_visible()
    expect(page.get_by_text(re.compile("Asha Rao|asha@shop"))).to_have_count(0)
    with page.expect_download() as download:
        page.get_by_role("link", name="Download as JSON").click()
    assert download.value.suggested_filename.startswith("receipt-")
    page.goto("/customers?q=A-9")
    expect(page.locator("a.row-link")).to_have_count(0)
    page.goto("/erasures")
    expect(page.get_by_role("link", name="Erased, ")).to_have_count(1)


def test_export_is_a_file(backend: Backend, page: Page) -> None:
    backend.customer("A-8", name="Ravi Rao")
    page.goto("/customers?q=A-8")
    page.get_by_role("link", name="Ravi Rao").click()
    page.get_by_text("More", exact=True).click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Export").click()
    assert download.value.suggested_filename.endswith(".zip")
