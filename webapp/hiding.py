"""Letting nobody find a person any more, and removing what is left of one whom nobody finds.

An erased profile is its own root: no list has it, nobody counts it, and nobody else's profile belongs to it. What it is
called until its row goes nobody can send. Why so: docs/decisions/0036.
"""

import json
import secrets
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import delete, func, or_, select
from sqlalchemy.orm import Session

from webapp import clock, customers, erased, identities, merges, search
from webapp.db import insert
from webapp.erased import Identifier
from webapp.models import (
    Arrived,
    AttributeValue,
    BrowserMessage,
    Customer,
    Device,
    DeviceLogin,
    IgnoredValue,
    KeptVisit,
    Merge,
    Note,
    SearchTerm,
    Tag,
    Tally,
    Visit,
    Workspace,
)

_GONE = "~"  # begins what an erased profile or device is called until its row goes
_AT_ONCE = 500  # ids in one statement
_CONTACTS = ("email", "mobile")


@dataclass(slots=True)
class Pending:
    """What is still to be found of a person: rows of profiles (the root's last) and of devices, and in the clear what
    they were known by. It is dropped when nothing is left.

    `shared`: e-mails and mobiles that somebody else has too.
    """

    customers: list[int] = field(default_factory=list)
    devices: list[int] = field(default_factory=list)
    growlytics_ids: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    identifiers: list[tuple[str, str]] = field(default_factory=list)
    shared: list[str] = field(default_factory=list)

    @property
    def known_by(self) -> list[Identifier]:
        """The identifiers."""
        return [Identifier(kind, value) for kind, value in self.identifiers]  # type: ignore[arg-type]

    @property
    def texts(self) -> list[str]:
        """Whatever names the person, as it may stand in what others have sent."""
        return [*self.growlytics_ids, *(value for _, value in self.identifiers)]

    def to_json(self) -> str:
        """As it is kept."""
        return json.dumps({name: getattr(self, name) for name in self.__slots__})

    @classmethod
    def from_json(cls, text: str | None) -> "Pending":
        """What was kept."""
        told = json.loads(text or "{}")
        told["identifiers"] = [(kind, value) for kind, value in told.get("identifiers", ())]
        return cls(**told)

    def add(self, other: "Pending") -> None:
        """Take in what was found later."""
        self.customers[:0] = [one for one in other.customers if one not in self.customers]
        for name in ("devices", "growlytics_ids", "names", "identifiers", "shared"):
            mine = getattr(self, name)
            mine += [one for one in getattr(other, name) if one not in mine]


def hide(session: Session, workspace: Workspace, root_id: int, removed: Counter[str]) -> Pending:
    """Let nobody find a person any more, nor anything come to it. Returns what is left of it, which has to go."""
    rows, links = locked(session, root_id)
    ids = [row.id for row in rows]
    own, shared = devices(session, ids)
    pending = found(session, workspace, rows, own)
    merges.note_standing(session, rows, -1)
    others = {end for link in links for end in (link.member_id, link.target_id)} - set(ids)
    theirs = or_(Merge.member_id.in_(ids), Merge.target_id.in_(ids))
    told = select(func.count()).where(theirs, Merge.member_id != Merge.target_id)
    removed["merges"] += session.scalar(told) or 0
    session.execute(delete(Merge).where(theirs))
    for device in shared:
        _leave(session, device, ids, removed)
    for device in own:
        _let_go(device)
    _rename(session, rows, root_id)
    _drop(session, workspace.id, ids, removed)
    # What an attribute is now is found by filters and samples; what it was goes with the rest.
    done: Any = session.execute(
        delete(AttributeValue).where(AttributeValue.customer_id.in_(ids), AttributeValue.is_current)
    )
    removed["attributes"] += done.rowcount
    session.flush()
    merges.regroup(session, others)
    return pending


def locked(session: Session, root_id: int) -> tuple[list[Customer], list[Merge]]:
    """All profiles of a person, the root's last, and the merges around it that may hold; its devices are locked too."""
    held: set[int] = set()
    while True:
        ids = customers.members(session, root_id)
        wanted = set(session.scalars(used(ids)))
        # Devices first, as everybody does.
        if not wanted <= held:
            query = select(Device).where(Device.id.in_(wanted)).order_by(Device.did).with_for_update()
            session.scalars(query.execution_options(populate_existing=True)).all()
            held |= wanted
            continue
        links, _ = merges.locked(session, set(ids))
        theirs = select(Customer).where(or_(Customer.id == root_id, Customer.root_id == root_id))
        rows = session.scalars(theirs.order_by(Customer.id).execution_options(populate_existing=True)).all()
        root = next((row for row in rows if row.id == root_id), None)
        if root is None or root.root_id is not None:
            raise customers.NotFoundError(root_id)  # somebody else has merged or erased it meanwhile
        if {row.id for row in rows} == set(ids) and set(session.scalars(used(ids))) <= held:
            return [*(row for row in rows if row.id != root_id), root], links


def used(ids: Sequence[int]) -> Any:
    """The devices that these profiles have been on."""
    logins = select(DeviceLogin.device_id).where(DeviceLogin.customer_id.in_(ids))
    stretches = select(Customer.device_id).where(Customer.id.in_(ids), Customer.device_id.is_not(None))
    visits = select(Visit.device_id).where(Visit.customer_id.in_(ids))
    kept = select(KeptVisit.device_id).where(KeptVisit.customer_id.in_(ids))
    values = select(AttributeValue.device_id).where(
        AttributeValue.customer_id.in_(ids), AttributeValue.device_id.is_not(None)
    )
    return logins.union(stretches, visits, kept, values)


def devices(session: Session, ids: Sequence[int]) -> tuple[list[Device], list[Device]]:
    """The devices on which only these profiles have been, and those on which others have been too."""
    found = session.scalars(select(Device).where(Device.id.in_(used(ids))).order_by(Device.did)).all()
    device_ids = [one.id for one in found]
    shared: set[int] = set()
    columns: tuple[tuple[Any, Any], ...] = (
        (DeviceLogin.device_id, DeviceLogin.customer_id),
        (Customer.device_id, Customer.id),
        (Visit.device_id, Visit.customer_id),
        (KeptVisit.device_id, KeptVisit.customer_id),
    )
    for device_id, owner in columns:
        query = select(device_id).where(device_id.in_(device_ids), owner.is_not(None), owner.not_in(ids))
        shared |= set(session.scalars(query.distinct()))
    return [one for one in found if one.id not in shared], [one for one in found if one.id in shared]


def found(session: Session, workspace: Workspace, rows: Sequence[Customer], own: Sequence[Device]) -> Pending:
    """What a person is known by. An e-mail or mobile that somebody else has too is theirs as well."""
    ids = [row.id for row in rows]
    known = [Identifier("system_id", row.system_id) for row in rows if row.system_id is not None]
    known += [Identifier("device_id", one.did) for one in own]
    query = select(AttributeValue.name, AttributeValue.value).where(
        AttributeValue.customer_id.in_(ids), AttributeValue.name.in_(("name", *_CONTACTS))
    )
    told = {(name, text) for name, value in session.execute(query.distinct()) if (text := json.loads(value))}
    shared = []
    for name, text in sorted(told):
        if name != "name" and search.terms(name, text, workspace.default_region):
            one = Identifier("email" if name == "email" else "mobile", text)
            if erased.is_shared(session, workspace, one, ids):
                shared.append(text)
            else:
                known.append(one)
    return Pending(
        ids, [one.id for one in own], [row.growlytics_id for row in rows],
        sorted(text for name, text in told if name == "name"), [(one.kind, one.value) for one in known],
        shared,
    )  # fmt: skip


def _let_go(device: Device) -> None:
    device.did = f"{_GONE}{secrets.token_hex(12)}"
    device.info = device.user_agent = device.push_token = device.owner_id = None


def hide_bare(session: Session, workspace: Workspace, dids: Sequence[str]) -> list[int]:
    """Let nobody find those of these devices that nobody has been on, as where a push token alone has made one."""
    is_one = Device.workspace_id == workspace.id, Device.did.in_(dids), Device.owner_id.is_(None)
    query = select(Device).where(*is_one).order_by(Device.did).with_for_update()
    taken = (Customer.device_id, DeviceLogin.device_id, Visit.device_id, KeptVisit.device_id, AttributeValue.device_id)
    bare = [one for one in session.scalars(query) if not session.scalar(_any_of(taken, one.id))]
    for device in bare:
        _let_go(device)
    return [one.id for one in bare]


def _any_of(columns: Sequence[Any], id_: int) -> Any:
    return select(or_(*(select(column).where(column == id_).exists() for column in columns)))


def _leave(session: Session, device: Device, ids: Sequence[int], removed: Counter[str]) -> None:
    """Let a device that others use too be in nobody's hands where it was in this person's.

    Who logged in right after the person doesn't get what arrives late of the time before: see docs/privacy.md.
    """
    query = select(DeviceLogin).where(DeviceLogin.device_id == device.id).order_by(DeviceLogin.at, DeviceLogin.id)
    logins = session.scalars(query).all()
    after: list[DeviceLogin | None] = [*logins[1:], None]
    for login, follower in zip(logins, after, strict=True):
        if login.customer_id not in ids:
            continue
        row: dict[str, Any] = {"device_id": device.id, "at": login.at, "id": identities.LOGOUT_ID, "customer_id": None}
        row |= {"received_at": login.received_at, "source": login.source, "key_id": login.key_id}
        session.delete(login)
        session.flush()
        session.execute(insert(session)(DeviceLogin).on_conflict_do_nothing(), [row])
        removed["logins"] += 1
        if follower is not None and follower.customer_id is not None and follower.customer_id not in ids:
            _keep_apart(session, follower)
    if device.owner_id in ids:
        device.owner_id = None


def _keep_apart(session: Session, login: DeviceLogin) -> None:
    """Let a login join nobody, also not who turns up later before it: as if somebody had undone that."""
    is_its = Merge.device_id == login.device_id, Merge.login_at == login.at, Merge.login_id == login.id
    if session.scalar(select(Merge.id).where(*is_its)) is None:
        now = clock.now()
        session.add(
            Merge(
                member_id=login.customer_id,
                target_id=login.customer_id,
                merged_at=now,
                undone_at=now,
                device_id=login.device_id,
                login_at=login.at,
                login_id=login.id,
            )
        )


def _rename(session: Session, rows: Sequence[Customer], root_id: int) -> None:
    for row in rows:
        row.growlytics_id = f"{_GONE}{secrets.token_hex(12)}"
        if row.system_id is not None:  # it goes on being counted among those who have one
            row.system_id = f"{_GONE}{secrets.token_hex(12)}"
        row.root_id = root_id
        row.device_id = row.since_at = row.merging_stopped_at = None
        row.name = row.email = row.mobile = None
    session.flush()


def _drop(session: Session, workspace_id: int, ids: Sequence[int], removed: Counter[str]) -> None:
    """Remove all by which these profiles are found or shown, of which there is never much."""
    for start in range(0, len(ids), _AT_ONCE):
        some = ids[start : start + _AT_ONCE]
        for name, column in (
            ("search_terms", SearchTerm.customer_id),
            ("notes", Note.customer_id),
            ("tags", Tag.customer_id),
            ("ignored_values", IgnoredValue.customer_id),
            ("visits", KeptVisit.customer_id),
            ("", Tally.customer_id),
        ):
            done: Any = session.execute(delete(column.class_).where(column.in_(some)))
            if name:
                removed[name] += done.rowcount
        where = Arrived.workspace_id == workspace_id, Arrived.customer_id.in_(some)
        session.execute(delete(Arrived).where(*where))


def drop_rest(session: Session, workspace_id: int, pending: Pending, removed: Counter[str]) -> None:
    """Remove what is left of an erased person: nothing refers to its profiles any more. The root goes last."""
    ids = pending.customers
    _drop(session, workspace_id, ids, removed)
    session.execute(delete(Merge).where(or_(Merge.member_id.in_(ids), Merge.target_id.in_(ids))))
    session.execute(delete(BrowserMessage).where(BrowserMessage.device_id.in_(pending.devices)))
    done: Any = session.execute(delete(DeviceLogin).where(DeviceLogin.device_id.in_(pending.devices)))
    removed["logins"] += done.rowcount
    is_root = Customer.root_id == Customer.id
    for where in ([~is_root], [is_root]):
        done = session.execute(delete(Customer).where(Customer.id.in_(ids), *where))
        removed["profiles"] += done.rowcount
    done = session.execute(delete(Device).where(Device.id.in_(pending.devices)))
    removed["devices"] += done.rowcount


def wipe(session: Session) -> None:
    """Have SQLite write over what is deleted in this transaction: its free pages would keep it until they are used."""
    if session.get_bind().dialect.name == "sqlite":
        session.connection().exec_driver_sql("PRAGMA secure_delete=ON")
