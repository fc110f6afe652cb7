"""Indexes of the list for each kind of customers."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_IS_ANONYMOUS = "NOT (system_id IS NOT NULL)"  # so that SQLite takes these and not the unique key
_KINDS = {
    "registered": ("system_id IS NOT NULL", "system_id IS NOT NULL"),
    "anonymous": (f"{_IS_ANONYMOUS} AND is_bot = 0", f"{_IS_ANONYMOUS} AND NOT is_bot"),
    "bots": (f"{_IS_ANONYMOUS} AND is_bot = 1", f"{_IS_ANONYMOUS} AND is_bot"),
}
_ORDERS = {"last_seen": "last_seen_at", "creation": "created_at"}


def upgrade() -> None:
    """Indexes of the list for each kind of customers."""
    for order in _ORDERS:
        op.drop_index(f"ix_customers_by_{order}", "customers")
    op.drop_index("ix_customers_stopped", "customers")
    for kind, (sqlite, postgresql) in _KINDS.items():
        for order, column in _ORDERS.items():
            op.create_index(
                f"ix_customers_{kind}_by_{order}",
                "customers",
                ["workspace_id", column, "id"],
                sqlite_where=sa.text(f"root_id IS NULL AND {sqlite}"),
                postgresql_where=sa.text(f"root_id IS NULL AND {postgresql}"),
            )
    _index_stopped(["workspace_id", "merging_stopped_at"])


def downgrade() -> None:
    """Take it back."""
    op.drop_index("ix_customers_stopped", "customers")
    _index_stopped(["workspace_id"])
    is_root = sa.text("root_id IS NULL")
    for order, column in _ORDERS.items():
        for kind in _KINDS:
            op.drop_index(f"ix_customers_{kind}_by_{order}", "customers")
        columns = ["workspace_id", column, "id"]
        op.create_index(
            f"ix_customers_by_{order}", "customers", columns, sqlite_where=is_root, postgresql_where=is_root
        )


def _index_stopped(columns: list[str]) -> None:
    is_stopped = sa.text("merging_stopped_at IS NOT NULL")
    op.create_index("ix_customers_stopped", "customers", columns, sqlite_where=is_stopped, postgresql_where=is_stopped)
