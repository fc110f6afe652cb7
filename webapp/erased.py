"""Who was erased: known by keyed hashes alone, so that what comes of them again isn't stored.

The key is the workspace's own, made with its first erasure. Whoever has no key can't find out whom a hash stands for by
trying e-mails, and the hashes of two workspaces can't be compared.
"""

import hashlib
import hmac
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal, NamedTuple
from urllib.parse import quote, quote_plus

import orjson
from sqlalchemy import exists, select, update
from sqlalchemy.orm import Session

from webapp import clock, search, tokens
from webapp.db import insert
from webapp.ingest.arrival import Arrival
from webapp.ingest.changes import CustomerUpdate, Fault, Login, Told
from webapp.models import Customer, Device, ErasedIdentifier, SearchTerm, Workspace

Kind = Literal["system_id", "email", "mobile", "device_id"]

ERASED = "customer.erased"  # the type of the fault
CONTACTS: tuple[Kind, ...] = ("email", "mobile")
# Also a text that doesn't end: looking for its end again from every quote in it would take minutes.
_TEXTS = re.compile(rb'"(?:[^"\\]|\\.)*+"?|-?\d+', re.DOTALL)
_WORD = re.compile(r"[^\s,;()<>\"']{4,}")
_MOST_TEXTS = 20_000  # of a refused body that are looked at
_ASKED = 500  # hashes at a time


class Identifier(NamedTuple):
    """Something that a person is known by."""

    kind: Kind
    value: str


def plain(one: Identifier, region: str) -> Identifier:
    """The same in the one way in which it is compared: e-mails without regard to letter case, mobiles as numbers.

    `region`: that of mobiles without a country code.
    """
    if one.kind == "email":
        return Identifier("email", search.fold(one.value))
    if one.kind == "mobile":
        return Identifier("mobile", search.plain_mobile(one.value, region))
    return one


def hashed(workspace: Workspace, one: Identifier) -> str:
    """The keyed hash of an identifier: the same wherever the workspace is moved to. It must have its secret."""
    assert workspace.erasure_secret is not None  # noqa: S101 - nobody is erased without it
    kind, value = plain(one, workspace.default_region)
    text = f"{kind} {value}".encode("utf-8", "surrogatepass")
    return hmac.new(workspace.erasure_secret.encode(), text, hashlib.sha256).hexdigest()[:40]


def prepare(session: Session, workspace: Workspace) -> Workspace:
    """The workspace as it is now, with its secret, which is made where there is none."""
    fresh = session.get_one(Workspace, workspace.id, populate_existing=True)
    if fresh.erasure_secret is None:
        is_it = Workspace.id == workspace.id, Workspace.erasure_secret.is_(None)
        session.execute(update(Workspace).where(*is_it).values(erasure_secret=tokens.new()))
        session.refresh(fresh)
    return fresh


def keep(session: Session, workspace: Workspace, some: Iterable[Identifier]) -> list[dict[str, str]]:
    """Remember who was erased. Returns the hashes with their kinds."""
    found = {hashed(workspace, one): one.kind for one in some}
    now = clock.now()
    shared = {"workspace_id": workspace.id, "erased_at": now}
    rows = [shared | {"hash": hash_, "known_by": kind} for hash_, kind in found.items()]
    for start in range(0, len(rows), _ASKED):
        session.execute(insert(session)(ErasedIdentifier).on_conflict_do_nothing(), rows[start : start + _ASKED])
    return [{"kind": kind, "hash": hash_} for hash_, kind in found.items()]


def faults(arrival: Arrival, told: Sequence[Told]) -> dict[int, Fault]:
    """The faults of those changes that are about somebody who was erased, by place.

    Who has been erased has no profile: an id that a profile has, has come back since, while that was allowed.
    """
    workspace = arrival.workspace
    if workspace.erasure_secret is None or workspace.lets_erased_return:
        return {}
    named = [list(_named(one)) for one in told]
    known = {one: hashed(workspace, one) for one in {one for some in named for _, one in some}}
    hit = _stored(arrival.session, workspace.id, sorted(set(known.values())))
    gone = {one for one, hash_ in known.items() if hash_ in hit and not _is_here(arrival.session, workspace, one)}
    found: dict[int, Fault] = {}
    for place, some in enumerate(named) if gone else ():
        for path, one in some:
            if one in gone:
                found.setdefault(place, fault(path))
    return found


def fault(path: list[str | int]) -> Fault:
    """What is told of something about an erased person. It doesn't repeat by what they were recognised."""
    label = ".".join(map(str, path))
    return {
        "message": f'"{label}" is of somebody whose data was erased; nothing of it is stored',
        "path": path,
        "type": ERASED,
        "context": {"key": path[-1], "label": label},
    }


def _named(told: Told) -> Iterator[tuple[list[str | int], Identifier]]:
    change = told.change
    if isinstance(change.who, str):
        yield ["id" if isinstance(change, CustomerUpdate) else "customerId"], Identifier("system_id", change.who)
    else:
        yield ["did"], Identifier("device_id", change.who.did)
    if isinstance(change, Login):
        yield ["clientCustomerId"], Identifier("system_id", change.system_id)
    if isinstance(change, CustomerUpdate):
        for one in change.attributes:
            if one.name in CONTACTS and isinstance(one.value, str) and one.value:
                kind: Kind = "email" if one.name == "email" else "mobile"
                if search.terms(kind, one.value, "ZZ"):
                    yield ["attributes", one.name], Identifier(kind, one.value)


def _stored(session: Session, workspace_id: int, hashes: Sequence[str]) -> set[str]:
    found: set[str] = set()
    for start in range(0, len(hashes), _ASKED):
        is_asked = ErasedIdentifier.hash.in_(hashes[start : start + _ASKED])
        found |= set(
            session.scalars(
                select(ErasedIdentifier.hash).where(ErasedIdentifier.workspace_id == workspace_id, is_asked)
            )
        )
    return found


def _is_here(session: Session, workspace: Workspace, one: Identifier) -> bool:
    """Whether somebody is known by an identifier now."""
    if one.kind == "system_id":
        query = exists().where(Customer.workspace_id == workspace.id, Customer.system_id == one.value)
    elif one.kind == "device_id":
        query = exists().where(Device.workspace_id == workspace.id, Device.did == one.value)
    else:
        return is_shared(session, workspace, one, ())
    return bool(session.scalar(select(query)))


def is_shared(session: Session, workspace: Workspace, one: Identifier, but: Sequence[int]) -> bool:
    """Whether a profile other than these has (or had) an e-mail or a mobile."""
    term = plain(one, workspace.default_region).value
    query = select(SearchTerm.customer_id).where(
        SearchTerm.workspace_id == workspace.id, SearchTerm.term == term, ~SearchTerm.is_tail,
        SearchTerm.field == one.kind,
    )  # fmt: skip
    return bool(set(session.scalars(query.limit(len(but) + 1))) - set(but))


def mentions(session: Session, workspace: Workspace, body: bytes, beside: Iterable[str] = ()) -> bool:
    """Whether a text in a body (JSON, or meant to be) is an identifier of somebody who was erased.

    `beside`: other texts that came with it, of which the longer words are looked at too.
    """
    if workspace.erasure_secret is None or workspace.lets_erased_return:
        return False
    texts = _texts(body)
    for text in beside:
        texts |= {text.strip(), *_WORD.findall(text)} - {""}
    asked = [Identifier(kind, text) for text in texts for kind in ("system_id", "device_id")]
    asked += [Identifier("email", text) for text in texts if "@" in text]
    asked += [Identifier("mobile", text) for text in texts if sum(map(str.isdigit, text)) > 5]
    asked = [one for one in asked if one.kind not in CONTACTS or search.terms(one.kind, one.value, "ZZ")]
    return bool(_stored(session, workspace.id, [hashed(workspace, one) for one in asked]))


def _texts(body: bytes) -> set[str]:
    found: set[str] = set()
    for match in _TEXTS.finditer(body):
        if len(found) >= _MOST_TEXTS:
            break
        text = _read(match[0]).strip()
        if 0 < len(text) <= 1000:
            found.add(text)
    return found


def _read(raw: bytes) -> str:
    """A text or a number of JSON, as what it says: also a text that is cut off."""
    for whole in (raw, raw + b'"'):
        try:
            return str(orjson.loads(whole))
        except orjson.JSONDecodeError:
            continue
    return raw.strip(b'"').decode("utf-8", "replace")


class Blotter:
    """Finds what a person was known by in texts and JSON, and takes it out.

    Of a text it finds what stands there as a word of its own, and what is the whole of it; short ones, and names, which
    may mean anything else, only as the whole.
    """

    _LONG = 4  # characters

    def __init__(self, identifiers: Iterable[str], names: Iterable[str] = ()) -> None:
        wanted = {text for one in identifiers if (text := one.strip())}
        self._whole = {one.casefold() for one in wanted} | {text.casefold() for one in names if (text := one.strip())}
        # Letter case aside, `İ` and `ß` are found by what they are folded to, and that isn't found by them.
        long = {spelling for one in wanted if len(one) >= self._LONG for spelling in (one, one.casefold())}
        long |= {code(one) for one in long for code in (_in_address, _in_form)}
        self._hints = self._whole | {one.casefold() for one in long}
        parts = "|".join(map(re.escape, sorted(long, key=len, reverse=True)))
        # In an address what is before may be encoded too: the `3D` of `%3D` is no word.
        self._part = re.compile(rf"(?:(?<!\w)|(?<=%[0-9a-f]{{2}}))(?:{parts})(?!\w)", re.IGNORECASE) if long else None

    def finds(self, text: str) -> bool:
        """Whether a text mentions the person."""
        return text.strip().casefold() in self._whole or (self._part is not None and bool(self._part.search(text)))

    def may_find(self, text: str) -> bool:
        """Whether anything could be found in a JSON text, however it is escaped: a quick look."""
        folded = text.casefold()
        return "\\" in text or any(one in folded for one in self._hints)

    def finds_in(self, value: Any) -> bool:
        """Whether anything in a JSON value does, however deep: what was refused may be nested without end."""
        waiting = [value]
        while waiting:
            one = waiting.pop()
            if isinstance(one, dict):
                waiting += [*one, *one.values()]
            elif isinstance(one, list):
                waiting += one
            elif self._is_found(one):
                return True
        return False

    def _is_found(self, value: Any) -> bool:
        if isinstance(value, str):
            return self.finds(value)
        return isinstance(value, int | float) and not isinstance(value, bool) and str(value) in self._whole

    def finds_in_body(self, body: bytes) -> bool:
        """Whether a body does, JSON or not."""
        try:
            return self.finds_in(json.loads(body))
        except (ValueError, RecursionError):
            return self.finds(body.decode("utf-8", "replace")) or any(map(self.finds, _texts(body)))

    def without(self, value: Any, *, with_names: bool = False) -> Any:
        """A stored JSON value without what is found in it; a number that is, is null.

        `with_names`: also without what is found in the names of objects; not where those are our own.
        """
        if isinstance(value, str):
            if value.strip().casefold() in self._whole:
                return ""
            return self._part.sub("", value) if self._part is not None else value
        if isinstance(value, dict):
            values = (self.without(one, with_names=with_names) for one in value.values())
            return dict(zip(self._names(value) if with_names else value, values, strict=True))
        if isinstance(value, list):
            return [self.without(one, with_names=with_names) for one in value]
        return None if self.finds_in(value) else value

    def _names(self, told: Iterable[str]) -> list[str]:
        """Names without what is found in them, of which no two become one."""
        found: dict[str, None] = {}
        for one in told:
            name = self.without(one) or "_"
            while name in found:
                name += "_"
            found[name] = None
        return list(found)


def _in_address(text: str) -> str:
    """A text as it stands in a path."""
    return quote(text, safe="", errors="replace")


def _in_form(text: str) -> str:
    """A text as it stands in a query."""
    return quote_plus(text, errors="replace")
