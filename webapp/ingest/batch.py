"""The verb of ingestion: apply changes in one transaction, answer after its commit, make retries harmless."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

from sqlalchemy import delete, select, tuple_
from sqlalchemy.orm import Session

from webapp import attributes, clock, customers, events
from webapp.db import Database, insert
from webapp.ingest.changes import Change, CustomerUpdate, EventRecord, RefusedError, Settled
from webapp.models import IdempotencyKey, Workspace

# How long a retry with the same Idempotency-Key is recognised.
KEY_LIFETIME = 7 * clock.DAY
_MOST_FORGOTTEN = 10_000  # at a time, once a minute


@dataclass(frozen=True, slots=True)
class Retry:
    """What recognises a retry: the Idempotency-Key, and a hash of the request it came with."""

    key: str
    request_hash: str


def submit(
    database: Database, workspace: Workspace, changes: Sequence[Change], retry: Retry | None = None
) -> list[dict[str, str]]:
    """Apply changes, all or none; on return they are committed. Returns the ignored values: name, expected, received.

    A retry gets the first answer again and changes nothing. Raises RefusedError when a change can't be stored.
    """
    return database.transact(partial(_once, workspace=workspace, changes=changes, retry=retry))


def _once(
    session: Session, workspace: Workspace, changes: Sequence[Change], retry: Retry | None
) -> list[dict[str, str]]:
    received_at = clock.now()
    if retry is not None and not _claim(session, workspace.id, retry, received_at):
        return _earlier_answer(session, workspace.id, retry)
    ignored = [
        {"name": one.name, "expected": one.expected, "received": one.received}
        for settled in apply(session, workspace, changes, received_at)
        for one in settled.ignored
    ]
    if retry is not None and ignored:
        _keep_answer(session, workspace.id, retry, ignored)
    return ignored


def apply(session: Session, workspace: Workspace, changes: Sequence[Change], received_at: int) -> list[Settled]:
    """Apply changes in the session's transaction. Returns what was kept and ignored of each one's attributes."""
    people = customers.lock(session, workspace, {change.system_id for change in changes}, received_at)
    settled = attributes.settle(session, workspace, changes, received_at)
    by_customer: dict[int, list[tuple[Change, Settled]]] = {}
    for change, outcome in zip(changes, settled, strict=True):
        by_customer.setdefault(people[change.system_id], []).append((change, outcome))
    for customer_id in sorted(by_customer):
        _apply_to(session, workspace, customer_id, by_customer[customer_id], received_at)
    return settled


def _apply_to(
    session: Session, workspace: Workspace, customer_id: int, changes: list[tuple[Change, Settled]], received_at: int
) -> None:
    updates = [(change, settled) for change, settled in changes if isinstance(change, CustomerUpdate)]
    if updates:
        attributes.update(session, workspace, customer_id, updates, received_at)
        for _, settled in updates:
            attributes.note_ignored(session, customer_id, attributes.CUSTOMER, settled.ignored, received_at)
    happened = [(change, settled) for change, settled in changes if isinstance(change, EventRecord)]
    if happened:
        for place in events.record(session, customer_id, happened, received_at):
            change, settled = happened[place]
            attributes.note_ignored(session, customer_id, change.name, settled.ignored, received_at)


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
