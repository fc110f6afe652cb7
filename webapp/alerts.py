"""What somebody should look at now: no data, many refusals, merging that stopped, a disk that fills up."""

import shutil
from datetime import datetime, tzinfo
from pathlib import Path
from statistics import median
from typing import NamedTuple

from sqlalchemy.orm import Session

from webapp import clock, counts, overview, refused
from webapp.overview import Days

_WEEKS = 4  # that tell what is usual in an hour
_FEWEST = 5  # events in an hour, in the middle of those weeks: with fewer, none is no wonder
_JUMP, _FEWEST_REFUSED = 5, 20  # times what is usual, and requests in the latest hour
_LOW_SHARE, _LOW_SPACE = 0.1, 20_000_000_000  # of the disk, and bytes: below both, it is told


class Silence(NamedTuple):
    """Nothing has come in since that hour of the day began, in which there usually is so much."""

    hours: int
    usual: int


class Refusals(NamedTuple):
    """So many requests were refused in the latest hour, and in an hour of the week before."""

    number: int
    usual: float


class Space(NamedTuple):
    """Bytes that are free on the disk of the embedded database, of so many."""

    free: int
    size: int


def silence(session: Session, workspace_id: int, zone: tzinfo) -> Silence | None:
    """Whether nothing has come in since the last full hour began, though there is data at this time in most weeks."""
    now = clock.now()
    last = _hour(now - clock.HOUR, zone)
    today = counts.day_of(now, zone)
    came = overview.arrivals(session, workspace_id, Days(today - 7 * _WEEKS - 1, today))
    usual = int(median(came[last[0] - 7 * week, last[1]] for week in range(1, _WEEKS + 1)))
    if usual < _FEWEST or came[_hour(now, zone)]:
        return None
    hours = 0
    while hours < 24 * 7 and not came[_hour(now - (hours + 1) * clock.HOUR, zone)]:
        hours += 1
    return Silence(hours, usual) if hours else None


def _hour(at: int, zone: tzinfo) -> tuple[int, int]:
    """The day and the hour of the day of a moment, epoch ms."""
    return counts.day_of(at, zone), datetime.fromtimestamp(at / 1000, zone).hour


def refusals(session: Session, workspace_id: int) -> Refusals | None:
    """Whether far more requests are refused now than in the week before."""
    hour = clock.now() // clock.HOUR
    by_hour = refused.by_hour(session, workspace_id, (hour - 169) * clock.HOUR)
    numbers = [by_hour.get((hour - back) * clock.HOUR, 0) for back in range(170)]
    number, usual = max(numbers[:2]), sum(numbers[2:]) / 168
    return Refusals(number, usual) if number >= max(_FEWEST_REFUSED, _JUMP * usual) else None


def space(file: Path | None) -> Space | None:
    """The disk of the embedded database (its file; None on PostgreSQL), where it gets full."""
    if file is None:
        return None
    disk = shutil.disk_usage(file.parent)
    return Space(disk.free, disk.total) if disk.free < min(_LOW_SHARE * disk.total, _LOW_SPACE) else None
