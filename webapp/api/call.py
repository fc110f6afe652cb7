"""One request to the machine door: its key, its headers, its body; and the reply."""

import gzip
import hashlib
import io
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from werkzeug.wsgi import get_content_length

from webapp import arrivals, clock, db, keys, refused
from webapp.api import bodies, dry_runs, errors, replies
from webapp.api.errors import ApiError
from webapp.api.replies import SUCCESS, Reply
from webapp.api.shapes import Reader
from webapp.house import House
from webapp.inbox import FIRST
from webapp.ingest import batch, retries
from webapp.ingest import messages as browser_messages
from webapp.ingest.batch import Request
from webapp.ingest.changes import Change, Fault, Message, RefusedError, Source
from webapp.ingest.retries import Outcome, Retry
from webapp.keys import Kind
from webapp.models import ApiKey, Workspace
from webapp.rates import Limit, Standing

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

MOST_HEARD = 10_000_000  # bytes of a refused body; whoever sends more is cut off
KEY_HEADER = "x-growlytics-key"
IDEMPOTENCY_HEADER = "Idempotency-Key"
LONGEST_IDEMPOTENCY_KEY = 255
RATE_HEADERS = ("RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset")  # the last in seconds
_LONGEST_WHENCE = 100
_SHOWN = ("name", "expected", "received")  # of an ignored value

AnyReader = TypeVar("AnyReader", bound=Reader)


class Part(NamedTuple):
    """A part of a request that was refused while the rest is stored: its place, its faults, and how it is sent again.

    `is_whole`: whether `body` says all that came.
    """

    place: int
    faults: Sequence[Fault]
    body: bytes
    is_whole: bool


@dataclass(slots=True)
class Call:
    """A request, the same whichever way it came: `environ` is WSGI's.

    `key`: its key once it is let in. `headers`: those that go with every answer to it, also with errors. `parts`: what
    of it was refused while the rest is stored. `is_dry_run`: nothing of it is to be stored. `visitor`: the workspace of
    somebody who is signed in there and tries what a request would do, for which no key is needed.
    """

    house: House
    environ: "WSGIEnvironment"
    is_dry_run: bool = False
    visitor: Workspace | None = None
    body: bytes = field(default=b"", init=False)
    key: ApiKey | None = field(default=None, init=False)
    headers: dict[str, str] = field(default_factory=dict, init=False)
    parts: list[Part] = field(default_factory=list, init=False)

    def enter(self, text: str, *kinds: Kind) -> ApiKey:
        """Let it in with a valid key of one of these kinds, which is returned. Raises ApiError (401)."""
        if self.visitor is not None:
            self.key = ApiKey(kind=kinds[0], workspace=self.visitor, workspace_id=self.visitor.id)
            return self.key
        key = self.house.keys.authenticate(text)
        if key is None or key.kind not in kinds:
            raise ApiError(401, [_no_key(kinds, key)])
        self.key = key
        return key

    def use(self, whence: str | None) -> None:
        """Count it among the requests of its key, and note that this is used, and from where; None: not noted.

        Raises ApiError (429).
        """
        if self.key is None or not self.is_rated:
            return
        self._count(self.key)
        if whence is None or self.is_dry_run or not keys.needs_touch(self.key):
            return
        try:
            self._note_use(self.key, whence)
        except Exception as error:
            # What is read can be answered while nothing can be written.
            if not self.is_reading or db.trouble(error) is None:
                raise

    def _count(self, key: ApiKey) -> None:
        """Tell where the limits of the key stand, in the headers of the answer. Raises ApiError (429)."""
        standing = None
        for limit in _limits(key, self.address):
            found = self.house.rates.count(limit)
            if standing is None or found.remaining <= standing.remaining:
                standing = found
            if found.is_over:
                break
        if standing is not None:
            self.headers |= _told(standing)
            if standing.is_over:
                raise _too_many(standing)

    def _note_use(self, key: ApiKey, whence: str) -> None:
        """About once a minute, which is also often enough to tidy up."""
        with self.house.database.write() as session:
            keys.touch(session, key.id, errors.storable(whence, _LONGEST_WHENCE))
            retries.forget_old(session)
            browser_messages.forget_old(session)
        self.house.inbox.attempt(partial(refused.forget_old, workspace_id=key.workspace_id))
        arrivals.forget_old(self.house.database, key.workspace_id)

    @property
    def workspace(self) -> Workspace:
        """The workspace of the key. The request must have been let in."""
        assert self.key is not None, "nobody knows whose request this is"  # noqa: S101
        return self.key.workspace

    @property
    def is_rated(self) -> bool:
        """Whether it counts among the requests of its key."""
        return self.visitor is None

    @property
    def is_reading(self) -> bool:
        """Whether it asks for something, and has no body."""
        return bool(self.environ["REQUEST_METHOD"] != "POST")

    @property
    def path(self) -> str:
        """The path of the endpoint."""
        return str(self.environ["PATH_INFO"])

    @property
    def address(self) -> str:
        """The address that it came from, behind trusted proxies."""
        return str(self.environ.get("REMOTE_ADDR") or "")

    def now(self) -> int:
        """When it came: epoch ms."""
        return clock.now()

    def header(self, name: str) -> str | None:
        """A header of the request."""
        return header(self.environ, name)

    def read(self, kind: type[AnyReader]) -> AnyReader:
        """The body, ready to be read. Raises ApiError (400, 413, 422)."""
        self.body = received(self.environ, bodies.MOST_BYTES)
        body, faults = bodies.parse(self.body)
        return kind(body, faults, self.workspace)

    def receive(self, most: int) -> bytes:
        """The body as it is, or what it unpacks to: at most so many bytes. Raises ApiError (400, 413, 415, 422)."""
        self.body = data = received(self.environ, most)
        packing = (self.header("Content-Encoding") or "identity").strip().lower()
        if packing not in {"identity", "gzip"}:
            raise errors.of_status(415, "the body's Content-Encoding is not one that is known here; use gzip or none")
        if packing == "gzip":
            self.body = unpacked(data, most)
        return self.body

    def answer(self, body: Reader, *changes: Change) -> Reply:
        """Store the changes of a body and say so. Raises ApiError (422)."""
        outcome = self.store(body, *changes)
        if not outcome.ignored and outcome.effects is None:
            return SUCCESS
        ignored = [{name: one[name] for name in _SHOWN} for one in outcome.ignored]
        return self.reply({"success": True} | ({"ignored": ignored} if ignored else {}), outcome)

    def reply(
        self, content: dict[str, Any], outcome: Outcome, places: Mapping[int, int | None] | None = None,
        refused: Iterable[int] = (),
    ) -> Reply:  # fmt: skip
        """The answer to a request with this outcome; of a dry run with its effects: see dry_runs.told."""
        more = {} if outcome.effects is None else dry_runs.told(outcome.effects, places or {}, refused)
        return replies.of(content | more)

    def store(self, body: Reader, *changes: Change) -> Outcome:
        """Store the changes of a body, all or none; on return they are committed.

        Raises ApiError (422), with all faults of the body or with the one for which its changes can't be stored.
        """
        retry = self.retry(body.faults)
        body.faults.refuse()
        try:
            return self.submit(changes, retry)
        except RefusedError as refused:
            found = [body.placed(fault) for fault in refused.faults.values()]
            # Several changes of one body may have one fault: whose they are.
            raise ApiError(422, [one for place, one in enumerate(found) if one not in found[:place]]) from None

    def submit(
        self,
        changes: Sequence[Change],
        retry: Retry | None = None,
        messages: Sequence[Message | None] = (),
        *,
        is_partial: bool = False,
    ) -> Outcome:
        """Store changes as a request of their own, but for a dry run. `messages`: as of batch.Request.

        Raises as GroupCommit.submit.
        """
        source = Source(self.path, None if self.key is None else self.key.id)
        request = Request(self.workspace, changes, source, retry, is_partial, messages=messages)
        if self.is_dry_run:
            return batch.rehearse(self.house.database, request)
        return self.house.ingestion.submit(request)

    def retry(self, faults: errors.Faults) -> Retry | None:
        """What recognises this request when it comes again, if it carries an Idempotency-Key; notes faults of that."""
        key = self.header(IDEMPOTENCY_HEADER)
        if key is None:
            return None
        path: list[str | int] = ["headers", IDEMPOTENCY_HEADER]
        if not key.strip():
            faults.add(path, "is empty, or has other characters than ASCII", "string.empty")
        elif "\x00" in key:
            faults.add(path, "contains a NUL character, which can't be stored", "string.unicode")
        elif len(key) > LONGEST_IDEMPOTENCY_KEY:
            message = f"is {len(key):,} characters long; {LONGEST_IDEMPOTENCY_KEY} are allowed"
            faults.add(path, message, "string.max", limit=LONGEST_IDEMPOTENCY_KEY)
        query = self.environ.get("QUERY_STRING")
        where = f"{self.path}?{query}" if query else self.path
        return Retry(key, hashlib.sha256(where.encode() + b"\n" + self.body).hexdigest())


def _no_key(kinds: tuple[Kind, ...], other: ApiKey | None) -> Fault:
    is_in_body = kinds == ("browser",)
    path: list[str | int] = ["key"] if is_in_body else ["headers", KEY_HEADER]
    if other is None:
        where = "in the field `key`" if is_in_body else f"in the {KEY_HEADER} header"
        return errors.fault(f"the API key is missing or not valid; send it {where}", "key.invalid", path)
    message = f"this is a {other.kind} key; a {' or '.join(kinds)} key is needed here"
    return errors.fault(message, "key.kind", path, valids=list(kinds))


def _limits(key: ApiKey, address: str) -> Iterable[Limit]:
    """Those of a key. An address that sends too much is turned away first, and takes nothing from the others."""
    if key.requests_a_minute is not None:
        yield Limit(key.requests_a_minute, key.public_id, address)
    if key.rate_limit is not None:
        yield Limit(key.rate_limit, key.public_id)


def _told(standing: Standing) -> dict[str, str]:
    numbers = (standing.limit.most, standing.remaining, standing.seconds)
    return dict(zip(RATE_HEADERS, map(str, numbers), strict=True))


def _too_many(standing: Standing) -> ApiError:
    limit = standing.limit
    who = "this address may send" if limit.address else "this key may be used for"
    message = f"{who} {limit.most:,} requests a minute{' with this key' if limit.address else ''}"
    return ApiError(429, [errors.fault(message, "rate.max", limit=limit.most)], {"Retry-After": str(standing.seconds)})


def header(environ: "WSGIEnvironment", name: str) -> str | None:
    """A header of a WSGI request; None where it isn't there."""
    found = environ.get(_variable(name))
    return None if found is None else str(found)


@cache
def _variable(name: str) -> str:
    return f"HTTP_{name.upper().replace('-', '_')}"


def hear_out(environ: "WSGIEnvironment", heard: int = 0) -> None:
    """Take in a body that nobody wants, in parts: a client that is cut off while it sends never sees its answer.

    `heard`: how many bytes of it have been read already.
    """
    told = get_content_length(environ)
    left = (MOST_HEARD if told is None else min(told, MOST_HEARD)) - heard
    while left > 0 and (part := environ["wsgi.input"].read(min(left, 65_536))):
        left -= len(part)


def received(environ: "WSGIEnvironment", most: int) -> bytes:
    """The body of a WSGI request, of at most so many bytes. Raises ApiError (400, 413)."""
    # Read straight from the server: a body sent in chunks has no length, and Werkzeug would cut it off in silence.
    # Never past a known length: some servers would wait there for bytes that don't come.
    told = get_content_length(environ)
    length = most + 1 if told is None else told
    data: bytes = environ["wsgi.input"].read(length if length <= most + 1 else FIRST)
    if max(len(data), told or 0) > most:
        if length > most + 1:
            hear_out(environ, len(data))
        raise _refused(413, f"the body is larger than {most:,} bytes", data)
    if told is not None and len(data) < told:
        raise _refused(400, "the body is shorter than its Content-Length", data)
    return data


def _refused(status: int, message: str, heard: bytes) -> ApiError:
    error = errors.of_status(status, message)
    error.heard = heard
    return error


def unpacked(data: bytes, most: int) -> bytes:
    """What a gzip body holds, of at most so many bytes. Raises ApiError (413, 422)."""
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
            text = file.read(most + 1)
    except (OSError, EOFError, zlib.error):
        message = "the body is not valid gzip, which its Content-Encoding says it is"
        raise ApiError(422, [errors.fault(message, "gzip.invalid")]) from None
    if len(text) > most:
        raise errors.of_status(413, f"the body is larger than {most:,} bytes when unpacked")
    return text
