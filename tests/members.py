"""People who come and go: members of a shop, their browsers, and the links that they get."""

import re

from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from tests.world import PASSWORD, Shop, submit
from webapp import memberships, users
from webapp.models import AuditEntry, Membership, User

PEOPLE = "/settings/people"
ACCOUNT = "/settings/account"


def member(shop: Shop, email: str, role: str) -> int:
    """Make somebody a member of a shop, with an account if they have none yet. Returns their id."""
    wanted = users.credentials(email, PASSWORD)
    with shop.database.write() as session:
        user = users.find(session, email)
        if user is None:
            return users.create(session, wanted, shop.workspace.id, role).id
        memberships.join(session, user.id, shop.workspace.id, role)
        return user.id


def browser_of(shop: Shop, email: str, password: str = PASSWORD, agent: str = "") -> FlaskClient:
    """A browser in which somebody is signed in."""
    browser = shop.app.test_client()
    if agent:
        browser.environ_base["HTTP_USER_AGENT"] = agent
    answer = submit(browser, "/login", email=email, password=password)
    assert answer.status_code == 302, answer.text
    return browser


def id_of(shop: Shop, email: str) -> int:
    """A user's id."""
    with shop.database.read() as session:
        return session.scalars(select(User.id).where(User.email == email)).one()


def roles(shop: Shop) -> dict[str, str]:
    """The role of each member of a shop."""
    query = select(User.email, Membership.role).join(Membership, Membership.user_id == User.id)
    with shop.database.read() as session:
        found = session.execute(query.where(Membership.workspace_id == shop.workspace.id))
        return {one.email: one.role for one in found}


def on_people(browser: FlaskClient, path: str, **fields: str) -> TestResponse:
    """Send one of the forms of the page of people."""
    return submit(browser, f"{PEOPLE}/{path}", form_on=PEOPLE, **fields)


def shown_link(answer: TestResponse) -> str:
    """The path of the link that a page shows once."""
    found = re.search(r'<span class="mono">https?://[^/<]+(/[^<]+)</span>', answer.text)
    assert found is not None, answer.text
    return found[1]


def invited(browser: FlaskClient, role: str = "viewer", email: str = "") -> str:
    """Invite somebody; the path of the link."""
    answer = on_people(browser, "invitations", role=role, email=email)
    assert answer.status_code == 201, answer.text
    return shown_link(answer)


def noted(shop: Shop) -> list[tuple[str, str]]:
    """What the audit log of a shop has, in order, but for who signed in or tried to: action and target."""
    query = select(AuditEntry.action, AuditEntry.target).where(AuditEntry.workspace_id == shop.workspace.id)
    with shop.database.read() as session:
        tries = ("login.succeeded", "login.failed")
        found = session.execute(query.where(AuditEntry.action.not_in(tries)).order_by(AuditEntry.id))
        return [(action, target) for action, target in found]
