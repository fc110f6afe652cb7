"""Links for a new password: by an administrator, by the console, by mail; once, for an hour."""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from flask.testing import FlaskClient

from tests.mail_server import MailServer, serving
from tests.members import ACCOUNT, browser_of, id_of, member, noted, on_people, shown_link
from tests.test_mail import mailing_shop
from tests.world import PASSWORD, Shop, rows, submit
from webapp import clock, memberships, resets, tokens
from webapp.models import Login, Reset

NEW = "an entirely new secret"
ALICE, BOB = "alice@shop.example", "bob@shop.example"


def _link(shop: Shop, email: str = BOB, made_by_id: int | None = None) -> str:
    with shop.database.write() as session:
        return f"/resets/{resets.make(session, id_of(shop, email), made_by_id)}"


def _use(shop: Shop, path: str, password: str = NEW) -> int:
    return submit(shop.app.test_client(), path, form_on="/login", password=password).status_code


def test_link_sets_a_new_password_and_ends_all_logins_and_links(
    shop: Shop, alice: FlaskClient, bob: FlaskClient
) -> None:
    path = shown_link(on_people(alice, f"{id_of(shop, BOB)}/reset"))
    other, asked = _link(shop), _link(shop)
    browser = shop.app.test_client()
    assert "For bob@shop.example." in browser.get(path).text
    assert submit(browser, path, password=NEW).location == "/customers"
    assert browser.get("/customers").status_code == 200, "they are signed in by it"
    assert bob.get("/customers").status_code == 302
    for ended in (path, other, asked):
        assert shop.app.test_client().get(ended).status_code == 404
        assert _use(shop, ended) == 404
    browser_of(shop, BOB, NEW)
    assert submit(shop.app.test_client(), "/login", email=BOB, password=PASSWORD).status_code == 422
    assert alice.get("/customers").status_code == 200
    assert noted(shop)[-2:] == [("reset.made", BOB), ("password.reset", BOB)]


def test_only_the_hash_of_a_link_is_kept(shop: Shop, bob: FlaskClient) -> None:
    token = _link(shop).rpartition("/")[2]
    with shop.database.read() as session:
        assert session.query(Reset).one().token_hash == tokens.hashed(token)


def test_link_ends_after_an_hour(shop: Shop, bob: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    path = _link(shop)
    later = clock.now() + resets.LIFETIME
    monkeypatch.setattr(clock, "now", lambda: later)
    assert shop.app.test_client().get(path).status_code == 404
    assert _use(shop, path) == 404
    _link(shop)
    assert rows(shop.database, Reset) == 1, "those that have ended are gone"


@pytest.mark.parametrize(("password", "reason"), [("short", "at least 12"), ("bob bob bob bob", "too easy to guess")])
def test_bad_password_is_explained_and_the_link_stays(shop: Shop, bob: FlaskClient, password: str, reason: str) -> None:
    path = _link(shop)
    answer = submit(shop.app.test_client(), path, password=password)
    assert answer.status_code == 422
    assert reason in answer.text
    assert _use(shop, path) == 302


def test_link_used_by_many_at_once_works_for_one(shop: Shop, bob: FlaskClient) -> None:
    path = _link(shop)
    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(lambda number: _use(shop, path, f"{NEW} {number}"), range(6), timeout=60))
    assert sorted(found) == [302, 404, 404, 404, 404, 404]
    assert rows(shop.database, Login) == 1


def test_change_of_password_ends_the_links_too(shop: Shop, bob: FlaskClient) -> None:
    path = _link(shop)
    assert submit(bob, ACCOUNT, current=PASSWORD, new=NEW).status_code == 302
    assert shop.app.test_client().get(path).status_code == 404


def test_administrator_makes_no_link_into_workspaces_of_others(
    shop: Shop, other_shop: Shop, alice: FlaskClient, charlie: FlaskClient, bob: FlaskClient
) -> None:
    member(other_shop, BOB, "viewer")
    answer = on_people(alice, f"{id_of(shop, BOB)}/reset")
    assert answer.status_code == 422
    assert "belongs to workspaces too that you don&#39;t administer" in answer.text
    assert rows(shop.database, Reset) == 0
    member(other_shop, ALICE, "viewer")
    assert on_people(alice, f"{id_of(shop, BOB)}/reset").status_code == 422, "to belong there isn't enough"
    with shop.database.write() as session:
        there = other_shop.workspace.id
        memberships.change_role(session, there, id_of(shop, "charlie@other.example"), id_of(shop, ALICE), "admin")
    assert on_people(alice, f"{id_of(shop, BOB)}/reset").status_code == 201


def test_link_that_an_administrator_kept_ends_when_it_would_lead_elsewhere(
    shop: Shop, other_shop: Shop, alice: FlaskClient, bob: FlaskClient
) -> None:
    path = shown_link(on_people(alice, f"{id_of(shop, BOB)}/reset"))
    member(other_shop, BOB, "viewer")
    assert shop.app.test_client().get(path).status_code == 404
    assert _use(shop, path) == 404
    browser_of(shop, BOB)


def test_link_of_somebody_who_is_no_administrator_any_more_ends(
    shop: Shop, alice: FlaskClient, bob: FlaskClient
) -> None:
    dora = member(shop, "dora@shop.example", "admin")
    path = _link(shop, BOB, dora)
    assert shop.app.test_client().get(path).status_code == 200
    on_people(alice, f"{dora}/role", role="editor")
    assert _use(shop, path) == 404


def test_nobody_makes_a_link_for_themselves(shop: Shop, alice: FlaskClient) -> None:
    answer = on_people(alice, f"{id_of(shop, ALICE)}/reset")
    assert answer.status_code == 422
    assert "Change your own password under Account." in answer.text


@pytest.mark.parametrize("token", ["x", "%00", "x" * 5000, "Ω"])
def test_link_that_is_none(shop: Shop, token: str) -> None:
    assert shop.app.test_client().get(f"/resets/{token}").status_code == 404
    assert _use(shop, f"/resets/{token}") == 404


def test_without_a_mail_server_nobody_can_ask(shop: Shop) -> None:
    browser = shop.app.test_client()
    assert browser.get("/login/forgotten").status_code == 404
    assert submit(browser, "/login/forgotten", form_on="/login", email=ALICE).status_code == 404
    assert "An administrator can make a link" in browser.get("/login").text


@pytest.fixture
def server() -> Iterator[MailServer]:
    """A mail server that takes everything."""
    with serving(MailServer()) as one:
        yield one


@pytest.fixture
def mailing(database_url: str, server: MailServer) -> Iterator[Shop]:
    """A shop that has it."""
    shop = mailing_shop(database_url, server)
    yield shop
    shop.database.engine.dispose()


def _ask(shop: Shop, email: str, host: str = "localhost") -> str:
    browser, form, base = shop.app.test_client(), "/login/forgotten", f"http://{host}"
    token = re.search(r'name="csrf_token" value="([^"]+)"', browser.get(form, base_url=base).text)
    assert token is not None
    answer = browser.post(form, data={"csrf_token": token[1], "email": email}, base_url=base)
    assert answer.status_code == 200
    return answer.text.replace(email, "…")


def test_link_comes_by_mail_and_leads_to_us_whatever_the_request_says(mailing: Shop, server: MailServer) -> None:
    assert "Forgot password?" in mailing.app.test_client().get("/login").text
    _ask(mailing, " Alice@Shop.example ", "evil.example")
    (got,) = server.wait()
    assert got.to == [ALICE]
    link = re.search(r"https://profiles\.example(/resets/\S+)", got.text)
    assert link is not None
    assert "evil.example" not in got.message.as_string()
    assert _use(mailing, link[1]) == 302
    assert noted(mailing)[-2:] == [("reset.asked_for", ALICE), ("password.reset", ALICE)]


@pytest.mark.parametrize("email", ["nobody@shop.example", "", "x" * 100_000, "a\0b@shop.example", "Ω"])
def test_answer_is_the_same_whether_there_is_an_account(mailing: Shop, server: MailServer, email: str) -> None:
    known = _ask(mailing, ALICE)
    assert not email or _ask(mailing, email) == known
    server.wait()
    assert [one.to for one in server.got] == [[ALICE]]


def test_an_account_is_sent_three_mails_in_an_hour(
    mailing: Shop, server: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(6):
        _ask(mailing, ALICE)
    server.wait(resets.MOST_ASKED_FOR)
    post, together = mailing.app.extensions["house"].post, Barrier(2, timeout=60)
    for task in [post.begin(lambda: together.wait() >= 0) for _ in range(2)]:
        assert task.result(20), "whoever sends mails has done all that was asked for before"
    assert len(server.got) == resets.MOST_ASKED_FOR
    later = clock.now() + resets.LIFETIME
    monkeypatch.setattr(clock, "now", lambda: later)
    with mailing.database.write() as session:
        assert resets.ask(session, ALICE) is not None


def test_many_who_ask_at_the_same_moment_are_counted(shop: Shop, bob: FlaskClient) -> None:
    def ask(_: int) -> bool:
        with shop.database.write() as session:
            return resets.ask(session, BOB) is not None

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(ask, range(8), timeout=60)) == resets.MOST_ASKED_FOR
