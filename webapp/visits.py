"""Visits: what somebody did on a device without a pause of more than 30 minutes; acquisition, places.

A visit is joined from the moments in it, in any order: an event that arrives late starts one, prolongs one or closes
the gap between two. Each profile keeps its own; those of a person's profiles are joined when they are read, so that a
login in the middle doesn't cut a visit in two.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import ClauseElement, ColumnElement, Select, delete, func, select, tuple_
from sqlalchemy.engine import result_tuple
from sqlalchemy.orm import Session

from webapp import beginnings, clock, statements, stretches
from webapp.beginnings import Beginning, Entry
from webapp.counts import Notes
from webapp.db import Base
from webapp.models import Device, Event, KeptVisit, Visit

LONGEST_PAUSE = 30 * clock.MINUTE
_FEW_PARTS, _MOST_PARTS = 10, 200
_MOST_BETWEEN = 10_000
_MOST_PLACES = 50
_VISITS = Base.metadata.tables[Visit.__tablename__]
_Whose = tuple[int, int]  # customer_id, device_id
_MOST_STAYS = 200
_ORDER = ("started_at", "device_id")
_TABLES = (Visit, KeptVisit)
_Table = type[Visit] | type[KeptVisit]
_COLUMNS = (
    "device_id", "started_at", "ended_at", "event_count", "entry_at", "entry", "exit_at", "exit_page", "place_at",
    "place",
)  # fmt: skip


class Mark(NamedTuple):
    """A text that a moment of a visit told, and when (epoch ms)."""

    at: int
    text: str


@dataclass(frozen=True, slots=True)
class Span:
    """A visit, or a part of one. Of several moments' `entry` and `place` the first holds, of `exit` the last."""

    device_id: int
    started_at: int
    ended_at: int
    event_count: int
    entry: Mark | None = None
    exit: Mark | None = None
    place: Mark | None = None

    @property
    def duration(self) -> int:
        """From the first to the last event, ms."""
        return self.ended_at - self.started_at

    @property
    def came(self) -> Entry:
        """How it began."""
        return Entry(**json.loads(self.entry.text)) if self.entry else Entry()

    @property
    def beginning(self) -> Beginning:
        """What of it is counted."""
        return Beginning(self.started_at, self.entry and self.entry.text, self.place and self.place.text)

    @property
    def exit_page(self) -> str:
        """The last page, where pages are known."""
        return self.exit.text if self.exit else ""

    @property
    def where(self) -> "Place":
        """Where it came from."""
        return Place(**json.loads(self.place.text)) if self.place else Place()

    def joined(self, other: "Span") -> "Span":
        """The visit of which both are parts."""
        return Span(
            self.device_id,
            min(self.started_at, other.started_at),
            max(self.ended_at, other.ended_at),
            self.event_count + other.event_count,
            min(filter(None, (self.entry, other.entry)), default=None),
            max(filter(None, (self.exit, other.exit)), default=None),
            min(filter(None, (self.place, other.place)), default=None),
        )


@dataclass(frozen=True, slots=True)
class Place:
    """Where a visit came from: ISO 3166 alpha-2 code, English names; empty where unknown."""

    country: str = ""
    region: str = ""
    city: str = ""


@dataclass(frozen=True, slots=True)
class Stay:
    """A place, with the start of the first and the end of the last visit there, epoch ms.

    `first_at` is None where it isn't known, because there are too many visits to look at them all.
    """

    place: Place
    first_at: int | None
    last_at: int


def moment(device_id: int, at: int, context: str | None) -> Span:
    """The visit that one event makes by itself. `context`: JSON as in `events.context`."""
    told: dict[str, Any] = json.loads(context) if context else {}
    entry = _part(told, "page", "referrer", "utm")
    place = _part(told, "country", "region", "city")
    page = told.get("page")
    return Span(
        device_id,
        at,
        at,
        1,
        Mark(at, _text(entry)) if entry else None,
        Mark(at, page) if page else None,
        Mark(at, _text(place)) if place else None,
    )


def _part(told: dict[str, Any], *keys: str) -> dict[str, Any]:
    return {key: told[key] for key in keys if key in told}


def _text(value: dict[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def coalesced(spans: Iterable[Span]) -> list[Span]:
    """Spans of one person joined to visits: those of one device that no longer pause parts. In order of their start."""
    latest: dict[int, int] = {}  # the place in `found` of each device's latest visit
    found: list[Span] = []
    for span in sorted(spans, key=lambda one: (one.started_at, one.device_id)):
        place = latest.get(span.device_id)
        if place is not None and span.started_at - found[place].ended_at <= LONGEST_PAUSE:
            found[place] = found[place].joined(span)
        else:
            latest[span.device_id] = len(found)
            found.append(span)
    return found


def extend(session: Session, notes: Notes, moments: Mapping[_Whose, Sequence[Span]]) -> None:
    """Take new moments of locked customers into their visits, and note those that begin."""
    windows = [
        {
            "customer_id": customer_id,
            "device_id": device_id,
            "ended_at": min(one.started_at for one in theirs) - LONGEST_PAUSE,
            "started_at": max(one.ended_at for one in theirs) + LONGEST_PAUSE,
        }
        for (customer_id, device_id), theirs in moments.items()
    ]
    before: dict[_Whose, list[Span]] = {whose: [] for whose in moments}
    for row in map(named, statements.execute(session, _near, windows)):
        before[row.customer_id, row.device_id].append(span_of(row))
    store(session, notes, {whose: (before[whose], coalesced([*before[whose], *moments[whose]])) for whose in moments})


named = result_tuple([one.name for one in _VISITS.c])


def _near(dialect: str) -> ClauseElement:
    """The visits that are not over before `ended_at` and don't begin after `started_at`."""
    names = ("customer_id", "device_id", "started_at", "ended_at")
    told = statements.given(dialect, [_VISITS.c[name] for name in names]).subquery("told").c
    return select(*_VISITS.c).where(
        _VISITS.c.customer_id == told.customer_id,
        _VISITS.c.device_id == told.device_id,
        _VISITS.c.started_at <= told.started_at,
        _VISITS.c.ended_at >= told.ended_at,
    )


def rebuild(session: Session, notes: Notes, customer_id: int, device_id: int) -> None:
    """Make a customer's visits on a device anew from the events there."""
    stored = select(*_VISITS.c).where(_VISITS.c.customer_id == customer_id, _VISITS.c.device_id == device_id)
    before = [span_of(row) for row in session.execute(stored)]
    query = select(Event.reported_at, Event.context)
    query = query.where(Event.customer_id == customer_id, Event.device_id == device_id)
    moments = [moment(device_id, at, context) for at, context in session.execute(query)]
    store(session, notes, {(customer_id, device_id): (before, coalesced(moments))})


def store(session: Session, notes: Notes, changes: Mapping[_Whose, tuple[list[Span], list[Span]]]) -> None:
    """Replace visits by others, for each customer and device."""
    gone, rows = [], []
    for (customer_id, _), (before, after) in changes.items():
        starts, known = {span.started_at for span in after}, set(before)
        gone += [row_of(customer_id, span) for span in before if span.started_at not in starts]
        rows += [row_of(customer_id, span) for span in after if span not in known]
        beginnings.note(notes, customer_id, (one.beginning for one in before), (one.beginning for one in after))
    if gone:
        statements.execute_later(session, _deleting, gone)
    if rows:
        statements.execute_later(session, _storing, rows)


def _deleting(dialect: str) -> ClauseElement:
    told = statements.given(dialect, _VISITS.primary_key)
    return delete(_VISITS).where(tuple_(*_VISITS.primary_key).in_(told))


def _storing(dialect: str) -> ClauseElement:
    statement = statements.inserting(dialect, _VISITS.c)
    changed = {one.name: statement.excluded[one.name] for one in _VISITS.c if not one.primary_key}
    return statement.on_conflict_do_update(index_elements=list(_VISITS.primary_key), set_=changed)


def row_of(customer_id: int, span: Span) -> dict[str, Any]:
    return {
        "customer_id": customer_id,
        "started_at": span.started_at,
        "device_id": span.device_id,
        "ended_at": span.ended_at,
        "event_count": span.event_count,
        "entry_at": span.entry and span.entry.at,
        "entry": span.entry and span.entry.text,
        "exit_at": span.exit and span.exit.at,
        "exit_page": span.exit and span.exit.text,
        "place_at": span.place and span.place.at,
        "place": span.place and span.place.text,
    }


def span_of(row: Any) -> Span:
    return Span(
        row.device_id,
        row.started_at,
        row.ended_at,
        row.event_count,
        _mark(row.entry_at, row.entry),
        _mark(row.exit_at, row.exit_page),
        _mark(row.place_at, row.place),
    )


def _mark(at: int | None, text: str | None) -> Mark | None:
    return None if at is None or text is None else Mark(at, text)


@dataclass(frozen=True, slots=True)
class Ends:
    """The first and the last visit of a person over all devices, which may be the same one."""

    first: Span
    last: Span


def ends(session: Session, ids: Sequence[int], as_of: int | None = None) -> Ends | None:
    """The first and the last visit of the person with these profiles, None where there is no visit.

    `as_of`: of the visits that had begun at that moment, epoch ms.
    """
    first, last = (_end(session, ids, as_of, newest=newest) for newest in (False, True))
    return None if first is None or last is None else Ends(first, last)


def _columns(table: _Table, names: Sequence[str] = _COLUMNS) -> list[ColumnElement[Any]]:
    return [getattr(table, name) for name in names]


def _parts(ids: Sequence[int], as_of: int | None, names: Sequence[str] = _COLUMNS) -> list[Select[Any]]:
    """These columns of the visits of a person: also of those whose events are kept no longer."""
    return [
        select(*_columns(table, names)).where(one, *([] if as_of is None else [table.started_at <= as_of]))
        for table in _TABLES
        for one in stretches.of(table.customer_id, ids)
    ]


def _end(session: Session, ids: Sequence[int], as_of: int | None, *, newest: bool) -> Span | None:
    parts = _parts(ids, as_of)
    found: list[Span] = []
    # A visit may consist of several profiles' parts, or one of which not all is kept. Hardly ever of more than a few;
    # then so many are joined.
    for number in (_FEW_PARTS, _MOST_PARTS):
        rows = session.execute(stretches.first(parts, _ORDER, number, newest=newest)).all()
        found = coalesced(map(span_of, rows))
        if newest:
            found.reverse()
        # On one device another visit comes only where this one is over.
        if len(rows) < number or any(one.device_id == found[0].device_id for one in found[1:]):
            break
    return found[0] if found else None


def between(session: Session, ids: Sequence[int], since: int, until: int) -> list[Span]:
    """The visits of a person that aren't over before `since` or begin after `until` (epoch ms), in order."""
    is_of_person, start, end = Visit.customer_id.in_(ids), Visit.started_at, Visit.ended_at
    # An id that an app sends for everybody has thousands of devices: only those in use then are looked at.
    parts = [
        select(Visit.device_id, start, end).where(one, start <= until + LONGEST_PAUSE)
        for one in stretches.of(Visit.customer_id, ids)
    ]
    # Bounded before it is narrowed down, lest PostgreSQL looks for the end through the devices of everybody.
    latest = stretches.first(parts, (start.key,), _MOST_BETWEEN, newest=True).subquery().c
    in_use = select(latest.device_id).where(latest.ended_at >= since - LONGEST_PAUSE)
    # Parts of one visit lie close together: a day on either side holds them.
    query = select(*_columns(Visit)).where(
        is_of_person, Visit.device_id.in_(in_use), start <= until + clock.DAY, end >= since - clock.DAY
    )
    spans = coalesced(map(span_of, session.execute(query.order_by(start.desc()).limit(_MOST_BETWEEN))))
    return [span for span in spans if span.ended_at >= since and span.started_at <= until]


def begun_between(
    session: Session, ids: Sequence[int], since: int, until: int, number: int, *, newest: bool = True
) -> list[Span]:
    """The newest or the oldest visits of a person that began within this time (epoch ms, both ends included), in order.

    `number` of their parts are looked at.
    """
    at = Visit.started_at
    parts = [select(at).where(one, at.between(since, until)) for one in stretches.of(Visit.customer_id, ids)]
    starts = sorted(session.scalars(stretches.first(parts, (at.key,), number, newest=newest)))
    if not starts:
        return []
    lowest, highest = starts[0], starts[-1]
    if len(starts) < number:
        lowest, highest = since, until
    elif newest:
        lowest += 1  # of that moment there may be more
    else:
        highest -= 1
    spans = between(session, ids, lowest, min(highest, starts[-1]))
    return [span for span in spans if lowest <= span.started_at <= highest]


def count(session: Session, ids: Sequence[int]) -> int:
    """How many visits a person has made, up to what one look can tell."""
    columns = (Visit.device_id, Visit.started_at, Visit.ended_at, Visit.event_count)
    query = select(*columns).where(Visit.customer_id.in_(ids)).order_by(Visit.started_at).limit(_MOST_BETWEEN)
    return len(coalesced(Span(*row) for row in session.execute(query)))


def stays(session: Session, ids: Sequence[int], as_of: int | None = None) -> list[Stay]:
    """The places that a person's first and last visits came from, the one of the latest visit first.

    `as_of`: of the visits that had begun at that moment, epoch ms.
    """
    early, number = _stays(session, ids, as_of, newest=False)
    late = _stays(session, ids, as_of, newest=True)[0] if number == _MOST_STAYS else early
    found = []
    for text in early | late:
        first_at = early[text][0] if text in early else None
        last_at = (late.get(text) or early[text])[1]
        found.append(Stay(Place(**json.loads(text)), first_at, last_at if as_of is None else min(last_at, as_of)))
    return sorted(found, key=lambda stay: stay.last_at, reverse=True)[:_MOST_PLACES]


def _stays(
    session: Session, ids: Sequence[int], as_of: int | None, *, newest: bool
) -> tuple[dict[str, tuple[int, int]], int]:
    """The places among so many visits from one end, with the first start and the last end; the number of visits."""
    parts = _parts(ids, as_of, ("place", "started_at", "ended_at", "device_id"))
    looked_at = stretches.first(parts, _ORDER, _MOST_STAYS, newest=newest).subquery().c
    times = (func.min(looked_at.started_at), func.max(looked_at.ended_at))
    rows = session.execute(select(looked_at.place, *times, func.count()).group_by(looked_at.place)).all()
    found = {place: (first_at, last_at) for place, first_at, last_at, _ in rows if place is not None}
    return found, sum(row[3] for row in rows)


class Moment(NamedTuple):
    """When something happened by a device's clock, and when the server heard of it: epoch ms."""

    at: int
    received_at: int


def latest_on(session: Session, device_id: int) -> Moment | None:
    """The last event on a device by its own clock, None where there is none."""
    visit = select(Visit.customer_id, Visit.ended_at).where(Visit.device_id == device_id)
    last = visit.order_by(Visit.ended_at.desc()).limit(1).subquery()
    query = select(Event.reported_at, func.max(Event.received_at)).where(
        Event.customer_id == last.c.customer_id, Event.reported_at == last.c.ended_at, Event.device_id == device_id
    )
    found = session.execute(query.group_by(Event.reported_at)).first()
    return None if found is None else Moment(*found)


def session_id(session: Session, workspace_id: int, did: str, at: int) -> str:
    """An id of the visit on a device at a time (epoch ms): equal for all moments of a visit as it stands now.

    Of a moment of which nothing is kept, an id as if it were a visit of its own.
    """
    query = (
        select(Visit.started_at, Visit.device_id)
        .join(Device, Device.id == Visit.device_id)
        .where(Device.workspace_id == workspace_id, Device.did == did, Visit.started_at <= at, Visit.ended_at >= at)
        .order_by(Visit.started_at)
    )
    found = session.execute(query.limit(1)).first()
    if found is None:
        is_it = (Device.workspace_id == workspace_id) & (Device.did == did)
        return f"{at:012x}{session.scalars(select(Device.id).where(is_it)).one():012x}"
    return f"{found.started_at:012x}{found.device_id:012x}"
