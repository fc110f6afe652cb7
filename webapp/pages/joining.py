"""The one-time link with which somebody becomes a member of a workspace, with a new account or the one they have."""

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from sqlalchemy.orm import Session

from webapp import audit, invitations, logins, openid, users
from webapp.audit import Who
from webapp.db import database
from webapp.filters import sentence
from webapp.models import Invitation, User, Workspace
from webapp.pages.login import enter

door = Blueprint("joining", __name__, url_prefix="/invitations/<token>")


@door.get("")
def invitation(token: str) -> ResponseReturnValue:
    """What the invitation is to, and the forms to accept it with."""
    return _page(token)


@door.post("")
def accept(token: str) -> ResponseReturnValue:
    """Become a user and sign in, unless the OpenID provider is the only way."""
    if openid.is_only():
        return redirect(url_for("joining.invitation", token=token))
    email = request.form.get("email", "")
    try:
        with database().read() as session:
            is_open = invitations.find(session, token) is not None
        user = _accepted(token, email) if is_open else None
    except (users.InvalidError, invitations.ImpossibleError) as error:
        return _page(token, email=email, fault=sentence(error))
    return _ended() if user is None else enter(user, url_for("people.index"), "invitation")


def _accepted(token: str, email: str) -> User | None:
    wanted = users.credentials(email, request.form.get("password", ""))
    with database().write() as session:
        found = invitations.find(session, token)
        user = invitations.accept(session, token, wanted)
        if user is not None and found is not None:
            note(session, found, user.id, user.email)
    return user


@door.post("/membership")
def join(token: str) -> ResponseReturnValue:
    """Become a member as who is signed in, and go on in that workspace."""
    if not current_user.is_authenticated:
        return redirect(url_for("login.form", next=url_for("joining.invitation", token=token)))
    try:
        with database().write() as session:
            found = invitations.join(session, token, current_user.user_id, current_user.email)
            if found is not None:
                note(session, found, current_user.user_id, current_user.email)
                logins.show(session, current_user.login, found.workspace_id)
                name = session.get_one(Workspace, found.workspace_id).name
    except invitations.ImpossibleError as error:
        return _page(token, fault=sentence(error))
    if found is None:
        return _ended()
    flash(f"You are {found.role} of {name} now.")
    return redirect(url_for("people.index"))


def note(session: Session, found: Invitation, user_id: int, email: str) -> None:
    """Note that somebody became a member by an invitation."""
    who = Who(found.workspace_id, email, user_id, request.remote_addr)
    audit.note(session, who, "member.joined", email, role=found.role, invitation=invitations.public_id(found))


def _page(token: str, *, email: str = "", fault: str = "") -> ResponseReturnValue:
    with database().read() as session:
        found = invitations.find(session, token)
        name = None if found is None else session.get_one(Workspace, found.workspace_id).name
    if found is None:
        return _ended()
    shown = {"token": token, "invitation": found, "workspace": name, "email": found.email or email, "fault": fault}
    if current_user.is_authenticated:
        page = render_template("login/join.html", email_here=current_user.email, **shown)
    else:
        page = render_template("login/invitation.html", **shown)
    return page, 422 if fault else 200


def _ended() -> ResponseReturnValue:
    return render_template("login/invitation_ended.html"), 404
