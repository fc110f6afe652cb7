"""Taking in a file, trying and importing it, and cancelling that: for who may change customers."""

from typing import get_args

from flask import Blueprint, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue

from webapp import background, filters, import_plans, imports
from webapp.db import database
from webapp.import_faults import FaultyError
from webapp.imports import FileKind
from webapp.pages import uploads
from webapp.pages.guards import who
from webapp.pages.imports import ONE, find, form, limits, page

door = Blueprint("importing", __name__, url_prefix="/imports")
uploads.let_in(door, "upload")

_MOST_FIELDS, _LONGEST_FORM = 20_000, 4_000_000  # four fields for each column of a file


@door.url_value_preprocessor
def _let_in_many_columns(asked: str | None, _: object) -> None:
    if asked == "importing.start":
        request.max_form_parts, request.max_content_length = _MOST_FIELDS, _LONGEST_FORM


@door.post("")
def upload() -> ResponseReturnValue:
    """Keep a file, in pieces as it arrives; nothing of it is imported yet."""
    asked, file = request.form.get("kind", ""), request.files.get("file")
    kind: FileKind | None = next((one for one in get_args(FileKind) if one == asked), None)
    if kind is None:
        return form(asked, {"kind": "Say what each row is."}), 422
    if file is None or not file.filename:
        return form(kind, {"file": "Choose a file."}), 422
    try:
        id_ = imports.prepare(database(), who(), file.stream, file.filename, kind, limits())
    except imports.WrongError as error:
        uploads.drain(limits().largest_file)
        return form(kind, {"file": filters.sentence(error)}), 422
    except ValueError:
        return form(kind, {"file": "The file has not arrived as a whole. Upload it again."}), 422
    return redirect(url_for("imports.show", id_=id_), 303)


@door.post(f"{ONE}/start")
def start(id_: int) -> ResponseReturnValue:
    """Try or import it, as the form says what its columns are; all faults of that are told at once."""
    is_dry = request.form.get("dry") == "yes"
    with database().read() as session:
        one = find(session, id_)
        plan = import_plans.read_form(one, request.form)
    try:
        with database().write() as session:
            imports.start(session, who(), id_, plan, limits(), dry=is_dry)
    except FaultyError as error:
        with database().read() as session:
            return page(session, find(session, id_), plan, error.faults), 422
    except imports.WrongError as error:
        flash(filters.sentence(error), "trouble")
    else:
        background.wake("importing")
    return redirect(url_for("imports.show", id_=id_), 303)


@door.post(f"{ONE}/cancellation")
def cancel(id_: int) -> ResponseReturnValue:
    """Stop it, and drop the file."""
    try:
        with database().write() as session:
            imports.cancel(session, who(), id_)
    except imports.WrongError as error:
        flash(filters.sentence(error), "trouble")
    else:
        background.wake("importing")  # which removes the file
        flash("Cancelled. The file is removed.")
    return redirect(url_for("imports.show", id_=id_), 303)
