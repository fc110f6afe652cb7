"""The tables. Times are UTC epoch milliseconds; a customer's tables carry the customer first in their primary key."""

from typing import Annotated

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from webapp.db import Base, ExactText, Id

PrimaryKey = Annotated[int, mapped_column(Id, primary_key=True)]
Millis = Annotated[int, mapped_column(BigInteger)]
Exact = Annotated[str, mapped_column(ExactText)]
Long = Annotated[str, mapped_column(Text)]

ROLES = ("admin", "editor", "viewer")


class Workspace(Base):
    """One shop: the owner of customers, keys and attribute types."""

    __tablename__ = "workspaces"

    id: Mapped[PrimaryKey]
    name: Mapped[Long]
    time_zone: Mapped[Long]  # IANA name: for dates without a zone, and for the times on the pages
    default_region: Mapped[Long]  # ISO 3166 alpha-2: for mobile numbers written without a country code
    placeholder_ids: Mapped[Long | None]  # one refused customer id a line; NULL: the documented list
    created_at: Mapped[Millis]


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
    """A key with which a machine sends data to one workspace."""

    __tablename__ = "api_keys"

    id: Mapped[PrimaryKey]
    workspace_id: Mapped[int] = mapped_column(ForeignKey("workspaces.id"), index=True)
    public_id: Mapped[Exact] = mapped_column(unique=True)  # the part of the key that finds this row
    secret_hash: Mapped[Exact]  # SHA-256: the secret is random, so a slow hash would add nothing
    name: Mapped[Long]
    created_at: Mapped[Millis]
    last_used_at: Mapped[Millis | None]
    revoked_at: Mapped[Millis | None]

    workspace: Mapped[Workspace] = relationship(lazy="joined", innerjoin=True)


class Customer(Base):
    """A person, registered (with a System ID) or anonymous.

    `name`, `email` and `mobile` repeat the values of those attributes for the list.
    """

    __tablename__ = "customers"
    __table_args__ = (
        UniqueConstraint("workspace_id", "system_id"),
        Index("ix_customers_by_last_seen", "workspace_id", "last_seen_at", "id"),
        Index("ix_customers_by_creation", "workspace_id", "created_at", "id"),
    )

    id: Mapped[PrimaryKey]
    workspace_id: Mapped[int] = mapped_column(ForeignKey("workspaces.id"))
    growlytics_id: Mapped[Exact] = mapped_column(unique=True)
    system_id: Mapped[Exact | None]
    name: Mapped[Long | None]
    email: Mapped[Long | None]
    mobile: Mapped[Long | None]
    created_at: Mapped[Millis]
    # Reported times of the first and the last event; the time of creation while there are none.
    first_seen_at: Mapped[Millis]
    last_seen_at: Mapped[Millis]
    event_count: Mapped[int] = mapped_column(BigInteger, default=0)

    @property
    def is_registered(self) -> bool:
        """Whether the shop has told who this is."""
        return self.system_id is not None


class AttributeType(Base):
    """The type of an attribute, fixed when it is first tracked. `event_name` is empty for a customer's attributes."""

    __tablename__ = "attribute_types"

    workspace_id: Mapped[int] = mapped_column(ForeignKey("workspaces.id"), primary_key=True)
    event_name: Mapped[Exact] = mapped_column(primary_key=True)
    name: Mapped[Exact] = mapped_column(primary_key=True)
    type: Mapped[Long]
    created_at: Mapped[Millis]


class CustomerAttribute(Base):
    """The value of an attribute of a customer, as JSON; dates as UTC instants in ISO 8601."""

    __tablename__ = "customer_attributes"

    customer_id: Mapped[int] = mapped_column(ForeignKey("customers.id"), primary_key=True)
    name: Mapped[Exact] = mapped_column(primary_key=True)
    value: Mapped[Exact]
    reported_at: Mapped[Millis]  # when this value was last reported
    changed_at: Mapped[Millis]  # when the value became what it is


class Event(Base):
    """Something a customer did.

    `id` is a digest of name and attributes where the client gave the time, so that the primary key itself keeps
    out an event sent twice; it is random where the server's clock gave the time.
    """

    __tablename__ = "events"

    customer_id: Mapped[int] = mapped_column(ForeignKey("customers.id"), primary_key=True)
    reported_at: Mapped[Millis] = mapped_column(primary_key=True)
    id: Mapped[Millis] = mapped_column(primary_key=True)
    name: Mapped[Long]
    attributes: Mapped[Long]  # JSON object of name → value, as they came
    received_at: Mapped[Millis]


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


class SearchTerm(Base):
    """A text by which a customer is found: the whole or a tail of an id, e-mail, mobile or name, folded."""

    __tablename__ = "search_terms"

    workspace_id: Mapped[int] = mapped_column(ForeignKey("workspaces.id"), primary_key=True)
    term: Mapped[Exact] = mapped_column(primary_key=True)
    is_tail: Mapped[bool] = mapped_column(primary_key=True)  # of the value; False for the whole of it
    customer_id: Mapped[int] = mapped_column(ForeignKey("customers.id"), primary_key=True, index=True)
    field: Mapped[Exact] = mapped_column(primary_key=True)


class IdempotencyKey(Base):
    """The answer given to a request that carried an Idempotency-Key, kept for its retries."""

    __tablename__ = "idempotency_keys"

    workspace_id: Mapped[int] = mapped_column(ForeignKey("workspaces.id"), primary_key=True)
    key: Mapped[Exact] = mapped_column(primary_key=True)
    request_hash: Mapped[Exact]  # SHA-256 of path and body
    answer: Mapped[Long]  # JSON
    created_at: Mapped[Millis] = mapped_column(index=True)
