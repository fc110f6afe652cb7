"""The statements that an app sends to its database, and what is wrong with the way in which it would run them."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple
from unittest.mock import patch

import psycopg
from sqlalchemy import Connection, Engine, event

from webapp import statements

# What every customer, visitor, event or deed adds to. The other tables are as small as a shop's staff, but for the
# dictionary: a search in it looks at all names of a workspace.
GROWING = frozenset({
    "arrivals", "attribute_types", "attribute_values", "audit", "browser_messages", "customers", "daily_counts",
    "device_logins", "devices", "event_counts", "events", "idempotency_keys", "ignored_values", "kept_visits", "merges",
    "notes", "refused_hours", "refused_payloads", "search_terms", "tags", "tallies", "throttles", "visits",
})  # fmt: skip
# Of these one person or one shop can have any number. What one person has of the others is sorted in no time.
_UNBOUNDED = GROWING - {
    "attribute_types", "attribute_values", "daily_counts", "device_logins", "devices", "event_counts", "ignored_values",
    "kept_visits", "merges", "notes", "refused_hours", "refused_payloads", "tags",
}  # fmt: skip
_MOST_SORTED = 500  # rows that PostgreSQL expects: the most that a page looks at is a few hundred
_KINDS = ("SELECT", "WITH", "INSERT", "UPDATE", "DELETE")


class Statement(NamedTuple):
    """A statement as the driver gets it, with the first of its parameters."""

    sql: str
    parameters: Any


@contextmanager
def captured(engine: Engine) -> Iterator[dict[str, Statement]]:
    """Collects the statements that an engine runs meanwhile, each once, by their text."""
    found: dict[str, Statement] = {}

    def note(_: Any, __: Any, sql: str, parameters: Any, ___: Any, is_many: bool) -> None:
        if sql.lstrip().upper().startswith(_KINDS):
            found.setdefault(sql, Statement(sql, parameters[0] if is_many else parameters))

    def run(cursor: Any, sql: str, parameters: Any) -> None:
        note(None, None, sql, parameters, None, False)
        running(cursor, sql, parameters)

    running = statements.run
    event.listen(engine, "before_cursor_execute", note)
    try:
        with patch.object(statements, "run", run):
            yield found
    finally:
        event.remove(engine, "before_cursor_execute", note)


def faults(connection: Connection, statement: Statement) -> list[str]:
    """The full scans of tables that grow and the sorts without bounds in a statement's plan, in words."""
    if connection.dialect.name == "sqlite":
        return _sqlite_faults(connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement.sql}", statement.parameters))
    raw: Any = connection.connection.driver_connection
    # With the values in it, as PostgreSQL plans a statement that it hasn't seen five times.
    text = psycopg.ClientCursor(raw).mogrify(statement.sql, statement.parameters)
    plan = connection.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {text}".replace("%", "%%")).scalar_one()
    plan = json.loads(plan) if isinstance(plan, str) else plan
    return list(_postgresql_faults(plan[0]["Plan"]))


def _sqlite_faults(steps: Any) -> list[str]:
    rows = [(step[1], step[3]) for step in steps]
    found = [detail for _, detail in rows if detail.startswith("SCAN ") and _table(detail) in GROWING]
    for parent, detail in rows:
        if detail.startswith("USE TEMP B-TREE FOR") and "ORDER BY" in detail:
            beside = [other for above, other in rows if above == parent and other.startswith("SEARCH ")]
            found += [f"{detail} of {other}" for other in beside if _is_stretch(other)]
    return found


def _table(detail: str) -> str:
    return re.sub(r"_\d+$", "", detail.split()[1])


def _is_stretch(search: str) -> bool:
    """Whether SQLite looks at a whole stretch of an index of a table of which it may be long, not at one row."""
    return _table(search) in _UNBOUNDED and "USING INTEGER PRIMARY KEY (rowid=?)" not in search


def _postgresql_faults(node: dict[str, Any]) -> Iterator[str]:
    kind, table = node["Node Type"], node.get("Relation Name")
    if table in GROWING:
        if kind == "Seq Scan":
            yield f"Seq Scan on {table}: {node.get('Filter')}"
        if kind in {"Index Scan", "Index Only Scan"} and "Index Cond" not in node:
            yield f"{kind} over all of {node['Index Name']}"
    below = node.get("Plans", [])
    if kind in {"Sort", "Incremental Sort"} and below[0]["Plan Rows"] > _MOST_SORTED:
        yield f"{kind} of {below[0]['Plan Rows']} rows by {node['Sort Key']}"
    for one in below:
        yield from _postgresql_faults(one)
