"""The log: one line for each thing worth knowing, the id of its request, and nobody's data."""

import io
import json
import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import psycopg
import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.exc import IntegrityError, OperationalError

from tests.installations import post, run, serving
from tests.world import Shop, submit
from webapp import config, create_app, logs
from webapp.logs import JsonLines, TextLines

# What nobody must find in a log.
EMAIL = "asha.walkthrough@example.com"
NAME = "Asha Walkthrough"
MOBILE = "+91 98190 12345"
SYSTEM_ID = "system-id-4711"
PASSWORD = "asha's very own password"
PERSONAL = (EMAIL, "walkthrough", "Walkthrough", "98190", SYSTEM_ID, PASSWORD, "secret value", "alice@", "Purchased")


class Log:
    """What was logged, as text and as objects."""

    def __init__(self) -> None:
        self.stream = io.StringIO()

    @property
    def text(self) -> str:
        return self.stream.getvalue()

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text.splitlines()]


@pytest.fixture
def log() -> Iterator[Log]:
    """All lines of the product, down to the least important."""
    kept = Log()
    handler = logging.StreamHandler(kept.stream)
    handler.setFormatter(JsonLines())
    logger = logging.getLogger("webapp")
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    yield kept
    logger.removeHandler(handler)
    logger.setLevel(before)


def _walk(shop: Shop, browser: FlaskClient) -> None:
    """Do what people and machines do, well and badly, with values that are known again."""
    shop.customer(SYSTEM_ID, name=NAME, email=EMAIL, mobile=MOBILE)
    shop.event("Purchased", system_id=SYSTEM_ID, note="secret value")
    profile = shop.profile_path(SYSTEM_ID)
    for body in ({"id": SYSTEM_ID, "attributes": {"email": [EMAIL] * 3, EMAIL: "secret value" * 99}}, {EMAIL: NAME}):
        assert shop.send("/track/user", body).status_code == 422
    for path, raw in (("/track/user", f"{{{EMAIL}".encode()), (f"/track/{SYSTEM_ID}", b"{}")):
        assert shop.send(path, raw).status_code in {404, 422}
    machine = shop.app.test_client()
    assert machine.post("/track/user", headers={"x-growlytics-key": f"cpk_{EMAIL}"}).status_code == 401
    for path in (f"/customers?q={EMAIL}", profile, f"{profile}?event={NAME}", f"/customers/{EMAIL}", f"/{SYSTEM_ID}"):
        assert browser.get(path).status_code in {200, 404}, path
    assert browser.post(f"{profile}/merge", data={"other": EMAIL}).status_code in {400, 404, 405}
    stranger = shop.app.test_client()
    submit(stranger, "/login", email=EMAIL, password=PASSWORD)
    assert stranger.get(f"/login?next=/customers?q={EMAIL}").status_code == 200


def test_no_personal_data_is_logged(shop: Shop, alice: FlaskClient, log: Log) -> None:
    _walk(shop, alice)
    assert {line["level"] for line in log.lines} >= {"debug", "info"}
    growlytics_id = str(shop.find(SYSTEM_ID).growlytics_id)
    for personal in (*PERSONAL, growlytics_id):
        assert personal not in log.text


def test_failures_are_logged_without_personal_data(
    shop: Shop, alice: FlaskClient, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.customer(SYSTEM_ID, email=EMAIL)
    for error in (
        ValueError(f"{EMAIL} is not a number"),
        IntegrityError("INSERT", {"email": EMAIL}, psycopg.errors.UniqueViolation(f"Key (email)=({EMAIL}) exists.")),
        OperationalError("SELECT", {"email": EMAIL}, psycopg.OperationalError(f"gone\nCONTEXT: {EMAIL}")),
    ):
        for place in ("webapp.pages.people.search.find", "webapp.ingest.group.batch.alone"):
            monkeypatch.setattr(place, _raising(error))
        assert alice.get(f"/customers?q={EMAIL}").status_code in {500, 503}
        assert shop.send("/track/user", {"id": SYSTEM_ID, "attributes": {}}).status_code in {500, 503}
    failures = [line for line in log.lines if line["level"] == "error"]
    pages = [line for line in failures if line.get("endpoint") == "/customers"]
    assert [line["error"] for line in pages] == ["ValueError", "IntegrityError: 23505", "OperationalError: gone"]
    assert "tests/test_logs.py" in pages[0]["traceback"]
    assert "traceback" not in pages[2], "the database was away; it doesn't matter where that was met"
    for personal in (EMAIL, SYSTEM_ID):
        assert personal not in log.text


def _raising(error: Exception) -> Any:
    def fail(*_: object, **__: object) -> None:
        raise error from LookupError(EMAIL)

    return fail


def test_line_of_a_request_tells_the_rule_and_not_the_path(shop: Shop, alice: FlaskClient, log: Log) -> None:
    shop.customer(SYSTEM_ID)
    alice.get(shop.profile_path(SYSTEM_ID))
    alice.get(f"/customers/{EMAIL}?q={EMAIL}")
    alice.get(f"/{EMAIL}")
    lines = [line for line in log.lines if line["logger"] == "webapp.requests"]
    told = [(line["level"], line["method"], line["endpoint"], line["status"]) for line in lines]
    assert ("debug", "GET", "/customers/<growlytics_id>", 200) in told
    assert ("info", "GET", "/customers/<growlytics_id>", 404) in told
    assert ("info", "GET", "none", 404) in told
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", lines[-1]["time"])
    assert all(line["ms"] >= 0 for line in lines)


def test_line_of_a_refusal_tells_reasons_and_key(log: Log) -> None:
    logs.answered("POST", "/track/user", 422, 0.0123, codes=["any.required", "string.max"], key="0123456789ab")
    (line,) = log.lines
    assert (line["level"], line["ms"]) == ("info", 12.3)
    assert (line["codes"], line["key"]) == (["any.required", "string.max"], "0123456789ab")


def test_request_id_is_the_same_in_header_page_and_log(
    shop: Shop, alice: FlaskClient, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webapp.pages.people.customers.exist", _raising(ValueError()))
    answer = alice.get("/customers")
    own = answer.headers["X-Request-Id"]
    assert re.fullmatch("[0-9a-f]{16}", own)
    assert f"<code>{own}</code>" in answer.get_data(as_text=True)
    assert [line["request_id"] for line in log.lines if line["level"] == "error"] == [own]


@pytest.mark.parametrize("path", ["/login", "/nowhere", "/healthz", "/static/app.css", "/static/none", "/track/user"])
def test_every_answer_carries_an_id_of_its_own(shop: Shop, path: str) -> None:
    browser = shop.app.test_client()
    ids = [browser.open(path, method=method).headers.getlist("X-Request-Id") for method in ("GET", "POST") * 3]
    assert all(len(one) == 1 for one in ids)
    assert len({one[0] for one in ids}) == 6
    found = browser.get(path)
    assert found.headers["X-Request-Id"] not in found.get_data(as_text=True), "only failures of ours are quoted"


@pytest.fixture
def proxied(tmp_path: Path) -> Iterator[Flask]:
    """An app that trusts a proxy."""
    url = f"sqlite:///{tmp_path}/shop.sqlite3"
    settings = config.load(
        _env_file=None, database_url=url, secret_key="a secret for tests only", trusted_proxies="10.0.0.1"
    )
    app = create_app(settings)
    yield app
    app.extensions["database"].engine.dispose()


@pytest.mark.parametrize(
    ("peer", "sent", "is_taken"),
    [
        ("10.0.0.1", "0123456789abcdef0123456789abcdef", True),
        ("10.0.0.1", "2c9f6b7e-5f0a-4c36-9c0e-1de7f2b2a001", True),
        ("10.0.0.2", "0123456789abcdef0123456789abcdef", False),
        ("10.0.0.1", "short", False),
        ("10.0.0.1", "x" * 65, False),
        ("10.0.0.1", "<script>alert(1)</script>", False),
        ("10.0.0.1", "", False),
        ("10.0.0.1", "id-with-newline\\n", False),
    ],
)
def test_id_is_taken_from_a_trusted_proxy_if_it_is_sane(proxied: Flask, peer: str, sent: str, is_taken: bool) -> None:
    browser = proxied.test_client()
    answer = browser.get("/healthz", headers={"X-Request-Id": sent}, environ_base={"REMOTE_ADDR": peer})
    assert (answer.headers["X-Request-Id"] == sent) == is_taken


def test_new_ids_are_never_the_same() -> None:
    assert len({logs.new_request_id() for _ in range(10_000)}) == 10_000


def test_real_server_logs_json_lines_at_its_level(tmp_path: Path) -> None:
    with serving(tmp_path, LOG_LEVEL="debug") as server, urlopen(f"{server.url}/login") as answer:  # noqa: S310
        own = answer.headers["X-Request-Id"]
    lines = [json.loads(line) for line in server.err.read_text().splitlines()]
    assert (own, "/login", "debug") in {(line["request_id"], line.get("endpoint"), line["level"]) for line in lines}
    with serving(tmp_path) as server:
        assert post(f"{server.url}/nowhere", "", b"") == 404
        assert server.answers()
    (line,) = [json.loads(line) for line in server.err.read_text().splitlines()]
    assert (line["level"], line["status"]) == ("info", 404)
    with serving(tmp_path, LOG_FORMAT="text", LOG_LEVEL="warning") as server:
        assert post(f"{server.url}/nowhere", "", b"") == 404
    assert server.err.read_text() == ""


def test_terminal_gets_lines_for_people() -> None:
    record = logging.makeLogRecord(
        {"name": "webapp.requests", "msg": "answered", "levelname": "INFO", "levelno": 20, "fields": {"status": 404}}
    )
    logs.request_id.set("0123456789abcdef")
    line = TextLines().format(record)
    assert re.fullmatch(r"\S+Z info    webapp\.requests: answered status=404 request_id=0123456789abcdef", line)


def test_lines_of_others_carry_no_messages_of_exceptions(log: Log) -> None:
    try:
        int(EMAIL)
    except ValueError:
        logging.getLogger("webapp.anything").exception("it failed")
    (line,) = log.lines
    assert (line["message"], line["error"]) == ("it failed", "ValueError")
    assert "test_logs.py" in line["traceback"]
    assert EMAIL not in log.text


def test_wrong_settings_of_the_log_are_told(tmp_path: Path) -> None:
    refused = run(tmp_path, "serve", LOG_LEVEL="loud", LOG_FORMAT="xml")
    assert refused.returncode == 1
    assert refused.stderr == (
        "Error: LOG_LEVEL: must be 'debug', 'info', 'warning' or 'error'\nLOG_FORMAT: must be 'json' or 'text'\n"
    )
