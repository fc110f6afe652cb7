"""Statements that are left for later: done before anybody could notice, in one go on PostgreSQL, or not at all."""

from typing import Any

import pytest
from sqlalchemy import ClauseElement, func, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.orm import Session

from tests.world import Shop, rows
from webapp import statements
from webapp.db import Base, Database
from webapp.models import EventCount, PinnedAttribute, RefusedHour, Workspace

_PINNED = Base.metadata.tables[PinnedAttribute.__tablename__]
_HOURS = Base.metadata.tables[RefusedHour.__tablename__]
_COUNTS = Base.metadata.tables[EventCount.__tablename__]


def _pinning(dialect: str) -> ClauseElement:
    return statements.inserting(dialect, _PINNED.c)


def _counting(dialect: str) -> ClauseElement:
    return statements.inserting(dialect, _HOURS.c)


def _of_nobody(dialect: str) -> ClauseElement:
    return statements.inserting(dialect, _COUNTS.c)


def _pin(session: Session, shop: Shop, name: str) -> None:
    row = {"workspace_id": shop.workspace.id, "name": name, "pinned_at": 1}
    statements.execute_later(session, _pinning, [row])


def _count(session: Session, shop: Shop, hour: int) -> None:
    row = {"workspace_id": shop.workspace.id, "kind": "refused", "hour": hour, "count": 1}
    statements.execute_later(session, _counting, [row])


def _number(session: Session) -> int:
    return session.scalar(select(func.count()).select_from(PinnedAttribute)) or 0


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The texts of all statements that are given straight to the driver."""
    found: list[str] = []
    run = statements.run

    def noting(cursor: Any, sql: str, parameters: Any) -> None:
        found.append(sql)
        run(cursor, sql, parameters)

    monkeypatch.setattr(statements, "run", noting)
    return found


def test_what_is_left_for_later_is_there_for_the_next_question(shop: Shop, database: Database) -> None:
    with database.write() as session:
        _pin(session, shop, "City")
        assert _number(session) == 1, "asked by SQLAlchemy"
        _pin(session, shop, "Points")
        (found,) = statements.driven(session.info["connection"], "SELECT count(*) FROM pinned_attributes", ())
        assert tuple(found) == (2,), "asked by the driver alone"
        _pin(session, shop, "Tier")
    assert rows(database, PinnedAttribute) == 3


@pytest.mark.parametrize("way", ["write", "transact"])
def test_what_is_left_for_later_is_committed(shop: Shop, database: Database, way: str) -> None:
    if way == "write":
        with database.write() as session:
            _pin(session, shop, "City")
    else:
        database.transact(lambda session: _pin(session, shop, "City"))
    assert rows(database, PinnedAttribute) == 1


def test_writes_to_different_tables_go_as_one_on_postgresql(shop: Shop, database: Database, sent: list[str]) -> None:
    with database.write() as session:
        for number, name in enumerate(("City", "Points")):
            _pin(session, shop, name)
            _count(session, shop, number)
    written = [sql for sql in sent if "INSERT INTO" in sql]
    assert [sql.count("INSERT INTO") for sql in written] == ([1, 1, 1, 1] if database.is_sqlite else [2, 2])
    assert (rows(database, PinnedAttribute), rows(database, RefusedHour)) == (2, 2)


def test_two_writes_to_one_table_keep_their_order(shop: Shop, database: Database) -> None:
    with database.write() as session:
        _pin(session, shop, "City")
        statements.driven_later(session.info["connection"], "DELETE FROM pinned_attributes", ())
        _pin(session, shop, "Points")
    with database.read() as session:
        assert session.scalars(select(PinnedAttribute.name)).all() == ["Points"]


def test_an_answer_comes_with_the_next_question_or_when_it_is_wanted(shop: Shop, database: Database) -> None:
    with database.write() as session:
        connection = session.info["connection"]
        first = statements.driven_later(connection, "SELECT count(*) FROM pinned_attributes", ())
        _pin(session, shop, "City")
        second = statements.driven_later(connection, "SELECT count(*) FROM pinned_attributes", ())
        assert [tuple(one) for one in second.rows()] == [(1,)]
        assert [tuple(one) for one in first.rows()] == [(0,)]


def test_several_queries_at_once_answer_in_their_order(shop: Shop, database: Database) -> None:
    def pinned(dialect: str) -> Any:
        told = statements.given(dialect, [_PINNED.c.name]).subquery("told").c
        return select(_PINNED.c.name).where(_PINNED.c.name == told.name)

    with database.write() as session:
        _pin(session, shop, "City")
        found = statements.fetch_all(session, (pinned, [{"name": "City"}]), (pinned, [{"name": "Points"}]))
    assert [[list(row) for row in some] for some in found] == [[["City"]], []]


def test_what_fails_later_fails_the_transaction_with_its_own_error(shop: Shop, database: Database) -> None:
    def work(session: Session) -> None:
        _pin(session, shop, "City")
        statements.execute_later(session, _of_nobody, [{"customer_id": 4711, "name": "Purchased", "count": 1}])
        _count(session, shop, 1)

    with pytest.raises(IntegrityError, match=r"(?i)foreign key"):
        database.transact(work)
    database.transact(lambda session: _pin(session, shop, "Points"))
    with database.read() as session:
        assert session.scalars(select(PinnedAttribute.name)).all() == ["Points"]


def test_nothing_is_left_over_from_a_transaction_that_failed(shop: Shop, database: Database) -> None:
    def work(session: Session) -> None:
        _pin(session, shop, "City")
        raise ValueError("the work changed its mind")

    for _ in range(2):
        with pytest.raises(ValueError, match="changed its mind"):
            database.transact(work)
    database.transact(lambda session: session.flush())
    assert rows(database, PinnedAttribute) == 0


def test_an_error_before_it_is_not_hidden_by_what_was_left(shop: Shop, database: Database) -> None:
    def work(session: Session) -> None:
        _pin(session, shop, "City")
        session.execute(text("SELECT nothing FROM nowhere"))

    with pytest.raises(DBAPIError, match="nowhere"):
        database.transact(work)
    assert rows(database, PinnedAttribute) == 0


def test_nothing_of_a_rehearsal_stays_that_was_given_to_the_driver_alone(shop: Shop) -> None:
    def work(session: Session, _: Session) -> None:
        statements.driven(session.info["connection"], "UPDATE workspaces SET name = 'Another'", ())

    shop.database.rehearse(work)
    with shop.database.read() as session:
        assert "Another" not in session.scalars(select(Workspace.name)).all()
