"""All that a database holds, as bytes."""

import tempfile
from contextlib import closing
from pathlib import Path

from sqlalchemy import Connection

from webapp.db import Base, Database, sqlite_library


def dump(database: Database) -> bytes:
    """SQLite's pages as a reader sees them now; PostgreSQL's rows, table by table in the order of their primary keys.

    Where PostgreSQL's sequences are isn't among them: they go on in transactions that are rolled back, as always.
    """
    with database.read() as session:  # of the whole database, while pages confine the pool's connections to workspaces
        connection = session.connection()
        if database.is_sqlite:
            return _pages(connection)
        return b"\n".join(_copied(connection, name) for name in Base.metadata.tables)


def _pages(connection: Connection) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "copy.sqlite3"
        with closing(sqlite_library().connect(copy)) as target:
            connection.connection.driver_connection.backup(target)  # type: ignore[union-attr]
        return copy.read_bytes()


def _copied(connection: Connection, name: str) -> bytes:
    key = ", ".join(column.name for column in Base.metadata.tables[name].primary_key)
    statement = f"COPY (SELECT * FROM {name} ORDER BY {key}) TO STDOUT"  # noqa: S608 - our own names
    cursor = connection.connection.cursor()
    with cursor.copy(statement) as copy:
        return name.encode() + b"\n" + b"".join(map(bytes, copy))
