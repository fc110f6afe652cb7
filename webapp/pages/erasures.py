"""Archiving, erasing and exporting one person, and what became of that: see docs/privacy.md."""

from typing import Any

from flask import Blueprint, Response, flash, jsonify, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from webapp import audit, background, customers, erasures, person_exports
from webapp.db import database
from webapp.erased import Identifier
from webapp.erasures import Asked, Kind
from webapp.models import Customer
from webapp.pages.guards import place, who

door = Blueprint("erasures", __name__)
handing = Blueprint("handing", __name__, url_prefix="/customers/<growlytics_id>")  # for who may change customers
_LONGEST = 320  # characters of what somebody is known by
_LAST = 2**63 - 1


@door.get("/customers/<growlytics_id>/archiving", defaults={"kind": "archive"})
@door.get("/customers/<growlytics_id>/erasing", defaults={"kind": "erase"})
def confirm(growlytics_id: str, kind: Kind) -> ResponseReturnValue:
    """What would go; whoever means it says so once more."""
    return _confirm(growlytics_id, kind)


def _confirm(growlytics_id: str, kind: Kind, fault: str = "") -> ResponseReturnValue:
    with database().read() as session:
        customer = _person(session, growlytics_id)
        would = erasures.preview(session, kind, customer.id)
    shown = {"customer": customer, "kind": kind, "would": would, "words": erasures.WORDS, "fault": fault}
    return render_template("erasures/confirm.html", **shown), 422 if fault else 200


@door.post("/customers/<growlytics_id>/archiving")
def archive(growlytics_id: str) -> ResponseReturnValue:
    """Take from a person whatever says who it is."""
    return _do(growlytics_id, "archive")


@door.post("/customers/<growlytics_id>/erasing")
def erase(growlytics_id: str) -> ResponseReturnValue:
    """Erase a person."""
    return _do(growlytics_id, "erase")


def _do(growlytics_id: str, kind: Kind) -> ResponseReturnValue:
    if request.form.get("sure") != "yes":
        return _confirm(growlytics_id, kind, "Tick the box, if you mean it.")
    with database().read() as session:
        customer = _person(session, growlytics_id)
    try:
        row = erasures.ask(database(), place().workspace, Asked(kind, customer.growlytics_id), who())
    except erasures.ImpossibleError as error:
        flash(str(error), "trouble")
        return redirect(url_for("profile.show", growlytics_id=growlytics_id), 303)
    background.wake("erasing")
    return redirect(url_for("erasures.show", erasure_id=row.public_id), 303)


def _person(session: Session, growlytics_id: str) -> Customer:
    return erasures.root_of(session, customers.find(session, place().workspace.id, growlytics_id))


@door.get("/erasures")
def index() -> str:
    """All of them, the latest first."""
    return _index()


def _index(fault: str = "") -> str:
    here, before = place().workspace, request.args.get("before", _LAST, type=int)
    below = before if 0 < before < _LAST else None
    with database().read() as session:
        rows = erasures.of_workspace(session, here.id, below)
    shown = rows[: erasures.PAGE_SIZE]
    more = shown[-1].id if len(rows) > len(shown) else None
    told = [erasures.receipt(row) for row in shown]
    return render_template("erasures/list.html", erasures=told, more=more, is_first=below is None, fault=fault)


@door.post("/erasures")
def erase_known() -> ResponseReturnValue:
    """Erase who is known by a System ID, an e-mail or a mobile; let nobody come in by it, where nobody is."""
    by, text = request.form.get("by", ""), request.form.get("text", "").replace("\x00", "").strip()
    if by not in {"system_id", "email", "mobile"} or not 0 < len(text) <= _LONGEST:
        return _index(f"Say by what the person is known: at most {_LONGEST} characters."), 422
    asked = Asked("erase", identifiers=[Identifier(by, text)])  # type: ignore[arg-type]
    try:
        with database().read() as session:
            person = erasures.find_person(session, place().workspace, asked)
        if person is not None:  # whoever has a profile is looked at before
            return redirect(url_for("erasures.confirm", growlytics_id=person.growlytics_id, kind="erase"), 303)
        row = erasures.ask(database(), place().workspace, asked, who())
    except erasures.ImpossibleError as error:
        flash(f"{error} They are {', '.join(error.people)}.", "trouble")
        return redirect(url_for("erasures.index"), 303)
    background.wake("erasing")
    return redirect(url_for("erasures.show", erasure_id=row.public_id), 303)


@door.post("/erasures/returning")
def choose_returning() -> ResponseReturnValue:
    """Whether the erased may come back."""
    lets = request.form.get("returning") == "allowed"
    with database().write() as session:
        was = erasures.let_return(session, place().workspace.id, lets=lets)
        if was != lets:
            audit.note(session, who(), "returning.changed", returning="allowed" if lets else "refused")
    flash("Saved.")
    return redirect(url_for("privacy.show"), 303)


@door.get("/erasures/<erasure_id>")
def show(erasure_id: str) -> str:
    """A receipt to be read."""
    return render_template("erasures/receipt.html", receipt=_receipt(erasure_id), words=erasures.WORDS)


@door.get("/erasures/<erasure_id>/receipt.json")
def download(erasure_id: str) -> Response:
    """A receipt as a file."""
    answer = jsonify(_receipt(erasure_id))
    answer.headers["Content-Disposition"] = f'attachment; filename="receipt-{erasure_id}.json"'
    return answer


def _receipt(erasure_id: str) -> dict[str, Any]:
    with database().read() as session:
        return erasures.receipt(erasures.find(session, place().workspace.id, erasure_id))


@handing.post("/export")
def export(growlytics_id: str) -> ResponseReturnValue:
    """All there is of a person, as a ZIP. That it is handed out is noted first."""
    base, workspace = database(), place().workspace
    person = base.transact(lambda session: erasures.hand_out(session, workspace.id, growlytics_id, who()))
    return Response(person_exports.pieces(base, workspace, person.id), headers=person_exports.headers(person))
