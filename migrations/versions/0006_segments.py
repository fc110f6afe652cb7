"""Segments of the customer list, and what it takes to find customers by an attribute or an event."""

import sqlalchemy as sa
from alembic import op

from webapp import lookups

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
EXACT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_AT_ONCE = 5_000


def upgrade() -> None:
    """Segments, and indexes by attribute and by event."""
    op.create_table(
        "segments",
        sa.Column("id", ID, nullable=False),
        sa.Column("workspace_id", ID, nullable=False),
        sa.Column("name", EXACT, nullable=False),
        sa.Column("query", sa.Text(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=True),
        sa.Column("count_kind", sa.Text(), nullable=True),
        sa.Column("counted_at", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("count_kind IN ('exact', 'about', 'more')", name="known_count_kind"),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name="fk_segments_workspace_id_workspaces"),
        sa.PrimaryKeyConstraint("id", name="pk_segments"),
        sa.UniqueConstraint("workspace_id", "name", name="uq_segments_workspace_id_name"),
    )
    op.create_index("ix_event_counts_name", "event_counts", ["name", "customer_id"])
    # Not in a batch, which would make the table anew on SQLite: there may be millions of them.
    op.add_column("attribute_values", sa.Column("lookup", sa.BigInteger(), nullable=False, server_default="0"))
    _look_up_all(op.get_bind())
    op.create_index("ix_attribute_values_lookup", "attribute_values", ["lookup"])


def _look_up_all(connection: sa.Connection) -> None:
    """Work out the number of every value, some thousands at a time, in the order of the primary key."""
    key = ("customer_id", "name", "reported_at", "id")
    values = sa.table("attribute_values", *map(sa.column, (*key, "value", "lookup")))
    whose = sa.table("customers", sa.column("id"), sa.column("workspace_id"))
    columns = [values.c[name] for name in key]
    query = (
        sa.select(whose.c.workspace_id, values.c.value, *columns)
        .join_from(values, whose, whose.c.id == values.c.customer_id)
        .order_by(*columns)
        .limit(_AT_ONCE)
    )
    where = [column == sa.bindparam(f"its_{column.name}") for column in columns]
    change = sa.update(values).where(*where).values(lookup=sa.bindparam("number"))
    after: tuple[int, str, int, int] = (-1, "", 0, 0)
    while rows := connection.execute(query.where(sa.tuple_(*columns) > after)).all():
        found = [
            {
                "number": lookups.of_text(row.workspace_id, row.name, row.value),
                **{f"its_{name}": getattr(row, name) for name in key},
            }
            for row in rows
        ]
        connection.execute(change, found)
        after = (rows[-1].customer_id, rows[-1].name, rows[-1].reported_at, rows[-1].id)


def downgrade() -> None:
    """Take it back."""
    op.drop_index("ix_attribute_values_lookup", "attribute_values")
    op.drop_column("attribute_values", "lookup")
    op.drop_index("ix_event_counts_name", "event_counts")
    op.drop_table("segments")
