"""What was refused and ignored: by reason, as it came, and how much in each hour."""

import sqlalchemy as sa
from alembic import op

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
EXACT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """What was refused and ignored: by reason, as it came, and how much in each hour."""
    op.add_column("workspaces", sa.Column("keeps_refused", sa.Boolean(), nullable=False, server_default=sa.true()))
    op.create_table(
        "refused_reasons",
        sa.Column("workspace_id", ID, nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("endpoint", sa.Text(), nullable=False),
        sa.Column("key_id", ID, nullable=True),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("event_name", sa.Text(), nullable=False),
        sa.Column("expected", sa.Text(), nullable=False),
        sa.Column("received", sa.Text(), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("sample", sa.Text(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("kept_count", sa.BigInteger(), nullable=False),
        sa.Column("replayed_count", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("first_at", sa.BigInteger(), nullable=False),
        sa.Column("last_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("kind IN ('refused', 'ignored')", name="known_kind"),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name="fk_refused_reasons_workspace_id_workspaces"),
        sa.ForeignKeyConstraint(["key_id"], ["api_keys.id"], name="fk_refused_reasons_key_id_api_keys"),
        sa.PrimaryKeyConstraint("workspace_id", "id", name="pk_refused_reasons"),
    )
    op.create_index("ix_refused_reasons_workspace_id_last_at", "refused_reasons", ["workspace_id", "last_at", "id"])
    op.create_table(
        "refused_payloads",
        sa.Column("workspace_id", ID, nullable=False),
        sa.Column("reason_id", sa.BigInteger(), nullable=False),
        sa.Column("slot", sa.Integer(), nullable=False),
        sa.Column("digest", sa.BigInteger(), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("byte_count", sa.Integer(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("is_whole", sa.Boolean(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("tried_at", sa.BigInteger(), nullable=True),
        sa.Column("details", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(
            ["workspace_id", "reason_id"],
            ["refused_reasons.workspace_id", "refused_reasons.id"],
            name="fk_refused_payloads_workspace_id_refused_reasons",
        ),
        sa.PrimaryKeyConstraint("workspace_id", "reason_id", "slot", name="pk_refused_payloads"),
    )
    op.create_index(
        "ix_refused_payloads_workspace_id_received_at",
        "refused_payloads",
        ["workspace_id", "received_at", "byte_count"],
    )
    op.create_table(
        "refused_hours",
        sa.Column("workspace_id", ID, nullable=False),
        sa.Column("kind", EXACT, nullable=False),
        sa.Column("hour", sa.BigInteger(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name="fk_refused_hours_workspace_id_workspaces"),
        sa.PrimaryKeyConstraint("workspace_id", "kind", "hour", name="pk_refused_hours"),
    )


def downgrade() -> None:
    """Take it back."""
    for name in ("refused_hours", "refused_payloads", "refused_reasons"):
        op.drop_table(name)
    op.drop_column("workspaces", "keeps_refused")
