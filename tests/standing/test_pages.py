"""What holds for all pages: templates compile, headers, vendored files."""

import hashlib
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from webapp import assets, headers
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
        "/overview",
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
