"""What people write on a profile: notes and tags. The attributes that a workspace pins."""

import sqlalchemy as sa
from alembic import op

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
EXACT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """What people write on a profile: notes and tags. The attributes that a workspace pins."""
    op.create_table(
        "pinned_attributes",
        sa.Column("workspace_id", ID, nullable=False),
        sa.Column("name", EXACT, nullable=False),
        sa.Column("pinned_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name="fk_pinned_attributes_workspace_id_workspaces"
        ),
        sa.PrimaryKeyConstraint("workspace_id", "name", name="pk_pinned_attributes"),
    )
    op.create_table(
        "notes",
        sa.Column("id", ID, nullable=False),
        sa.Column("customer_id", ID, nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("user_id", ID, nullable=False),
        sa.Column("edited_at", sa.BigInteger(), nullable=True),
        sa.Column("edited_by_id", ID, nullable=True),
        sa.ForeignKeyConstraint(["customer_id"], ["customers.id"], name="fk_notes_customer_id_customers"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_notes_user_id_users"),
        sa.ForeignKeyConstraint(["edited_by_id"], ["users.id"], name="fk_notes_edited_by_id_users"),
        sa.PrimaryKeyConstraint("id", name="pk_notes"),
    )
    op.create_index("ix_notes_customer_id_created_at", "notes", ["customer_id", "created_at"])
    op.create_table(
        "tags",
        sa.Column("customer_id", ID, nullable=False),
        sa.Column("name", EXACT, nullable=False),
        sa.Column("workspace_id", ID, nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("user_id", ID, nullable=False),
        sa.ForeignKeyConstraint(["customer_id"], ["customers.id"], name="fk_tags_customer_id_customers"),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name="fk_tags_workspace_id_workspaces"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_tags_user_id_users"),
        sa.PrimaryKeyConstraint("customer_id", "name", name="pk_tags"),
    )
    op.create_index("ix_tags_workspace_id_name", "tags", ["workspace_id", "name"])


def downgrade() -> None:
    """Take it back."""
    for name in ("tags", "notes", "pinned_attributes"):
        op.drop_table(name)
