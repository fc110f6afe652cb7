"""When the database is away or its disk is full: 503 and 507 on both doors, and nothing half done."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import create_engine, event
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from tests.conftest import settings_for
from tests.world import Shop
from webapp import create_app
from webapp.db import Database


@pytest.fixture
def _away(monkeypatch: pytest.MonkeyPatch, database: Database) -> None:
    """Nothing listens where the database was."""
    lost = create_engine("postgresql+psycopg://nobody@127.0.0.1:1/none")

    @contextmanager
    def session() -> Iterator[Session]:
        with Session(lost) as opened:
            yield opened

    monkeypatch.setattr(database, "read", session)
    monkeypatch.setattr(database, "write", session)


def test_machine_is_told_to_try_again(shop: Shop, request: pytest.FixtureRequest) -> None:
    request.getfixturevalue("_away")
    answer = shop.send("/track/user", {"id": "u1", "attributes": {}})
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "2"
    assert answer.json is not None
    assert answer.json["type"] == "UnavailableError"


@pytest.mark.parametrize("path", ["/customers", "/customers/1", "/settings/keys", "/login", "/nowhere"])
def test_person_sees_a_page_that_says_so(alice: FlaskClient, path: str, request: pytest.FixtureRequest) -> None:
    request.getfixturevalue("_away")
    answer = alice.get(path)
    assert answer.status_code == (404 if path == "/nowhere" else 503)
    assert "<h1>" in answer.get_data(as_text=True)


def test_process_is_still_healthy(alice: FlaskClient, request: pytest.FixtureRequest) -> None:
    request.getfixturevalue("_away")
    assert alice.get("/healthz").status_code == 200


def test_full_disk_is_told_as_such(shop: Shop) -> None:
    if not shop.database.is_sqlite:
        pytest.skip("a full disk of PostgreSQL can't be made here without root and a file system of its own")
    with shop.database.read() as session:
        pages = session.connection().exec_driver_sql("PRAGMA page_count").scalar()

    def fill(connection: Any, _: object) -> None:
        connection.execute(f"PRAGMA max_page_count={pages}")

    event.listen(shop.database.engine, "connect", fill)
    shop.database.engine.dispose()  # all connections from now on are new ones
    statuses = {
        shop.send("/track/user", {"id": f"u{number}", "attributes": {"a": "x" * 60_000}}).status_code
        for number in range(5)
    }
    assert statuses == {507}
    with pytest.raises(OperationalError, match="full"), shop.database.write() as session:
        session.connection().exec_driver_sql("CREATE TABLE another AS SELECT randomblob(1000000)")


def test_standby_that_only_reads_is_told_as_away(shop: Shop) -> None:
    if shop.database.is_sqlite:
        pytest.skip("only PostgreSQL has standbys")
    url = shop.database.engine.url.update_query_dict({"options": "-c default_transaction_read_only=on"})
    standby = create_app(settings_for(url.render_as_string(hide_password=False).replace("+psycopg", "")))
    answer = standby.test_client().post(
        "/track/user", json={"id": "u1", "attributes": {}}, headers={"x-growlytics-key": shop.key}
    )
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")
    standby.extensions["database"].engine.dispose()
