"""Reading and ingesting go by indexes: no plan of a statement scans a table that grows, or sorts without bounds."""

import re
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch
from urllib.parse import urlencode

import pytest
from flask.testing import FlaskClient
from sqlalchemy import ColumnElement, Connection, select, text

from tests import plans, server
from tests.benchmarks.crowd import FIRST_SYSTEM_ID, PREFIX
from tests.benchmarks.generate import generate
from tests.conftest import ENGINES, settings_for
from tests.plans import Statement
from tests.world import PASSWORD, submit
from webapp import clock, create_app, inbox, keys, migrate, refused, retention, search, sweeping, timeline, users
from webapp.db import Database
from webapp.models import ApiKey, Customer, Event, Workspace

# Filters of every kind: found by an index, and tested along the list.
WHERE = (
    "City = Pune", "City != Pune", "Loyalty Points = 17", "Loyalty Points > 4000", "has Preference 01", "lacks City",
    "email contains info", "did Purchased 2 times", "did not Purchased", "did Purchased in 30 days",
    "did Purchased 2 times from 2025-01-01 to 2026-01-31", "did Nothing", "first seen in 30 days",
    "last seen from 2025-01-01 to 2025-06-30", "tag = tag 17", "not tag tag 17", "tag = nobody's",
    "created in 30 days", "created from 2025-01-01 to 2025-06-30",
)  # fmt: skip
ORIGIN = "https://shop.example"
# So many that PostgreSQL, which reads small tables whole, decides as it would for a million.
CUSTOMERS, EVENTS = 12_000, 60_000


# Parts of statements that may sort what they find, and why.
EXCUSED = {
    "visits.device_id IN (SELECT ": "only visits that fall into the time of a page are sorted",
    "daily_counts.name, sum(CASE": "the names of some days, of which a shop has so many",
    "arrivals.name = ": "only the newest arrivals are kept",
    "sum(refused_payloads.byte_count) AS sum": "all payloads of a workspace, which are so many at most",
    "DELETE FROM refused_payloads": "the older part of them",
    "refused_payloads.details LIKE": "all payloads of a workspace, which are so many at most",
    "DELETE FROM arrivals WHERE arrivals.workspace_id": "of 10,000 at most",
    "ORDER BY refused_reasons.id FOR UPDATE": "no more than are forgotten in one go",
    "devices.did = ": "only visits on one device that are not over at a moment are sorted",
}


@dataclass(frozen=True)
class Place:
    """A filled shop: somebody who is signed in, a key, and what has been sent to the database."""

    database: Database
    browser: FlaskClient
    key: str
    statements: dict[str, Statement]


@pytest.fixture(scope="module", params=ENGINES)
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A shop of some thousands, all of whose pages have been read and to which everything has been sent once."""
    if request.param == "sqlite":
        path = tmp_path_factory.mktemp("plans") / "plans.sqlite3"
        shutil.copy(request.getfixturevalue("sqlite_template"), path)
        url = f"sqlite:///{path}"
    else:
        url = server.create_database(request.getfixturevalue("postgresql_server"))
        empty = Database(settings_for(url).url)
        migrate.upgrade(empty)
        empty.engine.dispose()
    generate(url, CUSTOMERS, EVENTS)
    app = create_app(settings_for(url))
    database: Database = app.extensions["database"]
    with database.write() as session:
        workspace_id = session.scalars(select(Workspace.id)).one()
        _, key = keys.create(session, workspace_id, "Plans")
        _, read_key = keys.create(session, workspace_id, "Reports", "read")
        _, browser_key = keys.create(session, workspace_id, "Website", "browser")
        session.get_one(Workspace, workspace_id).allowed_origins = ORIGIN
        users.create(session, users.credentials("alice@shop.example", PASSWORD), workspace_id, "admin")
    _thicken(database)
    browser = app.test_client()
    assert submit(browser, "/login", email="alice@shop.example", password=PASSWORD).status_code == 302
    with database.read() as session:
        begin = session.scalars(select(Event.reported_at).order_by(Event.reported_at).offset(700).limit(1)).one()
    with plans.captured(database.engine) as statements:
        _read(database, browser)
        _ingest(browser, key)
        _write(database, browser)
        _send_as_browser(browser, browser_key)
        _sweep(database, browser, workspace_id, begin)
        _ask(database, browser, read_key)
    yield Place(database, browser, key, statements)
    database.engine.dispose()


def _thicken(database: Database) -> None:
    """More rows in the tables of which the generated shop has few."""
    with database.engine.begin() as connection:
        for statement in (
            "INSERT INTO ignored_values SELECT id, '', 'City', 'number', 'string', '17', 1, created_at FROM customers",
            "INSERT INTO idempotency_keys"
            " SELECT workspace_id, growlytics_id, '', '[]', created_at + 100000000000 FROM customers",
            "INSERT INTO visits (customer_id, device_id, started_at, ended_at, event_count)"
            " SELECT c.id, d.id, c.created_at + d.id, c.created_at + d.id, 1 FROM customers c, devices d"
            " WHERE d.id < 5",
            "INSERT INTO kept_visits (customer_id, device_id, started_at, ended_at, event_count)"
            " SELECT customer_id, device_id, started_at, ended_at, event_count FROM visits",
            "INSERT INTO attribute_types SELECT workspace_id, 'Event', growlytics_id, 'string', 0 FROM customers",
            "INSERT INTO dictionary (workspace_id, event_name, name, folded, first_at, last_at)"
            " SELECT workspace_id, 'Purchased', growlytics_id, growlytics_id, 0, 0 FROM customers",
            "INSERT INTO dictionary (workspace_id, event_name, name, folded, first_at, last_at)"
            " SELECT workspace_id, growlytics_id, '', growlytics_id, 0, 0 FROM customers",
            "INSERT INTO dictionary (workspace_id, event_name, name, folded, first_at, last_at)"
            " SELECT workspace_id, '', growlytics_id, growlytics_id, 0, 0 FROM customers",
            "INSERT INTO dictionary (workspace_id, event_name, name, folded, first_at, last_at)"
            " VALUES (1, '', 'City', 'city', 0, 0), (1, 'Purchased', '', 'purchased', 0, 0)"
            " ON CONFLICT DO NOTHING",
            "INSERT INTO attribute_types VALUES (1, 'Purchased', 'Price', 'number', 0) ON CONFLICT DO NOTHING",
            "INSERT INTO dictionary (workspace_id, event_name, name, folded, first_at, last_at)"
            " VALUES (1, 'Purchased', 'Price', 'price', 0, 0) ON CONFLICT DO NOTHING",
            "INSERT INTO daily_counts SELECT workspace_id, 'event', growlytics_id, id % 300, 1 FROM customers",
            "INSERT INTO arrivals (workspace_id, received_at, endpoint, customer_id, reported_at, event_id, name)"
            " SELECT 1, received_at, '/track/event', customer_id, reported_at, id, name FROM events",
            "INSERT INTO devices (workspace_id, did, created_at, owned_since, info_at, is_bot)"
            " SELECT workspace_id, growlytics_id, created_at, 0, 0, is_bot FROM customers",
            "INSERT INTO device_logins SELECT d.id, d.created_at, c.id, c.id, c.created_at, '/msv_cs_id', NULL"
            " FROM devices d JOIN customers c ON c.growlytics_id = d.did WHERE c.system_id IS NOT NULL",
            "INSERT INTO merges (member_id, target_id, merged_at, has_given_id, is_stopped)"
            " SELECT id, id - 1, created_at, is_bot, NOT is_bot FROM customers WHERE id > 1",
            "INSERT INTO browser_messages SELECT id, id, created_at + 100000000000 FROM devices",
            "INSERT INTO arrivals"
            " (workspace_id, received_at, endpoint, key_id, customer_id, reported_at, event_id, name)"
            " SELECT c.workspace_id, e.received_at, '/track/event/v2', 1, c.id, e.reported_at, e.id, e.name"
            " FROM events e JOIN customers c ON c.id = e.customer_id",
            "INSERT INTO tallies SELECT id, '', 0, 0, '{}' FROM customers",
            "INSERT INTO notes (customer_id, text, created_at, user_id)"
            " SELECT id, 'Called', created_at, (SELECT min(id) FROM users) FROM customers",
            "INSERT INTO tags SELECT id, 'tag ' || (id % 300), workspace_id, created_at,"
            " (SELECT min(id) FROM users) FROM customers",
            "INSERT INTO refused_reasons (workspace_id, id, kind, endpoint, key_id, code, place, event_name, expected,"
            " received, words, sample, count, kept_count, first_at, last_at) SELECT workspace_id, id, 'ignored',"
            " '/track/user', NULL, 'ignored', growlytics_id, '', 'number', 'string', '', '', 1, 1, created_at,"
            " created_at + 100000000000 FROM customers",
            "INSERT INTO refused_payloads (workspace_id, reason_id, slot, digest, received_at, byte_count, size,"
            " is_whole, details) SELECT workspace_id, id, 0, id, created_at + 100000000000, 100, 100, is_bot,"
            ' \'{"who": {"id": "u1"}, "customer_id": 1, "reported_at": 1, "value": "many"}\' FROM customers',
            "INSERT INTO refused_hours SELECT workspace_id, 'refused', created_at + 100000000000, 1 FROM customers"
            " GROUP BY workspace_id, created_at",
            "INSERT INTO daily_counts SELECT workspace_id, 'source', 'site ' || (id % 400), id, 1 FROM customers",
            "INSERT INTO audit (workspace_id, at, actor, action, target, details)"
            " SELECT workspace_id, 1700000000000 + id * 1000, 'user ' || (id % 7), CASE WHEN id % 900 = 0"
            " THEN 'key.revoked' ELSE 'note.added' END, growlytics_id, '{}' FROM customers ORDER BY id",
            "INSERT INTO throttles (key, faded_at, free_at) SELECT growlytics_id, created_at, 0 FROM customers",
            "UPDATE customers SET merging_stopped_at = created_at WHERE system_id LIKE '%777'",
        ):
            connection.execute(text(statement))
    if not database.is_sqlite:
        with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM ANALYZE"))


def _read(database: Database, browser: FlaskClient) -> None:
    with database.read() as session:
        people = {
            system_id: session.scalars(select(Customer).where(_is(system_id))).one()
            for system_id in (f"C{FIRST_SYSTEM_ID + number}" for number in (0, 4, 7, 104))
        }
        busy = people[f"C{FIRST_SYSTEM_ID}"]
        of_busy = select(Event).where(Event.customer_id == busy.id).order_by(Event.reported_at)
        middle = session.scalars(of_busy.offset(busy.event_count // 2).limit(1)).one()
        search.find(session, session.get_one(Workspace, busy.workspace_id), PREFIX, is_masked=True)
    for path in _feeds(database):
        _get(browser, path)
    _get(browser, "/activity?since=5", "live")
    _get(browser, "/activity?since=30000.29000-29001&event=Purchased", "live")
    _get(browser, f"/go?q={PREFIX}", "results")
    for path in (*_lists(busy), "/api-reference", "/api-reference/track/user"):
        _get(browser, path)
    for page in ("?", "/event?", "/event?name=Purchased&", "/source?", "/country?name=IN&"):
        _get(browser, f"/overview{page}days=90")
    for person in people.values():
        _read_profile(browser, person, busy, f"{middle.reported_at}.{middle.id}")
    _get(browser, f"/customers/{busy.growlytics_id}/events/{middle.reported_at}.{middle.id}")
    for query in ("", "?kind=ignored&endpoint=/track/user&place=a", "?older_than=1.1", "?key=nobody"):
        _get(browser, f"/refused{query}")
    for path in ("", "?q=ci&page=2", "?show=alike", "?show=hidden", "/events", "/events?q=purch", "/events?show=alike"):
        _get(browser, f"/data{path}")
    for path in ("attribute?name=City&type=number", "attribute?event=Purchased&name=Price&type=string"):
        _get(browser, f"/data/{path}")
    _get(browser, "/data/event?name=Purchased")
    for query in _audits(busy):
        _get(browser, f"/settings/audit?{query}")
    _get(browser, "/settings/audit/export.csv?action=Keys&actor=user+1&from=2023-11-15")
    _read_settings(browser)


def _ask(database: Database, browser: FlaskClient, key: str) -> None:
    """All that can be read with a key."""
    with database.read() as session:
        busy = session.scalars(select(Customer).where(_is(f"C{FIRST_SYSTEM_ID}"))).one()
    whom, at = f"customers/{busy.growlytics_id}", f"{busy.last_seen_at}.{busy.id}"
    asked = [
        whom, f"customer?id={busy.system_id}", f"customer?{urlencode({'email': busy.email})}",
        f"customer?{urlencode({'mobile': busy.mobile})}", f"customer?growlytics_id={busy.growlytics_id}",
        "segments", "attributes", "attributes?cursor=City&limit=100", "attributes?hidden=show&cursor=City",
        "attributes?event=Purchased&cursor=5", "events", "events?cursor=5", "events?hidden=show&cursor=5&limit=1",
    ]  # fmt: skip
    for query in ("", "limit=100", "name=Purchased", "from=2025-03-01&to=1790000000000", "text=nowhere", "hidden=show"):
        asked += [f"{whom}/events?{query}", f"{whom}/events?{query}&cursor={at}"]
    for query in ("", "sort=created&", "order=oldest&", "where=City+%3D+Pune&", "where=did+Purchased&count=yes&"):
        asked += [f"customers?{query}limit=100&column=attribute:City", f"customers?{query}cursor={at}"]
    for path in (*asked, f"customers?q={PREFIX}"):
        answer = browser.get(f"/api/v1/{path}", headers={"x-growlytics-key": key})
        assert answer.status_code in {200, 409}, (path, answer.text)


def _read_settings(browser: FlaskClient) -> None:
    for path in ("people", "account", "account/second-factor", "keys", "privacy?days=30"):
        _get(browser, f"/settings/{path}")
    _get(browser, "/workspaces/new")


def _read_profile(browser: FlaskClient, person: Customer, busy: Customer, at: str) -> None:
    path = f"/customers/{person.growlytics_id}"
    for query in _profiles(at):
        for target in (None, "activities", "older", "live", "attribute-rows", "tags", "note-list"):
            _get(browser, f"{path}?{query}", target)
    for target in ("overview", "year", None):
        _get(browser, f"{path}?year=2025&from=2025-03-01&to=2025-03-01", target)
    for moment in ("", "&as_of=2026-01-01"):
        for page in ("history", "value"):
            _get(browser, f"{path}/{page}?attribute=name{moment}")
    _get(browser, f"{path}/merges?q={PREFIX}")
    _get(browser, f"{path}/merges?with={busy.growlytics_id}")


def _write(database: Database, browser: FlaskClient) -> None:
    """All that the forms of a profile and of what was refused can do."""
    _send_again(database, browser)
    assert submit(browser, "/settings/account", current="wrong", new="an entirely new secret").status_code == 422
    assert (
        submit(browser.application.test_client(), "/login", email="nobody@shop.example", password="wrong").status_code
        == 422
    )
    with database.read() as session:
        path = f"/customers/{session.scalars(select(Customer).where(_is(f'C{FIRST_SYSTEM_ID}'))).one().growlytics_id}"
    _post(browser, path, "notes", text="Called")
    note = re.findall(r"/(notes/\d+)/removal", browser.get(path).text)[0]
    _post(browser, path, note, text="Wrote")
    _post(browser, path, f"{note}/removal")
    for where in ("tags", "tags/removal"):
        _post(browser, path, where, tag="new")
    for where in ("pins", "pins/removal"):
        _post(browser, path, where, name="City")


def _send_again(database: Database, browser: FlaskClient) -> None:
    with database.read() as session:
        workspace = session.get_one(Workspace, 1)
        for kind in ("refused", "ignored"):
            (group, *_) = refused.find(session, workspace, refused.Filter(kind, endpoint="/track/user"), None)
            path = f"/refused/{group.row.id}"
            _get(browser, path)
            assert submit(browser, f"{path}/rehearsal", form_on=path).status_code == 200
            for where in ("replay", "dismissal"):
                _post(browser, path, where)
        refused.by_hour(session, 1, 0)
    with database.write() as session:
        refused.forget_old(session, 1)
        refused.drop_payloads(session, 2)


def _post(browser: FlaskClient, path: str, where: str, **fields: str) -> None:
    assert submit(browser, f"{path}/{where}", form_on=path, **fields).status_code == 303, where


def _is(system_id: str) -> ColumnElement[bool]:
    return (Customer.workspace_id == 1) & (Customer.system_id == system_id)


def _get(browser: FlaskClient, path: str, target: str | None = None) -> None:
    headers = {} if target is None else {"HX-Request": "true", "HX-Target": target}
    answer = browser.get(path, headers=headers)
    assert answer.status_code in {200, 204}, path


def _feeds(database: Database) -> Iterator[str]:
    with database.read() as session:
        key = session.scalars(select(ApiKey.public_id).order_by(ApiKey.id)).first()
    for query in ("", "event=Purchased", "event=Nothing", f"source=/track/event/v2&key={key}", "raw=1000"):
        for beside in ("", "&before=55000", "&after=20000"):
            yield f"/activity?{query}{beside}"


def _lists(someone: Customer) -> Iterator[str]:
    at = f"{someone.created_at}.{someone.id}"
    for status in ("all", "registered", "anonymous"):
        for query in ("", "&bots=hidden", "&sort=created", f"&older_than={at}", f"&newer_than={at}&sort=created"):
            yield f"/customers?status={status}{query}"
    for place, where in enumerate(WHERE):
        yield f"/customers?{urlencode({'where': where, 'sort': ('last_seen', 'created')[place % 2]})}"
        yield f"/customers?{urlencode({'where': where, 'newer_than': at})}&order=oldest&column=attribute:City"
    yield f"/customers/export.csv?{urlencode({'where': 'City != Pune'})}&column=attribute:City"
    for words in ("C100007", someone.email, PREFIX, "asha", "98000", "+91 98000 00000", "nobody at all", "example.com"):
        yield f"/customers?q={words}"


def _audits(someone: Customer) -> Iterator[str]:
    asked = ("", "actor=user+1", "action=key.revoked", "action=Customers", f"target={someone.growlytics_id}",
             "actor=user+1&action=Keys", f"target={someone.growlytics_id}&action=Keys&actor=user+1")  # fmt: skip
    for query in asked:
        for beside in ("", "&before=6000", "&from=2023-11-14&to=2023-11-14", "&to=2023-11-14&before=6000"):
            yield query + beside


def _profiles(at: str) -> Iterator[str]:
    extras = "&".join(f"show={kind}" for kind in timeline.EXTRAS)
    for by in ("day", "visit"):
        yield from (
            f"by={by}",
            f"by={by}&event=Purchased",
            f"by={by}&from=2025-01-01&to=2026-01-01",
            f"by={by}&as_of=2026-01-01&{extras}",
            f"by={by}&{extras}",
            f"by={by}&older_than={at}&{extras}",
            f"by={by}&event=Purchased&older_than={at}",
            f"by={by}&newer_than={at}&{extras}",
            f"by={by}&at_event={at}&{extras}",
        )
    yield from (
        "at=first",
        "at=2025-06-01",
        "event=Purchased&event=Nothing",
        "text=nowhere",
        f"text=nowhere&beyond={at}",
        f"text=nowhere&newer_than={at}&event=Purchased",
    )
    yield f"live=1&since={at}&known=1&seen_at=1"


def _ingest(browser: FlaskClient, key: str) -> None:
    known, at = f"C{FIRST_SYSTEM_ID + 7}", 1_790_000_000_000
    told = {"City": "Pune", "Loyalty Points": "many", "email": "new@example.com"}
    listed = [{"name": name, "type": "string", "value": value} for name, value in told.items()]
    bodies: list[tuple[str, dict[str, Any]]] = [
        ("/mcrs_appl_v1", {"did": "plan", "timestamp": at}),
        ("/mpush_token", {"did": "plan", "token": "t"}),
    ]
    for place, who in enumerate((known, "somebody new")):
        bodies += [
            ("/rest-api/customer", {"id": who, "attributes": listed}),
            ("/rest-api/event", {"customerId": who, "name": "Purchased"}),
            ("/track/user", {"id": who, "attributes": told}),
            ("/track/event/v2", {"customerId": who, "name": "Purchased", "time": at, "attributes": told}),
            ("/msv_cevt", {"did": "plan", "name": "Viewed", "timestamp": at + 10 * place + 1}),
            ("/msv_cs_id", {"did": "plan", "clientCustomerId": who, "timestamp": at + 10 * place + 2, "info": listed}),
            ("/msv_cevt", {"did": "plan", "name": "Viewed", "timestamp": at + 10 * place + 3}),
            ("/logout", {"did": "plan", "timestamp": at + 10 * place + 4}),
        ]
    for number, (path, body) in enumerate(bodies):
        headers = {"x-growlytics-key": key, "Idempotency-Key": f"plan {number}"}
        for query in ("?dry_run=1", ""):
            assert browser.post(f"{path}{query}", json=body, headers=headers).status_code == 200, path
    with patch.object(inbox, "MOST_BYTES", 10_000):
        for body in ({"id": known, "attributes": {"City": None}}, {"id": 5}):
            assert browser.post("/track/user", json=body, headers={"x-growlytics-key": key}).status_code == 422


def _send_as_browser(browser: FlaskClient, key: str) -> None:
    at = clock.now() - clock.DAY  # by a clock that is wrong
    messages = [
        {"id": "m1", "type": "page", "time": at, "url": f"{ORIGIN}/?utm_source=google", "utm": {"source": "google"}},
        {"id": "m2", "type": "identify", "time": at + 1, "userId": "somebody newer", "attributes": {"City": "Pune"}},
        {"id": "m3", "type": "event", "time": at + 2, "name": "Viewed", "attributes": {"Price": 1}},
        {"id": "m4", "type": "attributes", "time": at + 3, "attributes": {"City": "Goa"}},
        {"id": "m5", "type": "logout", "time": at + 4},
    ]
    body = {"key": key, "did": "0123456789abcdef", "sentAt": at + 5, "device": {}, "messages": messages}
    for _ in range(2):
        answer = browser.post("/api/v1/browser", json=body, headers={"Origin": ORIGIN})
        assert answer.get_json() == {"success": True, "accepted": 5}


def _sweep(database: Database, browser: FlaskClient, workspace_id: int, begin: int) -> None:
    """Keep neither addresses nor the events before this day, epoch ms."""
    with database.write() as session:
        retention.change(session, workspace_id, (clock.now() - begin) // clock.DAY)
        retention.change_addresses(session, workspace_id, keeps=False)
        for kind in sweeping.WORKS:
            sweeping.order(session, workspace_id, kind, 0)
    with patch.object(time, "sleep"):
        sweeping.work_off(database)
    _get(browser, "/settings/privacy")


def test_no_statement_scans_or_sorts_what_grows(place: Place) -> None:
    assert len(place.statements) > 50
    with place.database.engine.connect() as connection:
        found = _faults(place, connection)
    assert not found, "\n\n".join(f"{_in_short(sql)}\n--> {fault}" for sql, fault in sorted(found))


def _in_short(sql: str) -> str:
    """A statement without the names of its columns."""
    return re.sub(r"SELECT [^()]*?\s+FROM", "SELECT … FROM", " ".join(sql.split()))


def _faults(place: Place, connection: Connection) -> set[tuple[str, str]]:
    statements = [one for one in place.statements.values() if not any(part in one.sql for part in EXCUSED)]
    return {(one.sql, fault) for one in statements for fault in plans.faults(connection, one)}


# Not those in whose place another index serves a shop of this size.
MISSED = (
    "ix_customers_registered_by_creation",
    "ix_customers_registered_by_last_seen",
    "ix_customers_root_id",
    "ix_device_logins_customer_id",
    "ix_merges_member_id",
    "ix_merges_target_id",
)


@pytest.mark.parametrize("name", MISSED)
def test_index_is_missed_when_it_is_gone(place: Place, name: str) -> None:
    with place.database.engine.connect() as connection:
        before = _faults(place, connection)
        connection.exec_driver_sql(f"DROP INDEX {name}")
        found = _faults(place, connection) - before
        connection.rollback()
    assert found
