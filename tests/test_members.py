"""Settings › People: roles, removing, leaving, and that a workspace keeps an administrator."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from flask.testing import FlaskClient

from tests.members import ACCOUNT, PEOPLE, browser_of, id_of, member, noted, on_people, roles
from tests.world import Shop, submit
from webapp import memberships

ALICE, BOB, CHARLIE, DORA = "alice@shop.example", "bob@shop.example", "charlie@other.example", "dora@shop.example"
LAST = "A workspace needs an administrator: make somebody else one first."


def test_page_tells_who_is_here(alice: FlaskClient, bob: FlaskClient) -> None:
    bob.get("/customers")
    page = alice.get(PEOPLE).text
    assert page.index(ALICE) < page.index(BOB)
    assert "2 members" in page
    assert "not seen here yet" not in page
    assert page.count('class="badge badge-registered">You<') == 1


def test_member_who_never_came_is_not_seen_yet(shop: Shop, alice: FlaskClient) -> None:
    member(shop, DORA, "editor")
    assert "not seen here yet" in alice.get(PEOPLE).text


def test_role_is_changed_and_holds_at_once(shop: Shop, alice: FlaskClient, bob: FlaskClient) -> None:
    assert on_people(alice, f"{id_of(shop, BOB)}/role", role="admin").location == PEOPLE
    assert bob.get(PEOPLE).status_code == 200
    assert on_people(alice, f"{id_of(shop, BOB)}/role", role="viewer").location == PEOPLE
    assert bob.get(PEOPLE).status_code == 403
    assert noted(shop)[-1] == ("role.changed", BOB)


@pytest.mark.parametrize("role", ["", "owner", "ADMIN", "admin\0"])
def test_role_that_is_none_is_refused(shop: Shop, alice: FlaskClient, bob: FlaskClient, role: str) -> None:
    answer = on_people(alice, f"{id_of(shop, BOB)}/role", role=role)
    assert answer.status_code == 422
    assert "Choose a role from the list." in answer.text
    assert roles(shop)[BOB] == "viewer"


def test_removed_member_gets_no_page_any_more(shop: Shop, alice: FlaskClient, bob: FlaskClient) -> None:
    assert bob.get("/customers").status_code == 200
    assert on_people(alice, f"{id_of(shop, BOB)}/removal").location == PEOPLE
    answer = bob.get("/customers")
    assert answer.status_code == 403
    assert "You are in no workspace" in answer.text
    assert "Alice&#39;s shop" not in answer.text
    assert submit(bob, "/account/logout", form_on="/customers").location == "/login"
    assert noted(shop)[-1] == ("member.removed", BOB)


def test_removed_member_still_has_the_other_workspace(
    shop: Shop, other_shop: Shop, alice: FlaskClient, bob: FlaskClient
) -> None:
    member(other_shop, BOB, "viewer")
    on_people(alice, f"{id_of(shop, BOB)}/removal")
    assert "Charlie&#39;s shop" in bob.get("/customers").text


def test_last_administrator_stays(shop: Shop, alice: FlaskClient, bob: FlaskClient) -> None:
    own = id_of(shop, ALICE)
    for path, fields in ((f"{own}/removal", {}), (f"{own}/role", {"role": "viewer"})):
        answer = on_people(alice, path, **fields)
        assert answer.status_code == 422
        assert LAST in answer.text
    answer = submit(alice, f"{ACCOUNT}/departure", form_on=ACCOUNT, workspace=str(shop.workspace.id))
    assert answer.status_code == 422
    assert "needs an administrator" in answer.text
    assert roles(shop)[ALICE] == "admin"


def test_administrator_who_steps_down_goes_to_the_account(shop: Shop, alice: FlaskClient) -> None:
    member(shop, DORA, "admin")
    assert on_people(alice, f"{id_of(shop, ALICE)}/role", role="viewer").location == ACCOUNT
    assert "alice@shop.example is viewer from now on." in alice.get(ACCOUNT).text


def test_member_leaves(shop: Shop, alice: FlaskClient, bob: FlaskClient) -> None:
    submit(bob, f"{ACCOUNT}/departure", form_on=ACCOUNT, workspace=str(shop.workspace.id))
    assert BOB not in roles(shop)
    assert "You are in no workspace" in bob.get("/customers").text
    assert noted(shop)[-1] == ("member.left", BOB)


def test_workspace_of_others_cannot_be_left(
    shop: Shop, other_shop: Shop, charlie: FlaskClient, bob: FlaskClient
) -> None:
    for wanted in (str(other_shop.workspace.id), "", "x", "9" * 40):
        assert submit(bob, f"{ACCOUNT}/departure", form_on=ACCOUNT, workspace=wanted).status_code == 404
    assert roles(other_shop) == {CHARLIE: "admin"}


@pytest.mark.parametrize("path", ["role", "removal", "reset"])
def test_members_of_other_workspaces_are_not_there(
    shop: Shop, other_shop: Shop, alice: FlaskClient, charlie: FlaskClient, path: str
) -> None:
    for id_ in (id_of(shop, CHARLIE), 0, 999_999, 2**63 - 1, 2**63, 10**40):
        assert on_people(alice, f"{id_}/{path}", role="viewer").status_code == 404, id_
    assert roles(other_shop) == {CHARLIE: "admin"}


def _both(first: Callable[[], object], second: Callable[[], object]) -> list[object]:
    """What two do at the same moment; an error as its type."""
    barrier = Barrier(2, timeout=30)

    def run(work: Callable[[], object]) -> object:
        barrier.wait()
        try:
            return work()
        except Exception as error:
            return type(error)

    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(run, (first, second), timeout=60))


@pytest.mark.parametrize("round_", range(5))
@pytest.mark.parametrize("way", ["remove", "demote", "leave"])
def test_two_administrators_at_the_same_moment_leave_one(shop: Shop, way: str, round_: int) -> None:
    workspace_id = shop.workspace.id
    ids = [member(shop, f"admin{number}@shop.example", "admin") for number in range(2)]

    def end(by: int, whom: int) -> Callable[[], object]:
        def work() -> object:
            with shop.database.write() as session:
                if way == "remove":
                    return memberships.remove(session, workspace_id, by, whom)
                if way == "demote":
                    return memberships.change_role(session, workspace_id, by, whom, "viewer")
                memberships.leave(session, workspace_id, by)
                return None

        return work

    outcomes = _both(end(ids[0], ids[1]), end(ids[1], ids[0]))
    refused = {memberships.LastAdminError, memberships.NotAdminError, memberships.NotFoundError}
    assert sum(isinstance(one, type) and one in refused for one in outcomes) == 1, outcomes
    assert list(roles(shop).values()).count("admin") == 1


def test_administrator_who_was_removed_meanwhile_can_do_nothing(shop: Shop, alice: FlaskClient) -> None:
    dora, eve = member(shop, DORA, "admin"), member(shop, "eve@shop.example", "viewer")
    with shop.database.write() as session:
        memberships.remove(session, shop.workspace.id, id_of(shop, ALICE), dora)
    with pytest.raises(memberships.NotAdminError), shop.database.write() as session:
        memberships.remove(session, shop.workspace.id, dora, eve)
    with pytest.raises(memberships.NotAdminError), shop.database.write() as session:
        memberships.change_role(session, shop.workspace.id, dora, eve, "admin")


def test_editor_and_viewer_see_no_people(shop: Shop, bob: FlaskClient) -> None:
    member(shop, DORA, "editor")
    for browser in (bob, browser_of(shop, DORA)):
        assert browser.get(PEOPLE).status_code == 403
        assert PEOPLE not in browser.get(ACCOUNT).text
