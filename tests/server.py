"""A real server for tests: the console script in processes of its own, on a free port."""

import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from sqlalchemy.engine import make_url

from webapp import keys, migrate, start, workspaces
from webapp.config import Settings
from webapp.db import Database

SCRIPT = Path(sys.executable).with_name("customer-profiles")
PATIENCE = 90  # seconds to start or to end, on a machine that has much else to do
# As whom PostgreSQL knows the server: the owner of its database and no superuser, whom row-level security doesn't hold.
ROLE = "customer_profiles"
SECRET = "a secret for tests only"


class LiveServer:
    """`customer-profiles serve` over one database. `key` is an API key of its first workspace.

    `folder` holds its log, and is where it runs, so that no `.env` of a checkout is read. `settings`: further ones, as
    the environment has them.
    """

    key: str

    def __init__(self, database_url: str, folder: Path, **settings: str) -> None:
        self.database_url = database_url
        self.folder = folder
        self.settings = settings
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None

    def run(self, *arguments: str, told: str = "") -> str:
        """Run another command of the console script to its end, `told` on its input. Returns what it prints."""
        command: list[str | Path] = [SCRIPT, *arguments]
        done = subprocess.run(
            command, cwd=self.folder, env=self._environment(), input=told.encode(), capture_output=True, check=False
        )
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode().strip()

    def start(self) -> None:
        """Start serving; returns once it answers."""
        with (self.folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                [SCRIPT, "serve"], cwd=self.folder, env=self._environment(), stdout=log, stderr=log
            )
        until = time.monotonic() + PATIENCE
        while not self._answers():
            assert self._process.poll() is None, f"the server has ended:\n{self.log()}"
            assert time.monotonic() < until, f"the server doesn't answer:\n{self.log()}"
            time.sleep(0.05)

    def stop(self) -> None:
        """End the server, as its supervisor would."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise
        self._process = None

    @property
    def pid(self) -> int:
        """The process that was started; it is the parent of those that serve."""
        assert self._process is not None, "the server isn't running"
        return self._process.pid

    def kill(self) -> None:
        """End all its processes at once, as a power cut would; returns when the kernel has let go of them."""
        assert self._process is not None
        worker = worker_of(self._process.pid)
        for pid in (self._process.pid, worker):
            os.kill(pid, signal.SIGKILL)
        self._process.wait(PATIENCE)
        self._process = None
        until = time.monotonic() + PATIENCE
        while Path(f"/proc/{worker}").exists():
            assert time.monotonic() < until, "the worker doesn't end"
            time.sleep(0.002)

    def log(self) -> str:
        """What it has printed so far."""
        return (self.folder / "server.log").read_text(errors="replace")

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/healthz", timeout=5) as answer:  # noqa: S310 - it is our http://
                return bool(answer.status == 200)
        except OSError:  # nobody listens yet, or takes long to answer
            return False

    def _environment(self) -> dict[str, str]:
        told = {"DATABASE_URL": self.database_url, "PORT": str(self.port), "SECRET_KEY": SECRET}
        return environment(**told, **self.settings)


@contextmanager
def live(database_url: str, folder: Path, **settings: str) -> Iterator[LiveServer]:
    """A running server on a database, which may be empty, with further settings, and a key made for it."""
    server = LiveServer(database_url, folder, **settings)
    server.key = _set_up(database_url)
    try:
        server.start()
        yield server
    finally:
        server.stop()


def _set_up(database_url: str) -> str:
    """What `init` and `key create` of the console do: two processes more take as long as many a module's tests."""
    database = Database(make_url(database_url))
    migrate.upgrade(database)
    with database.write() as session:
        start.prepare(session)
        _, key = keys.create(session, workspaces.find(session, None).id, "Backend")
    database.engine.dispose()
    return key


def worker_of(pid: int) -> int:
    """The pid of the one process that a server's main process has started."""
    (worker,) = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return int(worker)


def create_database(postgresql_url: str) -> str:
    """Make another database on a PostgreSQL server, as an operator would. Returns its URL for its owner."""
    name = f"live_{secrets.token_hex(4)}"
    with psycopg.connect(postgresql_url, autocommit=True) as connection:
        if connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (ROLE,)).fetchone() is None:
            connection.execute(f"CREATE ROLE {ROLE} LOGIN".encode())
            # For what tests alone do: they empty tables at once, find deadlocks soon, and wait until all is on disk.
            for setting in ("session_replication_role", "deadlock_timeout"):
                connection.execute(f"GRANT SET ON PARAMETER {setting} TO {ROLE}".encode())
            connection.execute(f"GRANT pg_checkpoint TO {ROLE}".encode())
        connection.execute(f"CREATE DATABASE {name} OWNER {ROLE}".encode())
    return make_url(postgresql_url).set(database=name, username=ROLE).render_as_string(hide_password=False)


def environment(**settings: str) -> dict[str, str]:
    """This machine's environment without settings of the product, and these settings."""
    inherited = {name: value for name, value in os.environ.items() if name.lower() not in Settings.model_fields}
    return inherited | settings


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    return port
