"""Signing in and out, the one-time link, and what a login protects from."""

import re
from urllib.parse import urljoin, urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.world import PASSWORD, Shop, submit
from webapp import clock, invitations, users
from webapp.models import Login, User

EMAIL = "alice@shop.example"


def _sign_in(app: Flask, password: str = PASSWORD, **fields: str) -> tuple[FlaskClient, int, str]:
    browser = app.test_client()
    answer = submit(browser, "/login", email=EMAIL, password=password, **fields)
    return browser, answer.status_code, answer.location or answer.get_data(as_text=True)


def test_login_leads_to_the_customers(app: Flask, alice: FlaskClient) -> None:
    _, status, location = _sign_in(app)
    assert (status, location) == (302, "/customers")


def test_email_is_compared_without_regard_to_case(app: Flask, alice: FlaskClient) -> None:
    browser = app.test_client()
    assert submit(browser, "/login", email="ALICE@Shop.Example ", password=PASSWORD).status_code == 302


def test_login_leads_back_to_the_page_asked_for(app: Flask, alice: FlaskClient) -> None:
    browser = app.test_client()
    answer = browser.get("/customers?q=rao")
    assert answer.location == "/login?next=/customers?q%3Drao"
    answer = submit(browser, "/login", form_on=answer.location, email=EMAIL, password=PASSWORD, next="/customers?q=rao")
    assert answer.location == "/customers?q=rao"


@pytest.mark.parametrize(
    "target",
    [
        "//evil.example/",
        "///evil.example/",
        "//evil.example@localhost/",
        "/\\/evil.example/",
        "\\\\evil.example/",
        "https:evil.example",
        "https:/evil.example",
        "HTTPS://evil.example/",
        "http://localhost/",
        "data:text/html,evil",
        "evil.example",
        ".evil.example",
        "@evil.example",
        " //evil.example/",
        "/\u2028/evil.example/",
        "/\u200b/evil.example/",
        "%2F%2Fevil.example/",
        "/\x00/evil.example/",
        "/\x7f",
        "/\r\nX: y",
        "//[",
        "/\t/[",
        "https://evil.example/",
        "/\\evil.example",
        "javascript:alert(1)",
        "",
        "/login",
    ],
)
def test_login_never_leads_to_another_site(app: Flask, alice: FlaskClient, target: str) -> None:
    _, status, location = _sign_in(app, next=target)
    assert (status, location) == (302, "/customers")


@pytest.mark.parametrize(
    "target", ["/customers/%2F%2Fevil.example", "/.//evil.example", "/customers?next=//evil.example", "/customers#//e"]
)
def test_what_looks_like_another_site_within_a_path_stays_here(app: Flask, alice: FlaskClient, target: str) -> None:
    _, status, location = _sign_in(app, next=target)
    assert status == 302
    assert urlsplit(urljoin("https://shop.example/login", location))[:2] == ("https", "shop.example")


def test_wrong_password_and_unknown_email_get_the_same_answer(app: Flask, alice: FlaskClient) -> None:
    _, status, page = _sign_in(app, "wrong password here")
    unknown = submit(app.test_client(), "/login", email="nobody@shop.example", password=PASSWORD)
    assert status == unknown.status_code == 422
    assert "E-mail or password is not right." in page
    assert "E-mail or password is not right." in unknown.get_data(as_text=True)


@pytest.mark.parametrize("email", ["a\0@shop.example", "\ud800".encode("utf-8", "replace").decode(), "x" * 100_000])
def test_hostile_email_is_a_wrong_email(app: Flask, email: str) -> None:
    assert submit(app.test_client(), "/login", email=email, password="\0" * 20).status_code == 422


def test_signing_out_ends_the_login_on_the_server(app: Flask, alice: FlaskClient) -> None:
    cookie = alice.get_cookie("customer_profiles")
    assert cookie is not None
    assert submit(alice, "/account/logout", form_on="/settings/account").location == "/login"
    thief = app.test_client()
    thief.set_cookie("customer_profiles", cookie.value)
    assert thief.get("/customers").status_code == 302


def test_login_idles_out_after_eight_hours(shop: Shop, alice: FlaskClient) -> None:
    with shop.database.write() as session:
        session.query(Login).update({Login.seen_at: clock.now() - users.LOGIN_IDLE - 1})
    assert alice.get("/customers").status_code == 302


def test_login_ends_after_fourteen_days_however_busy(shop: Shop, alice: FlaskClient) -> None:
    with shop.database.write() as session:
        session.query(Login).update({Login.created_at: clock.now() - users.LOGIN_LIFETIME - 1})
    assert alice.get("/customers").status_code == 302


def test_a_page_visit_keeps_the_login_from_idling_out(shop: Shop, alice: FlaskClient) -> None:
    an_hour_ago = clock.now() - clock.HOUR
    with shop.database.write() as session:
        session.query(Login).update({Login.seen_at: an_hour_ago})
    assert alice.get("/customers").status_code == 200
    with shop.database.read() as session:
        assert session.query(Login).one().seen_at > an_hour_ago


def test_token_is_not_kept_in_the_database(shop: Shop, alice: FlaskClient) -> None:
    with alice.session_transaction() as cookie:
        token = cookie["_user_id"]
    with shop.database.read() as session:
        assert session.query(Login).one().token_hash != token


def test_cookie_is_out_of_reach_of_scripts_and_other_sites(app: Flask) -> None:
    page = app.test_client().get("/login")
    cookie = page.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Secure" not in cookie


def test_cookie_is_secure_over_https(app: Flask) -> None:
    page = app.test_client().get("/login", base_url="https://profiles.example")
    assert page.headers["Set-Cookie"].startswith("__Host-customer_profiles=")
    assert "Secure" in page.headers["Set-Cookie"]
    assert "Path=/" in page.headers["Set-Cookie"]
    assert "Domain" not in page.headers["Set-Cookie"]
    assert page.headers["Strict-Transport-Security"] == "max-age=31536000"


def test_cookie_that_a_neighbouring_host_has_set_is_nothing_over_https(app: Flask, alice: FlaskClient) -> None:
    cookie = alice.get_cookie("customer_profiles")
    assert cookie is not None
    browser = app.test_client()
    browser.set_cookie("customer_profiles", cookie.value, domain="profiles.example", secure=True)
    assert browser.get("/customers", base_url="https://profiles.example").status_code == 302


def test_forms_work_over_https(app: Flask, alice: FlaskClient) -> None:
    browser = app.test_client()
    page = browser.get("/login", base_url="https://profiles.example").get_data(as_text=True)
    token = re.search(r'name="csrf_token" value="([^"]+)"', page)
    assert token is not None
    form = {"csrf_token": token[1], "email": EMAIL, "password": PASSWORD}
    assert browser.post("/login", data=form, base_url="https://profiles.example").status_code == 302


def test_password_changed_since_it_was_verified_signs_nobody_in(shop: Shop, alice: FlaskClient) -> None:
    with shop.database.read() as session:
        verified = users.authenticate(session, EMAIL, PASSWORD)
    assert verified is not None
    submit(alice, "/settings/account", current=PASSWORD, new="an entirely new secret")
    with shop.database.write() as session:
        assert users.sign_in(session, verified) is None


def test_part_of_a_page_without_a_login_says_so_and_leaves_the_page_where_it_is(app: Flask) -> None:
    answer = app.test_client().get("/customers?q=a", headers={"HX-Request": "true", "HX-Target": "list"})
    assert answer.status_code == 401
    assert "HX-Redirect" not in answer.headers
    assert "You are signed out" in answer.get_data(as_text=True)


def _invitation(shop: Shop, role: str = "admin") -> str:
    with shop.database.write() as session:
        return f"/invitations/{invitations.invite(session, shop.workspace.id, role)}"


def test_invited_person_sets_email_and_password_and_is_signed_in(shop: Shop) -> None:
    browser, path = shop.app.test_client(), _invitation(shop)
    assert submit(browser, path, email="dora@shop.example", password=PASSWORD).location == "/customers"
    assert browser.get("/settings/workspace").status_code == 200
    with shop.database.read() as session:
        assert session.query(User).one().email == "dora@shop.example"


def test_invitation_works_once(shop: Shop) -> None:
    path = _invitation(shop)
    other = shop.app.test_client()
    other.get(path)
    submit(shop.app.test_client(), path, email="dora@shop.example", password=PASSWORD)
    assert other.get(path).status_code == 404
    assert submit(other, path, form_on="/login", email="eve@evil.example", password=PASSWORD).status_code == 404
    with shop.database.read() as session:
        assert session.query(User).count() == 1


def test_invitation_ends_after_a_week(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    path = _invitation(shop)
    later = clock.now() + invitations.LIFETIME + 1
    monkeypatch.setattr(clock, "now", lambda: later)
    assert shop.app.test_client().get(path).status_code == 404


@pytest.mark.parametrize(
    ("email", "password", "reason"),
    [
        ("dora", PASSWORD, "That is not an e-mail address."),
        ("dora@shop.example", "short", "A password needs at least 12 characters."),
        ("dora@shop.example", "password1234", "That password is too easy to guess"),
        ("dora@shop.example", "dora dora dora", "That password is too easy to guess"),
        ("dora@shop.example", "dora@shop.example", "That password is too easy to guess"),
        ("alice@shop.example", PASSWORD, "There is a user alice@shop.example already."),
    ],
)
def test_bad_email_or_password_is_explained_and_the_link_stays(
    shop: Shop, alice: FlaskClient, email: str, password: str, reason: str
) -> None:
    browser, path = shop.app.test_client(), _invitation(shop)
    answer = submit(browser, path, email=email, password=password)
    assert answer.status_code == 422
    assert reason in answer.get_data(as_text=True)
    assert submit(browser, path, email="new@shop.example", password=PASSWORD).status_code == 302


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "multipart/form-data"])
def test_form_of_very_many_fields_is_too_large(app: Flask, alice: FlaskClient, kind: str) -> None:
    fields = {f"a{number}": "1" for number in range(1_001)}
    assert app.test_client().post("/login", data=fields, content_type=kind).status_code == 413
    assert app.test_client().post("/login", data={"email": "a"}, content_type=kind).status_code == 400, "no token"
