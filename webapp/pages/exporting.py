"""Settings › Workspace: the whole workspace as a file, for administrators."""

import time
from collections.abc import Iterator
from datetime import datetime
from threading import BoundedSemaphore

from flask import Blueprint, Response, flash, redirect, url_for
from flask.typing import ResponseReturnValue

from webapp import audit, clock
from webapp.db import database
from webapp.filters import sentence
from webapp.moving import UnderWayError, writing
from webapp.pages.guards import place, who

door = Blueprint("exporting", __name__, url_prefix="/settings/workspace/export")

_LONGEST = 30 * 60  # seconds: so long it may hold a transaction open, and a thread
_turn = BoundedSemaphore()  # of one process


@door.post("")
def export() -> ResponseReturnValue:
    """The file, while it is written: it is never in memory, nor on this disk. That it is handed out is noted first.

    By a form with a token, as it is much work: no link or image of another site can set it going.
    """
    here, base = place(), database()
    pieces = _alone(writing.compressed(writing.pieces(base, here.workspace.id, time.monotonic() + _LONGEST)))
    try:
        first = next(pieces)
    except UnderWayError as error:
        flash(f"Nothing was exported. {sentence(error)}", "trouble")
        return redirect(url_for("settings.workspace"))
    base.transact(lambda session: audit.note(session, who(), "workspace.exported"))
    today = datetime.fromtimestamp(clock.now() / 1000, here.zone).date()
    headers = {
        "Content-Disposition": f'attachment; filename="workspace-{today}.ndjson.gz"',
        "Cache-Control": "no-store",
    }
    return Response(_whole(first, pieces), mimetype="application/gzip", headers=headers)


def _alone(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The same, if nobody else exports anything by this process at the moment. Raises UnderWayError."""
    if not _turn.acquire(blocking=False):
        raise UnderWayError("another export is under way; try again when it is done")
    try:
        yield from pieces
    finally:
        _turn.release()


def _whole(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest
