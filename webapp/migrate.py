"""Bringing a database to the schema of this version."""

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from webapp import assets
from webapp import models as _models  # noqa: F401 - fills Base.metadata
from webapp.db import Database

# Any number will do, as long as every process of this product asks for the same one.
_LOCK = 7_411_350_022


def config(connection: Connection | None = None) -> Config:
    """Alembic's configuration, without a file."""
    made = Config()
    made.set_main_option("script_location", str(assets.folder("migrations")).replace("%", "%%"))
    made.attributes["connection"] = connection
    return made


def upgrade(database: Database) -> None:
    """Run the migrations that are missing, in one transaction; two servers that start together do it once."""
    engine = database.engine.execution_options(begin="IMMEDIATE")
    with engine.begin() as connection:
        if not database.is_sqlite:
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        command.upgrade(config(connection), "head")


def missing(database: Database) -> list[str]:
    """The revisions that the database lacks, oldest first."""
    scripts = ScriptDirectory.from_config(config())
    with database.engine.connect() as connection:
        current = MigrationContext.configure(connection).get_current_revision()
    if current == scripts.get_current_head():
        return []
    return [script.revision for script in reversed(list(scripts.iterate_revisions("head", current or "base")))]
