"""Working off erasures: what an erased person has is removed in small steps, in the background.

As with changes of types (webapp/converting.py), a row says what is left to be done, so that whoever finds it unattended
goes on with it. Every step looks for what is still there: what is done twice changes nothing, and there is no place to
be remembered.
"""

import json
import logging
import secrets
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import orjson
from sqlalchemy import delete, or_, select, tuple_, update
from sqlalchemy.orm import Session

from webapp import beginnings, clock, counts, db, erased, erasures, hiding
from webapp.beginnings import Beginning
from webapp.converting import LEASE, SETTLING
from webapp.db import Database
from webapp.erased import Blotter, Identifier
from webapp.erasures import Asked
from webapp.hiding import Pending
from webapp.models import (
    AttributeValue,
    BrowserMessage,
    Customer,
    Erasure,
    Event,
    EventCount,
    IdempotencyKey,
    ImportFailure,
    KeptVisit,
    RefusedPayload,
    RefusedReason,
    Visit,
    Workspace,
)

_A_STEP = 1_000  # rows that one transaction removes, or that are looked at at a time
_A_LOOK = 100  # refused requests at a time, each of which may be large
_PAUSE = 0.2  # seconds; the longest between two steps
_MOST_ROUNDS = 20
_log = logging.getLogger("webapp.erasing")


def go_on(database: Database) -> bool:
    """Work off what is free. Returns whether anything is left."""
    work_off(database)
    with database.read() as session:
        return session.scalar(select(Erasure.id).where(Erasure.ended_at.is_(None)).limit(1)) is not None


def work_off(database: Database, settling: int = SETTLING) -> None:
    """Work until nothing is left that nobody else works on. `settling`: as converting.SETTLING, ms."""
    worker = secrets.token_hex(8)
    while (erasure_id := database.transact(partial(_claimed, worker=worker))) is not None:
        try:
            _Work(database, worker, erasure_id, settling).run()
        except Exception as error:
            if db.trouble(error) is not None:
                raise
            # One that fails doesn't hold up the others: it is tried again when its lease is over.
            _log.error("an erasure failed", exc_info=error)
            worker = secrets.token_hex(8)


def _claimed(session: Session, worker: str) -> int | None:
    """The id of the oldest erasure that nobody works on, which is this worker's from now on."""
    now = clock.now()
    is_free = or_(Erasure.worker.is_(None), Erasure.worker == worker, Erasure.leased_until < now)
    query = select(Erasure).where(Erasure.ended_at.is_(None), is_free).order_by(Erasure.id).limit(1)
    row = session.scalar(query.with_for_update(skip_locked=True))
    if row is None:
        return None
    row.worker, row.leased_until = worker, now + LEASE
    return row.id


class _LostError(Exception):
    """Somebody else works on the erasure, or it has ended."""


# A step removes something and returns how much, or how many rows it has looked at: 0 where nothing is left for it.
_Step = Callable[[Session, Counter[str]], int]


class _Work:
    """One erasure while it is worked on."""

    def __init__(self, database: Database, worker: str, erasure_id: int, settling: int) -> None:
        self._database, self._worker, self._id, self._settling = database, worker, erasure_id, settling
        with database.read() as session:
            row = session.get_one(Erasure, erasure_id)
            self._workspace = session.get_one(Workspace, row.workspace_id)
            self._kind, self._asked_at = row.kind, row.asked_at
            self._pending = Pending.from_json(row.pending)
        self._blotter = Blotter(self._pending.texts, self._pending.names)

    def run(self) -> None:
        """Remove what there is, then whatever came in meanwhile, until nothing is left or somebody else does it."""
        try:
            if self._kind == "archive":
                self._blot()
            else:
                self._remove()
            time.sleep(max(0, self._asked_at + self._settling - clock.now()) / clock.SECOND)
            while self._kind == "erase" and self._is_back():
                self._remove()
            self._search()  # last: what was under way has left traces too
            self._do(self._end)
        except _LostError:
            return

    def _do(self, step: _Step) -> int:
        """Take a step in a transaction of its own; half of the time is for those who store."""
        began = time.monotonic()
        done = self._database.transact(partial(self._stepped, step=step))
        time.sleep(min(time.monotonic() - began, _PAUSE))
        return done

    def _stepped(self, session: Session, step: _Step) -> int:
        if step != self._look:  # it waits for whoever counts anew before it locks anything
            counts.of(session, self._workspace.id)
        is_mine = (Erasure.id == self._id) & (Erasure.worker == self._worker) & Erasure.ended_at.is_(None)
        hiding.wipe(session)
        row = session.scalar(select(Erasure).where(is_mine).with_for_update())
        if row is None:
            raise _LostError
        removed = Counter[str](json.loads(row.removed))
        done = step(session, removed)
        counts.store(session, self._workspace.id)
        row.removed, row.leased_until = json.dumps(removed), clock.now() + LEASE
        return done

    def _remove(self) -> None:
        """Remove what the erased profiles have, the largest parts first."""
        for customer_id in self._pending.customers:
            for step in (self._events, self._visits, self._values, self._counts):
                while self._do(partial(step, customer_id)):
                    pass
        while self._do(self._messages):
            pass

    def _events(self, customer_id: int, session: Session, removed: Counter[str]) -> int:
        order = (Event.reported_at, Event.id)
        query = select(*order, Event.name, Event.received_at).where(Event.customer_id == customer_id)
        rows = session.execute(query.order_by(*order).limit(_A_STEP)).all()
        if not rows:
            return 0
        notes = counts.of(session, self._workspace.id)
        last = rows[-1].reported_at, rows[-1].id
        session.execute(delete(Event).where(Event.customer_id == customer_id, tuple_(*order) <= last))
        for row in rows:
            notes.add(customer_id, "event", row.name, row.reported_at, -1)
            notes.arrived(customer_id, row.received_at, -1)
        days = {counts.day_of(row.reported_at, notes.zone) for row in rows}
        if notes.has_come_to(customer_id):  # those of them on which nothing is left
            counts.active(session, notes, [(customer_id, day) for day in days], -1)
        removed["events"] += len(rows)
        left = Customer.own_event_count - len(rows)
        session.execute(update(Customer).where(Customer.id == customer_id).values(own_event_count=left))
        return len(rows)

    def _visits(self, customer_id: int, session: Session, removed: Counter[str]) -> int:
        order = (Visit.started_at, Visit.device_id)
        query = select(*order, Visit.entry, Visit.place).where(Visit.customer_id == customer_id)
        rows = session.execute(query.order_by(*order).limit(_A_STEP)).all()
        if rows:
            last = rows[-1].started_at, rows[-1].device_id
            session.execute(delete(Visit).where(Visit.customer_id == customer_id, tuple_(*order) <= last))
            notes = counts.of(session, self._workspace.id)
            for row in rows:  # one by one: two that begin alike are two
                beginnings.note(notes, customer_id, [Beginning(row.started_at, row.entry, row.place)], ())
            removed["visits"] += len(rows)
        return len(rows)

    def _values(self, customer_id: int, session: Session, removed: Counter[str]) -> int:
        key = (AttributeValue.name, AttributeValue.reported_at, AttributeValue.id)
        query = select(*key).where(AttributeValue.customer_id == customer_id).order_by(*key).limit(_A_STEP)
        rows = session.execute(query).all()
        if rows:
            is_done = tuple_(*key) <= tuple(rows[-1])
            session.execute(delete(AttributeValue).where(AttributeValue.customer_id == customer_id, is_done))
            removed["attributes"] += len(rows)
        return len(rows)

    def _counts(self, customer_id: int, session: Session, _: Counter[str]) -> int:
        session.execute(delete(EventCount).where(EventCount.customer_id == customer_id))
        return 0

    def _messages(self, session: Session, _: Counter[str]) -> int:
        key = (BrowserMessage.device_id, BrowserMessage.id)
        some = select(*key).where(BrowserMessage.device_id.in_(self._pending.devices)).limit(_A_STEP)
        done: Any = session.execute(delete(BrowserMessage).where(tuple_(*key).in_(some)))
        return int(done.rowcount)

    def _blot(self) -> None:
        """Take what named an archived person out of the events and visits that stay."""
        blotter = Blotter([*self._pending.texts, *self._pending.shared], self._pending.names)
        for _ in range(_MOST_ROUNDS):
            if not self._blots(blotter):
                return

    def _blots(self, blotter: Blotter) -> int:
        """Go through all of them. Returns how many somebody else has changed meanwhile, which stay as they are."""
        missed = 0
        for customer_id in self._pending.customers:
            for table, key, texts in (
                (Event, (Event.reported_at, Event.id), ("attributes", "context")),
                (Visit, (Visit.started_at, Visit.device_id), ("entry", "exit_page")),
                (KeptVisit, (KeptVisit.started_at, KeptVisit.device_id), ("entry", "exit_page")),
            ):
                for rows in self._parts(table, key, table.customer_id == customer_id, _A_STEP):
                    found = [(row, _blotted(blotter, row, texts)) for row in rows]
                    changes = [(row, new) for row, new in found if new]
                    if changes:
                        missed += len(changes) - self._do(partial(self._write, table, changes))
        return missed

    def _write(self, table: Any, changes: Sequence[Any], session: Session, removed: Counter[str]) -> int:
        notes, number = counts.of(session, self._workspace.id), 0
        for row, new in changes:
            # As it was read: what others have written since isn't lost.
            names = [*(column.key for column in table.__table__.primary_key), *new]
            is_it = [getattr(table, name) == getattr(row, name) for name in names]
            unsynced = {"synchronize_session": False}
            done: Any = session.execute(update(table).where(*is_it).values(**new), execution_options=unsynced)
            number += done.rowcount
            if table is Visit and done.rowcount and "entry" in new:
                before = Beginning(row.started_at, row.entry, row.place)
                beginnings.note(notes, row.customer_id, [before], [before._replace(entry=new["entry"])])
        removed["changed_events" if table is Event else "changed_visits"] += number
        return number

    def _parts(self, table: Any, key: Sequence[Any], where: Any, most: int) -> Iterator[Sequence[Any]]:
        """All rows that meet a condition, some at a time in the order of a key."""
        after: tuple[Any, ...] | None = None
        while True:
            began = time.monotonic()
            query = select(table).where(where) if after is None else select(table).where(where, tuple_(*key) > after)
            with self._database.read() as session:
                rows = session.scalars(query.order_by(*key).limit(most)).all()
            if not rows:
                return
            yield rows
            after = tuple(getattr(rows[-1], column.key) for column in key)
            self._do(self._look)
            time.sleep(min(time.monotonic() - began, _PAUSE))

    def _look(self, _session: Session, _removed: Counter[str]) -> int:
        """Say that this is still worked on."""
        return 0

    def _search(self) -> None:
        """Remove what mentions the person in what was refused, and in answers that are kept for retries."""
        if not self._pending.texts:
            return
        whose = RefusedPayload.workspace_id == self._workspace.id
        for rows in self._parts(RefusedPayload, (RefusedPayload.reason_id, RefusedPayload.slot), whose, _A_LOOK):
            hit = [(row.reason_id, row.slot, row.digest) for row in rows if self._is_mentioned_in(row)]
            if hit:
                self._do(partial(self._forget_refused, hit))
        reasons = RefusedReason.workspace_id == self._workspace.id
        for rows in self._parts(RefusedReason, (RefusedReason.id,), reasons, _A_STEP):
            ids = [row.id for row in rows if self._blotter.finds_in_body(f"{row.words} {row.sample}".encode())]
            if ids:
                self._do(partial(self._silence, ids))
        answers = IdempotencyKey.workspace_id == self._workspace.id
        for rows in self._parts(IdempotencyKey, (IdempotencyKey.key,), answers, _A_STEP):
            keys = [row.key for row in rows if self._is_in_answer(row)]
            if keys:
                self._do(partial(self._forget_answers, keys))
        failures = ImportFailure.workspace_id == self._workspace.id
        for rows in self._parts(ImportFailure, (ImportFailure.import_id, ImportFailure.row), failures, _A_STEP):
            found = [(row.import_id, row.row) for row in rows if self._blotter.finds_in_body(row.reasons.encode())]
            if found:
                self._do(partial(self._silence_failures, found))

    def _is_mentioned_in(self, row: RefusedPayload) -> bool:
        details = orjson.loads(row.details)
        if details.get("customer_id") in self._pending.customers or self._blotter.finds_in(details):
            return True
        return row.body is not None and self._blotter.finds_in_body(row.body)

    def _forget_refused(self, hit: Sequence[tuple[int, int, int]], session: Session, removed: Counter[str]) -> int:
        self._silence(sorted({reason_id for reason_id, *_ in hit}), session, removed)
        key = (RefusedPayload.reason_id, RefusedPayload.slot, RefusedPayload.digest)
        whose = RefusedPayload.workspace_id == self._workspace.id
        done: Any = session.execute(delete(RefusedPayload).where(whose, tuple_(*key).in_(hit)))
        removed["refused"] += done.rowcount
        return len(hit)

    def _silence(self, ids: Sequence[int], session: Session, _: Counter[str]) -> int:
        """Take the values out of the words of reasons."""
        is_one = RefusedReason.workspace_id == self._workspace.id, RefusedReason.id.in_(ids)
        session.execute(select(RefusedReason.id).where(*is_one).order_by(RefusedReason.id).with_for_update()).all()
        session.execute(update(RefusedReason).where(*is_one).values(words="", sample=""))
        return len(ids)

    def _silence_failures(self, found: Sequence[tuple[int, int]], session: Session, _: Counter[str]) -> int:
        """Take the values out of what was told of imported rows; their files go a few days later by themselves."""
        is_one = tuple_(ImportFailure.import_id, ImportFailure.row).in_(found)
        words = json.dumps([[None, "of somebody who was erased"]])
        session.execute(update(ImportFailure).where(is_one).values(reasons=words))
        return len(found)

    def _is_in_answer(self, row: IdempotencyKey) -> bool:
        return self._blotter.finds(row.key) or (row.answer != "[]" and self._blotter.finds_in(json.loads(row.answer)))

    def _forget_answers(self, keys: Sequence[str], session: Session, removed: Counter[str]) -> int:
        is_one = IdempotencyKey.workspace_id == self._workspace.id, IdempotencyKey.key.in_(keys)
        done: Any = session.execute(delete(IdempotencyKey).where(*is_one))
        removed["answers"] += done.rowcount
        return len(keys)

    def _is_back(self) -> bool:
        """Whether a request that was under way has brought the person back: that goes too."""
        with self._database.read() as session:
            workspace = session.get_one(Workspace, self._workspace.id)
        return not workspace.lets_erased_return and bool(self._do(self._again))

    def _again(self, session: Session, removed: Counter[str]) -> int:
        known = [one for one in self._pending.known_by if one.kind in {"system_id", "device_id"}]
        for one in known:
            asked = Asked("erase", identifiers=[Identifier(one.kind, one.value)])
            person = erasures.find_person(session, self._workspace, asked)
            if person is None:
                continue
            found = hiding.hide(session, self._workspace, person.id, removed)
            row = session.get_one(Erasure, self._id)
            fresh = erased.keep(session, self._workspace, found.known_by)
            row.identifiers = json.dumps([*json.loads(row.identifiers), *fresh])
            self._add(row, found)
            return 1
        dids = [one.value for one in known if one.kind == "device_id"]
        bare = hiding.hide_bare(session, self._workspace, dids)
        if bare:
            self._add(session.get_one(Erasure, self._id), Pending(devices=bare))
        return len(bare)

    def _add(self, row: Erasure, found: Pending) -> None:
        self._pending.add(found)
        row.pending = self._pending.to_json()
        self._blotter = Blotter(self._pending.texts, self._pending.names)

    def _end(self, session: Session, removed: Counter[str]) -> int:
        if self._kind == "erase":
            hiding.drop_rest(session, self._workspace.id, self._pending, removed)
        values = {"pending": None, "worker": None, "ended_at": clock.now()}
        session.execute(update(Erasure).where(Erasure.id == self._id).values(**values))
        return 0


def _blotted(blotter: Blotter, row: Any, texts: Sequence[str]) -> dict[str, str]:
    """Those of these texts of a row in which something is found, without it."""
    found = {}
    for name in texts:
        text = getattr(row, name)
        if not text or not blotter.may_find(text):
            continue
        if name == "exit_page":
            new = blotter.without(text)
        else:
            value = orjson.loads(text)
            # As all of that kind are written: others look for what stands in them (webapp/stripping.py).
            written = _attributes if name == "attributes" else _context
            new = written(blotter.without(value, with_names=name == "attributes")) if blotter.finds_in(value) else text
        if new != text:
            found[name] = new
    return found


def _attributes(value: Any) -> str:
    return orjson.dumps(value).decode()


def _context(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)
