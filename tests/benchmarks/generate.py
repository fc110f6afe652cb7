"""Fill an empty, migrated database with a big shop, quickly: `python -m tests.benchmarks.generate URL`.

Indexes and foreign keys are taken away while it is loaded and put back afterwards, which also checks them.
"""

import argparse
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from random import Random
from typing import Any

from sqlalchemy import Connection, func, select

from tests.benchmarks.crowd import COLUMNS, TRAITS, Crowd, Grounds, Rows, Sample
from webapp import clock, config, create_app, demo_words, keys, migrate, recounts, workspaces
from webapp.db import Database
from webapp.models import ApiKey, Customer, Device, Event, Workspace

SEED = 20261122
_SAMPLES = 300
_SORTED_LATER = "search_terms"  # the only table whose rows don't come in the order of its primary key
Load = Callable[[Rows], None]


def generate(database_url: str, customers: int = 1_000_000, events: int = 10_000_000, seed: int = SEED) -> None:
    """Fill a migrated database without customers. `customers` counts all profiles, `events` is met by a percent or so.

    Writes past the product and without syncing: nobody else may use the database meanwhile.
    """
    app = create_app(config.load(_env_file=None, database_url=database_url, secret_key="a secret for benchmarks"))
    database: Database = app.extensions["database"]
    crowd = Crowd(_grounds(app, database), customers, events, seed)
    loading = _into_sqlite if database.is_sqlite else _into_postgresql
    database.engine.dispose()  # the journal's mode can't be changed beside other connections
    with database.engine.connect() as connection, loading(connection) as load:
        for rows in crowd.parts():
            load(rows)
    _count(database)
    database.engine.dispose()
    os.sync()  # else what is measured next would share the disk with this


def _count(database: Database) -> None:
    """Count what was written past the product, as its server would after its start."""
    with database.write() as session:
        workspace = session.scalars(select(Workspace)).one()
        recounts.begin(session, workspace.id, workspace.time_zone)
    recounts.finish(database, workspace.id)


def _grounds(app: Any, database: Database) -> Grounds:
    """Let the product itself fix the types of attributes and store samples of events."""
    with database.write() as session:
        workspace = session.scalar(select(Workspace)) or workspaces.create(session, "A big shop")
        _, key = keys.create(session, workspace.id, "Backend")
    client, headers = app.test_client(), {"x-growlytics-key": key}
    told = {"City": "Pune", "Loyalty Points": 17, **dict.fromkeys(TRAITS, "choice 0")}
    bodies: list[tuple[str, dict[str, Any]]] = [("/track/user", {"id": "sample", "attributes": told})]
    bodies += [("/track/event/v2", body) for body in sample_bodies("sample", _SAMPLES)]
    for path, body in bodies:
        answer = client.post(path, json=body, headers=headers)
        assert answer.status_code == 200, answer.get_data(as_text=True)
    with database.read() as session:
        samples = [Sample(*row) for row in session.execute(select(Event.id, Event.name, Event.attributes))]
        return Grounds(
            workspace.id,
            workspace.default_region,
            session.scalar(select(func.max(ApiKey.id))) or 0,
            samples,
            (session.scalar(select(func.max(Customer.id))) or 0) + 1,
            (session.scalar(select(func.max(Device.id))) or 0) + 1,
            clock.now(),
        )


def sample_bodies(system_id: str, number: int) -> Iterator[dict[str, Any]]:
    """Events as a shop's backend sends them to `/track/event/v2`, all different."""
    random, now = Random(SEED), clock.now()
    names = ("Product Viewed", "Product Viewed", "Add To Cart", "Checkout Started", "Purchased", "Coupon Applied")
    for place in range(number):
        product = random.choice(demo_words.PRODUCTS)
        attributes = {
            "Order ID": f"O-{place}",
            "Product": product.name,
            "SKU": product.sku,
            "Category": product.category,
            "Price": product.price,
            "Quantity": random.randint(1, 5),
            "In Stock": place % 7 > 0,
            "Variants": list(product.variants),
        }
        yield {
            "customerId": system_id,
            "name": names[place % 6],
            "time": now - clock.HOUR + place,
            "attributes": attributes,
        }


@contextmanager
def _into_sqlite(connection: Connection) -> Iterator[Load]:
    raw: Any = connection.connection.driver_connection
    query = "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL AND tbl_name = ?"
    indexes = [row for table in COLUMNS for row in raw.execute(query, [table]).fetchall()]
    for setting in ("journal_mode=OFF", "synchronous=OFF", "foreign_keys=OFF", "cache_size=-500000", "threads=2"):
        raw.execute(f"PRAGMA {setting}")
    for name, _ in indexes:
        raw.execute(f"DROP INDEX {name}")
    columns = {table: names.split() for table, names in COLUMNS.items()}
    raw.execute(f"CREATE TEMP TABLE {_SORTED_LATER} ({', '.join(columns[_SORTED_LATER])})")
    inserts = {
        table: f"INSERT INTO {table} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})"
        for table, names in columns.items()
    }

    def load(rows: Rows) -> None:
        raw.execute("BEGIN")
        for table, some in rows.items():
            raw.executemany(inserts[table], some)
        raw.execute("COMMIT")

    yield load
    order = ", ".join(columns[_SORTED_LATER])
    raw.execute(f"INSERT INTO main.{_SORTED_LATER} ({order}) SELECT {order} FROM temp.{_SORTED_LATER} ORDER BY {order}")
    raw.execute(f"DROP TABLE temp.{_SORTED_LATER}")
    for _, sql in indexes:
        raw.execute(sql)
    raw.execute("PRAGMA journal_mode=WAL")


@contextmanager
def _into_postgresql(connection: Connection) -> Iterator[Load]:
    raw: Any = connection.connection.driver_connection
    raw.autocommit = True
    raw.execute("SET maintenance_work_mem = '512MB'")
    raw.execute("SET synchronous_commit = off")
    taken = _constraints(raw)
    for table, name, _ in reversed(taken):
        raw.execute(f"ALTER TABLE {table} DROP CONSTRAINT {name}")
    indexes = [row[0] for table in COLUMNS for row in raw.execute(_INDEXES, [table])]
    for definition in indexes:
        raw.execute(f"DROP INDEX {definition.split(' ON ')[0].split()[-1]}")

    def load(rows: Rows) -> None:
        for table, some in rows.items():
            if some:
                with raw.cursor().copy(f"COPY {table} ({', '.join(COLUMNS[table].split())}) FROM STDIN") as copy:
                    for row in some:
                        copy.write_row(row)

    with _without_walls(raw):
        yield load
    for table, name, definition in taken:
        raw.execute(f"ALTER TABLE {table} ADD CONSTRAINT {name} {definition}")
    for definition in indexes:
        raw.execute(definition)
    for table in ("customers", "devices", "merges"):
        last = f"(SELECT coalesce(max(id), 1) FROM {table})"
        raw.execute(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), {last})")
    raw.execute("VACUUM ANALYZE")  # as autovacuum would in its time
    raw.execute("CHECKPOINT")


@contextmanager
def _without_walls(raw: Any) -> Iterator[None]:
    """Nothing can be copied into tables that have row-level security."""
    walled = [table for table in COLUMNS if raw.execute(_WALLED, [table]).fetchone() is not None]
    for word in ("DISABLE", "ENABLE"):
        for table in walled:
            raw.execute(f"ALTER TABLE {table} {word} ROW LEVEL SECURITY")
        if word == "DISABLE":
            yield


_WALLED = "SELECT 1 FROM pg_class WHERE relname = %s AND relrowsecurity"
_INDEXES = "SELECT indexdef FROM pg_indexes WHERE tablename = %s AND schemaname = current_schema()"


def _constraints(raw: Any) -> Sequence[tuple[str, str, str]]:
    """Table, name and definition of the constraints that need an index or a look elsewhere; primary keys first."""
    rows = raw.execute(
        "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint"
        " WHERE contype IN ('p', 'u', 'f') AND connamespace = current_schema()::regnamespace"
        " AND (conrelid::regclass::text = ANY(%s) OR confrelid::regclass::text = ANY(%s))"
        " ORDER BY array_position(ARRAY['p', 'u', 'f'], contype::text), conname",
        [list(COLUMNS)] * 2,
    )
    return list(rows.fetchall())


def filled(database_url: str, customers: int, events: int, seed: int = SEED) -> None:
    """Migrate and fill an empty database, and say how long it took."""
    database = Database(config.load(_env_file=None, database_url=database_url, secret_key="x" * 16).url)
    migrate.upgrade(database)
    database.engine.dispose()
    began = time.monotonic()
    generate(database_url, customers, events, seed)
    print(f"{customers:,} customers and {events:,} events in {time.monotonic() - began:.0f} s, seed {seed}")


def main() -> None:
    """Migrate the database of a URL and fill it."""
    parser = argparse.ArgumentParser(description=generate.__doc__)
    parser.add_argument("database_url")
    parser.add_argument("--customers", type=int, default=1_000_000)
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument("--seed", type=int, default=SEED)
    asked = parser.parse_args()
    filled(asked.database_url, asked.customers, asked.events, asked.seed)


if __name__ == "__main__":
    main()
