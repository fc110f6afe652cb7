"""Settings › API keys: all keys and the making of one; a key by itself, with its rotation, its limit and its end."""

import re
import secrets
from collections.abc import Callable
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from webapp import audit, keys
from webapp.db import database
from webapp.keys import Listed
from webapp.models import ApiKey
from webapp.pages.guards import place, who
from webapp.pages.once import is_first_time

door = Blueprint("api_keys", __name__, url_prefix="/settings/keys")

LONGEST_NAME = 100
OVERLAPS = {"now": "at once", "1h": "in an hour", "1d": "in a day", "7d": "in 7 days", "30d": "in 30 days"}
LIFETIMES = {"1d": "after a day", "7d": "after 7 days", "30d": "after 30 days", "90d": "after 90 days",
             "365d": "after a year"}  # fmt: skip
_NO_LIMIT = f"Give a whole number from 1 to {keys.HIGHEST_LIMIT:,}, or nothing."


class _LimitError(ValueError):
    """What was given is no limit."""


@door.get("")
def index() -> str:
    """All API keys, and the form to make one."""
    return _index()


@door.post("")
def create() -> ResponseReturnValue:
    """Make a key and show its text: a secret one's this once, a browser's on the page with the snippet."""
    form = {name: _text(name) for name in ("name", "kind", "rate_limit", "lifetime")}
    faults, most = {}, None
    if not form["name"] or len(form["name"]) > LONGEST_NAME:
        faults["name"] = f"Give the key a name of at most {LONGEST_NAME} characters that tells where it is used."
    try:
        most = _limit(form["rate_limit"])
    except _LimitError:
        faults["rate_limit"] = _NO_LIMIT
    if form["lifetime"] and form["lifetime"] not in LIFETIMES:
        faults["lifetime"] = "Choose from the list when the key ends."
    if faults:
        return _index(faults=faults, form=form), 422
    if not is_first_time(request.form.get("once", "")):
        flash("That key was made already. Make another if its text is lost.")
        return redirect(url_for("api_keys.index"))
    kind: keys.Kind = next((one for one in keys.KINDS if one == form["kind"]), "server")
    lifetime = keys.LIFETIMES.get(form["lifetime"])
    with database().write() as session:
        key, text = keys.create(session, place().workspace.id, form["name"], kind, rate_limit=most, lifetime=lifetime)
        audit.note(session, who(), "key.created", key.public_id, name=key.name, kind=kind, **_terms(key))
    if kind == "browser":
        flash(f"The browser key “{key.name}” is made. Its snippet is below.")
        return redirect(url_for("website.show", key=key.public_id))
    return _index(made=key, text=text), 201


def _terms(key: ApiKey) -> dict[str, int]:
    """What has been agreed on with a new key, beside its kind; times in epoch ms."""
    told = {"rate_limit": key.rate_limit, "ends_at": key.ends_at}
    return {name: value for name, value in told.items() if value is not None}


@door.get("/<public_id>")
def show(public_id: str) -> str:
    """One key."""
    return _page(public_id)


@door.post("/<public_id>/rotation")
def rotate(public_id: str) -> ResponseReturnValue:
    """Make a key that takes its place, and show that one's text as of a new one."""
    overlap = _text("overlap")
    if overlap not in keys.OVERLAPS:
        flash("Choose when the key ends.", "trouble")
        return _back(public_id)
    try:
        with database().write() as session:
            former, made, text = keys.rotate(session, place().workspace.id, public_id, keys.OVERLAPS[overlap])
            told = {"name": made.name, "successor": made.public_id, "ends_at": former.ends_at}
            audit.note(session, who(), "key.rotated", former.public_id, **told)
    except keys.RotationError as error:
        flash(f"This key {error}.", "trouble")
        return _back(public_id)
    if made.kind == "browser":
        flash(f"The browser key “{made.name}” is rotated. The snippet below has the new one: put it into your pages.")
        return redirect(url_for("website.show", key=made.public_id))
    return _page(made.public_id, text=text), 201


@door.post("/<public_id>/limit")
def limit(public_id: str) -> ResponseReturnValue:
    """Set or lift the limit of a key."""
    given = _text("rate_limit")
    try:
        most = _limit(given)
    except _LimitError:
        return _page(public_id, faults={"rate_limit": _NO_LIMIT}, rate_limit=given), 422
    key = _changed(lambda session: keys.limit(session, place().workspace.id, public_id, most), "key.limited", most=most)
    allowed = "as often as one likes" if most is None else f"for {most:,} requests a minute"
    flash(f"The key “{key.name}” may be used {allowed} from now on.")
    return _back(key.public_id)


@door.post("/<public_id>/revocation")
def revoke(public_id: str) -> ResponseReturnValue:
    """End a key at once."""
    key = _changed(lambda session: keys.revoke(session, place().workspace.id, public_id), "key.revoked")
    flash(f"The key “{key.name}” is revoked. Requests with it are refused from now on.")
    return redirect(url_for("api_keys.index"))


def _changed(change: Callable[[Session], ApiKey], action: str, **details: Any) -> ApiKey:
    """The key after a change, which is noted."""
    with database().write() as session:
        key = change(session)
        audit.note(session, who(), action, key.public_id, name=key.name, **details)
    return key


def _text(field: str) -> str:
    return request.form.get(field, "").replace("\x00", "").strip()


def _limit(given: str) -> int | None:
    """A limit as it is typed, None for none. Raises _LimitError."""
    if not given:
        return None
    digits = re.sub(r"[\s,]", "", given)
    if not re.fullmatch(r"\d{1,7}", digits, re.ASCII) or not 1 <= int(digits) <= keys.HIGHEST_LIMIT:
        raise _LimitError
    return int(digits)


def _back(public_id: str) -> ResponseReturnValue:
    """To the page of a key."""
    return redirect(url_for("api_keys.show", public_id=public_id))


def _all() -> list[Listed]:
    with database().read() as session:
        return keys.listed(keys.of_workspace(session, place().workspace.id))


def _index(**shown: Any) -> str:
    found = _all()
    return render_template(
        "settings/keys.html",
        usable=[one for one in found if keys.is_usable(one.row)],
        ended=[one for one in found if not keys.is_usable(one.row)],
        once=secrets.token_hex(8),
        **{"faults": {}, "form": {}, "lifetimes": LIFETIMES} | _frame() | shown,
    )


def _page(public_id: str, **shown: Any) -> str:
    """The page of a key. Raises NotFoundError, for a stranger's too."""
    one = next((one for one in _all() if one.row.public_id == public_id), None)
    if one is None:
        raise keys.NotFoundError(public_id)
    given = {"faults": {}, "overlaps": OVERLAPS, "rate_limit": one.row.rate_limit or "", "made": one.row}
    return render_template("settings/key.html", one=one, key=one.row, **given | _frame() | shown)


def _frame() -> dict[str, Any]:
    return {"text": None, "host": request.host_url.rstrip("/")}
