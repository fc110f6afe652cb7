"""Invitations: by link, once, for seven days, for one e-mail or for whoever has it."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from flask.testing import FlaskClient

from tests.members import PEOPLE, browser_of, id_of, invited, member, noted, on_people, roles
from tests.world import PASSWORD, Shop, rows, submit
from webapp import clock, invitations
from webapp.models import Invitation, User

DORA = "dora@shop.example"


def _accept(shop: Shop, path: str, email: str = DORA) -> tuple[FlaskClient, int]:
    browser = shop.app.test_client()
    return browser, submit(browser, path, email=email, password=PASSWORD).status_code


def test_link_is_shown_once_and_makes_a_member_with_that_role(shop: Shop, alice: FlaskClient) -> None:
    path = invited(alice, "editor")
    assert path not in alice.get(PEOPLE).text
    page = shop.app.test_client().get(path).text
    assert "You become editor of Alice&#39;s shop" in page
    browser, status = _accept(shop, path)
    assert status == 302
    assert browser.get("/customers").status_code == 200
    assert roles(shop)[DORA] == "editor"
    assert noted(shop)[-2:] == [("user.invited", ""), ("member.joined", DORA)]


def test_open_invitations_are_listed_until_they_end(
    shop: Shop, alice: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    invited(alice, "editor", DORA)
    page = alice.get(PEOPLE).text
    assert f"<strong>{DORA}</strong>" in page
    assert "by alice@shop.example" in page
    later = clock.now() + invitations.LIFETIME + 1
    with shop.database.write() as session:
        session.query(Invitation).update({Invitation.expires_at: clock.now() - 1})
    assert DORA not in alice.get(PEOPLE).text
    monkeypatch.setattr(clock, "now", lambda: later)
    with shop.database.write() as session:
        invitations.invite(session, shop.workspace.id, "viewer")
    assert rows(shop.database, Invitation) == 1, "those that have ended are gone"


def test_taken_back_invitation_ends_at_once(shop: Shop, alice: FlaskClient) -> None:
    path = invited(alice)
    with shop.database.read() as session:
        ((one, _),) = invitations.of_workspace(session, shop.workspace.id)
    id_ = invitations.public_id(one)
    assert on_people(alice, f"invitations/{id_}/withdrawal").location == PEOPLE
    assert shop.app.test_client().get(path).status_code == 404
    assert on_people(alice, f"invitations/{id_}/withdrawal").status_code == 404
    assert noted(shop)[-1][0] == "invitation.taken_back"


def test_invitation_of_another_workspace_is_not_there(shop: Shop, alice: FlaskClient, charlie: FlaskClient) -> None:
    path = invited(alice)
    with shop.database.read() as session:
        ((one, _),) = invitations.of_workspace(session, shop.workspace.id)
    for id_ in (invitations.public_id(one), one.token_hash, "x" * 5000, "%00"):
        assert on_people(charlie, f"invitations/{id_}/withdrawal").status_code == 404
    assert shop.app.test_client().get(path).status_code == 200


def test_form_sent_again_by_a_reload_makes_no_second_link(shop: Shop, alice: FlaskClient) -> None:
    assert on_people(alice, "invitations", role="viewer", once="n1").status_code == 201
    assert on_people(alice, "invitations", role="viewer", once="n1").status_code == 302
    assert rows(shop.database, Invitation) == 1


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"role": "owner"}, "Choose a role from the list."),
        ({"role": "viewer", "email": "dora"}, "That is not an e-mail address"),
        ({"role": "viewer", "email": "a@shop.example,b@evil.example"}, "That is not an e-mail address"),
        ({"role": "viewer", "email": "dora@shop.example\r\nBcc: all@shop.example"}, "That is not an e-mail address"),
        ({"role": "viewer", "email": "ALICE@shop.example"}, "There is a member alice@shop.example already."),
    ],
)
def test_invitation_that_cannot_be_is_explained(
    shop: Shop, alice: FlaskClient, fields: dict[str, str], reason: str
) -> None:
    answer = on_people(alice, "invitations", **fields)
    assert answer.status_code == 422
    assert reason in answer.text
    assert rows(shop.database, Invitation) == 0


def test_open_invitations_have_a_limit(shop: Shop, alice: FlaskClient) -> None:
    with shop.database.write() as session:
        for _ in range(invitations.MOST):
            invitations.invite(session, shop.workspace.id, "viewer")
    assert "take some of them back first" in on_people(alice, "invitations", role="viewer").text


def test_invitation_for_an_email_is_for_that_email_only(shop: Shop, alice: FlaskClient) -> None:
    path = invited(alice, "viewer", "Dora@Shop.example")
    assert f'value="{DORA}" readonly' in shop.app.test_client().get(path).text
    browser = shop.app.test_client()
    answer = submit(browser, path, email="eve@evil.example", password=PASSWORD)
    assert answer.status_code == 422
    assert f"This invitation is for {DORA}." in answer.text
    assert _accept(shop, path)[1] == 302


def test_somebody_with_an_account_gets_the_membership_by_being_signed_in(
    shop: Shop, other_shop: Shop, alice: FlaskClient, charlie: FlaskClient
) -> None:
    path = invited(alice, "editor")
    assert "Join as charlie@other.example" in charlie.get(path).text
    assert submit(charlie, f"{path}/membership", form_on=path).location == "/customers"
    assert "Alice&#39;s shop" in charlie.get("/customers").text
    assert roles(shop)["charlie@other.example"] == "editor"
    assert roles(other_shop) == {"charlie@other.example": "admin"}
    assert rows(shop.database, User) == 2
    assert charlie.get(path).status_code == 404


def test_somebody_with_an_account_can_sign_in_first(shop: Shop, alice: FlaskClient, charlie: FlaskClient) -> None:
    path = invited(alice, "viewer", "charlie@other.example")
    browser = shop.app.test_client()
    assert f'href="/login?next={path}"' in browser.get(path).text
    answer = submit(browser, "/login", email="charlie@other.example", password=PASSWORD, next=path)
    assert answer.location == path
    assert submit(browser, f"{path}/membership", form_on=path).status_code == 302
    assert roles(shop)["charlie@other.example"] == "viewer"


def test_joining_without_a_login_leads_to_it(shop: Shop, alice: FlaskClient) -> None:
    path = invited(alice)
    browser = shop.app.test_client()
    assert submit(browser, f"{path}/membership", form_on=path).location == f"/login?next={path}"


def test_another_account_cannot_take_somebodys_invitation(shop: Shop, alice: FlaskClient, charlie: FlaskClient) -> None:
    path = invited(alice, "admin", DORA)
    page = charlie.get(path).text
    assert f"this invitation is for {DORA} only" in page
    assert submit(charlie, f"{path}/membership", form_on=path).status_code == 422
    assert "charlie@other.example" not in roles(shop)
    assert _accept(shop, path)[1] == 302


def test_member_cannot_raise_the_own_role_by_an_invitation(shop: Shop, alice: FlaskClient, bob: FlaskClient) -> None:
    path = invited(alice, "admin")
    answer = submit(bob, f"{path}/membership", form_on=path)
    assert answer.status_code == 422
    assert "You are in this workspace already." in answer.text
    assert roles(shop)["bob@shop.example"] == "viewer"
    assert _accept(shop, path)[1] == 302, "it isn't used up by that"


def test_invitation_ends_with_its_makers_office(shop: Shop, alice: FlaskClient) -> None:
    member(shop, DORA, "admin")
    path = invited(browser_of(shop, DORA), "admin")
    assert on_people(alice, f"{id_of(shop, DORA)}/role", role="viewer").status_code == 302
    assert shop.app.test_client().get(path).status_code == 404
    assert _accept_blindly(shop, path) == 404
    assert "Nobody is invited at the moment." in alice.get(PEOPLE).text


def _accept_blindly(shop: Shop, path: str) -> int:
    browser = shop.app.test_client()
    fields = {"email": "eve@evil.example", "password": PASSWORD}
    return submit(browser, path, form_on="/login", **fields).status_code


def test_link_used_by_many_at_once_makes_one_member(shop: Shop, alice: FlaskClient) -> None:
    path = invited(alice)
    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(lambda number: _raced(shop, path, f"p{number}@shop.example"), range(6), timeout=60))
    assert sorted(found) == [302, 404, 404, 404, 404, 404]
    assert rows(shop.database, User) == 2


def _raced(shop: Shop, path: str, email: str) -> int:
    browser = shop.app.test_client()
    return submit(browser, path, form_on="/login", email=email, password=PASSWORD).status_code
