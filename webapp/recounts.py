"""Counting anew what the counters of each day hold, in small steps while everything goes on."""

import logging
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from webapp import beginnings, counts, customers, db
from webapp.beginnings import Beginning
from webapp.counts import Notes
from webapp.db import Database
from webapp.models import Counting, Customer, DailyCount, Event, Visit

log = logging.getLogger(__name__)

_MOST_PROFILES, _MOST_EVENTS = 500, 5_000  # of one step; a profile that has more events takes a step alone
_PAUSE = 5.0  # seconds between two looks at whether there is something to count


class Progress(NamedTuple):
    """How far a recount has come: profiles counted, of so many, about."""

    counted: int
    number: int


def begin(session: Session, workspace_id: int, time_zone: str) -> None:
    """Void the counters of a workspace: they are counted anew, by the days of this zone."""
    notes = counts.of(session, workspace_id, alone=True)
    notes.counted_to = 0
    notes.changes.clear()
    session.execute(delete(DailyCount).where(DailyCount.workspace_id == workspace_id))
    values = {"time_zone": time_zone, "counted_to": 0}
    statement = db.insert(session)(Counting).values(workspace_id=workspace_id, **values)
    session.execute(statement.on_conflict_do_update(index_elements=[Counting.workspace_id], set_=values))


def progress(session: Session, workspace_id: int) -> Progress | None:
    """How far it has come; None where everything is counted."""
    counted_to = session.scalar(select(Counting.counted_to).where(Counting.workspace_id == workspace_id))
    return None if counted_to is None else Progress(counted_to, max(counted_to, last(session)))


def last(session: Session) -> int:
    """The id of the profile made last, of whatever workspace; 0 where there is none."""
    return customers.ends(session)[1]


def due(session: Session) -> Sequence[int]:
    """The workspaces in which something isn't counted."""
    return session.scalars(select(Counting.workspace_id).where(Counting.counted_to.is_not(None))).all()


def finish(database: Database, workspace_id: int, told: Callable[[Progress], None] = lambda _: None) -> None:
    """Count until everything is counted."""
    while (now := step(database, workspace_id)) is not None:
        told(now)


def step(database: Database, workspace_id: int) -> Progress | None:
    """Count some more profiles; None when that was all."""
    return database.transact(partial(_step, workspace_id=workspace_id))


def _step(session: Session, workspace_id: int) -> Progress | None:
    notes = counts.of(session, workspace_id, alone=True)
    if notes.counted_to is None:
        return None
    some = _next(session, notes.counted_to)
    end = last(session)
    notes.counted_to = some[-1].id if some else end
    note(session, notes, some)
    counts.store(session, workspace_id)
    reached = notes.counted_to
    # Who is being made just now counts what they do themselves.
    counted_to = None if reached >= end else reached
    session.execute(update(Counting).where(Counting.workspace_id == workspace_id).values(counted_to=counted_to))
    return None if counted_to is None else Progress(reached, end)


def _next(session: Session, after: int) -> Sequence[Any]:
    """The next profiles of whatever workspace, with no more events than fit into a step."""
    columns = (
        Customer.id, Customer.workspace_id, Customer.system_id, Customer.root_id, Customer.is_bot, Customer.created_at,
        Customer.own_event_count,
    )  # fmt: skip
    query = select(*columns).where(Customer.id > after).order_by(Customer.id).limit(_MOST_PROFILES)
    some = session.execute(query).all()
    number = 0
    for place, one in enumerate(some):
        number += one.own_event_count
        if number > _MOST_EVENTS:
            return some[: max(place, 1)]
    return some


def note(session: Session, notes: Notes, some: Sequence[Any]) -> None:
    """Note all that the profiles of the workspace among these have."""
    ours = [one for one in some if one.workspace_id == notes.workspace_id]
    ids = [one.id for one in ours]
    for one in ours:
        if one.root_id is None:
            notes.add(one.id, "customer", counts.standing(one.system_id, is_bot=one.is_bot), one.created_at)
    names = {one.id: counts.ANONYMOUS if one.system_id is None else counts.REGISTERED for one in ours}
    days: set[tuple[int, int]] = set()
    columns = (Event.customer_id, Event.name, Event.reported_at, Event.received_at)
    for id_, name, reported_at, received_at in session.execute(select(*columns).where(Event.customer_id.in_(ids))):
        day = counts.day_of(reported_at, notes.zone)
        days.add((id_, day))
        notes.add_on(id_, "event", name, day)
        notes.arrived(id_, received_at)
    for id_, day in days:
        notes.add_on(id_, "active", names[id_], day)
    query = select(Visit.customer_id, Visit.started_at, Visit.entry, Visit.place).where(Visit.customer_id.in_(ids))
    for id_, at, entry, place in session.execute(query):
        beginnings.note(notes, id_, (), [Beginning(at, entry, place)])


def keep_going(database: Database) -> None:
    """Count whatever there is to be counted, for ever, and leave others at least as much time as it takes."""
    while True:
        try:
            _go_on(database)
        except Exception as error:  # the database is away, full or not there yet: the next look tells
            if db.trouble(error) is None:
                log.exception("counting anew failed, and is tried again")
        time.sleep(_PAUSE)


def _go_on(database: Database) -> None:
    with database.read() as session:
        some = due(session)
    for workspace_id in some:
        is_over = False
        while not is_over:
            began = time.monotonic()
            is_over = step(database, workspace_id) is None
            time.sleep(time.monotonic() - began)
