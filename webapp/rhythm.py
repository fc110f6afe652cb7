"""How often somebody visits, and for how long."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from webapp import clock, stretches, visits
from webapp.models import Visit


def begun(session: Session, ids: Sequence[int], since: int, until: int | None) -> int:
    """How many visits of a person began from `since` (inclusive) until `until` (exclusive; None: for ever)."""
    is_of_person, start = Visit.customer_id.in_(ids), Visit.started_at
    is_before = [] if until is None else [start < until]
    if len(ids) == 1:  # none of whose visits is a part of another
        query = select(func.count()).select_from(Visit).where(is_of_person, start >= since, *is_before)
        return session.scalar(query) or 0
    # Parts of one visit lie close together: a day before holds those that make one of these a later part.
    columns = (start, Visit.ended_at, Visit.device_id)
    rows = session.execute(select(*columns).where(is_of_person, start >= since - clock.DAY, *is_before))
    over: dict[int, int] = {}  # when each device's latest visit was over
    number = 0
    for started_at, ended_at, device_id in sorted(map(tuple, rows)):
        earlier = over.get(device_id)
        is_another = earlier is None or started_at - earlier > visits.LONGEST_PAUSE
        number += is_another and started_at >= since
        over[device_id] = ended_at if earlier is None else max(earlier, ended_at)
    return number


@dataclass(frozen=True, slots=True)
class Rhythm:
    """The latest visits of a person: how many they are, how long they last and how far they lie apart, ms.

    `length`, `long`: the median and the 90th percentile; `pause`: the median from one's start to the next one's.
    """

    number: int
    length: int
    long: int
    pause: int | None


def rhythm(session: Session, ids: Sequence[int], number: int, until: int | None = None) -> Rhythm | None:
    """The rhythm of a person's latest visits, of which so many parts are looked at. None where there is no visit.

    `until`: those that began before (epoch ms; None: all).
    """
    is_before = [] if until is None else [Visit.started_at < until]
    columns = (Visit.device_id, Visit.started_at, Visit.ended_at, Visit.event_count)
    parts = [select(*columns).where(one, *is_before) for one in stretches.of(Visit.customer_id, ids)]
    latest = session.execute(stretches.first(parts, ("started_at", "device_id"), number, newest=True))
    spans = visits.coalesced(visits.Span(*row) for row in map(tuple, latest))
    if not spans:
        return None
    lengths = sorted(span.duration for span in spans)
    pauses = [later.started_at - span.started_at for span, later in pairwise(spans)]
    longer = lengths[(9 * len(lengths) + 9) // 10 - 1]  # nine of ten are no longer
    return Rhythm(len(spans), int(median(lengths)), longer, int(median(pauses)) if pauses else None)
