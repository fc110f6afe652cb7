"""What of a workspace travels: which tables and columns, in which order, and why the others don't.

Ids of rows are of one database. In a file each line of a kind has a number instead, counted from 1 in the order of its
lines, and others refer to that: always to a line before their own.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from sqlalchemy import Column, Table
from sqlalchemy.sql.schema import ScalarElementColumnDefault

from webapp.db import Base
from webapp.models import (
    AttributeType,
    AttributeValue,
    BrowserMessage,
    Customer,
    Device,
    DeviceLogin,
    DictionaryEntry,
    ErasedIdentifier,
    Event,
    IdempotencyKey,
    IgnoredValue,
    KeptVisit,
    Merge,
    Note,
    PinnedAttribute,
    Segment,
    Tag,
    TypeChange,
    User,
    Visit,
    Workspace,
)

_KEYS_STAY = "API keys stay behind"
_OTHER_WORKSPACE = "the one it is imported into"
_OTHER_ID = "ids are of one database"


@dataclass(frozen=True)
class Kind:
    """A kind of lines: rows of a table.

    `columns`: stand in a line by their own names. `refers`: columns that name a row, and the kind of its line; in a
    line they have no `_id`. `left`: columns that don't travel, and why, or what makes them anew. `by`: the column of
    the customer or device by which the rows are found; without it they have a `workspace_id`, or `within` names their
    column of a customer that has. `texts`: columns of JSON, and what has to be in there. `is_link`: the rows are there
    already, and are told what they refer to.
    """

    name: str
    model: type[Base]
    columns: tuple[str, ...] = ()
    refers: Mapping[str, str] = field(default_factory=dict)
    left: Mapping[str, str] = field(default_factory=dict)
    by: str | None = None
    within: str | None = None
    texts: Mapping[str, type] = field(default_factory=dict)
    is_link: bool = False

    @property
    def table(self) -> Table:
        """Where the rows are."""
        return Base.metadata.tables[self.model.__tablename__]

    @cached_property
    def constants(self) -> dict[str, Any]:
        """What columns begin with that don't travel; of others the database knows it."""
        defaults = {name: self.table.c[name].default for name in self.left}
        return {name: one.arg for name, one in defaults.items() if isinstance(one, ScalarElementColumnDefault)}

    @property
    def is_numbered(self) -> bool:
        """Whether rows have ids that only order them: an import gives them others, in the same order."""
        return [one.name for one in self.table.primary_key] == ["id"] and not self.is_link

    @property
    def fields(self) -> dict[str, Column[Any]]:
        """What stands in a line, and the columns."""
        told = {self.field_of(name): self.table.c[name] for name in self.refers}
        return told | {name: self.table.c[name] for name in self.columns}

    def field_of(self, column: str) -> str:
        """What a column that refers to a row is called in a line."""
        return self.refers[column] if column == "id" else column.removesuffix("_id")

    @property
    def order(self) -> tuple[str, ...]:
        """The columns in whose order the lines come: no two have all of them equal."""
        if self.is_numbered or self.is_link:
            return ("id",)
        return tuple(one.name for one in self.table.primary_key if one.name != "workspace_id")


WORKSPACE = Kind(
    "workspace",
    Workspace,
    (
        "name", "time_zone", "default_region", "placeholder_ids", "merges_a_day", "keeps_addresses", "allowed_origins",
        "order_event", "amount_attribute", "created_at", "keeps_refused", "requires_second_factor", "masking",
        "retention_days", "erasure_secret", "lets_erased_return",
    ),
    left={
        "id": _OTHER_ID,
        "login_secret": "a secret",
        "types_version": "tells processes of one database that types have changed",
        "arriving_at": "set while it is imported",
    },
)  # fmt: skip
AUTHOR = Kind(
    "author",
    User,
    ("email",),
    left={"id": _OTHER_ID, "password_hash": "a secret", "created_at": "of an account, which stays behind"},
)
DEVICE = Kind(
    "device",
    Device,
    (
        "did", "created_at", "owned_since", "info", "info_at", "user_agent", "is_bot", "push_token", "clock_skew",
    ),
    left={"id": _OTHER_ID, "workspace_id": _OTHER_WORKSPACE, "owner_id": "told by `owner`"},
    texts={"info": dict},
)  # fmt: skip
CUSTOMER = Kind(
    "customer",
    Customer,
    (
        "growlytics_id", "system_id", "since_at", "created_at", "own_event_count", "merging_stopped_at",
        "merges_count_from", "name", "email", "mobile", "first_seen_at", "last_seen_at", "event_count", "is_bot",
        "pruned_from_at", "pruned_until_at", "has_pruned",
    ),
    {"device_id": "device"},
    left={
        "id": _OTHER_ID,
        "workspace_id": _OTHER_WORKSPACE,
        "root_id": "told by `member`",
        "moved_count": "tells whether kept tallies are still right, which are made anew",
    },
)  # fmt: skip
# In the order in which they stand in a file.
KINDS = (
    WORKSPACE,
    AUTHOR,
    Kind(
        "type",
        AttributeType,
        ("event_name", "name", "type", "created_at"),
        left={"workspace_id": _OTHER_WORKSPACE},
    ),
    Kind(
        "entry",
        DictionaryEntry,
        ("event_name", "name", "first_at", "last_at", "description", "is_hidden"),
        left={"workspace_id": _OTHER_WORKSPACE, "folded": "made of the name"},
    ),
    Kind(
        "type_change",
        TypeChange,
        (
            "event_name", "name", "former", "type", "created_at", "total", "looked_at", "converted", "left_behind",
            "ended_at", "is_superseded",
        ),
        {"user_id": "author"},
        left={"id": _OTHER_ID, "workspace_id": _OTHER_WORKSPACE}
        | dict.fromkeys(("position", "round", "found", "worker", "leased_until"), "of one that is under way"),
    ),
    # By hashes, of which the workspace has the key: those who were erased don't come back in the new place either.
    Kind("erased", ErasedIdentifier, ("hash", "known_by", "erased_at"), left={"workspace_id": _OTHER_WORKSPACE}),
    Kind("pin", PinnedAttribute, ("name", "pinned_at"), left={"workspace_id": _OTHER_WORKSPACE}),
    Kind(
        "segment",
        Segment,
        ("name", "query", "created_at"),
        left={"id": _OTHER_ID, "workspace_id": _OTHER_WORKSPACE}
        | dict.fromkeys(("count", "count_kind", "counted_at"), "counted when somebody looks"),
    ),
    Kind(
        "idempotency_key",
        IdempotencyKey,
        ("key", "request_hash", "answer", "created_at"),
        left={"workspace_id": _OTHER_WORKSPACE},
        texts={"answer": object},
    ),
    DEVICE,
    CUSTOMER,
    Kind("owner", Device, refers={"id": "device", "owner_id": "customer"}, is_link=True),
    Kind("member", Customer, refers={"id": "customer", "root_id": "customer"}, is_link=True),
    Kind(
        "login",
        DeviceLogin,
        ("at", "id", "received_at", "source"),
        {"device_id": "device", "customer_id": "customer"},
        left={"key_id": _KEYS_STAY},
        by="device_id",
    ),
    Kind(
        "merge",
        Merge,
        ("merged_at", "login_at", "login_id", "has_given_id", "is_stopped", "undone_at"),
        {
            "member_id": "customer",
            "target_id": "customer",
            "device_id": "device",
            "user_id": "author",
            "undone_by_id": "author",
        },
        left={"id": _OTHER_ID},
        within="member_id",
    ),
    Kind("message", BrowserMessage, ("id", "received_at"), {"device_id": "device"}, by="device_id"),
    Kind(
        "value",
        AttributeValue,
        ("name", "reported_at", "id", "until_at", "value", "original", "is_current", "received_at", "source"),
        {"customer_id": "customer", "device_id": "device"},
        left={"lookup": "made of workspace, name and value", "key_id": _KEYS_STAY},
        by="customer_id",
        texts={"value": object, "original": object},
    ),
    Kind(
        "event",
        Event,
        ("reported_at", "id", "name", "attributes", "received_at", "context"),
        {"customer_id": "customer", "device_id": "device"},
        by="customer_id",
        texts={"attributes": dict, "context": dict},
    ),
    Kind(
        "visit",
        Visit,
        (
            "started_at", "ended_at", "event_count", "entry_at", "entry", "exit_at", "exit_page", "place_at", "place",
        ),
        {"customer_id": "customer", "device_id": "device"},
        by="customer_id",
        texts={"entry": dict, "place": dict},
    ),
    Kind(
        "kept_visit",
        KeptVisit,
        (
            "started_at", "ended_at", "event_count", "entry_at", "entry", "exit_at", "exit_page", "place_at", "place",
        ),
        {"customer_id": "customer", "device_id": "device"},
        by="customer_id",
        texts={"entry": dict, "place": dict},
    ),
    Kind(
        "ignored",
        IgnoredValue,
        ("event_name", "name", "received", "expected", "sample", "count", "last_at"),
        {"customer_id": "customer"},
        by="customer_id",
    ),
    Kind(
        "note",
        Note,
        ("text", "created_at", "edited_at"),
        {"customer_id": "customer", "user_id": "author", "edited_by_id": "author"},
        left={"id": _OTHER_ID},
        within="customer_id",
    ),
    Kind(
        "tag",
        Tag,
        ("name", "created_at"),
        {"customer_id": "customer", "user_id": "author"},
        left={"workspace_id": _OTHER_WORKSPACE},
        by="customer_id",
    ),
)  # fmt: skip
BY_NAME = {kind.name: kind for kind in KINDS}

# Tables that an import makes anew of what has travelled.
REBUILT = {
    "search_terms": "of ids, and of the values of e-mail, mobile and name",
    "event_counts": "of the events",
    "daily_counts": "by a recount, which the import begins",
    "countings": "with the workspace",
    "tallies": "when somebody looks at a profile that has many events",
}
# Tables of which nothing travels.
STAYING = {
    "api_keys": "secrets: an import has none, and new ones are made",
    "memberships": "people are invited anew",
    "invitations": "secrets",
    "logins": "secrets",
    "resets": "secrets",
    "second_factors": "secrets",
    "recovery_codes": "secrets",
    "linked_accounts": "of accounts, which stay behind",
    "throttles": "of those who sign in here",
    "audit": "of this installation; it has an export of its own",
    "arrivals": "the newest events as they came, of the last days at most",
    "sweeps": "how far retention has come; it begins anew",
    "erasures": "receipts of what was done here: download them before moving",
    "imports": "files are imported where they were uploaded; what came of them travels",
    "import_chunks": "as imports",
    "import_failures": "as imports",
    "refused_reasons": "kept for 30 days at most, and named by the keys that stay behind: replay it before moving",
    "refused_payloads": "as refused_reasons",
    "refused_hours": "as refused_reasons",
}
