"""Invitations: links with which somebody becomes a member of a workspace, once."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, delete, exists, func, or_, select
from sqlalchemy.orm import Session

from webapp import clock, memberships, tokens, users
from webapp.models import Invitation, Membership, User
from webapp.users import Credentials, InvalidError

LIFETIME = 7 * clock.DAY
MOST = 100  # open ones of a workspace


class NotFoundError(LookupError):
    """There is no such open invitation."""


class ImpossibleError(Exception):
    """Nobody can be invited, or this one can't accept; the message says why."""


def invite(
    session: Session, workspace_id: int, role: str, email: str | None = None, invited_by_id: int | None = None
) -> str:
    """Make a link's token. `email` (as it is stored): who alone may accept it. Raises ImpossibleError.

    It ends when who made it is no administrator of the workspace any more.
    """
    now = clock.now()
    of_workspace = Invitation.workspace_id == workspace_id
    session.execute(delete(Invitation).where(of_workspace, Invitation.expires_at <= now))
    if session.scalars(select(func.count()).select_from(Invitation).where(of_workspace)).one() >= MOST:
        raise ImpossibleError(f"there are {MOST} open invitations already; take some of them back first")
    if email is not None and _is_member(session, workspace_id, email):
        raise ImpossibleError(f"there is a member {email} already")
    token = tokens.new()
    session.add(
        Invitation(
            token_hash=tokens.hashed(token),
            workspace_id=workspace_id,
            role=role,
            created_at=now,
            expires_at=now + LIFETIME,
            email=email,
            invited_by_id=invited_by_id,
        )
    )
    return token


def _is_member(session: Session, workspace_id: int, email: str) -> bool:
    query = select(User.id).join(Membership, Membership.user_id == User.id)
    return session.scalar(query.where(User.email == email, Membership.workspace_id == workspace_id)) is not None


def of_workspace(session: Session, workspace_id: int) -> Sequence[tuple[Invitation, str | None]]:
    """The open invitations of a workspace, oldest first, each with the e-mail of who made it (None: the console)."""
    query = select(Invitation, User.email).outerjoin(User, User.id == Invitation.invited_by_id)
    query = query.where(Invitation.workspace_id == workspace_id, *_is_open()).order_by(Invitation.created_at)
    return [(invitation, email) for invitation, email in session.execute(query)]


def find(session: Session, token: str) -> Invitation | None:
    """The invitation of a link, while it is open."""
    return session.scalar(select(Invitation).where(Invitation.token_hash == tokens.hashed(token), *_is_open()))


def _is_open() -> Sequence[ColumnElement[bool]]:
    is_of_inviter = (Membership.user_id == Invitation.invited_by_id) & (Membership.role == "admin")
    is_here = Membership.workspace_id == Invitation.workspace_id
    still_may = or_(Invitation.invited_by_id.is_(None), exists().where(is_of_inviter & is_here))
    return Invitation.expires_at > clock.now(), still_may


def public_id(invitation: Invitation) -> str:
    """What pages know an invitation by."""
    return tokens.public_id(invitation.token_hash)


def take_back(session: Session, workspace_id: int, id_: str) -> Invitation:
    """End an open invitation of a workspace. Raises NotFoundError."""
    found = [one for one, _ in of_workspace(session, workspace_id) if public_id(one) == id_]
    if not found or not _end(session, found[0]):
        raise NotFoundError(id_)
    return found[0]


def accept(session: Session, token: str, wanted: Credentials) -> User | None:
    """Become a user by an invitation, which ends with it; None when it isn't valid any more.

    Raises ImpossibleError, and InvalidError where there is such a user.
    """
    found = _taken(session, token, wanted.email)
    return None if found is None else users.create(session, wanted, found.workspace_id, found.role)


def join(session: Session, token: str, user_id: int, email: str) -> Invitation | None:
    """Let a user into the workspace of an invitation, which ends with it; None when it isn't valid any more.

    Raises ImpossibleError.
    """
    found = _taken(session, token, email)
    if found is not None and not memberships.join(session, user_id, found.workspace_id, found.role):
        raise ImpossibleError("you are in this workspace already")
    return found


def _taken(session: Session, token: str, email: str) -> Invitation | None:
    found = find(session, token)
    if found is None:
        return None
    if found.email not in {None, email}:
        raise ImpossibleError(f"this invitation is for {found.email}")
    return found if _end(session, found) else None


def _end(session: Session, invitation: Invitation) -> bool:
    # The delete, not the look before, decides which of two that use a link at the same moment was first.
    query = delete(Invitation).where(Invitation.token_hash == invitation.token_hash).returning(Invitation.token_hash)
    return session.scalar(query) is not None


def checked_email(text: str) -> str | None:
    """The e-mail that an invitation is for as it is stored, None for anybody. Raises InvalidError."""
    try:
        return users.checked_email(text) if text.strip() else None
    except InvalidError:
        raise InvalidError("that is not an e-mail address; leave it empty to invite whoever has the link") from None
