"""Whatever people change is in the audit log, and no secret ever comes in there."""

import ast
import re
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

import webapp
from tests import audited
from tests.audited import ELSEWHERE, EMAIL, FORMS, MOBILE, NAME, SILENT
from tests.world import PASSWORD, Shop
from webapp import pages, tokens
from webapp.audit import ACTIONS
from webapp.models import Workspace


def test_every_form_is_listed(app: Flask) -> None:
    doors = {door.name for door, _ in pages.DOORS}
    rules = [rule for rule in app.url_map.iter_rules() if rule.endpoint.partition(".")[0] in doors]
    forms = {rule.endpoint for rule in rules if "POST" in (rule.methods or ())}
    missing = forms - {*FORMS, *ELSEWHERE, *SILENT}
    assert not missing, f"tests/audited.py lacks what these are and what they leave in the audit log: {missing}"
    assert {*FORMS, *ELSEWHERE, *SILENT} == forms


def test_what_is_shown_elsewhere_is_looked_at_there() -> None:
    for action, name in ELSEWHERE.values():
        assert f'"{action}"' in (Path(__file__).parents[1] / f"{name}.py").read_text(), (action, name)


def test_every_form_that_succeeds_is_noted(shop: Shop, alice: FlaskClient) -> None:
    audited.fill(shop)
    for endpoint, form in FORMS.items():
        before = len(audited.noted(shop))
        audited.send(shop, alice, form)
        fresh = audited.noted(shop)[before:]
        assert form.action in {one.action for one in fresh}, endpoint
        (its, *_) = (one for one in fresh if one.action == form.action)
        actor = audited.GUEST if endpoint == "joining.accept" else "alice@shop.example"
        assert (its.workspace_id, its.actor, its.address) == (shop.workspace.id, actor, "127.0.0.1"), endpoint
        assert {one.action for one in fresh} <= set(ACTIONS)


def _noted_in_code(app: Flask) -> dict[str, str]:
    """What looks like an action in the files that note something, each with its file."""
    endpoints = {rule.endpoint for rule in app.url_map.iter_rules()}
    sources = {str(path): path.read_text() for path in Path(webapp.__file__).parent.rglob("*.py")}
    return {
        node.value: name
        for name, source in sources.items()
        if "audit.note" in source
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        if re.fullmatch(r"[a-z_]+\.[a-z_]{3,}", node.value) and not node.value.endswith((".html", ".php"))
        if node.value not in endpoints and not node.value.startswith("wsgi.")
    }


def test_every_action_is_known_and_noted_somewhere(app: Flask) -> None:
    found = _noted_in_code(app)
    unknown = {name: file for name, file in found.items() if name not in ACTIONS}
    assert not unknown, f"webapp/audit.py has no words for {unknown}"
    assert set(ACTIONS) <= set(found), "nobody notes these"


def test_nothing_that_is_noted_is_a_secret_or_of_a_customer(
    shop: Shop, alice: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, new = [shop.key.rpartition("_")[2]], tokens.new  # of keys, links and cookies

    def noted() -> str:
        made.append(new())
        return made[-1]

    monkeypatch.setattr(tokens, "new", noted)
    audited.fill(shop)
    with alice.session_transaction() as cookie:
        made.append(cookie["_user_id"])
    assert alice.get("/customers/export.csv", query_string={"where": f"email = {EMAIL}"}).status_code == 200
    for form in FORMS.values():
        audited.send(shop, alice, form)
    with shop.database.read() as session:
        secret = session.get_one(Workspace, shop.workspace.id).login_secret
        rows = [str(tuple(row)) for row in session.execute(text("SELECT * FROM audit"))]
    assert secret
    assert len(made) > 5
    planted = (EMAIL, MOBILE, NAME, PASSWORD, audited.NEW_PASSWORD, audited.NOTE, audited.DESCRIPTION, "argon2")
    for word in (*planted, *made, secret):
        assert not [row for row in rows if word in row], word
