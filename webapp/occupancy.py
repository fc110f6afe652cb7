"""Who uses the embedded database: servers and commands share it, a restore wants it for itself.

SQLite's own locks don't tell enough: a server that nobody asks may have no connection open. So each holds a lock on a
file beside the database, which the kernel lets go when the process ends, however it ends.
"""

import fcntl
import os
from pathlib import Path
from typing import BinaryIO

from webapp.config import ConfigError


class OccupiedError(Exception):
    """Somebody else uses the database in a way that doesn't go together with what is wanted."""


def shared(file: Path) -> BinaryIO:
    """Use a database beside others, until the answer is closed. Raises OccupiedError, ConfigError."""
    return _locked(file, fcntl.LOCK_SH, f"{file} is being restored; try again in a moment")


def alone(file: Path) -> BinaryIO:
    """Use a database alone, until the answer is closed. Raises OccupiedError, ConfigError."""
    return _locked(file, fcntl.LOCK_EX, f"a server or another command has {file} open; stop it first")


def give_to_owner(made: Path, like: Path) -> None:
    """When root makes a file beside the database, it becomes its owner's, who could not use it otherwise."""
    if os.geteuid() == 0:
        owner = (like if like.exists() else like.parent).stat()
        os.chown(made, owner.st_uid, owner.st_gid)


def _locked(file: Path, kind: int, refusal: str) -> BinaryIO:
    path = file.with_name(f"{file.name}.lock")
    try:
        is_new = not path.exists()
        held = os.fdopen(os.open(path, os.O_RDONLY | os.O_CREAT, 0o600), "rb")
        if is_new:
            give_to_owner(path, file)
        try:
            fcntl.flock(held, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            held.close()
            raise OccupiedError(refusal) from None
    except OSError as error:
        raise ConfigError(f"DATABASE_URL: can't lock {path}: {error.strerror}") from None
    return held
