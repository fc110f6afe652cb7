"""Whether it stays as fast when there are a thousand times as many events, and what one of them takes on disk."""

import statistics
from contextlib import ExitStack

from sqlalchemy import func, select

from tests.benchmarks import databases, generate, memory
from tests.benchmarks.bulk import Batches
from tests.benchmarks.outcome import Outcome, ratios
from tests.benchmarks.singles import CONNECTIONS
from tests.benchmarks.stage import Sender, Stage, check_stored
from tests.server import LiveServer
from webapp.models import Customer, Event

SIZES = (10_000, 100_000, 1_000_000, 10_000_000)
EVENTS_OF_ONE = 10  # so many events a customer has on the average
WIDEST = 1.25  # the fastest size to the slowest
# New events come from as many customers as in the other parts; or, which is no target, from any of so many.
_CUSTOMERS, _MANY = 1_000, 100_000


class Traffic:
    """Events that some customers send to a server: its rates, round by round."""

    def __init__(self, running: LiveServer, customers: list[str], stage: Stage) -> None:
        self.single_rates: list[float] = []
        self.batch_rates: list[float] = []
        self.singles = Sender(running, customers, stage.runs)
        self.batches = Batches(running, customers, stage.runs)

    def warm_up(self, seconds: int) -> None:
        """Have what is asked for most in memory."""
        self.singles.send(CONNECTIONS, seconds)
        self.batches.send(1, seconds)

    def measure(self, seconds: int) -> None:
        """Measure one round."""
        self.single_rates.append(self.singles.send(CONNECTIONS, seconds).rate)
        self.batch_rates.append(self.batches.send(1, seconds))


class Shop:
    """A server on a database that holds so many events already."""

    def __init__(self, size: int, url: str, running: LiveServer, stage: Stage) -> None:
        customers = _some_of(url)
        self.name = f"{size:,} stored events"
        self.of_few = Traffic(running, customers[:_CUSTOMERS], stage)
        self.of_many = Traffic(running, customers, stage)
        self.watch = memory.Watch(running.pid)
        self._url, self._before = url, databases.count(url)

    @property
    def traffic(self) -> tuple[Traffic, Traffic]:
        """All that is sent to it."""
        return self.of_few, self.of_many

    def check(self) -> None:
        """Raise BenchmarkError unless all that was taken is stored. The server must have ended."""
        taken = sum(one.singles.answered + one.batches.accepted for one in self.traffic)
        check_stored(self._url, self._before + taken, sum(one.singles.in_flight for one in self.traffic))


def run(stage: Stage, sizes: tuple[int, ...] = SIZES) -> Outcome:
    """Fill a database for each size, then measure them in turn, round by round, so that they share the weather."""
    found = Outcome(
        notes=[f"{EVENTS_OF_ONE} events a customer. A server for each size; they take turns in each round."]
    )
    with ExitStack() as filled:
        urls = [_filled(filled.enter_context(stage.database()), size, stage) for size in sizes]
        with ExitStack() as serving:
            shops = []
            for size, url in zip(sizes, urls, strict=True):
                _measure_sizes(found, url, size)
                shops.append(Shop(size, url, serving.enter_context(stage.product(url)), stage))
                serving.enter_context(shops[-1].watch)
                for traffic in shops[-1].traffic:
                    traffic.warm_up(stage.seconds)
            for _ in range(stage.rounds):
                for shop in shops:
                    for traffic in shop.traffic:
                        traffic.measure(stage.seconds)
                    shop.watch.mark()
        for shop in shops:
            shop.check()
    _tell(found, shops)
    for shop in shops:
        found.measure(f"memory of the server, {shop.name}", "MB", shop.watch.marks)
    _compare(found, "single events", [shop.of_few.single_rates for shop in shops])
    _compare(found, "batches", [shop.of_few.batch_rates for shop in shops])
    found.at_most("memory at its most", "MB", [max(shop.watch.most for shop in shops)], memory.MOST)
    return found


def _tell(found: Outcome, shops: list[Shop]) -> None:
    for shop in shops:
        found.measure(f"events, 32 connections, {shop.name}", "/s", shop.of_few.single_rates)
    for shop in shops:
        found.measure(f"events in batches of 1,000, {shop.name}", "/s", shop.of_few.batch_rates)
    for shop in shops[1:]:
        found.measure(f"events, 32 connections, of any customers, {shop.name}", "/s", shop.of_many.single_rates)
    for shop in shops[1:]:
        found.measure(f"batches, of any customers, {shop.name}", "/s", shop.of_many.batch_rates)


def _filled(url: str, size: int, stage: Stage) -> str:
    with stage.empty_folder() as folder:
        LiveServer(url, folder).run("init")
    generate.generate(url, size // EVENTS_OF_ONE, size)
    databases.settle(url)
    return url


def _measure_sizes(found: Outcome, url: str, size: int) -> None:
    of_tables = databases.sizes(url)
    of_events = of_tables.pop(Event.__tablename__)
    found.measure(f"on disk, {size:,} stored events, an event", "bytes", [of_events / databases.count(url)])
    of_one = sum(of_tables.values()) / databases.count(url, Customer)
    found.measure(f"on disk, {size:,} stored events, a customer without events", "bytes", [of_one])


def _compare(found: Outcome, what: str, rates: list[list[float]]) -> None:
    of_smallest = [statistics.median(ratios(of_size, rates[0])) for of_size in rates]
    found.at_most(f"{what}, fastest size to slowest", "×", [max(of_smallest) / min(of_smallest)], WIDEST)


def _some_of(url: str) -> list[str]:
    database = databases.opened(url)
    registered = select(Customer.system_id).where(Customer.system_id.is_not(None))
    with database.read() as session:
        found = [str(one) for one in session.scalars(registered.order_by(func.random()).limit(_MANY))]
    database.engine.dispose()
    return found
