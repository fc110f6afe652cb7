"""Going from one of several workspaces to another, and making one."""

from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask import session as cookie
from flask.typing import ResponseReturnValue
from flask_login import current_user

from webapp import audit, logins, memberships, workspaces
from webapp.audit import Who
from webapp.db import whole
from webapp.pages import palette
from webapp.pages.guards import Place, place

door = Blueprint("workspaces", __name__, url_prefix="/workspaces")
founding = Blueprint("founding", __name__, url_prefix="/workspaces")


@door.post("/current")
def enter() -> ResponseReturnValue:
    """Go on in another of the visitor's workspaces, on the same page if that has it."""
    here, wanted = place(), request.form.get("workspace", "")
    found = [one for one in here.memberships if str(one[1].id) == wanted]
    if not found:
        abort(404)
    membership, workspace = found[0]
    with whole().write() as session:
        logins.show(session, current_user.login, workspace.id)
        audit.note(session, Who(workspace.id, here.email, here.user_id, request.remote_addr), "workspace.entered")
    cookie.pop("_flashes", None)  # they tell what was done in the other one
    there = Place(workspace, membership.role, here.email, here.user_id)
    return redirect(url_for(palette.same_page(there, request.form.get("page", ""))))


@founding.get("/new")
def form() -> str:
    """The form to make a workspace."""
    here = place().workspace
    return _form(name="", time_zone=here.time_zone, default_region=here.default_region)


@founding.post("/new")
def create() -> ResponseReturnValue:
    """Make it, with who does as its administrator, and go on there."""
    given = {field: _text(field) for field in ("name", "time_zone", "default_region")}
    faults = workspaces.faults(**given)
    if faults:
        return _form(**given, faults=faults), 422
    here = place()
    with whole().write() as session:
        made = workspaces.create(session, **given)
        memberships.join(session, here.user_id, made.id, "admin")
        logins.show(session, current_user.login, made.id)
        who = Who(made.id, here.email, here.user_id, request.remote_addr)
        audit.note(session, who, "workspace.created", made.name)
    flash(f"{made.name} is made, and you are its administrator. Make a key for its systems next.")
    return redirect(url_for("api_keys.index"))


def _text(field: str) -> str:
    return " ".join(request.form.get(field, "").replace("\x00", "").split())


def _form(**values: Any) -> str:
    return render_template(
        "workspaces/new.html",
        time_zones=workspaces.time_zones(),
        regions=workspaces.regions(),
        longest=workspaces.LONGEST_NAME,
        faults=values.pop("faults", {}),
        form=values,
    )
