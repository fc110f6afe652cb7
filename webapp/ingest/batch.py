"""Storing requests: several in one transaction, each as if it had come alone."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from sqlalchemy.orm import Session

from webapp import clock, retention
from webapp.db import Database
from webapp.ingest import effects, retries
from webapp.ingest.application import apply
from webapp.ingest.arrival import Arrival
from webapp.ingest.changes import Change, Fault, Message, RefusedError, Source, Told
from webapp.ingest.effects import Seen
from webapp.ingest.retries import Outcome, Retry
from webapp.models import Workspace


@dataclass(frozen=True, slots=True)
class Request:
    """Changes that came together, to be stored all or none; of a partial request, those that can be stored.

    `refused`: the faults of changes that can't be, by place: they are left out. `messages`: the browser's message
    that each came in, or nothing where they came otherwise. `also`: what else is done in the transaction, once it is
    known what becomes of them; what it raises ends the transaction without a trace.
    """

    workspace: Workspace
    changes: Sequence[Change]
    source: Source
    retry: Retry | None = None
    is_partial: bool = False
    refused: Mapping[int, Fault] = field(default_factory=dict)
    messages: Sequence[Message | None] = ()
    also: Callable[[Session, Outcome], None] | None = None


class RefusalsError(Exception):
    """Changes that can't be stored as things stand: place of the request → place of the change → fault."""

    def __init__(self, faults: dict[int, dict[int, Fault]]) -> None:
        super().__init__(faults)
        self.faults = faults


def submit(
    database: Database, workspace: Workspace, changes: Sequence[Change], source: Source, retry: Retry | None = None
) -> list[dict[str, Any]]:
    """Store changes, all or none; on return they are committed. Returns the ignored values, as in Outcome.

    A retry gets the first answer again and changes nothing. Raises RefusedError when a change can't be stored.
    """
    return alone(database, Request(workspace, changes, source, retry)).ignored


def alone(database: Database, request: Request) -> Outcome:
    """Store one request; on return it is committed. Raises RefusedError when it can't be stored."""
    return _settled(request, lambda one: together(database, [one])[0])


def rehearse(database: Database, request: Request) -> Outcome:
    """What would become of a request, with its effects; nothing is stored, and no retry is recognised.

    Raises RefusedError when it couldn't be stored.
    """
    return _settled(replace(request, retry=None), lambda one: database.rehearse(partial(_rehearsed, request=one)))


def _settled(request: Request, store: Callable[[Request], Outcome | RefusedError]) -> Outcome:
    """Store a request, if it is partial without the changes that can't be. Raises RefusedError."""
    while True:
        try:
            outcome = store(request)
        except RefusalsError as error:
            faults = error.faults[0]
            if not request.is_partial:
                raise RefusedError(dict(faults.items())) from None
            request = replace(request, refused={**request.refused, **faults})
        else:
            if isinstance(outcome, RefusedError):
                raise outcome
            return outcome


def together(database: Database, requests: Sequence[Request]) -> list[Outcome | RefusedError]:
    """Store requests in one transaction; on return they are committed. No two may have one Idempotency-Key.

    Raises RefusalsError when changes can't be stored; then nothing is, and the other requests may be tried again.
    """
    return database.transact(partial(_once, requests=requests))


def _rehearsed(session: Session, before: Session, request: Request) -> Outcome | RefusedError:
    seen: list[Seen] = []
    (outcome,) = _once(session, [request], seen)
    if isinstance(outcome, Outcome):
        outcome.effects = effects.of(session, before, *seen)
        places = [place for place in range(len(request.changes)) if place not in request.refused]
        outcome.effects = {places[number]: one for number, one in outcome.effects.items()}
    return outcome


def _once(
    session: Session, requests: Sequence[Request], seen: list[Seen] | None = None
) -> list[Outcome | RefusedError]:  # fmt: skip
    """Store requests in a transaction. `seen`: takes what was applied, workspace by workspace."""
    received_at = clock.now()
    known = retries.earlier(session, [(one.workspace.id, one.retry) for one in requests], received_at)
    outcomes = {place: Outcome(refused=dict(one.refused)) for place, one in enumerate(requests) if place not in known}
    refusals = {place: found for place in outcomes if (found := _too_old(requests[place], received_at))}
    if refusals:  # before anything is done for the others, who are stored without them
        raise RefusalsError(refusals)
    # Everybody goes through the workspaces in one order, so that nobody waits in a circle.
    workspaces = {requests[place].workspace.id: requests[place].workspace for place in outcomes}
    for _, workspace in sorted(workspaces.items()):
        spots = [
            (place, index)
            for place in outcomes
            if requests[place].workspace.id == workspace.id
            for index in range(len(requests[place].changes))
            if index not in requests[place].refused
        ]
        told = [_told(requests[place], index) for place, index in spots]
        arrival = Arrival(session, workspace, received_at)
        applied = apply(arrival, told)
        if seen is not None:
            seen.append(Seen(arrival, told, applied))
        for number, fault in applied.refused.items():
            place, index = spots[number]
            refusals.setdefault(place, {})[index] = fault
        for number, one in applied.ignored:
            place, index = spots[number]
            outcomes[place].ignore(index, one)
    if refusals:
        raise RefusalsError(refusals)
    retries.keep(
        session, [(requests[place].workspace.id, requests[place].retry, one) for place, one in outcomes.items()]
    )
    ends = [known.get(place) or outcomes[place] for place in range(len(requests))]
    for request, end in zip(requests, ends, strict=True):
        if request.also is not None and isinstance(end, Outcome):
            request.also(session, end)
    return ends


def _too_old(request: Request, received_at: int) -> dict[int, Fault]:
    """The faults of events that retention would take at once, by place."""
    found = retention.refused(request.workspace, request.changes, received_at)
    return {place: fault for place, fault in found.items() if place not in request.refused}


def _told(request: Request, index: int) -> Told:
    return Told(request.changes[index], request.source, request.messages[index] if request.messages else None)
