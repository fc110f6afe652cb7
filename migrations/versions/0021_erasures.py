"""Archiving and erasing: what was asked for, by what the erased are known when they come again, and keys that may."""

import sqlalchemy as sa
from alembic import op

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
EXACT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

_SET = "nullif(current_setting('customer_profiles.workspace', true), '')::bigint"
# As in migration 0019, which says why it is written so.
_IS_SEEN = f"nullif(workspace_id IS NOT DISTINCT FROM coalesce({_SET}, workspace_id), false) IS NOT NULL"


def upgrade() -> None:
    """Two tables of workspaces; each workspace's secret and its choice; a fourth kind of key."""
    op.create_table(
        "erasures",
        sa.Column("id", ID, nullable=False),
        sa.Column("public_id", EXACT, nullable=False),
        sa.Column("workspace_id", ID, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("asked_at", sa.BigInteger(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("pending", sa.Text(), nullable=True),
        sa.Column("removed", sa.Text(), nullable=False),
        sa.Column("identifiers", sa.Text(), nullable=False),
        sa.Column("worker", EXACT, nullable=True),
        sa.Column("leased_until", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("kind IN ('archive', 'erase')", name=op.f("ck_erasures_known_kind")),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name=op.f("fk_erasures_workspace_id_workspaces")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_erasures")),
        sa.UniqueConstraint("public_id", name=op.f("uq_erasures_public_id")),
    )
    op.create_index("ix_erasures_workspace_id_id", "erasures", ["workspace_id", "id"])
    is_open = sa.text("ended_at IS NULL")
    op.create_index("ix_erasures_open", "erasures", ["id"], sqlite_where=is_open, postgresql_where=is_open)
    op.create_table(
        "erased_identifiers",
        sa.Column("workspace_id", ID, nullable=False),
        sa.Column("hash", EXACT, nullable=False),
        sa.Column("known_by", sa.Text(), nullable=False),
        sa.Column("erased_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name=op.f("fk_erased_identifiers_workspace_id_workspaces")
        ),
        sa.PrimaryKeyConstraint("workspace_id", "hash", name=op.f("pk_erased_identifiers")),
        sqlite_with_rowid=False,
    )
    op.add_column("workspaces", sa.Column("erasure_secret", sa.Text(), nullable=True))
    op.add_column(
        "workspaces", sa.Column("lets_erased_return", sa.Boolean(), server_default=sa.false(), nullable=False)
    )
    with op.batch_alter_table("api_keys") as table:
        table.drop_constraint("known_kind", type_="check")
        table.create_check_constraint("known_kind", "kind IN ('server', 'browser', 'read', 'privacy')")
    if op.get_bind().dialect.name == "postgresql":
        for name in ("erasures", "erased_identifiers"):
            op.execute(
                f"CREATE POLICY workspace ON {name} USING ({_IS_SEEN});"
                f"ALTER TABLE {name} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY"
            )


def downgrade() -> None:
    """Without them: who was erased may come back."""
    op.execute("DELETE FROM api_keys WHERE kind = 'privacy'")
    with op.batch_alter_table("api_keys") as table:
        table.drop_constraint("known_kind", type_="check")
        table.create_check_constraint("known_kind", "kind IN ('server', 'browser', 'read')")
    with op.batch_alter_table("workspaces") as table:
        table.drop_column("lets_erased_return")
        table.drop_column("erasure_secret")
    op.drop_table("erased_identifiers")
    op.drop_table("erasures")
