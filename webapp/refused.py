"""What was refused and ignored, by reason: looking at it, dropping it, and how much there is in an hour."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, case, delete, func, select, update
from sqlalchemy.orm import Session

from webapp import clock, inbox, remedies, values
from webapp.cursors import Cursor
from webapp.models import (
    ApiKey,
    AttributeType,
    Customer,
    IgnoredValue,
    RefusedHour,
    RefusedPayload,
    RefusedReason,
    Workspace,
)
from webapp.reasons import IGNORED, Kind
from webapp.refusals import Refusal
from webapp.registry import CUSTOMER, RESERVED

PAGE_SIZE = 50
MOST_KEPT = inbox.MOST_KEPT
_LARGEST_TREE = 20_000  # bytes
LIFETIME = 30 * clock.DAY  # of what nobody has dismissed, after it was last seen
_DEEPEST = 17  # levels
MOST_REASONS = 5_000  # of a workspace
_MOST_FORGOTTEN = 10_000  # at a time, once a minute


class NotFoundError(LookupError):
    """There is no such reason in this workspace."""


class Filter(NamedTuple):
    """Which reasons: of one kind, endpoint, key (its public id) or place, where one is given."""

    kind: Kind | None = None
    endpoint: str = ""
    key: str = ""
    place: str = ""

    def conditions(self) -> list[ColumnElement[bool]]:
        """As SQL, with ApiKey joined."""
        asked = (
            (self.kind, RefusedReason.kind),
            (self.endpoint, RefusedReason.endpoint),
            (self.key, ApiKey.public_id),
            (self.place, RefusedReason.place),
        )
        return [column == text for text, column in asked if text]


@dataclass(frozen=True, slots=True)
class Group:
    """All that was refused or ignored for one reason. `key`: the name of its API key."""

    row: RefusedReason
    key: str | None
    fixed_at: int | None = None

    @property
    def is_value(self) -> bool:
        """Whether these are ignored values, not requests."""
        return self.row.kind == "ignored"

    @property
    def advice(self) -> str:
        """What to do about it, in a sentence."""
        row = self.row
        if self.is_value or (row.sample and row.expected in values.SCALARS):
            sample = (row.event_name, row.place, row.received, row.expected, row.sample, row.count, row.last_at)
            return Refusal(*sample, self.fixed_at).advice
        return remedies.of(row.code)

    @property
    def can_be_replayed(self) -> bool:
        """Whether what is kept can be sent again. Values of events can't: their event would come a second time."""
        return not self.is_value or self.row.event_name == CUSTOMER

    @property
    def cursor(self) -> Cursor:
        """Its place in the list."""
        return Cursor(self.row.last_at, self.row.id)


@dataclass(frozen=True, slots=True)
class Sample:
    """Something that is kept. `details`, `received_at` and the others are those of RefusedPayload.

    `customer`: whom it is about, if that one is known.
    """

    row: RefusedPayload
    details: dict[str, Any]
    customer: Customer | None = None

    @property
    def value(self) -> Any:
        """What it says: the JSON of a body, or the ignored value. Raises ValueError where it is no JSON."""
        if self.row.body is None:
            return self.details["value"]
        try:
            return json.loads(self.row.body)
        except RecursionError:
            raise ValueError from None

    @property
    def tree(self) -> Any:
        """What it says, to be shown as a tree; None where it is no object or array, or more than a page takes."""
        try:
            found = self.value if self.row.size <= _LARGEST_TREE else None
            is_shown = isinstance(found, dict | list) and not _is_deep(found) and _is_text(found)
        except ValueError:
            return None
        return found if is_shown else None

    @property
    def text(self) -> str:
        """As it came, or the ignored value as JSON."""
        if self.row.body is None:
            return json.dumps(self.details["value"], ensure_ascii=False)
        return self.row.body.decode("utf-8", "backslashreplace").replace("\x00", "\\x00")

    @property
    def faults(self) -> list[dict[str, Any]]:
        """The faults that it was refused for."""
        found: list[dict[str, Any]] = self.details.get("faults", [])
        return found


def _is_deep(value: Any) -> bool:
    """Whether a value is nested deeper than anything that is stored."""
    level = [value]
    for _ in range(_DEEPEST):
        level = [part for one in level if isinstance(one, dict | list) for part in _parts(one)]
    return bool(level)


def _parts(value: dict[str, Any] | list[Any]) -> Iterable[Any]:
    return value.values() if isinstance(value, dict) else value


def _is_text(value: Any) -> bool:
    """Whether a page can show it: there are no halves of surrogate pairs in it. Raises ValueError."""
    return bool(json.dumps(value, ensure_ascii=False).encode())


def find(session: Session, workspace: Workspace, wanted: Filter, older_than: Cursor | None) -> list[Group]:
    """The reasons that pass a filter, seen last first: one more than PAGE_SIZE where there are more."""
    if any("\x00" in str(text) for text in wanted):  # PostgreSQL can't even be asked
        return []
    order = RefusedReason.last_at, RefusedReason.id
    where = [RefusedReason.workspace_id == workspace.id, *wanted.conditions()]
    if older_than is not None:
        where.append((order[0] < older_than.at) | ((order[0] == older_than.at) & (order[1] < older_than.id)))
    query = select(RefusedReason, ApiKey.name).outerjoin(ApiKey, ApiKey.id == RefusedReason.key_id).where(*where)
    rows = session.execute(query.order_by(*(one.desc() for one in order)).limit(PAGE_SIZE + 1)).all()
    return [Group(row, key) for row, key in rows]


def in_words(row: RefusedReason) -> str:
    """A reason in a line."""
    if row.kind == "refused":
        return f"{row.place} {row.words or row.code}".strip()
    of_event = f" of the event “{row.event_name}”" if row.event_name else ""
    return f"{row.place}{of_event}: expected is {row.expected}, not {row.received}"


def endpoints(session: Session, workspace_id: int) -> Sequence[str]:
    """The endpoints that have refused or ignored something."""
    query = select(RefusedReason.endpoint).where(RefusedReason.workspace_id == workspace_id).distinct()
    return session.scalars(query.order_by(RefusedReason.endpoint)).all()


def get(session: Session, workspace_id: int, text: str) -> Group:
    """The one with this id, with when its attribute's type was fixed. Raises NotFoundError, for a stranger's too."""
    reason_id = int(text) if text.isdecimal() and text.isascii() and len(text) < 20 else -1
    query = select(RefusedReason, ApiKey.name).outerjoin(ApiKey, ApiKey.id == RefusedReason.key_id)
    is_it = RefusedReason.workspace_id == workspace_id, RefusedReason.id == min(reason_id, 2**63 - 1)
    found = session.execute(query.where(*is_it)).one_or_none()
    if found is None:
        raise NotFoundError(text)
    row, key = found
    return Group(row, key, _fixed_at(session, row))


def _fixed_at(session: Session, row: RefusedReason) -> int | None:
    if row.code != IGNORED or (row.event_name == CUSTOMER and row.place in RESERVED):
        return None
    type_ = session.get(AttributeType, (row.workspace_id, row.event_name, row.place))
    return None if type_ is None else type_.created_at


def samples(session: Session, group: Group) -> list[Sample]:
    """What is kept of a group, the newest first, each with its customer."""
    key = RefusedPayload.workspace_id == group.row.workspace_id, RefusedPayload.reason_id == group.row.id
    rows = session.scalars(select(RefusedPayload).where(*key)).all()
    found = [
        Sample(row, json.loads(row.details)) for row in sorted(rows, key=lambda row: row.received_at, reverse=True)
    ]
    ids = [system_id(one) for one in found]
    people = _people(session, group.row.workspace_id, ids)
    return [Sample(one.row, one.details, people.get(id_)) for one, id_ in zip(found, ids, strict=True)]


def system_id(sample: Sample) -> str:
    """The System ID that it is about, as far as that can be read; else empty."""
    if sample.row.body is None:
        told = sample.details["who"]
    else:
        try:
            told = sample.value
        except ValueError:
            return ""
        told = told if isinstance(told, dict) else {}
    found = next((told[name] for name in ("id", "customerId", "clientCustomerId") if name in told), "")
    return found.strip() if isinstance(found, str) and "\x00" not in found and found.isprintable() else ""


def _people(session: Session, workspace_id: int, system_ids: Sequence[str]) -> dict[str, Customer]:
    asked = sorted({one for one in system_ids if one})
    query = select(Customer).where(Customer.workspace_id == workspace_id, Customer.system_id.in_(asked))
    return {str(one.system_id): one for one in session.scalars(query)} if asked else {}


def take(session: Session, sample: RefusedPayload) -> bool:
    """Remove something, because it is stored in the same transaction.

    Returns False where somebody else has taken it: then the transaction must not be committed.
    """
    # The reason first, as everybody does.
    reason = RefusedReason.workspace_id == sample.workspace_id, RefusedReason.id == sample.reason_id
    session.execute(update(RefusedReason).where(*reason).values(replayed_count=RefusedReason.replayed_count + 1))
    done: Any = session.execute(delete(RefusedPayload).where(*_is(sample)))
    return bool(done.rowcount)


def note_try(session: Session, sample: RefusedPayload) -> None:
    """Count that it was sent again in vain."""
    tried = {"tries": RefusedPayload.tries + 1, "tried_at": clock.now()}
    session.execute(update(RefusedPayload).where(*_is(sample)).values(tried))


def _is(sample: RefusedPayload) -> list[ColumnElement[bool]]:
    names = ("workspace_id", "reason_id", "slot", "digest")
    return [getattr(RefusedPayload, name) == getattr(sample, name) for name in names]


def unmark(session: Session, customer_id: int, group: RefusedReason) -> None:
    """Take one value off the mark on a profile, now that it is stored."""
    key = (customer_id, group.event_name, group.place, group.received)
    columns = (IgnoredValue.customer_id, IgnoredValue.event_name, IgnoredValue.name, IgnoredValue.received)
    is_its = [column == part for column, part in zip(columns, key, strict=True)]
    fewer = case((IgnoredValue.count > 0, IgnoredValue.count - 1), else_=0)
    session.execute(update(IgnoredValue).where(*is_its).values(count=fewer))
    session.execute(delete(IgnoredValue).where(*is_its, IgnoredValue.count == 0))


def dismiss(session: Session, workspace_id: int, reason_id: str) -> None:
    """Drop a reason with all that is kept of it. Raises NotFoundError."""
    _drop(session, workspace_id, [get(session, workspace_id, reason_id).row.id])


def drop_payloads(session: Session, workspace_id: int) -> None:
    """Drop what is kept of a workspace, with the values in its words; the counts stay."""
    session.execute(update(RefusedReason).where(RefusedReason.workspace_id == workspace_id).values(words="", sample=""))
    session.execute(delete(RefusedPayload).where(RefusedPayload.workspace_id == workspace_id))


def forget_old(session: Session, workspace_id: int) -> None:
    """Drop what is older than LIFETIME, and reasons past MOST_REASONS: some, so that nobody waits for it long."""
    until = clock.now() - LIFETIME
    whose, at = RefusedPayload.workspace_id == workspace_id, RefusedPayload.received_at
    edge = session.scalar(select(at).where(whose).order_by(at).offset(_MOST_FORGOTTEN).limit(1))
    session.execute(delete(RefusedPayload).where(whose, at < (until if edge is None else min(until, edge))))
    is_its, order = RefusedReason.workspace_id == workspace_id, (RefusedReason.last_at, RefusedReason.id)
    latest = select(RefusedReason.last_at).where(is_its).order_by(*(one.desc() for one in order))
    first = session.scalar(latest.offset(MOST_REASONS).limit(1)) or 0  # of those that are too many
    query = select(RefusedReason.id).where(is_its, RefusedReason.last_at < max(until, first + 1)).order_by(*order)
    _drop(session, workspace_id, session.scalars(query.limit(_MOST_FORGOTTEN)).all())
    for kind in ("refused", "ignored"):
        is_kind = RefusedHour.workspace_id == workspace_id, RefusedHour.kind == kind
        session.execute(delete(RefusedHour).where(*is_kind, RefusedHour.hour < until // clock.HOUR))


def _drop(session: Session, workspace_id: int, ids: Sequence[int]) -> None:
    if not ids:
        return
    # The reasons first, as everybody does: what is written for one meanwhile would be left without it.
    held = RefusedReason.workspace_id == workspace_id, RefusedReason.id.in_(ids)
    session.execute(select(RefusedReason.id).where(*held).order_by(RefusedReason.id).with_for_update()).all()
    for column in (RefusedPayload.reason_id, RefusedReason.id):
        whose = column.class_.workspace_id == workspace_id
        session.execute(delete(column.class_).where(whose, column.in_(ids)))


def by_hour(session: Session, workspace_id: int, since: int, kind: Kind = "refused") -> dict[int, int]:
    """How much was refused in each hour from a moment on: the hour's beginning → number. Times are epoch ms."""
    query = select(RefusedHour.hour, func.sum(RefusedHour.count)).group_by(RefusedHour.hour).order_by(RefusedHour.hour)
    hours = RefusedHour.workspace_id == workspace_id, RefusedHour.kind == kind, RefusedHour.hour >= since // clock.HOUR
    return {hour * clock.HOUR: int(number) for hour, number in session.execute(query.where(*hours))}
