"""Taking the addresses out of what is stored, where a workspace has decided to keep none any more."""

import json
from collections.abc import Sequence
from functools import partial
from typing import Any

from sqlalchemy import ClauseElement, Text, column, select, tuple_, update
from sqlalchemy.orm import Session

from webapp import statements
from webapp.db import Base
from webapp.models import Event, RefusedPayload, Workspace
from webapp.sweeping import Run

_MOST_EVENTS = 500  # in one transaction
_MOST_PAYLOADS = 100
_HAS_ADDRESS = '%"address": "_%'  # as json.dumps writes it
_EVENTS = Base.metadata.tables[Event.__tablename__]
_Place = tuple[int, int, int]


class Stripping:
    """The work of a sweep (sweeping.Work), done once."""

    def until(self, _workspace: Workspace) -> None:
        """All go, however young."""

    def again_at(self, _workspace: Workspace) -> None:
        """Never: nothing comes in with one."""

    def begin(self, run: Run) -> None:
        """Take them out of what was refused."""
        place: tuple[int, int] | None = (-1, -1)
        while place is not None:
            place = _strip_payloads(run, place)

    def pass_by(self, run: Run, ids: Sequence[int]) -> bool:
        """Take them out of the events of these profiles. Returns whether there were any.

        A late login can have moved some meanwhile, to a profile that has been passed already.
        """
        place: _Place | None = (ids[0], -1, -1)
        wanted, number = set(ids), 0
        while place is not None:
            with run.database.read() as session:
                rows, place = _with_address(session, place, ids[-1])
            ours = [one for one in rows if one.customer_id in wanted]
            if ours:
                number += run.step(partial(_strip, rows=ours))
        return number > 0


def _with_address(session: Session, place: _Place, last_id: int) -> tuple[Sequence[Any], _Place | None]:
    """Some events with an address of the profiles up to one, and after which to go on; None: these were all."""
    order = (Event.customer_id, Event.reported_at, Event.id)
    query = select(*order, Event.context).where(tuple_(*order) > place, Event.customer_id <= last_id)
    query = query.where(Event.context.like(_HAS_ADDRESS)).order_by(*order).limit(_MOST_EVENTS)
    rows = session.execute(query).all()
    return rows, (rows[-1][0], rows[-1][1], rows[-1][2]) if len(rows) == _MOST_EVENTS else None


def _strip(session: Session, rows: Sequence[Any]) -> int:
    changed = []
    for one in rows:
        told = json.loads(one.context)
        if told.pop("address", None) is not None:
            key = {"customer_id": one.customer_id, "reported_at": one.reported_at, "id": one.id, "was": one.context}
            changed.append({**key, "context": json.dumps(told, ensure_ascii=False) if told else None})
    if changed:
        statements.execute(session, _setting, changed)
    return len(changed)  # also what somebody else has changed meanwhile, so that another round comes by it


def _setting(dialect: str) -> ClauseElement:
    keys = list(_EVENTS.primary_key)
    told = statements.given(dialect, [*keys, _EVENTS.c.context, column("was", Text)]).subquery("told").c
    is_it = [one == told[one.name] for one in keys]
    return update(_EVENTS).where(*is_it, _EVENTS.c.context == told.was).values(context=told.context)


def _strip_payloads(run: Run, place: tuple[int, int]) -> tuple[int, int] | None:
    """Take them out of some of what was refused; returns after which to go on, None: these were all."""
    order = (RefusedPayload.reason_id, RefusedPayload.slot)
    query = select(*order, RefusedPayload.details).where(
        RefusedPayload.workspace_id == run.workspace.id,
        tuple_(*order) > place,
        RefusedPayload.details.like(_HAS_ADDRESS),
    )
    with run.database.read() as session:
        rows = session.execute(query.order_by(*order).limit(_MOST_PAYLOADS)).all()
    if rows:
        run.step(partial(_strip_details, workspace_id=run.workspace.id, rows=rows))
    return (rows[-1][0], rows[-1][1]) if len(rows) == _MOST_PAYLOADS else None


def _strip_details(session: Session, workspace_id: int, rows: Sequence[Any]) -> int:
    for one in rows:
        told = json.loads(one.details) | {"address": ""}
        # Another may have come into its place meanwhile.
        its = (RefusedPayload.workspace_id, RefusedPayload.reason_id, RefusedPayload.slot, RefusedPayload.details)
        is_it = tuple_(*its) == (workspace_id, one.reason_id, one.slot, one.details)
        session.execute(update(RefusedPayload).where(is_it).values(details=json.dumps(told)))
    return 0
