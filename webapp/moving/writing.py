"""A workspace as lines of NDJSON, as it is at one moment, in pieces: no more than some thousand rows are in memory."""

import hashlib
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from importlib.metadata import version
from typing import Any

import orjson
from sqlalchemy import Select, select, union
from sqlalchemy.orm import Session

from webapp import clock
from webapp.db import Database
from webapp.filters import instant
from webapp.models import Customer, Device, Erasure, Merge, Note, Tag, TypeChange, User
from webapp.moving import FORMAT, VERSION, UnderWayError
from webapp.moving.carried import KINDS, Kind
from webapp.moving.order import Numbers

_AT_ONCE = 1_000  # rows that are fetched together
_OWNERS = 500  # customers or devices whose rows are asked for together
_PIECE = 200_000  # bytes
_LEVEL = 6  # of zlib


class TooSlowError(Exception):
    """Whoever takes the file takes it so slowly that it was broken off."""


def pieces(database: Database, workspace_id: int, until: float | None = None) -> Iterator[bytes]:
    """The lines of the file. The database sees to it that all of them are of one moment.

    `until`: when to stop (by time.monotonic), as it holds a transaction open. Raises UnderWayError before the first
    piece, TooSlowError.
    """
    with database.snapshot() as session:
        _refuse_what_is_under_way(session, workspace_id)
        yield _line({"kind": "head", "format": FORMAT, "version": VERSION, "product": version("customer-profiles")} | {
            "created_at": instant(clock.now())
        })  # fmt: skip
        digest, counts = hashlib.sha256(), Counter[str]()
        for piece in _gathered(_lines(session, workspace_id, counts)):
            if until is not None and time.monotonic() > until:
                raise TooSlowError
            digest.update(piece)
            yield piece
    yield _line({"kind": "end", "counts": counts, "sha256": digest.hexdigest()})


def compressed(plain: Iterable[bytes]) -> Iterator[bytes]:
    """The same as a file of gzip."""
    packing = zlib.compressobj(_LEVEL, wbits=31)
    for piece in plain:
        if packed := packing.compress(piece):
            yield packed
    yield packing.flush()


def _refuse_what_is_under_way(session: Session, workspace_id: int) -> None:
    is_open = (TypeChange.workspace_id == workspace_id) & TypeChange.ended_at.is_(None)
    name = session.scalar(select(TypeChange.name).where(is_open).limit(1))
    if name is not None:
        raise UnderWayError(f"the type of “{name}” is being changed at the moment; export when that is done")
    is_open = (Erasure.workspace_id == workspace_id) & Erasure.ended_at.is_(None)
    if session.scalar(select(Erasure.id).where(is_open).limit(1)) is not None:
        raise UnderWayError("somebody is being archived or erased at the moment; export when that is done")


def _line(told: dict[str, Any]) -> bytes:
    return orjson.dumps(told, option=orjson.OPT_APPEND_NEWLINE)


def _gathered(lines: Iterable[bytes]) -> Iterator[bytes]:
    some: list[bytes] = []
    size = 0
    for line in lines:
        some.append(line)
        size += len(line)
        if size >= _PIECE:
            yield b"".join(some)
            some, size = [], 0
    yield b"".join(some)


def _lines(session: Session, workspace_id: int, counts: Counter[str]) -> Iterator[bytes]:
    numbers = {"author": _authors(session, workspace_id)} | {
        name: Numbers(_fetched(session, select(model.id).where(model.workspace_id == workspace_id).order_by(model.id)))
        for name, model in (("device", Device), ("customer", Customer))
    }
    for kind in KINDS:
        told = _telling(kind, numbers)
        for row in _rows(session, kind, workspace_id, numbers):
            counts[kind.name] += 1
            yield _line(told(row))


def _fetched(session: Session, query: Select[Any]) -> Iterator[Any]:
    return iter(session.scalars(query, execution_options={"yield_per": _AT_ONCE}))


class _Authors(Numbers):
    """Users in the order of their e-mails, which is the same in every installation."""

    def of(self, id_: int) -> int:
        return self.ids.index(id_) + 1


def _authors(session: Session, workspace_id: int) -> _Authors:
    """Who has written, tagged, merged or changed a type."""
    ours = select(Customer.id).where(Customer.workspace_id == workspace_id)
    asked: list[Select[Any]] = [select(TypeChange.user_id).where(TypeChange.workspace_id == workspace_id)]
    asked += [select(Tag.user_id).where(Tag.workspace_id == workspace_id)]
    asked += [select(column).where(Note.customer_id.in_(ours)) for column in (Note.user_id, Note.edited_by_id)]
    asked += [select(column).where(Merge.member_id.in_(ours)) for column in (Merge.user_id, Merge.undone_by_id)]
    ids = union(*asked).subquery()
    rows = session.execute(select(User.email, User.id).where(User.id.in_(select(ids.c[0])))).all()
    return _Authors(id_ for _, id_ in sorted((row.email, row.id) for row in rows))


def _telling(kind: Kind, numbers: dict[str, Numbers]) -> Callable[[Any], dict[str, Any]]:
    """How a row is told. What is NULL is left out."""
    whose = [numbers[name].of for name in kind.refers.values()]
    names = list(kind.fields)

    def told(row: Any) -> dict[str, Any]:
        found: dict[str, Any] = {"kind": kind.name}
        for place, (name, value) in enumerate(zip(names, row, strict=True)):
            if value is not None:
                found[name] = whose[place](value) if place < len(whose) else value
        return found

    return told


def _rows(session: Session, kind: Kind, workspace_id: int, numbers: dict[str, Numbers]) -> Iterator[Any]:
    columns = kind.fields.values()
    for query in _queries(kind, select(*columns), workspace_id, numbers):
        found = session.execute(query, execution_options={"yield_per": _AT_ONCE})
        yield from found


def _queries(kind: Kind, every: Select[Any], workspace_id: int, numbers: dict[str, Numbers]) -> Iterator[Select[Any]]:
    table = kind.table.c
    ordered = every.order_by(*(table[name] for name in kind.order))
    if kind.name == "workspace":
        yield every.where(table.id == workspace_id)
    elif kind.name == "author":
        for id_ in numbers["author"].ids:
            yield every.where(table.id == id_)
    elif kind.by is not None:
        for ids in numbers[kind.refers[kind.by]].parts(_OWNERS):
            yield ordered.where(table[kind.by].in_(ids))
    elif kind.within is not None:
        customers = Customer.__table__.c
        yield ordered.where(customers.id == table[kind.within], customers.workspace_id == workspace_id)
    elif kind.is_link:
        (_, linked) = kind.refers
        yield ordered.where(table.workspace_id == workspace_id, table[linked].is_not(None))
    else:
        yield ordered.where(table.workspace_id == workspace_id)
