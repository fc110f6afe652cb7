"""The first start: the workspace, a link for the first administrator, and an API key."""

from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.orm import Session

from webapp import audit, invitations, keys, users, workspaces

# Any number will do, as long as every process of this product asks for the same one (see migrate).
_LOCK = 7_411_350_023


@dataclass(frozen=True, slots=True)
class Welcome:
    """What the first start shows once: the path of a one-time link, and an API key."""

    invitation_path: str
    api_key: str | None


def prepare(session: Session) -> Welcome | None:
    """Make the first workspace, an invitation and a key; None when there is a workspace already."""
    if session.get_bind().dialect.name == "postgresql":  # SQLite has one writer at a time anyway
        session.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    if workspaces.first(session) is not None:
        return None
    workspace = workspaces.create(session, "My shop")
    key, api_key = keys.create(session, workspace.id, "First key")
    console = audit.console(workspace.id)
    audit.note(session, console, "workspace.created", workspace.name)
    audit.note(session, console, "key.created", key.public_id, name=key.name, kind=key.kind)
    return Welcome(_invitation(session, workspace.id), api_key)


def invite_again(session: Session) -> Welcome | None:
    """A new link for the first administrator while there is no user; the earlier link may have been lost."""
    workspace = workspaces.first(session)
    if workspace is None or users.exist(session):
        return None
    return Welcome(_invitation(session, workspace.id), None)


def _invitation(session: Session, workspace_id: int) -> str:
    audit.note(session, audit.console(workspace_id), "user.invited", "the first administrator", role="admin")
    return f"/invitations/{invitations.invite(session, workspace_id, 'admin')}"
