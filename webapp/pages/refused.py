"""What was refused and ignored, by reason: for every member of the workspace."""

from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, render_template, request, url_for

from webapp import htmx, keys, refused
from webapp.cursors import Cursor
from webapp.db import database
from webapp.pages.guards import place
from webapp.refused import Filter, Group

door = Blueprint("refused", __name__, url_prefix="/refused")

ONE = "/<reason_id>"
_FEW = 10  # samples that are shown at first


@door.get("")
def index() -> str:
    """All reasons that pass the filters of the URL, seen last first."""
    here, wanted, older_than = place(), _wanted(), Cursor.parse(request.args.get("older_than"))
    with database().read() as session:
        found = refused.find(session, here.workspace, wanted, older_than)
        known = {
            "endpoints": refused.endpoints(session, here.workspace.id),
            "keys": keys.of_workspace(session, here.workspace.id),
        }
    page = found[: refused.PAGE_SIZE]
    older = page[-1].cursor if len(found) > len(page) else None
    shown = {"wanted": wanted, "groups": page, "older": older, "is_first": older_than is None, "link": _link}
    is_fragment = htmx.wants("groups")
    return render_template("refused/_groups.html" if is_fragment else "refused/list.html", **known, **shown)


def _wanted() -> Filter:
    said = request.args
    kind = said.get("kind")
    return Filter(
        kind="refused" if kind == "refused" else "ignored" if kind == "ignored" else None,
        endpoint=said.get("endpoint", ""),
        key=said.get("key", ""),
        place=said.get("place", ""),
    )


def _link(wanted: Filter, **more: Any) -> str:
    """The address of the list with other filters."""
    given = {**wanted._asdict(), **more}
    query = urlencode({name: text for name, text in given.items() if text})
    return f"{url_for('refused.index')}?{query}" if query else url_for("refused.index")


@door.get(ONE)
def show(reason_id: str) -> str:
    """One of them, with what is kept."""
    return page(reason_id)


def page(reason_id: str, **shown: Any) -> str:
    """The page of a reason. `results`: of a rehearsal, by digest."""
    with database().read() as session:
        group: Group = refused.get(session, place().workspace.id, reason_id)
        samples = refused.samples(session, group)
    shows_all = "all" in request.args or bool(shown.get("results"))
    return render_template(
        "refused/_samples.html" if htmx.wants("samples") else "refused/group.html",
        group=group,
        samples=samples if shows_all else samples[:_FEW],
        kept=len(samples),
        most_kept=refused.MOST_KEPT,
        replayable=sum(one.row.is_whole for one in samples) if group.can_be_replayed else 0,
        **{"results": {}, **shown},
    )
