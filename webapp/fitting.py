"""Which value of an attribute holds: the latest that is of the attribute's type, or can be made so.

As long as nobody changes the type, that is the latest value: others aren't stored. After a change it is what it would
be if the type had been so from the beginning.
"""

import json
from collections.abc import Iterable, Sequence
from datetime import tzinfo
from typing import Any, NamedTuple

from sqlalchemy import Select, case, func, or_, select

from webapp import conversions
from webapp.conversions import Fit
from webapp.models import AttributeValue

MOST_RANKED = 20  # values of a profile among which one is looked for that fits


class Change(NamedTuple):
    """A value that has to be changed, what it is to be (None: what it is), and whether it holds then.

    `is_lost`: it held, and can't be of the type.
    """

    row: Any
    made: Fit | None
    holds: bool
    is_lost: bool = False


# When a value began and ceased to hold, as attributes.rank has it. By the server's clock: those whose id is 0.
BEGIN, END = (
    case((or_(AttributeValue.id == 0, at < AttributeValue.received_at), at), else_=AttributeValue.received_at)
    for at in (AttributeValue.reported_at, AttributeValue.until_at)
)
# So much of a value decides what can be made of it: whatever is longer is a text, and no number, date or yes.
beginning = func.substr(AttributeValue.value, 1, conversions.LONGEST + 2)


def stand_in(text: str) -> str:
    """The beginning of a value as JSON that stands for all of it."""
    return text if len(text) < conversions.LONGEST + 2 else json.dumps(text[1:], ensure_ascii=False)


def ranked(ids: Sequence[int], name: str) -> Select[Any]:
    """The latest values of an attribute of these profiles, and the present ones: by profile, the latest first."""
    row = AttributeValue
    place = func.row_number().over(partition_by=row.customer_id, order_by=(END.desc(), row.value.desc()))
    columns = (row.customer_id, row.reported_at, row.id, beginning.label("value"), row.original, row.is_current)
    found = select(*columns, place.label("place")).where(row.customer_id.in_(ids), row.name == name).subquery().c
    query = select(found.customer_id, found.reported_at, found.id, found.value, found.original, found.is_current)
    query = query.where(or_(found.place <= MOST_RANKED, found.is_current))
    return query.order_by(found.customer_id, found.place)


def settle(latest_first: Iterable[Any], type_: str, zone: tzinfo) -> list[Change]:
    """What has to be changed of a profile's values of an attribute, so that the latest one that fits holds.

    The values have the fields of AttributeValue.
    """
    changes = []
    is_settled = False
    for row in latest_first:
        if is_settled:
            made = conversions.restored(row.original, type_)
        else:
            made = conversions.fit(row.value, row.original, type_, zone)
        holds = not is_settled and made is not None
        made = None if made == (row.value, row.original) else made
        if made is not None or holds != row.is_current:
            changes.append(Change(row, made, holds, is_lost=not is_settled and not holds))
        is_settled = is_settled or holds
    return changes
