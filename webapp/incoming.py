"""What has arrived since somebody looked, for those who leave the feed open.

Arrivals have ids in the order in which they are written, but on PostgreSQL a transaction with smaller ids may be
committed after one with larger ones. So who has seen everything up to an id has also noted which of the ids below it
were missing: what turns up there later is new, and nothing goes by unseen.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import Session

from webapp import arrivals
from webapp.arrivals import PAGE_SIZE, Shown, Wanted
from webapp.models import Arrived

_LOOKED_AT = 2_000  # the newest ids: whoever commits is never that far behind
_MOST_GAPS = 50
_MOST_COUNTED = 1_000
_SHAPE = re.compile(r"\d{1,18}(?:\.\d{1,18}-\d{1,18})*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Seen:
    """The newest id that there was, and the stretches of ids below it that were missing (first and last, included)."""

    top: int
    gaps: tuple[tuple[int, int], ...] = ()

    @classmethod
    def parse(cls, text: str) -> "Seen | None":
        """Read `<top>.<first>-<last>…`; None when it isn't one."""
        if not _SHAPE.fullmatch(text):
            return None
        top, *gaps = text.split(".")
        pairs = [(int(first), int(last)) for first, last in (one.split("-") for one in gaps[:_MOST_GAPS])]
        return cls(int(top), tuple(pairs))

    def __str__(self) -> str:
        return ".".join([str(self.top), *(f"{first}-{last}" for first, last in self.gaps)])


@dataclass(frozen=True, slots=True)
class News:
    """What arrived, newest first. `beyond`: how many more than fit on a page, the newest of which is below `last`.

    `has_more`: there are even more than `beyond`. `seen`: what the reader has seen with this.
    """

    arrivals: Sequence[Shown]
    beyond: int
    has_more: bool
    seen: Seen


def seen(session: Session) -> Seen:
    """All that there is, of every workspace: ids are given to all of them together."""
    newest = select(Arrived.id).where(Arrived.id > 0).order_by(Arrived.id.desc()).limit(_LOOKED_AT)
    found = session.scalars(newest).all()
    ids = found if len(found) == _LOOKED_AT else [*found, 0]
    gaps = [(lower + 1, upper - 1) for upper, lower in pairwise(ids) if upper - lower > 1]
    return Seen(ids[0], tuple(gaps[:_MOST_GAPS]))


def since(session: Session, workspace_id: int, wanted: Wanted, before: Seen) -> News | None:
    """What arrived since then, as far as it is wanted; None where nothing at all has."""
    after = seen(session)  # first, so that what arrives meanwhile comes the next time
    if after == before:
        return None
    where = _new(before)
    found = arrivals.first(session, workspace_id, wanted, where, Arrived.id.desc())
    page = arrivals.shown(session, found[:PAGE_SIZE])
    beyond = 0
    if len(found) > PAGE_SIZE:
        beyond = arrivals.count(session, workspace_id, wanted, where, _MOST_COUNTED + PAGE_SIZE) - PAGE_SIZE
    return News(page, min(beyond, _MOST_COUNTED - 1), beyond >= _MOST_COUNTED, after)


def _new(before: Seen) -> ColumnElement[bool]:
    lowest = min([before.top + 1, *(first for first, _ in before.gaps)])
    gaps = (Arrived.id.between(first, last) for first, last in before.gaps)
    return (Arrived.id >= lowest) & or_(Arrived.id > before.top, *gaps)
