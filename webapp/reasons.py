"""What requests are refused and values ignored for: one reason, however often it happens."""

import hashlib
import re
from typing import Any, Literal, NamedTuple

Kind = Literal["refused", "ignored"]

IGNORED = "ignored"  # the code of an ignored value's reason
OTHER = "other"  # the code of all reasons that are too many to be told apart
_LONGEST = 300  # characters of words and places
_NOT_TEXT = re.compile("[\x00\ud800-\udfff]")
_KINDS = ("null", "a boolean", "a string", "a number", "an array", "an object")


class Reason(NamedTuple):
    """A reason; its fields are what tells it from others, and those of RefusedReason."""

    kind: Kind
    endpoint: str
    key_id: int | None
    code: str
    place: str
    event_name: str = ""
    expected: str = ""
    received: str = ""

    @property
    def id(self) -> int:
        """A digest of it: a positive number of 63 bits."""
        return digest("\x00".join(map(str, self)))


def digest(text: str) -> int:
    """A positive number of 63 bits that stands for a text."""
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big") >> 1


def of_fault(endpoint: str, key_id: int, fault: dict[str, Any]) -> Reason:
    """The reason of a request, which is that of the first of its faults."""
    code = fault["type"]
    expected, _, is_type = code.partition(".")
    is_type = is_type == "base"
    return Reason(
        "refused",
        endpoint,
        key_id,
        code,
        place(fault["path"]),
        expected=expected.replace("_", " ") if is_type else "",
        received=_received(fault["context"]) if is_type else "",
    )


def overflow(reason: Reason) -> Reason:
    """The reason that stands for all that are too many."""
    return Reason(reason.kind, reason.endpoint, reason.key_id, OTHER, "")


def place(path: list[str | int]) -> str:
    """Where something is, without the places in arrays: `attributes[].value`."""
    text = ""
    for part in path:
        text += "[]" if isinstance(part, int) else f".{part}" if text else part
    return cut(text)


def cut(text: str) -> str:
    """A text as it can be kept beside a reason."""
    return _NOT_TEXT.sub("\ufffd", text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…")


def words(fault: dict[str, Any], *, with_values: bool) -> str:
    """A fault without the name of its place: `must be a number, not a string`."""
    text, context = fault["message"].removeprefix(f'"{fault["context"].get("label")}"').strip(), fault["context"]
    if fault["type"].endswith(".base") and (received := _received(context)):
        text = f"{text.partition(', not ')[0]}, not {received}"
    value = context.get("value")
    if not with_values and isinstance(value, str) and value not in _KINDS:
        text = text.replace(f'"{value}"', "“…”")
    return cut(text)


def _received(context: dict[str, Any]) -> str:
    """What kind of value came, as far as the fault tells."""
    if "value" not in context:
        return ""
    value = context["value"]
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, str):  # of arrays and objects a fault tells only that they are
        return value if value in _KINDS else "a string"
    return "a number"
