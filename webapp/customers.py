"""Customers: resolving a System ID for writing, finding one for reading, and the pages of the list."""

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Select, func, select, tuple_, update
from sqlalchemy.orm import InstrumentedAttribute, Session

from webapp import search
from webapp.cursors import Cursor
from webapp.db import insert
from webapp.models import Customer, Workspace

PAGE_SIZE = 50
Status = Literal["all", "registered", "anonymous"]
Sort = Literal["last_seen", "created"]


class NotFoundError(LookupError):
    """There is no such customer in this workspace."""


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows of the list in order, with the cursors of the neighbouring pages where there are such."""

    rows: Sequence[Customer]
    newer: Cursor | None
    older: Cursor | None


def new_growlytics_id(created_at: int) -> str:
    """24 hex digits: milliseconds of creation first, so that the index grows at one end, then 48 random bits."""
    return f"{created_at:012x}{secrets.token_hex(6)}"


def lock(session: Session, workspace: Workspace, system_ids: Iterable[str], received_at: int) -> dict[str, int]:
    """The row ids of these registered customers, locked until the transaction ends. Creates who is missing."""
    wanted = sorted(set(system_ids))
    found = _locked(session, workspace.id, wanted)
    missing = [system_id for system_id in wanted if system_id not in found]
    if missing:
        _create(session, workspace, missing, received_at)
        found |= _locked(session, workspace.id, missing)
    return found


def _locked(session: Session, workspace_id: int, system_ids: list[str]) -> dict[str, int]:
    query = (
        select(Customer.system_id, Customer.id)
        .where(Customer.workspace_id == workspace_id, Customer.system_id.in_(system_ids))
        .order_by(Customer.system_id)  # everybody locks in one order, so that nobody waits in a circle
        .with_for_update()
    )
    return {str(system_id): id_ for system_id, id_ in session.execute(query)}


def _create(session: Session, workspace: Workspace, system_ids: list[str], received_at: int) -> None:
    rows = [
        {
            "workspace_id": workspace.id,
            "growlytics_id": new_growlytics_id(received_at),
            "system_id": system_id,
            "created_at": received_at,
            "first_seen_at": received_at,
            "last_seen_at": received_at,
            "event_count": 0,
        }
        for system_id in system_ids
    ]
    statement = insert(session)(Customer).on_conflict_do_nothing(index_elements=["workspace_id", "system_id"])
    created = session.execute(statement.returning(Customer.id, Customer.system_id, Customer.growlytics_id), rows)
    search.add(
        session,
        workspace,
        [
            (row.id, field, value)
            for row in created
            for field, value in (("system_id", row.system_id), ("growlytics_id", row.growlytics_id))
        ],
    )


def rename(session: Session, workspace: Workspace, customer_id: int, basics: dict[str, str]) -> None:
    """Repeat changed basic information (name, email, mobile) on the customer's row and in the search."""
    session.execute(update(Customer).where(Customer.id == customer_id).values(**basics))
    search.replace(session, workspace, customer_id, basics)


def find(session: Session, workspace_id: int, growlytics_id: str) -> Customer:
    """The customer with this Growlytics ID in this workspace. Raises NotFoundError, for a stranger's too."""
    if "\x00" in growlytics_id:  # PostgreSQL can't even be asked
        raise NotFoundError(growlytics_id)
    found = session.scalar(
        select(Customer).where(Customer.workspace_id == workspace_id, Customer.growlytics_id == growlytics_id)
    )
    if found is None:
        raise NotFoundError(growlytics_id)
    return found


def exist(session: Session, workspace_id: int) -> bool:
    """Whether the workspace has any customer."""
    return session.scalar(select(Customer.id).where(Customer.workspace_id == workspace_id).limit(1)) is not None


def count(session: Session, workspace_id: int, status: Status = "all") -> int:
    """How many customers the workspace has with this status."""
    return session.scalar(_of_status(select(func.count()).select_from(Customer), workspace_id, status)) or 0


def page(
    session: Session,
    workspace_id: int,
    status: Status = "all",
    sort: Sort = "last_seen",
    older_than: Cursor | None = None,
    newer_than: Cursor | None = None,
) -> Page:
    """One page of the list, newest first, beside at most one cursor. Rows don't shift when others arrive."""
    at = Customer.last_seen_at if sort == "last_seen" else Customer.created_at
    query = _of_status(select(Customer), workspace_id, status)
    place = tuple_(at, Customer.id)
    if newer_than is not None:
        query = query.where(place > newer_than.key).order_by(at, Customer.id)
    else:
        query = query.order_by(at.desc(), Customer.id.desc())
        if older_than is not None:
            query = query.where(place < older_than.key)
    rows = list(session.scalars(query.limit(PAGE_SIZE + 1)))
    more = len(rows) > PAGE_SIZE
    del rows[PAGE_SIZE:]
    if newer_than is not None:
        rows.reverse()
        return Page(rows, _cursor(rows[0], at) if more else None, _cursor(rows[-1], at) if rows else None)
    first = _cursor(rows[0], at) if rows and older_than is not None else None
    return Page(rows, first, _cursor(rows[-1], at) if more else None)


def _of_status(query: Select[Any], workspace_id: int, status: Status) -> Select[Any]:
    query = query.where(Customer.workspace_id == workspace_id)
    if status == "registered":
        return query.where(Customer.system_id.is_not(None))
    if status == "anonymous":
        return query.where(Customer.system_id.is_(None))
    return query


def _cursor(row: Customer, at: InstrumentedAttribute[int]) -> Cursor:
    return Cursor(getattr(row, at.key), row.id)
