"""A shop's whole history, customers and purchases, by the batch endpoint and by single requests."""

import csv
import itertools
import json
import random
import re
import runpy
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import date, timedelta
from http.client import HTTPConnection
from pathlib import Path

from tests.benchmarks import bulk, databases, memory
from tests.benchmarks.outcome import BenchmarkError, Outcome, ratios
from tests.benchmarks.stage import Stage
from tests.server import LiveServer
from webapp.models import Customer

LEAST_OF_SINGLES = 4
_EXAMPLE = Path(__file__).parents[2] / "examples" / "load_purchases.py"
_CUSTOMERS, _PURCHASES = 23_570, 69_659  # of the file that is made up
_PATIENCE = 3600  # seconds for a whole file by single requests


def run(stage: Stage) -> Outcome:
    """Load the file both ways in each round, every time into an empty database."""
    singles: list[float] = []
    batches: list[float] = []
    most: list[float] = []
    with stage.empty_folder() as folder:
        file = stage.purchases or made_up(folder / "purchases.csv")
        changes = list(read(file))
        for _ in range(stage.rounds):
            for times, load in ((batches, _by_batches), (singles, _by_singles)):
                with stage.database() as url:
                    with stage.product(url) as product, memory.Watch(product.pid) as watch:
                        times.append(load(product, file, changes))
                    _check(url, changes)
                most.append(watch.most)
    customers = _customers(changes)
    source = "The file is one that was made up." if stage.purchases is None else "The file was given."
    found = Outcome(notes=[f"{source} {customers:,} customers, {len(changes) - customers:,} purchases."])
    found.measure("the whole file by batches, one connection", "s", batches)
    found.measure("the whole file by single requests, eight connections", "s", singles)
    found.at_least("batches, times as fast as single requests", "×", ratios(singles, batches), LEAST_OF_SINGLES)
    found.at_most("memory at its most", "MB", [max(most)], memory.MOST)
    return found


def _by_batches(product: LiveServer, _file: Path, changes: list[str]) -> float:
    connection = HTTPConnection(product.url.removeprefix("http://"), timeout=60)
    started = time.monotonic()
    for first in range(0, len(changes), bulk.MOST_CHANGES):
        bulk.post(connection, product.key, changes[first : first + bulk.MOST_CHANGES])
    taken = time.monotonic() - started
    connection.close()
    return taken


def _by_singles(product: LiveServer, file: Path, _changes: list[str]) -> float:
    """As the example does it; it says itself how long the sending took."""
    command: list[str | Path] = [sys.executable, _EXAMPLE, file, "--url", product.url, "--key", product.key]
    done = subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE, check=False)
    told = re.search(r"events stored in ([\d.,]+) s", done.stderr)
    if done.returncode != 0 or told is None:
        raise BenchmarkError(f"the example could not load the file:\n{done.stderr[-2000:]}")
    return float(told[1].replace(",", ""))


def _check(url: str, changes: list[str]) -> None:
    customers = _customers(changes)
    stored = databases.count(url, Customer), databases.count(url)
    if stored != (customers, len(changes) - customers):
        raise BenchmarkError(f"{stored[0]:,} customers and {stored[1]:,} purchases are stored, which isn't the file")


def _customers(changes: list[str]) -> int:
    return sum(change.startswith('{"type": "customer"') for change in changes)


def read(path: Path) -> Iterator[str]:
    """The changes of a file, each as JSON: what the example sends, in its order."""
    example = runpy.run_path(str(_EXAMPLE))
    for customer, bought in example["read"](path, None).items():
        for endpoint, body in example["posts"](customer, bought):
            kind = "customer" if endpoint == example["CUSTOMER"] else "event"
            yield json.dumps({"type": kind} | json.loads(body))


def made_up(path: Path, customers: int = _CUSTOMERS, purchases: int = _PURCHASES) -> Path:
    """Write a file of purchases: everybody buys once, and some of them again and again."""
    chance = random.Random(customers)
    buyers = list(range(customers))
    while len(buyers) < purchases:
        buyers.append(int(customers * chance.random() ** 2))  # the first ones come back most often
    first = date(2025, 1, 1)
    with path.open("w", newline="") as file:
        lines = csv.writer(file)
        lines.writerow(["customer_id", "date", "number_of_cds", "dollar_value"])
        for buyer, orders in itertools.groupby(sorted(buyers)):
            days = sorted(chance.randrange(540) for _ in orders)
            for day in days:
                cds = chance.randint(1, 6)
                at = first + timedelta(days=day)
                lines.writerow([f"{buyer:05}", f"{at:%Y%m%d}", cds, f"{cds * 12.5:.2f}"])
    return path
