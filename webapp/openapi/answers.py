"""What endpoints answer: success, what was ignored or refused, what a dry run tells, errors."""

from typing import Any, get_args

from webapp import values
from webapp.api import dry_runs, errors
from webapp.api.call import KEY_HEADER, RATE_HEADERS
from webapp.ingest.changes import Result
from webapp.openapi.shapes import BOOLEAN, FAULTS, INTEGER, NULL, Schema, any_of, array, const, fields, one_of
from webapp.reference import rules

_TEXT: Schema = {"type": "string"}
_COUNT: Schema = {"type": "integer", "minimum": 0}
_NAMED: Schema = {"type": ["string", "null"]}
_TYPE = one_of(*values.EVENT_TYPES)
_IGNORED: Schema = {"name": _TEXT, "expected": _TYPE, "received": _TYPE}
_INDEX: Schema = _COUNT | {"description": "Its place in the body, counted from 0."}
_DRY: Schema = {
    "dryRun": const(True) | {"description": "Of a dry run only: nothing was stored."},
    "changes": array({"$ref": "#/components/schemas/Change"}),
}


def success() -> Schema:
    """The answer to a single change."""
    return fields({"success": const(True)}, {"ignored": array(fields(_IGNORED))} | _DRY)


def of_parts(*, has_ids: bool = False) -> Schema:
    """The answer to many changes, some of which may be refused; `has_ids`: each has an id of its own."""
    refused: Schema = {"index": _INDEX} | ({"id": _TEXT} if has_ids else {}) | {"details": FAULTS}
    told = {"success": BOOLEAN | {"description": "False when anything was refused."}, "accepted": _COUNT}
    return fields(
        told, {"refused": array(fields(refused)), "ignored": array(fields({"index": _INDEX} | _IGNORED))} | _DRY
    )


def with_dry_run(required: Schema) -> Schema:
    """An answer of its own shape, to which a dry run adds."""
    return fields(required, _DRY)


# Shared schemas


def _person(*, more: Schema | None = None) -> Schema:
    ids = {"id": _NAMED | {"description": "The System ID; null of a visitor."}, "growlyticsId": _NAMED}
    return fields(ids | (more or {}))


def _change() -> Schema:
    results = {name: const(name) | {"description": words} for name, words in rules.RESULTS.items()}
    joined = fields({"from": _person()}, {"into": _person()})
    of_attribute = any_of(*(results[name] for name in get_args(Result)))
    return fields(
        {"result": any_of(*results.values())},
        {
            "index": _INDEX,
            "type": one_of(*dry_runs.TYPES.values()),
            "customer": _person(more={"isNew": BOOLEAN}),
            "attributes": {"type": "object", "additionalProperties": of_attribute},
            "ignored": array(fields(_IGNORED | {"value": {}})),
            "merged": array(joined),
            "parted": array(fields({"from": _person()})),
        },
    ) | {"description": "What would become of a change. Of a refused one there is no more than `index` and `result`."}


def _of_http(status: int) -> str:
    """The type of the fault that an error of HTTP itself tells."""
    return str(errors.of_status(status, "").faults[0]["type"])


def _fault() -> Schema:
    types: dict[str, str] = rules.FAULTS | {_of_http(status): rules.STATUSES[status] for status in (*errors.TYPES, 500)}
    context = {"type": "object", "description": "What the message is made of, such as `label`, `value` and `limit`."}
    return fields(
        {
            "message": _TEXT | {"description": "In plain words, for people."},
            "path": array({"type": ["string", "integer"]}) | {"description": "The way to the value in the body."},
            "type": any_of(*(const(name) | {"description": words} for name, words in sorted(types.items())))
            | {"description": "For programs."},
            "context": context,
        }
    ) | {"description": "One fault."}


def _error() -> Schema:
    types = one_of(*errors.TYPES.values(), "Error")
    told = {"type": types, "details": FAULTS | {"description": "Every fault that was found."}}
    asked = _TEXT | {"description": "From 500 on: by this it is found in the server’s log."}
    return fields(told, {"requestId": asked})


def _json() -> Schema:
    own: Schema = {"$ref": "#/components/schemas/Json"}
    text: Schema = {"type": "string", "pattern": r"^[^\u0000]*$"}
    scalars = NULL, BOOLEAN, {"type": "number"}, text
    keyed: Schema = {"type": "object", "propertyNames": text, "additionalProperties": own}
    return any_of(*scalars, array(own), keyed) | {
        "description": "Any JSON, its whole numbers within 64 bits, without NUL in its texts."
    }


SCHEMAS = {"Error": _error(), "Fault": _fault(), "Change": _change(), "Json": _json()}

# Shared headers, answers, ways of saying who asks

_WHOLE_SECONDS: Schema = INTEGER | {"minimum": 0}
HEADERS: dict[str, Schema] = {
    "X-Request-Id": {"description": "By this the request is found in the server’s log.", "schema": _TEXT},
    "Retry-After": {"description": "Seconds to wait.", "required": True, "schema": _WHOLE_SECONDS},
    **{
        name: {"description": f"Of a key with a limit: {rules.RATES[name]}.", "schema": _WHOLE_SECONDS}
        for name in RATE_HEADERS
    },
}
_WAIT = (429, 503, 507)
_OF_KEY = {
    401: ("the API key is missing or not valid; send it in the x-growlytics-key header", "key.invalid", KEY_HEADER),
    403: ("the page's origin is not one of those that the workspace allows", "origin.refused", "Origin"),
}


def headers(*names: str) -> Schema:
    """These headers of an answer, and the one that all have."""
    return {name: {"$ref": f"#/components/headers/{name}"} for name in ("X-Request-Id", *names)}


def name_of(status: int) -> str:
    """What the shared answer with this status is called."""
    return errors.TYPES.get(status, "ServerError").removesuffix("Error")


def _example(status: int) -> Any:
    if status == 422:
        return rules.ERROR
    if status in _OF_KEY:
        message, type_, header = _OF_KEY[status]
        faults = [errors.fault(message, type_, ["headers", header])]
    elif status == 429:
        faults = [errors.fault("this key may be used for 600 requests a minute", "rate.max", limit=600)]
    else:
        faults = errors.of_status(status, rules.STATUSES[status].rstrip(".")).faults
    shown: dict[str, Any] = {"type": errors.TYPES.get(status, "Error"), "details": faults}
    return shown | ({"requestId": "3f2a9c"} if status >= 500 else {})


def _refusal(status: int) -> Schema:
    kind = const(errors.TYPES.get(status, "Error"))
    names = ("Retry-After",) if status in _WAIT else ()
    rates = () if status in {401, 403} else RATE_HEADERS
    return {
        "description": rules.STATUSES[status],
        "headers": headers(*names, *rates),
        "content": {
            "application/json": {
                "schema": {"$ref": "#/components/schemas/Error", "properties": {"type": kind}},
                "example": _example(status),
            }
        },
    }


# Of 405 each path tells by its own: it is no answer of what is described.
RESPONSES = {name_of(status): _refusal(status) for status in rules.STATUSES if status not in {200, 202, 304, 405}}

_WHOSE = {
    "server": "A server’s key (`cpk_…`): it may send, and is a secret.",
    "browser": "A browser’s key (`cpb_…`), which anybody can read in the pages.",
    "read": "A key that only reads (`cpr_…`); a secret, too.",
    "privacy": "A key that archives, erases and exports people (`cpp_…`), and nothing else; a secret, too.",
}
SECURITY = {
    f"{kind}Key": {"type": "apiKey", "in": "header", "name": KEY_HEADER, "description": words}
    for kind, words in _WHOSE.items()
}
