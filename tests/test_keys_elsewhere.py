"""What one server does to a key, another server of the same database sees within a second."""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select

from tests import server
from tests.conftest import ENGINES, settings_for
from tests.server import LiveServer
from webapp import clock, keys, workspaces
from webapp.db import Database
from webapp.models import ApiKey

WITHIN = 1.0  # seconds
TIMES = 5
BODY = json.dumps({"id": "u1", "attributes": {}}).encode()


@pytest.fixture(scope="module", params=ENGINES)
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[LiveServer]]:
    """Two servers on one database, of each engine in turn."""
    folder = tmp_path_factory.mktemp("pair")
    if request.param == "sqlite":
        url = f"sqlite:///{folder / 'live.sqlite3'}"
    else:
        url = server.create_database(request.getfixturevalue("postgresql_server"))
    with server.live(url, folder) as first:
        second = LiveServer(url, folder)
        second.start()
        try:
            yield [first, second]
        finally:
            second.stop()


@pytest.fixture
def database(pair: list[LiveServer]) -> Iterator[Database]:
    """The database, as a third process has it."""
    database = Database(settings_for(pair[0].database_url).url)
    yield database
    database.engine.dispose()


def _status(at: LiveServer, key: str) -> int:
    request = urllib.request.Request(f"{at.url}/track/user", BODY, {"x-growlytics-key": key})  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def _last_success(at: LiveServer, key: str, until: float) -> float:
    """When (epoch seconds) a server answered for the last time that it takes a key, which is sent without a pause."""
    last = 0.0
    while time.time() < until:
        if _status(at, key) == 200:
            last = time.time()
    return last


def _made(database: Database, lifetime: int | None = None) -> tuple[int, str, str]:
    with database.write() as session:
        key, text = keys.create(session, workspaces.find(session, None).id, "Backend", lifetime=lifetime)
        return key.workspace_id, key.public_id, text


def _goes_on_for(pair: list[LiveServer], key: str, ended_at: float) -> float:
    """How long (seconds) any of the servers takes a key past its end."""
    with ThreadPoolExecutor(4) as pool:
        found = pool.map(lambda at: _last_success(at, key, ended_at + 2 * WITHIN), pair * 2)
        return max(0.0, max(found) - ended_at)


def test_revoked_key_ends_in_all_processes_within_a_second(pair: list[LiveServer], database: Database) -> None:
    took = []
    for number in range(TIMES):
        pause = 0.5 + number / 10  # at any time between two looks
        workspace_id, public_id, text = _made(database)
        assert [_status(at, text) for at in pair] == [200, 200]
        with ThreadPoolExecutor(1) as pool:
            watching = pool.submit(_goes_on_for, pair, text, time.time() + pause)
            time.sleep(pause)
            with database.write() as session:
                keys.revoke(session, workspace_id, public_id)
            took.append(watching.result())
        assert [_status(at, text) for at in pair] == [401, 401]
    assert max(took) < WITHIN, took


def test_key_revoked_on_one_server_ends_there_at_once_and_on_the_other_within_a_second(pair: list[LiveServer]) -> None:
    text = pair[0].run("key", "create", "--name", "By the console")
    assert [_status(at, text) for at in pair] == [200, 200]
    pair[0].run("key", "revoke", text.split("_")[1])
    time.sleep(WITHIN)
    assert [_status(at, text) for at in pair] == [401, 401]


def test_key_ends_by_itself_in_all_processes(pair: list[LiveServer], database: Database) -> None:
    took = []
    for _ in range(TIMES):
        _, public_id, text = _made(database, lifetime=2 * clock.SECOND)
        with database.read() as session:
            ends_at = session.scalars(select(ApiKey.ends_at).where(ApiKey.public_id == public_id)).one()
        assert ends_at is not None
        assert [_status(at, text) for at in pair] == [200, 200]
        took.append(_goes_on_for(pair, text, ends_at / 1000))
    assert max(took) < WITHIN, took


def test_end_that_rotation_sets_is_seen_by_all_processes(pair: list[LiveServer], database: Database) -> None:
    workspace_id, public_id, text = _made(database)
    assert [_status(at, text) for at in pair] == [200, 200]
    with database.write() as session:
        new = keys.rotate(session, workspace_id, public_id, overlap=3 * clock.SECOND).text
    assert [_status(at, one) for at in pair for one in (text, new)] == [200] * 4
    time.sleep(3)
    assert [_status(at, one) for at in pair for one in (text, new)] == [401, 200] * 2
