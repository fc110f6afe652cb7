"""What changes do: whose they are, what is new, who becomes one person with whom. Told of rehearsals."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, or_, select, tuple_
from sqlalchemy.orm import Session

from webapp import identities
from webapp.ingest.application import Applied, Done
from webapp.ingest.arrival import Arrival
from webapp.ingest.changes import (
    Change,
    CustomerUpdate,
    DeviceInfo,
    Effect,
    EventRecord,
    Ignored,
    Joined,
    Login,
    Logout,
    Person,
    PushToken,
    Result,
    Told,
)
from webapp.models import Customer, Device, DeviceLogin, Merge

_Mark = tuple[int, int | None, int]  # a login or logout: device_id, at, id


class Seen(NamedTuple):
    """What was applied in a transaction, and what became of it."""

    arrival: Arrival
    told: Sequence[Told]
    applied: Applied


class _Profile(NamedTuple):
    """As much of a customer's row as says who it is."""

    id: int
    root_id: int | None
    system_id: str | None
    growlytics_id: str


class _Profiles(NamedTuple):
    """All profiles around some changes, by id: as they were, and as they are now. `known`: their former IDs."""

    was: Mapping[int, _Profile]
    now: Mapping[int, _Profile]
    known: frozenset[str]

    def person(self, id_: int) -> Person:
        """Whom a profile belongs to now."""
        root = self.now[self.now[id_].root_id or id_]
        # A login may have given it to another profile.
        growlytics_id = root.growlytics_id if root.growlytics_id in self.known else None
        return Person(root.system_id, growlytics_id, self.is_new(root.id))

    def is_new(self, id_: int) -> bool:
        """Whether a profile wasn't there before."""
        return id_ not in self.was

    def moved(self) -> list[tuple[int, Joined]]:
        """The profiles that belong to another person than before, with their ids."""
        found = []
        for id_, one in self.now.items():
            former = self.was.get(id_)
            if one.root_id != (former and former.root_id):
                profile = Person(one.system_id, former and former.growlytics_id, former is None)
                found.append((id_, Joined(profile, None if one.root_id is None else self.person(id_))))
        return found


def of(session: Session, before: Session, seen: Seen) -> dict[int, Effect]:
    """What each of the changes applied in a transaction has done, by place. `before` sees how it was."""
    done = seen.applied.done
    whose = {one.place: owner.id for one, owner in done.owned}
    whose |= {
        at: done.people[one.system_id] for at, one in _changes(seen) if isinstance(one, Login) and at not in done.again
    }
    now = _around(session, {*whose.values()}, seen.arrival.touched)
    was = _rows(before, Customer.id.in_(now))
    profiles = _Profiles(was, now, frozenset(one.growlytics_id for one in was.values()))
    results = _results(before, seen, profiles, whose)
    joined = _joined(session, seen, profiles, whose)
    ignored: dict[int, list[Ignored]] = defaultdict(list)
    for place, one in seen.applied.ignored:
        ignored[place].append(one)
    return {
        place: Effect(
            change,
            results[place],
            profiles.person(whose[place]) if place in whose else None,
            done.results.get(place, {}),
            ignored.get(place, ()),
            joined.get(place, ()),
        )
        for place, change in _changes(seen)
    }


def _changes(seen: Seen) -> list[tuple[int, Change]]:
    return [(place, one.change) for place, one in enumerate(seen.told)]


def _around(session: Session, ids: set[int], touched: set[int]) -> dict[int, _Profile]:
    """These profiles and their roots; of those whose merges were touched, all that are one person with them."""
    found = _rows(session, Customer.id.in_(ids | touched))
    groups = {found[id_].root_id or id_ for id_ in touched}
    roots = {one.root_id for one in found.values() if one.root_id is not None} - found.keys()
    if groups or roots:
        found |= _rows(session, or_(Customer.id.in_(groups | roots), Customer.root_id.in_(groups)))
    return found


def _rows(session: Session, which: ColumnElement[bool]) -> dict[int, _Profile]:
    query = select(Customer.id, Customer.root_id, Customer.system_id, Customer.growlytics_id).where(which)
    return {row.id: _Profile(*row) for row in session.execute(query.order_by(Customer.id))}


def _results(
    before: Session, seen: Seen, profiles: _Profiles, whose: Mapping[int, int]
) -> dict[int, Result]:  # fmt: skip
    done = seen.applied.done
    stored = set(map(id, done.stored))  # equal ones needn't be the same
    recorded = {place for place, one in done.records.items() if id(one) in stored}
    marks = _new_marks(before, seen)
    known = _devices(before, done)
    created: set[int] = set()
    results: dict[int, Result] = {}
    for place, change in _changes(seen):
        if place in done.again:
            results[place] = "duplicate"
        elif isinstance(change, CustomerUpdate):
            root_id = profiles.now[whose[place]].root_id or whose[place]
            is_first = profiles.is_new(root_id) and root_id not in created
            created.add(root_id)
            changed = any(result != "unchanged" for result in done.results[place].values())
            results[place] = "created" if is_first else "updated" if changed else "unchanged"
        elif isinstance(change, EventRecord):
            results[place] = "created" if place in recorded else "duplicate"
        elif isinstance(change, Login | Logout):
            results[place] = "created" if place in marks else "duplicate"
        else:
            device = done.devices[change.who.did]
            former = known.get(device.id)
            is_same = former is not None and _told(former, change) == _told(device, change)
            results[place] = "created" if former is None else "unchanged" if is_same else "updated"
    return results


def _devices(before: Session, done: Done) -> dict[int, Device]:
    ids = [one.id for one in done.devices.values()]
    return {one.id: one for one in before.scalars(select(Device).where(Device.id.in_(ids)))} if ids else {}


def _told(device: Device, change: Change) -> Any:
    """What a device has of what such a change says."""
    if isinstance(change, DeviceInfo):
        return device.info, device.user_agent
    return device.push_token if isinstance(change, PushToken) else device.clock_skew


def _new_marks(before: Session, seen: Seen) -> set[int]:
    """The places of logins and logouts that weren't there yet."""
    marks = {place: mark for place, one in _changes(seen) if (mark := _mark(seen, one)) is not None}
    if not marks:
        return set()
    columns = (DeviceLogin.device_id, DeviceLogin.at, DeviceLogin.id)
    timed = [mark for mark in marks.values() if mark[1] is not None]
    known: set[_Mark] = {
        (row[0], row[1], row[2]) for row in before.execute(select(*columns).where(tuple_(*columns).in_(timed)))
    }
    found = set()
    for place, mark in marks.items():
        if place not in seen.applied.done.again and mark not in known:
            found.add(place)
            known |= {mark} if mark[1] is not None else set()  # by the server's clock, each is another
    return found


def _mark(seen: Seen, change: Change) -> _Mark | None:
    if not isinstance(change, Login | Logout):
        return None
    id_ = identities.login_id(change.system_id) if isinstance(change, Login) else identities.LOGOUT_ID
    return seen.applied.done.devices[change.who.did].id, change.reported_at, id_


def _joined(
    session: Session, seen: Seen, profiles: _Profiles, whose: Mapping[int, int]
) -> dict[int, list[Joined]]:  # fmt: skip
    """The profiles that belong to another person now, by the change because of which they do."""
    moved = profiles.moved()
    if not moved:
        return {}
    places = {_mark(seen, one): place for place, one in reversed(_changes(seen)) if isinstance(one, Login)}
    owners = {id_: place for place, id_ in sorted(whose.items(), reverse=True)}
    # Of news about the past, the first that says who was there is taken for the reason.
    otherwise = next((place for place, one in _changes(seen) if isinstance(one, Login | Logout)), 0)
    found: dict[int, list[Joined]] = defaultdict(list)
    logins = _logins(session, [id_ for id_, _ in moved])
    for id_, one in moved:
        found[places[logins[id_]] if logins.get(id_) in places else owners.get(id_, otherwise)].append(one)
    return found


def _logins(session: Session, ids: Sequence[int]) -> dict[int, _Mark]:
    """The logins that merge these profiles, of those that are merged by one."""
    query = select(Merge.member_id, Merge.device_id, Merge.login_at, Merge.login_id)
    rows = session.execute(query.where(Merge.member_id.in_(ids), Merge.device_id.is_not(None)))
    return {member_id: (device_id or 0, at, login_id or 0) for member_id, device_id, at, login_id in rows}
