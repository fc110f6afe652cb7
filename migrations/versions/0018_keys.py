"""Keys that read, that end by themselves or replace others, and how many requests a key may be used for."""

import sqlalchemy as sa
from alembic import op

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """A third kind of key; from where a key was used, when it ends, which one it replaces, its limit."""
    with op.batch_alter_table("api_keys") as table:
        table.drop_constraint("known_kind", type_="check")
        table.add_column(sa.Column("last_used_from", sa.Text(), nullable=True))
        table.add_column(sa.Column("ends_at", sa.BigInteger(), nullable=True))
        table.add_column(sa.Column("replaces_id", ID, nullable=True))
        table.add_column(sa.Column("rate_limit", sa.Integer(), nullable=True))
        table.create_check_constraint("known_kind", "kind IN ('server', 'browser', 'read')")
        table.create_unique_constraint("uq_api_keys_replaces_id", ["replaces_id"])
        table.create_foreign_key("fk_api_keys_replaces_id_api_keys", "api_keys", ["replaces_id"], ["id"])


def downgrade() -> None:
    """Without them."""
    op.execute("DELETE FROM api_keys WHERE kind = 'read'")
    # Without their ends they would work for ever.
    op.execute("UPDATE api_keys SET revoked_at = ends_at WHERE revoked_at IS NULL AND ends_at IS NOT NULL")
    with op.batch_alter_table("api_keys") as table:
        table.drop_constraint("known_kind", type_="check")
        table.drop_constraint("fk_api_keys_replaces_id_api_keys", type_="foreignkey")
        table.drop_constraint("uq_api_keys_replaces_id", type_="unique")
        for name in ("rate_limit", "replaces_id", "ends_at", "last_used_from"):
            table.drop_column(name)
        table.create_check_constraint("known_kind", "kind IN ('server', 'browser')")
