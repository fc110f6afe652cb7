"""Merging two profiles by hand, undoing merges: for who may change customers."""

from typing import Any, NamedTuple

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select
from sqlalchemy.orm import Session

from webapp import audit, customers, evidence, merges, search
from webapp.db import database
from webapp.models import Customer, Merge
from webapp.pages.guards import place, who

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

    def work(session: Session) -> _Outcome:
        customer = _person(session, growlytics_id)
        other = _person(session, request.form.get("with", ""))
        made = merges.by_hand(session, place().workspace, place().user_id, customer.id, other.id)
        return _noted(session, "merge.created", _outcome(session, customer, made))

    try:
        done = database().transact(work)
    except merges.ImpossibleError as error:
        flash(str(error), "trouble")
        return redirect(url_for("profile.show", growlytics_id=growlytics_id))
    flash("Merged. You can undo it under “Why is this one person?”.")
    return redirect(done.profile)


@door.post(f"{_MERGE}/undoing")
def undo(growlytics_id: str, merge_id: int) -> ResponseReturnValue:
    """Make two people of one again."""

    def work(session: Session) -> _Outcome:
        customer = _person(session, growlytics_id)
        undone = merges.undo(session, place().workspace, place().user_id, merge_id)
        return _noted(session, "merge.undone", _outcome(session, customer, undone))

    done = database().transact(work)
    if done.are_one:
        flash("Undone. Another merge still makes the two one person.", "trouble")
    else:
        flash(f"Undone. {done.member} is a profile apart again.")
    return redirect(done.profile)


@door.post(f"{_MERGE}/renewal")
def redo(growlytics_id: str, merge_id: int) -> ResponseReturnValue:
    """Let a merge hold that was undone or stopped."""

    def work(session: Session) -> _Outcome:
        customer = _person(session, growlytics_id)
        renewed = merges.redo(session, place().workspace, merge_id)
        return _noted(session, "merge.renewed", _outcome(session, customer, renewed))

    done = database().transact(work)
    if done.are_one:
        flash("Merged.")
    else:
        flash("This merge is set aside: logins say that these are two customers.", "trouble")
    return redirect(done.profile)


@door.post("/resumption")
def resume(growlytics_id: str) -> ResponseReturnValue:
    """Let logins join visitors with this customer again."""

    def work(session: Session) -> None:
        customer = _person(session, growlytics_id)
        merges.resume(session, customer.id)
        audit.note(session, who(), "merging.resumed", customer.growlytics_id)

    database().transact(work)
    flash("Logins join visitors with this customer again.")
    return redirect(url_for("profile.show", growlytics_id=growlytics_id))


class _Outcome(NamedTuple):
    """What has become of a merge: the Growlytics IDs of its member and its target, whether the two are one, where to
    go on.
    """

    member: str
    target: str
    are_one: bool
    profile: str


def _outcome(session: Session, customer: Customer, merge: Merge) -> _Outcome:
    # Read afresh: a merge changes who stands for whom, and may exchange Growlytics IDs.
    ids = (customer.id, merge.member_id, merge.target_id)
    query = select(Customer).where(Customer.id.in_(ids)).execution_options(populate_existing=True)
    here, member, target = map({row.id: row for row in session.scalars(query)}.__getitem__, ids)
    root = here if here.root_id is None else session.get_one(Customer, here.root_id, populate_existing=True)
    are_one = (member.root_id or member.id) == (target.root_id or target.id)
    profile = url_for("profile.show", growlytics_id=root.growlytics_id)
    return _Outcome(member.growlytics_id, target.growlytics_id, are_one, profile)


def _noted(session: Session, action: str, outcome: _Outcome) -> _Outcome:
    audit.note(session, who(), action, outcome.target, other=outcome.member)
    return outcome


def _person(session: Session, growlytics_id: str) -> Customer:
    found = customers.find(session, place().workspace.id, growlytics_id)
    return found if found.root_id is None else session.get_one(Customer, found.root_id)


def _preview(session: Session, customer: Customer, other: Customer) -> dict[str, Any]:
    try:
        return {"preview": evidence.preview(session, place().workspace.id, (customer, other)), "other": other}
    except merges.ImpossibleError as error:
        return {"impossible": str(error), "other": other}
