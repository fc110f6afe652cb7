"""Who has been here: customers, their devices, and what makes several profiles one person."""

from sqlalchemy import BigInteger, ForeignKey, ForeignKeyConstraint, Index, UniqueConstraint, false, text
from sqlalchemy.orm import Mapped, mapped_column

from webapp.db import Base, Id
from webapp.models.columns import Exact, Long, Millis, PrimaryKey, partial

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
        partial("ix_customers_stopped", "merging_stopped_at IS NOT NULL", "workspace_id", "merging_stopped_at"),
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
    moved_count: Mapped[int] = mapped_column(server_default="0")  # how often events of its own came or went otherwise
    # Reported times of the first and the last event of its own that retention has taken; NULL: none.
    pruned_from_at: Mapped[Millis | None]
    pruned_until_at: Mapped[Millis | None]
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
    # First and last seen are of events that are gone: they don't begin anew with the next one.
    has_pruned: Mapped[bool] = mapped_column(server_default=false())

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


class KeptVisit(Base):
    """A visit, or a part of one, whose events retention has taken: the first and the last of those of a profile.

    Nothing counts them; they tell how somebody came. Columns as of Visit.
    """

    __tablename__ = "kept_visits"
    __table_args__ = (Index("ix_kept_visits_device_id", "device_id"),)

    customer_id: Mapped[int] = mapped_column(ForeignKey("customers.id"), primary_key=True)
    started_at: Mapped[Millis] = mapped_column(primary_key=True)
    device_id: Mapped[int] = mapped_column(ForeignKey("devices.id"), primary_key=True)
    ended_at: Mapped[Millis]
    event_count: Mapped[int] = mapped_column(BigInteger)
    entry_at: Mapped[Millis | None]
    entry: Mapped[Long | None]
    exit_at: Mapped[Millis | None]
    exit_page: Mapped[Long | None]
    place_at: Mapped[Millis | None]
    place: Mapped[Long | None]


class SearchTerm(Base):
    """A text by which a customer is found: the whole or a tail of an id, e-mail, mobile or name, folded."""

    __tablename__ = "search_terms"

    workspace_id: Mapped[int] = mapped_column(ForeignKey("workspaces.id"), primary_key=True)
    term: Mapped[Exact] = mapped_column(primary_key=True)
    is_tail: Mapped[bool] = mapped_column(primary_key=True)  # of the value; False for the whole of it
    customer_id: Mapped[int] = mapped_column(ForeignKey("customers.id"), primary_key=True, index=True)
    field: Mapped[Exact] = mapped_column(primary_key=True)
