"""The list of customers: whom it shows, in which order, page by page, and how many they are.

Every page is bounded work. Who can pass is either known from an index beforehand, or the list is walked in its order,
some rows at a time, until the page is full or so many have been looked at that it says so and offers to look further.
"""

import heapq
import operator
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, Literal, NamedTuple

from sqlalchemy import ColumnElement, Select, and_, case, func, or_, select, tuple_
from sqlalchemy.orm import Session

from webapp import customers, matching, stretches, workspaces
from webapp.conditions import Condition, Seen
from webapp.cursors import Cursor
from webapp.customers import Wanted
from webapp.happenings import ROW, Row
from webapp.matching import Matching
from webapp.models import Customer, Workspace

PAGE_SIZE = 50
MOST_COUNTED = 10_000  # one by one, where nothing has to be tested
MOST_LOOKED_AT = 3_000  # customers for one page
_MOST_TESTED = 3_000  # customers, to count those who pass
_LARGEST_SAMPLE = 1_000  # customers
_ENOUGH_FOUND, _FEWEST_FOUND = 60, 15  # of a sample, to tell how many there are about
_FIRST_CHUNK, _LARGEST_CHUNK = 100, 500

Sort = Literal["last_seen", "created"]
CountKind = Literal["exact", "about", "more"]


class Order(NamedTuple):
    """By what the list is sorted, and from which end."""

    sort: Sort = "last_seen"
    is_oldest_first: bool = False


class Beside(NamedTuple):
    """Where a page of the list begins: at most one of these is given."""

    older_than: Cursor | None = None
    newer_than: Cursor | None = None


class Count(NamedTuple):
    """How many customers there are: exactly, about, or more than that."""

    number: int
    kind: CountKind


class Looked(NamedTuple):
    """A page ended before it was full: after so many customers, the last of them seen or created then (epoch ms).

    `onward`: where to look further.
    """

    number: int
    at: int
    onward: Beside


class Page(NamedTuple):
    """Some rows of the list in order, with the cursors of the neighbouring pages where there are such."""

    rows: Sequence[Customer]
    newer: Cursor | None
    older: Cursor | None
    looked: Looked | None


class Walked(NamedTuple):
    """Who was found on a way along the list, after so many rows, and whether the list ended there.

    `last`: where the next part of the way begins; None where nobody was met.
    """

    found: list[Row]
    number: int
    last: Cursor | None
    is_over: bool


class Roster:
    """One list, ready to be read in a session. `wanted` and all conditions hold for who is in it."""

    def __init__(
        self,
        session: Session,
        workspace: Workspace,
        wanted: Wanted,
        some: Sequence[Condition] = (),
        sort: Sort = "last_seen",
    ) -> None:
        self._session, self._workspace, self._wanted = session, workspace, wanted
        self._at = Customer.last_seen_at if sort == "last_seen" else Customer.created_at
        bounds, left = _bounds(workspace, some, sort)
        self._within = [self._at >= bounds[0]] if bounds[0] is not None else []
        self._within += [self._at < bounds[1]] if bounds[1] is not None else []
        self._is_tested = bool(left)
        self._matching = Matching(session, workspace, left)
        few = self._matching.candidates() if left else None
        self._everybody: int | None = None  # where a page has shown them all
        self._few = None if few is None else matching.rows_of(session, few, self._is_shown())

    def _is_shown(self) -> ColumnElement[bool]:
        """Whether a customer that is known by its id is in the list, before anything is tested."""
        kinds = customers.kinds(self._workspace.id, self._wanted)
        is_so = and_(or_(*(and_(*kind) for kind in kinds)), *self._within)
        # Within a CASE, lest SQLite goes through the indexes of the list instead of looking at a few ids.
        return case((is_so, 1), else_=0) == 1

    def page(self, order: Order, beside: Beside, size: int | None = None) -> Page:
        """One page. Rows don't shift when others arrive."""
        size = size or PAGE_SIZE
        to_older = beside.older_than is not None or (beside.newer_than is None and not order.is_oldest_first)
        start = beside.older_than if beside.newer_than is None else beside.newer_than
        way = self._walk(start, size + 1, MOST_LOOKED_AT, to_older=to_older)
        found = way.found[:size]
        if start is None and way.is_over and len(way.found) <= size:
            self._everybody = len(found)
        far: Cursor | None = None
        looked: Looked | None = None
        if len(way.found) > size:
            far = self._cursor(found[-1])
        elif not way.is_over and way.last is not None:
            far = way.last
            looked = Looked(way.number, far.at, Beside(far) if to_older else Beside(newer_than=far))
        near = start and (self._cursor(found[0]) if found else _behind(start, to_older=to_older))
        newer, older = (near, far) if to_older else (far, near)
        rows = self.people(found)
        if to_older == order.is_oldest_first:
            rows.reverse()
        return Page(rows, newer, older, looked)

    def part(self, after: Cursor | None, number: int) -> Walked:
        """The next so many customers, or fewer after looking at many, from the newest to the oldest."""
        return self._walk(after, number, 4 * number, to_older=True)

    def count(self, known: int = 0) -> Count:
        """How many there are: counted where that is quick, else told from a sample. `known`: so many have been seen."""
        if self._everybody is not None:
            return Count(self._everybody, "exact")
        most = _MOST_TESTED if self._is_tested else MOST_COUNTED
        there = self._count_stretch(most + 1) if self._few is None else len(self._few)
        if self._few is not None or (self._is_tested and there <= most):
            way = self._walk(None, None, 2 * matching.MOST_CANDIDATES, to_older=True)
            counted, is_exact = len(way.found), way.is_over
        elif not self._is_tested:
            counted, is_exact = min(there, most), there <= most
        else:
            counted, is_exact = known, False
        if is_exact:
            return Count(counted, "exact")
        about = self._sampled()
        return Count(counted, "more") if about is None or about <= counted else Count(_rounded(about), "about")

    def _count_stretch(self, most: int) -> int:
        if not self._within:
            return customers.count(self._session, self._workspace.id, self._wanted, most)
        rows = stretches.first(self._parts(self._at, *ROW[:1]), (self._at.key, "id"), most, newest=True).subquery()
        return self._session.scalar(select(func.count()).select_from(rows)) or 0

    def _sampled(self) -> float | None:
        """How many there are about, by customers from everywhere; None where they are too few to tell."""
        ids, number = customers.spread(self._session, _LARGEST_SAMPLE)
        found, asked, budget = 0, 0, 2 * _LARGEST_SAMPLE
        while asked < len(ids) and found < _ENOUGH_FOUND and budget > 0:
            some = ids[asked : asked + _LARGEST_CHUNK // 2]
            query = select(*ROW).where(Customer.id.in_(some), self._is_shown())
            rows = {row[0]: Row._make(row) for row in self._session.execute(query)}
            there = [rows[id_] for id_ in some if id_ in rows]
            tested = self._matching.test(there, budget)
            found += len(tested.passed)
            budget -= len(some) + tested.cost - tested.number
            asked += len(some) if tested.number == len(there) else some.index(there[tested.number].id)
        return found / asked * number if found >= _FEWEST_FOUND else None

    def _walk(self, start: Cursor | None, most: int | None, budget: int, *, to_older: bool) -> Walked:
        """Go along the list from a place on until `most` are found or the budget is spent."""
        size = _FIRST_CHUNK if self._is_tested or most is None else most
        way = self._way(start, size, to_older=to_older)
        found: list[Row] = []
        number, spent, last = 0, 0, start
        while most is None or len(found) < most:
            rows = list(islice(way, size))
            tested = self._matching.test(rows, budget - spent)
            found += tested.passed
            number, spent = number + tested.number, spent + tested.cost
            if tested.number:
                last = self._cursor(rows[tested.number - 1])
            if len(rows) < size and tested.number == len(rows) and (most is None or len(found) <= most):
                return Walked(found, number, last, is_over=True)
            if spent >= budget or tested.number < len(rows):
                break
            size = min(2 * size, _LARGEST_CHUNK)
        if most is not None and len(found) >= most:
            found = found[:most]
            last = self._cursor(found[-1])
        return Walked(found, number, last, is_over=False)

    def _way(self, start: Cursor | None, size: int, *, to_older: bool) -> Iterator[Row]:
        """The rows of the list from a place on, in its order; `size`: of the first part that is read."""
        if self._few is not None:
            few = sorted(self._few, key=self._key, reverse=to_older)
            is_beyond = operator.lt if to_older else operator.gt
            return (one for one in few if start is None or is_beyond(self._key(one), start.key))
        parts = [self._stretch(part, start, size, to_older=to_older) for part in self._parts(*ROW)]
        return heapq.merge(*parts, key=self._key, reverse=to_older)

    def _stretch(self, part: Select[Any], start: Cursor | None, size: int, *, to_older: bool) -> Iterator[Row]:
        """The rows of one kind, read some at a time along its index."""
        place, order = tuple_(self._at, Customer.id), (self._at, Customer.id)
        part = part.order_by(*(column.desc() if to_older else column for column in order))
        after, is_over = start, False
        while not is_over:
            beside = [] if after is None else [place < after.key if to_older else place > after.key]
            rows = [Row._make(row) for row in self._session.execute(part.where(*beside).limit(size))]
            yield from rows
            is_over = len(rows) < size
            after = None if is_over else self._cursor(rows[-1])
            size = min(2 * size, _LARGEST_CHUNK)

    def _parts(self, *columns: Any) -> list[Select[Any]]:
        kinds = customers.kinds(self._workspace.id, self._wanted)
        return [select(*columns).where(*kind, *self._within) for kind in kinds]

    def _key(self, row: Row) -> tuple[int, int]:
        return getattr(row, self._at.key), row.id

    def _cursor(self, row: Row) -> Cursor:
        return Cursor(*self._key(row))

    def people(self, rows: Sequence[Row]) -> list[Customer]:
        """The customers of these rows, in their order."""
        query = select(Customer).where(Customer.id.in_([row.id for row in rows]))
        found = {one.id: one for one in self._session.scalars(query)} if rows else {}
        return [found[row.id] for row in rows if row.id in found]


def _bounds(
    workspace: Workspace, some: Sequence[Condition], sort: Sort
) -> tuple[tuple[int | None, int | None], list[Condition]]:
    """The stretch of the order in which all must lie, and the conditions that aren't told by it."""
    zone = workspaces.zone(workspace)
    since: list[int] = []
    until: list[int] = []
    left: list[Condition] = []
    for one in some:
        is_of_creation = isinstance(one, Seen) and one.which == "created"
        if isinstance(one, Seen) and is_of_creation == (sort == "created"):
            first, end = one.range.bounds(zone)
            since += [] if first is None else [first]  # nobody was last seen before they were first seen
            if one.which != "first":
                until += [] if end is None else [end]
                continue
        left.append(one)
    return (max(since, default=None), min(until, default=None)), left


def _behind(start: Cursor, *, to_older: bool) -> Cursor:
    """From where the way back begins, so that it meets whoever stands at the start itself."""
    return Cursor(start.at, start.id - 1 if to_older else start.id + 1)


def _rounded(number: float) -> int:
    """To two digits, as `about` promises no more."""
    digits = len(str(int(number))) - 2
    return int(round(number, -digits)) if digits > 0 else round(number)
