"""Limits: lengths of names and values, numbers of attributes."""

from typing import Any

import pytest

from tests.world import NOON, SMALLEST, Shop, faults, stored

EVENT_PATHS = [path for path in SMALLEST if "event" in path]
every_endpoint = pytest.mark.parametrize("path", list(SMALLEST))
every_event = pytest.mark.parametrize("path", EVENT_PATHS)
LONGEST_NAME = "𝔘" * 49  # four bytes each
LONGEST_TEXT = "ü" * 32_768  # 64 KiB in UTF-8


def _with(path: str, values: dict[str, Any]) -> dict[str, Any]:
    """A body of this endpoint with these attributes, in the shape that it takes."""
    kinds = {str: "string", int: "number", bool: "boolean"}
    listed = [{"name": name, "type": kinds[type(value)], "value": value} for name, value in values.items()]
    return SMALLEST[path] | {"attributes": values if path == "/track/user" else listed}


def _place(path: str, name: str, part: str) -> tuple[str | int, ...]:
    return ("attributes", name) if path == "/track/user" else ("attributes", 0, part)


def _numbered(count: int, first: int = 0) -> dict[str, Any]:
    return {f"a{place}": place for place in range(first, first + count)}


@every_endpoint
def test_name_of_an_attribute_has_up_to_49_characters(shop: Shop, path: str) -> None:
    assert shop.send(path, _with(path, {LONGEST_NAME: "a"})).json == {"success": True}
    too_long = "n" * 50
    assert faults(shop.send(path, _with(path, {too_long: "a"}))) == [(_place(path, too_long, "name"), "string.max")]


@every_endpoint
@pytest.mark.parametrize("name", ["", " ", "\n\t"])
def test_name_of_an_attribute_is_not_blank(shop: Shop, path: str, name: str) -> None:
    assert faults(shop.send(path, _with(path, {name: "a"}))) == [(_place(path, name, "name"), "string.empty")]


@every_event
def test_name_of_an_event_has_up_to_49_characters(shop: Shop, path: str) -> None:
    body = _with(path, {LONGEST_NAME: 1}) | {"name": LONGEST_NAME}
    assert shop.send(path, body).json == {"success": True}
    ignored = _with(path, {LONGEST_NAME: "a"}) | {"name": LONGEST_NAME}
    assert "ignored" in (shop.send(path, ignored).json or {})
    assert faults(shop.send(path, body | {"name": "n" * 50})) == [(("name",), "string.max")]
    assert faults(shop.send(path, body | {"name": "  "})) == [(("name",), "string.empty")]
    assert faults(shop.send(path, body | {"name": 5})) == [(("name",), "string.base")]


@every_endpoint
def test_string_has_up_to_64_kib(shop: Shop, path: str) -> None:
    assert shop.send(path, _with(path, {"x": LONGEST_TEXT})).json == {"success": True}
    answer = shop.send(path, _with(path, {"x": LONGEST_TEXT + "a"}))
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
    assert shop.send(path, _with(path, _numbered(50))).json == {"success": True}
    assert len(shop.events()[0].attributes) == 50
    assert faults(shop.send(path, _with(path, _numbered(51)))) == [(("attributes",), "attributes.max")]


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


@pytest.mark.parametrize(("path", "limit"), [("/rest-api/customer", 100), ("/track/user", 50)])
def test_profile_has_so_many_custom_attributes(shop: Shop, path: str, limit: int) -> None:
    basics = {"name": "Asha", "email": "asha@example.com", "mobile": "9919211112"}
    assert shop.send(path, _with(path, _numbered(limit) | basics)).json == {"success": True}
    before = stored(shop.database)
    values = shop.attributes()
    for attributes in ({"one_more": 1}, {"a0": 77, "one_more": 1, "name": "Ravi"}):
        assert faults(shop.send(path, _with(path, attributes))) == [(("attributes",), "attributes.max")]
    assert stored(shop.database) == before
    assert shop.attributes() == values
    assert shop.send(path, _with(path, {"a0": 77, "name": "Ravi"})).json == {"success": True}


@pytest.mark.parametrize(("path", "limit"), [("/rest-api/customer", 100), ("/track/user", 50)])
def test_customer_past_the_limit_is_not_created(shop: Shop, path: str, limit: int) -> None:
    before = stored(shop.database)
    assert faults(shop.send(path, _with(path, _numbered(limit + 1)))) == [(("attributes",), "attributes.max")]
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


@pytest.mark.parametrize("path", ["/rest-api/customer", "/track/user"])
def test_request_with_thousands_of_attributes_is_refused(shop: Shop, path: str) -> None:
    before = stored(shop.database)
    for count in (1_000, 1_001, 10_000):
        assert faults(shop.send(path, _with(path, _numbered(count)))) == [(("attributes",), "attributes.max")]
    assert stored(shop.database) == before


def test_attributes_of_events_do_not_count_for_the_profile(shop: Shop) -> None:
    for first in range(0, 150, 50):
        shop.event(time=NOON + first, **_numbered(50, first))
    assert shop.send("/track/user", _with("/track/user", _numbered(50))).status_code == 200
