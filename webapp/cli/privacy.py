"""Archiving, erasing and exporting one person."""

import json
import sys
from pathlib import Path
from typing import Any

import click

from webapp import audit, customers, erasing, erasures, person_exports
from webapp.cli.base import commands, explained, in_workspace, migrated, workspace_named
from webapp.db import Database
from webapp.erased import Identifier
from webapp.erasures import Asked, Kind
from webapp.models import Workspace

_whose = click.argument("growlytics_id", metavar="GROWLYTICS_ID")
_dry_run = click.option("--dry-run", is_flag=True, help="Only tell what would go.")


@commands.command()
@_whose
@_dry_run
@in_workspace
@explained
def archive(growlytics_id: str, workspace_name: str | None, **options: bool) -> None:
    """Take from a customer what says who it is. The events stay under an anonymous profile. Prints the receipt."""
    _ask(workspace_name, Asked("archive", growlytics_id), is_dry_run=options["dry_run"])


@commands.command()
@click.argument("growlytics_id", metavar="[GROWLYTICS_ID]", required=False)
@click.option("--id", "system_id", help="The System ID instead.")
@click.option("--email", help="An e-mail instead.")
@click.option("--mobile", help="A mobile number instead.")
@_dry_run
@in_workspace
@explained
def erase(
    growlytics_id: str | None, system_id: str | None, email: str | None, mobile: str | None,
    workspace_name: str | None, **options: bool,
) -> None:  # fmt: skip
    """Erase a customer. Prints the receipt.

    Who is named by a System ID, an e-mail or a mobile needs no profile: nothing of them is stored from then on.
    """
    known = [
        Identifier(kind, text)  # type: ignore[arg-type]
        for kind, text in (("system_id", system_id), ("email", email), ("mobile", mobile))
        if text
    ]
    if (growlytics_id is None) == (not known):
        raise click.ClickException("name whom to erase: a Growlytics ID, or --id, --email or --mobile")
    _ask(workspace_name, Asked("erase", growlytics_id, known), is_dry_run=options["dry_run"])


def _ask(workspace_name: str | None, asked: Asked, *, is_dry_run: bool) -> None:
    database = migrated()
    with database.read() as session:
        workspace = workspace_named(session, workspace_name)
    try:
        if is_dry_run:
            _print(_would(database, workspace, asked))
            return
        row = erasures.ask(database, workspace, asked, audit.console(workspace.id))
    except customers.NotFoundError:
        raise click.ClickException(f"there is no such customer in “{workspace.name}”") from None
    except erasures.ImpossibleError as error:
        raise click.ClickException(" ".join([str(error), *error.people])) from None
    erasing.work_off(database)
    with database.read() as session:
        _print(erasures.receipt(erasures.find(session, workspace.id, row.public_id)))


def _would(database: Database, workspace: Workspace, asked: Asked) -> dict[str, Any]:
    kind: Kind = asked.kind
    with database.read() as session:
        person = erasures.find_person(session, workspace, asked)
        return {} if person is None else erasures.preview(session, kind, person.id).numbers


def _print(told: dict[str, Any]) -> None:
    click.echo(json.dumps(told, indent=2))


@commands.command("export-person")
@_whose
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="A file; standard output without this.")
@in_workspace
@explained
def export_person(growlytics_id: str, output: Path | None, workspace_name: str | None) -> None:
    """Write all there is of a customer as a ZIP."""
    database = migrated()
    with database.write() as session:
        workspace = workspace_named(session, workspace_name)
        try:
            person = erasures.hand_out(session, workspace.id, growlytics_id, audit.console(workspace.id))
        except customers.NotFoundError:
            raise click.ClickException(f"there is no such customer in “{workspace.name}”") from None
    pieces = person_exports.pieces(database, workspace, person.id)
    if output is None:
        for piece in pieces:
            sys.stdout.buffer.write(piece)
        return
    with output.open("wb") as file:
        file.writelines(pieces)


@commands.command()
@click.argument("public_id", metavar="ID")
@in_workspace
@explained
def receipt(public_id: str, workspace_name: str | None) -> None:
    """Print the receipt of an archived or erased person."""
    with migrated().read() as session:
        workspace = workspace_named(session, workspace_name)
        try:
            _print(erasures.receipt(erasures.find(session, workspace.id, public_id)))
        except erasures.NotFoundError:
            raise click.ClickException(f"there is no erasure {public_id} in “{workspace.name}”") from None
