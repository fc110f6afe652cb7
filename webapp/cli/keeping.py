"""Filling, counting and keeping a database."""

from pathlib import Path

import click

from webapp import audit, backup, config, customers, demo, migrate, recounts, restore
from webapp.cli.base import commands, explained, in_workspace, migrated, opened, workspace_named
from webapp.cli.serving import welcome


@commands.command("demo")
@click.option("--customers", "number", type=click.IntRange(1, 100_000), default=2_000, show_default=True)
@click.option("--force", is_flag=True, help="Also when the workspace has customers.")
@explained
def demo_(number: int, force: bool) -> None:
    """Fill the first workspace with a believable shop."""
    settings, database = opened()
    migrate.upgrade(database)
    welcome(settings, database)
    with database.read() as session:
        workspace = workspace_named(session, None)
        if customers.exist(session, workspace.id) and not force:
            raise click.ClickException(f"“{workspace.name}” has customers; --force adds the demonstration to them")
    with database.write() as session:
        audit.note(session, audit.console(workspace.id), "demo.filled", customers=number)
    with click.progressbar(length=number, label="Filling the shop") as bar:
        summary = demo.fill(database, workspace, number, bar.update)
    click.echo(summary)


@commands.command("recount")
@in_workspace
@explained
def recount(workspace_name: str | None) -> None:
    """Count anew what the overview shows, in small steps, also while the server works."""
    database = migrated()
    with database.write() as session:
        workspace = workspace_named(session, workspace_name)
        recounts.begin(session, workspace.id, workspace.time_zone)
        audit.note(session, audit.console(workspace.id), "counters.recounted")
        number = recounts.last(session)
    with click.progressbar(length=number, label="Counting") as bar:
        recounts.finish(database, workspace.id, lambda now: bar.update(now.counted - bar.pos))
    click.echo(f"“{workspace.name}” is counted.")


_file = click.argument("file", type=click.Path(path_type=Path))


@commands.command("backup")
@_file
@click.option("--force", is_flag=True, help="Replace the file if it exists.")
@explained
def backup_(file: Path, force: bool) -> None:
    """Copy the embedded database to FILE, also while the server writes to it."""
    database = _embedded("back it up with pg_dump or pg_basebackup")
    size = backup.make(database, file, replaces=force)
    click.echo(f"{file}: {size:,} bytes.")


@commands.command("restore")
@_file
@explained
def restore_(file: Path) -> None:
    """Put a backup in the place of the embedded database, which is kept under another name. Stop the server first."""
    database = _embedded("restore it with pg_restore, or from what pg_basebackup made")
    done = restore.restore(file, database)
    click.echo(f"{database} is what {file} was.")
    if done.kept is not None:
        click.echo(f"The database that was there is kept as {done.kept}.")
    if done.lacking:
        click.echo(f"It lacks {', '.join(done.lacking)}; the next start migrates it.")
    click.echo("Users and API keys are those of the backup: revoke again what was revoked since.")


def _embedded(instead: str) -> Path:
    file = config.load().database_file
    if file is None:
        raise click.ClickException(f"the database is PostgreSQL; {instead}")
    return file
