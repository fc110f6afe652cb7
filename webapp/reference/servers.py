"""The endpoints of a shop's servers."""

from typing import Any

from webapp import registry, values
from webapp.api import batches, rest, track
from webapp.api.shapes import LONGEST_ID, LONGEST_NAME, LONGEST_STRING, MOST_EVENT_ATTRIBUTES, MOST_SENT_ATTRIBUTES
from webapp.reference.shapes import SUCCESS, Described, Field, optional

_SCALARS = ", ".join(f"`{one}`" for one in values.SCALARS)
_EVENT_TYPES = ", ".join(f"`{one}`" for one in values.EVENT_TYPES)
_RESERVED = ", ".join(f"`{one}`" for one in registry.RESERVED)
SYSTEM_ID = (
    f"The customer’s id in your system, 1–{LONGEST_ID} characters. What broken integrations send instead of one, such "
    "as `null` or `undefined`, is refused; the list is in the workspace’s settings."
)
_NAME = f"1–{LONGEST_NAME} characters; letter case matters."
_VALUE = f"Of this type; a text has at most {LONGEST_STRING:,} bytes. A date is `YYYY-MM-DD HH:mm:ss` or ISO 8601."
_TIME = "When it happened: whole milliseconds from 1980 to 24 hours ahead."
_UPDATED = f"At most {MOST_SENT_ATTRIBUTES:,} in a request. {_RESERVED} are the basic information, always strings."


def _most(number: int) -> str:
    custom = f"at most {number} custom attributes ({_RESERVED} don’t count)"
    return f"A profile has {custom}; a request with which it would have more is refused."


def _listed(types: str) -> tuple[Field, ...]:
    return (
        Field("attributes[].name", "string", _NAME),
        Field("attributes[].type", "string", f"One of {types}, in any letter case."),
        Field("attributes[].value", "value", _VALUE),
    )


_ASHA = (("name", "Asha Rao"), ("email", "asha@example.com"), ("mobile", "9919211112"), ("City", "Mumbai"))
_IS_NOW = (
    "The event happens at the moment at which it arrives, by the server’s clock, so each one that is sent is another."
)


def _typed(name: str, value: Any) -> dict[str, Any]:
    return {"name": name, "type": values.infer(value), "value": value}


def _customer(_: int) -> dict[str, Any]:
    return {"id": "1001", "attributes": [*(_typed(*one) for one in _ASHA), _typed("Total Orders", 3)]}


def _event(_: int) -> dict[str, Any]:
    bought = [_typed("Product", "Mixer"), _typed("Amount", 732.23)]
    return {"customerId": "1001", "name": "Add To Cart", "attributes": bought}


def _user(_: int) -> dict[str, Any]:
    return {"id": "1001", "attributes": {**dict(_ASHA), "Total Orders": 3, "Is Subscribed": True}}


def _order(at: int) -> dict[str, Any]:
    told = {"Order ID": "A-17", "Amount": 732.23, "Product IDs": ["p1", "p2"], "Discounts": {"p1": 12.5, "p2": 4}}
    return {
        "customerId": "1001",
        "name": "Purchased",
        "time": at,
        "attributes": [_typed(*one) for one in told.items()],
    }


def _plain_order(at: int) -> dict[str, Any]:
    told = {"Order ID": "A-17", "Amount": 732.23, "Is Prepaid": True}
    return {"customerId": "1001", "name": "Purchased", "time": at, "attributes": told}


def _batch(at: int) -> dict[str, Any]:
    return {
        "changes": [
            {"type": "customer", "id": "1001", "attributes": {"name": "Asha Rao", "City": "Mumbai"}},
            {"type": "event", "customerId": "1001", "name": "Purchased", "time": at, "attributes": {"Amount": 732.23}},
            {"type": "event", "customerId": "1002", "name": "Signed Up"},
        ]
    }


def _described_event(path: str, words: str, sample: Any) -> Described:
    return Described(
        path,
        "Record an event at its own time",
        words,
        (
            Field("customerId", "string", SYSTEM_ID),
            Field("name", "string", f"What happened: {_NAME}"),
            Field("time", "epoch ms", _TIME),
            Field(
                "attributes",
                "array or object",
                f"At most {MOST_EVENT_ATTRIBUTES}: an array of `{{name, type, value}}` with the types {_EVENT_TYPES}, "
                "or an object of name and value, whose types follow from the values.",
            ),
        ),
        sample,
        SUCCESS,
        (
            "An event equal to a stored one in customer, name, time and attributes is the same event: sent again, it "
            "changes nothing.",
            "A customer who isn’t known yet is created.",
        ),
    )


ENDPOINTS = (
    Described(
        "/rest-api/customer",
        "Create or update a customer",
        "Sets attributes of the registered customer with this System ID, who is created if there is none. The types of "
        "the attributes are told.",
        (
            Field("id", "string", SYSTEM_ID),
            Field("attributes", "array", _UPDATED),
            *_listed(_SCALARS),
        ),
        _customer,
        SUCCESS,
        (_most(rest.MOST_CUSTOM_ATTRIBUTES),),
    ),
    Described(
        "/rest-api/event",
        "Record an event that happens now",
        "Records something that a customer does at this moment. A customer who isn’t known yet is created.",
        (
            Field("customerId", "string", SYSTEM_ID),
            Field("name", "string", f"What happened: {_NAME}"),
            optional("attributes", "array", f"At most {MOST_EVENT_ATTRIBUTES}."),
            *_listed(_SCALARS),
        ),
        _event,
        SUCCESS,
        (_IS_NOW + " A retry needs an `Idempotency-Key`.",),
    ),
    Described(
        "/track/user",
        "Create or update a customer, types inferred",
        "As `/rest-api/customer`, with attributes as an object of name and value.",
        (
            Field("id", "string", SYSTEM_ID),
            Field("attributes", "object", f"Name → text, number, boolean or date. {_UPDATED}"),
        ),
        _user,
        SUCCESS,
        (
            _most(track.MOST_CUSTOM_ATTRIBUTES),
            "A text that is written like a date becomes one where its attribute is new, or is a date already.",
        ),
    ),
    _described_event(
        "/track/event/v2",
        "Records something that a customer did, at the time that you tell.",
        _order,
    ),
    _described_event(
        "/track/event",
        "The same as `/track/event/v2`; shown here with attributes as an object.",
        _plain_order,
    ),
    Described(
        "/api/v1/batch",
        "Many changes in one request",
        f"Up to {batches.MOST_CHANGES:,} customers and events in one body: the way to load a history, many "
        "times as fast as single requests. What is good is stored, and the answer tells of the rest.",
        (
            Field("changes", "array", f"At most {batches.MOST_CHANGES:,}."),
            Field("changes[].type", "string", "`customer` or `event`."),
            Field("changes[].id", "string", f"Of a customer. {SYSTEM_ID}"),
            Field("changes[].customerId", "string", "Of an event: whose it is, as `id`."),
            Field("changes[].name", "string", f"Of an event: {_NAME}"),
            optional("changes[].time", "epoch ms", f"Of an event. {_TIME} Without it, it happens now."),
            optional("changes[].attributes", "array or object", "As in the requests for one customer or one event."),
        ),
        _batch,
        {"success": True, "accepted": 3},
        (
            f"The body may have {batches.MOST_BYTES:,} bytes, also what `Content-Encoding: gzip` unpacks to.",
            "One change to a line is taken as `Content-Type: application/x-ndjson`.",
            "With `?strict=1` all of it is stored or, by a 422, nothing.",
            '`success` is false when anything was refused: `"refused": [{"index": 3, "details": [...]}]`.',
            _most(rest.MOST_CUSTOM_ATTRIBUTES),
        ),
    ),
)
