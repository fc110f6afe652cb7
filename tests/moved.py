"""A workspace with something of everything in it, moved to another database, and what makes profiles the same there."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from tests.visitors import (
    BERLIN,
    CHROME,
    DAY,
    GOOGLEBOT,
    HOUR,
    MINUTE,
    MUMBAI,
    T0,
    launched,
    login,
    logout,
    merges,
    path_of,
    seen,
    tell,
    token,
    values,
)
from tests.world import NOON, Shop, submit
from webapp import (
    attributes,
    clock,
    converting,
    create_app,
    customers,
    erasing,
    erasures,
    events,
    evidence,
    keys,
    notes,
    recounts,
    retention,
    sweeping,
    tags,
    type_changes,
    visits,
)
from webapp.audit import console
from webapp.config import Settings
from webapp.db import Database
from webapp.erased import Identifier
from webapp.erasures import Asked
from webapp.models import (
    AttributeValue,
    BrowserMessage,
    Customer,
    Device,
    DeviceLogin,
    EventCount,
    IgnoredValue,
    SearchTerm,
    User,
    Workspace,
)
from webapp.moving import filling, writing

ERASED = "somebody who was erased"  # a System ID


def fill(shop: Shop, browser: FlaskClient) -> None:
    """Let everything happen in a shop that can: merges, undone ones, late events, notes, another type."""
    customers_ = (("u1", "Asha Rao", "asha@shop.example"), ("u2", "Bilal Khan", "bilal@shop.example"))
    for system_id, name, email in customers_:
        shop.customer(system_id, name=name, email=email, mobile="098765 43210", City="Pune", size="12")
    shop.customer("u1", email="asha.rao@shop.example", size="large")
    shop.customer("u1", City=12)  # is ignored
    shop.event("Purchased", system_id="u1", Price=732.23, Ünïcode="naïve 🌻 \u2028", Tags=["a", "b"])
    shop.event("Purchased", NOON - DAY, system_id="u1", Price="free")  # late, and its price is ignored
    shop.send("/rest-api/event", {"customerId": "u2", "name": "Called"}, Idempotency_Key="call-1")
    tell(
        shop,
        launched("phone", T0, deviceModel="iPhone 15"),
        seen("phone", T0, "Looked", CHROME, page="https://shop.example/a", **MUMBAI, utm={"source": "mail"}),
        values("phone", T0, City="Mumbai"),
        token("phone"),
    )
    tell(shop, login("phone", T0 + 5 * MINUTE, "u1"))
    tell(shop, seen("phone", T0 + 6 * MINUTE, "Bought", page="https://shop.example/b"))
    tell(shop, logout("phone", T0 + 10 * MINUTE), seen("phone", T0 + 11 * MINUTE, "Left"))
    tell(shop, login("phone", T0 + 2 * MINUTE, "new one"))  # late: makes a customer who takes over an id
    tell(
        shop, seen("tablet", T0, "Tapped", **BERLIN), login("tablet", T0 + HOUR, "u2"), login("tablet", T0 + HOUR, "u1")
    )
    tell(shop, seen("crawler", T0, "Crawled", GOOGLEBOT))
    tell(shop, seen("friend", T0, "Visited"), seen("stranger", T0, "Strayed"))
    tell(shop, seen("laptop", T0, "Typed"), login("laptop", T0 + HOUR, "u2"))
    tell(shop, seen("friend", T0 - HOUR, "Came before"))  # late
    for did in ("friend", "stranger"):  # by hand: the second is undone
        path = shop.profile_path("u1")
        other = path_of(browser, did).rpartition("/")[2]
        assert submit(browser, f"{path}/merges", form_on=path, **{"with": other}).status_code == 302
    press(browser, shop.profile_path("u1"), merges(shop)[-1].id, "undoing")
    path = shop.profile_path("u2")
    press(browser, path, next(one.id for one in merges(shop) if one.target_id == shop.find("u2").id), "undoing")
    for where, form in (
        (f"{path}/notes", {"text": "Called twice,\nand “twice” again"}),
        (f"{path}/tags", {"tag": "VIP"}),
        (f"{path}/pins", {"name": "size"}),
        ("/segments", {"name": "Pune", "view": "where=City+%3D+Pune"}),
        ("/data/description", {"event": "", "name": "City", "description": "Where they live"}),
        ("/data/hiding", {"event": "Looked", "name": "", "hidden": "yes"}),
    ):
        assert submit(browser, where, form_on="/settings/workspace", **form).status_code in {302, 303}, where
    with shop.database.write() as session:
        (by,) = session.scalars(select(User.id).where(User.email == "alice@shop.example"))
        for key, type_ in ((("", "size"), "number"), (("Purchased", "Price"), "string")):
            type_changes.start(session, shop.workspace.id, by, key, type_)
    converting.work_off(shop.database, settling=0)
    _forget(shop)
    with shop.database.write() as session:
        changed = session.get_one(Workspace, shop.workspace.id)
        changed.merges_a_day, changed.order_event, changed.keeps_refused = 7, "Purchased", False
        device = session.scalars(select(Device).where(Device.did == "friend")).one()
        session.add(BrowserMessage(device_id=device.id, id=17, received_at=clock.now()))


def _forget(shop: Shop) -> None:
    """Let somebody be erased, and events of long ago be pruned."""
    tell(shop, seen("tourist", NOON - 60 * DAY, "Wondered", **BERLIN, utm={"source": "paper"}))
    with shop.database.write() as session:
        retention.change(session, shop.workspace.id, (clock.now() - NOON) // clock.DAY + 30)
        sweeping.order(session, shop.workspace.id, "events", 0)
    sweeping.work_off(shop.database)
    asked = Asked("erase", identifiers=[Identifier("system_id", ERASED), Identifier("email", "gone@shop.example")])
    erasures.ask(shop.database, shop.workspace, asked, console(shop.workspace.id))
    erasing.work_off(shop.database, settling=0)


def press(browser: FlaskClient, path: str, merge_id: int, action: str) -> None:
    """Press a button of a merge on a profile: `undoing` or `renewal`."""
    assert submit(browser, f"{path}/merges/{merge_id}/{action}", form_on=path).status_code == 302


def export(database: Database, workspace_id: int) -> bytes:
    """The whole file."""
    return b"".join(writing.pieces(database, workspace_id))


def rest(exported: bytes) -> bytes:
    """The file without its first line, which tells when it was made."""
    return exported.partition(b"\n")[2]


def bring(content: bytes, settings: Settings, folder: Path, name: str | None = None) -> Shop:
    """A file imported into another database, as a shop with a key there."""
    file = folder / "workspace.ndjson"
    file.write_bytes(content)
    app = create_app(settings)
    database: Database = app.extensions["database"]
    workspace = filling.bring_in(database, file, name).workspace
    recounts.finish(database, workspace.id)
    with database.write() as session:
        _, key = keys.create(session, workspace.id, "Backend")
    return Shop(app, database, workspace, key)


def profiles(shop: Shop) -> dict[str, Any]:
    """What makes the people of a workspace, by Growlytics ID: nothing that only this database knows."""
    with shop.database.read() as session:
        of_workspace = Customer.workspace_id == shop.workspace.id
        roots = session.scalars(select(Customer).where(of_workspace, Customer.root_id.is_(None))).all()
        return {one.growlytics_id: _profile(session, shop.workspace.id, one) for one in roots}


def _profile(session: Session, workspace_id: int, root: Customer) -> dict[str, Any]:
    ids = customers.members(session, root.id)
    members = {id_: session.get_one(Customer, id_).growlytics_id for id_ in ids}
    dids = {one.id: one.did for one in session.scalars(select(Device).where(Device.workspace_id == workspace_id))}
    shown = attributes.of_person(session, workspace_id, ids)
    ends = visits.ends(session, ids)
    return {
        "row": _told(root, "id", "workspace_id", "device_id", "moved_count"),
        "members": list(members.values()),
        "attributes": [(one.name, one.type, one.value) for one in shown],
        "history": _rows(session, AttributeValue, ids, members, dids),
        "events": [_event(one, dids) for one in events.timeline(session, workspace_id, ids, events.Filter()).events],
        "counts": sorted(events.names(session, ids)),
        "own counts": [row for row in _rows(session, EventCount, ids, members, dids) if row["count"]],
        "ignored": _rows(session, IgnoredValue, ids, members, dids),
        "visits": None if ends is None else [_span(one, dids) for one in (ends.first, ends.last)],
        "logins": _rows(session, DeviceLogin, ids, members, dids),
        "merges": [str(one.standing) for one in evidence.of_person(session, ids)],
        "notes": [(one.text, one.by, one.created_at) for one in notes.of_person(session, ids)],
        "tags": tags.of_person(session, ids),
        "found by": sorted(
            (one.term, one.is_tail, one.field, members[one.customer_id])
            for one in session.scalars(select(SearchTerm).where(SearchTerm.customer_id.in_(ids)))
        ),
    }


def _told(row: Any, *without: str) -> dict[str, Any]:
    return {name: getattr(row, name) for name in row.__table__.columns.keys() if name not in without}  # noqa: SIM118


def _rows(session: Session, table: Any, ids: Sequence[int], members: Any, dids: Any) -> list[dict[str, Any]]:
    rows = session.scalars(select(table).where(table.customer_id.in_(ids))).all()
    found = []
    for row in rows:
        told = _told(row, "key_id", "lookup")
        told["customer_id"] = members[row.customer_id]
        if "device_id" in told:
            told["device_id"] = dids.get(row.device_id)
        found.append(told)
    return sorted(found, key=lambda one: json.dumps(one, sort_keys=True))


def _event(one: events.Shown, dids: dict[int, str]) -> Any:
    kept = [(each.name, each.type, each.value) for each in one.attributes]
    return one.name, one.id, one.reported_at, one.received_at, kept, dids.get(one.device_id or 0), one.context


def _span(one: visits.Span, dids: dict[int, str]) -> Any:
    return dids[one.device_id], one.started_at, one.ended_at, one.event_count, one.entry, one.exit, one.place
