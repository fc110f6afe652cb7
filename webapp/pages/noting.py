"""Writing notes on a profile and putting tags on it: for who may change customers."""

from collections.abc import Callable

from flask import Blueprint, abort, flash, redirect, request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from webapp import audit, notes, tags
from webapp.db import database
from webapp.models import Note
from webapp.pages import addresses, panels
from webapp.pages.guards import Place, place, who
from webapp.pages.panels import Person

door = Blueprint("noting", __name__, url_prefix="/customers/<growlytics_id>")

_NOTE = f"/notes/<int(max={2**63 - 1}):note_id>"


@door.post("/notes")
def add(growlytics_id: str) -> ResponseReturnValue:
    """Write a note on the profile."""
    text, user_id = request.form.get("text", ""), place().user_id

    def work(session: Session, whose: Person) -> None:
        notes.add(session, whose.ids, whose.customer.id, user_id, text)
        _noted(session, "note.added", whose)

    return _done(growlytics_id, work)


@door.post(_NOTE)
def change(growlytics_id: str, note_id: int) -> ResponseReturnValue:
    """Write a note anew: for its author and administrators."""
    text, here = request.form.get("text", ""), place()

    def work(session: Session, whose: Person) -> None:
        notes.change(_own(session, here, whose, note_id), here.user_id, text)
        _noted(session, "note.changed", whose)

    return _done(growlytics_id, work)


@door.post(f"{_NOTE}/removal")
def remove(growlytics_id: str, note_id: int) -> ResponseReturnValue:
    """Delete a note: for its author and administrators."""
    here = place()

    def work(session: Session, whose: Person) -> None:
        session.delete(_own(session, here, whose, note_id))
        _noted(session, "note.removed", whose)

    return _done(growlytics_id, work)


@door.post("/tags")
def tag(growlytics_id: str) -> ResponseReturnValue:
    """Put a tag on the profile."""
    text, user_id = request.form.get("tag", ""), place().user_id

    def work(session: Session, whose: Person) -> None:
        if tags.add(session, whose.customer, whose.ids, user_id, text):
            _noted(session, "tag.added", whose, tag=tags.fold(text))

    return _done(growlytics_id, work, "summary")


@door.post("/tags/removal")
def untag(growlytics_id: str) -> ResponseReturnValue:
    """Take a tag off the person."""
    text = request.form.get("tag", "")

    def work(session: Session, whose: Person) -> None:
        if tags.remove(session, whose.ids, text):
            _noted(session, "tag.removed", whose, tag=tags.fold(text))

    return _done(growlytics_id, work, "summary")


def _noted(session: Session, action: str, whose: Person, **details: str) -> None:
    audit.note(session, who(), action, whose.customer.growlytics_id, **details)


def _own(session: Session, here: Place, whose: Person, note_id: int) -> Note:
    found = notes.find(session, whose.ids, note_id)
    if found.user_id != here.user_id and here.role != "admin":
        abort(403)
    return found


def _done(growlytics_id: str, work: Callable[[Session, Person], None], panel: str = "notes") -> ResponseReturnValue:
    """Do it, and go back to the panel that the form stands in; htmx goes along and gets its part of it alone."""
    here = place()

    def whole(session: Session) -> None:
        work(session, panels.person(session, here, growlytics_id))

    try:
        database().transact(whole)
    except (notes.ImpossibleError, tags.ImpossibleError) as error:
        flash(str(error), "trouble")
    return redirect(f"{addresses.profile(growlytics_id)}#{panel}", 303)
