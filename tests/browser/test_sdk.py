"""The browser SDK in a real browser, on a shop's pages, and what the dashboard shows of it afterwards."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect
from sqlalchemy import select

from tests.browser.conftest import ON_SQLITE, Backend
from tests.browser.shop_pages import ShopPages, open_shop
from tests.browser.waiting import LONG_PATIENCE, TITLED, UNTOLD, all_told, opened, until
from tests.conftest import settings_for
from tests.visitors import CHROME
from tests.world import rows
from webapp import keys, signatures, workspaces
from webapp.db import Database
from webapp.models import ApiKey, Customer, Device, DeviceLogin, Event

pytestmark = ON_SQLITE  # to a browser both engines are one server

ENDPOINT = "**/api/v1/browser"
CAMPAIGN = "/?utm_source=google&utm_medium=cpc&utm_campaign=Sale&gclid=abc"
GOOGLE = "https://www.google.com/"
PAUSE = 4  # seconds: what a busy server asks for; the script's own would be shorter
LONG_AGO = 2 * 86_400_000  # ms
NO_STORAGE = """
Object.defineProperty(window, "localStorage", { get() { throw new DOMException("denied", "SecurityError"); } });
"""
NO_COOKIES = 'Object.defineProperty(Document.prototype, "cookie", { get() { return ""; }, set() {} });'
NO_KEEPALIVE = "delete Request.prototype.keepalive;"


@pytest.fixture
def page(page: Page) -> Page:
    """A signed-in browser page that shows nothing yet: an empty list would ask for customers, and go to the first."""
    page.goto("about:blank")
    return page


@pytest.fixture
def database(backend: Backend) -> Iterator[Database]:
    """The running server's database."""
    database = Database(settings_for(backend.server.database_url).url)
    yield database
    database.engine.dispose()


@pytest.fixture
def shop(backend: Backend, database: Database) -> Iterator[ShopPages]:
    """A shop with a browser key, whose origin is allowed."""
    with database.write() as session:
        workspace = workspaces.find(session, None)
        _, key = keys.create(session, workspace.id, "Website", "browser")
    with open_shop(backend.url, key) as shop:
        _allow(database, shop.url)
        yield shop


def _allow(database: Database, origin: str) -> None:
    with database.write() as session:
        workspaces.find(session, None).allowed_origins = origin


@dataclass
class Visitor:
    """Somebody's browser. `console`: what was said there; `sent`: the bodies that were sent, as text."""

    context: BrowserContext
    shop: ShopPages
    console: list[str] = field(default_factory=list)
    sent: list[str] = field(default_factory=list)

    def open(self, path: str = "/", referrer: str | None = None) -> Page:
        """Open a page of the shop in a new tab; returns when the script has come."""
        page = self.context.new_page()
        return self.go(page, path, referrer)

    def go(self, page: Page, path: str, referrer: str | None = None) -> Page:
        """Load a page of the shop in a tab."""
        page.goto(f"{self.shop.url}{path}", referer=referrer)
        page.wait_for_function("window.Growlytics && !Growlytics._q")
        return page

    def pauses(self) -> list[int]:
        """The ms between what was sent, by the page's own clock, which a busy machine doesn't hold up."""
        times = [json.loads(body)["sentAt"] for body in self.sent]
        return [later - former for former, later in pairwise(times)]

    def away(self) -> None:
        """Let nothing get through to the server, as if it weren't there."""
        self.context.route(ENDPOINT, lambda route: route.abort("connectionrefused"))

    def back(self) -> None:
        """Let everything through again."""
        self.context.unroute(ENDPOINT)


@pytest.fixture
def visitor(chromium: Browser, shop: ShopPages) -> Iterator[Visitor]:
    """A visitor of the shop. An error in a page's scripts fails the test."""
    context = chromium.new_context(user_agent=CHROME, locale="de-DE", timezone_id="Europe/Berlin")
    context.set_default_timeout(LONG_PATIENCE)
    visitor = Visitor(context, shop)
    errors: list[str] = []
    context.on("weberror", lambda error: errors.append(str(error.error)))
    context.on("console", lambda message: visitor.console.append(message.text))
    context.on("request", lambda request: _note(visitor, request.url, request.post_data))
    yield visitor
    context.close()
    assert errors == []


def _note(visitor: Visitor, url: str, body: str | None) -> None:
    if url.endswith("/api/v1/browser"):
        visitor.sent.append(body or "")


def arrived(page: Page, database: Database, events: int, logins: int = 0) -> None:
    """Wait until so many events and logins are stored, then a little longer: there must be no more."""
    until(page, lambda: rows(database, Event) >= events and rows(database, DeviceLogin) >= logins)
    page.wait_for_timeout(200)
    assert (rows(database, Event), rows(database, DeviceLogin)) == (events, logins)


def track(tab: Page, name: str, attributes: dict[str, Any] | None = None) -> None:
    tab.evaluate("([name, attributes]) => Growlytics.events.track(name, attributes)", [name, attributes])


def identify(tab: Page, id_: str, attributes: dict[str, Any], signature: str | None = None) -> None:
    told = [id_, attributes, {"signature": signature} if signature else None]
    tab.evaluate("([id, attributes, options]) => Growlytics.user.identify(id, attributes, options)", told)


def logout(tab: Page) -> None:
    tab.evaluate("Growlytics.user.logout()")


def show_visitor(page: Page) -> None:
    """Open the profile of the only anonymous visitor."""
    page.goto("/customers?status=anonymous")
    page.get_by_role("link", name="Anonymous visitor").click()
    opened(page, "Anonymous visitor")


def show_customer(page: Page, database: Database, system_id: str) -> None:
    """Open a customer's profile."""
    with database.read() as session:
        found = session.scalars(select(Customer).where(Customer.system_id == system_id)).one()
    page.goto(f"/customers/{found.growlytics_id}")


def activities(page: Page) -> list[dict[str, str]]:
    """The events on an open profile, oldest first: name as "", and the attributes."""
    found: list[dict[str, str]] = page.locator("details.event").evaluate_all(
        """(events) => events.reverse().map((event) => ({
            "": event.querySelector("summary strong").textContent,
            ...Object.fromEntries([...event.querySelectorAll(".attributes tr")].map((row) => [
                row.querySelector("th").firstChild.textContent, row.querySelector("td").textContent.trim()])),
        }))"""
    )
    return found


def names(page: Page) -> list[str]:
    """What happened by an open profile, oldest first: page visits by their title, events by their name."""
    return [one.get("Title", one[""]) for one in activities(page)]


def acquisition(page: Page) -> dict[str, list[str]]:
    """Acquisition Details of an open profile: for the first and the last visit."""
    found: list[list[str]] = page.locator("#acquisition tbody tr").evaluate_all(
        "(rows) => rows.map((row) => [...row.cells].map((cell) => cell.textContent.trim()))"
    )
    return {name: cells for name, *cells in found}


def attributes(page: Page) -> str:
    return page.locator("#attributes").inner_text()


def test_first_visit_tells_where_it_came_from(
    page: Page, visitor: Visitor, shop: ShopPages, database: Database
) -> None:
    tab = visitor.open(CAMPAIGN, GOOGLE)
    track(tab, "Add To Cart", {"Price": 12.5})
    tab.evaluate("Growlytics.user.push({ Newsletter: true })")
    arrived(tab, database, 2)
    all_told(tab)
    show_visitor(page)
    assert activities(page) == [
        {"": "Page Visited", "URL": shop.url + CAMPAIGN, "Title": "Home", "Referrer": GOOGLE, "gclid": "abc"},
        {"": "Add To Cart", "Price": "12.5"},
    ]
    came = acquisition(page)
    assert came["UTM source"] == ["google", "google"]
    assert came["UTM medium"] == ["cpc", "cpc"]
    assert came["UTM campaign"] == ["Sale", "Sale"]
    assert came["Traffic source"][0] == "google.com"
    assert came["Landing page"][0] == shop.url + CAMPAIGN
    assert "Newsletter" in attributes(page)
    expect(page.locator("#devices")).to_contain_text("Chrome")
    told = json.loads(visitor.sent[0])["device"]
    assert (told["language"], told["timeZone"]) == ("de-DE", "Europe/Berlin")
    assert tab.evaluate("Growlytics.deviceId()") in page.locator("#devices").inner_text()


def test_second_visit_without_a_campaign_leaves_the_first_as_it_was(
    page: Page, visitor: Visitor, shop: ShopPages, database: Database
) -> None:
    first = visitor.context.new_page()
    # Not `away()`, which beacons get past: with them the server would learn how wrong this page's clock is.
    first.add_init_script(
        f"""
        const now = Date.now;
        Date.now = () => now() - {LONG_AGO};
        fetch = () => Promise.reject(new TypeError("away"));
        navigator.sendBeacon = () => false;
        """
    )
    visitor.go(first, CAMPAIGN, GOOGLE)
    first.wait_for_function(f"{UNTOLD}.length === 1")
    first.close()
    tab = visitor.open("/p/1")
    arrived(tab, database, 2)
    show_visitor(page)
    assert names(page) == ["Home", "Mixer"]
    came = acquisition(page)
    assert came["UTM source"] == ["google", "–"]
    assert came["Traffic source"] == ["google.com", "direct"]
    assert came["Landing page"] == [shop.url + CAMPAIGN, f"{shop.url}/p/1"]
    assert rows(database, Device) == 1


def test_pages_of_a_single_page_application_are_told(
    page: Page, visitor: Visitor, shop: ShopPages, database: Database
) -> None:
    tab = visitor.open("/")
    tab.evaluate(
        """() => {
            history.replaceState({}, "", "/?room=1");
            document.title = "Room";
        }"""
    )
    tab.evaluate(TITLED)
    tab.evaluate(
        """() => {
            history.pushState({}, "", "/p/1");
            Growlytics.events.track("Product Viewed");
            document.title = "Mixer";
        }"""
    )
    tab.evaluate(TITLED)
    tab.evaluate('history.pushState({}, "", "/p/1#reviews"); location.hash = "more"')  # the same page
    tab.evaluate("document.title = 'Room'; history.go(-3)")
    arrived(tab, database, 5)
    show_visitor(page)
    seen = activities(page)
    assert [one.get("Title", one[""]) for one in seen] == ["Home", "Room", "Product Viewed", "Mixer", "Room"] or [
        one.get("Title", one[""]) for one in seen
    ] == ["Home", "Room", "Mixer", "Product Viewed", "Room"]
    visited = [one for one in seen if one[""] == "Page Visited"]
    paths = ["/", "/?room=1", "/p/1", "/?room=1"]
    assert [one["URL"] for one in visited] == [shop.url + path for path in paths]
    assert [one.get("Referrer") for one in visited] == [None, *(shop.url + path for path in paths[:-1])]
    assert seen[-2][""] == "Product Viewed"


def test_router_that_uses_the_hash_is_followed_when_asked_to(
    page: Page, visitor: Visitor, shop: ShopPages, database: Database
) -> None:
    shop.settings["trackHash"] = True
    tab = visitor.open("/#/home")
    tab.evaluate('location.hash = "/cart"')
    arrived(tab, database, 2)
    show_visitor(page)
    assert [one["URL"] for one in activities(page)] == [f"{shop.url}/#/home", f"{shop.url}/#/cart"]


@pytest.mark.parametrize("without", ["", NO_KEEPALIVE], ids=["keepalive", "beacon"])
def test_what_is_told_last_arrives_though_the_page_closes(
    page: Page, visitor: Visitor, database: Database, without: str
) -> None:
    visitor.context.add_init_script(without)
    tab = visitor.open("/")
    all_told(tab)
    track(tab, "Left")
    tab.close()
    arrived(page, database, 2)
    tab = visitor.open("/p/1")  # sends it again: nobody has told that it arrived
    track(tab, "Came back")
    visitor.go(tab, "/cart")
    arrived(tab, database, 5)
    all_told(tab)
    arrived(tab, database, 5)
    show_visitor(page)
    assert names(page) == ["Home", "Left", "Mixer", "Came back", "Cart"]


def test_what_happens_offline_arrives_later(page: Page, visitor: Visitor, database: Database) -> None:
    tab = visitor.open("/")
    all_told(tab)
    visitor.context.set_offline(True)
    track(tab, "In a tunnel", {"Number": 1})
    tab.wait_for_timeout(1500)
    assert rows(database, Event) == 1
    visitor.context.set_offline(False)
    arrived(tab, database, 2)
    all_told(tab)
    visitor.context.set_offline(True)
    track(tab, "In a tunnel", {"Number": 2})
    tab.close()
    visitor.context.set_offline(False)
    tab = visitor.open("/cart")
    arrived(tab, database, 4)
    show_visitor(page)
    assert names(page) == ["Home", "In a tunnel", "In a tunnel", "Cart"]


def test_server_that_was_away_gets_everything(
    page: Page, visitor: Visitor, backend: Backend, database: Database
) -> None:
    tab = visitor.open("/")
    all_told(tab)
    backend.server.stop()
    try:
        track(tab, "Nobody there")
        tab.wait_for_timeout(1500)
        track(tab, "Still nobody")
    finally:
        backend.server.start()
    arrived(tab, database, 3)
    show_visitor(page)
    assert names(page) == ["Home", "Nobody there", "Still nobody"]


def _busy(route: Route) -> None:
    headers = {
        "Access-Control-Allow-Origin": "*",
        "Access-Control-Expose-Headers": "Retry-After",
        "Retry-After": str(PAUSE),
    }
    route.fulfill(status=429, headers=headers, json={"type": "TooManyRequestsError", "details": []})


def test_server_that_asks_for_a_pause_gets_it(visitor: Visitor, database: Database) -> None:
    visitor.context.route(ENDPOINT, _busy)
    tab = visitor.open("/")
    until(tab, lambda: len(visitor.sent) == 1)
    visitor.back()
    track(tab, "Waits too")
    arrived(tab, database, 2)
    assert len(visitor.sent) == 2
    assert visitor.pauses()[0] >= PAUSE * 1000


def test_login_in_the_middle_joins_what_was_before(page: Page, visitor: Visitor, database: Database) -> None:
    tab = visitor.open(CAMPAIGN, GOOGLE)
    track(tab, "Add To Cart")
    identify(tab, "42", {"name": "Ann Lee", "email": "ann@shop.example", "Plan": "gold"})
    track(tab, "Ordered")
    arrived(tab, database, 3, logins=1)
    show_customer(page, database, "42")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Ann Lee")
    assert names(page) == ["Home", "Add To Cart", "Ordered"]
    assert acquisition(page)["UTM source"][0] == "google"
    assert "gold" in attributes(page)


def test_second_person_on_the_device_is_somebody_else(page: Page, visitor: Visitor, database: Database) -> None:
    tab = visitor.open("/")
    did = tab.evaluate("Growlytics.deviceId()")
    identify(tab, "42", {"name": "Ann"})
    track(tab, "Ordered by Ann")
    logout(tab)
    track(tab, "Looked around")
    arrived(tab, database, 3, logins=2)
    show_customer(page, database, "42")
    assert names(page) == ["Home", "Ordered by Ann"]
    show_visitor(page)
    assert names(page) == ["Looked around"]
    visitor.go(tab, "/p/1")
    identify(tab, "43", {"name": "Bob"})
    arrived(tab, database, 4, logins=3)
    show_customer(page, database, "43")
    assert names(page) == ["Looked around", "Mixer"]
    show_customer(page, database, "42")
    assert names(page) == ["Home", "Ordered by Ann"]
    assert tab.evaluate("Growlytics.deviceId()") == did
    assert rows(database, Device) == 1


def test_two_tabs_are_one_visitor(page: Page, visitor: Visitor, database: Database) -> None:
    visitor.away()
    first, second = visitor.open("/"), visitor.open("/p/1")
    for number in range(5):
        track(first, "First", {"Number": number})
        track(second, "Second", {"Number": number})
    for tab in (first, second):
        tab.evaluate(TITLED)
    second.wait_for_function(f"{UNTOLD}.length === 12")
    second.close()
    visitor.back()
    arrived(first, database, 12)
    all_told(first)
    arrived(first, database, 12)
    assert rows(database, Device) == 1
    show_visitor(page)
    assert sorted(names(page)) == ["First"] * 5 + ["Home", "Mixer"] + ["Second"] * 5


@pytest.mark.parametrize(
    ("blocked", "devices"), [(NO_STORAGE, 1), (NO_STORAGE + NO_COOKIES, 2)], ids=["cookie", "none"]
)
def test_blocked_storage_stops_nothing(
    page: Page, visitor: Visitor, database: Database, blocked: str, devices: int
) -> None:
    visitor.context.add_init_script(blocked)
    tab = visitor.open("/")
    track(tab, "Add To Cart")
    arrived(tab, database, 2)
    visitor.go(tab, "/p/1")
    arrived(tab, database, 3)
    assert rows(database, Device) == devices
    identify(tab, "42", {"name": "Ann"})
    arrived(tab, database, 3, logins=1)
    show_customer(page, database, "42")
    assert names(page) == (["Home", "Add To Cart", "Mixer"] if devices == 1 else ["Mixer"])


def test_strict_policy_of_the_shop_is_kept(page: Page, visitor: Visitor, shop: ShopPages, database: Database) -> None:
    shop.has_file = True
    shop.headers = {
        "Content-Security-Policy": f"default-src 'none'; script-src 'self' {shop.host}; connect-src {shop.host}",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Embedder-Policy": "require-corp",
    }
    tab = visitor.open("/")
    track(tab, "Add To Cart")
    visitor.go(tab, "/p/1")
    tab.close()
    arrived(page, database, 3)
    assert visitor.console == []
    show_visitor(page)
    assert names(page) == ["Home", "Add To Cart", "Mixer"]


def _expect_growing_pauses(tab: Page, visitor: Visitor) -> None:
    """The pauses are 1–3 s, 2–6 s and so on."""
    until(tab, lambda: len(visitor.sent) >= 3)
    first, second = visitor.pauses()[:2]
    assert first >= 1_000
    assert second >= 2_000


def test_origin_that_is_not_allowed_is_told_nothing_of(
    page: Page, visitor: Visitor, shop: ShopPages, database: Database
) -> None:
    _allow(database, "https://another.example")
    tab = visitor.open("/")
    track(tab, "Add To Cart")
    until(tab, lambda: any("Access-Control-Allow-Origin" in line for line in visitor.console))
    track(tab, "Ordered")
    _expect_growing_pauses(tab, visitor)
    assert rows(database, Event) == 0
    page.goto("/customers?status=anonymous")
    expect(page.get_by_role("link", name="Anonymous visitor")).to_have_count(0)
    page.goto("/settings/website")
    expect(page.get_by_text(shop.url).first).to_be_visible()
    _allow(database, shop.url)
    visitor.go(tab, "/cart")
    arrived(tab, database, 4)
    show_visitor(page)
    assert names(page) == ["Home", "Add To Cart", "Ordered", "Cart"]


def test_key_that_was_revoked_stops_the_page(visitor: Visitor, shop: ShopPages, database: Database) -> None:
    with database.write() as session:
        keys.revoke(session, workspaces.find(session, None).id, shop.key.split("_")[1])
    tab = visitor.open("/")
    until(tab, lambda: len(visitor.sent) == 1)
    track(tab, "Add To Cart")
    _expect_growing_pauses(tab, visitor)
    assert tab.evaluate(f"{UNTOLD}.length") == 2, "they may be wanted with a better key"


def test_login_needs_a_signature_where_the_key_wants_one(
    page: Page, visitor: Visitor, shop: ShopPages, database: Database
) -> None:
    with database.write() as session:
        workspace = workspaces.find(session, None)
        secret = workspaces.new_login_secret(session, workspace)
        key = session.scalars(select(ApiKey).where(ApiKey.public_text == shop.key)).one()
        key.wants_signature = True
    tab = visitor.open("/")
    identify(tab, "42", {"name": "Mallory"})
    identify(tab, "42", {"name": "Mallory"}, "0" * 64)
    track(tab, "Add To Cart")
    arrived(tab, database, 2)
    all_told(tab)
    until(tab, lambda: sum("refused a message" in line for line in visitor.console) >= 2)
    assert sum("refused a message" in line for line in visitor.console) == 2
    show_visitor(page)
    assert names(page) == ["Home", "Add To Cart"]
    expect(page.get_by_text("Mallory")).to_have_count(0)
    identify(tab, "42", {"name": "Ann"}, signatures.sign(secret, "42"))
    arrived(tab, database, 2, logins=1)
    show_customer(page, database, "42")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Ann")
    assert names(page) == ["Home", "Add To Cart"]


def test_calls_before_the_script_is_there_are_kept_with_their_times(
    page: Page, visitor: Visitor, shop: ShopPages, database: Database
) -> None:
    shop.copies = 2
    shop.then = """
        Growlytics.events.track("Early", { Number: 1 });
        const { identify } = Growlytics.user;
        identify("42", { name: "Ann" });
        Growlytics.deviceId();
    """
    scripts: list[Route] = []
    visitor.context.route("**/sdk/growlytics.js", lambda route: scripts.append(route))  # noqa: PLW0108 - no builtin
    tab = visitor.context.new_page()
    tab.goto(f"{shop.url}/", wait_until="domcontentloaded")
    until(tab, lambda: len(scripts) == 1)
    before = tab.evaluate("Date.now()")
    tab.wait_for_timeout(500)
    scripts[0].continue_()
    tab.wait_for_function("window.Growlytics && !Growlytics._q")
    tab.evaluate("identify('42', { Plan: 'gold' })")  # the stub's function, which the page has kept
    arrived(tab, database, 2, logins=2)
    assert len(scripts) == 1, "the script was loaded twice"
    with database.read() as session:
        assert max(session.scalars(select(Event.reported_at))) <= before
    show_customer(page, database, "42")
    assert names(page) == ["Home", "Early"]
    assert "gold" in attributes(page)


def test_who_opts_out_leaves_no_trace(page: Page, visitor: Visitor, database: Database) -> None:
    tab, other = visitor.open("/"), visitor.open("/p/1")
    all_told(tab)
    all_told(other)
    arrived(tab, database, 2)
    visitor.away()
    track(tab, "Never told")
    track(other, "Never told")
    tab.evaluate("Growlytics.optOut()")
    visitor.back()
    track(tab, "Never told")
    track(other, "Never told")
    assert tab.evaluate("Growlytics.deviceId()") is None
    assert tab.evaluate("({ ...localStorage })") == {"growlytics.choice": "out"}
    visitor.go(tab, "/cart")
    tab.wait_for_timeout(1500)
    arrived(tab, database, 2)
    assert tab.evaluate("[{ ...localStorage }, document.cookie]") == [{"growlytics.choice": "out"}, ""]
    tab.evaluate("Growlytics.optIn()")
    arrived(tab, database, 3)
    assert rows(database, Device) == 2
    page.goto("/customers?status=anonymous")
    expect(page.get_by_role("link", name="Anonymous visitor")).to_have_count(2)


@pytest.mark.parametrize(
    ("setting", "signal"),
    [
        ("optedOutByDefault", ""),
        ("respectDoNotTrack", 'Object.defineProperty(navigator, "doNotTrack", { get: () => "1" })'),
        ("respectDoNotTrack", 'Object.defineProperty(navigator, "globalPrivacyControl", { get: () => true })'),
    ],
)
def test_nothing_is_told_without_consent(
    visitor: Visitor, shop: ShopPages, database: Database, setting: str, signal: str
) -> None:
    shop.settings[setting] = True
    visitor.context.add_init_script(signal)
    tab = visitor.open("/")
    track(tab, "Never told")
    tab.wait_for_timeout(1500)
    assert visitor.sent == []
    assert tab.evaluate("[{ ...localStorage }, document.cookie]") == [{}, ""]
    tab.evaluate("Growlytics.optIn()")
    arrived(tab, database, 1)


def test_signal_alone_stops_nothing(visitor: Visitor, database: Database) -> None:
    visitor.context.add_init_script('Object.defineProperty(navigator, "globalPrivacyControl", { get: () => true })')
    arrived(visitor.open("/"), database, 1)


def test_clicks_and_forms_are_told_without_what_was_typed(
    page: Page, visitor: Visitor, shop: ShopPages, database: Database
) -> None:
    shop.settings |= {"captureClicks": True, "captureForms": True}
    tab = visitor.open("/")
    tab.locator("[name=password]").fill("secret password")
    tab.locator("[name=wish]").fill("secret wish")
    tab.locator("[name=size]").select_option("secret size")
    tab.locator("#notes").fill("secret notes")
    tab.locator("#notes").click()
    tab.locator("#buy").click()
    tab.locator("#send").click()
    tab.wait_for_url("**/cart?**")
    tab.wait_for_function("window.Growlytics && !Growlytics._q")
    arrived(tab, database, 5)
    show_visitor(page)
    shown = [one for one in activities(page) if one[""] != "Page Visited"]
    assert shown == [
        {"": "Clicked", "Text": "Buy now", "Id": "buy"},
        {"": "Clicked", "Id": "send"},
        {"": "Form Submitted", "Action": f"{shop.url}/cart", "Id": "account"},
    ]
    told = [one for body in visitor.sent for one in json.loads(body)["messages"] if one["type"] == "event"]
    assert "secret" not in json.dumps([one["attributes"] for one in told])
    tab.locator("#mixer").click()
    tab.wait_for_url("**/p/1**")
    tab.wait_for_function("window.Growlytics && !Growlytics._q")
    arrived(tab, database, 7)
    show_visitor(page)
    assert {"": "Clicked", "Text": "Mixer", "Link": f"{shop.url}/p/1", "Id": "mixer"} in activities(page)


def test_clicks_and_forms_are_nobodys_business_by_default(visitor: Visitor, database: Database) -> None:
    tab = visitor.open("/")
    tab.locator("#buy").click()
    tab.locator("#send").click()
    tab.wait_for_url("**/cart?**")
    arrived(tab, database, 2)


def test_wrong_calls_harm_nobody(page: Page, visitor: Visitor, database: Database) -> None:
    tab = visitor.open("/")
    tab.evaluate(
        r"""() => {
            const circle = {};
            circle.circle = circle;
            const trap = { get trap() { throw new Error("trap"); } };
            for (const bad of [undefined, null, "", " ", 7, {}, [], () => 1, Symbol("s"), circle, trap]) {
                Growlytics.events.track(bad, bad);
                Growlytics.user.push(bad);
                Growlytics.user.identify(bad === 7 ? "" : bad, bad, bad);
                Growlytics.initialize(bad);
            }
            Growlytics.events.track("Odd", {
                Good: "\ud83d\ude00", Half: "\ud83d", Circle: circle, Nothing: null, Absent: undefined, NaN: NaN,
                Function() {}, Big: BigInt(1), Huge: "x".repeat(40000), Date: new Date(0), List: ["a", "b"],
            });
        }"""
    )
    arrived(tab, database, 3)
    all_told(tab)
    assert rows(database, DeviceLogin) == 0
    show_visitor(page)
    seen = activities(page)
    assert [one[""] for one in seen] == ["Page Visited", "7", "Odd"]
    assert set(seen[-1]) == {"", "Good", "Half", "Date", "List"}
    assert seen[-1]["Good"] == "😀"
    assert any("Huge" in line for line in visitor.console)


def test_queue_is_bounded_and_keeps_the_newest(visitor: Visitor, database: Database) -> None:
    visitor.away()
    tab = visitor.open("/")
    tab.evaluate('for (let number = 0; number < 1000; number++) Growlytics.events.track("Many", { Number: number })')
    kept = tab.evaluate(f"{UNTOLD}.sort().map((name) => JSON.parse(localStorage[name]))")
    assert 450 < len(kept) <= 500
    assert kept[-1]["attributes"]["Number"] == 999
    text = "x" * 10_000
    tab.evaluate(f'for (let number = 0; number < 60; number++) Growlytics.events.track("Large", {{ Text: "{text}" }})')
    assert tab.evaluate(f"{UNTOLD}.reduce((sum, name) => sum + localStorage[name].length, 0)") < 350_000
    size = tab.evaluate(f"{UNTOLD}.length")
    visitor.back()
    until(tab, lambda: bool(tab.evaluate(f"{UNTOLD}.length === 0")))
    assert rows(database, Event) == size
    assert all(len(body.encode()) <= 60_000 and len(json.loads(body)["messages"]) <= 50 for body in visitor.sent)


def test_messages_that_are_too_old_are_given_up(visitor: Visitor, database: Database) -> None:
    visitor.away()
    tab = visitor.context.new_page()
    tab.add_init_script(f"const now = Date.now; Date.now = () => now() - {4 * LONG_AGO};")
    visitor.go(tab, "/")
    tab.wait_for_function(f"{UNTOLD}.length === 1")
    tab.close()
    visitor.back()
    tab = visitor.open("/p/1")
    arrived(tab, database, 1)
    all_told(tab)


def test_full_storage_keeps_nobody_from_telling(visitor: Visitor, database: Database) -> None:
    tab = visitor.open("/")
    all_told(tab)
    tab.evaluate(
        """() => {
            for (let size = 4194304; size >= 1; size /= 2) {
                try { for (;;) localStorage.setItem(`full${Math.random()}`, "x".repeat(size)); } catch {}
            }
        }"""
    )
    track(tab, "Add To Cart")
    arrived(tab, database, 2)
