"""F5: the table of edge bodies. Every fault ever found in reading a body becomes a row of it.

Every row is sent to every endpoint: taken, or refused with the expected fault, and then nothing is left behind.
"""

import gzip
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any

from tests.battery.client import Client
from tests.battery.ground import Ground, opened
from tests.battery.outcome import Outcome
from tests.world import ATTRIBUTES, LAUNCH, MOBILE, SMALLEST, stored
from webapp.db import Database

MOST_BYTES = 1_000_000
BATCH = "/api/v1/batch"
# 500 MB in half a megabyte.
_BOMB = gzip.compress(b" " * 1_000_000, 9) * 500

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

# JSON texts of a time, epoch ms, where an endpoint has one, and of a value of type `date`; the type of the fault.
TIMES = {
    "year 0": ("-62135596800001", "date.range"),
    "year 1": ("-62135596800000", "date.range"),
    "year 10000": ("253402300800000", "date.range"),
    "0": ("0", "date.range"),
    "seconds": ("1700000000", "date.range"),
    "2**63": ("9223372036854775808", "number.unsafe"),
    "NaN": ("NaN", "number.infinity"),
    "half a millisecond": ("1700000000000.5", "number.integer"),
}
DATES = {
    "year 0": ("0000-12-31 23:59:59", "date.base"),
    "year 1": ("0001-01-01 00:00:00", None),
    "year 9999": ("9999-12-31 23:59:59", None),
    "year 10000": ("10000-01-01 00:00:00", "date.base"),
    "30 February": ("2024-02-30 00:00:00", "date.base"),
    "25 o'clock": ("2024-02-20 25:00:00", "date.base"),
    "Arabic digits": ("٢٠٢٤-٠٢-٢٠ 00:00:00", "date.base"),
}
# Bytes of a body that is fine, filled up with spaces; the status.
SIZES = {"1 MB": (MOST_BYTES, 200), "1 MB and a byte": (MOST_BYTES + 1, 413)}

# Of batches: body, Content-Type and Content-Encoding, status, and the type of the first fault or the number accepted.
_FINE = b'{"type": "event", "customerId": "u@", "name": "n", "time": 1700000000000}'
_JSON, _LINES = ("application/json", ""), ("application/x-ndjson", "")
_GZIP = ("application/json", "gzip")
BATCHES: dict[str, tuple[bytes, tuple[str, str], int, str | int]] = {
    "no changes": (b'{"changes": []}', _JSON, 200, 0),
    "no lines": (b"\n \n", _LINES, 200, 0),
    "changes missing": (b"{}", _JSON, 422, "array.base"),
    "an array": (b"[%s]", _JSON, 422, "array.base"),
    "changes null": (b'{"changes": null}', _JSON, 422, "array.base"),
    "one": (b'{"changes": [%s]}', _JSON, 200, 1),
    "one to a line": (b"%s\n%s\r\n\n%s", _LINES, 200, 3),
    "lines as JSON": (b"%s\n%s", _JSON, 422, "json.invalid"),
    "a line cut off": (b'%s\n{"type"\n%s', _LINES, 200, 2),
    "a line of Latin-1": (b'%s\n{"type": "Andr\xe9"}', _LINES, 200, 1),
    "a line nested 100,000 levels": (b"%s\n" + b"[" * 100_000, _LINES, 200, 1),
    "a change of NaN": (b'{"changes": [%s, NaN]}', _JSON, 200, 1),
    "a change of null": (b'{"changes": [null, %s]}', _JSON, 200, 1),
    "changes twice": (b'{"changes": [%s], "changes": [%s]}', _JSON, 422, "object.duplicate"),
    "1,000 changes": (b'{"changes": [' + b",".join([b"%s"] * 1_000) + b"]}", _JSON, 200, 1_000),
    "1,001 changes": (b'{"changes": [' + b",".join([b"%s"] * 1_001) + b"]}", _JSON, 422, "batch.max"),
    "5 MB": (b'{"changes": [%s]}'.ljust(4_999_900), _JSON, 200, 1),
    "5 MB and a byte": (b'{"changes": []}'.ljust(5_000_001), _JSON, 413, "request.payload.too.large"),
    "gzip": (gzip.compress(b'{"changes": []}'), _GZIP, 200, 0),
    "gzip of 500 MB": (_BOMB, _GZIP, 413, "request.payload.too.large"),
    "gzip cut off": (gzip.compress(b'{"changes": []}')[:-9], _GZIP, 422, "gzip.invalid"),
    "gzip that is none": (b'{"changes": []}', _GZIP, 422, "gzip.invalid"),
    "gzip of gzip": (gzip.compress(gzip.compress(b"{}")), _GZIP, 422, "json.encoding"),
    "empty gzip": (gzip.compress(b""), _GZIP, 422, "json.empty"),
    "brotli": (b"x", ("application/json", "br"), 415, "request.unsupported.media.type"),
    "brackets only": (b"[" * 900_000, _JSON, 422, "json.depth"),
}


@dataclass(frozen=True)
class Case:
    """A row on an endpoint with its expected answer: type of its one fault, and the path of that where it matters."""

    row: str
    path: str
    body: bytes
    status: int = 200
    fault: str | None = None
    place: tuple[str | int, ...] | None = None


def edges(ground: Ground, _size: int) -> Outcome:
    """Send every row to every endpoint of a real server, and hold answers and tables against what is expected."""
    all_cases = [case for path in SMALLEST for case in cases(path)]
    with ground.server() as server, opened(server.database_url) as database:
        client = Client(server.url, server.key)
        found = ((case, _wrong(client, database, case)) for case in all_cases)
        wrong = [f"{case.path}, {case.row}: {words}" for case, words in found if words]
        wrong += [f"{BATCH}, {row}: {words}" for row in BATCHES if (words := _wrong_batch(client, database, row))]
        client.close()
    refused = sum(1 for case in all_cases if case.fault)
    figures = {
        "rows": str(len({case.row for case in all_cases})),
        "endpoints": str(len(SMALLEST)),
        "rows of batches": str(len(BATCHES)),
        "taken": f"{len(all_cases) - refused:,}",
        "refused": f"{refused:,}",
        "otherwise than expected": str(len(wrong)),
    }
    return Outcome(f"{len(all_cases) + len(BATCHES):,} bodies", figures, wrong[:10])


def _wrong(client: Client, database: Database, case: Case) -> str | None:
    """What is wrong with what came of it, in words."""
    before = stored(database)
    answer = client.post(case.path, case.body)
    has_stored = stored(database) != before
    if answer is None or answer.status != case.status:
        return f"{case.status} expected, not {answer}"
    if case.fault is None:
        is_taken = set(answer.json) == {"did", "sid"} if case.path == LAUNCH else answer.json == {"success": True}
        return None if is_taken and has_stored else f"stored: {has_stored}, {answer}"
    (fault, *more) = [(tuple(one["path"]), one["type"]) for one in answer.json["details"]]
    if more or fault[1] != case.fault or (case.place is not None and fault[0] != case.place):
        return f"{case.place} {case.fault} expected, not {answer}"
    return "something of a refused body was stored" if has_stored else None


def _wrong_batch(client: Client, database: Database, row: str) -> str | None:
    raw, (kind, packing), status, expected = BATCHES[row]
    number = count()
    body = re.sub(b"%s", lambda _: _FINE.replace(b"@", f"{row} {next(number)}".encode()), raw)
    headers = {"Content-Type": kind} | ({"Content-Encoding": packing} if packing else {})
    before = stored(database)
    answer = client.post(BATCH, body, headers)
    has_stored = stored(database) != before
    if answer is None or answer.status != status:
        return f"{status} expected, not {answer}"
    found = answer.json["accepted"] if status == 200 else answer.json["details"][0]["type"]
    if found != expected:
        return f"{expected} expected, not {answer}"
    return None if has_stored is (status == 200 and expected != 0) else f"stored: {has_stored}, {answer}"


def cases(path: str) -> Iterator[Case]:
    """Every row on an endpoint, each with a customer or device of its own and attributes without a type yet."""
    number = count()
    for row, (text, fault) in VALUES.items():
        is_too_long = row in LONG and (path == LAUNCH or ATTRIBUTES.get(path) == "info")
        type_ = "string" if text.startswith('"') else "double" if path in MOBILE else "number"
        body = with_attribute(path, next(number), type_, text)
        yield _case(f"value: {row}", path, body, "string.max" if is_too_long else fault)
    for row, (date, fault) in DATES.items():
        # Where the type isn't told, what is no date is a text.
        is_typed = path in ATTRIBUTES and path != "/track/user"
        body = with_attribute(path, next(number), "date", f'"{date}"')
        yield _case(f"date: {row}", path, body, fault if is_typed else None)
    for row, (raw, fault) in BODIES.items():
        fine = json.dumps(_fresh(path, next(number))).encode()
        yield _case(f"body: {row}", path, raw.replace(b"%s", fine).replace(b"%%", b"%"), fault)
    for row, (text, found) in MEMBERS.items():
        raw = _with_member(_fresh(path, next(number)), text)
        yield _case(f"member: {row}", path, raw, found and found[1], found and found[0])
    for field in {"time", "timestamp"} & SMALLEST[path].keys():
        for row, (text, fault) in TIMES.items():
            rest = {name: given for name, given in _fresh(path, next(number)).items() if name != field}
            yield _case(f"time: {row}", path, _with_member(rest, f'"{field}": {text}'), fault, (field,))
    for row, (size, status) in SIZES.items():
        fine = json.dumps(_fresh(path, next(number))).encode()
        fault = None if status == 200 else "request.payload.too.large"
        yield Case(f"size: {row}", path, fine.ljust(size), status, fault)


def _case(row: str, path: str, body: bytes, fault: str | None, place: tuple[str | int, ...] | None = None) -> Case:
    return Case(row, path, body, 422 if fault else 200, fault, place)


def _fresh(path: str, number: int) -> dict[str, Any]:
    """The smallest body, of a customer or a device that isn't there yet."""
    field = next(field for field in ("id", "customerId", "did") if field in SMALLEST[path])
    return SMALLEST[path] | {field: f"u{path}{number}"}


def with_attribute(path: str, number: int, type_: str, text: str) -> bytes:
    """A body with one attribute of a type, given as JSON text; of a number's own customer, attribute, device."""
    field, name = ATTRIBUTES.get(path, "info"), f"a{path}{number}"
    attributes = f'{{"{name}": {text}}}'
    if path in ATTRIBUTES and path != "/track/user":
        attributes = f'[{{"name": "{name}", "type": "{type_}", "value": {text}}}]'
    rest = {name: given for name, given in _fresh(path, number).items() if name != field}
    return _with_member(rest, f'"{field}": {attributes}')


def _with_member(body: dict[str, Any], text: str) -> bytes:
    return f"{json.dumps(body)[:-1]}, {text}}}".encode()
