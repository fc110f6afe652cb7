"""`/readyz`: green while the database can be written, red with the reason otherwise, and green again by itself."""

import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from alembic import command
from flask import Flask
from sqlalchemy import URL, event, make_url, text

from tests.conftest import settings_for
from tests.disks import NoDiskError, mounted
from tests.server import create_database
from tests.world import Shop
from webapp import create_app, migrate, readiness
from webapp.db import Database, Trouble

PATIENCE = 60


def _answer(app: Flask) -> tuple[int, str]:
    """What is answered now, however lately it was asked before."""
    app.extensions["readiness"]._found_at = float("-inf")
    answer = app.test_client().get("/readyz")
    assert answer.mimetype == "text/plain"
    return answer.status_code, answer.get_data(as_text=True).rstrip("\n")


def _becomes(app: Flask, status: int) -> str:
    """Ask until this is the answer, as whoever watches a server does. Returns the reason."""
    until = time.monotonic() + PATIENCE
    while (answer := app.test_client().get("/readyz")).status_code != status:
        assert time.monotonic() < until, answer.get_data(as_text=True)
        time.sleep(0.1)
    return answer.get_data(as_text=True).rstrip("\n")


def test_server_with_a_good_database_is_ready(app: Flask) -> None:
    assert _answer(app) == (200, "ok")


def test_anybody_may_ask_and_nothing_is_changed_by_it(app: Flask, shop: Shop) -> None:
    with shop.database.read() as session:
        before = session.connection().exec_driver_sql("SELECT version_num FROM alembic_version").all()
    assert _answer(app) == (200, "ok")
    with shop.database.read() as session:
        assert session.connection().exec_driver_sql("SELECT version_num FROM alembic_version").all() == before


def test_asking_often_writes_once(app: Flask, database: Database) -> None:
    writes: list[str] = []
    event.listen(
        database.engine,
        "before_cursor_execute",
        lambda _connection, _cursor, statement, *_: writes.append(statement) if "UPDATE" in statement else None,
    )
    began = time.monotonic()
    for _ in range(50):
        assert app.test_client().get("/readyz").status_code == 200
    assert 1 <= len(writes) <= 1 + (time.monotonic() - began)


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
def test_database_without_tables_is_not_ready_until_it_is_migrated(
    engine: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    url = f"sqlite:///{tmp_path}/shop.sqlite3"
    if engine == "postgresql":
        url = create_database(request.getfixturevalue("postgresql_server"))
    app = create_app(settings_for(url))
    assert _answer(app)[0] == 503
    assert _answer(app) == (503, readiness.EMPTY)
    database: Database = app.extensions["database"]
    with migrate.changing_schema(database) as connection:
        command.upgrade(migrate.config(connection), "0001")
    assert _answer(app) == (
        503,
        f"the database lacks {', '.join(migrate.lacking('0001'))}; run `customer-profiles migrate`",
    )
    migrate.upgrade(database)
    assert _answer(app) == (200, "ok")
    database.engine.dispose()


def test_database_of_a_later_version_is_not_ready(app: Flask, database: Database) -> None:
    with database.write() as session:
        (before,) = session.connection().exec_driver_sql("SELECT version_num FROM alembic_version").one()
        session.connection().exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    try:
        status, reason = _answer(app)
        assert (status, reason) == (503, "a later version of this product has brought the database to 9999")
    finally:  # the other tests on PostgreSQL share this database
        with database.write() as session:
            session.execute(text("UPDATE alembic_version SET version_num = :before"), {"before": before})


@pytest.fixture
def embedded(tmp_path: Path, sqlite_template: Path) -> Iterator[tuple[Flask, Path]]:
    """An app on a migrated embedded database, and its file."""
    file = tmp_path / "shop.sqlite3"
    shutil.copy(sqlite_template, file)
    app = create_app(settings_for(f"sqlite:///{file}"))
    yield app, file
    app.extensions["database"].engine.dispose()


def test_file_that_is_moved_away_is_noticed_and_green_again_when_it_is_back(embedded: tuple[Flask, Path]) -> None:
    app, file = embedded
    assert _becomes(app, 200) == "ok"
    elsewhere = file.rename(file.with_name("elsewhere"))
    assert _becomes(app, 503) == readiness.MOVED
    shutil.copy(elsewhere, file)
    assert _answer(app) == (503, readiness.MOVED), "another file isn't the one that is open"
    file.unlink()
    elsewhere.rename(file)
    assert _becomes(app, 200) == "ok"


def test_damaged_file_is_told_as_such(embedded: tuple[Flask, Path]) -> None:
    app, file = embedded
    with file.open("r+b") as opened:
        opened.write(b"to do: buy milk\n" * 1000)
    assert _answer(app) == (503, readiness.DAMAGED)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of a few megabytes."""
    folder = tmp_path / "small"
    folder.mkdir()
    try:
        with mounted(folder, "8m", is_lazy=True):
            yield folder
    except NoDiskError:
        pytest.skip("only root can make a small disk here")


def test_full_disk_turns_it_red_and_space_green_again(small_disk: Path, sqlite_template: Path) -> None:
    file = small_disk / "shop.sqlite3"
    shutil.copy(sqlite_template, file)
    app = create_app(settings_for(f"sqlite:///{file}"))
    for _ in range(3):
        assert _becomes(app, 200) == "ok"
        filler = small_disk / "filler"
        with suppress(OSError), filler.open("wb", buffering=0) as opened:
            for _ in range(9):
                opened.write(b"x" * 1_000_000)
        assert shutil.disk_usage(small_disk).free == 0
        assert _becomes(app, 503) == readiness.FULL
        assert app.test_client().get("/healthz").status_code == 200
        filler.unlink()
    assert _becomes(app, 200) == "ok"
    app.extensions["database"].engine.dispose()


def test_request_that_found_no_space_counts_for_a_while(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readiness, "_FULL_HOLDS", 0.5)
    app.extensions["readiness"].refused(Trouble.AWAY)
    assert _answer(app) == (200, "ok")
    app.extensions["readiness"].refused(Trouble.FULL)
    assert _answer(app) == (503, readiness.FULL)
    assert _becomes(app, 200) == "ok"


class _Way:
    """A way to a PostgreSQL server that can be closed, or made to swallow everything."""

    def __init__(self, target: Callable[[], socket.socket]) -> None:
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._open: list[socket.socket] = []
        self.swallows = threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """End all connections, and take no new ones."""
        with suppress(OSError):  # closed already
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for one in self._open:
            one.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            far = self._target()
            self._open += [near, far]
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=self._pass_on, args=(source, sink), daemon=True).start()

    def _pass_on(self, source: socket.socket, sink: socket.socket) -> None:
        try:
            while data := source.recv(65536):
                while self.swallows.is_set():
                    time.sleep(0.05)
                sink.sendall(data)
        except OSError:
            return


def _through(way: _Way, url: URL) -> str:
    return url.set(host="127.0.0.1", port=way.port, query={}).render_as_string(hide_password=False)


@pytest.fixture
def way(postgresql_database: str) -> Iterator[tuple[_Way, Flask]]:
    """A way to the PostgreSQL of the tests, and an app that goes by it."""
    url = make_url(postgresql_database)
    folder = url.query.get("host")

    def connect() -> socket.socket:
        if folder is None:
            return socket.create_connection((url.host or "127.0.0.1", url.port or 5432))
        made = socket.socket(socket.AF_UNIX)
        made.connect(f"{folder}/.s.PGSQL.{url.port or 5432}")
        return made

    opened = _Way(connect)
    app = create_app(settings_for(_through(opened, url)))
    yield opened, app
    opened.swallows.clear()
    opened.close()
    app.extensions["database"].engine.dispose()


def test_database_that_swallows_everything_does_not_hang_who_asks(way: tuple[_Way, Flask]) -> None:
    between, app = way
    assert _becomes(app, 200) == "ok"
    between.swallows.set()
    assert _becomes(app, 503) == "the database has not answered within 2 seconds"
    asked = [threading.Thread(target=_answer, args=(app,)) for _ in range(20)]
    for one in asked:
        one.start()
    for one in asked:
        one.join(PATIENCE)
        assert not one.is_alive()
    looks = [one for one in threading.enumerate() if isinstance(one, readiness._Look)]
    assert len(looks) <= 1, "each of those who ask has started a look of its own"
    between.swallows.clear()
    assert _becomes(app, 200) == "ok"


def test_database_that_is_away_is_told_without_saying_where_it_was(way: tuple[_Way, Flask]) -> None:
    between, app = way
    assert _becomes(app, 200) == "ok"
    between.close()
    assert _becomes(app, 503) == readiness.AWAY
    assert app.test_client().get("/healthz").status_code == 200


def test_database_that_can_only_be_read_is_not_ready(app: Flask, database: Database) -> None:
    if database.is_sqlite:
        pytest.skip("root may write every file")
    database.engine.dispose()

    @event.listens_for(database.engine, "connect")
    def _read_only(connection: object, _record: object) -> None:
        connection.execute("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY")  # type: ignore[attr-defined]
        connection.commit()  # type: ignore[attr-defined]

    assert _answer(app) == (503, readiness.READ_ONLY)
