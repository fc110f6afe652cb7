"""`examples/load_purchases.py`, sent to real servers, and to one that misbehaves.

`data/purchases.csv` holds 87 customers of the CDNOW data set: the first eighty, five with a purchase of 0.00, and two
who bought very often, some of it several times in a day. The data set is Fader and Hardie's, as the MIT-licensed Python
package lifetimes 0.11.3 carries it.
"""

import csv
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from sqlalchemy import func, select

from tests.conftest import settings_for
from tests.server import LiveServer
from tests.world import Shop, stored
from webapp import create_app, events, workspaces
from webapp.models import Customer

EXAMPLE = Path(__file__).parent.parent / "examples" / "load_purchases.py"
PURCHASES = Path(__file__).parent / "data" / "purchases.csv"
HEADER = "customer_id,date,number_of_cds,dollar_value\n"
NOBODY = "http://127.0.0.1:9"  # the discard port: nothing listens there

Headers = dict[str, str]
Answer = tuple[int, Headers, dict[str, Any]]
THANKS: Answer = (200, {}, {"success": True})


@dataclass(frozen=True)
class Bought:
    """A line of the file, read without the example's help."""

    day: datetime
    cds: int
    cents: int


def bought(path: Path = PURCHASES) -> dict[str, list[Bought]]:
    found: dict[str, list[Bought]] = {}
    for line in csv.DictReader(path.open()):
        day = datetime.strptime(line["date"], "%Y%m%d").replace(tzinfo=UTC)
        cents = int(line["dollar_value"].replace(".", ""))
        found.setdefault(line["customer_id"], []).append(Bought(day, int(line["number_of_cds"]), cents))
    return found


def command(file: Path, url: str, key: str, *options: str) -> list[str | Path]:
    return [sys.executable, EXAMPLE, file, "--url", url, "--key", key, *options]


def load(file: Path, url: str, key: str = "any", *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(file, url, key, *options), capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture(scope="module")
def loaded_shop(live_server: LiveServer) -> Iterator[Shop]:
    """The first workspace of the live server, after the file was loaded into it."""
    app = create_app(settings_for(live_server.database_url))
    database = app.extensions["database"]
    with database.read() as session:
        workspace = workspaces.find(session, None)
    outcome = load(PURCHASES, live_server.url, live_server.key)
    assert outcome.returncode == 0, outcome.stderr
    assert "87 customers and 445 events stored" in outcome.stderr
    assert "0 refused, 0 values ignored" in outcome.stderr
    yield Shop(app, database, workspace, live_server.key)
    database.engine.dispose()


def whole_timeline(shop: Shop, system_id: str) -> list[events.Shown]:
    """All pages of a customer's timeline, oldest event first."""
    customer, start = shop.find(system_id), events.NEWEST
    found: list[events.Shown] = []
    with shop.database.read() as session:
        while True:
            page = events.timeline(session, shop.workspace.id, [customer.id], events.Filter(), start)
            found += page.events
            if page.beyond is None:
                return found[::-1]
            start = events.Start(older_than=page.beyond)


def test_every_customer_has_the_attributes_that_the_file_says(loaded_shop: Shop) -> None:
    for system_id, purchases in bought().items():
        last = purchases[-1].day
        order_of_day = sum(one.day == last for one in purchases) - 1
        at = last.replace(hour=12, tzinfo=UTC) + timedelta(seconds=order_of_day)
        assert loaded_shop.attributes(system_id) == {
            "Total Orders": ("number", len(purchases)),
            "Total CDs": ("number", sum(one.cds for one in purchases)),
            "Total Spent": ("number", sum(one.cents for one in purchases) / 100),
            "Is First Time Purchaser": ("boolean", len(purchases) == 1),
            "Last Order Date": ("date", f"{at:%Y-%m-%dT%H:%M:%SZ}"),
        }, system_id


def test_every_customer_has_the_purchases_of_the_file_in_its_order(loaded_shop: Shop) -> None:
    for system_id, purchases in bought().items():
        assert loaded_shop.find(system_id).event_count == len(purchases)
        timeline = whole_timeline(loaded_shop, system_id)
        assert {one.name for one in timeline} == {"Purchased"}
        found = [{attribute.name: attribute.value for attribute in one.attributes} for one in timeline]
        expected = [
            {"Order Number": number, "CDs": one.cds, "Amount": one.cents / 100}
            for number, one in enumerate(purchases, start=1)
        ]
        assert found == expected, system_id
        days = [datetime.fromtimestamp(one.reported_at / 1000, UTC).date() for one in timeline]
        assert days == [one.day.date() for one in purchases]


def test_second_run_doubles_nothing(live_server: LiveServer, loaded_shop: Shop) -> None:
    before = stored(loaded_shop.database)
    outcome = load(PURCHASES, live_server.url, live_server.key)
    assert outcome.returncode == 0, outcome.stderr
    after = stored(loaded_shop.database)
    before.pop("idempotency_keys")  # a run has keys of its own, see the comment there
    after.pop("idempotency_keys")
    assert after == before


def test_same_purchase_made_three_times_in_a_day_is_three_events(
    live_server: LiveServer, loaded_shop: Shop, tmp_path: Path
) -> None:
    file = tmp_path / "purchases.csv"
    file.write_text(HEADER + "thrice,19970112,1,12.00\n" * 3)
    for _ in range(2):
        assert load(file, live_server.url, live_server.key).returncode == 0
    assert [one.reported_at % 60_000 for one in whole_timeline(loaded_shop, "thrice")] == [0, 1000, 2000]


def test_only_so_many_customers_are_sent(live_server: LiveServer, loaded_shop: Shop, tmp_path: Path) -> None:
    file = tmp_path / "purchases.csv"
    file.write_text(f"{HEADER}first,19970112,1,12.00\nsecond,19970112,1,12.00\nfirst,19970113,1,12.00\n")
    outcome = load(file, live_server.url, live_server.key, "--limit", "1")
    assert "1 customers and 2 events stored" in outcome.stderr
    with loaded_shop.database.read() as session:
        assert session.scalar(select(Customer.id).where(Customer.system_id == "second")) is None


def test_server_may_restart_meanwhile(live_server: LiveServer, loaded_shop: Shop, tmp_path: Path) -> None:
    file = tmp_path / "purchases.csv"
    file.write_text(HEADER + "".join(f"again-{line}\n" for line in PURCHASES.read_text().splitlines()[1:250]))
    slowly = command(file, live_server.url, live_server.key, "--connections", "1")
    with subprocess.Popen(slowly, stderr=subprocess.PIPE, text=True) as loading:
        wait_until(lambda: customers_like(loaded_shop, "again-%") >= 10)
        live_server.stop()
        assert loading.poll() is None, "it was over before the server stopped; the test needs more purchases"
        live_server.start()
        _, said = loading.communicate(timeout=120)
    assert loading.returncode == 0, said
    assert "no connection" in said
    for system_id, purchases in bought(file).items():
        assert loaded_shop.find(system_id).event_count == len(purchases)
        assert len(whole_timeline(loaded_shop, system_id)) == len(purchases)


def wait_until(is_so: Callable[[], bool]) -> None:
    until = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < until
        time.sleep(0.02)


def customers_like(shop: Shop, pattern: str) -> int:
    with shop.database.read() as session:
        query = select(func.count()).select_from(Customer).where(Customer.system_id.like(pattern))
        return session.scalar(query) or 0


def test_refusal_is_told_in_the_words_of_the_server(live_server: LiveServer, tmp_path: Path) -> None:
    file = tmp_path / "purchases.csv"
    file.write_text(f"{HEADER}null,19970112,1,12.00\nfine,19970112,1,12.00\n")
    outcome = load(file, live_server.url, live_server.key)
    assert outcome.returncode == 1
    assert '422, "id" is the placeholder "null"' in outcome.stderr
    assert "1 customers and 1 events stored" in outcome.stderr
    assert "0 retries, 2 refused" in outcome.stderr


def test_wrong_key_stops_at_once(live_server: LiveServer) -> None:
    outcome = load(PURCHASES, live_server.url, "cpk_wrong")
    assert outcome.returncode == 1
    assert outcome.stderr.count("the key is not accepted") == 1
    assert "0 customers and 0 events stored" in outcome.stderr


@dataclass
class Script:
    """A server that answers as a test wants: `answer` gets the number of the request; None hangs up instead."""

    answer: Callable[[int], Answer | None]
    url: str = ""
    requests: list[tuple[float, Headers, bytes]] = field(default_factory=list)


@contextmanager
def scripted(answer: Callable[[int], Answer | None]) -> Iterator[Script]:
    script = Script(answer)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            script.requests.append((time.monotonic(), dict(self.headers), body))
            chosen = script.answer(len(script.requests))
            if chosen is None:
                self.close_connection = True
                return
            status, headers, content = chosen
            text = json.dumps(content).encode()
            self.send_response(status)
            for name, value in (
                {"Content-Type": "application/json", "Content-Length": str(len(text))} | headers
            ).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name is the library's
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        script.url = f"http://127.0.0.1:{server.server_port}"
        Thread(target=server.serve_forever, daemon=True).start()
        yield script
        server.shutdown()


@pytest.fixture
def one_purchase(tmp_path: Path) -> Path:
    """A file of one customer with one purchase: two requests."""
    file = tmp_path / "purchases.csv"
    file.write_text(f"{HEADER}00001,19970101,1,11.77\n")
    return file


@pytest.mark.parametrize("status", [429, 503, 507])
def test_busy_server_is_asked_again_when_it_says(status: int, one_purchase: Path) -> None:
    busy: Answer = (status, {"Retry-After": "1"}, {"type": "Busy", "details": [{"message": "too much to do"}]})
    with scripted(lambda number: busy if number == 1 else THANKS) as server:
        outcome = load(one_purchase, server.url)
    assert outcome.returncode == 0
    assert f"{status}, too much to do; trying again" in outcome.stderr
    assert "1 retries" in outcome.stderr
    first, second = server.requests[:2]
    assert second[0] - first[0] >= 1


def test_retry_is_the_same_request_with_the_same_idempotency_key(one_purchase: Path) -> None:
    with scripted(lambda number: THANKS if number % 3 == 0 else None) as server:
        assert load(one_purchase, server.url).returncode == 0
    assert len(server.requests) == 6
    tries = [(headers["Idempotency-Key"], body) for _, headers, body in server.requests]
    assert tries[0] == tries[1] == tries[2]
    assert tries[3] == tries[4] == tries[5]
    assert tries[0][0] != tries[3][0]


def test_delay_grows(one_purchase: Path) -> None:
    with scripted(lambda number: None if number < 4 else THANKS) as server:
        load(one_purchase, server.url)
    times = [at for at, _, _ in server.requests[:4]]
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert gaps[0] >= 0.2
    assert gaps[1] >= 0.4
    assert gaps[2] >= 0.8


def test_another_run_has_other_idempotency_keys(one_purchase: Path) -> None:
    with scripted(lambda _: THANKS) as server:
        load(one_purchase, server.url)
        load(one_purchase, server.url)
    assert len({headers["Idempotency-Key"] for _, headers, _ in server.requests}) == 4


def test_ignored_value_is_told_and_counts_as_a_fault(one_purchase: Path) -> None:
    ignored = [{"name": "Total CDs", "expected": "string", "received": "number"}]
    with scripted(lambda _: (200, {}, {"success": True, "ignored": ignored})) as server:
        outcome = load(one_purchase, server.url)
    assert outcome.returncode == 1
    assert "Total CDs is a string there, not a number" in outcome.stderr
    assert "2 values ignored" in outcome.stderr


def test_answer_of_something_else_is_no_success(one_purchase: Path) -> None:
    with scripted(lambda _: (200, {"Content-Type": "text/html"}, {"success": True})) as server:
        outcome = load(one_purchase, server.url)
    assert outcome.returncode == 1
    assert "not an answer of Customer Profiles" in outcome.stderr


def test_gives_up_on_a_server_that_is_not_there(one_purchase: Path) -> None:
    outcome = load(one_purchase, NOBODY, "any", "--patience", "0.5")
    assert outcome.returncode == 1
    assert "gave up after" in outcome.stderr
    assert "Connection refused" in outcome.stderr


def test_line_that_cannot_be_read_stops_it_before_anything_is_sent(tmp_path: Path) -> None:
    file = tmp_path / "purchases.csv"
    file.write_text(f"{HEADER}00001,19970101,1,11.77\n00002,1997-01-12,1,12.00\n")
    with scripted(lambda _: THANKS) as server:
        outcome = load(file, server.url)
    assert outcome.returncode == 1
    assert "line 3 can't be read" in outcome.stderr
    assert server.requests == []
