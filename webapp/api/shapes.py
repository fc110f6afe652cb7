"""The documented bodies: from JSON to typed changes, noting every fault on the way."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar

from webapp import clock, values, workspaces
from webapp.api.errors import Faults
from webapp.ingest.changes import Attribute, Fault
from webapp.models import Workspace

LONGEST_NAME = 49
LONGEST_ID = 255
LONGEST_STRING = 65_536
_CAN_BE_LONG = (str, list, dict)  # a tuple is looked through faster than a union of types
MOST_EVENT_ATTRIBUTES = 50
# A profile may have fewer, but values that are ignored don't count, so the registry of types has to see them all.
MOST_SENT_ATTRIBUTES = 1_000
EARLIEST = 315_532_800_000  # 1980-01-01, epoch ms
_AHEAD = clock.DAY

Path = list[str | int]
_SHAPES: dict[type, str] = {list: "an array of {name, type, value}", dict: "an object of name and value"}


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads the fields of one body, noting what is wrong with them."""

    attributes_field: ClassVar[str] = "attributes"
    longest_name: ClassVar[int] = LONGEST_NAME

    body: dict[str, Any]
    faults: Faults
    workspace: Workspace

    def system_id(self, field: str) -> str:
        """A customer id: 1–255 characters after trimming, and not what a broken integration sends instead of one."""
        return self._id(field, "send the customer's id in your system")

    def _id(self, field: str, advice: str) -> str:
        text = self._text_in(self.body, field, [])
        if text is None:
            return ""
        text = text.strip()
        if not text:
            self.faults.add([field], f"is empty; {advice}", "string.empty")
        elif len(text) > LONGEST_ID:
            self._too_long([field], text, LONGEST_ID)
        elif workspaces.refuses_id(self.workspace, text):
            self.faults.add([field], f'is the placeholder "{text}"; {advice}', "id.placeholder", value=text)
        return text

    def event_name(self) -> str:
        """The name of an event: at least one character, at most as many as names have here."""
        text = self._text_in(self.body, "name", [])
        if text is not None:
            self._check_name(["name"], text)
        return text or ""

    def time(self) -> int:
        """When an event happened: epoch milliseconds from 1980 to a day ahead."""
        return self._moment("time", self.body.get("time"))

    def _moment(self, field: str, time: Any) -> int:
        if field not in self.body:
            self.faults.add([field], "is required: epoch milliseconds", "any.required")
        elif isinstance(time, bool) or not isinstance(time, int | float):
            message = f"must be a number of epoch milliseconds, not {_kind(time)}"
            self.faults.add([field], message, "number.base", value=_short(time))
        elif isinstance(time, float) and not time.is_integer():
            self.faults.add([field], "must be whole milliseconds", "number.integer", value=time)
        elif not EARLIEST <= time <= clock.now() + _AHEAD:
            self.faults.add([field], _out_of_range(time), "date.range", value=time)
        else:
            return int(time)
        return 0

    def attributes(
        self, types: Sequence[str], shapes: tuple[type, ...], most: int, *, is_required: bool = True
    ) -> tuple[Attribute, ...]:
        """At most so many attributes, in one of the shapes: `list` of `{name, type, value}`, `dict` of name → value."""
        field = self.attributes_field
        given: Any = self.body.get(field)
        wanted = " or ".join(_SHAPES[shape] for shape in shapes)
        if field not in self.body:
            if is_required:
                self.faults.add([field], f"is required: {wanted}", "any.required")
            return ()
        if not any(isinstance(given, shape) for shape in shapes):
            code = "array.base" if shapes[0] is list else "object.base"
            self.faults.add([field], f"must be {wanted}, not {_kind(given)}", code)
            return ()
        if len(given) > most:
            message = f"has {len(given):,} attributes; {most:,} are allowed"
            self.faults.add([field], message, "attributes.max", limit=most, count=len(given))
        return self._listed(given, types) if isinstance(given, list) else self._keyed(given, types)

    def placed(self, refused: Fault) -> Fault:
        """The fault of a change that could not be stored; one of its attributes stands where the body has them."""
        if refused["path"] != ["attributes"]:
            return refused
        field = self.attributes_field
        return refused | {"path": [field], "context": refused["context"] | {"key": field}}

    def _keyed(self, given: dict[str, Any], types: Sequence[str]) -> tuple[Attribute, ...]:
        for name, value in given.items():
            if type(value) in _SCALARS and _is_short(name, self.longest_name) and _is_short(value):
                continue
            self._check_name([self.attributes_field, name], name, "has a name that")
            self._check_inferred([self.attributes_field, name], value, types)
        return tuple(Attribute(name, value, None) for name, value in given.items())

    def _listed(self, listed: list[Any], types: Sequence[str]) -> tuple[Attribute, ...]:
        found = []
        names: set[str] = set()
        for place, item in enumerate(listed):
            path: Path = [self.attributes_field, place]
            if not isinstance(item, dict):
                self.faults.add(path, f"must be an object {{name, type, value}}, not {_kind(item)}", "object.base")
                continue
            attribute = self._item(path, item, types)
            if attribute.name and attribute.name in names:
                message = f'is the name "{_short(attribute.name)}" a second time'
                self.faults.add([*path, "name"], message, "array.unique", value=_short(attribute.name))
            names.add(attribute.name)
            found.append(attribute)
        return tuple(found)

    def _item(self, path: Path, item: dict[str, Any], types: Sequence[str]) -> Attribute:
        name, type_, value = item.get("name"), item.get("type"), item.get("value")
        # Nearly always there is nothing to be said, and then nothing is asked twice.
        is_exact = isinstance(type_, str) and type(value) in _EXACT.get(type_, ())
        if is_exact and _is_short(name, self.longest_name) and _is_short(value):
            return Attribute(str(name), value, type_)
        name = self._text_in(item, "name", path)
        if name is not None:
            self._check_name([*path, "name"], name)
        type_ = self._type(path, item, types)
        value = item.get("value")
        if "value" not in item:
            self.faults.add([*path, "value"], "is required", "any.required")
        elif type_ is not None and not values.conforms(value, type_):
            self._not(values.in_words(type_), f"{type_.replace(' ', '_')}.base", [*path, "value"], value)
        else:
            self._check_lengths([*path, "value"], value)
        return Attribute(name or "", value, type_ or "string")

    def _not(self, wanted: str, code: str, path: Path, value: object) -> None:
        self.faults.add(path, f"must be {wanted}, not {_shown(value)}", code, value=_short(value))

    def _type(self, path: Path, item: dict[str, Any], types: Sequence[str]) -> str | None:
        text = self._text_in(item, "type", path)
        if text is None:
            return None
        type_ = text.strip().lower()
        if type_ in types:
            return type_
        message = f'is "{_short(text)}", which is no type here; use one of: {", ".join(types)}'
        self.faults.add([*path, "type"], message, "any.only", value=_short(text), valids=list(types))
        return None

    def _check_inferred(self, path: Path, value: Any, types: Sequence[str]) -> None:
        if value is None:
            self.faults.add(path, "is null, which has no type; leave it out or send a value", "any.null")
        elif isinstance(value, list | dict) and "custom" not in types:
            message = f"must be a string, number, boolean or date, not {_kind(value)}"
            self.faults.add(path, message, "any.only", valids=list(types))
        else:
            self._check_lengths(path, value)

    def _check_lengths(self, path: Path, value: Any) -> None:
        if isinstance(value, str):
            if len(value.encode("utf-8", "surrogatepass")) > LONGEST_STRING:
                message = f"is longer than {LONGEST_STRING:,} bytes"
                self.faults.add(path, message, "string.max", limit=LONGEST_STRING)
        elif isinstance(value, list):
            for place, item in enumerate(value):
                if isinstance(item, _CAN_BE_LONG):
                    self._check_lengths([*path, place], item)
        elif isinstance(value, dict):
            for key, item in value.items():
                if isinstance(item, _CAN_BE_LONG):
                    self._check_lengths([*path, key], item)

    def _check_name(self, path: Path, text: str, lead: str = "") -> None:
        if not text.strip():
            self.faults.add(path, f"{lead} is empty".strip(), "string.empty")
        elif len(text) > self.longest_name:
            self._too_long(path, text, self.longest_name, lead)

    def _too_long(self, path: Path, text: str, limit: int, lead: str = "") -> None:
        message = f"{lead} is {len(text):,} characters long; {limit} are allowed".strip()
        self.faults.add(path, message, "string.max", limit=limit, length=len(text), value=_short(text))

    def _text_in(self, item: dict[str, Any], field: str, path: Path) -> str | None:
        value = item.get(field)
        if isinstance(value, str):
            return value
        if field in item:
            self.faults.add([*path, field], f"must be a string, not {_kind(value)}", "string.base", value=_short(value))
        else:
            self.faults.add([*path, field], "is required", "any.required")
        return None


_EXACT: dict[Any, tuple[type, ...]] = {"string": (str,), "number": (int, float), "boolean": (bool,)}
_SCALARS = (str, int, float, bool)


def _is_short(value: object, most: int | None = None) -> bool:
    """Whether a value is too short to be measured; a name (`most`: its limit, in characters) isn't blank either."""
    if most is not None:
        return isinstance(value, str) and len(value) <= most and not (value.isspace() or not value)
    return not isinstance(value, str) or len(value) <= LONGEST_STRING // 4  # bytes to a character


def _kind(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    kinds = {str: "a string", int: "a number", float: "a number", list: "an array"}
    return kinds.get(type(value), "an object")


def _shown(value: object) -> str:
    return f'"{_short(value)}"' if isinstance(value, str) else _kind(value)


def _short(value: object) -> object:
    """A value as an error repeats it: scalars only, and not the whole of a long text."""
    if isinstance(value, str):
        return value if len(value) <= 100 else f"{value[:100]}…"
    return value if isinstance(value, int | float | None) else _kind(value)


def _out_of_range(time: float) -> str:
    for factor, unit in ((1000, "seconds"), (1 / 1000, "microseconds"), (1 / 1_000_000, "nanoseconds")):
        if EARLIEST <= time * factor <= clock.now() + _AHEAD:
            meant = datetime.fromtimestamp(time * factor / 1000, UTC)
            return f"looks like {unit} ({meant:%Y-%m-%d}); send epoch milliseconds"
    if time > clock.now():
        return "is more than 24 hours in the future; send epoch milliseconds"
    return "is before 1980; send epoch milliseconds"
