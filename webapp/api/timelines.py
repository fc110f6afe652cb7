"""`GET /api/v1/customers/<Growlytics ID>/events`: what a person did, newest first."""

import re
from typing import Any, NamedTuple

from webapp import customers, devices, dictionary, events, workspaces
from webapp.api import answers, whom
from webapp.api.call import Call
from webapp.api.questions import Question
from webapp.api.replies import Reply
from webapp.cursors import Cursor
from webapp.events import Filter, Start

MOST_NAMES = 50
_CURSOR = re.compile(r"(\d+\.-?\d+)(?:\.(\d{1,15})\.(\d{1,15}))?", re.ASCII)


class Place(NamedTuple):
    """Where the answer goes on, and how many events the answers before have told, where events are asked for by name:
    how many there are of a name is known, and once all are told nobody has to look further.

    `total`: how many there were.
    """

    cursor: Cursor | None = None
    told: int = 0
    total: int = 0

    @classmethod
    def of(cls, question: Question) -> "Place":
        """What the question says."""
        text = question.text("cursor")
        if text is None:
            return cls()
        found = _CURSOR.fullmatch(text)
        cursor = Cursor.parse(found[1]) if found else None
        if found is None or cursor is None:
            question.no_cursor()
            return cls()
        return cls(cursor, int(found[2] or 0), int(found[3] or 0))

    def of_now(self, total: int) -> "Place":
        """The same, with how many there are now. Where some are gone, as with a merge that was undone, those that were
        told may be among them: then none counts as told.
        """
        return Place(self.cursor, self.told if total >= self.total else 0, total)

    def after(self, cursor: Cursor, number: int, wanted: Filter) -> str:
        """The place after so many more events."""
        return f"{cursor}.{self.told + number}.{self.total}" if wanted.names else str(cursor)


def of_customer(call: Call, growlytics_id: str) -> Reply:
    """A part of the events of a person, of one name or several, in a time, with a text in them."""
    question = Question(call, "name", "from", "to", "text", "hidden", "limit", "cursor")
    zone = workspaces.zone(question.workspace)
    names = tuple(question.texts("name", MOST_NAMES))
    since, until = question.moment("from", zone), question.moment("to", zone, is_end=True)
    wanted = Filter(names, since, until, question.text("text") or "")
    shows_hidden = question.choice("hidden", "show") is not None
    limit, place = question.limit(), Place.of(question)
    question.refuse()
    here = question.workspace.id
    with question.database.read() as session:
        customer = whom.in_path(session, question, growlytics_id)
        ids = customers.members(session, customer.id)
        left = None
        if names:
            place = place.of_now(sum(number for name, number in events.names(session, ids) if name in names))
            left = max(0, place.total - place.told)
        elif not shows_hidden:
            wanted = wanted._replace(hidden=dictionary.hidden(session, here).events)
        found = events.timeline(session, here, ids, wanted, Start(place.cursor, left=left, size=limit))
        dids = devices.names(session, (one.device_id for one in found.events if one.device_id is not None))
    rows = [_event(one, dids, shows_hidden=shows_hidden) for one in found.events]
    number = answers.fitting(rows)
    beyond = found.beyond if number == len(rows) else found.events[number - 1].cursor
    stopped = {"until": beyond.at} if beyond is not None and found.is_edge and number == len(rows) else None
    content = {
        "growlyticsId": customer.growlytics_id,
        "events": rows[:number],
        "next": None if beyond is None else place.after(beyond, number, wanted),
        "stopped": stopped,
    }
    return answers.told(call, content)


def _event(one: events.Shown, dids: dict[int, str], *, shows_hidden: bool) -> dict[str, Any]:
    shown = one.attributes if shows_hidden else one.visible
    return {
        "id": str(one.cursor),
        "name": one.name,
        "time": one.reported_at,
        "receivedAt": one.received_at,
        "attributes": [{"name": each.name, "type": each.type, "value": each.value} for each in shown],
        "did": None if one.device_id is None else dids.get(one.device_id),
        "context": one.context,
    }


ENDPOINTS = {"/api/v1/customers/<growlytics_id>/events": of_customer}
