"""What is an order, and what the events of a person add up to."""

import sqlalchemy as sa
from alembic import op

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
EXACT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """What is an order, and what the events of a person add up to."""
    with op.batch_alter_table("workspaces") as table:
        table.add_column(sa.Column("order_event", sa.Text(), nullable=True))
        table.add_column(sa.Column("amount_attribute", sa.Text(), nullable=True))
    # Not in a batch, which would make the table anew on SQLite: there may be millions of them.
    op.add_column("customers", sa.Column("moved_count", sa.Integer(), nullable=False, server_default="0"))
    op.create_table(
        "tallies",
        sa.Column("customer_id", ID, nullable=False),
        sa.Column("stamp", EXACT, nullable=False),
        sa.Column("until_at", sa.BigInteger(), nullable=False),
        sa.Column("event_count", sa.BigInteger(), nullable=False),
        sa.Column("figures", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["customer_id"], ["customers.id"], name="fk_tallies_customer_id_customers"),
        sa.PrimaryKeyConstraint("customer_id", name="pk_tallies"),
    )


def downgrade() -> None:
    """Take it back."""
    op.drop_table("tallies")
    op.drop_column("customers", "moved_count")
    with op.batch_alter_table("workspaces") as table:
        table.drop_column("amount_attribute")
        table.drop_column("order_event")
