"""Bringing a database to the schema of this version."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.script.revision import RevisionError
from sqlalchemy import Connection, text

from webapp import assets
from webapp import models as _models  # noqa: F401 - fills Base.metadata
from webapp.db import Database

# Any number will do, as long as every process of this product asks for the same one.
_LOCK = 7_411_350_022


class NewerSchemaError(Exception):
    """A later version of this product has migrated the database."""


def config(connection: Connection | None = None) -> Config:
    """Alembic's configuration, without a file."""
    made = Config()
    made.set_main_option("script_location", str(assets.folder("migrations")).replace("%", "%%"))
    made.attributes["connection"] = connection
    return made


def upgrade(database: Database) -> None:
    """Run the migrations that are missing, in one transaction; two servers that start together do it once.

    Raises NewerSchemaError.
    """
    if missing(database):  # else a start would check all foreign keys, which takes a minute with ten million events
        with changing_schema(database) as connection:
            command.upgrade(config(connection), "head")


@contextmanager
def changing_schema(database: Database) -> Iterator[Connection]:
    """One transaction in which tables may be rebuilt, and that no other server shares."""
    # SQLite alters a table by making it anew, which its foreign keys would forbid while others refer to it.
    engine = database.engine.execution_options(begin="IMMEDIATE", foreign_keys="OFF")
    try:
        with engine.begin() as connection:
            if not database.is_sqlite:
                connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
            yield connection
            if database.is_sqlite and (broken := connection.exec_driver_sql("PRAGMA foreign_key_check").all()):
                raise RuntimeError(f"the migration would leave rows without what they refer to: {broken[:3]}")
    finally:
        database.engine.dispose()  # this connection doesn't check foreign keys any more


def missing(database: Database) -> list[str]:
    """The revisions that the database lacks, oldest first. Raises NewerSchemaError."""
    with database.engine.connect() as connection:
        return lacking(MigrationContext.configure(connection).get_current_revision())


def lacking(current: str | None) -> list[str]:
    """The revisions that a database lacks which is at this one, oldest first. Raises NewerSchemaError."""
    scripts = _scripts()
    if current == scripts.get_current_head():
        return []
    try:
        later = list(scripts.iterate_revisions("head", current or "base"))
    except RevisionError:
        raise NewerSchemaError(f"a later version of this product has brought the database to {current}") from None
    return [script.revision for script in reversed(later)]


@cache
def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(config())
