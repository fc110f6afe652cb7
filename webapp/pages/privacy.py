"""What a workspace keeps of its customers, and for how long: for administrators."""

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from webapp import audit, background, clock, filters, htmx, retention, sweeping
from webapp.db import database
from webapp.models import Sweep
from webapp.pages.guards import place, who

door = Blueprint("privacy", __name__, url_prefix="/settings/privacy")


@door.get("")
def show() -> str:
    """The settings, what another number of days would do, and how far taking away has come."""
    here = place().workspace
    asked, fault, preview = request.args.get("days"), "", None
    with database().read() as session:
        sweeps = {kind: sweeping.find(session, here.id, kind) for kind in sweeping.WORKS}
        if asked is not None:
            try:
                preview = retention.preview(session, here, retention.parse(asked))
            except retention.WrongError as error:
                fault = filters.sentence(error)
    if any(map(_is_waiting, sweeps.values())):
        background.wake("sweeping")
    template = "settings/_sweeps.html" if htmx.wants("sweeps") else "settings/privacy.html"
    text = str(here.retention_days or "") if asked is None else asked
    return render_template(
        template, asked=text, faults={"days": fault}, preview=preview, sweeps=sweeps, most=retention.MOST_DAYS
    )


def _is_waiting(sweep: Sweep | None) -> bool:
    """Whether something is to be done that nobody does at the moment."""
    if sweep is None or sweep.due_at is None or sweep.ended_at is not None:
        return False
    return sweep.worker is None or sweep.leased_until < clock.now()


@door.post("/retention")
def change_retention() -> ResponseReturnValue:
    """Keep events for as many days as the form says."""
    here, text = place(), request.form.get("days", "")
    try:
        number = retention.parse(text)
    except retention.WrongError as error:
        flash(filters.sentence(error), "trouble")
        return redirect(url_for("privacy.show", days=text[:10]), 303)
    with database().write() as session:
        former = retention.change(session, here.workspace.id, number)
        if former != number:
            audit.note(session, who(), "retention.changed", days={"from": former, "to": number})
    background.wake("sweeping")
    flash("Events are kept for ever." if number is None else f"Events are kept for {filters.plural(number, 'day')}.")
    return redirect(url_for("privacy.show"), 303)


@door.post("/addresses")
def change_addresses() -> ResponseReturnValue:
    """Keep shortened addresses, or none."""
    here, keeps = place(), request.form.get("keeps_addresses") == "yes"
    with database().write() as session:
        former = retention.change_addresses(session, here.workspace.id, keeps=keeps)
        if former != keeps:
            audit.note(session, who(), "addresses.changed", keeps={"from": former, "to": keeps})
    background.wake("sweeping")
    flash("Shortened addresses are kept from now on." if keeps else "No addresses are kept from now on.")
    return redirect(url_for("privacy.show"), 303)
