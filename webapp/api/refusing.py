"""Writing down what this door refuses: whole requests, and parts of those that are stored otherwise."""

import json
import logging
import re
import secrets
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

import orjson

from webapp import erased, reasons
from webapp.api.call import IDEMPOTENCY_HEADER, Call
from webapp.api.errors import NOT_TEXT, ApiError
from webapp.inbox import FIRST, LARGEST, Noted, Payload
from webapp.ingest.changes import Fault
from webapp.places import shortened

log = logging.getLogger(__name__)

MOST_FAULTS = 20  # that are kept of one request
_LONGEST_HEADER = 512
# What of a request decides how its body is read. The key and whatever else a header may hold are no part of it.
_HEADERS = ("Origin", "User-Agent", IDEMPOTENCY_HEADER)
# Of what is refused for these, the body isn't there, or not as it would be read.
_INCOMPLETE = {
    "gzip.invalid",
    "request.bad.request",
    "request.payload.too.large",
    "request.unsupported.media.type",
}
# Of what comes too fast there is only how often: whoever sends it is told to send it again.
# What is of somebody who was erased isn't kept, nor that something at fault otherwise was about them.
_UNKEPT = {"rate.max", erased.ERASED}
_SECRET = re.compile(rb"(cp[kbrp]_)[0-9a-f]{12}_[A-Za-z0-9_-]{43}")


def note(call: Call, error: ApiError | None) -> None:
    """Note what was refused of a request that was let in. Never raises: the answer to it goes out in any case."""
    try:
        call.house.inbox.note(_of_parts(call) if error is None else [_of_whole(call, error)])
    except Exception as failure:
        log.warning("a refusal could not be noted: %s", type(failure).__name__)


class _Came(NamedTuple):
    """What was refused: why, what came, and beside that what decides how it is read.

    `mark`: what tells it from another with an equal body; empty where its own time does.
    """

    faults: Sequence[Fault]
    body: bytes
    is_whole: bool
    details: dict[str, Any]
    mark: str
    at: int


def _of_whole(call: Call, error: ApiError) -> Noted:
    details = {**_beside(call), "status": error.status, "query": _query(call)}
    is_whole = error.faults[0]["type"] not in _INCOMPLETE
    mark = call.header(IDEMPOTENCY_HEADER) or ""
    return _noted(call, _Came(error.faults, call.body or error.heard, is_whole, details, mark, call.now()))


def _of_parts(call: Call) -> Iterator[Noted]:
    """The refused parts of a request."""
    details = {**_beside(call), "is_part": True, "query": ""}
    details["headers"].pop(IDEMPOTENCY_HEADER, None)  # it stands for the request as a whole
    key, now = call.header(IDEMPOTENCY_HEADER), call.now()
    for part in call.parts:
        mark = "" if key is None else f"{part.place} {key}"
        yield _noted(call, _Came(part.faults, part.body, part.is_whole, details, mark, now))


def _noted(call: Call, came: _Came) -> Noted:
    assert call.key is not None  # noqa: S101 - it was let in
    first = came.faults[0]
    keeps = call.workspace.keeps_refused and not _is_of_erased(call, came)
    reason = reasons.of_fault(call.path, call.key.id, first)
    noted = Noted(call.workspace.id, reason, reasons.words(first, with_values=keeps), came.at, came.at)
    if keeps and first["type"] not in _UNKEPT:
        noted.sample = _sample(first)
        noted.payloads.append(_payload(came))
    return noted


def _is_of_erased(call: Call, came: _Came) -> bool:
    if call.workspace.erasure_secret is None:
        return False
    with call.house.database.read() as session:
        given = [came.details["headers"].get(name, "") for name in ("User-Agent", IDEMPOTENCY_HEADER)]
        beside = chain(given, *parse_qsl(came.details["query"], keep_blank_values=True))
        return erased.mentions(session, call.workspace, came.body, beside)


def _sample(fault: Fault) -> str:
    """A value of a wrong type, as JSON."""
    value = fault["context"].get("value") if fault["type"].endswith(".base") else None
    return "" if value is None else reasons.cut(json.dumps(value, ensure_ascii=False))


def _payload(came: _Came) -> Payload:
    content = (came.mark or _mark(came)).encode("utf-8", "surrogatepass") + b"\n" + came.body
    kept = came.body if len(came.body) <= LARGEST else came.body[:FIRST]
    return Payload(
        received_at=came.at,
        digest=reasons.digest(content.decode("latin-1")),
        details={**came.details, "faults": _told(came.faults)},
        body=_SECRET.sub(rb"\1hidden", kept),
        size=len(came.body),
        is_whole=came.is_whole and len(came.body) <= LARGEST,
    )


# What says when that was which a body tells.
_TIMES = ("time", "timestamp", "messages")
_NAMED_TIME = re.compile(rb'"(?:%s)"' % "|".join(_TIMES).encode())


def _mark(came: _Came) -> str:
    """What tells equal bodies apart, if they don't say when that was which they tell."""
    is_read = came.is_whole and not came.faults[0]["type"].startswith("json.")
    if is_read and not _NAMED_TIME.search(came.body):  # a megabyte that names no time needn't be read once more
        return secrets.token_hex(8)
    return "" if _is_timed(came.body) else secrets.token_hex(8)


def _is_timed(body: bytes) -> bool:
    """Whether a body tells when that was. One that can't be read passes for that: two equal ones are one sent twice."""
    try:
        told = orjson.loads(body)
    except orjson.JSONDecodeError:
        return True
    return isinstance(told, dict) and any(told.get(name) is not None for name in _TIMES)


def _told(faults: Sequence[Fault]) -> list[dict[str, Any]]:
    return [
        {"message": NOT_TEXT.sub("\ufffd", one["message"]), "path": one["path"], "type": one["type"]}
        for one in faults[:MOST_FAULTS]
    ]


def _query(call: Call) -> str:
    return str(call.environ.get("QUERY_STRING") or "")[:_LONGEST_HEADER]


def _beside(call: Call) -> dict[str, Any]:
    address = shortened(call.address) if call.workspace.keeps_addresses else ""
    return {"headers": _headers(call), "address": address}


def _headers(call: Call) -> dict[str, str]:
    names = (*_HEADERS, "Content-Type", *filter(None, [call.house.country_header]))
    given = {name: call.header(name) for name in names}
    given["Content-Type"] = call.environ.get("CONTENT_TYPE")
    return {name: text[:_LONGEST_HEADER] for name, text in given.items() if text}
