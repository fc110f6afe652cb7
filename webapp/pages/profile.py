"""The profile of one person: who it is, attributes, acquisition, places, devices, why it is one person, activities."""

from typing import Any

from flask import Blueprint, Response, jsonify, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from webapp import attributes, events, evidence, htmx, masking
from webapp.cursors import Cursor
from webapp.db import database
from webapp.models import Customer
from webapp.pages import (
    activities,
    addresses,
    attribute_list,
    figures,
    live,
    location,
    note_list,
    panels,
    shared,
    year,
)
from webapp.pages.guards import Place, place
from webapp.pages.panels import Panel, Person
from webapp.registry import RESERVED

door = Blueprint("profile", __name__, url_prefix="/customers/<growlytics_id>")
door.url_defaults(addresses.keep)


@door.get("")
def show(growlytics_id: str) -> ResponseReturnValue:
    """The whole page. htmx asks for one panel, or a part of one, at a time."""
    here = place()
    with database().read() as session:
        person = panels.person(session, here, growlytics_id)
        customer = person.customer
        if customer.root_id is not None:
            return _to_person(session, customer)
        if htmx.wants("live"):
            return live.show(session, here, person)
        for part, (template, read) in _PARTS.items():
            if htmx.wants(part):
                shown = {"as_of": person.as_of, **read(session, here, person)}
                return render_template(template, customer=customer, is_continued=True, **shown)
        for panel in PANELS:
            if htmx.wants(panel.name):
                return panels.draw(panel, session, here, person)
        is_part = htmx.wants("overview")
        template, wanted = ("customers/_overview.html", _OVERVIEW) if is_part else ("customers/profile.html", PANELS)
        drawn = {panel.name: panels.draw(panel, session, here, person) for panel in wanted}
        is_waiting = figures.is_waiting(session)
    moment = {"as_of": person.as_of, "kept": addresses.kept("as_of")}
    return render_template(template, customer=customer, panels=drawn, is_waiting=is_waiting, **moment)


def _to_person(session: Session, member: Customer) -> ResponseReturnValue:
    """An old Growlytics ID leads to the person that its profile was merged into; not for good, as merges are undone."""
    root = session.get_one(Customer, member.root_id)
    where = url_for("profile.show", growlytics_id=root.growlytics_id, as_of=None, zone=None)  # they are in the query
    query = request.query_string.decode()
    where = f"{where}?{query}" if query else where
    return htmx.go(where) if htmx.is_request() else redirect(where)


def _summary(session: Session, here: Place, person: Person) -> dict[str, Any]:
    tags = note_list.tags_of(session, here, person)
    if person.as_of is None:
        known = masking.covered(person.customer) if here.masks else person.customer
        return {**tags, "known": {name: getattr(known, name) for name in RESERVED}}
    then = shared.attribute_values(session, here, person)
    return {**tags, "known": {one.name: one.value for one in then if one.name in RESERVED}}


def _acquisition(session: Session, here: Place, person: Person) -> dict[str, Any]:
    return {"visit_ends": shared.visit_ends(session, here, person)}


def _devices(session: Session, here: Place, person: Person) -> dict[str, Any]:
    return {"devices": shared.used_devices(session, here, person)}


def _why(session: Session, _here: Place, person: Person) -> dict[str, Any]:
    return {"merges": evidence.of_person(session, person.ids)}


# What is drawn again together, where the figures take their time.
_OVERVIEW = (figures.FIGURES, year.PANEL, figures.NAMES)
# The order in which they are read; where each stands is the template's.
PANELS = (
    Panel("summary", "Summary", _summary),
    *_OVERVIEW,
    note_list.PANEL,
    attribute_list.PANEL,
    Panel("acquisition", "Acquisition Details", _acquisition),
    location.PANEL,
    Panel("devices", "Devices", _devices),
    Panel("why", "Why is this one person?", _why),
    activities.PANEL,
)
# Parts of panels that change by themselves.
_PARTS = {
    "attribute-rows": ("customers/_attribute_rows.html", attribute_list.rows),
    "tags": ("customers/_tags.html", note_list.tags_of),
    "note-list": ("customers/_note_list.html", note_list.notes_of),
    "older": ("customers/_entries.html", activities.entries),
}


@door.get("/history")
def history(growlytics_id: str) -> ResponseReturnValue:
    """Every value that an attribute has had, with its times and where it came from."""
    here = place()
    name = request.args.get("attribute", "")
    with database().read() as session:
        person = panels.person(session, here, growlytics_id)
        former = attributes.history(session, here.workspace.id, person.ids, name, person.as_of)
    template = "customers/_history.html" if htmx.is_request() else "customers/history.html"
    return render_template(template, customer=person.customer, name=name, history=former, as_of=person.as_of)


@door.get("/value")
def value(growlytics_id: str) -> ResponseReturnValue:
    """The value of an attribute as JSON: the whole of it, however large."""
    here = place()
    name = request.args.get("attribute", "")
    with database().read() as session:
        person = panels.person(session, here, growlytics_id)
        found = shared.attribute_values(session, here, person)
    for one in found:
        if one.name == name:
            return Response(one.text, content_type="application/json")
    raise attributes.NotFoundError(name)


@door.get("/events/<cursor>")
def event(growlytics_id: str, cursor: str) -> ResponseReturnValue:
    """One event as it was sent, as JSON: the whole of it, however large."""
    here = place()
    with database().read() as session:
        person = panels.person(session, here, growlytics_id)
        found = events.find(session, here.workspace.id, person.ids, Cursor.parse(cursor))
    return jsonify((masking.covered(found) if here.masks else found).body)
