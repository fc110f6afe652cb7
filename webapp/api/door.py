"""What every ingestion endpoint does around its own shape: the key, the body, the answer."""

import hashlib
from typing import TypeVar

from flask import Response, g, jsonify, request

from webapp import keys
from webapp.api import bodies, errors
from webapp.api.errors import ApiError, fault
from webapp.api.shapes import Reader
from webapp.db import database
from webapp.ingest import batch
from webapp.ingest.changes import Change, RefusedError, Source
from webapp.models import ApiKey

KEY_HEADER = "x-growlytics-key"
IDEMPOTENCY_HEADER = "Idempotency-Key"
LONGEST_IDEMPOTENCY_KEY = 255

AnyReader = TypeVar("AnyReader", bound=Reader)


def guard() -> None:
    """Let in who carries a valid key; everybody else gets the same 401."""
    with database().read() as session:
        key = keys.authenticate(session, request.headers.get(KEY_HEADER))
    if key is None:
        message = f"the API key is missing or not valid; send it in the {KEY_HEADER} header"
        raise ApiError(401, [fault(message, "key.invalid", ["headers", KEY_HEADER])])
    if keys.needs_touch(key):  # about once a minute, which is also often enough to tidy up
        with database().write() as session:
            keys.touch(session, key.id)
            batch.forget_old_keys(session)
    g.api_key = key


def reader(kind: type[AnyReader]) -> AnyReader:
    """The body of this request, ready to be read. Raises ApiError (400, 413, 422)."""
    g.body = _bytes()
    body, faults = bodies.parse(g.body)
    return kind(body, faults, _key().workspace)


def answer(body: Reader, *changes: Change) -> Response:
    """Store the changes of a body and say so. Raises ApiError (422)."""
    ignored = store(body, *changes)
    return jsonify({"success": True} | ({"ignored": ignored} if ignored else {}))


def store(body: Reader, *changes: Change) -> list[dict[str, str]]:
    """Apply the changes of a body, all or none; on return they are committed. Returns the values that were ignored.

    Raises ApiError (422), with all faults of the body or with the one for which its changes can't be stored.
    """
    retry = _retry(body.faults)
    body.faults.refuse()
    try:
        return batch.submit(database(), body.workspace, changes, Source(request.path, _key().id), retry)
    except RefusedError as refused:
        raise ApiError(422, [body.placed(refused.fault)]) from None


def _key() -> ApiKey:
    key: ApiKey = g.api_key
    return key


def _bytes() -> bytes:
    # Read straight from the server: a body sent in chunks has no length, and Werkzeug would cut it off in silence.
    # Never past a known length: some servers would wait there for bytes that don't come.
    most = bodies.MOST_BYTES
    length = most + 1 if request.content_length is None else request.content_length
    data: bytes = request.environ["wsgi.input"].read(length) if length <= most + 1 else b""
    if max(len(data), request.content_length or 0) > most:
        raise errors.of_status(413, f"the body is larger than {most:,} bytes")
    if request.content_length is not None and len(data) < request.content_length:
        raise errors.of_status(400, "the body is shorter than its Content-Length")
    return data


def _retry(faults: errors.Faults) -> batch.Retry | None:
    key = request.headers.get(IDEMPOTENCY_HEADER)
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
    return batch.Retry(key, hashlib.sha256(request.path.encode() + b"\n" + g.body).hexdigest())
