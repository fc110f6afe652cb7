"""Statements about many rows: written once, and given straight to the driver."""

import re
from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from functools import cache
from typing import Any, NamedTuple

import orjson
from sqlalchemy import (
    ClauseElement,
    Column,
    ColumnElement,
    Connection,
    Integer,
    Select,
    Table,
    Text,
    and_,
    bindparam,
    cast,
    column,
    func,
    literal_column,
    select,
    text,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session
from sqlalchemy.sql.compiler import SQLCompiler

Statement = Callable[[str], ClauseElement]  # made for a dialect


class _Driven(NamedTuple):
    """A statement as the driver takes it. `answer`: where its rows go, if anybody waits for them."""

    sql: str
    parameters: Any
    answer: "Answer | None" = None


class Answer:
    """The rows of a query that is asked together with whatever is asked next."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.found: list[Any] | None = None

    def rows(self) -> list[Any]:
        """The rows. Raises what SQLAlchemy would."""
        if self.found is None:
            settle(self._connection)
        assert self.found is not None  # noqa: S101 - or it has been forgotten with its transaction
        return self.found


def execute(session: Session, statement: Statement, rows: Sequence[dict[str, Any]], **shared: Any) -> list[Any]:
    """Run a statement about `given` rows in a transaction of `write` or `transact`.

    `shared`: its parameters beside the rows, for what is the same in all of them. Returns the rows of its result, if it
    has any: tuples of the database's own types, which are right for whole numbers and texts.
    """
    return _together(session.info["connection"], [_ready(_prepared(statement, _dialect(session)), rows, shared)])[0]


def execute_later(session: Session, statement: Statement, rows: Sequence[dict[str, Any]], **shared: Any) -> None:
    """Run a statement before the next one of the transaction that has a result, at the latest before its commit.

    On PostgreSQL all that have gathered go to the server at once: waiting for an answer takes longer than finding it.
    """
    connection, ready = session.info["connection"], _ready(_prepared(statement, _dialect(session)), rows, shared)
    if connection.dialect.name == "sqlite":
        _together(connection, [ready])
    else:
        connection.info.setdefault(_LATER, []).append(ready)


def fetch(session: Session, statement: Callable[[str], Select[Any]], rows: Sequence[dict[str, Any]]) -> list[Any]:
    """As `execute`, for a query."""
    return fetch_all(session, (statement, rows))[0]


def fetch_all(
    session: Session, *asked: tuple[Callable[[str], Select[Any]], Sequence[dict[str, Any]]]
) -> list[list[Any]]:  # fmt: skip
    """The results of several queries, of which none needs another's."""
    connection = session.info["connection"]
    if _dialect(session) != "sqlite":
        return _together(connection, [_ready(_prepared(query, "postgresql"), rows, {}) for query, rows in asked])
    # All in one row: between two rows the driver lets other threads run, and waits for its turn again.
    texts = [_together(connection, [_ready(_prepared_at_once(query), rows, {})])[0] for query, rows in asked]
    return [orjson.loads(text) for ((text,),) in texts]


class _Prepared(NamedTuple):
    """A statement about given rows as the driver takes it. `order`: of its parameters, where they have no names."""

    sql: str
    constants: dict[str, Any]
    order: Sequence[str] | None


def _ready(prepared: _Prepared, rows: Sequence[dict[str, Any]], shared: dict[str, Any]) -> _Driven:
    named = prepared.constants | {"rows": orjson.dumps(rows).decode(), "number": len(rows)} | shared
    return _Driven(prepared.sql, named if prepared.order is None else tuple(named[name] for name in prepared.order))


def driven(connection: Connection, sql: str, parameters: Any) -> list[Any]:
    """Run a statement by the driver alone: what SQLAlchemy does around each takes longer than most of those here.

    Returns the rows of the result. Raises what SQLAlchemy would.
    """
    return _together(connection, [_Driven(sql, parameters)])[0]


def driven_later(connection: Connection, sql: str, parameters: Any) -> Answer:
    """As `driven`, when `execute_later` would."""
    answer = Answer(connection)
    if connection.dialect.name == "sqlite":
        answer.found = driven(connection, sql, parameters)
    else:
        connection.info.setdefault(_LATER, []).append(_Driven(sql, parameters, answer))
    return answer


def settle(connection: Connection) -> None:
    """Run what has been left for later. Raises what SQLAlchemy would."""
    if connection.info.get(_LATER):
        _together(connection, [])


def forget(connection: Connection) -> None:
    """Leave undone what has been left for later: the transaction has failed."""
    if not connection.invalidated:
        connection.info.pop(_LATER, None)


_LATER = "later"


def _together(connection: Connection, statements: Sequence[_Driven]) -> list[list[Any]]:
    """The results of statements, which run after those that have been left for later."""
    driver: Any = connection.connection.dbapi_connection
    earlier = _merged(connection.info.pop(_LATER, []))
    todo = [*earlier, *statements]
    cursors: list[Any] = []
    try:
        with driver.pipeline() if len(todo) > 1 else nullcontext():
            for one in todo:
                cursors.append(driver.cursor())
                run(cursors[-1], one.sql, one.parameters)
        found = [one.fetchall() if one.description else [] for one in cursors]
    except connection.dialect.loaded_dbapi.Error as error:
        raise _as_sqlalchemy_would(connection, todo, cursors, error) from error
    for one, rows in zip(earlier, found, strict=False):
        if one.answer is not None:
            one.answer.found = rows
    return found[len(earlier) :]


def _merged(statements: Sequence[_Driven]) -> list[_Driven]:
    """The same statements, those as one that write to different tables one after the other."""
    found: list[list[_Driven]] = []
    tables: set[str] = set()
    for one in statements:
        table = _written(one.sql)
        if table is None or table in tables or not tables:
            found.append([])
            tables = set()
        found[-1].append(one)
        if table is not None:
            tables.add(table)
    return [some[0] if len(some) == 1 else _one_of(some) for some in found]


@cache
def _written(sql: str) -> str | None:
    """The table that a statement writes to; None where it only reads."""
    found = _WRITING.match(sql)
    return found and found[1]


def _one_of(statements: Sequence[_Driven]) -> _Driven:
    values = {
        f"{name}_{number}": value
        for number, one in enumerate(statements)
        for name, value in one.parameters.items()
    }  # fmt: skip
    return _Driven(_joined(tuple(one.sql for one in statements)), values)


@cache
def _joined(texts: tuple[str, ...]) -> str:
    *others, last = (_PARAMETER.sub(rf"%(\g<1>_{number})s", text) for number, text in enumerate(texts))
    return f"WITH {', '.join(f'w{number} AS ({text})' for number, text in enumerate(others))} {last}"


_WRITING = re.compile(r"(?:INSERT INTO|UPDATE|DELETE FROM) (\w+) ")
_PARAMETER = re.compile(r"%\((\w+)\)s")


def run(cursor: Any, sql: str, parameters: Any) -> None:
    """Every statement that is given straight to the driver comes by here."""
    cursor.execute(sql, parameters)


def _as_sqlalchemy_would(
    connection: Connection, todo: Sequence[_Driven], cursors: Sequence[Any], error: Exception
) -> Exception:
    driver: Any = connection.connection.dbapi_connection
    dialect = connection.dialect
    is_gone = dialect.is_disconnect(error, driver, cursors[-1] if cursors else None)  # type: ignore[arg-type]
    if is_gone:
        connection.invalidate(error)
    texts = ";\n".join(one.sql for one in todo)
    return DBAPIError.instance(
        texts, None, error, dialect.loaded_dbapi.Error, connection_invalidated=is_gone, dialect=dialect
    )


def _dialect(session: Session) -> str:
    return str(session.get_bind().dialect.name)


@cache
def _prepared_at_once(statement: Callable[[str], Select[Any]]) -> _Prepared:
    rows = statement("sqlite").subquery()
    return _compiled(select(func.json_group_array(func.json_array(*rows.c))), "sqlite")


@cache
def _prepared(statement: Callable[[str], ClauseElement], dialect: str) -> _Prepared:
    return _compiled(statement(dialect), dialect)


def _compiled(statement: ClauseElement, dialect: str) -> _Prepared:
    compiled = statement.compile(dialect=_DIALECTS[dialect])
    assert isinstance(compiled, SQLCompiler)  # noqa: S101 - it is SQL
    return _Prepared(compiled.string, dict(compiled.params), compiled.positiontup)


_DIALECTS = {"sqlite": sqlite.dialect(), "postgresql": PGDialect_psycopg()}  # type: ignore[no-untyped-call]


def given(dialect: str, columns: Iterable[ColumnElement[Any]]) -> Select[Any]:
    """Rows that come as the parameter `rows`, a JSON array of objects, with the names and types of these columns.

    Many rows are one parameter and one text of SQL, which the database prepares once.
    """
    wanted = list(columns)
    rows = bindparam("rows", type_=Text)
    if dialect == "sqlite":
        each = func.json_each(rows).table_valued("value", name="given")
        values = [
            func.json_extract(each.c.value, literal_column(f"'$.{one.name}'"), type_=one.type).label(one.name)
            for one in wanted
        ]
        return select(*values).where(text("true"))  # without it, ON CONFLICT would be read as a part of a join
    named = [column(one.name, one.type) for one in wanted]
    records = func.json_to_recordset(cast(rows, postgresql.JSON)).table_valued(*named, name="given")
    # How many there are, lest it plans for a hundred and rather reads a whole table than look them up.
    return select(*records.render_derived(with_types=True).c).limit(bindparam("number", type_=Integer))


def inserting(dialect: str, columns: Iterable[Column[Any]]) -> sqlite.Insert | postgresql.Insert:
    """An INSERT of `given` rows into these columns of a table."""
    wanted = list(columns)
    insert_into = sqlite.insert if dialect == "sqlite" else postgresql.insert
    return insert_into(wanted[0].table).from_select(wanted, given(dialect, wanted))


@cache
def finding(table: Table) -> Callable[[str], Select[Any]]:
    """The query for those of the given primary keys that are in a table."""

    def query(dialect: str) -> Select[Any]:
        told = given(dialect, table.primary_key).subquery("told")
        return select(*told.c).join(table, and_(*(table.c[one.name] == one for one in told.c)))

    return query


def stored(session: Session, table: Table, keys: Iterable[tuple[Any, ...]]) -> set[tuple[Any, ...]]:
    """Those of these primary keys that are in a table."""
    asked = named(table, keys)
    return {tuple(key) for key in fetch(session, finding(table), asked)} if asked else set()


def named(table: Table, keys: Iterable[tuple[Any, ...]]) -> list[dict[str, Any]]:
    """Primary keys of a table as rows that can be given."""
    names = [one.name for one in table.primary_key]
    return [dict(zip(names, key, strict=True)) for key in keys]
