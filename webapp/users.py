"""Users: passwords, invitations, and the browsers that are signed in."""

import threading
from collections.abc import Sequence

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from webapp import clock, tokens
from webapp.models import Invitation, Login, Membership, User, Workspace

LOGIN_IDLE = 8 * clock.HOUR
LOGIN_LIFETIME = 14 * clock.DAY
INVITATION_LIFETIME = 7 * clock.DAY
SHORTEST_PASSWORD = 12
_COMMON = ("password", "qwerty", "letmein", "welcome", "admin", "iloveyou", "changeme", "123456", "abc123", "111111")

_hasher = PasswordHasher()
# Each hash takes 64 MiB for a moment: unbounded, a flood of logins would exhaust the memory.
_hashing = threading.BoundedSemaphore(2)
_NOBODYS_HASH = _hasher.hash(tokens.new())


class InvalidError(ValueError):
    """An e-mail or password that can't be used; the message says why."""


class TakenError(InvalidError):
    """There is a user with this e-mail already."""


def create(session: Session, email: str, password: str, workspace_id: int, role: str) -> User:
    """Make a user who has a role in a workspace. Raises InvalidError."""
    email = checked_email(email)
    check_password(password, email)
    if session.scalar(select(User.id).where(User.email == email)) is not None:
        raise TakenError(f"there is a user {email} already")
    user = User(email=email, password_hash=_hash(password), created_at=clock.now())
    session.add(user)
    session.flush()
    session.add(Membership(user_id=user.id, workspace_id=workspace_id, role=role))
    return user


def exist(session: Session) -> bool:
    """Whether there is any user."""
    return session.scalar(select(User.id).limit(1)) is not None


def checked_email(text: str) -> str:
    """An account's e-mail as it is stored. Raises InvalidError."""
    email = text.strip().casefold()
    local, at, domain = email.rpartition("@")
    if not (at and local and domain) or len(email) > 254 or not email.isprintable() or " " in email:
        raise InvalidError("that is not an e-mail address")
    return email


def check_password(password: str, email: str) -> None:
    """Raises InvalidError when a password is too easy to guess."""
    if len(password) < SHORTEST_PASSWORD:
        raise InvalidError(f"a password needs at least {SHORTEST_PASSWORD} characters")
    rest = password.casefold()
    for part in (*_COMMON, email.partition("@")[0]):
        rest = rest.replace(part, "")
    if len(set(rest)) < 5:
        raise InvalidError("that password is too easy to guess; try a few unrelated words")


def _hash(password: str) -> str:
    with _hashing:
        return _hasher.hash(password)


def _verifies(password: str, kept: str) -> bool:
    with _hashing:
        try:
            return _hasher.verify(kept, password)
        except (VerifyMismatchError, InvalidHashError):
            return False


def authenticate(session: Session, email: str, password: str) -> User | None:
    """The user with this e-mail and password. An unknown e-mail takes as long as a wrong password."""
    asked = email.strip().casefold().replace("\x00", "")  # PostgreSQL can't even be asked for a NUL
    user = session.scalar(select(User).where(User.email == asked))
    kept = _NOBODYS_HASH if user is None else user.password_hash
    return user if _verifies(password, kept) else None


def change_password(session: Session, user_id: int, current: str, new: str) -> None:
    """Set a new password and sign all browsers out. Raises InvalidError."""
    user = session.get_one(User, user_id)
    if not _verifies(current, user.password_hash):
        raise InvalidError("the current password is not right")
    check_password(new, user.email)
    user.password_hash = _hash(new)
    session.execute(delete(Login).where(Login.user_id == user_id))


def sign_in(session: Session, user_id: int) -> str:
    """Remember a browser as signed in. Returns the token that its cookie carries."""
    now = clock.now()
    session.execute(delete(Login).where(Login.user_id == user_id, Login.created_at < now - LOGIN_LIFETIME))
    token = tokens.new()
    session.add(Login(token_hash=tokens.hashed(token), user_id=user_id, created_at=now, seen_at=now))
    return token


def signed_in(session: Session, token: str) -> Login | None:
    """The login of a cookie's token, unless it has ended, been idle for 8 hours or is 14 days old."""
    login = session.get(Login, tokens.hashed(token))
    now = clock.now()
    if login is None or login.seen_at < now - LOGIN_IDLE or login.created_at < now - LOGIN_LIFETIME:
        return None
    return login


def note_seen(session: Session, login: Login) -> None:
    """Keep a login from idling out."""
    found = session.get(Login, login.token_hash)
    if found is not None:
        found.seen_at = clock.now()


def sign_out(session: Session, token: str) -> None:
    """End a login."""
    session.execute(delete(Login).where(Login.token_hash == tokens.hashed(token)))


def memberships(session: Session, user_id: int) -> Sequence[tuple[Membership, Workspace]]:
    """What a user may do where, oldest workspace first."""
    query = (
        select(Membership, Workspace)
        .join(Workspace, Workspace.id == Membership.workspace_id)
        .where(Membership.user_id == user_id)
        .order_by(Workspace.id)
    )
    return [(membership, workspace) for membership, workspace in session.execute(query)]


def invite(session: Session, workspace_id: int, role: str) -> str:
    """Make a one-time link's token with which somebody becomes a user."""
    token = tokens.new()
    now = clock.now()
    session.add(
        Invitation(
            token_hash=tokens.hashed(token),
            workspace_id=workspace_id,
            role=role,
            created_at=now,
            expires_at=now + INVITATION_LIFETIME,
        )
    )
    return token


def invitation(session: Session, token: str) -> Invitation | None:
    """The invitation of a link, unless it has been accepted or has expired."""
    found = session.get(Invitation, tokens.hashed(token))
    return found if found is not None and found.expires_at > clock.now() else None


def accept(session: Session, token: str, email: str, password: str) -> User | None:
    """Become a user by an invitation, which ends with it; None when it isn't valid any more. Raises InvalidError."""
    found = invitation(session, token)
    if found is None:
        return None
    # The delete, not the look above, decides which of two clicks on the link was first.
    query = delete(Invitation).where(Invitation.token_hash == found.token_hash).returning(Invitation.token_hash)
    if session.scalar(query) is None:
        return None
    return create(session, email, password, found.workspace_id, found.role)
