"""The first rows of several stretches of indexes, in one order: no row more is looked at than each could give."""

from collections.abc import Sequence
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, CompoundSelect, ScalarSelect, Select, literal, select, union_all
from sqlalchemy.orm import InstrumentedAttribute, Session

_MOST = 40  # more of them cost more to ask for than to sort
Rows = Select[Any] | CompoundSelect[Any]
R = TypeVar("R", Select[Any], CompoundSelect[Any])


def of(customer_id: InstrumentedAttribute[int], ids: Sequence[int]) -> list[ColumnElement[bool]]:
    """The conditions that choose the rows of a person's profiles, one for each profile unless there are very many."""
    return [customer_id == id_ for id_ in ids] if len(ids) <= _MOST else [customer_id.in_(ids)]


def first(parts: Sequence[Any], order: Sequence[str], limit: int, *, newest: bool) -> Rows:
    """The first rows of all parts together by these columns, which they have; from the other end for `newest`.

    Each part should be a stretch of an index in this order.
    """
    limited: list[Select[Any]] = [_ordered(part, order, newest=newest).limit(limit) for part in parts]
    if len(limited) == 1:
        return limited[0]
    # Within a union SQLite takes a limit only in a query of its own.
    return _ordered(union_all(*(select(part.subquery()) for part in limited)), order, newest=newest).limit(limit)


def names(
    session: Session, name: InstrumentedAttribute[str], is_wanted: ColumnElement[bool], most: int
) -> list[str]:  # fmt: skip
    """The first of the different names in the rows that a condition chooses: one look into the index for each.

    There should be an index of what is chosen by, then the name.
    """

    def after(former: ColumnElement[str | None] | str) -> ScalarSelect[str | None]:
        query = select(name).where(is_wanted, name > former).order_by(name).limit(1)
        return query.correlate_except(name.class_).scalar_subquery()

    found = select(after("").label("name"), literal(1).label("place")).cte("found", recursive=True)
    more = select(after(found.c.name), found.c.place + 1)
    found = found.union_all(more.where(found.c.name.is_not(None), found.c.place < most))
    query = select(found.c.name).where(found.c.name.is_not(None)).order_by(found.c.place)
    return [one for one in session.scalars(query) if one is not None]


def _ordered(rows: R, order: Sequence[str], *, newest: bool) -> R:
    columns = [rows.selected_columns[name] for name in order]
    return rows.order_by(*(column.desc() if newest else column for column in columns))
