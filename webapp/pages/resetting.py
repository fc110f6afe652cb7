"""A new password by a one-time link, and asking for that link by mail."""

from functools import partial

from flask import Blueprint, abort, render_template, request, url_for
from flask.typing import ResponseReturnValue

from webapp import audit, openid, resets, users
from webapp.audit import Who
from webapp.db import Database, database
from webapp.filters import sentence
from webapp.mail import Mail, Post
from webapp.pages import links
from webapp.pages.login import enter

door = Blueprint("resetting", __name__)

TEXT = """Somebody, most likely you, wants a new password for {email}.

Set it here, within an hour:
{link}

If it wasn't you, do nothing: your password stays as it is.
"""


@door.get("/login/forgotten")
def forgotten() -> str:
    """The form to ask for a link, where mails can be sent."""
    if links.post() is None or openid.is_only():
        abort(404)
    return render_template("login/forgotten.html", email="")


@door.post("/login/forgotten")
def ask() -> str:
    """Send a link to whoever has this e-mail. The answer, and how long it takes, tell nobody whether there is one."""
    post = links.post()
    if post is None or openid.is_only():
        abort(404)
    email = request.form.get("email", "")
    post.begin(partial(_send, database(), post, email, request.remote_addr))
    return render_template("login/forgotten_sent.html", email=email)


def _send(database_: Database, post: Post, email: str, address: str | None) -> bool:
    with database_.read() as session:
        if users.find(session, email) is None:
            return False
    with database_.write() as session:
        asked = resets.ask(session, email)
        if asked is not None:
            audit.note_of_account(session, Who(None, "stranger", address=address), asked[0], "reset.asked_for")
    if asked is None:
        return False
    user, token = asked
    link = f"{post.public_url}/resets/{token}"
    return post.deliver(Mail(user.email, "A new password", TEXT.format(email=user.email, link=link)))


@door.get("/resets/<token>")
def show(token: str) -> ResponseReturnValue:
    """The form to set a new password."""
    return _page(token)


@door.post("/resets/<token>")
def use(token: str) -> ResponseReturnValue:
    """Set it, sign all other browsers out and this one in."""
    with database().read() as session:
        found = resets.find(session, token)
    if found is None:
        return _page(token)
    try:
        wanted = users.credentials(found.user.email, request.form.get("password", ""))
    except users.InvalidError as error:
        return _page(token, sentence(error))
    with database().write() as session:
        user = resets.use(session, token, wanted)
        if user is not None:
            oneself = Who(None, user.email, user.id, request.remote_addr)
            audit.note_of_account(session, oneself, user, "password.reset")
    return _page(token) if user is None else enter(user, url_for("people.index"), "reset link")


def _page(token: str, fault: str = "") -> ResponseReturnValue:
    with database().read() as session:
        found = resets.find(session, token)
    if found is None:
        return render_template("login/reset_ended.html"), 404
    return render_template("login/reset.html", token=token, email=found.user.email, fault=fault), 422 if fault else 200
