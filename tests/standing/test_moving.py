"""Every table and column travels when a workspace is moved, or it says why not."""

from webapp.db import Base
from webapp.moving.carried import KINDS, REBUILT, STAYING


def test_every_table_travels_or_says_why_not() -> None:
    """Whoever makes a table adds it to webapp/moving/carried.py: as a kind, to what is rebuilt, or to what stays."""
    carried = {kind.table.name for kind in KINDS}
    assert not carried & (REBUILT.keys() | STAYING.keys())
    assert not REBUILT.keys() & STAYING.keys()
    assert carried | REBUILT.keys() | STAYING.keys() == set(Base.metadata.tables)


def test_every_column_travels_or_says_why_not() -> None:
    for kind in KINDS:
        if kind.is_link:
            continue
        told = [*kind.columns, *kind.refers, *kind.left]
        assert sorted(told) == sorted(kind.table.c.keys()), kind.name
        # An import leaves what doesn't travel to the database; what has no default there, it has to make.
        made = {"id", "workspace_id", "folded", *kind.constants}
        if kind.name not in {"workspace", "author"}:
            lacking = {name for name in kind.left if not (kind.table.c[name].nullable or name in made)}
            assert all(kind.table.c[name].server_default is not None for name in lacking), (kind.name, lacking)


def test_what_links_tell_is_left_to_them() -> None:
    for kind in KINDS:
        if kind.is_link:
            (_, linked) = kind.refers
            owner = next(one for one in KINDS if one.table is kind.table and not one.is_link)
            assert owner.left[linked] == f"told by `{kind.name}`"
