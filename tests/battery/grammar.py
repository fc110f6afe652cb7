"""What the fuzzer sends: bodies that are nearly right, and bytes that are nothing at all. All of it by one chance."""

import json
import random
from collections.abc import Callable
from typing import Any

from tests.world import ATTRIBUTES, LAUNCH, NOON, SMALLEST

Chance = random.Random

NAMES = ["id", "customerId", "name", "time", "attributes", "type", "value", "email", "mobile", "x", "y", ""]
NAMES += ["did", "clientCustomerId", "timestamp", "info", "token", "sdkVersion", "platform", "utmInfo", "us"]
TEXTS = ["", " ", "u1", "null", "string", "NUMBER", "date", "string array", "custom", "2020-01-20 13:44:15", "\x00"]
TEXTS += ["long", "Double", "boolean", "true", "7", "1e999", "-9223372036854775809", str(NOON), "ios", "+91 98"]
TEXTS += ["9999-12-31T23:59:59Z", "10000-01-01 00:00:00", "0000-01-01", "a@b.de", "\ud800", "a\udfff", "\uffff"]
TEXTS += ["שלום \u202e", "👩🏽‍👩‍👧", "\ufeffa"]
EDGES = [0, -1, NOON, NOON // 1000, NOON * 1000, 2**63 - 1, 2**63, -(2**63) - 1, 10**400, 1e308]
EDGES += [float("inf"), float("-inf"), float("nan"), -0.0, 5e-324]
BYTES = [
    b"\x00",
    b"\xff",
    b"\xc0\x80",
    b"\xed\xa0\x80",
    b"\xf0\x9f",
    b"\xef\xbb\xbf",
    b'"',
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
]
BYTES += [b":", b"\\", b"\\u0000", b"\\ud800", b"NaN", b"1e999", b"-Infinity", b"9" * 400, b"9" * 5_000, b"//", b"\r\n"]

FULL: dict[str, Any] = {
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
FULL_MOBILE: dict[str, Any] = {
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
FULL_LAUNCH: dict[str, Any] = {
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


BROWSER = "/api/v1/browser"
BROWSER_KEY = "cpb_key"  # stands for one that is valid
_PAGE = {"id": "m1", "type": "page", "time": NOON, "url": "https://shop.example/Süß?utm_source=x", "title": "🧵"}
FULL_BROWSER: dict[str, Any] = {
    "key": BROWSER_KEY,
    "did": "0123456789abcdef",
    "sentAt": NOON + 5,
    "device": {"language": "de", "screen": "1x1"},
    "messages": [
        _PAGE | {"referrer": "https://a.example/", "utm": {"source": "x", "term": None}, "clickIds": {"gclid": "y"}},
        {"id": "m2", "type": "event", "time": NOON, "name": "Purchased", "attributes": {"sku": "Süß", "price": -1.5e3}},
        {"id": "m3", "type": "attributes", "time": NOON, "attributes": {"city": "Pune", "day": "2020-01-20 13:44:15"}},
        {"id": "m4", "type": "identify", "time": NOON, "userId": "u1", "attributes": {"name": "Ann"}},
        {"id": "m5", "type": "logout", "time": NOON},
    ],
}


def full(path: str) -> dict[str, Any]:
    """A body with everything that an endpoint reads."""
    if path == BROWSER:
        return FULL_BROWSER
    if path == LAUNCH:
        return FULL_LAUNCH
    return FULL_MOBILE if "did" in SMALLEST[path] else FULL


def text(chance: Chance) -> str:
    """A text, mostly one that has been trouble somewhere."""
    if chance.random() < 0.7:
        return chance.choice(TEXTS)
    ranges = ((32, 127), (0, 32), (0x80, 0x800), (0x800, 0xFFFF), (0x10000, 0x10FFFF))
    length = chance.choice([1, 3, 20, 60, 121, 300])
    return "".join(chr(chance.randint(*chance.choice(ranges))) for _ in range(length))


def value(chance: Chance, depth: int = 0) -> Any:
    """Any JSON value, and a few that JSON doesn't have."""
    kind = chance.randrange(9 if depth < 4 else 6)
    if kind < 2:
        return text(chance)
    if kind < 4:
        return chance.choice(EDGES)
    if kind < 6:
        return chance.choice([None, True, False, chance.randint(-100, 100), chance.uniform(-1e6, 1e6)])
    if kind == 6:
        return [value(chance, depth + 1) for _ in range(chance.randrange(4))]
    names = (chance.choice(NAMES) if chance.random() < 0.8 else text(chance) for _ in range(chance.randrange(5)))
    return {name: value(chance, depth + 1) for name in names}


def from_grammar(chance: Chance, path: str) -> bytes:
    """Fields that the endpoints know, with anything in them."""
    fields = chance.sample([*full(path), *NAMES], chance.randrange(7))
    body = {name: full(path).get(name) if chance.random() < 0.4 else value(chance) for name in fields}
    if chance.random() < 0.4:
        items = [{name: value(chance) for name in ("name", "type", "value")} for _ in range(chance.randrange(4))]
        body[ATTRIBUTES.get(path, "info")] = items
    return _bytes(body if chance.random() < 0.95 else value(chance), chance)


def mutated(chance: Chance, path: str) -> bytes:
    """A full body in which one or a few values are replaced by others, each somewhere in the tree."""
    body = json.loads(json.dumps(full(path)))
    for _ in range(chance.choice([1, 1, 2, 4])):
        at: Any = body
        while True:
            key: Any = chance.choice(list(at) if isinstance(at, dict) else range(len(at)))
            if not isinstance(at[key], dict | list) or not at[key] or chance.random() < 0.4:
                at[key] = value(chance)
                break
            at = at[key]
    return _bytes(body, chance)


def flipped(chance: Chance, path: str) -> bytes:
    """A full body with bytes changed, put in, left out, or cut off."""
    raw = bytearray(json.dumps(full(path), ensure_ascii=chance.random() < 0.5).encode())
    for _ in range(chance.choice([1, 1, 2, 4])):
        place = chance.randrange(len(raw))
        end = place + chance.choice([0, 1, 1, 1, 8])
        raw[place:end] = chance.choice(BYTES) if chance.random() < 0.6 else bytes([chance.randrange(256)])
    return bytes(raw[: chance.randrange(1, 40)] if chance.random() < 0.1 else raw)


def nested(chance: Chance, path: str) -> bytes:
    """Brackets, deep ones and many."""
    depth = chance.choice([1, 15, 16, 17, 18, 100, 990, 1_000, 1_010, 5_000, 20_000])
    opening, closing = chance.choice([(b"[", b"]"), (b'{"a":', b"}"), (b'[{"value":', b"}]"), (b"[", b"}")])
    inside = chance.choice([b"", b"1", b'"a"', b"null", b"NaN"])
    deep = opening * depth + inside + (closing * depth if chance.random() < 0.8 else b"")
    smallest = {name: given for name, given in SMALLEST.get(path, {}).items() if name not in {"attributes", "info"}}
    head = json.dumps(smallest)[:-1].encode()
    name = chance.choice([b"x", b"attributes", b"info"])
    return deep if chance.random() < 0.2 else head + b', "' + name + b'": ' + deep + b"}"


def batch(chance: Chance) -> bytes:
    """Changes of a batch, some of them fine, as JSON or one to a line."""
    changes = [_change(chance) for _ in range(chance.choice([0, 1, 3, 3, 10, 1_001 if chance.random() < 0.02 else 5]))]
    lines = [_bytes(change, chance) for change in changes]
    if chance.random() < 0.3:
        return b"\n".join(lines)
    body = b'{"changes": [' + b",".join(lines) + b"]}"
    if chance.random() < 0.3:
        place = chance.randrange(len(body))
        body = body[:place] + chance.choice(BYTES) + body[place + 1 :]
    return body


def _change(chance: Chance) -> Any:
    if chance.random() < 0.1:
        return value(chance)
    change = {"type": chance.choice(["customer", "event", "event", text(chance)])} | FULL
    for name in chance.sample([*change, *NAMES], chance.choice([0, 0, 1, 2])):
        change[name] = value(chance)
    return change


def random_bytes(chance: Chance, path: str) -> bytes:
    """Nothing at all."""
    return chance.randbytes(chance.randrange(200))


def _bytes(body: Any, chance: Chance) -> bytes:
    # As UTF-8 a lone surrogate becomes bytes that are none; as an escape it is a text that can't be stored.
    written = json.dumps(body, ensure_ascii=chance.random() < 0.5)
    return written.encode("utf-8", "surrogatepass")


KINDS: dict[str, tuple[Callable[[Chance, str], bytes], int]] = {
    "from the grammar": (from_grammar, 3),
    "mutated": (mutated, 4),
    "bytes flipped": (flipped, 4),
    "nested": (nested, 1),
    "random bytes": (random_bytes, 1),
}
