"""From the cells of a row to the typed change that it says, or to why it says none."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from webapp import clock, csv_values, workspaces
from webapp.api.rest import MOST_CUSTOM_ATTRIBUTES
from webapp.api.shapes import EARLIEST, LONGEST_ID, LONGEST_NAME
from webapp.csv_files import LONGEST_ROW, Row
from webapp.csv_values import WrongError
from webapp.import_plans import Plan
from webapp.ingest.changes import Attribute, Carrying, CustomerUpdate, EventRecord
from webapp.models import Workspace
from webapp.registry import CUSTOMER

Reasons = list[tuple[int | None, str]]  # the column, None where it is about the row; and why, in words


class Numbered(NamedTuple):
    """A row, and its number in the file as a spreadsheet has it: titles are row 1."""

    number: int
    row: Row


class Read(NamedTuple):
    """What a row says: a change, None where it failed; and what was wrong with it."""

    change: Carrying | None
    reasons: Reasons


class _FailedError(Exception):
    """A row can't be imported."""


class Reader:
    """Reads the rows of a file. `types`: of attributes that are there already, by event name and name.

    `mark`: of the file. By it and its number an event is another than one that says the same, and the same file read
    again brings the same events.
    """

    def __init__(self, plan: Plan, workspace: Workspace, types: Mapping[tuple[str, str], str], mark: str) -> None:
        self._plan, self._workspace, self._types, self._mark = plan, workspace, types, mark
        self._zone = workspaces.zone(workspace)
        self._columns = {kind: plan.places(kind) for kind in ("id", "name", "email", "mobile", "event", "time")}
        self._attributes = plan.places("attribute")

    def read(self, one: Numbered) -> Read:
        """What a row says."""
        reasons: Reasons = []
        try:
            cells = self._cells(one.row)
            change = self._event(cells, one, reasons) if self._plan.kind == "events" else self._customer(cells, reasons)
        except _FailedError:
            return Read(None, reasons)
        except WrongError as error:
            return Read(None, [*reasons, (None, str(error))])
        return Read(None if reasons and self._plan.bad == "row" else change, reasons)

    def _cells(self, row: Row) -> list[str]:
        """The texts of all columns."""
        if row.is_open:
            raise WrongError(
                "a quotation mark in the row is never closed; what follows it, to the file’s end, isn’t read"
            )
        if row.is_cut:
            raise WrongError(f"the row is longer than {LONGEST_ROW:,} characters")
        cells, number = [csv_values.text_of(cell) for cell in row.cells], len(self._plan.targets)
        if any(cells[number:]):
            raise WrongError(f"the row has {len(cells):,} cells, but there are {number:,} columns")
        return cells[:number] + [""] * (number - len(cells))

    def _customer(self, cells: Sequence[str], reasons: Reasons) -> CustomerUpdate:
        who = self._system_id(cells, reasons)
        attributes = [*self._contacts(cells, reasons), *self._listed(cells, CUSTOMER, reasons)]
        return CustomerUpdate(who, tuple(attributes), MOST_CUSTOM_ATTRIBUTES)

    def _event(self, cells: Sequence[str], one: Numbered, reasons: Reasons) -> EventRecord:
        # All that keeps the row from being imported is told at once.
        parts: list[str | int] = []
        for read in (self._system_id, self._event_name, self._time):
            try:
                parts.append(read(cells, reasons))
            except _FailedError:
                parts.append("")
        if reasons:
            raise _FailedError
        who, name, at = parts
        attributes = tuple(self._listed(cells, str(name), reasons))
        return EventRecord(str(who), str(name), attributes, int(at), mark=f"{self._mark} {one.number}")

    def _system_id(self, cells: Sequence[str], reasons: Reasons) -> str:
        (place,) = self._columns["id"]
        text = cells[place]
        if not text:
            raise self._failed(reasons, place, "is empty; every row needs the customer’s id")
        if len(text) > LONGEST_ID:
            raise self._failed(reasons, place, f"is {len(text):,} characters long; {LONGEST_ID} are allowed")
        if workspaces.refuses_id(self._workspace, text):
            raise self._failed(reasons, place, f"is the placeholder “{text}”, no customer’s id")
        return self._storable(text, place, reasons)

    def _event_name(self, cells: Sequence[str], reasons: Reasons) -> str:
        if not self._columns["event"]:
            return self._plan.event_name
        (place,) = self._columns["event"]
        text = cells[place]
        if not text:
            raise self._failed(reasons, place, "is empty; every event needs a name")
        if len(text) > LONGEST_NAME:
            raise self._failed(reasons, place, f"is {len(text):,} characters long; {LONGEST_NAME} are allowed")
        return self._storable(text, place, reasons)

    def _time(self, cells: Sequence[str], reasons: Reasons) -> int:
        (place,) = self._columns["time"]
        if not cells[place]:
            raise self._failed(reasons, place, "is empty; every event needs its time")
        text = self._storable(cells[place], place, reasons)
        try:
            found = csv_values.moment(text, self._plan.targets[place].format, self._zone)
        except WrongError as error:
            raise self._failed(reasons, place, str(error)) from None
        at = round(found.timestamp() * 1000)
        if not EARLIEST <= at <= clock.now() + clock.DAY:
            words = "is before 1980" if at < EARLIEST else "is more than 24 hours in the future"
            raise self._failed(reasons, place, words)
        return at

    def _storable(self, text: str, place: int, reasons: Reasons) -> str:
        if why := csv_values.unstorable(text):
            raise self._failed(reasons, place, why)
        return text

    @staticmethod
    def _failed(reasons: Reasons, place: int, words: str) -> _FailedError:
        reasons.append((place, words))
        return _FailedError()

    def _contacts(self, cells: Sequence[str], reasons: Reasons) -> Iterable[Attribute]:
        """Name, e-mail and mobile. A name may stand in several columns."""
        for kind in ("name", "email", "mobile"):
            texts = [text for place in self._columns[kind] if (text := self._good(cells, place, "string", reasons))]
            if texts:
                yield Attribute(kind, " ".join(map(str, texts)), "string")

    def _listed(self, cells: Sequence[str], event_name: str, reasons: Reasons) -> Iterable[Attribute]:
        for place in self._attributes:
            target = self._plan.targets[place]
            held = self._types.get((event_name, target.name), target.type)
            # What is of the type custom takes any value: the one that is chosen for the column.
            found = self._good(cells, place, target.type if held == "custom" else held, reasons)
            if found is not None:
                yield Attribute(target.name, found, held)

    def _good(self, cells: Sequence[str], place: int, type_: str, reasons: Reasons) -> str | float | None:
        """The value of a cell; None where it is empty or, which is noted, none of its type."""
        text = cells[place]
        if not text:
            return None
        why = csv_values.unstorable(text)
        if why is None:
            try:
                return csv_values.value(text, type_, self._plan.targets[place].format or "year", self._zone)
            except WrongError as error:
                why = str(error)
        reasons.append((place, why))
        return None


def event_names(plan: Plan, rows: Iterable[Numbered]) -> set[str]:
    """The names of the events that rows tell, as attributes have types by them."""
    if plan.kind == "customers":
        return {CUSTOMER}
    if not plan.places("event"):
        return {plan.event_name}
    (place,) = plan.places("event")
    names = {csv_values.text_of(one.row.cells[place]) for one in rows if place < len(one.row.cells)}
    return {name for name in names if 0 < len(name) <= LONGEST_NAME and not csv_values.unstorable(name)}


def as_json(reasons: Reasons) -> str:
    """As they are kept: some, each not too long, and whatever a cell has in it."""
    return json.dumps([[place, csv_values.storable(words[:300])] for place, words in reasons[:50]], ensure_ascii=False)
