"""Where a part of the benchmark plays: an engine, empty databases, real servers in processes of their own."""

import itertools
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path

from tests import server
from tests.benchmarks import databases, events, wrk
from tests.benchmarks.outcome import BenchmarkError
from tests.server import LiveServer

_PATIENCE = 30  # seconds for the bare app to start or to end


@dataclass(frozen=True)
class Stage:
    """What a part is given. `seconds`: how long each measurement of each round takes.

    `customers`: how many there are, where a part doesn't say otherwise. `purchases`: the CSV file of purchases, None
    where one is to be made up.
    """

    engine: str
    rounds: int
    seconds: int
    folder: Path
    postgresql_url: str | None
    customers: int = 1000
    purchases: Path | None = None
    runs: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    @property
    def system_ids(self) -> list[str]:
        """The ids of the customers."""
        return [f"customer-{one:06}" for one in range(self.customers)]

    @contextmanager
    def database(self) -> Iterator[str]:
        """The URL of an empty database, which is gone afterwards on SQLite, and with its server on PostgreSQL."""
        with self.empty_folder() as folder:
            yield databases.create(self.engine, folder, self.postgresql_url)

    @contextmanager
    def empty_folder(self) -> Iterator[Path]:
        """A folder for the time being, on the disk of the databases."""
        with tempfile.TemporaryDirectory(dir=self.folder, prefix=f"{self.engine}-") as name:
            yield Path(name)

    @contextmanager
    def product(self, database_url: str) -> Iterator[LiveServer]:
        """The product as `customer-profiles serve` with its default settings, on a database."""
        with self.empty_folder() as folder, server.live(database_url, folder) as running:
            yield running

    @contextmanager
    def bare(self) -> Iterator[str]:
        """The URL of the bare app, on the same WSGI server with the same settings."""
        port = server.free_port()
        command = [sys.executable, "-m", "tests.benchmarks.bare"]
        settings = server.environment(PORT=str(port), SECRET_KEY="a secret for benchmarks only")
        running = subprocess.Popen(command, env=settings, cwd=Path(__file__).parents[2])
        try:
            _wait_for(port)
            yield f"http://127.0.0.1:{port}"
        finally:
            running.terminate()
            running.wait(_PATIENCE)


def _wait_for(port: int) -> None:
    until = time.monotonic() + _PATIENCE
    while time.monotonic() < until:
        connection = HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", "/healthz")
            if connection.getresponse().status == 200:
                return
        except OSError:
            time.sleep(0.05)
        finally:
            connection.close()
    raise BenchmarkError("the bare app doesn't answer")


class Sender:
    """Sends events to a server by `wrk`, always new ones, and counts what was answered with success."""

    def __init__(self, running: LiveServer, customers: list[str], runs: Iterator[int]) -> None:
        self.answered = 0
        self.in_flight = 0  # at most: they may be stored, though wrk didn't wait for the answers
        self._server, self._runs = running, runs
        self._files = events.write(running.folder, customers)

    def send(self, connections: int, seconds: int) -> wrk.Load:
        """Send for some seconds. Raises BenchmarkError, with what the server logged, when anything is refused."""
        try:
            load = wrk.send(
                self._server.url, self._server.key, connections, seconds, self._files, next(self._runs)
            )  # fmt: skip
        except BenchmarkError as error:
            raise BenchmarkError(f"{error}\n{self._server.log()[-2000:]}") from None
        self.answered += load.answered
        self.in_flight += connections
        return load

    def send_each(self, customers: list[str]) -> None:
        """Send one event of each customer, so that all of them are there."""
        bodies = events.stream(["?"], next(self._runs))
        connection = HTTPConnection(self._server.url.removeprefix("http://"), timeout=60)
        headers = {"Content-Type": "application/json", "x-growlytics-key": self._server.key}
        for customer, body in zip(customers, bodies, strict=False):
            connection.request("POST", events.PATH, body.replace('"?"', f'"{customer}"'), headers)
            answer = connection.getresponse()
            told = answer.read()
            if answer.status != 200:
                raise BenchmarkError(f"an event was refused: {answer.status} {told.decode()}")
            self.answered += 1
        connection.close()


def check_stored(url: str, answered: int, in_flight: int = 0) -> None:
    """Raise BenchmarkError unless all events that were answered with success are there, and no others."""
    stored = databases.count(url)
    if not answered <= stored <= answered + in_flight:
        raise BenchmarkError(f"{answered:,} events were taken, but {stored:,} are stored")
