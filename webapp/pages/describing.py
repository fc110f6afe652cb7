"""What people say of attributes and events, and whether these are shown: for who may change customers."""

from flask import Blueprint, flash, redirect, request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from webapp import audit, dictionary, filters
from webapp.db import database
from webapp.dictionary import ITSELF
from webapp.pages.data import entry_link
from webapp.pages.guards import place, who

door = Blueprint("describing", __name__, url_prefix="/data")


@door.post("/description")
def describe() -> ResponseReturnValue:
    """Keep the description of the form."""
    key = _key()
    try:
        with database().write() as session:
            entry = dictionary.find(session, place().workspace.id, *key)
            dictionary.describe(session, entry, request.form.get("description", ""))
            _noted(session, "entry.described", key)
    except dictionary.WrongError as error:
        flash(filters.sentence(error), "trouble")
    else:
        flash("The description is saved.")
    return redirect(entry_link(*key), 303)


@door.post("/hiding")
def hide() -> ResponseReturnValue:
    """Hide it, or show it again."""
    key, is_hidden = _key(), request.form.get("hidden") == "yes"
    with database().write() as session:
        entry = dictionary.find(session, place().workspace.id, *key)
        dictionary.hide(session, entry, is_hidden=is_hidden)
        _noted(session, "entry.hidden" if is_hidden else "entry.shown", key)
    where = "profiles and choices"
    name = entry.name or entry.event_name
    flash(f"“{name}” is hidden from {where}." if is_hidden else f"“{name}” is shown again on {where}.")
    return redirect(entry_link(*key), 303)


def _noted(session: Session, action: str, key: tuple[str, str]) -> None:
    event_name, name = key
    audit.note(session, who(), action, name or event_name, **dictionary.named(event_name, name))


def _key() -> tuple[str, str]:
    return request.form.get("event", ""), request.form.get("name", ITSELF)
