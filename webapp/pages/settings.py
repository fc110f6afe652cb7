"""The settings of a workspace: its name, its region, what it keeps."""

import re
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from webapp import audit, masking, orders, recounts, refused, search, second_factors, workspaces
from webapp.db import database
from webapp.models import Workspace
from webapp.pages.guards import place, who

door = Blueprint("settings", __name__, url_prefix="/settings")

LONGEST_NAME = 100
LONGEST_LIST = 20_000
MOST_MERGES = 1_000
LONGEST_TRACKED = 1_000
_FIELDS = (
    "name", "time_zone", "default_region", "placeholder_ids", "merges_a_day", "order_event", "amount_attribute",
    "keeps_refused", "requires_second_factor", "masking",
)  # fmt: skip


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
        order_event=here.order_event or "",
        amount_attribute=here.amount_attribute or "",
        keeps_refused="yes" if here.keeps_refused else "",
        requires_second_factor="yes" if here.requires_second_factor else "",
        masking=here.masking,
    )


@door.post("/workspace")
def change_workspace() -> ResponseReturnValue:
    """Change them, if all are right."""
    given = {field: _text(field) for field in _FIELDS}
    given["masking"] = given["masking"] or place().workspace.masking  # a form without it unmasks nobody
    faults = _faults(given)
    if faults:
        return _workspace_form(**given, faults=faults), 422
    with database().write() as session:
        changed = session.get_one(Workspace, place().workspace.id)
        before = _noted(changed)
        if changed.time_zone != given["time_zone"]:
            recounts.begin(session, changed.id, given["time_zone"])
        has_moved = changed.default_region != given["default_region"]
        for field in ("name", "time_zone", "default_region", "placeholder_ids", "masking"):
            setattr(changed, field, given[field])
        changed.merges_a_day = int(given["merges_a_day"])
        changed.keeps_refused = given["keeps_refused"] == "yes"
        if not changed.keeps_refused:
            refused.drop_payloads(session, changed.id)
        _require_second_factor(session, changed, given["requires_second_factor"] == "yes")
        changed.order_event = given["order_event"] or None
        changed.amount_attribute = given["amount_attribute"] or None
        if given["placeholder_ids"] == "\n".join(workspaces.PLACEHOLDER_IDS):
            changed.placeholder_ids = None  # goes on following the product's list
        _note_changes(session, before, _noted(changed))
    if has_moved:
        search.refresh_mobiles(database(), changed)
    flash("Settings saved.")
    return redirect(url_for("settings.workspace"))


def _noted(workspace: Workspace) -> dict[str, Any]:
    """The settings as the audit log tells them, but for the second factor, which has notes of its own."""
    told = {field: getattr(workspace, field) for field in _FIELDS if field != "requires_second_factor"}
    return told | {"placeholder_ids": workspaces.placeholder_lines(workspace)}


def _note_changes(session: Session, before: dict[str, Any], after: dict[str, Any]) -> None:
    changes = audit.changes(before, after)
    if "placeholder_ids" in changes:
        changes["placeholder_ids"] = audit.lines(*(one["placeholder_ids"].splitlines() for one in (before, after)))
    if changes:
        audit.note(session, who(), "settings.changed", **changes)


def _require_second_factor(session: Session, workspace: Workspace, is_required: bool) -> None:
    if workspace.requires_second_factor != is_required:
        workspace.requires_second_factor = is_required
        action = "second_factor.required" if is_required else "second_factor.made_optional"
        audit.note(session, who(), action, workspace.name)


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
    faults = workspaces.faults(given["name"], given["time_zone"], given["default_region"])
    if len(given["placeholder_ids"]) > LONGEST_LIST:
        faults["placeholder_ids"] = f"The list has at most {LONGEST_LIST:,} characters."
    if not re.fullmatch(r"\d{1,6}", given["merges_a_day"], re.ASCII) or int(given["merges_a_day"]) > MOST_MERGES:
        faults["merges_a_day"] = f"Give a whole number from 0 to {MOST_MERGES:,}."
    if given["requires_second_factor"] == "yes" and not _has_second_factor():
        faults["requires_second_factor"] = "Set it up for your own account first, under Account."
    if given["masking"] not in masking.MODES:
        faults["masking"] = "Choose what viewers see from the list."
    return faults | _order_faults(given["order_event"], given["amount_attribute"])


def _has_second_factor() -> bool:
    with database().read() as session:
        return second_factors.is_on(session, place().user_id)


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
