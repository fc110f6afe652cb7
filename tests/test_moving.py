"""A workspace moved to another database, and back: the same profiles, and everything goes on as it would have."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from tests import conftest, counted, moved
from tests.conftest import settings_for
from tests.visitors import MINUTE, T0, login, seen, tell
from tests.world import NOON, Shop, stored
from webapp import merges, start, users
from webapp.config import Settings
from webapp.models import Customer, Merge, Note, User


@pytest.fixture
def elsewhere(
    shop: Shop, request: pytest.FixtureRequest, tmp_path: Path, sqlite_template: Path
) -> Iterator[Settings]:
    """The settings of another installation, which is empty and has the other engine."""
    if shop.database.is_sqlite:
        url: str = request.getfixturevalue("postgresql_database")
        conftest._empty(url)
    else:
        path = tmp_path / "elsewhere.sqlite3"
        shutil.copy(sqlite_template, path)
        url = f"sqlite:///{path}"
    yield settings_for(url)


@pytest.fixture
def full(shop: Shop, alice: FlaskClient) -> Shop:
    """The shop with everything in it."""
    moved.fill(shop, alice)
    return shop


@pytest.fixture
def there(full: Shop, elsewhere: Settings, tmp_path: Path) -> Iterator[Shop]:
    """The same workspace, moved to the other engine."""
    made = moved.bring(moved.export(full.database, full.workspace.id), elsewhere, tmp_path)
    yield made
    made.database.engine.dispose()


def test_profiles_are_the_same(full: Shop, there: Shop) -> None:
    assert moved.profiles(there) == moved.profiles(full)
    assert counted.differences(there.database) == []


def test_moved_twice_the_file_is_the_same(full: Shop, there: Shop, tmp_path: Path) -> None:
    first = moved.export(full.database, full.workspace.id)
    second = moved.export(there.database, there.workspace.id)
    assert moved.rest(second) == moved.rest(first)


def test_file_has_something_of_every_kind(full: Shop) -> None:
    lines = moved.export(full.database, full.workspace.id).splitlines()
    assert {line.split(b'"')[3].decode() for line in lines} == {"head", "end", *moved_kinds()}


def moved_kinds() -> set[str]:
    from webapp.moving.carried import BY_NAME

    return set(BY_NAME)
