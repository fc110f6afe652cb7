"""Retries: a request that comes again with its Idempotency-Key gets the first answer and changes nothing."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import delete, select, tuple_, update
from sqlalchemy.orm import Session

from webapp import clock
from webapp.db import insert
from webapp.ingest.changes import Effect, Fault, Ignored, RefusedError
from webapp.models import IdempotencyKey

# How long a retry with the same Idempotency-Key is recognised.
KEY_LIFETIME = 7 * clock.DAY
_MOST_FORGOTTEN = 10_000  # at a time, once a minute


@dataclass(frozen=True, slots=True)
class Retry:
    """What recognises a retry: the Idempotency-Key, and a hash of the request it came with."""

    key: str
    request_hash: str


@dataclass(slots=True)
class Outcome:
    """What became of a request whose changes are committed.

    `ignored`: values that weren't stored, each as `{"index", "name", "expected", "received"}` with the place of its
    change and two types. `refused`: the faults of changes that were left out, by place. `effects`: of a rehearsal,
    what would become of the others, by place.
    """

    ignored: list[dict[str, Any]] = field(default_factory=list)
    refused: dict[int, Fault] = field(default_factory=dict)
    effects: dict[int, Effect] | None = None

    def ignore(self, index: int, one: Ignored) -> None:
        """Note a value that wasn't stored."""
        told = {"index": index, "name": one.name, "expected": one.expected, "received": one.received}
        self.ignored.append(told)

    def as_json(self) -> str:
        """As it is kept for retries."""
        return json.dumps([*self.ignored, *({"index": place, "fault": fault} for place, fault in self.refused.items())])

    @classmethod
    def from_json(cls, text: str) -> "Outcome":
        """What was kept."""
        kept = json.loads(text)
        ignored = [{"index": 0} | one for one in kept if "fault" not in one]
        return cls(ignored, {one["index"]: one["fault"] for one in kept if "fault" in one})


_Asked = Sequence[tuple[int, Retry | None]]


def earlier(session: Session, asked: _Asked, received_at: int) -> dict[int, Outcome | RefusedError]:
    """What became of those requests that are retries, by place; the keys of the others are taken for them.

    `asked`: the id of the workspace and the key of each. While another transaction takes a key, this one waits for it.
    """
    found: dict[int, Outcome | RefusedError] = {}
    keyed = [(workspace_id, retry, place) for place, (workspace_id, retry) in enumerate(asked) if retry is not None]
    for workspace_id, retry, place in sorted(keyed, key=lambda one: (one[0], one[1].key)):
        row = {
            "workspace_id": workspace_id,
            "key": retry.key,
            "request_hash": retry.request_hash,
            "answer": "[]",
            "created_at": received_at,
        }
        statement = insert(session)(IdempotencyKey).on_conflict_do_nothing().returning(IdempotencyKey.key)
        if session.scalar(statement.values(row)) is None:
            kept = session.get_one(IdempotencyKey, (workspace_id, retry.key))
            is_same = kept.request_hash == retry.request_hash
            found[place] = (
                Outcome.from_json(kept.answer) if is_same else RefusedError({None: _other_request(retry.key)})
            )
    return found


def keep(session: Session, done: Sequence[tuple[int, Retry | None, Outcome]]) -> None:
    """Keep the answers to these requests for their retries."""
    for workspace_id, retry, outcome in done:
        if retry is not None and (outcome.ignored or outcome.refused):
            is_its = (IdempotencyKey.workspace_id == workspace_id) & (IdempotencyKey.key == retry.key)
            session.execute(update(IdempotencyKey).where(is_its).values(answer=outcome.as_json()))


def forget_old(session: Session) -> None:
    """Drop Idempotency-Keys whose time is over: some, so that nobody waits for it long."""
    columns = (IdempotencyKey.workspace_id, IdempotencyKey.key)
    old = select(*columns).where(IdempotencyKey.created_at < clock.now() - KEY_LIFETIME).limit(_MOST_FORGOTTEN)
    session.execute(delete(IdempotencyKey).where(tuple_(*columns).in_(old.with_for_update(skip_locked=True))))


def _other_request(key: str) -> Fault:
    return {
        "message": "this Idempotency-Key came with another request before; use a new key for a new request",
        "path": ["headers", "Idempotency-Key"],
        "type": "idempotency.reused",
        "context": {"key": "Idempotency-Key", "value": key},
    }
