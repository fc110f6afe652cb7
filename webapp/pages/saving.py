"""Saving a view of the customer list as a segment, renaming, replacing and deleting one: for editors."""

from flask import Blueprint, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from webapp import audit, filters, segments, views
from webapp.db import database
from webapp.pages.guards import place, who
from webapp.pages.people import link, segment_link
from webapp.segments import WrongError
from webapp.views import View

door = Blueprint("saving", __name__, url_prefix="/segments")


@door.post("")
def create() -> ResponseReturnValue:
    """Save the view of the form under a name."""
    with database().read() as session:
        view = _view(session)
    try:
        with database().write() as session:
            segment = segments.create(session, place().workspace.id, request.form.get("name", ""), _query(view))
            audit.note(session, who(), "segment.created", segment.name)
    except WrongError as error:
        flash(filters.sentence(error), "trouble")
        return redirect(link(view))
    flash(f"Segment “{segment.name}” is saved.")
    return redirect(segment_link(segment))


@door.post("/<int:id_>")
def rename(id_: int) -> ResponseReturnValue:
    """Give it the name of the form."""
    try:
        with database().write() as session:
            segment = segments.find(session, place().workspace.id, id_)
            former = segment.name
            segments.rename(session, segment, request.form.get("name", ""))
            audit.note(session, who(), "segment.renamed", former, name=segment.name)
    except WrongError as error:
        flash(filters.sentence(error), "trouble")
        with database().read() as session:
            segment = segments.find(session, place().workspace.id, id_)
    return redirect(segment_link(segment))


@door.post("/<int:id_>/view")
def replace(id_: int) -> ResponseReturnValue:
    """Let it show the view of the form from now on."""
    with database().read() as session:
        view = _view(session)
    try:
        with database().write() as session:
            segment = segments.find(session, place().workspace.id, id_)
            segments.replace(segment, _query(view))
            audit.note(session, who(), "segment.replaced", segment.name)
    except WrongError as error:
        flash(filters.sentence(error), "trouble")
        return redirect(link(view, id_))
    flash(f"Segment “{segment.name}” shows this now.")
    return redirect(segment_link(segment))


@door.post("/<int:id_>/deletion")
def delete(id_: int) -> ResponseReturnValue:
    """Forget it; no customer is touched."""
    with database().write() as session:
        segment = segments.find(session, place().workspace.id, id_)
        session.delete(segment)
        audit.note(session, who(), "segment.deleted", segment.name)
    flash(f"Segment “{segment.name}” is deleted.")
    return redirect(url_for("people.index"))


def _view(session: Session) -> View:
    return views.parse_query(session, place().workspace, request.form.get("view", ""))


def _query(view: View) -> str:
    """The view as a segment keeps it. Raises WrongError."""
    if view.wrong:
        raise WrongError("a filter that can't be used can't be saved either")
    if view.is_usual:
        raise WrongError("there is nothing to save: choose filters, columns or an order first")
    return view.query
