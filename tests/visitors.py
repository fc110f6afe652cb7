"""What visitors do on devices, told to a shop's server, and what its pages say of them."""

import html
import re
from typing import Any

from flask.testing import FlaskClient
from sqlalchemy import select

from tests.world import Shop
from webapp import clock
from webapp.ingest import batch
from webapp.ingest.changes import (
    Attribute,
    Change,
    Context,
    CustomerUpdate,
    DeviceInfo,
    EventRecord,
    Login,
    Logout,
    OnDevice,
    PushToken,
    Source,
)
from webapp.models import Merge, Workspace

T0 = 1_773_144_000_000  # 2026-03-10 12:00 UTC; 17:30 in the workspace's zone, Asia/Kolkata
MINUTE, HOUR, DAY = clock.MINUTE, clock.HOUR, clock.DAY
_INLINE = "a|b|code|strong|time|span"  # tags that don't part words
CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36"
)
GOOGLEBOT = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
MUMBAI = {"country": "IN", "region": "Maharashtra", "city": "Mumbai"}
BERLIN = {"country": "DE", "region": "Berlin", "city": "Berlin"}


def tell(shop: Shop, *changes: Change, source: str = "/msv_cevt") -> None:
    """Send changes as one request."""
    with shop.database.read() as session:
        workspace = session.get_one(Workspace, shop.workspace.id)
    batch.submit(shop.database, workspace, changes, Source(source))


def seen(did: str, at: int, name: str = "Viewed", agent: str | None = None, **context: Any) -> EventRecord:
    """Something that happened on a device. `utm` is a dict here."""
    context["utm"] = tuple(context.get("utm", {}).items())
    return EventRecord(OnDevice(did, agent), name, (), at, Context(**context))


def values(did: str, at: int, **told: Any) -> CustomerUpdate:
    """Attributes that a device reports of whoever is on it."""
    return CustomerUpdate(OnDevice(did), _attributes(told), 100, at)


def customer(system_id: str, at: int | None = None, **told: Any) -> CustomerUpdate:
    """Attributes that a backend reports of a customer."""
    return CustomerUpdate(system_id, _attributes(told), 100, at)


def _attributes(told: dict[str, Any]) -> tuple[Attribute, ...]:
    return tuple(Attribute(name, value, None) for name, value in told.items())


def login(did: str, at: int, system_id: str = "u1") -> Login:
    """A login on a device."""
    return Login(OnDevice(did), system_id, at)


def logout(did: str, at: int) -> Logout:
    """A logout on a device."""
    return Logout(OnDevice(did), at)


def launched(did: str, at: int, **info: Any) -> DeviceInfo:
    """What an app tells of its device."""
    return DeviceInfo(OnDevice(did), info, at)


def token(did: str) -> PushToken:
    """A push token of a device."""
    return PushToken(OnDevice(did), "t1")


def path_of(browser: FlaskClient, did: str) -> str:
    """Where the profile of the only visitor who is shown as `Anonymous visitor` with this device is."""
    listed = page(browser, "/customers?status=anonymous")
    paths = re.findall(r'class="row-link" href="(/customers/\w+)', listed)
    found: list[str] = [path for path in paths if did in section(page(browser, path), "devices")]
    assert len(found) == 1, found
    return found[0]


def page(browser: FlaskClient, path: str, **headers: str) -> str:
    """A page, or a part of one, which must be there."""
    answer = browser.get(path, headers={name.replace("_", "-"): value for name, value in headers.items()})
    assert answer.status_code == 200, f"{path}: {answer.status_code}"
    return answer.get_data(as_text=True)


def part(browser: FlaskClient, path: str, target: str) -> str:
    """What htmx gets for an element."""
    return page(browser, path, HX_Request="true", HX_Target=target)


def section(of: str, id_: str) -> str:
    """The words in a section of a page; empty where there is no such section."""
    found = re.search(rf'<section id="{id_}".*?</section>', of, re.DOTALL)
    return words(found[0]) if found else ""


def words(of: str) -> str:
    """What people read of a piece of HTML, in one line; not what they look at."""
    of = re.sub(r"<svg.*?</svg>", "", of, flags=re.DOTALL)
    plain = re.sub(r"<[^>]*>", " ", re.sub(rf"</?(?:{_INLINE})\b[^>]*>", "", of))
    return " ".join(html.unescape(plain).split())


def merges(shop: Shop) -> list[Merge]:
    """All merges in the database, in order."""
    with shop.database.read() as session:
        return list(session.scalars(select(Merge).order_by(Merge.id)))
