"""The attributes that a workspace has pinned: they stand on top of each profile."""

from collections.abc import Sequence

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from webapp import clock, registry
from webapp.db import insert
from webapp.models import AttributeType, PinnedAttribute

MOST = 20


class ImpossibleError(Exception):
    """An attribute can't be pinned; the message says why."""


def of_workspace(session: Session, workspace_id: int) -> Sequence[str]:
    """The names of the pinned attributes, in the order in which they were pinned."""
    query = select(PinnedAttribute.name).where(PinnedAttribute.workspace_id == workspace_id)
    return session.scalars(query.order_by(PinnedAttribute.pinned_at, PinnedAttribute.name)).all()


def add(session: Session, workspace_id: int, name: str) -> bool:
    """Pin an attribute of customers; one that is pinned stays in its place. Raises ImpossibleError.

    Returns whether it wasn't.
    """
    if not _is_known(session, workspace_id, name):
        raise ImpossibleError("There is no such attribute in this workspace.")
    number = select(func.count()).where(PinnedAttribute.workspace_id == workspace_id, PinnedAttribute.name != name)
    if (session.scalar(number) or 0) >= MOST:
        raise ImpossibleError(f"{MOST} attributes are pinned already. Unpin one of them first.")
    row = {"workspace_id": workspace_id, "name": name, "pinned_at": clock.now()}
    statement = insert(session)(PinnedAttribute).values(row).on_conflict_do_nothing()
    return session.scalar(statement.returning(PinnedAttribute.name)) is not None


def _is_known(session: Session, workspace_id: int, name: str) -> bool:
    if name in registry.RESERVED:
        return True
    if "\x00" in name:  # PostgreSQL can't even be asked
        return False
    which = (AttributeType.event_name == registry.CUSTOMER) & (AttributeType.name == name)
    return bool(registry.registered(session, workspace_id, which))


def remove(session: Session, workspace_id: int, name: str) -> bool:
    """Unpin an attribute; one that isn't pinned stays so. Returns whether it was."""
    if "\x00" in name:
        return False
    query = delete(PinnedAttribute).where(PinnedAttribute.workspace_id == workspace_id, PinnedAttribute.name == name)
    return session.scalar(query.returning(PinnedAttribute.name)) is not None
