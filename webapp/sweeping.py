"""Taking away what a workspace doesn't keep: in the background, some profiles at a time, beside all that comes in.

A sweep is a row that says how far its run has come, so that whoever finds it unattended goes on with it; it is held as
changes of types are (webapp/converting.py). Each step is a short transaction that looks at no more than so many rows,
and between two of them others get at least as much time as one took. Doing a step twice changes nothing.
"""

import logging
import secrets
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Protocol

from sqlalchemy import delete, func, or_, select, update
from sqlalchemy.orm import Session

from webapp import clock, db
from webapp.db import Database, insert
from webapp.models import Customer, Sweep, Workspace

LEASE = 30 * clock.SECOND
# So long after a setting has changed, other processes may still work by the former one (keys.Known).
SETTLING = 5 * clock.SECOND
_LOOKED_AT = 500  # profiles at a time
_MOST_ROUNDS = 20
_log = logging.getLogger("webapp.sweeping")


class Run(Protocol):
    """What a kind of work is given: its workspace, what goes (see Sweep), and how to make its steps."""

    database: Database
    workspace: Workspace
    until: int | None

    def step(self, work: Callable[[Session], int]) -> int:
        """Do a piece of work in a transaction of its own; returns how much it did, as the work itself says."""


class Work(Protocol):
    """A kind of sweeps. `begin` comes once before all profiles; `pass_by` returns whether to come here once more."""

    def until(self, workspace: Workspace) -> int | None: ...
    def again_at(self, workspace: Workspace) -> int | None: ...
    def begin(self, run: Run) -> None: ...
    def pass_by(self, run: Run, ids: Sequence[int]) -> bool: ...


WORKS: dict[str, Work] = {}


def order(session: Session, workspace_id: int, kind: str, due_at: int | None = None) -> None:
    """Have a sweep begin from its beginning, soon or at a time (epoch ms)."""
    fresh = dict.fromkeys(("until_at", "began_at", "ended_at", "total", "worker"))
    fresh |= dict.fromkeys(("looked_at", "position", "done", "leased_until"), 0)
    values = fresh | {"due_at": clock.now() + SETTLING if due_at is None else due_at}
    statement = insert(session)(Sweep).values(workspace_id=workspace_id, kind=kind, **values)
    session.execute(statement.on_conflict_do_update(index_elements=["workspace_id", "kind"], set_=values))


def drop(session: Session, workspace_id: int, kind: str) -> None:
    """End a sweep: what is not taken away by now stays."""
    session.execute(delete(Sweep).where(Sweep.workspace_id == workspace_id, Sweep.kind == kind))


def find(session: Session, workspace_id: int, kind: str) -> Sweep | None:
    """The sweep of a workspace, if it has one."""
    return session.get(Sweep, (workspace_id, kind))


def is_under_way(sweep: Sweep) -> bool:
    """Whether it has begun and isn't over."""
    return sweep.began_at is not None and sweep.ended_at is None


def go_on(database: Database) -> bool:
    """Work off what is free. Returns whether anything is left that is due, or will be in a moment."""
    work_off(database)
    with database.read() as session:
        is_due = Sweep.due_at <= clock.now() + SETTLING
        return session.scalar(select(Sweep.kind).where(is_due).limit(1)) is not None


def work_off(database: Database, workspace_id: int | None = None, told: Callable[[int], None] = lambda _: None) -> None:
    """Work until nothing is due that nobody else works on, in all workspaces or one. `told`: profiles looked at."""
    worker = secrets.token_hex(8)
    while (found := database.transact(partial(_claimed, worker=worker, workspace_id=workspace_id))) is not None:
        try:
            _Run(database, worker, *found, told).go()
        except Exception as error:
            if db.trouble(error) is not None:
                raise
            # One that fails doesn't hold up the others: it is tried again when its lease is over.
            _log.error("a sweep failed", exc_info=error)
            worker = secrets.token_hex(8)


def _claimed(session: Session, worker: str, workspace_id: int | None) -> tuple[int, str] | None:
    """The workspace and the kind of what has been due for longest, which is this worker's from now on."""
    now = clock.now()
    is_free = or_(Sweep.worker.is_(None), Sweep.worker == worker, Sweep.leased_until < now)
    whose = [] if workspace_id is None else [Sweep.workspace_id == workspace_id]
    query = select(Sweep).where(Sweep.due_at <= now, is_free, *whose).order_by(Sweep.due_at).limit(1)
    sweep = session.scalar(query.with_for_update(skip_locked=True))
    if sweep is None:
        return None
    sweep.worker, sweep.leased_until = worker, now + LEASE
    if not is_under_way(sweep):
        workspace = session.get_one(Workspace, sweep.workspace_id)
        sweep.began_at, sweep.ended_at, sweep.until_at = now, None, WORKS[sweep.kind].until(workspace)
        sweep.total, sweep.looked_at, sweep.position, sweep.done = None, 0, 0, 0
    return sweep.workspace_id, sweep.kind


class _LostError(Exception):
    """Somebody else works on the sweep, or nobody wants it any more."""


class _Run:
    """A sweep while it is worked on."""

    def __init__(
        self, database: Database, worker: str, workspace_id: int, kind: str, told: Callable[[int], None]
    ) -> None:
        self.database, self._worker, self._told, self._work = database, worker, told, WORKS[kind]
        self._is_it = (Sweep.workspace_id == workspace_id) & (Sweep.kind == kind)
        with database.read() as session:
            self.workspace = session.get_one(Workspace, workspace_id)
            sweep = session.scalars(select(Sweep).where(self._is_it)).one_or_none()
        self._is_lost = sweep is None
        if sweep is not None:
            self.until, self._total = sweep.until_at, sweep.total
            self._position, self._looked_at = sweep.position, sweep.looked_at
        self._is_incomplete, self._rounds = False, 1

    def go(self) -> None:
        """Go through the profiles until all are done or somebody else does it."""
        if self._is_lost:
            return
        try:
            if self._total is None:
                self._begin()
            else:
                self._is_incomplete = True  # what the one before has found, nobody knows
            while self._go_by() or self._goes_round():
                pass
            self._save(ended_at=clock.now(), due_at=self._work.again_at(self.workspace), worker=None)
        except _LostError:
            return

    def _begin(self) -> None:
        self._work.begin(self)
        with self.database.read() as session:
            query = select(func.count()).where(Customer.workspace_id == self.workspace.id)
            self._total = session.scalar(query) or 0
        self._save(total=self._total)

    def _go_by(self) -> bool:
        """Come by some profiles more. Returns whether there were any."""
        began = time.monotonic()
        with self.database.read() as session:
            query = select(Customer.id, Customer.workspace_id).where(Customer.id > self._position)
            rows = session.execute(query.order_by(Customer.id).limit(_LOOKED_AT)).all()
        if not rows:
            return False
        ids = [row.id for row in rows if row.workspace_id == self.workspace.id]
        if ids:
            self._is_incomplete |= self._work.pass_by(self, ids)
        self._position, self._looked_at = rows[-1].id, self._looked_at + len(ids)
        self._save(position=self._position, looked_at=self._looked_at)
        self._told(self._looked_at)
        time.sleep(time.monotonic() - began)
        return True

    def _goes_round(self) -> bool:
        """Begin another round, if something may have been missed."""
        is_another, self._is_incomplete = self._is_incomplete and self._rounds < _MOST_ROUNDS, False
        if is_another:
            self._rounds += 1
            self._position = self._looked_at = 0
            self._save(position=0, looked_at=0)
        return is_another

    def step(self, work: Callable[[Session], int]) -> int:
        """As Run says."""
        began = time.monotonic()
        number = self.database.transact(partial(self._stepped, work=work))
        time.sleep(time.monotonic() - began)  # half of the time is for those who store
        return number

    def _stepped(self, session: Session, work: Callable[[Session], int]) -> int:
        self._hold(session)
        number = work(session)
        held = {"done": Sweep.done + number, "leased_until": clock.now() + LEASE}
        session.execute(update(Sweep).where(self._is_it).values(held))
        return number

    def _save(self, **values: Any) -> None:
        self.database.transact(partial(self._kept, values=values))

    def _kept(self, session: Session, values: dict[str, Any]) -> None:
        self._hold(session)
        session.execute(update(Sweep).where(self._is_it).values({"leased_until": clock.now() + LEASE, **values}))

    def _hold(self, session: Session) -> None:
        """Lock the sweep. Raises _LostError where it is somebody else's or gone."""
        query = select(Sweep.kind).where(self._is_it, Sweep.worker == self._worker)
        if session.scalar(query.with_for_update()) is None:
            raise _LostError
