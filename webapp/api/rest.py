"""`/rest-api/customer` and `/rest-api/event`: attributes as an array, events at the server's time."""

from webapp import values
from webapp.api.call import Call
from webapp.api.replies import Reply
from webapp.api.shapes import MOST_EVENT_ATTRIBUTES, MOST_SENT_ATTRIBUTES, Reader
from webapp.ingest.changes import CustomerUpdate, EventRecord

MOST_CUSTOM_ATTRIBUTES = 100


def customer(call: Call) -> Reply:
    """Create or update a customer by System ID."""
    body = call.read(Reader)
    change = CustomerUpdate(
        who=body.system_id("id"),
        attributes=body.attributes(values.SCALARS, (list,), MOST_SENT_ATTRIBUTES),
        limit=MOST_CUSTOM_ATTRIBUTES,
    )
    return call.answer(body, change)


def event(call: Call) -> Reply:
    """Record an event that happens now."""
    body = call.read(Reader)
    change = EventRecord(
        who=body.system_id("customerId"),
        name=body.event_name(),
        reported_at=None,
        attributes=body.attributes(values.SCALARS, (list,), MOST_EVENT_ATTRIBUTES, is_required=False),
    )
    return call.answer(body, change)


ENDPOINTS = {"/rest-api/customer": customer, "/rest-api/event": event}
