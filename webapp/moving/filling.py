"""Storing a file that was looked through, some thousand lines in each transaction.

The workspace is marked until all is there (see `halves`), and is taken away again when anything goes wrong. Killed in
the middle, an import is begun anew, not gone on with.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import orjson
from sqlalchemy import ClauseElement, Column, func, select, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from webapp import (
    audit,
    clock,
    dictionary,
    events,
    invitations,
    lookups,
    recounts,
    registry,
    search,
    statements,
    workspaces,
)
from webapp.db import Database, insert
from webapp.models import Counting, Customer, User, Workspace
from webapp.moving import FaultyError, UnderWayError, checking, halves
from webapp.moving.carried import BY_NAME, Kind
from webapp.moving.checking import Checked
from webapp.moving.halves import LostError, Mark
from webapp.moving.order import Numbers
from webapp.moving.reading import Line, Reader

_ROWS, _BYTES = 5_000, 4_000_000  # of one transaction
_LONGEST_PAUSE = 0.1  # seconds between two transactions, for those who store something on SQLite
_SEARCHED = ("growlytics_id", "system_id")


class Imported(NamedTuple):
    """What was imported, and the token of an invitation for the first administrator."""

    workspace: Workspace
    counts: Mapping[str, int]
    invitation: str


def bring_in(
    database: Database, file: Path, name: str | None = None, told: Callable[[int], None] = lambda _: None
) -> Imported:  # fmt: skip
    """Make a workspace of a file. `name`: of the workspace, instead of the file's. `told`: of so many lines more.

    Its days are left to be counted (webapp/recounts.py). Raises FaultyError, UnderWayError: then nothing is there that
    wasn't before.
    """
    halves.clear(database)
    with database.read() as session:
        if halves.are_arriving(session):
            raise UnderWayError(
                "another import is under way, or was broken off within the last minute; try again when it is over"
            )
        if name is not None:
            _refuse_name(session, name)
    checked = checking.check(database, file)
    called = checked.name if name is None else name
    with database.read() as session:
        _refuse_name(session, called)
    filling = _Filling(database, file, checked, called)
    try:
        filling.run(told)
        token = filling.finish()
    except LostError:
        raise UnderWayError("the import stood still for so long that it was given up; try again") from None
    except BaseException:
        filling.give_up()
        raise
    return Imported(filling.workspace, checked.counts, token)


def _refuse_name(session: Session, name: str) -> None:
    if not 0 < len(name) <= workspaces.LONGEST_NAME:
        raise UnderWayError(f"the name of a workspace has 1 to {workspaces.LONGEST_NAME} characters")
    if any(one.name == name for one, _ in workspaces.every(session)):
        raise UnderWayError(f"there is a workspace “{name}” already; give this one another name")


@dataclass
class _Batch:
    """Lines of one kind that are stored together."""

    kind: str = ""
    rows: list[dict[str, Any]] = field(default_factory=list)
    size: int = 0
    last: int = 0  # line

    def takes(self, line: Line) -> bool:
        """Whether there is room for another line."""
        return line.kind == self.kind and len(self.rows) < _ROWS and self.size < _BYTES

    def add(self, line: Line) -> None:
        """Take another line."""
        self.rows.append(line.told or {})
        self.size += line.size
        self.last = line.number


class _Filling:
    """One import, from its first line to its last. The workspace is there from its line on."""

    workspace: Workspace

    def __init__(self, database: Database, file: Path, checked: Checked, name: str) -> None:
        self._database, self._file, self._checked, self._name = database, file, checked, name
        self._numbers = {kind: Numbers() for kind in ("author", "device", "customer")}
        self._mark: Mark | None = None

    def run(self, told: Callable[[int], None]) -> None:
        """Store all lines. Raises FaultyError, LostError."""
        reader = Reader(self._file)
        for batch in _batches(reader):
            began = time.monotonic()
            self._store(batch)
            told(len(batch.rows))
            if self._database.is_sqlite:  # which has one writer at a time, and others wait for their turn
                time.sleep(min(time.monotonic() - began, _LONGEST_PAUSE))
        if reader.sha256 != self._checked.sha256:
            raise FaultyError(["the file was changed while it was imported"])

    def _store(self, batch: _Batch) -> None:
        if batch.kind == "workspace":
            with self._database.write() as session:
                self.workspace = self._found(session, batch.rows[0])
            self._mark = Mark(self.workspace.id, self.workspace.arriving_at or 0)
            return
        mark = self._marked
        try:
            at, ids = self._database.transact(partial(self._put, batch=batch))
        except IntegrityError:
            lines = f"lines {batch.last - len(batch.rows) + 1:,} to {batch.last:,}"
            raise FaultyError([f"{lines}: some of them don’t fit what is stored: {batch.kind}"]) from None
        mark.keep(at)
        if batch.kind in self._numbers:
            self._numbers[batch.kind].add(ids)

    @property
    def _marked(self) -> Mark:
        if self._mark is None:
            raise LostError
        return self._mark

    def _found(self, session: Session, told: dict[str, Any]) -> Workspace:
        """Make the workspace, and mark it."""
        made = workspaces.create(session, self._name, told["time_zone"], told["default_region"])
        for column in BY_NAME["workspace"].columns:
            if column != "name":
                setattr(made, column, told.get(column))
        made.arriving_at = clock.now()
        return made

    def _put(self, session: Session, batch: _Batch) -> tuple[int, Sequence[int]]:
        """Store rows. Returns the mark's time, and their ids if they have any."""
        at, kind = self._marked.renewed(session), BY_NAME[batch.kind]
        if kind.name == "author":
            return at, [_author(session, one["email"]) for one in batch.rows]
        rows = [self._row(kind, one) for one in batch.rows]
        if kind.is_link:
            statements.execute(session, linking(kind.name), rows)
            return at, []
        ids = _fresh_ids(session, kind, len(rows)) if kind.is_numbered else []
        for row, id_ in zip(rows, ids, strict=False):
            row["id"] = id_
        statements.execute(session, inserting(kind.name), rows)
        self._follow(session, kind, rows)
        return at, ids

    def _row(self, kind: Kind, told: dict[str, Any]) -> dict[str, Any]:
        """What is stored of a line."""
        row: dict[str, Any] = {name: told.get(name) for name in kind.columns}
        for column, other in kind.refers.items():
            number = told.get(kind.field_of(column))
            row[column] = None if number is None else self._numbers[other].id(number)
        if "workspace_id" in kind.table.c:
            row["workspace_id"] = self.workspace.id
        if kind.name == "value":
            row["lookup"] = lookups.of_text(self.workspace.id, row["name"], row["value"])
        elif kind.name == "entry":
            row["folded"] = dictionary.fold(row["name"] or row["event_name"])
        return row | kind.constants

    def _follow(self, session: Session, kind: Kind, rows: Sequence[dict[str, Any]]) -> None:
        """Make what hangs on rows that were just stored: search terms, counts of events."""
        if kind.name == "customer":
            found_by = [(row["id"], one, row[one]) for row in rows for one in _SEARCHED if row[one] is not None]
            search.add(session, self.workspace, found_by)
        elif kind.name == "value":
            named = [row for row in rows if row["name"] in registry.RESERVED]
            values = [(row["customer_id"], row["name"], orjson.loads(row["value"])) for row in named]
            search.add(session, self.workspace, values)
        elif kind.name == "event":
            events.add_to_counts(session, Counter((row["customer_id"], row["name"]) for row in rows))

    def finish(self) -> str:
        """Let the workspace be seen. Returns the token of an invitation for its first administrator."""
        with self._database.write() as session:
            return self._finished(session)

    def _finished(self, session: Session) -> str:
        _refuse_name(session, self._name)
        workspace, who = self.workspace, audit.console(self.workspace.id)
        self._marked.taken_off(session)
        recounts.begin(session, workspace.id, workspace.time_zone)
        first = select(func.min(Customer.id)).where(Customer.workspace_id == workspace.id).scalar_subquery()
        # Nobody of an earlier id is of this workspace.
        since = update(Counting).where(Counting.workspace_id == workspace.id)
        session.execute(since.values(counted_to=func.coalesce(first - 1, 0)))
        audit.note(session, who, "workspace.imported", workspace.name, **self._checked.counts)
        audit.note(session, who, "user.invited", "the first administrator", role="admin")
        return invitations.invite(session, workspace.id, "admin")

    def give_up(self) -> None:
        """Take away what is stored so far. Where that fails too, others will."""
        if self._mark is None:
            return
        with suppress(Exception):
            self._database.transact(self._marked.given_up)
            halves.remove(self._database, self.workspace.id)


def _batches(reader: Reader) -> Iterator[_Batch]:
    batch = _Batch()
    for line in reader.lines():
        if not batch.takes(line):
            if batch.rows and batch.kind in BY_NAME:
                yield batch
            batch = _Batch(line.kind)
        batch.add(line)
    if batch.kind in BY_NAME:
        yield batch


def _author(session: Session, email: str) -> int:
    """The user of this e-mail; where there is none, a name alone: nobody can sign in by it."""
    row = {"email": email, "password_hash": "", "created_at": clock.now()}
    session.execute(insert(session)(User).values(row).on_conflict_do_nothing(index_elements=["email"]))
    return session.scalars(select(User.id).where(User.email == email)).one()


def _fresh_ids(session: Session, kind: Kind, number: int) -> Sequence[int]:
    """So many ids that no row of a table has, each larger than all before."""
    table = kind.table
    if session.get_bind().dialect.name == "sqlite":  # where nobody else writes until this is committed
        last = session.scalar(select(func.max(table.c.id))) or 0
        return range(last + 1, last + 1 + number)
    query = "SELECT nextval(pg_get_serial_sequence(:name, 'id')) FROM generate_series(1, :number)"
    return session.scalars(text(query), {"name": table.name, "number": number}).all()


@cache
def inserting(name: str) -> Callable[[str], ClauseElement]:
    """The INSERT of rows of a kind."""
    kind = BY_NAME[name]
    columns = _stored(kind)
    return lambda dialect: statements.inserting(dialect, columns)


def _stored(kind: Kind) -> list[Column[Any]]:
    known = {*kind.columns, *kind.refers, *kind.constants, "workspace_id", "lookup", "folded"}
    return [one for one in kind.table.c if one.name in known or (one.name == "id" and kind.is_numbered)]


@cache
def linking(name: str) -> Callable[[str], ClauseElement]:
    """The UPDATE that tells rows of a kind what they refer to."""
    kind = BY_NAME[name]
    table = kind.table
    (_, linked) = kind.refers

    def statement(dialect: str) -> ClauseElement:
        told = statements.given(dialect, [table.c.id, table.c[linked]]).subquery("told").c
        return update(table).where(table.c.id == told.id).values({linked: told[linked]})

    return statement
