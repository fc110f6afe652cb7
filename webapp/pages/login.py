"""Signing in, signing out, and the one-time link with which somebody becomes a user."""

from urllib.parse import urlsplit

from flask import Blueprint, redirect, render_template, request, url_for
from flask import session as cookie
from flask.typing import ResponseReturnValue
from flask_login import current_user, login_user
from sqlalchemy.orm import Session

from webapp import users
from webapp.db import database
from webapp.models import Login, User
from webapp.pages.guards import Visitor

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
    if user is None:
        fault = "E-mail or password is not right."
        page = render_template("login/login.html", email=email, next=request.form.get("next", ""), fault=fault)
        return page, 422
    with database().write() as session:
        _remember(session, user)
    return redirect(_target())


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
        with database().write() as session:
            user = users.accept(session, token, email, request.form.get("password", ""))
            if user is not None:
                _remember(session, user)
    except users.InvalidError as error:
        return render_template("login/invitation.html", token=token, email=email, fault=_sentence(error)), 422
    if user is None:
        return render_template("login/invitation_ended.html"), 404
    return redirect(url_for("people.index"))


def _remember(session: Session, user: User) -> None:
    token = users.sign_in(session, user.id)
    session.flush()
    login = users.signed_in(session, token)
    assert isinstance(login, Login)  # noqa: S101 - made the line before
    cookie.clear()
    login_user(Visitor(login, token))


def _target() -> str:
    """Where the visitor was going, if that is on this server."""
    target = request.values.get("next", "")
    parts = urlsplit(target)
    is_ours = target.startswith("/") and not target.startswith(("//", "/\\")) and not parts.netloc
    return target if is_ours and parts.path != url_for("login.form") else url_for("people.index")


def _sentence(error: Exception) -> str:
    text = str(error)
    return f"{text[0].upper()}{text[1:]}."
