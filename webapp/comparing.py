"""How a value is compared with what a filter says: numbers as numbers, dates as instants, text folded."""

import math
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

from webapp import search, values
from webapp.conditions import Compared, Comparison, WrongError

Test = Callable[[Any], bool]

# Folded by Unicode's rules is only so much of a text, as in search.py; letter case doesn't matter in all of it.
_MOST_NORMALIZED = 1000
_MOMENT = re.compile(r"(\d{4}-\d\d-\d\d)(?:[ T](\d\d:\d\d)(:\d\d)?)?", re.ASCII)
_BOOLEANS = {"yes": True, "true": True, "no": False, "false": False}


def test_of(condition: Compared, type_: str, zone: tzinfo) -> Test:
    """Tells whether a value is what a condition says; `!=` is tested as `=`. Raises WrongError.

    `type_`: the type of the attribute. `zone`: in which dates are meant.
    """
    comparison: Comparison = "=" if condition.comparison == "!=" else condition.comparison
    if comparison == "contains" and type_ in {"number", "boolean", "date"}:
        raise WrongError(f"“contains” looks into texts, and {condition.attribute} is a {type_}")
    if type_ == "number":
        return _of_number(condition, comparison)
    if type_ == "boolean":
        return _of_boolean(condition, comparison)
    if type_ == "date":
        return _of_date(condition, comparison, zone)
    wanted = fold(condition.value)
    return _TEXTS[comparison](wanted)


def fold(value: Any) -> str:
    """A text without regard to letter case, width of characters and outer spaces."""
    text = " ".join((value if isinstance(value, str) else str(value)).split())
    if text.isascii():
        return text.casefold()
    return search.normal(text[:_MOST_NORMALIZED]) + text[_MOST_NORMALIZED:].casefold()


_TEXTS: dict[Comparison, Callable[[str], Test]] = {
    "=": lambda wanted: lambda value: fold(value) == wanted,
    ">": lambda wanted: lambda value: fold(value) > wanted,
    "<": lambda wanted: lambda value: fold(value) < wanted,
    "contains": lambda wanted: lambda value: wanted in fold(value),
}


def number(text: str) -> float | None:
    """The number that somebody wrote, `1,200.5` too; None when it isn't one."""
    plain = text.replace(",", "") if re.fullmatch(r"[+-]?\d{1,3}(,\d{3})+(\.\d*)?", text) else text
    if not re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d{1,3})?", plain, re.ASCII | re.IGNORECASE):
        return None
    if not math.isfinite(float(plain)):
        return None
    return int(plain) if re.fullmatch(r"[+-]?\d+", plain) else float(plain)


def _of_number(condition: Compared, comparison: Comparison) -> Test:
    wanted = number(condition.value) if len(condition.value) < 400 else None
    if wanted is None:
        raise WrongError(f"{condition.attribute} is a number, and “{condition.value}” isn't one")
    if comparison == ">":
        return lambda value: bool(value > wanted)
    if comparison == "<":
        return lambda value: bool(value < wanted)
    return lambda value: bool(value == wanted)


def boolean(text: str) -> bool | None:
    """Yes or no, in words; None when it is neither."""
    return _BOOLEANS.get(text.casefold())


def _of_boolean(condition: Compared, comparison: Comparison) -> Test:
    wanted = boolean(condition.value)
    if wanted is None or comparison != "=":
        raise WrongError(f"{condition.attribute} is Yes or No")
    return lambda value: value is wanted


def _of_date(condition: Compared, comparison: Comparison, zone: tzinfo) -> Test:
    stretch = _stretch(condition.value, zone)
    if stretch is None:
        example = "such as 2026-01-31 or 2026-01-31 18:30"
        raise WrongError(f"{condition.attribute} is a date, and “{condition.value}” isn't one, {example}")
    first, end = stretch
    tests: dict[str, Callable[[datetime], bool]] = {
        ">": lambda at: at >= end,
        "<": lambda at: at < first,
        "=": lambda at: first <= at < end,
    }
    is_so = tests[comparison]

    def test(value: Any) -> bool:
        at = values.instant(str(value), UTC)
        return at is not None and is_so(at)

    return test


def _stretch(text: str, zone: tzinfo) -> tuple[datetime, datetime] | None:
    """What a date stands for: the whole day, minute or second, from its beginning until its end."""
    found = _MOMENT.fullmatch(text)
    if found is None:
        at = values.instant(text, zone)
        return None if at is None else (at, at + timedelta(microseconds=1))
    try:
        first = datetime.fromisoformat(text)
        if found[2] is None:
            return _instant(first, zone), _instant(first + timedelta(days=1), zone)
        return _instant(first, zone), _instant(first, zone) + timedelta(seconds=1 if found[3] else 60)
    except (ValueError, OverflowError):
        return None


def _instant(moment: datetime, zone: tzinfo) -> datetime:
    return moment.replace(tzinfo=zone).astimezone(UTC)
