"""What a figure can't be read without: the machine, and the versions of everything that took part."""

import os
import platform
import shutil
import statistics
import subprocess
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

_PACKAGES = {"Flask": "flask", "granian": "granian", "SQLAlchemy": "sqlalchemy", "psycopg": "psycopg"}
_SYNCS = 200


def machine(folder: Path) -> dict[str, str]:
    """The machine, and how long its disk takes to sync 4 KiB to a file in this folder."""
    return {
        "Processor": f"{_line('/proc/cpuinfo', 'model name')}, {os.cpu_count()} cores",
        "Memory": f"{int(_line('/proc/meminfo', 'MemTotal').split()[0]) / 1e6:.1f} GB",
        "Kernel": f"{platform.system()} {platform.release()} {platform.machine()}",
        "Writing 4 KiB and syncing it": f"{_sync(folder):.2f} ms (median of {_SYNCS})",
    }


def versions() -> dict[str, str]:
    """The product, Python and the packages that carry a request."""
    found = {"Customer Profiles": f"{version('customer-profiles')}{_commit()}", "Python": platform.python_version()}
    return found | {name: version(package) for name, package in _PACKAGES.items()}


def _commit() -> str:
    command = ["git", "describe", "--always", "--dirty", "--exclude=*"]
    folder = Path(__file__).parent
    if shutil.which("git") is None:
        return ""
    told = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False).stdout.strip()
    return told and f" ({told})"


def _line(path: str, name: str) -> str:
    lines = (line.partition(":") for line in Path(path).read_text().splitlines())
    return next((value.strip() for key, _, value in lines if key.strip() == name), "unknown")


def _sync(folder: Path) -> float:
    times = []
    with tempfile.TemporaryFile(dir=folder, buffering=0) as file:
        for _ in range(_SYNCS):
            started = time.perf_counter()
            file.write(bytes(4096))
            os.fdatasync(file.fileno())
            times.append(time.perf_counter() - started)
    return statistics.median(times) * 1000
