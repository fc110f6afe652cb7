"""What all commands share: settings and database, errors in words."""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec

import click
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from webapp import backup, config, migrate, occupancy, workspaces
from webapp.config import ConfigError, Settings
from webapp.db import Database
from webapp.models import Workspace

P = ParamSpec("P")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="customer-profiles")
def commands() -> None:
    """A self-hosted customer-profile server. Settings come from the environment and from .env (see the README)."""


_TOLD = (ConfigError, migrate.NewerSchemaError, occupancy.OccupiedError, backup.BackupError)


def explained(command: Callable[P, None]) -> Callable[P, None]:
    """Tell configuration and database errors in words instead of a traceback."""

    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except _TOLD as error:
            raise click.ClickException(str(error)) from None
        except SQLAlchemyError as error:
            cause = str(getattr(error, "orig", error)).strip()
            hint = "Try `customer-profiles doctor`."
            raise click.ClickException(f"the database says: {cause}\n{hint}") from None

    return run


def opened() -> tuple[Settings, Database]:
    """The settings and their database, held against a restore for as long as the command runs. Raises ConfigError."""
    settings = config.load()
    try:
        database = Database(settings.url)
    except OSError as error:
        raise ConfigError(f"DATABASE_URL: can't make the folder {error.filename}: {error.strerror}") from None
    if settings.database_file is not None:
        click.get_current_context().with_resource(occupancy.shared(settings.database_file))
    return settings, database


def migrated() -> Database:
    """The database, if it is of this version."""
    _, database = opened()
    refuse_missing(database)
    return database


def refuse_missing(database: Database) -> None:
    """End with the migrations that the database lacks, if there are any."""
    if missing := migrate.missing(database):
        raise click.ClickException(f"the database lacks {', '.join(missing)}; run `customer-profiles migrate` first")


in_workspace = click.option("--workspace", "workspace_name", metavar="NAME", help="The first one without this.")


def workspace_named(session: Session, name: str | None) -> Workspace:
    """The workspace that a command is about; the first one without a name."""
    try:
        return workspaces.find(session, name)
    except workspaces.NotFoundError:
        message = "there is no workspace yet; run `customer-profiles init`"
        raise click.ClickException(message if name is None else f"there is no workspace “{name}”") from None


def say(text: str) -> None:
    """Print what others have sent, which must not tell the terminal what to do."""
    click.echo("".join(one if one.isprintable() or one in "\n\t" else f"\\x{ord(one):02x}" for one in text))
