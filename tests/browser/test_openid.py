"""Signing in by OpenID Connect as a person does it, at a real provider on another port."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests import openid as providers
from tests import server
from tests.browser.conftest import DESK, EMAIL, PHONE, Backend, visiting
from tests.browser.eyes import Eyes
from tests.openid import Person, Provider
from tests.server import LiveServer


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    """A provider that asks before it sends somebody back."""
    with providers.running() as found:
        found.asks = True
        yield found


@pytest.fixture(scope="module")
def live_server(provider: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server whose people sign in at the provider."""
    folder = tmp_path_factory.mktemp("live")
    settings = {name.upper(): value for name, value in provider.settings.items()}
    with server.live(f"sqlite:///{folder / 'live.sqlite3'}", folder, **settings) as started:
        yield started


@pytest.fixture(params=[(PHONE, True), (DESK, True), (DESK, False)], ids=["phone", "desk", "without JavaScript"])
def visitor(request: pytest.FixtureRequest, chromium: Browser, backend: Backend) -> Iterator[Page]:
    """A browser in which nobody is signed in."""
    size, runs_scripts = request.param
    with visiting(chromium, backend, viewport=size, java_script_enabled=runs_scripts) as page:
        yield page


def _agree(page: Page) -> None:
    page.get_by_role("link", name="Sign in with Acme").click()
    page.get_by_role("button", name="Go on as").click()


def test_somebody_signs_in_at_the_provider_and_unlinks_it(visitor: Page, provider: Provider) -> None:
    provider.person = Person("asha", EMAIL)
    visitor.goto("/customers?q=rao")
    _agree(visitor)
    visitor.wait_for_url("**/customers?q=rao")
    visitor.goto("/settings/account")
    linked = visitor.locator("#linked")
    expect(linked).to_contain_text(f"{EMAIL} at {provider.issuer}")
    linked.get_by_role("button", name="Unlink").click()
    expect(visitor.get_by_text("Unlinked, and all other browsers are signed out.")).to_be_visible()
    expect(linked).to_contain_text("Not linked yet")
    width: Any = visitor.viewport_size
    assert visitor.locator("html").bounding_box()["width"] <= width["width"]  # type: ignore[index]


def test_stranger_may_choose_another_account(visitor: Page, provider: Provider) -> None:
    provider.person = Person("a stranger", "stranger@shop.example")
    visitor.goto("/login")
    _agree(visitor)
    expect(visitor.get_by_role("alert")).to_contain_text("no account for stranger@shop.example here")
    provider.person = Person("asha", EMAIL)
    visitor.get_by_role("link", name="Choose another account").click()
    visitor.get_by_role("button", name="Go on as").click()
    visitor.wait_for_url("**/customers")


def test_another_site_does_not_begin_it(visitor: Page, backend: Backend, provider: Provider) -> None:
    provider.answers["/elsewhere"] = lambda: f'<a href="{backend.url}/login/openid">See your customers</a>'
    visitor.goto(f"{provider.issuer}/elsewhere")
    visitor.get_by_role("link").click()
    visitor.wait_for_url("**/login?next=/customers")


def test_axe_finds_nothing(page: Page, eyes: Eyes, provider: Provider) -> None:
    provider.person = Person("asha", EMAIL)
    page.goto("/settings/account")
    found = eyes.violations(page)
    page.context.clear_cookies()
    page.goto("/login")
    found += eyes.violations(page)
    _agree(page)
    page.wait_for_url("**/customers")
    page.goto("/settings/account")
    expect(page.locator("#linked")).to_contain_text("Unlink")
    found += eyes.violations(page)
    page.context.clear_cookies()
    page.goto("/login/openid/callback?state=x")
    found += eyes.violations(page)
    assert not found, "\n\n".join(found)
