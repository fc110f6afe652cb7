"""No text that comes in becomes a script or markup, on any page, in a real browser. (S3 of the battery.)"""

import csv
import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from io import StringIO
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import select, update

from tests.browser import payloads, scenes
from tests.browser.conftest import ON_SQLITE, Backend
from tests.browser.payloads import ALL, CANARY, EVIL, MARKS, SHORT
from tests.visitors import MINUTE, T0, customer, launched, login, seen, tell, values
from tests.world import Shop
from webapp import keys, notes, segments, tags
from webapp.models import Merge, Note, PinnedAttribute, Segment, Tag, User, Workspace

pytestmark = ON_SQLITE  # both engines give back what they were given

WHO = f"u{EVIL}"
# Not all at once: a search shows no filters, an address that adds a filter leads to another one.
PARAMETERS = (
    ("/customers", ("q", "status", "sort", "bots", "older_than", "newer_than")),
    ("/customers", ("where", "column", "segment", "status", "sort", "order", "bots", "older_than", "newer_than")),
    ("/customers", ("choose", "another", "column", "where", "segment")),
    ("/customers", ("comparison", "attribute", "value", "where")),
    ("/customers", ("performed", "event", "times", "from", "to", "days", "where")),
    ("/customers", ("seen", "from", "to", "days", "where")),
    ("/customers", ("tagged", "tag", "where")),
    ("/customers/export.csv", ("where", "column", "status")),
    ("/activity", ("event", "source", "key", "raw", "before", "since")),
    ("/go", ("q",)),
    ("/refused", ("kind", "endpoint", "key", "place", "older_than")),
    ("profile", ("q", "attribute", "event", "from", "to", "by", "show", "older_than")),
    ("profile", ("text", "view", "live", "zone", "as_of", "year", "rows", "count", "at", "at_event", "newer_than")),
    ("profile", ("since", "known", "seen_at", "beyond", "found", "event", "text")),
    ("profile/history", ("attribute", "as_of", "zone")),
    ("profile/value", ("attribute", "as_of", "zone")),
    ("profile/merges", ("q", "with")),
    ("/login", ("next",)),
    ("/settings/website", ("key", "mark")),
    ("/settings/privacy", ("days",)),
)


@pytest.fixture
def evil_shop(shop: Shop, backend: Backend) -> Iterator[Shop]:
    """A shop all of whose texts are payloads: those of customers, of events, of devices and of its own people.

    What the product would never let in is written into the database itself: a page doesn't count on that.
    """
    with shop.database.write() as session:
        session.get_one(Workspace, shop.workspace.id).name = EVIL
        for name in (EVIL, *SHORT):
            keys.create(session, shop.workspace.id, name, "browser")
        _, key = keys.create(session, shop.workspace.id, EVIL)
    _events(shop)
    _attributes(Shop(shop.app, shop.database, shop.workspace, key))
    _devices(shop)
    _turned_away(shop, backend)
    _own_people(shop)
    _refused(Shop(shop.app, shop.database, shop.workspace, key))
    _uploaded(shop)
    yield shop
    scenes.empty(shop)


def _events(shop: Shop) -> None:
    for number, payload in enumerate(ALL):
        nested = {payload: [payload, {payload: payload}]}
        name = SHORT[number] if number < len(SHORT) else "Viewed"
        shop.event(name, T0 - number * MINUTE, WHO, **{SHORT[number % len(SHORT)]: payload, "Nested": nested})


def _attributes(shop: Shop) -> None:
    for number in range(0, len(ALL), 35):
        told = {f"a{place}": payload for place, payload in enumerate(ALL[number : number + 35])}
        who = WHO if number == 0 else f"{ALL[number]}{number}"
        shop.customer(who, name=ALL[number + 1], email=f"{ALL[number + 2]}@example.com", mobile=ALL[number + 3], **told)
    shop.customer(WHO, **dict.fromkeys(SHORT[:8], "a"))
    shop.customer(WHO, **dict.fromkeys(SHORT[:8], 1), a0=2)  # of another type: not stored, and told
    shop.customer(WHO, a1="another value", email="new@example.com")
    shop.customer("<b>nobody", name="")


def _devices(shop: Shop) -> None:
    for number, payload in enumerate((*ALL[:12], *ALL[-10:])):
        did, at = f"d{number}{payload}"[:200], T0 + number * 60 * MINUTE
        info = ("deviceModel", "deviceManufacturer", "osName", "osVersion", "appVersionName", "language", "platform")
        utm = dict.fromkeys(("source", "medium", "campaign", "term", "content"), payload)
        place = {"country": "IN", "region": payload, "city": payload}
        tell(shop, launched(did, at, **dict.fromkeys(info, payload)))
        tell(shop, seen(did, at, "Seen", payload, page=payload, referrer=f"https://{payload}/", utm=utm, **place))
        tell(shop, seen(did, at + 1, "Seen", payload, page="javascript:xss()", referrer="javascript:xss()"))
        tell(shop, values(did, at + 2, a5=payload))
        if number % 2:
            tell(shop, login(did, at + 3, WHO))
    tell(shop, customer("another", T0), login("d0", T0, "another"))


def _own_people(shop: Shop) -> None:
    """What the shop's people have written and set, and they themselves."""
    root = shop.find(WHO)
    with shop.database.write() as session:
        user = session.scalars(select(User)).one()  # who is signed in
        user.email = EVIL
        workspace = session.get_one(Workspace, shop.workspace.id)
        workspace.order_event, workspace.amount_attribute = SHORT[0], SHORT[0]
        workspace.allowed_origins, workspace.login_secret = "\n".join(SHORT), EVIL
        workspace.placeholder_ids = "\n".join(SHORT)
        for number, payload in enumerate((*ALL[: notes.MOST - 2], f"https://{EVIL}", f"https://x.example/{EVIL}")):
            session.add(Note(customer_id=root.id, text=payload, created_at=T0 + number, user_id=user.id))
        session.execute(update(Note).where(Note.id % 3 == 0).values(edited_at=T0, edited_by_id=user.id))
        for payload in dict.fromkeys((*SHORT, *ALL[: tags.MOST - len(SHORT)])):
            tag = Tag(customer_id=root.id, name=payload, workspace_id=workspace.id, created_at=T0, user_id=user.id)
            session.add(tag)
        for payload in SHORT:
            session.add(PinnedAttribute(workspace_id=workspace.id, name=payload, pinned_at=T0))
        for number, payload in enumerate(ALL[: segments.MOST - 1]):  # room for one more
            where = (f"has {SHORT[number % len(SHORT)]}", f"tag = {payload}", f"did {payload}", payload)
            query = urlencode([*(("where", one) for one in where), ("column", f"attribute:{payload}")])
            raw = payload if number % 2 else query
            session.add(Segment(workspace_id=workspace.id, name=payload, query=raw, created_at=T0))
        session.execute(update(Merge).values(user_id=user.id))


def _refused(shop: Shop) -> None:
    for payload in ALL:
        wrong = [{"name": payload[:49], "type": "number", "value": payload}]
        agent = payload.encode("ascii", "replace").decode().replace("\n", " ").replace("\r", " ")
        shop.send("/rest-api/customer", {"id": WHO, "attributes": wrong, payload: [payload]}, User_Agent=agent)
        shop.send("/api/v1/batch", f"{payload}\n".encode(errors="replace"), Content_Type="application/x-ndjson")
    for payload in SHORT[:20]:
        shop.send("/track/user", {"id": WHO, "attributes": {payload: None}})


def _uploaded(shop: Shop) -> None:
    """Files with payloads as names, titles and cells, one of which failed by them."""
    lines = StringIO()
    csv.writer(lines).writerows([SHORT, *(ALL[first : first + len(SHORT)] for first in range(0, len(ALL), len(SHORT)))])
    scenes.files(shop, EVIL, lines.getvalue(), "new", "failed")


def _turned_away(shop: Shop, backend: Backend) -> None:
    with shop.database.write() as session:
        _, key = keys.create(session, shop.workspace.id, "Website", "browser")
    body = json.dumps({"key": key, "did": "d" * 32, "sentAt": 0, "messages": []}).encode()
    for origin in (EVIL, '"><svg data-xss onload=xss()>', "javascript:xss()", "https://x.example/<img data-xss>"):
        request = urllib.request.Request(f"{backend.url}/api/v1/browser", body, {"Origin": origin})  # noqa: S310
        with pytest.raises(urllib.error.HTTPError):
            urllib.request.urlopen(request, timeout=60)  # noqa: S310


def _caught(page: Page) -> list[Any]:
    """What has run or broken the policy on this page, and the markup that payloads have made."""
    page.wait_for_load_state()
    return [*page.evaluate("caught"), *page.evaluate(f"({MARKS})(document)")]


def test_payloads_stay_texts_on_every_page(page: Page, evil_shop: Shop) -> None:
    page.add_init_script(CANARY)
    page.on("dialog", lambda dialog: pytest.fail(f"a dialog: {dialog.message}"))
    shown = 0
    for path in scenes.open_pages(page, evil_shop):
        assert not _caught(page), path
        shown += page.get_by_text("xss()").count()
    assert shown > 500, "the payloads are there, as texts"


def test_payloads_stay_texts_where_pages_repeat_what_they_were_asked(page: Page, evil_shop: Shop) -> None:
    page.add_init_script(CANARY)
    profile = evil_shop.profile_path(WHO)
    for number, (path, names) in enumerate(PARAMETERS):
        address = path.replace("profile", profile)
        asked = [
            f"{address}?{'&'.join(f'{name}={quote(payload)}' for name in names)}" for payload in ALL[number % 11 :: 11]
        ]
        given = [page.request.get(one, max_redirects=0) for one in asked]
        assert all(one.status < 500 for one in given), path
        answers = [one.text() for one in given if one.headers["content-type"].startswith("text/html")]
        if answers:
            page.goto(asked[0])
            assert not _caught(page), path
        parsed = f"texts.map((text) => new DOMParser().parseFromString(text, 'text/html')).flatMap({MARKS})"
        assert not page.evaluate(f"(texts) => {parsed}", answers), path


def test_payloads_stay_texts_in_what_htmx_swaps_in(page: Page, evil_shop: Shop) -> None:
    page.add_init_script(CANARY)
    page.goto("/customers")
    for payload in (EVIL, *payloads.ALL[16:20]):
        page.get_by_role("searchbox", name="Search customers").fill(payload)
        expect(page.locator("#list")).to_contain_text(f"for “{payload}”")
        assert not _caught(page)
    page.goto(evil_shop.profile_path(WHO))
    page.get_by_label("Filter attributes").fill("details")
    expect(page.locator("#attribute-rows tr")).to_have_count(2)
    page.locator("#older").scroll_into_view_if_needed()
    expect(page.locator("details.event")).to_have_count(100)
    assert not _caught(page)


def test_payloads_stay_texts_in_forms_that_come_back(page: Page, evil_shop: Shop) -> None:
    page.add_init_script(CANARY)
    page.goto("/settings/workspace")
    for field in page.locator("main input:not([type=hidden], [type=checkbox]), main textarea").all():
        if field.is_visible():
            field.evaluate("(one, payload) => { one.removeAttribute('maxlength'); one.value = payload; }", EVIL)
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Give a whole number")).to_be_visible()
    assert not _caught(page)
    page.goto("/settings/website")
    page.get_by_label("Allowed origins").fill("\n".join(ALL[:50]))
    page.locator("form", has=page.get_by_label("Allowed origins")).get_by_role("button", name="Save").click()
    expect(page.locator("#origins-fault")).to_contain_text("xss()")
    assert not _caught(page)
    page.goto("/settings/keys")
    page.get_by_label("Name of the new key").fill(EVIL)
    page.get_by_role("button", name="Create key").click()
    expect(page.get_by_role("status")).to_contain_text(EVIL)
    assert not _caught(page)


def test_payloads_stay_texts_in_what_people_write(page: Page, evil_shop: Shop) -> None:
    page.add_init_script(CANARY)
    page.goto(evil_shop.profile_path("<b>nobody"))
    page.get_by_label("A new note").fill(f"{EVIL} https://x.example/{EVIL}")
    page.get_by_role("button", name="Add the note").click()
    expect(page.locator("#note-list")).to_contain_text(EVIL)
    for tag, shown in ((SHORT[0], SHORT[0]), (EVIL * 3, "A tag has at most")):
        page.get_by_label("A new tag").evaluate("(one) => one.removeAttribute('maxlength')")
        page.get_by_label("A new tag").fill(tag)
        page.get_by_role("button", name="Add the tag").click()
        expect(page.locator("#tags")).to_contain_text(shown)
    assert not _caught(page)
    page.get_by_role("link", name="Everybody tagged").click()
    expect(page.get_by_role("list", name="Filters")).to_contain_text(SHORT[0])
    assert not _caught(page)
    for name, said in ((ALL[0], "already"), ("A name", "is saved")):
        page.locator("summary", has_text="Save as segment").click()
        page.get_by_label("Name of the segment").evaluate("(one) => one.removeAttribute('maxlength')")
        page.get_by_label("Name of the segment").fill(name)
        page.get_by_role("button", name="Save", exact=True).click()
        expect(page.get_by_role("status").first).to_contain_text(said)
        assert not _caught(page)
