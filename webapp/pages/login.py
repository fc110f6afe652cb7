"""Signing in, signing out, and the one-time link with which somebody becomes a user."""

from urllib.parse import urlsplit

from flask import Blueprint, redirect, render_template, request, url_for
from flask import session as cookie
from flask.typing import ResponseReturnValue
from flask_login import current_user, login_user

from webapp import users
from webapp.db import database
from webapp.filters import sentence
from webapp.pages import guards

door = Blueprint("login", __name__)


@door.get("/")
def home() -> ResponseReturnValue:
    """The dashboard begins with the customers."""
    return redirect(url_for("people.index"))


@door.get("/login")
def form() -> ResponseReturnValue:
    """The form to sign in with."""
    if current_user.is_authenticated:
        return redirect(_target())
    return render_template("login/login.html", email="", next=request.args.get("next", ""))


@door.post("/login")
def sign_in() -> ResponseReturnValue:
    """Sign in by e-mail and password."""
    email = request.form.get("email", "")
    with database().read() as session:
        user = users.authenticate(session, email, request.form.get("password", ""))
    if user is not None:
        with database().write() as session:
            token = users.sign_in(session, user)
        if token is not None:
            _remember(token)
            return redirect(_target())
    fault = "E-mail or password is not right."
    page = render_template("login/login.html", email=email, next=request.form.get("next", ""), fault=fault)
    return page, 422


@door.post("/account/logout")
def sign_out() -> ResponseReturnValue:
    """End this browser's login."""
    if current_user.is_authenticated:
        with database().write() as session:
            users.sign_out(session, current_user.token)
    cookie.clear()
    return redirect(url_for("login.form"))


@door.get("/invitations/<token>")
def invitation(token: str) -> ResponseReturnValue:
    """The form with which an invited person sets e-mail and password."""
    with database().read() as session:
        found = users.invitation(session, token)
    if found is None:
        return render_template("login/invitation_ended.html"), 404
    return render_template("login/invitation.html", token=token, email="")


@door.post("/invitations/<token>")
def accept(token: str) -> ResponseReturnValue:
    """Become a user and sign in."""
    email = request.form.get("email", "")
    try:
        with database().read() as session:
            is_open = users.invitation(session, token) is not None
        accepted = _accepted(token, email) if is_open else None
    except users.InvalidError as error:
        return render_template("login/invitation.html", token=token, email=email, fault=sentence(error)), 422
    if accepted is None:
        return render_template("login/invitation_ended.html"), 404
    _remember(accepted)
    return redirect(url_for("people.index"))


def _accepted(token: str, email: str) -> str | None:
    wanted = users.credentials(email, request.form.get("password", ""))
    with database().write() as session:
        user = users.accept(session, token, wanted)
        return None if user is None else users.sign_in(session, user)


def _remember(token: str) -> None:
    cookie.clear()
    login_user(guards.load_visitor(token))


def _target() -> str:
    """Where the visitor was going, if that is on this server."""
    target = request.values.get("next", "")
    try:
        parts = urlsplit(target)
    except ValueError:
        return url_for("people.index")
    is_ours = (
        target.isprintable() and target.startswith("/") and not target.startswith(("//", "/\\")) and not parts.netloc
    )
    return target if is_ours and parts.path != url_for("login.form") else url_for("people.index")
