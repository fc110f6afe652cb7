"""Which customers pass the conditions of a list: some rows at a time, by looking up no more than those need.

A person is a root and its members; values, counts and events lie on any of them. Who can pass a rare condition is known
from an index beforehand: `candidates`.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, func, literal, select
from sqlalchemy.orm import Session

from webapp import attributes, comparing, conditions, lookups, registry, workspaces
from webapp.comparing import Test
from webapp.conditions import Compared, Condition, Did, Having, Seen, Tagged, WrongError
from webapp.models import AttributeValue, Customer, Event, EventCount, Tag, Workspace

MOST_CANDIDATES = 3_000
_AT_ONCE = 500  # customers in one question
# So many events that may have to be read cost what a customer costs.
_EVENTS_A_CUSTOMER = 4


class Row(NamedTuple):
    """What the list knows of a root before it asks further; the fields are those of Customer."""

    id: int
    created_at: int
    first_seen_at: int
    last_seen_at: int
    event_count: int
    name: str | None
    email: str | None
    mobile: str | None


ROW = tuple(getattr(Customer, name) for name in Row._fields)


class Wrong(NamedTuple):
    """A condition as it was written, and why it can't be used."""

    text: str
    why: str


class Tested(NamedTuple):
    """Of the first `number` rows, those that pass; and what that cost, in customers."""

    passed: list[Row]
    number: int
    cost: int


@dataclass(frozen=True, slots=True)
class Read:
    """The texts of a URL as conditions; those that say nothing that can be tested are `wrong`."""

    conditions: tuple[Condition, ...]
    wrong: tuple[Wrong, ...]


@dataclass(frozen=True, slots=True)
class _OfValue:
    """A condition on an attribute. `test` is of its value if it has one; without a test any value will do."""

    name: str
    is_so: bool
    test: Test | None = None
    known: Any = None  # the value itself, where its equals have one number in the index

    def holds(self, value: Any) -> bool:
        return (value is not None and (self.test is None or self.test(value))) == self.is_so


@dataclass(frozen=True, slots=True)
class _OfEvents:
    """A condition on how often an event happened, from (inclusive) until (exclusive), epoch ms."""

    name: str
    times: int
    is_so: bool
    since: int | None
    until: int | None

    def covers(self, row: Row) -> bool:
        """Whether everything that this customer did is in the range."""
        starts = self.since is None or row.first_seen_at >= self.since
        return starts and (self.until is None or row.last_seen_at < self.until)

    def misses(self, row: Row) -> bool:
        """Whether nothing that this customer did is in the range."""
        ended = self.since is not None and row.last_seen_at < self.since
        return ended or (self.until is not None and row.first_seen_at >= self.until)


def read(session: Session, workspace: Workspace, texts: Sequence[str]) -> Read:
    """Read conditions, each once, and hold them against the types of the attributes."""
    found: dict[Condition, str] = {}
    wrong = []
    for text in dict.fromkeys(texts):
        try:
            condition = conditions.parse(text)
            if len(found) == conditions.MOST:
                raise WrongError(f"A list has at most {conditions.MOST} filters")  # noqa: TRY301
        except WrongError as error:
            wrong.append(Wrong(text, str(error)))
        else:
            found.setdefault(condition, text)
    types = _types(session, workspace, found)
    for condition, text in list(found.items()):
        try:
            _prepared(condition, types, workspace)
        except WrongError as error:
            wrong.append(Wrong(text, str(error)))
            del found[condition]
    return Read(tuple(found), tuple(wrong))


def _types(session: Session, workspace: Workspace, some: Iterable[Condition]) -> dict[str, str]:
    """The types of the attributes that these conditions are about, of those that there are."""
    names = {one.attribute for one in some if isinstance(one, Compared | Having)}
    known = dict.fromkeys(registry.RESERVED, "string")
    return known | registry.types_known(session, workspace.id, names - known.keys())


def _prepared(condition: Condition, types: Mapping[str, str], workspace: Workspace) -> _OfValue | _OfEvents | None:
    zone = workspaces.zone(workspace)
    match condition:
        case Compared(attribute, comparison, value):
            type_ = _type(types, attribute)
            test = comparing.test_of(condition, type_, zone)
            known = _known(value, type_) if comparison == "=" else None
            return _OfValue(attribute, comparison != "!=", test, known)
        case Having(attribute, is_so):
            _type(types, attribute)
            return _OfValue(attribute, is_so)
        case Did(event, times, is_so, range_):
            return _OfEvents(event, times, is_so, *range_.bounds(zone))
        case Seen() | Tagged():
            return None


def _type(types: Mapping[str, str], attribute: str) -> str:
    try:
        return types[attribute]
    except KeyError:
        raise WrongError(f"No customer has had an attribute “{attribute}” yet") from None


def _known(text: str, type_: str) -> Any:
    parsers: dict[str, Callable[[str], Any]] = {"string": str, "number": comparing.number, "boolean": comparing.boolean}
    return parsers[type_](text) if type_ in parsers else None


class Matching:
    """The conditions of one list, ready to be tested."""

    def __init__(self, session: Session, workspace: Workspace, some: Sequence[Condition]) -> None:
        self._session, self._workspace = session, workspace
        types = _types(session, workspace, some)
        prepared = [_prepared(one, types, workspace) for one in some]
        self._values = [one for one in prepared if isinstance(one, _OfValue)]
        self._events = [one for one in prepared if isinstance(one, _OfEvents)]
        zone = workspaces.zone(workspace)
        self._seen = [(one.which, *one.range.bounds(zone)) for one in some if isinstance(one, Seen)]
        self._tags = [one for one in some if isinstance(one, Tagged)]

    def candidates(self) -> list[int] | None:
        """The ids of all profiles whose person may pass, where an index tells that they are few; else None."""
        fewest: list[int] | None = None
        for query in self._rare():
            found = list(self._session.scalars(query.limit(MOST_CANDIDATES + 1)))
            if len(found) <= MOST_CANDIDATES and (fewest is None or len(found) < len(fewest)):
                fewest = found
        return fewest

    def _rare(self) -> Iterable[Select[Any]]:
        """Questions for the profiles of which one has to pass, a condition each; as its index has them."""
        workspace_id = self._workspace.id
        for one in self._values:
            if one.is_so and one.known is not None:
                is_it = AttributeValue.lookup == lookups.of(workspace_id, one.name, one.known)
                yield select(AttributeValue.customer_id).where(is_it)
            elif one.is_so:
                stretch = lookups.everything(workspace_id, one.name)
                yield select(AttributeValue.customer_id).where(AttributeValue.lookup.between(*stretch))
        for did in self._events:
            if did.is_so:
                yield select(EventCount.customer_id).where(EventCount.name == did.name)
        for tagged in self._tags:
            if tagged.is_so:
                yield select(Tag.customer_id).where(Tag.workspace_id == workspace_id, Tag.name == tagged.tag)

    def test(self, rows: Sequence[Row], budget: int) -> Tested:
        """Test rows in their order, as many as may be tested within a budget, and one at least."""
        left = [row for row in rows if self._was_seen(row)]
        left = self._with_tags(left)
        left = self._with_values(left)
        left, open_ = self._with_counts(left)
        number = len(rows)
        cost = 0
        if open_:
            number, cost = _cut(rows, open_, budget - len(rows))
            allowed = {row.id for row in rows[:number]}
            left = [row for row in left if row.id in allowed]
            for condition, undecided in open_.items():
                left = self._in_range(condition, left, undecided & allowed)
        return Tested(left, number, number + cost)

    def _was_seen(self, row: Row) -> bool:
        for which, since, until in self._seen:
            at = row.first_seen_at if which == "first" else row.last_seen_at
            if (since is not None and at < since) or (until is not None and at >= until):
                return False
        return True

    def _with_tags(self, rows: list[Row]) -> list[Row]:
        if not self._tags or not rows:
            return rows
        found = _tags(self._session, [row.id for row in rows], {one.tag for one in self._tags})
        return [row for row in rows if all((one.tag in found[row.id]) == one.is_so for one in self._tags)]

    def _with_values(self, rows: list[Row]) -> list[Row]:
        basics = [one for one in self._values if one.name in registry.RESERVED]
        others = [one for one in self._values if one.name not in registry.RESERVED]
        left = [row for row in rows if all(one.holds(getattr(row, one.name)) for one in basics)]
        if not others or not left:
            return left
        values = values_of(self._session, [row.id for row in left], {one.name for one in others})
        return [row for row in left if all(one.holds(values[row.id].get(one.name)) for one in others)]

    def _with_counts(self, rows: list[Row]) -> tuple[list[Row], dict[_OfEvents, set[int]]]:
        """The rows that may pass, and for which of them a condition can be decided by the events themselves only."""
        open_: dict[_OfEvents, set[int]] = defaultdict(set)
        if not self._events or not rows:
            return rows, open_
        counts = _counts(self._session, [row.id for row in rows], {one.name for one in self._events})
        left = []
        for row in rows:
            verdicts = [(one, _decided(one, row, counts[row.id][one.name])) for one in self._events]
            if all(verdict is None or verdict == one.is_so for one, verdict in verdicts):
                left.append(row)
                for one, verdict in verdicts:
                    if verdict is None:
                        open_[one].add(row.id)
        return left, open_

    def _in_range(self, condition: _OfEvents, rows: list[Row], undecided: set[int]) -> list[Row]:
        asked = [row.id for row in rows if row.id in undecided]
        numbers = _numbers(self._session, condition, asked) if asked else {}
        return [
            row
            for row in rows
            if row.id not in undecided or (numbers.get(row.id, 0) >= condition.times) == condition.is_so
        ]


def _decided(condition: _OfEvents, row: Row, count: int) -> bool | None:
    """Whether an event happened as often as that, from how often it ever happened; None where that doesn't tell."""
    if count < condition.times or condition.misses(row):
        return False
    return True if condition.covers(row) else None


def _cut(rows: Sequence[Row], open_: Mapping[_OfEvents, set[int]], budget: int) -> tuple[int, int]:
    """How many rows can be decided within a budget, and the cost of reading the events of those."""
    spent = 0
    for place, row in enumerate(rows):
        cost = sum(row.id in ids for ids in open_.values()) * row.event_count // _EVENTS_A_CUSTOMER
        if place > 0 and spent + cost > budget:
            return place, spent
        spent += cost
    return len(rows), spent


def _profiles(session: Session, roots: Sequence[int]) -> dict[int, int]:
    """The root of every profile of the persons with these roots."""
    query = select(Customer.id, Customer.root_id).where(Customer.root_id.in_(roots))
    return {root: root for root in roots} | {id_: root for id_, root in session.execute(query) if root is not None}


def values_of(session: Session, roots: Sequence[int], names: Iterable[str]) -> Mapping[int, Mapping[str, Any]]:
    """The present values of some attributes of the persons with these roots, by root and name."""
    profiles, value = _profiles(session, roots), AttributeValue
    query = select(value.customer_id, value.name, value.value, value.id, value.until_at, value.received_at).where(
        value.customer_id.in_(list(profiles)), value.name.in_(sorted(names)), value.is_current
    )
    found: dict[int, dict[str, attributes.Ranked]] = defaultdict(dict)
    for row in session.execute(query):
        one, theirs = attributes.Ranked(*row[1:]), found[profiles[row[0]]]
        if one.name not in theirs or attributes.rank(one) > attributes.rank(theirs[one.name]):
            theirs[one.name] = one
    plain = {root: {name: json.loads(one.value) for name, one in theirs.items()} for root, theirs in found.items()}
    return defaultdict(dict, plain)


def _tags(session: Session, roots: Sequence[int], names: set[str]) -> Mapping[int, set[str]]:
    """Which of these tags are on the persons with these roots."""
    profiles = _profiles(session, roots)
    query = select(Tag.customer_id, Tag.name).where(Tag.customer_id.in_(list(profiles)), Tag.name.in_(sorted(names)))
    found: dict[int, set[str]] = defaultdict(set)
    for id_, name in session.execute(query):
        found[profiles[id_]].add(name)
    return found


def _counts(session: Session, roots: Sequence[int], names: set[str]) -> Mapping[int, Mapping[str, int]]:
    """How often each of these events happened to the persons with these roots."""
    profiles = _profiles(session, roots)
    query = select(EventCount.customer_id, EventCount.name, EventCount.count).where(
        EventCount.customer_id.in_(list(profiles)), EventCount.name.in_(sorted(names))
    )
    found: dict[int, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for id_, name, count in session.execute(query):
        found[profiles[id_]][name] += count
    return found


def _numbers(session: Session, condition: _OfEvents, roots: Sequence[int]) -> dict[int, int]:
    """How often an event happened in a range to the persons with these roots; of each profile up to `times`."""
    profiles = _profiles(session, roots)
    where = [Event.customer_id == Customer.id, Event.name == condition.name]
    if condition.since is not None:
        where.append(Event.reported_at >= condition.since)
    if condition.until is not None:
        where.append(Event.reported_at < condition.until)
    some = select(literal(1)).where(*where).limit(condition.times).correlate(Customer).subquery()
    number = select(func.count()).select_from(some).scalar_subquery()
    found: dict[int, int] = defaultdict(int)
    for id_, count in session.execute(select(Customer.id, number).where(Customer.id.in_(list(profiles)))):
        found[profiles[id_]] += count
    return found


def rows_of(session: Session, ids: Sequence[int], where: ColumnElement[bool]) -> list[Row]:
    """The rows of the persons that these profiles belong to, each once, where their roots are such."""
    roots: set[int] = set()
    found: dict[int, Row] = {}
    for begin in range(0, len(ids), _AT_ONCE):
        root = func.coalesce(Customer.root_id, Customer.id)
        some = select(root).where(Customer.id.in_(ids[begin : begin + _AT_ONCE]))
        roots.update(session.scalars(some))
    wanted = sorted(roots)
    for begin in range(0, len(wanted), _AT_ONCE):
        query = select(*ROW).where(Customer.id.in_(wanted[begin : begin + _AT_ONCE]), where)
        found.update((row[0], Row._make(row)) for row in session.execute(query))
    return list(found.values())
