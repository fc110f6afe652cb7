"""Accounts at an OpenID provider, by which people sign in."""

import sqlalchemy as sa
from alembic import op

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
EXACT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Who signs in by which account of which provider."""
    op.create_table(
        "linked_accounts",
        sa.Column("id", ID, nullable=False),
        sa.Column("issuer", EXACT, nullable=False),
        sa.Column("subject", EXACT, nullable=False),
        sa.Column("user_id", ID, nullable=False),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("linked_at", sa.BigInteger(), nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_linked_accounts_user_id_users"),
        sa.PrimaryKeyConstraint("id", name="pk_linked_accounts"),
        sa.UniqueConstraint("issuer", "subject", name="uq_linked_accounts_issuer_subject"),
        sa.UniqueConstraint("user_id", "issuer", name="uq_linked_accounts_user_id_issuer"),
    )


def downgrade() -> None:
    """Without them. Who has no password needs a new one by the console."""
    op.drop_table("linked_accounts")
