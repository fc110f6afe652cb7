"""Links with which a user sets a new password, once, within an hour."""

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from webapp import clock, memberships, tokens, users
from webapp.models import Reset, User
from webapp.users import Credentials

LIFETIME = clock.HOUR
MOST_ASKED_FOR = 3  # of a user, within the hour that a link lasts


class ElsewhereError(Exception):
    """The user also belongs to workspaces that who asks doesn't administer: the link would be a way into those."""


def make(session: Session, user_id: int, made_by_id: int | None = None) -> str:
    """Make a link's token for a user. `made_by_id`: the administrator who does (None: the console).

    Raises ElsewhereError.
    """
    if made_by_id is not None and not memberships.administers_all(session, made_by_id, user_id):
        raise ElsewhereError
    return _made(session, user_id, made_by_id, is_asked_for=False)


def ask(session: Session, email: str) -> tuple[User, str] | None:
    """A link's token for whoever has this e-mail, to be sent there and nowhere else.

    None where nobody has it, or was sent as many as an hour allows.
    """
    user = users.find(session, email)
    if user is None:
        return None
    session.execute(select(User.id).where(User.id == user.id).with_for_update())  # two who ask at once are counted
    is_recent = (Reset.user_id == user.id) & Reset.is_asked_for & (Reset.created_at > clock.now() - LIFETIME)
    if session.scalars(select(func.count()).select_from(Reset).where(is_recent)).one() >= MOST_ASKED_FOR:
        return None
    return user, _made(session, user.id, None, is_asked_for=True)


def _made(session: Session, user_id: int, made_by_id: int | None, *, is_asked_for: bool) -> str:
    now = clock.now()
    session.execute(delete(Reset).where(Reset.user_id == user_id, Reset.expires_at <= now))
    token = tokens.new()
    session.add(
        Reset(
            token_hash=tokens.hashed(token),
            user_id=user_id,
            made_by_id=made_by_id,
            is_asked_for=is_asked_for,
            created_at=now,
            expires_at=now + LIFETIME,
        )
    )
    return token


def find(session: Session, token: str) -> Reset | None:
    """The reset of a link, while it lasts, and who made it still administers all of the user's workspaces."""
    found = session.get(Reset, tokens.hashed(token))
    if found is None or found.expires_at <= clock.now():
        return None
    if found.made_by_id is not None and not memberships.administers_all(session, found.made_by_id, found.user_id):
        return None
    return found


def use(session: Session, token: str, wanted: Credentials) -> User | None:
    """Set a new password by a link; None when it isn't valid any more.

    All logins of the user and all their other links end.
    """
    found = find(session, token)
    if found is None or found.user.email != wanted.email:
        return None
    # Locked in the order in which a change of password locks them.
    session.execute(select(User.id).where(User.id == found.user_id).with_for_update())
    # The delete, not the look above, decides which of two that use a link at the same moment was first.
    query = delete(Reset).where(Reset.token_hash == found.token_hash).returning(Reset.user_id)
    if session.scalar(query) is None:
        return None
    changed = update(User).where(User.id == found.user_id).values(password_hash=wanted.password_hash)
    session.execute(changed)
    users.shut_out(session, found.user_id)
    return session.get(User, found.user_id, populate_existing=True)
