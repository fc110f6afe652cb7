"""A person's activities in one line: events, and on request visits, profile changes and merges between them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Literal, NamedTuple

from sqlalchemy import UnaryExpression, case, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session, aliased

from webapp import clock, events, registry, visits
from webapp.cursors import Cursor
from webapp.events import NEWEST, Start
from webapp.models import ApiKey, AttributeValue, Customer, Merge, User

Kind = Literal["event", "visit", "change", "merge"]
EXTRAS: tuple[Kind, ...] = ("visit", "change", "merge")
# Beside events of the same millisecond, which have ids from 0 on, everything else comes after them.
_OTHER = -1
_FEW = 10  # entries above the one that a link leads to
# More than fit on a page: the whole of a millisecond has to be there, in which a hundred attributes can be set.
_LIMIT = 500
_END_OF_TIME = 2**62
_FEWEST_IN_BACKFILL = 3  # events; fewer may as well have waited on a phone without a network


@dataclass(frozen=True, slots=True)
class Change:
    """A value that an attribute took on. `source`, `key`: the endpoint and the API key it came by."""

    name: str
    type: str
    value: Any
    source: str
    key: str | None
    device_id: int | None


@dataclass(frozen=True, slots=True)
class Joined:
    """A merge, or its undoing, as the timeline tells it.

    `other_id`: the Growlytics ID of the other profile. `by`: the person who did it; None for a login.
    """

    other_id: str
    is_undone: bool
    by: str | None


class Entry(NamedTuple):
    """One line. `item` is an events.Shown, a visits.Span, a Change or a Joined; `at` is epoch ms."""

    kind: Kind
    at: int
    id: int
    item: Any


@dataclass(frozen=True, slots=True)
class Page:
    """Some entries, newest first, and the cursors of the neighbouring pages where there may be such.

    `looked_until`: the time (epoch ms) at which looking for what passes the filter has stopped, if it has.
    """

    entries: Sequence[Entry]
    older: Cursor | None = None
    newer: Cursor | None = None
    looked_until: int | None = None

    @property
    def event_count(self) -> int:
        """How many of the entries are events."""
        return sum(entry.kind == "event" for entry in self.entries)

    @property
    def backfills(self) -> dict[Cursor, "Backfill"]:
        """Those among the events that came in together, long after they happened: by the place of each event."""
        shown = [entry.item for entry in self.entries if entry.kind == "event"]
        found: dict[Cursor, Backfill] = {}
        for run in _runs(shown):
            is_long_after = any(event.received_at - event.reported_at > 2 * clock.DAY for event in run)
            if len(run) >= _FEWEST_IN_BACKFILL and is_long_after:
                at = max(event.received_at for event in run)
                found |= dict.fromkeys((event.cursor for event in run), Backfill(run[0].cursor, len(run), at))
        return found


class Backfill(NamedTuple):
    """Events in a row that were loaded after the fact, as a history is: the place of the uppermost, how many they are,
    and when the last of them came in (epoch ms).
    """

    top: Cursor
    number: int
    received_at: int


def _runs(shown: Sequence[events.Shown]) -> list[list[events.Shown]]:
    """Events in a row all of which came in more than an hour late, and each within an hour of the one above."""
    runs: list[list[events.Shown]] = []
    last: events.Shown | None = None
    for event in shown:
        if event.received_at - event.reported_at > clock.HOUR:
            if last is None or abs(event.received_at - last.received_at) > clock.HOUR:
                runs.append([])
            runs[-1].append(event)
            last = event
        else:
            last = None
    return runs


class Person(NamedTuple):
    """Whose activities: the workspace, and the rows of the person's profiles."""

    workspace_id: int
    ids: Sequence[int]


OLDEST = Start(newer_than=Cursor(-1, 0))


def read(session: Session, person: Person, wanted: events.Filter, extras: Sequence[str], start: Start = NEWEST) -> Page:
    """A page of a person's activities. The filter chooses among the events only, but for its times."""
    found = events.timeline(session, person.workspace_id, person.ids, wanted, start)
    stretch = _Stretch.of(wanted, start, found.beyond if found.is_edge else None)
    entries = _as_entries(found.events) + _others(session, person, extras, stretch)
    if not stretch.is_newest:
        entries.reverse()  # so that those of one moment stand as they do in the other direction
    entries.sort(key=lambda entry: (entry.at, entry.id), reverse=stretch.is_newest)
    end = _end(entries, events.PAGE_SIZE)
    if len(entries) > end or (found.beyond is not None and not found.is_edge):
        del entries[end:]
        found = events.Timeline(found.events, _cursor(entries[-1]))
    if not stretch.is_newest:
        entries.reverse()
    return _page(entries, start, found)


def _page(entries: list[Entry], start: Start, found: events.Timeline) -> Page:
    beyond = found.beyond
    looked_until = beyond.at if beyond is not None and found.is_edge else None
    if start.newer_than is not None:
        at = start.newer_than
        before = _cursor(entries[-1]) if entries else Cursor(at.at, at.id + 1)
        return Page(entries, before if at.at >= 0 else None, beyond, looked_until)
    if start.older_than is not None:
        after = _cursor(entries[0]) if entries else Cursor(start.older_than.at - 1, 0)
        return Page(entries, beyond, after, looked_until)
    return Page(entries, beyond, None, looked_until)


def around(session: Session, person: Person, wanted: events.Filter, extras: Sequence[str], place: Cursor) -> Page:
    """A page with the event of this place in it: some newer entries, the event, and older ones."""
    above = read(session, person, wanted, extras, Start(newer_than=place))
    below = read(session, person, wanted, extras, Start(older_than=Cursor(place.at, place.id + 1)))
    near = above.entries[::-1]  # the nearest first
    end = _end(near, _FEW)
    newer = above.newer if len(near) <= end else _cursor(near[end - 1])
    return Page([*near[:end][::-1], *below.entries], below.older, newer, below.looked_until)


def _as_entries(shown: Sequence[events.Shown]) -> list[Entry]:
    return [Entry("event", event.reported_at, event.id, event) for event in shown]


def _cursor(entry: Entry) -> Cursor:
    return Cursor(entry.at, entry.id)


def _end(entries: Sequence[Entry], size: int) -> int:
    """How many of the entries are a page of this size, or a little more.

    It doesn't end between others of one millisecond: they have no order that a cursor could name.
    """
    end = size
    while end < len(entries) and entries[end - 1][1:3] == entries[end][1:3] == (entries[end].at, _OTHER):
        end += 1
    return end


class _Stretch(NamedTuple):
    """The time that a page of anything but events is about, epoch ms, both ends included, and the end to begin at."""

    since: int
    until: int
    is_newest: bool

    @classmethod
    def of(cls, wanted: events.Filter, start: Start, edge: Cursor | None) -> "_Stretch":
        """`edge`: the event with which looking for events has stopped."""
        since, until = wanted.since or 0, _END_OF_TIME if wanted.until is None else wanted.until - 1
        older, newer = start.older_than, start.newer_than
        if older is not None:
            # Where the page before ended with an event, the rest of that millisecond is still to come.
            until = min(until, older.at if older.id >= 0 else older.at - 1)
        if newer is not None:
            since = max(since, newer.at + 1)  # what isn't an event comes before the events of its millisecond
            until = until if edge is None else min(until, edge.at)
        elif edge is not None:
            since = max(since, edge.at + 1)
        return cls(since, until, newer is None)

    def ordered(self, at: InstrumentedAttribute[Any]) -> UnaryExpression[Any]:
        """To sort a column of times by, from the right end on."""
        return at.desc() if self.is_newest else at.asc()


def _others(session: Session, person: Person, extras: Sequence[str], stretch: _Stretch) -> list[Entry]:
    readers = {"visit": _visits, "change": _changes, "merge": _merges}
    return [entry for kind in EXTRAS if kind in extras for entry in readers[kind](session, person, stretch)]


def _visits(session: Session, person: Person, stretch: _Stretch) -> list[Entry]:
    spans = visits.begun_between(session, person.ids, stretch.since, stretch.until, _LIMIT, newest=stretch.is_newest)
    return [Entry("visit", span.started_at, _OTHER, span) for span in spans]


def _changes(session: Session, person: Person, stretch: _Stretch) -> list[Entry]:
    at = AttributeValue.reported_at
    query = (
        select(AttributeValue, ApiKey.name)
        .outerjoin(ApiKey, ApiKey.id == AttributeValue.key_id)
        .where(AttributeValue.customer_id.in_(person.ids), at.between(stretch.since, stretch.until))
        .order_by(stretch.ordered(at), AttributeValue.name)
        .limit(_LIMIT)
    )
    rows = session.execute(query).all()
    types = registry.types_of(session, person.workspace_id, {row.name for row, _ in rows})
    changes = [
        Change(row.name, types[row.name], json.loads(row.value), row.source, key, row.device_id) for row, key in rows
    ]
    return [Entry("change", row.reported_at, _OTHER, one) for (row, _), one in zip(rows, changes, strict=True)]


def _merges(session: Session, person: Person, stretch: _Stretch) -> list[Entry]:
    member, target = aliased(Customer), aliased(Customer)
    is_of_person = or_(Merge.member_id.in_(person.ids), Merge.target_id.in_(person.ids))
    # The one that was added to the person; where that is the person now, the one that it was added to.
    other_id = case((Merge.target_id.in_(person.ids), member.growlytics_id), else_=target.growlytics_id)
    entries = []
    for at, user_id in ((Merge.merged_at, Merge.user_id), (Merge.undone_at, Merge.undone_by_id)):
        query = (
            select(at, other_id, User.email)
            .join(member, member.id == Merge.member_id)
            .join(target, target.id == Merge.target_id)
            .outerjoin(User, User.id == user_id)
            .where(is_of_person, ~Merge.is_stopped, Merge.member_id != Merge.target_id)
            .where(at.between(stretch.since, stretch.until))
            .order_by(stretch.ordered(at), Merge.id.desc())
            .limit(_LIMIT)
        )
        entries += [
            Entry("merge", when, _OTHER, Joined(other, at is Merge.undone_at, by))
            for when, other, by in session.execute(query)
            if when is not None
        ]
    return entries


class Group(NamedTuple):
    """Entries of one visit, or of none (None). `is_new` is false where the page before ended with the same visit."""

    visit: visits.Span | None
    entries: Sequence[Entry]
    is_new: bool = True


def by_visit(
    session: Session, person: Person, page: Page, extras: Sequence[str], older_than: Cursor | None
) -> list[Group]:
    """A page's entries, parted where one visit ends and another begins. The last two: as the page was read."""
    if not page.entries:
        return []
    until = page.entries[0].at if older_than is None else older_than.at
    spans = visits.between(session, person.ids, page.entries[-1].at, until)
    parted = groupby(page.entries, key=lambda entry: _visit_of(entry, spans))
    groups = [Group(visit, list(entries)) for visit, entries in parted]
    before = _last_before(session, person, extras, older_than)
    if before is not None and _visit_of(before, spans) == groups[0].visit:
        groups[0] = groups[0]._replace(is_new=False)
    return groups


def _last_before(session: Session, person: Person, extras: Sequence[str], place: Cursor | None) -> Entry | None:
    """The entry with which the page before ended."""
    if place is None:
        return None
    if place.id < 0:
        others = _others(session, person, extras, _Stretch(place.at, place.at, is_newest=True))
        return others[-1] if others else None
    try:
        found = events.find(session, person.workspace_id, person.ids, place)
    except events.NotFoundError:
        return None
    return Entry("event", found.reported_at, found.id, found)


def _visit_of(entry: Entry, spans: list[visits.Span]) -> visits.Span | None:
    """The visit that an entry belongs to; what happened on no device meanwhile belongs to the latest one then."""
    device_id = None if entry.kind == "merge" else entry.item.device_id
    found = [
        span for span in spans if span.started_at <= entry.at <= span.ended_at and device_id in {None, span.device_id}
    ]
    return found[-1] if found else None
