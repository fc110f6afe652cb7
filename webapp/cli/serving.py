"""Serving, and bringing the database to where it can be served."""

import sys

import click

from webapp import config, doctor, migrate, server, start
from webapp.cli.base import commands, explained, opened, refuse_missing
from webapp.config import Settings
from webapp.db import Database


@commands.command()
@explained
def serve() -> None:
    """Serve the API and the dashboard. Sets up the embedded database first."""
    settings, database = opened()
    server.address(settings)  # before anything that is printed only once
    config.secret_key(settings)
    if database.is_sqlite:
        _warn_of_old_sqlite()
        migrate.upgrade(database)
    else:
        refuse_missing(database)
    click.echo(f"Customer Profiles: {settings.listens_on}")
    welcome(settings, database)
    database.engine.dispose()
    server.run(settings)


def _warn_of_old_sqlite() -> None:
    finding = doctor.sqlite_version()
    if not finding.is_fine:
        click.echo(f"Warning: {finding.words}", err=True)


@commands.command()
@explained
def init() -> None:
    """Set up database and first workspace without serving. Prints a new link while there is no user."""
    settings, database = opened()
    migrate.upgrade(database)
    if welcome(settings, database):
        return
    with database.write() as session:
        again = start.invite_again(session)
    if again is None:
        click.echo("Everything is set up.")
    else:
        click.echo(f"A new link to set up the first administrator: {settings.opened_at}{again.invitation_path}")


def welcome(settings: Settings, database: Database) -> bool:
    """Make and show what only the first start does; False at every later one."""
    with database.write() as session:
        first = start.prepare(session)
    if first is None:
        return False
    click.echo(
        f"""
Welcome! This is shown once:

  Set up the first administrator (the link works once, for 7 days):
    {settings.opened_at}{first.invitation_path}

  An API key for your systems (header x-growlytics-key):
    {first.api_key}
"""
    )
    return True


@commands.command("migrate")
@explained
def migrate_() -> None:
    """Bring the database to the schema of this version."""
    _, database = opened()
    missing = migrate.missing(database)
    migrate.upgrade(database)
    click.echo(f"Applied {', '.join(missing)}." if missing else "Nothing to do.")


@commands.command("doctor")
def doctor_() -> None:
    """Check configuration, database and migrations, and say in words what is wrong."""
    findings = doctor.examine()
    for finding in findings:
        click.echo(f"{'ok   ' if finding.is_fine else 'WRONG'}  {finding.words}")
    if not all(finding.is_fine for finding in findings):
        sys.exit(1)
