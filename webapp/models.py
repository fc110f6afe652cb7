"""The tables. Times are UTC epoch milliseconds; a customer's tables carry the customer first in their primary key."""

from typing import Annotated, Literal

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Text,
    UniqueConstraint,
    false,
    text,
    true,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from webapp.db import Base, ExactText, Id

PrimaryKey = Annotated[int, mapped_column(Id, primary_key=True)]
Millis = Annotated[int, mapped_column(BigInteger)]
Exact = Annotated[str, mapped_column(ExactText)]
Long = Annotated[str, mapped_column(Text)]

ROLES = ("admin", "editor", "viewer")


def _partial(name: str, condition: str, *columns: str) -> Index:
    """An index over the rows that a condition chooses."""
    return Index(name, *columns, sqlite_where=text(condition), postgresql_where=text(condition))


# With `system_id IS NULL` SQLite would take the unique key, which is no order that anybody asks for.
IS_ANONYMOUS = "NOT (system_id IS NOT NULL)"
# The kinds of customers in the list, as SQLite and as PostgreSQL put it.
_KINDS = [
    (kind, text(f"root_id IS NULL AND {rule} {sqlite}".strip()), text(f"root_id IS NULL AND {rule} {other}".strip()))
    for kind, rule, sqlite, other in (
        ("registered", "system_id IS NOT NULL", "", ""),
        ("anonymous", f"{IS_ANONYMOUS} AND", "is_bot = 0", "NOT is_bot"),
        ("bots", f"{IS_ANONYMOUS} AND", "is_bot = 1", "is_bot"),
    )
]


class Workspace(Base):
    """One shop: the owner of customers, keys and attribute types."""

    __tablename__ = "workspaces"

    id: Mapped[PrimaryKey]
    name: Mapped[Long]
    time_zone: Mapped[Long]  # IANA name: for dates without a zone, and for the times on the pages
    default_region: Mapped[Long]  # ISO 3166 alpha-2: for mobile numbers written without a country code
    placeholder_ids: Mapped[Long | None]  # one refused customer id a line; NULL: the documented list
    # So many anonymous profiles a System ID may take in within a day; past that its merging stops.
    merges_a_day: Mapped[int] = mapped_column(default=20, server_default="20")
    keeps_addresses: Mapped[bool] = mapped_column(default=True, server_default=true())  # shortened ones
    allowed_origins: Mapped[Long] = mapped_column(default="", server_default=text("''"))  # of browser keys, one a line
    login_secret: Mapped[Long | None]  # what a shop signs System IDs with, so that a page can't make one up
    order_event: Mapped[Long | None]  # the event that is an order, and the attribute of it that is the amount;
    amount_attribute: Mapped[Long | None]  # NULL: guessed
    created_at: Mapped[Millis]
    keeps_refused: Mapped[bool] = mapped_column(default=True, server_default=true())  # what was refused, to send again
    types_version: Mapped[int] = mapped_column(default=0, server_default="0")  # how often a type has been changed


class User(Base):
    """A person who uses the dashboard."""

    __tablename__ = "users"

    id: Mapped[PrimaryKey]
    email: Mapped[Exact] = mapped_column(unique=True)  # casefolded
    password_hash: Mapped[Long]
    created_at: Mapped[Millis]


class Membership(Base):
    """What a user may do in a workspace."""

    __tablename__ = "memberships"
    __table_args__ = (CheckConstraint("role IN ('admin', 'editor', 'viewer')", name="known_role"),)

    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), primary_key=True)
    workspace_id: Mapped[int] = mapped_column(ForeignKey("workspaces.id"), primary_key=True)
    role: Mapped[Long]


class Login(Base):
    """A signed-in browser. Deleting the row signs it out."""

    __tablename__ = "logins"

    token_hash: Mapped[Exact] = mapped_column(primary_key=True)  # SHA-256 of the token in the cookie
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    created_at: Mapped[Millis]
    seen_at: Mapped[Millis]

    user: Mapped[User] = relationship(lazy="joined", innerjoin=True)


class Invitation(Base):
    """A one-time link with which somebody becomes a user. Deleted when accepted."""

    __tablename__ = "invitations"
    __table_args__ = (CheckConstraint("role IN ('admin', 'editor', 'viewer')", name="known_role"),)

    token_hash: Mapped[Exact] = mapped_column(primary_key=True)
    workspace_id: Mapped[int] = mapped_column(ForeignKey("workspaces.id"))
    role: Mapped[Long]
    created_at: Mapped[Millis]
    expires_at: Mapped[Millis]


class ApiKey(Base):
    """A key with which a machine (`server`), or a page that anybody can read (`browser`), sends data to a workspace."""

    __tablename__ = "api_keys"
    __table_args__ = (CheckConstraint("kind IN ('server', 'browser')", name="known_kind"),)

    id: Mapped[PrimaryKey]
    workspace_id: Mapped[int] = mapped_column(ForeignKey("workspaces.id"), index=True)
    public_id: Mapped[Exact] = mapped_column(unique=True)  # the part of the key that finds this row
    secret_hash: Mapped[Exact]  # SHA-256: the secret is random, so a slow hash would add nothing
    name: Mapped[Long]
    created_at: Mapped[Millis]
    last_used_at: Mapped[Millis | None]
    revoked_at: Mapped[Millis | None]
    kind: Mapped[Literal["server", "browser"]] = mapped_column(Text, default="server", server_default="server")
    # Of browser keys: the whole key, which is no secret; whether a login needs a signature; how many requests a minute
    # one address may send (NULL: any number).
    public_text: Mapped[Long | None]
    wants_signature: Mapped[bool] = mapped_column(default=False, server_default=false())
    requests_a_minute: Mapped[int | None]

    workspace: Mapped[Workspace] = relationship(lazy="joined", innerjoin=True)


class Customer(Base):
    """A profile, registered (with a System ID) or anonymous: one stretch of a device between logins and logouts.

    A person is a root (`root_id` is NULL) and the profiles merged into it, whose `root_id` names it. What a row owns
    (events, attribute values, visits) never moves by a merge. From `name` on, a root's columns repeat what the whole
    person's history adds up to, for the list; a merged profile's are without meaning, but for `own_event_count`.
    """

    __tablename__ = "customers"
    __table_args__ = (
        UniqueConstraint("workspace_id", "system_id"),
        UniqueConstraint("device_id", "since_at"),
        # A row is in one kind's only: a filter of the list that few customers pass costs no more than one that all do.
        *(
            Index(
                f"ix_customers_{kind}_by_{word}", "workspace_id", column, "id", sqlite_where=one, postgresql_where=other
            )
            for kind, one, other in _KINDS
            for word, column in (("last_seen", "last_seen_at"), ("creation", "created_at"))
        ),
        _partial("ix_customers_stopped", "merging_stopped_at IS NOT NULL", "workspace_id", "merging_stopped_at"),
    )

    id: Mapped[PrimaryKey]
    workspace_id: Mapped[int] = mapped_column(ForeignKey("workspaces.id"))
    growlytics_id: Mapped[Exact] = mapped_column(unique=True)
    system_id: Mapped[Exact | None]
    root_id: Mapped[int | None] = mapped_column(ForeignKey("customers.id"), index=True)
    # Of an anonymous profile: the device, and the time of the login or logout its stretch begins with (0: the first).
    device_id: Mapped[int | None] = mapped_column(ForeignKey("devices.id"))
    since_at: Mapped[Millis | None]
    created_at: Mapped[Millis]
    own_event_count: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    moved_count: Mapped[int] = mapped_column(server_default="0")  # how often events of its own came or went by a move
    merging_stopped_at: Mapped[Millis | None]  # it took in too many anonymous profiles; a person lets it go on
    merges_count_from: Mapped[Millis] = mapped_column(default=0, server_default="0")  # when it was let go on
    name: Mapped[Long | None]
    email: Mapped[Long | None]
    mobile: Mapped[Long | None]
    # Reported times of the first and the last event; the time of creation while there are none.
    first_seen_at: Mapped[Millis]
    last_seen_at: Mapped[Millis]
    event_count: Mapped[int] = mapped_column(BigInteger, default=0)
    is_bot: Mapped[bool] = mapped_column(default=False, server_default=false())  # all its devices are known bots

    @property
    def is_registered(self) -> bool:
        """Whether the shop has told who this is."""
        return self.system_id is not None


class Device(Base):
    """A phone, a browser: what a visitor is known by before there is a System ID."""

    __tablename__ = "devices"
    __table_args__ = (UniqueConstraint("workspace_id", "did"),)

    id: Mapped[PrimaryKey]
    workspace_id: Mapped[int] = mapped_column(ForeignKey("workspaces.id"))
    did: Mapped[Exact]
    created_at: Mapped[Millis]
    # Repeats the latest of its logins, so that an ordinary event needs no look at them: when it was (0: none yet), and
    # whose the device is since then (NULL: nobody has done anything on it since). Customers refer to devices already.
    owned_since: Mapped[Millis] = mapped_column(default=0)
    owner_id: Mapped[int | None] = mapped_column(BigInteger)
    info: Mapped[Long | None]  # JSON object, as the app launch that was reported last told it
    info_at: Mapped[Millis] = mapped_column(default=0)
    user_agent: Mapped[Long | None]
    is_bot: Mapped[bool] = mapped_column(default=False)
    push_token: Mapped[Long | None]
    clock_skew: Mapped[Millis] = mapped_column(default=0, server_default="0")  # to be added to the times it tells


class DeviceLogin(Base):
    """A login on a device, or a logout (`customer_id` is NULL). `id` orders those of one moment: logouts are 0."""

    __tablename__ = "device_logins"

    device_id: Mapped[int] = mapped_column(ForeignKey("devices.id"), primary_key=True)
    at: Mapped[Millis] = mapped_column(primary_key=True)  # reported
    id: Mapped[Millis] = mapped_column(primary_key=True)
    customer_id: Mapped[int | None] = mapped_column(ForeignKey("customers.id"), index=True)
    received_at: Mapped[Millis]
    source: Mapped[Long]
    key_id: Mapped[int | None] = mapped_column(ForeignKey("api_keys.id"))


class Merge(Base):
    """Two profiles are one person: because of a login (which the row names), or because somebody said so.

    `member_id` is the anonymous profile that is merged into `target_id`. It holds unless it is undone or stopped;
    where it contradicts a login, the login holds (see docs/identity.md).
    """

    __tablename__ = "merges"
    __table_args__ = (
        UniqueConstraint("device_id", "login_at", "login_id"),
        ForeignKeyConstraint(
            ["device_id", "login_at", "login_id"], ["device_logins.device_id", "device_logins.at", "device_logins.id"]
        ),
    )

    id: Mapped[PrimaryKey]
    member_id: Mapped[int] = mapped_column(ForeignKey("customers.id"), index=True)
    target_id: Mapped[int] = mapped_column(ForeignKey("customers.id"), index=True)
    merged_at: Mapped[Millis]  # by the server's clock
    device_id: Mapped[int | None] = mapped_column(Id)
    login_at: Mapped[Millis | None]
    login_id: Mapped[Millis | None]
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    has_given_id: Mapped[bool] = mapped_column(default=False)  # the target was made by this and took the Growlytics ID
    is_stopped: Mapped[bool] = mapped_column(default=False)  # by the limit of merges a day
    undone_at: Mapped[Millis | None]
    undone_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))


class Visit(Base):
    """What one customer did on one device without a pause of more than 30 minutes. Times are reported ones.

    Each of the texts comes from one moment of the visit, which stands beside it, so that parts of a visit can be joined
    in any order.
    """

    __tablename__ = "visits"
    __table_args__ = (Index("ix_visits_of_device", "device_id", "ended_at"),)

    customer_id: Mapped[int] = mapped_column(ForeignKey("customers.id"), primary_key=True)
    started_at: Mapped[Millis] = mapped_column(primary_key=True)
    device_id: Mapped[int] = mapped_column(ForeignKey("devices.id"), primary_key=True)
    ended_at: Mapped[Millis]
    event_count: Mapped[int] = mapped_column(BigInteger)
    entry_at: Mapped[Millis | None]
    entry: Mapped[Long | None]  # JSON: landing page, referrer, UTM; of the first moment that told any
    exit_at: Mapped[Millis | None]
    exit_page: Mapped[Long | None]
    place_at: Mapped[Millis | None]
    place: Mapped[Long | None]  # JSON: country, region, city; of the first moment where it was known


class AttributeType(Base):
    """The type of an attribute, fixed when it is first tracked. `event_name` is empty for a customer's attributes.

    Somebody may change it later (TypeChange).
    """

    __tablename__ = "attribute_types"

    workspace_id: Mapped[int] = mapped_column(ForeignKey("workspaces.id"), primary_key=True)
    event_name: Mapped[Exact] = mapped_column(primary_key=True)
    name: Mapped[Exact] = mapped_column(primary_key=True)
    type: Mapped[Long]
    created_at: Mapped[Millis]  # when it got this type


class DictionaryEntry(Base):
    """Something that has come in: an event (`name` is empty), an attribute of one, or one of customers.

    `event_name` is empty for an attribute of customers. For these `first_at` and `last_at` are times of receipt, the
    last one by the hour; 0: before they were kept.
    """

    __tablename__ = "dictionary"
    __table_args__ = (
        Index("ix_dictionary_attributes", "workspace_id", "event_name", "folded", "name"),
        _partial("ix_dictionary_events", "name = ''", "workspace_id", "folded", "event_name"),
        Index(
            "ix_dictionary_hidden",
            "workspace_id",
            "event_name",
            "name",
            sqlite_where=text("is_hidden = 1"),
            postgresql_where=text("is_hidden"),
        ),
    )

    workspace_id: Mapped[int] = mapped_column(ForeignKey("workspaces.id"), primary_key=True)
    event_name: Mapped[Exact] = mapped_column(primary_key=True)
    name: Mapped[Exact] = mapped_column(primary_key=True)
    folded: Mapped[Exact]  # its name as near-duplicates have it too: webapp/dictionary.py
    first_at: Mapped[Millis]
    last_at: Mapped[Millis]
    description: Mapped[Long] = mapped_column(server_default=text("''"))
    is_hidden: Mapped[bool] = mapped_column(server_default=false())


class TypeChange(Base):
    """Somebody gave an attribute another type, and how far its values have been made of that type.

    Values are made so in rounds over the profiles in the order of their ids, until a round finds nothing to do.
    """

    __tablename__ = "type_changes"
    __table_args__ = (
        Index("ix_type_changes_attribute", "workspace_id", "event_name", "name", "id"),
        _partial("ix_type_changes_open", "ended_at IS NULL", "id"),
    )

    id: Mapped[PrimaryKey]
    workspace_id: Mapped[int] = mapped_column(ForeignKey("workspaces.id"))
    event_name: Mapped[Exact]  # as in AttributeType
    name: Mapped[Exact]
    former: Mapped[Long]  # the types
    type: Mapped[Long]
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[Millis]
    total: Mapped[int | None] = mapped_column(BigInteger)  # profiles of the workspace; NULL: not counted yet
    looked_at: Mapped[int] = mapped_column(BigInteger, default=0)  # of them in this round
    position: Mapped[int] = mapped_column(BigInteger, default=0)  # the id of the last one
    round: Mapped[int] = mapped_column(default=0)
    found: Mapped[int] = mapped_column(BigInteger, default=0)  # profiles of this round whose values had to be changed
    converted: Mapped[int] = mapped_column(BigInteger, default=0)
    left_behind: Mapped[int] = mapped_column(BigInteger, default=0)  # profiles whose value can't be of the new type
    worker: Mapped[Exact | None]  # who works on it, until `leased_until` unless it says so again
    leased_until: Mapped[Millis] = mapped_column(default=0)
    ended_at: Mapped[Millis | None]
    is_superseded: Mapped[bool] = mapped_column(default=False)  # ended by another change


class AttributeValue(Base):
    """A value that an attribute of a customer has or had, as JSON; dates as UTC instants in ISO 8601.

    `id` tells values reported for one moment apart: a digest where the client gave the time, 0 by the server's clock.
    """

    __tablename__ = "attribute_values"
    __table_args__ = (
        # An update has to know the present values, however many there have been.
        Index(
            "ix_attribute_values_current",
            "customer_id",
            sqlite_where=text("is_current = 1"),
            postgresql_where=text("is_current"),
        ),
        Index("ix_attribute_values_lookup", "lookup"),
    )

    customer_id: Mapped[int] = mapped_column(ForeignKey("customers.id"), primary_key=True)
    name: Mapped[Exact] = mapped_column(primary_key=True)
    reported_at: Mapped[Millis] = mapped_column(primary_key=True)  # when it was first reported
    id: Mapped[Millis] = mapped_column(primary_key=True)
    until_at: Mapped[Millis]  # when it was last reported without another in between
    value: Mapped[Exact]
    original: Mapped[Long | None]  # what came, where a change of the type has made the value of it
    # The latest of all values of the attribute in this row's customer that are of its type, or can be made so.
    is_current: Mapped[bool]
    lookup: Mapped[Millis] = mapped_column(default=0, server_default="0")  # webapp/lookups.py
    received_at: Mapped[Millis]
    source: Mapped[Long]  # the endpoint or the page it came by
    key_id: Mapped[int | None] = mapped_column(ForeignKey("api_keys.id"))
    device_id: Mapped[int | None] = mapped_column(ForeignKey("devices.id"))


class Event(Base):
    """Something a customer did.

    `id` is a digest of name, attributes and device where the client gave the time, so that the primary key itself
    keeps out an event sent twice; it is random where the server's clock gave the time.
    """

    __tablename__ = "events"

    customer_id: Mapped[int] = mapped_column(ForeignKey("customers.id"), primary_key=True)
    reported_at: Mapped[Millis] = mapped_column(primary_key=True)
    id: Mapped[Millis] = mapped_column(primary_key=True)
    name: Mapped[Long]
    attributes: Mapped[Long]  # JSON object of name → value, as they came
    received_at: Mapped[Millis]
    device_id: Mapped[int | None] = mapped_column(ForeignKey("devices.id"))
    context: Mapped[Long | None]  # JSON of changes.Context, without what is empty


class Arrived(Base):
    """An event that came in lately: by which endpoint, with which key, and where it is stored.

    The newest of each workspace are kept (webapp/arrivals.py). What it names isn't referred to by foreign keys: who
    stores an event holds its customer anyway, and the check of four more keys would cost more than the row.
    """

    __tablename__ = "arrivals"
    __table_args__ = (Index("ix_arrivals_workspace_id_id", "workspace_id", "id"),)

    id: Mapped[PrimaryKey]
    workspace_id: Mapped[int] = mapped_column(Id)
    received_at: Mapped[Millis]
    endpoint: Mapped[Long]
    key_id: Mapped[int | None] = mapped_column(Id)
    customer_id: Mapped[int] = mapped_column(Id)
    reported_at: Mapped[Millis]
    event_id: Mapped[Millis]
    name: Mapped[Long]


class EventCount(Base):
    """How many events of a name a customer has of its own, so that nobody has to count them."""

    __tablename__ = "event_counts"
    __table_args__ = (Index("ix_event_counts_name", "name", "customer_id"), {"sqlite_with_rowid": False})

    customer_id: Mapped[int] = mapped_column(ForeignKey("customers.id"), primary_key=True)
    name: Mapped[Exact] = mapped_column(primary_key=True)
    count: Mapped[int] = mapped_column(BigInteger)


class DailyCount(Base):
    """How many there were on a day: what is counted, and by what name, docs/decisions/0020 says."""

    __tablename__ = "daily_counts"
    # Rows of one name stand together; all names of some days are found by the index.
    __table_args__ = (
        Index("ix_daily_counts_workspace_id_kind_day", "workspace_id", "kind", "day"),
        {"sqlite_with_rowid": False},
    )

    workspace_id: Mapped[int] = mapped_column(ForeignKey("workspaces.id"), primary_key=True)
    kind: Mapped[Exact] = mapped_column(primary_key=True)
    name: Mapped[Exact] = mapped_column(primary_key=True)  # empty where there is none
    day: Mapped[int] = mapped_column(primary_key=True)  # since 1970-01-01, of the calendar of `Counting.time_zone`
    count: Mapped[int] = mapped_column(BigInteger)


class Counting(Base):
    """What the daily counts of a workspace are counted by, and how far a recount has come."""

    __tablename__ = "countings"

    workspace_id: Mapped[int] = mapped_column(ForeignKey("workspaces.id"), primary_key=True)
    time_zone: Mapped[Long]
    counted_to: Mapped[int | None] = mapped_column(BigInteger)  # customers after this id aren't counted; NULL: all are


class Tally(Base):
    """What the events of a person add up to until a time, so that only what came since has to be looked at.

    It holds while its stamp is that of the person now, and no event from before `until_at` has come late.
    """

    __tablename__ = "tallies"

    customer_id: Mapped[int] = mapped_column(ForeignKey("customers.id"), primary_key=True)  # the root's
    stamp: Mapped[Exact]  # a digest of what was counted: whose events, which of them are orders, days of which zone
    until_at: Mapped[Millis]
    event_count: Mapped[int] = mapped_column(BigInteger)  # before `until_at`
    figures: Mapped[Long]  # JSON of tallies.Figures


class IgnoredValue(Base):
    """A value that was not stored because its type differs from the attribute's. `event_name` as in AttributeType."""

    __tablename__ = "ignored_values"

    customer_id: Mapped[int] = mapped_column(ForeignKey("customers.id"), primary_key=True)
    event_name: Mapped[Exact] = mapped_column(primary_key=True)
    name: Mapped[Exact] = mapped_column(primary_key=True)
    received: Mapped[Exact] = mapped_column(primary_key=True)  # the type that came
    expected: Mapped[Long]
    sample: Mapped[Long]  # the latest such value as JSON, cut short
    count: Mapped[int] = mapped_column(BigInteger)
    last_at: Mapped[Millis]


class PinnedAttribute(Base):
    """An attribute of customers that stands on top of every profile of a workspace, in the order of pinning."""

    __tablename__ = "pinned_attributes"

    workspace_id: Mapped[int] = mapped_column(ForeignKey("workspaces.id"), primary_key=True)
    name: Mapped[Exact] = mapped_column(primary_key=True)
    pinned_at: Mapped[Millis]


class Note(Base):
    """What somebody wrote on a profile. It stays with the row it was written on; a root shows all its members' too."""

    __tablename__ = "notes"
    __table_args__ = (Index("ix_notes_customer_id_created_at", "customer_id", "created_at"),)

    id: Mapped[PrimaryKey]
    customer_id: Mapped[int] = mapped_column(ForeignKey("customers.id"))
    text: Mapped[Long]
    created_at: Mapped[Millis]
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    edited_at: Mapped[Millis | None]
    edited_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))


class Tag(Base):
    """A word that somebody put on a profile, folded. As with notes, it stays with the row it was put on."""

    __tablename__ = "tags"
    # For the tags that a workspace has, which are looked up one after the other.
    __table_args__ = (Index("ix_tags_workspace_id_name", "workspace_id", "name"),)

    customer_id: Mapped[int] = mapped_column(ForeignKey("customers.id"), primary_key=True)
    name: Mapped[Exact] = mapped_column(primary_key=True)
    workspace_id: Mapped[int] = mapped_column(ForeignKey("workspaces.id"))
    created_at: Mapped[Millis]
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))


class SearchTerm(Base):
    """A text by which a customer is found: the whole or a tail of an id, e-mail, mobile or name, folded."""

    __tablename__ = "search_terms"

    workspace_id: Mapped[int] = mapped_column(ForeignKey("workspaces.id"), primary_key=True)
    term: Mapped[Exact] = mapped_column(primary_key=True)
    is_tail: Mapped[bool] = mapped_column(primary_key=True)  # of the value; False for the whole of it
    customer_id: Mapped[int] = mapped_column(ForeignKey("customers.id"), primary_key=True, index=True)
    field: Mapped[Exact] = mapped_column(primary_key=True)


class BrowserMessage(Base):
    """A message of a browser that is stored, kept for when it comes again. `id`: a digest of its own id."""

    __tablename__ = "browser_messages"
    __table_args__ = ({"sqlite_with_rowid": False},)

    device_id: Mapped[int] = mapped_column(ForeignKey("devices.id"), primary_key=True)
    id: Mapped[Millis] = mapped_column(primary_key=True)
    received_at: Mapped[Millis] = mapped_column(index=True)


class IdempotencyKey(Base):
    """The answer given to a request that carried an Idempotency-Key, kept for its retries."""

    __tablename__ = "idempotency_keys"

    workspace_id: Mapped[int] = mapped_column(ForeignKey("workspaces.id"), primary_key=True)
    key: Mapped[Exact] = mapped_column(primary_key=True)
    request_hash: Mapped[Exact]  # SHA-256 of path and body
    answer: Mapped[Long]  # JSON
    created_at: Mapped[Millis] = mapped_column(index=True)


class Segment(Base):
    """A view of the customer list that somebody gave a name: its filters, columns and order, as its URL has them.

    `count` is what was found at `counted_at`; `count_kind` says how well that is known.
    """

    __tablename__ = "segments"
    __table_args__ = (
        UniqueConstraint("workspace_id", "name"),
        CheckConstraint("count_kind IN ('exact', 'about', 'more')", name="known_count_kind"),
    )

    id: Mapped[PrimaryKey]
    workspace_id: Mapped[int] = mapped_column(ForeignKey("workspaces.id"))
    name: Mapped[Exact]
    query: Mapped[Long]
    count: Mapped[int | None] = mapped_column(BigInteger)
    count_kind: Mapped[Literal["exact", "about", "more"] | None] = mapped_column(Text)
    counted_at: Mapped[Millis] = mapped_column(default=0, server_default="0")
    created_at: Mapped[Millis]


class RefusedReason(Base):
    """What requests were refused or values ignored for, by one endpoint with one key: any number of them is one row.

    `id`: a digest of what tells reasons apart, up to `received` (see webapp/reasons.py). The others are of the latest.
    """

    __tablename__ = "refused_reasons"
    __table_args__ = (
        CheckConstraint("kind IN ('refused', 'ignored')", name="known_kind"),
        Index("ix_refused_reasons_workspace_id_last_at", "workspace_id", "last_at", "id"),
    )

    workspace_id: Mapped[int] = mapped_column(ForeignKey("workspaces.id"), primary_key=True)
    id: Mapped[Millis] = mapped_column(primary_key=True)
    kind: Mapped[Literal["refused", "ignored"]] = mapped_column(Text)
    endpoint: Mapped[Long]
    key_id: Mapped[int | None] = mapped_column(ForeignKey("api_keys.id"))
    code: Mapped[Long]  # the `type` of the fault
    place: Mapped[Long]  # where in the body, without the places in arrays; of an ignored value its attribute
    event_name: Mapped[Long]  # of an ignored value, as in AttributeType
    expected: Mapped[Long]  # types, where they are at odds
    received: Mapped[Long]
    words: Mapped[Long]
    sample: Mapped[Long]  # of an ignored value, as JSON, cut short
    count: Mapped[int] = mapped_column(BigInteger)
    kept_count: Mapped[int] = mapped_column(BigInteger)  # payloads so far, also those that others have replaced
    replayed_count: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    first_at: Mapped[Millis]
    last_at: Mapped[Millis]


class RefusedPayload(Base):
    """Something refused or ignored, as it came. Each reason has so many slots, of which the newest takes the oldest's.

    `digest` tells it from others in its slot, and is equal for two that ingestion would take for one.
    """

    __tablename__ = "refused_payloads"
    __table_args__ = (
        Index("ix_refused_payloads_workspace_id_received_at", "workspace_id", "received_at", "byte_count"),
        ForeignKeyConstraint(["workspace_id", "reason_id"], ["refused_reasons.workspace_id", "refused_reasons.id"]),
    )

    workspace_id: Mapped[int] = mapped_column(Id, primary_key=True)
    reason_id: Mapped[Millis] = mapped_column(primary_key=True)
    slot: Mapped[int] = mapped_column(primary_key=True)
    digest: Mapped[Millis]
    received_at: Mapped[Millis]
    byte_count: Mapped[int]  # that are kept
    size: Mapped[int] = mapped_column(BigInteger)  # bytes that came
    is_whole: Mapped[bool]
    tries: Mapped[int] = mapped_column(default=0, server_default="0")  # how often it was sent again in vain
    tried_at: Mapped[Millis | None]
    details: Mapped[Long]  # JSON: of a request what is beside its body, of an ignored value all there is
    body: Mapped[bytes | None]


class RefusedHour(Base):
    """How many requests and rows were refused, and values ignored, in an hour (since 1970-01-01, UTC)."""

    __tablename__ = "refused_hours"

    workspace_id: Mapped[int] = mapped_column(ForeignKey("workspaces.id"), primary_key=True)
    kind: Mapped[Exact] = mapped_column(primary_key=True)
    hour: Mapped[Millis] = mapped_column(primary_key=True)
    count: Mapped[int] = mapped_column(BigInteger)
