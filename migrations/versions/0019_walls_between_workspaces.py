"""Row-level security: on PostgreSQL, a connection that serves a workspace's pages sees nobody else's rows."""

from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

OF_WORKSPACES = (
    "api_keys",
    "attribute_types",
    "audit",
    "customers",
    "daily_counts",
    "devices",
    "dictionary",
    "idempotency_keys",
    "pinned_attributes",
    "refused_hours",
    "refused_payloads",
    "refused_reasons",
    "search_terms",
    "segments",
    "tags",
    "type_changes",
)
_SET = "nullif(current_setting('customer_profiles.workspace', true), '')::bigint"
# The planner takes it that nearly all rows pass `IS NOT NULL`, as they do: the queries' own conditions choose among
# them. Of a comparison it would expect few, and read tables whole rather than by an index.
_IS_SEEN = f"nullif(workspace_id IS NOT DISTINCT FROM coalesce({_SET}, workspace_id), false) IS NOT NULL"

# The first and the last of all profiles, between which samples are drawn: two looks into the primary key. (An ordinary
# role may not make a function with a SET of such a setting.)
_ENDS = """
CREATE FUNCTION customer_ends(OUT lowest bigint, OUT highest bigint) LANGUAGE plpgsql AS $$
DECLARE
    shown text := coalesce(current_setting('customer_profiles.workspace', true), '');
BEGIN
    PERFORM set_config('customer_profiles.workspace', '', true);
    SELECT id INTO lowest FROM customers WHERE id > 0 ORDER BY id LIMIT 1;
    SELECT id INTO highest FROM customers WHERE id > 0 ORDER BY id DESC LIMIT 1;
    PERFORM set_config('customer_profiles.workspace', shown, true);
END $$
"""


def upgrade() -> None:
    """The setting names the workspace; where it is empty (ingestion, the console), all rows are there."""
    if op.get_bind().dialect.name != "postgresql":
        return
    for table in OF_WORKSPACES:
        op.execute(
            f"CREATE POLICY workspace ON {table} USING ({_IS_SEEN});"
            # Also for the owner of the tables, as whom the server usually works.
            f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY"
        )
    op.execute(_ENDS)


def downgrade() -> None:
    """Without it."""
    if op.get_bind().dialect.name != "postgresql":
        return
    op.execute("DROP FUNCTION customer_ends()")
    for table in OF_WORKSPACES:
        op.execute(
            f"DROP POLICY workspace ON {table};"
            f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY, NO FORCE ROW LEVEL SECURITY"
        )
