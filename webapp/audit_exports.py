"""The audit log as a file, in pieces: no more than some hundred entries are in memory, or read in one go."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

import orjson

from webapp import audit_log, exports
from webapp.audit_log import LAST, Wanted, Where
from webapp.db import Database
from webapp.filters import instant
from webapp.models import AuditEntry

Format = Literal["csv", "ndjson"]
MIMETYPES: dict[Format, str] = {"csv": "text/csv", "ndjson": "application/x-ndjson"}
AT_ONCE = 500  # entries
_FIELDS = ("time", "workspace", "who", "what", "action", "target", "address", "details")


def pieces(
    database: Database, where: Where, wanted: Wanted, names: Mapping[int, str], format_: Format
) -> Iterator[str]:  # fmt: skip
    """The entries that are wanted, newest first, some hundred at a time. `names`: of workspaces, by id.

    What is noted meanwhile has larger ids: nothing comes twice or is left out.
    """
    if format_ == "csv":
        yield exports.MARK + exports.lines([_FIELDS])
    for some in _parts(database, where, wanted):
        rows = [_row(one, names) for one in some]
        if format_ == "csv":
            yield exports.lines([_cell(row[field]) for field in _FIELDS] for row in rows)
        else:
            yield "".join(f"{orjson.dumps(row).decode()}\n" for row in rows)


def entries(database: Database, where: Where, wanted: Wanted) -> Iterator[AuditEntry]:
    """The entries that are wanted, newest first, one by one."""
    for some in _parts(database, where, wanted):
        yield from some


def _parts(database: Database, where: Where, wanted: Wanted) -> Iterator[Sequence[AuditEntry]]:
    below: int | None = LAST
    while below is not None:
        with database.read() as session:
            part = audit_log.find(session, where, wanted, below, AT_ONCE)
        yield part.entries
        below = part.older


def _row(entry: AuditEntry, names: Mapping[int, str]) -> dict[str, Any]:
    told = audit_log.told(entry)
    return {
        "time": instant(entry.at),
        "workspace": names.get(entry.workspace_id or 0, ""),
        "who": entry.actor,
        "what": told.words,
        "action": entry.action,
        "target": entry.target,
        "address": entry.address or "",
        "details": told.details,
    }


def _cell(value: Any) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()
