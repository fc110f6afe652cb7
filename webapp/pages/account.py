"""The visitor's own account."""

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user, login_user

from webapp import users
from webapp.db import database
from webapp.pages.guards import load_visitor

door = Blueprint("account", __name__, url_prefix="/settings/account")


@door.get("")
def show() -> str:
    """Who is signed in, and the form to change the password."""
    return render_template("settings/account.html", faults={})


@door.post("")
def change_password() -> ResponseReturnValue:
    """Set a new password; every other browser is signed out, this one stays."""
    current, new = (request.form.get(field, "") for field in ("current", "new"))
    try:
        with database().write() as session:
            users.change_password(session, current_user.user_id, current, new)
            token = users.sign_in(session, current_user.user_id)
    except users.InvalidError as error:
        text = str(error)
        field = "current" if "current" in text else "new"
        return render_template("settings/account.html", faults={field: f"{text[0].upper()}{text[1:]}."}), 422
    login_user(load_visitor(token))
    flash("Password changed. All other browsers are signed out.")
    return redirect(url_for("account.show"))
