"""Whatever comes in: a dry run changes nothing, and what it tells is what then happens.

DRY_RUNS sets how many random histories there are on each engine.
"""

import os
from collections import Counter
from dataclasses import dataclass
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from tests.dumps import dump
from tests.identity_changes import devices, logouts, system_ids, timed, timelines, times, untimed
from tests.identity_stored import SOURCE, Store, fake_clock
from tests.world import Shop
from webapp import merges
from webapp.db import Database
from webapp.ingest import batch
from webapp.ingest.batch import Request
from webapp.ingest.changes import (
    Attribute,
    Change,
    CustomerUpdate,
    DeviceInfo,
    Effect,
    EventRecord,
    Fault,
    Login,
    Logout,
    PushToken,
    RefusedError,
)
from webapp.ingest.retries import Outcome
from webapp.models import AttributeValue, Customer, Device, DeviceLogin, Event, IgnoredValue

RUNS = int(os.environ.get("DRY_RUNS", "25"))

# Values of two types, of which the first to come decides; and more attributes than allowed.
_points = st.sampled_from([3, "many"]).map(lambda value: (Attribute("points", value, None),))
odd: st.SearchStrategy[Change] = st.one_of(
    st.builds(CustomerUpdate, devices | system_ids, _points, st.just(100), times | st.none()),
    st.builds(CustomerUpdate, system_ids, st.just((Attribute("a", 1, None), Attribute("b", 1, None))), st.just(2)),
    st.builds(EventRecord, system_ids, st.just("Bought"), _points, times),
    st.builds(DeviceInfo, devices, st.sampled_from([{"model": "Pixel"}, {}]), times),
    st.builds(PushToken, devices, st.sampled_from(["t1", "t2"])),
    st.builds(Logout, devices, st.none()),
)
requests = st.lists(st.one_of(timed, timed, untimed, logouts, odd), min_size=1, max_size=5) | timelines()
steps = st.lists(st.tuples(requests, st.booleans(), st.integers(0, 9)), min_size=2, max_size=7)


@dataclass
class Now:
    """All of a workspace that a dry run tells of. Profiles are named by their rows."""

    profiles: dict[int, tuple[int | None, str | None, str]]  # root, System ID, Growlytics ID
    values: dict[tuple[int, str], str]
    value_count: int
    events: set[tuple[Any, ...]]
    marks: set[tuple[Any, ...]]
    devices: dict[str, tuple[Any, ...]]
    ignored: int

    @classmethod
    def look(cls, database: Database, workspace_id: int) -> "Now":
        """What there is."""
        mine = select(Customer.id).where(Customer.workspace_id == workspace_id)
        its_devices = select(Device.id).where(Device.workspace_id == workspace_id)
        with database.read() as session:
            people = session.execute(
                select(Customer.id, Customer.root_id, Customer.system_id, Customer.growlytics_id).where(
                    Customer.workspace_id == workspace_id
                )
            )
            values = list(session.scalars(select(AttributeValue).where(AttributeValue.customer_id.in_(mine))))
            events = select(Event.reported_at, Event.id, Event.device_id, Event.name, Event.customer_id)
            marks = select(DeviceLogin.device_id, DeviceLogin.at, DeviceLogin.id)
            ignored = select(func.sum(IgnoredValue.count)).where(IgnoredValue.customer_id.in_(mine))
            return cls(
                {row[0]: (row[1], row[2], row[3]) for row in people},
                {(one.customer_id, one.name): one.value for one in values if one.is_current},
                len(values),
                {tuple(row) for row in session.execute(events.where(Event.customer_id.in_(mine)))},
                {tuple(row) for row in session.execute(marks.where(DeviceLogin.device_id.in_(its_devices)))},
                {
                    one.did: (one.info, one.push_token)
                    for one in session.scalars(select(Device).where(Device.workspace_id == workspace_id))
                },
                int(session.scalar(ignored) or 0),
            )


@settings(max_examples=RUNS, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=steps)
def _check(database: Database, steps: list[tuple[list[Change], bool, int]]) -> None:
    with fake_clock() as clock:
        store = Store(database)
        for told, is_partial, choice in steps:
            clock.tick()
            _meddle(store, choice)
            request = Request(store.workspace, told, SOURCE, is_partial=is_partial)
            before, was = dump(database), Now.look(database, store.workspace.id)
            foretold = _outcome(lambda request=request: batch.rehearse(database, request))
            assert dump(database) == before
            real = _outcome(lambda request=request: batch.alone(database, request))
            now = Now.look(database, store.workspace.id)
            if isinstance(real, dict) or isinstance(foretold, dict):
                assert foretold == real
                assert now == was
            else:
                assert (foretold.ignored, foretold.refused) == (real.ignored, real.refused)
                _compare(list((foretold.effects or {}).values()), was, now)
                _check_again(database, request)


def _outcome(run: Any) -> Outcome | dict[int | None, Fault]:
    try:
        found: Outcome = run()
    except RefusedError as error:
        return dict(error.faults)
    return found


def _meddle(store: Store, choice: int) -> None:
    """Now and then somebody merges two people by hand, or undoes a merge."""
    roots, known = store.roots(), store.merges()
    if choice == 0 and len(roots) > 1:
        try:
            store.merge(roots[0], roots[-1])
        except merges.ImpossibleError:
            return
    elif choice == 1 and known and known[-1].undone_at is None and known[-1].member_id != known[-1].target_id:
        store.undo(known[-1].id)


def _compare(effects: list[Effect], was: Now, now: Now) -> None:
    """What was told is the difference between before and after."""
    results = Counter((type(one.change), one.result) for one in effects)
    assert results[EventRecord, "created"] == len(now.events) - len(was.events)
    assert results[Login, "created"] + results[Logout, "created"] == len(now.marks) - len(was.marks)
    # Of an event that is there already nothing is stored, not even what was ignored of it.
    fresh = [one for one in effects if one.result != "duplicate"]
    assert sum(len(one.ignored) for one in fresh) == now.ignored - was.ignored
    _compare_people(effects, was, now)
    _compare_values(effects, was, now)
    for one in effects:
        if isinstance(one.change, DeviceInfo | PushToken):
            did = one.change.who.did
            if sum(isinstance(other.change, type(one.change)) for other in effects) == 1:
                part = 0 if isinstance(one.change, DeviceInfo) else 1
                assert (one.result == "created") == (did not in was.devices)
                if one.result == "unchanged":
                    assert was.devices[did][part] == now.devices[did][part]


def _compare_people(effects: list[Effect], was: Now, now: Now) -> None:
    known = {gid for _, _, gid in was.profiles.values()}

    def person(id_: int) -> tuple[str | None, str | None, bool]:
        _, system_id, gid = now.profiles[id_]
        return system_id, gid if gid in known else None, id_ not in was.profiles

    moved = Counter(
        (
            (system_id, was.profiles[id_][2] if id_ in was.profiles else None, id_ not in was.profiles),
            None if root_id is None else person(root_id),
        )
        for id_, (root_id, system_id, _) in now.profiles.items()
        if root_id != (was.profiles[id_][0] if id_ in was.profiles else None)
    )
    assert Counter((tuple(one.profile), one.person and tuple(one.person)) for e in effects for one in e.joined) == moved
    named = {one.person for one in effects if one.person is not None and one.person.system_id is not None}
    people = {one.system_id: (one.growlytics_id, one.is_new) for one in named}
    rows = {system_id: id_ for id_, (_, system_id, _) in now.profiles.items() if system_id is not None}
    assert people == {system_id: person(rows[system_id])[1:] for system_id in people if system_id is not None}
    born = {system_id for system_id, id_ in rows.items() if id_ not in was.profiles}
    assert born == {system_id for system_id, (_, is_new) in people.items() if is_new}


def _compare_values(effects: list[Effect], was: Now, now: Now) -> None:
    """Of attributes that one change of the request tells for a System ID: what that does to its profile's value."""
    rows = {system_id: id_ for id_, (_, system_id, _) in now.profiles.items() if system_id is not None}
    told = Counter(name for one in effects for name in one.attributes)
    is_quiet = not any(isinstance(one.change, Login | Logout) for one in effects)  # which move values
    for one in effects:
        if isinstance(one.change, CustomerUpdate) and isinstance(one.change.who, str):
            for name, result in one.attributes.items():
                key = (rows[one.change.who], name)
                before, after = was.values.get(key), now.values.get(key)
                if told[name] == 1 and is_quiet:
                    assert (result == "created") == (before is None)
                    assert (result == "updated") == (before is not None and before != after)
                    if result == "past":
                        assert now.value_count > was.value_count


def _check_again(database: Database, request: Request) -> None:
    """What carried its own time and comes again would change nothing."""
    again = [one for one in request.changes if getattr(one, "reported_at", None) is not None]
    found = _outcome(lambda: batch.rehearse(database, Request(request.workspace, again, SOURCE, is_partial=True)))
    assert isinstance(found, Outcome)
    effects = (found.effects or {}).values()
    assert {one.result for one in effects if not isinstance(one.change, DeviceInfo)} <= {"unchanged", "duplicate"}
    assert not [one for one in effects if one.joined]


def test_what_a_dry_run_tells_is_what_happens(shared_shop: Shop) -> None:

    _check(shared_shop.database)
