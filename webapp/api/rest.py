"""`/rest-api/customer` and `/rest-api/event`: attributes as an array, events at the server's time."""

from flask import Blueprint, Response

from webapp import values
from webapp.api.door import answer, reader
from webapp.api.shapes import MOST_EVENT_ATTRIBUTES, MOST_SENT_ATTRIBUTES, Reader
from webapp.ingest.changes import CustomerUpdate, EventRecord

door = Blueprint("rest", __name__, url_prefix="/rest-api")

MOST_CUSTOM_ATTRIBUTES = 100


@door.post("/customer")
def customer() -> Response:
    """Create or update a customer by System ID."""
    body = reader(Reader)
    change = CustomerUpdate(
        who=body.system_id("id"),
        attributes=body.attributes(values.SCALARS, (list,), MOST_SENT_ATTRIBUTES),
        limit=MOST_CUSTOM_ATTRIBUTES,
    )
    return answer(body, change)


@door.post("/event")
def event() -> Response:
    """Record an event that happens now."""
    body = reader(Reader)
    change = EventRecord(
        who=body.system_id("customerId"),
        name=body.event_name(),
        reported_at=None,
        attributes=body.attributes(values.SCALARS, (list,), MOST_EVENT_ATTRIBUTES, is_required=False),
    )
    return answer(body, change)
