"""`GET /api/v1/segments`, `/attributes`, `/events`: what a workspace calls things, and which type they have."""

from typing import Any

from webapp import dictionary, registry, segments
from webapp.api import answers
from webapp.api.call import Call
from webapp.api.questions import Question
from webapp.api.replies import Reply
from webapp.models import DictionaryEntry, Segment


def all_segments(call: Call) -> Reply:
    """All segments by name: there are a hundred at most."""
    question = Question(call)
    question.refuse()
    with question.database.read() as session:
        found = segments.of_workspace(session, question.workspace.id)
    return answers.told(call, {"segments": [_segment(one) for one in found], "next": None})


def attributes(call: Call) -> Reply:
    """Some attributes of customers, or of an event, by name."""
    question = Question(call, "event", "hidden", "limit", "cursor")
    event_name = question.text("event") or registry.CUSTOMER
    found, after = _entries(question, event_name)
    keys = [(one.event_name, one.name) for one in found]
    with question.database.read() as session:
        types = registry.registered(session, question.workspace.id, registry.is_one_of(keys)) if keys else {}
    rows = [{"name": one.name, "type": types.get((one.event_name, one.name), "string")} | _said(one) for one in found]
    return answers.told(call, {"attributes": rows, "next": after})


def events(call: Call) -> Reply:
    """Some events by name."""
    question = Question(call, "hidden", "limit", "cursor")
    found, after = _entries(question, None)
    rows = [{"name": one.event_name} | _said(one) for one in found]
    return answers.told(call, {"events": rows, "next": after})


def _entries(question: Question, event_name: str | None) -> tuple[list[DictionaryEntry], str | None]:
    """The entries asked for, and the cursor of the next ones: the name of the last, which names come after."""
    shows_hidden = question.choice("hidden", "show") is not None
    limit, after = question.limit(), question.text("cursor") or ""
    question.refuse()
    with question.database.read() as session:
        found = dictionary.following(
            session, question.workspace.id, event_name, after, limit + 1, shows_hidden=shows_hidden
        )
    entries, has_more = list(found[:limit]), len(found) > limit
    if not has_more:
        return entries, None
    return entries, entries[-1].event_name if event_name is None else entries[-1].name


def _said(one: DictionaryEntry) -> dict[str, Any]:
    return {
        "description": one.description or None,
        "firstAt": one.first_at or None,
        "lastAt": one.last_at or None,
        "isHidden": one.is_hidden,
    }


def _segment(one: Segment) -> dict[str, Any]:
    known = None
    if one.count is not None:
        known = {"number": one.count, "kind": one.count_kind, "at": one.counted_at}
    return {"id": one.id, "name": one.name, "query": one.query, "createdAt": one.created_at, "count": known}


ENDPOINTS = {"/api/v1/segments": all_segments, "/api/v1/attributes": attributes, "/api/v1/events": events}
