"""The logins of an account: which browsers are signed in, and ending them."""

import re

import pytest
from flask.testing import FlaskClient

from tests.members import ACCOUNT, browser_of, member, noted
from tests.visitors import CHROME
from tests.world import Shop, rows, submit
from webapp import clock, users
from webapp.models import Login

ALICE = "alice@shop.example"
FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:128.0) Gecko/20100101 Firefox/128.0"


def _ends(browser: FlaskClient) -> list[str]:
    """Where the buttons lead that sign other browsers out."""
    return re.findall(rf'action="({ACCOUNT}/logins/\w+/end)"', browser.get(ACCOUNT).text)


def test_page_tells_which_browsers_are_signed_in(shop: Shop, alice: FlaskClient) -> None:
    browser_of(shop, ALICE, agent=FIREFOX)
    page = alice.get(ACCOUNT).text
    assert "Firefox 128 on Windows 10" in page
    assert "127.0.0.1, since" in page
    assert page.count("This one") == 2, "a login and a workspace"
    assert "8 hours" in page
    assert "14 days" in page


@pytest.mark.parametrize("agent", ["", "\x7f" * 100, "Ω" * 5000, "<script>", CHROME])
def test_whatever_a_browser_says_it_is_it_signs_in(shop: Shop, alice: FlaskClient, agent: str) -> None:
    browser = browser_of(shop, ALICE, agent=agent.encode().decode("latin-1"))
    assert browser.get(ACCOUNT).status_code == 200
    assert "<script>alert" not in browser.get(ACCOUNT).text


def test_ending_a_login_signs_that_browser_out_at_once(shop: Shop, alice: FlaskClient) -> None:
    other, third = browser_of(shop, ALICE, agent=FIREFOX), browser_of(shop, ALICE)
    page = alice.get(ACCOUNT).text
    path = re.search(rf'action="({ACCOUNT}/logins/\w+/end)">(?:(?!</form>).)*?Sign out Firefox', page, re.DOTALL)
    assert path is not None
    assert submit(alice, path[1], form_on=ACCOUNT).location == ACCOUNT
    assert other.get("/customers").status_code == 302
    assert third.get("/customers").status_code == alice.get("/customers").status_code == 200
    assert noted(shop)[-1] == ("login.ended", ALICE)


def test_all_others_are_ended(shop: Shop, alice: FlaskClient, bob: FlaskClient) -> None:
    others = [browser_of(shop, ALICE) for _ in range(3)]
    assert submit(alice, f"{ACCOUNT}/logins/end", form_on=ACCOUNT).location == ACCOUNT
    assert [one.get("/customers").status_code for one in others] == [302] * 3
    assert alice.get("/customers").status_code == bob.get("/customers").status_code == 200
    assert "Sign out all others" not in alice.get(ACCOUNT).text


def test_logins_of_others_are_not_there(shop: Shop, alice: FlaskClient, bob: FlaskClient) -> None:
    with shop.database.read() as session:
        hashes = [one.token_hash for one in session.query(Login)]
    browser_of(shop, ALICE)
    (path,) = _ends(alice)
    for id_ in (path.split("/")[-2], *hashes, "0" * 16, "%00", "x" * 5000):
        assert submit(bob, f"{ACCOUNT}/logins/{id_}/end", form_on=ACCOUNT).status_code == 404
    assert rows(shop.database, Login) == 3


def test_logins_that_have_ended_by_themselves_are_not_listed(shop: Shop, alice: FlaskClient) -> None:
    for _ in range(2):
        browser_of(shop, ALICE)
    with shop.database.write() as session:
        idle, old, _ = session.query(Login).order_by(Login.created_at.desc())
        idle.seen_at = clock.now() - users.LOGIN_IDLE - 1
        old.created_at = clock.now() - users.LOGIN_LIFETIME - 1
    assert _ends(alice) == []


@pytest.mark.parametrize(
    ("seen", "created", "lasts"),
    [
        (users.LOGIN_IDLE - clock.MINUTE, 0, True),
        (users.LOGIN_IDLE + clock.SECOND, 0, False),
        (0, users.LOGIN_LIFETIME - clock.MINUTE, True),
        (0, users.LOGIN_LIFETIME + clock.SECOND, False),
    ],
)
def test_login_lasts_so_long(shop: Shop, alice: FlaskClient, seen: int, created: int, lasts: bool) -> None:
    with shop.database.write() as session:
        one = session.query(Login).one()
        one.seen_at, one.created_at = clock.now() - seen, clock.now() - created
    assert alice.get("/customers").status_code == (200 if lasts else 302)


def test_presence_is_told_per_workspace(shop: Shop, other_shop: Shop, alice: FlaskClient, charlie: FlaskClient) -> None:
    member(other_shop, ALICE, "viewer")
    alice.get("/customers")
    assert "not seen here yet" in charlie.get("/settings/people").text
    assert "not seen here yet" not in alice.get("/settings/people").text
