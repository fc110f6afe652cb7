"""Customer ids: their length, and the placeholders that broken integrations send."""

from typing import Any

import pytest
from sqlalchemy import select

from tests.world import LAUNCH, SMALLEST, Shop, faults, is_taken, rows
from webapp.models import Customer, Device, Workspace

FIELDS = ("id", "customerId", "clientCustomerId", "did")
IDS_OF = [(path, field) for path in SMALLEST for field in FIELDS if field in SMALLEST[path]]
every_id = pytest.mark.parametrize(("path", "field"), IDS_OF)
# A launch without an id gets one.
every_needed_id = pytest.mark.parametrize(("path", "field"), [one for one in IDS_OF if one[0] != LAUNCH])
# As the reference lists them.
PLACEHOLDERS = (
    "null", "undefined", "none", "nil", "nan", "n/a", "na", "unknown", "anonymous", "guest", "true", "false",
    "[object object]", "{}", "[]", "0", "-1", "id", "distinct_id", "not_authenticated",
    "00000000-0000-0000-0000-000000000000", "00000000000000000000000000000000",
    "{{user.id}}", "hello {{ name }}!", "${userId}", "u-${id}", "YOUR_APP_CUSTOMER_ID", "your-system-uniqe-id",
)  # fmt: skip
# They only look like one.
IDS = (
    "00", "-10", "1", "nullable", "nanna", "guest1", "id1", "unknown@example.com", "{", "}", "{}x", "$100", "{a}", "${",
    "00000000-0000-0000-0000-000000000001", "a b", "asha@example.com", "+91 99192 11112", "用户", "🧵",
)  # fmt: skip


def _user(id_: object) -> dict[str, Any]:
    return SMALLEST["/track/user"] | {"id": id_}


def _list(shop: Shop, lines: str) -> None:
    with shop.database.write() as session:
        session.get_one(Workspace, shop.workspace.id).placeholder_ids = lines


def test_placeholder_ids_are_refused_in_any_letter_case(shop: Shop) -> None:
    spelt = {spelling for text in PLACEHOLDERS for spelling in (text, text.upper(), text.title(), f"  {text}\t")}
    found = {text: faults(shop.send("/track/user", _user(text))) for text in spelt}
    assert found == {text: [(("id",), "id.placeholder")] for text in spelt}
    assert rows(shop.database, Customer) == 0


@every_id
def test_placeholder_ids_are_refused_everywhere(shop: Shop, path: str, field: str) -> None:
    assert faults(shop.send(path, SMALLEST[path] | {field: "Undefined"})) == [((field,), "id.placeholder")]


def test_ids_that_only_look_like_placeholders_are_taken(shop: Shop) -> None:
    for text in IDS:
        shop.customer(text)
    assert rows(shop.database, Customer) == len(IDS)


def test_list_of_the_workspace_replaces_the_documented_one(shop: Shop, other_shop: Shop) -> None:
    _list(shop, "nobody\n\n  TEST-*  \n")
    for text in ("nobody", "NOBODY", "test-1", "Test-"):
        assert faults(shop.send("/track/user", _user(text))) == [(("id",), "id.placeholder")]
    for text in ("0", "null", "guest", "nobody1", "a test-1"):
        shop.customer(text)
    assert faults(other_shop.send("/track/user", _user("0"))) == [(("id",), "id.placeholder")]
    other_shop.customer("nobody")


def test_empty_list_refuses_no_placeholder_but_still_blank_ids(shop: Shop) -> None:
    _list(shop, "")
    shop.customer("null")
    assert faults(shop.send("/track/user", _user(" "))) == [(("id",), "string.empty")]


@every_needed_id
@pytest.mark.parametrize("blank", ["", " ", "\t\n", "\u3000\u00a0"])
def test_blank_ids_are_refused(shop: Shop, path: str, field: str, blank: str) -> None:
    assert faults(shop.send(path, SMALLEST[path] | {field: blank})) == [((field,), "string.empty")]


@every_needed_id
@pytest.mark.parametrize("value", [1, 1.5, True, None, ["u1"], {"id": "u1"}])
def test_id_must_be_a_string(shop: Shop, path: str, field: str, value: object) -> None:
    assert faults(shop.send(path, SMALLEST[path] | {field: value})) == [((field,), "string.base")]


@every_id
def test_id_has_up_to_255_characters_after_trimming(shop: Shop, path: str, field: str) -> None:
    longest = "𝔘" * 255
    assert is_taken(shop.send(path, SMALLEST[path] | {field: f"  {longest}\n"}))
    with shop.database.read() as session:
        assert longest in session.scalars(select(Device.did if field == "did" else Customer.system_id)).all()
    assert faults(shop.send(path, SMALLEST[path] | {field: longest + "u"})) == [((field,), "string.max")]


def test_ids_differ_by_letter_case_and_by_normal_form(shop: Shop) -> None:
    for text in ("asha", "Asha", "é", "e\u0301"):
        shop.customer(text)
    assert rows(shop.database, Customer) == 4


def test_one_customer_whatever_spaces_surround_the_id(shop: Shop) -> None:
    shop.customer(" u1")
    shop.event(system_id="u1 \n")
    assert rows(shop.database, Customer) == 1
    assert shop.find("u1").event_count == 1
