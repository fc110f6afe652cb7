"""API keys."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import click
from sqlalchemy.orm import Session

from webapp import audit, filters, keys
from webapp.cli.base import commands, explained, in_workspace, migrated, say, workspace_named
from webapp.keys import Listed
from webapp.models import ApiKey, Workspace


class _Limit(click.IntRange):
    """So many requests a minute, or `none`."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The number, None for none."""
        return None if value == "none" else super().convert(value, param, ctx)


_LIMIT = _Limit(1, keys.HIGHEST_LIMIT)


@commands.group()
def key() -> None:
    """API keys with which machines send and read data."""


@key.command("create")
@click.option("--name", required=True)
@click.option("--kind", type=click.Choice(keys.KINDS), default="server", show_default=True)
@click.option("--per-minute", type=_LIMIT, help="So many requests a minute; any number without this.")
@click.option("--ends-in", type=click.Choice(list(keys.LIFETIMES)), help="It ends by itself; never without this.")
@in_workspace
@explained
def create_key(
    name: str, kind: keys.Kind, per_minute: int | None, ends_in: str | None, workspace_name: str | None
) -> None:  # fmt: skip
    """Make a key and print it, alone, on standard output. It can't be shown again, but for a browser's."""
    with _changing(workspace_name) as (session, workspace):
        lifetime = None if ends_in is None else keys.LIFETIMES[ends_in]
        made, text = keys.create(session, workspace.id, name, kind, rate_limit=per_minute, lifetime=lifetime)
        _note(session, "key.created", made, kind=kind)
    click.echo(text)


@key.command("list")
@in_workspace
@explained
def list_keys(workspace_name: str | None) -> None:
    """List the keys: id, kind, state, limit, last use and from where, name."""
    database = migrated()
    with database.read() as session:
        for one in keys.listed(keys.of_workspace(session, workspace_named(session, workspace_name).id)):
            say(f"{one.row.public_id}  {one.row.kind:<7}  {_state(one)}  {_use(one.row):<20}  {one.row.name}")


def _state(one: Listed) -> str:
    """Whether a key can be used, until when, which one has replaced it, how often it can be used."""
    ends_at = one.row.ends_at if one.state == "ending" else None
    parts = [one.state if ends_at is None else f"ends {filters.instant(ends_at)[:16]}Z"]
    if one.successor is not None:
        parts.append(f"replaced by {one.successor.public_id}")
    if one.row.rate_limit is not None:
        parts.append(f"{one.row.rate_limit:,} a minute")
    return ", ".join(parts)


def _use(row: ApiKey) -> str:
    if row.last_used_at is None:
        return "never used"
    whence = f" from {row.last_used_from}" if row.last_used_from else ""
    return f"last used {filters.instant(row.last_used_at)[:10]}{whence}"


@key.command("rotate")
@click.argument("public_id")
@click.option(
    "--overlap",
    type=click.Choice(list(keys.OVERLAPS)),
    default="1d",
    show_default=True,
    help="How long the former key goes on.",
)
@in_workspace
@explained
def rotate_key(public_id: str, overlap: str, workspace_name: str | None) -> None:  # fmt: skip
    """Make a key that takes another's place, which ends by itself. Prints the new one, alone, on standard output."""
    with _changing(workspace_name, public_id) as (session, workspace):
        try:
            former, made, text = keys.rotate(session, workspace.id, public_id, keys.OVERLAPS[overlap])
        except keys.RotationError as error:
            raise click.ClickException(f"the key {public_id} {error}") from None
        _note(session, "key.rotated", former, successor=made.public_id, ends_at=former.ends_at)
    click.echo(f"{former.public_id} (“{former.name}”) ends {filters.instant(former.ends_at or 0)}.", err=True)
    click.echo(text)


@key.command("limit")
@click.argument("public_id")
@click.argument("most", type=_LIMIT, metavar="NUMBER|none")
@in_workspace
@explained
def limit_key(public_id: str, most: int | None, workspace_name: str | None) -> None:
    """Let a key be used for so many requests a minute, or for any number (none)."""
    limited = _changed(
        workspace_name,
        public_id,
        lambda session, id_: keys.limit(session, id_, public_id, most),
        "key.limited",
        most=most,
    )
    click.echo(f"{public_id} (“{limited.name}”): {'no limit' if most is None else f'{most:,} requests a minute'}.")


@key.command("revoke")
@click.argument("public_id")
@in_workspace
@explained
def revoke_key(public_id: str, workspace_name: str | None) -> None:
    """End a key at once, by the id that `key list` shows."""
    revoked = _changed(
        workspace_name, public_id, lambda session, id_: keys.revoke(session, id_, public_id), "key.revoked"
    )
    click.echo(f"{public_id} (“{revoked.name}”) is revoked.")


@contextmanager
def _changing(workspace_name: str | None, public_id: str = "") -> Iterator[tuple[Session, Workspace]]:
    """A transaction, and the workspace that a command is about. Says so where that has no such key."""
    with migrated().write() as session:
        workspace = workspace_named(session, workspace_name)
        try:
            yield session, workspace
        except keys.NotFoundError:
            raise click.ClickException(f"there is no key {public_id} in “{workspace.name}”") from None


def _changed(
    workspace_name: str | None, public_id: str, change: Callable[[Session, int], ApiKey], action: str, **details: Any
) -> ApiKey:  # fmt: skip
    """The key after a change, which is noted."""
    with _changing(workspace_name, public_id) as (session, workspace):
        changed = change(session, workspace.id)
        _note(session, action, changed, **details)
    return changed


def _note(session: Session, action: str, about: ApiKey, **details: Any) -> None:
    audit.note(session, audit.console(about.workspace_id), action, about.public_id, name=about.name, **details)
