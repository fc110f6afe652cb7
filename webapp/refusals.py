"""Values that weren't stored because their type isn't their attribute's: what came, and what to do about it."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select, tuple_
from sqlalchemy.orm import Session

from webapp import values
from webapp.models import AttributeType, IgnoredValue
from webapp.registry import CUSTOMER, RESERVED

_MOST = 500
_EPOCH_SECONDS = range(10**8, 10**10)  # 1973 to 2286: what a number instead of a date may mean
_BOOLEANS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


@dataclass(frozen=True, slots=True)
class Refusal:
    """Values of one type that were refused for one attribute. `event_name` is empty for a customer's attribute.

    `sample`: the latest one as JSON, cut short. `last_at`, `fixed_at`: when it came, and when the attribute's type was
    fixed (None: always has been), epoch ms.
    """

    event_name: str
    name: str
    received: str
    expected: str
    sample: str
    count: int
    last_at: int
    fixed_at: int | None

    @property
    def advice(self) -> str:
        """What to do about it, in a sentence."""
        try:
            value = json.loads(self.sample)
        except ValueError:  # cut short
            value = None
        if values.conforms(value, self.expected):
            return f"Send it with the type {self.expected}, not {self.received}."
        wanted = _as_expected(value, self.expected)
        if wanted is not None:
            return f"Send it as a {self.expected}: {wanted}, not {self.sample}."
        return f"Send {values.in_words(self.expected)}, or send this under another name."


@dataclass(frozen=True, slots=True)
class Refusals:
    """What was refused of a person: of attributes by their names, and of events' attributes; the latest first."""

    of_attributes: dict[str, list[Refusal]]
    of_events: list[Refusal]


def of_person(session: Session, workspace_id: int, ids: Sequence[int], as_of: int | None = None) -> Refusals:
    """The values refused for a person's profiles and their events; those of which the last came until `as_of`."""
    query = select(IgnoredValue).where(IgnoredValue.customer_id.in_(ids))
    if as_of is not None:
        query = query.where(IgnoredValue.last_at <= as_of)
    order = (IgnoredValue.last_at.desc(), IgnoredValue.event_name, IgnoredValue.name)
    rows = session.scalars(query.order_by(*order).limit(_MOST)).all()
    fixed = _fixed(session, workspace_id, {(row.event_name, row.name) for row in rows})
    found = Refusals({}, [])
    for one in _joined(rows, fixed):
        if one.event_name == CUSTOMER:
            found.of_attributes.setdefault(one.name, []).append(one)
        else:
            found.of_events.append(one)
    return found


def _fixed(
    session: Session, workspace_id: int, keys: Iterable[tuple[str, str]]
) -> dict[tuple[str, str], tuple[str, int]]:
    """The types of these attributes and when they were fixed, by event name and name."""
    asked = sorted(key for key in keys if key[0] != CUSTOMER or key[1] not in RESERVED)
    if not asked:
        return {}
    key = (AttributeType.event_name, AttributeType.name)
    query = select(*key, AttributeType.type, AttributeType.created_at)
    query = query.where(AttributeType.workspace_id == workspace_id, tuple_(*key).in_(asked))
    return {(event_name, name): (type_, at) for event_name, name, type_, at in session.execute(query)}


def _joined(rows: Iterable[IgnoredValue], fixed: dict[tuple[str, str], tuple[str, int]]) -> Iterable[Refusal]:
    """Several profiles' rows, the latest first, as one for each attribute and type that came.

    What another type was expected of, before somebody changed it, is left out: it says nothing of what to send now.
    """
    parts: dict[tuple[str, str, str], list[IgnoredValue]] = {}
    for row in rows:
        parts.setdefault((row.event_name, row.name, row.received), []).append(row)
    for (event_name, name, received), same in parts.items():
        latest, count = same[0], sum(row.count for row in same)
        type_, at = fixed.get((event_name, name), (latest.expected, None))
        if type_ != latest.expected:
            continue
        yield Refusal(event_name, name, received, latest.expected, latest.sample, count, latest.last_at, at)


def _as_expected(value: Any, expected: str) -> str | None:
    """A refused value as it should have been sent, as JSON; None where nobody can tell."""
    scalar, _, shape = expected.partition(" ")
    if shape == "array" and values.conforms(value, scalar):
        return json.dumps([value], ensure_ascii=False)
    turned = None if shape or isinstance(value, list | dict) else _turned(value, expected)
    return None if turned is None else json.dumps(turned, ensure_ascii=False)


def _turned(value: Any, expected: str) -> Any:
    """A scalar as one of another type that means the same, None where there is none."""
    if value is None:
        return None
    if expected == "string":
        return json.dumps(value)
    if expected == "number" and isinstance(value, str):
        return _number(value)
    if expected == "boolean":
        return _BOOLEANS.get(str(value).strip().casefold())
    return _date(value) if expected == "date" and type(value) is int else None


def _date(number: int) -> str | None:
    """Epoch seconds or milliseconds as a date."""
    seconds = number if number in _EPOCH_SECONDS else number // 1000
    is_likely = seconds in _EPOCH_SECONDS
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if is_likely else None


def _number(text: str) -> float | int | None:
    try:
        found = json.loads(text.replace(",", "").strip())
    except ValueError:
        return None
    is_number = isinstance(found, int | float) and not isinstance(found, bool) and abs(found) < 2**53
    return found if is_number else None
