"""Settings › People: who is in the workspace, their roles, invitations, and links for a new password."""

import secrets
from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from webapp import audit, invitations, memberships, openid, resets, users
from webapp.db import database, whole
from webapp.filters import sentence
from webapp.mail import Mail
from webapp.models import ROLES
from webapp.pages import links
from webapp.pages.guards import place, who
from webapp.pages.once import is_first_time

door = Blueprint("members", __name__, url_prefix="/settings/people")

_MEMBER = f"/<int(max={2**63 - 1}):user_id>"
_LAST = "A workspace needs an administrator: make somebody else one first."
_ELSEWHERE = (
    "{} belongs to workspaces too that you don't administer, and the link would be a way into those. They can ask for"
    " one themselves by mail where that is set up, or whoever runs the server makes one."
)
_INVITED = """You are invited to {workspace} on Customer Profiles, as {role}.

Accept within seven days:
{link}

The link works once, for {email} only.
"""
_RESET = """{by} has made a link with which you set a new password for {email}.

Use it within an hour:
{link}
"""


@door.get("")
def show() -> str:
    """The members, the open invitations, and the form to invite somebody."""
    return _page()


@door.post("/invitations")
def invite() -> ResponseReturnValue:
    """Make an invitation and show its link, this once; mail it where that can be done."""
    here, role = place(), request.form.get("role", "")
    if role not in ROLES:
        return _page(fault="Choose a role from the list."), 422
    if not is_first_time(request.form.get("once", "")):
        flash("That invitation was made already. Make another if its link is lost.")
        return redirect(url_for("members.show"))
    try:
        email = invitations.checked_email(request.form.get("email", ""))
        with database().write() as session:
            token = invitations.invite(session, here.workspace.id, role, email, here.user_id)
            audit.note(session, who(), "user.invited", email or "", role=role)
    except (users.InvalidError, invitations.ImpossibleError) as error:
        return _page(fault=sentence(error), email=request.form.get("email", ""), role=role), 422
    link = links.to("joining.invitation", token=token)
    sent = ""
    if email is not None:
        name = " ".join(here.workspace.name.split())
        text = _INVITED.format(workspace=name, role=role, link=link, email=email)
        sent = links.send(Mail(email, "You are invited to Customer Profiles", text))
    return _page(link=link, link_for=email, link_role=role, sent=sent), 201


@door.post("/invitations/<id_>/withdrawal")
def take_back(id_: str) -> ResponseReturnValue:
    """End an open invitation."""
    with database().write() as session:
        ended = invitations.take_back(session, place().workspace.id, id_)
        audit.note(session, who(), "invitation.taken_back", ended.email or "", role=ended.role)
    flash("The invitation is taken back. Its link doesn't work any more.")
    return redirect(url_for("members.show"))


@door.post(f"{_MEMBER}/role")
def change_role(user_id: int) -> ResponseReturnValue:
    """Give a member another role."""
    here, role = place(), request.form.get("role", "")
    if role not in ROLES:
        return _page(fault_of={user_id: "Choose a role from the list."}), 422
    try:
        with database().write() as session:
            user, former = memberships.change_role(session, here.workspace.id, here.user_id, user_id, role)
            audit.note(session, who(), "role.changed", user.email, former=former, role=role)
    except memberships.LastAdminError:
        return _page(fault_of={user_id: _LAST}), 422
    except memberships.NotAdminError:
        abort(403)
    flash(f"{user.email} is {role} from now on.")
    is_self = user_id == here.user_id and role != "admin"
    return redirect(url_for("account.show" if is_self else "members.show"))


@door.post(f"{_MEMBER}/removal")
def remove(user_id: int) -> ResponseReturnValue:
    """Take a member out of the workspace."""
    here = place()
    try:
        with database().write() as session:
            user = memberships.remove(session, here.workspace.id, here.user_id, user_id)
            audit.note(session, who(), "member.removed", user.email)
    except memberships.LastAdminError:
        return _page(fault_of={user_id: _LAST}), 422
    except memberships.NotAdminError:
        abort(403)
    flash(f"{user.email} is removed, and sees no page of this workspace any more.")
    return redirect(url_for("members.show"))


@door.post(f"{_MEMBER}/reset")
def reset(user_id: int) -> ResponseReturnValue:
    """Make a link with which a member sets a new password, and show it, this once; mail it where that can be done."""
    here = place()
    if openid.is_only():
        abort(404)
    if user_id == here.user_id:  # it would need no password, and whoever has found this browser open has none
        return _page(fault_of={user_id: "Change your own password under Account."}), 422
    with whole().write() as session:
        _, user = memberships.get(session, here.workspace.id, user_id)
        try:
            token = resets.make(session, user.id, here.user_id)
        except resets.ElsewhereError:
            token = None
        else:
            audit.note_of_account(session, who(), user, "reset.made")
    if token is None:
        return _page(fault_of={user_id: _ELSEWHERE.format(user.email)}), 422
    link = links.to("resetting.show", token=token)
    sent = links.send(Mail(user.email, "A new password", _RESET.format(by=here.email, email=user.email, link=link)))
    return _page(link=link, reset_for=user.email, sent=sent), 201


def _page(**shown: Any) -> str:
    workspace_id = place().workspace.id
    with database().read() as session:
        return render_template(
            "settings/people.html",
            members=memberships.of_workspace(session, workspace_id),
            invitations=invitations.of_workspace(session, workspace_id),
            public_id=invitations.public_id,
            roles=ROLES,
            sends_mail=links.post() is not None,
            once=secrets.token_hex(8),
            **{"fault_of": {}, **shown},
        )
