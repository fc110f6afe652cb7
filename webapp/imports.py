"""Imports of files: keeping a file, starting and cancelling its import, telling what became of it."""

import json
from collections.abc import Iterator, Sequence
from functools import partial
from typing import IO, Literal, NamedTuple

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from webapp import (
    audit,
    clock,
    csv_files,
    csv_shapes,
    csv_values,
    exports,
    import_faults,
    import_files,
    import_formats,
    import_plans,
)
from webapp.audit import Who
from webapp.config import Settings
from webapp.csv_files import Row
from webapp.db import Database
from webapp.import_faults import FaultyError
from webapp.import_files import TooLargeError
from webapp.import_plans import Plan
from webapp.models import Import, ImportFailure

KINDS = ("customers", "events")
FileKind = Literal["customers", "events"]
KEPT = 7 * clock.DAY  # so long a file stays when its import is over, or nobody has started it
_LONGEST_FILE_NAME = 200
_AT_ONCE = 500  # failed rows
_LONGEST_CELL = 65_536  # characters of one that is given back
_NOT_AS_IT_CAME = "This row is cut, or has � for what is no text: mend it, then empty this cell"
_NEAR = 2_000_000  # bytes from one failed row to the next that are rather read than skipped


class NotFoundError(LookupError):
    """There is no such import in the workspace."""


class WrongError(ValueError):
    """It can't be done; the message says why, as a sentence without its full stop."""


class Limits(NamedTuple):
    """What the settings allow: bytes of a file, columns and rows (None: any number)."""

    largest_file: int = 500_000_000
    most_columns: int | None = None
    most_rows: int | None = None


def limits(settings: Settings) -> Limits:
    """What the settings allow."""
    return Limits(settings.import_largest_file, settings.import_max_columns, settings.import_max_rows)


class Reason(NamedTuple):
    """Why a cell, or (`column` is None) a row, wasn't imported; `title` of the column."""

    column: int | None
    title: str
    words: str

    @property
    def text(self) -> str:
        """As one sentence without its full stop."""
        return f"{self.title} {self.words}" if self.column is not None else self.words


class Failure(NamedTuple):
    """A row of which not everything was imported. `row`: its number in a spreadsheet. `is_failed`: nothing was."""

    row: int
    is_failed: bool
    reasons: Sequence[Reason]


def prepare(
    database: Database, who: Who, stream: IO[bytes], file_name: str, kind: FileKind, limits: Limits
) -> int:  # fmt: skip
    """Keep a file to be imported into the workspace of `who`. Returns the id of its import. Raises WrongError.

    The stream is read to its end. What it raises is raised here, and nothing of it is kept.
    """
    assert who.workspace_id is not None  # noqa: S101 - an installation has no customers
    fresh = partial(_added, who=who, file_name=file_name, kind=kind)
    id_ = database.transact(fresh)
    try:
        size, digest = import_files.store(database, who.workspace_id, id_, stream, limits.largest_file)
    except TooLargeError:
        _drop(database, id_)
        raise WrongError(f"the file is larger than {limits.largest_file:,} bytes, the most that are allowed") from None
    except BaseException:
        _drop(database, id_)
        raise
    if size == 0:
        _drop(database, id_)
        raise WrongError("the file is empty")
    database.transact(lambda session: _arrived(session, id_, size, digest))
    return id_


def _added(session: Session, who: Who, file_name: str, kind: FileKind) -> int:
    name = import_plans.clean(file_name.replace("\\", "/").rpartition("/")[2])[:_LONGEST_FILE_NAME]
    made = Import(
        workspace_id=who.workspace_id,
        created_at=clock.now(),
        actor=who.name,
        user_id=who.user_id,
        kind=kind,
        file_name=csv_values.storable(name) or "file",
    )
    session.add(made)
    session.flush()
    return made.id


def _arrived(session: Session, id_: int, size: int, digest: str) -> None:
    session.execute(update(Import).where(Import.id == id_).values(size=size, digest=digest, state="new"))


def _drop(database: Database, id_: int) -> None:
    """Take back one that hasn't arrived."""
    import_files.remove(database, id_)
    database.transact(lambda session: session.execute(delete(Import).where(Import.id == id_)))


def find(session: Session, workspace_id: int, id_: int) -> Import:
    """An import of the workspace. Raises NotFoundError."""
    found = session.get(Import, id_) if 0 < id_ < 2**63 else None
    if found is None or found.workspace_id != workspace_id or found.state == "arriving":
        raise NotFoundError(id_)
    return found


def latest(session: Session, workspace_id: int, most: int = 20) -> Sequence[Import]:
    """The latest imports of the workspace, the last one first."""
    query = select(Import).where(Import.workspace_id == workspace_id, Import.state != "arriving")
    return session.scalars(query.order_by(Import.id.desc()).limit(most)).all()


def unfinished(session: Session, workspace_id: int, digest: str, kind: str) -> Import | None:
    """An import of the same file that is under way."""
    query = select(Import).where(
        Import.workspace_id == workspace_id, Import.state == "running", ~Import.is_dry, Import.digest == digest
    )
    return session.scalar(query.where(Import.kind == kind).order_by(Import.id.desc()).limit(1))


def start(session: Session, who: Who, id_: int, plan: Plan, limits: Limits, *, dry: bool) -> Import:
    """Have a file of the workspace of `who` imported, or only tried.

    To be called in `Database.write`; whoever works in the background is to be woken afterwards. Raises NotFoundError,
    WrongError where it is under way or over, FaultyError where the plan can't be followed.
    """
    imported = locked(session, who, id_)
    if imported.state == "running":
        raise WrongError("the file is being imported already")
    if imported.is_over or not imported.is_kept:
        raise WrongError("this import is over; upload the file again to import it again")
    if found := import_faults.faults(session, imported, plan, limits.most_columns):
        raise FaultyError(found)
    imported.plan, imported.is_dry, imported.state = plan.as_json(), dry, "running"
    imported.actor, imported.user_id = who.name, who.user_id
    imported.total = imported.ended_at = imported.error = None
    imported.position = imported.rows = imported.created = imported.updated = imported.unchanged = 0
    imported.events = imported.failed = imported.ignored = 0
    imported.started_at = clock.now()
    imported.worker, imported.leased_until = None, 0
    details = {"kind": imported.kind, "trial": dry, **import_plans.noted(plan)}
    audit.note(session, who, "import.started", imported.file_name, **details)
    return imported


def cancel(session: Session, who: Who, id_: int) -> Import:
    """Stop an import, or never start it. What is imported stays; the file is removed in the background.

    To be called in `Database.write`. Raises NotFoundError, and WrongError where it is over.
    """
    imported = locked(session, who, id_)
    if imported.is_over:
        raise WrongError("this import is over already")
    imported.state, imported.ended_at, imported.worker = "cancelled", clock.now(), None
    audit.note(session, who, "import.cancelled", imported.file_name, **counts(imported))
    return imported


def counts(imported: Import) -> dict[str, int]:
    """How far an import has come, as details of a note in the audit log."""
    names = ("rows", "created", "updated", "unchanged", "events", "failed", "ignored")
    return {name: getattr(imported, name) for name in names}


def locked(session: Session, who: Who, id_: int) -> Import:
    """An import of the workspace of `who`, for a change of it. Raises NotFoundError."""
    assert who.workspace_id is not None  # noqa: S101 - an installation has no customers
    find(session, who.workspace_id, id_)
    return session.get_one(Import, id_, with_for_update=True, populate_existing=True)


def titles(session: Session, imported: Import) -> list[str]:
    """The titles of the columns, as the plan has them read."""
    plan = import_plans.of(imported)
    if plan is None:
        return []
    begin, is_whole = import_plans.head(session, imported)
    return import_plans.titles_of(csv_shapes.first_rows(begin, plan.form, 1, is_whole=is_whole), plan.has_header)


def failures(session: Session, imported: Import, most: int = 50) -> list[Failure]:
    """The first rows of which not everything was imported."""
    query = select(ImportFailure).where(
        ImportFailure.import_id == imported.id, ImportFailure.workspace_id == imported.workspace_id
    )
    rows = session.scalars(query.order_by(ImportFailure.row).limit(most)).all()
    named = titles(session, imported) if rows else []
    return [Failure(row.row, row.is_failed, _reasons(row, named)) for row in rows]


def _reasons(row: ImportFailure, named: Sequence[str]) -> list[Reason]:
    return [
        Reason(place, "" if place is None else _title(named, place), words) for place, words in json.loads(row.reasons)
    ]


def _title(named: Sequence[str], place: int) -> str:
    return named[place] if place < len(named) and named[place] else f"Column {place + 1}"


def failed_rows(database: Database, workspace_id: int, id_: int) -> Iterator[bytes]:
    """The lines of a CSV file of the rows of which nothing was imported, as they came, with their numbers and reasons.

    Some hundred of them are in memory. Where the file is removed meanwhile, it ends.
    """
    with database.read() as session:
        imported = find(session, workspace_id, id_)
        named, plan = titles(session, imported), import_plans.of(imported)
    head = exports.lines([[*named, import_formats.ROW, import_formats.REASONS]])
    yield (exports.MARK + head).encode()
    if plan is None:
        return
    after, rows = 0, _Places(database, id_, plan)
    while True:
        with database.read() as session:
            query = select(ImportFailure).where(
                ImportFailure.import_id == id_, ImportFailure.is_failed, ImportFailure.row > after
            )
            found = session.scalars(query.order_by(ImportFailure.row).limit(_AT_ONCE)).all()
        if not found:
            return
        for one in found:
            row = rows.at(one.position)
            if row is None:
                return
            reasons = "; ".join(reason.text for reason in _reasons(one, named))
            yield exports.lines([_failed_row(row, len(named), one.row, reasons)]).encode()
        after = found[-1].row


def _failed_row(row: Row, width: int, number: int, reasons: str) -> list[str | int]:
    """The cells of a row, with its number and reasons behind the columns, and behind those what there is no column for.

    By that it fails again until somebody has mended it, as does one that isn't given back as it came.
    """
    cells = [_given_back(cell) for cell in row.cells]
    surplus = cells[width:]
    if row.is_cut or row.is_open or cells != row.cells:
        surplus.append(_NOT_AS_IT_CAME)
    return [*cells[:width], *[""] * (width - len(cells)), number, reasons, *surplus]


def _given_back(cell: str) -> str:
    return csv_values.storable(cell if len(cell) <= _LONGEST_CELL else f"{cell[:_LONGEST_CELL]}…")


class _Places:
    """Rows of a file by where they begin, in the order of the file."""

    def __init__(self, database: Database, id_: int, plan: Plan) -> None:
        self._database, self._id, self._form = database, id_, plan.form
        self._rows: Iterator[Row] = iter(())
        self._end = -_NEAR

    def at(self, position: int) -> Row | None:
        """The row that begins there; None where the file isn't there any more."""
        if position - self._end >= _NEAR or position < self._end:
            pieces = import_files.pieces(self._database, self._id, position)
            self._rows = csv_files.rows(pieces, self._form, position)
        for row in self._rows:
            self._end = row.end
            if row.begin == position:
                return row
        return None


def _given_up(session: Session, id_: int) -> bool:
    """End one that wasn't started. Returns False where somebody has done so a moment ago."""
    is_its = (Import.id == id_) & Import.state.in_(("new", "ready"))
    ended = update(Import).where(is_its).values(state="cancelled", ended_at=clock.now())
    return session.scalar(ended.returning(Import.id)) is not None


def forget_old(database: Database) -> None:
    """Remove the files of imports that are over for long, were cancelled, or never started."""
    now = clock.now()
    with database.read() as session:
        is_old = (
            (Import.state == "cancelled")
            | (Import.state.in_(("done", "failed")) & (Import.ended_at < now - KEPT))
            | (Import.state.in_(("new", "ready")) & (Import.created_at < now - KEPT))
            | ((Import.state == "arriving") & (Import.created_at < now - clock.DAY))
        )
        old = session.execute(select(Import.id, Import.state).where(Import.is_kept, is_old).limit(100)).all()
    for id_, state in old:
        if state == "arriving":
            _drop(database, id_)
        elif state not in {"new", "ready"} or database.transact(partial(_given_up, id_=id_)):
            import_files.remove(database, id_)
