"""The settings of a workspace: its name and region, and its API keys."""

import re
import secrets
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask import session as cookie
from flask.typing import ResponseReturnValue

from webapp import keys, orders, recounts, refused, search, workspaces
from webapp.db import database
from webapp.models import Workspace
from webapp.pages.guards import place

door = Blueprint("settings", __name__, url_prefix="/settings")

LONGEST_NAME = 100
LONGEST_LIST = 20_000
MOST_MERGES = 1_000
LONGEST_TRACKED = 1_000
_FIELDS = (
    "name", "time_zone", "default_region", "placeholder_ids", "merges_a_day", "keeps_addresses", "order_event",
    "amount_attribute", "keeps_refused",
)  # fmt: skip
_REMEMBERED = 20  # forms, in the cookie


@door.get("")
def home() -> ResponseReturnValue:
    """The settings begin with the workspace."""
    return redirect(url_for("settings.workspace"))


@door.get("/workspace")
def workspace() -> str:
    """The form of the workspace's settings."""
    here = place().workspace
    return _workspace_form(
        name=here.name,
        time_zone=here.time_zone,
        default_region=here.default_region,
        placeholder_ids=workspaces.placeholder_lines(here),
        merges_a_day=str(here.merges_a_day),
        keeps_addresses="yes" if here.keeps_addresses else "",
        order_event=here.order_event or "",
        amount_attribute=here.amount_attribute or "",
        keeps_refused="yes" if here.keeps_refused else "",
    )


@door.post("/workspace")
def change_workspace() -> ResponseReturnValue:
    """Change them, if all are right."""
    given = {field: _text(field) for field in _FIELDS}
    faults = _faults(given)
    if faults:
        return _workspace_form(**given, faults=faults), 422
    with database().write() as session:
        changed = session.get_one(Workspace, place().workspace.id)
        if changed.time_zone != given["time_zone"]:
            recounts.begin(session, changed.id, given["time_zone"])
        has_moved = changed.default_region != given["default_region"]
        for field in ("name", "time_zone", "default_region", "placeholder_ids"):
            setattr(changed, field, given[field])
        changed.merges_a_day = int(given["merges_a_day"])
        changed.keeps_addresses = given["keeps_addresses"] == "yes"
        changed.keeps_refused = given["keeps_refused"] == "yes"
        if not changed.keeps_refused:
            refused.drop_payloads(session, changed.id)
        changed.order_event = given["order_event"] or None
        changed.amount_attribute = given["amount_attribute"] or None
        if given["placeholder_ids"] == "\n".join(workspaces.PLACEHOLDER_IDS):
            changed.placeholder_ids = None  # goes on following the product's list
    if has_moved:
        search.refresh_mobiles(database(), changed)
    flash("Settings saved.")
    return redirect(url_for("settings.workspace"))


def _text(field: str) -> str:
    return request.form.get(field, "").replace("\x00", "").replace("\r\n", "\n").strip()


def _workspace_form(**values: Any) -> str:
    workspace_id = place().workspace.id
    with database().read() as session:
        guess = orders.guessed(session, workspace_id, values["order_event"] or None)
        events = orders.tracked_events(session, workspace_id)
    return render_template(
        "settings/workspace.html",
        guess=guess,
        events=events,
        time_zones=workspaces.time_zones(),
        regions=workspaces.regions(),
        faults=values.pop("faults", {}),
        form=values,
    )


def _faults(given: dict[str, str]) -> dict[str, str]:
    faults = {}
    if not given["name"]:
        faults["name"] = "A workspace needs a name."
    elif len(given["name"]) > LONGEST_NAME:
        faults["name"] = f"A name has at most {LONGEST_NAME} characters."
    if len(given["placeholder_ids"]) > LONGEST_LIST:
        faults["placeholder_ids"] = f"The list has at most {LONGEST_LIST:,} characters."
    if not re.fullmatch(r"\d{1,6}", given["merges_a_day"], re.ASCII) or int(given["merges_a_day"]) > MOST_MERGES:
        faults["merges_a_day"] = f"Give a whole number from 0 to {MOST_MERGES:,}."
    if given["time_zone"] not in workspaces.time_zones():
        faults["time_zone"] = "Choose a time zone from the list."
    if given["default_region"] not in workspaces.regions():
        faults["default_region"] = "Choose a region from the list."
    return faults | _order_faults(given["order_event"], given["amount_attribute"])


def _order_faults(event: str, amount: str) -> dict[str, str]:
    faults = {
        field: f"A name has at most {LONGEST_TRACKED:,} characters."
        for field, name in (("order_event", event), ("amount_attribute", amount))
        if len(name) > LONGEST_TRACKED
    }
    if faults or not amount:
        return faults
    with database().read() as session:
        meant = event or orders.guessed(session, place().workspace.id, None).event
        type_ = orders.type_of(session, place().workspace.id, meant, amount) if meant else None
    if meant is None:
        faults["order_event"] = "Say which event this amount belongs to: none could be guessed."
    elif type_ not in {None, "number"}:
        faults["amount_attribute"] = f"“{amount}” of “{meant}” is no number: its type is {type_}."
    return faults


@door.get("/keys")
def api_keys() -> str:
    """All API keys, and the form to make one."""
    return _keys_page()


@door.post("/keys")
def create_key() -> ResponseReturnValue:
    """Make a key and show its text: a server's this once, a browser's on the page with the snippet."""
    name, is_for_browsers = _text("name"), request.form.get("kind") == "browser"
    if not name or len(name) > LONGEST_NAME:
        fault = f"Give the key a name of at most {LONGEST_NAME} characters that tells where it is used."
        return _keys_page(fault=fault, is_for_browsers=is_for_browsers), 422
    if not _is_first_time(request.form.get("once", "")):
        flash("That key was made already. Make another if its text is lost.")
        return redirect(url_for("settings.api_keys"))
    with database().write() as session:
        kind: keys.Kind = "browser" if is_for_browsers else "server"
        key, text = keys.create(session, place().workspace.id, name, kind)
    if is_for_browsers:
        flash(f"The browser key “{name}” is made. Its snippet is below.")
        return redirect(url_for("website.show", key=key.public_id))
    return _keys_page(created=text, created_name=name), 201


def _is_first_time(once: str) -> bool:
    """Whether this form hasn't been sent yet: reloading the page that shows a new key would send it again."""
    sent: list[str] = cookie.get("sent", [])
    cookie["sent"] = [*sent, once][-_REMEMBERED:]
    return once not in sent


@door.post("/keys/<public_id>/revocation")
def revoke_key(public_id: str) -> ResponseReturnValue:
    """End a key at once."""
    with database().write() as session:
        key = keys.revoke(session, place().workspace.id, public_id)
        name = key.name
    flash(f"The key “{name}” is revoked. Requests with it are refused from now on.")
    return redirect(url_for("settings.api_keys"))


def _keys_page(**shown: Any) -> str:
    with database().read() as session:
        found = keys.of_workspace(session, place().workspace.id)
    return render_template(
        "settings/keys.html", keys=found, host=request.host_url.rstrip("/"), once=secrets.token_hex(8), **shown
    )
