"""From the bytes of a request to JSON that both databases can store, or to every fault in it.

The parser is the standard library's: it tells duplicate keys apart, and its limits are known (see docs/decisions).
"""

import json
import math
from collections import Counter
from collections.abc import Iterable
from functools import cache
from typing import Any

from webapp.api.errors import NOT_TEXT, ApiError, Faults, fault

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
    body = decoded(data)
    if not isinstance(body, dict):
        raise _unusable("the body must be a JSON object", "object.base")
    return body, checked(body)


def decoded(data: bytes, what: str = "the body") -> Any:
    """The JSON value that `what` is, not yet checked. Raises ApiError (422) where it isn't JSON."""
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


def _unusable(message: str, type_: str) -> ApiError:
    return ApiError(422, [fault(message, type_)])


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
