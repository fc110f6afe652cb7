"""Signing in by OpenID Connect: away to the provider, and back."""

import logging
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote, urlsplit

from flask import Blueprint, Response, redirect, render_template, request, url_for
from flask import session as cookie
from flask.typing import ResponseReturnValue
from flask_login import current_user
from sqlalchemy.orm import Session

from webapp import audit, clock, invitations, openid, tokens, users
from webapp.audit import Who
from webapp.db import database
from webapp.models import LinkedAccount, User
from webapp.openid import Identity, RefusedError, StrangerError
from webapp.pages import joining, login
from webapp.users import Credentials
from webapp.wire import CrowdedError, NoAnswerError

if TYPE_CHECKING:
    from webapp.provider import Provider

door = Blueprint("openid", __name__, url_prefix="/login/openid")
log = logging.getLogger(__name__)

_LIFETIME = 15 * clock.MINUTE  # of an errand: signing in at the provider may take a second factor there
_REMEMBERED = 3  # errands, of several tabs, in a cookie that has 4 KB for everything
_LONGEST_TARGET, _LONGEST_TOKEN = 500, 100  # characters, as they are in an address
_DENIED = "access_denied"


class Errand(NamedTuple):
    """What a browser was sent to the provider for. `invitation`: the token of its link, or empty."""

    begun_at: int
    target: str
    invitation: str


@door.get("")
def begin() -> ResponseReturnValue:
    """Send the browser to the provider."""
    there, target = openid.provider(), login.target()
    if there is None:
        return redirect(url_for("login.form"))
    if current_user.is_authenticated:
        return redirect(target)
    if _is_elsewhere(there) or request.headers.get("Sec-Fetch-Site", "none") not in {"same-origin", "none"}:
        # Where the cookie is the one that comes back, and where it is the visitor who wants to sign in.
        return redirect((there.public_url or "") + url_for("login.form", next=target))
    state, errand = tokens.new(), Errand(clock.now(), target, request.args.get("invitation", ""))
    try:
        address = there.address(state, _return_address(there), chooses="choose" in request.args)
    except (NoAnswerError, CrowdedError) as error:
        return _away(error, errand)
    _remember(state, errand)
    return redirect(address)


@door.get("/callback")
def callback() -> ResponseReturnValue:
    """Let in whom the provider says it is, if this browser was sent there from here."""
    there, given = openid.provider(), request.args
    if there is None:
        return redirect(url_for("login.form"))
    errand = _taken(given.get("state", ""))
    if errand is None:
        return _refused("ended")
    try:
        identity = _identity(there)
    except (NoAnswerError, CrowdedError) as error:
        return _away(error, errand)
    except RefusedError as error:
        return _refused("cancelled" if error.reason == _DENIED else "unproven", errand, log_as=error.reason)
    return _arrived(identity, errand)


def _identity(there: "Provider") -> Identity:
    """Whom the browser has come back as. Raises RefusedError, NoAnswerError, CrowdedError."""
    given = request.args
    if "error" in given:
        raise RefusedError(_DENIED if given["error"] == _DENIED else "an error came back")
    if "code" not in given or given.get("iss", there.issuer) != there.issuer:
        raise RefusedError("not from the provider")
    return there.identity(given["state"], given["code"], _return_address(there))


def _arrived(identity: Identity, errand: Errand) -> ResponseReturnValue:
    target = errand.target
    try:
        with database().write() as session:
            user = openid.linked_user(session, identity)
            if user is None:
                user = openid.known_user(session, identity)
                if user is None:
                    user, target = _invited(session, identity, errand.invitation), url_for("people.index")
                if openid.link(session, user, identity):
                    who = Who(None, user.email, user.id, request.remote_addr)
                    audit.note_of_account(session, who, user, "user.linked", issuer=identity.issuer)
    except StrangerError as error:
        return _refused(error.reason, errand, status=403, email=identity.email or "")
    return login.enter(user, target, by="openid")


def _invited(session: Session, identity: Identity, invitation: str) -> User:
    """A new user without a password, by the invitation that was opened in this browser. Raises StrangerError."""
    try:
        found = invitations.find(session, invitation)
        user = invitations.accept(session, invitation, Credentials(openid.verified_email(identity), ""))
    # By another invitation, at this very moment: the next time it is found. Or it is for another e-mail.
    except (users.InvalidError, invitations.ImpossibleError):
        user = None
    if user is None or found is None:
        raise StrangerError("no account")
    joining.note(session, found, user.id, user.email)
    return user


def _is_elsewhere(there: "Provider") -> bool:
    """Whether the provider sends browsers back to another host than this one, where the cookie isn't known."""
    return there.public_url is not None and _host(urlsplit(there.public_url).netloc) != _host(request.host)


def _host(netloc: str) -> str:
    return re.sub(r":\d*$", "", netloc.lower())  # cookies are of all ports of a host


def _return_address(there: "Provider") -> str:
    return (there.public_url or request.host_url.rstrip("/")) + url_for("openid.callback")


def _remember(state: str, errand: Errand) -> None:
    target = errand.target if len(quote(errand.target)) <= _LONGEST_TARGET else url_for("people.index")
    fresh = errand._replace(target=target, invitation=errand.invitation[:_LONGEST_TOKEN])
    kept = [*cookie.get("openid", {}).items(), (state, fresh)]
    cookie["openid"] = dict(sorted(kept, key=lambda one: one[1][0])[-_REMEMBERED:])


def _taken(state: str) -> Errand | None:
    """What this browser was sent away for with a state, once."""
    kept = dict(cookie.get("openid", {}))
    found = kept.pop(state, None)
    if found is None:
        return None
    cookie["openid"] = kept
    errand = Errand(*found)
    return errand if clock.now() - errand.begun_at < _LIFETIME else None


_NOT = "You were not signed in"
_WORDS = {
    "away": ("Try again later", "{Name} can’t be asked who you are at this moment."),
    "ended": ("This sign-in has ended", "It took too long, was used already, or was begun in another browser."),
    "cancelled": (_NOT, "{Name} says that it was cancelled, or that you may not sign in here."),
    "unproven": (_NOT, "What came from {name} doesn’t prove who you are. If it happens again, ask an administrator."),
    "no email": (_NOT, "{Name} doesn’t say which e-mail is yours, so that no account can be found by it."),
    "unverified": (_NOT, "{Name} hasn’t verified that {email} is yours, so that no account can be found by it."),
    "no account": ("No account here", "There is no account for {email} here. Ask an administrator for an invitation."),
    "another": (
        _NOT,
        "The account of {email} here is linked with another one of {name}. If both are yours, sign in as before and"
        " unlink it under Settings › Account.",
    ),
}


def _away(error: NoAnswerError | CrowdedError, errand: Errand) -> ResponseReturnValue:
    if isinstance(error, CrowdedError):
        raise users.BusyError
    page = _refused("away", errand, status=503, log_as=error.reason)
    page.headers["Retry-After"] = "10"
    return page


def _refused(
    kind: str, errand: Errand | None = None, *, status: int = 400, email: str = "", log_as: str = ""
) -> Response:
    """The page that says why nobody was signed in. `log_as`: what an operator needs to know of it."""
    log.warning("nobody signed in by OpenID Connect", extra={"fields": {"reason": log_as or kind}})
    there = openid.provider()
    assert there is not None  # noqa: S101 - else there is no errand
    title, words = _WORDS[kind]
    words = words.format(name=there.name, Name=there.name[0].upper() + there.name[1:], email=email)
    chooses = status == 403  # another account may be one that is known here
    return Response(
        render_template("login/openid.html", title=title, words=words, errand=errand, chooses=chooses), status
    )


def context() -> dict[str, Any]:
    """What templates know: the provider, if there is one, and by which accounts a visitor signs in."""
    return {"openid": openid.provider(), "linked_accounts": _linked_accounts}


def _linked_accounts(user_id: int) -> Sequence[LinkedAccount]:
    with database().read() as session:
        return openid.linked_accounts(session, user_id)
