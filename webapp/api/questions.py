"""The query of a request that asks for something: its parameters, each checked, and every fault in them told."""

import re
from collections.abc import Sequence
from datetime import tzinfo
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from webapp import days
from webapp.api import errors
from webapp.api.call import Call
from webapp.api.errors import Faults
from webapp.cursors import Cursor
from webapp.db import Database

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

USUAL, MOST = 50, 100  # rows of an answer
LONGEST = 1_000  # characters of a value, as of a filter
_SHOWN = 100  # characters of a value in a fault
_END_OF_TIME = 250_000_000_000_000  # as of cursors, epoch ms
_LONGEST_NUMBER = 15  # digits
MOST_NUMBER = 10**_LONGEST_NUMBER - 1


class Question:
    """What a request asks. Faults are gathered while it is read; `refuse` tells them."""

    def __init__(self, call: Call, *known: str) -> None:
        self.call = call
        self.workspace = call.workspace
        self.faults = Faults()
        self._given = _parameters(call.environ)
        for name in self._given:
            if name not in known:
                words = f"is not known here; known are {', '.join(known)}" if known else "is not known here"
                self._fault(name, words, "query.unknown", valids=list(known))

    @property
    def database(self) -> Database:
        """The database as the workspace of the key sees it."""
        return self.call.house.database.within(self.workspace.id)

    def __contains__(self, name: str) -> bool:
        return name in self._given

    def refuse(self) -> None:
        """Raise ApiError (422) with all faults, if there are any."""
        self.faults.refuse()

    def refuse_beside(self, name: str, *others: str) -> None:
        """Note those parameters that make no sense beside another."""
        for other in others:
            if name in self and other in self:
                self._fault(other, f"can’t be combined with {name}", "query.beside")

    def text(self, name: str) -> str | None:
        """A text, None where the parameter isn't there. It isn't blank."""
        found = self.texts(name, 1)
        return found[0] if found else None

    def texts(self, name: str, most: int) -> Sequence[str]:
        """Each of the texts of a parameter that may be there several times, once."""
        found = list(dict.fromkeys(self._given.get(name, ())))
        if len(self._given.get(name, ())) > most:
            times = "once" if most == 1 else f"{most} times at most"
            self._fault(name, f"may be given {times}", "query.max", limit=most)
        for one in found:
            if not one.strip():
                self._fault(name, "is empty", "string.empty")
            elif "\x00" in one:
                self._fault(name, "contains a NUL character, which nothing that is stored has", "string.unicode")
            elif len(one) > LONGEST:
                self._fault(name, f"is longer than {LONGEST:,} characters", "string.max", limit=LONGEST)
        return found[:most]

    def choice(self, name: str, *choices: str) -> str | None:
        """One of some words, None where the parameter isn't there."""
        found = self.text(name)
        if found is not None and found not in choices:
            self._fault(name, f"must be {' or '.join(choices)}", "any.only", value=_short(found), valids=list(choices))
        return found

    def limit(self) -> int:
        """How many rows are wanted."""
        return self.number("limit", USUAL, MOST)

    def number(self, name: str, usual: int, most: int) -> int:
        """A whole number from 1 on."""
        found = self.text(name)
        if found is None:
            return usual
        number = int(found) if _is_number(found) else 0
        if not 1 <= number <= most:
            message = f"must be a whole number from 1 to {most:,}"
            self._fault(name, message, "number.range", value=_short(found), limit=most)
            return usual
        return number

    def cursor(self) -> Cursor | None:
        """The place where the answer goes on."""
        found = self.text("cursor")
        place = Cursor.parse(found)
        if found is not None and place is None:
            self.no_cursor()
        return place

    def no_cursor(self) -> None:
        """Note that the cursor is none."""
        message = "is not a cursor of this list; take it from `next` of the answer before"
        self._fault("cursor", message, "cursor.invalid")

    def moment(self, name: str, zone: tzinfo, *, is_end: bool = False) -> int | None:
        """A time: epoch ms, or a day of the workspace's calendar, of which the beginning counts, or the end."""
        found = self.text(name)
        if found is None:
            return None
        day = days.parse(found) if "-" in found else None
        if day is not None:
            return days.end(day, zone) if is_end else days.begin(day, zone)
        if _is_number(found) and int(found) < _END_OF_TIME:
            return int(found)
        message = "must be whole epoch milliseconds or a day such as 2026-01-31"
        self._fault(name, message, "date.base", value=_short(found))
        return None

    def exactly_one(self, *names: str) -> str | None:
        """The one of these parameters that is there; None, with a fault, where it isn't one."""
        there = [name for name in names if name in self]
        if len(there) == 1:
            return there[0]
        self.faults.add(["query"], f"must have exactly one of {', '.join(names)}", "query.one", valids=list(names))
        return None

    def _fault(self, name: str, message: str, type_: str, **context: object) -> None:
        self.faults.add(["query", name], message, type_, **context)


def _parameters(environ: "WSGIEnvironment") -> dict[str, list[str]]:
    """The parameters by name. What isn't UTF-8 in them is read with replacement characters."""
    query = str(environ.get("QUERY_STRING") or "").encode("latin-1", "replace").decode("utf-8", "replace")
    found: dict[str, list[str]] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        found.setdefault(name, []).append(value)
    return found


def _is_number(text: str) -> bool:
    return re.fullmatch(rf"\d{{1,{_LONGEST_NUMBER}}}", text, re.ASCII) is not None


def _short(text: str) -> str:
    return errors.storable(text, _SHOWN)
