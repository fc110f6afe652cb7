"""Segments: views of the customer list that have a name, and how many customers each shows."""

from collections.abc import Sequence

from sqlalchemy import select, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from webapp import clock, views
from webapp.db import Database
from webapp.models import Segment, Workspace

MOST = 100  # of a workspace
LONGEST_NAME = 60
FRESH = 10 * clock.MINUTE  # so long a count is believed


class NotFoundError(LookupError):
    """There is no such segment in this workspace."""


class WrongError(ValueError):
    """A segment can't be so; the message says why."""


def of_workspace(session: Session, workspace_id: int) -> Sequence[Segment]:
    """All segments, by name without regard to letter case."""
    found = session.scalars(select(Segment).where(Segment.workspace_id == workspace_id))
    return sorted(found, key=lambda one: (one.name.casefold(), one.name))


def find(session: Session, workspace_id: int, id_: int) -> Segment:
    """A segment of this workspace. Raises NotFoundError, for a stranger's too."""
    found = session.scalar(select(Segment).where(Segment.workspace_id == workspace_id, Segment.id == id_))
    if found is None:
        raise NotFoundError(id_)
    return found


def create(session: Session, workspace_id: int, name: str, query: str) -> Segment:
    """Save a view under a name. Raises WrongError."""
    others = _others(session, workspace_id)
    if len(others) >= MOST:
        raise WrongError(f"a workspace has at most {MOST} segments")
    segment = Segment(workspace_id=workspace_id, name=_checked(name, others), query=query, created_at=clock.now())
    session.add(segment)
    session.flush()
    return segment


def rename(session: Session, segment: Segment, name: str) -> None:
    """Give a segment another name. Raises WrongError."""
    others = [one for one in _others(session, segment.workspace_id) if one.id != segment.id]
    segment.name = _checked(name, others)


def replace(segment: Segment, query: str) -> None:
    """Let a segment show another view. It is counted anew when it is shown."""
    segment.query, segment.count, segment.count_kind, segment.counted_at = query, None, None, 0


def _others(session: Session, workspace_id: int) -> Sequence[Segment]:
    session.get_one(Workspace, workspace_id, with_for_update=True)  # lest two take one name at once
    return of_workspace(session, workspace_id)


def _checked(name: str, others: Sequence[Segment]) -> str:
    plain = " ".join(name.replace("\x00", "").split())
    if not plain:
        raise WrongError("a segment needs a name")
    if len(plain) > LONGEST_NAME:
        raise WrongError(f"the name of a segment has at most {LONGEST_NAME} characters")
    if plain.casefold() in {one.name.casefold() for one in others}:
        raise WrongError(f"there is a segment “{plain}” already")
    return plain


def refresh(database: Database, workspace: Workspace, some: Sequence[Segment]) -> None:
    """Count the segment anew whose count is the oldest, if it is too old to be believed: one at a time is quick.

    A database that can't be written to now keeps nobody from reading: the former count stays.
    """
    oldest = min(some, key=lambda one: one.counted_at, default=None)
    if oldest is None or oldest.counted_at > clock.now() - FRESH:
        return
    with database.read() as session:
        view = views.parse_query(session, workspace, oldest.query)
        counted = view.roster(session, workspace).count()
    oldest.count, oldest.count_kind, oldest.counted_at = counted.number, counted.kind, clock.now()
    # What is counted is true of the view that was counted, which may have been replaced meanwhile.
    is_it = (Segment.id == oldest.id) & (Segment.query == oldest.query)
    kept = {"count": counted.number, "count_kind": counted.kind, "counted_at": oldest.counted_at}
    try:
        database.transact(lambda session: session.execute(update(Segment).where(is_it).values(**kept)) and None)
    except DBAPIError:
        return
