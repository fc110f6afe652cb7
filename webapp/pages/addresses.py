"""Addresses that go on asking for what the present one asks for."""

from typing import Any
from urllib.parse import urlencode

from flask import has_request_context, request, url_for

from webapp.pages import zones

# Of no use on another page of the same profile: the place within the timeline.
_PASSING = {"older_than", "newer_than", "beyond", "at", "at_event", "found", "live"}


def kept(*without: str) -> list[tuple[str, str]]:
    """What the address of this request asks for, but for these, as a form's hidden fields keep it."""
    gone = {*without, *_PASSING}
    return [(name, text) for name, text in request.args.items(multi=True) if text and name not in gone]


def beside(path: str, *without: str, **more: str) -> str:
    """A path with all that is kept, without some of it and with some more."""
    query = urlencode([*kept(*without, *more), *more.items()])
    return f"{path}?{query}" if query else path


def profile(growlytics_id: str, *without: str, **more: str) -> str:
    """The address of a profile that asks for the same."""
    path = url_for("profile.show", growlytics_id=growlytics_id, as_of=None, zone=None)  # they are kept below
    return beside(path, *without, **more)


def keep(_endpoint: str, arguments: dict[str, Any]) -> None:
    """Let every link from a profile lead to another as of the same moment and in the same zone.

    `as_of=None` leads back to now, `zone=None` to the workspace's zone.
    """
    if has_request_context():
        for name, text in (("as_of", request.args.get("as_of")), ("zone", zones.asked())):
            if text and name not in arguments:
                arguments[name] = text
