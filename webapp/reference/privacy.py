"""The endpoints by which a person is archived, erased or handed out."""

from typing import Any

from webapp.api import erasures
from webapp.reference.readers import AT, ID
from webapp.reference.shapes import Described, Field, optional

ERASURE = "3f2a9c51d07e8b64"  # of all examples
_DRY_RUN = optional("dry_run", "string", "`1`: tells what would go, and removes nothing.")
_OF_PATH = Field("growlytics_id", "string", "In the path: the customer’s Growlytics ID.")
_WHAT_STAYS = "What goes and what stays is in the documentation, in `docs/privacy.md`."
_NOTES = (
    "It takes a privacy key, in the header `x-growlytics-key`.",
    "The answer is a 202 with the receipt as it stands: from then on nobody finds the person by what was taken, and "
    "the rest is removed in the background. `GET /api/v1/erasures/<erasure_id>` tells when it is done.",
    "A request that comes again with its `Idempotency-Key` gets the receipt of the first one.",
    "The samples are dry runs, which answer 200. Leave out `?dry_run=1` to do it.",
)


def _no_body(_: int) -> dict[str, Any]:
    return {}


def _known_by(_: int) -> dict[str, Any]:
    return {"email": "asha@example.com"}


def _would(removed: dict[str, int]) -> dict[str, Any]:
    """The answer to a dry run."""
    found = {"success": True, "dryRun": True, "found": True, "growlyticsId": ID}
    return found | {"wouldRemove": removed, "sharedDevices": 0}


RECEIPT: dict[str, Any] = {
    "success": True,
    "erasure": {
        "id": ERASURE,
        "kind": "erase",
        "state": "done",
        "askedAt": AT,
        "askedBy": "API key 0123456789ab",
        "endedAt": AT,
        "removed": {"profiles": 1, "attributes": 4, "events": 12},
        "identifiers": [{"kind": "system_id", "hash": "5f1c…"}],
    },
}
_OF_RECEIPT = (
    Field("erasure.id", "string", "By which it is asked for again."),
    Field("erasure.kind", "string", "`archive` or `erase`."),
    Field("erasure.state", "string", "`removing` or `done`."),
    Field("erasure.askedAt", "epoch ms", "When it was asked for, from which it holds."),
    Field("erasure.askedBy", "string", "By whom: a key, a member, the console."),
    optional("erasure.endedAt", "epoch ms", "When all was removed; null until then."),
    Field("erasure.removed", "object", "How many of each kind were removed so far."),
    Field("erasure.identifiers[].kind", "string", "`system_id`, `email`, `mobile` or `device`."),
    Field(
        "erasure.identifiers[].hash",
        "string",
        "The keyed hash by which it is known again; of an archive there is none.",
    ),
)

ENDPOINTS = (
    Described(
        "/api/v1/customers/<growlytics_id>/archive",
        "Archive a customer",
        f"Takes away what says who a customer is; the history stays, under an anonymous profile. {_WHAT_STAYS}",
        (),
        _no_body,
        _would({"attributes": 4, "search_terms": 9}),
        ("It is a 409 where the customer is anonymous already.", *_NOTES),
        parameters=(_OF_PATH, _DRY_RUN),
        asks=f"/api/v1/customers/{ID}/archive?dry_run=1",
        is_acting=True,
    ),
    Described(
        "/api/v1/customers/<growlytics_id>/erase",
        "Erase a customer",
        "Removes everything of a customer. Keyed hashes of the identifiers stay, so that what comes with them is "
        f"refused (`customer.erased`). {_WHAT_STAYS}",
        (),
        _no_body,
        _would({"profiles": 1, "attributes": 4, "events": 12}),
        _NOTES,
        parameters=(_OF_PATH, _DRY_RUN),
        asks=f"/api/v1/customers/{ID}/erase?dry_run=1",
        is_acting=True,
    ),
    Described(
        "/api/v1/erasures",
        "Erase who is known by an id, an e-mail or a mobile",
        "The same for somebody who may have no profile: nothing of them is stored from then on. One of these is "
        "needed, and all that are there have to be of one person.",
        (
            optional("id", "string", "The System ID."),
            optional("email", "string", f"At most {erasures.LONGEST} characters; letter case doesn’t matter."),
            optional("mobile", "string", f"At most {erasures.LONGEST} characters, in any usual format."),
        ),
        _known_by,
        _would({"profiles": 1, "attributes": 4, "events": 12}),
        (
            "It is a 409 where they are of several people, whose Growlytics IDs `details[0].context` has.",
            *_NOTES,
        ),
        parameters=(_DRY_RUN,),
        asks="/api/v1/erasures?dry_run=1",
        is_acting=True,
    ),
    Described(
        "/api/v1/erasures/<erasure_id>",
        "The receipt of an erasure",
        "How far archiving or erasing somebody has come, and what it has removed. It tells nothing of the person but "
        "hashes.",
        _OF_RECEIPT,
        _no_body,
        RECEIPT,
        ("It takes a privacy key, in the header `x-growlytics-key`.",),
        is_asked=True,
        parameters=(Field("erasure_id", "string", "In the path: `erasure.id` of the answer that took it on."),),
        asks=f"/api/v1/erasures/{ERASURE}",
    ),
    Described(
        "/api/v1/customers/<growlytics_id>/export",
        "All there is of a customer",
        "A ZIP of JSON files, and a page to read with the newest events on it, for a person who asks what is known of "
        "them. That it was handed out is noted in the audit log.",
        (),
        _no_body,
        {},
        ("It takes a privacy key or a read key, in the header `x-growlytics-key`.",),
        is_asked=True,
        parameters=(_OF_PATH,),
        asks=f"/api/v1/customers/{ID}/export",
        is_file=True,
    ),
)
