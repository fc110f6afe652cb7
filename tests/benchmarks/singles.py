"""Single events by `POST /track/event/v2`, beside what the framework and the database alone can do."""

import time
from typing import Any

from tests.benchmarks import databases, events, memory, wrk
from tests.benchmarks.outcome import Outcome, ratios
from tests.benchmarks.stage import Sender, Stage, check_stored
from webapp.models import Event

CONNECTIONS = 32
LONGEST = 60  # ms for 99 of 100 requests
LEAST_OF_BARE = {"sqlite": 0.5, "postgresql": 0.6}
LEAST_OF_COMMITS = 0.6
_WARMING = 1  # seconds before anything is measured
_COMMITTED_ALIKE = 1000  # rows that are taken as they are stored, and stored again under other times


def run(stage: Stage) -> Outcome:
    """Measure all of it in turn, round by round."""
    many: list[wrk.Load] = []
    one: list[wrk.Load] = []
    bare: list[wrk.Load] = []
    commits: list[float] = []
    customers = stage.system_ids
    with stage.database() as url:
        with stage.bare() as bare_url, stage.product(url) as product, memory.Watch(product.pid) as watch:
            sender = Sender(product, customers, stage.runs)
            sender.send_each(customers)
            files = events.write(product.folder, customers)
            wrk.send(bare_url, "none", CONNECTIONS, _WARMING, files, next(stage.runs))
            sender.send(CONNECTIONS, _WARMING)
            alone = Commits(url)
            for _ in range(stage.rounds):
                bare.append(wrk.send(bare_url, "none", CONNECTIONS, stage.seconds, files, next(stage.runs)))
                many.append(sender.send(CONNECTIONS, stage.seconds))
                one.append(sender.send(1, stage.seconds))
                commits.append(alone.per_second(stage.seconds))
                watch.mark()
        check_stored(url, sender.answered + alone.stored, sender.in_flight)
    return _outcome(stage.engine, many, one, bare, commits, watch)


def _outcome(
    engine: str,
    many: list[wrk.Load],
    one: list[wrk.Load],
    bare: list[wrk.Load],
    commits: list[float],
    watch: memory.Watch,
) -> Outcome:
    found = Outcome()
    rates, bare_rates, one_rates = ([load.rate for load in loads] for loads in (many, bare, one))
    slowest = [load.p99 for load in many]
    found.measure("events, 32 connections", "/s", rates)
    found.measure("events, 32 connections: median", "ms", [load.p50 for load in many])
    found.measure("events, 32 connections: 99th percentile", "ms", slowest)
    found.measure("bare Flask app, 32 connections", "/s", bare_rates)
    found.measure("bare Flask app, 32 connections: 99th percentile", "ms", [load.p99 for load in bare])
    found.measure("events, one connection", "/s", one_rates)
    found.measure("events, one connection: median", "ms", [load.p50 for load in one])
    found.measure("single-row commits in a loop, no HTTP", "/s", commits)
    found.measure("memory of the server after each round", "MB", watch.marks)
    found.at_least("32 connections, of the bare Flask app", "×", ratios(rates, bare_rates), LEAST_OF_BARE[engine])
    found.at_most("32 connections, 99th percentile", "ms", slowest, LONGEST)
    found.at_least("one connection, of single-row commits", "×", ratios(one_rates, commits), LEAST_OF_COMMITS)
    found.at_most("memory at its most", "MB", [watch.most], memory.MOST)
    return found


class Commits:
    """Commits of one row each to a database that holds events, by its driver, from a loop: what it can do at best."""

    def __init__(self, url: str) -> None:
        self.stored = 0
        self._url = url
        self._rows = databases.rows(url, _COMMITTED_ALIKE)

    def per_second(self, seconds: float) -> float:
        """How many a second, over some seconds."""
        connection = databases.driver(self._url)
        statement = _insert(self._rows[0], "?" if self._url.startswith("sqlite") else "%s")
        started, before = time.monotonic(), self.stored
        while (taken := time.monotonic() - started) < seconds:
            connection.execute(statement, self._next())
        connection.close()
        return (self.stored - before) / taken

    def _next(self) -> tuple[Any, ...]:
        again, place = divmod(self.stored, len(self._rows))
        self.stored += 1
        row = self._rows[place]
        return tuple((row | {"reported_at": row["reported_at"] + 1 + again}).values())


def _insert(row: dict[str, Any], mark: str) -> str:
    marks = ", ".join([mark] * len(row))
    return f"INSERT INTO {Event.__tablename__} ({', '.join(row)}) VALUES ({marks})"
