"""The dictionary of attributes and events, and changes of the types of attributes."""

import unicodedata

import sqlalchemy as sa
from alembic import op

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
EXACT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """What the pages of /data show and change."""
    op.add_column("workspaces", sa.Column("types_version", sa.Integer(), server_default="0", nullable=False))
    op.add_column("attribute_values", sa.Column("original", sa.Text(), nullable=True))
    op.create_table(
        "dictionary",
        sa.Column("workspace_id", ID, nullable=False),
        sa.Column("event_name", EXACT, nullable=False),
        sa.Column("name", EXACT, nullable=False),
        sa.Column("folded", EXACT, nullable=False),
        sa.Column("first_at", sa.BigInteger(), nullable=False),
        sa.Column("last_at", sa.BigInteger(), nullable=False),
        sa.Column("description", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("is_hidden", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name="fk_dictionary_workspace_id_workspaces"),
        sa.PrimaryKeyConstraint("workspace_id", "event_name", "name", name="pk_dictionary"),
    )
    op.create_table(
        "type_changes",
        sa.Column("id", ID, nullable=False),
        sa.Column("workspace_id", ID, nullable=False),
        sa.Column("event_name", EXACT, nullable=False),
        sa.Column("name", EXACT, nullable=False),
        sa.Column("former", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("user_id", ID, nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("total", sa.BigInteger(), nullable=True),
        sa.Column("looked_at", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("found", sa.BigInteger(), nullable=False),
        sa.Column("converted", sa.BigInteger(), nullable=False),
        sa.Column("left_behind", sa.BigInteger(), nullable=False),
        sa.Column("worker", EXACT, nullable=True),
        sa.Column("leased_until", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("is_superseded", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name="fk_type_changes_workspace_id_workspaces"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_type_changes_user_id_users"),
        sa.PrimaryKeyConstraint("id", name="pk_type_changes"),
    )
    _enter_what_is_known()
    op.create_index("ix_dictionary_attributes", "dictionary", ["workspace_id", "event_name", "folded", "name"])
    for name, table, columns, condition in (
        ("ix_dictionary_events", "dictionary", ["workspace_id", "folded", "event_name"], sa.text("name = ''")),
        ("ix_type_changes_open", "type_changes", ["id"], sa.text("ended_at IS NULL")),
    ):
        op.create_index(name, table, columns, sqlite_where=condition, postgresql_where=condition)
    op.create_index(
        "ix_dictionary_hidden",
        "dictionary",
        ["workspace_id", "event_name", "name"],
        sqlite_where=sa.text("is_hidden = 1"),
        postgresql_where=sa.text("is_hidden"),
    )
    op.create_index("ix_type_changes_attribute", "type_changes", ["workspace_id", "event_name", "name", "id"])


def _enter_what_is_known() -> None:
    """The attributes with the times at which their types were fixed, and the names of all events."""
    connection = op.get_bind()
    types = connection.execute(sa.text("SELECT workspace_id, event_name, name, created_at FROM attribute_types"))
    first = {(row.workspace_id, row.event_name, row.name): row.created_at for row in types}
    for workspace_id, event_name, _ in list(first):
        if event_name:
            first[workspace_id, event_name, ""] = 0
    names = connection.execute(
        sa.text(
            "SELECT DISTINCT customers.workspace_id, event_counts.name FROM event_counts"
            " JOIN customers ON customers.id = event_counts.customer_id"
        )
    )
    first |= {(row.workspace_id, row.name, ""): 0 for row in names}
    rows = [
        {"workspace": key[0], "event": key[1], "name": key[2], "folded": _folded(key[2] or key[1]), "first": first[key]}
        for key in first
    ]
    if rows:
        insert = (
            "INSERT INTO dictionary (workspace_id, event_name, name, folded, first_at, last_at)"
            " VALUES (:workspace, :event, :name, :folded, :first, 0)"
        )
        connection.execute(sa.text(insert), rows)


def _folded(name: str) -> str:
    plain = unicodedata.normalize("NFKC", name).casefold()
    return "".join(one for one in plain if unicodedata.category(one)[0] not in "CPZ") or plain


def downgrade() -> None:
    """Take it back."""
    for name in ("type_changes", "dictionary"):
        op.drop_table(name)
    op.drop_column("attribute_values", "original")
    op.drop_column("workspaces", "types_version")
