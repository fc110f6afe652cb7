"""Devices, logins, merges and visits; the history of attributes."""

from typing import Any

import sqlalchemy as sa
from alembic import op

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
EXACT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def _only(condition: str) -> dict[str, Any]:
    return {"sqlite_where": sa.text(condition), "postgresql_where": sa.text(condition)}


def upgrade() -> None:
    """Devices, logins, merges and visits; the history of attributes."""
    with op.batch_alter_table("workspaces") as table:
        table.add_column(sa.Column("merges_a_day", sa.Integer(), nullable=False, server_default="20"))
        table.add_column(sa.Column("keeps_addresses", sa.Boolean(), nullable=False, server_default=sa.true()))

    op.create_table(
        "devices",
        sa.Column("id", ID, nullable=False),
        sa.Column("workspace_id", ID, nullable=False),
        sa.Column("did", EXACT, nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("owned_since", sa.BigInteger(), nullable=False),
        sa.Column("owner_id", sa.BigInteger(), nullable=True),
        sa.Column("info", sa.Text(), nullable=True),
        sa.Column("info_at", sa.BigInteger(), nullable=False),
        sa.Column("user_agent", sa.Text(), nullable=True),
        sa.Column("is_bot", sa.Boolean(), nullable=False),
        sa.Column("push_token", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name="fk_devices_workspace_id_workspaces"),
        sa.PrimaryKeyConstraint("id", name="pk_devices"),
        sa.UniqueConstraint("workspace_id", "did", name="uq_devices_workspace_id_did"),
    )

    _alter_customers()

    op.create_table(
        "device_logins",
        sa.Column("device_id", ID, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("customer_id", ID, nullable=True),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("key_id", ID, nullable=True),
        sa.ForeignKeyConstraint(["customer_id"], ["customers.id"], name="fk_device_logins_customer_id_customers"),
        sa.ForeignKeyConstraint(["device_id"], ["devices.id"], name="fk_device_logins_device_id_devices"),
        sa.ForeignKeyConstraint(["key_id"], ["api_keys.id"], name="fk_device_logins_key_id_api_keys"),
        sa.PrimaryKeyConstraint("device_id", "at", "id", name="pk_device_logins"),
    )
    op.create_index("ix_device_logins_customer_id", "device_logins", ["customer_id"])

    op.create_table(
        "merges",
        sa.Column("id", ID, nullable=False),
        sa.Column("member_id", ID, nullable=False),
        sa.Column("target_id", ID, nullable=False),
        sa.Column("merged_at", sa.BigInteger(), nullable=False),
        sa.Column("device_id", ID, nullable=True),
        sa.Column("login_at", sa.BigInteger(), nullable=True),
        sa.Column("login_id", sa.BigInteger(), nullable=True),
        sa.Column("user_id", ID, nullable=True),
        sa.Column("has_given_id", sa.Boolean(), nullable=False),
        sa.Column("is_stopped", sa.Boolean(), nullable=False),
        sa.Column("undone_at", sa.BigInteger(), nullable=True),
        sa.Column("undone_by_id", ID, nullable=True),
        sa.ForeignKeyConstraint(
            ["device_id", "login_at", "login_id"],
            ["device_logins.device_id", "device_logins.at", "device_logins.id"],
            name="fk_merges_device_id_device_logins",
        ),
        sa.ForeignKeyConstraint(["member_id"], ["customers.id"], name="fk_merges_member_id_customers"),
        sa.ForeignKeyConstraint(["target_id"], ["customers.id"], name="fk_merges_target_id_customers"),
        sa.ForeignKeyConstraint(["undone_by_id"], ["users.id"], name="fk_merges_undone_by_id_users"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_merges_user_id_users"),
        sa.PrimaryKeyConstraint("id", name="pk_merges"),
        sa.UniqueConstraint("device_id", "login_at", "login_id", name="uq_merges_device_id_login_at_login_id"),
    )
    op.create_index("ix_merges_member_id", "merges", ["member_id"])
    op.create_index("ix_merges_target_id", "merges", ["target_id"])

    op.create_table(
        "visits",
        sa.Column("customer_id", ID, nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("device_id", ID, nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=False),
        sa.Column("event_count", sa.BigInteger(), nullable=False),
        sa.Column("entry_at", sa.BigInteger(), nullable=True),
        sa.Column("entry", sa.Text(), nullable=True),
        sa.Column("exit_at", sa.BigInteger(), nullable=True),
        sa.Column("exit_page", sa.Text(), nullable=True),
        sa.Column("place_at", sa.BigInteger(), nullable=True),
        sa.Column("place", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["customer_id"], ["customers.id"], name="fk_visits_customer_id_customers"),
        sa.ForeignKeyConstraint(["device_id"], ["devices.id"], name="fk_visits_device_id_devices"),
        sa.PrimaryKeyConstraint("customer_id", "started_at", "device_id", name="pk_visits"),
    )
    op.create_index("ix_visits_of_device", "visits", ["device_id", "ended_at"])

    with op.batch_alter_table("events") as table:
        table.add_column(sa.Column("device_id", ID, nullable=True))
        table.add_column(sa.Column("context", sa.Text(), nullable=True))
        table.create_foreign_key("fk_events_device_id_devices", "devices", ["device_id"], ["id"])

    op.create_table(
        "attribute_values",
        sa.Column("customer_id", ID, nullable=False),
        sa.Column("name", EXACT, nullable=False),
        sa.Column("reported_at", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("until_at", sa.BigInteger(), nullable=False),
        sa.Column("value", EXACT, nullable=False),
        sa.Column("is_current", sa.Boolean(), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("key_id", ID, nullable=True),
        sa.Column("device_id", ID, nullable=True),
        sa.ForeignKeyConstraint(["customer_id"], ["customers.id"], name="fk_attribute_values_customer_id_customers"),
        sa.ForeignKeyConstraint(["device_id"], ["devices.id"], name="fk_attribute_values_device_id_devices"),
        sa.ForeignKeyConstraint(["key_id"], ["api_keys.id"], name="fk_attribute_values_key_id_api_keys"),
        sa.PrimaryKeyConstraint("customer_id", "name", "reported_at", "id", name="pk_attribute_values"),
    )
    # Where a value came from was not kept before this version.
    op.execute(
        "INSERT INTO attribute_values"
        " (customer_id, name, reported_at, id, until_at, value, is_current, received_at, source)"
        " SELECT customer_id, name, changed_at, 0, reported_at, value, true, changed_at, '' FROM customer_attributes"
    )
    op.drop_table("customer_attributes")
    # An update has to know the present values, however many there have been.
    op.create_index(
        "ix_attribute_values_current",
        "attribute_values",
        ["customer_id"],
        sqlite_where=sa.text("is_current = 1"),
        postgresql_where=sa.text("is_current"),
    )


def _alter_customers() -> None:
    op.drop_index("ix_customers_by_creation", "customers")
    op.drop_index("ix_customers_by_last_seen", "customers")
    with op.batch_alter_table("customers") as table:
        table.add_column(sa.Column("root_id", ID, nullable=True))
        table.add_column(sa.Column("device_id", ID, nullable=True))
        table.add_column(sa.Column("since_at", sa.BigInteger(), nullable=True))
        table.add_column(sa.Column("own_event_count", sa.BigInteger(), nullable=False, server_default="0"))
        table.add_column(sa.Column("merging_stopped_at", sa.BigInteger(), nullable=True))
        table.add_column(sa.Column("merges_count_from", sa.BigInteger(), nullable=False, server_default="0"))
        table.add_column(sa.Column("is_bot", sa.Boolean(), nullable=False, server_default=sa.false()))
        table.create_foreign_key("fk_customers_root_id_customers", "customers", ["root_id"], ["id"])
        table.create_foreign_key("fk_customers_device_id_devices", "devices", ["device_id"], ["id"])
        table.create_unique_constraint("uq_customers_device_id_since_at", ["device_id", "since_at"])
    op.execute("UPDATE customers SET own_event_count = event_count")
    roots = _only("root_id IS NULL")
    op.create_index("ix_customers_by_creation", "customers", ["workspace_id", "created_at", "id"], **roots)
    op.create_index("ix_customers_by_last_seen", "customers", ["workspace_id", "last_seen_at", "id"], **roots)
    op.create_index("ix_customers_stopped", "customers", ["workspace_id"], **_only("merging_stopped_at IS NOT NULL"))
    op.create_index("ix_customers_root_id", "customers", ["root_id"])


def downgrade() -> None:
    """Take it back. Anonymous profiles stay, each by itself; histories, devices, visits and merges are lost."""
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
    op.execute(
        "INSERT INTO customer_attributes (customer_id, name, value, reported_at, changed_at)"
        " SELECT customer_id, name, value, until_at, reported_at FROM attribute_values WHERE is_current"
    )
    op.drop_table("attribute_values")
    op.drop_table("visits")
    op.drop_table("merges")
    op.drop_table("device_logins")
    with op.batch_alter_table("events") as table:
        table.drop_constraint("fk_events_device_id_devices", type_="foreignkey")
        table.drop_column("context")
        table.drop_column("device_id")
    op.execute(
        "UPDATE customers SET event_count = own_event_count,"
        " first_seen_at = coalesce((SELECT min(reported_at) FROM events WHERE customer_id = customers.id), created_at),"
        " last_seen_at = coalesce((SELECT max(reported_at) FROM events WHERE customer_id = customers.id), created_at)"
    )
    for index in ("root_id", "stopped", "by_last_seen", "by_creation"):
        op.drop_index(f"ix_customers_{index}", "customers")
    with op.batch_alter_table("customers") as table:
        table.drop_constraint("uq_customers_device_id_since_at", type_="unique")
        table.drop_constraint("fk_customers_device_id_devices", type_="foreignkey")
        table.drop_constraint("fk_customers_root_id_customers", type_="foreignkey")
        for column in (
            "root_id", "device_id", "since_at", "own_event_count", "merging_stopped_at", "merges_count_from", "is_bot",
        ):  # fmt: skip
            table.drop_column(column)
    op.create_index("ix_customers_by_creation", "customers", ["workspace_id", "created_at", "id"])
    op.create_index("ix_customers_by_last_seen", "customers", ["workspace_id", "last_seen_at", "id"])
    op.drop_table("devices")
    with op.batch_alter_table("workspaces") as table:
        table.drop_column("keeps_addresses")
        table.drop_column("merges_a_day")
