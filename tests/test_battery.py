"""The reliability battery at the sizes of CI: real servers and databases, killed, starved and stormed."""

from pathlib import Path

import pytest

from tests.battery import report
from tests.battery.ground import Ground
from tests.battery.outcome import Outcome
from tests.battery.report import Played
from tests.battery.rows import ROWS, Row
from tests.disks import NoDiskError

SEED = 4


@pytest.mark.parametrize(
    ("row", "engine"), [pytest.param(row, engine, id=f"{row.name}-{engine}") for row in ROWS for engine in row.engines]
)
def test_promise_holds(
    row: Row, engine: str, tmp_path: Path, postgresql_server: str, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        outcome = row.play(Ground(engine, tmp_path, SEED, postgresql_server), row.small)
    except NoDiskError as error:
        pytest.skip(str(error))
    with capsys.disabled():
        print(f"\n{row.name} {engine}, seed {SEED}: {outcome}", flush=True)
    assert not outcome.broken


def test_report_says_what_was_broken_and_what_was_not_played() -> None:
    broken = Outcome("1 kill", {"acknowledged": "7", "lost": "2"}, ["2 lost"])
    played = [Played(ROWS[0], "sqlite", broken, 90, ""), Played(ROWS[2], "sqlite", None, 0, "no disk here")]
    lines = report.lines(played, SEED, "make battery")
    assert "| [R1](#r1) | The server is killed | SQLite | 1 kill | **broken** | 1.5 |" in lines
    assert "| [R4](#r4) | The disk is full | SQLite | – | not played: no disk here | 0.0 |" in lines
    assert lines[lines.index("| lost | 2 |") + 1 :][:3] == ["", "Broken:", ""]
    assert "- SQLite: 2 lost" in lines
