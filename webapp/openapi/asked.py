"""The endpoints that are asked by GET.

One that has a part in its path, and is described in webapp/reference/asked.py as `/api/v1/customers/<id>`, looks so:

    Operation(
        ENDPOINTS["/api/v1/customers/<id>"],
        as_json(fields({"growlyticsId": TEXT, "name": or_null(TEXT)})),
        parameters=(
            parameter("id", named(LONGEST_ID), "A System ID, say.", where="path", example="1001"),
            parameter("If-None-Match", {"type": "string"}, "The ETag of an earlier answer.", where="header"),
        ),
        keys=("read",),
        statuses=(304, 404),
        method="get",
    )
"""

from webapp.keys import KINDS
from webapp.openapi.shapes import INTEGER, Operation, Schema, as_json, fields, one_of, or_null
from webapp.reference import ENDPOINTS

_TEXT: Schema = {"type": "string"}
_LIMIT = or_null(INTEGER)

READING = (
    Operation(
        ENDPOINTS["/api/v1/key"],
        as_json(
            fields(
                {
                    "id": _TEXT,
                    "kind": one_of(*KINDS),
                    "name": _TEXT,
                    "workspace": _TEXT,
                    "endsAt": _LIMIT,
                    "limits": fields({"perMinute": _LIMIT, "perMinutePerAddress": _LIMIT}),
                }
            )
        ),
        keys=KINDS,
        method="get",
    ),
)
