"""`GET /api/v1/customers/<Growlytics ID>` and `GET /api/v1/customer?…`: one person's profile. docs/read-api.md."""

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy.orm import Session

from webapp import attributes, columns, customers, devices, dictionary, events, keys, orders, tags, tallies, visits
from webapp import workspaces as workspaces_
from webapp.api import answers, whom
from webapp.api.call import Call
from webapp.api.questions import Question
from webapp.api.replies import Reply
from webapp.models import Customer, Workspace
from webapp.tallies import Figures

MOST_ATTRIBUTES = 500
MOST_MERGED = 1_000
HIDDEN, AFTER = "hidden", "attributes_after"


def in_path(call: Call, growlytics_id: str) -> Reply:
    """The person one of whose profiles has this Growlytics ID."""
    question = Question(call, HIDDEN, AFTER)
    wanted = _wanted(question)
    question.refuse()
    with question.database.read() as session:
        customer = whom.in_path(session, question, growlytics_id)
        content = _profile(session, question.workspace, customer, *wanted)
    return answers.told(call, content)


def by_id(call: Call) -> Reply:
    """The person who has the System ID, Growlytics ID, e-mail or mobile in the query."""
    question = Question(call, *whom.IDS, HIDDEN, AFTER)
    wanted = _wanted(question)
    name = question.exactly_one(*whom.IDS)
    value = None if name is None else question.text(name)
    question.refuse()
    assert name is not None  # noqa: S101 - else it was refused
    assert value is not None  # noqa: S101
    with question.database.read() as session:
        customer = whom.by(session, question, name, value)
        content = _profile(session, question.workspace, customer, *wanted)
    return answers.told(call, content)


def _wanted(question: Question) -> tuple[bool, str | None]:
    """Whether hidden attributes are told too, and after which attribute."""
    return question.choice(HIDDEN, "show") is not None, question.text(AFTER)


def _profile(
    session: Session, workspace: Workspace, customer: Customer, shows_hidden: bool, after: str | None
) -> dict[str, Any]:
    ids = customers.members(session, customer.id)
    found = attributes.of_person(session, workspace.id, ids)
    hidden = frozenset[str]() if shows_hidden else dictionary.hidden(session, workspace.id).attributes
    told = [one for one in found if one.name not in hidden]
    ends = visits.ends(session, ids)
    return {
        **basics(customer),
        "counts": _counts(session, workspace, customer, ids)
        | {"attributes": len(told), "mergedProfiles": len(ids) - 1},
        "merged": list(customers.merged(session, customer.id, MOST_MERGED)),
        "tags": [one.name for one in tags.of_person(session, ids)],
        "acquisition": None if ends is None else {"first": _visit(ends.first), "last": _visit(ends.last)},
        "places": [_stay(one) for one in visits.stays(session, ids)],
        "devices": [_device(one) for one in devices.of_person(session, ids)],
        **_attributes(session, workspace, told, after),
    }


def basics(customer: Customer) -> dict[str, Any]:
    """What the list repeats of a profile."""
    return {
        "growlyticsId": customer.growlytics_id,
        "id": customer.system_id,
        "status": columns.status(customer).lower(),
        "name": customer.name,
        "email": customer.email,
        "mobile": customer.mobile,
        "createdAt": customer.created_at,
        "firstSeenAt": customer.first_seen_at,
        "lastSeenAt": customer.last_seen_at,
    }


def _counts(session: Session, workspace: Workspace, customer: Customer, ids: Sequence[int]) -> dict[str, Any]:
    """What the person's events add up to; null where nobody knows what an order is, or counting would take long."""
    order = orders.meaning(session, workspace)
    terms = tallies.Whose(customer, ids, order, workspaces_.zone(workspace))
    figures = tallies.glance(session, terms)
    is_whole = figures is not None and figures.since is None
    numbers = dict(events.names(session, ids)) if order.event else {}
    return {
        "events": customer.event_count,
        "visits": figures.visits if figures is not None and is_whole else None,
        "orders": numbers.get(order.event, 0) if order.event else None,
        "revenue": _revenue(figures) if is_whole and order.amount else None,
    }


def _revenue(figures: Figures | None) -> float:
    return float(figures.revenue) if figures is not None else 0.0


def _attributes(
    session: Session, workspace: Workspace, found: Sequence[attributes.Shown], after: str | None
) -> dict[str, Any]:
    """Some attributes in their order, and where the next ones begin."""
    rest = [one for one in found if after is None or attributes.place(one.name) > attributes.place(after)]
    some = rest[:MOST_ATTRIBUTES]
    names = keys.names(session, workspace.id, (one.key_id for one in some if one.key_id is not None))
    rows = [
        {
            "name": one.name,
            "type": one.type,
            "value": one.value,
            "reportedAt": one.changed_at,
            "receivedAt": one.received_at,
            "source": one.source,
            "key": None if one.key_id is None else names.get(one.key_id),
        }
        for one in some
    ]
    number = answers.fitting(rows)
    return {"attributes": rows[:number], "attributesNext": some[number - 1].name if number < len(rest) else None}


def _visit(span: visits.Span) -> dict[str, Any]:
    came = span.came
    return {
        "startedAt": span.started_at,
        "endedAt": span.ended_at,
        "events": span.event_count,
        "page": came.page or None,
        "referrer": came.referrer or None,
        "utm": dict(came.utm),
        "exitPage": span.exit_page or None,
        "place": _place(span.where),
    }


def _place(where: visits.Place) -> dict[str, str | None] | None:
    told = {"country": where.country or None, "region": where.region or None, "city": where.city or None}
    return told if any(told.values()) else None


def _stay(one: visits.Stay) -> dict[str, Any]:
    return {**(_place(one.place) or {}), "firstAt": one.first_at, "lastAt": one.last_at}


def _device(one: devices.Shown) -> dict[str, Any]:
    return {
        "did": one.did,
        "title": one.title,
        "about": list(one.details),
        "isApp": one.is_app,
        "isBot": one.is_bot,
        "takesPush": one.takes_push,
        "firstAt": one.first_at,
        "lastAt": one.last_at,
    }


ENDPOINTS: dict[str, Callable[..., Reply]] = {"/api/v1/customers/<growlytics_id>": in_path, "/api/v1/customer": by_id}
