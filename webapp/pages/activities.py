"""The activities of one person: what the address asks for, by day or by visit, older ones by a cursor."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any, Literal, NamedTuple

from flask import request
from sqlalchemy.orm import Session

from webapp import devices, events, timeline
from webapp.cursors import Cursor
from webapp.pages.guards import Place
from webapp.pages.panels import Panel, Person


def read(session: Session, here: Place, person: Person) -> dict[str, Any]:
    """The panel: a page of entries, and the names of events to choose from."""
    return {**entries(session, here, person), "names": events.names(session, person.ids)}


class Asked(NamedTuple):
    """What the address asks for. `dates`: the bounds of the filter as they go back into the form."""

    wanted: events.Filter
    dates: dict[str, str]
    extras: list[str]
    by: Literal["day", "visit"]

    @classmethod
    def of_request(cls, here: Place) -> "Asked":
        """Read the address. What makes no sense in it is as if it weren't there."""
        wanted, dates = _filter(here)
        extras: list[str] = [kind for kind in timeline.EXTRAS if kind in request.args.getlist("show")]
        return cls(wanted, dates, extras, "visit" if request.args.get("by") == "visit" else "day")

    @property
    def link(self) -> dict[str, Any]:
        """The same as arguments of an address; what is usual is left out of it."""
        by = self.by if self.by != "day" else None
        arguments = {"event": self.wanted.name, **self.dates, "show": self.extras, "by": by}
        return {name: value for name, value in arguments.items() if value}


def entries(session: Session, here: Place, person: Person) -> dict[str, Any]:
    """A page of entries, and what the address says of them."""
    asked = Asked.of_request(here)
    after = Cursor.parse(request.args.get("older_than"))
    whose = timeline.Person(here.workspace.id, person.ids)
    page = timeline.read(session, whose, _until(person.as_of, asked.wanted), asked.extras, after)
    return {
        "page": page,
        **(_by_visit(session, whose, page, asked.extras, after) if asked.by == "visit" else {"groups": None}),
        "after": after,
        "event": asked.wanted.name,
        "dates": asked.dates,
        "extras": asked.extras,
        "by": asked.by,
        "link": asked.link,
    }


def _until(as_of: int | None, wanted: events.Filter) -> events.Filter:
    """The same of what had been reported at a moment, epoch ms."""
    if as_of is None:
        return wanted
    return wanted._replace(until=as_of + 1 if wanted.until is None else min(wanted.until, as_of + 1))


def _by_visit(
    session: Session, whose: timeline.Person, page: timeline.Page, extras: Sequence[str], after: Cursor | None
) -> dict[str, Any]:
    titles = {device.id: device.title for device in devices.of_person(session, whose.ids)}
    return {"groups": timeline.by_visit(session, whose, page, extras, after), "device_titles": titles}


def _filter(here: Place) -> tuple[events.Filter, dict[str, str]]:
    """The filter in the URL, and its dates as they go back into the form. A date that isn't one doesn't filter."""
    dates = {}
    bounds: dict[str, int | None] = {}
    for field, days in (("from", 0), ("to", 1)):
        asked = _date(request.args.get(field, ""))
        dates[field] = asked.isoformat() if asked else ""
        bounds[field] = _midnight(here, asked, days) if asked else None
    return events.Filter(request.args.get("event") or None, bounds["from"], bounds["to"]), dates


def _date(text: str) -> date | None:
    try:
        asked = date.fromisoformat(text)
    except ValueError:
        return None
    return asked if 1970 <= asked.year < 9999 else None


def _midnight(here: Place, of: date, days_later: int) -> int:
    at = datetime.combine(of + timedelta(days=days_later), datetime.min.time(), here.zone)
    return int(at.timestamp() * 1000)


PANEL = Panel("activities", "Activities", read)
