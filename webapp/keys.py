"""API keys: `cpk_<public id>_<secret>` for servers, `cpb_…` for browsers.

The public id finds the row; the secret is kept only as a hash, but for browser keys, which anybody can read in a page.
"""

import hashlib
import re
import secrets
import time
from collections.abc import Sequence
from typing import Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from webapp import clock, tokens
from webapp.db import Database
from webapp.models import ApiKey

Kind = Literal["server", "browser"]

REMEMBERED = 0.5  # seconds
REQUESTS_A_MINUTE = 120  # from one address with a browser key, unless the key says otherwise
_SHAPE = re.compile(r"cp[kb]_([0-9a-f]{12})_([A-Za-z0-9_-]{43})", re.ASCII)
_PREFIXES: dict[Kind, str] = {"server": "cpk", "browser": "cpb"}


class NotFoundError(LookupError):
    """There is no such key in this workspace."""


def create(
    session: Session, workspace_id: int, name: str, kind: Kind = "server", *, wants_signature: bool = False
) -> tuple[ApiKey, str]:
    """Make a key. Returns its row and its text; a server key's can't be shown again."""
    public_id, secret = secrets.token_hex(6), tokens.new()
    text = f"{_PREFIXES[kind]}_{public_id}_{secret}"
    is_public = kind == "browser"
    key = ApiKey(
        workspace_id=workspace_id,
        public_id=public_id,
        secret_hash=tokens.hashed(secret),
        name=name,
        created_at=clock.now(),
        kind=kind,
        public_text=text if is_public else None,
        wants_signature=wants_signature,
        requests_a_minute=REQUESTS_A_MINUTE if is_public else None,
    )
    session.add(key)
    session.flush()
    return key, text


def authenticate(session: Session, text: str | None) -> ApiKey | None:
    """The key that a request carries, with its workspace; None when it is missing, malformed, unknown or revoked."""
    shape = _SHAPE.fullmatch((text or "").strip())
    if shape is None:
        return None
    key = session.scalar(select(ApiKey).where(ApiKey.public_id == shape[1]))
    if key is None or key.revoked_at is not None or not tokens.matches(shape[2], key.secret_hash):
        return None
    if not shape[0].startswith(_PREFIXES[key.kind]):
        return None
    return key


class Known:
    """Keys that have been used a moment ago, so that not every request has to ask for its own.

    A key that is revoked by another process works here for up to twice REMEMBERED more.
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
                return known[0]
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


def touch(session: Session, key_id: int) -> None:
    """Note that a key was used now."""
    session.get_one(ApiKey, key_id).last_used_at = clock.now()


def of_workspace(session: Session, workspace_id: int) -> Sequence[ApiKey]:
    """All keys of a workspace, usable ones first, newest first."""
    query = select(ApiKey).where(ApiKey.workspace_id == workspace_id)
    return session.scalars(query.order_by(ApiKey.revoked_at.is_not(None), ApiKey.id.desc())).all()


def revoke(session: Session, workspace_id: int, public_id: str) -> ApiKey:
    """End a key at once, by its public id; one ended already stays so. Raises NotFoundError, for a stranger's too."""
    asked = public_id.removeprefix("cpk_").removeprefix("cpb_").replace("\x00", "")
    key = session.scalar(select(ApiKey).where(ApiKey.workspace_id == workspace_id, ApiKey.public_id == asked))
    if key is None:
        raise NotFoundError(public_id)
    key.revoked_at = key.revoked_at or clock.now()
    return key
