"""The endpoints that tell of customers, and what a workspace calls things."""

from typing import get_args

from webapp import columns, conditions
from webapp.api import timelines
from webapp.api.questions import LONGEST, MOST, MOST_NUMBER, USUAL
from webapp.customers import Status
from webapp.openapi.parameters import GROWLYTICS_ID
from webapp.openapi.profiles import BASICS, MOMENT, OR_NONE, PROFILE, TEXT
from webapp.openapi.shapes import (
    BOOLEAN,
    INTEGER,
    NUMBER,
    Operation,
    Schema,
    any_of,
    array,
    as_json,
    fields,
    named,
    one_of,
    or_null,
    parameter,
    text,
)
from webapp.reference import ENDPOINTS
from webapp.registry import RESERVED
from webapp.roster import Sort

_VALUE = named(LONGEST)
_COUNT: Schema = {"type": "integer", "minimum": 0}
_HIDDEN = parameter("hidden", one_of("show"), "`show`: also what is hidden in Data.")
_AFTER = parameter("attributes_after", _VALUE, "`attributesNext` of the answer before.")
_LIMIT = parameter("limit", {"type": "integer", "minimum": 1, "maximum": MOST}, f"How many; {USUAL} without it.")
_CURSOR = parameter("cursor", _VALUE, "`next` of the answer before.")
_KNOWN = parameter("If-None-Match", {"type": "string"}, "The ETag of an earlier answer.", where="header")
_COLUMN = any_of(one_of(*columns.BUILT_IN, *RESERVED), text(LONGEST, pattern=r"^attribute:[^\u0000]+$"))
_MOMENT = text(pattern=r"^([0-9]{1,14}|[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8]))$")


def _reading(path: str, answer: Schema, *parameters: Schema, statuses: tuple[int, ...] = ()) -> Operation:
    told = as_json(answer)
    return Operation(
        ENDPOINTS[path], told, {}, (*parameters, _KNOWN), keys=("read",), statuses=(304, *statuses), method="get"
    )


_CUSTOMER = fields(
    BASICS | {"events": _COUNT},
    {
        "attributes": {"type": "object"},
        "matched": fields({"field": TEXT, "value": TEXT, "isWhole": BOOLEAN, "isFormer": BOOLEAN}),
    },
)
_LIST = fields(
    {
        "customers": array(_CUSTOMER),
        "next": OR_NONE,
        "stopped": or_null(fields({"lookedAt": _COUNT, "until": INTEGER})),
    },
    {"count": fields({"number": _COUNT, "kind": one_of("exact", "about", "more")}), "hasMore": BOOLEAN},
)
_ATTRIBUTE = fields({"name": TEXT, "type": TEXT, "value": {}})
_EVENT = fields(
    {
        "id": TEXT,
        "name": TEXT,
        "time": MOMENT,
        "receivedAt": MOMENT,
        "attributes": array(_ATTRIBUTE),
        "did": OR_NONE,
        "context": {"type": "object"},
    }
)
_TIMELINE = fields(
    {
        "growlyticsId": TEXT,
        "events": array(_EVENT),
        "next": OR_NONE,
        "stopped": or_null(fields({"until": INTEGER})),
    }
)
_SAID: Schema = {
    "description": OR_NONE,
    "firstAt": or_null(MOMENT),
    "lastAt": or_null(MOMENT),
    "isHidden": BOOLEAN,
}
_SEGMENT = fields(
    {
        "id": INTEGER,
        "name": TEXT,
        "query": TEXT,
        "createdAt": MOMENT,
        "count": or_null(fields({"number": NUMBER, "kind": one_of("exact", "about", "more"), "at": MOMENT})),
    }
)

OPERATIONS = (
    _reading(
        "/api/v1/customer",
        PROFILE,
        parameter("id", _VALUE, "The System ID. Exactly one of these four is needed.", example="1001"),
        parameter("growlytics_id", _VALUE, "A Growlytics ID, also a merged one."),
        parameter("email", _VALUE, "The present e-mail; letter case doesn’t matter."),
        parameter("mobile", _VALUE, "The present mobile, in any usual format."),
        _HIDDEN,
        _AFTER,
        statuses=(404, 409),
    ),
    _reading("/api/v1/customers/<growlytics_id>", PROFILE, GROWLYTICS_ID, _HIDDEN, _AFTER, statuses=(404,)),
    _reading(
        "/api/v1/customers/<growlytics_id>/events",
        _TIMELINE,
        GROWLYTICS_ID,
        parameter("name", array(_VALUE, timelines.MOST_NAMES), "Only events of these names."),
        parameter("from", _MOMENT, "Epoch ms, or a day of the workspace’s calendar.", example="2026-01-31"),
        parameter("to", _MOMENT, "Epoch ms, which is no longer in it, or a day, which is.", example="2036-01-31"),
        parameter("text", _VALUE, "With this text in names or values of attributes, or the page’s address."),
        _HIDDEN,
        _LIMIT,
        _CURSOR,
        statuses=(404,),
    ),
    _reading(
        "/api/v1/customers",
        _LIST,
        parameter("q", _VALUE, "Searches. Beside it, only `column` and `limit`."),
        parameter("where", array(_VALUE, conditions.MOST), "Filters, as in the list’s address."),
        parameter("segment", {"type": "integer", "minimum": 1, "maximum": MOST_NUMBER}, "The id of a segment."),
        parameter("status", one_of(*get_args(Status)), "Whether they are registered."),
        parameter("bots", one_of("hidden"), "`hidden`: without known bots."),
        parameter("sort", one_of(*get_args(Sort)), "By which time they are sorted."),
        parameter("order", one_of("newest", "oldest"), "Which come first."),
        _CURSOR,
        parameter("count", one_of("yes"), "`yes`: tells how many there are."),
        parameter("column", array(_COLUMN, columns.MOST), "`attribute:City`: with this attribute."),
        _LIMIT,
        statuses=(404,),
    ),
    _reading("/api/v1/segments", fields({"segments": array(_SEGMENT), "next": OR_NONE})),
    _reading(
        "/api/v1/attributes",
        fields({"attributes": array(fields({"name": TEXT, "type": TEXT} | _SAID)), "next": OR_NONE}),
        parameter("event", _VALUE, "The attributes of this event; without it, those of customers."),
        _HIDDEN,
        _LIMIT,
        _CURSOR,
    ),
    _reading(
        "/api/v1/events",
        fields({"events": array(fields({"name": TEXT} | _SAID)), "next": OR_NONE}),
        _HIDDEN,
        _LIMIT,
        _CURSOR,
    ),
)
