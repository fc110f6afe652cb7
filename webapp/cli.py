"""The console script `customer-profiles`."""

import os
import signal
import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import NoReturn, ParamSpec

import click
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from webapp import (
    backup,
    config,
    create_app,
    customers,
    demo,
    doctor,
    filters,
    keys,
    migrate,
    occupancy,
    reasons,
    recounts,
    refused,
    replay,
    restore,
    server,
    start,
    users,
    workspaces,
)
from webapp.config import ConfigError, Settings
from webapp.db import Database
from webapp.house import House
from webapp.models import ROLES, Workspace

P = ParamSpec("P")


def main() -> None:
    """Run the console script."""
    os.umask(0o077)  # the embedded database holds a shop's customers: nobody else on the machine reads it
    signal.signal(signal.SIGTERM, _end)
    commands()


def _end(_signal: int, _frame: object) -> NoReturn:
    sys.exit(128 + signal.SIGTERM)  # as an exception, so that half a backup is removed


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="customer-profiles")
def commands() -> None:
    """A self-hosted customer-profile server. Settings come from the environment and from .env (see the README)."""


_TOLD = (ConfigError, migrate.NewerSchemaError, occupancy.OccupiedError, backup.BackupError)


def _explained(command: Callable[P, None]) -> Callable[P, None]:
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


def _opened() -> tuple[Settings, Database]:
    settings = config.load()
    try:
        database = Database(settings.url)
    except OSError as error:
        raise ConfigError(f"DATABASE_URL: can't make the folder {error.filename}: {error.strerror}") from None
    if settings.database_file is not None:
        click.get_current_context().with_resource(occupancy.shared(settings.database_file))
    return settings, database


def _migrated() -> Database:
    _, database = _opened()
    _refuse_missing(database)
    return database


def _refuse_missing(database: Database) -> None:
    if missing := migrate.missing(database):
        raise click.ClickException(f"the database lacks {', '.join(missing)}; run `customer-profiles migrate` first")


@commands.command()
@_explained
def serve() -> None:
    """Serve the API and the dashboard. Sets up the embedded database first."""
    settings, database = _opened()
    server.address(settings)  # before anything that is printed only once
    config.secret_key(settings)
    if database.is_sqlite:
        _warn_of_old_sqlite()
        migrate.upgrade(database)
    else:
        _refuse_missing(database)
    click.echo(f"Customer Profiles: {settings.listens_on}")
    _welcome(settings, database)
    database.engine.dispose()
    server.run(settings)


def _warn_of_old_sqlite() -> None:
    finding = doctor.sqlite_version()
    if not finding.is_fine:
        click.echo(f"Warning: {finding.words}", err=True)


@commands.command()
@_explained
def init() -> None:
    """Set up database and first workspace without serving. Prints a new link while there is no user."""
    settings, database = _opened()
    migrate.upgrade(database)
    if _welcome(settings, database):
        return
    with database.write() as session:
        again = start.invite_again(session)
    if again is None:
        click.echo("Everything is set up.")
    else:
        click.echo(f"A new link to set up the first administrator: {settings.listens_on}{again.invitation_path}")


def _welcome(settings: Settings, database: Database) -> bool:
    """Make and show what only the first start does; False at every later one."""
    with database.write() as session:
        welcome = start.prepare(session)
    if welcome is None:
        return False
    click.echo(
        f"""
Welcome! This is shown once:

  Set up the first administrator (the link works once, for 7 days):
    {settings.listens_on}{welcome.invitation_path}

  An API key for your systems (header x-growlytics-key):
    {welcome.api_key}
"""
    )
    return True


@commands.command("migrate")
@_explained
def migrate_() -> None:
    """Bring the database to the schema of this version."""
    _, database = _opened()
    missing = migrate.missing(database)
    migrate.upgrade(database)
    click.echo(f"Applied {', '.join(missing)}." if missing else "Nothing to do.")


_in_workspace = click.option("--workspace", "workspace_name", metavar="NAME", help="The first one without this.")


@commands.group()
def user() -> None:
    """People who use the dashboard."""


@user.command("create")
@click.option("--email", required=True)
@click.option("--role", type=click.Choice(ROLES), default="admin", show_default=True)
@_in_workspace
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
@_explained
def create_user(email: str, role: str, workspace_name: str | None, password_stdin: bool) -> None:
    """Make a user. Asks for the password unless --password-stdin is given."""
    if password_stdin:
        password = sys.stdin.readline().rstrip("\r\n")
    else:
        password = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    database = _migrated()
    try:
        wanted = users.credentials(email, password)
        with database.write() as session:
            workspace = _workspace(session, workspace_name)
            made = users.create(session, wanted, workspace.id, role)
    except users.InvalidError as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"{made.email} is {role} of “{workspace.name}”.")


@commands.group()
def key() -> None:
    """API keys with which machines send data."""


@key.command("create")
@click.option("--name", required=True)
@click.option("--kind", type=click.Choice(["server", "browser"]), default="server", show_default=True)
@_in_workspace
@_explained
def create_key(name: str, kind: keys.Kind, workspace_name: str | None) -> None:
    """Make a key and print it, alone, on standard output. A server's can't be shown again."""
    database = _migrated()
    with database.write() as session:
        _, text = keys.create(session, _workspace(session, workspace_name).id, name, kind)
    click.echo(text)


@key.command("list")
@_in_workspace
@_explained
def list_keys(workspace_name: str | None) -> None:
    """List the keys: id, kind, state, last use, name."""
    database = _migrated()
    with database.read() as session:
        for one in keys.of_workspace(session, _workspace(session, workspace_name).id):
            state = "revoked" if one.revoked_at else "usable"
            used = "never used" if one.last_used_at is None else f"last used {filters.instant(one.last_used_at)[:10]}"
            click.echo(f"{one.public_id}  {one.kind:<7}  {state}  {used:<20}  {one.name}")


@key.command("revoke")
@click.argument("public_id")
@_in_workspace
@_explained
def revoke_key(public_id: str, workspace_name: str | None) -> None:
    """End a key at once, by the id that `key list` shows."""
    database = _migrated()
    with database.write() as session:
        workspace = _workspace(session, workspace_name)
        try:
            name = keys.revoke(session, workspace.id, public_id).name
        except keys.NotFoundError:
            raise click.ClickException(f"there is no key {public_id} in “{workspace.name}”") from None
    click.echo(f"{public_id} (“{name}”) is revoked.")


def _workspace(session: Session, name: str | None) -> Workspace:
    try:
        return workspaces.find(session, name)
    except workspaces.NotFoundError:
        message = "there is no workspace yet; run `customer-profiles init`"
        raise click.ClickException(message if name is None else f"there is no workspace “{name}”") from None


@commands.group("refused")
def refused_() -> None:
    """What was refused or ignored, by reason, and sending it again."""


@refused_.command("list")
@click.option("--kind", type=click.Choice(["refused", "ignored"]), help="Both without this.")
@click.option("--endpoint", default="", metavar="PATH")
@_in_workspace
@_explained
def list_refused(kind: reasons.Kind | None, endpoint: str, workspace_name: str | None) -> None:
    """List the latest reasons: id, how often, when last, endpoint, what is wrong."""
    database = _migrated()
    with database.read() as session:
        wanted = refused.Filter(kind, endpoint)
        for one in refused.find(session, _workspace(session, workspace_name), wanted, None)[: refused.PAGE_SIZE]:
            row = one.row
            last = filters.instant(row.last_at)[:16]
            _say(f"{row.id:<19}  {row.count:>9,}  {last}  {row.endpoint:<18}  {refused.in_words(row)}")


_reason = click.argument("reason_id", metavar="ID")


@refused_.command("show")
@_reason
@_in_workspace
@_explained
def show_refused(reason_id: str, workspace_name: str | None) -> None:
    """Show one of them and all that is kept of it, the newest first."""
    with _migrated().read() as session:
        group = _group(session, _workspace(session, workspace_name), reason_id)
        _say(f"{refused.in_words(group.row)}\n{group.row.endpoint}: {group.row.count:,}\n{group.advice}")
        for one in refused.samples(session, group):
            cut = "" if one.row.is_whole else f" (the first of {one.row.size:,} bytes)"
            _say(f"\n{filters.instant(one.row.received_at)}{cut}\n{one.text}")
            for fault in one.faults:
                _say(f"- {fault['message']}")


@refused_.command("replay")
@_reason
@click.option("--dry-run", is_flag=True, help="Say what would happen, and store nothing.")
@_in_workspace
@_explained
def replay_refused(reason_id: str, dry_run: bool, workspace_name: str | None) -> None:
    """Send all that is kept of one again. What is stored is kept no longer."""
    _migrated().engine.dispose()
    house: House = create_app(config.load()).extensions["house"]
    with house.database.read() as session:
        workspace = _workspace(session, workspace_name)
        group = _group(session, workspace, reason_id)
        samples = refused.samples(session, group)
    results = replay.several(house, workspace, group, samples, is_rehearsal=dry_run)
    for sample, result in results:
        why = f": {'; '.join(result.faults)}" if result.faults else ""
        _say(f"{filters.instant(sample.row.received_at)}  {result.state}{why}")
    stored = sum(result.is_stored for _, result in results)
    _say(f"{stored:,} of {len(results):,} {'would be' if dry_run else 'are'} stored.")
    if stored < len(results):
        sys.exit(1)


def _group(session: Session, workspace: Workspace, reason_id: str) -> refused.Group:
    try:
        return refused.get(session, workspace.id, reason_id)
    except refused.NotFoundError:
        raise click.ClickException(f"nothing was refused in “{workspace.name}” for the reason {reason_id}") from None


def _say(text: str) -> None:
    """Print what others have sent, which must not tell the terminal what to do."""
    click.echo("".join(one if one.isprintable() or one in "\n\t" else f"\\x{ord(one):02x}" for one in text))


@commands.command("demo")
@click.option("--customers", "number", type=click.IntRange(1, 100_000), default=2_000, show_default=True)
@click.option("--force", is_flag=True, help="Also when the workspace has customers.")
@_explained
def demo_(number: int, force: bool) -> None:
    """Fill the first workspace with a believable shop."""
    settings, database = _opened()
    migrate.upgrade(database)
    _welcome(settings, database)
    with database.read() as session:
        workspace = _workspace(session, None)
        if customers.exist(session, workspace.id) and not force:
            raise click.ClickException(f"“{workspace.name}” has customers; --force adds the demonstration to them")
    with click.progressbar(length=number, label="Filling the shop") as bar:
        summary = demo.fill(database, workspace, number, bar.update)
    click.echo(summary)


@commands.command("recount")
@_in_workspace
@_explained
def recount(workspace_name: str | None) -> None:
    """Count anew what the overview shows, in small steps, also while the server works."""
    database = _migrated()
    with database.write() as session:
        workspace = _workspace(session, workspace_name)
        recounts.begin(session, workspace.id, workspace.time_zone)
        number = recounts.last(session)
    with click.progressbar(length=number, label="Counting") as bar:
        recounts.finish(database, workspace.id, lambda now: bar.update(now.counted - bar.pos))
    click.echo(f"“{workspace.name}” is counted.")


_file = click.argument("file", type=click.Path(path_type=Path))


@commands.command("backup")
@_file
@click.option("--force", is_flag=True, help="Replace the file if it exists.")
@_explained
def backup_(file: Path, force: bool) -> None:
    """Copy the embedded database to FILE, also while the server writes to it."""
    database = _embedded("back it up with pg_dump or pg_basebackup")
    size = backup.make(database, file, replaces=force)
    click.echo(f"{file}: {size:,} bytes.")


@commands.command("restore")
@_file
@_explained
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


@commands.command("doctor")
def doctor_() -> None:
    """Check configuration, database and migrations, and say in words what is wrong."""
    findings = doctor.examine()
    for finding in findings:
        click.echo(f"{'ok   ' if finding.is_fine else 'WRONG'}  {finding.words}")
    if not all(finding.is_fine for finding in findings):
        sys.exit(1)
