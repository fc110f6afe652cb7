"""docs/reliability.md, written by the battery itself."""

import os
import platform
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from tests.battery.outcome import Outcome
from tests.battery.rows import ROWS, Row
from webapp.db import sqlite_library

FILE = Path(__file__).parents[2] / "docs" / "reliability.md"
_PACKAGES = ("flask", "granian", "sqlalchemy", "psycopg")
_NAMES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}


@dataclass(frozen=True)
class Played:
    """A row on an engine, and what it came to; None with the reason where it can't be played here."""

    row: Row
    engine: str
    outcome: Outcome | None
    seconds: float
    reason: str = ""

    @property
    def verdict(self) -> str:
        """One word, or the reason."""
        if self.outcome is None:
            return f"not played: {self.reason}"
        return "**broken**" if self.outcome.broken else "held"


def write(played: Sequence[Played], seed: int, command: str) -> Path:
    """Write the report. Returns where it is."""
    FILE.write_text("\n".join(lines(played, seed, command)) + "\n")
    return FILE


def lines(played: Sequence[Played], seed: int, command: str) -> list[str]:
    """The report, as lines of Markdown."""
    return [
        "# Reliability, as measured",
        "",
        f"Written by `{command}`; don't edit. {datetime.now(UTC):%Y-%m-%d %H:%M} UTC, seed {seed}.",
        "",
        f"{_machine()} {_versions()}",
        "",
        "## The promise",
        "",
        "A 200 goes out only after the data is committed and synced to disk. Sending the same request again, any",
        "number of times, at once or after a crash, stores it once. Everything else gets a 4xx with all its reasons,",
        "or 429, 503 or 507 with `Retry-After`. Bad input never gets a 5xx.",
        "",
        "## What it came to",
        "",
        "*Lost* is what was acknowledged and isn't there, *duplicated* what is there more than once, *miscounted* the",
        "customers whose number of events isn't what is stored of them. *Held* says nothing of times, told below.",
        "",
        "| row | | engine | size | | minutes |",
        "|---|---|---|---|---|---|",
        *(_table_row(one) for one in played),
        "",
        *(line for row in ROWS for line in _section(row, [one for one in played if one.row is row])),
        "## Playing it again",
        "",
        "`make battery` plays all of it at the larger sizes and writes this file. `make battery SMALL=1` takes the",
        "sizes of CI and `ROWS='R1 F1'` some rows only; then it prints the figures and leaves this file alone.",
        "`SEED=…` repeats the chance of an earlier run. The suite (`make test`) plays the sizes of CI every time.",
        "R4 mounts a disk of its own, for which it must be root.",
    ]


def _table_row(one: Played) -> str:
    size = one.outcome.size if one.outcome else "–"
    name = f"[{one.row.name}](#{one.row.name.lower()})"
    return f"| {name} | {one.row.title} | {_NAMES[one.engine]} | {size} | {one.verdict} | {one.seconds / 60:.1f} |"


def _section(row: Row, played: Sequence[Played]) -> list[str]:
    told = [one for one in played if one.outcome is not None]
    if not told:
        return []
    names = list(dict.fromkeys(name for one in told if one.outcome for name in one.outcome.figures))
    heads = " | ".join(_NAMES[one.engine] for one in told)
    lines = [f"### {row.name}", "", f"{row.title}. {row.what}", "", f"| | {heads} |", "|---" * (len(told) + 1) + "|"]
    for name in names:
        cells = " | ".join(one.outcome.figures.get(name, "–") for one in told if one.outcome)
        lines.append(f"| {name} | {cells} |")
    broken = [f"- {_NAMES[one.engine]}: {fault}" for one in told if one.outcome for fault in one.outcome.broken]
    return [*lines, "", *(["Broken:", "", *broken, ""] if broken else [])]


def _machine() -> str:
    cpus = [line.split(":")[1].strip() for line in _read("/proc/cpuinfo") if line.startswith("model name")]
    memory = next((int(line.split()[1]) for line in _read("/proc/meminfo") if line.startswith("MemTotal")), 0)
    model = cpus[0] if cpus else platform.machine()
    return f"{os.cpu_count()} cores ({model}), {memory / 1e6:.0f} GB, {platform.system()}."


def _versions() -> str:
    packages = ", ".join(f"{name} {version(name)}" for name in _PACKAGES)
    sqlite = ".".join(map(str, sqlite_library().sqlite_version_info))
    commit = subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False)
    return f"Commit {commit.stdout.strip()}, Python {platform.python_version()}, SQLite {sqlite}, {packages}."


def _read(path: str) -> list[str]:
    try:
        return Path(path).read_text().splitlines()
    except OSError:
        return []
