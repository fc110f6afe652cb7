"""Asha, who is archived or erased: what she leaves, and whatever of her must not be left."""

from typing import Any

from flask.testing import FlaskClient
from sqlalchemy import select

from tests.visitors import CHROME, HOUR, MINUTE, MUMBAI, T0, launched, login, seen, tell
from tests.world import NOON, Shop
from webapp import erasing, erasures
from webapp.audit import Who
from webapp.db import Base, Database
from webapp.erasures import Asked
from webapp.ingest import batch
from webapp.ingest.changes import Source
from webapp.ingest.retries import Retry
from webapp.models import Erasure, Workspace

ID, EMAIL, MOBILE, NAME = "shopper-48151", "Asha.Planted@Example.com", "+91 98765 43210", "Asha Planted"
PHONE, LAPTOP, TILL = "phone-of-asha-0001", "laptop-of-asha-0001", "till-of-the-shop-1"
# Whatever of Asha must not be left, as it was sent and as it is kept.
TRACES = (
    ID, EMAIL, EMAIL.lower(), MOBILE, "919876543210", "9876543210", NAME, NAME.lower(), PHONE, LAPTOP, "planted-note",
    "planted-tag", "Planted Street", "planted-page", "planted-token", "Planted Phone", "planted event value",
)  # fmt: skip


def fill(shop: Shop, browser: FlaskClient) -> str:
    """Asha on her two devices and on a till that others use, and Ravi. Returns her profile's path."""
    shop.app.config["WTF_CSRF_ENABLED"] = False
    tell(shop, launched(PHONE, T0, deviceModel="Planted Phone"), seen(PHONE, T0, agent=CHROME, **MUMBAI))
    tell(shop, seen(PHONE, T0 + MINUTE, page="https://shop.example/planted-page", utm={"source": "planted-source"}))
    tell(shop, login(PHONE, T0 + 2 * MINUTE, ID), seen(PHONE, T0 + 3 * MINUTE, "Bought"))
    tell(shop, seen(LAPTOP, T0), login(LAPTOP, T0 + HOUR, ID), seen(LAPTOP, T0 + 2 * HOUR, "Bought", **MUMBAI))
    shop.send("/mpush_token", {"did": PHONE, "token": "planted-token"})
    shop.customer(ID, name=NAME, email=EMAIL, mobile=MOBILE, Street="1 Planted Street", Points=1)
    shop.customer(ID, Street="2 Planted Street", Points="planted-points")
    for number in range(5):
        shop.event("Bought", NOON + number * HOUR, ID, What="planted event value", Email=EMAIL)
    # On the till Asha is between a stranger and Ravi, who logs in without anybody logging out.
    tell(shop, seen(TILL, T0), login(TILL, T0 + MINUTE, ID), seen(TILL, T0 + 2 * MINUTE, "Bought"))
    tell(shop, login(TILL, T0 + 3 * MINUTE, "ravi"), seen(TILL, T0 + 4 * MINUTE, "Bought", **MUMBAI))
    shop.customer("ravi", name="Ravi", email="ravi@shop.example")
    shop.send("/track/user", {"id": ID, "attributes": {"Broken": None}})
    shop.send("/track/user", {"id": "ravi", "attributes": {"Broken": None}})
    shop.send("/track/user", {"id": ID, "attributes": {"Street": 17}}, Idempotency_Key=f"sync of {ID}")
    path = shop.profile_path(ID)
    browser.post(f"{path}/notes", data={"text": "A planted-note"})
    browser.post(f"{path}/tags", data={"tag": "planted-tag"})
    browser.get(path)
    return path


def erase(shop: Shop, system_id: str = ID) -> Erasure:
    """Erase somebody to the end."""
    row = ask(shop, system_id)
    work_off(shop)
    return find(shop, row)


def ask(shop: Shop, system_id: str = ID, kind: erasures.Kind = "erase") -> Erasure:
    """Ask for somebody to be erased."""
    who = Who(shop.workspace.id, "console")
    return erasures.ask(shop.database, fresh(shop), Asked(kind, shop.find(system_id).growlytics_id), who)


def work_off(shop: Shop) -> None:
    """Remove all that is asked for."""
    erasing.work_off(shop.database, settling=0)


def find(shop: Shop, row: Erasure) -> Erasure:
    with shop.database.read() as session:
        return session.get_one(Erasure, row.id)


def fresh(shop: Shop) -> Workspace:
    with shop.database.read() as session:
        return session.get_one(Workspace, shop.workspace.id)


def told(database: Database) -> str:
    """All rows of all tables, as they are written; of the audit log, which can't be changed, without tags."""
    with database.read() as session:
        return "\n".join(
            str(tuple(row))
            for name, table in Base.metadata.tables.items()
            for row in session.execute(select(table))
            if name != "audit" or not row.action.startswith("tag.")
        )


def user_id(shop: Shop) -> int:
    with shop.database.read() as session:
        return session.scalars(select(Base.metadata.tables["users"].c.id)).first() or 0


def tell_stale(shop: Shop, *changes: Any, key: str | None = None) -> None:
    """Send changes by a process that still remembers the workspace as it was."""
    stale = fresh(shop)
    stale.erasure_secret = None
    batch.submit(shop.database, stale, changes, Source("/test"), None if key is None else Retry(key, "hash"))
