"""Names, e-mails, mobiles and ids of any kind are stored and found, whatever they hold."""

import pytest

from tests.world import Shop
from webapp import customers, events, search

HOSTILE = (
    "\u202eabc", "👩🏽‍👩‍👧‍👦", "ﷺ" * 100, "İIıi", "ß" * 300, "%", "_", "a%b_c", "'; --", "\\", "*", "\x01\x1f",
    "\ufeff", "e" + "\u0301\u0323" * 2_000, "𝔘" * 5_000, ". . . .", "@", "@@@@", "+", "+++", "-" * 2_000, "a.b" * 5_000,
    "9" * 5_000, "+91" * 3_000, "٠١٢٣٤٥٦٧٨٩", "+999 999", "0", "\U0010ffff" * 300,
)  # fmt: skip


def _found(shop: Shop, text: str) -> set[str | None]:
    with shop.database.read() as session:
        return {hit.customer.system_id for hit in search.find(session, shop.workspace, text).hits}


def test_hostile_basic_information_is_stored_and_searched_for(shop: Shop) -> None:
    for place, text in enumerate(HOSTILE):
        for field in ("name", "email", "mobile"):
            answer = shop.customer(f"u{place}", **{field: text})
            assert answer.json == {"success": True}, (field, text)
        row = shop.find(f"u{place}")
        assert (row.name, row.email, row.mobile) == (text, text, text)
        assert search.fold(text) == "" or f"u{place}" in _found(shop, text), text


@pytest.mark.parametrize("text", ["𝔘" * 255, "ﷺ" * 255, "ΐ" * 255, "\U0010fffd" * 255, "\u0345\u0300" * 127])
def test_longest_ids_are_stored_and_found(shop: Shop, text: str) -> None:
    shop.customer(text)
    assert _found(shop, text) == {text}


def test_longest_id_is_found_by_its_beginning(shop: Shop) -> None:
    shop.customer("𝔘" * 255)
    assert _found(shop, "𝔘" * 5) == _found(shop, "u" * 5) == {"𝔘" * 255}


def test_mobile_is_found_however_it_is_written(shop: Shop) -> None:
    shop.customer(mobile="9919211112")
    for text in ("9919211112", "+91 99192 11112", "00919919211112", "09919211112", "(99192)-11112", "99192"):
        assert _found(shop, text) == {"u1"}, text


def test_changed_information_is_found_beside_the_earlier(shop: Shop) -> None:
    shop.customer(name="Asha Rao", email="asha@example.com")
    shop.customer(name="Ravi Rao")
    assert _found(shop, "asha rao") == {"u1"}
    assert _found(shop, "ravi") == _found(shop, "rao") == _found(shop, "asha@") == {"u1"}


def test_nul_in_a_question_finds_what_is_found_without(shop: Shop) -> None:
    shop.customer(name="Asha")
    shop.event()
    assert _found(shop, "as\x00ha") == {"u1"}
    assert _found(shop, "\x00") == set()
    with shop.database.read() as session:
        with pytest.raises(customers.NotFoundError):
            customers.find(session, shop.workspace.id, "\x00")
        asked = events.Filter(names=("Purch\x00ased",))
        assert events.timeline(session, shop.workspace.id, [shop.find().id], asked).events == []


def test_two_workspaces_never_find_each_others_customers(shop: Shop, other_shop: Shop) -> None:
    shop.customer(name="Asha")
    assert _found(other_shop, "asha") == _found(other_shop, "u1") == set()
