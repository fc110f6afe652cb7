"""`/track/user`, `/track/event`, `/track/event/v2`: attributes as an object or as an array."""

from flask import Blueprint, Response

from webapp import values
from webapp.api.door import answer, reader
from webapp.api.shapes import MOST_EVENT_ATTRIBUTES, MOST_SENT_ATTRIBUTES, Reader
from webapp.ingest.changes import CustomerUpdate, EventRecord

door = Blueprint("track", __name__, url_prefix="/track")

MOST_CUSTOM_ATTRIBUTES = 50


@door.post("/user")
def user() -> Response:
    """Create or update a customer by System ID."""
    body = reader(Reader)
    change = CustomerUpdate(
        who=body.system_id("id"),
        attributes=body.attributes(values.SCALARS, (dict,), MOST_SENT_ATTRIBUTES),
        limit=MOST_CUSTOM_ATTRIBUTES,
    )
    return answer(body, change)


@door.post("/event")
@door.post("/event/v2")
def event() -> Response:
    """Record an event at the time that the client reports."""
    body = reader(Reader)
    change = EventRecord(
        who=body.system_id("customerId"),
        name=body.event_name(),
        reported_at=body.time(),
        attributes=body.attributes(values.EVENT_TYPES, (dict, list), MOST_EVENT_ATTRIBUTES),
    )
    return answer(body, change)
