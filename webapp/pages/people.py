"""The customer list, its search, and the profile."""

from datetime import date, datetime, timedelta
from typing import Any, get_args

from flask import Blueprint, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from webapp import attributes, customers, events, htmx, search
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
    status: Status = _choice("status", get_args(Status))
    sort: Sort = _choice("sort", get_args(Sort))
    with database().read() as session:
        if not customers.exist(session, here.workspace.id):
            return _getting_started()
        page = customers.page(
            session,
            here.workspace.id,
            status,
            sort,
            older_than=Cursor.parse(request.args.get("older_than")),
            newer_than=Cursor.parse(request.args.get("newer_than")),
        )
        if htmx.wants("getting-started"):
            return htmx.go(url_for("people.index"))
        total = customers.count(session, here.workspace.id, status)
    return _list(page=page, total=total, status=status, sort=sort)


def _found(here: Place, text: str) -> str:
    with database().read() as session:
        hits = search.find(session, here.workspace, text)
    return _list(hits=hits, q=text, most=search.LIMIT, status="all", sort="last_seen")


def _list(**context: Any) -> str:
    template = "customers/_list.html" if htmx.wants("list") else "customers/list.html"
    return render_template(template, **context)


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
    matching = [one for one in everything if wanted in one.name.casefold() or wanted in str(one.value).casefold()]
    return {
        "attributes": matching,
        "attribute_count": len(everything),
        "attribute_text": text,
        "has_many_attributes": len(everything) >= MANY_ATTRIBUTES,
    }


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
