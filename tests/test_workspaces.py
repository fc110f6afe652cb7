"""Several workspaces: going from one to another, making one, and that nothing of one shows up in the other."""

import re

import pytest
from flask.testing import FlaskClient

from tests.members import ACCOUNT, PEOPLE, browser_of, id_of, member, noted, on_people, roles
from tests.world import Shop, submit
from webapp.models import Workspace

ALICE = "alice@shop.example"
NEW = {"name": "Second shop", "time_zone": "Europe/Berlin", "default_region": "DE"}


def _enter(browser: FlaskClient, shop: Shop, page: str = "", form_on: str = ACCOUNT) -> str | int:
    """Go to another workspace; where that leads to, or the status of what went wrong."""
    fields = {"workspace": str(shop.workspace.id), "page": page}
    answer = submit(browser, "/workspaces/current", form_on=form_on, **fields)
    return answer.location or answer.status_code


def _shown(browser: FlaskClient, path: str = "/customers") -> str:
    found = re.search(r"<strong>((?:Alice|Charlie)&#39;s shop)</strong>", browser.get(path).text)
    assert found is not None
    return found[1].replace("&#39;", "'")


@pytest.fixture
def both(shop: Shop, other_shop: Shop, alice: FlaskClient) -> FlaskClient:
    """Alice's browser, who is a viewer in Charlie's shop too."""
    member(other_shop, ALICE, "viewer")
    return alice


def test_nobody_sees_a_switcher_for_one_workspace(alice: FlaskClient) -> None:
    assert "/workspaces/current" not in alice.get("/customers").text


def test_choice_is_kept_with_the_login(shop: Shop, other_shop: Shop, both: FlaskClient) -> None:
    second = browser_of(shop, ALICE)
    assert "/workspaces/current" in both.get("/customers").text
    assert _shown(both) == "Alice's shop"
    assert _enter(both, other_shop) == "/customers"
    assert _shown(both) == "Charlie's shop"
    assert _shown(second) == "Alice's shop", "another browser of theirs has its own choice"
    assert noted(other_shop)[-1][0] == "workspace.entered"
    assert _enter(both, shop) == "/customers"
    assert _shown(both) == "Alice's shop"


@pytest.mark.parametrize(
    ("page", "leads_to"),
    [
        ("overview.show", "/overview"),
        ("data.events", "/data/events"),
        ("account.show", "/settings/account"),
        ("settings.workspace", "/customers"),  # Alice is a viewer there
        ("profile.show", "/customers"),
        ("data.attribute", "/customers"),
        ("https://evil.example/", "/customers"),
        ("", "/customers"),
    ],
)
def test_same_page_follows_where_the_other_workspace_has_it(
    shop: Shop, other_shop: Shop, both: FlaskClient, page: str, leads_to: str
) -> None:
    assert _enter(both, other_shop, page) == leads_to


@pytest.mark.parametrize("wanted", ["", "0", "x", "999999", "9" * 40, "-1"])
def test_workspace_that_is_not_ones_own_is_not_there(
    shop: Shop, other_shop: Shop, alice: FlaskClient, wanted: str
) -> None:
    for one in (wanted, str(other_shop.workspace.id)):
        answer = submit(alice, "/workspaces/current", form_on=ACCOUNT, workspace=one)
        assert answer.status_code == 404
    assert _shown(alice) == "Alice's shop"


def test_role_is_that_of_the_workspace_shown(shop: Shop, other_shop: Shop, both: FlaskClient) -> None:
    assert both.get("/settings/workspace").status_code == 200
    _enter(both, other_shop)
    assert both.get("/settings/workspace").status_code == 403


def test_profile_of_another_workspace_is_not_there_and_the_page_says_where_it_may_be(
    shop: Shop, other_shop: Shop, both: FlaskClient, charlie: FlaskClient
) -> None:
    shop.customer("u1", name="Asha")
    path = shop.profile_path("u1")
    assert both.get(path).status_code == 200
    assert "in another of your workspaces" not in charlie.get(path).text
    _enter(both, other_shop)
    answer = both.get(path)
    assert answer.status_code == 404
    assert "it may be in another of your workspaces" in answer.text
    assert "Asha" not in answer.text


def test_form_of_a_page_of_the_workspace_that_was_left_changes_nothing(
    shop: Shop, other_shop: Shop, alice: FlaskClient
) -> None:
    member(other_shop, ALICE, "admin")
    page = alice.get("/settings/workspace").text
    assert f'name="drawn_for" value="{shop.workspace.id}"' in page
    _enter(alice, other_shop)
    fields = {"name": "Renamed", "time_zone": "UTC", "default_region": "DE", "merges_a_day": "20"}
    left = submit(alice, "/settings/workspace", **fields, drawn_for=str(shop.workspace.id))
    assert left.status_code == 409
    assert "You are in another workspace now" in left.text
    with shop.database.read() as session:
        assert "Renamed" not in {one.name for one in session.query(Workspace)}
    assert submit(alice, "/settings/workspace", **fields, drawn_for=str(other_shop.workspace.id)).status_code == 302
    with shop.database.read() as session:
        assert session.get_one(Workspace, other_shop.workspace.id).name == "Renamed"


def test_part_of_a_page_of_the_workspace_that_was_left_is_not_mixed_in(
    shop: Shop, other_shop: Shop, both: FlaskClient
) -> None:
    headers = {"HX-Request": "true", "HX-Target": "list", "X-Drawn-For": str(shop.workspace.id)}
    assert both.get("/customers", headers=headers).status_code == 200
    _enter(both, other_shop)
    assert both.get("/customers", headers=headers).status_code == 409


def test_flash_of_the_workspace_that_was_left_is_not_shown_in_the_other(
    shop: Shop, other_shop: Shop, both: FlaskClient
) -> None:
    member(shop, "dora@shop.example", "viewer")
    on_people(both, f"{id_of(shop, 'dora@shop.example')}/removal")
    answer = both.post("/workspaces/current", data=_form(both, other_shop))
    assert answer.status_code == 302
    assert "dora@shop.example" not in both.get("/customers").text


def _form(browser: FlaskClient, shop: Shop) -> dict[str, str]:
    with browser.session_transaction() as cookie:
        flashes = cookie.pop("_flashes")
    page = browser.get(ACCOUNT).text
    with browser.session_transaction() as cookie:
        cookie["_flashes"] = flashes  # as it is while that page hasn't come yet
    token = re.search(r'name="csrf_token" value="([^"]+)"', page)
    assert token is not None
    return {"csrf_token": token[1], "workspace": str(shop.workspace.id), "page": "account.show"}


def test_administrator_makes_a_workspace_and_goes_on_there(shop: Shop, alice: FlaskClient) -> None:
    shop.customer("u1")
    assert submit(alice, "/workspaces/new", **NEW).location == "/settings/keys"
    with shop.database.read() as session:
        made = session.query(Workspace).filter_by(name="Second shop").one()
    assert (made.time_zone, made.default_region) == ("Europe/Berlin", "DE")
    second = Shop(shop.app, shop.database, made, "")
    assert roles(second) == {ALICE: "admin"}
    assert "Second shop" in alice.get("/customers").text
    assert alice.get(shop.profile_path()).status_code == 404
    assert noted(second) == [("workspace.created", "Second shop")]
    assert "1 member" in alice.get(PEOPLE).text


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("name", " ", "A workspace needs a name."),
        ("name", "x" * 101, "A name has at most 100 characters."),
        ("time_zone", "Mars/Olympus", "Choose a time zone from the list."),
        ("default_region", "XX", "Choose a region from the list."),
    ],
)
def test_workspace_that_cannot_be_is_explained(
    shop: Shop, alice: FlaskClient, field: str, value: str, reason: str
) -> None:
    answer = submit(alice, "/workspaces/new", **(NEW | {field: value}))
    assert answer.status_code == 422
    assert reason in answer.text
    with shop.database.read() as session:
        assert session.query(Workspace).count() == 1


def test_only_administrators_make_workspaces(shop: Shop, other_shop: Shop, bob: FlaskClient, both: FlaskClient) -> None:
    assert bob.get("/workspaces/new").status_code == 403
    _enter(both, other_shop)
    assert both.get("/workspaces/new").status_code == 200, "of whichever workspace"
