"""Workspaces of which an import has stored a part so far. One whose import was broken off is taken away again.

While an import works, it says so with every step. One that hasn't for a while is over: a server takes away what it has
left within some minutes, and another import before it begins.
"""

from collections.abc import Iterator, Sequence
from functools import partial

from sqlalchemy import Column, ColumnElement, Table, Text, cast, delete, literal, or_, select, update
from sqlalchemy.orm import Session

from webapp import clock
from webapp.db import Base, Database
from webapp.models import AuditEntry, BrowserMessage, Customer, Device, DeviceLogin, Workspace

LEASE = 60 * clock.SECOND  # the longest step of an import, many times
GIVEN_UP, _GONE = 0, -1  # marks of a workspace that is to be taken away, and of one that has been
_AT_ONCE = 500  # customers or devices


class LostError(Exception):
    """The workspace isn't this import's any more."""


class Mark:
    """The mark of one workspace, in the hands of who imports it."""

    def __init__(self, workspace_id: int, at: int) -> None:
        self.workspace_id = workspace_id
        self._at = at

    def renewed(self, session: Session) -> int:
        """Say in this transaction that the import goes on. Returns what to `keep` when it is committed.

        Raises LostError: it took so long that somebody has given it up.
        """
        now = max(clock.now(), self._at + 1)
        self._set(session, now)
        return now

    def keep(self, at: int) -> None:
        """Know what has been committed."""
        self._at = at

    def taken_off(self, session: Session) -> None:
        """Let everybody see the workspace. Raises LostError."""
        self._set(session, None)

    def given_up(self, session: Session) -> None:
        """Let the workspace be one whose import is over, so that it can be taken away. Raises LostError."""
        self._set(session, GIVEN_UP)

    def _set(self, session: Session, at: int | None) -> None:
        is_mine = (Workspace.id == self.workspace_id) & (Workspace.arriving_at == self._at)
        query = update(Workspace).where(is_mine).values(arriving_at=at).returning(Workspace.id)
        if session.scalar(query) is None:
            raise LostError


def are_arriving(session: Session) -> bool:
    """Whether an import is under way, as far as is known."""
    return session.scalar(select(Workspace.id).where(Workspace.arriving_at > clock.now() - LEASE).limit(1)) is not None


def clear(database: Database) -> bool:
    """Take away what imports have left that were broken off. Returns False: nothing is left for later."""
    with database.read() as session:
        over = session.scalars(select(Workspace.id).where(_is_over())).all()
    for workspace_id in over:
        remove(database, workspace_id)
    return False


def _is_over() -> ColumnElement[bool]:
    return Workspace.arriving_at.between(GIVEN_UP, clock.now() - LEASE)


def remove(database: Database, workspace_id: int) -> None:
    """Take away all that is in a workspace whose import is over, in small steps that hold up nobody.

    Its devices stay, without anything that they had told: to be sure that nothing refers to one, both engines would
    read all events there are. So does the row of the workspace then, which nobody sees.
    """
    after: int | None = 0
    while database.transact(partial(_remove_some, workspace_id=workspace_id)):
        pass
    while after is not None:
        after = database.transact(partial(_blank_some, workspace_id=workspace_id, after=after))
    database.transact(partial(_remove_rest, workspace_id=workspace_id))


def _remove_some(session: Session, workspace_id: int) -> bool:
    """Take away some customers, and all that refers to them. Returns whether there were any."""
    query = select(Customer.id).where(Customer.workspace_id == workspace_id).order_by(Customer.id).limit(_AT_ONCE)
    ids = session.scalars(query).all()
    if not ids or not _may_go(session, workspace_id):
        return False
    session.execute(update(Customer).where(Customer.root_id.in_(ids)).values(root_id=None))
    for other, columns in _REFERRING:
        session.execute(delete(other).where(or_(*(column.in_(ids) for column in columns))))
    session.execute(delete(Customer).where(Customer.id.in_(ids)))
    return True


def _referring() -> Iterator[tuple[Table, Sequence[Column[int]]]]:
    """The tables whose rows refer to customers, those first that refer to others of them."""
    for table in reversed(Base.metadata.sorted_tables):
        columns = [column for column in table.c if column.references(Base.metadata.tables["customers"].c.id)]
        if columns and table.name != Customer.__tablename__:
            yield table, columns


_REFERRING = list(_referring())


def _blank_some(session: Session, workspace_id: int, after: int) -> int | None:
    """Let some devices be nobody's. Returns the last one; None where there are no more."""
    query = select(Device.id).where(Device.workspace_id == workspace_id, Device.id > after)
    ids = session.scalars(query.order_by(Device.id).limit(_AT_ONCE)).all()
    if not ids or not _may_go(session, workspace_id):
        return None
    for table in (DeviceLogin, BrowserMessage):
        session.execute(delete(table).where(table.device_id.in_(ids)))
    told = dict.fromkeys(("info", "user_agent", "push_token", "owner_id"))
    session.execute(
        update(Device).where(Device.id.in_(ids)).values(did=literal("gone ") + cast(Device.id, Text), **told)
    )
    return ids[-1]


def _remove_rest(session: Session, workspace_id: int) -> None:
    if not _may_go(session, workspace_id):
        return
    kept = {AuditEntry.__tablename__, Device.__tablename__}  # the audit log never had anything of it
    for table in reversed(Base.metadata.sorted_tables):
        if "workspace_id" in table.c and table.name not in kept:
            session.execute(delete(table).where(table.c.workspace_id == workspace_id))
    if session.scalar(select(Device.id).where(Device.workspace_id == workspace_id).limit(1)) is None:
        session.execute(delete(Workspace).where(Workspace.id == workspace_id))
    else:
        gone = {"name": "", "placeholder_ids": None, "allowed_origins": "", "arriving_at": _GONE}
        session.execute(update(Workspace).where(Workspace.id == workspace_id).values(gone))


def _may_go(session: Session, workspace_id: int) -> bool:
    """Whether it is still half of one; it stays so until the transaction ends."""
    found = select(Workspace.id).where(Workspace.id == workspace_id, _is_over()).with_for_update()
    return session.scalar(found) is not None
