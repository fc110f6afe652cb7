"""`/api/v1/batch`: many changes in one body; what is wrong with one doesn't concern the others."""

import gzip
import json
from typing import Any

import pytest
from werkzeug.test import TestResponse

from tests.world import NOON, Shop, faults, rows, stored
from webapp.models import Customer, Event

PATH = "/api/v1/batch"
LINES = "application/x-ndjson"


def _customer(id_: str = "u1", **attributes: Any) -> dict[str, Any]:
    return {"type": "customer", "id": id_, "attributes": attributes}


def _event(number: int = 0, id_: str = "u1", **attributes: Any) -> dict[str, Any]:
    return {"type": "event", "customerId": id_, "name": "Purchased", "time": NOON + number, "attributes": attributes}


def _send(shop: Shop, *changes: Any, query: str = "", **headers: str) -> TestResponse:
    return shop.send(f"{PATH}{query}", {"changes": list(changes)}, **headers)


def _refused(answer: TestResponse) -> dict[int, list[str]]:
    """The types of the faults of each change that was refused."""
    assert answer.status_code == 200, answer.json
    assert answer.json is not None
    refused = answer.json.get("refused", [])
    return {one["index"]: [detail["type"] for detail in one["details"]] for one in refused}


def _raw(shop: Shop, data: bytes, **headers: str) -> TestResponse:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return shop.app.test_client().post(PATH, data=data, headers={"x-growlytics-key": shop.key} | named)


def test_customers_and_events_are_stored(shop: Shop) -> None:
    answer = _send(shop, _customer(plan="free"), _event(1, amount=5), _event(2, "u2"))
    assert answer.json == {"success": True, "accepted": 3}
    assert shop.attributes() == {"plan": ("string", "free")}
    assert [event.reported_at for event in shop.events()] == [NOON + 1]
    assert [event.reported_at for event in shop.events("u2")] == [NOON + 2]


def test_attributes_may_be_an_array_as_well(shop: Shop) -> None:
    listed = [{"name": "amount", "type": "number", "value": 5}]
    answer = _send(shop, _event() | {"attributes": listed}, _customer() | {"attributes": listed})
    assert answer.json == {"success": True, "accepted": 2}
    assert shop.types("Purchased") == shop.types() == {"amount": "number"}


def test_attributes_and_the_time_of_an_event_may_be_left_out(shop: Shop) -> None:
    answer = _send(shop, {"type": "customer", "id": "u1"}, {"type": "event", "customerId": "u1", "name": "Viewed"})
    assert answer.json == {"success": True, "accepted": 2}
    (event,) = shop.events()
    assert event.reported_at == event.received_at


def test_good_ones_are_stored_and_the_others_are_told(shop: Shop) -> None:
    answer = _send(
        shop, _event(1), 5, {"type": "visit"}, {}, _event(2) | {"time": "now", "name": ""}, _customer("null"), _event(3)
    )
    assert _refused(answer) == {
        1: ["object.base"],
        2: ["any.only"],
        3: ["any.required"],
        4: ["string.empty", "number.base"],
        5: ["id.placeholder"],
    }
    assert answer.json is not None
    assert (answer.json["success"], answer.json["accepted"]) == (False, 2)
    (detail,) = answer.json["refused"][4]["details"]
    assert (detail["path"], detail["context"]["label"]) == (["id"], "id")
    assert [event.reported_at for event in shop.events()] == [NOON + 3, NOON + 1]


def test_customer_with_too_many_attributes_is_refused_alone(shop: Shop) -> None:
    many = {f"a{place}": place for place in range(101)}
    answer = _send(shop, _customer("u1", plan="free"), _customer("u2", **many), _event(0, "u2"))
    assert _refused(answer) == {1: ["attributes.max"]}
    assert shop.attributes("u1") == {"plan": ("string", "free")}
    assert shop.attributes("u2") == {}
    assert set(shop.types()) == {"plan"}, "what is refused fixes no types"
    assert len(shop.events("u2")) == 1


def test_customer_who_is_only_refused_is_not_made(shop: Shop) -> None:
    many = {f"a{place}": place for place in range(101)}
    _send(shop, _customer("u1", **many), _event(0, "u2"))
    assert rows(shop.database, Customer) == 1


def test_strict_batch_is_stored_whole_or_not_at_all(shop: Shop) -> None:
    before = stored(shop.database)
    answer = _send(shop, _event(1), _event(2) | {"name": 5}, "text", query="?strict=1")
    assert faults(answer) == [(("changes", 1, "name"), "string.base"), (("changes", 2), "object.base")]
    assert answer.json is not None
    assert [one["message"] for one in answer.json["details"]] == [
        '"changes[1].name" must be a string, not a number',
        '"changes[2]": the change must be a JSON object',
    ]
    assert stored(shop.database) == before
    assert _send(shop, _event(1), query="?strict=1").json == {"success": True, "accepted": 1}


def test_strict_batch_past_the_limit_of_attributes_is_not_stored(shop: Shop) -> None:
    before = stored(shop.database)
    many = {f"a{place}": place for place in range(101)}
    answer = _send(shop, _event(1), 5, query="?strict=0")
    assert _refused(answer) == {1: ["object.base"]}
    before = stored(shop.database)
    answer = _send(shop, _event(2), _customer("u2", **many), _customer("u3", **many), query="?strict=1")
    assert faults(answer) == [
        (("changes", 1, "attributes"), "attributes.max"),
        (("changes", 2, "attributes"), "attributes.max"),
    ]
    assert stored(shop.database) == before


def test_values_of_another_type_are_told_with_their_change(shop: Shop) -> None:
    answer = _send(shop, {}, _customer(age=7), _customer(age="seven"))
    assert answer.json is not None
    told = {"index": 2, "name": "age", "expected": "number", "received": "string"}
    assert answer.json["ignored"] == [told]
    assert shop.attributes() == {"age": ("number", 7)}


def test_same_batch_again_changes_nothing(shop: Shop) -> None:
    changes = [_customer(plan="free"), _event(1), _event(2), _event(2)]
    _send(shop, *changes)
    before = stored(shop.database)
    assert _send(shop, *changes).json == {"success": True, "accepted": 4}
    assert stored(shop.database) == before
    assert shop.find().event_count == 2


def test_retry_with_the_same_key_gets_the_same_answer(shop: Shop) -> None:
    many = {f"a{place}": place for place in range(101)}
    changes = [_customer(age=7), _customer(age="seven"), 5, _customer("u2", **many), {"type": "event", "name": "n"}]
    changes.append({"type": "event", "customerId": "u1", "name": "Viewed"})
    first = _send(shop, *changes, Idempotency_Key="k1")
    before = stored(shop.database)
    assert _send(shop, *changes, Idempotency_Key="k1").get_data() == first.get_data()
    assert _refused(first) == {2: ["object.base"], 3: ["attributes.max"], 4: ["any.required"]}
    assert stored(shop.database) == before
    assert rows(shop.database, Event) == 1
    other = _send(shop, *changes, query="?strict=1", Idempotency_Key="k1")
    assert (("headers", "Idempotency-Key"), "idempotency.reused") not in faults(other), "its own faults come first"
    other = _send(shop, _event(9), Idempotency_Key="k1")
    assert faults(other) == [(("headers", "Idempotency-Key"), "idempotency.reused")]


def test_one_change_to_a_line(shop: Shop) -> None:
    lines = [json.dumps(_event(1)), "", '{"type": ', "[]", f"  {json.dumps(_event(2))}  ", ""]
    answer = _raw(shop, "\r\n".join(lines).encode(), Content_Type=f"{LINES}; charset=utf-8")
    assert _refused(answer) == {1: ["json.invalid"], 2: ["object.base"]}
    assert rows(shop.database, Event) == 2


@pytest.mark.parametrize("content_type", ["application/json", LINES])
def test_compressed_body(shop: Shop, content_type: str) -> None:
    lines = b"\n".join(json.dumps(_event(number)).encode() for number in range(3))
    text = lines if content_type == LINES else json.dumps({"changes": [_event(one) for one in range(3)]}).encode()
    answer = _raw(shop, gzip.compress(text), Content_Type=content_type, Content_Encoding="gzip")
    assert answer.json == {"success": True, "accepted": 3}


def test_compressed_body_is_bounded_by_what_it_unpacks_to(shop: Shop) -> None:
    bomb = gzip.compress(b" " * 500_000_000, compresslevel=1)
    assert len(bomb) < 5_000_000
    assert _raw(shop, bomb, Content_Encoding="gzip").status_code == 413


@pytest.mark.parametrize(
    "data", [b"", b"\x1f\x8b", b"{}", gzip.compress(b"{}" * 50, mtime=0)[:-9], b"\x1f\x8b" + b"\0" * 50]
)
def test_what_is_no_gzip_is_refused(shop: Shop, data: bytes) -> None:
    answer = _raw(shop, data, Content_Encoding="gzip")
    assert faults(answer)[0][1] in {"gzip.invalid", "json.empty"}


def test_other_packings_are_told(shop: Shop) -> None:
    answer = _raw(shop, b"{}", Content_Encoding="br")
    assert answer.status_code == 415
    assert answer.json is not None
    assert answer.json["type"] == "UnsupportedMediaTypeError"


@pytest.mark.parametrize(
    ("body", "type_"),
    [
        (b"", "json.empty"),
        (b"[]", "array.base"),
        (b"{}", "array.base"),
        (b'{"changes": {}}', "array.base"),
        (b'{"changes": [}', "json.invalid"),
    ],
)
def test_body_that_is_no_batch_is_refused_whole(shop: Shop, body: bytes, type_: str) -> None:
    answer = _raw(shop, body)
    assert answer.status_code == 422
    assert faults(answer)[0][1] == type_


def test_nothing_at_all_is_a_batch(shop: Shop) -> None:
    assert _send(shop).json == {"success": True, "accepted": 0}


def test_limits_of_a_batch(shop: Shop) -> None:
    assert faults(_send(shop, *[_event(one) for one in range(1_001)])) == [(("changes",), "batch.max")]
    assert rows(shop.database, Event) == 0
    answer = _send(shop, *[_event(one, f"u{one % 7}") for one in range(1_000)])
    assert answer.json == {"success": True, "accepted": 1_000}
    assert rows(shop.database, Event) == 1_000
    assert _raw(shop, b" " * 5_000_001).status_code == 413
    spacious = json.dumps({"changes": [_event()]}).encode()
    assert _raw(shop, spacious + b" " * (5_000_000 - len(spacious))).json == {"success": True, "accepted": 1}


def test_answer_to_a_batch_that_is_all_wrong_stays_small(shop: Shop) -> None:
    wrong = {"type": "event", "attributes": [1] * 900}
    answer = _send(shop, *[wrong] * 1_000)
    assert len(answer.get_data()) < 1_500_000
    assert list(_refused(answer)) == list(range(1_000))
    strict = _send(shop, *[wrong] * 1_000, query="?strict=1")
    assert faults(strict)[-1] == ((), "faults.more")
    assert len(faults(strict)) == 1_001


def test_texts_that_cannot_be_stored_are_told_where_they_are(shop: Shop) -> None:
    body = b'{"changes": [%s, {"type": "event", "customerId": "u\\u0000", "name": "n", "name": "m"}]}'
    answer = _raw(shop, body % json.dumps(_event()).encode())
    assert _refused(answer) == {1: ["object.duplicate", "string.unicode"]}
    assert rows(shop.database, Event) == 1


def test_more_attributes_than_a_statement_has_parameters(shop: Shop) -> None:
    changes = [
        {"type": "event", "customerId": "u1", "name": f"E{place}", "attributes": {f"a{n}": n for n in range(40)}}
        for place in range(1000)
    ]
    assert shop.send("/api/v1/batch?dry_run=1", {"changes": changes}).status_code == 200
    for _ in range(2):
        answer = shop.send("/api/v1/batch", {"changes": changes})
        assert (answer.status_code, answer.json) == (200, {"success": True, "accepted": 1000})
