"""What is known of customers: values, events, and what was kept out."""

from sqlalchemy import BigInteger, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from webapp.db import Base, Id
from webapp.models.columns import Exact, Long, Millis, PrimaryKey


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


class EventCount(Base):
    """How many events of a name a customer has of its own, so that nobody has to count them."""

    __tablename__ = "event_counts"
    __table_args__ = (Index("ix_event_counts_name", "name", "customer_id"), {"sqlite_with_rowid": False})

    customer_id: Mapped[int] = mapped_column(ForeignKey("customers.id"), primary_key=True)
    name: Mapped[Exact] = mapped_column(primary_key=True)
    count: Mapped[int] = mapped_column(BigInteger)


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
