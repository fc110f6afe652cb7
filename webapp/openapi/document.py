"""The document: what the operations say, put together once for each address that readers come by."""

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache, lru_cache
from http.client import responses
from typing import Any, NamedTuple

import orjson

from webapp import clock
from webapp.api.call import RATE_HEADERS
from webapp.openapi import asked, clients, operators, privacy, reading, servers
from webapp.openapi.answers import HEADERS, RESPONSES, SCHEMAS, SECURITY, headers, name_of
from webapp.openapi.shapes import Operation, Schema
from webapp.reference import rules
from webapp.reference.shapes import Described

FAMILIES: Mapping[str, Sequence[Operation]] = {
    "Servers": servers.OPERATIONS,
    "Mobile apps": clients.MOBILE,
    "Browsers": clients.BROWSER,
    "Reading": (*asked.READING, *reading.OPERATIONS),
    "Privacy": privacy.OPERATIONS,
    "Operators": operators.OPERATIONS,
}
OPERATIONS = tuple(one for family in FAMILIES.values() for one in family)

_VERSION = "1"  # of the API, which has had no other; not of the product, which strangers need not know
_EXAMPLE_AT = 1_767_225_600_000 + 12 * clock.HOUR  # 2026-01-01 noon, epoch ms: the document stays the same
_ALWAYS = (401, 422, 429, 500, 503)
_SENT = (400, 413, 507)  # of what has a body, and is stored
_WORDS = (
    "Takes in customers and events, and answers what is known of them. Every body is JSON; a 200 goes out once the "
    "data is committed and synced to disk. Every error has one shape, with all faults in `details`. Sending a request "
    "again changes nothing where it has an `Idempotency-Key` or a `time` of its own. Other methods than those "
    "described are answered by 405, other paths by 404."
)


class File(NamedTuple):
    """The document as it is served; `digest` changes with it."""

    text: bytes
    digest: str


@lru_cache(maxsize=16)  # readers choose the host
def text(server: str) -> File:
    """The document for who reads it at this address."""
    found = orjson.dumps(document(server))
    return File(found, hashlib.sha256(found).hexdigest()[:16])


def document(server: str) -> dict[str, Any]:
    """The document as JSON. `server`: the address at which the API is reached, without a slash at its end."""
    info = {"title": "Customer Profiles", "version": _VERSION, "description": _WORDS}
    return {"openapi": "3.1.1", "info": info, "servers": [{"url": server}], **_parts()}


@cache
def _parts() -> dict[str, Any]:
    paths: dict[str, Any] = {}
    for family, operations in FAMILIES.items():
        for one in operations:
            paths.setdefault(path_of(one), {})[one.method] = _described(family, one)
    components = {"schemas": SCHEMAS, "responses": RESPONSES, "headers": HEADERS, "securitySchemes": SECURITY}
    return {"tags": [{"name": family} for family in FAMILIES], "paths": paths, "components": components}


def path_of(operation: Operation) -> str:
    """Its path, with the parts that vary in braces."""
    return braced(operation.described.path)


def braced(rule: str) -> str:
    """The rule of a route as OpenAPI writes paths."""
    return re.sub(r"<(?:[^:<>]+:)?(\w+)>", r"{\1}", rule)


def id_of(operation: Operation) -> str:
    """What the document calls it, which is also its place on the page."""
    return re.sub(r"\W+", "_", f"{operation.method}{operation.described.path}").strip("_")


def id_of_path(path: str) -> str | None:
    """That of the first operation at a path of the reference; None where it isn't described yet."""
    return next((id_of(one) for one in OPERATIONS if one.described.path == path), None)


def statuses_of(operation: Operation) -> list[int]:
    """Everything that it may answer."""
    always = () if operation.is_open else (*_ALWAYS, *(_SENT if operation.bodies else ()))
    accepted = (202,) if operation.accepted else ()
    return sorted({200, *accepted, *always, *operation.statuses})


def _described(family: str, one: Operation) -> Schema:
    told = one.described
    found: Schema = {
        "tags": [family],
        "operationId": id_of(one),
        "summary": told.title,
        "description": "\n\n".join((told.words, *told.notes)),
        "security": [{f"{kind}Key": []} for kind in one.keys],
        "parameters": list(one.parameters),
    }
    if one.bodies:
        found["requestBody"] = {"required": True, "content": dict(_content(one.bodies, told, _samples(one)))}
    return found | {"responses": {str(status): _answer(one, status) for status in statuses_of(one)}}


def _samples(one: Operation) -> dict[str, Any]:
    sample = one.described.sample(_EXAMPLE_AT)
    lines = "".join(f"{orjson.dumps(change).decode()}\n" for change in sample.get("changes", []))
    return {media_type: sample if media_type == "application/json" else lines for media_type in one.bodies}


def _content(
    schemas: Mapping[str, Schema], told: Described, samples: Mapping[str, Any]
) -> Iterator[tuple[str, Schema]]:  # fmt: skip
    # The words of `tags[]` are those of the array.
    words = {one.name.removesuffix("[]"): one.words for one in told.fields}
    for media_type, schema in schemas.items():
        shown = {"example": samples[media_type]} if samples.get(media_type) else {}
        yield media_type, {"schema": _worded(schema, words)} | shown


def _answer(one: Operation, status: int) -> Schema:
    if one.is_open:
        return _plain(one, status)
    if status == 200:
        told = one.described
        samples = {media_type: told.answer for media_type in one.answers if media_type == "application/json"}
        words = told if told.is_asked else Described(told.path, "", "", (), told.sample, {})
        content = dict(_content(one.answers, words, samples))
        meaning = "What was asked for." if told.is_asked else rules.STATUSES[200]
        meaning = "Of a dry run: what would go." if one.accepted else meaning
        return {"description": meaning, "headers": headers(*RATE_HEADERS), "content": content}
    if status == 202:
        content = {"application/json": {"schema": one.accepted, "example": one.receipt}}
        return {"description": rules.STATUSES[202], "headers": headers(*RATE_HEADERS), "content": content}
    if status == 304:
        return {"description": "It is still as it was with this ETag.", "headers": headers(*RATE_HEADERS)}
    return {"$ref": f"#/components/responses/{name_of(status)}"}


def _plain(one: Operation, status: int) -> Schema:
    # Who may not see the metrics gets the page of a path that isn't there.
    content = {media_type: {"schema": schema} for media_type, schema in one.answers.items()}
    content = {"text/html": {"schema": {"type": "string"}}} if status == 404 else content
    return {"description": responses[status], "headers": headers(), "content": content}


def _worded(schema: Schema, words: Mapping[str, str], path: str = "") -> Schema:
    """A schema whose fields have the words of the reference: those of `attributes[].name` of each attribute's name."""
    found = dict(schema)
    if path in words and "description" not in found:
        found["description"] = words[path]
    if "properties" in found:
        found["properties"] = {
            name: _worded(inner, words, f"{path}.{name}" if path else name)
            for name, inner in found["properties"].items()
        }
    if "items" in found:
        found["items"] = _worded(found["items"], words, f"{path}[]")
    for kind in ("anyOf", "oneOf"):
        if kind in found:
            deeper = {name: told for name, told in words.items() if name != path}
            found[kind] = [_worded(inner, deeper, path) for inner in found[kind]]
    return found
