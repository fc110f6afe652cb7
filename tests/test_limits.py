"""Limits: lengths of names and values, numbers of attributes."""

import json
from typing import Any

import pytest
from sqlalchemy import select

from tests.world import ATTRIBUTES, NOON, SMALLEST, Shop, faults, is_taken, stored
from webapp.models import Event

every_endpoint = pytest.mark.parametrize("path", list(ATTRIBUTES))
every_event = pytest.mark.parametrize("path", [path for path in SMALLEST if "name" in SMALLEST[path]])
every_profile = pytest.mark.parametrize(
    ("path", "limit"), [("/rest-api/customer", 100), ("/track/user", 50), ("/msv_cs_id", 100)]
)
LONGEST_TEXT = "ü" * 32_768  # 64 KiB in UTF-8


def _longest_name(path: str) -> str:
    return "𝔘" * (120 if ATTRIBUTES[path] == "info" else 49)  # four bytes each


def _longest_text(path: str) -> str:
    return "𝔘" * 100 if ATTRIBUTES[path] == "info" else LONGEST_TEXT


def _with(path: str, values: dict[str, Any]) -> dict[str, Any]:
    """A body of this endpoint with these attributes, in the shape that it takes."""
    kinds = {str: "string", int: "long" if ATTRIBUTES[path] == "info" else "number", bool: "boolean"}
    listed = [{"name": name, "type": kinds[type(value)], "value": value} for name, value in values.items()]
    return SMALLEST[path] | {ATTRIBUTES[path]: values if path == "/track/user" else listed}


def _place(path: str, name: str, part: str) -> tuple[str | int, ...]:
    return ("attributes", name) if path == "/track/user" else (ATTRIBUTES[path], 0, part)


def _numbered(count: int, first: int = 0) -> dict[str, Any]:
    return {f"a{place}": place for place in range(first, first + count)}


@every_endpoint
def test_name_of_an_attribute_has_up_to_49_characters_and_120_on_mobiles(shop: Shop, path: str) -> None:
    longest = _longest_name(path)
    assert is_taken(shop.send(path, _with(path, {longest: "a"})))
    too_long = "n" * (len(longest) + 1)
    assert faults(shop.send(path, _with(path, {too_long: "a"}))) == [(_place(path, too_long, "name"), "string.max")]


@every_endpoint
@pytest.mark.parametrize("name", ["", " ", "\n\t"])
def test_name_of_an_attribute_is_not_blank(shop: Shop, path: str, name: str) -> None:
    assert faults(shop.send(path, _with(path, {name: "a"}))) == [(_place(path, name, "name"), "string.empty")]


@every_event
def test_name_of_an_event_has_up_to_49_characters_and_120_on_mobiles(shop: Shop, path: str) -> None:
    longest = _longest_name(path)
    body = _with(path, {longest: 1}) | {"name": longest}
    assert is_taken(shop.send(path, body))
    ignored = _with(path, {longest: "a"}) | {"name": longest}
    assert "ignored" in (shop.send(path, ignored).json or {})
    assert faults(shop.send(path, body | {"name": "n" * (len(longest) + 1)})) == [(("name",), "string.max")]
    assert faults(shop.send(path, body | {"name": "  "})) == [(("name",), "string.empty")]
    assert faults(shop.send(path, body | {"name": 5})) == [(("name",), "string.base")]


@every_endpoint
def test_string_has_up_to_64_kib_and_100_characters_on_mobiles(shop: Shop, path: str) -> None:
    assert is_taken(shop.send(path, _with(path, {"x": _longest_text(path)})))
    answer = shop.send(path, _with(path, {"x": _longest_text(path) + "a"}))
    assert faults(answer) == [(_place(path, "x", "value"), "string.max")]


def test_longest_string_is_kept_whole(shop: Shop) -> None:
    shop.customer(x=LONGEST_TEXT, name=LONGEST_TEXT, email=LONGEST_TEXT, mobile="9" * 65_536)
    shop.event(x=LONGEST_TEXT)
    assert shop.attributes()["x"] == ("string", LONGEST_TEXT)
    assert shop.find().name == LONGEST_TEXT
    assert shop.events()[0].attributes[0].value == LONGEST_TEXT


def test_strings_inside_of_arrays_and_maps_have_up_to_64_kib(shop: Shop) -> None:
    attributes = {"x": ["a", LONGEST_TEXT + "a"], "y": {"deep": [[LONGEST_TEXT + "a"]]}}
    body = SMALLEST["/track/event"] | {"attributes": attributes}
    assert faults(shop.send("/track/event", body)) == [
        (("attributes", "x", 1), "string.max"),
        (("attributes", "y", "deep", 0, 0), "string.max"),
    ]


@every_event
def test_event_has_up_to_50_attributes(shop: Shop, path: str) -> None:
    assert is_taken(shop.send(path, _with(path, _numbered(50))))
    with shop.database.read() as session:
        assert len(json.loads(session.scalars(select(Event.attributes)).one())) == 50
    assert faults(shop.send(path, _with(path, _numbered(51)))) == [((ATTRIBUTES[path],), "attributes.max")]


def test_event_with_51_attributes_in_an_object_is_refused(shop: Shop) -> None:
    body = SMALLEST["/track/event"] | {"attributes": _numbered(51)}
    assert faults(shop.send("/track/event", body)) == [(("attributes",), "attributes.max")]


def test_too_many_attributes_are_told_beside_the_faults_of_each(shop: Shop) -> None:
    body = SMALLEST["/track/event"] | {"attributes": _numbered(50) | {"x": None, "y": "\x00"}}
    assert sorted(faults(shop.send("/track/event", body))) == [
        (("attributes",), "attributes.max"),
        (("attributes", "x"), "any.null"),
        (("attributes", "y"), "string.unicode"),
    ]


@every_profile
def test_profile_has_so_many_custom_attributes(shop: Shop, path: str, limit: int) -> None:
    basics = {"name": "Asha", "email": "asha@example.com", "mobile": "9919211112"}
    assert is_taken(shop.send(path, _with(path, _numbered(limit) | basics)))
    before = stored(shop.database)
    values = shop.attributes()
    for attributes in ({"one_more": 1}, {"a0": 77, "one_more": 1, "name": "Ravi"}):
        assert faults(shop.send(path, _with(path, attributes))) == [((ATTRIBUTES[path],), "attributes.max")]
    assert stored(shop.database) == before
    assert shop.attributes() == values
    assert is_taken(shop.send(path, _with(path, {"a0": 77, "name": "Ravi"})))


@every_profile
def test_customer_past_the_limit_is_not_created(shop: Shop, path: str, limit: int) -> None:
    before = stored(shop.database)
    assert faults(shop.send(path, _with(path, _numbered(limit + 1)))) == [((ATTRIBUTES[path],), "attributes.max")]
    assert stored(shop.database) == before


def test_ignored_values_do_not_count(shop: Shop) -> None:
    shop.customer("other", x="text", y="text")
    answer = shop.send("/track/user", _with("/track/user", _numbered(50) | {"x": 1, "y": 2}))
    assert answer.status_code == 200
    assert len(shop.attributes()) == 50


def test_both_endpoints_count_the_whole_profile(shop: Shop) -> None:
    assert shop.send("/rest-api/customer", _with("/rest-api/customer", _numbered(50))).status_code == 200
    more = _with("/track/user", {"one_more": 1})
    assert faults(shop.send("/track/user", more)) == [(("attributes",), "attributes.max")]
    assert shop.send("/rest-api/customer", _with("/rest-api/customer", {"one_more": 1})).status_code == 200


@pytest.mark.parametrize("path", ["/rest-api/customer", "/track/user", "/msv_cs_id"])
def test_request_with_thousands_of_attributes_is_refused(shop: Shop, path: str) -> None:
    before = stored(shop.database)
    for count in (1_000, 1_001, 10_000):
        assert faults(shop.send(path, _with(path, _numbered(count)))) == [((ATTRIBUTES[path],), "attributes.max")]
    assert stored(shop.database) == before


def test_attributes_of_events_do_not_count_for_the_profile(shop: Shop) -> None:
    for first in range(0, 150, 50):
        shop.event(time=NOON + first, **_numbered(50, first))
    assert shop.send("/track/user", _with("/track/user", _numbered(50))).status_code == 200
