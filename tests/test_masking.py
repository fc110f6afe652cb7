"""What masked viewers see, may ask, and can have shown. That they find nothing else: tests/standing/test_masking.py."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

import pytest
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select, update
from sqlalchemy.exc import OperationalError

from tests.visitors import page, part, words
from tests.world import PASSWORD, Shop, submit
from webapp import audit, clock, contacts, segments
from webapp.models import AuditEntry, Workspace

EMAIL, MOBILE = "asha.rao@example.com", "+91 98765 43210"


@pytest.fixture
def asha(shop: Shop) -> str:
    """Where the profile of somebody is whose e-mail and mobile are masked and may be shown."""
    _mask(shop, "revealable")
    shop.customer("u1", name="Asha Rao", email=EMAIL, mobile=MOBILE, City="Pune")
    shop.customer("u2", email="bina@example.com")
    return shop.profile_path("u1")


def _mask(shop: Shop, mode: str) -> None:
    with shop.database.write() as session:
        session.execute(update(Workspace).where(Workspace.id == shop.workspace.id).values(masking=mode))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("asha@example.com", "a•••@e•••.com"),
        ("asha@mail.example.co.uk", "a•••@m•••.uk"),
        ("jo@example.com", "•••@e•••.com"),
        ("a@b.co", "•••@•••.co"),
        ("+91 98765 43210", "•••••••• 10"),
        ("09876543210", "•••••••• 10"),
        ("123456", "•••"),
        ("ask at the desk", "•••"),
        ("asha@localhost", "•••"),
        ("asha@example.com, bina@example.com", "•••"),
        ("•asha@example.com", "•••@e•••.com"),
        ("x" * 100_000 + "@example.com", "•••"),
        ("", "•••"),
    ],
)
def test_what_is_shown_of_a_value(text: str, shown: str) -> None:
    assert contacts.mask(text) == shown


@given(st.text())
def test_what_is_masked_stays_so(text: str) -> None:
    assert contacts.mask(contacts.mask(text)) == contacts.mask(text)


@pytest.mark.parametrize(
    "name", ["email", "E-Mail", "billing_email", "Phone Number", "mobile no.", "userPhone2", "WhatsApp"]
)
def test_attributes_called_like_contacts(name: str) -> None:
    assert contacts.is_contact(name)


@pytest.mark.parametrize("name", ["name", "City", "Phone model", "Emails sent", "mobile app version", "contact"])
def test_attributes_called_otherwise(name: str) -> None:
    assert not contacts.is_contact(name)


def test_values_are_masked_however_deep(shop: Shop) -> None:
    told = {"E-Mail": [EMAIL, {"of": EMAIL}], "who": {"phone": 919876543210, "old": True}, "is email": None, "n": 1}
    shown = {"E-Mail": ["a•••@e•••.com"] * 1 + [{"of": "a•••@e•••.com"}], "who": {"phone": "•••••••• 10", "old": True}}
    assert contacts.value("", told) == {**shown, "is email": None, "n": 1}


def test_viewer_sees_them_masked_and_others_as_they_are(
    shop: Shop, asha: str, alice: FlaskClient, bob: FlaskClient
) -> None:
    for path in ("/customers", asha, "/go?q=asha", "/customers/export.csv"):
        assert EMAIL in page(alice, path) or path.startswith("/go")
        assert "•••" not in page(alice, path)
    for path in ("/customers", asha, "/customers/export.csv"):
        assert "a•••@e•••.com" in page(bob, path)
        assert "•••••••• 10" in page(bob, path)
    assert "b•••@e•••.com" in page(bob, "/go?q=u2")  # who has no name is called by it


def test_viewer_sees_all_where_nothing_is_masked(shop: Shop, asha: str, bob: FlaskClient) -> None:
    _mask(shop, "off")
    assert EMAIL in page(bob, asha)
    assert "Show e-mail" not in page(bob, asha)


@pytest.mark.parametrize("text", [EMAIL, EMAIL.upper(), MOBILE, "98765 43210", "919876543210", "u1", "Rao", "ash"])
def test_viewer_finds_by_the_whole_value(asha: str, bob: FlaskClient, text: str) -> None:
    found = page(bob, f"/customers?q={text.replace('+', '%2B')}")
    assert "Asha Rao" in found
    assert ">1 match" in found


@pytest.mark.parametrize(
    "text", ["asha.", "asha.rao@", "rao@example.com", "example.com", "98765", "+91 98765 4321", "43210"]
)
def test_viewer_finds_nobody_by_a_part(asha: str, alice: FlaskClient, bob: FlaskClient, text: str) -> None:
    path = f"/customers?q={text.replace('+', '%2B')}"
    assert "Nobody matches" in page(bob, path)
    assert "the whole of an email or mobile" in page(bob, path)
    assert (">Asha Rao</a>" in page(alice, path)) == (text != "43210")


def test_names_are_found_behind_many_emails(shop: Shop, asha: str, bob: FlaskClient) -> None:
    for number in range(60):
        shop.customer(f"x{number}", email=f"zed{number}@a.example", mobile=f"+9198765{number:05}")
    shop.customer("y", name="Zedekiah")
    assert ">1 match" in page(bob, "/customers?q=zed")


@pytest.mark.parametrize("where", [f"email = {EMAIL}", "has email", "lacks email", "City = Pune"])
def test_viewer_filters_by_the_whole_value(asha: str, bob: FlaskClient, where: str) -> None:
    assert "is not applied" not in page(bob, f"/customers?where={where}")


@pytest.mark.parametrize(
    "where", ["email contains ash", "email > a", "mobile < 5", f"email != {EMAIL}", "E-Mail contains a", '"email" > a']
)
def test_viewer_filters_by_nothing_else(
    shop: Shop, asha: str, alice: FlaskClient, bob: FlaskClient, where: str
) -> None:
    shop.customer("u3", **{"E-Mail": "c@example.com"})
    listed = page(bob, f"/customers?where={where.replace('+', '%2B')}")
    assert "is not applied. You see e-mail and mobile masked" in words(listed)
    assert "Asha Rao" in listed
    assert "is not applied" not in page(alice, f"/customers?where={where}")
    assert bob.get(f"/customers/export.csv?where={where}").status_code == 400


def test_segment_with_an_email_is_shown_with_the_reason(shop: Shop, asha: str, bob: FlaskClient) -> None:
    with shop.database.write() as session:
        made = segments.create(session, shop.workspace.id, "Rao", "where=email+contains+rao%40&where=has+City")
        id_ = made.id
    listed = page(bob, "/customers")
    assert "rao%40" not in listed
    assert f"where=email+contains+%E2%80%A2%E2%80%A2%E2%80%A2&amp;where=has+City&amp;segment={id_}" in listed
    shown = page(bob, f"/customers?where=email+contains+•••&where=has+City&segment={id_}")
    assert "“email contains •••” is not applied. You see e-mail and mobile masked, so neither which" in words(shown)
    assert "Changed" not in words(shown)


def test_text_in_events_is_no_way_to_guess(shop: Shop, asha: str, bob: FlaskClient) -> None:
    shop.event("Asked", email="kiran@example.com", about="Delivery", who={"phone": "9000012345"})
    for text, is_found in (("kiran", False), ("kiran@example.com", True), ("90000", False), ("9000012345", True)):
        assert (">Asked<" in part(bob, f"{asha}?text={text}", "activities").split("event-text")[1]) == is_found, text
    assert ">Asked<" in part(bob, f"{asha}?text=deliv", "activities").split("event-text")[1]


def test_filter_of_attributes_is_no_way_to_guess(asha: str, bob: FlaskClient) -> None:
    assert "No attribute matches" in part(bob, f"{asha}?attribute=rao@", "attribute-rows")
    assert "a•••@e•••.com" in part(bob, f"{asha}?attribute=email", "attribute-rows")


def test_viewer_sees_nothing_of_what_was_refused(shop: Shop, asha: str, alice: FlaskClient, bob: FlaskClient) -> None:
    shop.send("/rest-api/event", {"customerId": "u1", "extra": "kiran@example.com"})
    (path,) = {one for one in page(alice, "/refused").split('"') if one.startswith("/refused/")}
    assert "kiran" in page(alice, path)
    assert "kiran" not in page(bob, path)
    assert "none of it is shown to you" in words(page(bob, path))


def _reveal(browser: FlaskClient, path: str) -> int:
    return submit(browser, f"{path}/revelation", form_on=path).status_code


def test_revealing_is_noted_and_shows_them_on_this_profile(shop: Shop, asha: str, bob: FlaskClient) -> None:
    other = shop.profile_path("u2")
    answer = submit(bob, f"{asha}/revelation?text=a", form_on=asha)
    assert (answer.status_code, answer.location) == (303, f"{asha}?text=a")
    with shop.database.read() as session:
        (noted,) = session.scalars(select(AuditEntry).where(AuditEntry.action == "contact.revealed"))
    assert (noted.actor, noted.target) == ("bob@shop.example", asha.rpartition("/")[2])
    assert json.loads(noted.details) == {}
    for path in (asha, asha, f"{asha}/history?attribute=email", f"{asha}/value?attribute=email"):
        assert EMAIL in page(bob, path), path
    assert "are shown until" in page(bob, asha)
    for path in ("/customers", other, "/customers?q=u1"):
        assert EMAIL not in page(bob, path), path
        assert "bina@" not in page(bob, path), path


@contextmanager
def _later(ms: int) -> Iterator[None]:
    now = clock.now
    with patch.object(clock, "now", lambda: now() + ms):
        yield


def test_it_ends_after_ten_minutes(asha: str, bob: FlaskClient) -> None:
    _reveal(bob, asha)
    with _later(9 * clock.MINUTE):
        assert EMAIL in page(bob, asha)
    with _later(10 * clock.MINUTE + 1):
        assert EMAIL not in page(bob, asha)


def test_it_ends_with_the_login_and_is_in_no_other(shop: Shop, asha: str, bob: FlaskClient) -> None:
    other = shop.app.test_client()
    submit(other, "/login", email="bob@shop.example", password=PASSWORD)
    _reveal(bob, asha)
    assert EMAIL not in page(other, asha)
    submit(bob, "/account/logout", form_on=asha)
    submit(bob, "/login", email="bob@shop.example", password=PASSWORD)
    assert EMAIL not in page(bob, asha)


def test_it_ends_when_viewers_are_masked_always(shop: Shop, asha: str, bob: FlaskClient) -> None:
    _reveal(bob, asha)
    _mask(shop, "always")
    assert EMAIL not in page(bob, asha)


def _revealed(shop: Shop) -> int:
    query = select(func.count()).select_from(AuditEntry).where(AuditEntry.action == "contact.revealed")
    with shop.database.read() as session:
        return session.scalar(query) or 0


def test_nothing_is_shown_that_could_not_be_noted(shop: Shop, asha: str, bob: FlaskClient) -> None:
    with patch.object(audit, "note", side_effect=OperationalError("INSERT", {}, Exception("database is locked"))):
        assert _reveal(bob, asha) >= 500
    assert EMAIL not in page(bob, asha)
    assert not _revealed(shop)


def test_nobody_may_where_they_are_masked_always(shop: Shop, asha: str, bob: FlaskClient) -> None:
    _mask(shop, "always")
    assert "Show e-mail and mobile" not in page(bob, asha)
    assert "see e-mail and mobile masked" in page(bob, asha)
    assert submit(bob, f"{asha}/revelation", form_on=asha).status_code == 403
    assert not _revealed(shop)


def test_who_sees_them_anyway_reveals_nothing(shop: Shop, asha: str, alice: FlaskClient) -> None:
    assert _reveal(alice, asha) == 303
    assert not _revealed(shop)


def test_strangers_profile_is_not_there(shop: Shop, asha: str, bob: FlaskClient, charlie: FlaskClient) -> None:
    assert submit(bob, "/customers/000000000000000000000000/revelation", form_on=asha).status_code == 404
    assert submit(charlie, f"{asha}/revelation", form_on="/settings/account").status_code == 404
    assert not _revealed(shop)


def test_most_profiles_at_once(shop: Shop, asha: str, bob: FlaskClient) -> None:
    for number in range(22):
        shop.customer(f"x{number}", email=f"kiran{number}@example.com")
        _reveal(bob, shop.profile_path(f"x{number}"))
    assert "kiran21@" in page(bob, shop.profile_path("x21"))
    assert "kiran0@" not in page(bob, shop.profile_path("x0"))


def test_administrator_sets_it(shop: Shop, alice: FlaskClient) -> None:
    wanted = {"name": "Shop", "time_zone": "Asia/Kolkata", "default_region": "IN", "merges_a_day": "20"}
    assert submit(alice, "/settings/workspace", **wanted, masking="never").status_code == 422
    assert submit(alice, "/settings/workspace", **wanted, masking="revealable").status_code == 302
    assert submit(alice, "/settings/workspace", **wanted).status_code == 302  # a form of before it was there
    with shop.database.read() as session:
        assert session.get_one(Workspace, shop.workspace.id).masking == "revealable"
    assert 'value="revealable" selected' in page(alice, "/settings/workspace")
