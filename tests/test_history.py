"""Every value an attribute has had, and finding people by what they were called before."""

import re

import pytest
from flask.testing import FlaskClient
from sqlalchemy import update

from tests.visitors import (
    DAY,
    HOUR,
    MINUTE,
    T0,
    customer,
    login,
    page,
    part,
    path_of,
    section,
    seen,
    tell,
    values,
    words,
)
from tests.world import Shop, submit
from webapp import clock
from webapp.models import AttributeValue


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> "Now":
    """The server's clock, a day after what the tests report."""
    return Now(monkeypatch)


class Now:
    """A clock that stands where it is put."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.at = T0 + DAY
        patch.setattr(clock, "now", lambda: self.at)


def _lines(browser: FlaskClient, path: str, name: str = "City") -> list[str]:
    """The history of an attribute, line by line."""
    answer = browser.get(f"{path}/history", query_string={"attribute": name})
    assert answer.status_code == 200
    shown = re.findall(r"<ol class=\"past\">(.*)</ol>", answer.get_data(as_text=True), re.DOTALL)[0]
    return [words(line) for line in re.findall(r"<li>\s*(<div>.*?</small>)\s*<a", shown, re.DOTALL)]


def _attributes(shop: Shop, browser: FlaskClient) -> str:
    return section(page(browser, shop.profile_path()), "attributes")


def test_values_stand_in_their_order_with_times_and_source(shop: Shop, alice: FlaskClient, now: Now) -> None:
    tell(shop, customer("u1", T0, City="Pune"), source="/msv_cs_id")
    shop.customer(City="Mumbai")
    assert _lines(alice, shop.profile_path()) == [
        "Mumbai reported 11 Mar 2026, 17:30 · by /track/user, key Backend",
        "Pune reported 10 Mar 2026, 17:30 · received 11 Mar 2026, 17:30 · by /msv_cs_id",
    ]
    assert "2 values so far" in _attributes(shop, alice)


def test_late_value_takes_its_place_but_does_not_win(shop: Shop, alice: FlaskClient, now: Now) -> None:
    for hours, city in ((2, "Pune"), (0, "Delhi"), (1, "Goa")):
        tell(shop, customer("u1", T0 + hours * HOUR, City=city))
    assert [line.split()[0] for line in _lines(alice, shop.profile_path())] == ["Pune", "Goa", "Delhi"]
    assert shop.attributes()["City"] == ("string", "Pune")


def test_clock_that_is_ahead_does_not_win_for_ever(shop: Shop, alice: FlaskClient, now: Now) -> None:
    tell(shop, customer("u1", now.at + 365 * DAY, City="Future"))
    now.at += MINUTE
    shop.customer(City="Pune")
    assert [line.split()[0] for line in _lines(alice, shop.profile_path())] == ["Pune", "Future"]
    assert "City string · now Pune 2 values so far" in _attributes(shop, alice)


def test_value_told_again_and_again_is_one(shop: Shop, alice: FlaskClient, now: Now) -> None:
    for minutes in (0, 10, 20):
        now.at = T0 + minutes * MINUTE
        shop.customer(City="Pune")
    assert _lines(alice, shop.profile_path()) == [
        "Pune reported 10 Mar 2026, 17:30, last 10 Mar 2026, 17:50 · by /track/user, key Backend"
    ]
    assert "Where from" in _attributes(shop, alice)
    assert "so far" not in _attributes(shop, alice)


def test_value_that_a_device_tells_again_and_again_is_one(shop: Shop, alice: FlaskClient, now: Now) -> None:
    for minutes, city in ((20, "Pune"), (0, "Pune"), (10, "Pune"), (40, "Goa"), (60, "Pune")):
        tell(shop, customer("u1", T0 + minutes * MINUTE, City=city))
    assert [line.partition(" · ")[0] for line in _lines(alice, shop.profile_path())] == [
        "Pune reported 10 Mar 2026, 18:30",
        "Goa reported 10 Mar 2026, 18:10",
        "Pune reported 10 Mar 2026, 17:30, last 10 Mar 2026, 17:50",
    ]
    assert "2 values so far" in _attributes(shop, alice)


def test_history_is_the_whole_persons(shop: Shop, alice: FlaskClient, now: Now) -> None:
    shop.customer(City="Mumbai")
    tell(shop, seen("phone", T0), values("phone", T0, City="Pune"), login("phone", T0 + 1))
    assert [line.split()[0] for line in _lines(alice, shop.profile_path())] == ["Mumbai", "Pune"]
    undoing = re.findall(r'action="([^"]+/undoing)"', page(alice, shop.profile_path()))
    submit(alice, undoing[0], form_on=shop.profile_path())
    assert [line.split()[0] for line in _lines(alice, shop.profile_path())] == ["Mumbai"]
    assert [line.split()[0] for line in _lines(alice, path_of(alice, "phone"))] == ["Pune"]


def test_values_of_every_type_are_shown_as_people_read_them(shop: Shop, alice: FlaskClient) -> None:
    shop.customer(Joined="2026-03-10 12:00:00", VIP=False, Total=12.5, name="Asha")
    path = shop.profile_path()
    for name, shown in (("Joined", "2026-03-10 12:00:00"), ("VIP", "No"), ("Total", "12.5"), ("name", "Asha")):
        assert _lines(alice, path, name)[0].startswith(f"{shown} reported ")


def test_value_from_before_sources_were_kept_says_so(shop: Shop, alice: FlaskClient) -> None:
    shop.customer(City="Pune")
    with shop.database.write() as session:
        session.execute(update(AttributeValue).values(source="", key_id=None))
    assert _lines(alice, shop.profile_path())[0].endswith("· before sources were kept")


def test_history_is_a_page_and_a_fragment(shop: Shop, alice: FlaskClient) -> None:
    shop.customer(name="Asha Rao", City="Pune")
    path = f"{shop.profile_path()}/history?attribute=City"
    whole = page(alice, path)
    assert "<h1>City</h1>" in whole
    assert f'href="{shop.profile_path()}">Asha Rao<' in whole
    fragment = part(alice, path, "")
    assert fragment.lstrip().startswith('<ol class="past">')
    assert "<html" not in fragment


@pytest.mark.parametrize(
    "name", ["A&B=C?", "50 % off #1", 'say "hi"', "<b>", "a/b/../c", "+1", " City", "é😀", "x" * 49]
)
def test_link_to_a_history_works_whatever_the_attribute_is_called(shop: Shop, alice: FlaskClient, name: str) -> None:
    shop.customer(**{name: "this value"})
    shown = page(alice, shop.profile_path())
    assert "<b>" not in shown
    link = re.search(r'href="([^"]+/history\?[^"]+)"', shown)
    assert link is not None
    assert "this value" in page(alice, link[1].replace("&amp;", "&"))
    assert _lines(alice, shop.profile_path(), name)[0].startswith("this value ")


@pytest.mark.parametrize(
    "query", ["attribute=Nothing", "attribute=", "", "attribute=%00", "attribute=City%00", "attribute=city"]
)
@pytest.mark.parametrize("headers", [{}, {"HX-Request": "true"}])
def test_attribute_that_the_person_does_not_have_is_a_404(
    shop: Shop, alice: FlaskClient, query: str, headers: dict[str, str]
) -> None:
    shop.customer(City="Pune")
    shop.customer("u2", Nothing="is another customer's")
    assert alice.get(f"{shop.profile_path()}/history?{query}", headers=headers).status_code == 404


def test_history_is_for_viewers_too_but_not_for_strangers(
    shop: Shop, alice: FlaskClient, bob: FlaskClient, charlie: FlaskClient
) -> None:
    shop.customer(City="Pune")
    path = f"{shop.profile_path()}/history?attribute=City"
    assert bob.get(path).status_code == 200
    assert charlie.get(path).status_code == 404


# Finding people by former values


def _found(browser: FlaskClient, text: str) -> list[str]:
    shown = page(browser, f"/customers?q={text}")
    return [words(row) for row in re.findall(r'<span class="match.*?</span>', shown, re.DOTALL)]


def test_former_mail_and_mobile_are_found_and_shown(shop: Shop, alice: FlaskClient) -> None:
    shop.customer(email="Old@Mail.example", mobile="+91 98201 12345")
    shop.customer(email="new@mail.example", mobile="9919211112")
    assert _found(alice, "old@mail.example") == ["former email matches: Old@Mail.example"]
    assert _found(alice, "old@") == ["part of former email: Old@Mail.example"]
    assert _found(alice, "098201 12345") == ["former mobile matches: +91 98201 12345"]
    assert _found(alice, "982011") == ["part of former mobile: +91 98201 12345"]
    assert _found(alice, "new@mail.example") == ["email matches"]


def test_value_that_came_back_is_no_former_one(shop: Shop, alice: FlaskClient) -> None:
    for email in ("a@mail.example", "b@mail.example", "a@mail.example"):
        shop.customer(email=email)
    assert _found(alice, "a@mail.example") == ["email matches"]
    assert _found(alice, "b@mail.example") == ["former email matches: b@mail.example"]


def test_value_that_arrived_late_is_a_former_one_at_once(shop: Shop, alice: FlaskClient) -> None:
    tell(shop, customer("u1", T0, email="now@mail.example"))
    tell(shop, customer("u1", T0 - DAY, email="then@mail.example"))
    assert _found(alice, "then@mail.example") == ["former email matches: then@mail.example"]
    assert _found(alice, "now@mail.example") == ["email matches"]


def test_merged_visitors_mail_finds_the_person(shop: Shop, alice: FlaskClient) -> None:
    shop.customer(email="u1@mail.example")
    tell(shop, seen("phone", T0), values("phone", T0, email="visitor@mail.example"))
    assert _found(alice, "visitor@mail.example") == ["email matches"]
    tell(shop, login("phone", T0 + 1))
    assert _found(alice, "visitor@mail.example") == ["former email matches: visitor@mail.example"]
    assert "1 match " in words(page(alice, "/customers?q=mail.example"))


def test_former_value_is_shown_as_text(shop: Shop, alice: FlaskClient) -> None:
    shop.customer(email="<b>@mail.example")
    shop.customer(email="new@mail.example")
    assert "former email matches: &lt;b&gt;@mail.example" in page(alice, "/customers?q=<b>@mail.example")
