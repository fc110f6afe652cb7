"""The audit log of the whole installation: also what belongs to no workspace, which no page shows."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import wraps
from itertools import islice
from typing import Any, NamedTuple, get_args

import click

from webapp import audit, audit_exports, audit_log, workspaces
from webapp.audit_exports import Format
from webapp.audit_log import Wanted, Where
from webapp.cli.base import commands, explained, migrated, say, workspace_named
from webapp.db import Database
from webapp.filters import instant


@commands.group("audit")
def audit_() -> None:
    """Who did what, when and from where."""


class Asked(NamedTuple):
    """Which entries a command is about, and the names of all workspaces by id."""

    database: Database
    where: Where
    wanted: Wanted
    workspace_id: int | None
    names: dict[int, str]


def _choosing(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options that say which entries, and what they mean as its first argument."""

    @click.option("--workspace", "workspace_name", metavar="NAME", help="All of them without this.")
    @click.option("--since", type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"]), help="In UTC.")
    @click.option("--actor", default="", metavar="E-MAIL", help="Who did it; `console` for commands.")
    @click.option("--action", default="", help="One such as key.revoked, or several by their heading, such as Keys.")
    @click.option("--target", default="", help="What it was done to, exactly.")
    @explained
    @wraps(command)
    def run(
        workspace_name: str | None, since: datetime | None, actor: str, action: str, target: str, **others: Any
    ) -> None:  # fmt: skip
        database = migrated()
        with database.read() as session:
            found = None if workspace_name is None else workspace_named(session, workspace_name)
            names = workspaces.names(session)
        at = None if since is None else int(since.replace(tzinfo=UTC).timestamp() * 1000)
        wanted = Wanted(actor.casefold(), action, target, at)
        where = audit_log.EVERYWHERE if found is None else audit_log.of_workspace(found.id)
        command(Asked(database, where, wanted, None if found is None else found.id, names), **others)

    return run


@audit_.command("list")
@click.option("--number", type=click.IntRange(1), default=50, show_default=True, help="At most so many.")
@_choosing
def list_audit(asked: Asked, number: int) -> None:
    """List the newest entries: when, from where, and who did what in which workspace."""
    for row in islice(audit_exports.entries(asked.database, asked.where, asked.wanted), number):
        where = asked.names.get(row.workspace_id or 0, "-")
        say(f"{instant(row.at)[:19]}  {row.address or '-':<15}  {where}  {row.actor} {audit_log.told(row).words}")


@audit_.command("export")
@click.option("--format", "format_", type=click.Choice(get_args(Format)), default="ndjson", show_default=True)
@_choosing
def export_audit(asked: Asked, format_: Format) -> None:
    """Print all entries with their details, the newest first."""
    with asked.database.write() as session:
        audit.note(session, audit.console(asked.workspace_id), "audit.exported", format=format_)
    for piece in audit_exports.pieces(asked.database, asked.where, asked.wanted, asked.names, format_):
        click.echo(piece, nl=False)
