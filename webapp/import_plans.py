"""What becomes of each column of a file: looking at the file, suggesting it, reading it from a form, checking it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, NamedTuple

import orjson
from sqlalchemy import select
from sqlalchemy.orm import Session

from webapp import csv_files, csv_shapes, csv_values, dictionary, import_files, import_formats, registry
from webapp.api.shapes import LONGEST_NAME
from webapp.csv_files import DELIMITERS, ENCODINGS, Format, Row
from webapp.csv_values import TIME_FORMATS, TYPES
from webapp.models import DictionaryEntry, Import
from webapp.registry import CUSTOMER

Kind = Literal["ignored", "id", "name", "email", "mobile", "attribute", "event", "time"]
CHOICES: dict[str, tuple[tuple[str, str], ...]] = {
    "customers": (
        ("ignored", "Leave out"),
        ("id", "System ID"),
        ("name", "Name"),
        ("email", "E-mail"),
        ("mobile", "Mobile"),
        ("attribute", "Attribute"),
    ),
    "events": (
        ("ignored", "Leave out"),
        ("id", "Customer’s System ID"),
        ("event", "Name of the event"),
        ("time", "Time of the event"),
        ("attribute", "Attribute of the event"),
    ),
}
BAD = {"cell": "leave out the cell", "row": "leave out the whole row"}
MOST_COLUMNS = 1_000  # whatever the settings say: a profile has 100 attributes, an event 50
_MOST_ATTRIBUTES = {"customers": 100, "events": 50}
_SAMPLES = 3
_LONGEST_SAMPLE = 60
_SHOWN_ROWS = 5
__all__ = ["BAD", "CHOICES", "DELIMITERS", "ENCODINGS", "TIME_FORMATS", "TYPES", "Kind", "Plan", "Target", "preview"]


@dataclass(frozen=True, slots=True)
class Target:
    """What a column is for. `name` and `type`: of an attribute. `format`: of a date, one of TIME_FORMATS."""

    kind: str = "ignored"
    name: str = ""
    type: str = "string"
    format: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """How a file is read and what each of its columns is for.

    `bad`: what a value costs that isn't of its type, its `cell` or its `row`. `event_name`: of all events, where no
    column has it.
    """

    kind: str
    encoding: str = "utf-8"
    delimiter: str = ","
    has_header: bool = True
    targets: tuple[Target, ...] = ()
    bad: str = "cell"
    event_name: str = ""

    @property
    def form(self) -> Format:
        """How the file is written."""
        return Format(self.encoding, self.delimiter)

    def places(self, kind: str) -> list[int]:
        """The columns that are for this."""
        return [place for place, target in enumerate(self.targets) if target.kind == kind]

    def as_json(self) -> str:
        """As it is kept."""
        return orjson.dumps(asdict(self)).decode()


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a file: some values, the type that they look to be of, and what it might be for.

    `existing_type`: of the attribute that it might be for, where there is one already.
    """

    index: int
    title: str
    samples: Sequence[str]
    type: str
    target: Target
    existing_type: str | None


class Preview(NamedTuple):
    """A file at a glance. `rows`: how many there are, `is_exact` or about. `ragged`: rows of the sample with more or
    fewer cells than the first. `format_name`: the product that wrote it, where that is recognised.
    """

    encoding: str
    delimiter: str
    has_header: bool
    columns: Sequence[Column]
    rows: int
    is_exact: bool
    ragged: int
    format_name: str | None
    plan: Plan
    notes: Sequence[str]
    sample_rows: Sequence[Sequence[str]]


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


def of(imported: Import) -> Plan | None:
    """The plan with which an import was started last."""
    if imported.plan is None:
        return None
    kept = orjson.loads(imported.plan)
    return Plan(**{**kept, "targets": tuple(Target(**one) for one in kept["targets"])})


def read_form(imported: Import, form: Mapping[str, str]) -> Plan:
    """The plan that a form says. What is missing or odd in it, `faults` finds."""

    def text(field: str) -> str:
        return form.get(field, "").replace("\x00", "").strip()

    number = text("columns")
    columns = min(int(number), MOST_COLUMNS + 1) if number.isascii() and number.isdigit() and len(number) < 10 else 0
    return Plan(
        kind=imported.kind,
        encoding=text("encoding"),
        delimiter=_delimiter(form.get("delimiter", "")),
        has_header=bool(text("has_header")),
        targets=tuple(
            Target(
                text(f"target-{place}") or "ignored",
                text(f"name-{place}"),
                text(f"type-{place}") or "string",
                text(f"format-{place}"),
            )
            for place in range(columns)
        ),
        bad=text("bad") or "cell",
        event_name=text("event_name"),
    )


def _delimiter(text: str) -> str:
    return "\t" if text in {"\t", "tab"} else text.strip()


def head(session: Session, imported: Import) -> tuple[bytes, bool]:
    """The beginning of the file, and whether that is all of it."""
    piece = import_files.piece_of(session, imported.id, 0) or b""
    return piece, imported.size <= len(piece)


def preview(session: Session, imported: Import, plan: Plan | None = None) -> Preview:
    """A look at the file: read as the plan says, or as it seems to be written."""
    begin, is_whole = head(session, imported)
    if plan is None or plan.encoding not in ENCODINGS or plan.delimiter not in DELIMITERS:
        encoding = csv_shapes.encoding(begin)
        form = Format(encoding, csv_shapes.delimiter(begin, encoding))
        found = csv_shapes.first_rows(begin, form, is_whole=is_whole)
        has_header = csv_shapes.has_titles(found)
    else:
        form, has_header = plan.form, plan.has_header
        found = csv_shapes.first_rows(begin, form, is_whole=is_whole)
    titles = titles_of(found, has_header)
    rows = found[1:] if has_header else found
    columns = _columns(session, imported, titles, rows)
    targets, event_name = tuple(one.target for one in columns), _event_name(imported, columns)
    suggested = Plan(imported.kind, *form, has_header, targets, event_name=event_name)
    number, is_exact = _number(begin, form, imported.size, is_whole=is_whole)
    ragged = sum(len(row.cells) != len(titles) for row in rows)
    known = import_formats.recognised(titles) if imported.kind == "customers" else None
    return Preview(
        *form,
        has_header,
        columns,
        max(0, number - has_header),
        is_exact,
        ragged,
        known and known.name,
        suggested,
        _notes(rows, columns, ragged, known),
        [[short(cell) for cell in row.cells] for row in rows[:_SHOWN_ROWS]],
    )


def titles_of(rows: Sequence[Row], has_header: bool) -> list[str]:
    """The titles of the columns; without a header they are numbered."""
    if not rows:
        return []
    if has_header:
        return [clean(cell) for cell in rows[0].cells]
    return [f"Column {place + 1}" for place in range(len(rows[0].cells))]


def clean(text: str) -> str:
    """A title without what can't be stored or isn't seen."""
    return " ".join("".join(one for one in text if one.isprintable() or one.isspace()).split())


def short(text: str) -> str:
    """The beginning of a cell, as a page may show it."""
    cut = "".join("\ufffd" if csv_values.unstorable(one) else one for one in text[:_LONGEST_SAMPLE])
    return cut if len(text) <= _LONGEST_SAMPLE else f"{cut}…"


def _number(begin: bytes, form: Format, size: int, *, is_whole: bool) -> tuple[int, bool]:
    found = 0
    last = 0
    for row in csv_files.rows([begin], form):
        found, last = found + 1, row.begin
    if is_whole or not last:
        return found, is_whole
    return max(found, round((found - 1) / last * size)), False  # the last one of these may be a part of one


def _columns(session: Session, imported: Import, titles: Sequence[str], rows: Sequence[Row]) -> list[Column]:
    cells = [
        [text for row in rows if place < len(row.cells) and (text := row.cells[place].strip())]
        for place in range(len(titles))
    ]
    kinds = import_formats.targets(titles, imported.kind)
    names = _names(session, imported, titles)
    event_name = CUSTOMER if imported.kind == "customers" else _only(cells, kinds)
    existing = _existing(session, imported.workspace_id, event_name, names)
    known = import_formats.recognised(titles) if imported.kind == "customers" else None
    found = []
    for place, title in enumerate(titles):
        told = known.types.get(dictionary.fold(title)) if known is not None and title else None
        type_ = told or csv_values.detected(cells[place])
        name = names[place]
        is_attribute = kinds[place] == "attribute"
        held = existing.get(name) if is_attribute else None
        taken = held if held in TYPES else type_
        is_date = kinds[place] == "time" or (is_attribute and taken == "date")
        target = Target(
            kinds[place],
            name if is_attribute else "",
            taken if is_attribute else "string",
            (csv_values.date_format(cells[place]) or "year") if is_date else "",
        )
        samples = [short(text) for text in dict.fromkeys(cells[place])][:_SAMPLES]
        found.append(Column(place, title, samples, type_, target, held))
    return found


def _only(cells: Sequence[Sequence[str]], kinds: Sequence[str]) -> str:
    """The name of the events, where a sample has only one."""
    told = {text for place, kind in enumerate(kinds) if kind == "event" for text in cells[place]}
    return told.pop() if len(told) == 1 else ""


def _names(session: Session, imported: Import, titles: Sequence[str]) -> list[str]:
    """The names of attributes that columns might be for: one that is there already, if it is called alike."""
    folded = {dictionary.fold(title) for title in titles if title}
    alike: dict[str, str] = {}
    if imported.kind == "customers" and folded:
        query = select(DictionaryEntry.folded, DictionaryEntry.name).where(
            DictionaryEntry.workspace_id == imported.workspace_id,
            DictionaryEntry.event_name == CUSTOMER,
            DictionaryEntry.folded.in_(sorted(folded)[:MOST_COLUMNS]),
        )
        rows = session.execute(query.order_by(DictionaryEntry.first_at.desc(), DictionaryEntry.name))
        alike = {row.folded: row.name for row in rows}  # of several the one that came first
    return [
        title if title in alike.values() else alike.get(dictionary.fold(title), title[:LONGEST_NAME]) if title else ""
        for title in titles
    ]


def _existing(session: Session, workspace_id: int, event_name: str, names: Sequence[str]) -> dict[str, str]:
    keys = [(event_name, name) for name in names if name]
    if not keys:
        return {}
    types = registry.registered(session, workspace_id, registry.is_one_of(keys))
    return {name: type_ for (_, name), type_ in types.items()}


def _event_name(imported: Import, columns: Sequence[Column]) -> str:
    """The name of the events of a file that has no column for it: after the file."""
    if imported.kind == "customers" or any(one.target.kind == "event" for one in columns):
        return ""
    stem = imported.file_name.rpartition("/")[2].partition(".")[0]
    return clean(stem.replace("_", " ").replace("-", " ")).capitalize()[:LONGEST_NAME]


def _notes(
    rows: Sequence[Row], columns: Sequence[Column], ragged: int, known: import_formats.Known | None
) -> list[str]:  # fmt: skip
    found = []
    if known is not None and known.note:
        found.append(known.note)
    if ragged:
        found.append(
            f"{ragged:,} of the first {len(rows):,} rows have more or fewer cells than there are columns. "
            "Missing cells count as empty; a row with too many is left out."
        )
    for one in columns:
        texts = [row.cells[one.index].strip() for row in rows if one.index < len(row.cells)]
        if one.target.format == "day" and one.samples and csv_values.could_be("month", texts):
            found.append(f"“{one.title}” could be day/month or month/day: please choose.")
    return found


def faults(session: Session, imported: Import, plan: Plan, most_columns: int | None = None) -> list[Fault]:
    """Everything that keeps a plan from being followed."""
    found: list[Fault] = []
    if plan.encoding not in ENCODINGS:
        found.append(Fault(None, "encoding", "Choose an encoding from the list"))
    if plan.delimiter not in DELIMITERS:
        found.append(Fault(None, "delimiter", "Choose a delimiter from the list"))
    if plan.bad not in BAD:
        found.append(Fault(None, "bad", "Choose what a value costs that can’t be read"))
    begin, is_whole = head(session, imported)
    titles: list[str] = []
    if not found:
        first = csv_shapes.first_rows(begin, plan.form, 2, is_whole=is_whole)
        titles = titles_of(first, plan.has_header)
        if not first:
            found.append(Fault(None, "", "The file has no rows"))
        elif plan.has_header and len(first) == 1 and is_whole:
            found.append(Fault(None, "", "The file has titles but no rows"))
        found += _faults_of_number(plan, titles, most_columns)
    found += _faults_of_targets(plan, titles)
    found += _faults_of_kind(plan)
    return found + _faults_of_types(session, imported, plan)


def _faults_of_number(plan: Plan, titles: Sequence[str], most: int | None) -> list[Fault]:
    limit = MOST_COLUMNS if most is None else most
    if len(titles) > limit:
        return [Fault(None, "", f"The file has {len(titles):,} columns; {limit:,} are allowed")]
    if titles and len(plan.targets) != len(titles):
        words = f"The file has {len(titles):,} columns, the plan is for {len(plan.targets):,}; look at the file again"
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
    event_name = CUSTOMER if plan.kind == "customers" else plan.event_name
    names = [target.name for target in plan.targets if target.kind == "attribute"][:MOST_COLUMNS]
    if plan.kind == "events" and plan.places("event"):
        return []  # each event has its own: they are looked at row by row
    existing = _existing(session, imported.workspace_id, event_name, [one for one in names if "\x00" not in one])
    found = []
    for place, target in enumerate(plan.targets):
        held = existing.get(target.name) if target.kind == "attribute" else None
        if held is None or held == target.type:
            continue
        if held not in (*TYPES, "custom"):
            words = f"“{target.name}” is of the type {held}, which a cell can’t be"
        else:
            words = f"“{target.name}” is of the type {held} already, not {target.type}"
        found.append(Fault(place, "type", words))
    return found


def format_of(column: Column) -> str:
    """How the dates of a column are written, as far as its samples tell."""
    return csv_values.date_format(column.samples) or "year"


def with_types(session: Session, imported: Import, plan: Plan) -> Plan:
    """A plan in which attributes that are there already are of the types that they have."""
    names = [target.name for target in plan.targets if target.kind == "attribute" and "\x00" not in target.name]
    event_name = CUSTOMER if plan.kind == "customers" else plan.event_name
    held = _existing(session, imported.workspace_id, event_name, names[:MOST_COLUMNS])
    targets = [
        replace(one, type=held[one.name], format=one.format or "year" * (held[one.name] == "date"))
        if one.kind == "attribute" and held.get(one.name) in TYPES
        else one
        for one in plan.targets
    ]
    return replace(plan, targets=tuple(targets))


def noted(plan: Plan) -> dict[str, Any]:
    """A plan as details of a note in the audit log."""
    told = [one.name if one.kind == "attribute" else one.kind for one in plan.targets if one.kind != "ignored"]
    return {"columns": told, "event": plan.event_name} if plan.event_name else {"columns": told}
