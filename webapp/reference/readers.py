"""The endpoints that tell of customers, by GET with a read key."""

from typing import Any

from webapp import columns, conditions, devices
from webapp.api import answers, profiles, timelines
from webapp.api.questions import MOST, USUAL
from webapp.reference.shapes import Described, Field, optional

ID = "019a5c3e8f281f0a77b3c2d4"
AT = 1_790_000_000_000
_OF_PATH = Field("growlytics_id", "string", "In the path: any Growlytics ID of the person, also a merged one.")
_LIMIT = optional("limit", "number", f"How many, from 1 to {MOST}; {USUAL} without it.")
_CURSOR = optional("cursor", "string", "`next` of the answer before.")
_HIDDEN = optional("hidden", "string", "`show`: also what is hidden in Data, which profiles leave out.")
_AFTER = optional(
    "attributes_after",
    "string",
    f"`attributesNext` of the answer before: an answer has {profiles.MOST_ATTRIBUTES} attributes at most.",
)
_NEXT = optional("next", "string", "The cursor of the next page; null at the end.")
_NOT_TRIED = (
    "There is no form to try it: it would show viewers what the workspace may have masked for them. Keys see all."
)
_NOTES = (
    "It takes a read key, in the header `x-growlytics-key`.",
    "The answer’s `ETag`, sent again as `If-None-Match`, gets a 304 without a body while nothing has changed.",
)

_BASICS: dict[str, Any] = {
    "growlyticsId": ID,
    "id": "1001",
    "status": "registered",
    "name": "Asha Rao",
    "email": "asha@example.com",
    "mobile": "9919211112",
    "createdAt": AT,
    "firstSeenAt": AT,
    "lastSeenAt": AT,
}
_PLACE = {"country": "IN", "region": "Maharashtra", "city": "Mumbai"}
_VISIT = {
    "startedAt": AT,
    "endedAt": AT,
    "events": 3,
    "page": "https://shop.example/",
    "referrer": None,
    "utm": {"source": "google"},
    "exitPage": "https://shop.example/cart",
    "place": _PLACE,
}
_PROFILE = _BASICS | {
    "counts": {"events": 3, "visits": 1, "orders": 1, "revenue": 732.23, "attributes": 4, "mergedProfiles": 1},
    "merged": ["019a5c3e8f281f0a77b3c2d5"],
    "tags": ["vip"],
    "acquisition": {"first": _VISIT, "last": _VISIT},
    "places": [_PLACE | {"firstAt": AT, "lastAt": AT}],
    "devices": [
        {
            "did": "0123456789abcdef",
            "title": "Chrome 126",
            "about": ["Windows 10"],
            "isApp": False,
            "isBot": False,
            "takesPush": False,
            "firstAt": AT,
            "lastAt": AT,
        }
    ],
    "attributes": [
        {
            "name": "City",
            "type": "string",
            "value": "Mumbai",
            "reportedAt": AT,
            "receivedAt": AT,
            "source": "/track/user",
            "key": "Shop backend",
        }
    ],
    "attributesNext": None,
}


def _basics(within: str) -> tuple[Field, ...]:
    return (
        Field(f"{within}growlyticsId", "string", "Of the person, which is that of the profile others are merged into."),
        optional(f"{within}id", "string", "The System ID; null for visitors."),
        Field(f"{within}status", "string", "`registered`, `anonymous` or `bot`."),
        optional(f"{within}name", "string", "As `email` and `mobile`: what the attribute of this name is now."),
        optional(f"{within}email", "string", "As it was sent."),
        optional(f"{within}mobile", "string", "As it was sent."),
        Field(f"{within}createdAt", "epoch ms", "When the profile was made here."),
        Field(f"{within}firstSeenAt", "epoch ms", "The first event; while there is none, the creation."),
        Field(f"{within}lastSeenAt", "epoch ms", "The last event; while there is none, the creation."),
    )


def _of_visit(which: str, words: str) -> tuple[Field, ...]:
    within = f"acquisition.{which}"
    return (
        Field(within, "object", words),
        Field(f"{within}.startedAt", "epoch ms", "Its first event."),
        Field(f"{within}.endedAt", "epoch ms", "Its last event."),
        Field(f"{within}.events", "number", "How many events it had."),
        optional(f"{within}.page", "string", "The landing page."),
        optional(f"{within}.referrer", "string", "Where the visitor came from."),
        Field(f"{within}.utm", "object", "The campaign: `source`, `medium`, `campaign` … as far as there are any."),
        optional(f"{within}.exitPage", "string", "The last page."),
        optional(f"{within}.place", "object", "`country` (ISO 3166), `region`, `city`."),
    )


_FIELDS = (
    *_basics(""),
    Field("counts.events", "number", "All events."),
    optional("counts.visits", "number", "Null where counting them would take long."),
    optional("counts.orders", "number", "Events of the name that is an order; null where none is known."),
    optional(
        "counts.revenue", "number", "What they add up to; null where it isn’t known, or would take long to count."
    ),
    Field("counts.attributes", "number", "All that are told here, on all pages of them."),
    Field("counts.mergedProfiles", "number", "How many profiles were merged into this one."),
    Field("merged[]", "string", f"The Growlytics IDs of these, the first {profiles.MOST_MERGED:,}."),
    Field("tags[]", "string", "By name."),
    optional("acquisition", "object", "Null without any visit."),
    *_of_visit("first", "The first visit."),
    *_of_visit("last", "The last visit, likewise."),
    Field("places[]", "object", "Where visits came from, the latest first."),
    optional("places[].country", "string", "ISO 3166."),
    optional("places[].region", "string", "Its name."),
    optional("places[].city", "string", "Its name."),
    optional("places[].firstAt", "epoch ms", "When the first visit from there began; null where there are too many."),
    Field("places[].lastAt", "epoch ms", "When the last one ended."),
    Field("devices[].did", "string", f"The device’s id. The {devices.MOST} that were used last are told."),
    Field("devices[].title", "string", "What it is, in words."),
    Field("devices[].about[]", "string", "More of that: app, system, language."),
    Field("devices[].isApp", "boolean", "An app, not a browser."),
    Field("devices[].isBot", "boolean", "A known bot."),
    Field("devices[].takesPush", "boolean", "It has told a push token."),
    optional("devices[].firstAt", "epoch ms", "The first event of the person there; null: only logged in."),
    optional("devices[].lastAt", "epoch ms", "The last one."),
    Field("attributes[].name", "string", "`name`, `email` and `mobile` come first, then the others by name."),
    Field("attributes[].type", "string", "As it is fixed."),
    Field("attributes[].value", "value", "Numbers and booleans as such; a date as an instant in UTC, ISO 8601."),
    Field("attributes[].reportedAt", "epoch ms", "When this value was first told to hold."),
    Field("attributes[].receivedAt", "epoch ms", "When that came here."),
    Field("attributes[].source", "string", "The endpoint by which it came."),
    optional("attributes[].key", "string", "The name of the key with which it came."),
    optional("attributesNext", "string", "Goes on from here by `attributes_after`; null: these are all."),
)


def _no_body(_: int) -> dict[str, Any]:
    return {}


ENDPOINTS = (
    Described(
        "/api/v1/customer",
        "A customer by any id",
        "The profile of the one customer who has this id.",
        _FIELDS,
        _no_body,
        _PROFILE,
        (
            "Several people may have one e-mail or mobile: then it is a 409, and `details[0].context.candidates` names "
            "them. Former e-mails and mobiles find nobody.",
            *_NOTES,
            _NOT_TRIED,
        ),
        is_asked=True,
        parameters=(
            optional("id", "string", "The System ID. Exactly one of these four is needed."),
            optional("growlytics_id", "string", "A Growlytics ID, also a merged one."),
            optional("email", "string", "The present e-mail; letter case doesn’t matter."),
            optional("mobile", "string", "The present mobile, in any usual format."),
            _HIDDEN,
            _AFTER,
        ),
        asks="/api/v1/customer?id=1001",
    ),
    Described(
        "/api/v1/customers/<growlytics_id>",
        "A customer by Growlytics ID",
        "The same profile by an address of its own. A merged Growlytics ID answers the profile that it is part of now.",
        _FIELDS,
        _no_body,
        _PROFILE,
        (*_NOTES, _NOT_TRIED),
        is_asked=True,
        parameters=(_OF_PATH, _HIDDEN, _AFTER),
        asks=f"/api/v1/customers/{ID}",
    ),
    Described(
        "/api/v1/customers/<growlytics_id>/events",
        "What a customer did",
        "The events of a person, the newest first, page by page. Pages don’t shift when events arrive.",
        (
            Field("growlyticsId", "string", "Of the person."),
            Field("events[].id", "string", "Its place in the timeline; equal as long as the event is there."),
            Field("events[].name", "string", "What happened."),
            Field("events[].time", "epoch ms", "When, as it was told."),
            Field("events[].receivedAt", "epoch ms", "When it came here."),
            Field("events[].attributes[].name", "string", "As `name`, `type`, `value` were sent."),
            Field("events[].attributes[].type", "string", "Of the attribute."),
            Field("events[].attributes[].value", "value", "As it came."),
            optional("events[].did", "string", "The device; null for what a server has sent."),
            Field("events[].context", "object", "`page`, `referrer`, `utm`, `country`, `region`, `city`, where known."),
            _NEXT,
            optional("stopped", "object", "Looking has stopped at this time (`until`); `next` looks further."),
            Field("stopped.until", "epoch ms", "All events after it have been looked at."),
        ),
        _no_body,
        {
            "growlyticsId": ID,
            "events": [
                {
                    "id": f"{AT}.3870172264910513",
                    "name": "Purchased",
                    "time": AT,
                    "receivedAt": AT,
                    "attributes": [{"name": "Amount", "type": "number", "value": 732.23}],
                    "did": None,
                    "context": {},
                }
            ],
            "next": None,
            "stopped": None,
        },
        (
            f"A page ends early where its events are larger than {answers.MOST_BYTES:,} bytes.",
            *_NOTES,
            _NOT_TRIED,
        ),
        is_asked=True,
        parameters=(
            _OF_PATH,
            optional("name", "string", f"Only events of this name; up to {timelines.MOST_NAMES} times."),
            optional("from", "value", "Epoch ms, or a day of the workspace’s calendar, such as `2026-01-31`."),
            optional("to", "value", "Epoch ms, which is no longer in it, or a day, which is."),
            optional("text", "string", "With this text in names or values of attributes, or the page’s address."),
            optional("hidden", "string", "`show`: also events and attributes that are hidden in Data."),
            _LIMIT,
            _CURSOR,
        ),
        asks=f"/api/v1/customers/{ID}/events?name=Purchased&limit=10",
    ),
    Described(
        "/api/v1/customers",
        "The list of customers, and search",
        "Customers by the filters of the list or by a segment, page by page; or whom a search finds. The query of the "
        "list’s address works here as it stands.",
        (
            *_basics("customers[]."),
            Field("customers[].events", "number", "How many."),
            optional("customers[].attributes", "object", "Those asked for by `column`: name → value, null for none."),
            optional("customers[].matched", "object", "With `q`: `field`, `value`, `isWhole` and `isFormer`."),
            _NEXT,
            optional("stopped", "object", "So many were looked at for this page; `next` looks further."),
            Field("stopped.lookedAt", "number", "How many customers."),
            Field("stopped.until", "epoch ms", "When the last of them was seen (or created, if it is sorted by that)."),
            optional("count", "object", "With `count=yes`: `number`, and its `kind`: `exact`, `about` or `more`."),
            optional("hasMore", "boolean", "With `q`: there are more than a search shows."),
        ),
        _no_body,
        {
            "customers": [_BASICS | {"events": 3, "attributes": {"City": "Mumbai"}}],
            "next": f"{AT}.17",
            "stopped": None,
        },
        (
            "Whoever is seen meanwhile changes place; sorted by `created` nobody does: so everybody can be read.",
            "A search finds 50 people at most, by ids, e-mail, mobile and name, and has no further pages.",
            "With `segment`, filters are added to the segment’s, and `status`, `bots`, `sort` and `order` replace its.",
            f"A page ends early where its customers are larger than {answers.MOST_BYTES:,} bytes.",
            *_NOTES,
            _NOT_TRIED,
        ),
        is_asked=True,
        parameters=(
            optional("q", "string", "Searches. Beside it, only `column` and `limit`."),
            optional("where", "string", f"A filter, as in the list’s address; up to {conditions.MOST} times."),
            optional("segment", "number", "Of a segment, from `/api/v1/segments`."),
            optional("status", "string", "`all`, `registered` or `anonymous`."),
            optional("bots", "string", "`hidden`: without known bots."),
            optional("sort", "string", "`last_seen` or `created`."),
            optional("order", "string", "`newest` or `oldest` first."),
            _CURSOR,
            optional("count", "string", "`yes`: tells how many there are."),
            optional("column", "string", f"`attribute:City`: with this attribute; up to {columns.MOST} times."),
            _LIMIT,
        ),
        asks="/api/v1/customers?where=City+%3D+Mumbai&column=attribute:City&limit=10",
    ),
    Described(
        "/api/v1/segments",
        "The segments",
        "All segments of the list, by name.",
        (
            Field("segments[].id", "number", "For `segment`, in the list."),
            Field("segments[].name", "string", "What it is called."),
            Field("segments[].query", "string", "Its filters and order, as the list takes them."),
            Field("segments[].createdAt", "epoch ms", "When it was saved."),
            optional("segments[].count", "object", "How many it had when the list was last shown; null: not counted."),
            Field("segments[].count.number", "number", "How many."),
            Field("segments[].count.kind", "string", "`exact`, `about` or `more`."),
            Field("segments[].count.at", "epoch ms", "When."),
            optional("next", "string", "Null: a workspace has a hundred at most."),
        ),
        _no_body,
        {
            "segments": [
                {
                    "id": 7,
                    "name": "In Mumbai",
                    "query": "where=City+%3D+Mumbai",
                    "createdAt": AT,
                    "count": {"number": 1200, "kind": "about", "at": AT},
                }
            ],
            "next": None,
        },
        _NOTES,
        is_asked=True,
        asks="/api/v1/segments",
    ),
    Described(
        "/api/v1/attributes",
        "The attributes and their types",
        "The attributes of customers, or of an event, by name, page by page.",
        (
            Field("attributes[].name", "string", "As it is sent."),
            Field("attributes[].type", "string", "As it is fixed."),
            optional("attributes[].description", "string", "What people wrote of it in Data."),
            optional("attributes[].firstAt", "epoch ms", "When it came first; null: before that was kept."),
            optional("attributes[].lastAt", "epoch ms", "When it came last, by the hour."),
            Field("attributes[].isHidden", "boolean", "Whether profiles leave it out."),
            _NEXT,
        ),
        _no_body,
        {
            "attributes": [
                {
                    "name": "City",
                    "type": "string",
                    "description": None,
                    "firstAt": AT,
                    "lastAt": AT,
                    "isHidden": False,
                }
            ],
            "next": None,
        },
        _NOTES,
        is_asked=True,
        parameters=(
            optional("event", "string", "The attributes of this event; without it, those of customers."),
            _HIDDEN,
            _LIMIT,
            _CURSOR,
        ),
        asks="/api/v1/attributes",
    ),
    Described(
        "/api/v1/events",
        "The events",
        "The names of all events that have come in, page by page.",
        (
            Field("events[].name", "string", "As it is sent."),
            optional("events[].description", "string", "What people wrote of it in Data."),
            optional("events[].firstAt", "epoch ms", "When it came first; null: before that was kept."),
            optional("events[].lastAt", "epoch ms", "When it came last, by the hour."),
            Field("events[].isHidden", "boolean", "Whether profiles leave it out."),
            _NEXT,
        ),
        _no_body,
        {
            "events": [
                {"name": "Purchased", "description": "An order", "firstAt": AT, "lastAt": AT, "isHidden": False}
            ],
            "next": None,
        },
        _NOTES,
        is_asked=True,
        parameters=(_HIDDEN, _LIMIT, _CURSOR),
        asks="/api/v1/events",
    ),
)
