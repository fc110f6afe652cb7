"""How long events are kept, taking away what is older, and what stays of it."""

import sqlalchemy as sa
from alembic import op

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
EXACT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
# As in 0019.
_SET = "nullif(current_setting('customer_profiles.workspace', true), '')::bigint"
_IS_SEEN = f"nullif(workspace_id IS NOT DISTINCT FROM coalesce({_SET}, workspace_id), false) IS NOT NULL"

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """A setting, its sweeps, and the first and last visits of profiles."""
    op.add_column("workspaces", sa.Column("retention_days", sa.Integer(), nullable=True))
    for name in ("pruned_from_at", "pruned_until_at"):
        op.add_column("customers", sa.Column(name, sa.BigInteger(), nullable=True))
    op.add_column("customers", sa.Column("has_pruned", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.create_table(
        "kept_visits",
        sa.Column("customer_id", ID, nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("device_id", ID, nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=False),
        sa.Column("event_count", sa.BigInteger(), nullable=False),
        sa.Column("entry_at", sa.BigInteger(), nullable=True),
        sa.Column("entry", sa.Text(), nullable=True),
        sa.Column("exit_at", sa.BigInteger(), nullable=True),
        sa.Column("exit_page", sa.Text(), nullable=True),
        sa.Column("place_at", sa.BigInteger(), nullable=True),
        sa.Column("place", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["customer_id"], ["customers.id"], name="fk_kept_visits_customer_id_customers"),
        sa.ForeignKeyConstraint(["device_id"], ["devices.id"], name="fk_kept_visits_device_id_devices"),
        sa.PrimaryKeyConstraint("customer_id", "started_at", "device_id", name="pk_kept_visits"),
    )
    op.create_index("ix_kept_visits_device_id", "kept_visits", ["device_id"])
    op.create_table(
        "sweeps",
        sa.Column("workspace_id", ID, nullable=False),
        sa.Column("kind", EXACT, nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=True),
        sa.Column("until_at", sa.BigInteger(), nullable=True),
        sa.Column("began_at", sa.BigInteger(), nullable=True),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("total", sa.BigInteger(), nullable=True),
        sa.Column("looked_at", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("done", sa.BigInteger(), nullable=False),
        sa.Column("worker", EXACT, nullable=True),
        sa.Column("leased_until", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name="fk_sweeps_workspace_id_workspaces"),
        sa.PrimaryKeyConstraint("workspace_id", "kind", name="pk_sweeps"),
    )
    op.create_index("ix_sweeps_due_at", "sweeps", ["due_at"])
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            f"CREATE POLICY workspace ON sweeps USING ({_IS_SEEN});"
            "ALTER TABLE sweeps ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY"
        )


def downgrade() -> None:
    """Without them. First and last visits whose events are gone go as well."""
    op.drop_table("sweeps")
    op.drop_table("kept_visits")
    for name in ("has_pruned", "pruned_until_at", "pruned_from_at"):
        op.drop_column("customers", name)
    op.drop_column("workspaces", "retention_days")
