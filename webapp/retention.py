"""How long a workspace keeps events: the setting, what it means at the door, and what a change of it would do.

Kept are today and the days before it in the workspace's zone: what is older is refused, and what is stored of it goes
in the background (webapp/pruning.py). Days are whole ones, so that the counters of a day go with all of its events.
"""

from collections.abc import Sequence
from datetime import date, tzinfo
from functools import lru_cache
from typing import NamedTuple

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from webapp import clock, counts, days, recounts, sweeping, workspaces
from webapp.filters import instant
from webapp.ingest.changes import Change, EventRecord, Fault
from webapp.models import DailyCount, Workspace

MOST_DAYS = 3_650


class WrongError(ValueError):
    """No number of days; the message says why, as a sentence without its full stop."""


class Preview(NamedTuple):
    """What keeping events for so many days (None: for ever) would take away: events, of so many.

    `first_day_at`: when the oldest day begins that is kept, epoch ms. `is_counted`: whether all are counted by now.
    """

    days: int | None
    first_day_at: int | None
    gone: int
    number: int
    is_counted: bool


def parse(text: str) -> int | None:
    """A number of days as people write it; nothing: for ever. Raises WrongError."""
    plain = text.strip()
    if not plain:
        return None
    if not (plain.isascii() and plain.isdecimal() and len(plain) <= 6 and 1 <= int(plain) <= MOST_DAYS):
        raise WrongError(f"give a whole number of days from 1 to {MOST_DAYS:,}, or nothing to keep events for ever")
    return int(plain)


def begin(workspace: Workspace, now: int) -> int | None:
    """When the oldest day begins of which events are kept, epoch ms; None: all are."""
    return None if workspace.retention_days is None else _begin(workspace, workspace.retention_days, now)


def _begin(workspace: Workspace, number: int, now: int) -> int:
    zone = workspaces.zone(workspace)
    return _day_before(days.of(now, zone).toordinal() - number, zone)


@lru_cache(maxsize=256)
def _day_before(ordinal: int, zone: tzinfo) -> int:
    return days.begin(date.fromordinal(ordinal), zone)


def is_too_old(workspace: Workspace, at: int, now: int) -> bool:
    """Whether an event that was reported for a moment is kept no longer; both epoch ms."""
    since = begin(workspace, now)
    return since is not None and at < since


def refused(workspace: Workspace, changes: Sequence[Change], now: int) -> dict[int, Fault]:
    """The faults of events among these changes that are too old to be kept, by place.

    So what has been taken away doesn't come back when it is sent again.
    """
    since = begin(workspace, now)
    if since is None:
        return {}
    return {
        place: _fault(since, one.reported_at)
        for place, one in enumerate(changes)
        if isinstance(one, EventRecord) and one.reported_at is not None and one.reported_at < since
    }


def _fault(since: int, at: int) -> Fault:
    return {
        "message": f"the event is older than this workspace keeps events: since {instant(since)}",
        "path": ["time"],
        "type": "date.retention",
        "context": {"key": "time", "limit": since, "value": at},
    }


def preview(session: Session, workspace: Workspace, number: int | None) -> Preview:
    """What another setting would do. As it asks the counters of days, it takes no longer for more events."""
    since = None if number is None else _begin(workspace, number, clock.now())
    is_event = (DailyCount.workspace_id == workspace.id) & (DailyCount.kind == "event")
    total = select(func.sum(DailyCount.count)).where(is_event)
    gone = 0
    if since is not None:
        first = counts.day_of(since, workspaces.zone(workspace))
        gone = int(session.scalar(total.where(DailyCount.day < first)) or 0)
    is_counted = recounts.progress(session, workspace.id) is None
    return Preview(number, since, gone, int(session.scalar(total) or 0), is_counted)


def change(session: Session, workspace_id: int, number: int | None) -> int | None:
    """Keep events for so many days from now on. To be called in `Database.write`. Returns what it was.

    What is older goes soon after: by then every process refuses it.
    """
    workspace = session.get_one(Workspace, workspace_id, with_for_update=True)
    former, workspace.retention_days = workspace.retention_days, number
    if number is None:
        sweeping.drop(session, workspace_id, "events")
    elif number != former:
        sweeping.order(session, workspace_id, "events")
    return former


def change_addresses(session: Session, workspace_id: int, *, keeps: bool) -> bool:
    """Keep shortened addresses from now on, or none: then those that are stored go. Returns how it was."""
    workspace = session.get_one(Workspace, workspace_id, with_for_update=True)
    former, workspace.keeps_addresses = workspace.keeps_addresses, keeps
    if keeps:
        sweeping.drop(session, workspace_id, "addresses")
    elif former:
        sweeping.order(session, workspace_id, "addresses")
    return former
