"""The moment that a profile is shown as of, as the address has it."""

from datetime import UTC, datetime, timedelta

from flask import request

from webapp import days, values
from webapp.pages.guards import Place

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def asked(here: Place) -> int | None:
    """The moment of `?as_of=`, epoch ms: the end of a day in the workspace's zone (`2026-03-01`), or an instant
    (`2026-03-01T12:00:00.000Z`).

    None, which is now, where it isn't there; what makes no sense is as if it weren't.
    """
    text = request.args.get("as_of", "")
    moment = values.instant(text, here.zone)
    if moment is not None:
        return (moment - _EPOCH) // _MILLISECOND if 1970 <= moment.year < 9999 else None
    day = days.parse(text)
    return None if day is None else days.end(day, here.zone) - 1
