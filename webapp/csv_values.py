"""From the text of a cell to a value: of which type cells look to be, and what each says as a value of a type."""

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, tzinfo
from functools import partial

from webapp import exports, values

TYPES = values.SCALARS
LONGEST = 65_536  # bytes, as everywhere
# How dates are written. Times may follow, and a zone.
TIME_FORMATS = {
    "year": "Year first: 2026-01-31, 2026-01-31 15:30:00, ISO 8601",
    "day": "Day first: 31/01/2026, 31.1.2026 15:30",
    "month": "Month first: 01/31/2026, 1/31/2026 3:30 PM",
    "seconds": "Unix time in seconds: 1769873400",
    "milliseconds": "Unix time in milliseconds: 1769873400000",
}
_ZONE = r"(Z|UTC|GMT|[+-]\d\d:?(?:\d\d)?)"
_TIME = rf"(?:[T ,]\s*(\d{{1,2}}):(\d\d)(?::(\d\d)(?:[.,](\d{{1,9}}))?)?(?:\s*([AaPp][Mm]))?(?:\s*{_ZONE})?)?"
_DATES = {
    "year": re.compile(rf"(\d{{4}})([-/.]?)(\d{{1,2}})\2(\d{{1,2}}){_TIME}", re.ASCII),
    "day": re.compile(rf"(\d{{1,2}})([-/.])(\d{{1,2}})\2(\d{{4}}|\d\d),?{_TIME}", re.ASCII),
}
_DATES["month"] = _DATES["day"]
_LONGEST_DATE = 64  # characters: no longer text is worth matching
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_GROUPED = re.compile(r"[+-]?\d{1,3}(,\d{3})+(\.\d+)?", re.ASCII)
_COMMA = re.compile(r"[+-]?(\d+|\d{1,3}(\.\d{3})+),\d+", re.ASCII)
_CODE = re.compile(r"[+-]?0\d|\+|\d{16}", re.ASCII)
_BOOLEANS = {"true": True, "false": False, "yes": True, "no": False, "t": True, "f": False, "y": True, "n": False}
_BOOLEANS |= {"1": True, "0": False, "on": True, "off": False}
_CENTURY = 69  # two digits of a year from there on are of the last century, as POSIX has it
_EPOCHS = {"seconds": (315_532_800, 4_102_444_800), "milliseconds": (315_532_800_000, 4_102_444_800_000)}  # to 2100


class WrongError(ValueError):
    """A text is no value of a type; the message says why, to follow what the cell is called by."""


def unstorable(text: str) -> str | None:
    """Why no text like this can be stored, whatever it is for; None if it can."""
    if text.isascii() or not any("\ud800" <= one <= "\udfff" for one in text):
        return "has a NUL character" if "\x00" in text else None
    return "has bytes that are no text in this encoding"


def storable(text: str) -> str:
    """A text with a sign in the place of all that can't be stored."""
    return "".join("\ufffd" if unstorable(one) else one for one in text) if unstorable(text) else text


def text_of(cell: str) -> str:
    """What a cell says: without spaces around it, and without the mark for spreadsheets that it is a text.

    That stands before what would be a formula, as our own exports have it, or a long number, as Shopify writes it.
    """
    text = cell.strip()
    if text.startswith("'") and text[1:].isascii() and text[1:].isdigit():
        return text[1:]
    return exports.unmarked(text).strip()


def value(text: str, type_: str, format_: str, zone: tzinfo) -> str | int | float | bool:
    """The value that a text which isn't empty says. Raises WrongError.

    `format_`: of a date, one of TIME_FORMATS. A date is an instant in UTC afterwards; without a zone it is read in
    `zone`.
    """
    if type_ not in TYPES:
        raise WrongError(f"can’t be of the type {type_}, which the attribute has")
    if type_ == "number":
        return number(text)
    if type_ == "boolean":
        return boolean(text)
    if type_ == "date":
        return moment(text, format_, zone).isoformat().replace("+00:00", "Z")
    if len(text) > LONGEST // 4 and len(text.encode()) > LONGEST:
        raise WrongError(f"is longer than {LONGEST:,} bytes")
    return text


def number(text: str) -> int | float:
    """A number: `12`, `-1.5`, `1e3`, `1,234.50`; `12,5` and `1.234,50` as in Europe. Raises WrongError."""
    plain = text
    if _COMMA.fullmatch(text) and not _GROUPED.fullmatch(text):
        plain = text.replace(".", "").replace(",", ".")
    elif _GROUPED.fullmatch(text):
        plain = text.replace(",", "")
    if not _NUMBER.fullmatch(plain):
        raise WrongError(f"is no number: {_short(text)}")
    if plain.lstrip("+-").isdigit():
        if len(plain) > 20 or not -(2**63) <= int(plain) < 2**63:
            raise WrongError(f"is too large a number: {_short(text)}")
        return int(plain)
    found = float(plain)
    if not -(2.0**63) < found < 2.0**63:
        raise WrongError(f"is too large a number: {_short(text)}")
    return found


def boolean(text: str) -> bool:
    """True or false. Raises WrongError."""
    found = _BOOLEANS.get(text.lower())
    if found is None:
        raise WrongError(f"is neither true nor false: {_short(text)}")
    return found


def moment(text: str, format_: str, zone: tzinfo) -> datetime:
    """The instant, in UTC, that a date says which is written in this format. Raises WrongError."""
    if format_ in _EPOCHS:
        return _since_epoch(text, format_)
    match = _DATES[format_].fullmatch(text) if len(text) <= _LONGEST_DATE else None
    if match is None:
        raise WrongError(f"is no date of the form {_form(format_)}: {_short(text)}")
    try:
        found = datetime(*_day(match, format_), *_time(match), tzinfo=_zone(match[10], zone))
        return found.astimezone(UTC)
    except (ValueError, OverflowError):
        raise WrongError(f"is no date of the calendar ({_form(format_)}): {_short(text)}") from None


def _form(format_: str) -> str:
    return {"year": "year-month-day", "day": "day/month/year", "month": "month/day/year"}[format_]


def _day(match: "re.Match[str]", format_: str) -> tuple[int, int, int]:
    first, second, third = match[1], match[3], match[4]
    if format_ == "year":
        return int(first), int(second), int(third)
    year = int(third)
    if len(third) == 2:
        year += 1900 if year >= _CENTURY else 2000
    return (year, int(second), int(first)) if format_ == "day" else (year, int(first), int(second))


def _time(match: "re.Match[str]") -> tuple[int, int, int, int]:
    hour, half = int(match[5] or 0), (match[9] or "").lower()
    if half:
        if not 1 <= hour <= 12:
            raise ValueError
        hour = hour % 12 + (12 if half == "pm" else 0)
    return hour, int(match[6] or 0), int(match[7] or 0), int((match[8] or "0").ljust(6, "0")[:6])


def _zone(text: str | None, zone: tzinfo) -> tzinfo:
    if text is None:
        return zone
    if text in {"Z", "UTC", "GMT"}:
        return UTC
    found = datetime.strptime(text.replace(":", "").ljust(5, "0"), "%z").tzinfo
    assert found is not None  # noqa: S101 - it has just been read
    return found


def _since_epoch(text: str, format_: str) -> datetime:
    if not _NUMBER.fullmatch(text) or len(text) > 30:
        raise WrongError(f"is no Unix time in {format_}: {_short(text)}")
    at = float(text)
    lowest, highest = _EPOCHS[format_]
    if not lowest <= at < highest:
        raise WrongError(f"is no Unix time in {format_} since 1980: {_short(text)}")
    return datetime.fromtimestamp(at if format_ == "seconds" else at / 1000, UTC)


def detected(texts: Sequence[str]) -> str:
    """Of which type nearly all of these texts look to be, none of which is empty."""
    if not texts:
        return "string"
    lowered = {text.lower() for text in texts}
    if lowered <= {"true", "false"} or (lowered <= {"yes", "no"}):
        return "boolean"
    # What begins with a zero or a plus, or is so long, is a code, a phone number or an id: it would lose something.
    if not any(_CODE.match(text) for text in texts) and _most(number, texts):
        return "number"
    return "date" if date_format(texts, with_epochs=False) else "string"


def date_format(texts: Sequence[str], *, with_epochs: bool = True) -> str | None:
    """The format in which nearly all these texts are dates, the likeliest first; None where there is none."""
    if not texts:
        return None
    formats = [one for one in TIME_FORMATS if with_epochs or one not in _EPOCHS]
    return next((one for one in formats if _most(partial(_moment, one), texts)), None)


def could_be(format_: str, texts: Sequence[str]) -> bool:
    """Whether nearly all these texts are dates of a format."""
    return _most(partial(_moment, format_), [text for text in texts if text])


def _moment(format_: str, text: str) -> datetime:
    return moment(text, format_, UTC)


def _most(read: Callable[[str], object], texts: Sequence[str]) -> bool:
    """Whether nearly all these texts can be read: a few bad values don't make another type of a column."""
    misfits = 0
    for text in texts:
        try:
            read(text)
        except WrongError:
            misfits += 1
            if misfits > len(texts) // 10:
                return False
    return True


def _short(text: str) -> str:
    return f"“{text}”" if len(text) <= 40 else f"“{text[:40]}…”"
