"""Moving a workspace by the console: from one installation to another, and what is refused in words."""

import stat
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.conftest import ENGINES, settings_for
from tests.server import create_database
from tests.world import SMALLEST
from webapp import create_app, migrate
from webapp.cli import commands
from webapp.db import Database

SECRET = "a secret for tests only"


@pytest.fixture(params=ENGINES)
def urls(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, str]:
    """An installation of SQLite, and one of each engine in turn."""
    here = f"sqlite:///{tmp_path}/here.sqlite3"
    if request.param == "sqlite":
        return here, f"sqlite:///{tmp_path}/there.sqlite3"
    return here, create_database(request.getfixturevalue("postgresql_server"))


def _run(url: str, *arguments: str) -> Result:
    environment = {"DATABASE_URL": url, "SECRET_KEY": SECRET}
    return CliRunner(env=environment).invoke(commands, arguments)


def _done(url: str, *arguments: str) -> str:
    result = _run(url, *arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


def _refused(url: str, *arguments: str) -> str:
    result = _run(url, *arguments)
    assert result.exit_code == 1, result.output
    assert isinstance(result.exception, SystemExit), "a traceback is no explanation"
    return result.stderr


def _sends(url: str, key: str) -> None:
    app = create_app(settings_for(url))
    for path, body in SMALLEST.items():
        answer = app.test_client().post(path, json=body, headers={"x-growlytics-key": key})
        assert answer.status_code == 200, path
    app.extensions["database"].engine.dispose()


def test_workspace_moves_by_the_console(
    urls: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)  # without anybody's .env
    here, there = urls
    migrate.upgrade(Database(settings_for(there).url))
    _sends(here, _done(here, "init").strip().splitlines()[-1].strip())
    file = tmp_path / "shop.ndjson.gz"
    assert "“My shop”" in _done(here, "export-workspace", str(file))
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert file.read_bytes().startswith(b"\x1f\x8b")
    assert "exists; --force replaces it" in _refused(here, "export-workspace", str(file))
    assert "“My shop” is here: 2 profiles, 4 events." in (said := _done(there, "import-workspace", str(file)))
    assert "/invitations/" in said
    for name, words in (("My shop", "give this one another name"), (" ", "has 1 to 100 characters")):
        assert words in _refused(there, "import-workspace", str(file), "--name", name)
    faults = _refused(there, "import-workspace", str(file), "--name", "Again")
    assert "is in this installation already" in faults
    assert "nothing was imported" in faults
    assert [line.split()[-2:] for line in _done(there, "workspace", "list").splitlines()] == [["My", "shop"]]
    again = tmp_path / "again.ndjson"
    _done(there, "export-workspace", "--workspace", "My shop", str(again))
    _done(here, "export-workspace", str(tmp_path / "plain.ndjson"))
    plain, moved = ((tmp_path / name).read_bytes().partition(b"\n")[2] for name in ("plain.ndjson", "again.ndjson"))
    assert moved == plain
    for url, action in ((here, "exported the whole workspace"), (there, "imported the workspace My shop")):
        assert action in _done(url, "audit", "list")
    assert "A new link to set up the first administrator" in _done(there, "init")
