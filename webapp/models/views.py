"""What people add to profiles and lists: notes, tags, segments."""

from typing import Literal

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from webapp.db import Base
from webapp.models.columns import Exact, Long, Millis, PrimaryKey


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
