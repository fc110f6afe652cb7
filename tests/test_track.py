"""`/track/user`, `/track/event` and `/track/event/v2`."""

from typing import Any

import pytest

from tests.world import NOON, Shop, faults, rows, stored
from webapp.models import Customer, Event

EVENT_PATHS = ("/track/event", "/track/event/v2")
both_event_paths = pytest.mark.parametrize("path", EVENT_PATHS)


def _event(**fields: Any) -> dict[str, Any]:
    return {"customerId": "u1", "name": "Purchased", "time": NOON, "attributes": {}} | fields


def _listed(**values: tuple[str, Any]) -> list[dict[str, Any]]:
    return [{"name": name, "type": type_, "value": value} for name, (type_, value) in values.items()]


def test_user_is_created_with_inferred_types(shop: Shop) -> None:
    answer = shop.send("/track/user", {"id": "u1", "attributes": {"city": "Pune", "orders": 7, "vip": True, "x": 1.5}})
    assert answer.status_code == 200
    assert answer.json == {"success": True}
    assert shop.attributes() == {
        "city": ("string", "Pune"),
        "orders": ("number", 7),
        "vip": ("boolean", True),
        "x": ("number", 1.5),
    }


def test_user_and_customer_are_one(shop: Shop) -> None:
    shop.send("/track/user", {"id": "u1", "attributes": {"name": "Asha"}})
    shop.send("/rest-api/customer", {"id": "u1", "attributes": _listed(city=("string", "Pune"))})
    assert rows(shop.database, Customer) == 1
    assert shop.attributes() == {"name": ("string", "Asha"), "city": ("string", "Pune")}


@pytest.mark.parametrize("attributes", [[], "city", 1, None, True])
def test_attributes_of_a_user_must_be_an_object(shop: Shop, attributes: Any) -> None:
    assert faults(shop.send("/track/user", {"id": "u1", "attributes": attributes})) == [
        (("attributes",), "object.base"),
    ]


@pytest.mark.parametrize("value", [[], ["a"], {}, {"a": 1}])
def test_attribute_of_a_user_must_be_a_scalar(shop: Shop, value: Any) -> None:
    assert faults(shop.send("/track/user", {"id": "u1", "attributes": {"x": value}})) == [
        (("attributes", "x"), "any.only"),
    ]


def test_null_has_no_type_and_is_refused(shop: Shop) -> None:
    assert faults(shop.send("/track/user", {"id": "u1", "attributes": {"x": None}})) == [
        (("attributes", "x"), "any.null"),
    ]
    for path in EVENT_PATHS:
        assert faults(shop.send(path, _event(attributes={"x": None}))) == [(("attributes", "x"), "any.null")]
        body = _event(attributes=_listed(x=("custom", None)))
        assert faults(shop.send(path, body)) == [(("attributes", 0, "value"), "custom.base")]


def test_user_needs_id_and_attributes(shop: Shop) -> None:
    assert faults(shop.send("/track/user", {})) == [(("id",), "any.required"), (("attributes",), "any.required")]


@both_event_paths
def test_event_is_recorded_with_attributes_in_either_shape(shop: Shop, path: str) -> None:
    values: dict[str, tuple[str, Any]] = {"sku": ("string", "A-1"), "amount": ("number", 732.5)}
    listed, keyed = _listed(**values), {name: value for name, (_, value) in values.items()}
    for time, attributes in ((NOON, listed), (NOON + 1, keyed)):
        assert shop.send(path, _event(time=time, attributes=attributes)).json == {"success": True}
    shown = [{one.name: (one.type, one.value) for one in event.attributes} for event in shop.events()]
    assert shown == [values, values]


@both_event_paths
def test_event_needs_all_its_fields(shop: Shop, path: str) -> None:
    assert faults(shop.send(path, {})) == [
        ((field,), "any.required") for field in ("customerId", "name", "time", "attributes")
    ]


@both_event_paths
@pytest.mark.parametrize("attributes", ["sku", 1, None, False])
def test_attributes_of_an_event_must_be_object_or_array(shop: Shop, path: str, attributes: Any) -> None:
    assert faults(shop.send(path, _event(attributes=attributes))) == [(("attributes",), "object.base")]


@both_event_paths
def test_event_creates_its_customer(shop: Shop, path: str) -> None:
    shop.send(path, _event(customerId="asha@example.com"))
    customer = shop.find("asha@example.com")
    assert customer.event_count == 1
    assert (customer.name, customer.email, customer.mobile) == (None, None, None)
    assert len(customer.growlytics_id) == 24


def test_attributes_of_an_event_are_kept_as_they_came(shop: Shop) -> None:
    values: dict[str, tuple[str, Any]] = {
        "whole": ("number", 1),
        "decimal": ("number", 1.0),
        "text": ("string", " Süß 🧵 "),
        "day": ("date", "2020-01-20 13:44:15"),
        "yes": ("boolean", True),
        "sizes": ("number array", [1, 2.5]),
        "words": ("string array", ["a", ""]),
        "flags": ("boolean array", [True, False]),
        "days": ("date array", ["2020-01-20T13:44:15+05:30"]),
        "prices": ("number map", {"b": 2, "a": 1}),
        "labels": ("string map", {"a": "b"}),
        "switches": ("boolean map", {"a": False}),
        "dates": ("date map", {"a": "2020-01-20 13:44:15"}),
        "anything": ("custom", {"a": [1, None, {"b": "c"}]}),
    }
    shop.send("/track/event/v2", _event(attributes=_listed(**values)))
    (event,) = shop.events()
    kept = {one.name: (one.type, one.value) for one in event.attributes}
    assert kept == values
    assert list(kept) == list(values)
    assert isinstance(kept["decimal"][1], float)
    assert list(kept["prices"][1]) == ["b", "a"]


@pytest.mark.parametrize(
    "again",
    [
        {"a": 1, "b": "x", "c": [1, 2]},
        {"c": [1, 2], "b": "x", "a": 1},
        {"a": 1.0, "b": "x", "c": [1.0, 2]},
        _listed(b=("string", "x"), a=("number", 1), c=("number array", [1, 2])),
    ],
    ids=["identical", "in other order", "1.0 for 1", "as an array"],
)
def test_same_event_sent_twice_is_stored_once(shop: Shop, again: Any) -> None:
    for attributes in ({"a": 1, "b": "x", "c": [1, 2]}, again, again):
        answer = shop.send("/track/event/v2", _event(attributes=attributes))
        assert answer.json == {"success": True}
    assert rows(shop.database, Event) == 1
    assert shop.find().event_count == 1


def test_same_event_on_both_paths_is_stored_once(shop: Shop) -> None:
    for path in EVENT_PATHS:
        shop.send(path, _event(attributes={"a": {"x": 1, "y": [2]}}))
    shop.send("/track/event", _event(attributes={"a": {"y": [2.0], "x": 1.0}}, time=float(NOON)))
    assert rows(shop.database, Event) == 1


@pytest.mark.parametrize(
    "other",
    [
        {"time": NOON + 1},
        {"name": "purchased"},
        {"customerId": "u2"},
        {"attributes": {"a": 2}},
        {"attributes": {"a": 1, "b": 1}},
        {"attributes": {"A": 1}},
        {"attributes": {}},
    ],
    ids=str,
)
def test_events_that_differ_are_stored_twice(shop: Shop, other: dict[str, Any]) -> None:
    shop.send("/track/event", _event(attributes={"a": 1}))
    shop.send("/track/event", _event(attributes={"a": 1}) | other)
    assert rows(shop.database, Event) == 2


@pytest.mark.parametrize(
    ("one", "other"), [([1, 2], [2, 1]), ([], {}), (True, 1), ("1", 1), ("a", "A"), ("é", "e\u0301")]
)
def test_values_that_only_look_alike_are_different_events(shop: Shop, one: Any, other: Any) -> None:
    for value in (one, other):
        shop.send("/track/event", _event(attributes={"a": value}))
    assert rows(shop.database, Event) == 2


def test_event_with_an_ignored_value_sent_twice_is_stored_once(shop: Shop) -> None:
    shop.event(time=NOON - 1, amount=1)
    answers = [shop.event(amount="much") for _ in range(2)]
    assert [answer.json and answer.json["ignored"][0]["name"] for answer in answers] == ["amount"] * 2
    assert shop.find().event_count == 2


def test_first_and_last_seen_are_reported_times(shop: Shop) -> None:
    for time in (NOON, NOON - 5_000, NOON + 7_000, NOON):
        shop.event(time=time)
    customer = shop.find()
    assert (customer.first_seen_at, customer.last_seen_at) == (NOON - 5_000, NOON + 7_000)
    assert customer.event_count == 3


def test_customer_without_events_was_seen_when_created(shop: Shop) -> None:
    shop.customer()
    customer = shop.find()
    assert customer.first_seen_at == customer.last_seen_at == customer.created_at
    assert customer.event_count == 0
    shop.event(time=NOON)
    assert (shop.find().first_seen_at, shop.find().last_seen_at) == (NOON, NOON)


def test_nothing_of_a_refused_body_is_stored(shop: Shop) -> None:
    before = stored(shop.database)
    shop.send("/track/user", {"id": "u1", "attributes": {"city": "Pune", "x": None}})
    for path in EVENT_PATHS:
        shop.send(path, _event(attributes={"sku": "A", "x": None}))
    assert stored(shop.database) == before


def test_two_workspaces_never_see_each_others_customers(shop: Shop, other_shop: Shop) -> None:
    shop.customer(name="Asha")
    other_shop.customer(name="Ravi")
    shop.event(sku="A")
    assert (shop.find().name, other_shop.find().name) == ("Asha", "Ravi")
    assert (shop.find().event_count, other_shop.find().event_count) == (1, 0)
    assert shop.find().growlytics_id != other_shop.find().growlytics_id
