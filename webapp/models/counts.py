"""What is counted by day, and what was refused."""

from typing import Literal

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, Text
from sqlalchemy.orm import Mapped, mapped_column

from webapp.db import Base, Id
from webapp.models.columns import Exact, Long, Millis


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
