"""Signing in by OpenID Connect: who is let in, by what, and everything that lets nobody in."""

import base64
import hmac
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from click.testing import CliRunner
from flask import Flask, redirect
from flask.testing import FlaskClient
from joserfc import jwt
from sqlalchemy import select
from werkzeug.test import TestResponse

from tests import openid as providers
from tests.conftest import settings_for
from tests.openid import CLIENT_SECRET, DISCOVERY, Claims, Person, Provider
from tests.world import PASSWORD, Shop, rows, submit
from webapp import clock, create_app, doctor, invitations, openid, tokens, users, wire
from webapp import provider as provider_module
from webapp.cli import commands
from webapp.db import Database
from webapp.models import AuditEntry, LinkedAccount, Login, User

BEGIN = "/login/openid"


@pytest.fixture
def provider() -> Iterator[Provider]:
    """A provider that serves, at which Alice is signed in."""
    with providers.running() as found:
        yield found


@pytest.fixture
def more() -> dict[str, str]:
    """Further settings of the app."""
    return {}


@pytest.fixture
def app(database_url: str, provider: Provider, more: dict[str, str]) -> Iterator[Flask]:
    """The app, whose people sign in at the provider."""
    app = create_app(settings_for(database_url, **provider.settings, **more))
    yield app
    app.extensions["database"].engine.dispose()


def _come_back(browser: FlaskClient, provider: Provider, begin: str = BEGIN) -> TestResponse:
    """Go to the provider and come back."""
    return browser.get(provider.way_back(browser.get(begin).location))


def _is_signed_in(browser: FlaskClient) -> bool:
    return browser.get("/customers").status_code == 200


def _emails(browser: FlaskClient) -> str:
    return browser.get("/settings/account").get_data(as_text=True)


def _actions(database: Database) -> list[tuple[str, str, str]]:
    with database.read() as session:
        return [
            (one.action, one.actor, one.target) for one in session.scalars(select(AuditEntry).order_by(AuditEntry.id))
        ]


def _linked(database: Database) -> list[tuple[str, str | None]]:
    with database.read() as session:
        return [(one.subject, one.email) for one in session.scalars(select(LinkedAccount).order_by(LinkedAccount.id))]


def test_user_is_found_by_verified_email_and_linked(
    app: Flask, shop: Shop, alice: FlaskClient, provider: Provider
) -> None:
    browser = app.test_client()
    answer = _come_back(browser, provider)
    assert (answer.status_code, answer.location) == (302, "/customers")
    assert "signed in as alice@shop.example" in _emails(browser)
    assert _linked(shop.database) == [("subject of alice", "alice@shop.example")]
    assert _actions(shop.database)[-2:] == [
        ("user.linked", "alice@shop.example", "alice@shop.example"),
        ("login.succeeded", "alice@shop.example", "alice@shop.example"),
    ]
    with shop.database.read() as session:
        noted = session.scalars(select(AuditEntry).order_by(AuditEntry.id.desc()).limit(2)).all()
    assert [orjson.loads(one.details) for one in noted] == [{"by": "openid"}, {"issuer": provider.issuer}]
    assert {one.workspace_id for one in noted} == {shop.workspace.id}
    assert {one.address for one in noted} == {"127.0.0.1"}


def test_linked_user_is_known_by_the_subject_whatever_becomes_of_the_email(
    app: Flask, shop: Shop, alice: FlaskClient, bob: FlaskClient, provider: Provider
) -> None:
    assert _come_back(app.test_client(), provider).location == "/customers"
    for email, is_verified in (("alice@married.example", True), ("bob@shop.example", True), (None, None)):
        provider.person = Person("subject of alice", email, is_verified)
        browser = app.test_client()
        assert _come_back(browser, provider).status_code == 302
        assert "signed in as alice@shop.example" in _emails(browser)
    assert rows(shop.database, LinkedAccount) == 1


@pytest.mark.parametrize("email", ["ALICE@Shop.Example", "alice@shop.example"])
def test_email_is_compared_without_regard_to_case(
    app: Flask, alice: FlaskClient, provider: Provider, email: str
) -> None:
    provider.person.email = email
    assert _come_back(app.test_client(), provider).location == "/customers"


# Folded, or trimmed, these would be those of Mike and of a Strasse.
@pytest.mark.parametrize(
    "email", ["mi\u212ae@shop.example", "stra\u00dfe@shop.example", " mike@shop.example", "mike@shop.example\0"]
)
def test_email_that_only_looks_like_another_is_another(shop: Shop, provider: Provider, email: str) -> None:
    with shop.database.write() as session:
        for known in ("mike@shop.example", "strasse@shop.example"):
            users.create(session, users.credentials(known, PASSWORD), shop.workspace.id, "admin")
    provider.person.email = email
    answer = _come_back(shop.app.test_client(), provider)
    assert answer.status_code == 403
    assert _linked(shop.database) == []


@pytest.mark.parametrize("is_verified", [False, None, "true", 1, "True", [True]])
def test_unverified_email_finds_nobody(
    app: Flask, shop: Shop, alice: FlaskClient, provider: Provider, is_verified: Any
) -> None:
    provider.person.is_verified = is_verified
    browser = app.test_client()
    answer = _come_back(browser, provider)
    assert answer.status_code == 403
    assert "Acme hasn’t verified that alice@shop.example is yours" in answer.get_data(as_text=True)
    assert not _is_signed_in(browser)
    assert _linked(shop.database) == []


@pytest.mark.parametrize(
    "email", [None, "", "alice", 7, ["alice@shop.example"], "a" * 300 + "@shop.example", "a b@c.example"]
)
def test_without_an_email_nobody_is_found(app: Flask, alice: FlaskClient, provider: Provider, email: Any) -> None:
    provider.person.email = email
    answer = _come_back(app.test_client(), provider)
    assert answer.status_code == 403
    assert "doesn’t say which e-mail is yours" in answer.get_data(as_text=True)


def test_stranger_is_told_to_ask_for_an_invitation(
    app: Flask, shop: Shop, alice: FlaskClient, provider: Provider, caplog: pytest.LogCaptureFixture
) -> None:
    provider.person = Person("somebody", "some&body@shop.example")
    browser = app.test_client()
    answer = _come_back(browser, provider)
    page = answer.get_data(as_text=True)
    assert answer.status_code == 403
    assert "There is no account for some&amp;body@shop.example here. Ask an administrator for an invitation." in page
    assert "/login/openid?next=/customers&amp;choose=1" in page
    assert not _is_signed_in(browser)
    assert rows(shop.database, User) == 1
    (logged,) = (one for one in caplog.records if one.name == "webapp.pages.openid")
    assert vars(logged)["fields"] == {"reason": "no account"}
    assert "body@" not in caplog.text.partition("nobody signed in")[2]
    assert "prompt=select_account" in browser.get(f"{BEGIN}?choose=1").location


def test_email_that_has_passed_to_somebody_else_does_not_let_them_in(
    app: Flask, shop: Shop, alice: FlaskClient, provider: Provider
) -> None:
    _come_back(app.test_client(), provider)
    provider.person = Person("subject of another alice", "alice@shop.example")
    browser = app.test_client()
    answer = _come_back(browser, provider)
    assert answer.status_code == 403
    assert "is linked with another one of Acme" in answer.get_data(as_text=True)
    assert not _is_signed_in(browser)
    assert _linked(shop.database) == [("subject of alice", "alice@shop.example")]


def test_two_tabs_link_once(app: Flask, shop: Shop, alice: FlaskClient, provider: Provider) -> None:
    tabs = [app.test_client() for _ in range(4)]
    ways = [provider.way_back(tab.get(BEGIN).location) for tab in tabs]
    answers: list[TestResponse] = []
    threads = [
        threading.Thread(target=lambda tab=tab, way=way: answers.append(tab.get(way)))
        for tab, way in zip(tabs, ways, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [one.location for one in answers] == ["/customers"] * 4
    assert rows(shop.database, LinkedAccount) == 1
    assert [one for one in _actions(shop.database) if one[0] == "user.linked"] == [
        ("user.linked", "alice@shop.example", "alice@shop.example")
    ]


# Invitations


def _invitation(shop: Shop) -> str:
    with shop.database.write() as session:
        return invitations.invite(session, shop.workspace.id, "viewer")


def test_invitation_is_accepted_without_a_password(shop: Shop, provider: Provider) -> None:
    token = _invitation(shop)
    browser = shop.app.test_client()
    page = browser.get(f"/invitations/{token}").get_data(as_text=True)
    link = f"{BEGIN}?invitation={token}&next=/invitations/{token}"
    assert link.replace("&", "&amp;") in page
    provider.person = Person("new", "New@shop.example")
    assert _come_back(browser, provider, link).location == "/customers"
    assert "signed in as new@shop.example, viewer of" in _emails(browser)
    for password in ("", "a password that it hasn't"):
        refused = submit(shop.app.test_client(), "/login", email="new@shop.example", password=password)
        assert refused.status_code == 422
    again = shop.app.test_client()
    assert _come_back(again, provider).location == "/customers"
    assert again.get(f"/invitations/{token}").status_code == 404


def test_invitation_does_not_help_who_is_not_verified(shop: Shop, provider: Provider) -> None:
    provider.person = Person("new", "new@shop.example", is_verified=False)
    token = _invitation(shop)
    assert _come_back(shop.app.test_client(), provider, f"{BEGIN}?invitation={token}").status_code == 403
    assert rows(shop.database, User) == 0
    assert shop.app.test_client().get(f"/invitations/{token}").status_code == 200


@pytest.mark.parametrize("token", ["of nobody", "", "\0", "x" * 3000])
def test_invitation_that_is_none_makes_no_account(shop: Shop, provider: Provider, token: str) -> None:
    provider.person = Person("new", "new@shop.example")
    browser = shop.app.test_client()
    answer = browser.get(BEGIN, query_string={"invitation": token})
    assert browser.get(provider.way_back(answer.location)).status_code == 403
    assert rows(shop.database, User) == 0


def test_invited_user_who_has_an_account_comes_to_the_invitation(
    app: Flask, shop: Shop, alice: FlaskClient, provider: Provider
) -> None:
    token = _invitation(shop)
    answer = _come_back(app.test_client(), provider, f"{BEGIN}?invitation={token}&next=/invitations/{token}")
    assert answer.location == f"/invitations/{token}"
    assert rows(shop.database, User) == 1


# What comes back with the browser


def test_page_asked_for_is_where_it_leads(app: Flask, alice: FlaskClient, provider: Provider) -> None:
    browser = app.test_client()
    login = browser.get("/customers?q=rao").location
    assert f'href="{BEGIN}?next=/customers?q%3Drao"' in browser.get(login).get_data(as_text=True)
    assert _come_back(browser, provider, f"{BEGIN}?next=/customers?q%3Drao").location == "/customers?q=rao"
    assert browser.get(f"{BEGIN}?next=/activity").location == "/activity"


@pytest.mark.parametrize(
    "target",
    [
        "//evil.example/",
        "https://evil.example/",
        "/\\evil.example",
        "javascript:alert(1)",
        "/\r\nX: y",
        "//[",
        "/login",
        "/" + "x" * 600,
    ],
)
def test_login_never_leads_to_another_site(app: Flask, alice: FlaskClient, provider: Provider, target: str) -> None:
    browser = app.test_client()
    answer = browser.get(BEGIN, query_string={"next": target})
    assert browser.get(provider.way_back(answer.location)).location == "/customers"


def _ends_nowhere(answer: TestResponse, words: str = "This sign-in has ended") -> None:
    assert answer.status_code == 400
    assert words in answer.get_data(as_text=True)


def test_callback_in_a_browser_that_did_not_begin_it_signs_nobody_in(
    app: Flask, alice: FlaskClient, provider: Provider
) -> None:
    attacker, victim = app.test_client(), app.test_client()
    way = provider.way_back(attacker.get(BEGIN).location)
    _ends_nowhere(victim.get(way))
    victim.get(BEGIN)  # nor where the victim has begun one too
    _ends_nowhere(victim.get(way))
    assert not _is_signed_in(victim)
    assert provider.asked["/token"] == 0
    assert attacker.get(way).location == "/customers"


def test_code_of_another_sign_in_is_refused(app: Flask, alice: FlaskClient, provider: Provider) -> None:
    attacker, victim = app.test_client(), app.test_client()
    code = provider.way_back(attacker.get(BEGIN).location).partition("code=")[2].partition("&")[0]
    own = provider.way_back(victim.get(BEGIN).location)
    mixed = own.replace(own.partition("code=")[2].partition("&")[0], code)
    _ends_nowhere(victim.get(mixed), "doesn’t prove who you are")
    assert not _is_signed_in(victim)


def test_callback_works_once(app: Flask, alice: FlaskClient, provider: Provider) -> None:
    browser = app.test_client()
    way = provider.way_back(browser.get(BEGIN).location)
    begun = browser.get_cookie("customer_profiles")
    assert begun is not None
    assert browser.get(way).location == "/customers"
    _ends_nowhere(browser.get(way))
    thief = app.test_client()
    thief.set_cookie("customer_profiles", begun.value)  # not even with the cookie of before
    _ends_nowhere(thief.get(way), "doesn’t prove who you are")
    assert not _is_signed_in(thief)


@pytest.mark.parametrize(
    "query", ["", "?code=x", "?state=", "?state=x&code=x", "?state=%00&code=%ff", "?error=access_denied"]
)
def test_callback_that_nobody_asked_for_says_so(app: Flask, query: str) -> None:
    _ends_nowhere(app.test_client().get(f"{BEGIN}/callback{query}"))


def test_errand_ends_after_a_while(
    app: Flask, alice: FlaskClient, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = app.test_client()
    way = provider.way_back(browser.get(BEGIN).location)
    later = clock.now() + 15 * clock.MINUTE
    monkeypatch.setattr(clock, "now", lambda: later)
    _ends_nowhere(browser.get(way))


def test_tabs_do_not_mix(app: Flask, alice: FlaskClient, bob: FlaskClient, provider: Provider) -> None:
    browser = app.test_client()
    first = provider.way_back(browser.get(f"{BEGIN}?next=/activity").location)
    provider.person = Person("subject of bob", "bob@shop.example")
    second = provider.way_back(browser.get(f"{BEGIN}?next=/data").location)
    assert browser.get(second).location == "/data"
    _ends_nowhere(browser.get(first))  # which is over with the login
    assert "signed in as bob@shop.example" in _emails(browser)


def test_each_of_three_tabs_may_come_back_first(app: Flask, alice: FlaskClient, provider: Provider) -> None:
    for place in range(3):
        browser = app.test_client()
        ways = [provider.way_back(browser.get(f"{BEGIN}?next=/help/keyboard?{tab}").location) for tab in range(3)]
        assert browser.get(ways[place]).location == f"/help/keyboard?{place}"


def test_cookie_stays_small_however_often_it_begins(app: Flask) -> None:
    browser = app.test_client()
    for number in range(10):
        odd = "".join(chr(0x4E00 + 97 * number + place) for place in range(400 if number % 2 else 50))
        browser.get(BEGIN, query_string={"next": f"/customers?q={odd}", "invitation": "x" * 10_000})
        cookie = browser.get_cookie("customer_profiles")
        assert cookie is not None
        assert len(cookie.value) < 4000


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_another_site_does_not_sign_anybody_in(app: Flask, provider: Provider, site: str) -> None:
    answer = app.test_client().get(f"{BEGIN}?next=/activity", headers={"Sec-Fetch-Site": site})
    assert answer.location == "/login?next=/activity"
    assert provider.asked.total() == 0


def test_provider_that_refuses_is_told(app: Flask, provider: Provider) -> None:
    browser = app.test_client()
    state = browser.get(BEGIN).location.partition("state=")[2].partition("&")[0]
    _ends_nowhere(browser.get(f"{BEGIN}/callback?error=access_denied&state={state}"), "it was cancelled")
    _ends_nowhere(browser.get(f"{BEGIN}/callback?error=access_denied&state={state}"))
    state = browser.get(BEGIN).location.partition("state=")[2].partition("&")[0]
    answer = browser.get(f"{BEGIN}/callback?error=<b>&error_description=<script>&state={state}")
    _ends_nowhere(answer, "doesn’t prove who you are")
    assert "<script>" not in answer.get_data(as_text=True)


def test_answer_of_another_provider_is_refused(app: Flask, alice: FlaskClient, provider: Provider) -> None:
    browser = app.test_client()
    way = provider.way_back(browser.get(BEGIN).location)
    _ends_nowhere(browser.get(f"{way.partition('&iss=')[0]}&iss=https://evil.example"), "doesn’t prove who you are")
    assert provider.asked["/token"] == 0


# What the provider signs


def _encoded(*parts: bytes) -> str:
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)


def _unsigned(_: Provider, claims: Claims) -> str:
    return _encoded(orjson.dumps({"alg": "none", "kid": "first"}), orjson.dumps(claims), b"")


def _shared(secret: bytes, **header: str) -> Callable[[Provider, Claims], str]:
    def sign(_: Provider, claims: Claims) -> str:
        signed = _encoded(orjson.dumps({"alg": "HS256"} | header), orjson.dumps(claims))
        return f"{signed}.{_encoded(hmac.digest(secret, signed.encode(), 'sha256'))}"

    return sign


def _by_another_key(_: Provider, claims: Claims) -> str:
    return jwt.encode({"alg": "RS256", "kid": "first"}, claims, providers.key("of somebody else"))


def _with_own_key(_: Provider, claims: Claims) -> str:
    own = providers.key("of somebody else")
    return jwt.encode({"alg": "RS256", "kid": own.kid, "jwk": own.as_dict(private=False)}, claims, own)


def _changed(provider: Provider, claims: Claims) -> str:
    head, _, signature = provider.signed(claims).split(".")
    return f"{head}.{_unsigned(provider, claims | {'sub': 'subject of bob'}).split('.')[1]}.{signature}"


def _as_it_is(value: Any) -> Callable[[Provider, Claims], Any]:
    return lambda _, __: value


NOW = int(time.time())
WRONG_CLAIMS: dict[str, Claims] = {
    "another nonce": {"nonce": "another"},
    "no nonce": {"nonce": None},
    "a nonce that is a list": {"nonce": ["x"]},
    "another audience": {"aud": "another client"},
    "audiences without us": {"aud": ["one", "two"]},
    "audiences with us, for another": {"aud": ["profiles", "other"], "azp": "other"},
    "audiences with us, for nobody": {"aud": ["profiles", "other"]},
    "no audience": {"aud": None},
    "another issuer": {"iss": "https://evil.example"},
    "no issuer": {"iss": None},
    "expired": {"exp": NOW - 120},
    "never expiring": {"exp": None},
    "expiring in words": {"exp": "tomorrow"},
    "of the future": {"iat": NOW + 3600},
    "not yet": {"nbf": NOW + 3600},
    "no subject": {"sub": None},
    "an empty subject": {"sub": ""},
    "a subject that is a number": {"sub": 7},
    "a long subject": {"sub": "x" * 256},
    "a subject with a NUL": {"sub": "subject of alice\0"},
    "another access token": {"at_hash": "c29tZXRoaW5n"},
}
WRONG_TOKENS: dict[str, Callable[[Provider, Claims], Any]] = {
    "alg none": _unsigned,
    "signed with the client's secret": _shared(CLIENT_SECRET.encode() * 2),
    "signed with the public key as a secret": _shared(providers.key("first").as_pem(private=False), kid="first"),
    "signed with a shared key that is published": _shared(b"secret", kid="shared"),
    "signed by another key": _by_another_key,
    "signed by a key that it brings along": _with_own_key,
    "changed after it was signed": _changed,
    "none": _as_it_is(None),
    "a number": _as_it_is(7),
    "an object": _as_it_is({"sub": "subject of alice"}),
    "words": _as_it_is("a token"),
    "dots": _as_it_is("..."),
    "nested": _as_it_is(f"{base64.urlsafe_b64encode(b'[' * 300).decode()}.e30.e30"),
    "nested within": _as_it_is(f"eyJhbGciOiJSUzI1NiJ9.{base64.urlsafe_b64encode(b'[' * 90_000).decode()}.e30"),
    "long": _as_it_is("x" * 400_000),
    "not ASCII": _as_it_is("é.é.é"),
}


def _proves_nothing(shop: Shop, provider: Provider) -> None:
    browser = shop.app.test_client()
    _ends_nowhere(_come_back(browser, provider), "What came from Acme doesn’t prove who you are")
    assert not _is_signed_in(browser)
    assert _linked(shop.database) == []
    assert rows(shop.database, Login) == 1  # Alice's own


@pytest.mark.parametrize("claims", WRONG_CLAIMS.values(), ids=WRONG_CLAIMS.keys())
def test_wrong_claims_prove_nothing(shop: Shop, alice: FlaskClient, provider: Provider, claims: Claims) -> None:
    provider.claims = claims
    _proves_nothing(shop, provider)


@pytest.mark.parametrize("sign", WRONG_TOKENS.values(), ids=WRONG_TOKENS.keys())
def test_wrong_tokens_prove_nothing(
    shop: Shop, alice: FlaskClient, provider: Provider, sign: Callable[[Provider, Claims], Any]
) -> None:
    provider.sign = lambda claims: sign(provider, claims)
    _proves_nothing(shop, provider)


def test_token_of_another_sign_in_proves_nothing(shop: Shop, alice: FlaskClient, provider: Provider) -> None:
    stolen: list[str] = []

    def sign(claims: Claims) -> str:
        stolen.append(provider.signed(claims))
        return stolen[0]

    provider.sign = sign
    assert _come_back(shop.app.test_client(), provider).location == "/customers"
    browser = shop.app.test_client()
    _ends_nowhere(_come_back(browser, provider), "doesn’t prove who you are")
    assert not _is_signed_in(browser)


def test_clocks_may_differ_a_little(app: Flask, alice: FlaskClient, provider: Provider) -> None:
    provider.claims = {"exp": int(time.time()) - 30, "iat": int(time.time()) + 30}
    assert _come_back(app.test_client(), provider).location == "/customers"


def test_our_audience_may_be_one_of_several(app: Flask, alice: FlaskClient, provider: Provider) -> None:
    provider.claims = {"aud": ["profiles", "other"], "azp": "profiles"}
    assert _come_back(app.test_client(), provider).location == "/customers"


# Keys and addresses


def test_addresses_and_keys_are_asked_for_once(app: Flask, alice: FlaskClient, provider: Provider) -> None:
    for _ in range(3):
        assert _come_back(app.test_client(), provider).location == "/customers"
    assert (provider.asked[DISCOVERY], provider.asked["/jwks"], provider.asked["/token"]) == (1, 1, 3)


def test_new_key_is_asked_for(
    app: Flask, alice: FlaskClient, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert _come_back(app.test_client(), provider).location == "/customers"
    monkeypatch.setattr(provider_module, "_PAUSE", 0)
    provider.kid, provider.published = "second", ["first", "second"]
    assert _come_back(app.test_client(), provider).location == "/customers"
    assert provider.asked["/jwks"] == 2


def test_unknown_keys_are_asked_for_seldom(app: Flask, alice: FlaskClient, provider: Provider) -> None:
    provider.kid = "second"
    for _ in range(5):
        _ends_nowhere(_come_back(app.test_client(), provider), "doesn’t prove who you are")
    assert provider.asked["/jwks"] == 1


def test_client_tells_its_secret_as_the_provider_wants(app: Flask, alice: FlaskClient, provider: Provider) -> None:
    provider.metadata = {"token_endpoint_auth_methods_supported": ["private_key_jwt", "client_secret_post"]}
    assert _come_back(app.test_client(), provider).location == "/customers"
    assert provider.authentication == ["post"]


def test_client_tells_its_secret_in_a_header_else(app: Flask, alice: FlaskClient, provider: Provider) -> None:
    assert _come_back(app.test_client(), provider).location == "/customers"
    assert provider.authentication == ["basic"]


# A provider in trouble


TROUBLED: dict[str, Callable[[], Any]] = {
    "fails": lambda: ("failed", 500),
    "is gone": lambda: ("", 404),
    "says something else": lambda: "<html>",
    "says a list": list,
    "says nothing": lambda: "",
    "is nested": lambda: "[" * 100_000,
    "is too large": lambda: f'{{"keys": [], "x": "{"x" * 600_000}"}}',
    "leads elsewhere": lambda: redirect("/elsewhere"),
    "drips": lambda: providers.slowly(0.1, 30),
    "hangs": lambda: providers.slowly(1, 1),
}
_PATIENCE = 0.5


@pytest.fixture
def _little_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "PATIENCE", _PATIENCE)


def _is_away(answer: TestResponse) -> None:
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "10")
    assert "Acme can’t be asked who you are at this moment" in answer.get_data(as_text=True)
    assert "Traceback" not in answer.get_data(as_text=True)


@pytest.mark.usefixtures("_little_patience")
@pytest.mark.parametrize("path", [DISCOVERY, "/token", "/jwks"])
@pytest.mark.parametrize("trouble", TROUBLED.values(), ids=TROUBLED.keys())
def test_provider_in_trouble_is_told_in_words(
    app: Flask,
    alice: FlaskClient,
    provider: Provider,
    path: str,
    trouble: Callable[[], Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    provider.answers[path] = trouble
    browser = app.test_client()
    began = time.monotonic()
    _is_away(browser.get(BEGIN) if path == DISCOVERY else _come_back(browser, provider))
    assert time.monotonic() - began < 3 * _PATIENCE + 15, "a provider that hangs holds nobody up for long"
    assert not _is_signed_in(browser)
    assert provider.asked["/elsewhere"] == 0
    provider.answers.clear()  # nothing is left of it
    monkeypatch.setattr(wire, "PATIENCE", 30)  # on a machine that is busy
    assert _come_back(browser, provider).location == "/customers"


def test_provider_that_is_down_is_told_in_words(app: Flask, alice: FlaskClient) -> None:
    browser = app.test_client()
    app.extensions["openid"].issuer = "http://127.0.0.1:9"
    _is_away(browser.get(BEGIN))
    assert _login_form(browser)


def _login_form(browser: FlaskClient) -> bool:
    return 'name="password"' in browser.get("/login").get_data(as_text=True)


@pytest.mark.parametrize(
    "metadata",
    [
        {"issuer": "https://evil.example"},
        {"issuer": None},
        {"token_endpoint": "http://evil.example/token"},
        {"token_endpoint": "file:///etc/passwd"},
        {"token_endpoint": None},
        {"jwks_uri": 7},
        {"jwks_uri": "https://[/"},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"authorization_endpoint": "https://evil.example\r\nSet-Cookie: x=y"},
        {"authorization_endpoint": "https://acme.example/authorize#here"},
        {"authorization_endpoint": "https://user:password@acme.example/authorize"},
    ],
)
def test_addresses_that_cannot_be_believed_are_not_gone_to(
    app: Flask, provider: Provider, metadata: dict[str, Any]
) -> None:
    provider.metadata = metadata
    _is_away(app.test_client().get(BEGIN))


@pytest.mark.parametrize("error", ["invalid_client", "unauthorized_client", {"a": 1}, "<b>", None, ""])
def test_provider_that_does_not_know_this_server_is_told_in_words(
    app: Flask, alice: FlaskClient, provider: Provider, error: Any
) -> None:
    provider.answers["/token"] = lambda: ({"error": error}, 401)
    _is_away(_come_back(app.test_client(), provider))


@pytest.mark.usefixtures("_little_patience")
def test_provider_that_hangs_holds_a_few_threads_at_most(
    app: Flask, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wire, "_TURN", 0.05)
    provider.answers[DISCOVERY] = TROUBLED["hangs"]
    answers: list[TestResponse] = []
    threads = [threading.Thread(target=lambda: answers.append(app.test_client().get(BEGIN))) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {one.status_code for one in answers} == {503}
    assert all(one.headers["Retry-After"] for one in answers)
    assert sum("Many people are signing in" in one.get_data(as_text=True) for one in answers) == 12
    assert provider.asked[DISCOVERY] == 8


# Accounts that are linked


def _removal(shop: Shop) -> str:
    with shop.database.read() as session:
        return f"/settings/account/linked/{session.scalars(select(LinkedAccount.id)).one()}/removal"


def test_linked_account_is_shown_and_unlinked(app: Flask, shop: Shop, alice: FlaskClient, provider: Provider) -> None:
    assert "Not linked yet. Sign in with Acme once" in _emails(alice)
    _come_back(app.test_client(), provider)
    page = _emails(alice)
    assert "<strong>alice@shop.example</strong>" in page
    assert provider.issuer in page
    assert submit(alice, _removal(shop), form_on="/settings/account").location == "/settings/account"
    assert "Unlinked, and all other browsers are signed out." in _emails(alice)
    assert _linked(shop.database) == []
    assert _actions(shop.database)[-1] == ("user.unlinked", "alice@shop.example", "alice@shop.example")


def test_linked_account_of_somebody_else_is_not_there(
    app: Flask, shop: Shop, alice: FlaskClient, bob: FlaskClient, provider: Provider
) -> None:
    _come_back(app.test_client(), provider)
    assert submit(bob, _removal(shop), form_on="/settings/account").status_code == 404
    assert (
        submit(bob, "/settings/account/linked/99999999999999999999/removal", form_on="/settings/account").status_code
        == 404
    )
    assert "<strong>alice@shop.example</strong>" not in _emails(bob)
    assert rows(shop.database, LinkedAccount) == 1


def test_console_unlinks(
    app: Flask, shop: Shop, alice: FlaskClient, provider: Provider, monkeypatch: pytest.MonkeyPatch, database_url: str
) -> None:
    _come_back(app.test_client(), provider)
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("SECRET_KEY", "a secret for tests only")
    command = ["user", "unlink", "--email", "Alice@shop.example"]
    assert CliRunner().invoke(commands, command).output == "Alice@shop.example is not linked any more.\n"
    assert _linked(shop.database) == []
    assert _actions(shop.database)[-1] == ("user.unlinked", "console", "alice@shop.example")
    assert "there is no linked account" in CliRunner().invoke(commands, command).output


def test_only_way_in_is_not_taken_away(shop: Shop, provider: Provider) -> None:
    provider.person = Person("new", "new@shop.example")
    browser = shop.app.test_client()
    _come_back(browser, provider, f"{BEGIN}?invitation={_invitation(shop)}")
    submit(browser, _removal(shop), form_on="/settings/account")
    assert "nothing else would be left for you to sign in with" in _emails(browser)
    assert rows(shop.database, LinkedAccount) == 1


# Without passwords


class TestOnly:
    """With OPENID_ONLY."""

    @pytest.fixture
    def more(self) -> dict[str, str]:
        """Further settings of the app."""
        return {"openid_only": "1"}

    def _user(self, shop: Shop) -> None:
        with shop.database.write() as session:
            users.create(session, users.credentials("alice@shop.example", PASSWORD), shop.workspace.id, "admin")

    def test_passwords_sign_nobody_in(self, app: Flask, shop: Shop) -> None:
        self._user(shop)
        app.config["WTF_CSRF_ENABLED"] = False
        browser = app.test_client()
        assert not _login_form(browser)
        answer = browser.post("/login", data={"email": "alice@shop.example", "password": PASSWORD})
        assert answer.location == "/login?next=/customers"
        assert not _is_signed_in(browser)
        assert rows(shop.database, Login) == 0

    def test_provider_does(self, app: Flask, shop: Shop, provider: Provider) -> None:
        self._user(shop)
        browser = app.test_client()
        assert "Sign in with Acme" in browser.get("/login").get_data(as_text=True)
        assert _come_back(browser, provider).location == "/customers"

    def test_invitation_takes_no_password(self, app: Flask, shop: Shop) -> None:
        app.config["WTF_CSRF_ENABLED"] = False
        path = f"/invitations/{_invitation(shop)}"
        browser = app.test_client()
        page = browser.get(path).get_data(as_text=True)
        assert "Go on with Acme" in page
        assert 'type="password"' not in page
        assert browser.post(path, data={"email": "new@shop.example", "password": PASSWORD}).location == path
        assert rows(shop.database, User) == 0


# Addresses of our own


class TestPublicUrl:
    """With PUBLIC_URL."""

    @pytest.fixture
    def more(self) -> dict[str, str]:
        """Further settings of the app."""
        return {"public_url": "https://profiles.shop.example/"}

    def test_browser_comes_back_there(self, app: Flask) -> None:
        answer = app.test_client().get(BEGIN, base_url="https://profiles.shop.example:8443")
        assert "redirect_uri=https%3A%2F%2Fprofiles.shop.example%2Flogin%2Fopenid%2Fcallback" in answer.location

    def test_browser_that_is_elsewhere_begins_there(self, app: Flask) -> None:
        answer = app.test_client().get(f"{BEGIN}?next=/activity", base_url="http://10.0.0.1:8000")
        assert answer.location == "https://profiles.shop.example/login?next=/activity"


def test_browser_comes_back_to_where_it_was(app: Flask) -> None:
    answer = app.test_client().get(BEGIN, base_url="https://profiles.shop.example")
    assert "redirect_uri=https%3A%2F%2Fprofiles.shop.example%2Flogin%2Fopenid%2Fcallback" in answer.location


def test_without_a_provider_there_is_no_such_way_in(database_url: str) -> None:
    app = create_app(settings_for(database_url))
    browser = app.test_client()
    assert browser.get(BEGIN).location == "/login"
    assert browser.get(f"{BEGIN}/callback?code=x&state=y").location == "/login"
    assert "openid" not in browser.get("/login").get_data(as_text=True)
    app.extensions["database"].engine.dispose()


def test_nothing_secret_is_in_the_address_of_the_provider(app: Flask, provider: Provider) -> None:
    browser = app.test_client()
    there = browser.get(BEGIN).location
    cookie = browser.get_cookie("customer_profiles")
    assert cookie is not None
    with app.app_context():
        found = openid.provider()
    assert found is not None
    state = there.partition("state=")[2].partition("&")[0]
    assert len(state) == len(tokens.new())
    verifier = found._of(state, "verifier")
    assert verifier not in there
    assert verifier not in cookie.value
    assert CLIENT_SECRET not in there


@pytest.mark.parametrize("host", ["[", "[::1]:x", "a b", "a:b:c", "\xff", "evil.example/x", ""])
def test_host_that_is_none_fails_nothing(app: Flask, host: str) -> None:
    assert app.test_client().get(BEGIN, headers={"Host": host}).status_code < 500


def test_doctor_asks_the_provider(provider: Provider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name, value in (provider.settings | {"database_url": f"sqlite:///{tmp_path}/none.sqlite3"}).items():
        monkeypatch.setenv(name.upper(), value)
    assert doctor.Finding(True, f"OpenID Connect: {provider.issuer} answers") in doctor.examine()
    provider.metadata = {"issuer": "https://evil.example"}
    words = f"OpenID Connect: {provider.issuer} can't be used: another issuer"
    assert doctor.Finding(False, words) in doctor.examine()
