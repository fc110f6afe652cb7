"""Days of the calendar: what text names one, when it begins and is over in a time zone, and how people read it."""

from datetime import date, datetime, time, timedelta, tzinfo

_DAY = timedelta(days=1)


def parse(text: str) -> date | None:
    """The day that an ISO 8601 text names: `2026-01-31`. None where it names none, or one before 1970 or after 9998,
    whose end no zone could tell.
    """
    try:
        found = date.fromisoformat(text)
    except ValueError:
        return None
    return found if 1970 <= found.year < 9999 else None


def of(at: int, zone: tzinfo) -> date:
    """The day in the zone that a moment (epoch ms) is in."""
    return datetime.fromtimestamp(at / 1000, zone).date()


def begin(day: date, zone: tzinfo) -> int:
    """When a day begins in the zone, epoch ms."""
    return int(datetime.combine(day, time.min, zone).timestamp() * 1000)


def end(day: date, zone: tzinfo) -> int:
    """When a day is over in the zone, and the next one begins, epoch ms."""
    return begin(day + _DAY, zone)


def plain_date(day: date) -> str:
    """`22 Nov 2026`."""
    return f"{day.day} {day:%b %Y}"
