"""Passwords and codes that visitors try: who is counted together, and what becomes of those who try too often.

A browser that has signed in to an account before is counted apart from strangers, who can't hold it up so: it carries a
signed cookie for that account (the device cookies of OWASP). All others are counted by account and by address.
"""

import hashlib
from collections.abc import Callable, Sequence
from functools import partial
from ipaddress import IPv6Address, ip_address, ip_network
from typing import TypeVar

from flask import current_app, request
from flask_login import current_user
from itsdangerous import BadSignature, TimestampSigner
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from webapp import throttles, tokens, users
from webapp.db import database
from webapp.throttles import Limit

T = TypeVar("T")
_KNOWN_FOR = 365 * 24 * 60 * 60  # seconds


def of_password(email: str) -> tuple[Limit, ...]:
    """What limits the passwords for an account, whether there is such an account or not."""
    return _limits("password", users.asked_email(email), throttles.PASSWORDS)


def of_code(email: str) -> tuple[Limit, ...]:
    """What limits the codes of the second factor for an account."""
    return _limits("code", email, throttles.CODES)


def of_question() -> tuple[Limit, ...]:
    """What limits the passwords that somebody who is signed in is asked for again.

    By login: whoever has got hold of another one can't keep the owner from changing the password.
    """
    return (Limit(_key("question", current_user.login.token_hash), throttles.PASSWORDS),)


def of_proof() -> tuple[Limit, ...]:
    """What limits passwords and codes that are asked for together."""
    return (*of_question(), Limit(_key("proof", current_user.login.token_hash), throttles.CODES))


def guarded(
    limits: Sequence[Limit], check: Callable[[], T | None], on_failure: Callable[[Session], None] | None = None
) -> T | None:
    """What a check of a password or code finds, None when it was wrong. Raises TooEarlyError without checking.

    `on_failure` is called in a transaction when it is the first wrong one of many.
    """
    counted = throttles.count(database(), limits)
    try:
        found = check()
    except users.BusyError:
        throttles.take_back(database(), counted)
        raise
    if found is not None:
        throttles.take_back(database(), counted)
    elif on_failure is not None:
        database().transact(partial(_note, limit=limits[0], on_failure=on_failure))
    return found


def _note(session: Session, limit: Limit, on_failure: Callable[[Session], None]) -> None:
    if throttles.is_first(session, limit):
        on_failure(session)


def make_known(response: Response, email: str) -> None:
    """Let this browser be known to an account that it has signed in to."""
    response.set_cookie(
        _cookie(email),
        _signer(email).sign(tokens.new()).decode(),
        max_age=_KNOWN_FOR,
        path="/login",
        secure=request.is_secure,
        httponly=True,
        samesite="Strict",
    )


def _limits(what: str, account: str, rule: throttles.Rule) -> tuple[Limit, ...]:
    browser = _known_browser(account)
    if browser is not None:
        return (Limit(_key(what, "browser", account, browser), rule),)
    address = Limit(_key("address", network(request.remote_addr or "")), throttles.ADDRESSES)
    return (Limit(_key(what, "account", account), rule), address)


def _key(*words: str) -> str:
    return throttles.key(str(current_app.secret_key), *words)


def _known_browser(account: str) -> str | None:
    try:
        return _signer(account).unsign(request.cookies.get(_cookie(account), ""), _KNOWN_FOR).decode()
    except BadSignature:
        return None


def _cookie(account: str) -> str:
    return f"customer_profiles_known_{_key('cookie', account)[:16]}"


def _signer(account: str) -> TimestampSigner:
    # The account is part of what the key is made from: the cookie of another one is worth nothing.
    return TimestampSigner(_key("known browser", account), digest_method=hashlib.sha256)


def network(address: str) -> str:
    """Whom an address belongs to: an IPv6 line has 2^64 of them."""
    try:
        found = ip_address(address)
    except ValueError:
        return address
    if isinstance(found, IPv6Address):
        return str(found.ipv4_mapped or ip_network((found, 64), strict=False))
    return address
