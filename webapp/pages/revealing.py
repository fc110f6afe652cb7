"""Showing a masked visitor the e-mail and mobile of one profile, which is noted in the audit log before."""

from flask import Blueprint, abort, flash, redirect
from flask.typing import ResponseReturnValue

from webapp import audit, customers
from webapp.db import database
from webapp.models import Customer
from webapp.pages import addresses, reveals
from webapp.pages.guards import place, who

door = Blueprint("revealing", __name__, url_prefix="/customers/<growlytics_id>")


@door.post("/revelation")
def reveal(growlytics_id: str) -> ResponseReturnValue:
    """Note it, then show them for some minutes."""
    here = place()
    if here.masks and not here.may_reveal:
        abort(403)
    with database().write() as session:
        customer = customers.find(session, here.workspace.id, growlytics_id)
        if customer.root_id is not None:  # a merged profile's page leads to its person's
            customer = session.get_one(Customer, customer.root_id)
        if here.masks:
            audit.note(session, who(), "contact.revealed", customer.growlytics_id)
    if here.masks:
        reveals.note(customer.growlytics_id)  # nothing is shown unless it is stored that they asked
        flash("E-mail and mobile are shown for 10 minutes. The audit log says so.")
    return redirect(addresses.profile(customer.growlytics_id), 303)
