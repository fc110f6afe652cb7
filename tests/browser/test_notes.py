"""Pins, refused values, notes, tags and a look into the past in a real browser, on a desk and on a phone."""

import re

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.conftest import Backend, signed_in

NOON = 1_773_144_000_000  # 2026-03-10 12:00 UTC
DAY = 86_400_000
DESK, PHONE = {"width": 1280, "height": 800}, {"width": 375, "height": 740}


@pytest.fixture(params=[DESK, PHONE], ids=["desk", "phone"])
def window(page: Page, request: pytest.FixtureRequest) -> Page:
    """The page in a window of each size in turn."""
    page.set_viewport_size(request.param)
    return page


@pytest.fixture
def asha(backend: Backend, page: Page) -> str:
    """Where the profile of Asha is, who has many attributes and some values that were refused."""
    backend.customer(
        "A-1", name="Asha Rao", Age=30, **{f"Detail {number:02}": f"text {number}" for number in range(40)}
    )
    backend.event("A-1", "Early", NOON)
    backend.event("A-1", "Late", NOON + 10 * DAY)
    page.goto("/customers?q=A-1")
    return (page.get_by_role("link", name="Asha Rao").get_attribute("href") or "").partition("?")[0]


def _expect_first(page: Page, names: list[str]) -> None:
    """Wait until these attributes stand first."""
    found: Locator = page.locator("#attributes th .attribute-name > span")
    for place, name in enumerate(names):
        expect(found.nth(place)).to_have_text(name)


def test_attribute_is_pinned_without_moving_the_page(window: Page, asha: str) -> None:
    window.goto(asha)
    button = window.get_by_role("button", name="Pin Detail 20")
    button.scroll_into_view_if_needed()
    before = window.evaluate("scrollY")
    assert before > 0
    button.focus()
    window.keyboard.press("Enter")
    expect(window.get_by_role("button", name="Unpin Detail 20")).to_be_focused()
    assert abs(window.evaluate("scrollY") - before) < 2
    _expect_first(window, ["Detail 20", "name"])
    window.get_by_role("button", name="Pin Age", exact=True).click()
    expect(window.locator("#attributes table").first.locator("th")).to_have_count(2)
    expect(window).to_have_url(re.compile(rf"{asha}$"))
    window.reload()
    _expect_first(window, ["Detail 20", "Age", "name"])
    window.get_by_role("button", name="Unpin Detail 20").click()
    expect(window.get_by_role("heading", name="Pinned")).to_be_visible()
    expect(window.get_by_role("button", name="Unpin Detail 20")).to_have_count(0)


def test_all_attributes_are_shown_on_request_and_found_by_the_filter(window: Page, asha: str) -> None:
    window.goto(asha)
    expect(window.get_by_text("Detail 39")).to_have_count(0)
    window.get_by_label("Filter attributes").fill("detail 39")
    expect(window.locator("#attributes th")).to_have_count(1)
    window.get_by_label("Filter attributes").fill("")
    window.get_by_role("link", name="Show all 42 attributes").click()
    expect(window.get_by_text("Detail 39")).to_be_visible()
    expect(window).to_have_url(re.compile("rows=all"))
    window.go_back()
    expect(window.get_by_text("Detail 39")).to_have_count(0)


def test_refused_value_says_what_to_do(window: Page, asha: str, backend: Backend) -> None:
    answer = window.request.post(
        f"{backend.url}/track/user",
        headers={"x-growlytics-key": backend.server.key},
        data={"id": "A-1", "attributes": {"Age": "31"}},
    )
    assert answer.json()["ignored"]
    window.goto(asha)
    window.get_by_text("1 value was not stored").click()
    expect(window.get_by_text('Send it as a number: 31, not "31".')).to_be_visible()


def test_note_is_written_changed_and_deleted(window: Page, asha: str) -> None:
    window.goto(f"{asha}?event=Early")
    window.get_by_label("A new note").fill("Called about https://shop.example/orders/17.\nWill call again.")
    window.get_by_role("button", name="Add the note").click()
    note = window.locator("#note-list li")
    expect(note).to_contain_text("Will call again.")
    expect(note.get_by_role("link", name="https://shop.example/orders/17", exact=True)).to_have_attribute(
        "rel", re.compile("noopener")
    )
    expect(window.get_by_label("A new note")).to_have_value("")
    expect(window).to_have_url(re.compile(rf"{asha}\?event=Early$"))
    window.get_by_label("A new note").fill("A draft")
    note.get_by_text("Edit").click()
    note.get_by_label("Change the note").fill("Refunded")
    note.get_by_role("button", name="Save the note").click()
    expect(note).to_contain_text("Refunded")
    expect(note).to_contain_text("changed")
    expect(window.get_by_label("A new note")).to_have_value("A draft")
    window.once("dialog", lambda dialog: dialog.dismiss())
    note.get_by_role("button", name="Delete").click()
    expect(note).to_have_count(1)
    window.once("dialog", lambda dialog: dialog.accept())
    note.get_by_role("button", name="Delete").click()
    expect(note).to_have_count(0)
    window.reload()
    expect(note).to_have_count(0)


def test_tags_are_added_one_after_the_other_and_removed(window: Page, asha: str) -> None:
    window.goto(asha)
    window.get_by_label("A new note").fill("A draft")
    field = window.get_by_label("A new tag")
    field.fill("VIP")
    window.keyboard.press("Enter")
    expect(window.locator(".tag")).to_have_text(re.compile("vip"))
    expect(field).to_be_focused()
    window.keyboard.type("angry")
    window.keyboard.press("Enter")
    expect(window.locator(".tag")).to_have_count(2)
    window.get_by_role("button", name="Remove the tag vip").click()
    expect(window.locator(".tag")).to_have_count(1)
    expect(window.get_by_label("A new note")).to_have_value("A draft")
    window.reload()
    expect(window.locator(".tag")).to_have_text(re.compile("angry"))
    expect(window.locator("#tag-names")).to_have_count(0)


def test_profile_is_shown_as_of_a_day_and_as_of_now_again(window: Page, asha: str) -> None:
    window.goto(asha)
    window.get_by_text("As of a date").click()
    window.get_by_label("As of the end of this day").fill("2026-03-15")
    window.get_by_role("button", name="Show", exact=True).click()
    expect(window).to_have_url(re.compile(rf"{asha}\?as_of=2026-03-15$"))
    expect(window.locator("#as-of")).to_contain_text("As of 15 Mar 2026, 23:59")
    window.wait_for_load_state()
    events = window.locator("details.event > summary strong")
    expect(events).to_have_text(["Early"])
    expect(window.get_by_text("None had been reported by then.")).to_be_visible()
    window.get_by_text("By visit").click()
    expect(window).to_have_url(re.compile(r"as_of=2026-03-15&.*by=visit"))
    expect(events).to_have_text(["Early"])
    window.reload()
    expect(events).to_have_text(["Early"])
    window.get_by_role("link", name="Back to now").click()
    expect(events).to_have_text(["Late", "Early"])
    expect(window).to_have_url(re.compile(r"by=visit"))
    window.go_back()
    expect(events).to_have_text(["Early"])


def test_change_leads_to_the_profile_then(window: Page, asha: str, backend: Backend) -> None:
    backend.customer("A-1", Age=31)
    window.goto(asha)
    row = window.locator("#attributes tr", has_text="Age")
    row.get_by_text("2 values so far").click()
    row.get_by_role("link", name="The profile as of then").last.click()
    expect(window.locator("#as-of")).to_contain_text("Back to now")
    expect(window.locator("#attributes tr", has_text="Age").locator("td > div").first).to_have_text("30")


def test_all_of_it_works_without_javascript(chromium: Browser, backend: Backend, asha: str) -> None:
    with signed_in(chromium, backend, java_script_enabled=False) as page:
        page.goto(asha)
        page.get_by_role("button", name="Pin Detail 20").click()
        _expect_first(page, ["Detail 20"])
        page.get_by_label("A new tag").fill("VIP")
        page.get_by_role("button", name="Add the tag").click()
        expect(page.locator(".tag")).to_contain_text("vip")
        page.get_by_label("A new note").fill("Called")
        page.get_by_role("button", name="Add the note").click()
        expect(page.locator("#note-list li")).to_contain_text("Called")
        expect(page.locator(".tag")).to_contain_text("vip")
        page.get_by_text("Edit").click()
        page.get_by_label("Change the note").fill("Called twice")
        page.get_by_role("button", name="Save the note").click()
        expect(page.locator("#note-list li")).to_contain_text("Called twice")
        page.get_by_role("button", name="Remove the tag vip").click()
        expect(page.locator(".tag")).to_have_count(0)
        page.get_by_role("button", name="Delete").click()
        expect(page.locator(".tag, #note-list li")).to_have_count(0)
        page.get_by_text("As of a date").click()
        page.get_by_label("As of the end of this day").fill("2026-03-15")
        page.get_by_role("button", name="Show", exact=True).first.click()
        expect(page.locator("#as-of")).to_contain_text("As of 15 Mar 2026")
        page.get_by_role("link", name="Back to now").click()
        page.wait_for_url(re.compile(rf"{asha}$"))
        page.get_by_role("link", name="Show all 42 attributes").click()
        expect(page.get_by_text("Detail 39")).to_be_visible()
