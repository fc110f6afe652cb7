"""`?dry_run=1`: answers what a request would do, and stores nothing. The answer's shape: docs/dry-runs.md."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import orjson

from webapp.api.errors import NOT_TEXT, Faults
from webapp.ingest.changes import (
    Change,
    CustomerUpdate,
    DeviceInfo,
    Effect,
    EventRecord,
    Ignored,
    Joined,
    Login,
    Logout,
    Person,
    PushToken,
)

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

PARAMETER = "dry_run"
# A clock's error is the server's own note: nobody has sent it.
TYPES: dict[type[Change], str] = {
    CustomerUpdate: "customer",
    EventRecord: "event",
    Login: "login",
    Logout: "logout",
    DeviceInfo: "device",
    PushToken: "pushToken",
}
_LONGEST_SHOWN = 200  # characters of JSON of an ignored value


def is_asked_for(environ: "WSGIEnvironment") -> bool:
    """Whether a request is to be no more than a dry run. Raises ApiError (422) where it says so wrongly.

    Whoever asks for one in other words, or takes back what they have asked, must not find it stored.
    """
    query = environ.get("QUERY_STRING")
    if not query:
        return False
    faults = Faults()
    pairs = parse_qsl(query.replace(";", "&"), keep_blank_values=True)  # as some still part parameters
    asked = [(name, value) for name, value in pairs if _is_meant(name)]
    for name, value in asked:
        if name != PARAMETER:
            message = f"is not known here; a dry run is asked for by {PARAMETER}=1"
            faults.add(["query", name], message, "query.unknown", valids=[PARAMETER])
        elif value != "1":
            message = "must be 1; leave it out to store the request"
            faults.add(["query", name], message, "any.only", value=NOT_TEXT.sub("\ufffd", value[:100]), valids=["1"])
    faults.refuse()
    return bool(asked)


def _is_meant(name: str) -> bool:
    return "".join(one for one in name.lower() if one.isalpha()) == "dryrun"


def told(effects: Mapping[int, Effect], places: Mapping[int, int | None], refused: Iterable[int]) -> dict[str, Any]:
    """What the answer to a dry run has more than the answer to the request itself.

    `places`: where in the body each change stands, None where it stands in no list. `refused`: the places in the list
    of what is refused.
    """
    rows = [(places.get(number), _shown(one)) for number, one in effects.items() if type(one.change) in TYPES]
    listed = [(place, row) for place, row in rows if place is not None]
    listed += [(place, {"result": "refused"}) for place in refused]
    in_order = [{"index": place} | row for place, row in sorted(listed, key=lambda one: one[0])]
    return {"dryRun": True, "changes": [*(row for place, row in rows if place is None), *in_order]}


def _shown(effect: Effect) -> dict[str, Any]:
    row: dict[str, Any] = {"type": TYPES[type(effect.change)], "result": effect.result}
    if effect.person is not None:
        row["customer"] = _person(effect.person) | {"isNew": effect.person.is_new}
    if effect.attributes:
        row["attributes"] = dict(effect.attributes)
    if effect.ignored:
        row["ignored"] = [_ignored(one) for one in effect.ignored]
    merged = [_joined(one) for one in effect.joined if one.person is not None]
    parted = [_joined(one) for one in effect.joined if one.person is None]
    return row | ({"merged": merged} if merged else {}) | ({"parted": parted} if parted else {})


def _person(person: Person) -> dict[str, Any]:
    return {"id": person.system_id, "growlyticsId": person.growlytics_id}


def _ignored(one: Ignored) -> dict[str, Any]:
    text = orjson.dumps(one.value).decode()
    value = one.value if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"
    return {"name": one.name, "value": value, "expected": one.expected, "received": one.received}


def _joined(one: Joined) -> dict[str, Any]:
    profile = {"from": _person(one.profile)}
    return profile if one.person is None else profile | {"into": _person(one.person)}
