"""The one shape of errors, and the faults of HTTP itself: path, method, size, content type."""

import io
import json
from typing import Any

import pytest
from werkzeug.test import TestResponse

from tests.world import NOON, SMALLEST, Shop, faults, is_taken, stored

every_endpoint = pytest.mark.parametrize("path", list(SMALLEST))
MOST_BYTES = 1_000_000


def _details(answer: TestResponse, type_: str) -> list[dict[str, Any]]:
    assert answer.mimetype == "application/json"
    assert answer.json is not None
    assert list(answer.json) == ["type", "details"]
    assert answer.json["type"] == type_
    assert all(set(one) == {"message", "path", "type", "context"} for one in answer.json["details"])
    details: list[dict[str, Any]] = answer.json["details"]
    return details


def _of_size(path: str, size: int) -> bytes:
    body = json.dumps(SMALLEST[path]).encode()
    return body + b" " * (size - len(body))


def test_every_fault_is_told_with_message_path_type_and_context(shop: Shop) -> None:
    body = {
        "customerId": "null",
        "name": "n" * 50,
        "time": NOON // 1000,
        "attributes": [
            {"name": "ok", "type": "string", "value": "a"},
            {"name": "amount", "type": "number", "value": "much"},
            {"name": "", "type": "money", "value": 1},
            {"name": "ok", "type": "string"},
            "text",
        ],
    }
    details = _details(shop.send("/track/event/v2", body), "ValidationError")
    assert [(one["path"], one["type"]) for one in details] == [
        (["customerId"], "id.placeholder"),
        (["name"], "string.max"),
        (["time"], "date.range"),
        (["attributes", 1, "value"], "number.base"),
        (["attributes", 2, "name"], "string.empty"),
        (["attributes", 2, "type"], "any.only"),
        (["attributes", 3, "value"], "any.required"),
        (["attributes", 3, "name"], "array.unique"),
        (["attributes", 4], "object.base"),
    ]
    amount = details[3]
    assert amount["message"] == '"attributes[1].value" must be a number, not "much"'
    assert amount["context"] == {"key": "value", "label": "attributes[1].value", "value": "much"}


def test_fault_of_a_name_and_of_its_value_are_two(shop: Shop) -> None:
    answer = shop.send("/track/user", {"id": "u1", "attributes": {"n" * 50: None, "  ": []}})
    assert faults(answer) == [
        (("attributes", "n" * 50), "string.max"),
        (("attributes", "n" * 50), "any.null"),
        (("attributes", "  "), "string.empty"),
        (("attributes", "  "), "any.only"),
    ]


def test_value_that_can_not_be_stored_is_told_once(shop: Shop) -> None:
    raw = b'{"customerId": NaN, "name": "\\u0000", "time": 1e999, "attributes": {"a\\u0000": null, "b": 1e999}}'
    assert faults(shop.send("/track/event", raw)) == [
        (("customerId",), "number.infinity"),
        (("name",), "string.unicode"),
        (("time",), "number.infinity"),
        (("attributes", "a\ufffd"), "string.unicode"),
        (("attributes", "b"), "number.infinity"),
    ]


def test_faults_of_different_kinds_in_one_attribute_are_all_told(shop: Shop) -> None:
    raw = (
        b'{"customerId": "u1", "name": "n", "time": 5, "attributes": [{"name": 1, "type": "text", "value": NaN},'
        b' {"name": "a", "type": "number array", "value": [1, NaN]}, {"name": "b", "type": "string", "value": [NaN]}]}'
    )
    assert sorted(faults(shop.send("/track/event", raw)), key=str) == [
        (("attributes", 0, "name"), "string.base"),
        (("attributes", 0, "type"), "any.only"),
        (("attributes", 0, "value"), "number.infinity"),
        (("attributes", 1, "value", 1), "number.infinity"),
        (("attributes", 2, "value"), "string.base"),
        (("attributes", 2, "value", 0), "number.infinity"),
        (("time",), "date.range"),
    ]


def test_thousand_faults_are_told_and_that_there_are_more(shop: Shop) -> None:
    details = _details(shop.send("/rest-api/customer", {"id": 1, "attributes": [0] * 5_000}), "ValidationError")
    assert len(details) == 1_001
    assert details[-1]["type"] == "faults.more"
    details = _details(shop.send("/rest-api/customer", {"id": 1, "attributes": [0] * 999}), "ValidationError")
    assert [one["type"] for one in details] == ["string.base"] + ["object.base"] * 999


def test_long_and_unstorable_keys_are_cut_in_paths(shop: Shop) -> None:
    key = "k\x00" + "y" * 100_000
    details = _details(shop.send("/track/user", {"id": "u1", "attributes": {key: "a"}}), "ValidationError")
    assert [one["path"] for one in details] == [["attributes", "k\ufffd" + "y" * 98 + "…"]]


@every_endpoint
@pytest.mark.parametrize(
    "kind",
    [
        None,
        "",
        "application/json",
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
        "%",
        "a/b",
    ],
)
def test_body_is_json_whatever_the_content_type_says(shop: Shop, path: str, kind: str | None) -> None:
    headers = {"x-growlytics-key": shop.key} | ({} if kind is None else {"Content-Type": kind})
    client = shop.app.test_client()
    answer = client.post(path, data=json.dumps(SMALLEST[path]).encode(), headers=headers)
    assert is_taken(answer)
    assert answer.mimetype == "application/json"
    refused = client.post(path, data=b"id=u1&attributes=", headers=headers)
    assert faults(refused) == [((), "json.invalid")]


@every_endpoint
def test_body_has_up_to_a_million_bytes(shop: Shop, path: str) -> None:
    assert is_taken(shop.send(path, _of_size(path, MOST_BYTES)))
    before = stored(shop.database)
    (fault,) = _details(shop.send(path, _of_size(path, MOST_BYTES + 1)), "PayloadTooLargeError")
    assert "1,000,000 bytes" in fault["message"]
    assert shop.send(path, _of_size(path, 3 * MOST_BYTES)).status_code == 413
    assert stored(shop.database) == before


@every_endpoint
def test_body_sent_in_chunks_has_up_to_a_million_bytes(shop: Shop, path: str) -> None:
    for size, status in ((MOST_BYTES, 200), (MOST_BYTES + 1, 413), (3 * MOST_BYTES, 413)):
        stream = io.BytesIO(_of_size(path, size))
        headers = {"x-growlytics-key": shop.key, "Transfer-Encoding": "chunked"}
        answer = shop.app.test_client().post(path, input_stream=stream, headers=headers)
        assert answer.status_code == status
        assert stream.tell() <= MOST_BYTES + 1


def test_announced_size_is_refused_after_what_came(shop: Shop) -> None:
    stream = io.BytesIO(b"{}")
    answer = shop.app.test_client().post(
        "/track/user",
        input_stream=stream,
        headers={"x-growlytics-key": shop.key},
        environ_overrides={"CONTENT_LENGTH": str(10**15)},
    )
    assert answer.status_code == 413
    assert stream.tell() == 2, "a client that still sends would not see its answer"


@every_endpoint
@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE", "HEAD", "PROPFIND"])
def test_other_methods_are_refused(shop: Shop, path: str, method: str) -> None:
    answer = shop.app.test_client().open(path, method=method, headers={"x-growlytics-key": shop.key})
    assert answer.status_code == 405
    assert "POST" in answer.headers["Allow"]
    if method != "HEAD":
        (fault,) = _details(answer, "MethodNotAllowedError")
        assert fault["message"] == f"{method} is not allowed here; use POST"


@pytest.mark.parametrize(
    "path",
    [
        "/rest-api/",
        "/rest-api/customers",
        "/rest-api/customer/",
        "/rest-api/customer%00",
        "/rest-api/%ff%fe",
        "/rest-api/customer/u1",
        "/rest-api/Customer",
        "/track/",
        "/track/event/v3",
        "/track/../track/usr",
        "/track/%0d%0aX-Injected: 1",
    ],
)
def test_unknown_paths_under_the_prefixes_are_told_in_json(shop: Shop, path: str) -> None:
    for method in ("POST", "GET"):
        answer = shop.app.test_client().open(path, method=method, headers={"x-growlytics-key": shop.key})
        assert answer.status_code == 404
        (fault,) = _details(answer, "NotFoundError")
        assert "there is no endpoint" in fault["message"]
        assert "X-Injected" not in answer.headers


def test_doubled_slash_leads_to_the_endpoint(shop: Shop) -> None:
    answer = shop.send("/track//user", SMALLEST["/track/user"])
    assert answer.status_code == 308  # which keeps method and body
    assert answer.headers["Location"].endswith("/track/user")


@every_endpoint
def test_answers_are_json_without_cookies(shop: Shop, path: str) -> None:
    for body, status in ((SMALLEST[path], 200), ({}, 422)):
        answer = shop.send(path, body)
        assert answer.status_code == status
        assert answer.mimetype == "application/json"
        assert "Set-Cookie" not in answer.headers
