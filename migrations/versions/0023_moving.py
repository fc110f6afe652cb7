"""Workspaces that an import hasn't finished are marked: until they are whole, nobody sees them."""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """When the import of a workspace last said that it goes on; NULL: it is whole."""
    op.add_column("workspaces", sa.Column("arriving_at", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    """Without it: what is half imported would be seen, so there must be none."""
    with op.batch_alter_table("workspaces") as table:
        table.drop_column("arriving_at")
