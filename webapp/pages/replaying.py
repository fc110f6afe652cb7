"""Sending again what was refused, after a rehearsal, and dismissing it: for who may change customers."""

from collections import Counter
from collections.abc import Sequence

from flask import Blueprint, current_app, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from webapp import audit, refused, replay
from webapp.db import database
from webapp.filters import plural
from webapp.pages.guards import place, who
from webapp.pages.refused import ONE, page
from webapp.refused import Sample
from webapp.replay import Result

door = Blueprint("replaying", __name__, url_prefix=f"/refused{ONE}")

_STILL = {
    "refused": "still refused",
    "ignored": "still of another type",
    "gone": "sent again by somebody else",
    "cut": "not kept as a whole",
}


@door.post("/rehearsal")
def rehearse(reason_id: str) -> str:
    """Say what would happen, and store nothing."""
    results = _sent(reason_id, is_rehearsal=True)
    stored = sum(result.is_stored for _, result in results)
    return page(reason_id, results={sample.row.digest: result for sample, result in results}, would_be_stored=stored)


@door.post("/replay")
def send_again(reason_id: str) -> ResponseReturnValue:
    """Send one of them or all again."""
    results = [result for _, result in _sent(reason_id, is_rehearsal=False)]
    is_well = bool(results) and all(result.is_stored for result in results)
    flash(_in_words(results), "message" if is_well else "trouble")
    return redirect(url_for("refused.show", reason_id=reason_id), 303)


@door.post("/dismissal")
def dismiss(reason_id: str) -> ResponseReturnValue:
    """Drop a reason with all that is kept of it."""
    workspace_id = place().workspace.id

    def work(session: Session) -> None:
        refused.dismiss(session, workspace_id, reason_id)
        audit.note(session, who(), "refused.dismissed", reason_id)

    database().transact(work)
    flash("Dismissed. It appears again when it happens again.")
    return redirect(url_for("refused.index"), 303)


def _sent(reason_id: str, *, is_rehearsal: bool) -> list[tuple[Sample, Result]]:
    """The results of the one that the form names, or of all."""
    here, name = place(), request.form.get("digest", "")
    with database().read() as session:
        group = refused.get(session, here.workspace.id, reason_id)
        samples = refused.samples(session, group)
    chosen = [one for one in samples if name in {"", str(one.row.digest)}]
    if chosen and not is_rehearsal:
        database().transact(lambda session: replay.note(session, who(), group, len(chosen)))
    house = current_app.extensions["house"]
    return replay.several(house, here.workspace, group, chosen, is_rehearsal=is_rehearsal)


def _in_words(results: Sequence[Result]) -> str:
    if not results:
        return "There is nothing left to be sent again."
    counts = Counter[str](result.state for result in results)
    told = [f"{plural(counts['stored'], 'is', 'are')} stored"] if counts["stored"] else []
    told += [f"{plural(counts[state], 'is', 'are')} {words}" for state, words in _STILL.items() if counts[state]]
    why = next((result.faults[0] for result in results if result.faults), "")
    return f"{', '.join(told)}{f': {why}' if why else ''}."
