"""Looking for events of a person along their index, no further than one request may."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, func, select, tuple_
from sqlalchemy.orm import Session

from webapp import stretches
from webapp.containing import Contains
from webapp.cursors import Cursor
from webapp.db import Base
from webapp.models import Event

# So many events are looked at for a page of those that pass a filter; for a text, no more than so many characters.
MOST_EXAMINED, MOST_CHARACTERS = 10_000, 16_000_000
FIRST_LOOK = 250
place_of_row = tuple_(Event.reported_at, Event.id)
_EVENTS = Base.metadata.tables[Event.__tablename__]
_ORDER = (Event.reported_at.key, Event.id.key)


@dataclass(frozen=True, slots=True)
class Stretch:
    """Events of the person with these profiles that meet conditions, in the order of the index from one of its ends:
    those beyond the place `begin`, up to and with the place `end`.
    """

    session: Session
    ids: Sequence[int]
    is_newest: bool = True
    conditions: Sequence[ColumnElement[bool]] = ()
    begin: Cursor | None = None
    end: Cursor | None = None

    def where(self, condition: ColumnElement[bool]) -> "Stretch":
        """Those of them that meet a further condition."""
        return replace(self, conditions=[*self.conditions, condition])

    def first(self, number: int) -> list[Row[Any]]:
        """The first so many, with all columns."""
        return list(self.session.execute(self._query(select(*_EVENTS.c), number)))

    def edge(self) -> Cursor | None:
        """The place of the last one that may be looked at; None where there are no more. The index alone tells."""
        query = self._query(select(_EVENTS.c.reported_at, _EVENTS.c.id), MOST_EXAMINED + 1)
        found = self.session.execute(query.limit(2).offset(MOST_EXAMINED - 1)).all()
        return Cursor(*found[0]) if len(found) > 1 else None

    def count(self) -> int:
        """How many they are; no more than may be looked at are counted."""
        places = self._query(select(_EVENTS.c.reported_at, _EVENTS.c.id), MOST_EXAMINED).subquery()
        return self.session.scalar(select(func.count()).select_from(places)) or 0

    def containing(self, contains: Contains, most: int, edge: Cursor | None) -> tuple[list[Row[Any]], Cursor | None]:
        """The first of them with a text, `most` or a few more; and where looking for them has stopped, if it has.

        They are read part by part, each twice as long as the one before: a frequent text is found in the first one.
        """
        found, rest, number, examined = list[Row[Any]](), self, FIRST_LOOK, 0
        while True:
            rows = rest.first(number)
            found += [row for row in rows if contains(row.attributes, row.context)]
            if len(found) >= most or len(rows) < number:
                return found, edge
            last = Cursor(rows[-1].reported_at, rows[-1].id)
            examined += sum(len(row.attributes) for row in rows)
            if examined > MOST_CHARACTERS:
                return found, last
            rest, number = replace(self, begin=last), 2 * number

    def _query(self, columns: Select[Any], number: int) -> Any:
        where = list(self.conditions)
        if self.begin is not None:
            where.append(place_of_row < self.begin.key if self.is_newest else place_of_row > self.begin.key)
        if self.end is not None:
            where.append(place_of_row >= self.end.key if self.is_newest else place_of_row <= self.end.key)
        parts = [columns.where(one, *where) for one in stretches.of(Event.customer_id, self.ids)]
        return stretches.first(parts, _ORDER, number, newest=self.is_newest)
