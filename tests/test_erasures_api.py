"""Archiving, erasing and exporting people by API, and what an export has."""

import io
import json
import zipfile
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import delete, select

from tests.asha import EMAIL, ID, LAPTOP, MOBILE, PHONE, ask, fill
from tests.visitors import T0, login, seen, tell
from tests.world import SMALLEST, Shop
from webapp import erasing, keys, person_exports
from webapp.models import AuditEntry, Customer, Device, DeviceLogin, KeptVisit, Merge, Visit


def test_api_erases_once_and_says_what_went(shop: Shop, alice: FlaskClient) -> None:
    fill(shop, alice)
    machine = shop.with_key("privacy")
    path = f"/api/v1{shop.profile_path(ID)}/erase"
    would = machine.send(f"{path}?dry_run=1", {})
    assert would.json is not None
    assert would.json["wouldRemove"]["events"] == 12
    assert shop.find(ID)
    answers = [machine.send(path, {}, Idempotency_Key="once") for _ in range(2)]
    assert [one.status_code for one in answers] == [202, 202]
    first, again = (one.json["erasure"]["id"] for one in answers if one.json)
    assert first == again
    assert machine.send(path, {}).status_code == 404
    erasing.work_off(shop.database, settling=0)
    headers = {"x-growlytics-key": machine.key}
    receipt = shop.app.test_client().get(f"/api/v1/erasures/{first}", headers=headers).json
    assert receipt is not None
    assert receipt["erasure"]["identifiers"]
    assert shop.app.test_client().get("/api/v1/erasures/nothing", headers=headers).status_code == 404


def test_api_erases_by_what_somebody_is_known_by(shop: Shop, alice: FlaskClient) -> None:
    fill(shop, alice)
    shop.customer("sister", mobile=MOBILE)
    machine = shop.with_key("privacy")
    assert machine.send("/api/v1/erasures", {"mobile": MOBILE}).status_code == 409
    assert machine.send("/api/v1/erasures", {}).status_code == 422
    assert machine.send("/api/v1/erasures", {"did": PHONE}).status_code == 422
    assert machine.send("/api/v1/erasures", {"email": EMAIL.upper()}).status_code == 202
    assert shop.send("/track/user", {"id": ID, "attributes": {}}).status_code == 422
    assert machine.send("/api/v1/erasures", {"id": "never-seen"}).status_code == 202
    assert shop.send("/track/user", {"id": "never-seen", "attributes": {}}).status_code == 422
    assert "anonymous already" in machine.send(f"/api/v1{_visitor(shop)}/archive", {}).text


def _visitor(shop: Shop) -> str:
    tell(shop, seen("passer-by", T0))
    with shop.database.read() as session:
        query = select(Customer.growlytics_id).join(Device, Device.id == Customer.device_id)
        return f"/customers/{session.scalars(query.where(Device.did == 'passer-by')).one()}"


@pytest.mark.parametrize(("kind", "exports"), [("read", 200), ("server", 401), ("browser", 401)])
def test_no_other_key_takes_anything_away(shop: Shop, alice: FlaskClient, kind: keys.Kind, exports: int) -> None:
    path, machine = f"/api/v1{fill(shop, alice)}", shop.with_key(kind)
    for refused, body in ((f"{path}/archive", {}), (f"{path}/erase", {}), ("/api/v1/erasures", {"id": ID})):
        answer = machine.send(refused, body)
        assert (answer.status_code, "a privacy key is needed here" in answer.text) == (401, True)
    headers = {"x-growlytics-key": machine.key}
    assert shop.app.test_client().get(f"{path}/export", headers=headers).status_code == exports
    assert shop.find(ID).system_id == ID


def test_privacy_key_sends_nothing_and_reads_nothing_else(shop: Shop) -> None:
    shop.customer(ID)
    machine = shop.with_key("privacy")
    assert {machine.send(path, body).status_code for path, body in SMALLEST.items()} == {401}
    client, headers = shop.app.test_client(), {"x-growlytics-key": machine.key}
    path = f"/api/v1{shop.profile_path(ID)}"
    asked = {one: client.get(one, headers=headers).status_code for one in ("/api/v1/customers", path, f"{path}/export")}
    assert asked == {"/api/v1/customers": 401, path: 401, f"{path}/export": 200}


def test_export_has_everything_and_nothing_runs(shop: Shop, alice: FlaskClient) -> None:
    path = fill(shop, alice)
    shop.customer(ID, Bio="<script>alert(1)</script>", Formula="=1+1")
    answer = alice.post(f"{path}/export")
    with zipfile.ZipFile(io.BytesIO(answer.data)) as archive:
        assert archive.testzip() is None
        files = {name: archive.read(name).decode() for name in archive.namelist()}
    assert set(files) == {"index.html", "person.json", "attributes.json", "visits.json", "events.json"}
    person = json.loads(files["person.json"])
    assert (person["systemId"], person["email"], person["tags"]) == (ID, EMAIL, ["planted-tag"])
    assert [one["text"] for one in person["notes"]] == ["A planted-note"]
    assert {PHONE, LAPTOP} <= {one["did"] for one in person["devices"]}
    assert len(json.loads(files["events.json"])) == 12
    values = json.loads(files["attributes.json"])
    assert [one["value"] for one in values if one["name"] == "Street"] == ["1 Planted Street", "2 Planted Street"]
    page = files["index.html"]
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "default-src" in page
    with shop.database.read() as session:
        noted = session.scalars(select(AuditEntry).where(AuditEntry.action == "customer.handed_out")).one()
    assert noted.actor == "alice@shop.example"


def test_api_knows_nobody_of_another_workspace(shop: Shop, other_shop: Shop) -> None:
    other_shop.customer(ID)
    theirs, row = f"/api/v1{other_shop.profile_path(ID)}", ask(other_shop)
    other_shop.customer("u2")
    theirs = f"/api/v1{other_shop.profile_path('u2')}"
    machine = shop.with_key("privacy")
    client, headers = shop.app.test_client(), {"x-growlytics-key": machine.key}
    for what in ("archive", "erase", "erase?dry_run=1"):
        assert machine.send(f"{theirs}/{what}", {}).status_code == 404
    for path in (f"{theirs}/export", f"/api/v1/erasures/{row.public_id}"):
        assert client.get(path, headers=headers).status_code == 404
    shop.customer(ID)  # who is erased there is not erased here


def test_export_has_what_retention_and_types_have_left(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    tell(shop, seen("d1", T0, utm={"source": "kept-source"}), login("d1", T0 + 1))
    with shop.database.write() as session:
        visit = session.scalars(select(Visit)).one()
        session.add(KeptVisit(**{one.name: getattr(visit, one.name) for one in Visit.__table__.c}))
        session.delete(visit)
        profiles = session.scalars(select(Customer)).all()
        for table in (Merge, DeviceLogin):  # what is known of the device by a visit alone
            session.execute(delete(table))
        for one in profiles:
            one.device_id = None
    shop.customer(Points=1)
    shop.customer(Points="ignored-thing")
    shop.event("Bought", T0, "u1", Number=1)
    shop.event("Bought", T0 + 1, "u1", Number=2)
    monkeypatch.setattr(person_exports, "MOST_SHOWN", 1)
    told: Any = b"".join(person_exports.pieces(shop.database, shop.workspace, profiles[0].root_id or profiles[0].id))
    with zipfile.ZipFile(io.BytesIO(told)) as archive:
        files = {name: archive.read(name).decode() for name in archive.namelist()}
    person = json.loads(files["person.json"])
    (ignored,) = person["ignoredValues"]
    assert (ignored["event"], ignored["name"], ignored["sample"]) == (None, "Points", '"ignored-thing"')
    assert [one["entry"]["utm"]["source"] for one in json.loads(files["visits.json"])] == ["kept-source"]
    assert [one["did"] for one in person["devices"]] == ["d1"]
    assert all(one in files["index.html"] for one in ("kept-source", "ignored-thing", "Number: 2"))
    assert "Number: 1" not in files["index.html"]
