"""Reading the audit log: a page of it, newest first, who has done anything, what an entry says.

An entry is found by an index: by its target, its action or who did it, else by its place. What is asked for beside
that is tested along the way, of so many entries at a time. Dates are places too: docs/decisions/0032.
"""

from collections.abc import Sequence
from string import Formatter
from typing import Any, NamedTuple

import orjson
from sqlalchemy import ColumnElement, ScalarSelect, Select, case, func, or_, select, union_all
from sqlalchemy.orm import Session

from webapp import clock, stretches
from webapp.audit import ACTIONS, Kind
from webapp.models import AuditEntry

PAGE_SIZE = 50
MOST_TESTED = 2_000  # entries that are looked at for one page
MOST_ACTORS = 100  # that are suggested
LAST = 2**62  # beyond all ids
# Transactions that overlap get their ids in another order than their times: by no more than this.
_SLACK = clock.MINUTE
Where = Sequence[ColumnElement[bool]]
EVERYWHERE: Where = ()  # also what belongs to no workspace: for the console


class Wanted(NamedTuple):
    """Which entries. `action`: one, or the heading of several; `since` (inclusive), `until` (exclusive): epoch ms."""

    actor: str = ""
    action: str = ""
    target: str = ""
    since: int | None = None
    until: int | None = None

    @property
    def actions(self) -> list[str]:
        """The actions that `action` stands for."""
        of_group = [name for name, one in ACTIONS.items() if one.group.casefold() == self.action.casefold()]
        return of_group or [self.action]


class Part(NamedTuple):
    """Some entries, newest first. `older`: the id below which the next ones are; None where there are none.

    `is_cut`: there may be none, as nobody has looked further yet.
    """

    entries: Sequence[AuditEntry]
    older: int | None
    is_cut: bool = False


class Piece(NamedTuple):
    """A piece of a sentence: words, or what stands for a field of the action (`target`, or the name of a detail)."""

    text: str
    field: str = ""


class Told(NamedTuple):
    """An entry in words, behind who did it. `kind`: what its target is; `details`: all that was noted beside it."""

    row: AuditEntry
    sentence: Sequence[Piece]
    kind: Kind
    details: dict[str, Any]

    @property
    def words(self) -> str:
        """The sentence as plain text."""
        return "".join(one.text for one in self.sentence)


def of_workspace(workspace_id: int) -> Where:
    """The entries of a workspace."""
    return (AuditEntry.workspace_id == workspace_id,)


def find(session: Session, where: Where, wanted: Wanted, below: int = LAST, size: int = PAGE_SIZE) -> Part:
    """The newest entries with an id below some, at most `size`."""
    ways, tests = _conditions(wanted)
    most = MOST_TESTED if tests else size + 1
    within = [*where, *_places(session, where, wanted, below)]
    near = _newest([[*within, *way] for way in ways], most).subquery()
    query = select(AuditEntry).join(near, near.c.id == AuditEntry.id).where(*tests)
    found = session.scalars(query.order_by(AuditEntry.id.desc()).limit(size + 1)).all()
    if len(found) > size:
        return Part(found[:size], found[size - 1].id)
    if tests:
        number, last = session.execute(select(func.count(), func.min(near.c.id)).select_from(near)).one()
        if number == most:
            return Part(found, last, is_cut=True)
    return Part(found, None)


def _conditions(wanted: Wanted) -> tuple[list[list[ColumnElement[bool]]], list[ColumnElement[bool]]]:
    """The ways in which entries are found, each a stretch of an index; and what is tested of those that are."""
    asked: list[list[ColumnElement[bool]]] = []
    if wanted.target:
        asked.append([AuditEntry.target == wanted.target])
    if wanted.action:
        asked.append([AuditEntry.action == one for one in wanted.actions])
    if wanted.actor:
        asked.append([AuditEntry.actor == wanted.actor])
    tests = [or_(*some) for some in asked[1:]]
    if wanted.since is not None:
        tests.append(AuditEntry.at >= wanted.since)
    if wanted.until is not None:
        tests.append(AuditEntry.at < wanted.until)
    return [[one] for one in asked[0]] if asked else [[]], tests


def _newest(ways: list[list[ColumnElement[bool]]], most: int) -> Select[Any]:
    """The ids of the newest entries that are found in any of these ways."""
    newest = [select(AuditEntry.id).where(*way).order_by(AuditEntry.id.desc()).limit(most) for way in ways]
    if len(newest) == 1:
        return newest[0]
    several = union_all(*(select(one.subquery().c.id) for one in newest)).subquery()
    return select(several.c.id).order_by(several.c.id.desc()).limit(most)


def _places(session: Session, where: Where, wanted: Wanted, below: int) -> list[ColumnElement[bool]]:
    """Between which ids entries are looked for."""
    if wanted.until is not None:
        below = min(below, _place(session, where, wanted.until + _SLACK))
    places = [AuditEntry.id < below]
    if wanted.since is not None:
        places.append(AuditEntry.id >= _place(session, where, wanted.since - _SLACK))
    return places


def _place(session: Session, where: Where, moment: int) -> int:
    """The id from which on entries are as new as a moment (epoch ms): found by halving, in one statement."""
    first, last = (
        select(func.coalesce(edge(AuditEntry.id), 0)).where(*where).scalar_subquery() for edge in (func.min, func.max)
    )
    half = select(first.label("low"), (last + 1).label("high")).cte("half", recursive=True)
    low, high = half.c.low, half.c.high
    middle = (low + high) // 2
    is_older = _at(half, where, middle) < moment
    halved = select(case((is_older, middle + 1), else_=low), case((is_older, high), else_=middle))
    half = half.union_all(halved.where(low < high))
    return session.scalar(select(func.max(half.c.low))) or 0


def _at(half: Any, where: Where, id_: ColumnElement[int]) -> ScalarSelect[int]:
    """When the first entry with at least this id was made."""
    query = select(AuditEntry.at).where(*where, AuditEntry.id >= id_).order_by(AuditEntry.id)
    return query.limit(1).correlate(half).scalar_subquery()


def actors(session: Session, workspace_id: int) -> list[str]:
    """The first of those who have done something, by name."""
    return stretches.names(session, AuditEntry.actor, AuditEntry.workspace_id == workspace_id, MOST_ACTORS)


def told(row: AuditEntry) -> Told:
    """An entry in words. An action of another version of this product is told by its bare name."""
    details: dict[str, Any] = orjson.loads(row.details)
    known = ACTIONS.get(row.action)
    if known is None:
        return Told(row, [Piece(f"{row.action} "), Piece(row.target, "target")], "", details)
    fields = {**details, "target": (details.get("name") if known.kind == "key" else None) or row.target or "nothing"}
    sentence = []
    for words, field, *_ in Formatter().parse(known.words):
        sentence.append(Piece(words))
        if field:
            sentence.append(Piece(str(fields.get(field, "…")), field))
    return Told(row, sentence, known.kind, details)
