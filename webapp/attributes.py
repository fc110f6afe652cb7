"""The attribute values of customers, and what was ignored of them."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import groupby
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import ClauseElement, ColumnElement, Select, bindparam, case, func, or_, select
from sqlalchemy import update as sql_update
from sqlalchemy.orm import Session, aliased

from webapp import fitting, lookups, search, statements, workspaces
from webapp.customers import Owner
from webapp.db import Base
from webapp.fitting import BEGIN, END
from webapp.ingest.arrival import Arrival
from webapp.ingest.changes import CustomerUpdate, Fault, Ignored, Result, Settled, Source
from webapp.models import ApiKey, AttributeValue, Customer, Device, IgnoredValue, Workspace
from webapp.registry import RESERVED, types_of

MOST_FORMER = 200  # values of a history shown
_RESERVED = frozenset(RESERVED)
_CUSTOMERS = Base.metadata.tables[Customer.__tablename__]
_VALUES = Base.metadata.tables[AttributeValue.__tablename__]
_Key = tuple[int, str, int, int]  # customer_id, name, reported_at, id


@dataclass(frozen=True, slots=True)
class Shown:
    """An attribute of a customer as a page shows it, with the number of different values so far. Times are epoch ms.

    `text`: the value as JSON. `source`, `key_id`: the endpoint or page and the API key that it came by first.
    """

    name: str
    type: str
    value: Any
    changed_at: int
    value_count: int
    text: str
    received_at: int
    source: str
    key_id: int | None


class NotFoundError(LookupError):
    """The person has no such attribute."""


class Former(NamedTuple):
    """A value that an attribute has or had: first and last reported, first received (epoch ms), and where from.

    `text`: the value as JSON.
    """

    name: str
    type: str
    value: Any
    text: str
    reported_at: int
    until_at: int
    received_at: int
    source: str
    key: str | None

    @property
    def held_from(self) -> int:
        """When it began to hold, epoch ms: by a client's clock that is ahead, not before it came."""
        return min(self.reported_at, self.received_at)


class Update(NamedTuple):
    """Attributes to be set: whose, what came and by whom, what is kept of it, and the device that told it."""

    owner: Owner
    change: CustomerUpdate
    source: Source
    settled: Settled
    device: Device | None


@dataclass(slots=True)
class _Held:
    """A value in the history of an attribute while it is updated; the fields are those of AttributeValue."""

    customer_id: int
    name: str
    reported_at: int
    id: int
    until_at: int
    value: str
    is_current: bool
    lookup: int
    received_at: int
    source: str
    key_id: int | None
    device_id: int | None
    is_new: bool = False

    @property
    def key(self) -> _Key:
        """Where it stands."""
        return self.customer_id, self.name, self.reported_at, self.id

    def as_row(self) -> dict[str, Any]:
        """All of it; `asdict` copies every value, which took a third of the time of an import."""
        return {name: getattr(self, name) for name in _ALL_HELD}


class Ranked(NamedTuple):
    """As much of a value as it takes to find the latest one of several; the fields are those of AttributeValue."""

    name: str
    value: str
    id: int
    until_at: int
    received_at: int


AnyValue = TypeVar("AnyValue", AttributeValue, _Held, Ranked)
_ALL_HELD = tuple(field.name for field in fields(_Held))
_HELD = tuple(name for name in _ALL_HELD if name != "is_new")


class Updated(NamedTuple):
    """What became of updates, by place: of each attribute, or the fault with which nothing of it is set."""

    results: dict[int, dict[str, Result]]
    refused: dict[int, Fault]


def update(arrival: Arrival, updates: Mapping[int, Update]) -> Updated:
    """Set the attributes of locked customers, in order; a value reported before another doesn't replace it.

    Refuses updates with which a person would have more custom attributes than allowed. Places are those of `updates`.
    """
    book = _Book(arrival, list(updates.values()))
    results: dict[int, dict[str, Result]] = {}
    refused = {}
    for place, one in updates.items():
        custom = book.custom[one.owner.root_id] | one.settled.kept.keys() - _RESERVED
        if len(custom) > one.change.limit:
            refused[place] = _too_many(one.change.limit, len(custom))
        else:
            book.custom[one.owner.root_id] = custom
            results[place] = {name: book.report(one, name, value) for name, value in one.settled.kept.items()}
    book.close()
    return Updated(results, refused)


class _Book:
    """The present values of some persons' attributes, and what is reported of them, until all of it is stored."""

    def __init__(self, arrival: Arrival, updates: Sequence[Update]) -> None:
        self._arrival = arrival
        self._present: dict[int, dict[tuple[int, str], _Held]] = {one.owner.root_id: {} for one in updates}
        for root_id, one in _present(arrival.session, list(self._present)):
            self._present[root_id][one.customer_id, one.name] = one
        self.custom = {root: {name for _, name in held} - _RESERVED for root, held in self._present.items()}
        self._known = statements.stored(arrival.session, _VALUES, [key for one in updates for key in _keys(one)])
        self._before = self._basics()
        self._written: dict[_Key, _Held] = {}
        self._findable: list[tuple[int, str, str]] = []

    def _basics(self) -> dict[int, dict[str, str | None]]:
        return {root: basics_of(held.values()) for root, held in self._present.items()}

    def report(self, update: Update, name: str, value: Any) -> Result:
        """Add a value to the history of an attribute. Returns what that does to the profile's value."""
        present, key = self._present[update.owner.root_id], (update.owner.id, name)
        before = present.get(key)
        row = self._row(update, name, json.dumps(value, ensure_ascii=False), before)
        if update.change.reported_at is None and before is not None and before.id == 0 and before.value == row.value:
            before.until_at = row.reported_at
            self._written[before.key] = before
            return "unchanged"
        if row.key in self._known:
            return "unchanged"
        self._known.add(row.key)
        self._written[row.key] = row
        if name in _RESERVED:
            self._findable.append((update.owner.id, name, value))
        if before is not None and rank(row) <= rank(before):
            return "past"
        row.is_current, present[key] = True, row
        if before is None:
            return "created"
        before.is_current = False
        self._written[before.key] = before
        return "unchanged" if before.value == row.value else "updated"

    def _row(self, update: Update, name: str, text: str, before: _Held | None) -> _Held:
        at, received_at = update.change.reported_at, self._arrival.received_at
        id_ = 0 if at is None else _digest(text, update.device)
        if at is None:
            # By the server's clock the later arrival is the later value, also within one ms or after a clock step.
            at = received_at if before is None else max(received_at, _effective(before) + 1)
        source, device = update.source, update.device
        lookup = lookups.of_text(self._arrival.workspace.id, name, text)
        return _Held(
            update.owner.id, name, at, id_, at, text, False, lookup, received_at, source.name, source.key_id,
            None if device is None else device.id, is_new=True,
        )  # fmt: skip

    def close(self) -> None:
        """Store all of it."""
        session = self._arrival.session
        rows = [one.as_row() for one in self._written.values()]
        if fresh := [row for row in rows if row["is_new"]]:
            statements.execute_later(session, _adding, fresh)
        if changed := [row for row in rows if not row["is_new"]]:
            statements.execute_later(session, _changing, changed)
        search.add(session, self._arrival.workspace, self._findable)
        after = self._basics()
        if named := [{"id": root, **after[root]} for root in sorted(after) if after[root] != self._before[root]]:
            statements.execute_later(session, _naming, named)


def _keys(update: Update) -> list[_Key]:
    """Where the values of an update would stand that has the client's time."""
    at = update.change.reported_at
    if at is None:
        return []
    texts = {name: json.dumps(value, ensure_ascii=False) for name, value in update.settled.kept.items()}
    return [(update.owner.id, name, at, _digest(text, update.device)) for name, text in texts.items()]


def _present(session: Session, roots: Sequence[int]) -> Iterator[tuple[int, _Held]]:
    """The current values of all profiles of these persons, each with its root."""
    for root_id, *held in session.connection().execute(_PRESENT, {"roots": roots}):
        yield root_id, _Held(*held)


_PRESENT = (
    select(func.coalesce(_CUSTOMERS.c.root_id, _CUSTOMERS.c.id), *(_VALUES.c[name] for name in _HELD))
    .join(_VALUES, _VALUES.c.customer_id == _CUSTOMERS.c.id)
    .where(
        or_(*(column.in_(bindparam("roots", expanding=True)) for column in (_CUSTOMERS.c.id, _CUSTOMERS.c.root_id))),
        _VALUES.c.is_current,
    )
)


def _adding(dialect: str) -> ClauseElement:
    return statements.inserting(dialect, [_VALUES.c[name] for name in _HELD])


def _changing(dialect: str) -> ClauseElement:
    changed = [_VALUES.c.until_at, _VALUES.c.is_current]
    told = statements.given(dialect, [*_VALUES.primary_key, *changed]).subquery("told")
    where = [column == told.c[column.name] for column in _VALUES.primary_key]
    return sql_update(_VALUES).where(*where).values({column.name: told.c[column.name] for column in changed})


def _naming(dialect: str) -> ClauseElement:
    told = statements.given(dialect, [_CUSTOMERS.c[name] for name in ("id", *RESERVED)]).subquery("told")
    return sql_update(_CUSTOMERS).where(_CUSTOMERS.c.id == told.c.id).values({name: told.c[name] for name in RESERVED})


def _digest(text: str, device: Device | None) -> int:
    """Not 0, and equal for equal values from one device."""
    content = f"{device.did if device else ''}\x00{text}"
    return int.from_bytes(hashlib.blake2b(content.encode(), digest_size=8).digest(), "big") >> 1 or 1


def _effective(row: AttributeValue | _Held | Ranked) -> int:
    """When a value last held, epoch ms. A client's clock that is ahead counts as the time of arrival."""
    return row.until_at if row.id == 0 else min(row.until_at, row.received_at)


def rank(row: AttributeValue | _Held | Ranked) -> tuple[int, str]:
    """What decides which of two values is the later one; between two of one moment a fixed order of their texts."""
    return _effective(row), row.value


def basics_of(rows: Iterable[AnyValue]) -> dict[str, str | None]:
    """Name, email and mobile as these values of one person add up to them."""
    best = _latest(row for row in rows if row.name in RESERVED)
    return {name: json.loads(best[name].value) if name in best else None for name in RESERVED}


def _latest(rows: Iterable[AnyValue]) -> dict[str, AnyValue]:
    """The latest of several profiles' values, by attribute."""
    best: dict[str, AnyValue] = {}
    for row in rows:
        if row.name not in best or rank(row) > rank(best[row.name]):
            best[row.name] = row
    return best


def basics(session: Session, ids: Sequence[int]) -> dict[str, str | None]:
    """Name, email and mobile of the person with these profiles."""
    return basics_of(session.scalars(_current(ids).where(AttributeValue.name.in_(RESERVED))))


def _current(ids: Sequence[int]) -> Select[Any]:
    query = select(AttributeValue).where(AttributeValue.customer_id.in_(ids), AttributeValue.is_current)
    return query.execution_options(populate_existing=True)


def move(
    session: Session, workspace: Workspace, where: Sequence[ColumnElement[bool]], earlier: int, later: int
) -> None:
    """Give values to another profile, and say anew which ones are current in both."""
    rows = session.scalars(select(AttributeValue).where(*where)).all()
    names = {row.name for row in rows}
    for row in rows:
        row.customer_id = later
    session.flush()
    types, zone = types_of(session, workspace.id, names), workspaces.zone(workspace)
    for customer_id in (earlier, later):
        query = select(AttributeValue).where(AttributeValue.customer_id == customer_id, AttributeValue.name.in_(names))
        history = session.scalars(query).all()
        for name in names:
            latest_first = sorted((row for row in history if row.name == name), key=rank, reverse=True)
            for row, made, holds, _ in fitting.settle(latest_first, types[name], zone):
                row.is_current = holds
                if made is not None:
                    row.value, row.original = made
                    row.lookup = lookups.of_text(workspace.id, name, row.value)
        session.flush()
        for name in names.intersection(RESERVED):
            known = [json.loads(row.value) for row in history if row.name == name]
            search.replace(session, workspace, customer_id, name, known)


def _too_many(limit: int, count: int) -> Fault:
    return {
        "message": f"the customer would have {count} custom attributes; {limit} are allowed",
        "path": ["attributes"],
        "type": "attributes.max",
        "context": {"key": "attributes", "limit": limit, "count": count},
    }


def of_person(session: Session, workspace_id: int, ids: Sequence[int], as_of: int | None = None) -> list[Shown]:
    """All attributes of a person: name, email and mobile first, then by name without regard to letter case.

    `ids`: the rows of the person's profiles. `as_of`: shows what held at that moment (epoch ms), by reported time.
    """
    best = _latest(session.scalars(_current(ids))) if as_of is None else _held(session, ids, as_of)
    types = types_of(session, workspace_id, best)
    counts = {row.name: row[1] for row in session.execute(_counts(ids, as_of))}
    shown = [
        Shown(
            name,
            types[name],
            json.loads(row.value),
            row.reported_at,
            counts[name],
            row.value,
            row.received_at,
            row.source,
            row.key_id,
        )
        for name, row in best.items()
    ]
    return sorted(shown, key=lambda one: place(one.name))


def place(name: str) -> tuple[int, str, str]:
    """Where an attribute stands among a person's: name, email and mobile first, then by name without letter case."""
    return RESERVED.index(name) if name in _RESERVED else len(RESERVED), name.casefold(), name


def _counts(ids: Sequence[int], as_of: int | None) -> Select[str, int]:
    number = func.count(AttributeValue.value.distinct())
    query = select(AttributeValue.name, number).where(AttributeValue.customer_id.in_(ids), *_begun(as_of))
    return query.group_by(AttributeValue.name)


def _begun(as_of: int | None) -> list[ColumnElement[bool]]:
    return [] if as_of is None else [as_of >= BEGIN]


def _held(session: Session, ids: Sequence[int], as_of: int) -> dict[str, AttributeValue]:
    """The values that held at a moment: of those that had begun the last one, and one that went on is later."""
    rank = (case((as_of < END, as_of), else_=END), BEGIN, AttributeValue.value)
    place = func.row_number().over(partition_by=AttributeValue.name, order_by=[one.desc() for one in rank])
    ranked = select(AttributeValue, place.label("place")).where(AttributeValue.customer_id.in_(ids), *_begun(as_of))
    found = ranked.subquery()
    held = session.scalars(select(aliased(AttributeValue, found)).where(found.c.place == 1))
    return {row.name: row for row in held}


def history(
    session: Session, workspace_id: int, ids: Sequence[int], name: str, as_of: int | None = None
) -> list[Former]:
    """Every value that an attribute of a person has had, the latest first; one that is told again and again is one.

    `as_of`: only those that had begun to hold at that moment, epoch ms. Raises NotFoundError where there is none.
    """
    query = (
        select(AttributeValue, ApiKey.name)
        .outerjoin(ApiKey, ApiKey.id == AttributeValue.key_id)
        .where(AttributeValue.customer_id.in_(ids), AttributeValue.name == name, *_begun(as_of))
        .order_by(AttributeValue.until_at.desc())
        .limit(MOST_FORMER)
    )
    rows = session.execute(query).all() if "\x00" not in name else []  # PostgreSQL can't even be asked
    if not rows:
        raise NotFoundError(name)
    type_ = types_of(session, workspace_id, [name])[name]
    ranked = sorted(rows, key=lambda row: rank(row[0]), reverse=True)
    runs = [list(run) for _, run in groupby(ranked, key=lambda row: row[0].value)]
    return [_former(name, type_, run[0][0].until_at, *run[-1]) for run in runs]


def _former(name: str, type_: str, until_at: int, first: AttributeValue, key: str | None) -> Former:
    value = json.loads(first.value)
    times = first.reported_at, until_at, first.received_at
    return Former(name, type_, value, first.value, *times, first.source, key)


def note_ignored(arrival: Arrival, noted: Sequence[tuple[int, str, Ignored]]) -> None:
    """Remember values that were not stored, so that the profile can say so: customer, name of the event, value."""
    rows: dict[tuple[int, str, str, str], dict[str, Any]] = {}
    for customer_id, event_name, one in noted:
        key = (customer_id, event_name, one.name, one.received)
        earlier = rows.get(key, {"count": 0})
        rows[key] = {
            "customer_id": customer_id,
            "event_name": event_name,
            "name": one.name,
            "received": one.received,
            "expected": one.expected,
            "sample": json.dumps(one.value, ensure_ascii=False)[:200],
            "count": earlier["count"] + 1,
            "last_at": arrival.received_at,
        }
    if rows:
        statements.execute_later(arrival.session, _noting, list(rows.values()))


def _noting(dialect: str) -> ClauseElement:
    table = Base.metadata.tables[IgnoredValue.__tablename__]
    statement = statements.inserting(dialect, table.c)
    latest = {name: statement.excluded[name] for name in ("expected", "sample", "last_at")}
    return statement.on_conflict_do_update(
        index_elements=list(table.primary_key), set_=latest | {"count": table.c.count + statement.excluded.count}
    )
