"""How many events of each name a customer has."""

import sqlalchemy as sa
from alembic import op

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
EXACT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """How many events of each name a customer has."""
    op.create_table(
        "event_counts",
        sa.Column("customer_id", ID, nullable=False),
        sa.Column("name", EXACT, nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["customer_id"], ["customers.id"], name="fk_event_counts_customer_id_customers"),
        sa.PrimaryKeyConstraint("customer_id", "name", name="pk_event_counts"),
        sqlite_with_rowid=False,
    )
    op.execute(
        "INSERT INTO event_counts (customer_id, name, count) "
        "SELECT customer_id, name, count(*) FROM events GROUP BY customer_id, name"
    )


def downgrade() -> None:
    """Take it back."""
    op.drop_table("event_counts")
