"""Workspaces, and the keys of their machines."""

from typing import Literal

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Text, false, text, true
from sqlalchemy.orm import Mapped, mapped_column, relationship

from webapp.db import Base
from webapp.models.columns import Exact, Long, Millis, PrimaryKey


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
    requires_second_factor: Mapped[bool] = mapped_column(default=False, server_default=false())  # of its members
    masking: Mapped[Long] = mapped_column(default="off", server_default=text("'off'"))  # masking.MODES
    # Of one that isn't whole, which nobody sees: when its import last said that it goes on (webapp/moving/halves.py).
    arriving_at: Mapped[Millis | None]
    erasure_secret: Mapped[Long | None]  # the key of webapp/erased.py; NULL: nobody has been erased yet
    lets_erased_return: Mapped[bool] = mapped_column(default=False, server_default=false())
    retention_days: Mapped[int | None]  # events of so many days before today are kept; NULL: all


class Sweep(Base):
    """Taking away in small steps what a workspace doesn't keep: how far the run has come, or what the last one did.

    It goes through the profiles of the installation in the order of their ids. `kind`: one of sweeping.WORKS.
    """

    __tablename__ = "sweeps"

    workspace_id: Mapped[int] = mapped_column(ForeignKey("workspaces.id"), primary_key=True)
    kind: Mapped[Exact] = mapped_column(primary_key=True)
    due_at: Mapped[Millis | None] = mapped_column(index=True)  # when it begins, or may be gone on with
    until_at: Mapped[Millis | None]  # what is older goes, of events
    began_at: Mapped[Millis | None]  # the last run; NULL: none yet
    ended_at: Mapped[Millis | None]
    total: Mapped[int | None] = mapped_column(BigInteger)  # profiles of the workspace; NULL: not counted yet
    looked_at: Mapped[int] = mapped_column(BigInteger, default=0)  # of them
    position: Mapped[int] = mapped_column(BigInteger, default=0)  # the id of the last one
    done: Mapped[int] = mapped_column(BigInteger, default=0)  # events that are gone, or have lost their address
    worker: Mapped[Exact | None]  # who works on it, until `leased_until` unless it says so again
    leased_until: Mapped[Millis] = mapped_column(default=0)


class ApiKey(Base):
    """A key with which a machine (`server`), or a page that anybody can read (`browser`), sends data to a workspace;

    with which a machine reads it (`read`), or with which one archives and erases people (`privacy`).
    """

    __tablename__ = "api_keys"
    __table_args__ = (CheckConstraint("kind IN ('server', 'browser', 'read', 'privacy')", name="known_kind"),)

    id: Mapped[PrimaryKey]
    workspace_id: Mapped[int] = mapped_column(ForeignKey("workspaces.id"), index=True)
    public_id: Mapped[Exact] = mapped_column(unique=True)  # the part of the key that finds this row
    secret_hash: Mapped[Exact]  # SHA-256: the secret is random, so a slow hash would add nothing
    name: Mapped[Long]
    created_at: Mapped[Millis]
    last_used_at: Mapped[Millis | None]
    revoked_at: Mapped[Millis | None]
    kind: Mapped[Literal["server", "browser", "read", "privacy"]] = mapped_column(
        Text, default="server", server_default="server"
    )
    # Of browser keys: the whole key, which is no secret; whether a login needs a signature; how many requests a minute
    # one address may send (NULL: any number).
    public_text: Mapped[Long | None]
    wants_signature: Mapped[bool] = mapped_column(default=False, server_default=false())
    requests_a_minute: Mapped[int | None]
    last_used_from: Mapped[Long | None]  # an address; of browser keys an origin, as an address would be a customer's
    ends_at: Mapped[Millis | None]  # from then on it is refused; NULL: never
    # The key that it has taken the place of: no two can take the place of one.
    replaces_id: Mapped[int | None] = mapped_column(ForeignKey("api_keys.id"), unique=True)
    rate_limit: Mapped[int | None]  # requests a minute with it, from wherever; NULL: any number

    workspace: Mapped[Workspace] = relationship(lazy="joined", innerjoin=True)
