"""The attributes and events of a workspace, their types, and how a type is changed."""

from sqlalchemy import BigInteger, ForeignKey, Index, false, text
from sqlalchemy.orm import Mapped, mapped_column

from webapp.db import Base
from webapp.models.columns import Exact, Long, Millis, PrimaryKey, partial


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
        partial("ix_dictionary_events", "name = ''", "workspace_id", "folded", "event_name"),
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
        partial("ix_type_changes_open", "ended_at IS NULL", "id"),
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


class PinnedAttribute(Base):
    """An attribute of customers that stands on top of every profile of a workspace, in the order of pinning."""

    __tablename__ = "pinned_attributes"

    workspace_id: Mapped[int] = mapped_column(ForeignKey("workspaces.id"), primary_key=True)
    name: Mapped[Exact] = mapped_column(primary_key=True)
    pinned_at: Mapped[Millis]
