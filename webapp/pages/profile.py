"""The profile of one person: who it is, attributes, acquisition, places, devices, why it is one person, activities."""

from typing import Any
from urllib.parse import quote

from flask import Blueprint, current_app, jsonify, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from webapp import attributes, customers, devices, events, evidence, htmx, visits
from webapp.cursors import Cursor
from webapp.db import database
from webapp.house import House
from webapp.models import Customer
from webapp.pages import activities, attribute_list, live, panels, zones
from webapp.pages.guards import Place, place
from webapp.pages.panels import Panel, Person

door = Blueprint("profile", __name__, url_prefix="/customers/<growlytics_id>")
door.url_defaults(zones.keep)


@door.get("")
def show(growlytics_id: str) -> ResponseReturnValue:
    """The whole page. htmx asks for one panel, or a part of one, at a time."""
    here = place()
    with database().read() as session:
        customer = customers.find(session, here.workspace.id, growlytics_id)
        if customer.root_id is not None:
            return _to_person(session, customer)
        person = panels.person(session, customer)
        if htmx.wants("live"):
            return live.show(session, here, person)
        for part, (template, read) in _PARTS.items():
            if htmx.wants(part):
                return render_template(template, customer=customer, is_continued=True, **read(session, here, person))
        for panel in PANELS:
            if htmx.wants(panel.name):
                return panels.draw(panel, session, here, person)
        drawn = {panel.name: panels.draw(panel, session, here, person) for panel in PANELS}
    return render_template("customers/profile.html", customer=customer, panels=drawn)


def _to_person(session: Session, member: Customer) -> ResponseReturnValue:
    """An old Growlytics ID leads to the person that its profile was merged into; not for good, as merges are undone."""
    root = session.get_one(Customer, member.root_id)
    where = url_for("profile.show", growlytics_id=root.growlytics_id, zone=None)  # it is in the query
    query = quote(request.query_string, safe="%&=+,;:@/?!$'()*")  # browsers escape it, others may not
    where = f"{where}?{query}" if query else where
    return htmx.go(where) if htmx.is_request() else redirect(where)


def _summary(_session: Session, _here: Place, _person: Person) -> dict[str, Any]:
    return {}


def _acquisition(session: Session, _here: Place, person: Person) -> dict[str, Any]:
    return {"visit_ends": visits.ends(session, person.ids)}


def _location(session: Session, _here: Place, person: Person) -> dict[str, Any]:
    stays = visits.stays(session, person.ids)
    return {"stays": stays, "visit_ends": visits.ends(session, person.ids), "knows_places": _knows_places()}


def _knows_places() -> bool:
    """Whether the server has any way to know where a visit comes from."""
    house: House = current_app.extensions["house"]
    return house.places.metadata is not None or house.country_header is not None


def _devices(session: Session, _here: Place, person: Person) -> dict[str, Any]:
    return {"devices": devices.of_person(session, person.ids)}


def _why(session: Session, _here: Place, person: Person) -> dict[str, Any]:
    return {"merges": evidence.of_person(session, person.ids)}


# The order in which they are read; where each stands is the template's.
PANELS = (
    Panel("summary", "Summary", _summary),
    attribute_list.PANEL,
    Panel("acquisition", "Acquisition Details", _acquisition),
    Panel("location", "Location Info", _location),
    Panel("devices", "Devices", _devices),
    Panel("why", "Why is this one person?", _why),
    activities.PANEL,
)
# Parts of panels that change by themselves.
_PARTS = {
    "attribute-rows": ("customers/_attribute_rows.html", attribute_list.rows),
    "older": ("customers/_entries.html", activities.entries),
}


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
