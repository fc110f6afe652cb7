"""What a database holds in the end, held against what was acknowledged."""

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import func, select

from tests import counted
from webapp.db import Database
from webapp.models import AttributeValue, Customer, Event


@dataclass(frozen=True)
class Findings:
    """`lost`: acknowledged and not there; `duplicated`: there more than once; `miscounted`: customers with a wrong
    number of events; `counters`: counters of days that a recount counts otherwise; `sound`: what the database says of
    its own integrity.
    """

    acknowledged: int
    found: int
    lost: int
    duplicated: int
    miscounted: int
    counters: int
    sound: str

    @property
    def faults(self) -> list[str]:
        """In words, what must not be."""
        wrong = {
            "lost": self.lost,
            "duplicated": self.duplicated,
            "customers miscounted": self.miscounted,
            "counters of days wrong": self.counters,
        }
        told = [f"{count:,} {what}" for what, count in wrong.items() if count]
        return told + ([f"integrity: {self.sound}"] if self.sound != "ok" else [])

    @property
    def figures(self) -> dict[str, str]:
        """For the report."""
        names = ("acknowledged", "found", "lost", "duplicated", "miscounted", "counters")
        return {name: f"{getattr(self, name):,}" for name in names} | {"integrity": self.sound}


def examine(database: Database, acknowledged: Iterable[str]) -> Findings:
    """Look for every mark that was acknowledged, and for any that is there twice."""
    wanted, found = set(acknowledged), marks(database)
    return Findings(
        acknowledged=len(wanted),
        found=sum(1 for mark in wanted if mark in found),
        lost=len(wanted - found.keys()),
        duplicated=sum(count - 1 for count in found.values()),
        miscounted=miscounted(database),
        counters=len(counted.differences(database)),
        sound=_integrity(database),
    )


def marks(database: Database) -> Counter[str]:
    """How often each value of an attribute called `mark` is stored, of events and of customers."""
    with database.read() as session:
        found = Counter(json.loads(text).get("mark") for text in session.scalars(select(Event.attributes)))
        values = select(AttributeValue.value).where(AttributeValue.name == "mark")
        found.update(json.loads(text) for text in session.scalars(values))
    del found[None]
    return found


def miscounted(database: Database) -> int:
    """How many customers have another number of own events than their row says."""
    counted = select(Event.customer_id, func.count().label("number")).group_by(Event.customer_id).subquery()
    query = (
        select(func.count())
        .select_from(Customer)
        .outerjoin(counted, counted.c.customer_id == Customer.id)
        .where(Customer.own_event_count != func.coalesce(counted.c.number, 0))
    )
    with database.read() as session:
        return session.scalar(query) or 0


def _integrity(database: Database) -> str:
    if not database.is_sqlite:
        return "ok"  # PostgreSQL has checked the pages that it read by itself
    with database.read() as session:
        return str(session.connection().exec_driver_sql("PRAGMA integrity_check").scalar())
