"""What keeps a plan from being followed: all of it, each with the column and the field that it is about."""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy.orm import Session

from webapp import csv_shapes, csv_values, import_plans, registry
from webapp.api.shapes import LONGEST_NAME
from webapp.csv_files import DELIMITERS, ENCODINGS, Row
from webapp.csv_values import TIME_FORMATS, TYPES
from webapp.import_plans import BAD, CHOICES, MOST_COLUMNS, Plan, short, titles_of
from webapp.models import Import

_MOST_ATTRIBUTES = {"customers": 100, "events": 50}


class Fault(NamedTuple):
    """Something that keeps a plan from being followed. `column`: its place, None where it is about the whole plan."""

    column: int | None
    field: str
    words: str


class FaultyError(ValueError):
    """A plan can't be followed."""

    def __init__(self, found: Sequence[Fault]) -> None:
        super().__init__("; ".join(one.words for one in found))
        self.faults = found


def faults(session: Session, imported: Import, plan: Plan, most_columns: int | None = None) -> list[Fault]:
    """Everything that keeps a plan from being followed."""
    found: list[Fault] = []
    if plan.encoding not in ENCODINGS:
        found.append(Fault(None, "encoding", "Choose an encoding from the list"))
    if plan.delimiter not in DELIMITERS:
        found.append(Fault(None, "delimiter", "Choose a delimiter from the list"))
    if plan.bad not in BAD:
        found.append(Fault(None, "bad", "Choose what a value costs that can’t be read"))
    begin, is_whole = import_plans.head(session, imported)
    titles: list[str] = []
    if not found:
        first = csv_shapes.first_rows(begin, plan.form, 2, is_whole=is_whole)
        titles = titles_of(first, plan.has_header)
        if not first:
            found.append(Fault(None, "", "The file has no rows"))
        elif plan.has_header and first[0].is_open:
            found.append(Fault(None, "", "A quotation mark in the titles is never closed"))
        elif plan.has_header and len(first) == 1 and is_whole:
            found.append(Fault(None, "", "The file has titles but no rows"))
        is_cut = not is_whole and bool(first) and first[0].end >= len(begin)
        if wrong := _faults_of_number(plan, first, most_columns, is_cut=is_cut):
            return [*found, *wrong]  # the others would be about other columns
    found += _faults_of_targets(plan, titles)
    found += _faults_of_kind(plan)
    return found + _faults_of_types(session, imported, plan)


def _faults_of_number(plan: Plan, first: Sequence[Row], most: int | None, *, is_cut: bool) -> list[Fault]:
    width = len(first[0].cells) if first else 0
    limit = min(MOST_COLUMNS, most or MOST_COLUMNS)
    if width > limit:
        return [Fault(None, "", f"The file has {'more than ' * is_cut}{width:,} columns; {limit:,} are allowed")]
    if width and len(plan.targets) != width:
        words = f"The file has {width:,} columns, the plan is for {len(plan.targets):,}; look at the file again"
        return [Fault(None, "", words)]
    return []


def _faults_of_targets(plan: Plan, titles: Sequence[str]) -> list[Fault]:
    found = []
    kinds = {kind for kind, _ in CHOICES[plan.kind]}
    names = Counter(target.name for target in plan.targets if target.kind == "attribute")
    for place, target in enumerate(plan.targets):
        called = f"“{short(titles[place])}”" if place < len(titles) and titles[place] else f"Column {place + 1}"
        if target.kind not in kinds:
            found.append(Fault(place, "target", f"{called}: choose what the column is for"))
        if target.kind == "attribute":
            found += _faults_of_attribute(plan, place, called, names)
        is_date = target.kind == "time" or (target.kind == "attribute" and target.type == "date")
        if is_date and target.format not in TIME_FORMATS:
            found.append(Fault(place, "format", f"{called}: choose how its dates are written"))
    return found


def _faults_of_attribute(plan: Plan, place: int, called: str, names: Counter[str]) -> list[Fault]:
    target = plan.targets[place]
    found = []
    if not target.name:
        found.append(Fault(place, "name", f"{called}: give the attribute a name"))
    elif len(target.name) > LONGEST_NAME:
        found.append(Fault(place, "name", f"{called}: a name has at most {LONGEST_NAME} characters"))
    elif names[target.name] > 1:
        found.append(Fault(place, "name", f"{called}: another column is for “{target.name}” too"))
    elif plan.kind == "customers" and target.name in registry.RESERVED:
        found.append(Fault(place, "name", f"{called}: choose {target.name} as what the column is for"))
    if csv_values.unstorable(target.name):
        found.append(Fault(place, "name", f"{called}: the name {csv_values.unstorable(target.name)}"))
    if target.type not in TYPES:
        found.append(Fault(place, "type", f"{called}: choose a type from the list"))
    return found


def _faults_of_kind(plan: Plan) -> list[Fault]:
    found = []
    ids, attributes = plan.places("id"), plan.places("attribute")
    if not ids:
        found.append(Fault(None, "target", "Choose the column that has the customers’ System ID"))
    once = {"id": "System ID", "email": "e-mail", "mobile": "mobile", "event": "event’s name", "time": "time"}
    for kind, words in once.items():
        found += [Fault(place, "target", f"Only one column can be the {words}") for place in plan.places(kind)[1:]]
    most = _MOST_ATTRIBUTES[plan.kind]
    if len(attributes) > most:
        what = "A profile" if plan.kind == "customers" else "An event"
        found.append(Fault(None, "target", f"{what} has at most {most} attributes; the plan has {len(attributes)}"))
    if plan.kind == "events":
        if not plan.places("event") and not plan.event_name:
            found.append(Fault(None, "event_name", "Say what the events are called, or choose the column that does"))
        elif len(plan.event_name) > LONGEST_NAME or csv_values.unstorable(plan.event_name):
            found.append(Fault(None, "event_name", f"The name of an event has at most {LONGEST_NAME} characters"))
        if not plan.places("time"):
            found.append(Fault(None, "target", "Choose the column that says when the events happened"))
    return found


def _faults_of_types(session: Session, imported: Import, plan: Plan) -> list[Fault]:
    """Attributes that are there already have their types, which cells must be of."""
    if plan.kind == "events" and plan.places("event"):
        return []  # each event has its own: they are looked at row by row
    existing = import_plans.existing(session, imported, plan.event_name, import_plans.attributes(plan))
    found = []
    for place, target in enumerate(plan.targets):
        held = existing.get(target.name) if target.kind == "attribute" else None
        if held in {None, target.type, "custom"}:  # of which is any value
            continue
        if held not in TYPES:
            words = f"“{target.name}” is of the type {held}, which a cell can’t be"
        else:
            words = f"“{target.name}” is of the type {held} already, not {target.type}"
        found.append(Fault(place, "type", words))
    return found
