"""Members of a workspace: who they are, their roles, and how they come and go.

A workspace always has an administrator. That is decided under a lock on the rows of all its administrators, so that two
who change something at the same moment can't leave it without one.
"""

from collections.abc import Sequence

from sqlalchemy import delete, exists, select
from sqlalchemy.orm import Session, aliased

from webapp import clock
from webapp.db import insert
from webapp.models import Membership, User


class NotFoundError(LookupError):
    """There is no such member of the workspace."""


class LastAdminError(Exception):
    """The workspace would be left without an administrator."""


class NotAdminError(Exception):
    """Who asks for it isn't an administrator of the workspace any more."""


def of_workspace(session: Session, workspace_id: int) -> Sequence[tuple[Membership, User]]:
    """The members of a workspace by e-mail."""
    query = select(Membership, User).join(User, User.id == Membership.user_id)
    query = query.where(Membership.workspace_id == workspace_id).order_by(User.email)
    return [(membership, user) for membership, user in session.execute(query)]


def get(session: Session, workspace_id: int, user_id: int) -> tuple[Membership, User]:
    """A member of a workspace. Raises NotFoundError."""
    query = select(Membership, User).join(User, User.id == Membership.user_id)
    query = query.where(Membership.workspace_id == workspace_id, Membership.user_id == user_id)
    found = session.execute(query.execution_options(populate_existing=True)).one_or_none()
    if found is None:
        raise NotFoundError(user_id)
    return found[0], found[1]


def join(session: Session, user_id: int, workspace_id: int, role: str) -> bool:
    """Give a user a role in a workspace; False where they have one there already, which stays."""
    row = {"user_id": user_id, "workspace_id": workspace_id, "role": role, "created_at": clock.now()}
    keys = ["user_id", "workspace_id"]
    statement = insert(session)(Membership).values(row).on_conflict_do_nothing(index_elements=keys)
    return session.scalar(statement.returning(Membership.user_id)) is not None


def change_role(session: Session, workspace_id: int, by_id: int, user_id: int, role: str) -> tuple[User, str]:
    """Give a member another role. Returns the member and the former role.

    Raises NotFoundError, LastAdminError, NotAdminError.
    """
    admins = _locked_admins(session, workspace_id, by_id)
    membership, user = get(session, workspace_id, user_id)
    former = membership.role
    if role != "admin":
        _keep_one(admins, user_id)
    membership.role = role
    return user, former


def remove(session: Session, workspace_id: int, by_id: int, user_id: int) -> User:
    """Take a member out of a workspace: the next page they ask for is none of it.

    Raises NotFoundError, LastAdminError, NotAdminError.
    """
    admins = _locked_admins(session, workspace_id, by_id)
    _, user = get(session, workspace_id, user_id)
    _keep_one(admins, user_id)
    _end(session, workspace_id, user_id)
    return user


def leave(session: Session, workspace_id: int, user_id: int) -> None:
    """Leave a workspace. Raises NotFoundError, LastAdminError."""
    admins = _locked_admins(session, workspace_id)
    get(session, workspace_id, user_id)
    _keep_one(admins, user_id)
    _end(session, workspace_id, user_id)


def administers_all(session: Session, by_id: int, user_id: int) -> bool:
    """Whether a user administers every workspace that another belongs to, of which there must be one."""
    theirs, own = aliased(Membership), aliased(Membership)
    is_own = (own.user_id == by_id) & (own.role == "admin") & (own.workspace_id == theirs.workspace_id)
    query = select(exists().where(is_own).correlate(theirs)).where(theirs.user_id == user_id)
    found = session.scalars(query).all()
    return bool(found) and all(found)


def _locked_admins(session: Session, workspace_id: int, by_id: int | None = None) -> set[int]:
    """The administrators of a workspace, who stay so until this transaction ends; `by_id` must be one of them."""
    query = select(Membership.user_id).where(Membership.workspace_id == workspace_id, Membership.role == "admin")
    admins = set(session.scalars(query.order_by(Membership.user_id).with_for_update()))
    if by_id is not None and by_id not in admins:
        raise NotAdminError
    return admins


def _keep_one(admins: set[int], user_id: int) -> None:
    if admins == {user_id}:
        raise LastAdminError


def _end(session: Session, workspace_id: int, user_id: int) -> None:
    query = delete(Membership).where(Membership.workspace_id == workspace_id, Membership.user_id == user_id)
    session.execute(query)
