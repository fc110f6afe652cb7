"""CSV files, imported by the console into an empty database: how long that takes, and in how much memory."""

import csv
import subprocess
import time
from pathlib import Path

from tests import server
from tests.benchmarks import databases, memory, purchases
from tests.benchmarks.outcome import BenchmarkError, Outcome
from tests.benchmarks.stage import Stage
from tests.server import LiveServer
from webapp.models import Customer

MOST_SECONDS = 30  # for 10,000 customers
_TIMES = 10  # as many customers as other parts have
_EVENTS = ("--events", "--id", "customer_id", "--time", "date", "--event-name", "Purchased")


def run(stage: Stage) -> Outcome:
    """Import customers with seven attributes, then purchases of other customers, in each round."""
    number = stage.customers * _TIMES
    people: list[float] = []
    bought: list[float] = []
    most: list[float] = []
    with stage.empty_folder() as folder:
        customers = _customers(folder / "customers.csv", number)
        file = stage.purchases or purchases.made_up(folder / "purchases.csv", number, 3 * number)
        events = len(file.read_text().splitlines()) - 1
        for _ in range(stage.rounds):
            with stage.database() as url, stage.empty_folder() as place:
                LiveServer(url, place).run("init")
                people.append(_import(url, place, most, customers))
                _check(number, databases.count(url, Customer))
                bought.append(_import(url, place, most, file, *_EVENTS))
                _check(events, databases.count(url))
    found = Outcome(notes=["Half of the time an import waits, so that whoever sends meanwhile isn’t held up."])
    found.measure(f"{number:,} customers", "rows/s", [number / one for one in people])
    found.measure(f"{events:,} purchases, and who bought", "rows/s", [events / one for one in bought])
    found.at_most(f"{number:,} customers, from the command to its end", "s", people, MOST_SECONDS)
    found.at_most("memory at its most", "MB", [max(most)], memory.MOST)
    return found


def _import(url: str, folder: Path, most: list[float], file: Path, *options: str) -> float:
    command: list[str | Path] = [server.SCRIPT, "import", file, *options]
    settings = server.environment(DATABASE_URL=url, SECRET_KEY=server.SECRET)
    started = time.monotonic()
    with (folder / "import.log").open("wb") as log:
        running = subprocess.Popen(command, cwd=folder, env=settings, stdout=log, stderr=log)
        with memory.Watch(running.pid) as watch:
            status = running.wait()
    if status != 0:
        raise BenchmarkError(f"the file could not be imported:\n{(folder / 'import.log').read_text()[-2000:]}")
    most.append(watch.most)
    return time.monotonic() - started


def _check(wanted: int, stored: int) -> None:
    if stored != wanted:
        raise BenchmarkError(f"{stored:,} are stored, and {wanted:,} were in the file")


def _customers(path: Path, number: int) -> Path:
    """Write a file of customers who aren't among those of purchases."""
    with path.open("w", newline="") as file:
        lines = csv.writer(file)
        lines.writerow(["id", "name", "email", "mobile", "City", "Points", "Born", "Plan"])
        for one in range(number):
            born, mobile = f"19{one % 90 + 10}-03-{one % 28 + 1:02}", f"+9198{one:08}"
            lines.writerow([f"customer-{one:06}", f"Name {one}", f"customer{one}@shop.example", mobile,
                            "Pune" if one % 3 else "Mumbai", one % 1000, born, "gold"])  # fmt: skip
    return path
