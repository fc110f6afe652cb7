"""The customer list, its search, and the profile."""

from datetime import date, datetime, timedelta
from typing import Any, get_args

from flask import Blueprint, jsonify, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from webapp import attributes, customers, events, filters, htmx, search
from webapp.cursors import Cursor
from webapp.customers import Sort, Status
from webapp.db import database
from webapp.models import Customer
from webapp.pages.guards import Place, place

door = Blueprint("people", __name__, url_prefix="/customers")

# From this many attributes on, a field to filter them is of use.
MANY_ATTRIBUTES = 12


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
    status: Status = _choice("status", get_args(Status))
    sort: Sort = _choice("sort", get_args(Sort))
    page = customers.page(
        session,
        here.workspace.id,
        status,
        sort,
        older_than=Cursor.parse(request.args.get("older_than")),
        newer_than=Cursor.parse(request.args.get("newer_than")),
    )
    total = customers.count(session, here.workspace.id, status)
    return _list(page=page, total=total, status=status, sort=sort, link=_link)


def _link(status: Status, sort: Sort, older_than: Cursor | None = None, newer_than: Cursor | None = None) -> str:
    """The address of the list; what is usual is left out of it."""
    return url_for(
        "people.index",
        status=None if status == "all" else status,
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


@door.get("/<growlytics_id>")
def profile(growlytics_id: str) -> str:
    """One customer: who it is, attributes on the left, activities on the right. htmx asks for one panel at a time."""
    here = place()
    with database().read() as session:
        customer = customers.find(session, here.workspace.id, growlytics_id)
        if htmx.wants("attribute-rows"):
            return render_template("customers/_attribute_rows.html", **_attributes(session, here, customer))
        activities = _activities(session, here, customer)
        if htmx.wants("older"):
            return render_template("customers/_events.html", customer=customer, is_continued=True, **activities)
        activities["names"] = events.names(session, customer.id)
        if htmx.wants("activities"):
            return render_template("customers/_activities.html", customer=customer, **activities)
        panels = _attributes(session, here, customer) | activities
        panels["ignored"] = attributes.ignored_of(session, customer.id)
    return render_template("customers/profile.html", customer=customer, **panels)


@door.get("/<growlytics_id>/events/<cursor>")
def event(growlytics_id: str, cursor: str) -> ResponseReturnValue:
    """One event as it was sent, as JSON: the whole of it, however large."""
    here = place()
    with database().read() as session:
        customer = customers.find(session, here.workspace.id, growlytics_id)
        return jsonify(events.find(session, here.workspace.id, customer.id, Cursor.parse(cursor)).body)


def _activities(session: Session, here: Place, customer: Customer) -> dict[str, Any]:
    wanted, dates = _filter(here)
    after = Cursor.parse(request.args.get("older_than"))
    return {
        "timeline": events.timeline(session, here.workspace.id, customer.id, wanted, after),
        "after": after,
        "event": wanted.name,
        "dates": dates,
        "link": _link_arguments(wanted.name, dates),
    }


def _attributes(session: Session, here: Place, customer: Customer) -> dict[str, Any]:
    everything = attributes.of_customer(session, here.workspace.id, customer.id)
    text = request.args.get("attribute", "").strip()
    wanted = text.casefold()
    matching = [one for one in everything if wanted in f"{one.name}\n{_as_shown(one, here)}".casefold()]
    return {
        "attributes": matching,
        "attribute_count": len(everything),
        "attribute_text": text,
        "has_many_attributes": len(everything) >= MANY_ATTRIBUTES,
    }


def _as_shown(one: attributes.Shown, here: Place) -> str:
    if isinstance(one.value, bool):
        return filters.yes_no(one.value)
    return filters.moment(one.value, here.zone) if one.type == "date" else str(one.value)


def _filter(here: Place) -> tuple[events.Filter, dict[str, str]]:
    """The filter in the URL, and its dates as they go back into the form. A date that isn't one doesn't filter."""
    dates = {}
    bounds: dict[str, int | None] = {}
    for field, days in (("from", 0), ("to", 1)):
        asked = _date(request.args.get(field, ""))
        dates[field] = asked.isoformat() if asked else ""
        bounds[field] = _midnight(here, asked, days) if asked else None
    return events.Filter(request.args.get("event") or None, bounds["from"], bounds["to"]), dates


def _date(text: str) -> date | None:
    try:
        asked = date.fromisoformat(text)
    except ValueError:
        return None
    return asked if 1970 <= asked.year < 9999 else None


def _midnight(here: Place, of: date, days_later: int) -> int:
    at = datetime.combine(of + timedelta(days=days_later), datetime.min.time(), here.zone)
    return int(at.timestamp() * 1000)


def _link_arguments(event: str | None, dates: dict[str, str]) -> dict[str, str]:
    arguments = {"event": event or "", **dates}
    return {name: value for name, value in arguments.items() if value}
