"""The time zone of a profile's page: the workspace's, or the one that the address asks for."""

from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

from flask import request

from webapp import workspaces
from webapp.models import Workspace

UTC = "utc"


def asked() -> str:
    """What the address asks for: `utc`, an IANA name, or nothing, which is the workspace's zone."""
    name = request.args.get("zone", "")
    if name.casefold() == UTC:
        return UTC
    return name if name in _known() else ""


def of_page(workspace: Workspace) -> ZoneInfo:
    """The zone in which a page shows times."""
    name = asked()
    return ZoneInfo("UTC" if name == UTC else name) if name else workspaces.zone(workspace)


@lru_cache(maxsize=1)
def _known() -> frozenset[str]:
    return frozenset(available_timezones())
