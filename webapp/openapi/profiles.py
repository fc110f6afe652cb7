"""A profile, as it is read."""

from webapp.api import profiles
from webapp.openapi.shapes import BOOLEAN, NUMBER, Schema, array, fields, one_of, or_null

TEXT: Schema = {"type": "string"}
OR_NONE: Schema = {"type": ["string", "null"]}
MOMENT: Schema = {"type": "integer"}
_COUNT: Schema = {"type": "integer", "minimum": 0}
_STATUS = one_of("registered", "anonymous", "bot")
_PLACE: Schema = {"country": OR_NONE, "region": OR_NONE, "city": OR_NONE}

BASICS: Schema = {
    "growlyticsId": TEXT,
    "id": OR_NONE,
    "status": _STATUS,
    "name": OR_NONE,
    "email": OR_NONE,
    "mobile": OR_NONE,
    "createdAt": MOMENT,
    "firstSeenAt": MOMENT,
    "lastSeenAt": MOMENT,
}
_VISIT = fields(
    {
        "startedAt": MOMENT,
        "endedAt": MOMENT,
        "events": _COUNT,
        "page": OR_NONE,
        "referrer": OR_NONE,
        "utm": {"type": "object", "additionalProperties": TEXT},
        "exitPage": OR_NONE,
        "place": or_null(fields(_PLACE)),
    }
)
_DEVICE = fields(
    {
        "did": TEXT,
        "title": TEXT,
        "about": array(TEXT),
        "isApp": BOOLEAN,
        "isBot": BOOLEAN,
        "takesPush": BOOLEAN,
        "firstAt": or_null(MOMENT),
        "lastAt": or_null(MOMENT),
    }
)
_ATTRIBUTE = fields(
    {
        "name": TEXT,
        "type": TEXT,
        "value": {},
        "reportedAt": MOMENT,
        "receivedAt": MOMENT,
        "source": TEXT,
        "key": OR_NONE,
    }
)
PROFILE = fields(
    BASICS
    | {
        "counts": fields(
            {
                "events": _COUNT,
                "visits": or_null(_COUNT),
                "orders": or_null(_COUNT),
                "revenue": or_null(NUMBER),
                "attributes": _COUNT,
                "mergedProfiles": _COUNT,
            }
        ),
        "merged": array(TEXT, profiles.MOST_MERGED),
        "tags": array(TEXT),
        "acquisition": or_null(fields({"first": _VISIT, "last": _VISIT})),
        "places": array(fields({"lastAt": MOMENT, "firstAt": or_null(MOMENT)}, _PLACE)),
        "devices": array(_DEVICE),
        "attributes": array(_ATTRIBUTE, profiles.MOST_ATTRIBUTES),
        "attributesNext": OR_NONE,
    }
)
