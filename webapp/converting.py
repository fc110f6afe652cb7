"""Working off changes of types: stored values are made of the new type, some profiles at a time, in the background.

A change is a row that says how far it has come, so that whoever finds it unattended goes on with it: the same server,
the next one after a crash, another one beside it. It is held by a lease, and its row is locked while values are
written: no two ever write for one change. What is done twice changes nothing.
"""

import json
import logging
import secrets
import time
from collections.abc import Sequence
from functools import partial
from itertools import groupby
from operator import attrgetter
from typing import Any, NamedTuple

from sqlalchemy import ClauseElement, func, or_, select, update
from sqlalchemy.orm import Session

from webapp import attributes, clock, db, fitting, lookups, statements, values, workspaces
from webapp.db import Base, Database
from webapp.dictionary import CUSTOMER
from webapp.fitting import Change
from webapp.ingest.arrival import Arrival
from webapp.ingest.changes import Ignored
from webapp.models import AttributeValue, Customer, TypeChange, Workspace

LEASE = 30 * clock.SECOND
# So long after a change other processes may still store values of the former type (keys.Known), and a request that came
# then may still be under way: the round that finds nothing must begin later.
SETTLING = 5 * clock.SECOND
_LOOKED_AT = 500  # profiles at a time
_CHANGED = 100  # of them in one transaction
_MOST_ROUNDS = 20
_TRIES = 5  # for profiles that others hold at the moment
_PAUSE = 0.2  # seconds; between two looks of somebody who waits
_VALUES = Base.metadata.tables[AttributeValue.__tablename__]
_log = logging.getLogger("webapp.converting")


def go_on(database: Database) -> bool:
    """Work off what is free. Returns whether anything is left."""
    work_off(database)
    with database.read() as session:
        return session.scalar(select(TypeChange.id).where(TypeChange.ended_at.is_(None)).limit(1)) is not None


def work_off(database: Database, settling: int = SETTLING) -> None:
    """Work until no change is left that nobody else works on. `settling`: as SETTLING, ms."""
    worker = secrets.token_hex(8)
    while (change_id := database.transact(partial(_claimed, worker=worker))) is not None:
        try:
            _Work(database, worker, change_id, settling).run()
        except Exception as error:
            if db.trouble(error) is not None:
                raise
            # One that fails doesn't hold up the others: it is tried again when its lease is over.
            _log.error("a change of a type failed", exc_info=error)
            worker = secrets.token_hex(8)


def _claimed(session: Session, worker: str) -> int | None:
    """The id of the oldest change that nobody works on, which is this worker's from now on."""
    now = clock.now()
    is_free = or_(TypeChange.worker.is_(None), TypeChange.worker == worker, TypeChange.leased_until < now)
    query = select(TypeChange).where(TypeChange.ended_at.is_(None), is_free).order_by(TypeChange.id).limit(1)
    change = session.scalar(query.with_for_update(skip_locked=True))
    if change is None:
        return None
    change.worker, change.leased_until = worker, now + LEASE
    return change.id


class _Value(NamedTuple):
    """A stored value; the fields are those of AttributeValue, of a long value only its beginning."""

    customer_id: int
    reported_at: int
    id: int
    value: str
    original: str | None
    is_current: bool


class _LostError(Exception):
    """Somebody else works on the change, or it has ended."""


class _Place(NamedTuple):
    """How far a round has come."""

    round: int
    looked_at: int
    position: int


class _Work:
    """One change while it is worked on."""

    def __init__(self, database: Database, worker: str, change_id: int, settling: int) -> None:
        self._database, self._worker, self._id, self._settling = database, worker, change_id, settling
        with database.read() as session:
            change = session.get_one(TypeChange, change_id)
            self._workspace = session.get_one(Workspace, change.workspace_id)
            self._name, self._type, self._created_at = change.name, change.type, change.created_at
            self._place = _Place(change.round, change.looked_at, change.position)
            self._total = change.total
        self._zone = workspaces.zone(self._workspace)
        self._saved_at = time.monotonic()

    def run(self) -> None:
        """Go through the profiles, round by round, until nothing is left to be done or somebody else does it."""
        try:
            if self._total is None:
                self._count()
            while not self._is_round_over():
                pass
        except _LostError:
            return

    def _count(self) -> None:
        with self._database.read() as session:
            query = select(func.count()).where(Customer.workspace_id == self._workspace.id)
            self._total = session.scalar(query) or 0
        self._save(total=self._total)

    def _is_round_over(self) -> bool:
        """Work on some profiles more. Returns whether the change has come to its end with them."""
        began = time.monotonic()
        with self._database.read() as session:
            query = select(Customer.id, Customer.workspace_id).where(Customer.id > self._place.position)
            rows = session.execute(query.order_by(Customer.id).limit(_LOOKED_AT)).all()
            ids = [row.id for row in rows if row.workspace_id == self._workspace.id]
            wrong = sorted({one.row.customer_id for one in self._changes(session, ids)})
        for start in range(0, len(wrong), _CHANGED):
            self._change(wrong[start : start + _CHANGED])
        if not rows:
            return self._end_round()
        self._place = _Place(self._place.round, self._place.looked_at + len(ids), rows[-1].id)
        if time.monotonic() - self._saved_at > 1:
            self._save()
        time.sleep(min(time.monotonic() - began, _PAUSE))  # half of the time is for those who store
        return False

    def _end_round(self) -> bool:
        """Begin another round, after the last one end the change."""
        if self._place.round == 0:
            time.sleep(max(0, self._created_at + self._settling - clock.now()) / clock.SECOND)
        with self._database.read() as session:
            found = session.scalar(select(TypeChange.found).where(TypeChange.id == self._id))
        is_last = self._place.round > 0 and (not found or self._place.round >= _MOST_ROUNDS)
        if is_last:
            self._save(ended_at=clock.now())
            return True
        self._place = _Place(self._place.round + 1, 0, 0)
        self._save(found=0)
        return False

    def _save(self, **more: Any) -> None:
        self._database.transact(partial(self._kept, more=self._place._asdict() | more))
        self._saved_at = time.monotonic()

    def _kept(self, session: Session, more: dict[str, Any]) -> None:
        self._hold(session)
        is_it = TypeChange.id == self._id
        session.execute(update(TypeChange).where(is_it).values(leased_until=clock.now() + LEASE, **more))

    def _hold(self, session: Session) -> None:
        """Lock the change. Raises _LostError where it is somebody else's or over."""
        is_mine = (TypeChange.id == self._id) & (TypeChange.worker == self._worker) & TypeChange.ended_at.is_(None)
        if session.scalar(select(TypeChange.id).where(is_mine).with_for_update()) is None:
            raise _LostError

    def _change(self, ids: list[int]) -> None:
        left = ids
        for _ in range(_TRIES):
            done = self._database.transact(partial(self._changed, ids=left))
            left = [id_ for id_ in left if id_ not in done]
            if not left:
                return
            time.sleep(_PAUSE)
        # Others hold them for long: the next round has them again.
        self._database.transact(lambda session: self._note(session, len(left), 0, 0))

    def _changed(self, session: Session, ids: list[int]) -> set[int]:
        """Make what these profiles have of the attribute of its type. Returns those that nobody else held."""
        self._hold(session)
        # Whoever waits for nobody is never part of a circle of those who wait for each other.
        free = select(Customer.id).where(Customer.id.in_(ids)).order_by(Customer.id).with_for_update(skip_locked=True)
        held = list(session.scalars(free))
        changes = self._changes(session, held)
        rows = [self._row(one) for one in changes]
        made = [row for row in rows if row["is_made"]]
        for statement, some in ((_holding, rows), (_making, made)):
            if some:
                statements.execute(session, statement, some)
        lost = [one.row for one in changes if one.is_lost]
        noted = [(row.customer_id, CUSTOMER, self._ignored(row.value)) for row in lost]
        attributes.note_ignored(Arrival(session, self._workspace, clock.now()), noted)
        self._note(session, len({one.row.customer_id for one in changes}), len(made), len(lost))
        return set(held)

    def _changes(self, session: Session, ids: Sequence[int]) -> list[Change]:
        rows = [_Value(*row) for row in session.execute(fitting.ranked(ids, self._name))] if ids else []
        by_profile = groupby(
            (row._replace(value=fitting.stand_in(row.value)) for row in rows), attrgetter("customer_id")
        )
        return [one for _, ranked in by_profile for one in fitting.settle(ranked, self._type, self._zone)]

    def _row(self, change: Change) -> dict[str, Any]:
        """What to write of a change. `is_made`: the value becomes another."""
        row, made, holds, _ = change
        known = {"customer_id": row.customer_id, "name": self._name, "reported_at": row.reported_at, "id": row.id}
        known |= {"is_current": holds, "is_made": made is not None}
        if made is not None:
            lookup = lookups.of_text(self._workspace.id, self._name, made.value)
            known |= {"value": made.value, "original": made.original, "lookup": lookup}
        return known

    def _ignored(self, text: str) -> Ignored:
        value = json.loads(text)
        return Ignored(self._name, self._type, values.infer(value), value)

    def _note(self, session: Session, found: int, converted: int, left_behind: int) -> None:
        change = TypeChange
        counted = {
            "found": change.found + found,
            "converted": change.converted + converted,
            "left_behind": change.left_behind + left_behind,
            "leased_until": clock.now() + LEASE,
        }
        session.execute(update(change).where(change.id == self._id).values(counted))


def _holding(dialect: str) -> ClauseElement:
    return _updating(dialect, "is_current")


def _making(dialect: str) -> ClauseElement:
    return _updating(dialect, "value", "original", "lookup")


def _updating(dialect: str, *names: str) -> ClauseElement:
    changed = [_VALUES.c[name] for name in names]
    told = statements.given(dialect, [*_VALUES.primary_key, *changed]).subquery("told")
    where = [column == told.c[column.name] for column in _VALUES.primary_key]
    return update(_VALUES).where(*where).values({column.name: told.c[column.name] for column in changed})
