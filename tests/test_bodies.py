"""Edge bodies on every endpoint: each ends in the expected status and fault, and the refused leave nothing behind."""

import json
from itertools import count
from typing import Any

import pytest

from tests.world import ATTRIBUTES, LAUNCH, SMALLEST, Shop, faults, is_taken, stored

every_endpoint = pytest.mark.parametrize("path", list(SMALLEST))
_number = count()

# JSON texts of one attribute's value; the type of the fault that each has, or None where it is fine.
VALUES = {
    "NUL": (r'"a\u0000b"', "string.unicode"),
    "NUL alone": (r'"\u0000"', "string.unicode"),
    "high surrogate": (r'"\ud800"', "string.unicode"),
    "low surrogate": (r'"a\udfff"', "string.unicode"),
    "surrogates the wrong way round": (r'"\ude00\ud83d"', "string.unicode"),
    "pair of surrogates": (r'"\ud83d\ude00"', None),
    "2**63": ("9223372036854775808", "number.unsafe"),
    "2**63 - 1": ("9223372036854775807", None),
    "-2**63": ("-9223372036854775808", None),
    "-2**63 - 1": ("-9223372036854775809", "number.unsafe"),
    "2**64": ("18446744073709551616", "number.unsafe"),
    "4,301 digits": ("1" * 4_301, "number.unsafe"),
    "4,301 digits, negative": ("-" + "1" * 4_301, "number.unsafe"),
    "4,301 digits with a point": ("1" * 4_301 + ".0", "number.infinity"),
    "4,301 decimals": ("0." + "1" * 4_301, None),
    "400,000 digits": ("1" * 400_000, "number.unsafe"),
    "400,000 decimals": ("0." + "1" * 400_000, None),
    "1e999": ("1e999", "number.infinity"),
    "-1e999": ("-1e999", "number.infinity"),
    "exponent of 400,000 digits": ("1e" + "9" * 400_000, "number.infinity"),
    "1e308": ("1e308", None),
    "1e-999": ("1e-999", None),
    "-0": ("-0", None),
    "-0.0": ("-0.0", None),
    "NaN": ("NaN", "number.infinity"),
    "Infinity": ("Infinity", "number.infinity"),
    "-Infinity": ("-Infinity", "number.infinity"),
    "empty": ('""', None),
    "spaces": ('"   "', None),
    "right to left": ('"שלום \u202e مرحبا"', None),
    "emoji of several": ('"👩🏽‍👩‍👧‍👦 🇮🇳"', None),
    "combining marks": ('"' + "e" + "\u0301\u0323" * 5_000 + '"', None),
    "ligature that unfolds": ('"' + "\ufdfa" * 5_000 + '"', None),
    "noncharacters": ('"\uffff\U0010ffff"', None),
    "BOM": ('"\ufeffa"', None),
    "control characters": (r'"\u0001\u001f\u007f\u0080\u2028\u2029"', None),
    "quotes and backslashes": (r'"\"\\\/\n"', None),
    "a formula": ('"=HYPERLINK(1)"', None),
    "SQL": ('"\'; DROP TABLE customers; --"', None),
}

# Values that are fine, but longer than a text in a mobile app's `info` may be.
LONG = {"combining marks", "ligature that unfolds"}

# Bytes of whole bodies, `%s` being one that is fine; the type of the fault, or None.
BODIES = {
    "empty": (b"", "json.empty"),
    "spaces": (b" \r\n\t ", "json.empty"),
    "BOM and body": (b"\xef\xbb\xbf%s", None),
    "space before and after": (b"\n\t %s \r\n", None),
    "BOM alone": (b"\xef\xbb\xbf", "json.invalid"),
    "BOM twice": (b"\xef\xbb\xbf\xef\xbb\xbf%s", "json.invalid"),
    "latin-1": (b'{"id": "Andr\xe9"}', "json.encoding"),
    "UTF-8 cut off": (b'{"id": "\xf0\x9f\xa7', "json.encoding"),
    "overlong NUL": (b'{"id": "\xc0\x80"}', "json.encoding"),
    "surrogate in UTF-8": (b'{"id": "\xed\xa0\x80"}', "json.encoding"),
    "UTF-16": ("{}".encode("utf-16"), "json.encoding"),
    "UTF-16 without BOM": ("{}".encode("utf-16-le"), "json.invalid"),
    "UTF-32": ("{}".encode("utf-32"), "json.encoding"),
    "gzip": (b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03", "json.encoding"),
    "NUL bytes": (b"\x00" * 10, "json.invalid"),
    "NUL after it": (b"%s\x00", "json.invalid"),
    "array": (b"[%s]", "object.base"),
    "empty array": (b"[]", "object.base"),
    "string": (b'"u1"', "object.base"),
    "number": (b"5", "object.base"),
    "null": (b"null", "object.base"),
    "true": (b"true", "object.base"),
    "NaN": (b"NaN", "object.base"),
    "huge number": (b"1" * 5_000, "object.base"),
    "cut off": (b'{"id": "u1"', "json.invalid"),
    "two": (b"%s%s", "json.invalid"),
    "trailing comma": (b'{"id": "u1",}', "json.invalid"),
    "comment": (b"%s // mine", "json.invalid"),
    "single quotes": (b"{'id': 'u1'}", "json.invalid"),
    "form": (b"id=u1&attributes=%%5B%%5D", "json.invalid"),
    "bare NUL in a string": (b'{"id": "\x00"}', "json.invalid"),
    "line break in a string": (b'{"id": "a\nb"}', "json.invalid"),
    "bad escape": (rb'{"id": "\x41"}', "json.invalid"),
    "only opening brackets": (b"[" * 900_000, "json.depth"),
    "only opening braces": (b'{"a":' * 180_000, "json.depth"),
}

# JSON members beside those of a body that is fine; path and type of their fault, or None.
MEMBERS: dict[str, tuple[str, tuple[tuple[str | int, ...], str] | None]] = {
    "nested 16 levels": ('"x": ' + "[" * 15 + "]" * 15, None),
    "nested 17 levels": ('"x": ' + "[" * 16 + "]" * 16, (("x", *[0] * 15), "json.depth")),
    "objects nested 16 levels": ('"x": ' + '{"a":' * 14 + "{}" + "}" * 14, None),
    "objects nested 17 levels": ('"x": ' + '{"a":' * 15 + "{}" + "}" * 15, (("x", *["a"] * 15), "json.depth")),
    "nested 1,000 levels": ('"x": ' + "[" * 999 + "]" * 999, ((), "json.depth")),
    "nested 100,000 levels": ('"x": ' + "[" * 99_999 + "]" * 99_999, ((), "json.depth")),
    "key twice": ('"x": 1, "x": 1', (("x",), "object.duplicate")),
    "key thrice": ('"x": 1, "x": 2, "x": 3', (("x",), "object.duplicate")),
    "key twice inside": ('"x": [{"a": 1, "b": 2, "a": 3}]', (("x", 0, "a"), "object.duplicate")),
    "key twice by an escape": (r'"xy": 1, "\u0078y": 1', (("xy",), "object.duplicate")),
    "key in another letter case": ('"x": 1, "X": 1', None),
    "NUL in a key": (r'"a\u0000": 1', (("a\ufffd",), "string.unicode")),
    "surrogate in a key": (r'"x": {"\udc00": 1}', (("x", "\ufffd"), "string.unicode")),
    "empty key": ('"": 1', None),
    "prototype": ('"__proto__": {"constructor": 1}', None),
}


def _fresh(path: str) -> dict[str, Any]:
    """The smallest body, of a customer or a device that isn't there yet."""
    field = next(field for field in ("id", "customerId", "did") if field in SMALLEST[path])
    return SMALLEST[path] | {field: f"u-{next(_number)}"}


def _with_value(path: str, text: str) -> bytes:
    name = f"a{next(_number)}"  # a new one, whose type isn't fixed yet
    field = ATTRIBUTES.get(path, "info")
    if path in ATTRIBUTES and path != "/track/user":
        type_ = "string" if text.startswith('"') else "number" if field == "attributes" else "double"
        attributes = f'[{{"name": "{name}", "type": "{type_}", "value": {text}}}]'
    else:
        attributes = f'{{"{name}": {text}}}'
    rest = {key: value for key, value in _fresh(path).items() if key != field}
    return json.dumps(rest)[:-1].encode() + f', "{field}": {attributes}}}'.encode()


def _check(shop: Shop, path: str, body: bytes, type_: str | None) -> list[tuple[tuple[str | int, ...], str]]:
    """Send it; returns its faults, which must be of this type, and then nothing may have been stored."""
    before = stored(shop.database)
    answer = shop.send(path, body)
    if type_ is None:
        assert is_taken(answer)
        assert stored(shop.database) != before
        return []
    assert stored(shop.database) == before
    found = faults(answer)
    assert [kind for _, kind in found] == [type_]
    return found


@every_endpoint
@pytest.mark.parametrize("row", VALUES)
def test_value(shared_shop: Shop, path: str, row: str) -> None:
    text, type_ = VALUES[row]
    if row in LONG and (path == LAUNCH or ATTRIBUTES.get(path) == "info"):
        type_ = "string.max"
    _check(shared_shop, path, _with_value(path, text), type_)


@pytest.mark.parametrize("row", [row for row, (_, type_) in VALUES.items() if type_ is None])
def test_value_is_kept_as_it_came(shared_shop: Shop, row: str) -> None:
    value = json.loads(VALUES[row][0])
    id_ = f"kept-{next(_number)}"
    shared_shop.customer(id_, **{id_: value})
    shared_shop.event(system_id=id_, **{id_: value})
    (kept, event) = shared_shop.attributes(id_)[id_][1], shared_shop.events(id_)[0].attributes[0].value
    assert [repr(kept), repr(event)] == [repr(value)] * 2


@every_endpoint
@pytest.mark.parametrize("row", BODIES)
def test_body(shared_shop: Shop, path: str, row: str) -> None:
    body, type_ = BODIES[row]
    fine = json.dumps(_fresh(path)).encode()
    _check(shared_shop, path, body.replace(b"%s", fine).replace(b"%%", b"%"), type_)


@every_endpoint
@pytest.mark.parametrize("row", MEMBERS)
def test_member(shared_shop: Shop, path: str, row: str) -> None:
    text, fault = MEMBERS[row]
    body = json.dumps(_fresh(path))[:-1] + f", {text}}}"
    found = _check(shared_shop, path, body.encode(), fault and fault[1])
    assert found == ([fault] if fault else [])


@every_endpoint
def test_every_depth_up_to_the_parsers_own_limit_is_refused(shared_shop: Shop, path: str) -> None:
    for depth in (*range(17, 900, 97), *range(900, 1_010, 10)):
        text = "[" * depth + "]" * depth
        answer = shared_shop.send(path, _with_value(path, text))
        assert answer.status_code == 422, depth
        assert "json.depth" in {type_ for _, type_ in faults(answer)}, depth
