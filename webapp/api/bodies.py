"""From the bytes of a request to JSON that both databases can store, or to every fault in it.

A text that may have a fault is parsed by the standard library's parser: it tells duplicate keys apart, and its limits
are known. All others take a quick way with the same result (see docs/decisions/0002 and 0010).
"""

import json
import math
from collections import Counter
from collections.abc import Iterable
from functools import cache
from typing import Any, NamedTuple

import orjson

from webapp.api.errors import NOT_TEXT, ApiError, Faults, fault
from webapp.ingest.changes import Fault

MOST_BYTES = 1_000_000
DEEPEST = 16
_WHOLE = 2**63


class _Unfit(float):
    """Stands in the parsed tree for a number that can't be stored; the walk tells where. Its type is still a number."""

    message: str
    type: str


class _Duplicates(dict[str, Any]):
    """An object in which keys occurred more than once."""

    repeated: list[str]


def parse(data: bytes) -> tuple[dict[str, Any], Faults]:
    """The body as an object, and the faults of its texts and numbers so far. Raises ApiError (422) where it is none."""
    decoded = decode(data)
    if not isinstance(decoded.value, dict):
        raise _unusable("the body must be a JSON object", "object.base")
    return decoded.value, decoded.faults()


class Decoded(NamedTuple):
    """A JSON value, and whether it is known already to have no fault in its texts, numbers and keys."""

    value: Any
    is_plain: bool

    def faults(self) -> Faults:
        """What can't be stored of it, whatever it is for."""
        return Faults() if self.is_plain else checked(self.value)


def decode(data: bytes, what: str = "the body") -> Decoded:
    """The JSON value that `what` is. Raises ApiError (422) where it isn't JSON."""
    plain = _plain(data)
    return Decoded(_carefully(data, what), False) if plain is None else Decoded(plain, True)


def _plain(data: bytes) -> Any:
    """The value of a text in which nothing calls for a closer look, as in nearly every one; else None.

    The parser used here is ten times as fast, but says nothing of keys that occur twice, and makes another number of
    one that is too large.
    """
    # Characters that can't be stored come as escapes, or the text isn't UTF-8, which this parser refuses.
    if b"\\u" in data or any(space in data for space in _BEFORE_COLON):
        return None
    try:
        value = orjson.loads(data)
        # Without space before a colon, every key ends in these two bytes: there are as many as there are keys, unless
        # one occurs twice or they stand in a text.
        return value if data.count(b'":') == _keys(value, 0) else None
    except (orjson.JSONDecodeError, _SuspectError):
        return None


_BEFORE_COLON = (b" :", b"\t:", b"\n:", b"\r:")


class _SuspectError(Exception):
    """There is something in a value that may be a fault."""


def _keys(value: Any, depth: int) -> int:
    """How many keys there are in a value and all its parts. Raises _SuspectError."""
    number = 0
    parts: Iterable[Any] = ()
    if type(value) is dict:
        number, parts = len(value), value.values()
    elif type(value) is list:
        parts = value
    for part in parts:
        kind = type(part)
        if kind is str:
            continue
        if kind is dict or kind is list:
            if depth == DEEPEST - 2:
                raise _SuspectError
            if part:  # a third of a million empty ones fit into one body
                number += _keys(part, depth + 1)
        # A whole number that is a little too small has become the float that is the limit.
        elif (kind is int and not -_WHOLE <= part < _WHOLE) or (kind is float and not -_WHOLE < part < _WHOLE):
            raise _SuspectError
    return number


def _carefully(data: bytes, what: str) -> Any:
    """The JSON value that `what` is, with what is at fault in it marked. Raises ApiError (422) where it isn't JSON."""
    if not data.strip():
        raise _unusable(f"{what} is empty; send a JSON object", "json.empty")
    try:
        return json.loads(
            data.decode("utf-8-sig"), object_pairs_hook=_object, parse_int=_integer, parse_constant=_constant
        )
    except UnicodeDecodeError as error:
        raise _unusable(f"{what} is not UTF-8: byte {error.start} can't be read", "json.encoding") from None
    except RecursionError:
        raise _unusable(f"{what} is nested deeper than {DEEPEST} levels", "json.depth") from None
    except json.JSONDecodeError as error:
        raise _unusable(
            f"{what} is not valid JSON: {error.msg} at line {error.lineno}, column {error.colno}", "json.invalid"
        ) from None


def checked(value: Any) -> Faults:
    """The faults of the texts and numbers in a decoded value, which can't be stored whatever they are for."""
    faults = Faults()
    _walk(value, [], faults)
    return faults


# Of what these faults are told, the decoded value says less than the text did.
_LOSSES = {"faults.more", "json.depth", "number.infinity", "number.unsafe", "object.duplicate"}


def written(value: Any, faults: Iterable[Fault]) -> tuple[bytes, bool]:
    """A decoded value with these faults as JSON again, and whether that says all that came."""
    try:
        text = json.dumps(value, separators=(",", ":"))
    except RecursionError:
        return b"", False
    return text.encode(), not any(one["type"] in _LOSSES for one in faults)


def _unusable(message: str, type_: str) -> ApiError:
    return ApiError(422, [fault(message, type_)])


def repeated(value: Any) -> list[str]:
    """The keys that occur more than once in a decoded object, of which `value` holds the last."""
    return value.repeated if isinstance(value, _Duplicates) else []


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    duplicates = _Duplicates(found)
    duplicates.repeated = [key for key, times in Counter(key for key, _ in pairs).items() if times > 1]
    return duplicates


def _integer(text: str) -> int | _Unfit:
    if len(text) < 19:
        return int(text)
    if len(text) > 20 or not -_WHOLE <= int(text) < _WHOLE:
        return _unfit("is a whole number outside 64 bits; send it as a string", "number.unsafe")
    return int(text)


def _constant(text: str) -> _Unfit:
    return _unfit(f"is {text}, which JSON doesn't have", "number.infinity")


@cache
def _unfit(message: str, type_: str) -> _Unfit:
    number = _Unfit()
    number.message, number.type = message, type_
    return number


def _walk(value: Any, path: list[str | int], faults: Faults) -> None:
    if isinstance(value, str):
        _check_text(value, path, faults)
    elif isinstance(value, _Unfit):
        faults.spoil(path, value.message, value.type)
    elif isinstance(value, float):
        if math.isinf(value):
            faults.spoil(path, "is a number too large to store", "number.infinity")
    elif isinstance(value, list | dict):
        _walk_into(value, path, faults)


def _walk_into(value: list[Any] | dict[str, Any], path: list[str | int], faults: Faults) -> None:
    if len(path) >= DEEPEST:
        faults.spoil(path, f"is nested deeper than {DEEPEST} levels", "json.depth")
        value.clear()  # the body is refused; whoever goes on reading it must not fall down there
        return
    if isinstance(value, _Duplicates):
        for key in value.repeated:
            faults.spoil([*path, key], "occurs more than once", "object.duplicate")
    parts: Iterable[tuple[str | int, Any]] = enumerate(value) if isinstance(value, list) else value.items()
    for part, item in parts:
        path.append(part)
        if isinstance(part, str):
            _check_text(part, path, faults)
        if not isinstance(item, int):  # half a million of them fit into one body
            _walk(item, path, faults)
        path.pop()


def _check_text(text: str, path: list[str | int], faults: Faults) -> None:
    if text.isascii() and "\x00" not in text:  # nearly every text: not worth a search
        return
    found = NOT_TEXT.search(text)
    if found is not None:
        what = "a NUL character" if found[0] == "\x00" else "half of a surrogate pair"
        faults.spoil(path, f"contains {what}, which can't be stored", "string.unicode")
