"""What holds for all pages: templates compile, headers, vendored files, a fixed number of queries."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event

from tests.world import Shop
from webapp import assets, headers
from webapp.db import Database
from webapp.pages import profile


def test_every_template_compiles(app: Flask) -> None:
    names = app.jinja_env.list_templates()
    assert "base.html" in names
    for name in names:
        app.jinja_env.get_template(name)


def test_every_partial_is_included_or_returned_somewhere() -> None:
    folder = assets.folder("templates")
    sources = [*folder.rglob("*.html"), *Path(assets.__file__).parent.rglob("*.py")]
    of_panels = (f'"customers/_{panel.name}.html"' for panel in profile.PANELS)
    text = "\n".join([*(path.read_text() for path in sources), *of_panels])
    for partial in folder.rglob("*.html"):
        assert f'"{partial.relative_to(folder)}"' in text, f"nobody uses {partial}"


def test_vendored_files_are_what_they_were() -> None:
    folder = assets.folder("static") / "vendor"
    lines = (folder / "SHA256SUMS").read_text().splitlines()
    listed = {name: digest for digest, name in (line.split(maxsplit=1) for line in lines)}
    there = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()} - {
        "README.md",
        "SHA256SUMS",
    }
    assert set(listed) == there
    for name, digest in listed.items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest


@pytest.mark.parametrize(
    "path",
    [
        "/login",
        "/customers",
        "/customers/nobody",
        "/nowhere",
        "/settings/keys",
        "/healthz",
        "/readyz",
        "/metrics",
        "/track/user",
        "/static/app.css",
    ],
)
def test_every_answer_carries_the_headers(alice: FlaskClient, path: str) -> None:
    answer = alice.get(path)
    for name, value in headers.ALWAYS.items():
        assert answer.headers[name] == value
    assert answer.headers["X-Request-Id"]
    assert ("no-store" in answer.headers["Cache-Control"]) == (not path.startswith("/static/"))


def test_no_page_has_anything_that_the_policy_forbids() -> None:
    for path in assets.folder("templates").rglob("*.html"):
        text = path.read_text()
        for forbidden in (" style=", "<style", " onclick=", "hx-on", "javascript:", "hx-vals='js:"):
            assert forbidden not in text, f"{path}: {forbidden}"


@contextmanager
def _queries(database: Database) -> Iterator[list[str]]:
    seen: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        seen.append(statement)

    event.listen(database.engine, "before_cursor_execute", note)
    yield seen
    event.remove(database.engine, "before_cursor_execute", note)


def _fill(shop: Shop, customers: int, events: int) -> None:
    for number in range(customers):
        shop.customer(f"u{number}", name=f"Person {number}", **{f"Attribute {number}": number})
    for number in range(events):
        shop.event(f"Event {number % 5}", 1_700_000_000_000 + number, "u0", **{f"Attribute {number % 7}": number})


def _count(shop: Shop, browser: FlaskClient, path: str) -> int:
    browser.get(path)  # the first one may have to note that the visitor was seen
    with _queries(shop.database) as queries:
        assert browser.get(path).status_code == 200
    return len([one for one in queries if one.startswith(("SELECT", "INSERT", "UPDATE", "DELETE", "WITH"))])


@pytest.mark.parametrize(
    ("path", "number"),
    [
        ("/customers", 12),
        ("/customers?status=registered", 10),
        ("/customers?where=Attribute+0+!=+-1&where=did+not+Purchased&column=attribute:Attribute+0", 21),
        ("/customers?q=person", 6),
        ("profile", 28),
    ],
)
def test_page_costs_the_same_number_of_queries_however_much_there_is(
    shop: Shop, alice: FlaskClient, path: str, number: int
) -> None:
    _fill(shop, customers=2, events=2)
    target = shop.profile_path("u0") if path == "profile" else path
    assert _count(shop, alice, target) == number
    _fill(shop, customers=12, events=40)
    assert _count(shop, alice, target) == number
