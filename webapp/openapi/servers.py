"""The endpoints of a shop's servers."""

from webapp import values
from webapp.api import batches
from webapp.api.shapes import MOST_EVENT_ATTRIBUTES, MOST_SENT_ATTRIBUTES
from webapp.openapi.answers import of_parts, success
from webapp.openapi.attributes import ANYTHING, ID, NAME, SCALAR, TIME, keyed_by_name, listed
from webapp.openapi.parameters import CONTENT_ENCODING, DRY_RUN, IDEMPOTENCY_KEY, STRICT
from webapp.openapi.shapes import Operation, Schema, any_of, array, as_json, body, const, fields
from webapp.reference import ENDPOINTS

_CHANGING = (DRY_RUN, IDEMPOTENCY_KEY)
_OF_CUSTOMER = any_of(listed(values.SCALARS, MOST_SENT_ATTRIBUTES), keyed_by_name(SCALAR, MOST_SENT_ATTRIBUTES))
_OF_EVENT = any_of(listed(values.EVENT_TYPES, MOST_EVENT_ATTRIBUTES), keyed_by_name(ANYTHING, MOST_EVENT_ATTRIBUTES))
_EVENT = body({"customerId": ID, "name": NAME, "time": TIME, "attributes": _OF_EVENT})


def _single(path: str, sent: Schema) -> Operation:
    """An endpoint that takes one change."""
    return Operation(ENDPOINTS[path], as_json(success()), as_json(sent), _CHANGING)


_CHANGES: Schema = {
    "oneOf": [
        body({"type": const("customer"), "id": ID}, {"attributes": _OF_CUSTOMER}),
        body({"type": const("event"), "customerId": ID, "name": NAME}, {"time": TIME, "attributes": _OF_EVENT}),
    ]
}
_LINES: Schema = {
    "type": "string",
    "description": "One change to a line, each a JSON object as in `changes`. Empty lines don’t count.",
}

OPERATIONS = (
    _single("/rest-api/customer", body({"id": ID, "attributes": listed(values.SCALARS, MOST_SENT_ATTRIBUTES)})),
    _single(
        "/rest-api/event",
        body({"customerId": ID, "name": NAME}, {"attributes": listed(values.SCALARS, MOST_EVENT_ATTRIBUTES)}),
    ),
    _single("/track/user", body({"id": ID, "attributes": keyed_by_name(SCALAR, MOST_SENT_ATTRIBUTES)})),
    _single("/track/event/v2", _EVENT),
    _single("/track/event", _EVENT),
    Operation(
        ENDPOINTS["/api/v1/batch"],
        as_json(of_parts()),
        as_json(fields({"changes": array(_CHANGES, batches.MOST_CHANGES)})) | {batches.LINES[0]: _LINES},
        (*_CHANGING, STRICT, CONTENT_ENCODING),
        statuses=(415,),
    ),
)
