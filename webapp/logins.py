"""The logins of a user: the browsers that are signed in, which workspace each shows, and ending them."""

from collections.abc import Sequence

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from webapp import clock, tokens, users
from webapp.models import Login


class NotFoundError(LookupError):
    """The user has no such login."""


def of_user(session: Session, user_id: int) -> Sequence[Login]:
    """The logins of a user that last, those seen last first."""
    found = session.scalars(select(Login).where(Login.user_id == user_id).order_by(Login.seen_at.desc()))
    return [one for one in found if clock.now() < users.ends_at(one)]


def public_id(login: Login) -> str:
    """What pages know a login by."""
    return tokens.public_id(login.token_hash)


def end(session: Session, user_id: int, id_: str) -> Login:
    """Sign out one of a user's browsers. Raises NotFoundError."""
    for login in of_user(session, user_id):
        if public_id(login) == id_:
            session.execute(delete(Login).where(Login.token_hash == login.token_hash))
            return login
    raise NotFoundError(id_)


def end_others(session: Session, user_id: int, own: Login) -> int:
    """Sign out all of a user's browsers but this one. Returns how many that were."""
    others = delete(Login).where(Login.user_id == user_id, Login.token_hash != own.token_hash)
    return len(session.scalars(others.returning(Login.token_hash)).all())


def show(session: Session, login: Login, workspace_id: int) -> None:
    """Let a login show another of its user's workspaces from now on."""
    session.execute(update(Login).where(Login.token_hash == login.token_hash).values(workspace_id=workspace_id))
