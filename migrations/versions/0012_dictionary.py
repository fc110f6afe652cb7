"""The dictionary of attributes and events, and changes of the types of attributes."""

import sqlalchemy as sa
from alembic import op

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
EXACT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")

revision = "0012"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """What the pages of /data show and change."""
    _create_stubs()


def _create_stubs() -> None:
    # In the place of migrations that come before this one.
    op.create_table(
        "daily_counts",
        sa.Column("workspace_id", ID, nullable=False),
        sa.Column("kind", EXACT, nullable=False),
        sa.Column("name", EXACT, nullable=False),
        sa.Column("day", sa.Integer(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name="fk_daily_counts_workspace_id_workspaces"),
        sa.PrimaryKeyConstraint("workspace_id", "kind", "name", "day", name="pk_daily_counts"),
    )
    op.create_table(
        "arrivals",
        sa.Column("id", ID, nullable=False),
        sa.Column("workspace_id", ID, nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("endpoint", sa.Text(), nullable=False),
        sa.Column("key_id", ID, nullable=True),
        sa.Column("customer_id", ID, nullable=False),
        sa.Column("reported_at", sa.BigInteger(), nullable=False),
        sa.Column("event_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name="fk_arrivals_workspace_id_workspaces"),
        sa.ForeignKeyConstraint(["key_id"], ["api_keys.id"], name="fk_arrivals_key_id_api_keys"),
        sa.ForeignKeyConstraint(["customer_id"], ["customers.id"], name="fk_arrivals_customer_id_customers"),
        sa.PrimaryKeyConstraint("id", name="pk_arrivals"),
    )
    op.create_index("ix_arrivals_workspace_id_id", "arrivals", ["workspace_id", "id"])


def downgrade() -> None:
    """Take it back."""
    for name in ("arrivals", "daily_counts"):
        op.drop_table(name)
