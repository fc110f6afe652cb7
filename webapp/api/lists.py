"""`GET /api/v1/customers`: the list by filters or by a segment, or what a search finds."""

from collections.abc import Sequence
from typing import Any, get_args

from sqlalchemy.orm import Session
from werkzeug.datastructures import MultiDict

from webapp import columns, conditions, matching, search, segments, views
from webapp.api import answers, errors
from webapp.api.call import Call
from webapp.api.errors import ApiError
from webapp.api.profiles import basics
from webapp.api.questions import Question
from webapp.api.replies import Reply
from webapp.cursors import Cursor
from webapp.customers import Status
from webapp.models import Customer
from webapp.registry import RESERVED
from webapp.roster import Beside, Order, Page, Sort
from webapp.views import View

_FILTERS = ("where", "segment", "status", "bots", "sort", "order", "cursor", "count")
_MOST_SEGMENTS = 2**63


def index(call: Call) -> Reply:
    """Some customers of the list, in its order; or whom a search finds."""
    question = Question(call, "q", *_FILTERS, "column", "limit")
    question.refuse_beside("q", *_FILTERS)
    text, limit, names = question.text("q"), question.limit(), _columns(question)
    if text is not None:
        question.refuse()
        return answers.told(call, _found(question, text, limit, names))
    arguments = _arguments(question)
    segment = question.number("segment", 0, _MOST_SEGMENTS - 1)
    cursor, is_counted = question.cursor(), question.choice("count", "yes") is not None
    with question.database.read() as session:
        given = views.parse(session, question.workspace, arguments)
        _refuse_wrong(question, arguments.getlist("where"), given)
        view = given if not segment else _within(session, question, segment, given)
        roster = view.roster(session, question.workspace)
        is_oldest_first = view.order.is_oldest_first
        beside = Beside(newer_than=cursor) if is_oldest_first else Beside(older_than=cursor)
        page = roster.page(view.order, beside, limit)
        rows = _rows(session, page.rows, names)
        counted = roster.count(len(page.rows)) if is_counted else None
    number = answers.fitting(rows)
    is_cut = number < len(rows)
    content: dict[str, Any] = {
        "customers": rows[:number],
        "next": _after(page.rows[number - 1], view.order) if is_cut else _next(page, view.order),
        "stopped": None if page.looked is None or is_cut else _stopped(page),
    }
    if counted is not None:
        content["count"] = {"number": counted.number, "kind": counted.kind}
    return answers.told(call, content)


def _columns(question: Question) -> list[str]:
    """The attributes that are asked for as columns; what every customer has stands in each answer anyway."""
    found = []
    for key in question.texts("column", columns.MOST):
        name = key.removeprefix("attribute:")
        if key in columns.BUILT_IN or name in RESERVED:
            continue
        if name == key or not name:
            message = f"“{errors.storable(key, 100)}” is no column; one of an attribute is written attribute:City"
            question.faults.add(["query", "column"], message, "any.only", valids=list(columns.BUILT_IN))
        found.append(name)
    return found


def _arguments(question: Question) -> "MultiDict[str, str]":
    """Filters and order as the page's address has them."""
    choices = {
        "status": get_args(Status),
        "bots": ("hidden",),
        "sort": get_args(Sort),
        "order": ("newest", "oldest"),
    }
    told = [(name, found) for name, words in choices.items() if (found := question.choice(name, *words)) is not None]
    where = question.texts("where", conditions.MOST)
    return MultiDict([*told, *(("where", one) for one in where)])


def _refuse_wrong(question: Question, texts: Sequence[str], view: View) -> None:
    """Raise ApiError (422) with all faults, also of filters that can't be used."""
    places = {text[: conditions.LONGEST + 1]: place for place, text in enumerate(texts)}
    for wrong in view.wrong:
        path: list[str | int] = ["query", "where", places[wrong.text]]
        question.faults.add(path, f"can’t be used: {wrong.why}", "where.invalid", value=wrong.text[:100])
    question.refuse()


def _within(session: Session, question: Question, segment_id: int, given: View) -> View:
    """The view of a segment, with what the question says beside. Raises ApiError (404, 422)."""
    try:
        segment = segments.find(session, question.workspace.id, segment_id)
    except segments.NotFoundError:
        fault = errors.fault("there is no such segment", "segment.unknown", ["query", "segment"])
        raise ApiError(404, [fault]) from None
    view = views.parse_query(session, question.workspace, segment.query)
    for wrong in view.wrong:
        message = f"has a filter that can’t be used: “{wrong.text}”: {wrong.why}"
        question.faults.add(["query", "segment"], message, "where.invalid", value=wrong.text[:100])
    both = tuple(dict.fromkeys((*view.conditions, *given.conditions)))
    if len(both) > conditions.MOST:
        message = f"and where have {len(both)} filters together; {conditions.MOST} are allowed"
        question.faults.add(["query", "segment"], message, "query.max", limit=conditions.MOST)
    question.refuse()
    wanted, order = view.wanted, view.order
    if "status" in question:
        wanted = wanted._replace(status=given.wanted.status)
    if "bots" in question:
        wanted = wanted._replace(hides_bots=given.wanted.hides_bots)
    if "sort" in question:
        order = order._replace(sort=given.order.sort)
    if "order" in question:
        order = order._replace(is_oldest_first=given.order.is_oldest_first)
    return view.having(wanted=wanted, conditions=both, order=order)


def _rows(session: Session, people: Sequence[Customer], names: Sequence[str]) -> list[dict[str, Any]]:
    """Customers with the attributes asked for, null where they have none."""
    values = matching.values_of(session, [one.id for one in people], names) if names and people else {}
    return [
        {**basics(one), "events": one.event_count}
        | ({"attributes": {name: values.get(one.id, {}).get(name) for name in names}} if names else {})
        for one in people
    ]


def _after(last: Customer, order: Order) -> str:
    return str(Cursor(last.last_seen_at if order.sort == "last_seen" else last.created_at, last.id))


def _next(page: Page, order: Order) -> str | None:
    beyond = page.newer if order.is_oldest_first else page.older
    return None if beyond is None else str(beyond)


def _stopped(page: Page) -> dict[str, int]:
    assert page.looked is not None  # noqa: S101 - it was asked
    return {"lookedAt": page.looked.number, "until": page.looked.at}


def _found(question: Question, text: str, limit: int, names: Sequence[str]) -> dict[str, Any]:
    """Whom a search finds: no more than the page shows, and no further pages."""
    with question.database.read() as session:
        found = search.find(session, question.workspace, text)
        hits = found.hits[:limit]
        rows = _rows(session, [one.customer for one in hits], names)
    told = [
        row | {"matched": {"field": hit.field, "value": hit.value, "isWhole": hit.is_exact, "isFormer": hit.is_former}}
        for row, hit in zip(rows, hits, strict=True)
    ]
    number = answers.fitting(told)
    return {
        "customers": told[:number],
        "next": None,
        "stopped": None,
        "hasMore": found.has_more or number < len(found.hits),
    }


ENDPOINTS = {"/api/v1/customers": index}
