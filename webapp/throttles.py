"""How often passwords and codes may be tried: the more of them were wrong of late, the longer until the next one.

It is counted in the database, which all servers share: before anything is compared, so that of two at once none slips
through, and taken back where it was right. What comes too early is refused unseen, and changes nothing.
"""

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from sqlalchemy import case, delete, select, update
from sqlalchemy.orm import Session

from webapp import clock
from webapp.db import Database, insert
from webapp.models import Throttle

FIRST_WAIT = 10 * clock.SECOND
_MOST_TIDIED = 20  # rows at a time; a try makes two at most


@dataclass(frozen=True, slots=True)
class Rule:
    """The wait after so many tries: none below `free`, then it doubles up to `longest`; each is forgotten in `fading`.

    Both in ms. Never more than 7 tries come in a minute, where 5 are free; in the long run as many as fade.
    """

    free: int
    fading: int
    longest: int

    @property
    def most(self) -> int:
        """The number of tries from which on the wait doesn't grow."""
        return self.free + (self.longest // FIRST_WAIT).bit_length()

    def wait(self, tries: int) -> int:
        """ms until the next one after so many."""
        return 0 if tries < self.free else min(self.longest, FIRST_WAIT << (tries - self.free))


PASSWORDS = Rule(free=5, fading=5 * clock.MINUTE, longest=4 * clock.MINUTE)
ADDRESSES = Rule(free=20, fading=clock.MINUTE, longest=4 * clock.MINUTE)  # there may be a whole office behind one
CODES = Rule(free=5, fading=15 * clock.MINUTE, longest=8 * clock.MINUTE)  # there are only a million of them


class Limit(NamedTuple):
    """What is counted together, by its `key`, and how."""

    key: str
    rule: Rule


class Counted(NamedTuple):
    """A try that was counted against a limit, which lets the next one through at `free_at`."""

    limit: Limit
    free_at: int


class TooEarlyError(Exception):
    """There were too many tries before this one, which was not looked at; `wait`: ms until one is again."""

    def __init__(self, wait: int) -> None:
        super().__init__(wait)
        self.wait = wait


def key(secret: str, *words: str) -> str:
    """A key that tells nothing of the words to who doesn't know the secret."""
    told = "\0".join(words).encode("utf-8", "surrogatepass")
    return hmac.new(secret.encode(), told, hashlib.sha256).hexdigest()


def count(database: Database, limits: Sequence[Limit]) -> list[Counted]:
    """Count a try against each limit, before it is made. Raises TooEarlyError."""
    rules = {one.key: one.rule for one in limits}
    with database.read() as session:  # a flood is turned away without writing anything
        _refuse_early(session.scalars(select(Throttle).where(Throttle.key.in_(rules))).all(), rules, clock.now())
    return database.transact(partial(_count, rules=rules))


def _count(session: Session, rules: dict[str, Rule]) -> list[Counted]:
    now = clock.now()
    held = _held(session, rules, now)
    _refuse_early(held, rules, now)
    for row in held:
        rule = rules[row.key]
        row.is_noted = row.is_noted and row.faded_at > now
        row.faded_at = min(max(row.faded_at, now) + rule.fading, now + rule.most * rule.fading)
        row.free_at = now + rule.wait(round((row.faded_at - now) / rule.fading))
    session.flush()
    _tidy(session, now)
    return [Counted(Limit(row.key, rules[row.key]), row.free_at) for row in held]


def _held(session: Session, rules: dict[str, Rule], now: int) -> Sequence[Throttle]:
    # One statement makes the rows that aren't there and locks those that are, in the order of their keys, as everybody
    # does: no two wait for each other.
    wanted = [{"key": one, "faded_at": now, "free_at": now} for one in sorted(rules)]
    making = insert(session)(Throttle).values(wanted)
    locking = making.on_conflict_do_update(index_elements=["key"], set_={"free_at": Throttle.free_at})
    return session.scalars(locking.returning(Throttle)).all()


def _refuse_early(rows: Sequence[Throttle], rules: dict[str, Rule], now: int) -> None:
    waits = [
        row.free_at - now for row in rows if row.free_at - now <= rules[row.key].longest
    ]  # else a clock was set back
    if waits and max(waits) > 0:
        raise TooEarlyError(max(waits))


def _tidy(session: Session, now: int) -> None:
    old = select(Throttle.key).where(Throttle.faded_at < now).order_by(Throttle.faded_at).limit(_MOST_TIDIED)
    session.execute(delete(Throttle).where(Throttle.key.in_(old.with_for_update(skip_locked=True))))


def take_back(database: Database, counted: Sequence[Counted]) -> None:
    """The try was right, or couldn't be made: forget it, but not what others have tried meanwhile."""
    database.transact(partial(_take_back, counted=sorted(counted)))


def _take_back(session: Session, counted: Sequence[Counted]) -> None:
    for (key_, rule), free_at in counted:
        is_still_its = case((Throttle.free_at == free_at, 0), else_=Throttle.free_at)
        values = {"faded_at": Throttle.faded_at - rule.fading, "free_at": is_still_its}
        session.execute(update(Throttle).where(Throttle.key == key_).values(values))


def is_first(session: Session, limit: Limit) -> bool:
    """Whether a try that went wrong is the first of those that aren't forgotten: one is noted for all of them."""
    is_new = (Throttle.key == limit.key) & ~Throttle.is_noted
    return session.scalar(update(Throttle).where(is_new).values(is_noted=True).returning(Throttle.key)) is not None
