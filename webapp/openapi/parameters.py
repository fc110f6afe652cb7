"""The parameters that several endpoints take."""

from webapp import clock
from webapp.api import dry_runs
from webapp.api.call import IDEMPOTENCY_HEADER, LONGEST_IDEMPOTENCY_KEY
from webapp.ingest.retries import KEY_LIFETIME
from webapp.openapi.shapes import any_of, one_of, parameter, text

DRY_RUN = parameter(
    dry_runs.PARAMETER, one_of("1"), "Tells what the request would do, and stores nothing. Leave it out to store it."
)
STRICT = parameter(
    "strict", any_of(one_of("1", "true"), text()), "`1` or `true`: all of the batch is stored, or nothing by a 422."
)
IDEMPOTENCY_KEY = parameter(
    IDEMPOTENCY_HEADER,
    text(LONGEST_IDEMPOTENCY_KEY, least=1, pattern=r"^[!-~]([\t -~]*[!-~])?$"),
    f"A request that comes again with it within {KEY_LIFETIME // clock.DAY} days gets the first answer, and changes "
    "nothing.",
    where="header",
    example="order-A-17",
)
CONTENT_ENCODING = parameter(
    "Content-Encoding", one_of("gzip", "identity"), "How the body is compressed.", where="header"
)
ORIGIN = parameter(
    "Origin",
    {"type": "string"},
    "The page’s origin, one of those that the workspace allows. Browsers send it by themselves.",
    where="header",
    is_required=True,
    example="https://shop.example",
)
GROWLYTICS_ID = parameter(
    "growlytics_id", text(least=1), "The customer’s Growlytics ID.", where="path", example="019a5c3e8f281f0a77b3c2d4"
)
