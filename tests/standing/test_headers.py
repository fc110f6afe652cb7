"""The headers and cookies of every route and every error, held against one table."""

import re
import sqlite3
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.exc import OperationalError
from werkzeug.test import TestResponse

from tests.conftest import settings_for
from tests.world import PASSWORD, SMALLEST, Shop
from webapp import api, create_app, customers, keys, users, workspaces
from webapp.db import Database
from webapp.models import Workspace

ORIGIN = "https://shop.example"
# Of what every answer has.
ALWAYS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
    " connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
HTMX = "HX-Request, HX-Target"
KEPT_OUT = {"Cache-Control": "no-store"}
# What an answer has beside that. `Vary`: a page is another with another cookie; so is what htmx asks for.
TABLE: dict[str, dict[str, str]] = {
    "page": KEPT_OUT | {"Vary": f"{HTMX}, Cookie"},
    "plain": KEPT_OUT | {"Vary": HTMX},  # of nobody's session
    "static": {"Cache-Control": "public, max-age=31536000", "Vary": HTMX, "Accept-Ranges": "bytes"},
    "sdk": {
        "Cache-Control": "public, max-age=300",
        "Vary": f"Accept-Encoding, {HTMX}",
        "Access-Control-Allow-Origin": "*",
        "Cross-Origin-Resource-Policy": "cross-origin",
    },
    "revalidated": {"Cache-Control": "no-cache", "Vary": HTMX},
    "api": KEPT_OUT | {"Vary": HTMX},
    "browser": KEPT_OUT
    | {
        "Vary": HTMX,
        "Access-Control-Allow-Origin": ORIGIN,
        "Access-Control-Expose-Headers": "Retry-After, RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset",
    },
}
# Of these each answer has its own.
OWN = {
    "Content-Type", "Content-Length", "Content-Disposition", "Content-Encoding", "X-Request-Id", "Location",
    "Set-Cookie", "ETag", "Last-Modified", "Expires", "Date", "Allow", "Retry-After", "WWW-Authenticate",
    "RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset",
}  # fmt: skip


class Asked(NamedTuple):
    """An answer, and the row of the table that it is held against."""

    what: str
    kind: str
    answer: TestResponse


@pytest.fixture(params=["http", "https"])
def base_url(request: pytest.FixtureRequest) -> str:
    """Where the browser goes."""
    return f"{request.param}://localhost"


@pytest.fixture
def walk(database_url: str, base_url: str) -> Iterator[list[Asked]]:
    """Every kind of answer that the server gives."""
    app = create_app(settings_for(database_url).model_copy(update={"demo_shop": True}))
    yield list(_walk(app, base_url))
    app.extensions["database"].engine.dispose()


_PLAIN = {"healthz", "readyz", "metrics", "docs.document"}


def _walk(app: Flask, base_url: str) -> Iterator[Asked]:
    database: Database = app.extensions["database"]
    shop = _shop(app, database)
    admin, viewer = (_signed_in(app, f"{role}@shop.example", base_url) for role in ("admin", "viewer"))
    nobody = app.test_client()

    def ask(kind: str, browser: FlaskClient, path: str, method: str = "GET", **more: Any) -> Asked:
        answer = browser.open(path, method=method, base_url=base_url, **more)
        return Asked(f"{method} {path}: {answer.status_code}", kind, answer)

    customer = shop.profile_path()
    for rule in app.url_map.iter_rules():
        if "GET" in (rule.methods or ()) and not rule.arguments and rule.endpoint not in _PLAIN:
            kind = "api" if api.is_api(rule.rule) else "page"
            for browser in (admin, viewer, nobody):
                yield ask(kind, browser, rule.rule)
            for method in ("HEAD", "DELETE", "OPTIONS"):
                yield ask(kind, admin, rule.rule, method)
    for path in (customer, f"{customer}/value?attribute=name", "/customers/nobody", "/nowhere"):
        yield ask("page", admin, path)
    yield ask("page", admin, customer, headers={"HX-Request": "true", "HX-Target": "activities"})
    yield ask("page", nobody, customer, headers={"HX-Request": "true", "HX-Target": "activities"})
    yield ask("page", admin, "/login", "POST", data={})
    yield ask("page", nobody, "/login", "POST", data={"email": "x" * 1_100_000})
    yield ask("page", admin, "/segments", "POST", headers={"Sec-Fetch-Site": "cross-site"})
    for path in ("/sdk/nothing.js", "/static/nothing.js"):
        yield ask("plain", nobody, path)
    for path in ("/healthz", "/readyz", "/metrics"):
        yield ask("plain", admin, path)
        yield ask("plain", nobody, path, "HEAD")
    yield ask("static", nobody, "/static/app.css")
    yield ask("revalidated", admin, "/openapi.json")
    yield ask("revalidated", nobody, "/openapi.json", "HEAD")
    yield ask("static", nobody, "/static/app.css", "HEAD")
    yield ask("sdk", nobody, "/sdk/growlytics.js")
    yield from _of_machines(app, shop, base_url)


def _of_machines(app: Flask, shop: Shop, base_url: str) -> Iterator[Asked]:
    with shop.database.write() as session:
        _, public = keys.create(session, shop.workspace.id, "Website", "browser")
        session.get_one(Workspace, shop.workspace.id).allowed_origins = ORIGIN
    machine, right = app.test_client(), {"x-growlytics-key": shop.key}
    for path, body in SMALLEST.items():
        for method, headers, data in (
            ("POST", right, body),
            ("POST", {}, body),
            ("POST", right, {"nonsense": 1}),
            ("POST", right, {"id": "x" * 1_000_001}),
            ("GET", right, None),
            ("OPTIONS", {}, None),
        ):
            answer = machine.open(path, method=method, headers=headers, json=data, base_url=base_url)
            yield Asked(f"{method} {path}: {answer.status_code}", "api", answer)
    yield Asked("no endpoint", "api", machine.post("/track/nowhere", headers=right, base_url=base_url))
    for origin, kind in ((ORIGIN, "browser"), ("https://evil.example", "api")):
        message = {"id": "m1", "type": "event", "time": 1, "name": "Seen"}
        told = {"key": public, "did": "0123456789abcdef", "sentAt": 1, "device": {}, "messages": [message]}
        headers = {"Origin": origin}
        answer = machine.post("/api/v1/browser", json=told, headers=headers, base_url=base_url)
        yield Asked(f"a browser at {origin}: {answer.status_code}", kind, answer)


def _shop(app: Flask, database: Database) -> Shop:
    with database.write() as session:
        workspace = workspaces.create(session, "Shop")
        _, key = keys.create(session, workspace.id, "Backend")
        for role in ("admin", "viewer"):
            users.create(session, users.credentials(f"{role}@shop.example", PASSWORD), workspace.id, role)
    shop = Shop(app, database, workspace, key)
    shop.customer("u1", name="Asha")
    return shop


def _signed_in(app: Flask, email: str, base_url: str) -> FlaskClient:
    browser = app.test_client()
    page = browser.get("/login", base_url=base_url).text
    token = re.search(r'name="csrf_token" value="([^"]+)"', page)
    assert token is not None
    form = {"csrf_token": token[1], "email": email, "password": PASSWORD}
    assert browser.post("/login", data=form, base_url=base_url).status_code == 302
    return browser


def test_every_answer_has_the_headers_of_the_table(walk: list[Asked], base_url: str) -> None:
    assert {asked.kind for asked in walk} == TABLE.keys()
    assert {asked.answer.status_code for asked in walk} >= {200, 302, 400, 401, 403, 404, 405, 413, 422}
    faults = []
    for what, kind, answer in walk:
        expected = ALWAYS | TABLE[kind]
        if base_url.startswith("https"):
            expected |= {"Strict-Transport-Security": "max-age=31536000"}
        found = {name: value for name, value in answer.headers.items() if name not in OWN}
        if _plain(found) != _plain(expected):
            odd = {name for name in found.keys() | expected.keys() if found.get(name) != expected.get(name)}
            faults.append(f"{what} ({kind}): {[(name, found.get(name), expected.get(name)) for name in sorted(odd)]}")
        if not answer.headers.get("X-Request-Id"):
            faults.append(f"{what}: no request id")
    assert not faults, "\n".join(faults)


def _plain(headers: dict[str, str]) -> dict[str, str | list[str]]:
    return headers | {"Vary": sorted(headers.get("Vary", "").split(", "))}


def test_every_cookie_has_the_flags(walk: list[Asked], base_url: str) -> None:
    is_secure = base_url.startswith("https")
    name, secure = ("__Host-customer_profiles", "Secure; ") if is_secure else ("customer_profiles", "")
    shape = re.compile(rf"{name}=[\w.-]*; {secure}HttpOnly; Path=/; SameSite=Lax")
    cookies = [(what, kind, one) for what, kind, answer in walk for one in answer.headers.getlist("Set-Cookie")]
    assert cookies
    assert [(what, one) for what, kind, one in cookies if kind != "page" or not shape.fullmatch(one)] == []


@pytest.mark.parametrize("cause", [ValueError(), OperationalError("", None, sqlite3.OperationalError("disk is full"))])
def test_failures_have_them_too(
    app: Flask, alice: FlaskClient, shop: Shop, monkeypatch: pytest.MonkeyPatch, cause: Exception
) -> None:
    def fail(*_: object) -> None:
        raise cause

    monkeypatch.setattr(customers, "exist", fail)
    monkeypatch.setattr(shop.app.extensions["house"].ingestion, "submit", fail)
    for answer, kind in ((alice.get("/customers"), "page"), (shop.send("/track/user", SMALLEST["/track/user"]), "api")):
        assert answer.status_code in {500, 507}
        found = {name: value for name, value in answer.headers.items() if name not in OWN}
        assert _plain(found) == _plain(ALWAYS | TABLE[kind])


@pytest.mark.parametrize("path", ["/customers", "/track/user"])
def test_refusal_of_a_host_has_them_too(database_url: str, path: str) -> None:
    app = create_app(settings_for(database_url).model_copy(update={"allowed_hosts": ("shop.example",)}))
    answer = app.test_client().post(path)
    assert answer.status_code == 400
    found = {name: value for name, value in answer.headers.items() if name not in OWN}
    assert _plain(found) == _plain(ALWAYS | TABLE["plain"])
    app.extensions["database"].engine.dispose()
