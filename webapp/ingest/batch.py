"""The verb of ingestion: apply changes in one transaction, answer after its commit, make retries harmless."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any, NamedTuple

from sqlalchemy import delete, select, tuple_
from sqlalchemy.orm import Session

from webapp import attributes, clock, customers, events, identities, merges
from webapp.db import Database, insert
from webapp.ingest.arrival import Arrival
from webapp.ingest.changes import (
    Change,
    CustomerUpdate,
    DeviceInfo,
    EventRecord,
    Login,
    Logout,
    PushToken,
    RefusedError,
    Settled,
    Source,
)
from webapp.models import Device, IdempotencyKey, Workspace

# How long a retry with the same Idempotency-Key is recognised.
KEY_LIFETIME = 7 * clock.DAY
_MOST_FORGOTTEN = 10_000  # at a time, once a minute


@dataclass(frozen=True, slots=True)
class Retry:
    """What recognises a retry: the Idempotency-Key, and a hash of the request it came with."""

    key: str
    request_hash: str


class _Happening(NamedTuple):
    """An update or an event, where it came from, and what of it is kept."""

    change: CustomerUpdate | EventRecord
    settled: Settled
    device: Device | None


def submit(
    database: Database, workspace: Workspace, changes: Sequence[Change], source: Source, retry: Retry | None = None
) -> list[dict[str, str]]:
    """Apply changes, all or none; on return they are committed. Returns the ignored values: name, expected, received.

    A retry gets the first answer again and changes nothing. Raises RefusedError when a change can't be stored.
    """
    return database.transact(partial(_once, workspace=workspace, changes=changes, source=source, retry=retry))


def _once(
    session: Session, workspace: Workspace, changes: Sequence[Change], source: Source, retry: Retry | None
) -> list[dict[str, str]]:
    arrival = Arrival(session, workspace, source, clock.now())
    if retry is not None and not _claim(session, workspace.id, retry, arrival.received_at):
        return _earlier_answer(session, workspace.id, retry)
    ignored = [
        {"name": one.name, "expected": one.expected, "received": one.received}
        for settled in apply(arrival, changes)
        for one in settled.ignored
    ]
    if retry is not None and ignored:
        _keep_answer(session, workspace.id, retry, ignored)
    return ignored


def apply(arrival: Arrival, changes: Sequence[Change]) -> list[Settled]:
    """Apply changes in the arrival's transaction. Returns what was kept and ignored of updates' and events' attributes.

    Their order counts only where two of them happened at one time.
    """
    carrying = [change for change in changes if isinstance(change, CustomerUpdate | EventRecord)]
    settled = attributes.settle(arrival.session, arrival.workspace, carrying, arrival.received_at)
    devices = identities.devices(arrival, [change.who for change in changes if not isinstance(change.who, str)])
    people = customers.lock(arrival, _system_ids(changes))
    # Logins and logouts first, so that whatever came along finds its owner at once.
    for change in changes:
        if isinstance(change, Login):
            identities.log_in(arrival, devices[change.who.did], change, people[change.system_id])
        elif isinstance(change, Logout):
            identities.log_out(arrival, devices[change.who.did], change)
        elif isinstance(change, DeviceInfo | PushToken):
            identities.describe(arrival, devices[change.who.did], change)
    owned: dict[int, list[_Happening]] = {}
    for change, kept in zip(carrying, settled, strict=True):
        device = None if isinstance(change.who, str) else devices[change.who.did]
        at = arrival.received_at if change.reported_at is None else change.reported_at
        owner = people[str(change.who)] if device is None else identities.owner(arrival, device, at)
        owned.setdefault(owner, []).append(_Happening(change, kept, device))
    merges.regroup(arrival.session, arrival.touched)
    roots = {id_: id_ for id_ in people.values()}  # a registered customer is locked already, and always a root
    roots |= customers.hold(arrival.session, set(owned) - set(roots))
    for customer_id in sorted(owned):
        _apply_to(arrival, customers.Owner(customer_id, roots[customer_id]), owned[customer_id])
    return settled


def _system_ids(changes: Sequence[Change]) -> set[str]:
    by_id = {change.who for change in changes if isinstance(change.who, str)}
    return by_id | {change.system_id for change in changes if isinstance(change, Login)}


def _apply_to(arrival: Arrival, owner: customers.Owner, happened: list[_Happening]) -> None:
    session, received_at = arrival.session, arrival.received_at
    updates = [(one.change, one.settled, one.device) for one in happened if isinstance(one.change, CustomerUpdate)]
    if updates:
        attributes.update(arrival, owner, updates)
        for _, settled, _ in updates:
            attributes.note_ignored(session, owner.id, attributes.CUSTOMER, settled.ignored, received_at)
    records = [(one.change, one.settled, one.device) for one in happened if isinstance(one.change, EventRecord)]
    if records:
        for place in events.record(session, owner, records, received_at):
            change, settled, _ = records[place]
            attributes.note_ignored(session, owner.id, change.name, settled.ignored, received_at)


def _claim(session: Session, workspace_id: int, retry: Retry, received_at: int) -> bool:
    """Whether this request is the first with its key. A second one at the same time waits for the first's commit."""
    statement = insert(session)(IdempotencyKey).on_conflict_do_nothing().returning(IdempotencyKey.key)
    row = asdict(retry) | {"workspace_id": workspace_id, "answer": "[]", "created_at": received_at}
    return session.scalar(statement.values(row)) is not None


def forget_old_keys(session: Session) -> None:
    """Drop Idempotency-Keys whose time is over: some, so that nobody waits for it long."""
    columns = (IdempotencyKey.workspace_id, IdempotencyKey.key)
    old = select(*columns).where(IdempotencyKey.created_at < clock.now() - KEY_LIFETIME).limit(_MOST_FORGOTTEN)
    session.execute(delete(IdempotencyKey).where(tuple_(*columns).in_(old.with_for_update(skip_locked=True))))


def _keep_answer(session: Session, workspace_id: int, retry: Retry, ignored: list[dict[str, str]]) -> None:
    kept = session.get_one(IdempotencyKey, (workspace_id, retry.key))
    kept.answer = json.dumps(ignored)


def _earlier_answer(session: Session, workspace_id: int, retry: Retry) -> list[dict[str, str]]:
    earlier = session.get_one(IdempotencyKey, (workspace_id, retry.key))
    if earlier.request_hash != retry.request_hash:
        raise RefusedError(_other_request(retry.key))
    answer: list[dict[str, str]] = json.loads(earlier.answer)
    return answer


def _other_request(key: str) -> dict[str, Any]:
    return {
        "message": "this Idempotency-Key came with another request before; use a new key for a new request",
        "path": ["headers", "Idempotency-Key"],
        "type": "idempotency.reused",
        "context": {"key": "Idempotency-Key", "value": key},
    }
