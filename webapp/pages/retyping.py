"""Changing the type of an attribute, and taking that back: for administrators."""

from flask import Blueprint, flash, redirect, request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from webapp import audit, background, dictionary, filters, type_changes
from webapp.db import database
from webapp.dictionary import CUSTOMER
from webapp.models import TypeChange
from webapp.pages.data import entry_link
from webapp.pages.guards import place, who

door = Blueprint("retyping", __name__, url_prefix="/data/types")


@door.post("")
def change() -> ResponseReturnValue:
    """Give an attribute the type of the form."""
    here, key = place(), (request.form.get("event", CUSTOMER), request.form.get("name", ""))
    try:
        with database().write() as session:
            began = type_changes.start(session, here.workspace.id, here.user_id, key, request.form.get("type", ""))
            _noted(session, "type.changed", began)
    except type_changes.WrongError as error:
        flash(filters.sentence(error), "trouble")
    else:
        flash(f"The type is {began.type} from now on.")
        if began.ended_at is None:
            background.wake("converting")
    return redirect(entry_link(*key), 303)


@door.post("/<int(max=9223372036854775807):id_>/undoing")
def take_back(id_: int) -> ResponseReturnValue:
    """Give an attribute the type again that it had before a change."""
    here = place()
    try:
        with database().write() as session:
            began = type_changes.take_back(session, here.workspace.id, here.user_id, id_)
            _noted(session, "type.restored", began)
    except type_changes.WrongError as error:
        flash(filters.sentence(error), "trouble")
        with database().read() as session:
            began = type_changes.find(session, here.workspace.id, id_)
    else:
        flash(f"The type is {began.type} again.")
        if began.ended_at is None:
            background.wake("converting")
    return redirect(entry_link(began.event_name, began.name), 303)


def _noted(session: Session, action: str, began: TypeChange) -> None:
    entry = dictionary.named(began.event_name, began.name)
    audit.note(session, who(), action, began.name, former=began.former, type=began.type, **entry)
