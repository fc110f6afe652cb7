"""The activities of one person: what the address asks for, by day or by visit, and the ways to older and newer ones."""

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

from flask import request
from sqlalchemy.orm import Session

from webapp import days, dictionary, events, news, tallies, timeline
from webapp.cursors import Cursor
from webapp.events import NEWEST, Start
from webapp.pages import shared, zones
from webapp.pages.guards import Place
from webapp.pages.panels import Panel, Person

_MOST_NAMES = 100  # to choose from, the most frequent ones
_MOST_CHOSEN = 50
_LONGEST_TEXT = 200


class Chip(NamedTuple):
    """A part of the filter in words, and the arguments of the address without it."""

    words: str
    link: dict[str, Any]


class Asked(NamedTuple):
    """What the address asks for. `dates`: the bounds of the filter as they go back into the form."""

    wanted: events.Filter
    dates: dict[str, str]
    extras: list[str]
    by: Literal["day", "visit"]
    view: Literal["compact", "detailed"]
    is_live: bool

    @classmethod
    def of_request(cls, here: Place) -> "Asked":
        """Read the address. What makes no sense in it is as if it weren't there."""
        args = request.args
        wanted, dates = _filter(here)
        return cls(
            wanted,
            dates,
            [kind for kind in timeline.EXTRAS if kind in args.getlist("show")],
            "visit" if args.get("by") == "visit" else "day",
            "detailed" if args.get("view") == "detailed" else "compact",
            args.get("live") == "1",
        )

    @property
    def link(self) -> dict[str, Any]:
        """The same as arguments of an address; what is usual is left out of it."""
        arguments = {
            "event": list(self.wanted.names),
            "text": self.wanted.text,
            **self.dates,
            "show": self.extras,
            "by": self.by if self.by != "day" else None,
            "view": self.view if self.view != "compact" else None,
            "live": "1" if self.is_live else None,
            "hidden": "show" if _shows_hidden() else None,
            "zone": zones.asked(),
        }
        return {name: value for name, value in arguments.items() if value}

    @property
    def chips(self) -> list[Chip]:
        """The parts of the filter, each of which can be taken away."""
        link, names = self.link, self.wanted.names
        chips = [Chip(name, link | {"event": [one for one in names if one != name]}) for name in names]
        if self.wanted.text:
            chips.append(Chip(f"“{self.wanted.text}”", link | {"text": None}))
        for field in ("from", "to"):
            if day := days.parse(self.dates[field]):
                words = f"{field} {days.plain_date(day)}"
                chips.append(Chip(words, link | {field: None}))
        return chips


class Position(NamedTuple):
    """Where in the timeline the page is. `below`: the entry that its first one stands right below, on a page before;
    `linked`: the event that it was opened for; `date`: the day that it was opened for, or `first`.
    """

    start: Start = NEWEST
    below: Cursor | None = None
    linked: Cursor | None = None
    date: str = ""

    @classmethod
    def of_request(cls, here: Place) -> "Position":
        """Read the address: at most one of its arguments counts."""
        places = {name: Cursor.parse(request.args.get(name)) for name in ("at_event", *_STARTS)}
        if (linked := places.pop("at_event")) is not None:
            return cls(linked=linked)
        for name, place in places.items():
            if place is not None:
                return cls(_STARTS[name](place), below=place if name == "older_than" else None)
        at = request.args.get("at", "")
        if at == "first":
            return cls(timeline.OLDEST, date=at)
        day = days.parse(at)
        return cls() if day is None else cls(Start(Cursor(days.end(day, here.zone), -1)), date=day.isoformat())

    @property
    def is_newest(self) -> bool:
        """Whether the page begins with the newest entry."""
        return self.start is NEWEST and self.linked is None


# `beyond` is where looking for older ones has stopped: no entry on a page before, unlike `older_than`.
_STARTS = {
    "older_than": lambda place: Start(older_than=place),
    "newer_than": lambda place: Start(newer_than=place),
    "beyond": lambda place: Start(older_than=place),
}


def read(session: Session, here: Place, person: Person) -> dict[str, Any]:
    """The panel: a page of entries, and all that there is to choose from."""
    hidden = dictionary.hidden(session, here.workspace.id).events
    is_small = person.customer.event_count <= tallies.FEW
    if person.as_of is not None and is_small:
        names = events.names_until(session, person.ids, person.as_of + 1)
    else:
        names = shared.event_names(session, here, person)
    drawn = _entries(session, here, person, names)
    asked: Asked = drawn["asked"]
    chosen = [(name, number) for name, number in names if name in asked.wanted.names]
    missing = [(name, 0) for name in asked.wanted.names if name not in dict(chosen)]
    is_live = asked.is_live and person.as_of is None and drawn["position"].is_newest
    shown = [one for one in names if one not in chosen and (_shows_hidden() or one[0] not in hidden)]
    others = shown[: _MOST_NAMES - len(chosen)]
    return {
        **drawn,
        "choices": chosen + missing + others,
        "has_numbers": person.as_of is None or is_small,  # else they would be those of today
        "has_filter": asked.wanted != events.Filter(),
        "is_chosen": bool(asked.link.keys() - {"zone", "live"}),
        "has_more_names": len(shown) > len(others),
        "hidden": len({name for name, _ in names} & hidden),
        "shows_hidden": _shows_hidden(),
        "asked_zone": zones.asked(),
        "home_zone": here.workspace.time_zone,
        "live": news.seen(session, person.ids) if is_live else None,
    }


def entries(session: Session, here: Place, person: Person) -> dict[str, Any]:
    """A page of entries, and what the address says of them."""
    has_names = bool(request.args.get("event"))
    return _entries(session, here, person, shared.event_names(session, here, person) if has_names else ())


def _entries(session: Session, here: Place, person: Person, names: Sequence[tuple[str, int]]) -> dict[str, Any]:
    asked, position = Asked.of_request(here), Position.of_request(here)
    whose = timeline.Person(here.workspace.id, person.ids)
    wanted = _until(person.as_of, asked.wanted)
    if position.linked is None:  # a link leads to its event, also to a hidden one
        wanted = without_hidden(session, here, wanted)
    found = max(0, request.args.get("found", 0, type=int))
    if position.linked is not None:
        page = timeline.around(session, whose, wanted, asked.extras, position.linked)
    else:
        # Each name's number is known: once all are found, nobody needs to look for more.
        left = sum(number for name, number in names if name in wanted.names) - found
        start = position.start._replace(left=max(0, left) if wanted.names else None)
        page = timeline.read(session, whose, wanted, asked.extras, start)
    return {
        "page": page,
        **grouped(session, here, person, page, asked, position.below),
        "asked": asked,
        "position": position,
        "found": found + page.event_count if asked.wanted.names else None,
    }


def without_hidden(session: Session, here: Place, wanted: events.Filter) -> events.Filter:
    """The same without hidden events, unless these are asked for."""
    if wanted.names or _shows_hidden():
        return wanted
    return wanted._replace(hidden=dictionary.hidden(session, here.workspace.id).events)


def _shows_hidden() -> bool:
    return request.args.get("hidden") == "show"


def _until(as_of: int | None, wanted: events.Filter) -> events.Filter:
    """The same of what had been reported at a moment, epoch ms."""
    if as_of is None:
        return wanted
    return wanted._replace(until=as_of + 1 if wanted.until is None else min(wanted.until, as_of + 1))


def grouped(
    session: Session, here: Place, person: Person, page: timeline.Page, asked: Asked, below: Cursor | None
) -> dict[str, Any]:
    """The entries by visit, where that is asked for."""
    if asked.by == "day":
        return {"groups": None}
    whose = timeline.Person(here.workspace.id, person.ids)
    titles = {device.id: device.title for device in shared.used_devices(session, here, person)}
    return {"groups": timeline.by_visit(session, whose, page, asked.extras, below), "device_titles": titles}


def _filter(here: Place) -> tuple[events.Filter, dict[str, str]]:
    """The filter in the URL, and its dates as they go back into the form. A date that isn't one doesn't filter."""
    dates = {}
    bounds: dict[str, int | None] = {}
    for field, bound in (("from", days.begin), ("to", days.end)):
        asked = days.parse(request.args.get(field, ""))
        dates[field] = asked.isoformat() if asked else ""
        bounds[field] = bound(asked, here.zone) if asked else None
    names = tuple(dict.fromkeys(filter(None, request.args.getlist("event"))))[:_MOST_CHOSEN]
    text = request.args.get("text", "").strip()[:_LONGEST_TEXT]
    return events.Filter(names, bounds["from"], bounds["to"], text, is_masked=bool(text) and here.masks), dates


PANEL = Panel("activities", "Activities", read)
