"""What stays of visits whose events are gone: of each profile the first and the last of them, which tell how it came.

A visit that isn't over where retention has come to is kept in two parts: what is before in `kept_visits`, the rest in
`visits`. Whoever reads the first and the last visit of a person joins them again (visits.ends).
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import ClauseElement, delete, select, tuple_
from sqlalchemy.orm import Session

from webapp import statements, visits
from webapp.counts import Notes
from webapp.db import Base
from webapp.models import Event, KeptVisit, Visit
from webapp.visits import Span

_KEPT = Base.metadata.tables[KeptVisit.__tablename__]
_VISITS = Base.metadata.tables[Visit.__tablename__]
_A_LOOK = 200  # events of a visit that are read at a time, to find out how its rest begins
_Changes = dict[int, tuple[list[Span], list[Span]]]  # by customer, before and after


def part(session: Session, notes: Notes, gone: Mapping[int, Sequence[Any]], bounds: Mapping[int, int]) -> None:
    """Let events that have just gone leave the visits of locked customers.

    `gone`: rows of these events by customer, of each all that it had before its bound (epoch ms).
    """
    known = _begun_before(session, bounds)
    kept = _kept(session, list(gone))
    changes: dict[tuple[int, int], tuple[list[Span], list[Span]]] = {}
    keeping: _Changes = {}
    for id_, events in gone.items():
        moments = [
            visits.moment(one.device_id, one.reported_at, one.context) for one in events if one.device_id is not None
        ]
        going_on = set()
        for span in known[id_]:
            before, after = changes.setdefault((id_, span.device_id), ([], []))
            before.append(span)
            if span.ended_at >= bounds[id_]:
                after.append(_rest(session, id_, span, moments, bounds[id_]))
                going_on.add(span.device_id)
        keeping[id_] = kept[id_], _worth_keeping(visits.coalesced([*kept[id_], *moments]), going_on)
    visits.store(session, notes, changes)
    _write(session, keeping)


def _begun_before(session: Session, bounds: Mapping[int, int]) -> dict[int, list[Span]]:
    rows = [{"customer_id": id_, "started_at": bound} for id_, bound in bounds.items()]
    found: dict[int, list[Span]] = {id_: [] for id_ in bounds}
    for row in map(visits.named, statements.execute(session, _beginning, rows)):
        found[row.customer_id].append(visits.span_of(row))
    return found


def _beginning(dialect: str) -> ClauseElement:
    """The visits that began before `started_at`."""
    told = statements.given(dialect, [_VISITS.c.customer_id, _VISITS.c.started_at]).subquery("told").c
    its = (_VISITS.c.customer_id == told.customer_id, _VISITS.c.started_at < told.started_at)
    return select(*_VISITS.c).where(*its)


def _kept(session: Session, ids: Sequence[int]) -> dict[int, list[Span]]:
    found: dict[int, list[Span]] = {id_: [] for id_ in ids}
    for row in session.execute(select(*_KEPT.c).where(_KEPT.c.customer_id.in_(ids))):
        found[row.customer_id].append(visits.span_of(row))
    return found


def _worth_keeping(spans: Sequence[Span], going_on: set[int]) -> list[Span]:
    """The first and the last visit, and what belongs to visits on these devices that aren't over."""
    parts = {one.device_id: one for one in spans if one.device_id in going_on}  # of each the latest
    return list(dict.fromkeys([*spans[:1], *spans[-1:], *parts.values()]))


def _rest(session: Session, customer_id: int, span: Span, gone: Sequence[Span], bound: int) -> Span:
    """What is left of a visit that went on after events that are gone."""
    number = sum(one.device_id == span.device_id and one.started_at >= span.started_at for one in gone)
    found: Span | None = None
    for moment in _moments(session, customer_id, span, bound):
        if found is None:
            found = moment
            continue
        is_told = (found.entry or span.entry is None) and (found.place or span.place is None)
        if is_told and moment.started_at > found.ended_at:
            break
        found = found.joined(moment)
    assert found is not None  # noqa: S101 - the visit ends with an event
    last = span.exit if span.exit is not None and span.exit.at >= bound else None
    left = span.event_count - number
    return Span(span.device_id, found.started_at, span.ended_at, left, found.entry, last, found.place)


def _moments(session: Session, customer_id: int, span: Span, since: int) -> Iterator[Span]:
    """The moments of a visit from a time on (epoch ms), in their order."""
    place = (since, -1)
    its = [Event.customer_id == customer_id, Event.device_id == span.device_id, Event.reported_at <= span.ended_at]
    order = (Event.reported_at, Event.id)
    while True:
        query = select(Event.reported_at, Event.id, Event.context).where(*its, tuple_(*order) > place)
        rows = session.execute(query.order_by(*order).limit(_A_LOOK)).all()
        for row in rows:
            yield visits.moment(span.device_id, row.reported_at, row.context)
        if len(rows) < _A_LOOK:
            return
        place = (rows[-1].reported_at, rows[-1].id)


def move(session: Session, device_id: int, earlier: int, later: int, since: int, until: int | None) -> None:
    """Give what is kept of a device's visits that began within this time (epoch ms; `until`: or None) to another."""
    theirs = [KeptVisit.customer_id == earlier, KeptVisit.device_id == device_id, KeptVisit.started_at >= since]
    if until is not None:
        theirs.append(KeptVisit.started_at < until)
    moved = [visits.span_of(row) for row in session.execute(select(*_KEPT.c).where(*theirs))]
    if moved:
        there = _kept(session, [later])[later]
        _write(session, {earlier: (moved, []), later: (there, visits.coalesced([*there, *moved]))})


def _write(session: Session, changes: _Changes) -> None:
    gone, rows = [], []
    for customer_id, (before, after) in changes.items():
        starts, known = {(one.started_at, one.device_id) for one in after}, set(before)
        gone += [visits.row_of(customer_id, one) for one in before if (one.started_at, one.device_id) not in starts]
        rows += [visits.row_of(customer_id, one) for one in after if one not in known]
    if gone:
        statements.execute_later(session, _deleting, gone)
    if rows:
        statements.execute_later(session, _storing, rows)


def _deleting(dialect: str) -> ClauseElement:
    told = statements.given(dialect, _KEPT.primary_key)
    return delete(_KEPT).where(tuple_(*_KEPT.primary_key).in_(told))


def _storing(dialect: str) -> ClauseElement:
    statement = statements.inserting(dialect, _KEPT.c)
    changed = {one.name: statement.excluded[one.name] for one in _KEPT.c if not one.primary_key}
    return statement.on_conflict_do_update(index_elements=list(_KEPT.primary_key), set_=changed)
