"""Looks at a part of the data that tell of all of it: values, who has them, what events carried lately."""

import json
from collections.abc import Collection, Iterable, Sequence
from typing import Any, Literal, NamedTuple

import orjson
from sqlalchemy import Select, and_, func, literal, or_, select, union_all
from sqlalchemy.orm import Session

from webapp import customers, fitting, lookups
from webapp.models import Arrived, AttributeValue, Customer, Event

PLACES = 20  # of the index of an attribute's values, evenly spread, from which on values are looked at
_MOST_CUSTOMERS = 500
_PARTS = 4  # in which they are read: so few at a time that an index is the way to them
_FEW_SAMPLES = 2
_FEWEST_CARRIERS = 10  # of the sample, to tell how many there are about
_MOST_EVENTS = 200
_LARGEST_EVENT = 20_000  # characters of the JSON of an event that is looked at
_MOST_SAMPLES = 8
_LONGEST_SAMPLE = 120  # characters


class Carried(NamedTuple):
    """How many customers have an attribute, and some values as JSON, cut short."""

    number: int
    kind: Literal["exact", "about", "under"]
    values: Sequence[str] = ()


class CarriedByEvents(NamedTuple):
    """How many of the events that were looked at carried an attribute, and what, cut short."""

    number: int
    came: Sequence[Any]
    values: Sequence[str]


def spread(workspace_id: int, name: str, at_each: int) -> Select[Any]:
    """Values of an attribute, former ones too, from all over its part of the index, where they stand by chance.

    `place`: from where on each was met; so many at each at most.
    """
    first, last = lookups.everything(workspace_id, name)
    step = (last - first + 1) // PLACES
    columns = [getattr(AttributeValue, one) for one in ("customer_id", "name", "original", "is_current")]
    parts = []
    for place in range(PLACES):
        begin = first + place * step
        part = select(*columns, fitting.beginning.label("value"), literal(place).label("place"))
        part = part.where(AttributeValue.lookup.between(begin, begin + step - 1))
        parts.append(part.order_by(AttributeValue.lookup).limit(at_each).subquery())
    some = union_all(*(select(part) for part in parts)).subquery()
    whose = (Customer.growlytics_id, Customer.name.label("called"), Customer.system_id)
    query = select(some, *whose).join(Customer, Customer.id == some.c.customer_id)
    return query.where(Customer.workspace_id == workspace_id)


def values(session: Session, workspace_id: int, name: str) -> list[str]:
    """Some different present values of an attribute of customers, as JSON, cut short."""
    rows = session.execute(spread(workspace_id, name, 3))
    found = dict.fromkeys(row.value for row in rows if row.name == name and row.is_current)
    return [short(text) for text in found][:_MOST_SAMPLES]


def short(text: str) -> str:
    """The beginning of a text."""
    return text if len(text) <= _LONGEST_SAMPLE else f"{text[:_LONGEST_SAMPLE]}…"


def carried(session: Session, workspace_id: int, names: Collection[str]) -> dict[str, Carried]:
    """How many customers have these attributes, by customers from everywhere; all of them where they are few."""
    # In this order there is an index.
    ours = select(Customer.id).where(Customer.workspace_id == workspace_id).order_by(Customer.system_id)
    ids: Sequence[int] = session.scalars(ours.limit(_MOST_CUSTOMERS + 1)).all()
    number = len(ids)
    if number > _MOST_CUSTOMERS:  # a small shop beside a large one is looked at as a whole
        ids, number = customers.spread(session, _MOST_CUSTOMERS)
    found: dict[str, tuple[set[int], set[str]]] = {name: (set(), set()) for name in names}
    roots = {row[0]: row[1] for row in session.execute(_profiles(workspace_id, ids))} if names else {}
    profiles = sorted(roots)
    for part in (profiles[place::_PARTS] for place in range(_PARTS)):
        for customer_id, name, value in session.execute(_present(part)) if part else ():
            if name in found:
                people, some = found[name]
                people.add(roots[customer_id])
                if len(some) < _FEW_SAMPLES:
                    some.add(short(value))
    times = number / len(ids) if ids else 1
    return {name: _carried(len(people), sorted(some), times) for name, (people, some) in found.items()}


def _profiles(workspace_id: int, ids: Collection[int]) -> Select[int, int]:
    """The profiles of the persons with these roots, and each one's root."""
    is_one = or_(and_(Customer.id.in_(ids), Customer.root_id.is_(None)), Customer.root_id.in_(ids))
    query = select(Customer.id, func.coalesce(Customer.root_id, Customer.id))
    return query.where(Customer.workspace_id == workspace_id, is_one)


def _present(ids: Collection[int]) -> Select[int, str, str]:
    """All present values of profiles. Asked for certain names, PostgreSQL may rather look for these everywhere."""
    columns = (AttributeValue.customer_id, AttributeValue.name, fitting.beginning)
    return select(*columns).where(AttributeValue.customer_id.in_(ids), AttributeValue.is_current)


def _carried(number: int, values: Sequence[str], times: float) -> Carried:
    """What the sample tells, each of whose customers stands for so many."""
    if times == 1:
        return Carried(number, "exact", values)
    if number < _FEWEST_CARRIERS:
        return Carried(_rounded(times * _FEWEST_CARRIERS), "under", values)
    return Carried(_rounded(times * number), "about", values)


def _rounded(number: float) -> int:
    """To two digits, as `about` promises no more."""
    digits = len(str(int(number))) - 2
    return int(round(number, -digits)) if digits > 0 else round(number)


def latest(session: Session, workspace_id: int, event_name: str) -> list[dict[str, Any]]:
    """The attributes of the newest events of a name, of those that have arrived lately; the last one first."""
    came = select(Arrived).where(Arrived.workspace_id == workspace_id, Arrived.name == event_name)
    some = came.order_by(Arrived.id.desc()).limit(_MOST_EVENTS).subquery()
    is_it = (Event.customer_id == some.c.customer_id) & (Event.reported_at == some.c.reported_at)
    query = select(Event.attributes).join(some, is_it & (Event.id == some.c.event_id))
    query = query.where(func.length(Event.attributes) <= _LARGEST_EVENT).order_by(some.c.id.desc())
    return [orjson.loads(text) for text in session.scalars(query)]


def of_events(events: Iterable[dict[str, Any]], names: Iterable[str]) -> dict[str, CarriedByEvents]:
    """What these events carried of each attribute."""
    told = list(events)
    found = {}
    for name in names:
        came = [one[name] for one in told if name in one]
        texts = dict.fromkeys(short(json.dumps(one, ensure_ascii=False)) for one in came)
        found[name] = CarriedByEvents(len(came), came, list(texts)[:_MOST_SAMPLES])
    return found
