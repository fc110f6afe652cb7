"""What has come in of a person since somebody looked: on top of the timeline, and further down.

Nothing is indexed by the time of receipt. That something has come in is told by the number of a person's events; what
was reported since is on top. The rest came in late (or is reported in the future): it is looked for among the events
that were reported last, and what isn't there is counted only, so that nothing comes in unnoticed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from webapp import clock, containing, events, timeline
from webapp.cursors import Cursor
from webapp.events import Start
from webapp.lookup import Stretch
from webapp.models import Customer, Event
from webapp.timeline import Page

_LOOKED_AT = 1_000  # events reported last


class Seen(NamedTuple):
    """What somebody has seen: the place of the newest event, how many there were, and when that was (epoch ms)."""

    top: Cursor
    number: int
    at: int


@dataclass(frozen=True, slots=True)
class News:
    """What came in. `page`: the entries on top; `late`: events that belong further down; `unknown`: the number of such
    that weren't found. `seen`: what the reader has seen with this.
    """

    page: Page
    late: Sequence[events.Shown]
    unknown: int
    seen: Seen


def seen(session: Session, ids: Sequence[int]) -> Seen:
    """All that there is of a person."""
    now = clock.now()  # first, so that what comes in meanwhile is later
    return Seen(_top(session, ids), _count(session, ids), now)


def since(
    session: Session, person: timeline.Person, before: Seen, wanted: events.Filter, extras: Sequence[str]
) -> News | None:
    """What came in since then, as far as it passes the filter; None where there is nothing new at all."""
    after = seen(session, person.ids)
    if after.number == before.number:
        return None
    until = after.at + clock.MINUTE + 1
    wanted = wanted._replace(until=until if wanted.until is None else min(until, wanted.until))
    page = timeline.read(session, person, wanted, extras, Start(newer_than=before.top))
    if page.newer is not None:  # more than a page has: the rest comes the next time
        return News(
            page, [], 0, Seen(page.newer, before.number + _between(session, person, before.top, page.newer), before.at)
        )
    on_top = _between(session, person, before.top, after.top)
    rest = max(0, after.number - before.number - on_top)
    late, found = _late(session, person, before, after, wanted) if rest else ([], 0)
    number = max(after.number, before.number + on_top)  # more can have come in while this was read
    return News(page, late, max(0, rest - found), after._replace(number=number))


def _top(session: Session, ids: Sequence[int]) -> Cursor:
    # A device whose clock is ahead must not hide what comes after it.
    is_past = Event.reported_at <= clock.now() + clock.MINUTE
    found = Stretch(session, ids, conditions=[is_past]).first(1)
    return Cursor(found[0].reported_at, found[0].id) if found else Cursor(0, 0)


def _count(session: Session, ids: Sequence[int]) -> int:
    return int(session.scalar(select(func.sum(Customer.own_event_count)).where(Customer.id.in_(ids))) or 0)


def _between(session: Session, person: timeline.Person, after: Cursor, until: Cursor) -> int:
    return Stretch(session, person.ids, is_newest=False, begin=after, end=until).count()


def _late(
    session: Session, person: timeline.Person, before: Seen, after: Seen, wanted: events.Filter
) -> tuple[list[events.Shown], int]:
    """Those that pass the filter, and how many there are without it."""
    newest = Stretch(session, person.ids).first(_LOOKED_AT)
    late = [
        row
        for row in newest
        if row.received_at >= before.at and not before.top.key < (row.reported_at, row.id) <= after.top.key
    ]
    contains = containing.of(wanted.text, is_masked=wanted.is_masked)
    passing = [
        row
        for row in late
        if (not wanted.names or row.name in wanted.names)
        and row.name not in wanted.hidden
        and (not wanted.text or contains(row.attributes, row.context))
        and (wanted.since or 0) <= row.reported_at
    ]
    return events.shown(session, person.workspace_id, passing), len(late)
