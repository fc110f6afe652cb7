"""Models and migrations agree, on both engines, there and back."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.operations import Operations
from flask import Flask
from sqlalchemy import inspect

from tests.conftest import ENGINES, settings_for
from tests.installations import PATIENCE, SCRIPT
from tests.server import create_database, environment
from tests.world import Shop
from webapp import attributes, customers, events, migrate
from webapp.db import Base, Database


@pytest.fixture(params=ENGINES)
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database without any table, of each engine in turn."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/empty.sqlite3"
    return create_database(request.getfixturevalue("postgresql_server"))


@pytest.fixture
def empty(empty_url: str) -> Iterator[Database]:
    """A database without any table, of each engine in turn."""
    database = Database(settings_for(empty_url).url)
    yield database
    database.engine.dispose()


def _differences(database: Database) -> list[Any]:
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        return list(compare_metadata(context, Base.metadata))


def _tables(database: Database) -> set[str]:
    return set(inspect(database.engine).get_table_names())


def test_models_and_migrations_agree(empty: Database) -> None:
    assert _differences(empty) != []
    migrate.upgrade(empty)
    assert _differences(empty) == []
    assert _tables(empty) == {*Base.metadata.tables, "alembic_version"}


def test_check_constraints_and_collations_agree(empty: Database) -> None:
    # Alembic doesn't compare these, so the database made from the models is compared with the migrated one.
    migrate.upgrade(empty)
    migrated = _described(empty)
    Base.metadata.drop_all(empty.engine)
    Base.metadata.create_all(empty.engine)
    assert _described(empty) == migrated


def _described(database: Database) -> dict[str, Any]:
    look = inspect(database.engine)
    return {
        table: (
            sorted((one["name"], _plain(one["sqltext"])) for one in look.get_check_constraints(table)),
            sorted((one["name"], repr(one["type"]), one["nullable"]) for one in look.get_columns(table)),
            sorted((one["name"], one["column_names"], one["unique"]) for one in look.get_indexes(table)),
            look.get_pk_constraint(table)["constrained_columns"],
        )
        for table in Base.metadata.tables
    }


def _plain(sql: str) -> str:
    return re.sub(r"\s+", " ", sql)


def test_upgrade_twice_is_harmless(empty: Database) -> None:
    assert migrate.missing(empty) != []
    migrate.upgrade(empty)
    migrate.upgrade(empty)
    assert migrate.missing(empty) == []


def test_downgrade_to_nothing_and_up_again(empty: Database) -> None:
    migrate.upgrade(empty)
    with migrate.changing_schema(empty) as connection:
        command.downgrade(migrate.config(connection), "base")
    assert _tables(empty) == {"alembic_version"}
    migrate.upgrade(empty)
    assert _differences(empty) == []


def test_each_migration_goes_back_and_forth(empty: Database) -> None:
    for revision in migrate.missing(empty):
        for step in (("upgrade", revision), ("downgrade", "-1"), ("upgrade", revision)):
            with migrate.changing_schema(empty) as connection:
                getattr(command, step[0])(migrate.config(connection), step[1])
    assert _differences(empty) == []


def test_two_upgrades_at_once_do_it_once(empty_url: str, tmp_path: Path) -> None:
    settings = environment(DATABASE_URL=empty_url, SECRET_KEY="a secret for tests only")
    both = [
        subprocess.Popen([SCRIPT, "init"], cwd=tmp_path, env=settings, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(2)
    ]
    printed = [one.communicate(timeout=2 * PATIENCE) for one in both]
    assert [one.returncode for one in both] == [0, 0], printed
    keys = re.findall(rb"cpk_\S+", b"".join(out for out, _ in printed))
    assert len(keys) == 1, "only one of them makes the first workspace and its key"
    database = Database(settings_for(empty_url).url)
    assert _differences(database) == []
    database.engine.dispose()


def test_migrations_are_numbered_in_their_order() -> None:
    folder = Path(str(migrate.config().get_main_option("script_location"))) / "versions"
    names = sorted(file.name for file in folder.glob("*.py"))
    assert [name[:4] for name in names] == [f"{number:04d}" for number in range(1, len(names) + 1)]


def test_table_that_others_refer_to_can_be_rebuilt(app: Flask, shop: Shop) -> None:
    shop.event()
    with migrate.changing_schema(shop.database) as connection:
        operations = Operations(MigrationContext.configure(connection, opts={"render_as_batch": True}))
        with operations.batch_alter_table("customers", recreate="auto") as table:
            table.alter_column("event_count", nullable=True)
        with operations.batch_alter_table("customers", recreate="auto") as table:
            table.alter_column("event_count", nullable=False)
    assert shop.find().event_count == 1
    with shop.database.read() as session:
        if shop.database.is_sqlite:
            assert session.connection().exec_driver_sql("PRAGMA foreign_keys").scalar() == 1


def test_values_of_the_first_version_keep_their_times_and_become_histories(empty: Database) -> None:
    with migrate.changing_schema(empty) as connection:
        command.upgrade(migrate.config(connection), "0001")
        for statement in (
            "INSERT INTO workspaces (id, name, time_zone, default_region, created_at)"
            " VALUES (1, 'Shop', 'UTC', 'IN', 5)",
            "INSERT INTO customers (id, workspace_id, growlytics_id, system_id, email, created_at, first_seen_at,"
            " last_seen_at, event_count) VALUES (1, 1, 'g1', 'u1', 'a@b.example', 5, 70, 70, 1)",
            "INSERT INTO customer_attributes (customer_id, name, value, reported_at, changed_at)"
            " VALUES (1, 'email', '\"a@b.example\"', 90, 60)",
            "INSERT INTO events (customer_id, reported_at, id, name, attributes, received_at)"
            " VALUES (1, 70, 3, 'Purchased', '{}', 80)",
        ):
            connection.exec_driver_sql(statement)
    migrate.upgrade(empty)
    with empty.read() as session:
        customer = customers.find(session, 1, "g1")
        assert (customer.root_id, customer.own_event_count, customer.event_count) == (None, 1, 1)
        (former,) = attributes.history(session, 1, [customer.id], "email")
        assert (former.value, former.reported_at, former.until_at, former.source) == ("a@b.example", 60, 90, "")
        (event,) = events.timeline(session, 1, [customer.id], events.Filter()).events
        assert (event.name, event.reported_at, event.device_id) == ("Purchased", 70, None)
