"""Who may see a page: the signed-in visitor, their workspace and their role."""

from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from flask import abort, g, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import UserMixin, current_user

from webapp import clock, htmx, users
from webapp.db import database
from webapp.models import Login, Workspace
from webapp.pages import zones


class Visitor(UserMixin):  # type: ignore[misc] # Flask-Login ships no type hints
    """A signed-in person, as Flask-Login sees one: its id is the login's token, so that a login can be ended."""

    def __init__(self, login: Login, token: str) -> None:
        self.login = login
        self.token = token
        self.user_id = login.user_id
        self.email = login.user.email

    def get_id(self) -> str:
        """What the session cookie carries."""
        return self.token


@dataclass(frozen=True, slots=True)
class Place:
    """The workspace that a page shows, who looks at it, and what they may do there."""

    workspace: Workspace
    role: str
    email: str
    user_id: int

    @property
    def may_edit(self) -> bool:
        """Whether they may change customers."""
        return self.role in {"admin", "editor"}

    @property
    def zone(self) -> ZoneInfo:
        """The time zone of the page."""
        return zones.of_page(self.workspace)


def load_visitor(token: str) -> Visitor | None:
    """The visitor whose cookie carries this token, while the login lasts."""
    with database().read() as session:
        login = users.signed_in(session, token)
    if login is None:
        return None
    # A page left open is nobody's presence.
    is_polling = any(map(htmx.wants, ("change", "getting-started", "heard", "live")))
    if login.seen_at < clock.now() - 5 * clock.MINUTE and not is_polling:
        with database().write() as session:
            users.note_seen(session, login)
    return Visitor(login, token)


def place() -> Place:
    """The workspace of this request and the visitor's role in it."""
    found: Place = g.place
    return found


def anybody() -> None:
    """Everyone may pass: the doors to the house."""


def member() -> ResponseReturnValue | None:
    """Let in who is signed in and belongs to a workspace; send others to the login."""
    if not current_user.is_authenticated:
        if htmx.is_request():
            abort(401)  # the part of the page says so; the rest of it, and what somebody has typed there, stays
        target = request.full_path.rstrip("?") if request.method == "GET" else None
        return redirect(url_for("login.form", next=target))
    with database().read() as session:
        memberships = users.memberships(session, current_user.user_id)
    if not memberships:
        abort(403)
    membership, workspace = memberships[0]
    g.place = Place(workspace, membership.role, current_user.email, current_user.user_id)
    return None


def admin() -> ResponseReturnValue | None:
    """Let in administrators of the workspace only."""
    answer = member()
    if answer is None and place().role != "admin":
        abort(403)
    return answer


def editor() -> ResponseReturnValue | None:
    """Let in who may change customers."""
    answer = member()
    if answer is None and not place().may_edit:
        abort(403)
    return answer


def same_site() -> None:
    """Refuse forms that another site's page sends, which a browser tells by itself."""
    if request.method == "POST" and request.headers.get("Sec-Fetch-Site", "same-origin") not in {"same-origin", "none"}:
        abort(403)


def context() -> dict[str, Any]:
    """What every template knows: the place, and its time zone."""
    found: Place | None = g.get("place")
    return {"place": found, "zone": found.zone if found else None}
