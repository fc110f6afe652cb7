"""The endpoints by which a person is archived, erased or handed out."""

from typing import get_args

from webapp import erasures
from webapp.api.erasures import LONGEST
from webapp.openapi.attributes import ID
from webapp.openapi.parameters import DRY_RUN, GROWLYTICS_ID, IDEMPOTENCY_KEY
from webapp.openapi.profiles import MOMENT, OR_NONE, TEXT
from webapp.openapi.shapes import (
    BOOLEAN,
    INTEGER,
    Operation,
    Schema,
    array,
    as_json,
    const,
    fields,
    named,
    one_of,
    or_null,
    parameter,
)
from webapp.reference import ENDPOINTS
from webapp.reference.privacy import ERASURE, RECEIPT

_NUMBERS: Schema = {"type": "object", "additionalProperties": INTEGER | {"minimum": 0}}
_RECEIPT = fields(
    {
        "success": const(True),
        "erasure": fields(
            {
                "id": TEXT,
                "kind": one_of(*get_args(erasures.Kind)),
                "state": one_of("removing", "done"),
                "askedAt": MOMENT,
                "askedBy": OR_NONE,
                "endedAt": or_null(MOMENT),
                "removed": _NUMBERS,
                "identifiers": array(fields({"kind": TEXT, "hash": TEXT})),
            }
        ),
    }
)
_WOULD = fields(
    {"success": const(True), "dryRun": const(True), "found": BOOLEAN},
    {"growlyticsId": TEXT, "wouldRemove": _NUMBERS, "sharedDevices": INTEGER},
)


def _acting(path: str, sent: Schema | None = None, *parameters: Schema, statuses: tuple[int, ...] = ()) -> Operation:
    bodies = {} if sent is None else as_json(sent)
    return Operation(
        ENDPOINTS[path],
        as_json(_WOULD),
        bodies,
        (*parameters, DRY_RUN, IDEMPOTENCY_KEY),
        keys=("privacy",),
        statuses=(409, *statuses),
        accepted=_RECEIPT,
        receipt=RECEIPT,
    )


_WHO: Schema = {"id": ID, "email": named(LONGEST), "mobile": named(LONGEST)}
_WITHOUT_BODY = (400, 404, 413, 415, 507)
_ERASURE_ID = parameter(
    "erasure_id", TEXT, "`erasure.id` of the answer that took it on.", where="path", example=ERASURE
)

OPERATIONS = (
    _acting("/api/v1/customers/<growlytics_id>/archive", None, GROWLYTICS_ID, statuses=_WITHOUT_BODY),
    _acting("/api/v1/customers/<growlytics_id>/erase", None, GROWLYTICS_ID, statuses=_WITHOUT_BODY),
    _acting(
        "/api/v1/erasures",
        fields({}, _WHO) | {"additionalProperties": False, "anyOf": [{"required": [name]} for name in _WHO]},
    ),
    Operation(
        ENDPOINTS["/api/v1/erasures/<erasure_id>"],
        as_json(_RECEIPT),
        parameters=(_ERASURE_ID,),
        keys=("privacy",),
        statuses=(404,),
        method="get",
    ),
    Operation(
        ENDPOINTS["/api/v1/customers/<growlytics_id>/export"],
        {"application/zip": {"contentMediaType": "application/zip"}},
        parameters=(GROWLYTICS_ID,),
        keys=("read", "privacy"),
        statuses=(404,),
        method="get",
    ),
)
