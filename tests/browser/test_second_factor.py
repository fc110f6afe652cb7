"""The second factor as its owner sees it: set up, signing in with it, out of codes; on a phone, without scripts too."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pyotp
import pytest
from playwright.sync_api import Browser, Page, ViewportSize, expect
from sqlalchemy import update

from tests.browser.conftest import DESK, EMAIL, ON_SQLITE, PHONE, Backend, signed_in, visiting
from tests.browser.eyes import Eyes
from tests.browser.waiting import copied
from tests.world import PASSWORD, Shop
from webapp import clock
from webapp.models import SecondFactor, Workspace

pytestmark = ON_SQLITE  # the pages look the same with both engines

SIZES = pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])


def _secret(page: Page) -> str:
    """The key that the page shows, which the camera of a phone would read from the QR code."""
    expect(page.get_by_label("Code that the app shows now")).to_be_visible()
    page.wait_for_load_state()
    shown = page.locator(".copyable .mono").inner_text()
    return shown.replace(" ", "")


def _code(secret: str) -> str:
    return pyotp.TOTP(secret).generate_otp(clock.now() // 30_000)


def _begin(page: Page) -> str:
    page.goto("/settings/account")
    page.get_by_role("link", name="Set up").click()
    page.get_by_label("Your password").fill(PASSWORD)
    page.get_by_role("button", name="Go on").click()
    return _secret(page)


def _set_up(page: Page) -> tuple[str, list[str]]:
    """Its secret and the recovery codes."""
    secret = _begin(page)
    page.get_by_label("Code that the app shows now").fill(_code(secret))
    page.get_by_role("button", name="Switch on").click()
    expect(page.get_by_role("heading", name="The second factor is on")).to_be_visible()
    page.wait_for_load_state()
    return secret, page.locator(".recovery-codes").inner_text().split()


def _half_a_minute_later(shop: Shop) -> None:
    """As if the code that switched it on were one of earlier: a test doesn't wait for the next."""
    with shop.database.write() as session:
        session.execute(update(SecondFactor).values(last_step=0))


def _sign_out(page: Page) -> None:
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/login")


def _give_password(page: Page) -> None:
    page.goto("/login?next=/data")
    page.get_by_label("E-mail").fill(EMAIL)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/login/code?next=/data")


def _fits(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= innerWidth"))


def _walk(page: Page, shop: Shop) -> None:
    """Set it up, sign in with a code, then with a recovery code, then switch it off."""
    secret, codes = _set_up(page)
    assert len(codes) == 10
    page.get_by_role("link", name="I have kept them").click()
    expect(page.get_by_text("10 recovery codes left.")).to_be_visible()
    _sign_out(page)
    _half_a_minute_later(shop)
    _give_password(page)
    page.get_by_label("Code").fill("000 00")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("That code is not right")
    page.get_by_label("Code").fill(_code(secret))
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/data")
    _sign_out(page)
    _give_password(page)
    page.get_by_role("link", name="Use a recovery code").click()
    page.get_by_label("Recovery code").fill(codes[4].upper())
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/data")
    expect(page.locator(".notice")).to_contain_text("9 codes left.")
    page.goto("/settings/account/second-factor")
    page.locator("summary", has_text="Switch it off").click()
    form = page.locator("form", has=page.get_by_role("button", name="Switch off"))
    form.get_by_label("Your password").fill(PASSWORD)
    form.get_by_label("Code, or a recovery code").fill(codes[5])
    form.get_by_role("button", name="Switch off").click()
    expect(page.get_by_role("status")).to_contain_text("The second factor is off.")


@SIZES
def test_second_factor_from_setting_up_to_switching_off(page: Page, shop: Shop, size: ViewportSize) -> None:
    page.set_viewport_size(size)
    _walk(page, shop)


@SIZES
def test_all_of_it_works_without_javascript(plain_page: Page, shop: Shop, size: ViewportSize) -> None:
    plain_page.set_viewport_size(size)
    _walk(plain_page, shop)


@SIZES
def test_axe_finds_nothing_on_its_pages_and_they_fit(page: Page, eyes: Eyes, shop: Shop, size: ViewportSize) -> None:
    page.set_viewport_size(size)
    found: list[str] = []

    def look() -> None:
        found.extend(eyes.violations(page))
        assert _fits(page), page.url

    page.goto("/settings/account/second-factor")
    look()
    secret = _begin(page)
    look()
    page.get_by_label("Code that the app shows now").fill("wrong")
    page.get_by_role("button", name="Switch on").click()
    expect(page.get_by_role("alert")).to_be_visible()
    look()
    page.get_by_label("Code that the app shows now").fill(_code(secret))
    page.get_by_role("button", name="Switch on").click()
    expect(page.get_by_role("heading", name="The second factor is on")).to_be_visible()
    look()
    page.get_by_role("link", name="I have kept them").click()
    expect(page.get_by_text("10 recovery codes left.")).to_be_visible()
    page.wait_for_load_state()
    for summary in page.locator("details.more summary").all():
        summary.click()
    look()
    _sign_out(page)
    _give_password(page)
    look()
    page.get_by_role("link", name="Use a recovery code").click()
    page.get_by_label("Recovery code").fill("wrong")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_be_visible()
    look()
    for _ in range(5):
        page.get_by_label("Recovery code").fill("wrong")
        with page.expect_navigation():
            page.get_by_role("button", name="Sign in").click()
        if not page.get_by_label("Recovery code").is_visible():
            break
    expect(page.get_by_role("heading", name="Too many tries")).to_be_visible()
    look()
    assert not found, "\n\n".join(found)


def test_recovery_codes_are_copied_downloaded_and_printed(page: Page, shop: Shop) -> None:
    _, codes = _set_up(page)
    assert copied(page, "Copy the codes") == "\n".join(codes)
    with page.expect_download() as download:
        page.get_by_role("link", name="Download as text").click()
    assert download.value.suggested_filename == "recovery-codes.txt"
    text = download.value.path().read_text()
    assert text.endswith("\n".join(codes) + "\n")
    assert f"Recovery codes of {EMAIL} for 127.0.0.1" in text
    page.evaluate("window.print = () => document.body.dataset.printed = 'yes'")
    page.get_by_role("button", name="Print").click()
    assert page.evaluate("document.body.dataset.printed") == "yes"
    page.emulate_media(media="print")
    expect(page.locator(".recovery-codes")).to_be_visible()
    for hidden in (page.locator(".nav"), page.get_by_role("button", name="Print"), page.locator(".copy")):
        expect(hidden).to_be_hidden()


def test_qr_code_is_shown_on_white_in_the_dark_too(page: Page, shop: Shop) -> None:
    page.emulate_media(color_scheme="dark")
    _begin(page)
    picture = page.get_by_role("img", name="QR code with the key below")
    assert picture.evaluate("(one) => one.complete && one.naturalWidth > 100")
    assert re.search(r"%23fff", str(picture.get_attribute("src")))


@pytest.fixture
def requiring(shop: Shop) -> Iterator[None]:
    """The workspace requires the second factor."""
    _let_require(shop, is_required=True)
    yield
    _let_require(shop, is_required=False)


def _let_require(shop: Shop, *, is_required: bool) -> None:
    with shop.database.write() as session:
        session.get_one(Workspace, shop.workspace.id).requires_second_factor = is_required


@contextmanager
def _led(chromium: Browser, backend: Backend, **options: Any) -> Iterator[Page]:
    with visiting(chromium, backend, **options) as page:
        page.goto("/login")
        page.get_by_label("E-mail").fill(EMAIL)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url("**/settings/account/second-factor")
        yield page


def test_member_is_led_to_it_where_the_workspace_requires_it(
    chromium: Browser, backend: Backend, eyes: Eyes, requiring: None
) -> None:
    with _led(chromium, backend, viewport=PHONE) as page:
        expect(page.get_by_role("status")).to_contain_text("requires the second factor of its members")
        found = eyes.violations(page)
        _set_up(page)
        page.goto("/customers")
        expect(page).to_have_url(re.compile("/customers"))
        assert not found, "\n\n".join(found)


def test_browser_that_is_known_gets_in_while_a_stranger_is_held_up(chromium: Browser, backend: Backend) -> None:
    with signed_in(chromium, backend) as owners, visiting(chromium, backend) as stranger:
        _sign_out(owners)
        for _ in range(6):
            stranger.goto("/login")
            stranger.get_by_label("E-mail").fill(EMAIL)
            stranger.get_by_label("Password").fill("not the password")
            with stranger.expect_navigation():
                stranger.get_by_role("button", name="Sign in").click()
        expect(stranger.get_by_role("heading", name="Too many tries")).to_be_visible()
        expect(stranger.locator("main")).to_contain_text(re.compile(r"Wait \d+ s, then go back and try again"))
        owners.get_by_label("E-mail").fill(EMAIL)
        owners.get_by_label("Password").fill(PASSWORD)
        owners.get_by_role("button", name="Sign in").click()
        owners.wait_for_url("**/customers")
