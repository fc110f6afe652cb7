"""What has come in since the timeline was opened, for those who leave it open: asked for every few seconds."""

from typing import Any

from flask import Response, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from webapp import news, timeline
from webapp.cursors import Cursor
from webapp.news import Seen
from webapp.pages import activities
from webapp.pages.guards import Place
from webapp.pages.panels import Person


def show(session: Session, here: Place, person: Person) -> ResponseReturnValue:
    """The new entries, below the element that asks for the next ones; 204 where nothing is new."""
    asked, whose = activities.Asked.of_request(here), timeline.Person(here.workspace.id, person.ids)
    seen = _seen()
    wanted = activities.without_hidden(session, here, asked.wanted)
    found = None if seen is None else news.since(session, whose, seen, wanted, asked.extras)
    if found is None:
        return Response(status=204)
    drawn: dict[str, Any] = activities.grouped(session, here, person, found.page, asked, None)
    drawn |= {"news": found, "live": found.seen, "page": timeline.Page(found.page.entries)}  # no ways to other pages
    return render_template(
        "customers/_live.html", customer=person.customer, asked=asked, position=activities.Position(), **drawn
    )


def _seen() -> Seen | None:
    top, args = Cursor.parse(request.args.get("since")), request.args
    known, at = (args.get(name, type=int) for name in ("known", "seen_at"))
    return None if top is None or known is None or at is None else Seen(top, known, at)
