"""Merging two profiles by hand, undoing merges: for who may change customers."""

from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from webapp import customers, evidence, merges, search
from webapp.db import database
from webapp.models import Customer
from webapp.pages.guards import place

door = Blueprint("merging", __name__, url_prefix="/customers/<growlytics_id>/merges")

_MERGE = f"/<int(max={2**63 - 1}):merge_id>"


@door.get("")
def choose(growlytics_id: str) -> str:
    """Find the other profile; once it is chosen, what merging the two would do."""
    text, chosen = request.args.get("q", "").strip(), request.args.get("with", "")
    with database().read() as session:
        customer = _person(session, growlytics_id)
        shown: dict[str, Any] = {"q": text, "found": None, "preview": None, "impossible": None}
        if chosen:
            shown |= _preview(session, customer, _person(session, chosen))
        elif text:
            shown["found"] = search.find(session, place().workspace, text)
        return render_template("customers/merge.html", customer=customer, **shown)


@door.post("")
def merge(growlytics_id: str) -> ResponseReturnValue:
    """Merge the two."""
    with database().write() as session:
        customer = _person(session, growlytics_id)
        other = _person(session, request.form.get("with", ""))
        try:
            made = merges.by_hand(session, place().workspace, place().user_id, customer.id, other.id)
        except merges.ImpossibleError as error:
            flash(str(error), "trouble")
            return redirect(_profile(customer))
        target = session.get_one(Customer, made.target_id)
    flash("Merged. You can undo it under “Why is this one person?”.")
    return redirect(_profile(target))


@door.post(f"{_MERGE}/undoing")
def undo(growlytics_id: str, merge_id: int) -> ResponseReturnValue:  # noqa: ARG001 - the address has it
    """Make two people of one again."""
    with database().write() as session:
        undone = merges.undo(session, place().workspace, place().user_id, merge_id)
        member, target = (session.get_one(Customer, id_) for id_ in (undone.member_id, undone.target_id))
    flash(f"Undone. {member.growlytics_id} is a profile apart again.")
    return redirect(_profile(target))


@door.post(f"{_MERGE}/renewal")
def redo(growlytics_id: str, merge_id: int) -> ResponseReturnValue:  # noqa: ARG001 - the address has it
    """Let a merge hold that was undone or stopped."""
    with database().write() as session:
        target = session.get_one(Customer, merges.redo(session, place().workspace, merge_id).target_id)
    flash("Merged.")
    return redirect(_profile(target))


@door.post("/resumption")
def resume(growlytics_id: str) -> ResponseReturnValue:
    """Let logins join visitors with this customer again."""
    with database().write() as session:
        merges.resume(session, _person(session, growlytics_id).id)
    flash("Logins join visitors with this customer again.")
    return redirect(url_for("profile.show", growlytics_id=growlytics_id))


def _person(session: Session, growlytics_id: str) -> Customer:
    found = customers.find(session, place().workspace.id, growlytics_id)
    return found if found.root_id is None else session.get_one(Customer, found.root_id)


def _preview(session: Session, customer: Customer, other: Customer) -> dict[str, Any]:
    try:
        return {"preview": evidence.preview(session, place().workspace.id, (customer, other)), "other": other}
    except merges.ImpossibleError as error:
        return {"impossible": str(error), "other": other}


def _profile(customer: Customer) -> str:
    return url_for("profile.show", growlytics_id=customer.growlytics_id)
