"""Writing down what was refused or ignored: how often, why, and the newest of it as it came.

A refusal is written before its answer goes out, unless another was within the last second: then it waits for the end of
that second with all others, so that a flood of them costs one transaction a second (see docs/decisions/0021).
"""

import json
import logging
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, NamedTuple

from sqlalchemy import ClauseElement, Select, delete, func, select
from sqlalchemy.orm import Session

from webapp import clock, db, reasons, statements
from webapp.db import Base, Database, insert
from webapp.ingest.changes import Carrying, EventRecord, Ignored, Source
from webapp.models import RefusedHour, RefusedPayload, RefusedReason, Workspace
from webapp.reasons import IGNORED, Reason
from webapp.registry import CUSTOMER

log = logging.getLogger(__name__)

MOST_KEPT = 50  # payloads of one reason
LARGEST = 262_144  # bytes of a payload; of a larger one the first are kept
FIRST = 4_096
MOST_BYTES = 50_000_000  # of all payloads of a workspace
MOST_REASONS = 500  # of a workspace; of refusals, which anybody who has a key can make up
_MOST_VALUES = 200  # ignored values that one transaction keeps
_LONGEST_VALUE = 2_000  # characters of JSON of an ignored value that is kept whole
_LONGEST_SAMPLE = 200
_MOST_WAITING = 16_000_000  # bytes of payloads that wait to be written
_INTERVAL = 1.0  # seconds

_REASONS = Base.metadata.tables[RefusedReason.__tablename__]
_PAYLOADS = Base.metadata.tables[RefusedPayload.__tablename__]
_HOURS = Base.metadata.tables[RefusedHour.__tablename__]
_Key = tuple[int, int]  # workspace, reason


class Payload(NamedTuple):
    """Something as it came: the bytes that are kept of it (none of an ignored value), and how many came.

    `details`: as RefusedPayload has them. `digest`: equal for two that ingestion would take for one.
    """

    received_at: int
    digest: int
    details: dict[str, Any]
    body: bytes | None
    size: int
    is_whole: bool

    @property
    def byte_count(self) -> int:
        """How many are kept."""
        return len(self.body or b"")

    def cut(self) -> "Payload":
        """The beginning of it."""
        return self._replace(body=(self.body or b"")[:FIRST], is_whole=False)


@dataclass(slots=True)
class Noted:
    """What was refused or ignored for one reason and isn't written yet. Times are epoch ms."""

    workspace_id: int
    reason: Reason
    words: str
    first_at: int
    last_at: int
    sample: str = ""
    count: int = 1
    payloads: deque[Payload] = field(default_factory=lambda: deque(maxlen=MOST_KEPT))

    @property
    def key(self) -> _Key:
        """The primary key of its row."""
        return self.workspace_id, self.reason.id

    def add(self, other: "Noted") -> None:
        """Take in what has come later for the same reason."""
        self.words, self.sample, self.last_at = other.words, other.sample, other.last_at
        self.count += other.count
        self.payloads.extend(other.payloads)


def write(session: Session, noted: Collection[Noted]) -> None:
    """Add to what is written, each reason once, in a fixed few statements."""
    ordered = sorted(noted, key=lambda one: one.key)
    fresh = _fresh(session, ordered)
    rows = [_row(one, len(fresh[one.key])) for one in ordered]
    slots = {(workspace_id, id_): count for workspace_id, id_, count in statements.execute(session, _adding, rows)}
    kept = [
        _kept(key, payload, (slots[key] - len(payloads) + place) % MOST_KEPT)
        for key, payloads in fresh.items()
        for place, payload in enumerate(payloads)
    ]
    _keep(session, kept)
    hours = Counter[tuple[int, str, int]]()
    for one in ordered:
        hours[one.workspace_id, one.reason.kind, one.last_at // clock.HOUR] += one.count
    named = ("workspace_id", "kind", "hour", "count")
    statements.execute(session, _counting, [dict(zip(named, (*key, hours[key]), strict=True)) for key in sorted(hours)])


def _fresh(session: Session, noted: Sequence[Noted]) -> dict[_Key, list[Payload]]:
    """The payloads that aren't kept already, by reason: what is sent again while it is refused is one."""
    found = {one.key: {payload.digest: payload for payload in one.payloads} for one in noted}
    asked = [
        {"workspace_id": one.workspace_id, "reason_id": one.reason.id, "digest": digest}
        for one in noted
        if one.reason.kind == "refused"
        for digest in found[one.key]
    ]
    for workspace_id, reason_id, digest in statements.fetch(session, _finding, asked) if asked else ():
        found[workspace_id, reason_id].pop(digest, None)
    return {key: list(payloads.values()) for key, payloads in found.items()}


def _finding(dialect: str) -> Select[Any]:
    names = ("workspace_id", "reason_id", "digest")
    told = statements.given(dialect, [_PAYLOADS.c[name] for name in names]).subquery("told")
    return select(*told.c).where(*(_PAYLOADS.c[name] == told.c[name] for name in names))


def _row(one: Noted, fresh: int) -> dict[str, Any]:
    told = {"words": one.words, "sample": one.sample, "first_at": one.first_at, "last_at": one.last_at}
    counts = {"count": one.count, "kept_count": fresh, "replayed_count": 0}
    return {"workspace_id": one.workspace_id, "id": one.reason.id, **one.reason._asdict(), **told, **counts}


def _adding(dialect: str) -> ClauseElement:
    statement = statements.inserting(dialect, _REASONS.c)
    latest = {name: statement.excluded[name] for name in ("words", "sample", "last_at")}
    sums = {name: _REASONS.c[name] + statement.excluded[name] for name in ("count", "kept_count")}
    statement = statement.on_conflict_do_update(index_elements=list(_REASONS.primary_key), set_=latest | sums)
    return statement.returning(_REASONS.c.workspace_id, _REASONS.c.id, _REASONS.c.kept_count)


def _kept(key: _Key, payload: Payload, slot: int) -> dict[str, Any]:
    told = {
        name: getattr(payload, name) for name in ("received_at", "digest", "body", "byte_count", "size", "is_whole")
    }
    told |= {"details": json.dumps(payload.details), "tries": 0, "tried_at": None}
    return {"workspace_id": key[0], "reason_id": key[1], "slot": slot, **told}


def _keep(session: Session, rows: Sequence[dict[str, Any]]) -> None:
    values = [row for row in rows if row["body"] is None]
    if values:  # within the transactions of ingestion
        statements.execute(session, _keeping, values)
    requests = [row for row in rows if row["body"] is not None]
    if requests:
        statement = insert(session)(_PAYLOADS)
        session.connection().execute(_replacing(statement, _PAYLOADS.c.keys()), requests)


def _keeping(dialect: str) -> ClauseElement:
    columns = [one for one in _PAYLOADS.c if one.name != "body"]
    return _replacing(statements.inserting(dialect, columns), [one.name for one in columns])  # type: ignore[no-any-return]


def _replacing(statement: Any, names: Iterable[str]) -> Any:
    key = list(_PAYLOADS.primary_key)
    fields = {name: statement.excluded[name] for name in names if name not in {one.name for one in key}}
    return statement.on_conflict_do_update(index_elements=key, set_=fields)


def _counting(dialect: str) -> ClauseElement:
    statement = statements.inserting(dialect, _HOURS.c)
    return statement.on_conflict_do_update(
        index_elements=list(_HOURS.primary_key), set_={"count": _HOURS.c.count + statement.excluded.count}
    )


def trim(session: Session, workspace_id: int) -> None:
    """Drop the oldest payloads of a workspace, as far as all of them are more than are kept; values take no room."""
    whose, at = RefusedPayload.workspace_id == workspace_id, RefusedPayload.received_at
    if (session.scalar(select(func.sum(RefusedPayload.byte_count)).where(whose)) or 0) <= MOST_BYTES:
        return
    total = func.sum(RefusedPayload.byte_count).over(order_by=at.desc()).label("total")
    summed = select(at, total).where(whose).subquery()
    last = session.scalar(select(func.max(summed.c.received_at)).where(summed.c.total > MOST_BYTES))
    session.execute(delete(RefusedPayload).where(whose, at <= last, RefusedPayload.body.is_not(None)))


def of_value(
    workspace: Workspace, source: Source, change: Carrying, one: Ignored, received_at: int, customer_id: int
) -> Noted:  # fmt: skip
    """An ignored value; `customer_id`: of the profile it was meant for."""
    event_name = change.name if isinstance(change, EventRecord) else CUSTOMER
    reason = Reason("ignored", source.name, source.key_id, IGNORED, one.name, event_name, one.expected, one.received)
    noted = Noted(workspace.id, reason, "", received_at, received_at)
    if workspace.keeps_refused:
        text = json.dumps(one.value, ensure_ascii=False)
        noted.sample = text[:_LONGEST_SAMPLE]
        noted.payloads.append(_of_value(change, one, received_at, customer_id, text))
    return noted


def _of_value(change: Carrying, one: Ignored, received_at: int, customer_id: int, text: str) -> Payload:
    is_whole = len(text) <= _LONGEST_VALUE
    who = {"id": change.who} if isinstance(change.who, str) else {"did": change.who.did}
    at = received_at if change.reported_at is None else change.reported_at
    details = {"who": who, "customer_id": customer_id, "reported_at": at}
    details["value"] = one.value if is_whole else text[:_LONGEST_VALUE]
    content = json.dumps([one.name, details], sort_keys=True)
    return Payload(received_at, reasons.digest(content), details, None, len(text.encode()), is_whole)


def write_values(session: Session, noted: Iterable[Noted]) -> None:
    """Write down ignored values, within the transaction that ignores them."""
    merged = _merged({}, noted)
    left = _MOST_VALUES
    for one in merged.values():
        while len(one.payloads) > left:
            one.payloads.popleft()
        left -= len(one.payloads)
    if merged:
        write(session, merged.values())


def _merged(into: dict[_Key, Noted], noted: Iterable[Noted]) -> dict[_Key, Noted]:
    for one in noted:
        known = into.setdefault(one.key, one)
        if known is not one:
            known.add(one)
    return into


class Inbox:
    """What is refused by this process, until it is written. Nothing of it can fail or hold up a request for long."""

    def __init__(self, database: Database, interval: float | None = None) -> None:
        self._database = database
        self._interval = _INTERVAL if interval is None else interval
        self._waiting: dict[_Key, Noted] = {}
        self._byte_count = 0
        self._lock = threading.Lock()
        self._writing = threading.Lock()
        self._written_at = float("-inf")
        self._is_failing = False
        self._timer: threading.Timer | None = None

    def note(self, noted: Iterable[Noted]) -> None:
        """Note what has been refused: written on return, or within a second where much is."""
        fresh = list(noted)
        with self._lock:
            for one in fresh:
                self._wait(one)
            is_due = time.monotonic() - self._written_at >= self._interval and not self._is_failing
            if is_due:
                self._written_at = time.monotonic()
            elif self._timer is None:
                self._set_timer()
        if is_due:
            self.flush()

    def _wait(self, one: Noted) -> None:
        """Let something wait; what waits is bounded, however long the database can't be written."""
        is_new = one.reason.kind == "refused" and one.key not in self._waiting
        if is_new and len(self._waiting) >= MOST_REASONS:
            one = replace(one, reason=reasons.overflow(one.reason), payloads=deque(one.payloads, MOST_KEPT))
        _merged(self._waiting, [self._light(one)])

    def _light(self, one: Noted) -> Noted:
        """The same, with less of its payloads where too much is waiting already."""
        self._byte_count += sum(payload.byte_count for payload in one.payloads)
        if self._byte_count > _MOST_WAITING:
            one.payloads = deque((payload.cut() for payload in one.payloads), MOST_KEPT)
        return one

    def _set_timer(self) -> None:
        # The end of the process waits for what is left to be written, but not for a database that doesn't answer.
        self._timer = threading.Timer(self._interval, self._at_end_of_interval)
        self._timer.daemon = self._is_failing
        self._timer.start()

    def _at_end_of_interval(self) -> None:
        with self._lock:
            self._timer, self._written_at = None, time.monotonic()
        self.flush()

    def flush(self) -> None:
        """Write what is waiting; what can't be written now goes on waiting."""
        with self._writing:
            with self._lock:
                noted, self._waiting, self._byte_count = self._waiting, {}, 0
            if noted:
                self._is_failing = not self._write(noted)
                if self._is_failing:
                    self._take_back(noted)

    def _write(self, noted: dict[_Key, Noted]) -> bool:
        return self.attempt(partial(_written, noted=noted))

    def attempt(self, work: Callable[[Session], None]) -> bool:
        """Do work in a transaction that nobody's answer depends on. Returns False where it may succeed later."""
        try:
            self._database.transact(work)
        except Exception as error:
            log.warning("the inbox of refusals could not be written: %s", type(error).__name__)
            return db.trouble(error) is None
        return True

    def _take_back(self, noted: dict[_Key, Noted]) -> None:
        with self._lock:
            later, self._waiting, self._byte_count = self._waiting, {}, 0
            for one in (*noted.values(), *later.values()):
                self._wait(one)
            if self._timer is None:
                self._set_timer()


def _written(session: Session, noted: dict[_Key, Noted]) -> None:
    _strip(session, noted.values())
    known = statements.stored(session, _REASONS, sorted(noted))
    write(session, _merged({}, _within_bounds(session, noted, known)).values())
    for workspace_id in sorted({workspace_id for workspace_id, _ in noted}):
        trim(session, workspace_id)


def _strip(session: Session, noted: Iterable[Noted]) -> None:
    """Take away what a workspace doesn't want kept: it may have said so while this was waiting."""
    kept = [one for one in noted if one.payloads]  # of the others nothing was kept from the beginning
    whose = Workspace.id.in_({one.workspace_id for one in kept})
    wanted = set(session.scalars(select(Workspace.id).where(whose, Workspace.keeps_refused)))
    for one in kept:
        if one.workspace_id not in wanted:
            one.words, one.sample = "", ""
            one.payloads.clear()


def _within_bounds(session: Session, noted: dict[_Key, Noted], known: Collection[Any]) -> Iterator[Noted]:
    """The same; where a workspace has too many reasons already, new ones become one."""
    room: dict[int, int] = {}
    for key, one in sorted(noted.items()):
        if key not in known:
            left = room.get(one.workspace_id)
            room[one.workspace_id] = (_room(session, one.workspace_id) if left is None else left) - 1
            if room[one.workspace_id] < 0:
                payloads = deque(one.payloads, MOST_KEPT)
                yield replace(one, reason=reasons.overflow(one.reason), payloads=payloads)
                continue
        yield one


def _room(session: Session, workspace_id: int) -> int:
    """How many more reasons of refusals a workspace may have."""
    whose = (RefusedReason.workspace_id == workspace_id) & (RefusedReason.kind == "refused")
    return MOST_REASONS - (session.scalar(select(func.count()).select_from(RefusedReason).where(whose)) or 0)
