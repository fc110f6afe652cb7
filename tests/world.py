"""What tests do in their small world: send to the API, fill in forms, count rows."""

import re
from dataclasses import dataclass, replace
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from webapp import attributes, customers, events, keys
from webapp.db import Base, Database
from webapp.models import (
    AttributeType,
    AttributeValue,
    Customer,
    Device,
    DeviceLogin,
    Event,
    IdempotencyKey,
    IgnoredValue,
    Merge,
    Visit,
    Workspace,
)

PASSWORD = "correct horse battery staple"
NOON = 1_700_000_000_000  # when events of the tests happen: 2023-11-14, epoch ms
# Every ingestion endpoint, with the smallest body that it takes.
SMALLEST: dict[str, dict[str, Any]] = {
    "/rest-api/customer": {"id": "u1", "attributes": []},
    "/rest-api/event": {"customerId": "u1", "name": "Purchased"},
    "/track/user": {"id": "u1", "attributes": {}},
    "/track/event": {"customerId": "u1", "name": "Purchased", "time": NOON, "attributes": []},
    "/track/event/v2": {"customerId": "u1", "name": "Purchased", "time": NOON, "attributes": []},
    "/mcrs_appl_v1": {"did": "d1", "timestamp": NOON},
    "/msv_cevt": {"did": "d1", "name": "Purchased", "timestamp": NOON},
    "/msv_cs_id": {"did": "d1", "clientCustomerId": "u1", "timestamp": NOON},
    "/logout": {"did": "d1"},
    "/mpush_token": {"did": "d1", "token": "t1"},
}
LAUNCH = "/mcrs_appl_v1"
MOBILE = (LAUNCH, "/msv_cevt", "/msv_cs_id", "/logout", "/mpush_token")
# Under what each endpoint takes attributes; the others take none.
ATTRIBUTES = {path: "attributes" for path in SMALLEST if path not in MOBILE}
ATTRIBUTES |= {"/msv_cevt": "info", "/msv_cs_id": "info"}


@dataclass(frozen=True)
class Person:
    """Somebody who signs in."""

    email: str
    role: str


@dataclass(frozen=True)
class Shop:
    """A workspace, and its backend that holds an API key."""

    app: Flask
    database: Database
    workspace: Workspace
    key: str

    def send(self, path: str, body: Any, **headers: str) -> TestResponse:
        """POST JSON (or bytes as they are) with the shop's key; `Idempotency_Key="…"` adds that header."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        content = {"data": body} if isinstance(body, bytes) else {"json": body}
        return self.app.test_client().post(path, headers={"x-growlytics-key": self.key} | named, **content)

    def with_key(self, kind: keys.Kind) -> "Shop":
        """The same workspace, and a machine that holds a new key of this kind."""
        with self.database.write() as session:
            return replace(self, key=keys.create(session, self.workspace.id, f"A {kind} key", kind)[1])

    def customer(self, system_id: str = "u1", **attributes: Any) -> TestResponse:
        """Create or update a customer; returns the answer, which must be a 200."""
        answer = self.send("/track/user", {"id": system_id, "attributes": attributes})
        assert answer.status_code == 200, answer.json
        return answer

    def event(
        self, name: str = "Purchased", time: int = 1_700_000_000_000, system_id: str = "u1", **attributes: Any
    ) -> TestResponse:
        """Record an event; returns the answer, which must be a 200."""
        body = {"customerId": system_id, "name": name, "time": time, "attributes": attributes}
        answer = self.send("/track/event/v2", body)
        assert answer.status_code == 200, answer.json
        return answer

    def attributes(self, system_id: str = "u1") -> dict[str, tuple[str, Any]]:
        """Type and value of each of a customer's attributes."""
        with self.database.read() as session:
            shown = attributes.of_person(session, self.workspace.id, self._members(session, system_id))
        return {one.name: (one.type, one.value) for one in shown}

    def events(self, system_id: str = "u1") -> list[events.Shown]:
        """A customer's events, newest first."""
        with self.database.read() as session:
            ids = self._members(session, system_id)
            return list(events.timeline(session, self.workspace.id, ids, events.Filter()).events)

    def _members(self, session: Session, system_id: str) -> list[int]:
        return customers.members(session, self.find(system_id).id)

    def types(self, event_name: str = "") -> dict[str, str]:
        """The types fixed for an event's attributes, or for those of customers."""
        query = select(AttributeType.name, AttributeType.type)
        query = query.where(AttributeType.workspace_id == self.workspace.id, AttributeType.event_name == event_name)
        with self.database.read() as session:
            return {row.name: row.type for row in session.execute(query)}

    def find(self, system_id: str = "u1") -> Customer:
        """The customer's row."""
        with self.database.read() as session:
            query = select(Customer).where(Customer.workspace_id == self.workspace.id, Customer.system_id == system_id)
            return session.scalars(query).one()

    def profile_path(self, system_id: str = "u1") -> str:
        """Where the customer's profile is."""
        return f"/customers/{self.find(system_id).growlytics_id}"


class Clock:
    """The server's clock in the hand of a test: it stands still until the test lets time pass. Epoch ms."""

    def __init__(self, at: int) -> None:
        self.at = at

    def __call__(self) -> int:
        return self.at

    def wait(self, ms: int) -> None:
        """Let time pass."""
        self.at += ms


def rows(database: Database, table: type[Base]) -> int:
    """How many rows a table has."""
    with database.read() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def stored(database: Database) -> dict[str, int]:
    """How many rows all ingestion has left so far in each table."""
    people = (Customer, Device, DeviceLogin, Merge, Visit)
    tables = (*people, AttributeValue, AttributeType, Event, IgnoredValue, IdempotencyKey)
    counts = (select(func.count()).select_from(table).scalar_subquery().label(table.__tablename__) for table in tables)
    with database.read() as session:
        return dict(session.execute(select(*counts)).one()._mapping)


def submit(browser: FlaskClient, path: str, form_on: str | None = None, **fields: str) -> TestResponse:
    """Fill in the form of a page (`form_on`, else the path itself) and send it, with its CSRF token."""
    page = browser.get(form_on or path).get_data(as_text=True)
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)
    assert token is not None, f"no form on {form_on or path}"
    return browser.post(path, data={"csrf_token": token[1], **fields})


def is_taken(answer: TestResponse) -> bool:
    """Whether a body was taken without anything ignored: the documented 200 of its endpoint."""
    if answer.request.path != LAUNCH:
        return answer.status_code == 200 and answer.json == {"success": True}
    return answer.status_code == 200 and answer.json is not None and list(answer.json) == ["did", "sid"]


def faults(answer: TestResponse) -> list[tuple[tuple[str | int, ...], str]]:
    """The path and the type of every fault in a 422 of the documented shape."""
    assert answer.status_code == 422, (answer.status_code, answer.get_data(as_text=True))
    assert answer.json is not None
    assert answer.json["type"] == "ValidationError"
    return [(tuple(one["path"]), one["type"]) for one in answer.json["details"]]
