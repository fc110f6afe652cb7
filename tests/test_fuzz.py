"""Random bodies on every endpoint: never a 5xx, always the one shape of errors, and k faults give k details.

FUZZ_EXAMPLES sets how many are tried of each kind on each engine.
"""

import json
import os
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from werkzeug.test import TestResponse

from tests.world import NOON, SMALLEST, Shop, faults

# The shop is one for all examples on purpose: what one has stored is what the next one meets.
fuzzed = settings(
    max_examples=int(os.environ.get("FUZZ_EXAMPLES", "100")),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
paths = st.sampled_from(list(SMALLEST))

NAMES = ["id", "customerId", "name", "time", "attributes", "type", "value", "email", "mobile", "x", "y"]
TEXTS = ["", " ", "u1", "null", "string", "NUMBER", "date", "string array", "custom", "2020-01-20 13:44:15", "\x00"]
EDGES = [0, -1, NOON, NOON // 1000, NOON * 1000, 2**63 - 1, 2**63, -(2**63) - 1, 1e308, float("inf"), float("nan")]

texts = st.sampled_from(TEXTS) | st.text(max_size=60) | st.characters(categories=["Cs"])
scalars = st.none() | st.booleans() | st.sampled_from(EDGES) | st.integers() | st.floats() | texts
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=50), inner, max_size=4)
    ),
    max_leaves=12,
)
items = st.fixed_dictionaries({}, optional={"name": values, "type": values, "value": values})
attributes = st.lists(items | values, max_size=4) | values
bodies = st.fixed_dictionaries(
    {},
    optional={
        "id": values,
        "customerId": values,
        "name": values,
        "time": values,
        "attributes": attributes,
        "x": values,
    },
)

FULL = {
    "id": "u1",
    "customerId": "u1",
    "name": "Purchased",
    "time": NOON,
    "attributes": [
        {"name": "sku", "type": "string", "value": "Süß 🧵"},
        {"name": "day", "type": "date", "value": "2020-01-20 13:44:15"},
        {"name": "price", "type": "number", "value": -1.5e3},
    ],
}


def _check(answer: TestResponse) -> None:
    assert answer.mimetype == "application/json"
    body = answer.json
    assert body is not None
    if answer.status_code == 200:
        assert body["success"] is True
        assert set(body) <= {"success", "ignored"}
        return
    assert answer.status_code == 422, body
    assert set(body) == {"type", "details"}
    assert body["details"]
    for one in body["details"]:
        assert set(one) == {"message", "path", "type", "context"}
        assert one["message"].strip()
        assert all(isinstance(part, str | int) for part in one["path"])
        assert isinstance(one["context"], dict)
    json.dumps(body, ensure_ascii=False).encode()  # nothing that isn't text is sent back


@fuzzed
@given(path=paths, body=bodies | values)
def test_any_json_is_answered(shop: Shop, path: str, body: Any) -> None:
    _check(shop.send(path, json.dumps(body).encode()))


@fuzzed
@given(
    path=paths,
    flips=st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), min_size=1, max_size=4),
    cut=st.integers(0, 400),
    ascii_only=st.booleans(),
)
def test_flipped_bytes_are_answered(
    shop: Shop, path: str, flips: list[tuple[int, int]], cut: int, ascii_only: bool
) -> None:
    raw = bytearray(json.dumps(FULL, ensure_ascii=ascii_only).encode())
    for place, byte in flips:
        raw[place % len(raw)] = byte
    _check(shop.send(path, bytes(raw[: max(cut, 1)] if cut < 40 else raw)))


@fuzzed
@given(path=paths, raw=st.binary(max_size=200))
def test_any_bytes_are_answered(shop: Shop, path: str, raw: bytes) -> None:
    _check(shop.send(path, raw))


Planted = dict[str, tuple[Any, str]]
# What may stand in a field instead, and the type of the fault that it is.
IDS = [
    (5, "string.base"),
    ("undefined", "id.placeholder"),
    (" ", "string.empty"),
    ("u" * 256, "string.max"),
    ("\ud800", "string.unicode"),
]
EVENT_NAMES = [(None, "string.base"), ("n" * 50, "string.max"), ("\x00", "string.unicode")]
TIMES = [
    ("soon", "number.base"),
    (NOON // 1000, "date.range"),
    (NOON + 0.5, "number.integer"),
    (2**63, "number.unsafe"),
    (float("nan"), "number.infinity"),
]
ATTRIBUTE_NAMES = [(5, "string.base"), ("", "string.empty"), ("n" * 50, "string.max"), ("\x00", "string.unicode")]
ATTRIBUTE_TYPES = [("money", "any.only"), (None, "string.base")]
LASTING_VALUES = [
    ("ü" * 32_769, "string.max"),
    ("a\x00", "string.unicode"),
    (float("inf"), "number.infinity"),
]
VALUES = [*LASTING_VALUES, (None, "string.base"), (7, "string.base"), ([], "string.base")]
FIELDS: dict[str, dict[str, Any]] = {
    "/rest-api/customer": {"id": IDS},
    "/rest-api/event": {"customerId": IDS, "name": EVENT_NAMES},
    "/track/event": {"customerId": IDS, "name": EVENT_NAMES, "time": TIMES},
    "/track/event/v2": {"customerId": IDS, "name": EVENT_NAMES, "time": TIMES},
}


def _some(fields: dict[str, Any]) -> st.SearchStrategy[Planted]:
    return st.fixed_dictionaries({}, optional={field: st.sampled_from(faulty) for field, faulty in fields.items()})


# A value of the wrong type can't be told where the type itself is none.
faulty_items = _some({"name": ATTRIBUTE_NAMES, "value": VALUES}) | _some(
    {"name": ATTRIBUTE_NAMES, "type": ATTRIBUTE_TYPES, "value": LASTING_VALUES}
)


def _planted(fine: dict[str, Any], plants: Planted) -> dict[str, Any]:
    return fine | {field: value for field, (value, _) in plants.items()}


@fuzzed
@given(data=st.data(), path=st.sampled_from(list(FIELDS)), planted_items=st.lists(faulty_items, max_size=6))
def test_so_many_faults_so_many_details(
    shop: Shop, data: st.DataObject, path: str, planted_items: list[Planted]
) -> None:
    planted = data.draw(_some(FIELDS[path]))
    body = _planted(SMALLEST[path], planted)
    body["attributes"] = [
        _planted({"name": f"a{place}", "type": "string", "value": "fine"}, plants)
        for place, plants in enumerate(planted_items)
    ]
    for place, item in enumerate(body["attributes"]):
        if item["name"] == "n" * 50:
            item["name"] += str(place)  # told apart from the others, of which it would be a repetition
    expected: list[tuple[tuple[str | int, ...], str]] = [((field,), type_) for field, (_, type_) in planted.items()]
    for place, plants in enumerate(planted_items):
        expected += [(("attributes", place, field), type_) for field, (_, type_) in plants.items()]
    answer = shop.send(path, json.dumps(body).encode())
    if expected:
        assert sorted(faults(answer), key=str) == sorted(expected, key=str)
    else:
        assert answer.json == {"success": True}
