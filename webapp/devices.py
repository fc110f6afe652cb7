"""The devices of a person, as a page shows them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from webapp import agents
from webapp.models import Device, DeviceLogin, Visit

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


def of_person(session: Session, ids: Sequence[int]) -> list[Shown]:
    """The devices on which a person's profiles did something or logged in, the one used last first."""
    used = (
        select(
            Visit.device_id,
            func.min(Visit.started_at).label("first_at"),
            func.max(Visit.ended_at).label("last_at"),
        )
        .where(Visit.customer_id.in_(ids))
        .group_by(Visit.device_id)
        .subquery()
    )
    logins = select(DeviceLogin.device_id).where(DeviceLogin.customer_id.in_(ids))
    theirs = select(Visit.device_id).where(Visit.customer_id.in_(ids)).union(logins)
    query = (
        select(Device, used.c.first_at, used.c.last_at)
        .outerjoin(used, used.c.device_id == Device.id)
        .where(Device.id.in_(theirs))
        .order_by(func.coalesce(used.c.last_at, 0).desc(), Device.id)
        .limit(MOST)
    )
    return [shown(device, first, last) for device, first, last in session.execute(query)]


def shown(device: Device, first_at: int | None = None, last_at: int | None = None) -> Shown:
    """A device in words: by what its app told at launch, else by its user agent."""
    info: dict[str, Any] = json.loads(device.info) if device.info else {}
    agent = agents.describe(device.user_agent)
    maker, model = (str(info.get(key) or "") for key in ("deviceManufacturer", "deviceModel"))
    if maker and not model.casefold().startswith(maker.casefold()):
        model = f"{maker} {model}".strip()
    version = info.get("appVersionName")
    details: tuple[str, ...] = (
        f"App {version}" if version else "",
        _system(info) or agent.os,
        str(info.get("language") or ""),
    )
    title = model or agent.model or agent.browser or ("App" if info else "Unknown device")
    if not info and agent.browser and agent.browser != title:
        details = (agent.browser, *details)
    return Shown(
        id=device.id,
        did=device.did,
        title=title,
        details=tuple(filter(None, details)),
        is_app=bool(info),
        is_bot=device.is_bot,
        takes_push=device.push_token is not None,
        first_at=first_at,
        last_at=last_at,
    )


def _system(info: dict[str, Any]) -> str:
    """`Android 9`; some apps tell the name again within the version."""
    name, version = (str(info.get(key) or "") for key in ("osName", "osVersion"))
    return version if version.casefold().startswith(name.casefold()) else f"{name} {version}".strip()
