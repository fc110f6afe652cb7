"""The visitor's own second factor: setting it up, recovery codes, switching it off.

Each asks for the password first; who signs in without one must have done so a moment ago.
"""

from flask import Blueprint, current_app, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from itsdangerous import BadSignature, URLSafeTimedSerializer
from sqlalchemy.orm import Session

from webapp import audit, clock, logins, openid, second_factors, users
from webapp.db import database, whole
from webapp.models import User
from webapp.pages import tries
from webapp.pages.guards import who

door = Blueprint("second_factor", __name__, url_prefix="/settings/account/second-factor")

_SETUP_LIFETIME = 30 * 60  # seconds, for finding an app
_FRESH = 10 * clock.MINUTE
_UNPROVEN = "The password is not right, or it is more than 10 minutes since you signed in without one."


@door.get("")
def show() -> str:
    """Whether it is on, and the forms to change that."""
    return _page()


@door.post("/setup")
def begin() -> ResponseReturnValue:
    """A new secret for an app, once the password is right. Nothing is kept until a code has come back."""
    if tries.guarded(tries.of_question(), _verified) is None:
        return _page(faults={"setup": _UNPROVEN}), 422
    return _secret_page(second_factors.new_secret())


@door.post("")
def switch_on() -> ResponseReturnValue:
    """Ask for codes from now on, if the app has shown the right one. All other browsers are signed out."""
    try:
        secret = _setup().loads(request.form.get("setup", ""), max_age=_SETUP_LIFETIME)
    except BadSignature:
        flash("That took too long. Begin again.", "trouble")
        return redirect(url_for("second_factor.show"))
    with whole().write() as session:
        user = _user(session)
        codes = second_factors.switch_on(session, user, secret, request.form.get("code", ""))
        if codes is not None:
            logins.end_others(session, user.id, current_user.login)
            audit.note_of_account(session, who(), user, "second_factor.enabled")
        is_on = second_factors.is_on(session, user.id)
    if codes is None and is_on:
        flash("The second factor is on already.")
        return redirect(url_for("second_factor.show"))
    if codes is None:
        return _secret_page(secret, "That code is not right. Is the clock of the device right?"), 422
    return render_template("second_factor/codes.html", codes=codes, is_new=True), 201


@door.post("/recovery-codes")
def renew_codes() -> ResponseReturnValue:
    """Other recovery codes in place of those there are."""
    user = _proven()
    if user is None:
        return _not_proven("renewal")
    with whole().write() as session:
        codes = second_factors.renew_codes(session, user.id)
        audit.note_of_account(session, who(), user, "recovery_codes.renewed")
    return render_template("second_factor/codes.html", codes=codes, is_new=False), 201


@door.post("/removal")
def switch_off() -> ResponseReturnValue:
    """Ask for no codes any more."""
    user = _proven()
    if user is None:
        return _not_proven("removal")
    with whole().write() as session:
        if second_factors.switch_off(session, user.id):
            audit.note_of_account(session, who(), user, "second_factor.disabled")
    flash("The second factor is off.")
    return redirect(url_for("second_factor.show"))


def _proven() -> User | None:
    """The visitor, where both the password and a code are right; the code is used up then."""
    return tries.guarded(tries.of_proof(), _verified_twice)


def _verified_twice() -> User | None:
    user = _verified()
    if user is None:
        return None
    with whole().write() as session:
        return user if second_factors.use(session, user.id, request.form.get("code", "")) else None


def _verified() -> User | None:
    with database().read() as session:
        user = _user(session)
        if openid.has_password(user):
            return users.authenticate(session, user.email, request.form.get("password", ""))
    return user if current_user.login.created_at > clock.now() - _FRESH else None


def _not_proven(form: str) -> ResponseReturnValue:
    return _page(faults={form: "The password or the code is not right, or the code was used already."}), 422


def _user(session: Session) -> User:
    return session.get_one(User, current_user.user_id)


def _setup() -> URLSafeTimedSerializer:
    # Of this login only: a form from elsewhere switches nothing on.
    return URLSafeTimedSerializer(str(current_app.secret_key), salt=f"second factor of {current_user.login.token_hash}")


def _secret_page(secret: str, fault: str | None = None) -> str:
    return render_template(
        "second_factor/setup.html",
        picture=second_factors.picture(secret, current_user.email),
        secret=" ".join(secret[place : place + 4] for place in range(0, len(secret), 4)),
        setup=_setup().dumps(secret),
        fault=fault,
    )


def _page(faults: dict[str, str] | None = None) -> str:
    with database().read() as session:
        factor = second_factors.state(session, current_user.user_id)
        has_password = openid.has_password(_user(session))
    return render_template(
        "second_factor/show.html",
        factor=factor,
        few=second_factors.FEW,
        faults=faults or {},
        has_password=has_password,
    )
