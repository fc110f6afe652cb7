"""Conditions on what customers did and when: events that happened so often, visits that began so.

Where what is known of a customer doesn't decide one, their events and visits are looked at.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import func, literal, select
from sqlalchemy.orm import Session

from webapp import beginnings
from webapp.conditions import Way
from webapp.models import Customer, Event, Visit


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


@dataclass(frozen=True, slots=True)
class OfEvents:
    """A condition on how often an event happened, from (inclusive) until (exclusive), epoch ms."""

    name: str
    times: int
    is_so: bool
    since: int | None
    until: int | None

    def decided(self, row: Row, count: int) -> bool | None:
        """Whether it happened so often, from how often it ever happened; None where that doesn't tell."""
        if count < self.times or _is_missed(row, self.since, self.until):
            return False
        starts = self.since is None or row.first_seen_at >= self.since
        return True if starts and (self.until is None or row.last_seen_at < self.until) else None

    def passed(self, session: Session, profiles: Mapping[int, int]) -> set[int]:
        """The roots of the persons for whom it holds. `profiles`: the root of every profile of theirs."""
        where = [Event.customer_id == Customer.id, Event.name == self.name]
        if self.since is not None:
            where.append(Event.reported_at >= self.since)
        if self.until is not None:
            where.append(Event.reported_at < self.until)
        some = select(literal(1)).where(*where).limit(self.times).correlate(Customer).subquery()
        number = select(func.count()).select_from(some).scalar_subquery()
        found: Counter[int] = Counter()
        for id_, count in session.execute(select(Customer.id, number).where(Customer.id.in_(list(profiles)))):
            found[profiles[id_]] += count
        return {root for root in profiles.values() if (found[root] >= self.times) == self.is_so}


@dataclass(frozen=True, slots=True)
class OfVisits:
    """A visit that began by a source or in a country, from (inclusive) until (exclusive), epoch ms."""

    way: Way
    name: str
    since: int | None
    until: int | None

    def misses(self, row: Row) -> bool:
        """Whether nothing that this customer did is in the range."""
        return _is_missed(row, self.since, self.until)

    def passed(self, session: Session, profiles: Mapping[int, int]) -> set[int]:
        """As of events."""
        told, name_of = (Visit.entry, beginnings.source) if self.way == "by" else (Visit.place, beginnings.country)
        query = select(Visit.customer_id, told).where(Visit.customer_id.in_(list(profiles)), told.is_not(None))
        if self.since is not None:
            query = query.where(Visit.started_at >= self.since)
        if self.until is not None:
            query = query.where(Visit.started_at < self.until)
        asked = self.name.casefold()
        found: set[int] = set()
        for id_, text in session.execute(query):
            if profiles[id_] not in found and name_of(text).casefold() == asked:
                found.add(profiles[id_])
        return found


InRange = OfEvents | OfVisits


def _is_missed(row: Row, since: int | None, until: int | None) -> bool:
    ended = since is not None and row.last_seen_at < since
    return ended or (until is not None and row.first_seen_at >= until)
