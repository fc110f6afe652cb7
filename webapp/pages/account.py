"""The visitor's own account: password, logins, workspaces."""

from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user, login_user

from webapp import audit, logins, memberships, openid, second_factors, users
from webapp.audit import Who
from webapp.db import database, whole
from webapp.filters import sentence
from webapp.models import User
from webapp.pages import tries
from webapp.pages.guards import load_visitor, place, who
from webapp.pages.login import browser

door = Blueprint("account", __name__, url_prefix="/settings/account")


@door.get("")
def show() -> str:
    """Who is signed in and where, and the form to change the password."""
    return _page()


@door.post("")
def change_password() -> ResponseReturnValue:
    """Set a new password; every other browser is signed out, this one stays."""
    email = current_user.email
    user = tries.guarded(tries.of_question(), _verified)
    if user is None:
        return _refused("current", "The current password is not right.")
    try:
        new = users.credentials(email, request.form.get("new", ""))
    except users.InvalidError as error:
        return _refused("new", sentence(error))
    with whole().write() as session:
        token = users.change_password(session, user, new, browser())
        if token is not None:
            audit.note_of_account(session, who(), user, "password.changed")
    if token is None:
        return _refused("current", "The password has just been changed elsewhere.")
    login_user(load_visitor(token))
    flash("Password changed. All other browsers are signed out.")
    return redirect(url_for("account.show"))


def _verified() -> User | None:
    with database().read() as session:
        return users.authenticate(session, current_user.email, request.form.get("current", ""))


def _refused(field: str, fault: str) -> ResponseReturnValue:
    return _page(faults={field: fault}), 422


@door.post("/logins/<id_>/end")
def end_login(id_: str) -> ResponseReturnValue:
    """Sign out one of the visitor's browsers."""
    with whole().write() as session:
        ended = logins.end(session, current_user.user_id, id_)
        audit.note_of_account(session, who(), current_user.login.user, "login.ended", browser=ended.browser)
    flash("That browser is signed out.")
    return redirect(url_for("account.show"))


@door.post("/logins/end")
def end_other_logins() -> ResponseReturnValue:
    """Sign out all of the visitor's browsers but this one."""
    with whole().write() as session:
        number = logins.end_others(session, current_user.user_id, current_user.login)
        audit.note_of_account(session, who(), current_user.login.user, "login.others_ended", number=number)
    flash("All other browsers are signed out.")
    return redirect(url_for("account.show"))


@door.post("/departure")
def leave() -> ResponseReturnValue:
    """Leave one of the visitor's workspaces."""
    here, wanted = place(), request.form.get("workspace", "")
    found = [workspace for _, workspace in here.memberships if str(workspace.id) == wanted]
    if not found:
        abort(404)
    try:
        with whole().write() as session:
            memberships.leave(session, found[0].id, here.user_id)
            leaver = Who(found[0].id, here.email, here.user_id, request.remote_addr)
            audit.note(session, leaver, "member.left", here.email)
    except memberships.LastAdminError:
        fault = f"{found[0].name} needs an administrator: make somebody else one first."
        return _page(faults={"workspace": fault}), 422
    if len(here.memberships) > 1:
        flash(f"You have left {found[0].name}.")
    return redirect(url_for("account.show"))


def _page(**shown: Any) -> str:
    with database().read() as session:
        found = logins.of_user(session, current_user.user_id)
        factor = second_factors.state(session, current_user.user_id)
    return render_template(
        "settings/account.html",
        logins=found,
        factor=factor,
        own=current_user.login.token_hash,
        public_id=logins.public_id,
        ends_at=users.ends_at,
        has_password=openid.has_password(current_user.login.user),
        **{"faults": {}, **shown},
    )
