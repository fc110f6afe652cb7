"""`/rest-api/customer` and `/rest-api/event`: attributes as an array, events at the server's time."""

from typing import Any

import pytest

from tests.world import NOON, Shop, faults, rows, stored
from webapp import clock
from webapp.models import Customer, Event

CUSTOMER = "/rest-api/customer"
EVENT = "/rest-api/event"


def _customer(*attributes: dict[str, Any], id_: str = "u1") -> dict[str, Any]:
    return {"id": id_, "attributes": list(attributes)}


def _attribute(name: str, type_: str, value: Any) -> dict[str, Any]:
    return {"name": name, "type": type_, "value": value}


def test_customer_is_created_with_attributes_of_every_type(shop: Shop) -> None:
    body = _customer(
        _attribute("city", "string", "Pune"),
        _attribute("orders", "number", 7),
        _attribute("spent", "number", 732.25),
        _attribute("subscribed", "boolean", False),
        _attribute("joined", "date", "2020-01-20T13:44:15Z"),
    )
    answer = shop.send(CUSTOMER, body)
    assert answer.status_code == 200
    assert answer.json == {"success": True}
    assert shop.attributes() == {
        "city": ("string", "Pune"),
        "joined": ("date", "2020-01-20T13:44:15Z"),
        "orders": ("number", 7),
        "spent": ("number", 732.25),
        "subscribed": ("boolean", False),
    }


def test_customer_sent_again_is_updated_and_keeps_other_attributes(shop: Shop) -> None:
    shop.send(CUSTOMER, _customer(_attribute("city", "string", "Pune"), _attribute("plan", "string", "free")))
    shop.send(CUSTOMER, _customer(_attribute("plan", "string", "paid")))
    assert rows(shop.database, Customer) == 1
    assert shop.attributes() == {"city": ("string", "Pune"), "plan": ("string", "paid")}


def test_basic_information_is_on_the_customer(shop: Shop) -> None:
    body = _customer(
        _attribute("name", "string", "Asha Rao"),
        _attribute("email", "string", "asha@example.com"),
        _attribute("mobile", "string", "9919211112"),
    )
    assert shop.send(CUSTOMER, body).status_code == 200
    customer = shop.find()
    assert (customer.name, customer.email, customer.mobile) == ("Asha Rao", "asha@example.com", "9919211112")


def test_names_of_attributes_differ_by_letter_case(shop: Shop) -> None:
    shop.send(CUSTOMER, _customer(_attribute("Plan", "string", "a"), _attribute("plan", "number", 1)))
    assert shop.attributes() == {"Plan": ("string", "a"), "plan": ("number", 1)}


def test_attributes_of_a_customer_must_be_an_array(shop: Shop) -> None:
    assert faults(shop.send(CUSTOMER, {"id": "u1", "attributes": {"city": "Pune"}})) == [
        (("attributes",), "array.base"),
    ]
    assert faults(shop.send(CUSTOMER, {"id": "u1", "attributes": None})) == [(("attributes",), "array.base")]


def test_customer_needs_id_and_attributes(shop: Shop) -> None:
    assert faults(shop.send(CUSTOMER, {})) == [(("id",), "any.required"), (("attributes",), "any.required")]


def test_same_attribute_twice_in_one_body_is_refused(shop: Shop) -> None:
    body = _customer(_attribute("city", "string", "Pune"), _attribute("city", "string", "Goa"))
    assert faults(shop.send(CUSTOMER, body)) == [(("attributes", 1, "name"), "array.unique")]


def test_unknown_fields_are_not_faults(shop: Shop) -> None:
    attribute = _attribute("city", "string", "Pune") | {"note": None}
    answer = shop.send(CUSTOMER, _customer(attribute) | {"source": ["app", 2]})
    assert answer.json == {"success": True}
    assert shop.attributes() == {"city": ("string", "Pune")}


@pytest.mark.parametrize("type_", ["string array", "number map", "custom", "integer", "text", "", "array", "strings"])
def test_types_of_events_and_of_mobiles_are_none_here(shop: Shop, type_: str) -> None:
    item = _attribute("x", type_, ["a"])
    assert faults(shop.send(CUSTOMER, _customer(item))) == [(("attributes", 0, "type"), "any.only")]
    body = {"customerId": "u1", "name": "Purchased", "attributes": [item]}
    assert faults(shop.send(EVENT, body)) == [(("attributes", 0, "type"), "any.only")]


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        ({}, {"name": "any.required", "type": "any.required", "value": "any.required"}),
        ({"name": 1, "type": 2, "value": 3}, {"name": "string.base", "type": "string.base"}),
        ({"name": None, "type": None, "value": None}, {"name": "string.base", "type": "string.base"}),
        (_attribute("", "string", "a"), {"name": "string.empty"}),
        (_attribute("  ", "string", "a"), {"name": "string.empty"}),
        (_attribute("x", "string", None), {"value": "string.base"}),
        (_attribute("x", "string", 1), {"value": "string.base"}),
        (_attribute("x", "number", "1"), {"value": "number.base"}),
        (_attribute("x", "number", True), {"value": "number.base"}),
        (_attribute("x", "boolean", 1), {"value": "boolean.base"}),
        (_attribute("x", "boolean", "true"), {"value": "boolean.base"}),
        (_attribute("x", "date", NOON), {"value": "date.base"}),
        (_attribute("x", "date", "2020-01-20"), {"value": "date.base"}),
    ],
)
def test_faulty_attributes_are_told_by_their_place(shop: Shop, item: Any, expected: dict[str, str]) -> None:
    told = [(("attributes", 1, field), type_) for field, type_ in expected.items()]
    assert faults(shop.send(CUSTOMER, _customer(_attribute("ok", "string", "a"), item))) == told


@pytest.mark.parametrize("item", [None, 1, "city", [], True])
def test_attribute_that_is_no_object_is_refused(shop: Shop, item: Any) -> None:
    assert faults(shop.send(CUSTOMER, _customer(item))) == [(("attributes", 0), "object.base")]


def test_event_happens_now(shop: Shop) -> None:
    before = clock.now()
    body = {"customerId": "u1", "name": "Purchased", "attributes": [_attribute("Order ID", "number", 17)]}
    answer = shop.send(EVENT, body)
    assert answer.json == {"success": True}
    (event,) = shop.events()
    assert before <= event.reported_at == event.received_at <= clock.now()
    assert [(one.name, one.type, one.value) for one in event.attributes] == [("Order ID", "number", 17)]


def test_time_sent_is_not_used(shop: Shop) -> None:
    before = clock.now()
    for time in (NOON, "yesterday", None):
        assert shop.send(EVENT, {"customerId": "u1", "name": "Purchased", "time": time}).status_code == 200
    assert min(event.reported_at for event in shop.events()) >= before


def test_same_event_sent_twice_without_a_time_is_two_events(shop: Shop) -> None:
    for _ in range(2):
        assert shop.send(EVENT, {"customerId": "u1", "name": "Purchased"}).status_code == 200
    assert rows(shop.database, Event) == 2


def test_event_creates_its_customer(shop: Shop) -> None:
    shop.send(EVENT, {"customerId": " new ", "name": "Purchased", "attributes": []})
    assert shop.find("new").event_count == 1
    assert shop.attributes("new") == {}


def test_event_needs_customer_and_name(shop: Shop) -> None:
    assert faults(shop.send(EVENT, {})) == [(("customerId",), "any.required"), (("name",), "any.required")]


def test_attributes_of_an_event_must_be_an_array_where_given(shop: Shop) -> None:
    body = {"customerId": "u1", "name": "Purchased", "attributes": {"a": 1}}
    assert faults(shop.send(EVENT, body)) == [(("attributes",), "array.base")]


def test_nothing_of_a_refused_body_is_stored(shop: Shop) -> None:
    before = stored(shop.database)
    shop.send(CUSTOMER, _customer(_attribute("city", "string", "Pune"), _attribute("age", "number", "old")))
    shop.send(EVENT, {"customerId": "u1", "name": "n" * 50, "attributes": [_attribute("city", "string", "Pune")]})
    assert stored(shop.database) == before
