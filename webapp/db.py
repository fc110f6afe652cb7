"""The database of one app: engine, sessions for reading and for writing, and the base of the tables."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from copy import copy
from enum import IntEnum
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

from flask import current_app, g
from sqlalchemy import (
    URL,
    BigInteger,
    Connection,
    Engine,
    Integer,
    MetaData,
    Text,
    create_engine,
    event,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.orm import DeclarativeBase, Session, sessionmaker

from webapp import statements

try:
    from pysqlite3 import dbapi2 as sqlite_module
except ImportError:  # no wheel for this platform: `doctor` and `serve` warn about its version
    import sqlite3 as sqlite_module

T = TypeVar("T")

_ATTEMPTS = 6
_TRY_AGAIN = {"40001", "40P01"}  # PostgreSQL: serialization failure, deadlock detected
# Of connections that are kept for writing, where a few statements look up a few rows each, again and again. Planning
# takes PostgreSQL longer than running them: one plan for good. It must not be one that reads a table whole because that
# was small when the plan was made.
_PLANS = (
    "plan_cache_mode = force_generic_plan",
    "enable_seqscan = off",
    "enable_hashjoin = off",
    "enable_mergejoin = off",
)
# Of PostgreSQL's connections: the id of the workspace whose rows alone row-level security shows; empty: of all.
_WORKSPACE = "customer_profiles.workspace"
_READ_ONLY = "25006"  # of PostgreSQL: what answers now isn't the primary, after a failover for example
_CONNECT_TIMEOUT = 5  # seconds; a host that swallows packets must become a 503, not a thread that hangs

# Bytes to which SQLite's log of writes is cut when it starts again from its beginning. While somebody reads for long
# (a backup, a shell) it can't, and grows; without a limit it would keep that size for ever after.
_LARGEST_LOG = 16_000_000

# SQLite up to 3.51.2 can corrupt a database in WAL mode when a reset of the log races with a writer.
SAFE_SQLITE = (3, 51, 3)


class Base(DeclarativeBase):
    """Base of the tables. Constraints are named, so that migrations can name them too."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


# An id that SQLite gives out by itself (only its INTEGER can) and that is 64 bits wide on PostgreSQL.
Id = BigInteger().with_variant(Integer, "sqlite")
# Text compared byte by byte on both engines: prefixes can use an index, and order never depends on a locale.
ExactText = Text().with_variant(Text(collation="C"), "postgresql")


def sqlite_library() -> ModuleType:
    """The SQLite module in use: pysqlite3's recent library, else the one inside Python."""
    return sqlite_module  # type: ignore[no-any-return]


class Database:
    """Sessions over one engine.

    `read()` gives a session for looking; `write()` one whose work is committed when the block ends without an error.
    """

    def __init__(self, url: URL) -> None:
        self.engine = _sqlite_engine(url) if url.get_backend_name() == "sqlite" else _postgresql_engine(url)
        # On PostgreSQL each statement sees what is committed by then, in a transaction or not: begin and end of one
        # would only be two more questions to the server. On SQLite a transaction makes several reads agree.
        reading = self.engine if self.is_sqlite else self.engine.execution_options(isolation_level="AUTOCOMMIT")
        self._readers = sessionmaker(reading, expire_on_commit=False)
        self._immediate = self.engine.execution_options(begin="IMMEDIATE")
        self._kept: list[Connection] = []
        event.listen(self.engine, "engine_disposed", lambda _: self._drop_kept())
        remembered: dict[str, Any] = {}
        self._writers = sessionmaker(
            expire_on_commit=False, join_transaction_mode="rollback_only", info={"remembered": remembered}
        )
        # SQLite has one writer at a time and lets the others poll; a lock hands over at once and in order.
        self._turn: AbstractContextManager[Any] = threading.Lock() if self.is_sqlite else nullcontext()
        self._rehearsing = threading.Lock()
        self._changes = [0]
        self._workspace = ""

    @property
    def is_sqlite(self) -> bool:
        """Whether this is the embedded database."""
        return self.engine.dialect.name == "sqlite"

    @property
    def version(self) -> int:
        """How often `write` has changed something, for those who remember what they have read (in this process)."""
        return self._changes[0]

    def within(self, workspace_id: int) -> "Database":
        """This database as a workspace's pages see it: on PostgreSQL without the rows of others, whatever is asked for.

        SQLite knows no such thing. What this process remembers is the same (docs/decisions/0031).
        """
        if self.is_sqlite:
            return self
        narrow = copy(self)
        narrow._workspace = str(workspace_id)
        return narrow

    def _confine(self, connection: Connection, *, is_for_good: bool) -> None:
        """Have a connection show the rows of this workspace only: from now on, or until its transaction ends.

        It keeps that in the pool, and is told anew only when it has to show others.
        """
        if self.is_sqlite or connection.info.get(_WORKSPACE, "") == self._workspace:
            return
        statements.driven(connection, "SELECT set_config(%s, %s, %s)", (_WORKSPACE, self._workspace, not is_for_good))
        if is_for_good:
            connection.info[_WORKSPACE] = self._workspace

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session for reading; nothing done in it is kept."""
        with self._readers() as session:
            if not self.is_sqlite:
                self._confine(session.connection(), is_for_good=True)
            yield session

    @contextmanager
    def snapshot(self) -> Iterator[Session]:
        """A session for reading that sees one moment, however much it reads: that of its first look.

        While it lasts, neither engine can clean up what has been replaced since.
        """
        if self.is_sqlite:
            with self.read() as session:
                yield session
            return
        frozen = self.engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        with frozen.connect() as connection, connection.begin(), Session(connection) as session:
            self._confine(connection, is_for_good=False)
            yield session

    def transact(self, work: Callable[[Session], T]) -> T:
        """Do work in one transaction and return its result; again, a few times, when PostgreSQL asks for it.

        The work must leave keys and workspaces alone, which others remember until the next `write`.
        """
        return self._repeated(work, _Attempt)

    def rehearse(self, work: Callable[[Session, Session], T]) -> T:
        """Do work as `transact` does, but let nothing of it stay, here or in what this process remembers.

        The second session sees the database as it is without the work.
        """

        def beside(session: Session) -> T:
            session.info["remembered"] = {}
            with self.read() as before:
                return work(session, before)

        # One at a time: however many are asked for, whoever stores something waits for no more than one of them.
        with self._rehearsing:
            return self._repeated(beside, _Rehearsal)

    def _repeated(self, work: Callable[[Session], T], kind: "type[_Attempt]") -> T:
        for attempt in range(_ATTEMPTS):
            done = kind()
            try:
                return self._attempt(work, done)
            except OperationalError as error:
                if attempt + 1 == _ATTEMPTS or not done.may_be_repeated(error):
                    raise
                time.sleep(0.005 * 2**attempt)
        raise AssertionError("unreachable")

    def _attempt(self, work: Callable[[Session], T], done: "_Attempt") -> T:
        connection = self._kept.pop() if self._kept else self._opened()
        try:
            with self._transaction(connection) as session:
                result = work(session)
                session.flush()
                statements.settle(connection)
                done.end(session)
        except DBAPIError:
            if not self.is_sqlite:
                connection.invalidate()  # it may be broken in a way that nobody notices
            raise
        finally:
            # Also after an error: on a full disk SQLite can't open another one.
            if self._kept or connection.invalidated:
                connection.close()
            else:
                self._kept.append(connection)
        return result

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A session in one transaction, committed (and synced to disk) at the end of the block, else rolled back."""
        with self._immediate.connect() as connection, self._transaction(connection) as session:
            yield session
            session.flush()
            statements.settle(connection)
        self._changes[0] += 1

    @contextmanager
    def _transaction(self, connection: Connection) -> Iterator[Session]:
        with self._turn, connection.begin(), self._writers(bind=connection) as session:
            session.info["connection"] = connection
            self._confine(connection, is_for_good=False)  # a rollback would take back more
            try:
                yield session
            except BaseException:
                statements.forget(connection)
                raise

    def _opened(self) -> Connection:
        """A connection to be kept from one transaction to the next: the pool's way takes as long as a statement."""
        connection = self._immediate.connect()
        connection.detach()
        if not self.is_sqlite:
            settings = (*_PLANS, f"{_WORKSPACE} = ''")  # the pool's may have been a page's
            connection.exec_driver_sql("; ".join(f"SET {setting}" for setting in settings))
            connection.commit()
            connection.info[_WORKSPACE] = ""
        return connection

    def _drop_kept(self) -> None:
        while self._kept:
            self._kept.pop().close()


class _Attempt:
    """How far a transaction has come."""

    is_to_be_committed = False

    def end(self, session: Session) -> None:  # noqa: ARG002 - there is nothing to be done with it
        """All is done: it is committed next."""
        self.is_to_be_committed = True

    def may_be_repeated(self, error: OperationalError) -> bool:
        """Whether a failed transaction has surely left nothing behind, and may succeed the next time."""
        if getattr(error.orig, "sqlstate", None) in _TRY_AGAIN:
            return True
        # The server was restarted since the connection was made. Where it ended during a commit, nobody knows.
        return error.connection_invalidated and not self.is_to_be_committed


class _Rehearsal(_Attempt):
    """A transaction that is rolled back once all is done."""

    def end(self, session: Session) -> None:
        """All is done, and undone."""
        session.rollback()
        # A session that has only driven statements has begun nothing, and would leave the connection's transaction.
        begun = session.info["connection"].get_transaction()
        if begun is not None:
            begun.rollback()


class Trouble(IntEnum):
    """Why the database can't serve now; the value is the HTTP status that says so."""

    AWAY = 503
    FULL = 507


def trouble(error: Exception) -> Trouble | None:
    """What an error of the database means for who asked; None where the fault is ours."""
    if not isinstance(error, DBAPIError | PoolTimeoutError):
        return None
    cause = getattr(error, "orig", None)
    if "disk is full" in str(cause) or getattr(cause, "sqlstate", None) == "53100":
        return Trouble.FULL
    is_standby = getattr(cause, "sqlstate", None) == _READ_ONLY
    return Trouble.AWAY if is_standby or isinstance(error, OperationalError | PoolTimeoutError) else None


def database() -> Database:
    """The database of the current app; behind a guard that knows the workspace of a page, as that one sees it."""
    found: Database = g.get("database") or whole()
    return found


def whole() -> Database:
    """The database of the current app with all workspaces in it: for what is about several of them."""
    found: Database = current_app.extensions["database"]
    return found


def insert(session: Session) -> Any:
    """The `insert` construct of the session's engine, which knows ON CONFLICT on both."""
    return sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert


def _sqlite_engine(url: URL) -> Engine:
    Path(str(url.database)).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(url, module=sqlite_module, pool_size=16, max_overflow=240)

    @event.listens_for(engine, "connect")
    def _configure(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # transactions are begun below, not guessed by the driver
        for pragma in (
            "busy_timeout=15000",
            "synchronous=FULL",
            "foreign_keys=ON",
            f"journal_size_limit={_LARGEST_LOG}",
        ):
            connection.execute(f"PRAGMA {pragma}")
        _use_wal(connection)

    @event.listens_for(engine, "begin")
    def _begin(connection: Any) -> None:
        options = connection.get_execution_options()
        if "foreign_keys" in options:  # can't be changed within the transaction
            connection.exec_driver_sql(f"PRAGMA foreign_keys={options['foreign_keys']}")
        # A deferred transaction that reads and then writes fails as "locked" under concurrency.
        statements.driven(connection, f"BEGIN {options.get('begin', 'DEFERRED')}", ())

    return engine


def _use_wal(connection: Any) -> None:
    # Two that make one database at once get in each other's way here, and SQLite doesn't wait for this.
    for attempt in range(100):
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite_module.OperationalError as error:
            if attempt == 99 or "locked" not in str(error):
                raise
            time.sleep(0.01)
        else:
            return


def _postgresql_engine(url: URL) -> Engine:
    timeout = {"connect_timeout": _CONNECT_TIMEOUT}
    engine = create_engine(url, pool_size=16, max_overflow=16, pool_pre_ping=True, connect_args=timeout)

    @event.listens_for(engine, "before_cursor_execute")
    def _settle(connection: Connection, *_: Any) -> None:
        statements.settle(connection)

    return engine
