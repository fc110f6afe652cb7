"""Every route stands behind a guard, and nobody gets further than they may."""

import re
from collections.abc import Iterator

import pytest
from flask import Flask, Response
from flask.testing import FlaskClient
from sqlalchemy import delete
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from tests.world import PASSWORD, SMALLEST, Shop, submit
from webapp import api, pages, users
from webapp.models import ROLES, Membership
from webapp.pages import guards

# Routes that anybody may reach. Everything else must turn a stranger away.
OPEN = {
    "healthz",
    "readyz",
    "static",
    "sdk",
    "sdk_version",
    "login.home",
    "login.form",
    "login.sign_in",
    "login.sign_out",
    "joining.invitation",
    "joining.accept",
    "joining.join",
    "resetting.forgotten",
    "resetting.ask",
    "resetting.show",
    "resetting.use",
    "login.code",
    "login.check_code",
    "openid.begin",
    "openid.callback",
    "docs.document",
    "docs.show",
}
# What an operator's own tools read, with a token or on the same machine: tests/test_metrics.py.
OPERATOR = {"metrics"}
ADMIN = {
    "settings.home",
    "settings.workspace",
    "settings.change_workspace",
    "exporting.export",
    "api_keys.index",
    "api_keys.create",
    "api_keys.show",
    "api_keys.rotate",
    "api_keys.limit",
    "api_keys.revoke",
    "website.show",
    "website.change_origins",
    "website.allow_origin",
    "website.create_key",
    "website.change_signing",
    "website.replace_secret",
    "website.show_secret",
    "audit.show",
    "audit.export",
    "retyping.change",
    "retyping.take_back",
    "members.show",
    "members.invite",
    "members.take_back",
    "members.change_role",
    "members.remove",
    "members.reset",
    "erasures.confirm",
    "erasures.archive",
    "erasures.erase",
    "erasures.index",
    "erasures.erase_known",
    "erasures.choose_returning",
    "erasures.show",
    "erasures.download",
    "founding.form",  # of any workspace
    "founding.create",
}
MEMBER = {
    "overview.names",
    "overview.show",
    "people.index",
    "feed.show",
    "palette.show",
    "people.typed",
    "people.export",
    "profile.show",
    "profile.event",
    "profile.history",
    "keyboard.show",
    "reference.index",
    "reference.endpoint",
    "reference.try_it",
    "profile.value",
    "revealing.reveal",
    "account.show",
    "refused.index",
    "refused.show",
    "account.change_password",
    "account.end_login",
    "account.end_other_logins",
    "account.leave",
    "workspaces.enter",
    "second_factor.show",
    "second_factor.begin",
    "second_factor.switch_on",
    "second_factor.renew_codes",
    "second_factor.switch_off",
    "linking.unlink",
    "data.attributes",
    "data.events",
    "data.attribute",
    "data.event",
}
EDITOR = {"merging.choose", "merging.merge", "merging.undo", "merging.redo", "merging.resume"}
EDITOR |= {"describing.describe", "describing.hide"}
EDITOR |= {"saving.create", "saving.rename", "saving.replace", "saving.delete"}
EDITOR |= {"pinning.pin", "pinning.unpin"}
EDITOR |= {"noting.add", "noting.change", "noting.remove", "noting.tag", "noting.untag"}
EDITOR |= {"handing.export"}
EDITOR |= {"replaying.rehearse", "replaying.send_again", "replaying.dismiss"}
EDITOR |= {"imports.index", "imports.new", "imports.show", "imports.failed"}
EDITOR |= {"importing.upload", "importing.start", "importing.cancel"}
ADMIN |= {"privacy.show", "privacy.change_addresses", "privacy.change_retention"}
MACHINE = {f"api.{path[1:]}" for path in (*SMALLEST, "/api/v1/batch", "/api/v1/browser")}
READER = {"api.api/v1/key"}  # machines that ask, by GET
READER |= {"api.api/v1/erasures/<erasure_id>", "api.api/v1/customers/<growlytics_id>/export"}
READER |= {f"api.api/v1/{noun}" for noun in ("customer", "customers", "segments", "attributes", "events")}
READER |= {f"api.api/v1/customers/<growlytics_id>{part}" for part in ("", "/events")}
# Machines that do something with a person, by POST; each by a view of its own.
ACTOR = {"api.api/v1/erasures"} | {f"api.api/v1/customers/<growlytics_id>/{what}" for what in ("archive", "erase")}
NO_KEY = b"{}"  # browsers have theirs in the body


def _requests(app: Flask, endpoints: set[str]) -> Iterator[tuple[str, str]]:
    for rule in app.url_map.iter_rules():
        if rule.endpoint in endpoints:
            for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
                yield method, _path(rule)


def _path(rule: Rule) -> str:
    return re.sub(r"<[^>]+>", "1", rule.rule)


def test_every_route_is_listed_here(app: Flask) -> None:
    assert {rule.endpoint for rule in app.url_map.iter_rules()} == (
        OPEN | OPERATOR | ADMIN | EDITOR | MEMBER | MACHINE | ACTOR | READER
    )


def test_every_door_is_hung_with_its_guards(app: Flask) -> None:
    expected = {blueprint.name: [guards.same_site, guard] for blueprint, guard in pages.DOORS}
    hung = {name: list(before) for name, before in app.before_request_funcs.items() if name is not None}
    assert hung == expected
    assert set(app.blueprints) == set(expected)


def test_stranger_is_sent_to_the_login(app: Flask) -> None:
    stranger = app.test_client()
    for method, path in _requests(app, MEMBER | EDITOR | ADMIN):
        answer = stranger.open(path, method=method)
        if method == "GET":
            assert (answer.status_code, answer.location.partition("?")[0]) == (302, "/login"), path
        else:
            assert answer.status_code == 400, f"{path}: a form without a token"


def test_viewer_does_not_get_what_is_for_administrators_and_editors(app: Flask, bob: FlaskClient) -> None:
    app.config["WTF_CSRF_ENABLED"] = False  # to see the guard itself, not the token, refuse
    for method, path in _requests(app, ADMIN | EDITOR):
        assert bob.open(path, method=method).status_code == 403, path


VISITORS = {
    "nobody": OPEN,
    "viewer": OPEN | MEMBER,
    "editor": OPEN | MEMBER | EDITOR,
    "admin": OPEN | MEMBER | EDITOR | ADMIN,
    "stranger": OPEN,  # signed in, and a member of no workspace any more
}


# Who signs out goes to the login, and so does whoever has not begun to sign in.
_TO_LOGIN = {
    "login.sign_out", "login.code", "login.check_code", "openid.begin", "openid.callback", "joining.join",
}  # fmt: skip


@pytest.mark.parametrize("visitor", VISITORS)
def test_every_visitor_gets_as_far_as_they_may_and_no_further(app: Flask, shop: Shop, visitor: str) -> None:
    app.config["WTF_CSRF_ENABLED"] = False
    browser = app.test_client()
    if visitor != "nobody":
        with shop.database.write() as session:
            role = visitor if visitor in ROLES else "viewer"
            users.create(session, users.credentials("dora@shop.example", PASSWORD), shop.workspace.id, role)
        assert submit(browser, "/login", email="dora@shop.example", password=PASSWORD).status_code == 302
    if visitor == "stranger":
        with shop.database.write() as session:
            session.execute(delete(Membership))
    cookie = browser.get_cookie("customer_profiles")
    got_in = set()
    for endpoint in (OPEN | MEMBER | EDITOR | ADMIN) - _TO_LOGIN:
        for method, path in _requests(app, {endpoint}):
            fresh = app.test_client()
            if cookie is not None:
                fresh.set_cookie("customer_profiles", cookie.value)
            if _passes(fresh.open(path, method=method)):
                got_in.add(endpoint)
    assert got_in == VISITORS[visitor] - _TO_LOGIN


def _passes(answer: TestResponse) -> bool:
    return answer.status_code != 403 and (answer.location or "").partition("?")[0] != "/login"


def test_machine_without_a_key_gets_the_one_401(app: Flask) -> None:
    for method, path in _requests(app, MACHINE | ACTOR | READER):
        answer = app.test_client().open(path, method=method, data=NO_KEY)
        assert answer.status_code == 401, path
        assert answer.json is not None
        assert answer.json["type"] == "AuthenticationError"


def test_people_are_no_machines(app: Flask, alice: FlaskClient) -> None:
    for method, path in _requests(app, MACHINE | ACTOR | READER):
        assert alice.open(path, method=method, data=NO_KEY).status_code == 401, path


def test_machine_door_asks_for_the_key_whichever_way_it_is_reached(app: Flask) -> None:
    with app.test_request_context():
        views = {app.view_functions[endpoint] for endpoint in MACHINE}
    (view,) = views
    for _, path in _requests(app, MACHINE):
        with app.test_request_context(path, method="POST", data=NO_KEY):
            answer = view()
            assert isinstance(answer, Response)
            assert answer.status_code == 401, path


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_form_from_another_site_is_refused(app: Flask, alice: FlaskClient, site: str) -> None:
    app.config["WTF_CSRF_ENABLED"] = False
    for method, path in _requests(app, OPEN | MEMBER | EDITOR | ADMIN):
        if method == "POST":
            assert alice.post(path, headers={"Sec-Fetch-Site": site}).status_code == 403, path


@pytest.mark.parametrize(
    ("origin", "is_refused"),
    [
        ("https://evil.example", True),
        ("http://localhost.evil.example", True),
        ("http://localhost:8001", True),
        ("http://evil.example/localhost", True),
        ("localhost", True),
        ("", True),
        ("http://localhost", False),
        ("null", False),
    ],
)
def test_browser_that_only_tells_the_origin_is_believed_too(
    app: Flask, alice: FlaskClient, origin: str, is_refused: bool
) -> None:
    # Of `null`, which our own forms have as well, the token decides: see below.
    app.config["WTF_CSRF_ENABLED"] = False
    for method, path in _requests(app, MEMBER | EDITOR | ADMIN):
        if method == "POST" and not path.startswith("/settings/account"):
            assert (alice.post(path, headers={"Origin": origin}).status_code == 403) == is_refused, path


def test_form_without_a_token_is_refused(app: Flask, alice: FlaskClient) -> None:
    for method, path in _requests(app, OPEN | MEMBER | EDITOR | ADMIN):
        if method == "POST":
            assert alice.post(path).status_code == 400, path
            for origin in ("null", "http://localhost"):
                told = {"csrf_token": "wrong"}
                assert alice.post(path, data=told, headers={"Origin": origin}).status_code == 400, path


def test_token_of_another_visitor_is_refused(app: Flask, alice: FlaskClient) -> None:
    token = re.search(r'name="csrf_token" value="([^"]+)"', app.test_client().get("/login").text)
    assert token is not None
    for method, path in _requests(app, MEMBER | EDITOR | ADMIN):
        if method == "POST":
            assert alice.post(path, data={"csrf_token": token[1]}).status_code == 400, path


def test_every_error_of_the_machine_door_has_the_one_shape(app: Flask, shop: Shop) -> None:
    machine = app.test_client()
    key = {"x-growlytics-key": shop.key}
    answers = [machine.post(f"{prefix}nowhere", headers=key) for prefix in api.PREFIXES]
    for method, path in _requests(app, MACHINE | ACTOR):
        answers += [
            machine.open(path, method=method),
            machine.open(path, method=method, headers=key),
            machine.open(path, method=method, headers=key, data=b"x" * 1_000_001),
            machine.get(path, headers=key),
            machine.delete(path),
        ]
    for _, path in _requests(app, READER):
        answers += [machine.get(path), machine.post(path, headers=key), machine.delete(path, headers=key)]
    for answer in answers:
        assert answer.status_code in {401, 404, 405, 413, 422}
        assert answer.content_type == "application/json"
        assert answer.json is not None
        assert set(answer.json) == {"type", "details"}
        assert answer.json["details"]
        for detail in answer.json["details"]:
            assert set(detail) == {"message", "path", "type", "context"}
