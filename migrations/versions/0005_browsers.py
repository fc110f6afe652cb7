"""Browser keys, the origins they work from, and what browsers have sent."""

import sqlalchemy as sa
from alembic import op

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Browser keys, the origins they work from, and what browsers have sent."""
    with op.batch_alter_table("workspaces") as table:
        table.add_column(sa.Column("allowed_origins", sa.Text(), nullable=False, server_default=sa.text("''")))
        table.add_column(sa.Column("login_secret", sa.Text(), nullable=True))
    with op.batch_alter_table("api_keys") as table:
        table.add_column(sa.Column("kind", sa.Text(), nullable=False, server_default="server"))
        table.add_column(sa.Column("public_text", sa.Text(), nullable=True))
        table.add_column(sa.Column("wants_signature", sa.Boolean(), nullable=False, server_default=sa.false()))
        table.add_column(sa.Column("requests_a_minute", sa.Integer(), nullable=True))
        table.create_check_constraint("known_kind", "kind IN ('server', 'browser')")
    # Not in a batch, which would make the table anew on SQLite: there may be millions of them.
    op.add_column("devices", sa.Column("clock_skew", sa.BigInteger(), nullable=False, server_default="0"))
    op.create_table(
        "browser_messages",
        sa.Column("device_id", ID, nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["device_id"], ["devices.id"], name="fk_browser_messages_device_id_devices"),
        sa.PrimaryKeyConstraint("device_id", "id", name="pk_browser_messages"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_browser_messages_received_at", "browser_messages", ["received_at"])


def downgrade() -> None:
    """Take it back."""
    op.drop_table("browser_messages")
    op.drop_column("devices", "clock_skew")
    op.execute("DELETE FROM api_keys WHERE kind = 'browser'")
    with op.batch_alter_table("api_keys") as table:
        table.drop_constraint("known_kind", type_="check")
        for name in ("requests_a_minute", "wants_signature", "public_text", "kind"):
            table.drop_column(name)
    with op.batch_alter_table("workspaces") as table:
        table.drop_column("login_secret")
        table.drop_column("allowed_origins")
