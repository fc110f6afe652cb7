"""Customers: resolving a System ID for writing, finding one for reading, and which kinds of them there are."""

import math
import secrets
from collections.abc import Iterable, Sequence
from typing import Any, Literal, NamedTuple

from sqlalchemy import ClauseElement, Select, func, select, text, union_all
from sqlalchemy.orm import Session

from webapp import counts, search, statements
from webapp.db import Base
from webapp.ingest.arrival import Arrival
from webapp.models import IS_ANONYMOUS, Customer, Device

Status = Literal["all", "registered", "anonymous"]
_GOLDEN = (math.sqrt(5) - 1) / 2


class NotFoundError(LookupError):
    """There is no such customer in this workspace."""


class Wanted(NamedTuple):
    """Which customers of the list."""

    status: Status = "all"
    hides_bots: bool = False


class Spread(NamedTuple):
    """Ids from everywhere among those of all workspaces' profiles, some of which nobody has, of a range of `number`."""

    ids: list[int]
    number: int


class Owner(NamedTuple):
    """The profile that something belongs to, and the root of its person, which may be itself: ids of rows."""

    id: int
    root_id: int


def new_growlytics_id(created_at: int) -> str:
    """24 hex digits: milliseconds of creation first, so that the index grows at one end, then 48 random bits."""
    return f"{created_at:012x}{secrets.token_hex(6)}"


def lock(arrival: Arrival, system_ids: Iterable[str]) -> dict[str, int]:
    """The row ids of these registered customers, locked until the transaction ends. Creates who is missing."""
    wanted = sorted(set(system_ids))
    if not wanted:
        return {}
    found = _locked(arrival, wanted)
    missing = [system_id for system_id in wanted if system_id not in found]
    if missing:
        _create_registered(arrival, missing)
        found |= _locked(arrival, missing)
    return found


_CUSTOMERS = Base.metadata.tables[Customer.__tablename__]


def _locked(arrival: Arrival, system_ids: list[str]) -> dict[str, int]:
    wanted = [{"workspace_id": arrival.workspace.id, "system_id": system_id} for system_id in system_ids]
    return {system_id: id_ for system_id, id_ in statements.fetch(arrival.session, _locking, wanted)}  # noqa: C416 - lists


def _locking(dialect: str) -> Select[Any]:
    told = statements.given(dialect, [_CUSTOMERS.c.workspace_id, _CUSTOMERS.c.system_id]).subquery("told").c
    query = select(_CUSTOMERS.c.system_id, _CUSTOMERS.c.id)
    query = query.where(_CUSTOMERS.c.workspace_id == told.workspace_id, _CUSTOMERS.c.system_id == told.system_id)
    if dialect == "sqlite":
        return query
    # Everybody locks in one order, so that nobody waits in a circle.
    return query.order_by(_CUSTOMERS.c.system_id).with_for_update(of=_CUSTOMERS)


def hold(session: Session, customer_ids: Iterable[int]) -> dict[int, int]:
    """Lock these customers and the roots of those that are merged. Returns each one's root, which may be itself."""
    wanted = set(customer_ids)
    if not wanted:
        return {}
    query = select(Customer.id, Customer.root_id).order_by(Customer.id).with_for_update()
    found = {id_: root_id or id_ for id_, root_id in session.execute(query.where(Customer.id.in_(wanted)))}
    roots = set(found.values()) - wanted
    if roots:
        session.execute(query.where(Customer.id.in_(roots)))
    return found


def _create_registered(arrival: Arrival, system_ids: list[str]) -> None:
    rows = [{**_fresh(arrival), "system_id": system_id} for system_id in system_ids]
    made = statements.execute(arrival.session, _creating, rows)
    arrival.born |= {id_ for id_, *_ in made}
    notes = counts.of(arrival.session, arrival.workspace.id)
    for id_, *_ in made:
        notes.add(id_, "customer", counts.REGISTERED, arrival.received_at)
    found_by = ("system_id", "growlytics_id")
    values = [(id_, field, text) for id_, *texts in made for field, text in zip(found_by, texts, strict=True)]
    search.add(arrival.session, arrival.workspace, values)


def _creating(dialect: str) -> ClauseElement:
    statement = statements.inserting(dialect, [_CUSTOMERS.c[name] for name in ("system_id", *_FRESH)])
    statement = statement.on_conflict_do_nothing(index_elements=["workspace_id", "system_id"])
    return statement.returning(*(_CUSTOMERS.c[name] for name in ("id", "system_id", "growlytics_id")))


def create_anonymous(arrival: Arrival, device: Device, since: int) -> int:
    """Make the profile of a stretch of a device that begins at `since` (epoch ms; 0: its first). Returns its id."""
    fresh = Customer(**_fresh(arrival) | {"device_id": device.id, "since_at": since, "is_bot": device.is_bot})
    arrival.session.add(fresh)
    arrival.session.flush()
    name = counts.standing(None, is_bot=fresh.is_bot)
    counts.of(arrival.session, arrival.workspace.id).add(fresh.id, "customer", name, fresh.created_at)
    search.add(arrival.session, arrival.workspace, [(fresh.id, "growlytics_id", fresh.growlytics_id)])
    return fresh.id


_FRESH = (
    "workspace_id", "growlytics_id", "created_at", "first_seen_at", "last_seen_at", "own_event_count",
    "merges_count_from", "event_count", "is_bot",
)  # fmt: skip


def _fresh(arrival: Arrival) -> dict[str, Any]:
    at = arrival.received_at
    return dict(zip(_FRESH, (arrival.workspace.id, new_growlytics_id(at), at, at, at, 0, 0, 0, False), strict=True))


def members(session: Session, root_id: int) -> list[int]:
    """The ids of all profiles of a person, the root first."""
    query = select(Customer.id).where(Customer.root_id == root_id).order_by(Customer.id)
    return [root_id, *session.scalars(query)]


def merged(session: Session, root_id: int, most: int) -> Sequence[str]:
    """The Growlytics IDs of the profiles that were merged into a person's root, the first `most` of them."""
    query = select(Customer.growlytics_id).where(Customer.root_id == root_id)
    return session.scalars(query.order_by(Customer.id).limit(most)).all()


def known(session: Session, workspace_id: int, growlytics_ids: Iterable[str]) -> set[str]:
    """Those of these Growlytics IDs that profiles of the workspace have."""
    wanted = set(growlytics_ids)
    if not wanted:
        return set()
    query = select(Customer.growlytics_id).where(Customer.workspace_id == workspace_id)
    return set(session.scalars(query.where(Customer.growlytics_id.in_(wanted))))


def find(session: Session, workspace_id: int, growlytics_id: str) -> Customer:
    """The customer with this Growlytics ID in this workspace. Raises NotFoundError, for a stranger's too."""
    if "\x00" in growlytics_id:  # PostgreSQL can't even be asked
        raise NotFoundError(growlytics_id)
    found = session.scalar(
        select(Customer).where(Customer.workspace_id == workspace_id, Customer.growlytics_id == growlytics_id)
    )
    if found is None:
        raise NotFoundError(growlytics_id)
    return found


def find_registered(session: Session, workspace_id: int, system_id: str) -> Customer:
    """The customer with this System ID in this workspace. Raises NotFoundError."""
    if "\x00" in system_id:
        raise NotFoundError(system_id)
    found = session.scalar(
        select(Customer).where(Customer.workspace_id == workspace_id, Customer.system_id == system_id)
    )
    if found is None:
        raise NotFoundError(system_id)
    return found


def root(session: Session, customer: Customer) -> Customer:
    """The root of the person that a customer is part of, which may be itself."""
    return customer if customer.root_id is None else session.get_one(Customer, customer.root_id)


def exist(session: Session, workspace_id: int) -> bool:
    """Whether the workspace has any customer."""
    query = select(Customer.id).where(Customer.workspace_id == workspace_id).order_by(Customer.system_id)
    return session.scalar(query.limit(1)) is not None


def count(session: Session, workspace_id: int, wanted: Wanted, most: int | None = None) -> int:
    """How many of these customers the workspace has; no more than `most` are counted."""
    # Those made first lie together, so that a look at many of them costs little.
    order = (Customer.created_at, Customer.id)
    parts = [select(*order).where(*kind).order_by(*order).limit(most) for kind in kinds(workspace_id, wanted)]
    everybody = union_all(*(select(part.subquery()) for part in parts)).limit(most).subquery()
    return session.scalar(select(func.count()).select_from(everybody)) or 0


def stopped(session: Session, workspace_id: int) -> Sequence[Customer]:
    """Customers whom logins no longer join with visitors, because there were too many in a day; the latest first."""
    at = Customer.merging_stopped_at
    query = select(Customer).where(Customer.workspace_id == workspace_id, at.is_not(None)).order_by(at.desc())
    return session.scalars(query.limit(5)).all()


def kinds(workspace_id: int, wanted: Wanted) -> list[list[Any]]:
    """The conditions of each kind of customers that is wanted. A kind has indexes of its own, however few it has."""
    is_shown = [Customer.workspace_id == workspace_id, Customer.root_id.is_(None)]
    is_registered, is_anonymous = Customer.system_id.is_not(None), text(IS_ANONYMOUS)
    kinds: list[list[Any]] = []
    if wanted.status != "anonymous":
        kinds.append([*is_shown, is_registered])  # which is never a bot
    if wanted.status != "registered":
        kinds.append([*is_shown, is_anonymous, ~Customer.is_bot])
        if not wanted.hides_bots:
            kinds.append([*is_shown, is_anonymous, Customer.is_bot])
    return kinds


def spread(session: Session, most: int) -> Spread:
    """So many ids at most, to look at a part of the profiles that tells of all."""
    lowest, highest = ends(session)
    number = highest - lowest + 1
    # Steps of the golden ratio fall evenly everywhere, however many there are, and keep to no pattern of the data.
    return Spread(list(dict.fromkeys(lowest + int(place * _GOLDEN % 1 * number) for place in range(most))), number)


def ends(session: Session) -> tuple[int, int]:
    """The lowest and the highest id of all workspaces' profiles; 0 where there are none."""
    if session.get_bind().dialect.name == "postgresql":
        # A connection that shows one workspace would step over all others' rows to find one: see migration 0019.
        query: Any = text("SELECT lowest, highest FROM customer_ends()")
    else:
        one = select(Customer.id).where(Customer.id > 0).limit(1)
        query = select(*(one.order_by(order).scalar_subquery() for order in (Customer.id, Customer.id.desc())))
    lowest, highest = session.execute(query).one()
    return lowest or 0, highest or 0
