"""`/api/v1/browser`: what the browser SDK sends from a shop's pages. The wire format: docs/browser-sdk.md."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from webapp import clock, origins
from webapp import devices as known_devices
from webapp.api import bodies, devices, errors
from webapp.api.bodies import Decoded
from webapp.api.browser_shapes import LONGEST_MESSAGE_ID, Envelope, MessageReader
from webapp.api.call import RATE_HEADERS, Call, Part, received
from webapp.api.errors import ApiError, fault
from webapp.api.replies import Reply
from webapp.ingest.changes import Change, ClockSkew, DeviceInfo, Fault, Message, OnDevice
from webapp.ingest.retries import Outcome
from webapp.models import ApiKey

MOST_MESSAGES = 100
_TOLERANCE = clock.MINUTE  # a clock that is no more wrong is taken as it is


class _Read(NamedTuple):
    """A message: which, as far as it says so, and its changes, or the faults for which it has none."""

    message: Message
    changes: Sequence[Change]
    faults: list[Fault]


class _Sent(NamedTuple):
    """A change, its message and the place of that; neither where it came in none."""

    change: Change
    place: int | None
    message: Message | None


def collect(call: Call) -> Reply:
    """Store those of the messages that can be stored, and tell of the rest."""
    call.body = received(call.environ, bodies.MOST_BYTES)
    decoded = bodies.decode(call.body)
    if not isinstance(decoded.value, dict):
        raise ApiError(422, [fault("the body must be a JSON object", "object.base")])
    text = decoded.value.get("key")
    key = call.enter(text if isinstance(text, str) else "", "browser")
    if call.visitor is None:
        _check_origin(call, key)
    call.use(call.header("Origin") or "")
    sent = {name: value for name, value in decoded.value.items() if name != "messages"}
    envelope = Envelope(sent, Decoded(sent, decoded.is_plain).faults(), call.workspace)
    did, sent_at, info = envelope.did(), envelope.sent_at(), envelope.info()
    messages = _messages(decoded)
    envelope.faults.refuse()
    device = devices.on(call, did)
    skew, known = _skew(call, did, sent_at)
    reader = MessageReader({}, errors.Faults(), call.workspace, key, device, devices.context(call), skew)
    read = [_read(one, reader) for one in messages]
    stored = _submit(call, read, [*_of_device(device, info, sent_at + skew, skew, known)])
    refused = _refused(read, *stored)
    call.parts += [_part(decoded, place, faults) for place, faults in sorted(refused.items())]
    return _answer(call, read, refused, *stored)


def _check_origin(call: Call, key: ApiKey) -> None:
    # A browser tells it with every POST to another origin. What is no browser can claim any.
    origin = call.header("Origin") or ""
    if not origins.allows(call.workspace.allowed_origins, origin):
        if not call.is_dry_run:
            call.house.strangers.note(key.workspace_id, origin[:100])
        message = "the page's origin is not one of those that the workspace allows; add it in Settings › Website"
        raise ApiError(403, [fault(message, "origin.refused", ["headers", "Origin"], value=origin[:100])])
    exposed = ", ".join(("Retry-After", *RATE_HEADERS))
    call.headers |= {"Access-Control-Allow-Origin": origin, "Access-Control-Expose-Headers": exposed}


def _messages(decoded: Decoded) -> Sequence[Decoded]:
    """The messages of a body, one by one. Raises ApiError (422)."""
    messages = decoded.value.get("messages")
    if not isinstance(messages, list):
        raise ApiError(422, [fault("the body must have its messages in an array", "array.base", ["messages"])])
    if len(messages) > MOST_MESSAGES:
        told = f"the body has {len(messages):,} messages; {MOST_MESSAGES} are allowed"
        raise ApiError(422, [fault(told, "messages.max", ["messages"], limit=MOST_MESSAGES, count=len(messages))])
    return [Decoded(one, decoded.is_plain) for one in messages]


def _skew(call: Call, did: str, sent_at: int) -> tuple[int, int]:
    """What is to be added to a device's times (ms), and what was so far.

    It stays the same until it is wrong by a minute: if it followed every delay of the network, things that happened one
    after the other could change places.
    """
    with call.house.database.read() as session:
        known = known_devices.clock_skew(session, call.workspace.id, did)
    measured = call.now() - sent_at
    if abs(measured - known) < _TOLERANCE:
        return known, known
    return (0 if abs(measured) < _TOLERANCE else measured), known


def _of_device(
    device: OnDevice, info: dict[str, Any] | None, at: int, skew: int, known: int
) -> list[Change]:  # fmt: skip
    told: list[Change] = [] if info is None else [DeviceInfo(device, info, at)]
    return told if skew == known else [*told, ClockSkew(device, skew)]


def _read(message: Decoded, reader: MessageReader) -> _Read:
    did = reader.device.did
    if not isinstance(message.value, dict):
        return _Read(Message(did, ""), [], [fault("the message must be a JSON object", "object.base")])
    id_ = message.value.get("id")
    which = Message(did, id_ if isinstance(id_, str) else "")
    try:
        one = replace(reader, body=message.value, faults=message.faults())
        changes = one.changes()
        one.faults.refuse()
    except ApiError as error:
        return _Read(which, [], error.faults)
    return _Read(which, changes, [])


def _submit(call: Call, read: Sequence[_Read], more: Sequence[Change]) -> tuple[list[_Sent], Outcome]:
    """Store the changes of messages, and more."""
    sent = [_Sent(change, None, None) for change in more]
    sent += [_Sent(change, place, one.message) for place, one in enumerate(read) for change in one.changes]
    if not sent:
        return [], Outcome(effects={} if call.is_dry_run else None)
    outcome = call.submit([one.change for one in sent], None, [one.message for one in sent], is_partial=True)
    return sent, outcome


def _refused(read: Sequence[_Read], sent: Sequence[_Sent], outcome: Outcome) -> dict[int, list[Fault]]:
    """The faults of those messages that are not stored."""
    refused = {place: one.faults for place, one in enumerate(read) if one.faults}
    for number, found in outcome.refused.items():
        place = sent[number].place
        if place is not None:
            refused.setdefault(place, []).append(found)
    return refused


def _part(decoded: Decoded, place: int, faults: list[Fault]) -> Part:
    """A message as if it had come alone."""
    told = {name: decoded.value.get(name) for name in ("did", "sentAt")} | {
        "messages": [decoded.value["messages"][place]]
    }
    return Part(place, faults, *bodies.written(told, faults))


def _answer(
    call: Call, read: Sequence[_Read], refused: dict[int, list[Fault]], sent: Sequence[_Sent], outcome: Outcome
) -> Reply:  # fmt: skip
    content: dict[str, Any] = {"success": not refused, "accepted": len(read) - len(refused)}
    if refused:
        content["refused"] = [
            {
                "index": place,
                "id": errors.storable(read[place].message.id, LONGEST_MESSAGE_ID),
                "details": refused[place],
            }
            for place in sorted(refused)
        ]
    if outcome.ignored:
        content["ignored"] = [one | {"index": sent[one["index"]].place} for one in outcome.ignored]
    return call.reply(content, outcome, {number: one.place for number, one in enumerate(sent)}, refused)


ENDPOINTS = {"/api/v1/browser": collect}
