"""The devices of a person, as a page shows them."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from webapp import agents
from webapp.models import Customer, Device, DeviceLogin, Visit

MOST = 50


@dataclass(frozen=True, slots=True)
class Shown:
    """A device: what it is, and when this person was on it (epoch ms; None: only logged in there)."""

    id: int
    did: str
    title: str
    details: tuple[str, ...]
    is_app: bool
    is_bot: bool
    takes_push: bool
    first_at: int | None
    last_at: int | None


def of_person(session: Session, ids: Sequence[int], as_of: int | None = None) -> list[Shown]:
    """The devices on which a person's profiles did something or logged in, the one used last first.

    `as_of`: only those of which that had been reported at that moment, epoch ms.
    """
    # Whatever is done on a device belongs to who has logged in there, or to the visitor whose device it is: that is
    # sooner known than by all visits. On one device they don't overlap, so the first one to begin is the first to end.
    logins = select(DeviceLogin.device_id).where(DeviceLogin.customer_id.in_(ids))
    own = select(Customer.device_id).where(Customer.id.in_(ids), Customer.device_id.is_not(None))
    visit = select(Visit.started_at).where(Visit.device_id == Device.id, Visit.customer_id.in_(ids)).limit(1)
    if as_of is not None:
        logins = logins.where(DeviceLogin.at <= as_of)
        visit = visit.where(Visit.started_at <= as_of)
        used = select(Visit.device_id).where(Visit.customer_id.in_(ids), Visit.started_at <= as_of)
        own = own.where(Customer.device_id.in_(used))
    theirs = logins.union(own)
    first = visit.order_by(Visit.ended_at).correlate(Device).scalar_subquery()
    last = visit.with_only_columns(Visit.ended_at).order_by(Visit.ended_at.desc()).correlate(Device).scalar_subquery()
    query = (
        select(Device, first.label("first_at"), last.label("last_at"))
        .where(Device.id.in_(theirs))
        .order_by(func.coalesce(last, 0).desc(), Device.id)
        .limit(MOST)
    )
    return [
        shown(device, first_at, last_at if as_of is None or last_at is None else min(last_at, as_of))
        for device, first_at, last_at in session.execute(query)
    ]


def names(session: Session, ids: Iterable[int]) -> dict[int, str]:
    """The dids of these devices, by id."""
    query = select(Device.id, Device.did).where(Device.id.in_(set(ids)))
    return {id_: did for id_, did in session.execute(query)}  # noqa: C416 - rows


def clock_skew(session: Session, workspace_id: int, did: str) -> int:
    """What is added to the times that a device tells, ms; 0 for one that isn't known yet."""
    query = select(Device.clock_skew).where(Device.workspace_id == workspace_id, Device.did == did)
    return session.scalar(query) or 0


def shown(device: Device, first_at: int | None = None, last_at: int | None = None) -> Shown:
    """A device in words: by what its app told at launch, else by its user agent."""
    info: dict[str, Any] = json.loads(device.info) if device.info else {}
    agent = agents.describe(device.user_agent)
    is_app = bool(info) and info.get("client") != "browser"
    maker, model = (str(info.get(key) or "") for key in ("deviceManufacturer", "deviceModel"))
    if maker and not model.casefold().startswith(maker.casefold()):
        model = f"{maker} {model}".strip()
    version = info.get("appVersionName")
    details: tuple[str, ...] = (
        f"App {version}" if version else "",
        _system(info) or agent.os,
        str(info.get("language") or ""),
    )
    title = model or agent.model or agent.browser or ("App" if is_app else "Unknown device")
    if not is_app and agent.browser and agent.browser != title:
        details = (agent.browser, *details)
    return Shown(
        id=device.id,
        did=device.did,
        title=title,
        details=tuple(filter(None, details)),
        is_app=is_app,
        is_bot=device.is_bot,
        takes_push=device.push_token is not None,
        first_at=first_at,
        last_at=last_at,
    )


def _system(info: dict[str, Any]) -> str:
    """`Android 9`; some apps tell the name again within the version."""
    name, version = (str(info.get(key) or "") for key in ("osName", "osVersion"))
    return version if version.casefold().startswith(name.casefold()) else f"{name} {version}".strip()
