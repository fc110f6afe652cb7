"""Files that somebody imports, and how far each has come."""

from typing import Literal

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, LargeBinary, Text
from sqlalchemy.orm import Mapped, mapped_column

from webapp import clock
from webapp.db import Base
from webapp.models.columns import Exact, Long, Millis, PrimaryKey, partial

State = Literal["arriving", "new", "ready", "running", "done", "cancelled", "failed"]


class Import(Base):
    """A file of customers or of events.

    `state`: it is arriving; is there (`new`); has been tried (`ready`: the figures are those of the trial); is worked
    off or waits for that (`running`; `is_dry`: as a trial); or is over: `done`, `cancelled`, or `failed` as a whole,
    for what `error` says.
    """

    __tablename__ = "imports"
    __table_args__ = (
        CheckConstraint("kind IN ('customers', 'events')", name="known_kind"),
        CheckConstraint(
            "state IN ('arriving', 'new', 'ready', 'running', 'done', 'cancelled', 'failed')", name="known_state"
        ),
        Index("ix_imports_workspace_id", "workspace_id", "id"),
        partial("ix_imports_running", "state = 'running'", "id"),
        partial("ix_imports_kept", "is_kept", "created_at"),
    )

    id: Mapped[PrimaryKey]
    workspace_id: Mapped[int] = mapped_column(ForeignKey("workspaces.id"))
    created_at: Mapped[Millis]
    actor: Mapped[Long]  # as in AuditEntry
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    kind: Mapped[Literal["customers", "events"]] = mapped_column(Text)
    file_name: Mapped[Long]
    size: Mapped[int] = mapped_column(BigInteger, default=0)  # bytes
    digest: Mapped[Exact] = mapped_column(default="")  # of the whole file
    is_kept: Mapped[bool] = mapped_column(default=True)  # whether the file and what failed are still there
    state: Mapped[State] = mapped_column(Text, default="arriving")
    is_dry: Mapped[bool] = mapped_column(default=False)
    plan: Mapped[Long | None]  # JSON: webapp/import_plans.py
    total: Mapped[int | None] = mapped_column(BigInteger)  # rows of the file; NULL: not counted yet
    position: Mapped[int] = mapped_column(BigInteger, default=0)  # bytes that are worked off
    rows: Mapped[int] = mapped_column(BigInteger, default=0)  # that are worked off; the following are of these
    created: Mapped[int] = mapped_column(BigInteger, default=0)  # customers
    updated: Mapped[int] = mapped_column(BigInteger, default=0)  # rows that changed a customer who was there
    unchanged: Mapped[int] = mapped_column(BigInteger, default=0)  # rows that said nothing new
    events: Mapped[int] = mapped_column(BigInteger, default=0)
    failed: Mapped[int] = mapped_column(BigInteger, default=0)  # rows
    ignored: Mapped[int] = mapped_column(BigInteger, default=0)  # cells of other rows
    error: Mapped[Long | None]
    worker: Mapped[Exact | None]  # who works on it, until `leased_until` unless it says so again
    leased_until: Mapped[Millis] = mapped_column(default=0)
    started_at: Mapped[Millis | None]
    ended_at: Mapped[Millis | None]

    @property
    def is_over(self) -> bool:
        """Whether nothing can become of it any more."""
        return self.state in {"done", "cancelled", "failed"}

    @property
    def share(self) -> float:
        """How much of the file is worked off, from 0 to 1."""
        return self.position / self.size if self.size else 1.0

    @property
    def rate(self) -> float:
        """Rows a second so far; 0 where there is nothing to tell."""
        if self.started_at is None:
            return 0.0
        took = (self.ended_at or clock.now()) - self.started_at
        return self.rows * clock.SECOND / took if took > 0 else 0.0


class ImportChunk(Base):
    """A piece of a file, compressed; of each but the last there are equally many bytes: webapp/import_files.py."""

    __tablename__ = "import_chunks"

    import_id: Mapped[int] = mapped_column(ForeignKey("imports.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    workspace_id: Mapped[int] = mapped_column(ForeignKey("workspaces.id"))
    data: Mapped[bytes] = mapped_column(LargeBinary)


class ImportFailure(Base):
    """A row of which not everything could be imported, and why.

    `row`: the number of the row, from 1, without the header. `position`: where it begins in the file, in bytes.
    `is_failed`: nothing of it is imported; else all but some cells. `reasons`: JSON, `[column or null, words]` of each.
    """

    __tablename__ = "import_failures"
    __table_args__ = (partial("ix_import_failures_failed", "is_failed", "import_id", "row"),)

    import_id: Mapped[int] = mapped_column(ForeignKey("imports.id"), primary_key=True)
    row: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    workspace_id: Mapped[int] = mapped_column(ForeignKey("workspaces.id"))
    position: Mapped[int] = mapped_column(BigInteger)
    is_failed: Mapped[bool]
    reasons: Mapped[Long]
