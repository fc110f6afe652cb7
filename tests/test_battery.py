"""The reliability battery at the sizes of CI: real servers and databases, killed, starved and stormed."""

from pathlib import Path

import pytest

from tests.battery.disk import NoDiskError
from tests.battery.ground import Ground
from tests.battery.rows import ROWS, Row

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
