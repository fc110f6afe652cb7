"""People who are invited, come, go from one workspace to another, and are signed out: in several browsers at once."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import DESK, EMAIL, ON_SQLITE, PHONE, Backend, signed_in, visiting
from tests.browser.eyes import Eyes
from tests.browser.waiting import copied
from tests.world import PASSWORD, Shop
from webapp import memberships, users, workspaces
from webapp.models import Workspace

pytestmark = ON_SQLITE

DORA = "dora@support.example"
SIZES = pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])


@pytest.fixture
def stranger(chromium: Browser, backend: Backend) -> Iterator[Page]:
    """A page of a browser in which nobody is signed in."""
    with visiting(chromium, backend) as page:
        yield page


@pytest.fixture
def second(shop: Shop) -> Workspace:
    """Another workspace of the support agent, who is a viewer there."""
    with shop.database.write() as session:
        (made, *_) = [one for one, _ in workspaces.every(session) if one.name == "Second shop"] or [
            workspaces.create(session, "Second shop")
        ]
        user = users.find(session, EMAIL)
        assert user is not None
        memberships.join(session, user.id, made.id, "viewer")
    return made


def _invite(page: Page, role: str, email: str = "") -> str:
    page.goto("/settings/people")
    page.get_by_label("E-mail").fill(email)
    page.locator("#invitations select").select_option(role)
    page.get_by_role("button", name="Invite", exact=True).click()
    expect(page.get_by_role("heading", name="The invitation is made")).to_be_visible()
    return copied(page, "Copy the link")


def _no_sideways(page: Page) -> None:
    page.wait_for_load_state()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), page.url


@SIZES
def test_invited_person_sets_a_password_and_sees_the_customers_with_their_role(
    page: Page, stranger: Page, backend: Backend, size: Any
) -> None:
    backend.customer("A-1001", name="Asha Rao")
    for one in (page, stranger):
        one.set_viewport_size(size)
    link = _invite(page, "viewer")
    _no_sideways(page)
    stranger.goto(link)
    expect(stranger.get_by_text("You become viewer of My shop")).to_be_visible()
    _no_sideways(stranger)
    stranger.get_by_label("E-mail").fill(DORA)
    stranger.get_by_label("Password").fill(PASSWORD)
    stranger.get_by_role("button", name="Create account").click()
    stranger.wait_for_url("**/customers")
    expect(stranger.get_by_role("link", name="Asha Rao")).to_be_visible()
    expect(stranger.get_by_role("link", name="Settings")).to_have_count(0)
    page.goto("/settings/people")
    expect(page.get_by_label(f"Role of {DORA}", exact=True)).to_have_value("viewer")
    page.get_by_label(f"Role of {DORA}", exact=True).select_option("editor")
    page.get_by_role("button", name=f"Change the role of {DORA}").click()
    expect(page.get_by_role("status")).to_contain_text(f"{DORA} is editor from now on.")
    page.on("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name=f"Remove {DORA}").click()
    expect(page.get_by_text(f"{DORA} is removed")).to_be_visible()
    stranger.reload()
    expect(stranger.get_by_role("heading", name="You are in no workspace")).to_be_visible()
    _no_sideways(stranger)


def test_somebody_with_an_account_signs_in_and_joins(page: Page, stranger: Page, second: Workspace) -> None:
    link = _invite(page, "editor", DORA)
    stranger.goto(link)
    expect(stranger.get_by_label("E-mail")).to_have_value(DORA)
    stranger.get_by_role("link", name="Sign in to accept").click()
    stranger.wait_for_url(re.compile("/login"))
    stranger.get_by_label("E-mail").fill(EMAIL)
    stranger.get_by_label("Password").fill(PASSWORD)
    stranger.get_by_role("button", name="Sign in").click()
    expect(stranger.get_by_text(f"this invitation is for {DORA} only")).to_be_visible()


@SIZES
def test_ending_a_session_in_one_browser_signs_the_other_out(
    page: Page, chromium: Browser, backend: Backend, size: Any
) -> None:
    page.set_viewport_size(size)
    with signed_in(chromium, backend) as other:
        page.goto("/settings/account")
        _no_sideways(page)
        logins = page.locator("#logins")
        expect(logins.get_by_role("listitem")).to_have_count(2)
        expect(logins).to_contain_text("Chrome")
        logins.get_by_role("listitem").get_by_role("button", name="Sign out").click()
        expect(page.get_by_text("That browser is signed out.")).to_be_visible()
        other.reload()
        expect(other.get_by_role("heading", name="Sign in")).to_be_visible()
    page.goto("/customers")
    expect(page).to_have_url(f"{backend.url}/customers")


@SIZES
def test_switching_workspaces_leads_to_the_same_page_of_the_other(
    page: Page, eyes: Eyes, backend: Backend, second: Workspace, size: Any
) -> None:
    backend.customer("A-1001", name="Asha Rao")
    page.set_viewport_size(size)
    page.goto("/activity")
    page.locator(".switcher summary").click()
    _no_sideways(page)
    assert eyes.violations(page) == []
    page.get_by_role("button", name="Second shop").click()
    expect(page).to_have_url(f"{backend.url}/activity")
    expect(page.locator(".switcher summary")).to_have_attribute("aria-label", "Workspace: Second shop")
    page.goto("/customers")
    expect(page.get_by_role("link", name="Asha Rao")).to_have_count(0)
    page.locator(".switcher summary").click()
    page.get_by_role("button", name="My shop").click()
    expect(page.get_by_role("link", name="Asha Rao")).to_be_visible()


def test_page_of_a_workspace_that_was_left_in_another_tab_changes_nothing(
    rough_page: Page, backend: Backend, second: Workspace
) -> None:
    backend.customer("A-1001", name="Asha Rao")
    page, tab = rough_page, rough_page.context.new_page()
    page.goto("/settings/workspace")
    page.get_by_label("Name", exact=True).fill("Renamed")
    list_page = rough_page.context.new_page()
    list_page.goto("/customers")
    tab.goto("/customers")
    tab.locator(".switcher summary").click()
    tab.get_by_role("button", name="Second shop").click()
    expect(tab.locator(".switcher summary")).to_have_attribute("aria-label", "Workspace: Second shop")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name="You are in another workspace now")).to_be_visible()
    list_page.get_by_role("searchbox", name="Search customers").fill("asha")
    expect(list_page.get_by_role("alert")).to_contain_text("You are in another workspace now")


def test_switcher_works_without_scripts(plain_page: Page, second: Workspace) -> None:
    plain_page.goto("/activity")
    plain_page.locator(".switcher summary").click()
    plain_page.get_by_role("button", name="Second shop").click()
    expect(plain_page.locator(".switcher summary")).to_contain_text("Second shop")
    expect(plain_page).to_have_url(re.compile("/activity$"))


@SIZES
def test_forgotten_password_by_an_administrators_link(page: Page, stranger: Page, shop: Shop, size: Any) -> None:
    with shop.database.write() as session:
        users.create(session, users.credentials(DORA, PASSWORD), shop.workspace.id, "viewer")
    page.set_viewport_size(size)
    page.goto("/settings/people")
    page.get_by_role("button", name=f"New password for {DORA}").click()
    link = copied(page, "Copy the link")
    _no_sideways(page)
    stranger.goto(link)
    stranger.get_by_label("New password").fill("an entirely new secret")
    stranger.get_by_role("button", name="Set password").click()
    stranger.wait_for_url("**/customers")
    page.goto(link)
    expect(page.get_by_role("heading", name="This link has ended")).to_be_visible()
