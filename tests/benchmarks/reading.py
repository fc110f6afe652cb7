"""How long the pages of a big shop take while events come in: `python -m tests.benchmarks.reading`.

The real server process is asked over HTTP, one page at a time over one connection, while another connection sends
events at a steady rate. Times are those of the whole answer, so they are a little more than the server's own.
"""

import argparse
import http.client
import json
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import cycle
from pathlib import Path
from random import Random
from typing import Any, NamedTuple
from urllib.parse import urlencode

from sqlalchemy import func, select

from tests.benchmarks import databases
from tests.benchmarks.crowd import FIRST_SYSTEM_ID, PREFIX
from tests.benchmarks.generate import SEED, filled, sample_bodies
from tests.server import SECRET, LiveServer
from webapp import clock, config, create_app, tokens, users
from webapp.db import Database
from webapp.models import Customer, Event, User, Workspace

RATE = 100  # events a second that come in meanwhile
DEPTH = 100_000
_WARM_UP = 5
# What the list is filtered by: each kind of condition, those that nobody or hardly anybody meets, and several together.
_FILTERS = (
    ("City = Pune",),
    ("City != Pune",),
    ("Loyalty Points > 4990",),
    ("has Preference 01",),
    ("lacks email",),
    ("email contains info.a",),
    ("name contains zz",),
    ("did Purchased",),
    ("did not Purchased",),
    ("did Purchased 3 times in 30 days",),
    ("did Purchased 2 times from 2025-01-01 to 2025-03-01",),
    ("did Nothing",),
    ("first seen from 2024-06-01 to 2024-06-30",),
    ("last seen to 2025-01-31",),
    ("City = Pune", "Loyalty Points > 4000", "did Purchased 2 times"),
    ("email contains info.a", "City = Pune", "did not Purchased"),
)
# The busiest customer's timeline, likewise.
_NARROWED = (
    "event=Purchased&event=Add+To+Cart",
    "text=nothing+like+this",
    "event=Purchased&text=mixer&from=2025-01-01&to=2025-06-30",
    "by=visit",
    "by=visit&event=Purchased",
    "show=visit&show=change&show=merge",
    "at=first",
)
WHERE = " where "  # in the names of pages that are filtered
_SHOWN = ("email", "attribute:City", "attribute:Loyalty Points", "events", "last_seen")
_TIMEOUT = 60  # seconds
_BODIES = 100


class Row(NamedTuple):
    """How long a page takes: ms of so many requests."""

    page: str
    rounds: int
    median: float
    percentile_99: float
    slowest: float


class Result(NamedTuple):
    """What was measured, and how many events a second came in meanwhile."""

    rows: list[Row]
    events_per_second: float


class _Question(NamedTuple):
    """A request for a page, or for the place on it (`target`) that htmx would replace; `shows`: what must be in it."""

    path: str
    target: str | None
    shows: str


def measure(database_url: str, rounds: int = 200) -> Result:
    """Ask for each page `rounds` times, in turn, of a database that `generate` has filled."""
    app = create_app(config.load(_env_file=None, database_url=database_url, secret_key=SECRET))
    database: Database = app.extensions["database"]
    questions = _questions(database, Random(SEED))
    with tempfile.TemporaryDirectory() as folder:
        server = LiveServer(database_url, Path(folder))
        key = server.run("key", "create", "--name", "Benchmark")
        cookie = _signed_in(app, database)
        database.engine.dispose()
        try:
            server.start()
            with _ingesting(server.port, key) as stored:
                began = time.monotonic()
                times = _ask(server.port, cookie, questions, rounds)
                rate = len(stored) / (time.monotonic() - began)
        finally:
            server.stop()
    return Result([_row(page, some) for page, some in times.items()], rate)


def _row(page: str, times: Sequence[float]) -> Row:
    percentiles = statistics.quantiles(times, n=100, method="inclusive")
    return Row(page, len(times), statistics.median(times), percentiles[98], max(times))


def _ask(
    port: int, cookie: str, questions: dict[str, Callable[[], _Question]], rounds: int
) -> dict[str, list[float]]:  # fmt: skip
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_TIMEOUT)
    times: dict[str, list[float]] = {page: [] for page in questions}
    for number in range(_WARM_UP + rounds):
        for page, question in questions.items():
            asked = question()
            headers = {"Cookie": cookie}
            if asked.target is not None:
                headers |= {"HX-Request": "true", "HX-Target": asked.target}
            began = time.perf_counter()
            connection.request("GET", asked.path, headers=headers)
            answer = connection.getresponse()
            text = answer.read().decode()
            took = 1000 * (time.perf_counter() - began)
            assert answer.status == 200, (page, asked, answer.status)
            assert asked.shows in text, (page, asked)
            if number >= _WARM_UP:
                times[page].append(took)
    connection.close()
    return times


@contextmanager
def _ingesting(port: int, key: str) -> Iterator[list[int]]:
    """Events come in at a steady rate meanwhile; yields the list that the stored ones' places are added to."""
    stored: list[int] = []
    is_over = threading.Event()
    failures: list[object] = []

    def send() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_TIMEOUT)
        headers = {"x-growlytics-key": key, "Content-Type": "application/json"}
        bodies = cycle(sample_bodies("", _BODIES))
        began = time.monotonic()
        while not is_over.wait(max(0.0, began + len(stored) / RATE - time.monotonic())):
            customer = f"C{FIRST_SYSTEM_ID + 11 + len(stored) * 100 % 10_000}"
            body = json.dumps(next(bodies) | {"customerId": customer, "time": clock.now()})
            connection.request("POST", "/track/event/v2", body=body, headers=headers)
            answer = connection.getresponse()
            text = answer.read()
            if answer.status != 200:
                failures.append((answer.status, text))
                return
            stored.append(len(stored))

    thread = threading.Thread(target=send)
    thread.start()
    try:
        yield stored
    finally:
        is_over.set()
        thread.join(_TIMEOUT)
    assert not failures, failures


def _signed_in(app: Any, database: Database) -> str:
    """The cookie of a browser in which a new administrator is signed in."""
    wanted = users.credentials(f"{tokens.new()[:12]}@benchmark.example", tokens.new())
    with database.write() as session:
        user: User = users.create(session, wanted, session.scalars(select(Workspace.id)).one(), "admin")
        token = users.sign_in(session, user)
    browser = app.test_client()
    with browser.session_transaction() as kept:
        kept["_user_id"] = token
    name = app.config["SESSION_COOKIE_NAME"]
    return f"{name}={browser.get_cookie(name).value}"


def _questions(database: Database, random: Random) -> dict[str, Callable[[], _Question]]:
    with database.read() as session:
        busy = session.scalars(select(Customer).where(Customer.system_id == f"C{FIRST_SYSTEM_ID}")).one()
        number = session.scalar(select(func.max(Customer.id))) or 0
        ids = [random.randrange(2, number) for _ in range(1000)]
        everybody = session.scalars(select(Customer).where(Customer.id.in_(ids))).all()
        ordinary = [one for one in everybody if one.is_registered and one.event_count]
        depth = min(DEPTH, busy.event_count // 2)
        of_busy = select(Event.reported_at, Event.id).where(Event.customer_id == busy.id)
        newest_first = of_busy.order_by(Event.reported_at.desc(), Event.id.desc())
        deep = [f"{at}.{id_}" for at, id_ in session.execute(newest_first.offset(depth - 500).limit(500))]

    def one() -> Customer:
        return random.choice(ordinary)

    def of(customer: Customer, target: str | None = None, query: str = "") -> _Question:
        shows = "activities" if target != "older" else "<details"
        return _Question(f"/customers/{customer.growlytics_id}{query}", target, shows)

    def found(text: object) -> _Question:
        return _Question(f"/customers?q={text}", "list", "match")

    def filtered(where: Sequence[str]) -> Callable[[], _Question]:
        query = urlencode([("where", text) for text in where] + [("column", column) for column in _SHOWN])
        return lambda: _Question(f"/customers?{query}", None, 'class="count"')

    return {
        "list": lambda: _Question("/customers", None, "row-link"),
        "list, anonymous only": lambda: _Question("/customers?status=anonymous", None, "row-link"),
        "list, bots hidden, newest": lambda: _Question("/customers?bots=hidden&sort=created", None, "row-link"),
        "list, somewhere in the middle": lambda: _Question(
            f"/customers?older_than={(place := one()).last_seen_at}.{place.id}", None, "row-link"
        ),
        "search, exact": lambda: found(one().system_id),
        "search, prefix": lambda: found(str(one().email)[:9]),
        "search, nothing found": lambda: _Question(f"/customers?q=zz{random.random()}", "list", "Nobody matches"),
        f"search, prefix of {number // 10:,}": lambda: found(PREFIX),
        **{f"list{WHERE}{' and '.join(where)}": filtered(where) for where in _FILTERS},
        "profile": lambda: of(one()),
        "timeline": lambda: of(one(), "activities"),
        f"profile with {busy.event_count:,} events": lambda: of(busy),
        f"timeline of {busy.event_count:,} events": lambda: of(busy, "activities"),
        f"timeline, {depth:,} events deep": lambda: of(busy, "older", f"?older_than={random.choice(deep)}"),
        **{f"timeline{WHERE}{query}": partial(of, busy, "activities", f"?{query}") for query in _NARROWED},
        f"profile{WHERE}as_of=2025-06-01": lambda: of(busy, query="?as_of=2025-06-01"),
    }


def main() -> None:
    """Fill a database, measure and print."""
    parser = argparse.ArgumentParser(description="How long the pages of a big shop take while events come in.")
    parser.add_argument("--customers", type=int, default=1_000_000)
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument("--engine", choices=databases.ENGINES, default="sqlite")
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--database-url", help="one that has been filled already")
    asked = parser.parse_args()
    if asked.database_url:
        _report(measure(asked.database_url, asked.rounds))
        return
    with tempfile.TemporaryDirectory() as folder, databases.database(asked.engine, Path(folder)) as url:
        filled(url, asked.customers, asked.events)
        _report(measure(url, asked.rounds))


def _report(result: Result) -> None:
    print(f"{'ms':40} {'median':>8} {'99th':>8} {'slowest':>8}")
    for row in result.rows:
        print(f"{row.page:40} {row.median:8.1f} {row.percentile_99:8.1f} {row.slowest:8.1f}")
    print(f"{result.rows[0].rounds} requests each, while {result.events_per_second:.0f} events a second came in")


if __name__ == "__main__":
    main()
