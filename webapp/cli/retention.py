"""How long events are kept."""

import click
from sqlalchemy.orm import Session

from webapp import audit, clock, filters, retention, sweeping, workspaces
from webapp.cli.base import commands, explained, in_workspace, migrated, say, workspace_named
from webapp.models import Workspace
from webapp.retention import Preview


@commands.group("retention")
def retention_() -> None:
    """How long events are kept, and pruning what is older."""


@retention_.command("show")
@in_workspace
@explained
def show_retention(workspace_name: str | None) -> None:
    """Show the setting, how many events would go now, and the last run."""
    with migrated().read() as session:
        workspace = workspace_named(session, workspace_name)
        preview = retention.preview(session, workspace, workspace.retention_days)
        sweep = sweeping.find(session, workspace.id, "events")
    say(f"{workspace.name}: {_setting(workspace.retention_days)}")
    say(_told(workspace, preview))
    if sweep is not None and sweep.began_at is not None:
        end = "under way" if sweep.ended_at is None else f"ended {filters.instant(sweep.ended_at)[:19]}"
        pruned = filters.plural(sweep.done, "event")
        say(f"Last run: began {filters.instant(sweep.began_at)[:19]}, {end}, {pruned} pruned.")


@retention_.command("set")
@click.argument("days", metavar="DAYS|off")
@click.option("--yes", is_flag=True, help="Don't ask, whatever goes.")
@in_workspace
@explained
def set_retention(days: str, yes: bool, workspace_name: str | None) -> None:
    """Keep events for DAYS days, or for ever. The server prunes what is older."""
    try:
        number = None if days == "off" else _days(days)
    except retention.WrongError as error:
        raise click.ClickException(str(error)) from None
    database = migrated()
    with database.read() as session:
        workspace = workspace_named(session, workspace_name)
        preview = retention.preview(session, workspace, number)
    say(_told(workspace, preview))
    if preview.gone and not yes:
        click.confirm(f"Keep events for {filters.plural(number or 0, 'day')}?", abort=True)
    with database.write() as session:
        former = retention.change(session, workspace.id, number)
        if former != number:
            audit.note(session, audit.console(workspace.id), "retention.changed", days={"from": former, "to": number})
    say(f"{workspace.name}: {_setting(number)}")


@retention_.command("run")
@click.option("--dry-run", is_flag=True, help="Say how many would go, and prune nothing.")
@in_workspace
@explained
def run_retention(dry_run: bool, workspace_name: str | None) -> None:
    """Prune now what is older than the workspace keeps, in small steps, also while the server works."""
    database = migrated()
    with database.read() as session:
        workspace = workspace_named(session, workspace_name)
        preview = retention.preview(session, workspace, workspace.retention_days)
    if workspace.retention_days is None or dry_run:
        say(_told(workspace, preview))
        return
    with database.write() as session:
        _order(session, workspace)
        audit.note(session, audit.console(workspace.id), "retention.run", days=workspace.retention_days)
    sweeping.work_off(database, workspace.id)
    with database.read() as session:
        sweep = sweeping.find(session, workspace.id, "events")
    if sweep is not None and sweep.ended_at is None:
        raise click.ClickException("a server works on it at this moment; `retention show` tells how far it is")
    say(f"{filters.plural(sweep.done if sweep else 0, 'event')} pruned.")


def _order(session: Session, workspace: Workspace) -> None:
    """Have a run begin now, unless one is under way."""
    sweep = sweeping.find(session, workspace.id, "events")
    if sweep is None or not sweeping.is_under_way(sweep):
        sweeping.order(session, workspace.id, "events", clock.now())


def _days(text: str) -> int:
    found = retention.parse(text)
    if found is None:
        raise retention.WrongError("give a number of days, or off")
    return found


def _setting(days: int | None) -> str:
    return "events are kept for ever." if days is None else f"events are kept for {filters.plural(days, 'day')}."


def _told(workspace: Workspace, preview: Preview) -> str:
    number = filters.plural(preview.number, "event")
    if preview.first_day_at is None:
        return f"None of {number} goes."
    since = filters.date_only(preview.first_day_at, workspaces.zone(workspace))
    more = "" if preview.is_counted else " Events are being counted anew at this moment: there may be more."
    return f"Of {number}, {preview.gone:,} from before {since} would go.{more}"
