"""Tags that people put on a profile: short words by which a shop tells its customers apart."""

import unicodedata
from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from webapp import clock, stretches
from webapp.db import insert
from webapp.models import Customer, Tag, User

LONGEST = 50  # characters
MOST = 50  # of a person
_MOST_SUGGESTED = 100


class ImpossibleError(Exception):
    """A tag can't be added; the message says why."""


class Shown(NamedTuple):
    """A tag of a person: by whom and when (epoch ms) it was put on first."""

    name: str
    by: str
    created_at: int


def of_person(session: Session, ids: Sequence[int], as_of: int | None = None) -> list[Shown]:
    """The tags of all profiles of a person, each once, by name; those put on until `as_of` (epoch ms)."""
    query = select(Tag.name, User.email, Tag.created_at).join(User, User.id == Tag.user_id)
    query = query.where(Tag.customer_id.in_(ids)).order_by(Tag.name, Tag.created_at)
    if as_of is not None:
        query = query.where(Tag.created_at <= as_of)
    first: dict[str, Shown] = {}
    for row in session.execute(query):
        first.setdefault(row.name, Shown(*row))
    return list(first.values())


def of_workspace(session: Session, workspace_id: int) -> Sequence[str]:
    """The first of the tags that the workspace's customers have, by name."""
    return stretches.names(session, Tag.name, Tag.workspace_id == workspace_id, _MOST_SUGGESTED)


def add(session: Session, owner: Customer, ids: Sequence[int], user_id: int, text: str) -> bool:
    """Put a tag on one of a person's profiles, unless the person has it. Raises ImpossibleError.

    `ids`: the rows of all the person's profiles. Returns whether it is new.
    """
    name = fold(text)
    if not name:
        raise ImpossibleError("A tag needs a word.")
    if len(name) > LONGEST:
        raise ImpossibleError(f"A tag has at most {LONGEST} characters; “{name[:LONGEST]} …” has {len(name)}.")
    known = set(session.scalars(select(Tag.name).where(Tag.customer_id.in_(ids))))
    if name in known:
        return False
    if len(known) >= MOST:
        raise ImpossibleError(f"There are {MOST} tags already. Remove one of them first.")
    row = {
        "customer_id": owner.id,
        "name": name,
        "workspace_id": owner.workspace_id,
        "created_at": clock.now(),
        "user_id": user_id,
    }
    session.execute(insert(session)(Tag).values(row).on_conflict_do_nothing())
    return True


def fold(text: str) -> str:
    """A tag as it is kept: without regard to letter case, width of characters or spaces around words."""
    return " ".join(unicodedata.normalize("NFKC", text.replace("\x00", "")).casefold().split())


def remove(session: Session, ids: Sequence[int], text: str) -> bool:
    """Take a tag off all profiles of a person. Returns whether there was one."""
    query = delete(Tag).where(Tag.customer_id.in_(ids), Tag.name == fold(text)).returning(Tag.name)
    return bool(session.scalars(query).all())
