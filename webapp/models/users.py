"""Who uses the dashboard, and from where."""

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, UniqueConstraint, false
from sqlalchemy.orm import Mapped, mapped_column, relationship

from webapp.db import Base
from webapp.models.columns import Exact, Long, Millis, PrimaryKey

ROLES = ("admin", "editor", "viewer")


class User(Base):
    """A person who uses the dashboard."""

    __tablename__ = "users"

    id: Mapped[PrimaryKey]
    email: Mapped[Exact] = mapped_column(unique=True)  # casefolded
    password_hash: Mapped[Long]  # empty: signs in by OpenID Connect only
    created_at: Mapped[Millis]


class Membership(Base):
    """What a user may do in a workspace."""

    __tablename__ = "memberships"
    __table_args__ = (
        CheckConstraint("role IN ('admin', 'editor', 'viewer')", name="known_role"),
        Index("ix_memberships_workspace_id_user_id", "workspace_id", "user_id"),
    )

    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), primary_key=True)
    workspace_id: Mapped[int] = mapped_column(ForeignKey("workspaces.id"), primary_key=True)
    role: Mapped[Long]
    created_at: Mapped[Millis] = mapped_column(server_default="0")
    seen_at: Mapped[Millis | None]  # in this workspace, to some minutes


class Login(Base):
    """A signed-in browser. Deleting the row signs it out."""

    __tablename__ = "logins"

    token_hash: Mapped[Exact] = mapped_column(primary_key=True)  # SHA-256 of the token in the cookie
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    created_at: Mapped[Millis]
    seen_at: Mapped[Millis]
    workspace_id: Mapped[int | None] = mapped_column(ForeignKey("workspaces.id"))  # which of several it shows
    browser: Mapped[Long | None]  # in words: `Firefox 128 on Windows 10`
    address: Mapped[Long | None]  # where it was seen last

    user: Mapped[User] = relationship(lazy="joined", innerjoin=True)


class SecondFactor(Base):
    """What makes the codes of a user's app. Deleting the row switches the second factor off."""

    __tablename__ = "second_factors"

    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), primary_key=True)
    secret: Mapped[Long]  # base32, in the clear: the server has to make the same codes
    last_step: Mapped[int] = mapped_column(BigInteger)  # of 30 s since 1970: its code was used, none before it is taken
    created_at: Mapped[Millis]


class RecoveryCode(Base):
    """A code for who has lost their app. Deleted when used."""

    __tablename__ = "recovery_codes"

    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), primary_key=True)
    code_hash: Mapped[Exact] = mapped_column(primary_key=True)  # SHA-256: the code has 80 random bits


class Throttle(Base):
    """How often somebody's password or code was tried, by account, address or browser. No row: not of late."""

    __tablename__ = "throttles"

    key: Mapped[Exact] = mapped_column(primary_key=True)  # keyed hash: tells nobody whose account was tried
    faded_at: Mapped[Millis] = mapped_column(index=True)  # when all tries are forgotten: each one moves it on
    free_at: Mapped[Millis]  # until then nothing is tried
    is_noted: Mapped[bool] = mapped_column(default=False, server_default=false())  # in the audit log, by now


class Invitation(Base):
    """A one-time link with which somebody becomes a member of a workspace. Deleted when accepted or taken back."""

    __tablename__ = "invitations"
    __table_args__ = (CheckConstraint("role IN ('admin', 'editor', 'viewer')", name="known_role"),)

    token_hash: Mapped[Exact] = mapped_column(primary_key=True)
    workspace_id: Mapped[int] = mapped_column(ForeignKey("workspaces.id"), index=True)
    role: Mapped[Long]
    created_at: Mapped[Millis]
    expires_at: Mapped[Millis]
    email: Mapped[Exact | None]  # casefolded; who alone may accept it, where it isn't for anybody
    invited_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))  # NULL: by the console


class Reset(Base):
    """A one-time link with which a user sets a new password. Deleted when used."""

    __tablename__ = "resets"

    token_hash: Mapped[Exact] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    made_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))  # NULL: by the console, or asked for
    is_asked_for: Mapped[bool]  # by whoever wrote the user's e-mail into the form; it goes to that e-mail only
    created_at: Mapped[Millis]
    expires_at: Mapped[Millis]

    user: Mapped[User] = relationship(lazy="joined", innerjoin=True, foreign_keys=user_id)


class LinkedAccount(Base):
    """Somebody's account at an OpenID provider, by which they sign in: one for each user and provider."""

    __tablename__ = "linked_accounts"
    __table_args__ = (UniqueConstraint("issuer", "subject"), UniqueConstraint("user_id", "issuer"))

    id: Mapped[PrimaryKey]
    issuer: Mapped[Exact]
    subject: Mapped[Exact]  # what the provider calls the person, for ever
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    email: Mapped[Long | None]  # what the provider said when it was linked
    linked_at: Mapped[Millis]
    used_at: Mapped[Millis]


class AuditEntry(Base):
    """What somebody did to something. Rows are only ever added: triggers of both engines refuse anything else.

    Who it was is kept in words too, which outlive the account. No secret, and nothing about customers but their
    Growlytics ID, ever comes in here.
    """

    __tablename__ = "audit"
    __table_args__ = (
        Index("ix_audit_workspace_id_id", "workspace_id", "id"),
        Index("ix_audit_workspace_id_action_id", "workspace_id", "action", "id"),
        Index("ix_audit_workspace_id_target_id", "workspace_id", "target", "id"),
        Index("ix_audit_workspace_id_actor_id", "workspace_id", "actor", "id"),
    )

    id: Mapped[PrimaryKey]
    workspace_id: Mapped[int | None] = mapped_column(ForeignKey("workspaces.id"))  # NULL: of the installation
    at: Mapped[Millis]
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    actor: Mapped[Exact]  # an e-mail, `console`, or what else did it
    action: Mapped[Exact]  # a noun and what became of it: `key.revoked`
    target: Mapped[Exact]  # which one of the noun: a public id, a name
    address: Mapped[Long | None]  # where from
    details: Mapped[Long]  # JSON object
