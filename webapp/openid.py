"""Signing in by OpenID Connect: whom a provider says somebody is, and which user that is here."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Literal, cast

from flask import current_app
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from webapp import clock
from webapp.config import ConfigError, Settings
from webapp.db import insert
from webapp.models import LinkedAccount, User

if TYPE_CHECKING:
    from webapp.provider import Provider


class NotFoundError(LookupError):
    """The user has no such linked account."""


class RefusedError(Exception):
    """What came from the provider proves nothing. `reason`: why, in a word or two, for the log."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class StrangerError(Exception):
    """The provider knows who it is, and there is no user for them here, for one of these reasons."""

    def __init__(self, reason: Literal["no email", "unverified", "no account", "another"]) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Identity:
    """Whom a provider says somebody is. `subject` stays the same for ever; `email` is as users have theirs."""

    issuer: str
    subject: str
    email: str | None
    is_verified: bool


def configured(settings: Settings, secret: str) -> "Provider | None":
    """The provider of the settings; None without one. Raises ConfigError where the package for it is missing."""
    if settings.openid_issuer is None:
        return None
    if find_spec("authlib") is None:
        raise ConfigError("OPENID_ISSUER: needs a package more: pip install 'customer-profiles[openid]'")
    from webapp.provider import Provider  # noqa: PLC0415 - it needs that package

    return Provider(settings, secret)


def provider() -> "Provider | None":
    """The provider by which people sign in to the current app."""
    return cast("Provider | None", current_app.extensions["openid"])


def is_only() -> bool:
    """Whether people sign in by the provider only, and not by passwords."""
    found = provider()
    return found is not None and found.is_only


def has_password(user: User) -> bool:
    """Whether somebody has a password here and may use it."""
    return bool(user.password_hash) and not is_only()


def linked_user(session: Session, identity: Identity) -> User | None:
    """The user who signs in by this very account of the provider, of which that is noted."""
    query = (
        update(LinkedAccount)
        .where(LinkedAccount.issuer == identity.issuer, LinkedAccount.subject == identity.subject)
        .values(used_at=clock.now())
        .returning(LinkedAccount.user_id)
    )
    user_id = session.scalar(query)
    return None if user_id is None else session.get_one(User, user_id)


def known_user(session: Session, identity: Identity) -> User | None:
    """The user whose e-mail it is. Raises StrangerError unless the provider has verified that."""
    return session.scalar(select(User).where(User.email == verified_email(identity)))


def verified_email(identity: Identity) -> str:
    """The e-mail that the provider has verified. Raises StrangerError."""
    if identity.email is None:
        raise StrangerError("no email")
    if not identity.is_verified:
        raise StrangerError("unverified")
    return identity.email


def link(session: Session, user: User, identity: Identity) -> bool:
    """Let a user sign in by this account from now on. Returns whether they didn't already.

    Raises StrangerError where they do so by another of this provider: the e-mail may have passed to somebody else.
    """
    now = clock.now()
    row = {
        "issuer": identity.issuer,
        "subject": identity.subject,
        "user_id": user.id,
        "email": identity.email,
        "linked_at": now,
        "used_at": now,
    }
    statement = insert(session)(LinkedAccount).values(row).on_conflict_do_nothing().returning(LinkedAccount.id)
    is_new = session.scalar(statement) is not None
    if not is_new and linked_user(session, identity) != user:  # unless another tab was first
        raise StrangerError("another")
    return is_new


def linked_accounts(session: Session, user_id: int) -> Sequence[LinkedAccount]:
    """By what a user signs in, oldest first."""
    query = select(LinkedAccount).where(LinkedAccount.user_id == user_id).order_by(LinkedAccount.id)
    return session.scalars(query).all()


def unlink(session: Session, user_id: int, linked_id: int) -> LinkedAccount:
    """Take a linked account away. Raises NotFoundError."""
    query = (
        delete(LinkedAccount)
        .where(LinkedAccount.id == linked_id, LinkedAccount.user_id == user_id)
        .returning(LinkedAccount)
    )
    found: LinkedAccount | None = session.scalar(query)
    if found is None:
        raise NotFoundError
    return found
