"""Working off imports in the background: some hundred rows in a transaction, with how far that has come.

An import is held by a lease, and its row locked while rows are stored, as for changes of types (webapp/converting.py):
whoever finds one unattended goes on with the row after the last one that is stored. A trial stores nothing but what
would become of the rows; where it was cut off, it begins again.
"""

import contextlib
import logging
import secrets
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

from sqlalchemy import insert, or_, select, update
from sqlalchemy.orm import Session

from webapp import audit, clock, csv_files, db, import_files, import_plans, import_rows, imports, registry
from webapp.audit import Who
from webapp.db import Database
from webapp.import_plans import Plan
from webapp.import_rows import Numbered, Read, Reader, Reasons
from webapp.imports import Limits
from webapp.ingest import application
from webapp.ingest.application import Applied
from webapp.ingest.arrival import Arrival
from webapp.ingest.changes import Source, Told
from webapp.models import Import, ImportFailure, Workspace

LEASE = 30 * clock.SECOND
SOURCE = "CSV import"
_ROWS = 300  # in a transaction
_BYTES = 500_000  # of the file, at most so many more than one row has
_PAUSE = 1.0  # seconds; the longest between two transactions
_KEYS = 5_000  # names of attributes asked for at once
_log = logging.getLogger(__name__)

Progress = Callable[[Import], None]


def go_on(database: Database, limits: Limits) -> bool:
    """Work off what is free, and tidy up. Returns whether anything is left."""
    work_off(database, limits)
    imports.forget_old(database)
    with database.read() as session:
        return session.scalar(select(Import.id).where(Import.state == "running").limit(1)) is not None


def work_off(database: Database, limits: Limits) -> None:
    """Work until no import is left that nobody else works on."""
    worker = secrets.token_hex(8)
    while (id_ := database.transact(partial(_claimed, worker=worker))) is not None:
        try:
            _Work(database, worker, id_, limits).run()
        except Exception as error:
            if db.trouble(error) is not None:
                raise
            # One that fails doesn't hold up the others: it is tried again when its lease is over.
            _log.error("an import failed", exc_info=error)
            worker = secrets.token_hex(8)


def work_off_one(database: Database, limits: Limits, id_: int, worker: str, told: Progress) -> None:
    """Work on one import that this worker has claimed, until it is over or somebody else works on it."""
    _Work(database, worker, id_, limits, told).run()


def claim(imported: Import, worker: str) -> bool:
    """Let a worker have an import that is locked, unless another has it."""
    now = clock.now()
    if imported.state != "running" or (imported.worker not in {None, worker} and imported.leased_until >= now):
        return False
    imported.worker, imported.leased_until = worker, now + LEASE
    return True


def _claimed(session: Session, worker: str) -> int | None:
    """The id of the oldest import that nobody works on, which is this worker's from now on."""
    is_free = or_(Import.worker.is_(None), Import.worker == worker, Import.leased_until < clock.now())
    query = select(Import).where(Import.state == "running", is_free).order_by(Import.id).limit(1)
    imported = session.scalar(query.with_for_update(skip_locked=True))
    return imported.id if imported is not None and claim(imported, worker) else None


class _LostError(Exception):
    """Somebody else works on the import, or it has ended."""


class _FaultsError(Exception):
    """Rows that can't be stored as things stand: why, by number. Nothing of their transaction may stay."""

    def __init__(self, faults: dict[int, Reasons]) -> None:
        super().__init__(faults)
        self.faults = faults


@dataclass(slots=True)
class _Done:
    """What became of some rows. `born`: the System IDs of customers that were made."""

    figures: dict[str, int] = field(
        default_factory=lambda: dict.fromkeys(("created", "updated", "unchanged", "events", "failed", "ignored"), 0)
    )
    failures: list[dict[str, object]] = field(default_factory=list)
    born: set[str] = field(default_factory=set)


class _Work:
    """One import while it is worked on."""

    def __init__(self, database: Database, worker: str, id_: int, limits: Limits, told: Progress | None = None) -> None:
        self._database, self._worker, self._id, self._limits, self._told = database, worker, id_, limits, told
        with database.read() as session:
            imported = session.get_one(Import, id_)
            plan = import_plans.of(imported)
        assert plan is not None  # noqa: S101 - or it wouldn't run
        self._plan: Plan = plan
        self._imported = imported
        self._is_dry = imported.is_dry
        self._position, self._rows = imported.position, imported.rows
        self._saved_at = time.monotonic()

    def run(self) -> None:
        """Import the rows that are left, until there are none or somebody else does it."""
        with contextlib.suppress(_LostError), _Known() as known:
            if self._is_dry or self._rows == 0:
                self._begin()
            if self._imported.total is None and not self._count():
                return
            for batch in _batches(self._numbered()):
                began = time.monotonic()
                self._batch(batch, known)
                if self._told is not None:
                    self._tell()
                time.sleep(min(time.monotonic() - began, _PAUSE))  # half of the time is for those who store
            self._end()

    def _begin(self) -> None:
        """Forget what a trial before, or one that was cut off, has left."""
        while self._database.transact(self._some_forgotten):
            pass
        self._position = self._rows = 0

    def _some_forgotten(self, session: Session) -> bool:
        self._hold(session)
        figures = dict.fromkeys((*_Done().figures, "position", "rows"), 0)
        session.execute(update(Import).where(Import.id == self._id).values(leased_until=_lease(), **figures))
        return import_files.forget_failures(session, self._id)

    def _count(self) -> bool:
        """Count the rows before any is imported. Returns whether there aren't more than are allowed."""
        total = -int(self._plan.has_header)
        for _ in self._read(0):
            total += 1
            if time.monotonic() - self._saved_at > 1:
                self._save()
        most = self._limits.most_rows
        if most is not None and total > most:
            self._finish("failed", f"the file has {total:,} rows; {most:,} are allowed")
            return False
        self._save(total=max(0, total))
        return True

    def _read(self, position: int) -> Iterator[csv_files.Row]:
        return csv_files.rows(import_files.pieces(self._database, self._id, position), self._plan.form, position)

    def _numbered(self) -> Iterator[Numbered]:
        rows, header = self._read(self._position), int(self._plan.has_header)
        if header and self._position == 0:
            next(rows, None)
        for number, row in enumerate(rows, self._rows + header + 1):
            yield Numbered(number, row)

    def _batch(self, batch: Sequence[Numbered], known: "_Known") -> None:
        """Import some rows. One that fails in a way that nobody foresaw doesn't take the others with it."""
        try:
            self._import(batch, known)
        except _LostError:
            raise
        except Exception as error:
            if db.trouble(error) is not None:
                raise
            if len(batch) > 1:
                half = len(batch) // 2
                self._batch(batch[:half], known)
                self._batch(batch[half:], known)
            else:
                _log.error("a row of an import failed", exc_info=error)
                words = "couldn’t be stored, for a reason that is in the server’s log"
                self._import(batch, known, {batch[0].number: [(None, words)]})

    def _import(
        self, batch: Sequence[Numbered], known: "_Known", refused: dict[int, Reasons] | None = None
    ) -> None:  # fmt: skip
        faults = dict(refused or {})
        while True:
            try:
                if self._is_dry:
                    done = self._database.rehearse(
                        lambda session, _, faults=faults: self._stored(session, batch, faults)  # type: ignore[misc]
                    )
                    self._database.transact(partial(self._kept, batch=batch, done=known.sift(done)))
                else:
                    self._database.transact(partial(self._stored_and_kept, batch=batch, faults=faults))
            except _FaultsError as error:
                faults |= error.faults
            else:
                break
        self._position, self._rows = batch[-1].row.end, self._rows + len(batch)

    def _stored_and_kept(self, session: Session, batch: Sequence[Numbered], faults: dict[int, Reasons]) -> None:
        self._hold(session)  # before any customer: whoever cancels waits for this transaction, and nobody in a circle
        self._keep(session, batch, self._stored(session, batch, faults))

    def _stored(self, session: Session, batch: Sequence[Numbered], faults: dict[int, Reasons]) -> _Done:
        """Apply what rows say but those with faults. Raises _FaultsError."""
        workspace = session.get_one(Workspace, self._imported.workspace_id)
        types = self._types(session, workspace.id, batch)
        reader = Reader(self._plan, workspace, types, self._imported.digest)
        read = {one.number: reader.read(one) for one in batch}
        read |= {number: Read(None, [*read[number].reasons, *why]) for number, why in faults.items()}
        numbers = [one.number for one in batch if read[one.number].change is not None]
        told = [Told(change, Source(SOURCE)) for one in batch if (change := read[one.number].change) is not None]
        arrival = Arrival(session, workspace, clock.now())
        applied = application.apply(arrival, told) if told else None
        if applied is not None:
            self._refuse(applied, numbers)
            for place, ignored in applied.ignored:  # of a type that somebody has fixed a moment ago
                words = f"is no {ignored.expected}"
                read[numbers[place]].reasons.append((self._column(ignored.name), words))
        return self._done(batch, read, told, arrival, applied)

    def _refuse(self, applied: Applied, numbers: Sequence[int]) -> None:
        found: dict[int, Reasons] = {
            numbers[place]: [(None, fault["message"])] for place, fault in applied.refused.items()
        }
        if self._plan.bad == "row":
            for place, ignored in applied.ignored:
                found.setdefault(numbers[place], []).append((self._column(ignored.name), f"is no {ignored.expected}"))
        if found:
            raise _FaultsError(found)

    def _column(self, name: str) -> int | None:
        targets = self._plan.targets
        return next((place for place, one in enumerate(targets) if name == one.name and one.kind == "attribute"), None)

    def _types(self, session: Session, workspace_id: int, batch: Sequence[Numbered]) -> dict[tuple[str, str], str]:
        names = [one.name for one in self._plan.targets if one.kind == "attribute"]
        keys = [(event, name) for event in sorted(import_rows.event_names(self._plan, batch)) for name in names]
        found: dict[tuple[str, str], str] = {}
        for start in range(0, len(keys), _KEYS):
            some = registry.is_one_of(keys[start : start + _KEYS])
            found |= registry.registered(session, workspace_id, some)
        return found

    def _done(
        self,
        batch: Sequence[Numbered],
        read: dict[int, Read],
        told: Sequence[Told],
        arrival: Arrival,
        applied: Applied | None,
    ) -> _Done:
        done = _Done()
        for one in batch:
            change, reasons = read[one.number]
            if reasons:
                done.failures.append(self._failure(one, reasons, is_failed=change is None))
            done.figures["failed"] += change is None
            done.figures["ignored"] += 0 if change is None else len(reasons)
        if applied is None:
            return done
        people = applied.done.people
        done.born = {system_id for system_id, id_ in people.items() if id_ in arrival.born}
        fresh, stored = set(done.born), set(map(id, applied.done.stored))
        done.figures["created"] = len(fresh)
        for place, one_told in enumerate(told):
            if self._plan.kind == "events":
                is_new = id(applied.done.records[place]) in stored
                done.figures["events" if is_new else "unchanged"] += 1
            elif one_told.change.who in fresh:
                fresh.discard(str(one_told.change.who))
            else:
                is_changed = not {"created", "updated"}.isdisjoint(applied.done.results[place].values())
                done.figures["updated" if is_changed else "unchanged"] += 1
        return done

    def _failure(self, one: Numbered, reasons: Reasons, *, is_failed: bool) -> dict[str, object]:
        return {
            "import_id": self._id,
            "row": one.number,
            "workspace_id": self._imported.workspace_id,
            "position": one.row.begin,
            "is_failed": is_failed,
            "reasons": import_rows.as_json(reasons),
        }

    def _kept(self, session: Session, batch: Sequence[Numbered], done: _Done) -> None:
        self._hold(session)
        self._keep(session, batch, done)

    def _keep(self, session: Session, batch: Sequence[Numbered], done: _Done) -> None:
        """Note how far it has come and what failed, in the transaction of the rows."""
        if done.failures:
            session.execute(insert(ImportFailure), done.failures)
        figures = {name: getattr(Import, name) + number for name, number in done.figures.items() if number}
        values = {"position": batch[-1].row.end, "rows": Import.rows + len(batch), "leased_until": _lease()}
        session.execute(update(Import).where(Import.id == self._id).values(values | figures))

    def _save(self, **more: object) -> None:
        self._database.transact(partial(self._noted, more=more))
        self._saved_at = time.monotonic()

    def _noted(self, session: Session, more: dict[str, object]) -> None:
        self._hold(session)
        session.execute(update(Import).where(Import.id == self._id).values(leased_until=_lease(), **more))

    def _hold(self, session: Session) -> None:
        """Lock the import. Raises _LostError where it is somebody else's or over."""
        is_mine = (Import.id == self._id) & (Import.worker == self._worker) & (Import.state == "running")
        if session.scalar(select(Import.id).where(is_mine).with_for_update()) is None:
            raise _LostError

    def _end(self) -> None:
        with self._database.read() as session:
            total = session.get_one(Import, self._id).total or 0
        if self._rows < total:
            self._finish("failed", "the file was removed meanwhile")
        else:
            self._finish("ready" if self._is_dry else "done", None)

    def _finish(self, state: str, error: str | None) -> None:
        self._database.transact(partial(self._finished, state=state, error=error))
        self._tell()

    def _finished(self, session: Session, state: str, error: str | None) -> None:
        self._hold(session)
        imported = session.get_one(Import, self._id, populate_existing=True)
        imported.state, imported.error, imported.worker, imported.ended_at = state, error, None, clock.now()  # type: ignore[assignment]
        imported.position = imported.size if error is None else imported.position
        who = Who(imported.workspace_id, imported.actor, imported.user_id)
        details = imports.counts(imported) | {"trial": self._is_dry, "state": state}
        audit.note(session, who, "import.ended", imported.file_name, **details)

    def _tell(self) -> None:
        if self._told is not None:
            with self._database.read() as session:
                self._told(session.get_one(Import, self._id))


def _lease() -> int:
    return clock.now() + LEASE


def _batches(rows: Iterable[Numbered]) -> Iterator[list[Numbered]]:
    """Rows, as many at a time as are stored together."""
    batch: list[Numbered] = []
    size = 0
    for one in rows:
        batch.append(one)
        size += one.row.end - one.row.begin
        if len(batch) == _ROWS or size >= _BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


class _Known:
    """Of a trial, the customers that it would have made so far: on disk, as there may be millions."""

    def __enter__(self) -> "_Known":
        self._ids = sqlite3.connect("")  # a database of its own that SQLite keeps in a temporary file, if it grows
        self._ids.execute("CREATE TABLE known (id TEXT PRIMARY KEY) WITHOUT ROWID")
        return self

    def __exit__(self, *_: object) -> None:
        self._ids.close()

    def sift(self, done: _Done) -> _Done:
        """What would become of rows after those before: a customer is made only once."""
        before = self._ids.total_changes
        self._ids.executemany("INSERT OR IGNORE INTO known VALUES (?)", [(one,) for one in done.born])
        again = len(done.born) - (self._ids.total_changes - before)
        if again:
            done.figures["created"] -= again
            done.figures["updated"] += again
        return done
