"""Importing files from the console."""

import hashlib
import secrets
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
from sqlalchemy.orm import Session

from webapp import audit, config, csv_values, dictionary, filters, import_files, import_plans, importing, imports
from webapp.audit import Who
from webapp.cli.base import commands, explained, in_workspace, migrated, say, workspace_named
from webapp.csv_files import DELIMITERS, ENCODINGS
from webapp.db import Database
from webapp.import_faults import FaultyError
from webapp.import_plans import Plan, Preview, Target
from webapp.imports import FileKind, Limits
from webapp.models import Import

_PAUSE = 1.0  # seconds; between two looks at what somebody else works on
_BUILT_IN = ("name", "email", "mobile")
Choices = dict[str, Any]  # options by their names
_KINDS: tuple[FileKind, FileKind] = ("customers", "events")
_OTHERWISE = (
    "the file is being imported already, but not as these options say: "
    "give those that it was begun with, and it goes on; or cancel that import on its page"
)
_TAB = {"tab": "\t", "\\t": "\t"}


@commands.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--events", "is_events", is_flag=True, help="Each row is an event; without this a customer.")
@click.option("--id", "id_column", metavar="COLUMN", help="Has the customers’ System ID.")
@click.option("--time", "time_column", metavar="COLUMN", help="Of events: says when they happened.")
@click.option("--event", "event_column", metavar="COLUMN", help="Of events: has their names.")
@click.option("--event-name", metavar="NAME", help="Of events: the name of all of them.")
@click.option(
    "--map",
    "mapped",
    multiple=True,
    metavar="COLUMN=ATTRIBUTE",
    help="As which attribute a column is stored (also name, email, mobile); a type may follow: Born=birthday:date:day. "
    "Nothing after the = leaves the column out.",
)
@click.option("--bad", type=click.Choice(list(import_plans.BAD)), default="cell", show_default=True)
@click.option("--time-format", type=click.Choice(list(csv_values.TIME_FORMATS)), help="How dates are written.")
@click.option("--delimiter", type=click.Choice([",", ";", "|", "tab"]))
@click.option("--encoding", type=click.Choice(list(ENCODINGS)))
@click.option("--no-header", is_flag=True, help="The first row is one like the others: columns are “Column 1”, …")
@click.option("--dry-run", is_flag=True, help="Say what would happen, and store nothing.")
@click.option("--failed", "failed_to", type=click.Path(dir_okay=False, path_type=Path), help="Where failed rows go.")
@in_workspace
@explained
def import_(
    file: Path,
    workspace_name: str | None,
    failed_to: Path | None,
    *,
    is_events: bool,
    dry_run: bool,
    **choices: Any,
) -> None:
    """Import a CSV file of customers or events.

    Begun and interrupted, the same command goes on where it was; a server that runs does so by itself. Ends with 1
    when rows have failed.
    """
    database, limits = migrated(), imports.limits(config.load())
    with database.read() as session:
        workspace = workspace_named(session, workspace_name)
    who, kind = audit.console(workspace.id), _KINDS[is_events]
    id_ = None if dry_run else _unfinished(database, workspace.id, file, kind, choices)
    if id_ is None:
        id_ = _prepared(database, who, file, kind, limits)
        _start(database, who, id_, limits, choices | {"dry": dry_run})
    ended = _work_off(database, limits, who, id_, is_dry=dry_run)
    _tell(ended)
    if failed_to is not None and ended.failed:
        with failed_to.open("wb") as target:
            target.writelines(imports.failed_rows(database, workspace.id, id_))
        say(f"The failed rows are in {failed_to}.")
    if dry_run and not ended.is_over:
        _drop(database, who, id_)
    if ended.failed or ended.state not in {"done", "ready"}:
        sys.exit(1)


def _unfinished(database: Database, workspace_id: int, file: Path, kind: str, choices: Choices) -> int | None:
    """The import of this very file that was interrupted. Refuses options by which it would be another one."""
    with file.open("rb") as opened:
        digest = hashlib.file_digest(opened, "sha256").hexdigest()
    with database.read() as session:
        found = imports.unfinished(session, workspace_id, digest, kind)
        if found is None:
            return None
        if not _is_as_begun(session, found, choices):
            raise click.ClickException(_OTHERWISE)
    say(f"Going on with the import of {found.file_name} after row {found.rows:,}.")
    return found.id


def _is_as_begun(session: Session, imported: Import, choices: Choices) -> bool:
    """Whether these options say how it is imported. Types are as they are now: what is imported already fixed some."""
    begun, (_, chosen) = import_plans.of(imported), _chosen(session, imported, choices)
    return begun is not None and import_plans.with_types(session, imported, begun) == chosen


def _prepared(database: Database, who: Who, file: Path, kind: FileKind, limits: Limits) -> int:
    try:
        with file.open("rb") as opened:
            return imports.prepare(database, who, opened, file.name, kind, limits)
    except imports.WrongError as error:
        raise click.ClickException(str(error)) from None


def _start(database: Database, who: Who, id_: int, limits: Limits, choices: Choices) -> None:
    try:
        with database.read() as session:
            imported = imports.find(session, who.workspace_id or 0, id_)
            looked, plan = _chosen(session, imported, choices)
            _show(imported, looked, plan)
        with database.write() as session:
            imports.start(session, who, id_, plan, limits, dry=bool(choices["dry"]))
    except FaultyError as error:
        _drop(database, who, id_)
        raise click.ClickException("\n".join(["the file can’t be imported so:", *_hints(error)])) from None
    except BaseException:
        _drop(database, who, id_)
        raise


def _hints(error: FaultyError) -> list[str]:
    options = {"Choose the column that has": "--id COLUMN", "Choose the column that says": "--time COLUMN"}
    options |= {"Say what the events": "--event-name NAME or --event COLUMN"}
    return [
        f"- {one.words}{next((f' ({option})' for begin, option in options.items() if one.words.startswith(begin)), '')}"
        for one in error.faults
    ]


def _chosen(session: Session, imported: Import, choices: Choices) -> tuple[Preview, Plan]:
    """A look at the file, and the plan that is suggested, with what is chosen."""
    plan = import_plans.preview(session, imported).plan
    delimiter, encoding = choices["delimiter"], choices["encoding"]
    if delimiter or encoding or choices["no_header"]:
        written = _TAB.get(str(delimiter), str(delimiter)) if delimiter else plan.delimiter
        plan = replace(plan, encoding=str(encoding or plan.encoding), delimiter=written)
        plan = replace(plan, has_header=plan.has_header and not choices["no_header"])
    name = choices["event_name"]
    looked = import_plans.preview(session, imported, replace(plan, event_name=name or ""))
    targets = _targets(looked, choices)
    name = looked.plan.event_name if name is None else name
    if any(one.kind == "event" for one in targets):
        name = ""
    plan = replace(looked.plan, targets=tuple(targets), bad=str(choices["bad"]), event_name=str(name))
    return looked, import_plans.with_types(session, imported, plan)


def _targets(looked: Preview, choices: Choices) -> list[Target]:
    targets = [one.target for one in looked.columns]
    for kind in ("id", "time", "event"):
        title = choices[f"{kind}_column"]
        if title:
            place = _column(looked, str(title))
            targets = [Target() if one.kind == kind else one for one in targets]
            format_ = import_plans.format_of(looked.columns[place]) if kind == "time" else ""
            targets[place] = Target(kind, format=format_)
    if choices["event_name"] is not None and not choices["event_column"]:
        targets = [Target() if one.kind == "event" else one for one in targets]
    for one in choices["mapped"]:
        title, sign, attribute = str(one).rpartition("=")
        if not sign:
            raise click.ClickException(f"--map {one}: write it as COLUMN=ATTRIBUTE")
        place = _column(looked, title)
        targets[place] = _mapped(looked, place, attribute.strip())
    format_ = choices["time_format"]
    return [replace(one, format=str(format_)) if one.format and format_ else one for one in targets]


def _mapped(looked: Preview, place: int, text: str) -> Target:
    """What `Attribute`, `attribute:type` or `attribute:date:format` says."""
    if not text:
        return Target()
    if looked.plan.kind == "customers" and text in _BUILT_IN:
        return Target(text)
    column, format_ = looked.columns[place], ""
    name, _, last = text.rpartition(":")
    if name.endswith(":date") and last in csv_values.TIME_FORMATS:
        text, format_ = name, last
        name, _, last = text.rpartition(":")
    name, type_ = (name, last) if name and last in csv_values.TYPES else (text, column.type)
    return Target("attribute", name, type_, format_ or (import_plans.format_of(column) if type_ == "date" else ""))


def _column(looked: Preview, title: str) -> int:
    for one in looked.columns:
        if one.title == title:
            return one.index
    for one in looked.columns:
        if one.title and dictionary.fold(one.title) == dictionary.fold(title.strip()):
            return one.index
    known = ", ".join(one.title for one in looked.columns)
    raise click.ClickException(f"the file has no column “{title}”; it has: {known}")


def _show(imported: Import, looked: Preview, plan: Plan) -> None:
    whose = f", an export of {looked.format_name}" if looked.format_name else ""
    number = f"{looked.rows:,} rows" if looked.is_exact else f"about {looked.rows:,} rows"
    written = f"{ENCODINGS[plan.encoding]}, {DELIMITERS[plan.delimiter].lower()}"
    say(f"{imported.file_name}: {imported.kind}, {number}, {written}{whose}")
    labels = dict(import_plans.CHOICES[plan.kind])
    width = min(40, max((len(one.title) for one in looked.columns), default=0))
    for column, target in zip(looked.columns, plan.targets, strict=False):
        what = labels[target.kind]
        if target.kind == "attribute":
            what = f"{target.name} ({target.type})"
        sample = f"    {column.samples[0]}" if column.samples else ""
        say(f"  {column.title:<{width}}  → {what:<30}{sample}")
    if plan.event_name:
        say(f"  Every row is an event “{plan.event_name}”.")
    for one in looked.notes:
        say(f"  Note: {one}")


def _work_off(database: Database, limits: Limits, who: Who, id_: int, *, is_dry: bool) -> Import:
    """Import it here, or look on while somebody else does, until it is over."""
    worker, progress = secrets.token_hex(8), _Progress()
    try:
        while True:
            with database.write() as session:
                imported = imports.locked(session, who, id_)
                is_mine = importing.claim(imported, worker)
            if is_mine:
                importing.work_off_one(database, limits, id_, worker, progress)
            elif imported.state != "running":
                progress.end()
                return imported
            else:
                progress(imported)
                time.sleep(_PAUSE)
    except KeyboardInterrupt:
        progress.end()
        if is_dry:
            _drop(database, who, id_)
            raise
        say("Interrupted. The same command goes on; so does a server that runs, if it isn’t cancelled there.")
        raise


class _Progress:
    """Tells how far it is: on one line of a terminal, else now and then."""

    def __init__(self) -> None:
        self._is_line = sys.stderr.isatty()
        self._told_at = time.monotonic()

    def __call__(self, imported: Import) -> None:
        """Say it, unless that was a moment ago."""
        if time.monotonic() - self._told_at < (0.5 if self._is_line else 10):
            return
        self._told_at = time.monotonic()
        of = "" if imported.total is None else f" of {imported.total:,}"
        text = f"{imported.rows:,}{of} rows, {imported.rate:,.0f} a second, {imported.failed:,} failed"
        click.echo(f"\r{text:<70}" if self._is_line else text, nl=not self._is_line, err=True)

    def end(self) -> None:
        """Leave the line."""
        if self._is_line:
            click.echo(err=True)


def _tell(imported: Import) -> None:
    if imported.state not in {"done", "ready"}:
        say(f"The import is {imported.state}{f': {imported.error}' if imported.error else ''}.")
    counted = filters.count
    would = "Would be: " if imported.is_dry else ""
    what = f"{counted(imported.created)} customers created"
    if imported.kind == "events":
        what += f", {counted(imported.events)} events recorded, {counted(imported.unchanged)} recorded before"
    else:
        what += f", {counted(imported.updated)} rows updated, {counted(imported.unchanged)} unchanged"
    failed = f"{counted(imported.failed)} rows failed, {counted(imported.ignored)} cells left out"
    say(f"{would}{what}; {failed}; {counted(imported.rows)} rows in all.")


def _drop(database: Database, who: Who, id_: int) -> None:
    """Remove what isn't needed any more."""
    with database.write() as session:
        imports.cancel(session, who, id_)
    import_files.remove(database, id_)
