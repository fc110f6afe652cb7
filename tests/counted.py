"""The counters of days as they are stored, and as they should be."""

from collections import Counter

from sqlalchemy import select
from sqlalchemy.orm import Session

from webapp import recounts
from webapp.counts import Notes
from webapp.db import Database
from webapp.models import Counting, Customer, DailyCount

Key = tuple[str, str, int]  # kind, name and day


def stored(session: Session, workspace_id: int) -> dict[Key, int]:
    """What the counters say."""
    query = select(DailyCount).where(DailyCount.workspace_id == workspace_id)
    return {(one.kind, one.name, one.day): one.count for one in session.scalars(query)}


def afresh(session: Session, workspace_id: int) -> dict[Key, int]:
    """What they should say, counted in one go."""
    counting = session.get_one(Counting, workspace_id)
    notes = Notes(workspace_id, lambda: [(counting.time_zone, None)])
    people = session.scalars(select(Customer).where(Customer.workspace_id == workspace_id)).all()
    for start in range(0, len(people), 1000):
        recounts.note(session, notes, people[start : start + 1000])
    return dict(notes.changes)


def differences(database: Database) -> list[tuple[int, Key, int, int]]:
    """The counters that are wrong: workspace, key, what is stored and what it should be."""
    found = []
    with database.read() as session:
        for counting in session.scalars(select(Counting)).all():
            there, right = (Counter(of(session, counting.workspace_id)) for of in (stored, afresh))
            wrong = [key for key in {*there, *right} if there[key] != right[key]]
            found += [(counting.workspace_id, key, there[key], right[key]) for key in wrong]
    return found
