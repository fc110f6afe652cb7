"""Signing in, in one step or two, and signing out."""

from functools import partial
from urllib.parse import urlsplit

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask import session as cookie
from flask.typing import ResponseReturnValue
from flask_login import current_user, login_user
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from webapp import agents, audit, clock, openid, second_factors, tokens, users
from webapp.audit import Who
from webapp.db import database
from webapp.filters import plural
from webapp.models import User
from webapp.pages import guards, links, tries

door = Blueprint("login", __name__)

STEP_LIFETIME = 10 * clock.MINUTE  # between the password and the code


@door.get("/")
def home() -> ResponseReturnValue:
    """The dashboard begins with the customers."""
    return redirect(url_for("people.index"))


@door.get("/login")
def form() -> ResponseReturnValue:
    """The form to sign in with."""
    if current_user.is_authenticated:
        return redirect(target())
    return _form(email="", next=request.args.get("next", ""))


def _form(**shown: str) -> str:
    return render_template("login/login.html", sends_mail=links.post() is not None, **shown)


@door.post("/login")
def sign_in() -> ResponseReturnValue:
    """Sign in by e-mail and password, unless the OpenID provider is the only way."""
    if openid.is_only():
        return redirect(url_for("login.form", next=target()))
    email = request.form.get("email", "")
    user = tries.guarded(tries.of_password(email), partial(_verified, email), partial(_note_failure, email=email))
    if user is not None:
        return enter(user, target())
    fault = "E-mail or password is not right."
    return _form(email=email, next=request.form.get("next", ""), fault=fault), 422


def _verified(email: str) -> User | None:
    with database().read() as session:
        return users.authenticate(session, email, request.form.get("password", ""))


def _note_failure(session: Session, email: str, step: str = "password") -> None:
    user = users.find(session, email)
    if user is not None:
        stranger = Who(None, "stranger", address=request.remote_addr)
        audit.note_of_account(session, stranger, user, "login.failed", step=step)


def enter(user: User, target: str, by: str = "password") -> ResponseReturnValue:
    """Let in who has shown that they are this user. Every way to sign in ends here.

    Whoever has a second factor is asked for it, and isn't signed in before. `by`: how they have shown it, for the audit
    log. `target`: the page to go to, on this server.
    """
    with database().write() as session:
        # Held, so that who switches the second factor on at this moment either ends this login or is seen by it.
        is_asked = users.hold(session, user) and second_factors.is_on(session, user.id)
        token = None if is_asked else _signed_in(session, user, by)
    if not is_asked:
        return _let_in(user, token, target)
    cookie.clear()
    until, mark = clock.now() + STEP_LIFETIME, tokens.hashed(user.password_hash)
    cookie["step"] = {"user": user.id, "mark": mark, "until": until, "by": by}
    return redirect(url_for("login.code", next=target))


def _signed_in(session: Session, user: User, by: str) -> str | None:
    if current_user.is_authenticated:
        users.sign_out(session, current_user.token)  # one browser, one login
    token = users.sign_in(session, user, browser())
    if token is not None:
        audit.note_of_account(session, _oneself(user), user, "login.succeeded", by=by)
    return token


def _oneself(user: User) -> Who:
    return Who(None, user.email, user.id, request.remote_addr)


def _let_in(user: User, token: str | None, target: str) -> Response:
    cookie.clear()
    if token is None:
        flash("The password has just been changed. Sign in with the new one.", "trouble")
        return redirect(url_for("login.form"))
    login_user(guards.load_visitor(token))
    answer = redirect(target)
    tries.make_known(answer, user.email)
    return answer


@door.get("/login/code")
def code() -> ResponseReturnValue:
    """The form for the code, or a recovery code, of who has given the right password."""
    return _code_form() if _asked() else redirect(url_for("login.form", next=target()))


@door.post("/login/code")
def check_code() -> ResponseReturnValue:
    """Sign in, if the code is right."""
    user = _asked()
    if user is None:
        flash("That took too long. Sign in again.", "trouble")
        return redirect(url_for("login.form"))
    used = tries.guarded(
        tries.of_code(user.email),
        partial(_used_code, user),
        partial(_note_failure, email=user.email, step="second factor"),
    )
    if used is None:
        return _code_form("That code is not right, or it was used already. Each works once."), 422
    kind, left, token = used
    answer = _let_in(user, token, target())
    if token is not None and kind == "recovery code":
        _tell_codes_left(left)
    return answer


def _used_code(user: User) -> tuple[second_factors.Kind, int, str | None] | None:
    with database().write() as session:
        kind = second_factors.use(session, user.id, request.form.get("code", ""))
        if kind is None:
            return None
        state = second_factors.state(session, user.id)
        left = 0 if state is None else state.codes_left
        if kind == "recovery code":
            audit.note_of_account(session, _oneself(user), user, "recovery_code.used", left=left)
        return kind, left, _signed_in(session, user, f"{cookie['step']['by']} and {kind}")


def _tell_codes_left(left: int) -> None:
    are_few = left <= second_factors.FEW
    more = " Make new ones under Settings › Account." if are_few else ""
    flash(f"That recovery code is used up. {plural(left, 'code')} left.{more}", "trouble" if are_few else "message")


def _code_form(fault: str | None = None) -> str:
    wants_recovery = request.values.get("use") == "recovery"
    return render_template("login/code.html", wants_recovery=wants_recovery, next=target(), fault=fault)


def _asked() -> User | None:
    """The user who has given the right password with this browser, and has yet to give a code."""
    step = cookie.get("step")
    if step is None or step["until"] < clock.now():
        return None
    with database().read() as session:
        user = session.get(User, step["user"])
    return user if user is not None and tokens.matches(user.password_hash, step["mark"]) else None


@door.post("/account/logout")
def sign_out() -> ResponseReturnValue:
    """End this browser's login."""
    if current_user.is_authenticated:
        with database().write() as session:
            users.sign_out(session, current_user.token)
            user = current_user.login.user
            audit.note_of_account(session, _oneself(user), user, "login.left")
    cookie.clear()
    return redirect(url_for("login.form"))


def browser() -> users.Browser:
    """What sends this request, in words, and from where."""
    agent = agents.describe(request.user_agent.string)
    words = " on ".join(filter(None, (agent.browser, agent.os or agent.model)))
    return users.Browser(words or None, request.remote_addr)


def target() -> str:
    """Where the visitor was going, if that is on this server."""
    wanted = request.values.get("next", "")
    try:
        parts = urlsplit(wanted)
    except ValueError:
        return url_for("people.index")
    is_ours = (
        wanted.isprintable() and wanted.startswith("/") and not wanted.startswith(("//", "/\\")) and not parts.netloc
    )
    is_a_door = parts.path in {url_for("login.form"), url_for("login.code")}
    return wanted if is_ours and not is_a_door else url_for("people.index")
