"""Whether viewers see e-mail and mobile."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """As until now, they do."""
    op.add_column("workspaces", sa.Column("masking", sa.Text(), server_default=sa.text("'off'"), nullable=False))


def downgrade() -> None:
    """Everybody sees everything."""
    op.drop_column("workspaces", "masking")
