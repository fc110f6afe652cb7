"""Pinning attributes to the top of every profile: for who may change customers."""

from flask import Blueprint, flash, redirect, request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from webapp import audit, customers, pins
from webapp.db import database
from webapp.pages import addresses
from webapp.pages.guards import place, who

door = Blueprint("pinning", __name__, url_prefix="/customers/<growlytics_id>/pins")


@door.post("")
def pin(growlytics_id: str) -> ResponseReturnValue:
    """Pin an attribute for the whole workspace."""
    workspace_id, name = place().workspace.id, request.form.get("name", "")

    def work(session: Session) -> None:
        if pins.add(session, workspace_id, name):
            audit.note(session, who(), "attribute.pinned", name)

    try:
        database().transact(work)
    except pins.ImpossibleError as error:
        flash(str(error), "trouble")
    return _back(growlytics_id)


@door.post("/removal")
def unpin(growlytics_id: str) -> ResponseReturnValue:
    """Let an attribute stand among the others again."""
    workspace_id, name = place().workspace.id, request.form.get("name", "")

    def work(session: Session) -> None:
        if pins.remove(session, workspace_id, name):
            audit.note(session, who(), "attribute.unpinned", name)

    database().transact(work)
    return _back(growlytics_id)


def _back(growlytics_id: str) -> ResponseReturnValue:
    """To the panel that the form stands in; htmx goes along and gets the panel alone."""
    with database().read() as session:
        customer = customers.find(session, place().workspace.id, growlytics_id)
    return redirect(f"{addresses.profile(customer.growlytics_id)}#attributes", 303)
