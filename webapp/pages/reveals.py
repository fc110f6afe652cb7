"""Whose e-mail and mobile a masked visitor has asked to see: kept for some minutes, with this login and no other.

It stands in the signed cookie that carries the login's token, and ends with either.
"""

from flask import session as cookie

from webapp import clock

LASTS = 10 * clock.MINUTE
_MOST = 20  # at once; the cookie must stay small
_NAME = "revealed"


def note(growlytics_id: str) -> None:
    """Show them from now on."""
    latest = [(id_, until) for id_, until in _open().items() if id_ != growlytics_id][1 - _MOST :]
    cookie[_NAME] = dict([*latest, (growlytics_id, clock.now() + LASTS)])


def until(growlytics_id: str | None) -> int | None:
    """Until when those of a profile are shown, epoch ms; None where they aren't."""
    return _open().get(growlytics_id or "")


def _open() -> dict[str, int]:
    noted: dict[str, int] = cookie.get(_NAME, {})
    now = clock.now()
    return {id_: at for id_, at in noted.items() if now < at <= now + LASTS}
