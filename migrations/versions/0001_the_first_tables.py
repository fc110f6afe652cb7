"""The first tables."""

import sqlalchemy as sa
from alembic import op

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
EXACT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """The first tables."""
    op.create_table(
        "users",
        sa.Column("id", ID, nullable=False),
        sa.Column("email", EXACT, nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_users"),
        sa.UniqueConstraint("email", name="uq_users_email"),
    )

    op.create_table(
        "workspaces",
        sa.Column("id", ID, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("time_zone", sa.Text(), nullable=False),
        sa.Column("default_region", sa.Text(), nullable=False),
        sa.Column("placeholder_ids", sa.Text(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_workspaces"),
    )

    op.create_table(
        "api_keys",
        sa.Column("id", ID, nullable=False),
        sa.Column("workspace_id", ID, nullable=False),
        sa.Column("public_id", EXACT, nullable=False),
        sa.Column("secret_hash", EXACT, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("last_used_at", sa.BigInteger(), nullable=True),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name="fk_api_keys_workspace_id_workspaces"),
        sa.PrimaryKeyConstraint("id", name="pk_api_keys"),
        sa.UniqueConstraint("public_id", name="uq_api_keys_public_id"),
    )
    op.create_index("ix_api_keys_workspace_id", "api_keys", ["workspace_id"])

    op.create_table(
        "attribute_types",
        sa.Column("workspace_id", ID, nullable=False),
        sa.Column("event_name", EXACT, nullable=False),
        sa.Column("name", EXACT, nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name="fk_attribute_types_workspace_id_workspaces"),
        sa.PrimaryKeyConstraint("workspace_id", "event_name", "name", name="pk_attribute_types"),
    )

    op.create_table(
        "customers",
        sa.Column("id", ID, nullable=False),
        sa.Column("workspace_id", ID, nullable=False),
        sa.Column("growlytics_id", EXACT, nullable=False),
        sa.Column("system_id", EXACT, nullable=True),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("mobile", sa.Text(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("first_seen_at", sa.BigInteger(), nullable=False),
        sa.Column("last_seen_at", sa.BigInteger(), nullable=False),
        sa.Column("event_count", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name="fk_customers_workspace_id_workspaces"),
        sa.PrimaryKeyConstraint("id", name="pk_customers"),
        sa.UniqueConstraint("growlytics_id", name="uq_customers_growlytics_id"),
        sa.UniqueConstraint("workspace_id", "system_id", name="uq_customers_workspace_id_system_id"),
    )
    op.create_index("ix_customers_by_creation", "customers", ["workspace_id", "created_at", "id"])
    op.create_index("ix_customers_by_last_seen", "customers", ["workspace_id", "last_seen_at", "id"])

    op.create_table(
        "idempotency_keys",
        sa.Column("workspace_id", ID, nullable=False),
        sa.Column("key", EXACT, nullable=False),
        sa.Column("request_hash", EXACT, nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name="fk_idempotency_keys_workspace_id_workspaces"
        ),
        sa.PrimaryKeyConstraint("workspace_id", "key", name="pk_idempotency_keys"),
    )
    op.create_index("ix_idempotency_keys_created_at", "idempotency_keys", ["created_at"])

    op.create_table(
        "invitations",
        sa.Column("token_hash", EXACT, nullable=False),
        sa.Column("workspace_id", ID, nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("role IN ('admin', 'editor', 'viewer')", name=op.f("ck_invitations_known_role")),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name="fk_invitations_workspace_id_workspaces"),
        sa.PrimaryKeyConstraint("token_hash", name="pk_invitations"),
    )

    op.create_table(
        "logins",
        sa.Column("token_hash", EXACT, nullable=False),
        sa.Column("user_id", ID, nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_logins_user_id_users"),
        sa.PrimaryKeyConstraint("token_hash", name="pk_logins"),
    )
    op.create_index("ix_logins_user_id", "logins", ["user_id"])

    op.create_table(
        "memberships",
        sa.Column("user_id", ID, nullable=False),
        sa.Column("workspace_id", ID, nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.CheckConstraint("role IN ('admin', 'editor', 'viewer')", name=op.f("ck_memberships_known_role")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_memberships_user_id_users"),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name="fk_memberships_workspace_id_workspaces"),
        sa.PrimaryKeyConstraint("user_id", "workspace_id", name="pk_memberships"),
    )

    op.create_table(
        "customer_attributes",
        sa.Column("customer_id", ID, nullable=False),
        sa.Column("name", EXACT, nullable=False),
        sa.Column("value", EXACT, nullable=False),
        sa.Column("reported_at", sa.BigInteger(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["customer_id"], ["customers.id"], name="fk_customer_attributes_customer_id_customers"),
        sa.PrimaryKeyConstraint("customer_id", "name", name="pk_customer_attributes"),
    )

    op.create_table(
        "events",
        sa.Column("customer_id", ID, nullable=False),
        sa.Column("reported_at", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("attributes", sa.Text(), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["customer_id"], ["customers.id"], name="fk_events_customer_id_customers"),
        sa.PrimaryKeyConstraint("customer_id", "reported_at", "id", name="pk_events"),
    )

    op.create_table(
        "ignored_values",
        sa.Column("customer_id", ID, nullable=False),
        sa.Column("event_name", EXACT, nullable=False),
        sa.Column("name", EXACT, nullable=False),
        sa.Column("received", EXACT, nullable=False),
        sa.Column("expected", sa.Text(), nullable=False),
        sa.Column("sample", sa.Text(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("last_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["customer_id"], ["customers.id"], name="fk_ignored_values_customer_id_customers"),
        sa.PrimaryKeyConstraint("customer_id", "event_name", "name", "received", name="pk_ignored_values"),
    )

    op.create_table(
        "search_terms",
        sa.Column("workspace_id", ID, nullable=False),
        sa.Column("term", EXACT, nullable=False),
        sa.Column("is_tail", sa.Boolean(), nullable=False),
        sa.Column("customer_id", ID, nullable=False),
        sa.Column("field", EXACT, nullable=False),
        sa.ForeignKeyConstraint(["customer_id"], ["customers.id"], name="fk_search_terms_customer_id_customers"),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name="fk_search_terms_workspace_id_workspaces"),
        sa.PrimaryKeyConstraint("workspace_id", "term", "is_tail", "customer_id", "field", name="pk_search_terms"),
    )
    op.create_index("ix_search_terms_customer_id", "search_terms", ["customer_id"])


def downgrade() -> None:
    """Take it back."""
    op.drop_table("search_terms")
    op.drop_table("ignored_values")
    op.drop_table("events")
    op.drop_table("customer_attributes")
    op.drop_table("memberships")
    op.drop_table("logins")
    op.drop_table("invitations")
    op.drop_table("idempotency_keys")
    op.drop_table("customers")
    op.drop_table("attribute_types")
    op.drop_table("api_keys")
    op.drop_table("workspaces")
    op.drop_table("users")
