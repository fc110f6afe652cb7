"""What real-browser tests look at: shops with nothing, with a usual amount and with too much in them; every page."""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from io import BytesIO

from playwright.sync_api import Page, expect
from sqlalchemy import select
from werkzeug.routing import Rule

from tests.browser.waiting import LONG_PATIENCE
from tests.visitors import CHROME, MINUTE, MUMBAI, T0, customer, launched, login, seen, tell
from tests.world import Shop
from webapp import (
    api,
    audit,
    clock,
    demo,
    erasures,
    import_plans,
    imports,
    invitations,
    keys,
    notes,
    resets,
    segments,
    tags,
    users,
)
from webapp.columns import BUILT_IN
from webapp.erased import Identifier
from webapp.erasures import Asked
from webapp.models import ROLES, Customer, Event, Import, ImportFailure, RefusedReason, User, Workspace
from webapp.models.imports import State

ORDINARY = 60  # customers: with the visitors among them, more than a page of the list
ARABIC = "مرحبا بالعالم " * 12
EMOJI = "👩‍👩‍👧‍👦🏳️‍🌈" * 30
LONG = "w" * 255  # also as a System ID
_COLUMNS = (*BUILT_IN, "attribute:City", f"attribute:00 {'x' * 46}")
# What stands at the end of an address beside the page itself, by endpoint.
STATES = {
    "people.index": [
        "?status=registered",
        "?status=anonymous&bots=hidden",
        "?sort=created",
        "?q=a",
        "?q=nobody+at+all",
        "?where=tag+%3D+3+vip&where=first+seen+in+3000+days&where=nonsense",
        "?sort=created&" + "&".join(f"column={key}" for key in _COLUMNS),
    ],
    "feed.show": ["?event=nothing+like+it", "?raw=1", "?before=1"],
    "palette.show": ["?q=a", "?q=set", "?q=nobody+at+all"],
    "overview.show": ["?days=7", "?from=2026-03-01&to=2026-03-20", "?from=2026-03-01"],
    "overview.names": ["?days=90", "?name=Purchased"],
    "profile.show": ["?by=visit&show=visit&show=change&show=merge", "?event=nothing+like+it", "?attribute=a&q=a"],
    "data.attributes": ["?show=alike", "?show=hidden", "?q=nothing+like+it", "?page=2"],
    "data.attribute": ["?name=email", "?name=City", "?name=City&type=number", "?name=" + "00+" + "x" * 46],
    "data.event": ["?name=Purchased", "?name=" + "E" * 49],
    "profile.history": ["?attribute=email"],
    "refused.index": ["?kind=ignored&place=nothing"],
    "refused.show": ["?all=1"],
    "imports.show": ["?encoding=utf-16-le&delimiter=;&has_header=1", "?encoding=windows-1252&delimiter=|"],
    "audit.show": ["?action=Keys", "?actor=nobody&target=nothing", "?from=2020-01-01&to=2100-01-01"],
    "privacy.show": ["?days=30", "?days=many", "?days="],
    "merging.choose": ["?q=a", "?q=nobody+at+all", "?with={growlytics_id}"],
}
_FILES = {"static", "sdk", "sdk_version", "docs.document", *(f"api.{path[1:]}" for path in api.READING)}
_SAME = {"docs.show"}  # in every shop: looked at on its first day, as they are long


def nothing(shop: Shop) -> None:
    """A shop on its first day."""


_FILE = "id,name,email,Points,Born\nu1,Asha,asha@example.com,17,1990-03-01\nu2,Ben,,many,soon\n"


def ordinary(shop: Shop) -> None:
    """Some shoppers of the demonstration, and a browser key on the website's settings."""
    demo.fill(shop.database, shop.workspace, ORDINARY, lambda _: None)
    _website(shop, "Website")
    _written(shop, 4)
    for number in range(12):
        shop.send("/rest-api/event", {"customerId": "0", "name": f"Event {number}", "attributes": []})
    shop.send("/track/user", {"id": "C100001", "attributes": {"Tier": None, "City": {"name": "Pune"}}})
    shop.send("/track/user", b'{"id": "C100001", }')
    files(shop, "people.csv", _FILE, "new", "ready", "running", "done", "cancelled", "failed")


def overfull(shop: Shop) -> None:
    """One customer with as much of everything as comes in, in all scripts, and names that never end."""
    wide = {f"{number:02} {'x' * 46}": "W" * 2000 for number in range(90)}
    tell(shop, customer(LONG, T0, name="W" * 300, email=f"{'w' * 200}@example.com", mobile="9" * 300, **wide))
    tree: object = ["leaf", True, None, 1.5]
    for depth in range(12):
        tree = {f"{'k' * 60} {depth}": tree, "list": [depth] * 5}
    shop.event("E" * 49, T0, LONG, Tree=tree, Arabic=ARABIC, Emoji=EMOJI, Empty="", **{"x" * 49: "V" * 60_000})
    for number in range(80):
        shop.event(f"{EMOJI[:20]} {number}", T0 - number * MINUTE, LONG, Text=ARABIC)
    for number in range(12):
        at, did = T0 + number * 60 * MINUTE, f"{'d' * 60}{number}"
        tell(shop, launched(did, at, deviceName="D" * 100, osVersion="O" * 100, appVersion="A" * 100))
        utm = dict.fromkeys(("source", "medium", "campaign", "term", "content"), "U" * 200)
        page = f"https://shop.example/{'p' * 400}"
        tell(shop, seen(did, at, "Viewed", CHROME, page=page, referrer=page, utm=utm, **MUMBAI))
        tell(shop, login(did, at + 1, LONG), login(did, at + 2, "another"))
    for number, value in enumerate(("text", 17, True)):
        tell(shop, customer(LONG, T0 + number, Type=value))
    shop.customer("another", name=ARABIC, email="\u202egnorw", Emoji=EMOJI)
    with shop.database.write() as session:
        session.get_one(Workspace, shop.workspace.id).name = "W" * 100
        for number in range(5):
            keys.create(session, shop.workspace.id, f"{number}{'K' * 99}")
    _website(shop, "B" * 100)
    told = {"k" * 49: [tree, ARABIC, EMOJI, "V" * 5_000], "id": LONG}
    for number in range(70):
        shop.send("/track/user", {**told, "attributes": {f"{number:02} {'n' * 46}": None}}, User_Agent="A" * 900)
    for _ in range(16):
        shop.send("/track/user", told | {"attributes": {EMOJI[:40]: tree}})
    _written(shop, 30)
    who = audit.Who(shop.workspace.id, f"{'w' * 200}@example.com", address="2001:db8:1234:5678:9abc:def0:1234:5678")
    with shop.database.write() as session:
        for number in range(120):
            text = (LONG, ARABIC, EMOJI)[number % 3]
            audit.note(session, who, "tag.added", text, tag=text, lines=[text] * 200, change={"from": text, "to": ""})
    _staff(shop)
    lines = [",".join(f"{number} {(LONG, ARABIC, EMOJI)[number % 3]}" for number in range(40))] * 30
    files(shop, f"{LONG}.csv", "\n".join(lines), "new", "done", "failed")


def files(shop: Shop, name: str, text: str, *states: State) -> None:
    """A file in each of these states; the worker of the one that is worked off is somewhere else."""
    who = audit.Who(shop.workspace.id, f"{'w' * 200}@example.com")
    told = [[0, "is longer than 255 characters"], [None, f"has a name that nobody knows: {name}"]]
    for state in states:
        kind: imports.FileKind = "events" if state == "new" else "customers"
        id_ = imports.prepare(shop.database, who, BytesIO(text.encode()), name, kind, imports.Limits())
        with shop.database.write() as session:
            one = session.get_one(Import, id_)
            one.state, one.is_dry, one.leased_until = state, state == "ready", 9_999_999_999_999
            if state == "new":
                continue
            one.plan = import_plans.preview(session, one).plan.as_json()
            one.rows, one.total, one.position, one.created, one.updated = 30, 40, one.size // 2, 23_570, 4
            one.failed, one.ignored, one.started_at, one.ended_at = 17, 3, clock.now() - MINUTE, clock.now()
            one.error = f"the file is too wide: {name}" if state == "failed" else None
            for row in range(2, 22):
                of_it = {"import_id": id_, "workspace_id": one.workspace_id, "row": row, "position": 0}
                session.add(ImportFailure(**of_it, is_failed=row % 4 > 0, reasons=json.dumps(told[: 1 + row % 2])))


def _staff(shop: Shop) -> None:
    """Members and invitations whose e-mails never end."""
    with shop.database.write() as session:
        for number, role in enumerate(ROLES):
            long = f"{number}{'w' * 200}@example.com"
            users.create(session, users.Credentials(long, "no password"), shop.workspace.id, role)
            invitations.invite(session, shop.workspace.id, role, f"invited{long}")


def _written(shop: Shop, number: int) -> None:
    """So many tags and notes on the customer with the most events, and twice as many segments with long names."""
    with shop.database.write() as session:
        of_shop = select(Customer).where(Customer.workspace_id == shop.workspace.id, Customer.system_id.is_not(None))
        customer_ = session.scalars(of_shop.order_by(Customer.event_count.desc()).limit(1)).one()
        user_id = session.scalars(select(User.id)).one()
        for place in range(number):
            text = (ARABIC, EMOJI, "W" * 3000, "Called.\n" * 20)[place % 4]
            notes.add(session, [customer_.id], customer_.id, user_id, text)
            word = ("x" * 40, "مرحبا", EMOJI[:11], "vip")[place % 4]
            tags.add(session, customer_, [customer_.id], user_id, f"{place} {word}")
        for place in range(2 * number):
            name = f"{place:02} {('W' * 55, 'مرحبا بالعالم ' * 3, '🏳️‍🌈' * 8, 'Bought twice')[place % 4]}"
            segments.create(session, shop.workspace.id, name, f"where=did+Viewed+{place + 1}+times")


def _website(shop: Shop, name: str) -> None:
    with shop.database.write() as session:
        session.get_one(Workspace, shop.workspace.id).allowed_origins = "https://shop.example"
        for one in (name, "Another"):
            keys.create(session, shop.workspace.id, one, "browser")


# What htmx fetches into a box that is opened is marked until it has come.
_UNFOLD = """(most) => {
    const opened = {};
    for (const one of document.querySelectorAll("details")) {
        opened[one.className] = (opened[one.className] ?? 0) + 1;
        if (opened[one.className] <= most && !one.open && one.matches("[hx-get]")) {
            one.dataset.coming = "";
            one.addEventListener("htmx:afterRequest", () => delete one.dataset.coming, { once: true });
        }
        one.open = opened[one.className] <= most;
    }
}"""
Scene = Callable[[Shop], None]
SCENES: tuple[Scene, ...] = (nothing, ordinary, overfull)


def empty(shop: Shop) -> None:
    """Take away what a scene has made beside customers, which the next test's fixtures take away."""
    with shop.database.write() as session:
        workspace = session.get_one(Workspace, shop.workspace.id)
        workspace.name, workspace.allowed_origins, workspace.login_secret = "My shop", "", None
        workspace.order_event = workspace.amount_attribute = workspace.placeholder_ids = None


def addresses(shop: Shop) -> list[str]:
    """Every address that answers to GET, from the map of the routes, in all states that are listed for it."""
    people = list(_people(shop))
    found = []
    for rule in shop.app.url_map.iter_rules():
        if "GET" not in (rule.methods or ()) or rule.endpoint in _FILES or (people and rule.endpoint in _SAME):
            continue
        filled = list(_filled(shop, rule, people))
        found += filled
        if people and filled:
            found += [filled[0] + state.format(growlytics_id=people[-1]) for state in STATES.get(rule.endpoint, ())]
    return [*found, "/nowhere", "/customers/nobody"]


def _people(shop: Shop) -> Iterator[str]:
    """The customers with the most and the fewest events, one of whom merging has stopped, and an anonymous visitor."""
    of_shop = select(Customer).where(Customer.workspace_id == shop.workspace.id, Customer.root_id.is_(None))
    most, registered = Customer.event_count.desc(), Customer.system_id.is_not(None)
    with shop.database.read() as session:
        for query in (
            of_shop.where(registered).order_by(most),
            of_shop.where(registered).order_by(Customer.event_count),
            of_shop.where(Customer.merging_stopped_at.is_not(None)),
            of_shop.where(~registered).order_by(most),
        ):
            one = session.scalars(query.limit(1)).one_or_none()
            if one is not None:
                yield one.growlytics_id


def _reasons(shop: Shop) -> list[str]:
    """The latest reasons for which something was refused or ignored, and the one for which most was."""
    of_shop = select(RefusedReason.id).where(RefusedReason.workspace_id == shop.workspace.id)
    with shop.database.read() as session:
        found = [
            session.scalars(of_shop.where(RefusedReason.kind == kind).order_by(order.desc()).limit(2)).all()
            for kind in ("refused", "ignored")
            for order in (RefusedReason.count, RefusedReason.last_at)
        ]
    return [str(one) for one in dict.fromkeys(id_ for ids in found for id_ in ids)]


def _keys(shop: Shop) -> list[str]:
    """A key of each kind that there is."""
    with shop.database.read() as session:
        found = {one.kind: one.public_id for one in keys.of_workspace(session, shop.workspace.id)}
    return list(found.values())


def _imports(shop: Shop) -> list[str]:
    """All files that are imported or were."""
    with shop.database.read() as session:
        of_shop = select(Import.id).where(Import.workspace_id == shop.workspace.id)
        return [str(id_) for id_ in session.scalars(of_shop.order_by(Import.id))]


def _filled(shop: Shop, rule: Rule, people: Sequence[str]) -> Iterator[str]:
    """The rule's address with what it wants in it; none where the shop has nothing of that kind."""
    wanted = set(re.findall(r"<(?:[^:<>]+:)?([^<>]+)>", rule.rule))
    unknown = wanted - {
        "growlytics_id", "cursor", "erasure_id", "id_", "kind", "path", "public_id", "reason_id", "token",
    }  # fmt: skip
    assert not unknown, f"{rule.rule}: say here what stands for {unknown}, so that its page is looked at too"
    if "reason_id" in wanted:
        yield from (rule.rule.replace("<reason_id>", one) for one in _reasons(shop))
        return
    if "public_id" in wanted:
        yield from (rule.rule.replace("<public_id>", one) for one in _keys(shop))
        return
    if "id_" in wanted:
        yield from (re.sub("<[^>]*id_>", one, rule.rule) for one in _imports(shop))
        return
    if "erasure_id" in wanted:
        yield rule.rule.replace("<erasure_id>", _erasure(shop))
        return
    # All of them have profiles to be looked at; of what lies behind those, the fullest and the emptiest do.
    whom = people if rule.endpoint == "profile.show" else list(dict.fromkeys([*people[:1], *people[-1:]]))
    for growlytics_id in whom if "growlytics_id" in wanted else [""]:
        path = rule.rule.replace("<growlytics_id>", growlytics_id).replace("<path:path>", "track/event/v2")
        path = path.replace("<kind>", "event")
        if "cursor" in wanted:
            cursor = _event(shop, growlytics_id)
            if cursor is None:
                continue
            path = path.replace("<cursor>", cursor)
        yield path.replace("<token>", _token(shop, rule)) if "token" in wanted else path


def _erasure(shop: Shop) -> str:
    asked = Asked("erase", identifiers=[Identifier("system_id", "somebody who was never here")])
    return erasures.ask(shop.database, shop.workspace, asked, audit.console(shop.workspace.id)).public_id


def _event(shop: Shop, growlytics_id: str) -> str | None:
    query = select(Event).join(Customer, Customer.id == Event.customer_id)
    with shop.database.read() as session:
        event = session.scalars(query.where(Customer.growlytics_id == growlytics_id).limit(1)).first()
    return None if event is None else f"{event.reported_at}.{event.id}"


def _token(shop: Shop, rule: Rule) -> str:
    with shop.database.write() as session:
        if rule.endpoint.startswith("resetting."):
            return resets.make(session, session.scalars(select(User.id).limit(1)).one())
        return invitations.invite(session, shop.workspace.id, "viewer")


def unfold(page: Page, most: int = 1000) -> None:
    """Unfold what a page has folded away, so many of the same kind, and wait for what comes by that."""
    page.evaluate(_UNFOLD, most)
    expect(page.locator("details[data-coming]")).to_have_count(0, timeout=LONG_PATIENCE)


def open_pages(page: Page, shop: Shop, most: int = 1000) -> Iterator[str]:
    """Open one page of HTML after the other, with what it has folded away unfolded: so many of the same kind."""
    page.goto("about:blank")  # the first day's page leaves by itself for the list, as soon as it hears of customers
    for path in addresses(shop):
        answer = page.request.get(path, max_redirects=0)
        if not 300 <= answer.status < 400 and "text/html" in answer.headers["content-type"]:
            page.goto(path)
            unfold(page, most)
            yield path
