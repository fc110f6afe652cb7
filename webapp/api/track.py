"""`/track/user`, `/track/event`, `/track/event/v2`: attributes as an object or as an array."""

from webapp import values
from webapp.api.call import Call
from webapp.api.replies import Reply
from webapp.api.shapes import MOST_EVENT_ATTRIBUTES, MOST_SENT_ATTRIBUTES, Reader
from webapp.ingest.changes import CustomerUpdate, EventRecord

MOST_CUSTOM_ATTRIBUTES = 50


def user(call: Call) -> Reply:
    """Create or update a customer by System ID."""
    body = call.read(Reader)
    change = CustomerUpdate(
        who=body.system_id("id"),
        attributes=body.attributes(values.SCALARS, (dict,), MOST_SENT_ATTRIBUTES),
        limit=MOST_CUSTOM_ATTRIBUTES,
    )
    return call.answer(body, change)


def event(call: Call) -> Reply:
    """Record an event at the time that the client reports."""
    body = call.read(Reader)
    change = EventRecord(
        who=body.system_id("customerId"),
        name=body.event_name(),
        reported_at=body.time(),
        attributes=body.attributes(values.EVENT_TYPES, (dict, list), MOST_EVENT_ATTRIBUTES),
    )
    return call.answer(body, change)


ENDPOINTS = {"/track/user": user, "/track/event": event, "/track/event/v2": event}
