"""Searching for a customer."""

import re

import pytest
from flask.testing import FlaskClient

from tests.world import Shop, submit


@pytest.fixture(autouse=True)
def _people(shop: Shop) -> None:
    shop.customer("A-1001", name="Asha Rao", email="Asha.Rao@Example.com", mobile="9919211112")
    shop.customer("A-1002", name="Ravi Asher", email="ravi@example.org", mobile="+91 98200 12345")
    shop.customer("B-7", name="Çağla Öztürk-Asha", email="cagla+shop@example.net", mobile="+1 415 555 2671")


def _found(browser: FlaskClient, text: str) -> list[tuple[str, str]]:
    page = browser.get("/customers", query_string={"q": text}).get_data(as_text=True)
    names = re.findall(r'class="row-link"[^>]*>([^<]*)<', page)
    reasons = re.findall(r'class="match (?:match-exact)?">([^<]*)<', page)
    return list(zip(names, reasons, strict=True))


ASHA, RAVI, CAGLA = "Asha Rao", "Ravi Asher", "Çağla Öztürk-Asha"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("A-1001", [(ASHA, "System ID matches")]),
        ("a-100", [(ASHA, "part of System ID"), (RAVI, "part of System ID")]),
        ("asha.rao@example.com", [(ASHA, "email matches")]),
        ("ASHA.RAO@EX", [(ASHA, "part of email")]),
        ("example.org", [(RAVI, "part of email")]),
        ("shop@", [(CAGLA, "part of email")]),
        ("+91 99192 11112", [(ASHA, "mobile matches")]),
        ("9919211112", [(ASHA, "mobile matches")]),
        ("099192-11112", [(ASHA, "mobile matches")]),
        ("0091 99192 11112", [(ASHA, "mobile matches")]),
        ("(99192) 11112", [(ASHA, "mobile matches")]),
        ("99192", [(ASHA, "part of mobile")]),
        ("099192", [(ASHA, "part of mobile")]),
        ("+9199", [(ASHA, "part of mobile")]),
        ("9820012345", [(RAVI, "mobile matches")]),
        ("+14155552671", [(CAGLA, "mobile matches")]),
        ("415 555", [(CAGLA, "part of mobile")]),
        ("rao", [(ASHA, "part of name")]),
        ("asha rao", [(ASHA, "name matches")]),
        ("asha  r", [(ASHA, "part of name")]),
        ("çağla", [(CAGLA, "part of name")]),
        ("ÖZTÜRK", [(CAGLA, "part of name")]),
        ("nobody", []),
        ("%", []),
        ("_", []),
        ("'; DROP TABLE customers; --", []),
    ],
)
def test_search_finds(alice: FlaskClient, text: str, found: list[tuple[str, str]]) -> None:
    assert sorted(_found(alice, text)) == sorted(found)


def test_exact_hits_come_before_beginnings(shop: Shop, alice: FlaskClient) -> None:
    shop.customer("asha", name="Zoe")
    assert _found(alice, "asha") == [("Zoe", "System ID matches"), (CAGLA, "part of name"), (ASHA, "part of name")]


def test_many_namesakes_do_not_hide_an_id(shop: Shop, alice: FlaskClient) -> None:
    for number in range(60):
        shop.customer(f"k{number}", name=f"Person{number} Kumar")
    shop.customer("kumar", name="Zoe")
    assert _found(alice, "kumar")[0] == ("Zoe", "System ID matches")


def test_growlytics_id_is_found_whole_and_by_its_beginning(shop: Shop, alice: FlaskClient) -> None:
    id_ = shop.find("B-7").growlytics_id
    assert _found(alice, id_.upper()) == [(CAGLA, "Growlytics ID matches")]
    assert (CAGLA, "part of Growlytics ID") in _found(alice, id_[:20])


def test_one_match_does_not_hide_another(shop: Shop, alice: FlaskClient) -> None:
    shop.customer("9919211112", name="Somebody whose id looks like a mobile")
    assert len(_found(alice, "9919211112")) == 2


def test_a_customer_who_matches_twice_is_listed_once(shop: Shop, alice: FlaskClient) -> None:
    shop.customer("zed", name="zed zed", email="zed@zed.example")
    assert _found(alice, "zed") == [("zed zed", "System ID matches")]


def test_former_value_is_found_too_and_is_called_so(shop: Shop, alice: FlaskClient) -> None:
    shop.customer("A-1001", email="new@example.com")
    assert _found(alice, "new@example.com") == [(ASHA, "email matches")]
    assert _found(alice, "asha.rao@example.com") == [(ASHA, "former email matches: Asha.Rao@Example.com")]
    assert _found(alice, "asha.rao@") == [(ASHA, "part of former email: Asha.Rao@Example.com")]


def test_search_stays_within_the_workspace(alice: FlaskClient, charlie: FlaskClient, other_shop: Shop) -> None:
    other_shop.customer("A-1001", name="Stranger")
    assert _found(alice, "A-1001") == [(ASHA, "System ID matches")]
    assert _found(charlie, "asha") == []
    assert _found(charlie, "A-1001") == [("Stranger", "System ID matches")]


def test_other_default_region_reads_stored_mobiles_anew(shop: Shop, alice: FlaskClient) -> None:
    shop.customer("D-1", name="Dieter", mobile="0151 23456789")
    assert _found(alice, "+49 151 23456789") == []
    form = {"name": "Shop", "time_zone": "Europe/Berlin", "default_region": "DE", "merges_a_day": "20"}
    answer = submit(alice, "/settings/workspace", **form)
    assert answer.status_code == 302
    assert _found(alice, "+49 151 23456789") == [("Dieter", "mobile matches")]


def test_blank_search_shows_the_list(alice: FlaskClient) -> None:
    page = alice.get("/customers?q=+++").get_data(as_text=True)
    assert "3 customers" in page


def test_search_while_typing_gets_the_list_alone(alice: FlaskClient) -> None:
    asking = {"HX-Request": "true", "HX-Target": "list"}
    part = alice.get("/customers?q=rao", headers=asking).get_data(as_text=True)
    assert part.lstrip().startswith('<section id="list"')
    assert "<html" not in part
    whole = alice.get("/customers?q=rao").get_data(as_text=True)
    assert "Asha Rao" in part
    assert 'value="rao"' in whole


def test_at_most_fifty_are_shown_and_the_page_says_so(shop: Shop, alice: FlaskClient) -> None:
    for number in range(55):
        shop.customer(f"many-{number}")
    assert len(_found(alice, "many-")) == 50
    assert "The first 50 matches" in alice.get("/customers?q=many-").get_data(as_text=True)


def test_long_text_is_found_by_its_beginning(shop: Shop, alice: FlaskClient) -> None:
    shop.customer("long", name="wort " * 300, email="x" * 3000 + "@example.com", mobile="9" * 3000)
    assert ("long" in alice.get("/customers?q=" + "x" * 300).get_data(as_text=True)) is True
