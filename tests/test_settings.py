"""The settings: workspace, API keys, account."""

import re

import pytest
from flask.testing import FlaskClient

from tests.visitors import T0, login, merges, seen, tell
from tests.world import PASSWORD, Shop, submit
from webapp.models import Workspace

GOOD = {
    "name": "Shop",
    "time_zone": "Europe/Berlin",
    "default_region": "DE",
    "placeholder_ids": "null\nguest",
    "merges_a_day": "20",
}


def _workspace(shop: Shop) -> Workspace:
    with shop.database.read() as session:
        return session.get_one(Workspace, shop.workspace.id)


def test_workspace_is_renamed_and_moved(shop: Shop, alice: FlaskClient) -> None:
    assert submit(alice, "/settings/workspace", **GOOD).status_code == 302
    kept = _workspace(shop)
    assert (kept.name, kept.time_zone, kept.default_region) == ("Shop", "Europe/Berlin", "DE")


def test_times_on_the_pages_follow_the_workspaces_zone(shop: Shop, alice: FlaskClient) -> None:
    shop.event(time=1_773_144_000_000)
    assert "17:30:00" in alice.get(shop.profile_path()).get_data(as_text=True)
    submit(alice, "/settings/workspace", **GOOD)
    assert "13:00:00" in alice.get(shop.profile_path()).get_data(as_text=True)


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("name", "  ", "A workspace needs a name."),
        ("name", "x" * 101, "A name has at most 100 characters."),
        ("time_zone", "Mars/Olympus", "Choose a time zone from the list."),
        ("default_region", "XX", "Choose a region from the list."),
        ("placeholder_ids", "a*b\n" * 6000, "The list has at most 20,000 characters."),
        ("merges_a_day", "", "Give a whole number from 0 to 1,000."),
        ("merges_a_day", "-1", "Give a whole number from 0 to 1,000."),
        ("merges_a_day", "1.5", "Give a whole number from 0 to 1,000."),
        ("merges_a_day", "many", "Give a whole number from 0 to 1,000."),
        ("merges_a_day", "١٢", "Give a whole number from 0 to 1,000."),
        ("merges_a_day", "1001", "Give a whole number from 0 to 1,000."),
        ("merges_a_day", "9" * 5000, "Give a whole number from 0 to 1,000."),
    ],
)
def test_wrong_setting_is_explained_and_nothing_changes(
    shop: Shop, alice: FlaskClient, field: str, value: str, reason: str
) -> None:
    answer = submit(alice, "/settings/workspace", **(GOOD | {field: value}))
    assert answer.status_code == 422
    assert reason in answer.get_data(as_text=True)
    assert _workspace(shop).name == "Alice's shop"


def test_shop_can_take_an_id_off_the_refused_ones(shop: Shop, alice: FlaskClient) -> None:
    assert shop.send("/track/user", {"id": "0", "attributes": {}}).status_code == 422
    submit(alice, "/settings/workspace", **GOOD)
    assert shop.send("/track/user", {"id": "0", "attributes": {}}).status_code == 200
    assert shop.send("/track/user", {"id": "GUEST", "attributes": {}}).status_code == 422


@pytest.mark.parametrize(
    ("line", "id_", "is_refused"),
    [
        ("*ab", "abxab", True),
        ("*ab", "abx", False),
        ("a*b*c", "a-b-b-c", True),
        ("a*b*c", "a-c-b", False),
        ("*", "anything", True),
        ("a.c", "abc", False),
        ("*" + "a*" * 60 + "b", "a" * 255, False),
    ],
)
def test_star_in_a_refused_id_stands_for_any_text(
    shop: Shop, alice: FlaskClient, line: str, id_: str, is_refused: bool
) -> None:
    submit(alice, "/settings/workspace", **(GOOD | {"placeholder_ids": line}))
    assert (shop.send("/track/user", {"id": id_, "attributes": {}}).status_code == 422) == is_refused


def test_nul_in_a_setting_is_dropped(shop: Shop, alice: FlaskClient) -> None:
    assert submit(alice, "/settings/workspace", **(GOOD | {"name": "S\0hop"})).status_code == 302
    assert _workspace(shop).name == "Shop"


def test_saving_the_refused_ids_unchanged_keeps_following_the_product(shop: Shop, alice: FlaskClient) -> None:
    page = alice.get("/settings/workspace").get_data(as_text=True)
    listed = re.search(r"<textarea[^>]*>(.*?)</textarea>", page, re.DOTALL)
    assert listed is not None
    browsers = listed[1].replace("\n", "\r\n")
    submit(alice, "/settings/workspace", **(GOOD | {"placeholder_ids": browsers}))
    assert _workspace(shop).placeholder_ids is None


@pytest.mark.parametrize(("given", "kept"), [("0", 0), ("7", 7), (" 007 ", 7), ("1000", 1_000)])
def test_limit_of_merges_is_changed(shop: Shop, alice: FlaskClient, given: str, kept: int) -> None:
    assert submit(alice, "/settings/workspace", **(GOOD | {"merges_a_day": given})).status_code == 302
    assert _workspace(shop).merges_a_day == kept
    assert f'name="merges_a_day" value="{kept}"' in alice.get("/settings/workspace").get_data(as_text=True)


def test_limit_of_merges_holds_at_once(shop: Shop, alice: FlaskClient) -> None:
    submit(alice, "/settings/workspace", **(GOOD | {"merges_a_day": "1"}))
    for did in ("a", "b"):
        tell(shop, seen(did, T0), login(did, T0 + 1))
    assert [merge.is_stopped for merge in merges(shop)] == [False, True]


def test_what_was_given_stands_in_the_form_beside_the_fault(alice: FlaskClient) -> None:
    answer = submit(alice, "/settings/workspace", **(GOOD | {"merges_a_day": "many", "keeps_refused": "yes"}))
    page = answer.get_data(as_text=True)
    assert 'name="merges_a_day" value="many"' in page
    assert 'name="keeps_refused" value="yes" checked' in page


def _created_key(page: str) -> str:
    found = re.search(r'<span class="mono">(cpk_[^<]+)</span>', page)
    assert found is not None
    return found[1]


def test_key_is_shown_once_and_works(shop: Shop, alice: FlaskClient) -> None:
    answer = submit(alice, "/settings/keys", name="Shop backend")
    assert answer.status_code == 201
    key = _created_key(answer.get_data(as_text=True))
    assert key not in alice.get("/settings/keys").get_data(as_text=True)
    sent = shop.app.test_client().post(
        "/track/user", json={"id": "u1", "attributes": {}}, headers={"x-growlytics-key": key}
    )
    assert sent.status_code == 200


def test_form_sent_again_by_a_reload_makes_no_second_key(alice: FlaskClient) -> None:
    assert submit(alice, "/settings/keys", name="Shop backend", once="n1").status_code == 201
    assert submit(alice, "/settings/keys", name="Shop backend", once="n1").status_code == 302
    assert alice.get("/settings/keys").get_data(as_text=True).count("Refused with Shop backend") == 1


def _revocation(browser: FlaskClient) -> str:
    found = re.search(r'href="(/settings/keys/\w+)"', browser.get("/settings/keys").get_data(as_text=True))
    assert found is not None
    return f"{found[1]}/revocation"


def test_revoked_key_is_refused_at_once(shop: Shop, alice: FlaskClient) -> None:
    shop.customer()
    answer = submit(alice, _revocation(alice), form_on="/settings/keys")
    assert answer.status_code == 302
    assert shop.send("/track/user", {"id": "u1", "attributes": {}}).status_code == 401
    assert "Revoked" in alice.get("/settings/keys").get_data(as_text=True)


def test_last_use_of_a_key_is_shown(shop: Shop, alice: FlaskClient) -> None:
    assert "never used" in alice.get("/settings/keys").text
    shop.customer()
    assert "never used" not in alice.get("/settings/keys").text


@pytest.mark.parametrize("name", ["", "   ", "x" * 101])
def test_key_needs_a_name(alice: FlaskClient, name: str) -> None:
    assert submit(alice, "/settings/keys", name=name).status_code == 422


@pytest.mark.parametrize("id_", ["99999999999999999999999", "nobody", "%00", "x" * 5000])
def test_unknown_key_cannot_be_revoked(alice: FlaskClient, id_: str) -> None:
    assert submit(alice, f"/settings/keys/{id_}/revocation", form_on="/settings/keys").status_code == 404


def test_another_workspaces_key_cannot_be_revoked(shop: Shop, alice: FlaskClient, charlie: FlaskClient) -> None:
    shop.customer()
    assert submit(charlie, _revocation(alice), form_on="/settings/keys").status_code == 404
    assert shop.send("/track/user", {"id": "u1", "attributes": {}}).status_code == 200


@pytest.mark.parametrize("path", ["/settings", "/settings/workspace", "/settings/keys"])
def test_viewer_has_no_settings_but_the_account(bob: FlaskClient, path: str) -> None:
    assert bob.get(path).status_code == 403
    assert bob.get("/settings/account").status_code == 200
    assert 'href="/settings/workspace"' not in bob.get("/settings/account").get_data(as_text=True)


def test_password_is_changed_and_other_browsers_are_signed_out(shop: Shop, alice: FlaskClient) -> None:
    other = shop.app.test_client()
    submit(other, "/login", email="alice@shop.example", password=PASSWORD)
    answer = submit(alice, "/settings/account", current=PASSWORD, new="an entirely new secret")
    assert answer.status_code == 302
    assert alice.get("/customers").status_code == 200
    assert other.get("/customers").status_code == 302
    assert submit(other, "/login", email="alice@shop.example", password=PASSWORD).status_code == 422
    assert submit(other, "/login", email="alice@shop.example", password="an entirely new secret").status_code == 302


@pytest.mark.parametrize(
    ("current", "new", "reason"),
    [
        ("not the password", "an entirely new secret", "The current password is not right."),
        (PASSWORD, "short", "A password needs at least 12 characters."),
    ],
)
def test_password_change_that_fails_is_explained(alice: FlaskClient, current: str, new: str, reason: str) -> None:
    answer = submit(alice, "/settings/account", current=current, new=new)
    assert answer.status_code == 422
    assert reason in answer.get_data(as_text=True)
    assert alice.get("/customers").status_code == 200
