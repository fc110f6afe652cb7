"""Archiving and erasing a person: what it would remove, asking for it, and what has become of it.

What is asked for holds at once: from the end of that transaction nobody finds an erased profile, nothing more comes to
it, and its System ID, devices and Growlytics IDs are nobody's. What it has is removed after that in small steps
(webapp/erasing.py). What goes and what stays: docs/privacy.md.
"""

import json
import secrets
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal, NamedTuple

from sqlalchemy import ColumnElement, delete, func, or_, select, update
from sqlalchemy.orm import Session

from webapp import audit, clock, counts, customers, erased, identities, merges, search
from webapp.audit import Who
from webapp.db import Database, insert
from webapp.erased import Identifier
from webapp.ingest import retries
from webapp.ingest.arrival import Arrival
from webapp.ingest.changes import Logout, OnDevice, RefusedError, Source
from webapp.ingest.retries import Outcome, Retry
from webapp.models import (
    Arrived,
    AttributeValue,
    BrowserMessage,
    Customer,
    Device,
    DeviceLogin,
    Erasure,
    Event,
    IdempotencyKey,
    IgnoredValue,
    Merge,
    Note,
    SearchTerm,
    Tag,
    Tally,
    Visit,
    Workspace,
)

Kind = Literal["archive", "erase"]
PAGE_SIZE = 50
# An erased profile is its own root: no list has it, nobody counts it, and nobody else's profile belongs to it.
_GONE = "~"  # begins what it is called until its row goes: nothing that comes in is called so
_AT_ONCE = 500  # ids in one statement
_CONTACTS = ("email", "mobile")


class NotFoundError(LookupError):
    """There is no such erasure in this workspace."""


class ImpossibleError(Exception):
    """What is asked for can't be done; the message says why, as a sentence. `people`: Growlytics IDs to choose from."""

    def __init__(self, message: str, people: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.people = people


@dataclass(slots=True)
class Pending:
    """What is still to be found of a person: rows of profiles (the root's last) and of devices, and in the clear what
    they were known by. It is dropped when nothing is left.
    """

    customers: list[int] = field(default_factory=list)
    devices: list[int] = field(default_factory=list)
    growlytics_ids: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    identifiers: list[tuple[str, str]] = field(default_factory=list)

    @property
    def known_by(self) -> list[Identifier]:
        """The identifiers."""
        return [Identifier(kind, value) for kind, value in self.identifiers]  # type: ignore[arg-type]

    @property
    def texts(self) -> list[str]:
        """Whatever names the person, as it may stand in what others have sent."""
        return [*self.growlytics_ids, *(value for _, value in self.identifiers)]

    def to_json(self) -> str:
        """As it is kept."""
        return json.dumps({name: getattr(self, name) for name in self.__slots__})

    @classmethod
    def from_json(cls, text: str | None) -> "Pending":
        """What was kept."""
        told = json.loads(text or "{}")
        told["identifiers"] = [(kind, value) for kind, value in told.get("identifiers", ())]
        return cls(**told)

    def add(self, other: "Pending") -> None:
        """Take in what was found later."""
        self.customers[:0] = [one for one in other.customers if one not in self.customers]
        for name in ("devices", "growlytics_ids", "names", "identifiers"):
            mine = getattr(self, name)
            mine += [one for one in getattr(other, name) if one not in mine]


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
    own, shared = _devices(session, ids)
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
        "visits": _number(session, Visit.customer_id.in_(ids)),
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
    wipe(session)
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
        pending = _strip(session, workspace, person.id, who, removed)
    else:
        pending = hide(session, workspace, person.id, removed) if person is not None else Pending()
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


def wipe(session: Session) -> None:
    """Have SQLite write over what is deleted in this transaction: its free pages would keep it until they are used."""
    if session.get_bind().dialect.name == "sqlite":
        session.connection().exec_driver_sql("PRAGMA secure_delete=ON")


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


def hide(session: Session, workspace: Workspace, root_id: int, removed: Counter[str]) -> Pending:
    """Let nobody find a person any more, nor anything come to it. Returns what is left of it, which has to go."""
    rows, links = _locked(session, root_id)
    ids = [row.id for row in rows]
    own, shared = _devices(session, ids)
    pending = _found(session, workspace, rows, own)
    merges.note_standing(session, rows, -1)
    others = {end for link in links for end in (link.member_id, link.target_id)} - set(ids)
    theirs = or_(Merge.member_id.in_(ids), Merge.target_id.in_(ids))
    removed["merges"] += _number(session, theirs, Merge.member_id != Merge.target_id)
    session.execute(delete(Merge).where(theirs))
    for device in shared:
        _leave(session, device, ids, removed)
    for device in own:
        device.did = f"{_GONE}{secrets.token_hex(12)}"
        device.info = device.user_agent = device.push_token = device.owner_id = None
    _rename(session, rows, root_id)
    _drop(session, workspace.id, ids, removed)
    # What an attribute is now is found by filters and samples; what it was goes with the rest.
    done: Any = session.execute(
        delete(AttributeValue).where(AttributeValue.customer_id.in_(ids), AttributeValue.is_current)
    )
    removed["attributes"] += done.rowcount
    session.flush()
    merges.regroup(session, others)
    return pending


def _locked(session: Session, root_id: int) -> tuple[list[Customer], list[Merge]]:
    """All profiles of a person, the root's last, and the merges around it that may hold; its devices are locked too."""
    held: set[int] = set()
    while True:
        ids = customers.members(session, root_id)
        wanted = set(session.scalars(_used(ids)))
        # Devices first, as everybody does.
        if not wanted <= held:
            query = select(Device).where(Device.id.in_(wanted)).order_by(Device.did).with_for_update()
            session.scalars(query.execution_options(populate_existing=True)).all()
            held |= wanted
            continue
        links, _ = merges.locked(session, set(ids))
        theirs = select(Customer).where(or_(Customer.id == root_id, Customer.root_id == root_id))
        rows = session.scalars(theirs.order_by(Customer.id).execution_options(populate_existing=True)).all()
        root = next((row for row in rows if row.id == root_id), None)
        if root is None or root.root_id is not None:
            raise customers.NotFoundError(root_id)  # somebody else has merged or erased it meanwhile
        if {row.id for row in rows} == set(ids) and set(session.scalars(_used(ids))) <= held:
            return [*(row for row in rows if row.id != root_id), root], links


def _used(ids: Sequence[int]) -> Any:
    """The devices that these profiles have been on."""
    logins = select(DeviceLogin.device_id).where(DeviceLogin.customer_id.in_(ids))
    stretches = select(Customer.device_id).where(Customer.id.in_(ids), Customer.device_id.is_not(None))
    visits = select(Visit.device_id).where(Visit.customer_id.in_(ids))
    values = select(AttributeValue.device_id).where(
        AttributeValue.customer_id.in_(ids), AttributeValue.device_id.is_not(None)
    )
    return logins.union(stretches, visits, values)


def _devices(session: Session, ids: Sequence[int]) -> tuple[list[Device], list[Device]]:
    """The devices on which only these profiles have been, and those on which others have been too."""
    found = session.scalars(select(Device).where(Device.id.in_(_used(ids))).order_by(Device.did)).all()
    device_ids = [one.id for one in found]
    shared: set[int] = set()
    columns: tuple[tuple[Any, Any], ...] = (
        (DeviceLogin.device_id, DeviceLogin.customer_id),
        (Customer.device_id, Customer.id),
        (Visit.device_id, Visit.customer_id),
    )
    for device_id, owner in columns:
        query = select(device_id).where(device_id.in_(device_ids), owner.is_not(None), owner.not_in(ids))
        shared |= set(session.scalars(query.distinct()))
    return [one for one in found if one.id not in shared], [one for one in found if one.id in shared]


def _found(session: Session, workspace: Workspace, rows: Sequence[Customer], own: Sequence[Device]) -> Pending:
    """What a person is known by. An e-mail or mobile that somebody else has too stays theirs."""
    ids = [row.id for row in rows]
    known = [Identifier("system_id", row.system_id) for row in rows if row.system_id is not None]
    known += [Identifier("device_id", one.did) for one in own]
    query = select(AttributeValue.name, AttributeValue.value).where(
        AttributeValue.customer_id.in_(ids), AttributeValue.name.in_(("name", *_CONTACTS))
    )
    told = {(name, text) for name, value in session.execute(query.distinct()) if (text := json.loads(value))}
    for name, text in sorted(told):
        if name != "name" and search.terms(name, text, workspace.default_region):
            one = Identifier("email" if name == "email" else "mobile", text)
            if not erased.is_shared(session, workspace, one, ids):
                known.append(one)
    return Pending(
        ids, [one.id for one in own], [row.growlytics_id for row in rows],
        sorted(text for name, text in told if name == "name"), [(one.kind, one.value) for one in known],
    )  # fmt: skip


def _leave(session: Session, device: Device, ids: Sequence[int], removed: Counter[str]) -> None:
    """Let a device that others use too be in nobody's hands where it was in this person's.

    Who logged in right after the person doesn't get what arrives late of the time before: see docs/privacy.md.
    """
    query = select(DeviceLogin).where(DeviceLogin.device_id == device.id).order_by(DeviceLogin.at, DeviceLogin.id)
    logins = session.scalars(query).all()
    after: list[DeviceLogin | None] = [*logins[1:], None]
    for login, follower in zip(logins, after, strict=True):
        if login.customer_id not in ids:
            continue
        row: dict[str, Any] = {"device_id": device.id, "at": login.at, "id": identities.LOGOUT_ID, "customer_id": None}
        row |= {"received_at": login.received_at, "source": login.source, "key_id": login.key_id}
        session.delete(login)
        session.flush()
        session.execute(insert(session)(DeviceLogin).on_conflict_do_nothing(), [row])
        removed["logins"] += 1
        if follower is not None and follower.customer_id is not None and follower.customer_id not in ids:
            _keep_apart(session, follower)
    if device.owner_id in ids:
        device.owner_id = None


def _keep_apart(session: Session, login: DeviceLogin) -> None:
    """Let a login join nobody, also not who turns up later before it: as if somebody had undone that."""
    is_its = Merge.device_id == login.device_id, Merge.login_at == login.at, Merge.login_id == login.id
    if session.scalar(select(Merge.id).where(*is_its)) is None:
        now = clock.now()
        session.add(
            Merge(
                member_id=login.customer_id,
                target_id=login.customer_id,
                merged_at=now,
                undone_at=now,
                device_id=login.device_id,
                login_at=login.at,
                login_id=login.id,
            )
        )


def _rename(session: Session, rows: Sequence[Customer], root_id: int) -> None:
    for row in rows:
        row.growlytics_id = f"{_GONE}{secrets.token_hex(12)}"
        if row.system_id is not None:  # it goes on being counted among those who have one
            row.system_id = f"{_GONE}{secrets.token_hex(12)}"
        row.root_id = root_id
        row.device_id = row.since_at = row.merging_stopped_at = None
        row.name = row.email = row.mobile = None
    session.flush()


def _drop(session: Session, workspace_id: int, ids: Sequence[int], removed: Counter[str]) -> None:
    """Remove all by which these profiles are found or shown, of which there is never much."""
    for start in range(0, len(ids), _AT_ONCE):
        some = ids[start : start + _AT_ONCE]
        for name, column in (
            ("search_terms", SearchTerm.customer_id),
            ("notes", Note.customer_id),
            ("tags", Tag.customer_id),
            ("ignored_values", IgnoredValue.customer_id),
            ("", Tally.customer_id),
        ):
            done: Any = session.execute(delete(column.class_).where(column.in_(some)))
            if name:
                removed[name] += done.rowcount
        where = Arrived.workspace_id == workspace_id, Arrived.customer_id.in_(some)
        session.execute(delete(Arrived).where(*where))


def drop_rest(session: Session, workspace_id: int, pending: Pending, removed: Counter[str]) -> None:
    """Remove what is left of an erased person: nothing refers to its profiles any more. The root goes last."""
    ids = pending.customers
    _drop(session, workspace_id, ids, removed)
    session.execute(delete(Merge).where(or_(Merge.member_id.in_(ids), Merge.target_id.in_(ids))))
    session.execute(delete(BrowserMessage).where(BrowserMessage.device_id.in_(pending.devices)))
    done: Any = session.execute(delete(DeviceLogin).where(DeviceLogin.device_id.in_(pending.devices)))
    removed["logins"] += done.rowcount
    is_root = Customer.root_id == Customer.id
    for where in ([~is_root], [is_root]):
        done = session.execute(delete(Customer).where(Customer.id.in_(ids), *where))
        removed["profiles"] += done.rowcount
    done = session.execute(delete(Device).where(Device.id.in_(pending.devices)))
    removed["devices"] += done.rowcount


def _strip(session: Session, workspace: Workspace, root_id: int, who: Who, removed: Counter[str]) -> Pending:
    """Take from a person whatever says who it is. Returns by what it was known."""
    rows, links = _locked(session, root_id)
    ids = [row.id for row in rows]
    own, _ = _devices(session, ids)
    pending = _found(session, workspace, rows, own)
    pending.devices, pending.growlytics_ids = [], []  # those stay
    pending.identifiers = [one for one in pending.identifiers if one[0] != "device_id"]
    _count_as_anonymous(session, workspace, root_id)
    _part_aside(session, links, who)
    arrival = Arrival(session, workspace, clock.now())
    for device in session.scalars(select(Device).where(Device.owner_id.in_(ids)).order_by(Device.did)).all():
        # What comes from now on is another visitor's.
        identities.log_out(arrival, device, Logout(OnDevice(device.did), None), Source("archive"))
    for device in own:
        device.push_token = None
    root = rows[-1]
    merges.note_standing(session, [root], -1)
    for row in rows:
        row.name = row.email = row.mobile = None
    root.system_id = root.merging_stopped_at = None
    session.flush()
    merges.note_standing(session, [root], 1)
    for name, column in (
        ("attributes", AttributeValue.customer_id),
        ("notes", Note.customer_id),
        ("tags", Tag.customer_id),
        ("ignored_values", IgnoredValue.customer_id),
    ):
        done: Any = session.execute(delete(column.class_).where(column.in_(ids)))
        removed[name] += done.rowcount
    done = session.execute(delete(SearchTerm).where(SearchTerm.customer_id.in_(ids), *_terms_of("archive")))
    removed["search_terms"] += done.rowcount
    session.expire_all()
    merges.regroup(session, {root_id} | arrival.touched)
    return pending


def _count_as_anonymous(session: Session, workspace: Workspace, customer_id: int) -> None:
    """Note the days on which a profile was active as those of somebody anonymous."""
    notes = counts.of(session, workspace.id)
    at: int | None = -(2**62)
    while at is not None:
        query = select(Event.reported_at).where(Event.customer_id == customer_id, Event.reported_at >= at)
        first = session.scalar(query.order_by(Event.reported_at).limit(1))
        if first is None:
            return
        day = counts.day_of(first, notes.zone)
        for name, number in ((counts.REGISTERED, -1), (counts.ANONYMOUS, 1)):
            notes.add_on(customer_id, "active", name, day, number)
        at = max(counts.start(day + 1, notes.zone), first + 1)


def _part_aside(session: Session, links: Iterable[Merge], who: Who) -> None:
    """Undo the merges by hand that are set aside since the person is registered: it isn't any more."""
    now = clock.now()
    for link in links:
        if link.device_id is None:
            query = select(Customer).where(Customer.id.in_((link.member_id, link.target_id)))
            roots = {one.root_id or one.id for one in session.scalars(query)}
            if len(roots) == 2:
                link.undone_at, link.undone_by_id = now, who.user_id
    session.flush()


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
