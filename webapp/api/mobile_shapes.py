"""The bodies of mobile apps, whose attributes are called `info` and may have their values as text."""

import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from webapp import values
from webapp.api.shapes import Path, Reader
from webapp.ingest.changes import Attribute

LONGEST_NAME = 120
LONGEST_VALUE = 100
LONGEST_TEXT = 512  # of what a launch tells
LARGEST_INFO = 65_536  # bytes of JSON
LONGEST_TOKEN = 4_096
TOKEN_FIELDS = ("token", "pushToken", "push_token")  # the documents don't say which

# The types of mobile attributes, and which of ours each is.
TYPES = {
    "string": "string",
    "integer": "number",
    "long": "number",
    "float": "number",
    "double": "number",
    "boolean": "boolean",
    "date": "date",
}
_WHOLE = ("integer", "long")
_LARGEST = 2**63
_BOOLEANS = {"true": True, "false": False}
_DIGITS = re.compile(r"\d{1,20}", re.ASCII)  # int() takes no more than 4,300
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?", re.ASCII | re.IGNORECASE)
_INTEGER = re.compile(r"[+-]?\d+", re.ASCII)

# What a launch is documented to tell, each of one of these types. Other keys are kept as they are.
INFO: dict[str, tuple[str, ...]] = {
    "appVersionCode": ("number",),
    "appVersionName": ("string",),
    "sdkVersion": ("number", "string"),
    "firstTime": ("boolean",),
    "deviceType": ("string",),
    "deviceManufacturer": ("string",),
    "deviceModel": ("string",),
    "deviceCarrier": ("string",),
    "osName": ("string",),
    "osVersion": ("string",),
    "platform": ("string",),
    "language": ("string",),
    "referrer": ("string",),
}
PLATFORMS = ("ANDROID", "IOS")
UTM = {"us": "source", "um": "medium", "uc": "campaign"}


@dataclass(frozen=True, slots=True)
class LaunchInfo:
    """What an app tells at launch: of the device, and what led to it (`utm`: pairs as in changes.Context)."""

    device: dict[str, Any]
    referrer: str = ""
    utm: tuple[tuple[str, str], ...] = ()


class MobileReader(Reader):
    """Reads the fields of a mobile app's body."""

    __slots__ = ()
    attributes_field: ClassVar[str] = "info"
    longest_name: ClassVar[int] = LONGEST_NAME

    def did(self) -> str:
        """The id of a device: as a customer's, because one device of all customers would make them one person."""
        return self._id("did", "send the id that the launch of the app was answered with")

    def did_if_any(self) -> str:
        """The id of the device that launches; empty where it has none yet and says null, a blank text or nothing."""
        given = self.body.get("did")
        is_none = given is None or (isinstance(given, str) and not given.strip())
        return "" if is_none else self.did()

    def timestamp(self) -> int:
        """When it happened: epoch milliseconds from 1980 to a day ahead, as a number or as its digits."""
        given = self.body.get("timestamp")
        if isinstance(given, str) and _DIGITS.fullmatch(given):
            given = int(given)
        return self._moment("timestamp", given)

    def timestamp_if_any(self) -> int | None:
        """When it happened, None where the body doesn't say."""
        return None if self.body.get("timestamp") is None else self.timestamp()

    def told(self, most: int) -> tuple[Attribute, ...]:
        """At most so many attributes, an array of `{name, type, value}` or nothing at all; without those of null."""
        if self.body.get(self.attributes_field) is None:
            return ()
        return tuple(one for one in self.attributes(tuple(TYPES), (list,), most) if one.value is not None)

    def push_token(self) -> str:
        """The token for push messages: 1–4096 characters, under any of its names."""
        sent = [name for name in TOKEN_FIELDS if self.body.get(name) is not None]
        name = sent[0] if sent else TOKEN_FIELDS[0]
        text = self._text_in(self.body, name, [])
        if text is None:
            return ""
        if not text.strip():
            self.faults.add([name], "is empty", "string.empty")
        elif len(text) > LONGEST_TOKEN:
            self._too_long([name], text, LONGEST_TOKEN)
        return text

    def launch_info(self) -> LaunchInfo:
        """What the app tells of its device: any object of at most 64 KiB, its known keys null or of their types."""
        given = self.body.get("info")
        if given is None:
            return LaunchInfo({})
        if not isinstance(given, dict):
            self._not("an object", "object.base", ["info"], given)
            return LaunchInfo({})
        for key, value in given.items():
            if key != "utmInfo":
                self._check_told(["info", key], value, INFO.get(key, ()))
        size = len(json.dumps(given, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass"))
        if size > LARGEST_INFO:
            message = f"is {size:,} bytes of JSON; {LARGEST_INFO:,} are allowed"
            self.faults.add(["info"], message, "object.max", limit=LARGEST_INFO, length=size)
        utm = self._utm(["info", "utmInfo"], given.get("utmInfo"))
        device = {key: value for key, value in given.items() if key not in {"utmInfo", "referrer"}}
        return LaunchInfo(device, _text(given.get("referrer")), utm)

    def _utm(self, path: Path, given: Any) -> tuple[tuple[str, str], ...]:
        if given is None:
            return ()
        if not isinstance(given, dict):
            self._not("an object {us, um, uc}", "object.base", path, given)
            return ()
        for key in UTM:
            self._check_told([*path, key], given.get(key), ("string",))
        return tuple((name, _text(given.get(key))) for key, name in UTM.items() if _text(given.get(key)))

    def _check_told(self, path: Path, value: Any, types: Sequence[str]) -> None:
        if value is None:
            return
        if types and not any(values.conforms(value, type_) for type_ in types):
            self._not(" or ".join(map(values.in_words, types)), f"{types[0]}.base", path, value)
        elif isinstance(value, str) and len(value) > LONGEST_TEXT:
            self._too_long(path, value, LONGEST_TEXT)
        elif path[-1] == "platform" and value.upper() not in PLATFORMS:
            self._not(" or ".join(PLATFORMS), "any.only", path, value)

    def _item(self, path: Path, item: dict[str, Any], types: Sequence[str]) -> Attribute:
        name = self._text_in(item, "name", path)
        if name is not None:
            self._check_name([*path, "name"], name)
        if "value" not in item:
            self.faults.add([*path, "value"], "is required", "any.required")
        elif item["value"] is None and item.get("type") is None:
            return Attribute(name or "", None, None)  # what isn't known has no type
        type_ = self._type(path, item, types)
        value = self._value([*path, "value"], item.get("value"), type_)
        return Attribute(name or "", value, TYPES[type_ or "string"])

    def _value(self, path: Path, given: Any, type_: str | None) -> Any:
        """A value of its type, also where it came as text. Null stays, and so does what is at fault."""
        if isinstance(given, str) and len(given) > LONGEST_VALUE:
            self._too_long(path, given, LONGEST_VALUE)
            return given
        if given is None or type_ is None:
            return given
        kind = TYPES[type_]
        value = _converted(given, kind) if isinstance(given, str) else given
        if not values.conforms(value, kind):
            self._not(values.in_words(kind), f"{kind}.base", path, given)
        elif kind == "number":
            self._check_number(path, value, is_whole=type_ in _WHOLE)
        return value

    def _check_number(self, path: Path, number: float, *, is_whole: bool) -> None:
        if math.isinf(number):
            self.faults.add(path, "is a number too large to store", "number.infinity")
        elif is_whole and isinstance(number, float) and not number.is_integer():
            self.faults.add(path, "must be a whole number", "number.integer", value=number)
        elif (is_whole or isinstance(number, int)) and not -_LARGEST <= number < _LARGEST:
            self.faults.add(path, "is a whole number outside 64 bits; send it as a string", "number.unsafe")


def _converted(text: str, kind: str) -> Any:
    """What a text stands for in this type; itself where it doesn't."""
    if kind == "boolean":
        return _BOOLEANS.get(text.lower(), text)
    if kind == "number" and _NUMBER.fullmatch(text):
        return int(text) if _INTEGER.fullmatch(text) else float(text)
    return text


def _text(value: object) -> str:
    return value.strip() if isinstance(value, str) else ""
