"""The benchmark itself, in its smallest form: it must go on working, and must not report what went wrong."""

import itertools
import json
import re
from pathlib import Path

import pytest
from sqlalchemy import select

from tests import server
from tests.benchmarks import bulk, databases, events, imports, purchases, report, singles, wrk
from tests.benchmarks.outcome import BenchmarkError, Outcome
from tests.benchmarks.stage import Stage, check_stored
from tests.test_load_purchases import PURCHASES, bought
from tests.world import Shop, rows
from webapp.models import Customer, Event, EventCount

needs_wrk = pytest.mark.skipif(not wrk.is_there(), reason=wrk.MISSING)


def smallest(folder: Path) -> Stage:
    return Stage("sqlite", rounds=1, seconds=1, folder=folder, postgresql_url=None, customers=20)


@needs_wrk
def test_single_events_are_measured_beside_the_bare_app_and_the_database(tmp_path: Path) -> None:
    found = singles.run(smallest(tmp_path))
    assert len(found.measures) == 9
    assert all(one.values[0] > 0 for one in found.measures), found
    assert all(one.values[0] > 0 for one in found.targets), found


def test_batches_are_measured_beside_plain_inserts(tmp_path: Path) -> None:
    found = bulk.run(smallest(tmp_path))
    assert len(found.measures) == 6
    assert all(one.values[0] > 0 for one in found.measures), found
    assert all(one.values[0] > 0 for one in found.targets), found


def test_imports_are_measured(tmp_path: Path) -> None:
    found = imports.run(smallest(tmp_path))
    assert [one.label for one in found.measures] == ["200 customers", "600 purchases, and who bought"]
    assert all(value > 0 for one in found.measures for value in one.values), found


@needs_wrk
def test_refused_events_are_no_result(tmp_path: Path) -> None:
    files = events.write(tmp_path, ["u1"])
    with smallest(tmp_path).bare() as url, pytest.raises(BenchmarkError, match=r"taken: (\d+) requests, \1 refused"):
        wrk.send(f"{url}/nowhere", "any key", 2, 1, files, 1)


def test_stored_events_are_committed_again_one_by_one_without_the_product(shop: Shop, database_url: str) -> None:
    for number in range(3):
        shop.event(number=number)
    alone = singles.Commits(database_url)
    assert alone.per_second(0.1) > 0
    assert alone.per_second(0.1) > 0
    assert rows(shop.database, Event) == 3 + alone.stored


def test_stored_events_are_inserted_again_without_the_product_into_all_tables_or_one(
    shop: Shop, database_url: str
) -> None:
    for number in range(3):
        shop.event(number=number)
    alone = bulk.Inserts(database_url)
    assert alone.per_second(0.1, bulk.insert_alike) > 0
    counted = 3 + alone.stored
    assert alone.per_second(0.1, bulk.insert_events) > 0
    assert rows(shop.database, Event) == 3 + alone.stored > counted
    with shop.database.read() as session:
        found = session.scalars(select(Customer)).one()
        assert (found.event_count, found.own_event_count) == (counted, counted)
        assert session.scalars(select(EventCount.count)).one() == counted


def test_lost_and_invented_events_are_no_result(database_url: str) -> None:
    check_stored(database_url, 0)
    with pytest.raises(BenchmarkError, match="1 events were taken, but 0 are stored"):
        check_stored(database_url, 1)


def test_events_have_600_bytes_and_are_all_different() -> None:
    some = [*itertools.islice(events.stream(["u1"], 1), 1000), *itertools.islice(events.stream(["u1"], 2), 1000)]
    assert all(550 < len(one) < 650 for one in some)
    assert len({json.dumps(json.loads(one)["attributes"]) for one in some}) == len(some)


def test_purchases_are_the_changes_that_the_file_says() -> None:
    changes = [json.loads(one) for one in purchases.read(PURCHASES)]
    customers = [one["id"] for one in changes if one["type"] == "customer"]
    buyers = [one["customerId"] for one in changes if one["type"] == "event"]
    assert customers == list(bought())
    assert buyers == [customer for customer, lines in bought().items() for _ in lines]


def test_made_up_purchases_are_as_many_as_asked_for(tmp_path: Path) -> None:
    made = bought(purchases.made_up(tmp_path / "purchases.csv", customers=50, purchases=150))
    assert len(made) == 50
    assert sum(map(len, made.values())) == 150


def test_page_tells_medians_ranges_and_what_is_met(tmp_path: Path) -> None:
    found = Outcome(notes=["The weather was fine."])
    found.measure("events", "/s", [2500.0, 1500.0, 2000.0])
    found.at_least("of the bare app", "×", [0.4, 0.61, 0.5], 0.5)
    found.at_most("99th percentile", "ms", [61.0], 60)
    report.keep(tmp_path, "singles", smallest(tmp_path), {"version": "3.53.4"}, found, 0.25)
    page = report.page(tmp_path)
    assert "| Single events: of the bare app | ≥ 0.5 × | ✓ 0.50 × (0.40–0.61) | – |" in page
    assert "| Single events: 99th percentile | ≤ 60 ms | ✗ 61.0 ms | – |" in page
    assert "| events | 2,000 /s (1,500–2,500) | – |" in page
    assert "1 rounds of 1 s, on a machine with a load of 0.2 before. The weather was fine." in page
    assert re.search(r"\| Processor \| .+, \d+ cores \|", page)


def test_postgresql_that_does_not_sync_is_no_result(postgresql_server: str) -> None:
    safe = server.create_database(postgresql_server)
    assert databases.described(safe)["fsync"] == "on"
    with pytest.raises(BenchmarkError, match="doesn't sync what it commits"):
        databases.described(f"{safe}{'&' if '?' in safe else '?'}options=-csynchronous_commit%3Doff")
