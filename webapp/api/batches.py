"""`/api/v1/batch`: up to 1,000 customers and events in one body, as JSON or one to a line."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple
from urllib.parse import parse_qs

from webapp import values
from webapp.api import bodies
from webapp.api.bodies import Decoded
from webapp.api.call import Call, Part
from webapp.api.errors import ApiError, Faults, fault, label
from webapp.api.replies import Reply
from webapp.api.rest import MOST_CUSTOM_ATTRIBUTES
from webapp.api.shapes import MOST_EVENT_ATTRIBUTES, MOST_SENT_ATTRIBUTES, Reader
from webapp.ingest.changes import Attribute, Change, CustomerUpdate, EventRecord, Fault, RefusedError
from webapp.ingest.retries import Outcome

MOST_BYTES = 5_000_000  # also of what a compressed body unpacks to
MOST_CHANGES = 1_000
# Of a batch in which nearly everything is wrong, so many faults are told in full; after that, one for each change.
MOST_FAULTS = 1_000
LINES = ("application/x-ndjson", "application/ndjson", "application/jsonl")


class _Read(NamedTuple):
    """A change, or the faults for which it is none."""

    change: Change | None
    faults: list[Fault]


class _ChangeReader(Reader):
    """Reads one change of a batch."""

    __slots__ = ()

    def change(self) -> Change | None:
        """What it is, None where it doesn't say; faults are noted."""
        type_ = self._text_in(self.body, "type", [])
        if type_ == "customer":
            return CustomerUpdate(
                who=self.system_id("id"),
                attributes=self._told(values.SCALARS, MOST_SENT_ATTRIBUTES),
                limit=MOST_CUSTOM_ATTRIBUTES,
            )
        if type_ == "event":
            return EventRecord(
                who=self.system_id("customerId"),
                name=self.event_name(),
                reported_at=self.time() if "time" in self.body else None,
                attributes=self._told(values.EVENT_TYPES, MOST_EVENT_ATTRIBUTES),
            )
        if type_ is not None:
            self._not('"customer" or "event"', "any.only", ["type"], type_)
        return None

    def _told(self, types: Sequence[str], most: int) -> tuple[Attribute, ...]:
        return self.attributes(types, (dict, list), most, is_required=False)


def batch(call: Call) -> Reply:
    """Store what can be stored and tell of the rest; with `?strict=1`, all or nothing."""
    call.receive(MOST_BYTES)
    header_faults = Faults()
    retry = call.retry(header_faults)
    header_faults.refuse()
    items = _items(call)
    read = [_read(item, call) for item in items]
    is_strict = parse_qs(call.environ.get("QUERY_STRING", "")).get("strict", [""])[-1] in {"1", "true"}
    if is_strict:
        _refuse((place, one.faults) for place, one in enumerate(read))
    places = [place for place, one in enumerate(read) if one.change is not None]
    try:
        outcome = call.submit([one.change for one in read if one.change is not None], retry, is_partial=not is_strict)
    except RefusedError as error:
        _refuse((None if place is None else places[place], [fault]) for place, fault in error.faults.items())
        raise
    refused = {place: one.faults for place, one in enumerate(read) if one.faults}
    refused |= {places[place]: [fault] for place, fault in outcome.refused.items()}
    if refused:
        call.parts += _parts(call, items, refused)
    return _answer(call, len(read), refused, places, outcome)


def _items(call: Call) -> Sequence[Decoded | ApiError]:
    """The decoded changes of the body; where one can't be decoded, its ApiError. Raises ApiError (422)."""
    lines = _lines(call)
    if lines is not None:
        _check_number(len(lines))
        return [_decoded(line) for line in lines]
    body, is_plain = bodies.decode(call.body)
    faults = Faults()
    for key in bodies.repeated(body):  # of two lists of changes one would be lost in silence
        faults.spoil([key], "occurs more than once", "object.duplicate")
    faults.refuse()
    changes = body.get("changes") if isinstance(body, dict) else None
    if not isinstance(changes, list):
        message = 'the body must be {"changes": [...]}, or one change to a line as application/x-ndjson'
        raise ApiError(422, [fault(message, "array.base", ["changes"])])
    _check_number(len(changes))
    return [Decoded(one, is_plain) for one in changes]


def _lines(call: Call) -> list[bytes] | None:
    """The lines of the body; None where it isn't one of lines."""
    mimetype = (call.environ.get("CONTENT_TYPE") or "").partition(";")[0].strip().lower()
    return [line for line in call.body.splitlines() if line.strip()] if mimetype in LINES else None


def _parts(call: Call, items: Sequence[Decoded | ApiError], refused: dict[int, list[Fault]]) -> Iterator[Part]:
    """The refused changes, each as a line."""
    lines = _lines(call)
    for place, faults in sorted(refused.items()):
        item = items[place]
        if lines is not None:
            yield Part(place, faults, lines[place], is_whole=True)
        elif isinstance(item, Decoded):
            yield Part(place, faults, *bodies.written(item.value, faults))


def _decoded(line: bytes) -> Decoded | ApiError:
    try:
        return bodies.decode(line, "the line")
    except ApiError as error:
        return error


def _check_number(number: int) -> None:
    if number > MOST_CHANGES:
        message = f"the batch has {number:,} changes; {MOST_CHANGES:,} are allowed"
        raise ApiError(422, [fault(message, "batch.max", ["changes"], limit=MOST_CHANGES, count=number)])


def _read(item: Decoded | ApiError, call: Call) -> _Read:
    if isinstance(item, ApiError):
        return _Read(None, item.faults)
    if not isinstance(item.value, dict):
        return _Read(None, [fault("the change must be a JSON object", "object.base")])
    try:
        reader = _ChangeReader(item.value, item.faults(), call.workspace)
        change = reader.change()
        reader.faults.refuse()
    except ApiError as error:
        return _Read(None, error.faults)
    return _Read(change, [])


def _refuse(refused: Iterable[tuple[int | None, list[Fault]]]) -> None:
    """Raise ApiError (422) with the faults of these changes, if there are any; None stands for the whole batch."""
    faults = [one if place is None else _within(place, one) for place, found in refused for one in found]
    if len(faults) > MOST_FAULTS:
        more = fault(f"there are more faults; these are the first {MOST_FAULTS:,}", "faults.more", limit=MOST_FAULTS)
        faults = [*faults[:MOST_FAULTS], more]
    if faults:
        raise ApiError(422, faults)


def _within(place: int, one: Fault) -> Fault:
    """The fault of a change as a fault of the batch."""
    path = ["changes", place, *one["path"]]
    message = one["message"].removeprefix(f'"{label(one["path"])}"')
    return one | {"path": path, "message": f'"{label(path)}"{message if one["path"] else f": {message}"}'}


def _answer(
    call: Call, count: int, refused: dict[int, list[Fault]], places: Sequence[int], outcome: Outcome
) -> Reply:  # fmt: skip
    content: dict[str, Any] = {"success": not refused, "accepted": count - len(refused)}
    if refused:
        content["refused"] = list(_told(refused))
    if outcome.ignored:
        content["ignored"] = [one | {"index": places[one["index"]]} for one in outcome.ignored]
    return call.reply(content, outcome, dict(enumerate(places)), refused)


def _told(refused: dict[int, list[Fault]]) -> Iterator[dict[str, Any]]:
    """The refused changes in order, with all their faults, or with the first where there are too many altogether."""
    number = 0
    for place in sorted(refused):
        faults = refused[place] if number + len(refused[place]) <= MOST_FAULTS else refused[place][:1]
        number += len(faults)
        yield {"index": place, "details": faults}


ENDPOINTS = {"/api/v1/batch": batch}
