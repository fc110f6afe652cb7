"""E-mail and mobile masked for a viewer in a real browser: seen, shown for a while, with and without scripts."""

from typing import Any

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import select, update

from tests.browser.conftest import DESK, NOON, ON_SQLITE, PHONE, Backend
from tests.browser.eyes import Eyes
from tests.browser.waiting import opened
from tests.world import Shop
from webapp.models import AuditEntry, Membership, Workspace

pytestmark = ON_SQLITE

SIZES = pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
EMAIL = "asha.rao@example.com"


@pytest.fixture(autouse=True)
def _viewer(backend: Backend, shop: Shop) -> None:
    """The support agent is a viewer of a shop that masks."""
    with shop.database.write() as session:
        session.execute(update(Workspace).values(masking="revealable"))
        session.execute(update(Membership).values(role="viewer"))
    backend.customer("A-1", name="Asha Rao", email=EMAIL, mobile="+91 98765 43210")
    backend.event("A-1", "Asked", NOON, email=EMAIL)
    backend.customer("B-1", email="bina@example.com")


def _shows_and_hides(page: Page, shop: Shop) -> None:
    page.goto("/customers")
    expect(page.locator("#list")).to_contain_text("a•••@e•••.com")
    expect(page.locator("#list")).not_to_contain_text(EMAIL)
    page.get_by_role("link", name="Asha Rao").click()
    summary = page.locator("#summary")
    expect(summary).to_contain_text("•••••••• 10")
    page.wait_for_load_state()
    assert EMAIL not in page.content()
    page.get_by_role("button", name="Show e-mail and mobile").click()
    expect(summary).to_contain_text(EMAIL)
    expect(summary).to_contain_text("are shown until")
    page.reload()
    expect(summary).to_contain_text("+91 98765 43210")
    page.goto("/customers")
    expect(page.locator("#list")).not_to_contain_text(EMAIL)
    with shop.database.read() as session:
        assert session.scalars(select(AuditEntry.action).order_by(AuditEntry.id)).all()[-1:] == ["contact.revealed"]


@SIZES
def test_viewer_shows_them_for_a_while(page: Page, shop: Shop, size: Any) -> None:
    page.set_viewport_size(size)
    _shows_and_hides(page, shop)


@SIZES
def test_viewer_shows_them_without_scripts(plain_page: Page, shop: Shop, size: Any) -> None:
    plain_page.set_viewport_size(size)
    _shows_and_hides(plain_page, shop)


@SIZES
def test_axe_finds_nothing_where_they_are_masked(page: Page, eyes: Eyes, size: Any) -> None:
    page.set_viewport_size(size)
    page.goto("/customers?where=email+contains+a")
    found = eyes.violations(page)
    page.goto("/customers?q=A-1")
    page.get_by_role("link", name="Asha Rao").click()
    opened(page, "Asha Rao")
    found += eyes.violations(page)
    page.get_by_role("button", name="Show e-mail and mobile").click()
    expect(page.locator("#summary")).to_contain_text(EMAIL)
    assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
    assert not found + eyes.violations(page)
