"""Bodies in which every fault is known: so many faults, so many details."""

import json
import random
from typing import Any

from tests.world import ATTRIBUTES, NOON, SMALLEST

Fault = tuple[tuple[str | int, ...], str]

# What may stand in a field instead, and the type of the fault that it is.
_Faulty = list[tuple[Any, str]]
_IDS: _Faulty = [
    (5, "string.base"),
    ("undefined", "id.placeholder"),
    (" ", "string.empty"),
    ("u" * 256, "string.max"),
    ("\ud800", "string.unicode"),
]
_EVENT_NAMES: _Faulty = [(None, "string.base"), ("n" * 121, "string.max"), ("\x00", "string.unicode")]
_TIMES: _Faulty = [
    ("soon", "number.base"),
    (NOON // 1000, "date.range"),
    (NOON + 0.5, "number.integer"),
    (2**63, "number.unsafe"),
    (float("nan"), "number.infinity"),
]
_NAMES: _Faulty = [(5, "string.base"), ("", "string.empty"), ("n" * 121, "string.max"), ("\x00", "string.unicode")]
_TYPES: _Faulty = [("money", "any.only"), (None, "string.base")]
_LASTING_VALUES: _Faulty = [
    ("ü" * 32_769, "string.max"),
    ("a\x00", "string.unicode"),
    (float("inf"), "number.infinity"),
]
_VALUES: _Faulty = [*_LASTING_VALUES, (7, "string.base"), ([], "string.base")]
_FIELDS: dict[str, dict[str, _Faulty]] = {
    "/rest-api/customer": {"id": _IDS},
    "/rest-api/event": {"customerId": _IDS, "name": _EVENT_NAMES},
    "/track/event": {"customerId": _IDS, "name": _EVENT_NAMES, "time": _TIMES},
    "/track/event/v2": {"customerId": _IDS, "name": _EVENT_NAMES, "time": _TIMES},
    "/msv_cevt": {"did": _IDS, "name": _EVENT_NAMES, "timestamp": _TIMES},
    "/msv_cs_id": {"did": _IDS, "clientCustomerId": _IDS, "timestamp": _TIMES},
}
PATHS = list(_FIELDS)


def plant(chance: random.Random, path: str) -> tuple[bytes, list[Fault]]:
    """A body, and all faults of it by path and type, in the order of their texts."""
    body = dict(SMALLEST[path])
    faults: list[Fault] = []
    for name, faulty in _FIELDS[path].items():
        if chance.random() < 0.4:
            body[name], type_ = chance.choice(faulty)
            faults.append(((name,), type_))
    field = ATTRIBUTES[path]
    body[field] = []
    for place in range(chance.randrange(6)):
        item, found = _item(chance, place)
        body[field].append(item)
        faults += [((field, place, part), type_) for part, type_ in found]
    return json.dumps(body).encode(), sorted(faults, key=str)


def plant_batch(chance: random.Random) -> tuple[bytes, dict[int, list[Fault]]]:
    """A batch, and all faults of its changes by their place in it; the others are fine."""
    changes, faults = [], {}
    for place in range(chance.randrange(1, 6)):
        type_, path = chance.choice([("customer", "/rest-api/customer"), ("event", "/track/event")])
        body, found = plant(chance, path)
        changes.append({"type": type_} | json.loads(body))
        if found:
            faults[place] = found
    return json.dumps({"changes": changes}).encode(), faults


def _item(chance: random.Random, place: int) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    item: dict[str, Any] = {"name": f"a{place}", "type": "string", "value": "fine"}
    # A value of the wrong type can't be told where the type itself is none.
    faulty = {"name": _NAMES, "value": _VALUES}
    if chance.random() < 0.5:
        faulty = {"name": _NAMES, "type": _TYPES, "value": _LASTING_VALUES}
    found: list[tuple[str, str]] = []
    for part, choices in faulty.items():
        if chance.random() < 0.4:
            item[part], type_ = chance.choice(choices)
            found.append((part, type_))
    if item["name"] == "n" * 121:
        item["name"] += str(place)  # told apart from the others, of which it would be a repetition
    return item, found
