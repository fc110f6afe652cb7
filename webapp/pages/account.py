"""The visitor's own account."""

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user, login_user

from webapp import users
from webapp.db import database
from webapp.filters import sentence
from webapp.pages.guards import load_visitor

door = Blueprint("account", __name__, url_prefix="/settings/account")


@door.get("")
def show() -> str:
    """Who is signed in, and the form to change the password."""
    return render_template("settings/account.html", faults={})


@door.post("")
def change_password() -> ResponseReturnValue:
    """Set a new password; every other browser is signed out, this one stays."""
    email = current_user.email
    with database().read() as session:
        user = users.authenticate(session, email, request.form.get("current", ""))
    if user is None:
        return _refused("current", "The current password is not right.")
    try:
        new = users.credentials(email, request.form.get("new", ""))
    except users.InvalidError as error:
        return _refused("new", sentence(error))
    with database().write() as session:
        token = users.change_password(session, user, new)
    if token is None:
        return _refused("current", "The password has just been changed elsewhere.")
    login_user(load_visitor(token))
    flash("Password changed. All other browsers are signed out.")
    return redirect(url_for("account.show"))


def _refused(field: str, fault: str) -> ResponseReturnValue:
    return render_template("settings/account.html", faults={field: fault}), 422
