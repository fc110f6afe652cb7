"""A whole workspace as a file, and back."""

from pathlib import Path

import click

from webapp import audit, backup, config, recounts
from webapp.cli.base import commands, explained, in_workspace, migrated, say, workspace_named
from webapp.moving import FaultyError, UnderWayError, filling, writing


@commands.command("export-workspace")
@in_workspace
@click.argument("file", metavar="OUT.ndjson[.gz]", type=click.Path(path_type=Path))
@click.option("--force", is_flag=True, help="Replace the file if it exists.")
@explained
def export_workspace(workspace_name: str | None, file: Path, force: bool) -> None:
    """Write a whole workspace to a file, to be imported elsewhere: see docs/moving.md for what travels."""
    database = migrated()
    if file.exists() and not force:
        raise click.ClickException(f"{file} exists; --force replaces it")
    with database.read() as session:
        workspace = workspace_named(session, workspace_name)
    pieces = writing.pieces(database, workspace.id)
    try:
        with backup.told_in_words(file), backup.new_file(file) as fresh:
            with fresh.open("wb") as opened:
                for piece in writing.compressed(pieces) if file.suffix == ".gz" else pieces:
                    opened.write(piece)
            with database.write() as session:
                audit.note(session, audit.console(workspace.id), "workspace.exported")
            size = fresh.stat().st_size
            backup.put(fresh, file)
    except UnderWayError as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"{file}: “{workspace.name}”, {size:,} bytes. It has no keys, users or audit log in it.")


@commands.command("import-workspace")
@click.argument("file", metavar="IN", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--name", help="Of the new workspace; without this, as it was called.")
@explained
def import_workspace(file: Path, name: str | None) -> None:
    """Make a new workspace of a file that export-workspace has written. Prints a link for its first administrator."""
    database = migrated()
    called = None if name is None else " ".join(name.split())
    stored = 0

    def told(number: int) -> None:
        nonlocal stored
        if (stored + number) // _TOLD_EVERY > stored // _TOLD_EVERY:
            click.echo(f"{stored + number:,} lines are stored.", err=True)
        stored += number

    try:
        done = filling.bring_in(database, file, called, told)
    except FaultyError as error:
        for one in error.faults:
            click.echo(one, err=True)
        more = " There are more." if error.has_more else ""
        raise click.ClickException(f"nothing was imported: {len(error.faults)} faults in {file}.{more}") from None
    except UnderWayError as error:
        raise click.ClickException(str(error)) from None
    say(f"“{done.workspace.name}” is here: {done.counts['customer']:,} profiles, {done.counts['event']:,} events.")
    click.echo("It has no API keys yet: `customer-profiles key create` makes one. A link for its first administrator:")
    click.echo(f"{config.load().opened_at}/invitations/{done.invitation}")
    click.echo("Its days are being counted. A server goes on with that, should this be ended.", err=True)
    recounts.finish(database, done.workspace.id)


_TOLD_EVERY = 1_000_000
