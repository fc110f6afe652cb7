"""Imports from the console that were interrupted."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import select
from sqlalchemy.orm import Session

from tests.importing import figures
from tests.server import SECRET
from tests.world import Shop, rows
from webapp import importing
from webapp.cli import commands
from webapp.db import Database
from webapp.models import Import

ROWS = "".join(f"u{number},{number},2026-03-0{number % 9 + 1}\n" for number in range(700))


def _run(url: str, *arguments: str) -> Result:
    return CliRunner(env={"DATABASE_URL": url, "SECRET_KEY": SECRET}).invoke(commands, ["import", *arguments])


@pytest.fixture(autouse=True)
def _without_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "_PAUSE", 0)


@pytest.fixture
def file(shop: Shop, database_url: str, tmp_path: Path) -> str:
    """A file whose import was interrupted."""
    path = tmp_path / "a.csv"
    path.write_text(f"customer id,Points,Seen\n{ROWS}")
    keep = importing._Work._keep

    def interrupted(work: importing._Work, *given: Any) -> None:
        if work._rows:
            raise KeyboardInterrupt
        keep(work, *given)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(importing._Work, "_keep", interrupted)
        assert "Interrupted" in _run(database_url, str(path), "--map", "Points=score:number").output
    with shop.database.write() as session:
        session.scalars(select(Import)).one().leased_until = 0
    return str(path)


def test_same_options_go_on(shop: Shop, database_url: str, file: str) -> None:
    done = _run(database_url, file, "--map", "Points=score:number")
    assert "Going on with the import of a.csv after row 300." in done.output
    assert done.exit_code == 0
    with shop.database.read() as session:
        assert figures(session.scalars(select(Import)).one()) == {"rows": 700, "created": 700}


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("--map", "Points="),
        ("--map", "Points=score:number", "--bad", "row"),
        ("--map", "Points=score:number", "--encoding", "windows-1252"),
        ("--map", "Points=score:number", "--time-format", "day"),
    ],
)
def test_other_options_are_refused(shop: Shop, database_url: str, file: str, options: tuple[str, ...]) -> None:
    refused = _run(database_url, file, *options)
    assert "being imported already, but not as these options say" in refused.output
    assert refused.exit_code == 1
    with shop.database.read() as session:
        assert session.scalars(select(Import)).one().rows == 300


@pytest.mark.parametrize("options", [(), ("--dry-run",)])
def test_interrupted_before_anything_was_done(
    shop: Shop, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...]
) -> None:
    (tmp_path / "a.csv").write_text("id,Points\nu1,1\n")
    write = Database.write

    @contextmanager
    def interrupted(database: Database) -> Iterator[Session]:
        with write(database) as session:
            one = session.scalar(select(Import))
            if one is not None and one.state == "running":
                monkeypatch.setattr(Database, "write", write)
                raise KeyboardInterrupt
            yield session

    monkeypatch.setattr(Database, "write", interrupted)
    ended = _run(database_url, str(tmp_path / "a.csv"), *options)
    assert (ended.exit_code, "Aborted!" in ended.output) == (1, True), ended.exception
    assert rows(shop.database, Import) == 1
    with shop.database.read() as session:
        assert session.scalars(select(Import)).one().state == ("cancelled" if options else "running")
