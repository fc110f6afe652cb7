"""Who was archived or erased, and what keeps the erased from coming back."""

from typing import Literal

from sqlalchemy import CheckConstraint, ForeignKey, Index, Text
from sqlalchemy.orm import Mapped, mapped_column

from webapp.db import Base
from webapp.models.columns import Exact, Long, Millis, PrimaryKey, partial


class Erasure(Base):
    """Somebody asked for a person to be archived or erased: how far that has come, and what it has removed.

    While it goes on, `pending` is what it still has to find, in the clear: JSON of hiding.Pending. It ends empty.
    """

    __tablename__ = "erasures"
    __table_args__ = (
        CheckConstraint("kind IN ('archive', 'erase')", name="known_kind"),
        Index("ix_erasures_workspace_id_id", "workspace_id", "id"),
        partial("ix_erasures_open", "ended_at IS NULL", "id"),
    )

    id: Mapped[PrimaryKey]
    public_id: Mapped[Exact] = mapped_column(unique=True)
    workspace_id: Mapped[int] = mapped_column(ForeignKey("workspaces.id"))
    kind: Mapped[Literal["archive", "erase"]] = mapped_column(Text)
    asked_at: Mapped[Millis]
    actor: Mapped[Long]  # as in the audit log
    pending: Mapped[Long | None]
    removed: Mapped[Long]  # JSON object of kind → number
    identifiers: Mapped[Long]  # JSON array of {kind, hash}
    worker: Mapped[Exact | None]  # who works on it, until `leased_until` unless it says so again
    leased_until: Mapped[Millis] = mapped_column(default=0, server_default="0")
    ended_at: Mapped[Millis | None]


class ErasedIdentifier(Base):
    """What an erased person was known by, as a keyed hash of the workspace: webapp/erased.py."""

    __tablename__ = "erased_identifiers"
    __table_args__ = ({"sqlite_with_rowid": False},)

    workspace_id: Mapped[int] = mapped_column(ForeignKey("workspaces.id"), primary_key=True)
    hash: Mapped[Exact] = mapped_column(primary_key=True)
    known_by: Mapped[Long]  # which kind of identifier
    erased_at: Mapped[Millis]
