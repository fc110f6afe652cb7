"""PostgreSQL itself keeps workspaces apart: row-level security, for an ordinary role, behind all that the code asks."""

import threading
from contextlib import suppress
from typing import Any

import pytest
from flask import Flask, Response, g
from flask.testing import FlaskClient
from sqlalchemy import func, select, text, update
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.orm import Session

from tests.world import Shop
from webapp import customers, statements
from webapp.db import Base, Database, database
from webapp.models import ApiKey, Customer, Segment, Tag

# Tables of workspaces without a wall, and why.
OPEN = {
    "arrivals": "the live feed tells by the ids of all workspaces which of its own may still turn up",
    "countings": "what the daily counts are counted by: nothing of customers; made together with another workspace",
    "invitations": "looked up by the hash of a secret, by who isn't in the workspace yet",
    "logins": "of a person, who goes on in another workspace by it",
    "memberships": "a person's workspaces, of which a page names the others too",
}


@pytest.fixture(autouse=True)
def _postgresql_alone(database: Database) -> None:
    if database.is_sqlite:
        pytest.skip("SQLite knows no row-level security")


@pytest.fixture
def sides(shop: Shop, other_shop: Shop) -> tuple[Shop, Shop]:
    """Two workspaces, with a customer each."""
    for one in (shop, other_shop):
        one.customer("u1", name="Asha", email="asha@shop.example")
        one.event("Purchased", system_id="u1")
    return shop, other_shop


def _walled(database: Database) -> set[str]:
    query = text(
        "SELECT relname FROM pg_class JOIN pg_policy ON polrelid = pg_class.oid"
        " WHERE relrowsecurity AND relforcerowsecurity AND polcmd = '*'"
    )
    with database.read() as session:
        return set(session.scalars(query))


def test_every_table_of_workspaces_has_a_wall(database: Database) -> None:
    """Whoever makes a table with `workspace_id` adds it to a migration, or says here why not."""
    of_workspaces = {name for name, table in Base.metadata.tables.items() if "workspace_id" in table.c}
    assert _walled(database) == of_workspaces - OPEN.keys()


def test_tests_run_as_an_ordinary_role(database: Database) -> None:
    with database.read() as session:
        query = "SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user"
        assert session.scalar(text(query)) is False


def test_pages_of_a_workspace_see_its_rows_alone(sides: tuple[Shop, Shop]) -> None:
    database = sides[0].database
    for name in sorted(_walled(database)):
        query = select(Base.metadata.tables[name].c.workspace_id).distinct()
        with database.read() as session:
            everybodys = set(session.scalars(query))
        for shop in sides:
            with database.within(shop.workspace.id).read() as session:
                seen = set(session.scalars(query))
            assert seen == everybodys & {shop.workspace.id}, name


def test_pages_of_a_workspace_change_its_rows_alone(sides: tuple[Shop, Shop]) -> None:
    one, other = sides
    narrow, theirs = one.database.within(one.workspace.id), other.find("u1")
    everybody = update(Customer).values(name="Eve").returning(Customer.workspace_id)
    assert set(narrow.transact(lambda session: session.scalars(everybody).all())) == {one.workspace.id}
    assert other.find("u1").name == "Asha"
    made = (
        Segment(workspace_id=other.workspace.id, name="Theirs", query="", created_at=1),
        Tag(workspace_id=other.workspace.id, customer_id=theirs.id, name="vip", created_at=1, user_id=1),
    )
    for row in made:
        with pytest.raises(ProgrammingError, match="row-level security"), narrow.write() as session:
            session.add(row)
    moved = update(Customer).where(Customer.workspace_id == one.workspace.id)
    with pytest.raises(ProgrammingError, match="row-level security"), narrow.write() as session:
        session.execute(moved.values(workspace_id=other.workspace.id))
    assert one.find("u1").name == "Eve"


def test_connections_never_show_what_they_showed_to_others(sides: tuple[Shop, Shop]) -> None:
    """In any order, after errors too, and whoever had them before."""
    database = sides[0].database
    views = {shop.workspace.id: database.within(shop.workspace.id) for shop in sides}
    ids = set(views)
    wrong: list[set[int]] = []

    def look(some: Database, expected: set[int]) -> None:
        query = select(Customer.workspace_id).distinct()
        with some.read() as session:
            found = [set(session.scalars(query))]
        with some.write() as session:
            found.append(set(session.scalars(query)))
        found.append(set(some.transact(lambda session: session.scalars(query).all())))
        with suppress(ZeroDivisionError), some.write() as session:
            found.append(set(session.scalars(query)))
            raise ZeroDivisionError
        with pytest.raises(ProgrammingError), some.read() as session:
            session.execute(text("SELECT nothing"))
        wrong.extend(one for one in found if one != expected)

    def work() -> None:
        for _ in range(10):
            for id_, view in views.items():
                look(view, {id_})
                look(database, ids)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_connection_is_told_only_when_it_has_to_show_another_workspace(
    sides: tuple[Shop, Shop], monkeypatch: pytest.MonkeyPatch
) -> None:
    database = sides[0].database
    database.engine.dispose()
    sent: list[Any] = []
    run = statements.run

    def note(cursor: Any, sql: str, parameters: Any) -> None:
        sent.append(parameters)
        run(cursor, sql, parameters)

    monkeypatch.setattr(statements, "run", note)
    narrow = database.within(sides[0].workspace.id)
    for some in (database, narrow, narrow, narrow, database, database):
        with some.read() as session:
            session.scalars(select(Customer.id)).all()
    assert [told[1] for told in sent] == [str(sides[0].workspace.id), ""]


def test_ends_are_those_of_all_and_what_is_shown_stays_narrow(sides: tuple[Shop, Shop]) -> None:
    database, here = sides[0].database, sides[0].workspace.id
    with database.read() as session:
        everybody = customers.ends(session)
        assert everybody == session.execute(select(func.min(Customer.id), func.max(Customer.id))).one()
    for begin in (database.within(here).read, database.within(here).write):
        with begin() as session:
            assert customers.ends(session) == everybody
            assert set(session.scalars(select(Customer.workspace_id))) == {here}


def test_page_that_forgets_the_workspace_shows_nothing_of_another(
    sides: tuple[Shop, Shop], alice: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = sides[1].find("u1")

    def forgetful(session: Session, _: int, growlytics_id: str) -> Customer:
        found: Customer | None = session.scalar(select(Customer).where(Customer.growlytics_id == growlytics_id))
        if found is None:
            raise customers.NotFoundError(growlytics_id)
        return found

    monkeypatch.setattr(customers, "find", forgetful)
    assert alice.get(f"/customers/{sides[0].find('u1').growlytics_id}").status_code == 200
    assert alice.get(f"/customers/{theirs.growlytics_id}").status_code == 404


def test_only_pages_behind_a_guard_are_narrow(app: Flask, sides: tuple[Shop, Shop], alice: FlaskClient) -> None:
    """Ingestion that a page sets going stores what it shares a transaction with, whosever that is."""
    seen = []

    def note(response: Response) -> Response:
        with database().read() as session:
            seen.append(set(session.scalars(select(ApiKey.workspace_id))))
        with app.extensions["house"].database.read() as session:
            assert len(set(session.scalars(select(ApiKey.workspace_id)))) == 2
        return response

    app.after_request_funcs[None].append(note)
    alice.get("/settings/keys")
    app.test_client().get("/login")
    with app.app_context():
        assert "database" not in g
    one, other = (shop.workspace.id for shop in sides)
    assert seen == [{one}, {one, other}]


def test_changes_are_counted_for_whoever_remembers_something(sides: tuple[Shop, Shop]) -> None:
    database = sides[0].database
    before = database.version
    with database.within(sides[0].workspace.id).write():
        pass
    assert database.version == before + 1
