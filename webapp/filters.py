"""Jinja filters: times, counts and values as people read them."""

import json
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

import humanize
from flask import Flask

from webapp import clock


def register(app: Flask) -> None:
    """Give the templates these filters."""
    for one in (ago, count, day, instant, json_text, local, moment, plural, time_of_day, value):
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


def day(epoch_ms: int, zone: tzinfo) -> str:
    """`Sunday, 22 November 2026` in the zone."""
    at = _at(epoch_ms, zone)
    return f"{at:%A}, {at.day} {at:%B %Y}"


def time_of_day(epoch_ms: int, zone: tzinfo) -> str:
    """`12:48:00` in the zone."""
    return f"{_at(epoch_ms, zone):%H:%M:%S}"


def ago(epoch_ms: int) -> str:
    """`3 hours ago`; `in 2 hours` for a client whose clock is ahead."""
    return humanize.naturaltime(timedelta(milliseconds=clock.now() - epoch_ms))


def count(number: int) -> str:
    """`23,570`."""
    return f"{number:,}"


def plural(number: int, one: str, many: str | None = None) -> str:
    """`1 event`, `23,570 events`."""
    return f"{number:,} {one if number == 1 else many or f'{one}s'}"


def moment(text: str, zone: tzinfo) -> str:
    """A customer's date (a UTC instant in ISO 8601) in the zone: `2020-01-20 19:14:15`."""
    return datetime.fromisoformat(text).astimezone(zone).isoformat(sep=" ", timespec="seconds")[:19]


def value(any_value: Any) -> str:
    """A scalar as text: `true`, `1,234.5` stays `1234.5`."""
    return any_value if isinstance(any_value, str) else json.dumps(any_value, ensure_ascii=False)


def json_text(any_value: Any) -> str:
    """A value as indented JSON."""
    return json.dumps(any_value, ensure_ascii=False, indent=2)
