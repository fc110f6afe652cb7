"""The customer list and its search."""

from typing import Any, get_args

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from webapp import customers, htmx, search
from webapp.cursors import Cursor
from webapp.customers import Sort, Status, Wanted
from webapp.db import database
from webapp.pages.guards import Place, place

door = Blueprint("people", __name__, url_prefix="/customers")

_MOST_COUNTED = 10_000  # a page doesn't wait for more


@door.get("")
def index() -> ResponseReturnValue:
    """The list, or what the search found; for a workspace without customers, how to get started."""
    here = place()
    if text := request.args.get("q", "").strip():
        return _found(here, text)
    with database().read() as session:
        if not customers.exist(session, here.workspace.id):
            return _getting_started()
        if htmx.wants("getting-started"):
            return htmx.go(url_for("people.index"))
        return _page(session, here)


@door.get("/")
def typed() -> ResponseReturnValue:
    """The address as people type it, with a slash at its end."""
    return redirect(url_for("people.index"))


def _found(here: Place, text: str) -> str:
    with database().read() as session:
        found = search.find(session, here.workspace, text)
    return _list(hits=found.hits, has_more=found.has_more, q=text)


def _page(session: Session, here: Place) -> str:
    wanted = Wanted(_choice("status", get_args(Status)), request.args.get("bots") == "hidden")
    sort: Sort = _choice("sort", get_args(Sort))
    page = customers.page(
        session,
        here.workspace.id,
        wanted,
        sort,
        older_than=Cursor.parse(request.args.get("older_than")),
        newer_than=Cursor.parse(request.args.get("newer_than")),
    )
    total = customers.count(session, here.workspace.id, wanted, most=_MOST_COUNTED + 1)
    stopped = customers.stopped(session, here.workspace.id)
    shown = {"total": min(total, _MOST_COUNTED), "is_more": total > _MOST_COUNTED}
    return _list(page=page, **shown, wanted=wanted, sort=sort, link=_link, stopped=stopped)


def _link(wanted: Wanted, sort: Sort, older_than: Cursor | None = None, newer_than: Cursor | None = None) -> str:
    """The address of the list; what is usual is left out of it."""
    return url_for(
        "people.index",
        status=None if wanted.status == "all" else wanted.status,
        bots="hidden" if wanted.hides_bots else None,
        sort=None if sort == "last_seen" else sort,
        older_than=older_than and str(older_than),
        newer_than=newer_than and str(newer_than),
    )


def _list(**context: Any) -> str:
    is_fragment = htmx.wants("list")
    return render_template(
        "customers/_list.html" if is_fragment else "customers/list.html", is_fragment=is_fragment, **context
    )


def _getting_started() -> ResponseReturnValue:
    if htmx.wants("getting-started"):
        return "", 204  # asked again every few seconds; nothing has come yet
    return render_template("customers/getting_started.html", host=request.host_url.rstrip("/"))


def _choice(field: str, choices: tuple[str, ...]) -> Any:
    asked = request.args.get(field, choices[0])
    return asked if asked in choices else choices[0]
