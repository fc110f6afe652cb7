"""The endpoints of mobile apps and browsers."""

from typing import Any

from webapp import clock, keys
from webapp.api import browser_shapes, browsers, mobile_shapes
from webapp.api.mobile_shapes import INFO, LARGEST_INFO, LONGEST_NAME, LONGEST_TEXT, LONGEST_TOKEN, LONGEST_VALUE
from webapp.api.shapes import LONGEST_ID, MOST_EVENT_ATTRIBUTES
from webapp.ingest.messages import LIFETIME
from webapp.reference.servers import SYSTEM_ID
from webapp.reference.shapes import SUCCESS, Described, Field, Kind, optional

_DID = Field("did", "string", f"The device’s id, which its first launch was answered with, 1–{LONGEST_ID} characters.")
_AT = Field("timestamp", "epoch ms", "When it happened, as a number or as its digits; from 1980 to 24 hours ahead.")
_TYPES = ", ".join(f"`{one}`" for one in mobile_shapes.TYPES)
_SAMPLE_DID = "5b0c6d0e9a4f4c1fa3d1f0a1b2c3d4e5"
_OWNER = "It belongs to whoever was logged in on the device at its `timestamp`, else to an anonymous visitor."


def _info(most: str) -> tuple[Field, ...]:
    return (
        optional("info", "array", f"Attributes; {most}"),
        Field("info[].name", "string", f"1–{LONGEST_NAME} characters."),
        Field("info[].type", "string", f"One of {_TYPES}."),
        Field(
            "info[].value",
            "value",
            f"Of this type or as text, at most {LONGEST_VALUE} characters; one of null is left out.",
        ),
    )


def _told(name: str) -> Field:
    types = INFO[name]
    kind: Kind = (
        "value"
        if len(types) > 1
        else "number"
        if types == ("number",)
        else "boolean"
        if types == ("boolean",)
        else "string"
    )
    words = {"platform": " or ".join(f"`{one}`" for one in mobile_shapes.PLATFORMS), "referrer": "What led to the app."}
    return optional(f"info.{name}", kind, words.get(name, f"{' or '.join(types).capitalize()} or null."))


def _launch(at: int) -> dict[str, Any]:
    told = {"appVersionName": "4.2.0", "deviceModel": "Pixel 9", "osVersion": "Android 16", "platform": "ANDROID"}
    utm = {"us": "newsletter", "um": "email", "uc": "diwali"}
    return {"timestamp": at, "did": None, "info": {**told, "utmInfo": utm}}


def _event(at: int) -> dict[str, Any]:
    amount = {"name": "Amount", "type": "double", "value": "732.23"}
    return {"did": _SAMPLE_DID, "name": "Add To Cart", "timestamp": at, "info": [amount]}


def _login(at: int) -> dict[str, Any]:
    name = {"name": "name", "type": "string", "value": "Asha Rao"}
    return {"did": _SAMPLE_DID, "clientCustomerId": "1001", "timestamp": at, "info": [name]}


MOBILE = (
    Described(
        "/mcrs_appl_v1",
        "An app is launched",
        "Describes the device and records the event “App Launched”. The first launch has no `did`, and is answered "
        "with one; the app keeps it.",
        (
            _AT,
            optional("did", "string", "The device’s id, as an earlier launch was answered; null at first."),
            optional(
                "info",
                "object",
                f"What the app tells of the device: any JSON, at most {LARGEST_INFO:,} bytes, each text at most "
                f"{LONGEST_TEXT} characters. Of these types where it has these names:",
            ),
            *(_told(name) for name in INFO),
            optional(
                "info.utmInfo",
                "object",
                "`us`, `um`, `uc`: source, medium and campaign that led to the app, each a text or null.",
            ),
        ),
        _launch,
        {"did": _SAMPLE_DID, "sid": "019a5c3e8f2800000000002a"},
        ("`sid` is an id of the visit. A dry run can’t know it, and answers null.",),
    ),
    Described(
        "/msv_cevt",
        "Record an event on a device",
        f"Records something that happened in the app. {_OWNER}",
        (
            _DID,
            Field("name", "string", f"What happened: 1–{LONGEST_NAME} characters."),
            _AT,
            *_info(f"at most {MOST_EVENT_ATTRIBUTES}."),
        ),
        _event,
        SUCCESS,
    ),
    Described(
        "/msv_cs_id",
        "A customer logs in on a device",
        "Says who is on the device from then on, and sets attributes of that customer. The visitor’s history on the "
        "device becomes the customer’s.",
        (
            _DID,
            Field("clientCustomerId", "string", SYSTEM_ID),
            _AT,
            *_info("those of the customer, as many as by `/rest-api/customer`."),
        ),
        _login,
        SUCCESS,
        ("Requests may arrive in any order: what was reported earlier finds its owner by its `timestamp`.",),
    ),
    Described(
        "/logout",
        "A customer logs out",
        "From then on the device is in nobody’s hands: what happens there is another visitor’s.",
        (_DID, optional("timestamp", "epoch ms", "When it happened; now, where it isn’t told.")),
        lambda at: {"did": _SAMPLE_DID, "timestamp": at},
        SUCCESS,
    ),
    Described(
        "/mpush_token",
        "Keep a push token",
        "Keeps the token by which the device takes push messages.",
        (_DID, Field("token", "string", f"1–{LONGEST_TOKEN:,} characters; also as `pushToken` or `push_token`.")),
        lambda _: {"did": _SAMPLE_DID, "token": "fcm-token-of-the-device"},
        SUCCESS,
    ),
)


def _browser(at: int) -> dict[str, Any]:
    url = "https://shop.example/p/1"
    return {
        "key": "cpb_…",
        "did": _SAMPLE_DID,
        "sentAt": at,
        "messages": [
            {"id": "m1", "type": "page", "time": at - 2000, "url": url, "title": "Mixer", "utm": {"source": "google"}},
            {"id": "m2", "type": "event", "time": at - 1000, "name": "Add To Cart", "attributes": {"Price": 12.5}},
            {"id": "m3", "type": "attributes", "time": at - 500, "attributes": {"Newsletter": True}},
        ],
    }


BROWSER = (
    Described(
        "/api/v1/browser",
        "What the browser SDK sends",
        "Takes the messages of one browser: page visits, events, attributes, logins and logouts. Use the snippet "
        "rather than this: it queues, retries and keeps the browser’s id.",
        (
            Field("key", "string", "A browser key (`cpb_…`): it stands in the body, because a beacon has no headers."),
            Field("did", "string", "The browser’s id: 16–64 letters, digits, `-` or `_`."),
            Field(
                "sentAt",
                "epoch ms",
                "When the body was sent, by the browser’s clock: its error is found by this and put right.",
            ),
            optional(
                "device", "object", f"What the browser tells of itself: any JSON of at most {LARGEST_INFO:,} bytes."
            ),
            Field("messages", "array", f"At most {browsers.MOST_MESSAGES}."),
            Field(
                "messages[].id",
                "string",
                f"1–{browser_shapes.LONGEST_MESSAGE_ID} characters. A message that comes "
                f"again within {LIFETIME // clock.DAY} days changes nothing.",
            ),
            Field("messages[].type", "string", "`page`, `event`, `attributes`, `identify` or `logout`."),
            Field("messages[].time", "epoch ms", "When it happened, by the browser’s clock."),
            Field("messages[].url", "string", "Of a page: its address. Of an event, where it happened: optional."),
            Field("messages[].name", "string", "Of an event."),
            optional(
                "messages[].attributes",
                "object",
                "Name → value: of an event, of whoever visits, or of who is identified.",
            ),
            optional(
                "messages[].userId",
                "string",
                "Of `identify`: the System ID, with `signature` where the key takes only signed logins.",
            ),
            optional("messages[].title", "string", "Of a page, as `referrer`."),
            optional(
                "messages[].utm",
                "object",
                f"Of a page: {', '.join(f'`{one}`' for one in browser_shapes.UTM)}; {LONGEST_TEXT} characters each.",
            ),
        ),
        _browser,
        {"success": True, "accepted": 3},
        (
            f"One address may send {keys.REQUESTS_A_MINUTE} requests a minute, unless the key says "
            "otherwise: 429 with `Retry-After`.",
            "The page’s `Origin` must be one that the workspace allows: 403.",
            "Messages that can’t be stored are told as in a batch, with their `id`.",
        ),
        is_for_browsers=True,
    ),
)
