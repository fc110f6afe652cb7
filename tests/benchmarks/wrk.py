"""Load by `wrk`, which leaves most of the machine to the server."""

import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks import events
from tests.benchmarks.outcome import BenchmarkError
from webapp import clock

_SCRIPT = Path(__file__).with_name("events.lua")
_PATIENCE = 60  # seconds until an answer counts as none; what is slower than wrk's usual 2 is slow, not lost
MISSING = "wrk, which makes the load, is missing: install the Debian package wrk."


@dataclass(frozen=True)
class Load:
    """What came of some seconds of load: requests answered with success in a second, and latencies in ms."""

    answered: int
    rate: float
    p50: float
    p99: float


def is_there() -> bool:
    """Whether wrk is installed."""
    return shutil.which("wrk") is not None


def send(url: str, key: str, connections: int, seconds: int, files: tuple[Path, Path], run: int) -> Load:
    """Send events for some seconds, each connection one after the other.

    `files` come from `events.write`; `run` tells these events from all others. Raises BenchmarkError when anything
    but success is answered, or a connection breaks.
    """
    command: list[str | Path] = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency"]
    start = clock.now() - clock.DAY
    command += [f"--timeout={_PATIENCE}s", "-s", _SCRIPT, url + events.PATH, "--", key, *files, str(run), str(start)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 2 * _PATIENCE, check=False)
    if done.returncode != 0:
        raise BenchmarkError(f"wrk failed: {done.stdout}{done.stderr}")
    seen = json.loads(done.stdout.splitlines()[-1])
    if seen["refused"] or seen["broken"] or not seen["requests"]:
        words = "{requests} requests, {refused} refused, {broken} without an answer".format_map(seen)
        raise BenchmarkError(f"not every event was taken: {words}")
    rate = seen["requests"] / seen["microseconds"] * 1_000_000
    return Load(seen["requests"], rate, seen["p50"] / 1000, seen["p99"] / 1000)
