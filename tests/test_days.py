"""Days of the calendar: what names one, and when it begins and is over, also where clocks change at midnight."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from webapp import clock, days

INDIA, CAIRO = ZoneInfo("Asia/Kolkata"), ZoneInfo("Africa/Cairo")


def _ms(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp() * 1000)


@pytest.mark.parametrize("text", ["1970-01-01", "2024-02-29", "9998-12-31"])
def test_day_is_read_and_written(text: str) -> None:
    found = days.parse(text)
    assert found is not None
    assert found.isoformat() == text


@pytest.mark.parametrize(
    "text",
    ["", "today", "2026-02-29", "2026-1-31", "1969-12-31", "9999-01-01", "2026-01-31T00:00", "31.1.2026"],
)
def test_what_names_no_day_is_none(text: str) -> None:
    assert days.parse(text) is None


def test_day_begins_at_midnight_in_its_zone() -> None:
    day = date(2026, 3, 10)
    assert days.begin(day, INDIA) == _ms("2026-03-09T18:30:00Z")
    assert days.end(day, INDIA) == _ms("2026-03-10T18:30:00Z")
    assert days.of(days.begin(day, INDIA), INDIA) == days.of(days.end(day, INDIA) - 1, INDIA) == day
    assert days.of(days.begin(day, INDIA), UTC) == date(2026, 3, 9)


def test_days_follow_each_other_where_one_has_no_midnight() -> None:
    day = date(2024, 4, 26)  # its first hour was left out
    assert days.begin(day, CAIRO) == days.end(date(2024, 4, 25), CAIRO) == _ms("2024-04-25T22:00:00Z")
    assert days.end(day, CAIRO) - days.begin(day, CAIRO) == 23 * clock.HOUR


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Pago_Pago"])
def test_first_and_last_days_have_a_beginning_and_an_end_everywhere(zone: str) -> None:
    there = ZoneInfo(zone)
    for day in (date(1970, 1, 1), date(9998, 12, 31)):
        assert days.end(day, there) - days.begin(day, there) == clock.DAY


def test_day_is_written_as_people_read_it() -> None:
    assert days.plain_date(date(2026, 3, 1)) == "1 Mar 2026"
