"""The whole way from the search to an event by the keyboard alone, and what its keys must leave alone."""

import pytest
from playwright.sync_api import Page, ViewportSize, expect

from tests.browser.conftest import DESK, NOON, ON_SQLITE, PHONE, Backend
from tests.browser.waiting import opened

pytestmark = ON_SQLITE  # a keyboard doesn't know which engine there is

SIZES = pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])


@pytest.fixture
def list_page(page: Page, backend: Backend) -> Page:
    """The list with three customers, the last of whom has done something."""
    backend.customer("A-1001", name="Asha Rao", email="asha@example.com")
    backend.customer("A-1002", name="Ravi Iyer", email="ravi@example.com")
    backend.customer("A-1003", name="Asha Nair", email="nair@example.com")
    for number in range(120):
        backend.event("A-1001", f"Event {number:03}", NOON - number * 1000, Amount=number)
    page.goto("/customers")
    return page


@SIZES
def test_keys_lead_from_the_search_to_an_event_and_back(list_page: Page, size: ViewportSize) -> None:
    page = list_page
    page.set_viewport_size(size)
    page.keyboard.press("/")
    expect(page.get_by_role("searchbox", name="Search customers")).to_be_focused()
    page.keyboard.type("asha")
    expect(page.locator("#list")).to_contain_text("2 matches")
    page.keyboard.press("Enter")
    expect(page.get_by_role("searchbox", name="Search customers")).not_to_be_focused()
    page.wait_for_load_state()
    _go_over(page, "j", ["Asha Nair", "Asha Rao", "Asha Rao"])
    _go_over(page, "k", ["Asha Nair", "Asha Nair"])
    _go_over(page, "j", ["Asha Rao"])
    page.keyboard.press("Enter")
    opened(page, "Asha Rao")
    _go_over(page, "j", ["Event 000", "Event 001", "Event 002"])
    page.keyboard.press("Enter")
    event = page.locator("details.event[open]")
    expect(event).to_contain_text("Event 002")
    expect(event.get_by_role("row", name="Amount")).to_be_visible()
    _go_over(page, "j", ["Event 003"])
    page.go_back()
    expect(page.locator("#list")).to_contain_text("2 matches")


def _go_over(page: Page, key: str, names: list[str]) -> None:
    for name in names:
        page.keyboard.press(key)
        focused = page.locator("a:focus, summary:focus")
        expect(focused).to_contain_text(name)
        expect(focused).to_be_in_viewport()
        assert _is_marked(page), f"nobody sees that {name} has the focus"


def _is_marked(page: Page) -> bool:
    return bool(
        page.evaluate("""() => {
            const one = document.activeElement;
            return [null, "::after"].some((part) => getComputedStyle(one, part).outlineStyle === "solid");
        }""")
    )


@SIZES
def test_keys_go_on_into_what_was_loaded_later(list_page: Page, size: ViewportSize) -> None:
    page = list_page
    page.set_viewport_size(size)
    page.goto("/customers?q=A-1001")
    page.get_by_role("link", name="Asha Rao").click()
    opened(page, "Asha Rao")
    for number in range(70):
        if number == 50:
            expect(page.locator("details.event")).to_have_count(100)  # those below come as soon as one looks there
        page.keyboard.press("j")
        expect(page.locator("summary:focus")).to_contain_text(f"Event {number:03}")
    assert _top_of_focused(page) > 30, "a heading that sticks covers what has the focus"
    page.keyboard.press("k")
    expect(page.locator("summary:focus")).to_contain_text("Event 068")


def _top_of_focused(page: Page) -> float:
    return float(page.evaluate("document.activeElement.getBoundingClientRect().top"))


def test_arrow_leads_from_the_search_to_its_hits_while_they_come(list_page: Page) -> None:
    page = list_page
    page.keyboard.press("/")
    page.keyboard.type("ravi")
    expect(page.locator("#list")).to_contain_text("1 match")
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("link", name="Ravi Iyer")).to_be_focused()


def test_keys_begin_at_what_is_read(list_page: Page) -> None:
    page = list_page
    page.set_viewport_size(PHONE)
    page.goto("/customers?q=A-1001")
    page.get_by_role("link", name="Asha Rao").click()
    opened(page, "Asha Rao")
    page.locator("summary", has_text="Event 030").evaluate("one => one.scrollIntoView({ block: 'center' })")
    page.keyboard.press("j")
    focused = page.locator("summary:focus")
    expect(focused).to_be_in_viewport()
    assert int(focused.inner_text().split("Event ")[1][:3]) > 15


def test_keys_are_letters_while_somebody_types(list_page: Page) -> None:
    page = list_page
    field = page.get_by_role("searchbox", name="Search customers")
    field.focus()
    page.keyboard.type("/?jk")
    expect(field).to_have_value("/?jk")
    expect(field).to_be_focused()
    expect(page.get_by_role("dialog")).to_be_hidden()


@pytest.mark.parametrize("modifier", ["Control", "Alt", "Meta"])
def test_keys_of_the_browser_stay_the_browsers(list_page: Page, modifier: str) -> None:
    for key in ("j", "?"):  # `k` with Ctrl or Cmd is the palette's
        list_page.evaluate(
            "([key, modifier]) => document.body.dispatchEvent(new KeyboardEvent('keydown',"
            " { key, bubbles: true, [`${modifier === 'Control' ? 'ctrl' : modifier.toLowerCase()}Key`]: true }))",
            [key, modifier],
        )
    expect(list_page.get_by_role("dialog")).to_be_hidden()
    assert list_page.evaluate("document.activeElement === document.body")


def test_help_opens_by_its_key_and_gives_the_focus_back(list_page: Page) -> None:
    page = list_page
    page.keyboard.press("j")
    page.keyboard.press("?")
    dialog = page.get_by_role("dialog", name="Keyboard")
    expect(dialog).to_be_visible()
    page.keyboard.press("j")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(page.locator("tbody a").first).to_be_focused()
    page.get_by_role("link", name="Keyboard").click()
    expect(dialog).to_be_visible()
    dialog.get_by_role("button", name="Close").click()
    expect(dialog).to_be_hidden()


def test_keys_can_be_switched_off(list_page: Page) -> None:
    page = list_page
    page.keyboard.press("?")
    page.get_by_role("checkbox", name="Use these keys").uncheck()
    page.keyboard.press("Escape")
    for key in ("j", "?", "/"):
        page.keyboard.press(key)
        page.reload()
    expect(page.get_by_role("dialog")).to_be_hidden()
    page.goto("/help/keyboard")
    page.get_by_role("checkbox", name="Use these keys").check()
    page.goto("/customers")
    page.keyboard.press("j")
    expect(page.locator("tbody a").first).to_be_focused()


def test_keys_work_after_the_list_has_been_swapped(list_page: Page) -> None:
    page = list_page
    page.keyboard.press("j")
    page.keyboard.press("/")
    page.keyboard.type("nair")
    expect(page.locator("#list")).to_contain_text("1 match")
    page.keyboard.press("Tab")
    page.locator("body").click(position={"x": 700, "y": 700})
    page.keyboard.press("j")
    expect(page.get_by_role("link", name="Asha Nair")).to_be_focused()
