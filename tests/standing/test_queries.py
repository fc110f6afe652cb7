"""Every page asks the database the same number of times, however much it shows: nothing is asked for row by row."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event, func, select

from tests.visitors import HOUR, MINUTE, MUMBAI, T0, customer, launched, login, seen, tell, values
from tests.world import Shop, submit
from webapp import api, audit, erasures, import_plans, imports, invitations, keys, refused, resets
from webapp.audit import Who
from webapp.db import Database
from webapp.erased import Identifier
from webapp.erasures import Asked
from webapp.imports import Limits
from webapp.models import Arrived, Customer, Event, Import, ImportFailure, User, Workspace

# The most statements of each page, with those that say who is asking; after `#` the part that htmx asks for. Whoever
# needs more for a page says why in the commit.
MOST = {
    "/": 0,
    "/login": 1,
    "/login/code": 0,
    "/login/openid": 0,
    "/login/openid/callback": 0,
    "/invitations/{token}": 4,
    "/resets/{reset}": 1,
    "/customers": 14,
    "/imports": 3,
    "/imports/new": 2,
    "/imports/{import}": 9,
    "/imports/{import}?encoding=utf-8&delimiter=;": 9,
    "/imports/{running}": 3,
    "/imports/{running}#progress": 3,
    "/imports/{over}": 6,
    "/overview": 16,
    "/overview/event?days=90": 5,
    "/overview/country?name=IN": 5,
    "/customers/": 2,
    "/customers?status=registered&bots=hidden&sort=created": 11,
    "/customers?status=registered&where=City+!=+Pune&where=did+not+Purchased&column=attribute:City": 19,
    "/customers?where=tag+%3D+vip&where=not+tag+angry": 13,
    "/customers?q=person": 6,
    "/customers?q=person#list": 6,
    "/customers/{id}": 29,
    "/customers/{id}?by=visit&show=visit&show=change&show=merge": 36,
    "/customers/{id}?as_of=2026-03-15": 28,
    "/customers/{id}#activities": 8,
    "/customers/{id}?by=visit#activities": 10,
    "/customers/{id}?show=change#older": 9,
    "/customers/{id}?attribute=a#attribute-rows": 11,
    "/customers/{id}/history?attribute=City": 6,
    "/customers/{id}/value?attribute=City": 7,
    "/customers/{id}/events/{event}": 6,
    "/customers/{id}/erasing": 20,
    "/customers/{id}/archiving": 20,
    "/erasures": 3,
    "/erasures/{erasure}": 3,
    "/erasures/{erasure}/receipt.json": 3,
    "/customers/{id}/merges": 3,
    "/customers/{id}/merges?q=person": 6,
    "/customers/{id}/merges?with={other}": 17,
    "/activity": 8,
    "/activity?event=Purchased&source=/track/event/v2&key=none": 8,
    "/activity?before={arrival}": 8,
    "/activity?after={arrival}": 9,
    "/activity?raw={arrival}": 13,
    "/activity?raw={arrival}#raw-{arrival}": 7,
    "/activity#feed": 8,
    "/activity?since=0#live": 7,
    "/go": 2,
    "/go?q=person": 7,
    "/go?q=person#results": 7,
    "/refused": 5,
    "/refused?kind=ignored&endpoint=/track/user#groups": 5,
    "/refused/{ignored}": 6,
    "/refused/{refused}": 5,
    "/data": 13,
    "/data?show=alike&q=b": 7,
    "/data#dictionary": 13,
    "/data/events": 6,
    "/data/attribute?name=City": 14,
    "/data/attribute?name=City&type=number": 15,
    "/data/attribute?event=Event+0&name=Attribute+0&type=string": 7,
    "/data/event?name=Event+0": 10,
    "/docs": 0,
    "/openapi.json": 0,
    "/help/keyboard": 2,
    "/api-reference": 3,
    "/api-reference/track/user": 3,
    "/api-reference/api/v1/browser?language=python#samples": 3,
    "/settings": 2,
    "/settings/workspace": 4,
    "/settings/keys": 3,
    "/settings/keys/{key}": 3,
    "/settings/website": 3,
    "/settings/website#heard": 3,
    "/settings/audit": 6,
    "/settings/audit?actor=alice@shop.example&action=Keys&from=2020-01-01&to=2100-01-01": 9,
    "/settings/audit?target={id}#log": 5,
    "/settings/privacy": 4,
    "/settings/privacy?days=30": 7,
    "/settings/privacy#sweeps": 4,
    "/settings/account": 4,
    "/settings/account/second-factor": 4,
    "/settings/people": 4,
    "/workspaces/new": 2,
}
# So few that everything on a page is there, also what is looked for a second time where there are several, and more
# customers than a page of the list has.
FEW, MANY = 30, 48
# The exports ask piece by piece, as they go; who has forgotten a password finds a form where mails can be sent.
_NO_PAGES = {
    "static", "sdk", "sdk_version", "healthz", "readyz", "metrics", "people.export", "audit.export", "api.api/v1/key",
    "resetting.forgotten", "imports.failed",
    "api.api/v1/erasures/<erasure_id>", "api.api/v1/customers/<growlytics_id>/export",
    *(f"api.{path[1:]}" for path in api.READING),
}  # fmt: skip
_KINDS = ("SELECT", "WITH", "INSERT", "UPDATE", "DELETE")


@contextmanager
def _counted(database: Database) -> Iterator[list[str]]:
    sent: list[str] = []

    def note(_: Any, __: Any, statement: str, *___: Any) -> None:
        if statement.lstrip().startswith(_KINDS):
            sent.append(statement)

    event.listen(database.engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        event.remove(database.engine, "before_cursor_execute", note)


def _fill(shop: Shop, places: range) -> None:
    """One more of everything for each place, most of it on one person."""
    for place in places:
        _fill_imports(shop, place)
        at, did = T0 + place * 2 * HOUR, f"device {place}"
        tell(shop, customer(f"u{place}", at, name=f"Person {place}", email=f"person{place}@example.com"))
        tell(shop, customer("u0", at, City=f"City {place}", **{f"b{place}": 1}))
        tell(shop, launched(did, at, deviceModel="Pixel"), seen(did, at, f"Event {place % 7}", **MUMBAI))
        tell(shop, seen(did, at + 1, page=f"/{place}", utm={"source": "google"}), values(did, at + 2, Seen=True))
        tell(shop, login(did, at + MINUTE, "u0"), seen(did, at + 2 * MINUTE, "Purchased", **MUMBAI))
        tell(shop, values(f"tablet {place}", at, name=f"Person on tablet {place}"))
        shop.event(f"Event {place % 7}", at, "u0", **{f"Attribute {place % 5}": place})
        shop.customer("u0", **{f"b{place}": "text"})
        shop.customer("u0", b0="text")
        shop.send("/track/user", {"id": f"u{place}", "attributes": {"a": None}})
        shop.send("/track/user", {"id": "u0", "attributes": {f"a{place}": None}})
        with shop.database.write() as session:
            session.get_one(Workspace, shop.workspace.id).allowed_origins += f"\nhttps://{place}.example"
            keys.create(session, shop.workspace.id, f"server {place}")
            keys.create(session, shop.workspace.id, f"browser {place}", "browser")


def _numbers(shop: Shop, browser: FlaskClient) -> dict[str, int]:
    """How many statements each page takes now."""
    with shop.database.write() as session:
        token = invitations.invite(session, shop.workspace.id, "viewer")
        reset = resets.make(session, session.scalars(select(User.id).limit(1)).one())
        person = shop.find("u0")
        one = session.scalars(select(Event).where(Event.customer_id == person.id).limit(1)).one()
        other = session.scalars(select(Customer).where(Customer.name == "Person on tablet 0")).one()
    names = {"id": person.growlytics_id, "other": other.growlytics_id, "token": token, "reset": reset}
    names["arrival"] = _arrival(shop)
    names |= _imported(shop)
    names["arrival"], names["erasure"] = _arrival(shop), _erasure(shop)
    names["key"] = shop.key.split("_")[1]
    with shop.database.read() as session:
        for kind, name in (("ignored", "b0"), ("refused", "attributes.a")):
            wanted = refused.Filter(place=name)
            names[kind] = str(refused.find(session, shop.workspace, wanted, None)[0].row.id)
    names["event"] = f"{one.reported_at}.{one.id}"
    return {line: _number(shop, browser, *line.format(**names).split("#")) for line in MOST}


def _imported(shop: Shop) -> dict[str, str]:
    """The latest files that wait, are worked off and are over."""
    with shop.database.read() as session:
        latest = select(Import.state, func.max(Import.id)).group_by(Import.state)
        found = {state: str(id_) for state, id_ in session.execute(latest)}
    return {"import": found["ready"], "running": found["running"], "over": found["done"]}


def _fill_imports(shop: Shop, place: int) -> None:
    """A file more in each state, with so many columns and rows, all of which failed."""
    line = ",".join(f"column {number}" for number in range(place + 2))
    for state in ("ready", "running", "done"):
        file = BytesIO("\n".join([line, *[line] * place, ""]).encode())
        id_ = imports.prepare(
            shop.database, audit.Who(shop.workspace.id, "alice"), file, "a.csv", "customers", Limits()
        )
        with shop.database.write() as session:
            one = session.get_one(Import, id_)
            one.state, one.failed, one.leased_until = state, place + 1, 9_999_999_999_999
            plan = import_plans.preview(session, one).plan
            one.plan = plan.as_json()
            for row in range(place + 1):
                reasons = json.dumps([[0, "is wrong"]])
                failed = {"import_id": id_, "row": row, "position": 0, "is_failed": True, "reasons": reasons}
                session.add(ImportFailure(workspace_id=shop.workspace.id, **failed))


def _erasure(shop: Shop) -> str:
    asked = Asked("erase", identifiers=[Identifier("system_id", "somebody else")])
    return erasures.ask(shop.database, shop.workspace, asked, Who(shop.workspace.id, "console")).public_id


def _arrival(shop: Shop) -> str:
    with shop.database.read() as session:
        return str(session.scalar(select(func.max(Arrived.id)).where(Arrived.workspace_id == shop.workspace.id)))


def _number(shop: Shop, browser: FlaskClient, path: str, target: str | None = None) -> int:
    headers = {"HX-Request": "true", "HX-Target": target} if target else {}
    browser.get(path, headers=headers)  # the first one may have to note that the visitor was seen
    with _counted(shop.database) as sent:
        assert browser.get(path, headers=headers).status_code in {200, 302}, path
    return len(sent)


def test_page_takes_the_same_number_of_statements_however_much_there_is(shop: Shop, alice: FlaskClient) -> None:
    _fill(shop, range(1))
    one = _numbers(shop, alice)
    _fill(shop, range(1, FEW))
    few = _numbers(shop, alice)
    _fill(shop, range(FEW, MANY))
    many = _numbers(shop, alice)
    assert not {line: number for line, number in many.items() if number > MOST[line]}
    assert many == few
    assert not {line: number for line, number in one.items() if number > few[line]}


def test_masked_viewer_takes_no_more_statements(shop: Shop, bob: FlaskClient) -> None:
    _fill(shop, range(3))
    with shop.database.write() as session:
        session.get_one(Workspace, shop.workspace.id).masking = "revealable"
        id_ = session.scalars(select(Customer.growlytics_id).where(Customer.system_id == "u0")).one()
    paths = [line for line in MOST if line.startswith("/customers") and "{" not in line]
    paths += [
        line for line in MOST if line.startswith("/customers/{id}?") or line in {"/customers/{id}", "/go?q=person"}
    ]
    numbers = {line: _number(shop, bob, *line.format(id=id_).split("#")) for line in paths}
    assert not {line: number for line, number in numbers.items() if number > MOST[line]}
    assert submit(bob, f"/customers/{id_}/revelation", form_on=f"/customers/{id_}").status_code == 303
    assert _number(shop, bob, f"/customers/{id_}") <= MOST["/customers/{id}"]


def test_every_page_is_in_the_table(app: Flask) -> None:
    adapter = app.url_map.bind("localhost")
    paths = {re.sub(r"{\w+}", "1", line.partition("#")[0].partition("?")[0]) for line in MOST}
    listed = {adapter.match(path, "GET")[0] for path in paths}
    routes = {rule.endpoint for rule in app.url_map.iter_rules() if "GET" in (rule.methods or ())}
    assert routes - _NO_PAGES - listed == set()
