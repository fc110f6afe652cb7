"""The audit log: who did what to what, when and from where. It is only ever added to, and never has a secret in it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple

import orjson
from sqlalchemy import select
from sqlalchemy.orm import Session

from webapp import clock
from webapp.models import AuditEntry, Membership, User

# What the target of an action is, where a page shows it; "" where it is told in words alone.
Kind = Literal["", "customer", "key", "entry"]


class Action(NamedTuple):
    """What can be done: under which heading people look for it, and how it is told after who did it.

    In `words`, `{target}` stands for what it was done to, `{name}` and the like for a detail. `kind`: of the target.
    """

    group: str
    words: str
    kind: Kind = ""


# All that is noted. A note of something else fails tests/standing/test_audit.py; the page shows it by its bare name.
ACTIONS = {
    "login.succeeded": Action("Signing in", "signed in"),
    "login.left": Action("Signing in", "signed out"),
    "login.failed": Action("Signing in", "didn’t sign in"),
    "second_factor.enabled": Action("Signing in", "switched the second factor on"),
    "second_factor.disabled": Action("Signing in", "switched the second factor off"),
    "second_factor.required": Action("Workspace", "let everybody need a second factor"),
    "second_factor.made_optional": Action("Workspace", "let nobody need a second factor any more"),
    "recovery_code.used": Action("Signing in", "used up a recovery code"),
    "recovery_codes.renewed": Action("Signing in", "made new recovery codes"),
    "user.linked": Action("Signing in", "signs in by an account of {issuer} from now on"),
    "user.unlinked": Action("Signing in", "signs in by the account of {issuer} no more"),
    "password.changed": Action("Signing in", "changed their password"),
    "user.created": Action("People", "made the user {target} ({role})"),
    "user.invited": Action("People", "invited {target} to be {role}"),
    "invitation.taken_back": Action("People", "took back the invitation of {target}"),
    "member.joined": Action("People", "joined as {role}"),
    "member.removed": Action("People", "removed {target}"),
    "member.left": Action("People", "left the workspace"),
    "role.changed": Action("People", "made {target} {role}"),
    "reset.made": Action("People", "made a link for a new password of {target}"),
    "reset.asked_for": Action("Signing in", "asked for a new password of {target} by mail"),
    "password.reset": Action("Signing in", "set a new password by a link"),
    "login.ended": Action("Signing in", "signed another of their browsers out"),
    "login.others_ended": Action("Signing in", "signed all their other browsers out"),
    "workspace.entered": Action("Signing in", "came from another workspace"),
    "workspace.created": Action("Workspace", "made the workspace {target}"),
    "workspace.exported": Action("Workspace", "exported the whole workspace"),
    "workspace.imported": Action("Workspace", "imported the workspace {target}"),
    "settings.changed": Action("Workspace", "changed the settings of the workspace"),
    "retention.changed": Action("Workspace", "changed how long events are kept"),
    "retention.run": Action("Workspace", "had old events pruned"),
    "addresses.changed": Action("Workspace", "changed whether addresses are kept"),
    "origins.changed": Action("Workspace", "changed the origins that browsers may send from"),
    "counters.recounted": Action("Workspace", "counted the figures of the overview anew"),
    "demo.filled": Action("Workspace", "filled the workspace with demonstration customers"),
    "segment.created": Action("Workspace", "saved the segment {target}"),
    "segment.renamed": Action("Workspace", "renamed the segment {target} to {name}"),
    "segment.replaced": Action("Workspace", "changed what the segment {target} shows"),
    "segment.deleted": Action("Workspace", "deleted the segment {target}"),
    "audit.exported": Action("Workspace", "exported the audit log"),
    "key.created": Action("Keys", "made the API key {target}", "key"),
    "key.rotated": Action("Keys", "rotated the API key {target}", "key"),
    "key.limited": Action("Keys", "changed the limit of the API key {target}", "key"),
    "key.revoked": Action("Keys", "revoked the API key {target}", "key"),
    "signing.required": Action("Keys", "let the API key {target} take only signed logins", "key"),
    "signing.waived": Action("Keys", "let the API key {target} take any login", "key"),
    "secret.created": Action("Keys", "made the secret that signs logins"),
    "secret.replaced": Action("Keys", "replaced the secret that signs logins"),
    "secret.shown": Action("Keys", "looked at the secret that signs logins"),
    "customers.exported": Action("Customers", "exported customers"),
    "contact.revealed": Action("Customers", "looked at the e-mail and mobile of the customer {target}", "customer"),
    "merge.created": Action("Customers", "merged {other} into the customer {target}", "customer"),
    "merge.undone": Action("Customers", "undid the merge of {other} into the customer {target}", "customer"),
    "merge.renewed": Action("Customers", "renewed the merge of {other} into the customer {target}", "customer"),
    "merging.resumed": Action("Customers", "let logins join visitors with the customer {target} again", "customer"),
    "customer.archived": Action("Customers", "archived the customer {target}", "customer"),
    "customer.erased": Action("Customers", "erased the customer {target}"),
    "customer.handed_out": Action("Customers", "exported all of the customer {target}", "customer"),
    "erasure.blocked": Action("Customers", "asked for somebody without a profile to be erased ({target})"),
    "returning.changed": Action("Workspace", "chose whether the erased may come back"),
    "note.added": Action("Customers", "wrote a note on the customer {target}", "customer"),
    "note.changed": Action("Customers", "changed a note on the customer {target}", "customer"),
    "note.removed": Action("Customers", "deleted a note on the customer {target}", "customer"),
    "tag.added": Action("Customers", "put the tag {tag} on the customer {target}", "customer"),
    "tag.removed": Action("Customers", "took the tag {tag} off the customer {target}", "customer"),
    "attribute.pinned": Action("Data", "pinned the attribute {target}"),
    "attribute.unpinned": Action("Data", "unpinned the attribute {target}"),
    "entry.described": Action("Data", "described {target} in the dictionary", "entry"),
    "entry.hidden": Action("Data", "hid {target}", "entry"),
    "entry.shown": Action("Data", "showed {target} again", "entry"),
    "type.changed": Action("Data", "changed the type of {target} from {former} to {type}", "entry"),
    "type.restored": Action("Data", "changed the type of {target} back from {former} to {type}", "entry"),
    "import.started": Action("Data", "began to import {target}"),
    "import.ended": Action("Data", "imported {target}"),
    "import.cancelled": Action("Data", "cancelled the import of {target}"),
    "refused.replayed": Action("Data", "sent again {number} of what was refused"),
    "refused.dismissed": Action("Data", "dismissed what was refused for one reason"),
}


@dataclass(frozen=True, slots=True)
class Who:
    """Who does something, in which workspace (None: to the installation), and from where.

    `name`: an e-mail, `console`, or `stranger` for whoever hasn't signed in. `address`: of the browser, behind trusted
    proxies.
    """

    workspace_id: int | None
    name: str
    user_id: int | None = None
    address: str | None = None


def console(workspace_id: int | None) -> Who:
    """Whoever has a shell on the server."""
    return Who(workspace_id, "console")


def note(session: Session, who: Who, action: str, target: str = "", **details: Any) -> None:
    """Note what is being done in this very transaction: both happen, or neither.

    `action`: one of ACTIONS, a noun and what becomes of it (`key.revoked`). `target`: which one, by what people know
    it (a public id, a name, a Growlytics ID). `details`: what else matters, as JSON; never a secret, nor what a
    customer is like.
    """
    session.add(
        AuditEntry(
            workspace_id=who.workspace_id,
            at=clock.now(),
            user_id=who.user_id,
            actor=who.name,
            action=action,
            target=target,
            address=who.address,
            details=orjson.dumps(details).decode(),
        )
    )


def note_of_account(session: Session, who: Who, user: User, action: str, **details: Any) -> None:
    """Note what somebody does to a user's account (signs in, changes the password) in each of that user's workspaces.

    Of a user without any, it is noted of the installation.
    """
    query = select(Membership.workspace_id).where(Membership.user_id == user.id).order_by(Membership.workspace_id)
    everywhere: Sequence[int | None] = session.scalars(query).all() or [None]
    for workspace_id in everywhere:
        note(session, replace(who, workspace_id=workspace_id), action, user.email, **details)


def changes(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    """The settings that aren't what they were, as details of a note."""
    return {name: {"from": before[name], "to": new} for name, new in after.items() if new != before[name]}


def lines(before: Iterable[str], after: Iterable[str]) -> dict[str, Any]:
    """The lines of a list that have been added and removed, as details of a note."""
    was, is_ = dict.fromkeys(before), dict.fromkeys(after)
    found = {"added": [one for one in is_ if one not in was], "removed": [one for one in was if one not in is_]}
    return {name: some for name, some in found.items() if some}
