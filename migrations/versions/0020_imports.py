"""Files that are imported, in pieces, and which of their rows failed."""

import sqlalchemy as sa
from alembic import op

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
EXACT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

# As in migration 0019.
_SET = "nullif(current_setting('customer_profiles.workspace', true), '')::bigint"
_IS_SEEN = f"nullif(workspace_id IS NOT DISTINCT FROM coalesce({_SET}, workspace_id), false) IS NOT NULL"
_TABLES = ("imports", "import_chunks", "import_failures")


def upgrade() -> None:
    """Imports, their files and failures; each workspace's pages see its own."""
    op.create_table(
        "imports",
        sa.Column("id", ID, nullable=False),
        sa.Column("workspace_id", ID, nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("user_id", ID, nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("file_name", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("digest", EXACT, nullable=False),
        sa.Column("is_kept", sa.Boolean(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("is_dry", sa.Boolean(), nullable=False),
        sa.Column("plan", sa.Text(), nullable=True),
        sa.Column("total", sa.BigInteger(), nullable=True),
        *(
            sa.Column(name, sa.BigInteger(), nullable=False)
            for name in ("position", "rows", "created", "updated", "unchanged", "events", "failed", "ignored")
        ),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("worker", EXACT, nullable=True),
        sa.Column("leased_until", sa.BigInteger(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=True),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("kind IN ('customers', 'events')", name="known_kind"),
        sa.CheckConstraint(
            "state IN ('arriving', 'new', 'ready', 'running', 'done', 'cancelled', 'failed')", name="known_state"
        ),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name="fk_imports_workspace_id_workspaces"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_imports_user_id_users"),
        sa.PrimaryKeyConstraint("id", name="pk_imports"),
    )
    op.create_index("ix_imports_workspace_id", "imports", ["workspace_id", "id"])
    _create_partial_index("ix_imports_running", "imports", ["id"], "state = 'running'")
    _create_partial_index("ix_imports_kept", "imports", ["created_at"], "is_kept")
    op.create_table(
        "import_chunks",
        sa.Column("import_id", ID, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("workspace_id", ID, nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["import_id"], ["imports.id"], name="fk_import_chunks_import_id_imports"),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name="fk_import_chunks_workspace_id_workspaces"),
        sa.PrimaryKeyConstraint("import_id", "number", name="pk_import_chunks"),
    )
    op.create_table(
        "import_failures",
        sa.Column("import_id", ID, nullable=False),
        sa.Column("row", sa.BigInteger(), nullable=False),
        sa.Column("workspace_id", ID, nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("is_failed", sa.Boolean(), nullable=False),
        sa.Column("reasons", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["import_id"], ["imports.id"], name="fk_import_failures_import_id_imports"),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name="fk_import_failures_workspace_id_workspaces"),
        sa.PrimaryKeyConstraint("import_id", "row", name="pk_import_failures"),
    )
    _create_partial_index("ix_import_failures_failed", "import_failures", ["import_id", "row"], "is_failed")
    if op.get_bind().dialect.name == "postgresql":
        for table in _TABLES:
            op.execute(
                f"CREATE POLICY workspace ON {table} USING ({_IS_SEEN});"
                f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY"
            )


def _create_partial_index(name: str, table: str, columns: list[str], condition: str) -> None:
    where = sa.text(condition)
    op.create_index(name, table, columns, sqlite_where=where, postgresql_where=where)


def downgrade() -> None:
    """Without them."""
    for table in reversed(_TABLES):
        op.drop_table(table)
