"""A copy of the embedded database in one file, made while the server writes to it."""

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from webapp.db import sqlite_library

# What SQLite keeps beside a database file; together with it, never without it.
SIDES = ("-wal", "-shm", "-journal")
_STEP = 2_000  # pages of 4 KB; between two steps Ctrl-C is heard


class BackupError(Exception):
    """There is no copy; the message says why. Nothing is left of it on disk."""


def make(database: Path, target: Path, *, replaces: bool = False) -> int:
    """Copy a database as it is now: with everything committed before, and nothing of what comes while it is copied.

    Returns the copy's bytes. Raises BackupError.
    """
    if not database.exists():
        raise BackupError(f"there is no database at {database} yet")
    _refuse(database, target, replaces)
    with told_in_words(target), new_file(target) as fresh:
        _copy(database, fresh)
        refuse_damage(fresh, database)
        _refuse(database, target, replaces)  # it took a while
        size = fresh.stat().st_size
        put(fresh, target)
    return size


def _refuse(database: Path, target: Path, replaces: bool) -> None:
    if target.exists() and target.samefile(database):
        raise BackupError(f"{target} is the database itself")
    if target.is_dir():
        raise BackupError(f"{target} is a folder; name a file")
    if beside := [f"{target}{side}" for side in SIDES if Path(f"{target}{side}").exists()]:
        raise BackupError(f"{beside[0]} is there: {target} is a database that something has open")
    if target.exists() and not replaces:
        raise BackupError(f"{target} exists; --force replaces it")


def _copy(database: Path, fresh: Path) -> None:
    with closing(connect(database, "rw")) as source, closing(connect(fresh, "rw")) as copy:
        # What is read from here on is the database of this moment. In WAL mode that holds up no writer, and writers
        # don't make the copy start again, as they would between the steps of one without a transaction.
        source.execute("BEGIN")
        source.execute("SELECT count(*) FROM sqlite_master").fetchone()
        for pragma in ("journal_mode=OFF", "synchronous=OFF"):  # nobody needs half a copy; it is synced when whole
            copy.execute(f"PRAGMA {pragma}")
        source.backup(copy, pages=_STEP)
        source.execute("ROLLBACK")


def connect(file: Path, mode: str) -> Any:
    """A connection to a database file that is there, without the settings of the server's own. `mode`: ro or rw."""
    uri = f"{file.resolve().as_uri()}?mode={mode}"
    return sqlite_library().connect(uri, uri=True, isolation_level=None, timeout=15)


def refuse_damage(fresh: Path, origin: Path) -> None:
    """Make a copy one file, without anything beside it, and look through it. Raises BackupError if it isn't whole."""
    with closing(connect(fresh, "rw")) as copy:
        copy.execute("PRAGMA journal_mode=DELETE")
        (found,) = copy.execute("PRAGMA quick_check(1)").fetchone()
    if found != "ok":
        raise BackupError(f"{origin} is damaged: {' '.join(found.split())}")


@contextmanager
def new_file(target: Path) -> Iterator[Path]:
    """An empty file beside the target that nobody else may read; removed at the end of the block if still there."""
    fresh = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    try:  # before it is there: it can be ended at any moment
        os.close(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        yield fresh
    finally:
        for path in (fresh, *(Path(f"{fresh}{side}") for side in SIDES)):
            path.unlink(missing_ok=True)


def put(fresh: Path, target: Path) -> None:
    """Let a finished file take the target's name, in one step that survives a loss of power."""
    sync(fresh)
    fresh.replace(target)
    sync(target.parent)


def sync(path: Path) -> None:
    """Have a file or a folder written to disk."""
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


@contextmanager
def told_in_words(target: Path) -> Iterator[None]:
    """What SQLite and the system say of a file becomes a BackupError."""
    try:
        yield
    except sqlite_library().Error as error:
        words = "no space left on the disk" if "disk is full" in str(error) else str(error)
        raise BackupError(f"{target}: {words}") from None
    except OSError as error:
        words = "no space left on the disk" if error.errno == errno.ENOSPC else str(error.strerror)
        raise BackupError(f"{error.filename or target}: {words}") from None
