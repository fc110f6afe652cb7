"""Files that are imported: the latest ones, what is in one, how far it has come, and which rows failed.

For editors only: a preview shows e-mails and mobiles, which viewers may see masked.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import humanize
from flask import Blueprint, Response, current_app, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from webapp import background, clock, htmx, import_plans, imports
from webapp.db import database
from webapp.import_faults import Fault
from webapp.import_plans import DELIMITERS, ENCODINGS, Plan
from webapp.imports import Limits
from webapp.models import Import
from webapp.pages.guards import place

door = Blueprint("imports", __name__, url_prefix="/imports")

ONE = "/<int(max=9223372036854775807):id_>"
_FAILURES = 50  # rows that are shown


@door.get("")
def index() -> str:
    """The latest imports, newest first."""
    with database().read() as session:
        return render_template("imports/index.html", imports=imports.latest(session, place().workspace.id))


@door.get("/new")
def new() -> str:
    """The form that takes a file."""
    return form(request.args.get("kind", ""), {})


def form(kind: str, faults: Mapping[str, str]) -> str:
    """The form, with its faults by field."""
    return render_template("imports/new.html", kind=kind, faults=faults, most=_size(limits().largest_file))


def _size(number: int) -> str:
    """So many bytes in words: `98 KB`."""
    return humanize.naturalsize(number, format="%.0f").replace("kB", "KB").replace("Byte", "byte")


def limits() -> Limits:
    """What this installation takes."""
    found: Limits = current_app.extensions["import_limits"]
    return found


@door.get(ONE)
def show(id_: int) -> ResponseReturnValue:
    """A file: what is in it, how far it has come, or what became of it."""
    with database().read() as session:
        one = find(session, id_)
        if one.state == "running":
            _see_to_it(one)
            is_part = htmx.wants("progress")
            return render_template("imports/_progress.html" if is_part else "imports/running.html", one=one)
        if htmx.wants("progress"):
            return htmx.go(url_for("imports.show", id_=id_))
        return page(session, one, None if _reading(one) else import_plans.of(one))


def _see_to_it(one: Import) -> None:
    """Have one that nobody works on worked on."""
    if one.leased_until < clock.now():
        background.wake("importing")


def find(session: Session, id_: int) -> Import:
    """The import of this address. Raises imports.NotFoundError."""
    return imports.find(session, place().workspace.id, id_)


def page(session: Session, one: Import, plan: Plan | None, faults: Sequence[Fault] = ()) -> str:
    """The page of an import that nobody works on. `plan`: as it was filled in, if it was."""
    failures = imports.failures(session, one, _FAILURES) if one.failed or one.ignored else []
    if one.is_over:
        return render_template("imports/over.html", one=one, failures=failures, most_failures=_FAILURES)
    preview = import_plans.preview(session, one, plan or _reading(one))
    return render_template(
        "imports/preview.html",
        one=one,
        failures=failures,
        most_failures=_FAILURES,
        size=_size(one.size),
        preview=preview,
        plan=plan or preview.plan,
        told=_by_field(faults),
        faults=faults,
        **_choices(one),
    )


def _reading(one: Import) -> Plan | None:
    """How the address wants the file to be read; None: as it is detected."""
    said = request.args
    if said.get("encoding") not in ENCODINGS or said.get("delimiter") not in DELIMITERS:
        return None
    return import_plans.read_form(one, said)


def _by_field(faults: Sequence[Fault]) -> dict[tuple[int | None, str], str]:
    found: dict[tuple[int | None, str], str] = {}
    for fault in faults:
        place = fault.column, fault.field
        found[place] = f"{found[place]}. {fault.words}" if place in found else fault.words
    return found


def _choices(one: Import) -> dict[str, Any]:
    return {
        "targets": import_plans.CHOICES[one.kind],
        "types": import_plans.TYPES,
        "encodings": ENCODINGS,
        "delimiters": DELIMITERS,
        "formats": import_plans.TIME_FORMATS,
    }


@door.get(f"{ONE}/failed.csv")
def failed(id_: int) -> Response:
    """The rows of which nothing was imported, as CSV with their reasons."""
    with database().read() as session:
        one = find(session, id_)
    pieces = imports.failed_rows(database(), place().workspace.id, id_)
    headers = {"Content-Disposition": f'attachment; filename="failed-rows-{one.id}.csv"', "Cache-Control": "no-store"}
    return Response(pieces, mimetype="text/csv", headers=headers)
