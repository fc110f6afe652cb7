"""Pruning: events that are older than a workspace keeps them go, and all that counts them follows.

What stays of them, and why, says docs/decisions/0037. After each step a profile is what it would be if its oldest
events had never come, but for first and last seen, and the first and the last visit.
"""

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from sqlalchemy import ClauseElement, Row, case, column, delete, func, select, tuple_, update
from sqlalchemy.engine import CursorResult
from sqlalchemy.orm import Session

from webapp import clock, counts, days, events, kept_visits, retention, statements, workspaces
from webapp.counts import Notes
from webapp.db import Base
from webapp.models import Arrived, Customer, Device, Event, EventCount, IgnoredValue, Workspace
from webapp.sweeping import Run

MOST_EVENTS = 500  # that go in one transaction, unless more of one profile have the same millisecond
_TRIES = 5  # for profiles that others hold at the moment
_PAUSE = 0.2  # seconds between them
# After midnight: clocks of servers differ a little, and what goes must be refused by all of them.
_MARGIN = 10 * clock.MINUTE
_MOST_FORGOTTEN = 1_000  # arrivals, in one transaction
_NO_SYNC = {"synchronize_session": False}
_EVENTS = Base.metadata.tables[Event.__tablename__]
_CUSTOMERS = Base.metadata.tables[Customer.__tablename__]
_COLUMNS = (
    Event.customer_id, Event.reported_at, Event.id, Event.name, Event.received_at, Event.device_id, Event.context,
)  # fmt: skip


class Pruning:
    """The work of a sweep (sweeping.Work): once a day, soon after midnight of the workspace's zone."""

    def until(self, workspace: Workspace) -> int | None:
        """What is older goes, epoch ms."""
        return retention.begin(workspace, clock.now() - _MARGIN)

    def again_at(self, workspace: Workspace) -> int:
        """When the next day has begun."""
        zone = workspaces.zone(workspace)
        return days.end(days.of(clock.now() - _MARGIN, zone), zone) + _MARGIN

    def begin(self, run: Run) -> None:
        """Let the live feed forget them before they go, so that none of its entries leads nowhere."""
        while run.database.transact(partial(_forget_arrivals, run=run)) == _MOST_FORGOTTEN:
            pass

    def pass_by(self, run: Run, ids: Sequence[int]) -> bool:
        """Take the old events of these profiles. Returns whether others held one of them for so long that it waits."""
        assert run.until is not None  # noqa: S101 - it goes with the setting
        old = select(Event.id).where(Event.customer_id == Customer.id, Event.reported_at < run.until)
        number = select(func.count()).select_from(old.limit(MOST_EVENTS + 1).correlate(Customer).subquery())
        query = select(Customer.id, number.scalar_subquery()).where(Customer.id.in_(ids)).order_by(Customer.id)
        with run.database.read() as session:
            numbers = {id_: number for id_, number in session.execute(query) if number}
        left = [some for some in _shared_out(numbers) if _prune(run, some)]
        return bool(left)


def _shared_out(numbers: Mapping[int, int]) -> Iterator[list[int]]:
    """Profiles, with their numbers of old events, in parts that go in one step each; who has more than that, alone."""
    part: list[int] = []
    total = 0
    for id_, number in numbers.items():
        if part and total + number > MOST_EVENTS:
            yield part
            part, total = [], 0
        part.append(id_)
        total += number
    if part:
        yield part


def _prune(run: Run, ids: Sequence[int]) -> bool:
    """Take the old events of a few profiles. Returns whether others held one of them for so long that it waits."""
    left, tries = list(ids), 0
    while left and tries < _TRIES:
        done: set[int] = set()
        number = run.step(partial(_step, run=run, ids=left, done=done))
        left = [id_ for id_ in left if id_ not in done]
        tries = 0 if number or done else tries + 1
        if tries:
            time.sleep(_PAUSE)
    return bool(left)


def _forget_arrivals(session: Session, run: Run) -> int:
    whose = Arrived.workspace_id == run.workspace.id
    old = select(Arrived.id).where(whose, Arrived.reported_at < run.until).order_by(Arrived.id).limit(_MOST_FORGOTTEN)
    done = session.execute(delete(Arrived).where(whose, Arrived.id.in_(old)), execution_options=_NO_SYNC)
    assert isinstance(done, CursorResult)  # noqa: S101 - of a DELETE
    return done.rowcount


def _step(session: Session, run: Run, ids: Sequence[int], done: set[int]) -> int:
    """Take old events of some of these profiles. Returns how many; `done` is then whose are all gone."""
    done.clear()  # this may have been tried before
    notes = counts.of(session, run.workspace.id)
    until = run.until or 0
    roots = _held(session, ids)
    gone, bounds = _old(session, list(roots), until)
    devices = {one.device_id for some in gone.values() for one in some} - {None}
    if devices and session.get_bind().dialect.name != "sqlite":
        free = _free(session, devices)
        # As they are now: until its device was held, a late login could move an event.
        gone, bounds = _old(session, list(roots), until)
        for id_ in [id_ for id_, some in gone.items() if not {one.device_id for one in some} - {None} <= free]:
            del gone[id_], bounds[id_]
    done |= {id_ for id_, bound in bounds.items() if bound == until}
    gone = {id_: some for id_, some in gone.items() if some}
    rows = [one for some in gone.values() for one in some]
    if rows:
        _take(session, notes, rows)
        _count(session, rows, roots)
        kept_visits.part(session, notes, gone, {id_: bounds[id_] for id_ in gone})
        old = (IgnoredValue.customer_id.in_(list(gone)), IgnoredValue.event_name != "", IgnoredValue.last_at < until)
        session.execute(delete(IgnoredValue).where(*old), execution_options=_NO_SYNC)
        counts.store(session, run.workspace.id)
    return len(rows)


def _held(session: Session, ids: Sequence[int]) -> dict[int, int]:
    """The root of each of these profiles that nobody else holds, locked with it.

    Whoever waits for nobody is never part of a circle of those who wait for each other.
    """
    query = (
        select(Customer.id, Customer.root_id).order_by(Customer.id).with_for_update(key_share=True, skip_locked=True)
    )
    found = {id_: root_id or id_ for id_, root_id in session.execute(query.where(Customer.id.in_(ids)))}
    wanted = set(found.values()) - found.keys()
    roots = {row.id for row in session.execute(query.where(Customer.id.in_(wanted)))} if wanted else set()
    return {id_: root_id for id_, root_id in found.items() if root_id in found or root_id in roots}


def _free(session: Session, device_ids: set[int | None]) -> set[int | None]:
    """Those of these devices that nobody else holds, locked: nobody moves what happened on them."""
    query = select(Device.id).where(Device.id.in_(device_ids)).order_by(Device.id)
    return set(session.scalars(query.with_for_update(key_share=True, skip_locked=True))) if device_ids else set()


def _old(session: Session, ids: Sequence[int], until: int) -> tuple[dict[int, list[Any]], dict[int, int]]:
    """The oldest events of profiles, as many as go in one step, and up to when (exclusive) these are all of each.

    Several profiles have no more than that together (`_shared_out`).
    """
    order = (Event.customer_id, Event.reported_at, Event.id)
    query = select(*_COLUMNS).where(Event.customer_id.in_(ids), Event.reported_at < until).order_by(*order)
    rows = list(session.execute(query.limit(MOST_EVENTS + 1) if len(ids) == 1 else query))
    if len(ids) == 1 and len(rows) > MOST_EVENTS:
        # What has one moment goes together: that is where visits are parted.
        until = rows[-1].reported_at
        if rows[0].reported_at == until:
            until += 1
            rows = list(session.execute(query.where(Event.reported_at < until)))
        rows = [one for one in rows if one.reported_at < until]
    found: dict[int, list[Any]] = {id_: [] for id_ in ids}
    for one in rows:
        found[one.customer_id].append(one)
    return found, dict.fromkeys(ids, until)


def _take(session: Session, notes: Notes, rows: Sequence[Row[Any]]) -> None:
    """Delete events of locked customers, and note that."""
    keys = [(one.customer_id, one.reported_at, one.id) for one in rows]
    statements.execute_later(session, _deleting, statements.named(_EVENTS, keys))
    for one in rows:
        notes.add(one.customer_id, "event", one.name, one.reported_at, -1)
        notes.arrived(one.customer_id, one.received_at, -1)
    counts.active(session, notes, {(one.customer_id, counts.day_of(one.reported_at, notes.zone)) for one in rows}, -1)


def _deleting(dialect: str) -> ClauseElement:
    told = statements.given(dialect, _EVENTS.primary_key)
    return delete(_EVENTS).where(tuple_(*_EVENTS.primary_key).in_(told))


def _count(session: Session, rows: Sequence[Row[Any]], roots: Mapping[int, int]) -> None:
    """Take events out of the figures of their customers, and of their roots."""
    times: dict[int, list[int]] = {}
    for one in rows:
        times.setdefault(one.customer_id, []).append(one.reported_at)
    own = [
        {"id": id_, "number": len(some), "earliest": min(some), "latest": max(some)}
        for id_, some in sorted(times.items())
    ]
    statements.execute_later(session, _counting_own, own)
    persons = Counter(roots[one.customer_id] for one in rows)
    told = [{"id": id_, "number": number} for id_, number in sorted(persons.items())]
    statements.execute_later(session, _counting_persons, told)
    events.add_to_counts(session, {key: -number for key, number in Counter(map(_of_name, rows)).items()})
    is_none = (EventCount.customer_id.in_(list(times)), EventCount.count == 0)
    session.execute(delete(EventCount).where(*is_none), execution_options=_NO_SYNC)


def _of_name(row: Row[Any]) -> tuple[int, str]:
    return row.customer_id, row.name


def _told(dialect: str, *names: str) -> Any:
    at = _CUSTOMERS.c.created_at.type
    return statements.given(dialect, [column(name, at) for name in names]).subquery("told").c


def _counting_own(dialect: str) -> ClauseElement:
    told, its = _told(dialect, "id", "number", "earliest", "latest"), _CUSTOMERS.c
    first, last = its.pruned_from_at, its.pruned_until_at
    values = {
        "own_event_count": its.own_event_count - told.number,
        "moved_count": its.moved_count + 1,  # what is kept of its figures is void
        "pruned_from_at": case((first < told.earliest, first), else_=told.earliest),
        "pruned_until_at": case((last > told.latest, last), else_=told.latest),
    }
    return update(_CUSTOMERS).where(its.id == told.id).values(values)


def _counting_persons(dialect: str) -> ClauseElement:
    told, its = _told(dialect, "id", "number"), _CUSTOMERS.c
    values = {"event_count": its.event_count - told.number, "has_pruned": True}
    return update(_CUSTOMERS).where(its.id == told.id).values(values)
