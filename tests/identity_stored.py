"""What the server has made of a history, read from its database in the shape of tests/identity_model.py."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from tests.identity_model import Fact, History, Link, Mark, Person, Profile, Stretch, Visit, in_order
from tests.world import NOON
from webapp import attributes, clock, customers, merges, users, visits, workspaces
from webapp.db import Database
from webapp.ingest import batch
from webapp.ingest.changes import Change, Login, OnDevice, Source
from webapp.models import Arrived, AttributeValue, Customer, Device, DeviceLogin, Event, EventCount, Merge, Workspace
from webapp.models import Visit as StoredVisit
from webapp.registry import RESERVED

SOURCE = Source("/test")
_numbers = count()


class FakeClock:
    """The server's clock, later than all that a test reports; it goes on with every look at it from outside."""

    def __init__(self) -> None:
        self.time = NOON + 10 * clock.DAY

    def tick(self, ms: int = 1000) -> int:
        """Let time pass. Returns the time."""
        self.time += ms
        return self.time


@contextmanager
def fake_clock() -> Iterator[FakeClock]:
    """The server's clock in the hands of a test."""
    fake = FakeClock()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clock, "now", lambda: fake.time)
        yield fake


def ranks(database: Database, system_ids: tuple[str, ...]) -> dict[str, int]:
    """In which order the server takes logins of one millisecond on one device: the rules leave it open."""
    store = Store(database)
    for place, system_id in enumerate(system_ids):
        store.submit([Login(OnDevice(f"d{place}"), system_id, NOON)])
    with database.read() as session:
        query = select(Customer.system_id, DeviceLogin.id).join(DeviceLogin, DeviceLogin.customer_id == Customer.id)
        rows = session.execute(query.where(Customer.workspace_id == store.workspace.id))
        return {str(system_id): id_ for system_id, id_ in rows}


@dataclass
class Store:
    """A fresh workspace of a database, and somebody who uses its dashboard."""

    database: Database
    merges_a_day: int = 1_000_000
    workspace: Workspace = field(init=False)
    user_id: int = field(init=False)

    def __post_init__(self) -> None:
        number = next(_numbers)
        with self.database.write() as session:
            self.workspace = workspaces.create(session, f"Shop {number}")
            self.workspace.merges_a_day = self.merges_a_day
            wanted = users.Credentials(f"alice{number}@shop.example", "no password")
            self.user_id = users.create(session, wanted, self.workspace.id, "admin").id

    def submit(self, changes: list[Change]) -> None:
        """Send changes as one request."""
        batch.submit(self.database, self.workspace, changes, SOURCE)

    def merge(self, one_id: int, other_id: int) -> Merge:
        """Merge two people by hand; ids of roots. Raises ImpossibleError."""
        return self.database.transact(
            lambda session: merges.by_hand(session, self.workspace, self.user_id, one_id, other_id)
        )

    def undo(self, merge_id: int) -> None:
        """Undo a merge."""
        self.database.transact(lambda session: merges.undo(session, self.workspace, self.user_id, merge_id))

    def redo(self, merge_id: int) -> None:
        """Let a merge hold again."""
        self.database.transact(lambda session: merges.redo(session, self.workspace, merge_id))

    def roots(self) -> list[int]:
        """The ids of everybody's roots, in the order in which they were made."""
        with self.database.read() as session:
            query = select(Customer.id).where(Customer.workspace_id == self.workspace.id, Customer.root_id.is_(None))
            return list(session.scalars(query.order_by(Customer.id)))

    def merges(self) -> list[Merge]:
        """All merges that there are, in order."""
        with self.database.read() as session:
            query = select(Merge).join(Customer, Customer.id == Merge.target_id).order_by(Merge.id)
            return list(session.scalars(query.where(Customer.workspace_id == self.workspace.id)))

    def look(self) -> "Look":
        """All that is stored now."""
        with self.database.read() as session:
            return Look(session, self.workspace.id)


class Look:
    """Everything in one workspace at one moment."""

    def __init__(self, session: Session, workspace_id: int) -> None:
        self.workspace_id = workspace_id
        query = select(Customer).where(Customer.workspace_id == workspace_id).order_by(Customer.id)
        self.customers = list(session.scalars(query))
        ids = [one.id for one in self.customers]
        self.devices = list(session.scalars(select(Device).where(Device.workspace_id == workspace_id)))
        self.dids = {one.id: one.did for one in self.devices}
        self.events = list(session.scalars(select(Event).where(Event.customer_id.in_(ids))))
        self.arrivals = list(session.scalars(select(Arrived).where(Arrived.workspace_id == workspace_id)))
        counts = select(EventCount).where(EventCount.customer_id.in_(ids), EventCount.count != 0)
        self.event_counts = {(one.customer_id, one.name): one.count for one in session.scalars(counts)}
        self.values = list(session.scalars(select(AttributeValue).where(AttributeValue.customer_id.in_(ids))))
        self.visits = list(session.scalars(select(StoredVisit).where(StoredVisit.customer_id.in_(ids))))
        self.logins = list(session.scalars(select(DeviceLogin).where(DeviceLogin.device_id.in_(self.dids))))
        self.roots = [one for one in self.customers if one.root_id is None]
        self.members = {one.id: customers.members(session, one.id) for one in self.roots}
        self.shown = {one.id: attributes.of_person(session, workspace_id, self.members[one.id]) for one in self.roots}
        self.ends = {one.id: visits.ends(session, self.members[one.id]) for one in self.roots}
        self.system_ids = {one.id: one.system_id or "" for one in self.customers}

    def profile(self, customer_id: int) -> Profile:
        """Which profile a row is."""
        row = next(one for one in self.customers if one.id == customer_id)
        if row.system_id is not None:
            return row.system_id
        assert row.device_id is not None
        assert row.since_at is not None
        return Stretch(self.dids[row.device_id], row.since_at)

    def marks(self) -> dict[str, list[Mark]]:
        """The logins and logouts of every device that has any, in order."""
        found: dict[str, list[Mark]] = defaultdict(list)
        for one in sorted(self.logins, key=lambda one: (one.device_id, one.at, one.id)):
            system_id = "" if one.customer_id is None else self.system_ids[one.customer_id]
            found[self.dids[one.device_id]].append(Mark(one.at, one.id, system_id))
        return dict(found)

    def people(self) -> list[Person]:
        """Everybody of whom something is known, in order."""
        return in_order(map(self.person, self.roots))

    def person(self, root: Customer) -> Person:
        """What the profile of one of them shows."""
        ids = set(self.members[root.id])
        events = [one for one in self.events if one.customer_id in ids]
        values = [one for one in self.values if one.customer_id in ids]
        filled = {one.customer_id for one in events} | {one.customer_id for one in values}
        owners = map(self.profile, filled)
        registered = {one.system_id for one in self.customers if one.id in ids} - {None}
        assert registered == {root.system_id} - {None}, "a registered profile that isn't its person's root"
        return Person(
            system_id=root.system_id or "",
            stretches=frozenset(owner for owner in owners if isinstance(owner, Stretch)),
            events=tuple(sorted(map(self._event, events))),
            attributes=tuple(sorted((one.name, json.dumps(one.value)) for one in self.shown[root.id])),
            visits=tuple(sorted(self._visits(ids))),
            seen=(root.first_seen_at, root.last_seen_at) if events else None,
        )

    def _event(self, one: Event) -> Fact:
        content = json.dumps(json.loads(one.attributes), sort_keys=True)
        if one.device_id is None:
            return Fact(self.system_ids[one.customer_id], "", one.reported_at, one.name, content)
        return Fact("", self.dids[one.device_id], one.reported_at, one.name, content)

    def _visits(self, ids: set[int]) -> Iterator[Visit]:
        for one in self._spans(ids):
            yield Visit(
                self.dids[one.device_id],
                one.started_at,
                one.ended_at,
                one.event_count,
                one.entry and (one.entry.at, one.entry.text),
                one.place and (one.place.at, one.place.text),
                one.exit and (one.exit.at, one.exit.text),
            )

    def _spans(self, ids: set[int]) -> list[visits.Span]:
        return visits.coalesced(_span(visit) for visit in self.visits if visit.customer_id in ids)

    def check(self) -> None:
        """What must hold whatever happened: everything adds up, and everybody is somebody once."""
        roots = {one.id for one in self.roots}
        assert all(one.root_id in roots for one in self.customers if one.root_id is not None), "deeper than 1"
        for fields in ([one.growlytics_id for one in self.customers], [one.system_id for one in self.customers]):
            told = [one for one in fields if one is not None]
            assert len(told) == len(set(told)), "one identifier of two customers"
        self._check_counts()
        self._check_arrivals()
        self._check_columns()
        self._check_devices()

    def _check_counts(self) -> None:
        own = Counter(one.customer_id for one in self.events)
        assert {one.id: one.own_event_count for one in self.customers if one.own_event_count} == own
        assert self.event_counts == Counter((one.customer_id, one.name) for one in self.events)
        on_devices = Counter((one.customer_id, one.device_id) for one in self.events if one.device_id is not None)
        visited: Counter[Any] = Counter()
        for visit in self.visits:
            visited[visit.customer_id, visit.device_id] += visit.event_count
        assert visited == on_devices
        for root in self.roots:
            assert root.event_count == sum(own[id_] for id_ in self.members[root.id])
            spans = self._spans(set(self.members[root.id]))
            assert self.ends[root.id] == (visits.Ends(spans[0], spans[-1]) if spans else None)

    def _check_arrivals(self) -> None:
        arrived = Counter((one.customer_id, one.reported_at, one.event_id, one.name) for one in self.arrivals)
        assert arrived == Counter((one.customer_id, one.reported_at, one.id, one.name) for one in self.events)

    def _check_columns(self) -> None:
        for root in self.roots:
            values = {one.name: one.value for one in self.shown[root.id]}
            assert [root.name, root.email, root.mobile] == [values.get(name) for name in RESERVED]
        current = Counter((one.customer_id, one.name) for one in self.values if one.is_current)
        assert current == Counter({(one.customer_id, one.name) for one in self.values})

    def _check_devices(self) -> None:
        marks = self.marks()
        for device in self.devices:
            last = max(marks.get(device.did, []), default=None)
            assert device.owned_since == (last.at if last else 0)
            if last is not None and last.system_id:
                assert device.owner_id is not None
                assert self.profile(device.owner_id) == last.system_id
            elif device.owner_id is not None:
                assert self.profile(device.owner_id) == Stretch(device.did, device.owned_since)

    def identity(self) -> list[Any]:
        """All that the pages could show of people: equal before and after a merge that is undone."""
        columns = [column.key for column in Customer.__table__.columns]
        rows = [[getattr(one, name) for name in columns] for one in self.roots]
        merged = [(one.id, one.root_id, one.growlytics_id, one.own_event_count) for one in self.customers]
        return [rows, merged, self.people()]


def _span(row: StoredVisit) -> visits.Span:
    return visits.Span(
        row.device_id,
        row.started_at,
        row.ended_at,
        row.event_count,
        _told(row.entry_at, row.entry),
        _told(row.exit_at, row.exit_page),
        _told(row.place_at, row.place),
    )


def _told(at: int | None, text: str | None) -> visits.Mark | None:
    return None if at is None or text is None else visits.Mark(at, text)


def link(look: Look, made: Merge) -> Link:
    """A merge by hand as the model knows it."""
    return Link(look.profile(made.member_id), look.profile(made.target_id), made.undone_at is not None)


def login_of(look: Look, merge: Merge) -> tuple[str, Mark]:
    """The login that a merge comes from."""
    did = look.dids[merge.device_id or 0]
    return did, next(one for one in look.marks()[did] if (one.at, one.rank) == (merge.login_at, merge.login_id))


def same(look: Look, history: History) -> None:
    """Fail unless what is stored is what the rules say."""
    look.check()
    assert look.marks() == {did: marks for did, marks in history.marks.items() if marks}
    stored, expected = look.people(), history.people()
    odd = [one for one in stored if one not in expected], [one for one in expected if one not in stored]
    assert stored == expected, f"stored: {odd[0]}\nby the rules: {odd[1]}"
