"""Which customers pass the conditions of a list: some rows at a time, by looking up no more than those need.

A person is a root and its members; values, counts and events lie on any of them. Who can pass a rare condition is known
from an index beforehand: `candidates`.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.orm import Session

from webapp import attributes, comparing, conditions, contacts, conversions, lookups, registry, type_changes, workspaces
from webapp.comparing import Test
from webapp.conditions import Compared, Condition, Did, Having, Seen, Tagged, Visited, WrongError
from webapp.happenings import ROW, InRange, OfEvents, OfVisits, Row
from webapp.models import AttributeValue, Customer, EventCount, Tag, Workspace

MOST_CANDIDATES = 3_000
_AT_ONCE = 500  # customers in one question
_MOST_READ = conditions.MOST + 10
# So many events that may have to be read cost what a customer costs.
_EVENTS_A_CUSTOMER = 4


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


def read(session: Session, workspace: Workspace, texts: Sequence[str], *, is_masked: bool = False) -> Read:
    """Read conditions, each once, and hold them against the types of the attributes.

    `is_masked`: and against what somebody may ask who doesn't see e-mail and mobile. Of more than can be used some are
    told; a page has links with all of them in each, and an address any number.
    """
    found: dict[Condition, str] = {}
    wrong = []
    for text in list(dict.fromkeys(text[: conditions.LONGEST + 1] for text in texts))[:_MOST_READ]:
        try:
            condition = conditions.parse(text)
            if is_masked:
                contacts.check(condition)
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


def _prepared(
    condition: Condition, types: Mapping[str, str], workspace: Workspace
) -> _OfValue | OfEvents | OfVisits | None:
    zone = workspaces.zone(workspace)
    match condition:
        case Compared(attribute, comparison, value):
            type_ = _type(types, attribute)
            test = _made(comparing.test_of(condition, type_, zone), type_, zone)
            known = _known(value, type_) if comparison == "=" else None
            return _OfValue(attribute, comparison != "!=", test, known)
        case Having(attribute, is_so):
            _type(types, attribute)
            return _OfValue(attribute, is_so)
        case Did(event, times, is_so, range_):
            return OfEvents(event, times, is_so, *range_.bounds(zone))
        case Visited(way, name, range_):
            return OfVisits(way, name, *range_.bounds(zone))
        case Seen() | Tagged():
            return None


# Of which Python types values are that are of an attribute type.
_KINDS: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "number": (int, float),
    "boolean": (bool,),
    "date": (),  # a text can be one that isn't stored as dates are
}


def _made(test: Test, type_: str, zone: tzinfo) -> Test:
    """Tests a value of another type, which a change of the type hasn't come to yet, as what will be made of it."""
    kinds = _KINDS[type_]

    def tested(value: Any) -> bool:
        if type(value) not in kinds:
            value = conversions.turned(value, type_, zone)
        return value is not None and test(value)

    return tested


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
        self._events = [one for one in prepared if isinstance(one, OfEvents)]
        self._visits = [one for one in prepared if isinstance(one, OfVisits)]
        zone = workspaces.zone(workspace)
        self._seen = [(one.which, *one.range.bounds(zone)) for one in some if isinstance(one, Seen)]
        self._members: dict[int, list[int]] = {}  # the profiles of each person that was tested, by root
        self._tags = [one for one in some if isinstance(one, Tagged)]

    def candidates(self) -> list[int] | None:
        """The ids of all profiles whose person may pass, where an index tells that they are few; else None."""
        fewest: Select[Any] | None = None
        least = MOST_CANDIDATES + 1
        for query in self._rare():
            some = query.limit(least).subquery()
            number = self._session.scalar(select(func.count()).select_from(some)) or 0
            if number < least:
                fewest, least = query, number
        return None if fewest is None else list(self._session.scalars(fewest))

    def _rare(self) -> Iterable[Select[Any]]:
        """Questions for the profiles of which one has to pass, a condition each; as its index has them."""
        workspace_id = self._workspace.id
        known = {one.name for one in self._values if one.is_so and one.known is not None}
        # While values follow the type of their attribute, equal ones have different numbers.
        mixed = type_changes.under_way(self._session, workspace_id, known) if known else set()
        for one in self._values:
            if one.is_so and one.known is not None and one.name not in mixed:
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
        left = [row for row in left if not any(one.misses(row) for one in self._visits)]
        left, open_ = self._with_counts(left)
        if left:
            open_ |= {one: {row.id for row in left} for one in self._visits}
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
            at = {"first": row.first_seen_at, "last": row.last_seen_at, "created": row.created_at}[which]
            if (since is not None and at < since) or (until is not None and at >= until):
                return False
        return True

    def _with_tags(self, rows: list[Row]) -> list[Row]:
        if not self._tags or not rows:
            return rows
        found = _tags(self._session, self._profiles(rows), {one.tag for one in self._tags})
        return [row for row in rows if all((one.tag in found[row.id]) == one.is_so for one in self._tags)]

    def _with_values(self, rows: list[Row]) -> list[Row]:
        basics = [one for one in self._values if one.name in registry.RESERVED]
        others = [one for one in self._values if one.name not in registry.RESERVED]
        left = [row for row in rows if all(one.holds(getattr(row, one.name)) for one in basics)]
        # One after the other, those first that few pass: each has to be looked up only of whom the others have left.
        for one in sorted(others, key=_passed_by_many):
            values = _values(self._session, self._profiles(left), {one.name}) if left else {}
            left = [row for row in left if one.holds(values[row.id].get(one.name))]
        return left

    def _with_counts(self, rows: list[Row]) -> tuple[list[Row], dict[InRange, set[int]]]:
        """The rows that may pass, and for which of them a condition can be decided by what they did only."""
        open_: dict[InRange, set[int]] = defaultdict(set)
        if not self._events or not rows:
            return rows, open_
        counts = _counts(self._session, self._profiles(rows), {one.name for one in self._events})
        left = []
        for row in rows:
            verdicts = [(one, one.decided(row, counts[row.id][one.name])) for one in self._events]
            if all(verdict is None or verdict == one.is_so for one, verdict in verdicts):
                left.append(row)
                for one, verdict in verdicts:
                    if verdict is None:
                        open_[one].add(row.id)
        return left, open_

    def _in_range(self, condition: InRange, rows: list[Row], undecided: set[int]) -> list[Row]:
        asked = [row for row in rows if row.id in undecided]
        passed = condition.passed(self._session, self._profiles(asked)) if asked else set()
        return [row for row in rows if row.id not in undecided or row.id in passed]

    def _profiles(self, rows: Sequence[Row]) -> dict[int, int]:
        """The root of every profile of these persons; a person's are asked for once."""
        unknown = [row.id for row in rows if row.id not in self._members]
        if unknown:
            for id_, root in _profiles(self._session, unknown).items():
                self._members.setdefault(root, []).append(id_)
        return {id_: row.id for row in rows for id_ in self._members[row.id]}


def _passed_by_many(condition: _OfValue) -> tuple[bool, bool]:
    return not condition.is_so, condition.known is None


def _cut(rows: Sequence[Row], open_: Mapping[InRange, set[int]], budget: int) -> tuple[int, int]:
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
    return _values(session, _profiles(session, roots), names)


def _values(session: Session, profiles: Mapping[int, int], names: Iterable[str]) -> Mapping[int, Mapping[str, Any]]:
    """Likewise, of the persons with these profiles; `profiles`: their roots, also below."""
    value = AttributeValue
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


def _tags(session: Session, profiles: Mapping[int, int], names: set[str]) -> Mapping[int, set[str]]:
    """Which of these tags are on the persons, by root."""
    query = select(Tag.customer_id, Tag.name).where(Tag.customer_id.in_(list(profiles)), Tag.name.in_(sorted(names)))
    found: dict[int, set[str]] = defaultdict(set)
    for id_, name in session.execute(query):
        found[profiles[id_]].add(name)
    return found


def _counts(session: Session, profiles: Mapping[int, int], names: set[str]) -> Mapping[int, Mapping[str, int]]:
    """How often each of these events happened to the persons, by root and name."""
    query = select(EventCount.customer_id, EventCount.name, EventCount.count).where(
        EventCount.customer_id.in_(list(profiles)), EventCount.name.in_(sorted(names))
    )
    found: dict[int, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for id_, name, count in session.execute(query):
        found[profiles[id_]][name] += count
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
