"""The customer list as CSV, in pieces: no more than some hundred customers are in memory, or read in one go."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, tzinfo
from typing import Any

from webapp import columns, masking, workspaces
from webapp.columns import Column, Values
from webapp.conditions import Compared
from webapp.db import Database
from webapp.models import Customer, Workspace
from webapp.roster import Count, Roster
from webapp.views import View

AT_ONCE = 500  # customers
# Excel reads UTF-8 as such only after this mark; what else reads CSV knows it too.
MARK = "\ufeff"
# What makes a formula of a text, in a spreadsheet that shows it: https://owasp.org/www-community/attacks/CSV_Injection
_FORMULAS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def pieces(database: Database, workspace: Workspace, view: View, *, is_masked: bool) -> Iterator[str]:
    """The lines of a CSV file, some hundred at a time: the head, then every customer of the view.

    They come by creation, the latest first, whatever the view is sorted by: nobody's place changes while it is read,
    so nobody is left out or comes twice.
    """
    yield MARK + lines([["Name", *(one.title for one in view.columns)]])
    after, is_over = None, False
    while not is_over:
        with database.read() as session:
            roster = Roster(session, workspace, view.wanted, view.conditions, "created")
            way = roster.part(after, AT_ONCE)
            people = roster.people(way.found)
            ids = [one.id for one in people]
            values = columns.values(session, workspace, ids, view.columns, is_masked=is_masked)
        people = masking.covered(people) if is_masked else people
        zone = workspaces.zone(workspace)
        if people:
            yield lines(_row(one, view.columns, values[one.id], zone) for one in people)
        after, is_over = way.last, way.is_over


def noted(view: View, counted: Count) -> dict[str, Any]:
    """An export as details of a note in the audit log. What attributes are compared with isn't told: it may be an
    e-mail.
    """
    blotted = (replace(one, value="…") if isinstance(one, Compared) else one for one in view.conditions)
    said = view.having(conditions=tuple(blotted)).pairs
    filters = [text if name == "where" else f"{name} {text}" for name, text in said if name != "column"]
    columns_ = ["Name", *(one.title for one in view.columns)]
    return {"number": counted.number, "counted": counted.kind, "filters": filters, "columns": columns_}


def _row(customer: Customer, some: Sequence[Column], values: Values, zone: tzinfo) -> Iterable[str | float]:
    yield customer.name or ""
    for one in some:
        if one.attribute is not None:
            yield values.get(one.attribute, "")
        else:
            yield _built_in(customer, one.key, zone)


def _built_in(customer: Customer, key: str, zone: tzinfo) -> str | int:
    if key == "status":
        return columns.status(customer)
    if key == "events":
        return customer.event_count
    if key in {"first_seen", "created", "last_seen"}:
        at: int = getattr(customer, f"{key}_at")
        return datetime.fromtimestamp(at / 1000, zone).strftime("%Y-%m-%d %H:%M:%S")
    text: str | None = getattr(customer, key)
    return text or ""


def lines(rows: Iterable[Iterable[str | float]]) -> str:
    """Rows as lines of CSV."""
    written = io.StringIO()
    # Texts stand in quotation marks, whatever is in them; numbers don't.
    writer = csv.writer(written, quoting=csv.QUOTE_NONNUMERIC)
    writer.writerows([_safe(cell) if isinstance(cell, str) else cell for cell in row] for row in rows)
    return written.getvalue()


def _safe(text: str) -> str:
    """A text that no spreadsheet takes for a formula: a mark before it says that it is text."""
    return f"'{text}" if _is_formula(text) else text


def unmarked(text: str) -> str:
    """A text without the mark that it got by being exported."""
    return text[1:] if text.startswith("'") and _is_formula(text[1:]) else text


def _is_formula(text: str) -> bool:
    return text.lstrip(" ").startswith(_FORMULAS)
