"""A person's activities in one line: events, and on request visits, profile changes and merges between them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Literal, NamedTuple

from sqlalchemy import case, or_, select
from sqlalchemy.orm import Session, aliased

from webapp import events, registry, visits
from webapp.cursors import Cursor
from webapp.models import ApiKey, AttributeValue, Customer, Merge, User

Kind = Literal["event", "visit", "change", "merge"]
EXTRAS: tuple[Kind, ...] = ("visit", "change", "merge")
# Beside events of the same millisecond, which have ids from 0 on, everything else comes after them.
_OTHER = -1
# More than fit on a page: the whole of a millisecond has to be there, in which a hundred attributes can be set.
_LIMIT = 500
_END_OF_TIME = 2**62


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
    """Some entries, newest first, and the cursor of the older ones where there are such."""

    entries: Sequence[Entry]
    older: Cursor | None


class Person(NamedTuple):
    """Whose activities: the workspace, and the rows of the person's profiles."""

    workspace_id: int
    ids: Sequence[int]


def read(
    session: Session, person: Person, wanted: events.Filter, extras: Sequence[str], older_than: Cursor | None = None
) -> Page:
    """A page of a person's activities. A filter by name chooses among the events only."""
    found = events.timeline(session, person.workspace_id, person.ids, wanted, older_than)
    entries = [Entry("event", event.reported_at, event.id, event) for event in found.events]
    entries += _others(session, person, extras, _Stretch.of(wanted, older_than))
    entries.sort(key=lambda entry: (entry.at, entry.id), reverse=True)
    return _cut(entries, has_more_events=found.older is not None)


def _cut(entries: list[Entry], *, has_more_events: bool) -> Page:
    end = events.PAGE_SIZE
    # A page doesn't end between others of one millisecond: they have no order that a cursor could name.
    while end < len(entries) and entries[end - 1][1:3] == entries[end][1:3] == (entries[end].at, _OTHER):
        end += 1
    if len(entries) <= end and not has_more_events:
        return Page(entries, None)
    del entries[end:]
    return Page(entries, Cursor(entries[-1].at, entries[-1].id))


class _Stretch(NamedTuple):
    """The time that a page of anything but events is about, epoch ms, both ends included."""

    since: int
    until: int

    @classmethod
    def of(cls, wanted: events.Filter, older_than: Cursor | None) -> "_Stretch":
        until = _END_OF_TIME if wanted.until is None else wanted.until - 1
        if older_than is not None:
            # Where the page before ended with an event, the rest of that millisecond is still to come.
            until = min(until, older_than.at if older_than.id >= 0 else older_than.at - 1)
        return cls(wanted.since or 0, until)


def _others(session: Session, person: Person, extras: Sequence[str], stretch: _Stretch) -> list[Entry]:
    readers = {"visit": _visits, "change": _changes, "merge": _merges}
    return [entry for kind in EXTRAS if kind in extras for entry in readers[kind](session, person, stretch)]


def _visits(session: Session, person: Person, stretch: _Stretch) -> list[Entry]:
    spans = visits.begun_between(session, person.ids, stretch.since, stretch.until, _LIMIT)
    return [Entry("visit", span.started_at, _OTHER, span) for span in spans]


def _changes(session: Session, person: Person, stretch: _Stretch) -> list[Entry]:
    at = AttributeValue.reported_at
    query = (
        select(AttributeValue, ApiKey.name)
        .outerjoin(ApiKey, ApiKey.id == AttributeValue.key_id)
        .where(AttributeValue.customer_id.in_(person.ids), at.between(*stretch))
        .order_by(at.desc(), AttributeValue.name)
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
            .where(is_of_person, ~Merge.is_stopped, Merge.member_id != Merge.target_id, at.between(*stretch))
            .order_by(at.desc(), Merge.id.desc())
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
        others = _others(session, person, extras, _Stretch(place.at, place.at))
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
