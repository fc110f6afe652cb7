"""What holds for all endpoints: limits, statuses, types of faults, what a dry run tells."""

from webapp import clock, keys, values
from webapp.api import batches, bodies, browsers, mobile_shapes, rest, track
from webapp.api.call import LONGEST_IDEMPOTENCY_KEY
from webapp.api.errors import Faults
from webapp.api.shapes import LONGEST_ID, LONGEST_NAME, LONGEST_STRING, MOST_EVENT_ATTRIBUTES
from webapp.ingest.retries import KEY_LIFETIME

LIMITS = (
    ("A body", f"{bodies.MOST_BYTES:,} bytes; a batch {batches.MOST_BYTES:,}; nested at most {bodies.DEEPEST} deep"),
    ("A batch", f"{batches.MOST_CHANGES:,} changes; a browser’s body {browsers.MOST_MESSAGES} messages"),
    ("A customer’s or device’s id", f"{LONGEST_ID} characters"),
    ("The name of an event or attribute", f"{LONGEST_NAME} characters; from mobile apps {mobile_shapes.LONGEST_NAME}"),
    ("A text", f"{LONGEST_STRING:,} bytes; from mobile apps {mobile_shapes.LONGEST_VALUE} characters"),
    ("A whole number", "64 bits"),
    ("Attributes of an event", f"{MOST_EVENT_ATTRIBUTES}"),
    (
        "Custom attributes of a profile",
        f"{rest.MOST_CUSTOM_ATTRIBUTES}; by /track/user {track.MOST_CUSTOM_ATTRIBUTES}",
    ),
    (
        "An Idempotency-Key",
        f"{LONGEST_IDEMPOTENCY_KEY} characters; recognised for {KEY_LIFETIME // clock.DAY} days",
    ),
    ("Requests with a key", "no limit, unless the key has one; a batch is one request, a dry run is one too"),
    (
        "Requests with a browser key",
        f"{keys.REQUESTS_A_MINUTE} a minute from one address, unless the key says otherwise",
    ),
)

STATUSES = {
    200: "Committed and synced to disk; of a dry run, what would be.",
    202: "Taken on: it holds from now on, and what is left to remove is removed in the background.",
    304: "What is asked for is still what the If-None-Match names.",
    400: "The body was cut off on the way.",
    401: "The key is missing, not valid, revoked or at its end, or of another kind.",
    403: "The page’s origin isn’t one that the workspace allows (browser keys).",
    404: "There is no such endpoint; or no such customer, segment or erasure.",
    405: "It wasn’t a POST, or a GET where something is asked.",
    409: "Several customers have the e-mail or mobile that was asked for; or the customer is anonymous already.",
    413: "The body is too large.",
    415: "A Content-Encoding other than gzip.",
    422: "Faults in the body or the query, all of them told; nothing of the request is stored.",
    429: "Too many requests with a key that has a limit; nothing is stored, and Retry-After says when to go on.",
    500: "Our fault; nothing is stored, and requestId finds it in the server’s log.",
    503: "The database can’t be reached; send it again after Retry-After.",
    507: "The server’s disk is full; send it again after Retry-After.",
}

# The `type` of each fault, for programs. Those of the statuses beside 422 begin with `request.`.
FAULTS = {
    "any.null": "null, where a value is needed",
    "any.only": "not one of the values that are allowed: `valids`",
    "any.required": "missing",
    "array.base": "not an array",
    "array.unique": "a name that occurs twice in a list",
    "attributes.max": "more attributes than allowed, in an event or on the profile as it would be: `limit`, `count`",
    "batch.max": "more changes than a batch may have",
    "boolean.base": "not true or false",
    "cursor.invalid": "a cursor that no answer has given",
    "customer.ambiguous": "an e-mail or mobile of several customers: `candidates`, or `growlyticsIds`",
    "customer.anonymous": "a customer who is to be archived, and has nothing that says who it is",
    "customer.erased": "of somebody whose data was erased: nothing of it is stored",
    "customer.unknown": "an id that no customer has",
    "custom.base": "null, where any other value is allowed",
    "date.base": "not a date",
    "date.range": "a time before 1980 or more than 24 hours ahead; the message names the likely slip",
    "date.retention": "an event that is older than the workspace keeps events: `limit`, epoch milliseconds",
    "faults.more": f"there are more than these {Faults.MOST:,}",
    "gzip.invalid": "not the gzip that its Content-Encoding says it is",
    "id.placeholder": "what broken integrations send instead of an id",
    "idempotency.reused": "an Idempotency-Key that came with another request before",
    "json.depth": f"nested deeper than {bodies.DEEPEST} levels",
    "json.empty": "an empty body",
    "json.encoding": "not UTF-8",
    "json.invalid": "not JSON; the message tells line and column",
    "key.invalid": "a key that is missing, not valid, revoked or at its end",
    "key.kind": "a key of another kind than is needed: `valids`",
    "messages.max": "more messages than a body may have",
    "number.base": "not a number",
    "number.infinity": "a number too large to store",
    "number.integer": "not a whole number",
    "number.range": "not a whole number in the range that is allowed",
    "number.unsafe": "a whole number outside 64 bits",
    "object.base": "not an object",
    "object.duplicate": "a key that occurs twice in an object",
    "object.missing": "none of the fields of which one is needed",
    "object.max": "an object larger than allowed",
    "origin.refused": "a page whose origin isn’t allowed",
    "query.beside": "a parameter of the query that can’t be combined with another",
    "query.max": "a parameter of the query that is there too often: `limit`",
    "query.one": "none, or several, of parameters of which one is needed: `valids`",
    "query.unknown": "a parameter of the query that isn’t known, or is nearly one that is known: `valids`",
    "rate.max": "more requests in a minute than the key may be used for, or one address may send with it: `limit`",
    "segment.unknown": "an id that no segment has",
    "signature.invalid": "a login that is signed wrongly",
    "signature.required": "a login without the signature that the key wants",
    "string.base": "not a text",
    "string.empty": "an empty or blank text",
    "string.length": "a text of another length than allowed",
    "string.max": "a text longer than allowed: `limit`",
    "string.pattern": "a text of other characters than allowed",
    "string.unicode": "characters that can’t be stored: NUL, half of a surrogate pair",
    "where.invalid": "a filter that can’t be used; the message says why",
} | {f"{type_.replace(' ', '_')}.base": f"not {values.in_words(type_)}" for type_ in (*values.ARRAYS, *values.MAPS)}

RESULTS = {
    "created": "A customer, an event or a login that isn’t there yet. Of an attribute: there is no value so far.",
    "updated": "The customer or the device would be another than before. Of an attribute: its value would be another.",
    "unchanged": "All of it is known already. Of an attribute: the same value again.",
    "duplicate": "An event, login or message that is stored already: it would change nothing.",
    "past": "Only of an attribute: a value older than the present one, kept in the history.",
    "refused": "Only in batches and browsers’ messages: it would be left out, for the faults in refused.",
}

# The headers of an answer with a key that has a limit.
RATES = {
    "RateLimit-Limit": "requests that are allowed in a minute",
    "RateLimit-Remaining": "requests that are left of it",
    "RateLimit-Reset": "seconds until all of them are allowed again",
    "Retry-After": "with a 429: the same seconds",
}
ERROR = {
    "type": "ValidationError",
    "details": [
        {
            "message": '"attributes[0].value" must be a number, not "many"',
            "path": ["attributes", 0, "value"],
            "type": "number.base",
            "context": {"key": "value", "label": "attributes[0].value", "value": "many"},
        }
    ],
}
IGNORED = {"success": True, "ignored": [{"name": "Total Orders", "expected": "number", "received": "string"}]}
DRY_RUN = {
    "success": True,
    "dryRun": True,
    "changes": [
        {
            "type": "customer",
            "result": "updated",
            "customer": {"id": "1001", "growlyticsId": "019a5c3e8f281f0a77b3c2d4", "isNew": False},
            "attributes": {"City": "updated", "Plan": "created"},
            "ignored": [{"name": "Total Orders", "value": "many", "expected": "number", "received": "string"}],
        }
    ],
}
