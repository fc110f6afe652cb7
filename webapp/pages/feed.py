"""The activity of the whole workspace: the events that came in lately, newest arrived on top."""

from typing import Any, NamedTuple

from flask import Blueprint, Response, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from webapp import arrivals, events, htmx, incoming
from webapp.arrivals import NEWEST, Page, Shown, Start, Wanted
from webapp.cursors import Cursor
from webapp.db import database
from webapp.incoming import Seen
from webapp.pages.guards import place

door = Blueprint("feed", __name__, url_prefix="/activity")

_MOST_NAMES = 200  # to choose from, the most frequent ones
_LARGEST_ID = 2**62


class Asked(NamedTuple):
    """What the address asks for. `raw`: the id of the arrival whose event is shown as JSON."""

    wanted: Wanted
    start: Start
    raw: int | None

    @classmethod
    def of_request(cls) -> "Asked":
        """Read the address. What makes no sense in it is as if it weren't there."""
        args = request.args
        wanted = Wanted(*(args.get(field, "") for field in Wanted._fields))
        raw, before, after = map(_id, ("raw", "before", "after"))
        if before is not None:
            return cls(wanted, Start(before=before), raw)
        if after is not None:
            return cls(wanted, Start(after=after), raw)
        # An arrival by itself: the page begins with it, however far back it is.
        return cls(wanted, NEWEST if raw is None else Start(before=raw + 1), raw)

    @property
    def link(self) -> dict[str, Any]:
        """What is wanted as arguments of an address."""
        return {name: value for name, value in self.wanted._asdict().items() if value}


def _id(field: str) -> int | None:
    id_ = request.args.get(field, type=int)
    return id_ if id_ is not None and 0 <= id_ < _LARGEST_ID else None


@door.get("")
def show() -> ResponseReturnValue:
    """A page of the feed. htmx asks for the feed alone, for one event as JSON, or for what has come in since."""
    here, asked = place(), Asked.of_request()
    with database().read() as session:
        if asked.raw is not None and htmx.wants(f"raw-{asked.raw}"):
            return render_template("activity/_raw.html", **_raw(session, here.workspace.id, asked.raw))
        if htmx.wants("live"):
            return _live(session, here.workspace.id, asked)
        drawn = _page(session, here.workspace.id, asked)
    return render_template("activity/_feed.html" if htmx.wants("feed") else "activity/feed.html", asked=asked, **drawn)


def _page(session: Session, workspace_id: int, asked: Asked) -> dict[str, Any]:
    seen = incoming.seen(session)  # first, so that what arrives while the page is read comes the next time
    page = arrivals.read(session, workspace_id, asked.wanted, asked.start)
    choices = arrivals.choices(session, workspace_id)
    return {
        "page": page,
        "seen": seen if page.newer is None else None,
        "choices": {
            "event": [(name, name, number) for name, number in choices.events[:_MOST_NAMES]],
            "source": [(name, name, number) for name, number in choices.endpoints],
            "key": [(key.public_id, key.name, number) for key, number in choices.keys],
        },
        "opened": None if asked.raw is None else _raw(session, workspace_id, asked.raw),
    }


def _live(session: Session, workspace_id: int, asked: Asked) -> ResponseReturnValue:
    """What has arrived, below the element that asks for the next; 204 where nothing has."""
    before = Seen.parse(request.args.get("since", ""))
    news = None if before is None else incoming.since(session, workspace_id, asked.wanted, before)
    if news is None:
        return Response(status=204)
    return render_template("activity/_live.html", asked=asked, news=news, seen=news.seen, page=Page(news.arrivals))


def _raw(session: Session, workspace_id: int, id_: int) -> dict[str, Any]:
    """The event of an arrival as it is stored. None of it where it isn't among those that are kept any more."""
    row = arrivals.find(session, workspace_id, id_)
    if row is None:
        return {"arrival": None, "event": None}
    (arrival,) = arrivals.shown(session, [row])
    return {"arrival": arrival, "event": _event(session, workspace_id, arrival)}


def _event(session: Session, workspace_id: int, arrival: Shown) -> events.Shown | None:
    row = arrival.row
    try:
        return events.find(session, workspace_id, [row.customer_id], Cursor(row.reported_at, row.event_id))
    except events.NotFoundError:
        return None
