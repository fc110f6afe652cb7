"""What docs/identity.md makes of a history: everything worked out anew from all that was told, by the plainest means.

Nothing here knows how the server does it. A `History` takes the same changes as the server and says who the people are
and what each one's profile shows, in the shape in which tests/identity_stored.py reads the same from a database.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, NamedTuple

from webapp.ingest.changes import Change, Context, CustomerUpdate, EventRecord, Login, Logout

MINUTE = 60_000
PAUSE = 30 * MINUTE  # a longer one parts two visits


class Stretch(NamedTuple):
    """An anonymous profile: what was done on a device from `since` on, until a login or logout."""

    did: str
    since: int


# A System ID, or an anonymous stretch of a device.
Profile = str | Stretch


class Mark(NamedTuple):
    """A login, or a logout (no System ID). `rank` orders those of one millisecond; logouts, 0, come first."""

    at: int
    rank: int
    system_id: str


class Fact(NamedTuple):
    """Something recorded: by a System ID, or else on a device. `content` is the event or the value itself."""

    system_id: str
    did: str
    at: int
    name: str
    content: str


class Visit(NamedTuple):
    """A visit. `entry`, `place` and `page`: when they were told, and JSON or a URL."""

    did: str
    started_at: int
    ended_at: int
    event_count: int
    entry: tuple[int, str] | None
    place: tuple[int, str] | None
    page: tuple[int, str] | None


@dataclass(frozen=True)
class Person:
    """What a person's profile shows."""

    system_id: str
    stretches: frozenset[Stretch]  # those in which something happened
    events: tuple[Fact, ...]
    attributes: tuple[tuple[str, str], ...]  # name and JSON of the value
    visits: tuple[Visit, ...]
    seen: tuple[int, int] | None  # first and last


@dataclass
class Link:
    """A merge by hand of two profiles."""

    one: Profile
    other: Profile
    is_undone: bool = False


@dataclass
class History:
    """All that was told. `rank` says which of several logins on one device in one millisecond comes first."""

    rank: Callable[[str], int]
    marks: dict[str, list[Mark]] = field(default_factory=dict)
    events: dict[Fact, Context] = field(default_factory=dict)
    values: dict[Fact, int] = field(default_factory=dict)  # and the time that counts
    registered: set[str] = field(default_factory=set)
    known: set[Stretch] = field(default_factory=set)  # anonymous profiles in which something happened, even if moved
    undone: set[tuple[str, Mark]] = field(default_factory=set)  # the logins whose merges are undone
    links: list[Link] = field(default_factory=list)
    times: Counter[Fact] = field(default_factory=Counter)  # how often an event happened

    def tell(self, changes: Sequence[Change], now: int) -> None:
        """Take in what came in one request."""
        for change in changes:
            if isinstance(change, Login | Logout):
                self._mark(change, now)
        for place, change in enumerate(changes):
            if isinstance(change, EventRecord):
                self._event(change, now)
            elif isinstance(change, CustomerUpdate):
                self._update(change, now, place)
        self._look_around()

    def mark(self, change: Login | Logout, now: int) -> Mark:
        """The login or logout that a change tells of."""
        at = now if change.reported_at is None else change.reported_at
        return Mark(at, self.rank(change.system_id), change.system_id) if isinstance(change, Login) else Mark(at, 0, "")

    def _mark(self, change: Login | Logout, now: int) -> None:
        did, mark = change.who.did, self.mark(change, now)
        marks = self.marks.setdefault(did, [])
        self.registered |= {mark.system_id} - {""}
        if mark in marks:
            return
        before = self._whose(did, max((one for one in marks if one < mark), default=None))
        if isinstance(before, Stretch) and not mark.system_id:
            self._split(before, mark.at)
        marks.append(mark)
        marks.sort()
        self._look_around()

    def _split(self, stretch: Stretch, at: int) -> None:
        """A logout within a stretch begins another one; but if nothing came before it, the profile is the later one."""
        if stretch not in self.known or any(fact.at < at for fact in self._facts() if self.owner(fact) == stretch):
            return
        later = Stretch(stretch.did, at)
        self.known = self.known - {stretch} | {later}
        for link in self.links:
            link.one = later if link.one == stretch else link.one
            link.other = later if link.other == stretch else link.other

    def _look_around(self) -> None:
        self.known |= {owner for fact in self._facts() if isinstance(owner := self.owner(fact), Stretch)}

    def _facts(self) -> Iterator[Fact]:
        yield from self.events
        yield from self.values

    def _event(self, change: EventRecord, now: int) -> None:
        content = json.dumps({one.name: one.value for one in change.attributes}, sort_keys=True)
        at = now if change.reported_at is None else change.reported_at
        fact = Fact(*self._who(change), at, change.name, content)
        self.events.setdefault(fact, change.context)
        # With a time of the client's it was sent twice; without one it happened twice.
        self.times[fact] = self.times[fact] + 1 if change.reported_at is None else 1

    def _update(self, change: CustomerUpdate, now: int, place: int) -> None:
        at = now + place if change.reported_at is None else change.reported_at
        for one in change.attributes:
            fact = Fact(*self._who(change), at, one.name, json.dumps(one.value))
            self.values.setdefault(fact, at if change.reported_at is None else min(at, now))

    def _who(self, change: EventRecord | CustomerUpdate) -> tuple[str, str]:
        if not isinstance(change.who, str):
            return "", change.who.did
        self.registered.add(change.who)
        return change.who, ""

    def owner(self, fact: Fact) -> Profile:
        """Rule 1: whoever had the device at that time, from the very millisecond of the login or logout on."""
        if fact.system_id:
            return fact.system_id
        earlier = (mark for mark in self.marks.get(fact.did, []) if mark.at <= fact.at)
        return self._whose(fact.did, max(earlier, default=None))

    def _whose(self, did: str, mark: Mark | None) -> Profile:
        if mark is None:
            return Stretch(did, 0)
        return mark.system_id or Stretch(did, mark.at)

    def joins(self) -> list[tuple[str, Mark, Stretch]]:
        """Rules 2 and 3: the logins that end an anonymous stretch in which something happened, undone or not."""
        found = []
        for did, marks in self.marks.items():
            for before, mark in pairwise([None, *marks]):
                stretch = self._whose(did, before)
                if mark is not None and mark.system_id and isinstance(stretch, Stretch) and stretch in self.known:
                    found.append((did, mark, stretch))
        return found

    def groups(self) -> list[set[Profile]]:
        """Rules 5 and 6: who is one person. Logins first, then merges by hand in order, but for those set aside."""
        groups: list[set[Profile]] = [{one} for one in self.registered | self.known]
        for did, mark, stretch in self.joins():
            if (did, mark) not in self.undone:
                self._join(groups, stretch, mark.system_id)
        for link in self.links:
            if not link.is_undone:
                self._join(groups, link.one, link.other)
        return groups

    def _join(self, groups: list[set[Profile]], one: Profile, other: Profile) -> None:
        first = next(group for group in groups if one in group)
        second = next(group for group in groups if other in group)
        if first is not second and len(self.registered.intersection(first | second)) < 2:
            groups.remove(second)
            first |= second

    def people(self) -> list[Person]:
        """Everybody of whom something is known, in order."""
        return in_order(self._person(group) for group in self.groups())

    def _person(self, group: set[Profile]) -> Person:
        events = sorted(fact for fact in self.times.elements() if self.owner(fact) in group)
        values = [fact for fact in self.values if self.owner(fact) in group]
        best: dict[str, tuple[int, str]] = {}
        for fact in values:
            best[fact.name] = max(best.get(fact.name, (-1, "")), (self.values[fact], fact.content))
        owners = {self.owner(fact) for fact in events + values}
        times = [fact.at for fact in events]
        return Person(
            system_id=next((one for one in self.registered if one in group), ""),
            stretches=frozenset(owner for owner in owners if isinstance(owner, Stretch)),
            events=tuple(events),
            attributes=tuple(sorted((name, text) for name, (_, text) in best.items())),
            visits=tuple(sorted(self._visits(events))),
            seen=(min(times), max(times)) if times else None,
        )

    def _visits(self, events: Iterable[Fact]) -> Iterator[Visit]:
        """What was done on one device without a pause of more than 30 minutes."""
        run: list[Fact] = []
        for fact in sorted((one for one in events if one.did), key=lambda one: (one.did, one.at)):
            if run and (fact.did != run[-1].did or fact.at - run[-1].at > PAUSE):
                yield self._visit(run)
                run = []
            run.append(fact)
        if run:
            yield self._visit(run)

    def _visit(self, run: list[Fact]) -> Visit:
        told = [(fact.at, self.events[fact]) for fact in run]
        entries = [(at, _json(page=one.page, referrer=one.referrer, utm=dict(one.utm))) for at, one in told]
        places = [(at, _json(country=one.country, region=one.region, city=one.city)) for at, one in told]
        pages = [(at, one.page) for at, one in told if one.page]
        return Visit(
            run[0].did,
            run[0].at,
            run[-1].at,
            len(run),
            min((one for one in entries if one[1] != "{}"), default=None),
            min((one for one in places if one[1] != "{}"), default=None),
            max(pages, default=None),
        )


def _json(**parts: Any) -> str:
    known = {name: value for name, value in parts.items() if value}
    return json.dumps(known, ensure_ascii=False, sort_keys=True)


def in_order(people: Iterable[Person]) -> list[Person]:
    """People sorted, without those of whom nothing is known but that they have a profile."""
    known = [one for one in people if one.system_id or one.stretches]
    return sorted(known, key=lambda one: (one.system_id, sorted(one.stretches)))
