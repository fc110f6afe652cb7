"""Jinja filters: times, counts and values as people read them."""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import Decimal
from itertools import groupby
from typing import Any

import humanize
from babel import Locale
from flask import Flask, g
from markupsafe import Markup, escape

from webapp import clock, days, sentences, values, workspaces
from webapp.conditions import in_words
from webapp.days import plain_date
from webapp.events import Shown, ShownAttribute
from webapp.keys import beginning
from webapp.models import Customer
from webapp.timeline import Entry

_GIST_ATTRIBUTES = 4
_GIST_LENGTH = 60
_MOST_DIGITS = 10**15
_EXCERPT = 200


def register(app: Flask) -> None:
    """Give the templates these filters."""
    for one in (
        ago, ahead, amount, apart, article, beginning, by_day, count, country, date_only, duration, exactly, excerpt,
        gist, in_words, initials, instant, iso_day, known, lateness, linked, local, moment, pause, plain_date, plural,
        region_name, size, time_of_day, value, yes_no,
    ):  # fmt: skip
        app.jinja_env.filters[one.__name__] = one


def _at(epoch_ms: int, zone: tzinfo) -> datetime:
    return datetime.fromtimestamp(epoch_ms / 1000, zone)


def instant(epoch_ms: int) -> str:
    """The exact UTC instant: `2026-11-22T07:18:00.123Z`."""
    return _at(epoch_ms, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def local(epoch_ms: int, zone: tzinfo) -> str:
    """`22 Nov 2026, 12:48` in the zone."""
    at = _at(epoch_ms, zone)
    return f"{at.day} {at:%b %Y, %H:%M}"


def date_only(epoch_ms: int, zone: tzinfo) -> str:
    """`22 Nov 2026` in the zone."""
    return plain_date(days.of(epoch_ms, zone))


def day(epoch_ms: int, zone: tzinfo) -> str:
    """`Sunday, 22 November 2026` in the zone."""
    at = _at(epoch_ms, zone)
    return f"{at:%A}, {at.day} {at:%B %Y}"


def iso_day(epoch_ms: int, zone: tzinfo) -> str:
    """`2026-11-22` in the zone, as a form's field takes it."""
    return days.of(epoch_ms, zone).isoformat()


def apart(ms: int) -> str:
    """How far two clocks or two events are apart, in the unit that matters: `4 min`, `3 h`, `12 days`."""
    if ms < clock.HOUR:
        return f"{ms // clock.MINUTE} min"
    return f"{ms // clock.HOUR} h" if ms < 2 * clock.DAY else f"{ms // clock.DAY:,} days"


def lateness(event: Shown) -> str:
    """How far the clocks of an event are apart, beyond a minute: `late by 3 h`, `3 h in the future`."""
    late = event.received_at - event.reported_at
    if abs(late) <= clock.MINUTE:
        return ""
    return f"late by {apart(late)}" if late > 0 else f"{apart(-late)} in the future"


def known(event: Shown) -> sentences.Known | None:
    """The icon and the sentence of a well-known event."""
    return sentences.of(event)


def time_of_day(epoch_ms: int, zone: tzinfo) -> str:
    """`12:48:00` in the zone."""
    return f"{_at(epoch_ms, zone):%H:%M:%S}"


def ago(epoch_ms: int) -> str:
    """`3 hours ago`; `3 hours from now` for a client whose clock is ahead."""
    return humanize.naturaltime(timedelta(milliseconds=clock.now() - epoch_ms))


def ahead(epoch_ms: int) -> str:
    """`in 3 hours`, of a moment to come."""
    left = epoch_ms - clock.now()
    for unit, name in ((clock.DAY, "day"), (clock.HOUR, "hour"), (clock.MINUTE, "minute")):
        if round(left / unit) > 1:
            return f"in {plural(round(left / unit), name)}"
    return "in a minute"


def moment(text: str, zone: tzinfo) -> str:
    """The value of a `date` in the zone: `2020-01-20 19:14:15`."""
    at = values.instant(text, _home(zone))
    try:
        return text if at is None else at.astimezone(zone).replace(tzinfo=None).isoformat(" ", timespec="seconds")
    except OverflowError:  # hours away from year 1 or 9999
        return text


def exactly(text: str, zone: tzinfo) -> str:
    """The UTC instant of the value of a `date`: `2020-01-20T13:44:15Z`."""
    at = values.instant(text, _home(zone))
    return text if at is None else at.isoformat().replace("+00:00", "Z")


def _home(zone: tzinfo) -> tzinfo:
    """The zone that a date without one is read in: the workspace's, whatever zone (`zone`) its page shows."""
    place = g.get("place")
    return zone if place is None else workspaces.zone(place.workspace)


def yes_no(is_so: bool) -> str:
    """A boolean as people read it."""
    return "Yes" if is_so else "No"


def count(number: int) -> str:
    """`23,570`."""
    return f"{number:,}"


def size(text: str) -> str:
    """How much a text is: `98 KB`."""
    return humanize.naturalsize(len(text.encode()), format="%.0f").replace("kB", "KB")


def plural(number: int, one: str, many: str | None = None) -> str:
    """`1 event`, `23,570 events`."""
    return f"{number:,} {one if number == 1 else many or f'{one}s'}"


def sentence(error: Exception) -> str:
    """An error's message as a sentence on a page."""
    text = str(error)
    return f"{text[0].upper()}{text[1:]}."


def value(any_value: Any) -> str:
    """A scalar as text; a number as it came."""
    return any_value if isinstance(any_value, str) else json.dumps(any_value, ensure_ascii=False)


def excerpt(any_value: Any) -> str:
    """The beginning of a value that is too long to stand among others; of lists and objects, of their JSON."""
    return f"{value(any_value)[:_EXCERPT].rstrip()} …"


def article(type_: str) -> str:
    """A value of this type: `a number`."""
    return "a custom value" if type_ == "custom" else f"a {type_}"


def gist(attributes: Sequence[ShownAttribute]) -> Markup:
    """The first plain attributes of an event in one line: `Order ID 17 · Amount 732.23`."""
    plain = [one for one in attributes if isinstance(one.value, str | int | float) and one.value != ""]
    parts = [
        f"{escape(one.name)} <b>{escape(yes_no(one.value) if isinstance(one.value, bool) else _short(one.value))}</b>"
        for one in plain[:_GIST_ATTRIBUTES]
    ]
    return Markup(" · ".join(parts))  # noqa: S704 - each part is escaped


def _short(scalar: str | float) -> str:
    text = value(scalar)
    return text if len(text) <= _GIST_LENGTH else f"{text[:_GIST_LENGTH]}…"


_URL = re.compile(r"https?://[^\s<>\"\x00]+", re.IGNORECASE)


def linked(text: str) -> Markup:
    """Plain text in which http and https addresses are links."""
    parts, end = [], 0
    for found in _URL.finditer(text):
        url = found[0].rstrip(".,;:!?'*_…")
        if url.endswith(")") and "(" not in url:
            url = url.rstrip(").,;:!?'")
        shown = escape(url)
        parts += [
            escape(text[end : found.start()]),
            f'<a href="{shown}" rel="noopener noreferrer nofollow">{shown}</a>',
        ]
        end = found.start() + len(url)
    return Markup("".join([*parts, escape(text[end:])]))  # noqa: S704 - each part is escaped


def initials(customer: Customer) -> str:
    """One or two letters that stand for a customer; `?` for a visitor of whom nothing is known."""
    words = (customer.name or customer.email or customer.system_id or "").split()
    letters = [word[0] for word in words if word[0].isalnum()]
    return "".join(letters[:1] + letters[1:][-1:]).upper() or "?"


def duration(ms: int) -> str:
    """`0 s`, `4 min 10 s`, `2 h 5 min`."""
    seconds = ms // clock.SECOND
    if seconds < 60:
        return f"{seconds} s"
    minutes, seconds = divmod(seconds, 60)
    if minutes < 60:
        return f"{minutes} min {seconds} s" if seconds else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours:,} h {minutes} min" if minutes else f"{hours:,} h"


def pause(ms: int) -> str:
    """`4 min 10 s`, `2.5 days`, `12 days`."""
    days = round(ms / clock.DAY, 1)
    if days < 1:
        return duration(ms)
    return plural(int(days), "day") if days >= 10 or days == int(days) else f"{days} days"


def amount(number: Decimal) -> str:
    """`1,234`, `1,234.50`; what has too many digits to be read, by its exponent."""
    if abs(number) >= _MOST_DIGITS:
        return f"{number:.3e}"
    return f"{number:,.0f}" if number == int(number) else f"{number:,.2f}"


def country(code: str) -> str:
    """`India` for `IN`; the code where it is none that is known."""
    return Locale("en").territories.get(code) or code


def region_name(region: str) -> str:
    """`India (IN)`."""
    name = Locale("en").territories.get(region)
    return f"{name} ({region})" if name else region


@dataclass(frozen=True, slots=True)
class Day:
    """Entries of one day; `is_new` is false where an earlier part of the page has begun that day."""

    title: str
    is_new: bool
    entries: list[Entry]


def by_day(entries: Iterable[Entry], zone: tzinfo, after: int | None) -> list[Day]:
    """Entries in their order, grouped by day in the zone. `after`: the time of the entry above them, epoch ms."""
    before = None if after is None else day(after, zone)
    groups = groupby(entries, key=lambda entry: day(entry.at, zone))
    return [Day(title, title != before, list(group)) for title, group in groups]
