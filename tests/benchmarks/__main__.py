"""Measure, keep what was found in `build/bench/`, and write `docs/benchmarks.md` from all that is kept there."""

import argparse
import importlib
import os
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from tests.benchmarks import databases, report, wrk
from tests.benchmarks.outcome import BenchmarkError, Outcome
from tests.benchmarks.stage import Stage

_CHECKOUT = Path(__file__).parents[2]
_KEPT = _CHECKOUT / "build" / "bench"
_PAGE = _CHECKOUT / "docs" / "benchmarks.md"


def main() -> int:
    """Run the benchmark. Returns the exit status: 0 when all was measured, whether or not targets are met."""
    asked = _asked()
    if not wrk.is_there():
        _say(wrk.MISSING)
        return 1
    _KEPT.mkdir(parents=True, exist_ok=True)
    failed = False
    for part in asked.parts or report.PARTS:
        for engine in asked.engine or report.PARTS[part].engines:
            _say(f"{part} on {engine} …")
            started = time.monotonic()
            try:
                _measure(part, engine, asked)
            except BenchmarkError as error:
                _say(f"  not measured: {error}")
                failed = True
            else:
                _PAGE.write_text(report.page(_KEPT))
                _say(f"  {time.monotonic() - started:.0f} s; written to {_PAGE.relative_to(_CHECKOUT)}")
    return int(failed)


def _measure(part: str, engine: str, asked: argparse.Namespace) -> None:
    with ExitStack() as stack:
        # Its own server for each part: what one part has left to be vacuumed must not slow down the next.
        load = os.getloadavg()[0]
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=_KEPT)))
        running = stack.enter_context(databases.postgresql(folder)) if engine == "postgresql" else None
        described = databases.described(databases.create(engine, folder, running))
        stage = Stage(engine, asked.rounds, asked.seconds, folder, running, purchases=asked.purchases)
        outcome: Outcome = importlib.import_module(report.PARTS[part].module).run(stage)
    for target in outcome.targets:
        _say(f"  {report.met(target)} {target.label}: {report.figure(target)}, wanted {report.limit(target)}")
    report.keep(_KEPT, part, stage, described, outcome, load)


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"all, or some of: {', '.join(report.PARTS)}")
    parser.add_argument("--engine", action="append", choices=databases.ENGINES, help="both, unless one is chosen")
    parser.add_argument("--rounds", type=int, default=5, help="(%(default)s)")
    parser.add_argument("--seconds", type=int, default=5, help="for each measurement of each round (%(default)s)")
    parser.add_argument("--purchases", type=Path, help="CSV: customer_id,date,number_of_cds,dollar_value")
    asked = parser.parse_args()
    if unknown := set(asked.parts) - set(report.PARTS):
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    return asked


def _say(words: str) -> None:
    print(words, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
