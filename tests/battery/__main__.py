"""Play the battery: `python -m tests.battery [--small] [--seed N] [ROW …]`. All rows at full size write the report."""

import argparse
import random
import signal
import sys
import tempfile
import time
from pathlib import Path

from tests.battery import report
from tests.battery.cluster import cluster
from tests.battery.ground import Ground
from tests.battery.report import Played
from tests.battery.rows import ROWS, Row
from tests.disks import NoDiskError


def main() -> int:
    """Play what is asked for, tell each row as it ends. Returns 1 when a promise was broken."""
    names = [row.name for row in ROWS]
    parser = argparse.ArgumentParser(prog="python -m tests.battery", description="The reliability battery.")
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"some of {', '.join(names)}; all without any")
    parser.add_argument("--small", action="store_true", help="the sizes of CI")
    parser.add_argument("--seed", type=int, help="chance, as an earlier run printed it")
    asked = parser.parse_args()
    if unknown := set(asked.rows) - set(names):
        parser.error(f"there is no row {', '.join(sorted(unknown))}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that servers and disks go with it
    seed = asked.seed if asked.seed is not None else random.randrange(1_000_000)
    print(f"seed {seed}", flush=True)
    with cluster() as postgresql:
        played = [
            _play(row, engine, row.small if asked.small else row.large, seed, postgresql.url)
            for row in ROWS
            if row.name in (asked.rows or names)
            for engine in row.engines
        ]
    if not asked.rows and not asked.small:
        print(report.write(played, seed, "make battery"))
    return int(any(one.outcome is not None and one.outcome.broken for one in played))


def _play(row: Row, engine: str, size: int, seed: int, postgresql_url: str) -> Played:
    began = time.monotonic()
    outcome, reason = None, ""
    with tempfile.TemporaryDirectory(prefix="battery-") as folder:
        try:
            outcome = row.play(Ground(engine, Path(folder), seed, postgresql_url), size)
        except NoDiskError as error:
            reason = str(error)
    played = Played(row, engine, outcome, time.monotonic() - began, reason)
    print(f"{row.name} {engine} ({played.seconds:.0f} s): {outcome or played.verdict}", flush=True)
    return played


if __name__ == "__main__":
    sys.exit(main())
