"""What came in last, whoever it was about."""

import sqlalchemy as sa
from alembic import op

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """What came in last. It begins empty: of earlier events nobody knows by which door they came."""
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
        sa.PrimaryKeyConstraint("id", name="pk_arrivals"),
    )
    op.create_index("ix_arrivals_workspace_id_id", "arrivals", ["workspace_id", "id"])


def downgrade() -> None:
    """Take it back."""
    op.drop_table("arrivals")
