"""Applying changes to what is stored, within one transaction."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from webapp import attributes, counts, customers, erased, events, identities, inbox, merges, registry
from webapp.attributes import Update, Updated
from webapp.counts import Notes
from webapp.customers import Owner
from webapp.events import Record
from webapp.ingest import messages
from webapp.ingest.arrival import Arrival
from webapp.ingest.changes import (
    Carrying,
    ClockSkew,
    CustomerUpdate,
    DeviceInfo,
    Fault,
    Ignored,
    Login,
    Logout,
    OnDevice,
    PushToken,
    Result,
    Settled,
    Told,
)
from webapp.models import Device


class Applied(NamedTuple):
    """What became of changes: the values that were ignored, each with the place of its change, and faults by place.

    Where there is a fault, the transaction must not be committed. `done`: all else that there is to tell of them.
    """

    ignored: list[tuple[int, Ignored]]
    refused: dict[int, Fault]
    done: "Done"


class Done(NamedTuple):
    """What applying changes has found and made: rows by did and by System ID, and by the places of the changes
    whose they are, the results of their attributes, and their events, of which `stored` weren't there before.

    `again`: the places of what came in messages that have come before.
    """

    devices: Mapping[str, Device]
    people: Mapping[str, int]
    again: set[int]
    owned: Sequence[tuple["Happening", Owner]]
    results: Mapping[int, Mapping[str, Result]]
    records: Mapping[int, Record]
    stored: Sequence[Record]


class Happening(NamedTuple):
    """An update or an event: its place among the changes, what of it is kept, and the device that told it."""

    place: int
    change: Carrying
    settled: Settled
    device: Device | None


def apply(arrival: Arrival, told: Sequence[Told]) -> Applied:
    """Apply changes in the arrival's transaction. Their order counts only where two of them happened at one time."""
    if refused := erased.faults(arrival, told):
        return Applied([], refused, Done({}, {}, set(), [], {}, {}, []))
    # Before any customer is locked, lest a recount is waited for in a circle.
    notes = counts.of(arrival.session, arrival.workspace.id)
    carrying = {place: one.change for place, one in enumerate(told) if isinstance(one.change, Carrying)}
    settled = dict(zip(carrying, registry.settle(arrival, list(carrying.values())), strict=True))
    devices = identities.devices(arrival, [one.change.who for one in told if isinstance(one.change.who, OnDevice)])
    again = messages.repeated(arrival, told, devices) if devices else set()
    fresh = [one for place, one in enumerate(told) if place not in again] if again else told
    people = customers.lock(arrival, _system_ids(fresh))
    # Logins and logouts first, so that whatever came along finds its owner at once.
    if devices:
        _identify(arrival, fresh, devices, people)
    happened = [
        Happening(place, change, settled[place], None if isinstance(change.who, str) else devices[change.who.did])
        for place, change in carrying.items()
        if place not in again
    ]
    owned = list(zip(happened, _owners(arrival, happened, people), strict=True))
    updated, records, stored = _store(arrival, notes, told, owned)
    counts.store(arrival.session, arrival.workspace.id)
    ignored = [(one.place, ignored) for one in happened for ignored in one.settled.ignored]
    done = Done(devices, people, again, owned, updated.results, records, stored)
    return Applied(ignored, updated.refused, done)


def _system_ids(told: Sequence[Told]) -> set[str]:
    by_id = {one.change.who for one in told if isinstance(one.change.who, str)}
    return by_id | {one.change.system_id for one in told if isinstance(one.change, Login)}


def _identify(
    arrival: Arrival, told: Sequence[Told], devices: Mapping[str, Device], people: Mapping[str, int]
) -> None:  # fmt: skip
    for change, source, _ in told:
        if isinstance(change, Login):
            identities.log_in(arrival, devices[change.who.did], change, people[change.system_id], source)
        elif isinstance(change, Logout):
            identities.log_out(arrival, devices[change.who.did], change, source)
        elif isinstance(change, DeviceInfo | PushToken | ClockSkew):
            identities.describe(arrival, devices[change.who.did], change)


def _owners(arrival: Arrival, happened: Sequence[Happening], people: Mapping[str, int]) -> list[Owner]:
    """Whose each of them is; all of these profiles and their roots are locked afterwards."""
    moments = [
        (one.device, arrival.received_at if one.change.reported_at is None else one.change.reported_at)
        for one in happened
        if one.device is not None
    ]
    on_devices = iter(identities.owners(arrival, moments))
    ids = [people[str(one.change.who)] if one.device is None else next(on_devices) for one in happened]
    merges.regroup(arrival.session, arrival.touched)
    roots = {id_: id_ for id_ in people.values()}  # a registered customer is locked already, and always a root
    roots |= customers.hold(arrival.session, set(ids) - roots.keys())
    return [Owner(id_, roots[id_]) for id_ in ids]


def _store(
    arrival: Arrival, notes: Notes, told: Sequence[Told], owned: Sequence[tuple[Happening, Owner]]
) -> tuple[Updated, Mapping[int, Record], Sequence[Record]]:  # fmt: skip
    """Store updates and events. Returns what became of the updates, the events by place, and those that are new."""
    updates: dict[int, Update] = {}
    records: dict[int, Record] = {}
    for (place, change, settled, device), owner in owned:
        if isinstance(change, CustomerUpdate):
            updates[place] = Update(owner, change, told[place].source, settled, device)
        else:
            records[place] = Record(owner, change, settled, device, told[place].source)
    updated = attributes.update(arrival, updates) if updates else Updated({}, {})
    stored = events.record(arrival, notes, list(records.values())) if records else []
    noted = [
        *((one.owner.id, registry.CUSTOMER, ignored) for one in updates.values() for ignored in one.settled.ignored),
        *((one.owner.id, one.change.name, ignored) for one in stored for ignored in one.settled.ignored),
    ]
    attributes.note_ignored(arrival, noted)
    if noted:
        _write_ignored(arrival, [*updates.values(), *stored])
    return updated, records, stored


def _write_ignored(arrival: Arrival, happened: Sequence[Update | Record]) -> None:
    """Keep the ignored values beside what else is refused."""
    inbox.write_values(
        arrival.session,
        (
            inbox.of_value(arrival.workspace, one.source, one.change, ignored, arrival.received_at, one.owner.id)
            for one in happened
            for ignored in one.settled.ignored
        ),
    )
