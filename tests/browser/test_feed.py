"""The feed of activity in a real browser: live, paused without losing the place or anything, its JSON, its filters."""

import json
import re
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, ViewportSize, expect

from tests.browser.conftest import DESK, NOON, ON_SQLITE, PHONE, Backend, signed_in

pytestmark = ON_SQLITE  # the order in which PostgreSQL commits is tested in tests/test_arrivals.py

SIZES = pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
SOON: Any = {"timeout": 30_000}  # ms: it is asked for every five seconds


@pytest.fixture(autouse=True)
def _busy(backend: Backend) -> None:
    """A customer who has done more than a page shows."""
    backend.customer("A-1001", name="Asha Rao")
    for number in range(60):
        backend.event("A-1001", f"Event {number:03}", NOON + number, Amount=number)


def _top(one: Locator) -> float:
    box = one.bounding_box()
    assert box is not None
    return box["y"]


@SIZES
def test_events_appear_on_top_as_they_arrive(page: Page, backend: Backend, size: ViewportSize) -> None:
    page.set_viewport_size(size)
    page.goto("/activity")
    arrivals = page.locator(".arrival")
    expect(arrivals).to_have_count(50)
    expect(arrivals.first).to_contain_text("Event 059")
    backend.event("A-1001", "Brand New", NOON)
    expect(arrivals.first).to_contain_text("Brand New", **SOON)
    expect(page.locator("#new-events")).to_be_hidden()
    arrivals.first.get_by_role("link", name="Brand New").click()
    expect(page.locator("details.event-linked")).to_contain_text("Brand New")


@SIZES
def test_whoever_reads_further_down_keeps_the_place(page: Page, backend: Backend, size: ViewportSize) -> None:
    page.set_viewport_size(size)
    page.goto("/activity")
    read = page.locator(".arrival", has_text="Event 030")
    read.evaluate("one => one.scrollIntoView({ block: 'center' })")
    before = _top(read)
    backend.event("A-1001", "First News", NOON)
    backend.event("A-1001", "Second News", NOON)
    expect(page.locator("#new-events")).to_have_text("2 new events", **SOON)
    assert abs(_top(read) - before) <= 1
    page.locator("#new-events").click()
    expect(page.locator("#new-events")).to_be_hidden()
    expect(page.locator(".arrival").first).to_contain_text("Second News")


@SIZES
def test_pause_holds_back_what_arrives_and_gives_it_all(page: Page, backend: Backend, size: ViewportSize) -> None:
    page.set_viewport_size(size)
    page.goto("/activity")
    live = page.get_by_role("checkbox", name="Live")
    live.uncheck()
    first = page.locator(".arrival:visible").first
    before = _top(first)
    for number in range(3):
        backend.event("A-1001", f"Held Back {number}", NOON)
    expect(page.locator("#new-events")).to_have_text("3 new events", **SOON)
    expect(first).to_contain_text("Event 059")
    assert abs(_top(first) - before) <= 1
    live.check()
    names = page.locator(".arrival:visible .arrival-event")
    for place, name in enumerate(["Held Back 2", "Held Back 1", "Held Back 0", "Event 059"]):
        expect(names.nth(place)).to_have_text(name)
    expect(page.locator("#new-events")).to_be_hidden()


def test_pause_ends_by_the_button_that_tells_how_many_are_new(page: Page, backend: Backend) -> None:
    page.goto("/activity")
    page.get_by_role("checkbox", name="Live").uncheck()
    page.locator(".arrival", has_text="Event 030").scroll_into_view_if_needed()
    backend.event("A-1001", "Held Back", NOON)
    expect(page.locator("#new-events")).to_have_text("1 new event", **SOON)
    page.locator("#new-events").click()
    expect(page.get_by_role("checkbox", name="Live")).to_be_checked()
    expect(page.locator(".arrival:visible").first).to_contain_text("Held Back")
    expect(page.locator(".arrival:visible").first).to_be_in_viewport()


def test_resuming_further_down_moves_nothing(page: Page, backend: Backend) -> None:
    page.goto("/activity")
    live = page.get_by_role("checkbox", name="Live")
    live.uncheck()
    read = page.locator(".arrival", has_text="Event 030")
    read.locator("summary").click()
    expect(read.locator("pre")).to_be_visible()
    backend.event("A-1001", "Held Back", NOON)
    expect(page.locator("#new-events")).to_have_text("1 new event", **SOON)
    before = _top(read)
    live.evaluate("one => one.click()")  # which lies above
    expect(page.locator(".arrival:visible", has_text="Held Back")).to_have_count(1)
    assert abs(_top(read) - before) <= 1


def test_flood_is_told_and_led_to(page: Page, backend: Backend) -> None:
    page.goto("/activity")
    expect(page.locator(".arrival")).to_have_count(50)
    changes = [{"type": "event", "customerId": "A-1001", "name": f"Flood {number:03}", "time": NOON + number}
               for number in range(120)]  # fmt: skip
    backend.send_batch(changes)
    expect(page.locator(".arrival").first).to_contain_text("Flood 119", **SOON)
    page.get_by_role("link", name="70 others arrived in between").click()
    expect(page.locator(".arrival").first).to_contain_text("Flood 069")


@SIZES
def test_json_comes_when_it_is_opened(page: Page, size: ViewportSize) -> None:
    page.set_viewport_size(size)
    page.goto("/activity")
    one = page.locator(".arrival", has_text="Event 042")
    one.locator("summary").click()
    assert json.loads(one.locator("pre").inner_text()) == {
        "name": "Event 042", "time": NOON + 42, "attributes": {"Amount": 42},
    }  # fmt: skip


def test_filters_are_in_the_address_and_live(page: Page, backend: Backend) -> None:
    page.goto("/activity")
    page.get_by_role("combobox", name="Event").select_option("Event 007")
    expect(page.locator(".arrival")).to_have_count(1)
    expect(page).to_have_url(re.compile(r"/activity\?event=Event(\+|%20)007$"))
    backend.event("A-1001", "Something Else", NOON)
    backend.event("A-1001", "Event 007", NOON)
    expect(page.locator(".arrival")).to_have_count(2, **SOON)
    page.reload()
    expect(page.locator(".arrival")).to_have_count(2)
    page.get_by_role("link", name="Clear").click()
    expect(page.locator(".arrival")).to_have_count(50)
    page.go_back()
    expect(page.locator(".arrival")).to_have_count(2)


def test_keys_go_over_the_arrivals(page: Page) -> None:
    page.goto("/activity")
    page.keyboard.press("j")
    page.keyboard.press("j")
    expect(page.locator("a:focus")).to_have_text("Event 058")
    page.keyboard.press("Enter")
    expect(page.locator("details.event-linked")).to_contain_text("Event 058")


@SIZES
def test_feed_without_javascript(chromium: Browser, backend: Backend, size: ViewportSize) -> None:
    with signed_in(chromium, backend, java_script_enabled=False, viewport=size) as page:
        page.goto("/activity")
        expect(page.locator(".arrival")).to_have_count(50)
        expect(page.get_by_role("checkbox", name="Live")).to_be_hidden()
        page.get_by_role("link", name="Older arrivals").click()
        expect(page.locator(".arrival")).to_have_count(10)
        one = page.locator(".arrival", has_text="Event 005")
        one.locator("summary").click()
        one.get_by_role("link", name="The event as JSON").click()
        page.wait_for_url(re.compile("raw="))
        assert json.loads(page.locator(".arrival pre").inner_text())["name"] == "Event 005"
        page.get_by_role("link", name="Newer arrivals").click()
        expect(page.locator(".arrival")).to_have_count(50)
        page.get_by_role("combobox", name="Event").select_option("Event 007")
        page.get_by_role("button", name="Show").click()
        expect(page.locator(".arrival")).to_have_count(1)


def test_page_does_not_grow_without_end_nor_take_away_what_is_read(page: Page) -> None:
    page.goto("/activity")
    arrivals = page.locator(".arrival")
    grow = """(number) => {
        const one = document.querySelector(".arrival:last-of-type");
        for (let place = 0; place < number; place += 1) one.after(one.cloneNode(true));
        document.dispatchEvent(new Event("live"));
    }"""
    page.evaluate(grow, 600)
    expect(arrivals).to_have_count(500)
    arrivals.last.locator("summary").click()
    page.evaluate(grow, 100)
    expect(arrivals).to_have_count(600)  # what is open at the end is being read
