"""The columns that tables are made of."""

from typing import Annotated

from sqlalchemy import BigInteger, Index, Text, text
from sqlalchemy.orm import mapped_column

from webapp.db import ExactText, Id

PrimaryKey = Annotated[int, mapped_column(Id, primary_key=True)]
Millis = Annotated[int, mapped_column(BigInteger)]
Exact = Annotated[str, mapped_column(ExactText)]
Long = Annotated[str, mapped_column(Text)]


def partial(name: str, condition: str, *columns: str) -> Index:
    """An index over the rows that a condition chooses."""
    return Index(name, *columns, sqlite_where=text(condition), postgresql_where=text(condition))
