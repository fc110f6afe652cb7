"""Notes that people write on a profile. Each stays with the profile it was written on, whatever that is merged into."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session, aliased

from webapp import clock
from webapp.models import Note, User

LONGEST = 10_000  # characters
MOST = 200  # of a person
_FOLDED, _EXCERPT = 600, 300  # characters
_MOST_LINES = 10
_author, _editor = aliased(User), aliased(User)


class NotFoundError(LookupError):
    """The person has no such note."""


class ImpossibleError(Exception):
    """A note can't be kept; the message says why."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A note as a page shows it: by whom and when, and who has changed it last. Times are epoch ms."""

    id: int
    text: str
    user_id: int
    by: str
    created_at: int
    edited_at: int | None
    edited_by: str | None

    @property
    def excerpt(self) -> str | None:
        """The beginning of a note that is too long to stand among others."""
        start = "\n".join(self.text.split("\n", _MOST_LINES)[:_MOST_LINES])
        if start == self.text and len(self.text) <= _FOLDED:
            return None
        return f"{start[:_EXCERPT].rstrip()} …"


def of_person(session: Session, ids: Sequence[int], as_of: int | None = None) -> list[Shown]:
    """The newest notes on a person's profiles, newest first; those written until `as_of` (epoch ms)."""
    query = (
        select(Note, _author.email, _editor.email)
        .join(_author, _author.id == Note.user_id)
        .outerjoin(_editor, _editor.id == Note.edited_by_id)
        .where(Note.customer_id.in_(ids))
        .order_by(Note.created_at.desc(), Note.id.desc())
        .limit(MOST)
    )
    if as_of is not None:
        query = query.where(Note.created_at <= as_of)
    return [_shown(row) for row in session.execute(query)]


def _shown(row: Any) -> Shown:
    note, author, editor = row
    return Shown(note.id, note.text, note.user_id, author, note.created_at, note.edited_at, editor)


def add(session: Session, ids: Sequence[int], customer_id: int, user_id: int, text: str) -> None:
    """Write a note on one of a person's profiles. Raises ImpossibleError."""
    kept = _checked(text)
    if (session.scalar(select(func.count()).where(Note.customer_id.in_(ids))) or 0) >= MOST:
        raise ImpossibleError(f"There are {MOST} notes already. Delete one of them first.")
    session.add(Note(customer_id=customer_id, text=kept, created_at=clock.now(), user_id=user_id))


def find(session: Session, ids: Sequence[int], note_id: int) -> Note:
    """A note on one of a person's profiles. Raises NotFoundError."""
    found = session.scalar(select(Note).where(Note.id == note_id, Note.customer_id.in_(ids)))
    if found is None:
        raise NotFoundError(note_id)
    return found


def change(note: Note, user_id: int, text: str) -> None:
    """Write it anew. Raises ImpossibleError."""
    kept = _checked(text)
    if kept != note.text:
        note.text, note.edited_at, note.edited_by_id = kept, clock.now(), user_id


def _checked(text: str) -> str:
    kept = text.replace("\r\n", "\n").replace("\x00", "").strip()
    if not kept:
        raise ImpossibleError("A note needs some text.")
    if len(kept) > LONGEST:
        raise ImpossibleError(f"A note has at most {LONGEST:,} characters; this one had {len(kept):,}.")
    return kept
