"""The profile of one person: who it is, attributes, acquisition, places, devices, why it is one person, activities."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple
from urllib.parse import quote

from flask import Blueprint, current_app, jsonify, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from webapp import attributes, customers, devices, events, evidence, filters, htmx, timeline, visits
from webapp.cursors import Cursor
from webapp.db import database
from webapp.house import House
from webapp.models import Customer
from webapp.pages.guards import Place, place

door = Blueprint("profile", __name__, url_prefix="/customers/<growlytics_id>")

# From this many attributes on, a field to filter them is of use.
MANY_ATTRIBUTES = 12


class Person(NamedTuple):
    """The customer of the page, and the row ids of all profiles that are this person."""

    customer: Customer
    ids: list[int]


@door.get("")
def show(growlytics_id: str) -> ResponseReturnValue:
    """The whole page. htmx asks for one panel at a time."""
    here = place()
    with database().read() as session:
        customer = customers.find(session, here.workspace.id, growlytics_id)
        if customer.root_id is not None:
            return _to_person(session, customer)
        person = Person(customer, customers.members(session, customer.id))
        if htmx.wants("attribute-rows"):
            return render_template(
                "customers/_attribute_rows.html", customer=customer, **_attributes(session, here, person)
            )
        activities = _activities(session, here, person)
        if htmx.wants("older"):
            return render_template("customers/_entries.html", customer=customer, is_continued=True, **activities)
        activities["names"] = events.names(session, person.ids)
        if htmx.wants("activities"):
            return render_template("customers/_activities.html", customer=customer, **activities)
        panels = activities | _attributes(session, here, person) | _side(session, person)
    return render_template("customers/profile.html", customer=customer, **panels)


def _to_person(session: Session, member: Customer) -> ResponseReturnValue:
    """An old Growlytics ID leads to the person that its profile was merged into; not for good, as merges are undone."""
    root = session.get_one(Customer, member.root_id)
    where = url_for("profile.show", growlytics_id=root.growlytics_id)
    query = quote(request.query_string, safe="%&=+,;:@/?!$'()*")  # browsers escape it, others may not
    where = f"{where}?{query}" if query else where
    return htmx.go(where) if htmx.is_request() else redirect(where)


def _side(session: Session, person: Person) -> dict[str, Any]:
    return {
        "ignored": attributes.ignored_of(session, person.ids),
        "visit_ends": visits.ends(session, person.ids),
        "stays": visits.stays(session, person.ids),
        "knows_places": _knows_places(),
        "devices": devices.of_person(session, person.ids),
        "merges": evidence.of_person(session, person.ids),
    }


def _knows_places() -> bool:
    """Whether the server has any way to know where a visit comes from."""
    house: House = current_app.extensions["house"]
    return house.places.metadata is not None or house.country_header is not None


@door.get("/history")
def history(growlytics_id: str) -> ResponseReturnValue:
    """Every value that an attribute has had, with its times and where it came from."""
    here = place()
    name = request.args.get("attribute", "")
    with database().read() as session:
        customer = customers.find(session, here.workspace.id, growlytics_id)
        ids = customers.members(session, customer.root_id or customer.id)
        former = attributes.history(session, here.workspace.id, ids, name)
    template = "customers/_history.html" if htmx.is_request() else "customers/history.html"
    return render_template(template, customer=customer, name=name, history=former)


@door.get("/events/<cursor>")
def event(growlytics_id: str, cursor: str) -> ResponseReturnValue:
    """One event as it was sent, as JSON: the whole of it, however large."""
    here = place()
    with database().read() as session:
        customer = customers.find(session, here.workspace.id, growlytics_id)
        ids = customers.members(session, customer.root_id or customer.id)
        return jsonify(events.find(session, here.workspace.id, ids, Cursor.parse(cursor)).body)


def _activities(session: Session, here: Place, person: Person) -> dict[str, Any]:
    wanted, dates = _filter(here)
    after = Cursor.parse(request.args.get("older_than"))
    extras = [kind for kind in timeline.EXTRAS if kind in request.args.getlist("show")]
    by = "visit" if request.args.get("by") == "visit" else "day"
    whose = timeline.Person(here.workspace.id, person.ids)
    page = timeline.read(session, whose, wanted, extras, after)
    return {
        "page": page,
        **(_by_visit(session, whose, page, extras, after) if by == "visit" else {"groups": None}),
        "after": after,
        "event": wanted.name,
        "dates": dates,
        "extras": extras,
        "by": by,
        "link": _link_arguments(wanted.name, dates, extras, by),
    }


def _by_visit(
    session: Session, whose: timeline.Person, page: timeline.Page, extras: Sequence[str], after: Cursor | None
) -> dict[str, Any]:
    titles = {device.id: device.title for device in devices.of_person(session, whose.ids)}
    return {"groups": timeline.by_visit(session, whose, page, extras, after), "device_titles": titles}


def _attributes(session: Session, here: Place, person: Person) -> dict[str, Any]:
    everything = attributes.of_person(session, here.workspace.id, person.ids)
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


def _link_arguments(event: str | None, dates: dict[str, str], extras: Sequence[str], by: str) -> dict[str, Any]:
    """What the address says of the activities; what is usual is left out of it."""
    arguments = {"event": event, **dates, "show": extras, "by": by if by != "day" else None}
    return {name: value for name, value in arguments.items() if value}
