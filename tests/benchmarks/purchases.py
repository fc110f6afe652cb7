"""A shop's whole history, customers and purchases, by the batch endpoint and by single requests."""

import csv
import itertools
import json
import random
import re
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
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
    customers = sum('"type": "customer"' in change for change in changes)
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
    customers = sum('"type": "customer"' in change for change in changes)
    stored = databases.count(url, Customer), databases.count(url)
    if stored != (customers, len(changes) - customers):
        raise BenchmarkError(f"{stored[0]:,} customers and {stored[1]:,} purchases are stored, which isn't the file")


def read(path: Path) -> Iterator[str]:
    """The changes of a file, each as JSON: every customer with totals, and every purchase after its customer.

    The same as the example sends. A day's purchases of one customer are a second apart.
    """
    bought: dict[str, list[dict[str, str]]] = defaultdict(list)
    with path.open(newline="") as file:
        for line in csv.DictReader(file):
            bought[line["customer_id"]].append(line)
    for customer, lines in bought.items():
        yield json.dumps({"type": "customer", "id": customer, "attributes": _totals(lines)})
        for number, line in enumerate(lines, start=1):
            noon = datetime.strptime(line["date"], "%Y%m%d").replace(hour=12, tzinfo=UTC)
            earlier = sum(one["date"] == line["date"] for one in lines[: number - 1])
            at = int((noon + timedelta(seconds=earlier)).timestamp() * 1000)
            details = {"Order Number": number, "CDs": int(line["number_of_cds"]), "Amount": float(line["dollar_value"])}
            attributes = [{"name": name, "type": "number", "value": value} for name, value in details.items()]
            event = {"customerId": customer, "name": "Purchased", "time": at, "attributes": attributes}
            yield json.dumps({"type": "event"} | event)


def _totals(lines: list[dict[str, str]]) -> list[dict[str, object]]:
    last = datetime.strptime(max(line["date"] for line in lines), "%Y%m%d")  # noqa: DTZ007 - a day without a time
    return [
        {"name": "Total Orders", "type": "number", "value": len(lines)},
        {"name": "Total CDs", "type": "number", "value": sum(int(line["number_of_cds"]) for line in lines)},
        {"name": "Total Spent", "type": "number", "value": sum(float(line["dollar_value"]) for line in lines)},
        {"name": "Is First Time Purchaser", "type": "boolean", "value": len(lines) == 1},
        {"name": "Last Order Date", "type": "date", "value": f"{last:%Y-%m-%d} 12:00:00"},
    ]


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
