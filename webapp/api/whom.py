"""Whom a question is about: by a Growlytics ID in the path, or by any id in the query."""

from typing import Any

from sqlalchemy.orm import Session

from webapp import customers, holders
from webapp.api import errors
from webapp.api.errors import ApiError
from webapp.api.questions import Question
from webapp.models import Customer

IDS = ("id", "growlytics_id", "email", "mobile")
_MOST_CANDIDATES = 20


def in_path(session: Session, question: Question, growlytics_id: str) -> Customer:
    """The root of the person one of whose profiles has this Growlytics ID. Raises ApiError (404)."""
    try:
        found = customers.find(session, question.workspace.id, growlytics_id)
    except customers.NotFoundError:
        raise _unknown(["path", "growlytics_id"]) from None
    return customers.root(session, found)


def by(session: Session, question: Question, name: str, value: str) -> Customer:
    """The root of the person who has this id; `name` is one of IDS. Raises ApiError (404, 409)."""
    here = question.workspace.id
    try:
        if name == "id":
            return customers.root(session, customers.find_registered(session, here, value))
        if name == "growlytics_id":
            return customers.root(session, customers.find(session, here, value))
    except customers.NotFoundError:
        raise _unknown(["query", name]) from None
    found = holders.find(session, question.workspace, "email" if name == "email" else "mobile", value)
    if len(found.people) == 1 and found.is_all:
        return found.people[0]
    if not found.people and found.is_all:
        raise _unknown(["query", name])
    raise _ambiguous(name, found)


def _unknown(path: list[str | int]) -> ApiError:
    return ApiError(404, [errors.fault("there is no such customer", "customer.unknown", path)])


def _ambiguous(name: str, found: holders.Holders) -> ApiError:
    number = f"{len(found.people):,}" if found.is_all else "too many customers have or had it to tell who; of these"
    message = f"{number} customers have this {name}; ask for one of them by its growlytics_id"
    told = [_candidate(one) for one in found.people[:_MOST_CANDIDATES]]
    more: dict[str, Any] = {"count": len(found.people), "isAll": found.is_all, "candidates": told}
    return ApiError(409, [errors.fault(message, "customer.ambiguous", ["query", name], **more)])


def _candidate(one: Customer) -> dict[str, Any]:
    return {
        "growlyticsId": one.growlytics_id,
        "id": one.system_id,
        "createdAt": one.created_at,
        "lastSeenAt": one.last_seen_at,
    }
