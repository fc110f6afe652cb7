"""Archiving and erasing a person: what it would remove, asking for it, and what has become of it.

What is asked for holds at once: from the end of that transaction nobody finds an erased profile, nothing more comes to
it, and its System ID, devices and Growlytics IDs are nobody's. What it has is removed after that in small steps
(webapp/erasing.py). What goes and what stays: docs/privacy.md.
"""

import json
import secrets
from collections import Counter
from collections.abc import Sequence
from functools import partial
from typing import Any, Literal, NamedTuple

from sqlalchemy import ColumnElement, func, or_, select, update
from sqlalchemy.orm import Session

from webapp import archiving, audit, clock, counts, customers, erased, hiding
from webapp.audit import Who
from webapp.db import Database
from webapp.erased import Identifier
from webapp.hiding import Pending
from webapp.ingest import retries
from webapp.ingest.changes import RefusedError
from webapp.ingest.retries import Outcome, Retry
from webapp.models import (
    AttributeValue,
    Customer,
    Device,
    DeviceLogin,
    Erasure,
    IdempotencyKey,
    IgnoredValue,
    KeptVisit,
    Merge,
    Note,
    SearchTerm,
    Tag,
    Visit,
    Workspace,
)

Kind = Literal["archive", "erase"]
PAGE_SIZE = 50


class NotFoundError(LookupError):
    """There is no such erasure in this workspace."""


class ImpossibleError(Exception):
    """What is asked for can't be done; the message says why, as a sentence. `people`: Growlytics IDs to choose from."""

    def __init__(self, message: str, people: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.people = people


class Preview(NamedTuple):
    """What would go, by kind; `shared_devices`: they stay, as others have been on them too."""

    numbers: dict[str, int]
    shared_devices: int


class Asked(NamedTuple):
    """What is asked for: of whom (Growlytics ID, or identifiers of somebody who may have no profile)."""

    kind: Kind
    growlytics_id: str | None = None
    identifiers: Sequence[Identifier] = ()


# What is removed, in the order and the words in which it is told. Of an archived person the second ones stay.
WORDS = {
    "profiles": ("profile", "profiles"),
    "attributes": ("attribute value", "attribute values"),
    "events": ("event", "events"),
    "visits": ("visit", "visits"),
    "devices": ("device", "devices"),
    "logins": ("login or logout", "logins and logouts"),
    "search_terms": ("search term", "search terms"),
    "merges": ("merge", "merges"),
    "notes": ("note", "notes"),
    "tags": ("tag", "tags"),
    "ignored_values": ("ignored value", "ignored values"),
    "refused": ("refused request", "refused requests"),
    "answers": ("kept answer", "kept answers"),
    "changed_events": ("event that named them", "events that named them"),
    "changed_visits": ("visit that named them", "visits that named them"),
}


def preview(session: Session, kind: Kind, root_id: int) -> Preview:
    """How much there is of a person that would go."""
    ids = customers.members(session, root_id)
    own, shared = hiding.devices(session, ids)
    values = {
        "attributes": _number(session, AttributeValue.customer_id.in_(ids)),
        "search_terms": _number(session, SearchTerm.customer_id.in_(ids), *_terms_of(kind)),
        "notes": _number(session, Note.customer_id.in_(ids)),
        "tags": _number(session, Tag.customer_id.in_(ids)),
        "ignored_values": int(
            session.scalar(select(func.sum(IgnoredValue.count)).where(IgnoredValue.customer_id.in_(ids))) or 0
        ),
    }
    if kind == "archive":
        return Preview({name: number for name, number in values.items() if number}, 0)
    theirs = or_(Merge.member_id.in_(ids), Merge.target_id.in_(ids))
    events = session.scalar(select(func.sum(Customer.own_event_count)).where(Customer.id.in_(ids))) or 0
    numbers = {
        "profiles": len(ids),
        "events": int(events),
        "visits": sum(_number(session, table.customer_id.in_(ids)) for table in (Visit, KeptVisit)),
        "devices": len(own),
        "logins": _number(session, DeviceLogin.customer_id.in_(ids)),
        "merges": _number(session, theirs, Merge.member_id != Merge.target_id),
        **values,
    }
    return Preview({name: numbers[name] for name in WORDS if numbers.get(name)}, len(shared))


def _number(session: Session, *where: ColumnElement[bool]) -> int:
    return session.scalar(select(func.count()).where(*where)) or 0


def _terms_of(kind: Kind) -> list[ColumnElement[bool]]:
    return [SearchTerm.field != "growlytics_id"] if kind == "archive" else []


def find_person(session: Session, workspace: Workspace, asked: Asked) -> Customer | None:
    """The person (the root) that is asked for; None where none is known by those identifiers.

    Raises customers.NotFoundError, and ImpossibleError where several are.
    """
    if asked.growlytics_id is not None:
        return root_of(session, customers.find(session, workspace.id, asked.growlytics_id))
    found: dict[int, Customer] = {}
    for one in asked.identifiers:
        for customer in _known_by(session, workspace, one):
            root = root_of(session, customer)
            found[root.id] = root
    if len(found) > 1:
        people = sorted(one.growlytics_id for one in found.values())
        raise ImpossibleError("Several people are known by this. Ask for each by its Growlytics ID.", people)
    return next(iter(found.values()), None)


def root_of(session: Session, customer: Customer) -> Customer:
    """Who stands for a profile's person."""
    return customer if customer.root_id is None else session.get_one(Customer, customer.root_id)


def hand_out(session: Session, workspace_id: int, growlytics_id: str, who: Who) -> Customer:
    """The person of whom all is about to be exported, which is noted. Raises customers.NotFoundError."""
    person = root_of(session, customers.find(session, workspace_id, growlytics_id))
    audit.note(session, who, "customer.handed_out", person.growlytics_id)
    return person


def _known_by(session: Session, workspace: Workspace, one: Identifier) -> Sequence[Customer]:
    here = select(Customer).where(Customer.workspace_id == workspace.id)
    if one.kind == "system_id":
        return session.scalars(here.where(Customer.system_id == one.value)).all()
    if one.kind == "device_id":
        device = select(Device.owner_id).where(Device.workspace_id == workspace.id, Device.did == one.value)
        return session.scalars(here.where(Customer.id.in_(device))).all()
    term = erased.plain(one, workspace.default_region).value
    theirs = select(SearchTerm.customer_id).where(
        SearchTerm.workspace_id == workspace.id, SearchTerm.term == term, ~SearchTerm.is_tail,
        SearchTerm.field == one.kind,
    )  # fmt: skip
    return session.scalars(here.where(Customer.id.in_(theirs.limit(100)))).all()


def ask(database: Database, workspace: Workspace, asked: Asked, who: Who, retry: Retry | None = None) -> Erasure:
    """Archive or erase a person. On return nobody finds what goes; somebody has to be woken to remove it.

    Asked to erase who has no profile, it sees to it that none is made. A retry gets the first erasure again. Raises
    customers.NotFoundError, ImpossibleError, RefusedError (an Idempotency-Key of another request).
    """
    workspace = with_secret(database, workspace)
    return database.transact(partial(_ask, workspace=workspace, asked=asked, who=who, retry=retry))


def with_secret(database: Database, workspace: Workspace) -> Workspace:
    """A workspace with the secret by which the erased are known."""
    with database.read() as session:
        fresh = session.get_one(Workspace, workspace.id)
    if fresh.erasure_secret is None:
        with database.write() as session:  # not `transact`: others remember workspaces
            fresh = erased.prepare(session, fresh)
    return fresh


def _ask(session: Session, workspace: Workspace, asked: Asked, who: Who, retry: Retry | None) -> Erasure:
    earlier = retries.earlier(session, [(workspace.id, retry)], clock.now())
    if earlier:
        return _again(session, workspace, earlier[0])
    hiding.wipe(session)
    counts.of(session, workspace.id)  # before anybody is locked: who counts anew waits for those who have it
    person = find_person(session, workspace, asked)
    if person is None and not asked.identifiers:
        raise customers.NotFoundError(asked.growlytics_id)
    made = Erasure(
        public_id=secrets.token_hex(8), workspace_id=workspace.id, kind=asked.kind, asked_at=clock.now(),
        actor=who.name, removed="{}", identifiers="[]", leased_until=0,
    )  # fmt: skip
    removed: Counter[str] = Counter()
    if asked.kind == "archive":
        if person is None or not person.is_registered:
            raise ImpossibleError("This profile is anonymous already.")
        pending = archiving.strip(session, workspace, person.id, who, removed)
    else:
        pending = hiding.hide(session, workspace, person.id, removed) if person is not None else Pending()
        known = {*pending.known_by, *asked.identifiers}
        pending.identifiers = sorted((one.kind, one.value) for one in known)
        made.identifiers = json.dumps(erased.keep(session, workspace, known))
    made.pending, made.removed = pending.to_json(), json.dumps(removed)
    session.add(made)
    _note(session, who, made, None if person is None else asked.growlytics_id or person.growlytics_id)
    counts.store(session, workspace.id)
    session.flush()
    if retry is not None:
        answer = json.dumps([{"erasure": made.public_id}])
        is_its = IdempotencyKey.workspace_id == workspace.id, IdempotencyKey.key == retry.key
        session.execute(update(IdempotencyKey).where(*is_its).values(answer=answer))
    return made


def _again(session: Session, workspace: Workspace, earlier: Outcome | RefusedError) -> Erasure:
    if isinstance(earlier, RefusedError):
        raise earlier
    (kept,) = earlier.ignored
    return find(session, workspace.id, kept["erasure"])


def _note(session: Session, who: Who, made: Erasure, growlytics_id: str | None) -> None:
    if growlytics_id is None:
        audit.note(session, who, "erasure.blocked", made.public_id)
    else:
        action = "customer.archived" if made.kind == "archive" else "customer.erased"
        audit.note(session, who, action, growlytics_id, erasure=made.public_id)


def find(session: Session, workspace_id: int, public_id: str) -> Erasure:
    """An erasure of this workspace. Raises NotFoundError, for a stranger's too."""
    found = None
    if "\x00" not in public_id:  # PostgreSQL can't even be asked
        where = Erasure.workspace_id == workspace_id, Erasure.public_id == public_id
        found = session.scalar(select(Erasure).where(*where))
    if found is None:
        raise NotFoundError(public_id)
    return found


def of_workspace(session: Session, workspace_id: int, below: int | None = None) -> Sequence[Erasure]:
    """The erasures of a workspace, latest first: one more than PAGE_SIZE where there are more. `below`: an id."""
    query = select(Erasure).where(Erasure.workspace_id == workspace_id)
    if below is not None:
        query = query.where(Erasure.id < below)
    return session.scalars(query.order_by(Erasure.id.desc()).limit(PAGE_SIZE + 1)).all()


def let_return(session: Session, workspace_id: int, *, lets: bool) -> bool:
    """Whether the erased may come back, from now on. To be called in `Database.write`. Returns how it was."""
    workspace = session.get_one(Workspace, workspace_id, with_for_update=True)
    was, workspace.lets_erased_return = workspace.lets_erased_return, lets
    return was


def receipt(row: Erasure) -> dict[str, Any]:
    """What there is to be told of an erasure: nothing of the person but hashes. Times are epoch ms."""
    removed = json.loads(row.removed)
    return {
        "id": row.public_id,
        "kind": row.kind,
        "state": "removing" if row.ended_at is None else "done",
        "askedAt": row.asked_at,
        "askedBy": row.actor,
        "endedAt": row.ended_at,
        "removed": {name: removed[name] for name in WORDS if removed.get(name)},
        "identifiers": json.loads(row.identifiers),
    }
