"""API keys: `cpk_<public id>_<secret>` for servers, `cpb_…` for browsers, `cpr_…` to read, `cpp_…` to erase people.

The public id finds the row; the secret is kept only as a hash, but for browser keys, which anybody can read in a page.
"""

import hashlib
import re
import secrets
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

from sqlalchemy import select
from sqlalchemy.orm import Session

from webapp import clock, tokens
from webapp.db import Database
from webapp.models import ApiKey

Kind = Literal["server", "browser", "read", "privacy"]
State = Literal["usable", "ending", "ended", "revoked"]

KINDS: tuple[Kind, ...] = get_args(Kind)
PREFIXES: dict[Kind, str] = {"server": "cpk", "browser": "cpb", "read": "cpr", "privacy": "cpp"}
REMEMBERED = 0.5  # seconds
REQUESTS_A_MINUTE = 120  # from one address with a browser key, unless the key says otherwise
HIGHEST_LIMIT = 1_000_000  # requests a minute
# How long a key goes on beside the one that takes its place, and how long one may last from the beginning, in ms.
OVERLAPS = {"now": 0, "1h": clock.HOUR, "1d": clock.DAY, "7d": 7 * clock.DAY, "30d": 30 * clock.DAY}
LIFETIMES = {f"{number}d": number * clock.DAY for number in (1, 7, 30, 90, 365)}
_SOON = clock.DAY  # before its end a key that is still used is worth a warning
_SHAPE = re.compile(r"cp[kbrp]_([0-9a-f]{12})_([A-Za-z0-9_-]{43})", re.ASCII)


class NotFoundError(LookupError):
    """There is no such key in this workspace."""


class RotationError(Exception):
    """A key can't be rotated; the message says why, as the end of a sentence that begins with its name."""


def create(
    session: Session, workspace_id: int, name: str, kind: Kind = "server", *, rate_limit: int | None = None,
    lifetime: int | None = None,
) -> tuple[ApiKey, str]:  # fmt: skip
    """Make a key, which ends after `lifetime` (ms) if it ever does. Returns its row and its text.

    The text can't be shown again, but for a browser key's.
    """
    public_id, secret, now = secrets.token_hex(6), tokens.new(), clock.now()
    text = f"{PREFIXES[kind]}_{public_id}_{secret}"
    is_public = kind == "browser"
    key = ApiKey(
        workspace_id=workspace_id,
        public_id=public_id,
        secret_hash=tokens.hashed(secret),
        name=name,
        created_at=now,
        kind=kind,
        public_text=text if is_public else None,
        requests_a_minute=REQUESTS_A_MINUTE if is_public else None,
        rate_limit=rate_limit,
        ends_at=None if lifetime is None else now + lifetime,
    )
    session.add(key)
    session.flush()
    return key, text


def authenticate(session: Session, text: str | None) -> ApiKey | None:
    """The key that a request carries, with its workspace; None when it is missing, malformed, unknown or at its end."""
    shape = _SHAPE.fullmatch((text or "").strip())
    if shape is None:
        return None
    key = session.scalar(select(ApiKey).where(ApiKey.public_id == shape[1]))
    if key is None or not is_usable(key) or not tokens.matches(shape[2], key.secret_hash):
        return None
    if not shape[0].startswith(PREFIXES[key.kind]):
        return None
    return key


def is_usable(key: ApiKey) -> bool:
    """Whether it is neither revoked nor at its end."""
    return key.revoked_at is None and (key.ends_at is None or clock.now() < key.ends_at)


class Known:
    """Keys that have been used a moment ago, so that not every request has to ask for its own.

    A key that is revoked by another process works here for up to REMEMBERED more; twice that where the database can't
    be asked meanwhile. One whose end is known ends by the clock.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._keys: dict[bytes, tuple[ApiKey, int, float]] = {}

    def authenticate(self, text: str) -> ApiKey | None:
        """As `authenticate`, with a copy of the row that all threads share."""
        # Only a digest of the secret stays in memory.
        digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
        version = self._database.version
        known, now = self._keys.get(digest), time.monotonic()
        if known is not None and known[1] == version:
            if now < known[2]:
                return known[0] if is_usable(known[0]) else None
            # One looks, while the others go on with what is known: all threads at once would ask the same.
            self._keys[digest] = *known[:2], now + REMEMBERED
        with self._database.read() as session:
            key = authenticate(session, text)
        if key is None:
            self._keys.pop(digest, None)
        else:
            self._keys[digest] = key, version, now + REMEMBERED
        return key


def needs_touch(key: ApiKey) -> bool:
    """Whether its last use was noted more than a minute ago: noting every request would cost a write each."""
    return key.last_used_at is None or key.last_used_at < clock.now() - clock.MINUTE


def touch(session: Session, key_id: int, whence: str | None = None) -> None:
    """Note that a key was used now, and from where."""
    key = session.get_one(ApiKey, key_id)
    key.last_used_at, key.last_used_from = clock.now(), whence


def of_workspace(session: Session, workspace_id: int) -> Sequence[ApiKey]:
    """All keys of a workspace, usable ones first, newest first."""
    query = select(ApiKey).where(ApiKey.workspace_id == workspace_id).order_by(ApiKey.id.desc())
    return sorted(session.scalars(query), key=is_usable, reverse=True)


def names(session: Session, workspace_id: int, ids: Iterable[int]) -> dict[int, str]:
    """What these keys of a workspace are called, by id."""
    query = select(ApiKey.id, ApiKey.name).where(ApiKey.workspace_id == workspace_id, ApiKey.id.in_(set(ids)))
    return {id_: name for id_, name in session.execute(query)}  # noqa: C416 - rows


@dataclass(frozen=True, slots=True)
class Listed:
    """A key among the others of its workspace: which one it has replaced, and which one has its place now.

    There is no `successor` where none that has replaced it can be used.
    """

    row: ApiKey
    former: ApiKey | None
    successor: ApiKey | None

    @property
    def state(self) -> State:
        """Whether and for how long it can be used."""
        if self.row.revoked_at is not None:
            return "revoked"
        if self.row.ends_at is None:
            return "usable"
        return "ending" if is_usable(self.row) else "ended"

    @property
    def will_be_missed(self) -> bool:
        """Whether it ends soon, though it is in use: since it was replaced, or at all where it wasn't."""
        row, since = self.row, self.successor.created_at if self.successor else 0
        is_used = row.last_used_at is not None and row.last_used_at > since
        return self.state == "ending" and is_used and (row.ends_at or 0) <= clock.now() + _SOON


def listed(found: Sequence[ApiKey]) -> list[Listed]:
    """All keys of a workspace in their order, each with those beside it, and below that which has replaced it."""
    by_id = {one.id: one for one in found}
    later = {one.replaces_id: one for one in found if one.replaces_id is not None}
    ordered: list[Listed] = []
    for key in found:
        one: ApiKey | None = None if key.id in later else key
        while one is not None:
            former = by_id.get(one.replaces_id or 0)
            ordered.append(Listed(one, former, _successor(one, later)))
            one = former
    return ordered


def _successor(key: ApiKey, later: Mapping[int, ApiKey]) -> ApiKey | None:
    one = later.get(key.id)
    while one is not None and not is_usable(one):
        one = later.get(one.id)
    return one


def beginning(key: ApiKey) -> str:
    """The part of a key that may be shown: `cpk_0123456789ab_…`."""
    return f"{PREFIXES[key.kind]}_{key.public_id}_…"


def find(session: Session, workspace_id: int, public_id: str) -> ApiKey:
    """A key by its public id, to be changed by nobody else meanwhile. Raises NotFoundError, for a stranger's too."""
    asked = re.sub(r"^cp[kbrp]_", "", public_id).replace("\x00", "")
    query = select(ApiKey).where(ApiKey.workspace_id == workspace_id, ApiKey.public_id == asked)
    key = session.scalar(query.with_for_update(of=ApiKey))
    if key is None:
        raise NotFoundError(public_id)
    return key


def revoke(session: Session, workspace_id: int, public_id: str) -> ApiKey:
    """End a key at once; one ended already stays so. Raises NotFoundError."""
    key = find(session, workspace_id, public_id)
    key.revoked_at = key.revoked_at or clock.now()
    return key


def limit(session: Session, workspace_id: int, public_id: str, most: int | None) -> ApiKey:
    """Let a key be used for so many requests a minute, or for any number. Raises NotFoundError."""
    key = find(session, workspace_id, public_id)
    key.rate_limit = most
    return key


class Rotation(NamedTuple):
    """A key, and the one that takes its place with its text."""

    former: ApiKey
    made: ApiKey
    text: str


def rotate(session: Session, workspace_id: int, public_id: str, overlap: int) -> Rotation:
    """Make a key that takes another's place; that one ends by itself after `overlap` ms, or when it would have anyway.

    The new one has its name, kind and settings, and lasts as long as the former was meant to. Raises NotFoundError,
    RotationError.
    """
    former = find(session, workspace_id, public_id)
    if not is_usable(former):
        raise RotationError("has come to its end already")
    last = former
    while (later := session.scalar(select(ApiKey).where(ApiKey.replaces_id == last.id))) is not None:
        if is_usable(later):
            raise RotationError("has been replaced already; rotate the key that took its place")
        last = later
    # Of the last one, whose end no overlap has brought nearer.
    lifetime, until = last.ends_at and last.ends_at - last.created_at, clock.now() + overlap
    made, text = create(
        session, workspace_id, former.name, former.kind, rate_limit=former.rate_limit, lifetime=lifetime
    )
    made.wants_signature, made.requests_a_minute = former.wants_signature, former.requests_a_minute
    made.replaces_id = last.id
    former.ends_at = min(until, former.ends_at or until)
    return Rotation(former, made, text)
