"""Looking through a whole file before anything of it is stored, so that nothing has to be taken back for a fault in it.

Memory: some dozen bytes for each customer, device and login, whatever else there is.
"""

import re
from array import array
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import orjson
from sqlalchemy import BigInteger, Boolean, Column, Integer, select

from webapp import masking, registry, retention, users, values, workspaces
from webapp.db import Database
from webapp.models import Customer
from webapp.moving import FORMAT, MOST_FAULTS, VERSION, FaultyError
from webapp.moving.carried import BY_NAME, KINDS, Kind
from webapp.moving.order import Prints
from webapp.moving.reading import Line, Reader

_AT_ONCE = 500  # Growlytics IDs that are looked up together
_GROWLYTICS_ID = re.compile(r"[0-9A-Za-z-]{1,64}")
_TYPES = {*values.EVENT_TYPES, *values.SCALARS}
_PLACES = {kind.name: place for place, kind in enumerate(KINDS)}
_IS_MEMBER, _IS_ROOT = 1, 2
_LATEST = 253_402_300_800_000  # epoch ms: the year 10,000, which no calendar here has


class Checked(NamedTuple):
    """A file without faults: the name of its workspace, how many lines there are of each kind, and its digest."""

    name: str
    counts: Mapping[str, int]
    sha256: str


def check(database: Database, file: Path) -> Checked:
    """Look through a file that is to be imported. Raises FaultyError with all that is wrong."""
    checking, reader = _Checking(database), Reader(file)
    try:
        for line in reader.lines():
            checking.look(line, reader)
        checking.close()
    except FaultyError as error:
        raise FaultyError([*checking.faults, *error.faults], has_more=error.has_more) from None
    if checking.faults:
        raise FaultyError(checking.faults)
    return Checked(checking.name, checking.counts, reader.sha256)


class _Checking:
    """How far a file is looked through, and what of it is remembered."""

    def __init__(self, database: Database) -> None:
        self.faults: list[str] = []
        self.counts: Counter[str] = Counter()
        self.name = ""
        self._database = database
        self._last = 0  # line
        self._begins: dict[str, int] = {}  # the first line of each kind
        self._kind = "head"  # of the line before, and by what it was ordered
        self._former: tuple[Any, ...] | None = None
        self._has_end = False
        self._types: set[tuple[str, str]] = {(registry.CUSTOMER, name) for name in registry.RESERVED}
        self._once = {("customer", "growlytics_id"): Prints(), ("customer", "system_id"): Prints()}
        self._once |= {("device", "did"): Prints(), ("author", "email"): Prints(), ("segment", "name"): Prints()}
        self._stretches, self._logins = Prints(), Prints()
        self._owed = array("q")  # events that each customer says to have, less those that came
        self._parts = bytearray()  # of each customer: whether it is a member, or a root
        self._asked: list[tuple[int, str]] = []  # lines and Growlytics IDs to be looked up
        self._current: tuple[Any, ...] = ()  # the customer and attribute whose current value came

    def look(self, line: Line, reader: Reader) -> None:
        """Look at the next line. Raises FaultyError where the rest makes no sense."""
        if len(self.faults) >= MOST_FAULTS:
            raise FaultyError([], has_more=True)
        self._last = line.number
        if line.number == 1:
            self._look_at_head(line)
        elif self._has_end:
            raise FaultyError([f"line {line.number:,}: comes after the last line of the file"])
        elif line.told is None:
            self._add("is no JSON object")
        elif line.kind == "end":
            self._has_end = True
            self._look_at_end(line.told, reader)
        elif line.kind not in BY_NAME:
            self._add(f"the kind {_shown(line.told.get('kind'))} isn’t known")
        else:
            self._look_at_row(BY_NAME[line.kind], line.told)

    def close(self) -> None:
        """Look at what is known when all lines are."""
        if self._last == 0:
            raise FaultyError(["the file is empty"])
        if not self._has_end:
            raise FaultyError([f"after line {self._last:,}: the file ends without its last line: it was cut short"])
        if self.counts["workspace"] != 1:
            self.faults.append("there has to be one line of the kind “workspace”")
        self._look_up()
        if not self.faults:  # else a line that couldn't be read would be missed here
            for place, number in enumerate(self._owed):
                if number and len(self.faults) < MOST_FAULTS:
                    self._tell(self._begins["customer"] + place, "own_event_count isn’t the number of its events")
        for (kind, field), prints in self._once.items():
            self._look_for_twins(kind, field, prints)
        self._look_for_twins("customer", "device and since_at", self._stretches)

    def _look_for_twins(self, kind: str, field: str, prints: Prints) -> None:
        for first, other in prints.twice()[:MOST_FAULTS]:
            begin = self._begins[kind]
            self._tell(begin + other, f"{kind}: has the {field} of line {begin + first:,}")

    def _tell(self, line: int, words: str) -> None:
        self.faults.append(f"line {line:,}: {words}")

    def _add(self, words: str) -> None:
        self._tell(self._last, words)

    def _look_at_head(self, line: Line) -> None:
        told = line.told or {}
        if line.kind != "head" or told.get("format") != FORMAT:
            raise FaultyError(["line 1: this is no export of a workspace"])
        if told.get("version") != VERSION:
            product = told.get("product")
            made = f" (made by {product})" if isinstance(product, str) else ""
            words = f"line 1: the file is of version {_shown(told.get('version'))}{made}; this reads version {VERSION}"
            raise FaultyError([words])

    def _look_at_end(self, told: dict[str, Any], reader: Reader) -> None:
        if told.get("counts") != dict(self.counts):
            self._add(f"the counts are others: the file has {dict(self.counts)}")
        if told.get("sha256") != reader.sha256:
            self._add("the digest is another: the file has been changed, or damaged")

    def _look_at_row(self, kind: Kind, told: dict[str, Any]) -> None:
        self.counts[kind.name] += 1
        if kind.name != self._kind:
            if _PLACES.get(self._kind, -1) > _PLACES[kind.name]:
                self._add(f"{kind.name}: has to stand before all of the kind “{self._kind}”")
            self._kind, self._former = kind.name, None
            self._begins.setdefault(kind.name, self._last)
        before = len(self.faults)
        self._look_at_fields(kind, told)
        if len(self.faults) > before:
            self._keep_place(kind)
            return
        self._look_at_order(kind, told)
        look = _LOOKS.get(kind.name)
        if look is not None:
            look(self, told)

    def _keep_place(self, kind: Kind) -> None:
        """Let the lines after a faulty one keep their numbers."""
        if kind.name == "customer":
            self._owed.append(0)
            self._parts.append(0)
        for (name, _), prints in self._once.items():
            if name == kind.name:
                prints.add(("faulty", self._last))
        if kind.name == "customer":
            self._stretches.add(("faulty", self._last))

    def _look_at_fields(self, kind: Kind, told: dict[str, Any]) -> None:
        fields = _FIELDS[kind.name]
        for name, field in fields.items():
            value = told.get(name)
            if value is None:
                if not field.is_optional:
                    self._add(f"{kind.name}: {name} is missing")
            elif field.refers is not None:
                if type(value) is not int or not 0 < value <= self.counts[field.refers]:
                    self._add(f"{kind.name}: {name} names no {field.refers} before it")
            elif (words := field.fault(value)) is not None:
                self._add(f"{kind.name}: {name} {words}")
        if len(told) > 1:
            for name in told.keys() - fields.keys() - {"kind"}:
                self._add(f"{kind.name}: {_shown(name)} isn’t known")

    def _look_at_order(self, kind: Kind, told: dict[str, Any]) -> None:
        order = _ORDERS[kind.name]
        if order:
            now = tuple([told[name] for name in order])
            if self._former is not None and now <= self._former:
                self._add(f"{kind.name}: is out of order, or the same as the line before")
            self._former = now

    def look_at_workspace(self, told: dict[str, Any]) -> None:
        """The settings."""
        self.name = told["name"]
        for words in workspaces.faults(told["name"], told["time_zone"], told["default_region"]).values():
            self._add(f"workspace: {words}")
        if not 0 < told.get("retention_days", 1) <= retention.MOST_DAYS:
            self._add(f"workspace: retention_days is not from 1 to {retention.MOST_DAYS:,}")
        if told["masking"] not in masking.MODES:
            self._add(f"workspace: masking {_shown(told['masking'])} isn’t known")

    def look_at_author(self, told: dict[str, Any]) -> None:
        """Somebody who wrote something."""
        self._once["author", "email"].add(told["email"])
        try:
            is_right = users.checked_email(told["email"]) == told["email"]
        except users.InvalidError:
            is_right = False
        if not is_right:
            self._add("author: email is no e-mail address in lower case")

    def look_at_type(self, told: dict[str, Any]) -> None:
        """The type of an attribute."""
        self._types.add((told["event_name"], told["name"]))
        if told["type"] not in _TYPES:
            self._add(f"type: {_shown(told['type'])} is none")

    def look_at_segment(self, told: dict[str, Any]) -> None:
        """A segment."""
        self._once["segment", "name"].add(told["name"])

    def look_at_device(self, told: dict[str, Any]) -> None:
        """A device."""
        self._once["device", "did"].add(told["did"])

    def look_at_customer(self, told: dict[str, Any]) -> None:
        """A profile. Its Growlytics ID is looked up with some others."""
        id_, system_id = told["growlytics_id"], told.get("system_id")
        self._owed.append(told["own_event_count"])
        self._parts.append(0)
        self._once["customer", "growlytics_id"].add(id_)
        self._once["customer", "system_id"].add(("none", self._last) if system_id is None else system_id)
        stretch = told.get("device"), told.get("since_at")
        self._stretches.add(("none", self._last) if None in stretch else stretch)
        if (stretch[0] is None) != (stretch[1] is None):
            self._add("customer: has a device without since_at, or the other way round")
        if _GROWLYTICS_ID.fullmatch(id_) is None:
            self._add("customer: growlytics_id is none")
        self._asked.append((self._last, id_))
        if len(self._asked) >= _AT_ONCE:
            self._look_up()

    def _look_up(self) -> None:
        """Refuse Growlytics IDs that somebody has here: they are for one installation."""
        asked = [id_ for _, id_ in self._asked]
        query = select(Customer.growlytics_id).where(Customer.growlytics_id.in_(asked))
        with self._database.read() as session:
            taken = set(session.scalars(query)) if asked else set()
        for line, id_ in self._asked:
            if id_ in taken:
                self._tell(line, f"customer: the Growlytics ID {id_} is in this installation already")
        self._asked = []

    def look_at_member(self, told: dict[str, Any]) -> None:
        """Who belongs to whom: never deeper than one."""
        for number, part in ((told["customer"], _IS_MEMBER), (told["root"], _IS_ROOT)):
            self._parts[number - 1] |= part
            if self._parts[number - 1] == _IS_MEMBER | _IS_ROOT:
                self._add(f"member: customer {number:,} is both a root and a member")

    def look_at_login(self, told: dict[str, Any]) -> None:
        """A login or logout."""
        self._logins.add((told["device"], told["at"], told["id"]))

    def look_at_merge(self, told: dict[str, Any]) -> None:
        """A merge: of a login, or by hand."""
        login = told.get("device"), told.get("login_at"), told.get("login_id")
        if login != (None, None, None) and not self._logins.has(login):
            self._add("merge: there is no such login")

    def look_at_value(self, told: dict[str, Any]) -> None:
        """A value of an attribute, of which one at most is current."""
        if (registry.CUSTOMER, told["name"]) not in self._types:
            self._add(f"value: there is no type of {_shown(told['name'])}")
        # Others may have kept values of a type before; by these, people are found.
        if told["name"] in registry.RESERVED and not isinstance(orjson.loads(told["value"]), str):
            self._add(f"value: {told['name']} is no text")
        whose = told["customer"], told["name"]
        if told["is_current"]:
            if whose == self._current:
                self._add("value: another one of this attribute is current already")
            self._current = whose

    def look_at_event(self, told: dict[str, Any]) -> None:
        """An event, whose attributes have types."""
        self._owed[told["customer"] - 1] -= 1
        event = told["name"]
        for name in orjson.loads(told["attributes"]):
            if (event, name) not in self._types:
                self._add(f"event: there is no type of {_shown(name)}")


_LOOKS: dict[str, Callable[[_Checking, dict[str, Any]], None]] = {
    name.removeprefix("look_at_"): look for name, look in vars(_Checking).items() if name.startswith("look_at_")
}


class _Field(NamedTuple):
    """What may stand in a line under a name. `fault`: what is wrong with a value, None where nothing is."""

    is_optional: bool
    refers: str | None
    fault: Callable[[Any], str | None]


def _fields(kind: Kind) -> dict[str, _Field]:
    refers = {kind.field_of(column): other for column, other in kind.refers.items()}
    return {
        name: _Field(bool(column.nullable) and not kind.is_link, refers.get(name), _test(column, kind.texts.get(name)))
        for name, column in kind.fields.items()
    }


def _test(column: Column[Any], inside: type | None) -> Callable[[Any], str | None]:
    if isinstance(column.type, Boolean):
        return lambda value: None if type(value) is bool else "is not true or false"
    if column.name == "at" or column.name.endswith("_at"):
        return _time
    if isinstance(column.type, Integer):
        bits = 63 if isinstance(column.type, BigInteger) else 31
        return lambda value: None if type(value) is int and -(1 << bits) <= value < 1 << bits else "is no whole number"
    return _text if inside is None else lambda value: _text(value) or _json(value, inside)


def _time(value: Any) -> str | None:
    return None if type(value) is int and abs(value) < _LATEST else "is no time in epoch ms, up to the year 9999"


def _text(value: Any) -> str | None:
    if type(value) is not str:
        return "is no text"
    return "has a NUL in it" if "\x00" in value else None


def _json(value: str, inside: type) -> str | None:
    try:
        return None if isinstance(orjson.loads(value), inside) else "is no object in JSON"
    except orjson.JSONDecodeError:
        return "is no JSON"


def _order(kind: Kind) -> Sequence[str]:
    if kind.is_numbered or kind.name in {"workspace", "author"}:
        return ()
    return [kind.field_of(name) if name in kind.refers else name for name in kind.order]


_FIELDS = {kind.name: _fields(kind) for kind in KINDS}
_ORDERS = {kind.name: _order(kind) for kind in KINDS}


def _shown(value: Any) -> str:
    text = value if isinstance(value, str) else repr(value)
    return f"“{text[:60]}…”" if len(text) > 60 else f"“{text}”"
