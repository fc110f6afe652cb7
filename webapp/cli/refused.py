"""What was refused and ignored."""

import sys

import click
from sqlalchemy.orm import Session

from webapp import audit, config, create_app, filters, reasons, refused, replay
from webapp.cli.base import commands, explained, in_workspace, migrated, say, workspace_named
from webapp.house import House
from webapp.models import Workspace


@commands.group("refused")
def refused_() -> None:
    """What was refused or ignored, by reason, and sending it again."""


@refused_.command("list")
@click.option("--kind", type=click.Choice(["refused", "ignored"]), help="Both without this.")
@click.option("--endpoint", default="", metavar="PATH")
@in_workspace
@explained
def list_refused(kind: reasons.Kind | None, endpoint: str, workspace_name: str | None) -> None:
    """List the latest reasons: id, how often, when last, endpoint, what is wrong."""
    database = migrated()
    with database.read() as session:
        wanted = refused.Filter(kind, endpoint)
        for one in refused.find(session, workspace_named(session, workspace_name), wanted, None)[: refused.PAGE_SIZE]:
            row = one.row
            last = filters.instant(row.last_at)[:16]
            say(f"{row.id:<19}  {row.count:>9,}  {last}  {row.endpoint:<18}  {refused.in_words(row)}")


_reason = click.argument("reason_id", metavar="ID")


@refused_.command("show")
@_reason
@in_workspace
@explained
def show_refused(reason_id: str, workspace_name: str | None) -> None:
    """Show one of them and all that is kept of it, the newest first."""
    with migrated().read() as session:
        group = _group(session, workspace_named(session, workspace_name), reason_id)
        say(f"{refused.in_words(group.row)}\n{group.row.endpoint}: {group.row.count:,}\n{group.advice}")
        for one in refused.samples(session, group):
            cut = "" if one.row.is_whole else f" (the first of {one.row.size:,} bytes)"
            say(f"\n{filters.instant(one.row.received_at)}{cut}\n{one.text}")
            for fault in one.faults:
                say(f"- {fault['message']}")


@refused_.command("replay")
@_reason
@click.option("--dry-run", is_flag=True, help="Say what would happen, and store nothing.")
@in_workspace
@explained
def replay_refused(reason_id: str, dry_run: bool, workspace_name: str | None) -> None:
    """Send all that is kept of one again. What is stored is kept no longer."""
    migrated().engine.dispose()
    house: House = create_app(config.load()).extensions["house"]
    with house.database.read() as session:
        workspace = workspace_named(session, workspace_name)
        group = _group(session, workspace, reason_id)
        samples = refused.samples(session, group)
    if samples and not dry_run:
        with house.database.write() as session:
            replay.note(session, audit.console(workspace.id), group, len(samples))
    results = replay.several(house, workspace, group, samples, is_rehearsal=dry_run)
    for sample, result in results:
        why = f": {'; '.join(result.faults)}" if result.faults else ""
        say(f"{filters.instant(sample.row.received_at)}  {result.state}{why}")
    stored = sum(result.is_stored for _, result in results)
    say(f"{stored:,} of {len(results):,} {'would be' if dry_run else 'are'} stored.")
    if stored < len(results):
        sys.exit(1)


def _group(session: Session, workspace: Workspace, reason_id: str) -> refused.Group:
    try:
        return refused.get(session, workspace.id, reason_id)
    except refused.NotFoundError:
        raise click.ClickException(f"nothing was refused in “{workspace.name}” for the reason {reason_id}") from None
