"""What came in lately, whoever it was about: the newest events of each workspace, in the order in which they arrived.

It is a ring: about KEPT of them, whose older ones are forgotten about once a minute. Whatever is asked of it looks at
no more than those.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import (
    ClauseElement,
    ColumnElement,
    CursorResult,
    Select,
    bindparam,
    case,
    delete,
    exists,
    func,
    select,
    update,
)
from sqlalchemy.orm import Session, aliased

from webapp import statements
from webapp.db import Base, Database
from webapp.ingest.arrival import Arrival
from webapp.ingest.changes import Source
from webapp.models import ApiKey, Arrived, Customer, Event

T = TypeVar("T")

KEPT = 10_000  # of a workspace
PAGE_SIZE = 50
_A_STEP, _MOST_STEPS = 5_000, 100  # rows that are forgotten in one transaction, and transactions in a row
_ARRIVALS = Base.metadata.tables[Arrived.__tablename__]
_SHARED = (_ARRIVALS.c.workspace_id, _ARRIVALS.c.received_at)  # by all that is appended at once
_TOLD = [one for one in _ARRIVALS.c if one not in {_ARRIVALS.c.id, *_SHARED}]  # the database gives the id


class Wanted(NamedTuple):
    """Which arrivals: of this event, by this endpoint, with this key (its public id); of any where it is empty."""

    event: str = ""
    source: str = ""
    key: str = ""


class Start(NamedTuple):
    """Where a page begins: beside at most one arrival, given by its id, else at the newest."""

    before: int | None = None
    after: int | None = None


NEWEST = Start()


@dataclass(frozen=True, slots=True)
class Shown:
    """An arrival as a page shows it. `customer`: the person whose event it is; `key`: the name of the API key."""

    row: Arrived
    customer: Customer
    key: str | None

    @property
    def place(self) -> str:
        """The event's place in its person's timeline, as it stands in addresses."""
        return f"{self.row.reported_at}.{self.row.event_id}"


@dataclass(frozen=True, slots=True)
class Page:
    """Some arrivals, newest first, and the ids beside which the neighbouring pages begin, where there may be such."""

    arrivals: Sequence[Shown]
    older: int | None = None
    newer: int | None = None


def append(arrival: Arrival, stored: Sequence[tuple[Source, Mapping[str, Any]]]) -> None:
    """Note events that were just stored: by which door each came, and its row."""
    rows = [
        {
            "endpoint": source.name,
            "key_id": source.key_id,
            "customer_id": row["customer_id"],
            "reported_at": row["reported_at"],
            "event_id": row["id"],
            "name": row["name"],
        }
        for source, row in stored
    ]
    shared = {"workspace_id": arrival.workspace.id, "received_at": arrival.received_at}
    statements.execute_later(arrival.session, _appending, rows, **shared)


def _appending(dialect: str) -> ClauseElement:
    told = statements.given(dialect, _TOLD).add_columns(*(bindparam(one.name, type_=one.type) for one in _SHARED))
    return _ARRIVALS.insert().from_select([*_TOLD, *_SHARED], told)


def follow(session: Session, workspace_id: int, earlier: int, later: int) -> None:
    """Let the arrivals of events that a profile has just given to another one lead to it."""
    is_there = exists().where(
        Event.customer_id == earlier, Event.reported_at == Arrived.reported_at, Event.id == Arrived.event_id
    )
    gone = update(Arrived).where(*_kept(workspace_id), Arrived.customer_id == earlier, ~is_there)
    session.execute(gone.values(customer_id=later), execution_options={"synchronize_session": False})


def forget_old(database: Database, workspace_id: int) -> None:
    """Drop what is older than the newest KEPT, in short transactions, so that nobody waits for it long."""
    with database.read() as session:
        last = session.scalar(_last_kept(workspace_id))
    if last is None:
        return
    for _ in range(_MOST_STEPS):
        if database.transact(partial(_forget, workspace_id=workspace_id, last=last)) < _A_STEP:
            return


def _forget(session: Session, workspace_id: int, last: int) -> int:
    of_workspace = Arrived.workspace_id == workspace_id
    oldest = select(Arrived.id).where(of_workspace, Arrived.id < last).order_by(Arrived.id).limit(_A_STEP).subquery()
    upto = session.scalar(select(func.max(oldest.c.id)))
    if upto is None:
        return 0
    forgetting = delete(Arrived).where(of_workspace, Arrived.id <= upto)
    done = session.execute(forgetting, execution_options={"synchronize_session": False})
    assert isinstance(done, CursorResult)  # noqa: S101 - of a DELETE
    return done.rowcount


def _last_kept(workspace_id: int) -> Select[int]:
    newest = select(Arrived.id).where(Arrived.workspace_id == workspace_id).order_by(Arrived.id.desc())
    return newest.limit(1).offset(KEPT - 1)


def _kept(workspace_id: int) -> list[ColumnElement[bool]]:
    """The newest KEPT: more of them may be there, until they are forgotten."""
    # Within the look-up: beside row-level security PostgreSQL takes no index for conditions with `coalesce` in them.
    first = select(func.coalesce(func.max(_last_kept(workspace_id).subquery().c.id), 0))
    return [Arrived.workspace_id == workspace_id, Arrived.id >= first.scalar_subquery()]


def read(session: Session, workspace_id: int, wanted: Wanted, start: Start = NEWEST) -> Page:
    """A page of arrivals. One that would end at the newest begins there instead, so that it is a whole one."""
    if start.after is not None:
        found = first(session, workspace_id, wanted, Arrived.id > start.after, Arrived.id.asc())
        if len(found) > PAGE_SIZE:
            page = shown(session, found[:PAGE_SIZE][::-1])
            return Page(page, older=page[-1].row.id, newer=page[0].row.id)
        start = NEWEST
    beside = Arrived.id > 0 if start.before is None else Arrived.id < start.before
    found = first(session, workspace_id, wanted, beside, Arrived.id.desc())
    page = shown(session, found[:PAGE_SIZE])
    older = page[-1].row.id if len(found) > PAGE_SIZE else None
    newer = None if start.before is None else page[0].row.id if page else start.before - 1
    return Page(page, older, newer)


def first(
    session: Session, workspace_id: int, wanted: Wanted, where: ColumnElement[bool], order: ColumnElement[Any]
) -> Sequence[Arrived]:
    """The first of the arrivals that meet the condition and are wanted: one more than a page has."""
    query = select(Arrived).where(*_kept(workspace_id), where, *_conditions(workspace_id, wanted))
    return session.scalars(query.order_by(order).limit(PAGE_SIZE + 1)).all()


def count(session: Session, workspace_id: int, wanted: Wanted, where: ColumnElement[bool], most: int) -> int:
    """How many of the arrivals meet the condition and are wanted; no more than `most` are counted."""
    query = select(Arrived.id).where(*_kept(workspace_id), where, *_conditions(workspace_id, wanted))
    return session.scalar(select(func.count()).select_from(query.limit(most).subquery())) or 0


def _conditions(workspace_id: int, wanted: Wanted) -> list[ColumnElement[bool]]:
    if "\x00" in "".join(wanted):  # PostgreSQL can't even be asked
        return [Arrived.id < 0]
    where: list[ColumnElement[bool]] = []
    if wanted.event:
        where.append(Arrived.name == wanted.event)
    if wanted.source:
        where.append(Arrived.endpoint == wanted.source)
    if wanted.key:
        its = select(ApiKey.id).where(ApiKey.workspace_id == workspace_id, ApiKey.public_id == wanted.key)
        where.append(Arrived.key_id == its.scalar_subquery())
    return where


def shown(session: Session, rows: Sequence[Arrived]) -> list[Shown]:
    """Rows as a page shows them, each with its person: also where a profile has been merged since."""
    member, root = aliased(Customer), aliased(Customer)
    people = (
        select(member.id, root)
        .join(root, root.id == case((member.root_id.is_(None), member.id), else_=member.root_id))
        .where(member.id.in_({one.customer_id for one in rows}))
    )
    names = select(ApiKey.id, ApiKey.name).where(ApiKey.id.in_({one.key_id for one in rows} - {None}))
    whose = {row[0]: row[1] for row in session.execute(people)}
    keys: dict[int | None, str] = {row.id: row.name for row in session.execute(names)}
    return [Shown(one, whose[one.customer_id], keys.get(one.key_id)) for one in rows]


def find(session: Session, workspace_id: int, id_: int) -> Arrived | None:
    """An arrival of this workspace, while it is kept."""
    return session.scalar(select(Arrived).where(Arrived.workspace_id == workspace_id, Arrived.id == id_))


class Choices(NamedTuple):
    """What the arrivals differ in, the most frequent first, with how many there are of each."""

    events: list[tuple[str, int]]
    endpoints: list[tuple[str, int]]
    keys: list[tuple[ApiKey, int]]


def choices(session: Session, workspace_id: int) -> Choices:
    """Events, endpoints and keys of the arrivals that are kept."""
    newest = select(Arrived.name, Arrived.endpoint, Arrived.key_id).where(*_kept(workspace_id))
    kept = newest.order_by(Arrived.id.desc()).limit(KEPT).subquery()
    query = select(*kept.c, func.count()).group_by(*kept.c)
    groups = [tuple(row) for row in session.execute(query)]
    keys = session.scalars(select(ApiKey).where(ApiKey.workspace_id == workspace_id))
    by_id = {one.id: one for one in keys}
    of_keys = _summed((by_id[id_], number) for *_, id_, number in groups if id_ in by_id)
    return Choices(
        _summed((name, number) for name, _, _, number in groups),
        _summed((endpoint, number) for _, endpoint, _, number in groups),
        of_keys,
    )


def _summed(parts: Iterable[tuple[T, int]]) -> list[tuple[T, int]]:
    total: Counter[T] = Counter()
    for one, number in parts:
        total[one] += number
    return total.most_common()
