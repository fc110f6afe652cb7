"""Where a row is played: an engine, a folder, a seed, and the servers that it asks for."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import settings_for
from tests.server import LiveServer, create_database, live
from webapp.db import Database


@dataclass(frozen=True)
class Ground:
    """`postgresql_url`: a server on which databases can be made; rows that kill PostgreSQL bring one of their own."""

    engine: str
    folder: Path
    seed: int
    postgresql_url: str | None = None

    @property
    def random(self) -> random.Random:
        """Chance that is the same in every run with this seed."""
        return random.Random(self.seed)

    @contextmanager
    def server(self) -> Iterator[LiveServer]:
        """A running server over an empty database."""
        if self.engine == "sqlite":
            url = f"sqlite:///{self.folder / 'live.sqlite3'}"
        else:
            assert self.postgresql_url is not None
            url = create_database(self.postgresql_url)
        with live(url, self.folder) as started:
            yield started


@contextmanager
def opened(database_url: str) -> Iterator[Database]:
    """A server's database, looked at from outside."""
    database = Database(settings_for(database_url).url)
    yield database
    database.engine.dispose()
