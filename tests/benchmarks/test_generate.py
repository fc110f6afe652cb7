"""The generated shop is one that the product could have stored itself."""

import json

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from tests.benchmarks.crowd import PREFIX
from tests.benchmarks.generate import generate
from tests.conftest import settings_for
from webapp import counts, profiles, search, visits
from webapp.db import Base, Database
from webapp.models import AttributeValue, Customer, Event, EventCount, Merge, SearchTerm, Visit, Workspace
from webapp.registry import RESERVED

CUSTOMERS, EVENTS = 2_500, 10_000


def test_generated_shop_is_as_the_product_stores_one(database_url: str) -> None:
    generate(database_url, CUSTOMERS, EVENTS)
    database = Database(settings_for(database_url).url)
    with database.write() as session:
        assert session.scalar(select(func.count(Customer.id))) == CUSTOMERS + 1  # and the one of the samples
        assert abs((session.scalar(select(func.count()).select_from(Event)) or 0) - EVENTS) < EVENTS / 5
        begins = session.scalar(select(func.count(Customer.id)).where(Customer.email.startswith(PREFIX)))
        assert begins == CUSTOMERS // 10
        if database.is_sqlite:
            assert session.execute(text("PRAGMA foreign_key_check")).all() == []
        _check_roots(session)
        _check_visits(session)
        _check_terms(session)
    database.engine.dispose()


def _check_roots(session: Session) -> None:
    """What a root repeats of its person is what the product works out."""
    columns = [column for column in Customer.__table__.columns if column.name != "name"]
    query = select(Customer.name, *columns).where(Customer.root_id.is_(None)).order_by(Customer.id)
    before = session.execute(query).all()
    assert session.scalar(select(func.count(Merge.id)))
    profiles.refresh(session, [row.id for row in before])
    assert session.execute(query).all() == before
    own = select(func.count()).where(Event.customer_id == Customer.id).correlate(Customer).scalar_subquery()
    assert session.execute(select(Customer.id).where(Customer.own_event_count != own)).all() == []
    names = select(Event.customer_id, Event.name, func.count()).group_by(Event.customer_id, Event.name)
    counted = select(EventCount.customer_id, EventCount.name, EventCount.count)
    assert set(session.execute(counted).all()) == set(session.execute(names).all())


def _check_visits(session: Session) -> None:
    query = select(*Visit.__table__.columns).order_by(Visit.customer_id, Visit.started_at, Visit.device_id)
    before = session.execute(query).all()
    for customer_id, device_id in {(row.customer_id, row.device_id) for row in before}:
        visits.rebuild(session, counts.of(session, 1), customer_id, device_id)
    assert len(before) > CUSTOMERS / 50
    assert session.execute(query).all() == before


def _check_terms(session: Session) -> None:
    columns = (SearchTerm.customer_id, SearchTerm.field, SearchTerm.term, SearchTerm.is_tail)
    stored = {tuple(row) for row in session.execute(select(*columns))}
    workspace = session.scalars(select(Workspace)).one()
    basics = select(AttributeValue.customer_id, AttributeValue.name, AttributeValue.value)
    told = [
        (id_, name, json.loads(value))
        for id_, name, value in session.execute(basics.where(AttributeValue.name.in_(RESERVED)))
    ]
    for customer in session.scalars(select(Customer)):
        told += [(customer.id, name, getattr(customer, name)) for name in ("system_id", "growlytics_id")]
    assert stored == {
        (id_, field, term, is_tail)
        for id_, field, value in told
        if value is not None
        for term, is_tail in search.terms(field, value, workspace.default_region).items()
    }


def test_indexes_and_constraints_are_put_back(database_url: str) -> None:
    database = Database(settings_for(database_url).url)
    before = _schema(database)
    database.engine.dispose()
    generate(database_url, 100, 1_000)
    assert _schema(database) == before
    database.engine.dispose()


def _schema(database: Database) -> object:
    if database.is_sqlite:
        query = "SELECT name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%' ORDER BY name"
    else:
        query = (
            "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE contype IN ('p', 'u', 'f')"
            " UNION ALL SELECT indexname, indexdef FROM pg_indexes ORDER BY 1, 2"
        )
    with database.engine.connect() as connection:
        rows = connection.execute(text(query)).all()
    assert len(rows) > len(Base.metadata.tables)
    return [tuple(row) for row in rows]
