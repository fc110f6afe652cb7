"""The page of all that is kept: targets first, then what was measured, part by part."""

import json
import statistics
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from tests.benchmarks import machine
from tests.benchmarks.databases import ENGINES
from tests.benchmarks.outcome import Measure, Outcome, Target
from tests.benchmarks.stage import Stage


class Part(NamedTuple):
    """A part of the benchmark: the module whose `run` takes a stage and returns an outcome, and what it does."""

    module: str
    title: str
    words: str
    engines: tuple[str, ...] = ENGINES


PARTS = {
    "singles": Part(
        "tests.benchmarks.singles",
        "Single events",
        """\
`POST /track/event/v2`, about 600 bytes, no two alike, of 1,000 customers, sent by `wrk`. The bare Flask app only parses
the same JSON and answers `{"success": true}`, on the same WSGI server with the same settings. Single-row commits are a
loop over the database's driver that stores the same rows in the same table, without HTTP.
""",
    ),
    "batch": Part(
        "tests.benchmarks.bulk",
        "Batches",
        """\
`POST /api/v1/batch` with 1,000 such events in a body. A plain `executemany` of SQLAlchemy Core stores the same rows in
the same tables, 1,000 events to a transaction: the events, how many a customer has of each name, and the customers'
figures. What it does when it stores the events alone is told beside it, and is no target.
""",
    ),
    "purchases": Part(
        "tests.benchmarks.purchases",
        "A shop's whole history",
        """\
A CSV file of purchases, loaded into an empty database: by batches, and by `examples/load_purchases.py` with single
requests.
""",
    ),
    "imports": Part(
        "tests.benchmarks.imports",
        "CSV files",
        """\
`customer-profiles import`, on an empty database without other load: a file of customers with seven attributes each,
then one of purchases, whose customers are made by that.
""",
    ),
    "memory": Part(
        "tests.benchmarks.endurance",
        "Memory",
        """\
All processes of one server that takes single events over 32 connections and batches over two, and goes on doing so.
""",
    ),
    "growth": Part(
        "tests.benchmarks.growth",
        "Growth",
        """\
The same loads, of 1,000 customers, on databases that hold 10,000 to 10,000,000 events already. Beside them, as no
target, loads of any of 100,000 customers (10,000 where there are no more), chosen at random: nearly every event is then
written to pages of its own.
""",
    ),
    "reading": Part(
        "tests.benchmarks.pages",
        "Reading",
        """\
The pages of a shop of 1,000,000 customers and 10,000,000 events, over HTTP, while other events come in: the times of
whole answers, a little more than the server's own.
""",
    ),
    "sdk": Part(
        "tests.benchmarks.sdk",
        "Browser SDK",
        """\
What the script costs a shop's page, in a real Chromium on this machine, without other load. The main thread's time is
that of all its tasks until the page visit has been told.
""",
        ("sqlite",),
    ),
}
_NAMES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}
_HEAD = """\
# Benchmarks

Written by `make bench`; nothing here is written by hand. To measure again, or only some of it:

```sh
make bench                                                       # everything
make bench ARGS="singles batch --engine sqlite --rounds 5 --seconds 5"
make bench ARGS="purchases --purchases purchases.csv"            # customer_id,date,number_of_cds,dollar_value
```

The server is `customer-profiles serve` with its default settings, in processes of its own; the load is made on the same
cores. Commits are synced on both engines: SQLite with `synchronous=FULL` in WAL, PostgreSQL with `fsync`,
`synchronous_commit` and `full_page_writes`. Variants take turns within each round. A figure is the median over the
rounds, with the least and the most in brackets; a ratio is the median of the ratios of each round. A measurement in
which anything is refused, or after which not just what was answered with success is stored, is not reported at all.
Memory adds up the resident sets of all processes of the server, in units of 10⁶ bytes.
"""


class _Kept(NamedTuple):
    date: str
    how: str
    facts: dict[str, dict[str, str]]
    outcome: Outcome


def keep(folder: Path, part: str, stage: Stage, database: dict[str, str], outcome: Outcome, load: float) -> None:
    """Keep what a part has found on an engine, in the place of what it found before.

    `load`: how many processes wanted to run before it began, which should be none.
    """
    found = {
        "date": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "how": f"{stage.rounds} rounds of {stage.seconds} s, on a machine with a load of {load:.1f} before",
        "facts": {"machine": machine.machine(folder), "versions": machine.versions(), "database": database},
        "outcome": outcome.to_json(),
    }
    _file(folder, part, stage.engine).write_text(json.dumps(found, indent=1))


def page(folder: Path) -> str:
    """The page, in Markdown, of all that is kept in a folder."""
    kept = {part: _read(folder, part) for part in PARTS}
    sections = [_HEAD, "## Targets\n", _targets(kept), *_surroundings(kept)]
    for part, by_engine in kept.items():
        if by_engine:
            sections += _section(PARTS[part], by_engine)
    return "\n".join(sections)


def figure(measured: Measure | Target) -> str:
    """The median, and the range where there was more than one round."""
    middle = _number(statistics.median(measured.values))
    if len(measured.values) == 1:
        return f"{middle} {measured.unit}"
    return f"{middle} {measured.unit} ({_number(min(measured.values))}–{_number(max(measured.values))})"


def limit(target: Target) -> str:
    """What is wanted."""
    return f"{'≥' if target.is_least else '≤'} {target.limit:g} {target.unit}"


def met(target: Target) -> str:
    """Whether it is met, in a sign."""
    return "✓" if target.is_met else "✗"


def _file(folder: Path, part: str, engine: str) -> Path:
    return folder / f"{part}-{engine}.json"


def _read(folder: Path, part: str) -> dict[str, _Kept]:
    found = {}
    for engine in ENGINES:
        file = _file(folder, part, engine)
        if file.exists():
            kept: dict[str, Any] = json.loads(file.read_text())
            found[engine] = _Kept(kept["date"], kept["how"], kept["facts"], Outcome.from_json(kept["outcome"]))
    return found


def _number(value: float) -> str:
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _labels(of_engines: Sequence[Sequence[Measure] | Sequence[Target]]) -> list[str]:
    return list(dict.fromkeys(one.label for some in of_engines for one in some))


def _targets(kept: dict[str, dict[str, _Kept]]) -> str:
    rows = []
    for part, by_engine in kept.items():
        of_engines = {engine: found.outcome.targets for engine, found in by_engine.items()}
        for label in _labels(list(of_engines.values())):
            one = {engine: target for engine, some in of_engines.items() for target in some if target.label == label}
            wanted = " / ".join(dict.fromkeys(limit(target) for target in one.values()))
            cells = [f"{met(one[engine])} {figure(one[engine])}" if engine in one else "–" for engine in ENGINES]
            rows.append([f"{PARTS[part].title}: {label}", wanted, *cells])
    return _table(["", "wanted", *_NAMES.values()], rows)


def _surroundings(kept: dict[str, dict[str, _Kept]]) -> Iterator[str]:
    every = sorted((found for by_engine in kept.values() for found in by_engine.values()), key=lambda one: one.date)
    facts: dict[str, str] = {}
    for found in every:  # the latest holds
        facts |= found.facts["machine"] | found.facts["versions"]
    for engine in ENGINES:
        for by_engine in kept.values():
            if engine in by_engine:
                database = by_engine[engine].facts["database"]
                settings = ", ".join(f"`{name}={value}`" for name, value in database.items() if name != "version")
                facts[_NAMES[engine]] = f"{database['version']}, {settings}"
    yield "## Machine and versions\n"
    yield _table(["", ""], [[name, value] for name, value in facts.items()])


def _section(part: Part, by_engine: dict[str, _Kept]) -> Iterator[str]:
    yield f"## {part.title}\n"
    yield part.words
    of_engines = {engine: found.outcome.measures for engine, found in by_engine.items()}
    rows = []
    for label in _labels(list(of_engines.values())):
        one = {engine: measure for engine, some in of_engines.items() for measure in some if measure.label == label}
        rows.append([label, *(figure(one[engine]) if engine in one else "–" for engine in ENGINES)])
    yield _table(["", *_NAMES.values()], rows)
    for engine, found in by_engine.items():
        version = found.facts["versions"]["Customer Profiles"]
        notes = " ".join(found.outcome.notes)
        yield f"{_NAMES[engine]}: {found.date}, version {version}, {found.how}. {notes}".strip() + "\n"
