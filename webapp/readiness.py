"""Whether this server can do its work now: the database answers, can be written, and has the schema of this version."""

import logging
import shutil
import threading
import time
from pathlib import Path

from flask import Response, current_app
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from webapp import db, migrate
from webapp.db import Database, Trouble

log = logging.getLogger(__name__)

AWAY = "the database can't be reached"
FULL = "the disk of the database is full"
MOVED = "the file of the database has been moved or deleted; put it back and restart"
READ_ONLY = "the database can't be written"
DAMAGED = "the database is damaged"
EMPTY = "the database has no tables yet; run `customer-profiles migrate`"

_KEPT = 1.0  # seconds for which a finding holds, so that asking often costs nothing
_PATIENCE = 2.0  # seconds to wait for the database
_FULL_HOLDS = 10.0  # seconds for which a request counts that found no space
# Bytes. Within the log a small write may still find room where an ordinary request doesn't.
_LEAST_SPACE = 1_000_000
_NEVER = float("-inf")
# What both engines say, in the order in which to look.
_SAYINGS = {
    "no such table": EMPTY,
    "readonly": READ_ONLY,
    "read-only": READ_ONLY,
    "malformed": DAMAGED,
    "not a database": DAMAGED,
}
_UNDEFINED_TABLE = "42P01"
_WRITE = text("UPDATE alembic_version SET version_num = version_num RETURNING version_num")


class Readiness:
    """What is wrong, found out by a real write to the database: at most once a second, in a thread of its own.

    `file`: of the embedded database, None on PostgreSQL.
    """

    def __init__(self, database: Database, file: Path | None) -> None:
        self._database = database
        self._file = file
        self._inode = _inode(file)
        self._turn = threading.Lock()
        self._found: str | None = None
        self._found_at = _NEVER
        self._full_until = _NEVER
        self._look: _Look | None = None

    def trouble(self) -> str | None:
        """Why this server isn't ready, in words without secrets; None if it is. Takes a few seconds at most."""
        if time.monotonic() - self._found_at < _KEPT:
            return self._found
        # One waits for the database; the others take what was found last, or all threads would stand here.
        if self._turn.acquire(timeout=2 * _PATIENCE if self._found_at == _NEVER else 0):
            try:
                if time.monotonic() - self._found_at >= _KEPT:
                    self._note(self._ask())
            finally:
                self._turn.release()
        return self._found

    def refused(self, trouble: Trouble | None) -> None:
        """Learn from a request that could not be stored: the small write here may notice a full disk late."""
        if trouble is Trouble.FULL:
            self._full_until = time.monotonic() + _FULL_HOLDS

    def _note(self, found: str | None) -> None:
        if found is not None and found != self._found:
            log.error("not ready: %s", found)
        elif found is None and self._found is not None:
            log.warning("ready again")
        self._found, self._found_at = found, time.monotonic()

    def _ask(self) -> str | None:
        if self._look is None or not self._look.is_alive():
            self._look = _Look(self)
            self._look.start()
        self._look.join(_PATIENCE)  # it may go on for longer, and then nobody starts another
        return self._look.found

    def examine(self) -> str | None:
        """Look at everything; takes as long as it takes."""
        if self._file is not None:
            if self._inode is not None and _inode(self._file) != self._inode:
                return MOVED  # what is written to a deleted file would be lost
            if shutil.disk_usage(self._file.parent).free < _LEAST_SPACE:
                return FULL
        if time.monotonic() < self._full_until:
            return FULL
        try:
            # A write and a commit like any other. That nothing changes costs no less.
            with self._database.write() as session:
                revision = session.scalar(_WRITE)
        except SQLAlchemyError as error:
            return _in_words(error)
        self._inode = self._inode or _inode(self._file)
        return _lack(revision)


class _Look(threading.Thread):
    """One look at the database, whose end nobody need wait for."""

    def __init__(self, readiness: Readiness) -> None:
        super().__init__(daemon=True)
        self._readiness = readiness
        self.found: str | None = f"the database has not answered within {_PATIENCE:g} seconds"

    def run(self) -> None:
        """Look."""
        try:
            self.found = self._readiness.examine()
        except Exception:
            log.exception("looking at the database failed")
            self.found = AWAY


def answer() -> Response:
    """200 `ok`, or 503 with the reason."""
    found = readiness().trouble()
    return Response(f"{found or 'ok'}\n", status=503 if found else 200, mimetype="text/plain")


def readiness() -> Readiness:
    """The readiness of the current app."""
    found: Readiness = current_app.extensions["readiness"]
    return found


def _inode(file: Path | None) -> int | None:
    return file.stat().st_ino if file is not None and file.exists() else None


def _in_words(error: SQLAlchemyError) -> str:
    if db.trouble(error) is Trouble.FULL:
        return FULL
    cause = error.orig if isinstance(error, DBAPIError) else None
    if getattr(cause, "sqlstate", None) == _UNDEFINED_TABLE:
        return EMPTY
    return next((words for saying, words in _SAYINGS.items() if saying in str(cause)), AWAY)


def _lack(revision: str | None) -> str | None:
    if revision is None:
        return EMPTY
    try:
        lacking = migrate.lacking(revision)
    except migrate.NewerSchemaError as error:
        return str(error)
    return f"the database lacks {', '.join(lacking)}; run `customer-profiles migrate`" if lacking else None
