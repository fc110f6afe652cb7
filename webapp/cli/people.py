"""People who use the dashboard, and the workspaces in which they do."""

import sys

import click
from sqlalchemy import select

from webapp import audit, config, invitations, openid, resets, second_factors, users, workspaces
from webapp.cli.base import commands, explained, in_workspace, migrated, workspace_named
from webapp.models import ROLES, LinkedAccount, User


@commands.group()
def user() -> None:
    """People who use the dashboard."""


@user.command("create")
@click.option("--email", required=True)
@click.option("--role", type=click.Choice(ROLES), default="admin", show_default=True)
@in_workspace
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
@explained
def create_user(email: str, role: str, workspace_name: str | None, password_stdin: bool) -> None:
    """Make a user. Asks for the password unless --password-stdin is given."""
    if password_stdin:
        password = sys.stdin.readline().rstrip("\r\n")
    else:
        password = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    database = migrated()
    try:
        wanted = users.credentials(email, password)
        with database.write() as session:
            workspace = workspace_named(session, workspace_name)
            made = users.create(session, wanted, workspace.id, role)
            audit.note(session, audit.console(workspace.id), "user.created", made.email, role=role)
    except users.InvalidError as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"{made.email} is {role} of “{workspace.name}”.")


@user.command("unlink")
@click.option("--email", required=True)
@explained
def unlink_user(email: str) -> None:
    """Forget which account of the OpenID provider is whose; the next one with the verified e-mail is linked."""
    with migrated().write() as session:
        of_user = (
            select(User, LinkedAccount).join_from(User, LinkedAccount).where(User.email == users.asked_email(email))
        )
        linked = session.execute(of_user).all()
        for owner, one in linked:
            openid.unlink(session, owner.id, one.id)
            audit.note_of_account(session, audit.console(None), owner, "user.unlinked", issuer=one.issuer)
    if not linked:
        raise click.ClickException(f"there is no linked account of {email}")
    click.echo(f"{email} is not linked any more.")


@user.command("second-factor-off")
@click.option("--email", required=True)
@explained
def switch_second_factor_off(email: str) -> None:
    """Let somebody who has lost app and recovery codes sign in with the password alone."""
    database = migrated()
    with database.write() as session:
        found = users.find(session, email)
        if found is None:
            raise click.ClickException(f"there is no user {users.asked_email(email)}")
        was_on = second_factors.switch_off(session, found.id)
        if was_on:
            audit.note_of_account(session, audit.console(None), found, "second_factor.disabled")
    click.echo(f"The second factor of {found.email} {'is off' if was_on else 'was off already'}.")


@user.command("reset")
@click.option("--email", required=True)
@explained
def reset_user(email: str) -> None:
    """Print a link with which a user sets a new password: once, within an hour."""
    database = migrated()
    with database.write() as session:
        found = users.find(session, email)
        if found is None:
            raise click.ClickException(f"there is no user {email}")
        token = resets.make(session, found.id)
        audit.note_of_account(session, audit.console(None), found, "reset.made")
    click.echo(f"{config.load().opened_at}/resets/{token}")


@commands.group("workspace")
def workspace_() -> None:
    """Workspaces: each a shop with customers, keys and people of its own."""


@workspace_.command("create")
@click.option("--name", required=True)
@click.option("--time-zone", default="Asia/Kolkata", show_default=True)
@click.option("--region", default="IN", show_default=True, help="Of mobile numbers without a country code.")
@explained
def create_workspace(name: str, time_zone: str, region: str) -> None:
    """Make a workspace and print a link with which its first administrator joins: once, within 7 days."""
    name = " ".join(name.split())
    faults = workspaces.faults(name, time_zone, region)
    if faults:
        raise click.ClickException(" ".join(faults.values()))
    database = migrated()
    with database.write() as session:
        if any(one.name == name for one, _ in workspaces.every(session)):
            raise click.ClickException(f"there is a workspace “{name}” already; commands tell them apart by name")
        made = workspaces.create(session, name, time_zone, region)
        token = invitations.invite(session, made.id, "admin")
        audit.note(session, audit.console(made.id), "workspace.created", made.name)
        audit.note(session, audit.console(made.id), "user.invited", "the first administrator", role="admin")
    click.echo(f"{config.load().opened_at}/invitations/{token}")


@workspace_.command("list")
@explained
def list_workspaces() -> None:
    """List the workspaces: id, members, name."""
    database = migrated()
    with database.read() as session:
        for one, number in workspaces.every(session):
            click.echo(f"{one.id:>6}  {number:>4} members  {one.name}")
