"""The files of imports, kept in the database in pieces: any server can go on with one, and none holds it in memory."""

import hashlib
import zlib
from collections.abc import Iterator
from functools import partial
from typing import IO

from sqlalchemy import delete, insert, select, update
from sqlalchemy.orm import Session

from webapp.db import Database
from webapp.models import Import, ImportChunk, ImportFailure

CHUNK = 262_144  # bytes of the file in a row
_MOST_FORGOTTEN = 50  # pieces at a time, about 13 MB of a file
_MOST_FAILURES = 5_000


class TooLargeError(ValueError):
    """The file has more bytes than are allowed."""


def store(database: Database, workspace_id: int, import_id: int, stream: IO[bytes], most: int) -> tuple[int, str]:
    """Keep what a stream has to give. Returns its size in bytes and its digest. Raises TooLargeError.

    Each piece is a transaction of its own: a slow upload holds up nobody.
    """
    digest, size, number = hashlib.sha256(), 0, 0
    while piece := _piece(stream):
        size += len(piece)
        if size > most:
            raise TooLargeError
        digest.update(piece)
        row = {"import_id": import_id, "number": number, "workspace_id": workspace_id, "data": zlib.compress(piece, 1)}
        database.transact(partial(_add, row=row))
        number += 1
    return size, digest.hexdigest()


def _piece(stream: IO[bytes]) -> bytes:
    """The next CHUNK bytes, fewer only at the end: streams give what they have."""
    parts, missing = [], CHUNK
    while missing and (part := stream.read(missing)):
        parts.append(part)
        missing -= len(part)
    return b"".join(parts)


def _add(session: Session, row: dict[str, object]) -> None:
    session.execute(insert(ImportChunk), row)


def pieces(database: Database, import_id: int, position: int = 0) -> Iterator[bytes]:
    """The file from a position on, in bytes. It ends early where the file is removed meanwhile."""
    number, offset = divmod(position, CHUNK)
    while True:
        with database.read() as session:
            piece = piece_of(session, import_id, number)
        if piece is None:
            return
        yield piece[offset:]
        number, offset = number + 1, 0


def piece_of(session: Session, import_id: int, number: int) -> bytes | None:
    """One piece of the file, None where there is none."""
    is_it = (ImportChunk.import_id == import_id) & (ImportChunk.number == number)
    data = session.scalar(select(ImportChunk.data).where(is_it))
    return None if data is None else zlib.decompress(data)


def remove(database: Database, import_id: int) -> None:
    """Forget the file and what failed of it, in small steps: nobody waits long for any."""
    while database.transact(partial(_some_removed, import_id=import_id)):
        pass


def _some_removed(session: Session, import_id: int) -> bool:
    """Remove a part. Returns whether there may be more."""
    chunks = select(ImportChunk.number).where(ImportChunk.import_id == import_id).limit(_MOST_FORGOTTEN)
    numbers = session.scalars(chunks).all()
    if numbers:
        session.execute(delete(ImportChunk).where(ImportChunk.import_id == import_id, ImportChunk.number.in_(numbers)))
        return True
    if forget_failures(session, import_id):
        return True
    session.execute(update(Import).where(Import.id == import_id).values(is_kept=False))
    return False


def forget_failures(session: Session, import_id: int) -> bool:
    """Forget some of what failed of a file. Returns whether there was any."""
    is_its = ImportFailure.import_id == import_id
    rows = session.scalars(select(ImportFailure.row).where(is_its).order_by(ImportFailure.row).limit(_MOST_FAILURES))
    found = rows.all()
    if found:
        session.execute(delete(ImportFailure).where(is_its, ImportFailure.row <= found[-1]))
    return bool(found)
