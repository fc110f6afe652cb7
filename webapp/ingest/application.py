"""Applying changes to what is stored, within one transaction."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from webapp import attributes, customers, events, identities, inbox, merges, registry
from webapp.attributes import Update
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
    Settled,
    Source,
    Told,
)
from webapp.models import Device


class Applied(NamedTuple):
    """What became of changes: the values that were ignored, each with the place of its change, and faults by place.

    Where there is a fault, the transaction must not be committed.
    """

    ignored: list[tuple[int, Ignored]]
    refused: dict[int, Fault]


class _Happening(NamedTuple):
    """An update or an event: its place among the changes, what of it is kept, and the device that told it."""

    place: int
    change: Carrying
    settled: Settled
    device: Device | None


def apply(arrival: Arrival, told: Sequence[Told]) -> Applied:
    """Apply changes in the arrival's transaction. Their order counts only where two of them happened at one time."""
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
        _Happening(place, change, settled[place], None if isinstance(change.who, str) else devices[change.who.did])
        for place, change in carrying.items()
        if place not in again
    ]
    refused = _store(arrival, told, list(zip(happened, _owners(arrival, happened, people), strict=True)))
    ignored = [(one.place, ignored) for one in happened for ignored in one.settled.ignored]
    return Applied(ignored, refused)


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


def _owners(arrival: Arrival, happened: Sequence[_Happening], people: Mapping[str, int]) -> list[Owner]:
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
    arrival: Arrival, told: Sequence[Told], owned: Sequence[tuple[_Happening, Owner]]
) -> dict[int, Fault]:  # fmt: skip
    """Store updates and events. Returns the faults of those that can't be, by their places among the changes."""
    updates: dict[int, Update] = {}
    records: list[Record] = []
    sources: dict[int, Source] = {}  # of records, which are no keys themselves
    for (place, change, settled, device), owner in owned:
        if isinstance(change, CustomerUpdate):
            updates[place] = Update(owner, change, told[place].source, settled, device)
        else:
            records.append(Record(owner, change, settled, device))
            if settled.ignored:
                sources[id(records[-1])] = told[place].source
    refused = attributes.update(arrival, updates) if updates else {}
    stored = events.record(arrival.session, records, arrival.received_at) if records else []
    noted = [
        *((one.owner.id, registry.CUSTOMER, ignored) for one in updates.values() for ignored in one.settled.ignored),
        *((one.owner.id, one.change.name, ignored) for one in stored for ignored in one.settled.ignored),
    ]
    attributes.note_ignored(arrival, noted)
    if noted:
        told_by: list[tuple[Update | Record, Source]] = [(one, one.source) for one in updates.values()]
        _write_ignored(arrival, [*told_by, *((one, sources[id(one)]) for one in stored if one.settled.ignored)])
    return refused


def _write_ignored(arrival: Arrival, happened: Sequence[tuple[Update | Record, Source]]) -> None:
    """Keep the ignored values beside what else is refused."""
    inbox.write_values(
        arrival.session,
        (
            inbox.of_value(arrival.workspace, source, one.change, ignored, arrival.received_at, one.owner.id)
            for one, source in happened
            for ignored in one.settled.ignored
        ),
    )
