"""The endpoints of mobile apps and browsers."""

from typing import Any

from webapp.api import browser_shapes, browsers
from webapp.api.mobile_shapes import INFO, LONGEST_NAME, LONGEST_TEXT, LONGEST_TOKEN, PLATFORMS, TOKEN_FIELDS, UTM
from webapp.api.shapes import EARLIEST, LONGEST_STRING, MOST_EVENT_ATTRIBUTES, MOST_SENT_ATTRIBUTES
from webapp.openapi.answers import of_parts, success, with_dry_run
from webapp.openapi.attributes import ANYTHING, ID, NAME, SCALAR, TIME, keyed_by_name, of_mobile
from webapp.openapi.parameters import DRY_RUN, IDEMPOTENCY_KEY, ORIGIN
from webapp.openapi.shapes import (
    BOOLEAN,
    JSON,
    NULL,
    NUMBER,
    Operation,
    Schema,
    any_of,
    array,
    as_json,
    body,
    const,
    keyed,
    named,
    or_null,
    text,
)
from webapp.reference import ENDPOINTS

# Mobile apps

_AT = any_of({"type": "integer", "minimum": EARLIEST}, text(pattern="^[0-9]{12,13}$"))
_TOLD: dict[str, Schema] = {"string": text(LONGEST_TEXT), "number": NUMBER, "boolean": BOOLEAN}


def _nullable(schemas: dict[str, Schema]) -> dict[str, Schema]:
    return {name: or_null(schema) for name, schema in schemas.items()}


def _of_launch() -> Schema:
    """What an app tells of the device: names that are known are of their types, others are any JSON."""
    known: dict[str, Schema] = {name: any_of(*(_TOLD[type_] for type_ in types)) for name, types in INFO.items()}
    known["platform"] = text(pattern="^({})$".format("|".join(map(_in_any_case, PLATFORMS))))
    sources = _nullable(dict.fromkeys(UTM, _TOLD["string"]))
    known["utmInfo"] = keyed(text(), JSON) | {"properties": sources}
    others = any_of(NULL, BOOLEAN, NUMBER, _TOLD["string"], array(JSON), keyed(text(), JSON))
    return or_null(keyed(text(), others) | {"properties": _nullable(known)})


def _in_any_case(word: str) -> str:
    return "".join(f"[{one.upper()}{one.lower()}]" for one in word)


def _with_token() -> Schema:
    """The first name under which there is a token counts."""
    token, names = named(LONGEST_TOKEN), TOKEN_FIELDS
    found = body({"did": ID}, dict.fromkeys(names, JSON))
    return found | {
        "anyOf": [
            {"required": [name], "properties": dict.fromkeys(names[:place], NULL) | {name: token}}
            for place, name in enumerate(names)
        ]
    }


def _mobile(path: str, sent: Schema, answered: Schema | None = None) -> Operation:
    return Operation(ENDPOINTS[path], as_json(answered or success()), as_json(sent), (DRY_RUN, IDEMPOTENCY_KEY))


_SID: Schema = {"type": ["string", "null"], "description": "The id of the visit; null in a dry run."}
MOBILE = (
    _mobile(
        "/mcrs_appl_v1",
        body({"timestamp": _AT}, {"did": or_null(text(ID["maxLength"])), "info": _of_launch()}),
        with_dry_run({"did": {"type": "string"}, "sid": _SID}),
    ),
    _mobile(
        "/msv_cevt",
        body({"did": ID, "name": named(LONGEST_NAME), "timestamp": _AT}, {"info": of_mobile(MOST_EVENT_ATTRIBUTES)}),
    ),
    _mobile(
        "/msv_cs_id",
        body({"did": ID, "clientCustomerId": ID, "timestamp": _AT}, {"info": of_mobile(MOST_SENT_ATTRIBUTES)}),
    ),
    _mobile("/logout", body({"did": ID}, {"timestamp": or_null(_AT)})),
    _mobile("/mpush_token", _with_token()),
)

# Browsers

_LINE = text(LONGEST_STRING)
_MAYBE = or_null(_LINE)
_SHORT = or_null(text(browser_shapes.LONGEST_TEXT))


def _texts(names: tuple[str, ...]) -> Schema:
    return or_null(keyed(text(), JSON) | {"properties": dict.fromkeys(names, _SHORT)})


def _message(type_: str, required: dict[str, Any], optional: dict[str, Any] | None = None) -> Schema:
    id_ = text(browser_shapes.LONGEST_MESSAGE_ID, least=1)
    return body({"id": id_, "type": const(type_), "time": TIME} | required, optional)


_SCALARS = keyed_by_name(SCALAR, MOST_SENT_ATTRIBUTES)
_MESSAGES: Schema = {
    "oneOf": [
        _message(
            "page",
            {"url": _LINE},
            {
                "title": _MAYBE,
                "referrer": _MAYBE,
                "utm": _texts(browser_shapes.UTM),
                "clickIds": _texts(browser_shapes.CLICK_IDS),
            },
        ),
        _message(
            "event",
            {"name": NAME},
            {"url": or_null(text()), "attributes": keyed_by_name(ANYTHING, MOST_EVENT_ATTRIBUTES)},
        ),
        _message("attributes", {"attributes": _SCALARS}),
        _message("identify", {"userId": ID}, {"attributes": _SCALARS, "signature": text()}),
        _message("logout", {}),
    ]
}
_SENT_AT: Schema = {"type": "number", "exclusiveMinimum": -(2**63), "exclusiveMaximum": 2**63}

BROWSER = (
    Operation(
        ENDPOINTS["/api/v1/browser"],
        as_json(of_parts(has_ids=True)),
        as_json(
            body(
                {
                    "key": text(),
                    "did": text(pattern="^[A-Za-z0-9_-]{16,64}$"),
                    "sentAt": _SENT_AT,
                    "messages": array(_MESSAGES, browsers.MOST_MESSAGES),
                },
                {"device": or_null(keyed(text(), JSON))},
            )
        ),
        (DRY_RUN, ORIGIN),
        keys=(),
        statuses=(403,),
    ),
)
