"""Members, their logins, invitations and links for a new password."""

import sqlalchemy as sa
from alembic import op

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
EXACT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """What the pages of people and of the account show and change."""
    op.add_column("memberships", sa.Column("created_at", sa.BigInteger(), server_default="0", nullable=False))
    op.add_column("memberships", sa.Column("seen_at", sa.BigInteger(), nullable=True))
    op.execute(
        "UPDATE memberships SET"
        " created_at = (SELECT users.created_at FROM users WHERE users.id = memberships.user_id),"
        " seen_at = (SELECT max(logins.seen_at) FROM logins WHERE logins.user_id = memberships.user_id)"
    )
    op.create_index("ix_memberships_workspace_id_user_id", "memberships", ["workspace_id", "user_id"])
    with op.batch_alter_table("logins") as table:
        table.add_column(sa.Column("workspace_id", ID, nullable=True))
        table.add_column(sa.Column("browser", sa.Text(), nullable=True))
        table.add_column(sa.Column("address", sa.Text(), nullable=True))
        table.create_foreign_key("fk_logins_workspace_id_workspaces", "workspaces", ["workspace_id"], ["id"])
    with op.batch_alter_table("invitations") as table:
        table.add_column(sa.Column("email", EXACT, nullable=True))
        table.add_column(sa.Column("invited_by_id", ID, nullable=True))
        table.create_foreign_key("fk_invitations_invited_by_id_users", "users", ["invited_by_id"], ["id"])
    op.create_index("ix_invitations_workspace_id", "invitations", ["workspace_id"])
    op.create_table(
        "resets",
        sa.Column("token_hash", EXACT, nullable=False),
        sa.Column("user_id", ID, nullable=False),
        sa.Column("made_by_id", ID, nullable=True),
        sa.Column("is_asked_for", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_resets_user_id_users"),
        sa.ForeignKeyConstraint(["made_by_id"], ["users.id"], name="fk_resets_made_by_id_users"),
        sa.PrimaryKeyConstraint("token_hash", name="pk_resets"),
    )
    op.create_index("ix_resets_user_id", "resets", ["user_id"])


def downgrade() -> None:
    """Without it."""
    op.drop_table("resets")
    op.drop_index("ix_invitations_workspace_id", "invitations")
    with op.batch_alter_table("invitations") as table:
        table.drop_constraint("fk_invitations_invited_by_id_users", type_="foreignkey")
        for name in ("email", "invited_by_id"):
            table.drop_column(name)
    with op.batch_alter_table("logins") as table:
        table.drop_constraint("fk_logins_workspace_id_workspaces", type_="foreignkey")
        for name in ("workspace_id", "browser", "address"):
            table.drop_column(name)
    op.drop_index("ix_memberships_workspace_id_user_id", "memberships")
    for name in ("created_at", "seen_at"):
        op.drop_column("memberships", name)
