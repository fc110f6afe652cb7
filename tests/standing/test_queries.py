"""Every page asks the database the same number of times, however much it shows: nothing is asked for row by row."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event, select

from tests.visitors import HOUR, MINUTE, MUMBAI, T0, customer, launched, login, seen, tell, values
from tests.world import Shop
from webapp import keys, users
from webapp.db import Database
from webapp.models import Customer, Event, Workspace

# The most statements of each page, with those that say who is asking; after `#` the part that htmx asks for. Whoever
# needs more for a page says why in the commit.
MOST = {
    "/": 0,
    "/login": 1,
    "/invitations/{token}": 1,
    "/customers": 13,
    "/customers/": 2,
    "/customers?status=registered&bots=hidden&sort=created": 10,
    "/customers?q=person": 6,
    "/customers?q=person#list": 6,
    "/customers/{id}": 35,
    "/customers/{id}?by=visit&show=visit&show=change&show=merge": 43,
    "/customers/{id}#activities": 8,
    "/customers/{id}?by=visit#activities": 10,
    "/customers/{id}?show=change#older": 9,
    "/customers/{id}?attribute=a#attribute-rows": 11,
    "/customers/{id}/history?attribute=City": 6,
    "/customers/{id}/value?attribute=City": 7,
    "/customers/{id}/events/{event}": 6,
    "/customers/{id}/merges": 3,
    "/customers/{id}/merges?q=person": 6,
    "/customers/{id}/merges?with={other}": 17,
    "/data": 13,
    "/data?show=alike&q=b": 7,
    "/data#dictionary": 13,
    "/data/events": 6,
    "/data/attribute?name=City": 13,
    "/data/attribute?name=City&type=number": 14,
    "/data/attribute?event=Event+0&name=Attribute+0&type=string": 7,
    "/data/event?name=Event+0": 10,
    "/help/keyboard": 2,
    "/settings": 2,
    "/settings/workspace": 4,
    "/settings/keys": 3,
    "/settings/website": 3,
    "/settings/website#heard": 3,
    "/settings/account": 2,
}
# So few that everything on a page is there, also what is looked for a second time where there are several, and more
# customers than a page of the list has.
FEW, MANY = 30, 48
# The last one asks piece by piece, as it goes.
_NO_PAGES = {"static", "sdk", "sdk_version", "healthz", "readyz", "metrics", "people.export"}
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
        at, did = T0 + place * 2 * HOUR, f"device {place}"
        tell(shop, customer(f"u{place}", at, name=f"Person {place}", email=f"person{place}@example.com"))
        tell(shop, customer("u0", at, City=f"City {place}", **{f"b{place}": 1}))
        tell(shop, launched(did, at, deviceModel="Pixel"), seen(did, at, f"Event {place % 7}", **MUMBAI))
        tell(shop, seen(did, at + 1, page=f"/{place}", utm={"source": "google"}), values(did, at + 2, Seen=True))
        tell(shop, login(did, at + MINUTE, "u0"), seen(did, at + 2 * MINUTE, "Purchased", **MUMBAI))
        tell(shop, values(f"tablet {place}", at, name=f"Person on tablet {place}"))
        shop.event(f"Event {place % 7}", at, "u0", **{f"Attribute {place % 5}": place})
        shop.customer("u0", **{f"b{place}": "text"})
        with shop.database.write() as session:
            session.get_one(Workspace, shop.workspace.id).allowed_origins += f"\nhttps://{place}.example"
            keys.create(session, shop.workspace.id, f"server {place}")
            keys.create(session, shop.workspace.id, f"browser {place}", "browser")


def _numbers(shop: Shop, browser: FlaskClient) -> dict[str, int]:
    """How many statements each page takes now."""
    with shop.database.write() as session:
        token = users.invite(session, shop.workspace.id, "viewer")
        person = shop.find("u0")
        one = session.scalars(select(Event).where(Event.customer_id == person.id).limit(1)).one()
        other = session.scalars(select(Customer).where(Customer.name == "Person on tablet 0")).one()
    names = {"id": person.growlytics_id, "other": other.growlytics_id, "token": token}
    names["event"] = f"{one.reported_at}.{one.id}"
    return {line: _number(shop, browser, *line.format(**names).split("#")) for line in MOST}


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


def test_every_page_is_in_the_table(app: Flask) -> None:
    adapter = app.url_map.bind("localhost")
    listed = {adapter.match(line.partition("#")[0].partition("?")[0], "GET")[0] for line in MOST}
    routes = {rule.endpoint for rule in app.url_map.iter_rules() if "GET" in (rule.methods or ())}
    assert routes - _NO_PAGES - listed == set()
