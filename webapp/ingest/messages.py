"""Messages of browsers, each with an id of its own: one that comes again changes nothing."""

import hashlib
from collections.abc import Mapping, Sequence

from sqlalchemy import ClauseElement, delete, select, tuple_
from sqlalchemy.orm import Session

from webapp import clock, statements
from webapp.db import Base
from webapp.ingest.arrival import Arrival
from webapp.ingest.changes import Message, Told
from webapp.models import BrowserMessage, Device

# How long a message is recognised. The SDK gives up sending one a day sooner.
LIFETIME = 7 * clock.DAY
_MESSAGES = Base.metadata.tables[BrowserMessage.__tablename__]
_MOST_FORGOTTEN = 10_000  # at a time, once a minute


def repeated(arrival: Arrival, told: Sequence[Told], devices: Mapping[str, Device]) -> set[int]:
    """The places of what came in messages that have come before. The others are noted, for when they come again.

    `devices`: all that the messages came from, locked.
    """
    came = {place: one.message for place, one in enumerate(told) if one.message is not None}
    if not came:
        return set()
    keys = {place: (devices[message.did].id, _digest(message.id)) for place, message in came.items()}
    known = statements.stored(arrival.session, _MESSAGES, sorted(set(keys.values())))
    first: dict[tuple[int, int], Message] = {}
    for place, key in keys.items():
        if key not in known:
            first.setdefault(key, came[place])
    if first:
        rows = [{"device_id": device, "id": id_, "received_at": arrival.received_at} for device, id_ in first]
        statements.execute_later(arrival.session, _noting, rows)
    # `is`, since what comes again looks like the first.
    return {place for place, key in keys.items() if first.get(key) is not came[place]}


def _noting(dialect: str) -> ClauseElement:
    return statements.inserting(dialect, _MESSAGES.c)


def _digest(message: str) -> int:
    return int.from_bytes(hashlib.blake2b(message.encode(), digest_size=8).digest(), "big") >> 1


def forget_old(session: Session) -> None:
    """Drop messages whose time is over: some, so that nobody waits for it long."""
    key = (BrowserMessage.device_id, BrowserMessage.id)
    old = select(*key).where(BrowserMessage.received_at < clock.now() - LIFETIME).limit(_MOST_FORGOTTEN)
    session.execute(delete(BrowserMessage).where(tuple_(*key).in_(old.with_for_update(skip_locked=True))))
