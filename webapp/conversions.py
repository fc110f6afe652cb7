"""What a value is as one of another type: how values follow when somebody changes the type of an attribute."""

import json
import re
from datetime import UTC, datetime, tzinfo
from typing import Any, NamedTuple

from webapp import comparing, values

LONGEST = 400  # characters of a text that may be a number or a date
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_EPOCH_SECONDS = range(10**8, 10**10)  # 1973 to 2286: what a number may mean as a date, in seconds or milliseconds
_BOOLEANS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


class Fit(NamedTuple):
    """A value that is of a type, and what it was made of (None: it came so); both as JSON."""

    value: str
    original: str | None


def fit(value: str, original: str | None, type_: str, zone: tzinfo) -> Fit | None:
    """A stored value as one of this type, None where there is none. What once came is preferred to what was made of it.

    `zone`: in which dates without one are meant. A date that was made stays the instant that it is.
    """
    if (came := restored(original, type_)) is not None:
        return came
    plain = json.loads(value)
    if _is_plain(plain, type_):
        return Fit(value, original)
    is_made = original is None or values.conforms(plain, type_)
    for source in (plain,) if is_made else (json.loads(str(original)), plain):
        made = turned(source, type_, zone)
        if made is not None:
            text = json.dumps(made, ensure_ascii=False)
            return Fit(text, original if text == value else original or value)
    return None


def restored(original: str | None, type_: str) -> Fit | None:
    """What a value was made of, where that is of this type itself."""
    if original is None or not _is_plain(json.loads(original), type_):
        return None
    return Fit(original, None)


def _is_plain(value: Any, type_: str) -> bool:
    """Whether a value is of a type whose values are stored as they come, as those of all but dates are."""
    return type_ != "date" and values.conforms(value, type_)


def turned(value: Any, type_: str, zone: tzinfo) -> Any:
    """A scalar as one of this type that means the same, as it is stored; None where there is none."""
    if type_ == "string":
        return value if isinstance(value, str) else json.dumps(value)
    if type_ == "number":
        return _number(value)
    if type_ == "boolean":
        return value if isinstance(value, bool) else _BOOLEANS.get(str(value)[:LONGEST].strip().casefold())
    return _date(value, zone) if type_ == "date" else None


def _number(value: Any) -> int | float | None:
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, int | float):
        return value
    found = comparing.number(value.strip()) if len(value) < LONGEST else None
    # Whole numbers have 64 bits, here as everywhere.
    return None if isinstance(found, int) and not -(2**63) <= found < 2**63 else found


def _date(value: Any, zone: tzinfo) -> str | None:
    if isinstance(value, str) and len(value) < LONGEST:
        text = value.strip()
        text = f"{text} 00:00:00" if _DAY.fullmatch(text) else text
        return values.canonical_date(text, zone) if values.is_date(text) else None
    if type(value) is int:
        seconds = value if value in _EPOCH_SECONDS else value / 1000
        if _EPOCH_SECONDS.start <= seconds < _EPOCH_SECONDS.stop:
            return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")
    return None
