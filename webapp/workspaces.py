"""Workspaces: making one, its settings, and the customer ids it refuses."""

import re
from collections.abc import Sequence
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

import phonenumbers
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from webapp import clock, signatures
from webapp.models import Counting, Membership, Workspace

# What a broken integration sends instead of an id. Letter case doesn't matter; `*` stands for any text.
PLACEHOLDER_IDS = (
    "null", "undefined", "none", "nil", "nan", "n/a", "na", "unknown", "anonymous", "guest", "true", "false",
    "[object object]", "{}", "[]", "0", "-1", "id", "distinct_id", "not_authenticated",
    "00000000-0000-0000-0000-000000000000", "00000000000000000000000000000000", "*{{*}}*", "*${*}*",
    "YOUR_APP_CUSTOMER_ID", "your-system-uniqe-id",
)  # fmt: skip


LONGEST_NAME = 100
_IS_WHOLE = Workspace.arriving_at.is_(None)  # not one of which an import has stored a part so far


class NotFoundError(LookupError):
    """There is no such workspace."""


def create(session: Session, name: str, time_zone: str = "Asia/Kolkata", default_region: str = "IN") -> Workspace:
    """Make a workspace."""
    workspace = Workspace(name=name, time_zone=time_zone, default_region=default_region, created_at=clock.now())
    session.add(workspace)
    session.flush()
    session.add(Counting(workspace_id=workspace.id, time_zone=time_zone, counted_to=None))
    session.flush()
    return workspace


def faults(name: str, time_zone: str, default_region: str) -> dict[str, str]:
    """What is wrong with the first settings of a workspace, by field."""
    found = {}
    if not name:
        found["name"] = "A workspace needs a name."
    elif len(name) > LONGEST_NAME:
        found["name"] = f"A name has at most {LONGEST_NAME} characters."
    if time_zone not in time_zones():
        found["time_zone"] = "Choose a time zone from the list."
    if default_region not in regions():
        found["default_region"] = "Choose a region from the list."
    return found


def every(session: Session) -> Sequence[tuple[Workspace, int]]:
    """All workspaces of the installation, oldest first, with the number of their members."""
    number = select(func.count()).where(Membership.workspace_id == Workspace.id).scalar_subquery()
    query = select(Workspace, number).where(_IS_WHOLE).order_by(Workspace.id)
    return [(workspace, count) for workspace, count in session.execute(query)]


def first(session: Session) -> Workspace | None:
    """The workspace made first, or None before the first start."""
    return session.scalar(select(Workspace).where(_IS_WHOLE).order_by(Workspace.id).limit(1))


def find(session: Session, name: str | None) -> Workspace:
    """The workspace of this name, or the first one without a name. Raises NotFoundError."""
    query = select(Workspace).where(Workspace.name == name, _IS_WHOLE)
    found = first(session) if name is None else session.scalar(query)
    if found is None:
        raise NotFoundError(name)
    return found


def names(session: Session) -> dict[int, str]:
    """The names of all workspaces, by id."""
    return {row.id: row.name for row in session.execute(select(Workspace.id, Workspace.name))}


@lru_cache(maxsize=1)
def time_zones() -> list[str]:
    """The IANA names that a workspace can choose from."""
    return sorted(name for name in available_timezones() if "/" in name or name == "UTC")


@lru_cache(maxsize=1)
def regions() -> list[str]:
    """The ISO 3166 regions whose mobile numbers are known."""
    return sorted(phonenumbers.SUPPORTED_REGIONS)


def new_login_secret(session: Session, workspace: Workspace) -> str:
    """Make the secret that the workspace's shop signs System IDs with, or replace it. Returns it."""
    secret = signatures.new_secret()
    session.get_one(Workspace, workspace.id).login_secret = secret
    return secret


def zone(workspace: Workspace) -> ZoneInfo:
    """The workspace's time zone."""
    return ZoneInfo(workspace.time_zone)


def placeholder_lines(workspace: Workspace) -> str:
    """The refused customer ids of a workspace, one a line, as its settings page edits them."""
    return "\n".join(PLACEHOLDER_IDS) if workspace.placeholder_ids is None else workspace.placeholder_ids


def refuses_id(workspace: Workspace, system_id: str) -> bool:
    """Whether a customer id is one of the workspace's placeholders."""
    return _pattern(placeholder_lines(workspace)).fullmatch(system_id) is not None


@lru_cache(maxsize=64)
def _pattern(lines: str) -> re.Pattern[str]:
    parts = [_one(line.strip()) for line in lines.splitlines() if line.strip()]
    return re.compile("|".join(parts) or r"(?!)", re.IGNORECASE | re.DOTALL)


def _one(line: str) -> str:
    # A `*` takes the shortest text and doesn't take it back (an atomic group): no line can be slow to match.
    first, *rest = (re.escape(part) for part in re.split(r"\*+", line))
    return first + "".join(f"(?>.*?{part})" for part in rest[:-1]) + "".join(f".*{part}" for part in rest[-1:])
