"""Counters of each day, which a recount in small steps fills for what is there already."""

import sqlalchemy as sa
from alembic import op

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
EXACT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Counters of each day. The server counts what is there after its start: ten million events take minutes."""
    op.create_table(
        "daily_counts",
        sa.Column("workspace_id", ID, nullable=False),
        sa.Column("kind", EXACT, nullable=False),
        sa.Column("name", EXACT, nullable=False),
        sa.Column("day", sa.Integer(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name="fk_daily_counts_workspace_id_workspaces"),
        sa.PrimaryKeyConstraint("workspace_id", "kind", "name", "day", name="pk_daily_counts"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_daily_counts_workspace_id_kind_day", "daily_counts", ["workspace_id", "kind", "day"])
    op.create_table(
        "countings",
        sa.Column("workspace_id", ID, nullable=False),
        sa.Column("time_zone", sa.Text(), nullable=False),
        sa.Column("counted_to", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name="fk_countings_workspace_id_workspaces"),
        sa.PrimaryKeyConstraint("workspace_id", name="pk_countings"),
    )
    op.execute("INSERT INTO countings (workspace_id, time_zone, counted_to) SELECT id, time_zone, 0 FROM workspaces")


def downgrade() -> None:
    """Take it back."""
    op.drop_table("countings")
    op.drop_table("daily_counts")
