"""One person of several devices in a real browser: visits, histories, merges."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.scenes import unfold
from tests.browser.waiting import opened
from tests.visitors import CHROME, DAY, HOUR, MINUTE, MUMBAI, T0, customer, launched, login, seen, tell, token, values
from tests.world import Shop
from webapp.ingest.changes import Change

WIDTHS = (375, 768, 1440)
PUNE = {"country": "IN", "region": "Maharashtra", "city": "Pune"}
ANDROID = {
    "deviceManufacturer": "OnePlus",
    "deviceModel": "ONEPLUS A5000",
    "osName": "Android",
    "osVersion": "Android 9",
}
IPHONE = {"deviceManufacturer": "Apple", "deviceModel": "iPhone 15", "osName": "iOS", "osVersion": "17.4"}


@pytest.fixture
def meera(shop: Shop) -> str:
    """The path of Meera's profile: three devices, a visitor on each before she logged in. Beside her, a tablet."""
    tell(shop, *_on_phone(), *_on_browser())
    tell(shop, *_on_iphone())
    tell(shop, customer("M-1001", email="meera@kulkarni.example", City="Pune"), source="/track/user")
    tell(
        shop, seen("tablet", T0 + 21 * DAY, "Page Visited"), values("tablet", T0 + 21 * DAY, City="Nashik", Tier="Gold")
    )
    return shop.profile_path("M-1001")


def _on_phone() -> Iterator[Change]:
    utm = {"source": "facebook", "medium": "cpc", "campaign": "Diwali Sale"}
    yield launched("phone", T0, **ANDROID)
    yield seen("phone", T0, "App Launched", utm=utm, **MUMBAI)
    yield seen("phone", T0 + 2 * MINUTE, "Product Viewed", **MUMBAI)
    yield login("phone", T0 + 5 * DAY, "M-1001")
    told = {"name": "Meera Kulkarni", "email": "meera@oldmail.example", "City": "Mumbai"}
    yield customer("M-1001", T0 + 5 * DAY + MINUTE, **told)
    yield seen("phone", T0 + 5 * DAY, "App Launched", **MUMBAI)
    yield seen("phone", T0 + 5 * DAY + 9 * MINUTE, "Purchased", **MUMBAI)


def _on_browser() -> Iterator[Change]:
    page = "https://shop.example"
    yield seen("web", T0 + 20 * DAY, "Page Visited", agent=CHROME, page=f"{page}/sale", **PUNE)
    yield login("web", T0 + 20 * DAY + 2 * MINUTE, "M-1001")
    yield seen("web", T0 + 20 * DAY + 7 * MINUTE, "Purchased", page=f"{page}/thanks", **PUNE)


def _on_iphone() -> Iterator[Change]:
    yield launched("iphone", T0 + 30 * DAY, **IPHONE)
    yield token("iphone")
    yield seen("iphone", T0 + 30 * DAY, "App Launched", **PUNE)
    yield login("iphone", T0 + 30 * DAY + HOUR, "M-1001")


def test_visits_are_chosen_and_left_again(page: Page, meera: str) -> None:
    page.goto(meera)
    activities = page.locator("#activities")
    expect(activities.locator(".day")).to_have_count(4)
    activities.get_by_text("By visit").click()
    expect(page).to_have_url(re.compile(r"by=visit"))
    expect(activities.locator("header.visit")).to_have_count(4)
    expect(activities.locator("header.visit").last).to_contain_text("facebook / cpc · Diwali Sale")
    expect(activities.locator("header.visit").last).to_contain_text("Mumbai, Maharashtra, India")
    page.reload()
    expect(activities.locator("header.visit")).to_have_count(4)
    page.go_back()
    expect(page).to_have_url(re.compile(rf"{meera}$"))
    expect(activities.locator(".day")).to_have_count(4)
    page.go_forward()
    expect(activities.locator("header.visit")).to_have_count(4)


def test_history_is_followed_before_a_page_is_ready(page: Page, meera: str) -> None:
    page.goto(meera)
    activities = page.locator("#activities")
    activities.get_by_text("By visit").click()
    expect(activities.locator("header.visit")).to_have_count(4)
    page.reload()
    expect(activities.locator("header.visit")).to_have_count(4)
    page.route(re.compile(r"/htmx"), _hold)
    page.go_back()
    expect(activities.locator(".day")).to_have_count(4)
    page.evaluate("history.forward()")  # Playwright would wait until the page has loaded
    expect(page).to_have_url(re.compile(r"by=visit"))
    page.unroute_all()
    expect(activities.locator("header.visit")).to_have_count(4)


def _hold(route: Route) -> None:
    """Let nothing through, until the page is unrouted."""


def test_profile_changes_and_merges_are_shown_on_request(page: Page, meera: str) -> None:
    page.goto(meera)
    activities = page.locator("#activities")
    expect(activities.locator(".aside:not(.backfill)")).to_have_count(0)
    page.get_by_text("View", exact=True).click()
    page.get_by_label("profile changes").check()
    expect(page).to_have_url(re.compile(r"show=change"))
    expect(activities.get_by_text("City is Mumbai")).to_be_visible()
    page.get_by_label("merges").check()
    expect(activities.get_by_text("Merged with")).to_have_count(3)
    page.get_by_label("profile changes").uncheck()
    expect(activities.get_by_text("City is Mumbai")).to_have_count(0)
    expect(page).to_have_url(re.compile(r"show=merge$"))
    page.keyboard.press("Escape")
    page.get_by_role("link", name="Clear").click()
    expect(activities.locator(".aside:not(.backfill)")).to_have_count(0)


def test_keyboard_alone_chooses_visits(page: Page, meera: str) -> None:
    page.goto(meera)
    page.locator("#by-day").focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator("#activities header.visit")).to_have_count(4)


def test_history_of_an_attribute_opens_by_a_click(page: Page, meera: str) -> None:
    page.goto(meera)
    row = page.locator("#attributes tr", has_text="email")
    expect(row.get_by_text("meera@oldmail.example")).to_have_count(0)
    row.get_by_text("2 values so far").click()
    expect(row.locator(".past li")).to_have_count(2)
    expect(row.locator(".past li").first).to_contain_text("meera@kulkarni.example")
    expect(row.locator(".past li").last).to_contain_text("meera@oldmail.example")
    expect(row.locator(".past li").last).to_contain_text("/msv_cevt")
    expect(page).to_have_url(re.compile(rf"{meera}$"))
    single = page.locator("#attributes tr", has_text="name").first
    single.hover()
    single.get_by_text("Where from").click()
    expect(single.locator(".past li")).to_contain_text("/msv_cevt")


def test_merge_is_undone_after_a_question(page: Page, meera: str) -> None:
    page.goto(meera)
    why = page.locator("#why")
    expect(why.get_by_role("button", name="Undo")).to_have_count(3)
    page.once("dialog", lambda dialog: dialog.dismiss())
    why.get_by_role("button", name="Undo").first.click()
    expect(why.get_by_role("button", name="Undo")).to_have_count(3)
    page.once("dialog", lambda dialog: dialog.accept())
    why.get_by_role("listitem").filter(has_text="OnePlus A5000".upper()).get_by_role("button", name="Undo").click()
    expect(page.get_by_role("status").first).to_contain_text("is a profile apart again")
    expect(why.get_by_role("button", name="Merge again")).to_have_count(1)
    page.goto("/customers")
    expect(page.get_by_text("3 customers")).to_be_visible()
    page.go_back()
    page.once("dialog", lambda dialog: dialog.accept())
    why.get_by_role("button", name="Merge again").click()
    expect(why.get_by_role("button", name="Undo")).to_have_count(3)


def _merge(page: Page, meera: str) -> None:
    """Merge the tablet's visitor into Meera's profile, by search and preview."""
    page.goto("/customers?status=anonymous")
    page.get_by_role("link", name="Anonymous visitor").click()
    page.wait_for_url("**/customers/*")
    visitor = page.url.split("/")[-1]
    page.goto(meera)
    page.get_by_role("link", name="Merge …").click()
    page.get_by_label("Find the other profile").fill(visitor)
    page.get_by_role("button", name="Search").click()
    page.get_by_role("link", name="Anonymous visitor").click()
    expect(page.get_by_text("becomes part of")).to_be_visible()
    expect(page.get_by_role("row", name="City")).to_contain_text("Nashik")
    expect(page.locator(".wins", has_text="Pune")).to_have_count(1)
    expect(page.locator(".wins", has_text="Gold")).to_have_count(1)
    page.get_by_role("button", name="Merge these two").click()
    expect(page.get_by_role("status").first).to_contain_text("Merged.")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Meera Kulkarni")
    expect(page.locator("#attributes")).to_contain_text("Gold")
    page.goto(f"/customers?q={visitor}")
    expect(page.locator("#list")).to_contain_text(f"merged id: {visitor}")


def test_profiles_are_merged_by_hand(page: Page, meera: str) -> None:
    _merge(page, meera)


def test_older_activities_come_by_scrolling_by_visit_too(page: Page, shop: Shop) -> None:
    tell(shop, login("phone", 1), *(seen("phone", T0 + number * MINUTE) for number in range(120)))
    tell(shop, *(customer("u1", T0 + number * MINUTE, Place=number) for number in range(0, 120, 4)))
    page.goto(f"{shop.profile_path()}?by=visit&show=change&show=visit")
    for loaded in (50, 100, 151):
        expect(page.locator("details.event, .aside:not(.backfill)")).to_have_count(loaded)
        if loaded < 151:
            page.locator("#older").scroll_into_view_if_needed()
    expect(page.locator("#older")).to_have_count(0)
    expect(page.locator("header.visit")).to_have_count(1)
    expect(page.locator("details.event")).to_have_count(120)


def test_tab_left_open_on_a_merged_profile_goes_to_the_person(page: Page, shop: Shop) -> None:
    tell(shop, seen("phone", T0))
    shop.customer("u1", name="Meera")
    page.goto("/customers?status=anonymous")
    page.get_by_role("link", name="Anonymous visitor").click()
    opened(page, "Anonymous visitor")
    tell(shop, login("phone", T0 + 1))
    page.get_by_text("By visit").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Meera")
    expect(page).to_have_url(re.compile(r"by=visit"))
    expect(page.locator("header.visit")).to_have_count(1)


def test_everything_works_without_javascript(plain_page: Page, meera: str) -> None:
    plain_page.goto(meera)
    plain_page.get_by_text("By visit").click()
    plain_page.get_by_text("View", exact=True).click()
    plain_page.get_by_label("profile changes").check()
    plain_page.get_by_role("button", name="Show").first.click()
    expect(plain_page.locator("header.visit")).not_to_have_count(0)
    expect(plain_page.locator("#activities").get_by_text("City is Mumbai")).to_be_visible()
    expect(plain_page).to_have_url(re.compile("by=visit"))
    expect(plain_page).to_have_url(re.compile("show=change"))
    row = plain_page.locator("#attributes tr", has_text="email")
    row.get_by_text("2 values so far").click()
    row.get_by_role("link", name="Show its history").click()
    expect(plain_page.locator(".past li").last).to_contain_text("meera@oldmail.example")
    plain_page.get_by_role("link", name="Meera Kulkarni").click()
    plain_page.locator("#why").get_by_role("button", name="Undo").first.click()
    expect(plain_page.get_by_role("status").first).to_contain_text("is a profile apart again")
    plain_page.locator("#why").get_by_role("button", name="Merge again").click()
    expect(plain_page.locator("#why").get_by_role("button", name="Undo")).to_have_count(3)
    _merge(plain_page, meera)
    plain_page.goto("/customers")
    expect(plain_page.get_by_text("1 customer", exact=True)).to_be_visible()


def _long(shop: Shop) -> str:
    """A customer of whom everything is as long as it may be, and for whom merging has stopped."""
    id_, text = "w" * 255, "W" * 49
    place = {"country": "IN", "region": "R" * 80, "city": "C" * 80}
    utm = {key: key[0] * 200 for key in ("source", "medium", "campaign", "term", "content")}
    url = f"https://{'s' * 60}.example/{'p' * 200}"
    info = {"deviceManufacturer": "M" * 100, "deviceModel": "D" * 200, "osName": "O" * 50, "appVersionName": "V" * 50}
    for number in range(22):
        did = f"{'d' * 100}{number}"
        tell(shop, launched(did, T0, **info), seen(did, T0 + number, text, utm=utm, page=url, referrer=url, **place))
        tell(shop, login(did, T0 + HOUR, id_))
    told: dict[str, Any] = {"name": "N" * 300, "email": f"{'e' * 200}@example.com", text: "W" * 2000}
    tell(shop, customer(id_, **told), customer(id_, **(told | {text: "V" * 2000})))
    return shop.profile_path(id_)


def test_no_page_is_wider_than_its_window(page: Page, meera: str, shop: Shop) -> None:
    long = _long(shop)
    visitor = _visitor(page)
    everything = "by=visit&show=visit&show=change&show=merge"
    paths = (
        "/customers?bots=hidden", f"/customers?q={'e' * 200}", meera, f"{meera}?{everything}", long,
        f"{long}?{everything}", f"{long}/history?attribute={'W' * 49}",
        f"{long}/merges?q=meera", f"{long}/merges?with={visitor}",
        f"{meera}/merges?q={'w' * 200}", f"{meera}/merges?with={long.split('/')[-1]}", "/settings/workspace",
    )  # fmt: skip
    for path in paths:
        page.set_viewport_size({"width": WIDTHS[0], "height": 800})
        page.goto(path)
        unfold(page)
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 800})
            assert _cut_off(page) == [], f"{path} at {width}"
            assert page.evaluate("document.documentElement.scrollWidth") <= width, f"{path} at {width}"


def _visitor(page: Page) -> str:
    page.goto("/customers?status=anonymous")
    return (page.get_by_role("link", name="Anonymous visitor").first.get_attribute("href") or "").split("/")[-1]


def _cut_off(page: Page) -> list[str]:
    """Texts that reach out of the window, though the page as a whole may not scroll."""
    found: list[str] = page.evaluate(
        """() => [...document.querySelectorAll("main *")]
            .filter((one) => one.getClientRects().length && one.getBoundingClientRect().right > innerWidth + 1)
            .filter((one) => !one.closest(".scroll, pre, .side-tabs, .jumps, .hidden, svg"))
            .map((one) => one.outerHTML.slice(0, 120))"""
    )
    return found
