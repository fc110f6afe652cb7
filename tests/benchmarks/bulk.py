"""Events by `POST /api/v1/batch`, beside a plain `executemany` of the same rows into the same tables."""

import itertools
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from typing import Any

from sqlalchemy import Connection, bindparam, column, insert, update
from sqlalchemy.dialects import postgresql, sqlite

from tests.benchmarks import databases, events, memory
from tests.benchmarks.outcome import BenchmarkError, Outcome, ratios
from tests.benchmarks.stage import Sender, Stage, check_stored
from tests.server import LiveServer
from webapp.db import Base
from webapp.models import Customer, Event, EventCount

PATH = "/api/v1/batch"
MOST_CHANGES = 1000  # in one body
LEAST_OF_INSERTS = 0.5
_MADE_A_SECOND = 20_000  # events that are made ready for each second of sending; what is left over is dropped
_INSERTED_ALIKE = 10_000  # rows that are taken as they are stored, and stored again under other times

Store = Callable[[Connection, list[dict[str, Any]]], None]


def run(stage: Stage) -> Outcome:
    """Measure all of it in turn, round by round."""
    one: list[float] = []
    two: list[float] = []
    alike: list[float] = []
    plain: list[float] = []
    customers = stage.system_ids
    with stage.database() as url:
        with stage.product(url) as product, memory.Watch(product.pid) as watch:
            Sender(product, customers, stage.runs).send_each(customers)
            batches = Batches(product, customers, stage.runs)
            batches.send(1, 1)  # so that there are enough rows to store again
            inserts = Inserts(url)
            for _ in range(stage.rounds):
                one.append(batches.send(1, stage.seconds))
                alike.append(inserts.per_second(stage.seconds, insert_alike))
                plain.append(inserts.per_second(stage.seconds, insert_events))
                two.append(batches.send(2, stage.seconds))
                watch.mark()
        check_stored(url, len(customers) + batches.accepted + inserts.stored)
    found = Outcome()
    found.measure("events in batches of 1,000, one connection", "/s", one)
    found.measure("events in batches of 1,000, two connections", "/s", two)
    found.measure("executemany of the same rows into the same tables, no HTTP", "/s", alike)
    found.measure("executemany of the events alone, no HTTP", "/s", plain)
    found.measure("memory of the server after each round", "MB", watch.marks)
    found.at_least("one connection, of executemany into the same tables", "×", ratios(one, alike), LEAST_OF_INSERTS)
    found.at_least("two connections, of executemany into the same tables", "×", ratios(two, alike), LEAST_OF_INSERTS)
    found.measure("one connection, of executemany of the events alone", "×", ratios(one, plain))
    found.at_most("memory at its most", "MB", [watch.most], memory.MOST)
    return found


def post(connection: HTTPConnection, key: str, changes: Sequence[str]) -> int:
    """Send changes, each of them JSON, as one batch. Returns how many were accepted; a refused one is an error."""
    body = '{"changes": [' + ",".join(changes) + "]}"
    connection.request("POST", PATH, body, {"Content-Type": "application/json", "x-growlytics-key": key})
    response = connection.getresponse()
    told = response.read()
    answer = json.loads(told) if response.status == 200 else {}
    if answer.get("accepted") != len(changes):
        raise BenchmarkError(f"a batch was not taken: {response.status} {told[:2000].decode()}")
    return len(changes)


class Batches:
    """Sends batches of events to a server, always new ones, made ready before the clock runs."""

    def __init__(self, running: LiveServer, customers: Sequence[str], runs: Iterator[int]) -> None:
        self.accepted = 0
        self._server, self._customers, self._runs = running, customers, runs

    def send(self, connections: int, seconds: int) -> float:
        """Send for some seconds over some connections at once. Returns the events accepted in a second."""
        size = _MADE_A_SECOND * seconds // connections // MOST_CHANGES
        piles = [self._made(size) for _ in range(connections)]
        started = time.monotonic()
        with ThreadPoolExecutor(connections) as senders:
            accepted = sum(senders.map(self._send, piles, itertools.repeat(started + seconds)))
        self.accepted += accepted
        return accepted / (time.monotonic() - started)

    def _made(self, size: int) -> list[list[str]]:
        bodies = events.stream(self._customers, next(self._runs))
        changes = (body.replace("{", '{"type": "event", ', 1) for body in bodies)
        return [list(itertools.islice(changes, MOST_CHANGES)) for _ in range(size)]

    def _send(self, pile: list[list[str]], until: float) -> int:
        connection = HTTPConnection(self._server.url.removeprefix("http://"), timeout=60)
        accepted = 0
        for changes in pile:
            accepted += post(connection, self._server.key, changes)
            if time.monotonic() > until:
                break
        connection.close()
        return accepted


class Inserts:
    """Inserts rows of events like those of a database by SQLAlchemy Core, 1,000 to a transaction."""

    def __init__(self, url: str) -> None:
        self.stored = 0
        self._url = url
        self._rows = databases.rows(url, _INSERTED_ALIKE)

    def per_second(self, seconds: float, store: Store) -> float:
        """How many events a second, over some seconds; the time it takes to make rows of them is not counted."""
        database = databases.opened(self._url)
        engine = database.engine.execution_options(begin="IMMEDIATE")
        before, taken = self.stored, 0.0
        while taken < seconds:
            rows = self._next()
            started = time.monotonic()
            with engine.begin() as connection:
                store(connection, rows)
            taken += time.monotonic() - started
            self.stored += len(rows)
        database.engine.dispose()
        return (self.stored - before) / taken

    def _next(self) -> list[dict[str, Any]]:
        places = (divmod(place, len(self._rows)) for place in range(self.stored, self.stored + MOST_CHANGES))
        rows = ((self._rows[place], again) for again, place in places)
        return [row | {"reported_at": row["reported_at"] + 1 + again} for row, again in rows]


def insert_events(connection: Connection, rows: list[dict[str, Any]]) -> None:
    """Store nothing but the events."""
    connection.execute(insert(Event), rows)


def insert_alike(connection: Connection, rows: list[dict[str, Any]]) -> None:
    """What a batch stores: the events, how many of each name a customer has, and the figures of the customers."""
    insert_events(connection, rows)
    counts = Counter((row["customer_id"], row["name"]) for row in rows)
    connection.execute(
        _COUNTING[connection.dialect.name],
        [{"customer_id": id_, "name": name, "count": number} for (id_, name), number in counts.items()],
    )
    numbers = Counter(row["customer_id"] for row in rows)
    latest = {row["customer_id"]: row["reported_at"] for row in rows}
    connection.execute(
        _SEEING, [{"whose": id_, "more": number, "at": latest[id_]} for id_, number in sorted(numbers.items())]
    )


def _counting(statement: Any) -> Any:
    added = {"count": EventCount.count + statement.excluded.count}
    return statement.on_conflict_do_update(index_elements=["customer_id", "name"], set_=added)


_COUNTING = {"sqlite": _counting(sqlite.insert(EventCount)), "postgresql": _counting(postgresql.insert(EventCount))}
_SEEING = (
    update(Base.metadata.tables[Customer.__tablename__])
    .where(column("id") == bindparam("whose"))
    .values(
        own_event_count=Customer.own_event_count + bindparam("more"),
        event_count=Customer.event_count + bindparam("more"),
        last_seen_at=bindparam("at"),
    )
)
