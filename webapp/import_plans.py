"""What becomes of each column of a file: looking at the file, suggesting it, reading it from a form, checking it."""

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
_SAMPLES = 3
_LONGEST_SAMPLE = 60
_SHOWN_ROWS = 5
_SHOWN_COLUMNS = 20  # of a file that has too many
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
    """A file at a glance. `width`: how many columns there are; of more than are allowed, `columns` has some.
    `rows`: how many there are, `is_exact` or about. `ragged`: rows of the sample with more or fewer cells than the
    first. `format_name`: the product that wrote it, where that is recognised.
    """

    encoding: str
    delimiter: str
    has_header: bool
    columns: Sequence[Column]
    width: int
    rows: int
    is_exact: bool
    ragged: int
    format_name: str | None
    plan: Plan
    notes: Sequence[str]
    sample_rows: Sequence[Sequence[str]]


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
    kinds = import_formats.targets(titles, imported.kind)
    event_name = (plan.event_name if plan is not None else "") or _event_name(imported, kinds)
    columns = _columns(session, imported, titles, rows, kinds, event_name)
    targets = tuple(one.target for one in columns)
    suggested = Plan(imported.kind, *form, has_header, targets, event_name=event_name)
    number, is_exact = _number(begin, form, imported.size, is_whole=is_whole)
    width = len(found[0].cells) if found else 0
    ragged = sum(len(row.cells) != width for row in rows)
    known = import_formats.recognised(titles) if imported.kind == "customers" else None
    return Preview(
        *form,
        has_header,
        columns,
        width,
        max(0, number - has_header),
        is_exact,
        ragged,
        known and known.name,
        suggested,
        _notes(rows, columns, width, ragged, known),
        [[short(cell) for cell in row.cells[: len(titles)]] for row in rows[:_SHOWN_ROWS]],
    )


def titles_of(rows: Sequence[Row], has_header: bool) -> list[str]:
    """The titles of the columns; without a header they are numbered. Of more than are allowed, some."""
    cells = rows[0].cells if rows else []
    cells = cells if len(cells) <= MOST_COLUMNS else cells[:_SHOWN_COLUMNS]
    return [clean(cell) if has_header else f"Column {place + 1}" for place, cell in enumerate(cells)]


def clean(text: str) -> str:
    """A title without what can't be stored or isn't seen."""
    return " ".join("".join(one for one in text if one.isprintable() or one.isspace()).split())


def short(text: str) -> str:
    """The beginning of a cell, as a page may show it."""
    cut = csv_values.storable(text[:_LONGEST_SAMPLE])
    return cut if len(text) <= _LONGEST_SAMPLE else f"{cut}…"


def _number(begin: bytes, form: Format, size: int, *, is_whole: bool) -> tuple[int, bool]:
    found = 0
    last = 0
    for row in csv_files.rows([begin], form):
        found, last = found + 1, row.begin
    if is_whole or not last:
        return found, is_whole
    return max(found, round((found - 1) / last * size)), False  # the last one of these may be a part of one


def _columns(
    session: Session,
    imported: Import,
    titles: Sequence[str],
    rows: Sequence[Row],
    kinds: Sequence[str],
    event_name: str,
) -> list[Column]:
    """`event_name`: of all events, where no column has it."""
    cells = [
        [text for row in rows if place < len(row.cells) and (text := row.cells[place].strip())]
        for place in range(len(titles))
    ]
    names = _names(session, imported, titles)
    held_by_name = existing(session, imported, event_name or _only(cells, kinds), names)
    known = import_formats.recognised(titles) if imported.kind == "customers" else None
    found = []
    for place, title in enumerate(titles):
        told = known.types.get(dictionary.fold(title)) if known is not None and title else None
        type_ = told or csv_values.detected(cells[place])
        name = names[place]
        is_attribute = kinds[place] == "attribute"
        held = held_by_name.get(name) if is_attribute else None
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
    told = {csv_values.text_of(text) for place, kind in enumerate(kinds) if kind == "event" for text in cells[place]}
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


def existing(session: Session, imported: Import, event_name: str, names: Sequence[str]) -> dict[str, str]:
    """The types of attributes that are there already: of customers, or of the events of this name."""
    if imported.kind == "customers":
        event_name = CUSTOMER
    elif not event_name or csv_values.unstorable(event_name):
        return {}
    keys = [(event_name, name) for name in names[:MOST_COLUMNS] if name and not csv_values.unstorable(name)]
    if not keys:
        return {}
    types = registry.registered(session, imported.workspace_id, registry.is_one_of(keys))
    return {name: type_ for (_, name), type_ in types.items()}


def attributes(plan: Plan) -> list[str]:
    """The names of the attributes that a plan has."""
    return [target.name for target in plan.targets if target.kind == "attribute"]


def _event_name(imported: Import, kinds: Sequence[str]) -> str:
    """The name of the events of a file that has no column for it: after the file."""
    if imported.kind == "customers" or "event" in kinds:
        return ""
    stem = imported.file_name.rpartition("/")[2].partition(".")[0]
    return clean(stem.replace("_", " ").replace("-", " ")).capitalize()[:LONGEST_NAME]


def _notes(
    rows: Sequence[Row], columns: Sequence[Column], width: int, ragged: int, known: import_formats.Known | None
) -> list[str]:  # fmt: skip
    found = []
    if width > MOST_COLUMNS:
        found.append(f"The file has {width:,} columns; {MOST_COLUMNS:,} are allowed.")
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


def format_of(column: Column) -> str:
    """How the dates of a column are written, as far as its samples tell."""
    return csv_values.date_format(column.samples) or "year"


def with_types(session: Session, imported: Import, plan: Plan) -> Plan:
    """A plan in which attributes that are there already are of the types that they have."""
    held = existing(session, imported, plan.event_name, attributes(plan))
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
