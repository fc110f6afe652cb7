"""Users: passwords, and the browsers that are signed in."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError
from sqlalchemy import ColumnElement, delete, exists, or_, select, update
from sqlalchemy.orm import Session

from webapp import clock, tokens
from webapp.db import insert
from webapp.models import LinkedAccount, Login, Membership, Reset, User, Workspace

LOGIN_IDLE = 8 * clock.HOUR
LOGIN_LIFETIME = 14 * clock.DAY
SHORTEST_PASSWORD = 12
_COMMON = ("password", "qwerty", "letmein", "welcome", "admin", "iloveyou", "changeme", "123456", "abc123", "111111")

# What has a meaning of its own where addresses stand in a list, as in the header of a mail.
_NO_ADDRESS = set(' ,;:<>()[]\\"')

# Who has a password, an account of an OpenID provider, or a workspace to be in.
_MAY_SIGN_IN = or_(
    User.password_hash != "",
    exists().where(LinkedAccount.user_id == User.id),
    exists().where(Membership.user_id == User.id),
)

_hasher = PasswordHasher()
# Each hash takes 64 MiB for a moment: unbounded, a flood of logins would exhaust the memory.
_hashing = threading.BoundedSemaphore(2)
_PATIENCE = 5  # seconds that a login waits for its turn
_NOBODYS_HASH = _hasher.hash(tokens.new())


class InvalidError(ValueError):
    """An e-mail or password that can't be used; the message says why."""


class BusyError(Exception):
    """Too many passwords are being checked at once."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """An e-mail and a hashed password, ready to be stored; an empty one is of nobody who signs in by password."""

    email: str
    password_hash: str


@dataclass(frozen=True, slots=True)
class Browser:
    """What signs in: `Firefox 128 on Windows 10`, from an address; None where that isn't known."""

    words: str | None = None
    address: str | None = None


UNKNOWN = Browser()


def credentials(email: str, password: str) -> Credentials:
    """Check and hash what somebody wants to sign in with. Raises InvalidError.

    Slow on purpose: not to be called within a transaction, whose locks others wait for.
    """
    email = checked_email(email)
    check_password(password, email)
    return Credentials(email, _hash(password))


def create(session: Session, wanted: Credentials, workspace_id: int, role: str) -> User:
    """Make a user who has a role in a workspace. Raises InvalidError."""
    now = clock.now()
    row = {"email": wanted.email, "password_hash": wanted.password_hash, "created_at": now}
    # An author whom an import has brought (webapp/moving) becomes a user with the first account of that e-mail.
    statement = insert(session)(User).values(row)
    statement = statement.on_conflict_do_update(index_elements=["email"], set_=row, where=~_MAY_SIGN_IN)
    user: User | None = session.scalar(statement.returning(User), execution_options={"populate_existing": True})
    if user is None:
        raise InvalidError(f"there is a user {wanted.email} already")
    session.add(Membership(user_id=user.id, workspace_id=workspace_id, role=role, created_at=now))
    return user


def exist(session: Session) -> bool:
    """Whether there is any user who may ever have signed in; authors that an import has brought never have."""
    return session.scalar(select(User.id).where(_MAY_SIGN_IN).limit(1)) is not None


def checked_email(text: str) -> str:
    """An account's e-mail as it is stored. Raises InvalidError."""
    email = text.strip().casefold()
    local, at, domain = email.rpartition("@")
    if not (at and local and domain) or len(email) > 254 or not email.isprintable() or _NO_ADDRESS & {*email}:
        raise InvalidError("that is not an e-mail address")
    return email


def check_password(password: str, email: str) -> None:
    """Raises InvalidError when a password is too easy to guess."""
    if len(password) < SHORTEST_PASSWORD:
        raise InvalidError(f"a password needs at least {SHORTEST_PASSWORD} characters")
    rest = password.casefold()
    for part in (email, *_COMMON, *email.replace("@", ".").split(".")):
        rest = rest.replace(part, "")
    if len(set(rest)) < 5:
        raise InvalidError("that password is too easy to guess; try a few unrelated words")


def _hash(password: str) -> str:
    with _turn():
        return _hasher.hash(password)


def _verifies(password: str, kept: str) -> bool:
    with _turn():
        try:
            return _hasher.verify(kept, password)
        except (VerifyMismatchError, InvalidHashError):
            return False


@contextmanager
def _turn() -> Iterator[None]:
    if not _hashing.acquire(timeout=_PATIENCE):
        raise BusyError
    try:
        yield
    finally:
        _hashing.release()


def asked_email(text: str) -> str:
    """What somebody types as their e-mail, as the account's would be stored."""
    return text.strip().casefold().replace("\x00", "")  # PostgreSQL can't even be asked for a NUL


def find(session: Session, email: str) -> User | None:
    """The user whose e-mail somebody has typed."""
    return session.scalar(select(User).where(User.email == asked_email(email)))


def authenticate(session: Session, email: str, password: str) -> User | None:
    """The user with this e-mail and password. An unknown e-mail takes as long as a wrong password."""
    user = find(session, email)
    kept = (user and user.password_hash) or _NOBODYS_HASH
    return user if _verifies(password, kept) else None


def change_password(session: Session, user: User, new: Credentials, browser: Browser = UNKNOWN) -> str | None:
    """Set a new password in place of the user's, sign all browsers out, and this one in again.

    Returns its token; None when the password has been changed by somebody else meanwhile.
    """
    query = update(User).where(_is_unchanged(user)).values(password_hash=new.password_hash).returning(User.id)
    if session.scalar(query) is None:
        return None
    shut_out(session, user.id)
    return _remember(session, user.id, browser)


def shut_out(session: Session, user_id: int) -> None:
    """End all logins of a user, and all links with which somebody could set another password."""
    for table in (Login, Reset):
        session.execute(delete(table).where(table.user_id == user_id))


def sign_in(session: Session, user: User, browser: Browser = UNKNOWN) -> str | None:
    """Remember a browser as signed in. Returns the token that its cookie carries.

    None when the user's password has been changed since it was verified: that change signs everybody out.
    """
    return _remember(session, user.id, browser) if hold(session, user) else None


def hold(session: Session, user: User) -> bool:
    """Whether the password is still the one that was verified. Until the transaction ends it isn't changed."""
    return session.scalar(select(User.id).where(_is_unchanged(user)).with_for_update()) is not None


def _is_unchanged(user: User) -> ColumnElement[bool]:
    return (User.id == user.id) & (User.password_hash == user.password_hash)


def _remember(session: Session, user_id: int, browser: Browser) -> str:
    now = clock.now()
    session.execute(delete(Login).where(Login.user_id == user_id, Login.created_at < now - LOGIN_LIFETIME))
    token = tokens.new()
    session.add(
        Login(
            token_hash=tokens.hashed(token),
            user_id=user_id,
            created_at=now,
            seen_at=now,
            browser=browser.words,
            address=browser.address,
        )
    )
    return token


def signed_in(session: Session, token: str) -> Login | None:
    """The login of a cookie's token, unless it has ended, been idle for 8 hours or is 14 days old."""
    login = session.get(Login, tokens.hashed(token))
    return None if login is None or clock.now() >= ends_at(login) else login


def ends_at(login: Login) -> int:
    """When a login ends by itself, unless somebody works with it meanwhile (epoch ms)."""
    return min(login.seen_at + LOGIN_IDLE, login.created_at + LOGIN_LIFETIME) + 1


def note_seen(session: Session, login: Login, membership: Membership, address: str | None) -> None:
    """Keep a login from idling out, and remember that its user was seen in a workspace."""
    now = clock.now()
    seen = update(Login).where(Login.token_hash == login.token_hash)
    session.execute(seen.values(seen_at=max(now, login.seen_at), address=address))
    of_user = (Membership.user_id == membership.user_id) & (Membership.workspace_id == membership.workspace_id)
    session.execute(update(Membership).where(of_user).values(seen_at=now))


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
