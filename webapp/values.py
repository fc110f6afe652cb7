"""The types of attribute values: what conforms to each, how a type is inferred, how dates are read.

The type names and the date formats are those of the documented API.
"""

import re
from collections.abc import Callable, Collection
from datetime import UTC, datetime, tzinfo
from typing import Any

SCALARS = ("string", "number", "boolean", "date")
ARRAYS = tuple(f"{scalar} array" for scalar in SCALARS)
MAPS = tuple(f"{scalar} map" for scalar in SCALARS)
EVENT_TYPES = (*SCALARS, *ARRAYS, *MAPS, "custom")

_DATE = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:Z|[+-]\d\d:?\d\d)?", re.ASCII)
_DATE_FORMATS = "YYYY-MM-DD HH:mm:ss or ISO 8601 with a zone"


def instant(text: str, zone: tzinfo) -> datetime | None:
    """The UTC instant that a date text names, or None when it isn't a date.

    Takes `YYYY-MM-DD HH:mm:ss` and ISO 8601 date-times; without a zone it is read in `zone`. Whether a text is a
    date doesn't depend on the zone.
    """
    if not _DATE.fullmatch(text):
        return None
    try:
        moment = datetime.fromisoformat(text.replace(",", "."))
    except ValueError:  # a 30th of February, the year 0
        return None
    try:
        return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)
    except OverflowError:  # within hours of the calendar's ends, where programs put "never": no zone matters there
        return moment.replace(tzinfo=UTC)


def is_date(value: object) -> bool:
    """Whether a value is a text that names a date and time."""
    return isinstance(value, str) and instant(value, UTC) is not None


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_NUMBERS = {int, float}


def _are_plain_numbers(values: Collection[object]) -> bool:
    """A quick look first: half a million numbers fit into one event."""
    return set(map(type, values)) <= _NUMBERS


_CONFORMS: dict[str, Callable[[object], bool]] = {
    "string": lambda value: isinstance(value, str),
    "number": _is_number,
    "boolean": lambda value: isinstance(value, bool),
    "date": is_date,
}

_IN_WORDS = {
    "string": "a string",
    "number": "a number",
    "boolean": "true or false",
    "date": f"a date written {_DATE_FORMATS}",
}


def conforms(value: Any, type_: str) -> bool:
    """Whether a JSON value is of an attribute type."""
    if type_ == "custom":
        return value is not None
    scalar, _, shape = type_.partition(" ")
    check = _CONFORMS[scalar]
    if shape == "array":
        return isinstance(value, list) and _conform(value, check)
    if shape == "map":
        return isinstance(value, dict) and _conform(value.values(), check)
    return check(value)


def _conform(values: Collection[object], check: Callable[[object], bool]) -> bool:
    return (check is _is_number and _are_plain_numbers(values)) or all(map(check, values))


def in_words(type_: str) -> str:
    """What a value of this type is, for an error message: `a number`, `an array, each of its values a string`."""
    if type_ == "custom":
        return "any JSON value but null"
    scalar, _, shape = type_.partition(" ")
    if shape == "array":
        return f"an array, each of its values {_IN_WORDS[scalar]}"
    if shape == "map":
        return f"an object, each of its values {_IN_WORDS[scalar]}"
    return _IN_WORDS[scalar]


def infer(value: Any) -> str:
    """The type of a value that came without one. An empty or mixed array or object is `custom`."""
    if isinstance(value, list):
        return _shape(value, "array")
    if isinstance(value, dict):
        return _shape(list(value.values()), "map")
    return _scalar(value)


def _scalar(value: object) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, str):
        return "date" if is_date(value) and _looks_like_date(value) else "string"
    return "number"


def _looks_like_date(text: str) -> bool:
    # Of the dates that may be sent as such, those that stand for one without being called one: exactly
    # `YYYY-MM-DD HH:mm:ss`, or ISO 8601 with its T.
    return len(text) == 19 or text[10] == "T"


def _shape(values: list[Any], shape: str) -> str:
    if values and _are_plain_numbers(values):
        return f"number {shape}"
    if any(isinstance(value, list | dict) or value is None for value in values):
        return "custom"
    kinds = {_scalar(value) for value in values}
    if kinds == {"date", "string"}:
        kinds = {"string"}
    return f"{kinds.pop()} {shape}" if len(kinds) == 1 else "custom"


def canonical_date(text: str, zone: tzinfo) -> str:
    """A date as a UTC instant, `2020-01-20T13:44:15Z` (with a fraction where one was given)."""
    moment = instant(text, zone)
    if moment is None:
        raise ValueError(f"not a date: {text!r}")
    return moment.isoformat().replace("+00:00", "Z")
