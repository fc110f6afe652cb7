"""Who may see a page: the signed-in visitor, their workspace and their role."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from flask import abort, g, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import UserMixin, current_user

from webapp import clock, htmx, second_factors, users
from webapp.audit import Who
from webapp.db import database, whole
from webapp.models import Login, Membership, Workspace
from webapp.pages import reveals, zones


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


# Pages of the visitor's own account, which show nothing of the workspace.
_OWN = {"account", "linking", "second_factor", "workspaces"}


@dataclass(frozen=True, slots=True)
class Place:
    """The workspace that a page shows, who looks at it, and what they may do there."""

    workspace: Workspace
    role: str
    email: str
    user_id: int
    memberships: Sequence[tuple[Membership, Workspace]] = ()  # all of theirs, here and elsewhere

    @property
    def may_edit(self) -> bool:
        """Whether they may change customers."""
        return self.role in {"admin", "editor"}

    @property
    def may_found(self) -> bool:
        """Whether they may make another workspace."""
        return any(membership.role == "admin" for membership, _ in self.memberships)

    @property
    def is_masked(self) -> bool:
        """Whether they see e-mail and mobile masked, unless they ask for those of one profile."""
        return self.role == "viewer" and self.workspace.masking != "off"

    @property
    def revealed_until(self) -> int | None:
        """Until when they see those of the profile that the address names, epoch ms; None where they don't."""
        if not self.is_masked or self.workspace.masking == "always":
            return None
        return reveals.until((request.view_args or {}).get("growlytics_id"))

    @property
    def masks(self) -> bool:
        """Whether this page shows them e-mail and mobile masked: see webapp/masking.py."""
        return self.is_masked and self.revealed_until is None

    @property
    def may_reveal(self) -> bool:
        """Whether they may ask for those of a profile."""
        return self.masks and self.workspace.masking != "always"

    @property
    def zone(self) -> ZoneInfo:
        """The time zone of the page."""
        return zones.of_page(self.workspace)


def load_visitor(token: str) -> Visitor | None:
    """The visitor whose cookie carries this token, while the login lasts."""
    with database().read() as session:
        login = users.signed_in(session, token)
    return None if login is None else Visitor(login, token)


def place() -> Place:
    """The workspace of this request and the visitor's role in it."""
    found: Place = g.place
    return found


def is_masked() -> bool:
    """Whether who asks sees e-mail and mobile masked, as far as they are known."""
    found: Place | None = g.get("place")
    return found is not None and found.masks


def who() -> Who:
    """Who does what this request asks for, as the audit log names them."""
    here = place()
    return Who(here.workspace.id, here.email, here.user_id, request.remote_addr)


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
        return make_response(render_template("errors/no_workspace.html", email=current_user.email), 403)
    shown = current_user.login.workspace_id
    membership, workspace = next((one for one in memberships if one[1].id == shown), memberships[0])
    g.place = Place(workspace, membership.role, current_user.email, current_user.user_id, memberships)
    if _is_of_another(workspace):
        abort(409)
    _note_seen(membership)
    g.database = whole().within(workspace.id)
    return _second_factor_first() if workspace.requires_second_factor and request.blueprint not in _OWN else None


def _second_factor_first() -> ResponseReturnValue | None:
    """Lead a member who lacks the second factor, which the workspace requires, to setting it up."""
    with database().read() as session:
        if second_factors.is_on(session, current_user.user_id):
            return None
    page = url_for("second_factor.show")
    return htmx.go(page) if htmx.is_request() else redirect(page)


def _is_of_another(workspace: Workspace) -> bool:
    """Whether this comes from a page that was drawn before the visitor went on to another workspace."""
    drawn_for = request.form.get("drawn_for") if request.method == "POST" else request.headers.get("X-Drawn-For")
    return drawn_for not in {None, "", str(workspace.id)} and request.endpoint != "workspaces.enter"


def _note_seen(membership: Membership) -> None:
    # A page left open is nobody's presence.
    is_polling = any(map(htmx.wants, ("change", "getting-started", "heard", "live", "sweeps")))
    noted = min(current_user.login.seen_at, membership.seen_at or 0)
    if noted < clock.now() - 5 * clock.MINUTE and not is_polling:
        with database().write() as session:
            users.note_seen(session, current_user.login, membership, request.remote_addr)


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


def founder() -> ResponseReturnValue | None:
    """Let in administrators of any workspace."""
    answer = member()
    if answer is None and not place().may_found:
        abort(403)
    return answer


def same_site() -> None:
    """Refuse forms that another site's page sends, which a browser tells by itself."""
    if request.method == "POST" and not _is_from_here():
        abort(403)


def _is_from_here() -> bool:
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site in {"same-origin", "none"}
    # Browsers say so over HTTPS and on the same machine. Elsewhere there is the origin; it is `null` for our own forms
    # too, as our pages have no referrer, so that there the form's token alone decides.
    origin = request.headers.get("Origin", "null")
    return origin == "null" or origin.partition("://")[2].lower() == request.host.lower()


def context() -> dict[str, Any]:
    """What every template knows: the place, and its time zone."""
    found: Place | None = g.get("place")
    return {"place": found, "zone": found.zone if found else None}


def drawn_for() -> int | str:
    """The workspace whose page this is, as its forms send it back; empty on pages of none."""
    found: Place | None = g.get("place")
    return found.workspace.id if found else ""
