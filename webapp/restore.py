"""Putting a backup in the place of the embedded database."""

import shutil
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from webapp import migrate, occupancy
from webapp.backup import SIDES, BackupError, connect, new_file, put, refuse_damage, sync, told_in_words
from webapp.db import sqlite_library

_OURS = {"alembic_version", "workspaces", "customers", "events"}


@dataclass(frozen=True, slots=True)
class Restored:
    """What was done: where the database that was there is kept now, and the migrations that the restored one lacks."""

    kept: Path | None
    lacking: list[str]


def restore(backup: Path, database: Path) -> Restored:
    """Let a copy of a backup be the database. The backup itself is only read.

    Raises BackupError, OccupiedError while anything has the database open; then everything is as it was.
    """
    if not backup.is_file():
        raise BackupError(f"there is no file {backup}")
    if database.exists() and backup.samefile(database):
        raise BackupError(f"{backup} is the database itself")
    with told_in_words(database):
        database.parent.mkdir(parents=True, exist_ok=True)
        with occupancy.alone(database), new_file(database) as fresh:
            _refuse_others(database)
            lacking = _examined(backup, fresh)
            occupancy.give_to_owner(fresh, database)
            _refuse_others(database)  # it took a while
            with _kept(database) as kept:
                put(fresh, database)
    return Restored(kept, lacking)


def _examined(backup: Path, fresh: Path) -> list[str]:
    """Copy a backup, with what SQLite may have left beside it, and see if it can be used. Returns what it lacks."""
    shutil.copyfile(backup, fresh)
    for side in ("-wal", "-journal"):
        if (beside := Path(f"{backup}{side}")).exists():
            shutil.copyfile(beside, f"{fresh}{side}")
    try:
        refuse_damage(fresh, backup)
        return migrate.lacking(_revision(fresh))
    except (sqlite_library().DatabaseError, _ForeignError) as error:
        if "disk is full" in str(error):
            raise
        raise BackupError(f"{backup} is not a database of this product: {error}") from None
    except migrate.NewerSchemaError as error:
        raise BackupError(f"{backup}: {error}; install that version") from None


class _ForeignError(Exception):
    pass


def _revision(fresh: Path) -> str:
    with closing(connect(fresh, "ro")) as copy:
        tables = {name for (name,) in copy.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if not tables >= _OURS:
            raise _ForeignError(f"it has no table {', '.join(sorted(_OURS - tables))}")
        row = copy.execute("SELECT version_num FROM alembic_version").fetchone()
    if row is None:
        raise _ForeignError("it says of no schema")
    return str(row[0])


def _refuse_others(database: Path) -> None:
    """Raises OccupiedError when any connection is open, also of other programs. Takes in what the log still holds."""
    if not database.exists():
        return
    with closing(connect(database, "rw")) as connection:
        connection.execute("PRAGMA busy_timeout=0")
        connection.execute("PRAGMA locking_mode=EXCLUSIVE")  # all open connections share a lock in WAL mode
        try:
            connection.execute("BEGIN EXCLUSIVE")
        except sqlite_library().DatabaseError as error:
            if "locked" in str(error):
                raise occupancy.OccupiedError(f"another program has {database} open; close it first") from None
            # A database that is damaged is a reason to restore one, and is kept as it is.


@contextmanager
def _kept(database: Path) -> Iterator[Path | None]:
    """Keep the database that is there under another name; everything as it was if the block fails."""
    if not database.exists():
        yield None
        return
    kept = database.with_name(f"{database.name}.before-restore-{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}")
    moved = []
    try:
        for side in SIDES:
            beside = Path(f"{database}{side}")
            if beside.exists():
                moved.append((beside, beside.rename(f"{kept}{side}")))
        kept.hardlink_to(database)  # so that there is a database under its own name at every moment
        yield kept
    except BaseException:
        if not kept.exists() or kept.samefile(database):  # else the new one has taken its place already
            kept.unlink(missing_ok=True)
            for beside, elsewhere in moved:
                elsewhere.rename(beside)
        raise
    Path(f"{kept}-shm").unlink(missing_ok=True)  # only an index of the log, made anew when needed
    sync(database.parent)
