#!/usr/bin/env python3
"""Load a shop's purchases into Customer Profiles, the way the shop's own backend would send them.

    python3 examples/load_purchases.py purchases.csv --url http://127.0.0.1:8000 --key cpk_…

The file is CSV with the columns customer_id, date (YYYYMMDD), number_of_cds and dollar_value, one purchase a line.
Every customer goes to /rest-api/customer with totals over the file, then every purchase to /track/event/v2.

It may be interrupted and run again, and the server may restart meanwhile: nothing is lost and nothing is stored twice.
It needs Python 3.11 and nothing else. The exit status is 0 when the server has stored everything, else 1.
"""

import argparse
import csv
import hashlib
import json
import secrets
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

CUSTOMER, EVENT = "/rest-api/customer", "/track/event/v2"
NOT_NOW = {429, 502, 503, 504, 507}  # answers of the server, or of a proxy before it, after which to try again
IS_TERMINAL = sys.stderr.isatty()


@dataclass(frozen=True)
class Purchase:
    """One line of the file. `number` counts the purchases of its customer from 1, in the order of the file."""

    number: int
    at: datetime
    cds: int
    amount: Decimal


class Run:
    """What all connections share: what has become of the requests so far, and whether to stop."""

    def __init__(self, options: argparse.Namespace, total: int) -> None:
        self.options, self.total = options, total
        self.id = secrets.token_hex(8)
        self.stopped = threading.Event()
        self.counts: Counter[str] = Counter()
        self._lock = threading.Lock()

    def count(self, what: str, complaint: str = "") -> None:
        """Count one more of something; show the first ten complaints of a kind."""
        with self._lock:
            self.counts[what] += 1
        if complaint and self.counts[what] <= 10:
            say(complaint)

    def stop(self, reason: str) -> None:
        """Have all connections end their work."""
        with self._lock:
            if not self.stopped.is_set():
                say(reason)
            self.stopped.set()


def read(path: Path, limit: int | None) -> dict[str, list[Purchase]]:
    """The purchases of every customer. A line that can't be read ends the program before anything is sent."""
    customers: dict[str, list[Purchase]] = {}
    with path.open(newline="", encoding="utf-8-sig") as file:
        lines = csv.DictReader(file)
        for line in lines:
            try:
                if line["customer_id"] in customers or limit is None or len(customers) < limit:
                    earlier = customers.setdefault(line["customer_id"], [])
                    earlier.append(purchase(line, earlier))
            except (KeyError, TypeError, ValueError, ArithmeticError) as error:
                raise SystemExit(f"{path}, line {lines.line_num} can't be read: {error!r}") from None
    return customers


def purchase(line: dict[str, str], earlier: list[Purchase]) -> Purchase:
    """A line of the file, which knows only the day: noon, and a second later for each earlier purchase of that day."""
    noon = datetime.strptime(line["date"], "%Y%m%d").replace(hour=12, tzinfo=UTC)
    at = noon + timedelta(seconds=sum(one.at.date() == noon.date() for one in earlier))
    return Purchase(len(earlier) + 1, at, int(line["number_of_cds"]), Decimal(line["dollar_value"]))


def posts(customer_id: str, purchases: list[Purchase]) -> Iterator[tuple[str, str]]:
    """Everything to send about one customer: a path and a body each."""
    yield CUSTOMER, json.dumps({"id": customer_id, "attributes": totals(purchases)})
    for one in purchases:
        time_ms = int(one.at.timestamp() * 1000)
        event = {"customerId": customer_id, "name": "Purchased", "time": time_ms, "attributes": details(one)}
        yield EVENT, json.dumps(event)


def totals(purchases: list[Purchase]) -> list[dict[str, Any]]:
    """The attributes of a customer who made these purchases."""
    # Added up as decimals, so that cents stay exact; the nearest float is then written with those same cents.
    spent = float(sum(one.amount for one in purchases))
    return [
        {"name": "Total Orders", "type": "number", "value": len(purchases)},
        {"name": "Total CDs", "type": "number", "value": sum(one.cds for one in purchases)},
        {"name": "Total Spent", "type": "number", "value": spent},
        {"name": "Is First Time Purchaser", "type": "boolean", "value": len(purchases) == 1},
        {"name": "Last Order Date", "type": "date", "value": f"{max(one.at for one in purchases):%Y-%m-%dT%H:%M:%SZ}"},
    ]


def details(one: Purchase) -> list[dict[str, Any]]:
    """The attributes of a purchase.

    Events equal in customer, name, time and attributes are one event to the server, so sending one again is harmless.
    What really happens twice, as when somebody buys the same thing again that day, must then differ in something, and
    in the same way in every run. A shop has its order numbers; this file has the order of its lines.
    """
    return [
        {"name": "Order Number", "type": "number", "value": one.number},
        {"name": "CDs", "type": "number", "value": one.cds},
        {"name": "Amount", "type": "number", "value": float(one.amount)},
    ]


def send_customers(run: Run, customers: Sequence[tuple[str, list[Purchase]]]) -> None:
    """Send one customer after another over one connection."""
    kind = HTTPSConnection if run.options.url.scheme == "https" else HTTPConnection
    connection = kind(run.options.url.netloc, timeout=60)
    for customer_id, purchases in customers:
        for path, body in posts(customer_id, purchases):
            send(run, connection, path, body)
        if run.stopped.is_set():
            break
    connection.close()


def send(run: Run, connection: HTTPConnection, path: str, body: str) -> None:
    """Send a request until the server has decided about it, or patience is at an end."""
    delay, since = 0.2, time.monotonic()
    while not run.stopped.is_set():
        try:
            status, retry_after, answer = attempt(run, connection, path, body)
            if status not in NOT_NOW:
                return settle(run, path, body, status, answer)
            trouble = f"{status}, {in_words(answer)}"
        except (OSError, HTTPException) as error:
            connection.close()  # the next request opens it again
            retry_after, trouble = 0.0, f"no connection, {error or type(error).__name__}"
        if time.monotonic() - since > run.options.patience:
            return run.stop(f"gave up after {run.options.patience:.0f} s: {trouble}")
        run.count("retries", f"{trouble}; trying again")
        run.stopped.wait(max(delay, retry_after))
        delay = min(2 * delay, 10.0)
    return None


def attempt(run: Run, connection: HTTPConnection, path: str, body: str) -> tuple[int, float, dict[str, Any]]:
    """Make one request. Returns the status, for how many seconds to wait before a retry, and the JSON answered."""
    headers = {
        "Content-Type": "application/json",
        "x-growlytics-key": run.options.key,
        # Equal for all tries of one request. Another run has other keys: it may have to set again what somebody has
        # changed meanwhile, and the server would take it for a retry of what it has done already.
        "Idempotency-Key": f"{run.id}-{hashlib.sha256(f'{path} {body}'.encode()).hexdigest()}",
    }
    connection.request("POST", run.options.url.path.rstrip("/") + path, body.encode(), headers)
    response = connection.getresponse()
    text, wait = response.read(), response.headers.get("Retry-After", "")
    is_json = response.headers.get_content_type() == "application/json"
    return response.status, float(wait) if wait.isdecimal() else 0.0, json.loads(text) if is_json else {}


def settle(run: Run, path: str, body: str, status: int, answer: dict[str, Any]) -> None:
    """Note what the server has decided."""
    run.count("answered")
    if status == 401:
        run.stop(f"the key is not accepted: {in_words(answer)}")
    elif status != 200 or answer.get("success") is not True:
        run.count("refused", f"{path} {body} is refused: {status}, {in_words(answer)}")
    else:
        run.count(path)
        for one in answer.get("ignored", []):  # its type isn't the one that the attribute had when it first came
            words = f"{one['name']} is a {one['expected']} there, not a {one['received']}"
            run.count("ignored", f"{path} {body} is stored without a value: {words}")


def in_words(answer: dict[str, Any]) -> str:
    """Everything that the server found wrong with a request."""
    return "; ".join(one["message"] for one in answer.get("details", [])) or "not an answer of Customer Profiles"


def watch(run: Run) -> None:
    """Show how far the run has come until it is over: a bar on a terminal, elsewhere a line every ten seconds."""
    started = shown = time.monotonic()
    while threading.active_count() > 1:
        time.sleep(0.1)
        if IS_TERMINAL or time.monotonic() - shown >= 10:
            shown = time.monotonic()
            part, seconds = run.counts["answered"] / (run.total or 1), shown - started
            left = f"{seconds / part - seconds:.0f} s left" if part else "no answer yet"
            line = f"{part:4.0%} {'█' * int(30 * part):░<30} {part * run.total / seconds:,.0f}/s, {left}"
            say(f"{line}, {run.counts['retries']} retries", end="")


def say(words: str, end: str = "\n") -> None:
    """Write to standard error; on a terminal over the progress bar, which alone doesn't end its line."""
    before, after = ("\r\x1b[K", end) if IS_TERMINAL else ("", "\n")
    print(f"{before}{words}", end=after, file=sys.stderr, flush=True)  # noqa: T201 - a script talks by printing


def options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description="Load a CSV file of purchases into Customer Profiles.")
    parser.add_argument("file", type=Path, help="customer_id,date,number_of_cds,dollar_value")
    parser.add_argument("--url", type=urlsplit, required=True, help="where the server is: http://127.0.0.1:8000")
    parser.add_argument("--key", required=True, help="an API key")
    parser.add_argument("--connections", type=int, default=8, help="at once (%(default)s)")
    parser.add_argument("--limit", type=int, metavar="N", help="send only the first N customers")
    parser.add_argument("--patience", type=float, default=300, help="seconds to wait for a server (%(default)s)")
    chosen = parser.parse_args()
    if chosen.url.scheme not in {"http", "https"} or not chosen.url.hostname:
        parser.error("--url must start with http:// or https://")
    return chosen


def main() -> int:
    """Load the file. Returns the exit status."""
    chosen = options()
    customers = list(read(chosen.file, chosen.limit).items())
    run = Run(chosen, len(customers) + sum(len(purchases) for _, purchases in customers))
    started = time.monotonic()
    for first in range(chosen.connections):
        threading.Thread(target=send_customers, args=[run, customers[first :: chosen.connections]]).start()
    try:
        watch(run)
    except KeyboardInterrupt:
        run.stop("interrupted; run it again to load the rest")
    seconds, counts = time.monotonic() - started, run.counts
    rate = f"{seconds:.1f} s, {counts['answered'] / seconds:,.0f} requests/s"
    say(f"{counts[CUSTOMER]:,} customers and {counts[EVENT]:,} events stored in {rate}")
    say(f"{counts['retries']:,} retries, {counts['refused']:,} refused, {counts['ignored']:,} values ignored")
    return 0 if counts[CUSTOMER] + counts[EVENT] == run.total and not counts["ignored"] else 1


if __name__ == "__main__":
    sys.exit(main())
