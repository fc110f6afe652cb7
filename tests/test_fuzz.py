"""Random bodies on every endpoint: never a 5xx, always the one shape of errors, and k faults give k details.

FUZZ_EXAMPLES sets how many are tried of each kind on each engine.
"""

import json
import os
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from werkzeug.test import TestResponse

from tests.world import ATTRIBUTES, LAUNCH, NOON, SMALLEST, Shop, faults, is_taken

# The shop is one for all examples on purpose: what one has stored is what the next one meets.
fuzzed = settings(
    max_examples=int(os.environ.get("FUZZ_EXAMPLES", "100")),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
paths = st.sampled_from(list(SMALLEST))

NAMES = ["id", "customerId", "name", "time", "attributes", "type", "value", "email", "mobile", "x", "y"]
NAMES += ["did", "clientCustomerId", "timestamp", "info", "token", "sdkVersion", "platform", "utmInfo", "us"]
TEXTS = ["", " ", "u1", "null", "string", "NUMBER", "date", "string array", "custom", "2020-01-20 13:44:15", "\x00"]
TEXTS += ["long", "Double", "boolean", "true", "7", "1e999", "-9223372036854775809", str(NOON), "ios"]
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
ids = st.sampled_from(["u1", "u2"]) | values
times = st.sampled_from([NOON, NOON + 1, str(NOON)]) | values
bodies = st.fixed_dictionaries(
    {},
    optional={
        "id": ids,
        "customerId": ids,
        "clientCustomerId": ids,
        "did": ids,
        "name": values,
        "time": times,
        "timestamp": times,
        "attributes": attributes,
        "info": attributes,
        "token": values,
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
FULL_MOBILE = {
    "did": "d1",
    "clientCustomerId": "u1",
    "name": "Purchased",
    "timestamp": str(NOON),
    "info": [
        {"name": "sku", "type": "STRING", "value": "Süß 🧵"},
        {"name": "price", "type": "double", "value": "-1.5e3"},
        {"name": "gift", "type": "boolean", "value": None},
    ],
    "token": "t1",
}
FULL_LAUNCH = {
    "timestamp": NOON,
    "did": "d1",
    "info": {
        "appVersionCode": 12,
        "firstTime": True,
        "platform": "ANDROID",
        "screen": {"width": 1080},
        "referrer": "https://example.com/Süß",
        "utmInfo": {"us": "google", "um": "cpc", "uc": None},
    },
}


def _full(path: str) -> dict[str, Any]:
    if path == LAUNCH:
        return FULL_LAUNCH
    return FULL_MOBILE if "did" in SMALLEST[path] else FULL


def _check(answer: TestResponse) -> None:
    assert answer.mimetype == "application/json"
    body = answer.json
    assert body is not None
    if answer.status_code == 200:
        assert body.get("success") is True or is_taken(answer)
        assert set(body) <= {"success", "ignored", "did", "sid"}
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
    raw = bytearray(json.dumps(_full(path), ensure_ascii=ascii_only).encode())
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
EVENT_NAMES = [(None, "string.base"), ("n" * 121, "string.max"), ("\x00", "string.unicode")]
TIMES = [
    ("soon", "number.base"),
    (NOON // 1000, "date.range"),
    (NOON + 0.5, "number.integer"),
    (2**63, "number.unsafe"),
    (float("nan"), "number.infinity"),
]
ATTRIBUTE_NAMES = [(5, "string.base"), ("", "string.empty"), ("n" * 121, "string.max"), ("\x00", "string.unicode")]
ATTRIBUTE_TYPES = [("money", "any.only"), (None, "string.base")]
LASTING_VALUES = [
    ("ü" * 32_769, "string.max"),
    ("a\x00", "string.unicode"),
    (float("inf"), "number.infinity"),
]
VALUES = [*LASTING_VALUES, (7, "string.base"), ([], "string.base")]
FIELDS: dict[str, dict[str, Any]] = {
    "/rest-api/customer": {"id": IDS},
    "/rest-api/event": {"customerId": IDS, "name": EVENT_NAMES},
    "/track/event": {"customerId": IDS, "name": EVENT_NAMES, "time": TIMES},
    "/track/event/v2": {"customerId": IDS, "name": EVENT_NAMES, "time": TIMES},
    "/msv_cevt": {"did": IDS, "name": EVENT_NAMES, "timestamp": TIMES},
    "/msv_cs_id": {"did": IDS, "clientCustomerId": IDS, "timestamp": TIMES},
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
    field = ATTRIBUTES[path]
    body[field] = [
        _planted({"name": f"a{place}", "type": "string", "value": "fine"}, plants)
        for place, plants in enumerate(planted_items)
    ]
    for place, item in enumerate(body[field]):
        if item["name"] == "n" * 121:
            item["name"] += str(place)  # told apart from the others, of which it would be a repetition
    expected: list[tuple[tuple[str | int, ...], str]] = [((name,), type_) for name, (_, type_) in planted.items()]
    for place, plants in enumerate(planted_items):
        expected += [((field, place, part), type_) for part, (_, type_) in plants.items()]
    answer = shop.send(path, json.dumps(body).encode())
    if expected:
        assert sorted(faults(answer), key=str) == sorted(expected, key=str)
    else:
        assert answer.json == {"success": True}
