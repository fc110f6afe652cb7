"""Types of attributes: their names, their inference, the registry that fixes them, and what is ignored."""

from typing import Any

import pytest
from sqlalchemy import select

from tests.world import ATTRIBUTES, NOON, SMALLEST, Shop, faults
from webapp import refusals
from webapp.models import IgnoredValue

SCALARS = {"string": "a", "number": 1, "boolean": True, "date": "2020-01-20 13:44:15"}
ARRAYS: dict[str, Any] = {f"{name} array": [value, value] for name, value in SCALARS.items()}
MAPS: dict[str, Any] = {f"{name} map": {"k": value} for name, value in SCALARS.items()}
EVENT_TYPES: dict[str, Any] = {**SCALARS, **ARRAYS, **MAPS, "custom": [1, "a", {"b": None}]}


def _customer(type_: str, value: Any) -> dict[str, Any]:
    return {"id": "u1", "attributes": [{"name": "x", "type": type_, "value": value}]}


def _event(type_: str, value: Any, time: int = NOON) -> dict[str, Any]:
    item = {"name": "x", "type": type_, "value": value}
    return {"customerId": "u1", "name": "Purchased", "time": time, "attributes": [item]}


def _spellings(name: str) -> tuple[str, ...]:
    return (name, name.upper(), name.title())


def test_type_names_are_compared_without_regard_to_case(shop: Shop) -> None:
    for type_, value in SCALARS.items():
        for spelling in _spellings(type_):
            for path in ("/rest-api/customer", "/rest-api/event"):
                body = _customer(spelling, value) | {"customerId": "u1", "name": type_}
                body["attributes"][0]["name"] = type_
                assert shop.send(path, body).json == {"success": True}, (path, spelling)
    assert shop.types() == {type_: type_ for type_ in SCALARS}


def test_type_names_of_events_are_compared_without_regard_to_case(shop: Shop) -> None:
    for type_, value in EVENT_TYPES.items():
        for spelling in _spellings(type_):
            answer = shop.send("/track/event/v2", _event(spelling, value) | {"name": type_})
            assert answer.json == {"success": True}, spelling
        assert shop.types(type_) == {"x": type_}


@pytest.mark.parametrize(
    ("type_", "value"),
    [
        ("string array", "a"),
        ("string array", {"a": "b"}),
        ("string array", ["a", 1]),
        ("number array", [1, True]),
        ("boolean array", [0]),
        ("date array", ["2020-01-20"]),
        ("string map", ["a"]),
        ("string map", {"a": None}),
        ("number map", {"a": "1"}),
        ("boolean map", {"a": 1}),
        ("date map", {"a": "soon"}),
        ("string array", [["a"]]),
    ],
)
def test_value_that_is_not_of_its_type_is_refused(shop: Shop, type_: str, value: Any) -> None:
    answer = shop.send("/track/event", _event(type_, value))
    assert answer.status_code == 422
    assert answer.json is not None
    (fault,) = answer.json["details"]
    assert (fault["path"], fault["type"]) == (["attributes", 0, "value"], f"{type_.replace(' ', '_')}.base")


@pytest.mark.parametrize(
    ("value", "type_"),
    [
        ("a", "string"),
        ("", "string"),
        ("1", "string"),
        ("true", "string"),
        (1, "number"),
        (-1.5, "number"),
        (False, "boolean"),
        (["a"], "string array"),
        ([1, 2.5], "number array"),
        ([True], "boolean array"),
        (["2020-01-20 13:44:15"], "date array"),
        (["2020-01-20 13:44:15", "a"], "string array"),
        ({"a": "b"}, "string map"),
        ({"a": 1}, "number map"),
        ({"a": True}, "boolean map"),
        ({"a": "2020-01-20T13:44:15Z"}, "date map"),
        ([1, "a"], "custom"),
        ([1, True], "custom"),
        ([None], "custom"),
        ([["a"]], "custom"),
        ({"a": {}}, "custom"),
        ([], "custom"),
        ({}, "custom"),
    ],
)
def test_type_follows_from_a_value_without_one(shop: Shop, value: Any, type_: str) -> None:
    shop.event(x=value)
    assert shop.types("Purchased") == {"x": type_}
    assert [(one.type, one.value) for one in shop.events()[0].attributes] == [(type_, value)]


@pytest.mark.parametrize("name", list(EVENT_TYPES))
def test_value_without_a_type_takes_the_one_that_is_known(shop: Shop, name: str) -> None:
    shop.send("/track/event", _event(name, EVENT_TYPES[name]))
    assert shop.event(time=NOON + 1, x=EVENT_TYPES[name]).json == {"success": True}
    assert shop.types("Purchased") == {"x": name}


def test_attribute_known_as_string_stays_one_whatever_it_looks_like(shop: Shop) -> None:
    shop.customer(code="A-1")
    shop.event(code="A-1")
    for look in ("2020-01-20 13:44:15", "2020-01-20T13:44:15Z", "7", "true"):
        assert shop.customer(code=look).json == {"success": True}
        assert shop.event(code=look).json == {"success": True}
        assert shop.attributes() == {"code": ("string", look)}
    assert shop.types() == shop.types("Purchased") == {"code": "string"}


def test_later_value_of_another_type_is_ignored_and_told(shop: Shop) -> None:
    shop.customer(age=7, city="Pune")
    answer = shop.customer(age="seven", city="Goa")
    told = [{"name": "age", "expected": "number", "received": "string"}]
    assert answer.json == {"success": True, "ignored": told}
    assert shop.attributes() == {"age": ("number", 7), "city": ("string", "Goa")}


def test_later_value_with_another_type_is_ignored_even_if_it_would_fit(shop: Shop) -> None:
    shop.send("/track/event", _event("string array", ["a"]))
    answer = shop.send("/track/event", _event("custom", ["a"], NOON + 1))
    told = [{"name": "x", "expected": "string array", "received": "custom"}]
    assert answer.json == {"success": True, "ignored": told}
    assert shop.events()[0].attributes == []


def test_ignored_values_are_remembered_with_a_sample(shop: Shop) -> None:
    shop.customer(age=7)
    shop.event(age=7)
    for value in ("seven", "🧵" * 500):
        shop.customer(age=value)
    shop.event(time=NOON + 1, age="much")
    shop.event(time=NOON + 1, age="much")
    with shop.database.read() as session:
        found = refusals.of_person(session, shop.workspace.id, [shop.find().id])
    noted = [*found.of_events, *found.of_attributes["age"]]
    assert [(one.event_name, one.name, one.expected, one.received, one.count) for one in noted] == [
        ("Purchased", "age", "number", "string", 1),
        ("", "age", "number", "string", 2),
    ]
    assert [one.sample for one in noted] == ['"much"', '"' + "🧵" * 199]


def test_ignored_value_of_a_customer_who_is_new_leaves_the_customer(shop: Shop) -> None:
    shop.customer(age=7)
    assert shop.customer("u2", age="seven").status_code == 200
    assert shop.attributes("u2") == {}


def test_type_of_a_refused_body_is_not_fixed(shop: Shop) -> None:
    body = _customer("number", 1)
    body["attributes"].append({"name": "y", "type": "number", "value": "1"})
    assert shop.send("/rest-api/customer", body).status_code == 422
    assert shop.types() == {}


@pytest.mark.parametrize("name", ["name", "email", "mobile"])
def test_reserved_attributes_are_always_strings(shop: Shop, name: str) -> None:
    wrong: list[Any] = [5, True]
    for value in wrong:
        answer = shop.customer(**{name: value})
        assert answer.json is not None
        assert [one["expected"] for one in answer.json["ignored"]] == ["string"]
    for type_ in ("number", "boolean", "date"):
        item = {"name": name, "type": type_, "value": SCALARS[type_]}
        answer = shop.send("/rest-api/customer", {"id": "u1", "attributes": [item]})
        told = [{"name": name, "expected": "string", "received": type_}]
        assert answer.json == {"success": True, "ignored": told}
    assert shop.attributes() == {}
    assert shop.customer(**{name: "2020-01-20 13:44:15"}).json == {"success": True}
    assert shop.attributes() == {name: ("string", "2020-01-20 13:44:15")}


def test_reserved_names_are_ordinary_in_events_and_in_other_letter_case(shop: Shop) -> None:
    assert shop.event(email=5).json == {"success": True}
    assert shop.customer(Email=5).json == {"success": True}
    assert shop.types("Purchased") == {"email": "number"}
    assert shop.types() == {"Email": "number"}


def test_types_are_fixed_for_each_event_name_and_for_customers(shop: Shop) -> None:
    shop.customer(x=1)
    assert shop.event("Purchased", x="a").json == {"success": True}
    assert shop.event("Viewed", x=True).json == {"success": True}
    assert shop.types() == {"x": "number"}
    assert shop.types("Purchased") == {"x": "string"}
    assert shop.types("Viewed") == {"x": "boolean"}


def test_two_workspaces_never_see_each_others_types(shop: Shop, other_shop: Shop) -> None:
    shop.customer(x=1)
    shop.event(x=1)
    assert other_shop.customer(x="a").json == {"success": True}
    assert other_shop.event(x="a").json == {"success": True}
    assert (shop.types(), other_shop.types()) == ({"x": "number"}, {"x": "string"})
    with shop.database.read() as session:
        assert session.scalars(select(IgnoredValue)).all() == []


@pytest.mark.parametrize("type_", [{}, {"string": 1}, [], ["string"], 5, True, None])
@pytest.mark.parametrize("path", ["/rest-api/customer", "/track/event/v2", "/msv_cevt", "/msv_cs_id"])
def test_type_that_is_no_text_is_refused(shop: Shop, path: str, type_: Any) -> None:
    body = SMALLEST[path] | {ATTRIBUTES[path]: [{"name": "plan", "type": type_, "value": "free"}]}
    assert faults(shop.send(path, body)) == [((ATTRIBUTES[path], 0, "type"), "string.base")]
