"""Conditions on customers: what they say, and how they are written in URLs: `City = Pune`, `did Purchased 3 times`.

What is read from a text is written as the same text again, so that one URL stands for one list.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, tzinfo
from typing import Literal, get_args

from webapp import clock, days, tags

MOST = 20  # conditions of one list
LONGEST = 1000  # characters of one
_MOST_DAYS, _MOST_TIMES = 36_500, 1_000_000

Comparison = Literal["=", "!=", ">", "<", "contains"]
COMPARISONS: tuple[Comparison, ...] = get_args(Comparison)


class WrongError(ValueError):
    """A condition that can't be used; the message says why, as a sentence without its full stop."""


@dataclass(frozen=True, slots=True)
class Range:
    """Days of the workspace's calendar, both included, or the last so many days. Nothing in it: any time."""

    since: date | None = None
    until: date | None = None
    days: int | None = None

    def __bool__(self) -> bool:
        return self != Range()

    def __str__(self) -> str:
        parts = {"from": self.since, "to": self.until, "in": self.days and f"{self.days} days"}
        return "".join(f" {word} {part}" for word, part in parts.items() if part)

    def bounds(self, zone: tzinfo) -> tuple[int | None, int | None]:
        """From (inclusive) until (exclusive), epoch ms."""
        if self.days is not None:
            return clock.now() - self.days * clock.DAY, None
        since = None if self.since is None else days.begin(self.since, zone)
        return since, None if self.until is None else days.end(self.until, zone)


@dataclass(frozen=True, slots=True)
class Compared:
    """An attribute compares with a value. `!=` is the opposite of `=`: it holds for who has no value, too."""

    attribute: str
    comparison: Comparison
    value: str

    def __str__(self) -> str:
        return _written(lambda name: f"{name} {self.comparison} {self.value}", self.attribute, self)


@dataclass(frozen=True, slots=True)
class Having:
    """There is a value of an attribute, or there is none."""

    attribute: str
    is_so: bool = True

    def __str__(self) -> str:
        return _written(lambda name: f"{'has' if self.is_so else 'lacks'} {name}", self.attribute, self)


Which = Literal["first", "last", "created"]
_SEEN: dict[Which, str] = {"first": "first seen", "last": "last seen", "created": "created"}


@dataclass(frozen=True, slots=True)
class Seen:
    """The first or the last event (or the creation while there is none), or the creation falls into a range."""

    which: Which
    range: Range

    def __str__(self) -> str:
        return f"{_SEEN[self.which]}{self.range}"


@dataclass(frozen=True, slots=True)
class Did:
    """An event happened at least so many times, in a range if there is one; or it didn't."""

    event: str
    times: int = 1
    is_so: bool = True
    range: Range = Range()

    def __str__(self) -> str:
        verb = "did" if self.is_so else "did not"
        times = "" if self.times == 1 else f" {self.times} times"
        return _written(lambda name: f"{verb} {name}{times}{self.range}", self.event, self)


@dataclass(frozen=True, slots=True)
class Tagged:
    """A tag, as it is kept, is on a profile of the person; or it isn't."""

    tag: str
    is_so: bool = True

    def __str__(self) -> str:
        return f"tag = {self.tag}" if self.is_so else f"not tag {self.tag}"


Way = Literal["by", "in"]


@dataclass(frozen=True, slots=True)
class Visited:
    """A visit began `by` a source or `in` a country (its ISO code), as the overview counts them, in a range if any."""

    way: Way
    name: str
    range: Range = Range()

    def __str__(self) -> str:
        return _written(lambda name: f"visited {self.way} {name}{self.range}", self.name, self)


Condition = Compared | Having | Seen | Did | Tagged | Visited


def _written(form: Callable[[str], str], name: str, meant: Condition) -> str:
    """A condition with the name in it as it is where that reads as what is meant, else in quotation marks."""
    plain = form(name)
    try:
        is_clear = _read(plain) == meant
    except WrongError:
        is_clear = False
    return plain if is_clear else form('"' + name.replace('"', '""') + '"')


_NAME = r'(?:"(?P<quoted>(?:[^"]|"")+)"|(?P<plain>[^"\s](?:[^"]*?[^"\s])??))'
_RANGE = r"(?: from (?P<since>\S+))?(?: to (?P<until>\S+))?(?: in (?P<days>\d+) days?)?"
_FORMS: dict[str, re.Pattern[str]] = {
    kind: re.compile(form, re.DOTALL | re.ASCII)
    for kind, form in {
        "seen": rf"(?P<which>{'|'.join(_SEEN.values())}){_RANGE}",
        "visited": rf"visited (?P<way>by|in) {_NAME}{_RANGE}",
        "tagged": r"(?:(?P<on>tag =)|not tag|tag !=)(?: (?P<tag>.*))?",
        "compared": rf"{_NAME} (?P<comparison>=|!=|>|<|contains)(?: (?P<value>.*))?",
        "having": rf"(?P<verb>has|lacks) {_NAME}",
        "did": rf"did(?P<not> not)? {_NAME}(?: (?P<times>\d+) times?)?{_RANGE}",
    }.items()
}


def parse(text: str) -> Condition:
    """Read a condition. Raises WrongError."""
    if len(text) > LONGEST:
        raise WrongError(f"A filter has at most {LONGEST:,} characters")
    if "\x00" in text:
        raise WrongError("No text that is stored has a NUL in it")
    return _read(text.strip())


def _read(text: str) -> Condition:
    for kind, form in _FORMS.items():
        if found := form.fullmatch(text):
            return _MADE[kind](found)
    raise WrongError("This is not how a filter is written: City = Pune, has City, did Purchased, last seen in 30 days")


def _seen(found: re.Match[str]) -> Condition:
    range_ = _range(found)
    if not range_:
        raise WrongError("The days are missing")
    return Seen(next(which for which, words in _SEEN.items() if words == found["which"]), range_)


def _compared(found: re.Match[str]) -> Condition:
    value = (found["value"] or "").strip()
    if not value:
        raise WrongError("The value to compare with is missing")
    return Compared(_name(found), next(one for one in COMPARISONS if one == found["comparison"]), value)


def _having(found: re.Match[str]) -> Condition:
    return Having(_name(found), found["verb"] == "has")


def _did(found: re.Match[str]) -> Condition:
    times = int(found["times"] or 1)
    if not 1 <= times <= _MOST_TIMES:
        raise WrongError(f"An event can be asked for once at least, and {_MOST_TIMES:,} times at most")
    return Did(_name(found), times, found["not"] is None, _range(found))


def _tagged(found: re.Match[str]) -> Condition:
    tag = tags.fold(found["tag"] or "")
    if not tag:
        raise WrongError("The tag is missing")
    if len(tag) > tags.LONGEST:
        raise WrongError(f"A tag has at most {tags.LONGEST} characters")
    return Tagged(tag, found["on"] is not None)


def _visited(found: re.Match[str]) -> Condition:
    way: Way = "by" if found["way"] == "by" else "in"
    return Visited(way, _name(found), _range(found))


_MADE: dict[str, Callable[[re.Match[str]], Condition]] = {
    "seen": _seen,
    "compared": _compared,
    "having": _having,
    "did": _did,
    "tagged": _tagged,
    "visited": _visited,
}


def _name(found: re.Match[str]) -> str:
    return found["plain"] or found["quoted"].replace('""', '"')


def _range(found: re.Match[str]) -> Range:
    since, until = _day(found["since"]), _day(found["until"])
    number = None if found["days"] is None else int(found["days"])
    if number is not None and (since or until):
        raise WrongError("Either the last days or dates, not both")
    if number is not None and not 1 <= number <= _MOST_DAYS:
        raise WrongError(f"The last days are at least 1 and at most {_MOST_DAYS:,}")
    if since and until and since > until:
        raise WrongError("The range ends before it begins")
    return Range(since, until, number)


def _day(text: str | None) -> date | None:
    if text is None:
        return None
    found = days.parse(text)
    if found is None or found.isoformat() != text:
        raise WrongError(f"“{text}” is not a day, such as 2026-01-31")
    return found


_IN_WORDS = {"=": "is", "!=": "is not", ">": ">", "<": "<", "contains": "contains"}


def in_words(condition: Condition) -> tuple[str, str]:
    """The subject of a condition and what is said of it, for a page: `City`, `is Pune`."""
    match condition:
        case Compared(attribute, comparison, value):
            return attribute, f"{_IN_WORDS[comparison]} {value}"
        case Having(attribute, is_so):
            return attribute, "has a value" if is_so else "has no value"
        case Seen(which, range_):
            return _SEEN[which].capitalize(), _range_in_words(range_).strip()
        case Did(event, times, is_so, range_):
            often = "" if times == 1 else f" {'at least' if is_so else 'less than'} {times:,} times"
            verb = "done" if is_so or times > 1 else "not done"
            return event, f"{verb}{often}{_range_in_words(range_)}"
        case Tagged(tag, is_so):
            return "Tagged" if is_so else "Not tagged", tag
        case Visited(way, name, range_):
            return "Visited", f"{way} {name}{_range_in_words(range_)}"


def _range_in_words(range_: Range) -> str:
    if range_.days is not None:
        return " in the last day" if range_.days == 1 else f" in the last {range_.days:,} days"
    parts = {"from": range_.since, "to": range_.until}
    return "".join(f" {word} {days.plain_date(part)}" for word, part in parts.items() if part)
