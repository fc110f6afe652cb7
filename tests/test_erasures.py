"""Erasing a person: nobody finds them, nothing is left, and nothing of them is stored again."""

import io
import json
import re
import zipfile
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select, update

from tests import counted
from tests.dumps import dump
from tests.visitors import CHROME, HOUR, MINUTE, MUMBAI, T0, customer, launched, login, seen, tell
from tests.world import NOON, Shop, faults, submit
from webapp import clock, erased, erasing, erasures, keys, merges
from webapp.audit import Who
from webapp.db import Base, Database
from webapp.erased import ERASED, Identifier
from webapp.erasures import Asked
from webapp.models import AuditEntry, Customer, Device, DeviceLogin, Erasure, Event, Merge, RefusedPayload, Workspace

ID, EMAIL, MOBILE, NAME = "shopper-48151", "Asha.Planted@Example.com", "+91 98765 43210", "Asha Planted"
PHONE, LAPTOP, TILL = "phone-of-asha-0001", "laptop-of-asha-0001", "till-of-the-shop-1"
WHO = Who(None, "console")
# Whatever of Asha must not be left, as it was sent and as it is kept.
TRACES = (
    ID, EMAIL, EMAIL.lower(), MOBILE, "919876543210", "9876543210", NAME, NAME.lower(), PHONE, LAPTOP, "planted-note",
    "planted-tag", "Planted Street", "planted-page", "planted-token", "Planted Phone", "planted event value",
)  # fmt: skip


def _fill(shop: Shop, browser: FlaskClient) -> str:
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
    erasing.work_off(shop.database, settling=0)
    return find(shop, row)


def ask(shop: Shop, system_id: str = ID, kind: erasures.Kind = "erase") -> Erasure:
    """Ask for somebody to be erased."""
    who = Who(shop.workspace.id, "console")
    return erasures.ask(shop.database, fresh(shop), Asked(kind, shop.find(system_id).growlytics_id), who)


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


def test_nothing_is_left_of_an_erased_person(shop: Shop, alice: FlaskClient) -> None:
    _fill(shop, alice)
    before = told(shop.database)
    assert [one for one in TRACES if one not in before] == [], "the test plants what it looks for"
    with shop.database.read() as session:
        ids = set(session.scalars(select(Customer.growlytics_id).where(Customer.name == NAME)))
    row = erase(shop)
    after = told(shop.database)
    assert [one for one in TRACES if one in after] == []
    assert "pending" not in (row.pending or "")
    assert row.ended_at is not None
    growlytics = [line for line in after.split("\n") if any(one in line for one in ids)]
    assert all("customer.erased" in one or ".added" in one for one in growlytics), "the audit log alone has them"
    removed = json.loads(row.removed)
    assert removed["events"] == 12
    assert {"profiles", "visits", "devices", "logins", "notes", "tags", "refused", "answers"} <= removed.keys()
    assert counted.differences(shop.database) == []


def test_bytes_of_the_dump_have_nothing_either(shop: Shop, alice: FlaskClient) -> None:
    _fill(shop, alice)
    erase(shop)
    data = dump(shop.database)
    assert [one for one in TRACES if one.encode() in data] == ["planted-tag"], "which the audit log has"


def test_others_keep_what_is_theirs(shop: Shop, alice: FlaskClient) -> None:
    _fill(shop, alice)
    erase(shop)
    assert [event.name for event in shop.events("ravi")] == ["Bought"]
    assert shop.find("ravi").email == "ravi@shop.example"
    tell(shop, seen(TILL, T0 + 5 * MINUTE, "Viewed"))
    assert [event.name for event in shop.events("ravi")] == ["Viewed", "Bought"]
    tell(shop, seen(TILL, T0 + 2 * MINUTE + 1, "Late"))  # of when Asha was there
    assert "Late" not in [event.name for event in shop.events("ravi")], "nobody gets what was hers"
    assert counted.differences(shop.database) == []
    with shop.database.read() as session:
        assert session.scalar(select(func.count()).select_from(RefusedPayload)) == 1, "Ravi's is still there"


def test_nobody_finds_the_person_from_the_moment_it_is_asked_for(shop: Shop, alice: FlaskClient) -> None:
    path = _fill(shop, alice)
    ask(shop)
    assert alice.get(path).status_code == 404
    for query in (ID, EMAIL, NAME, "9876543210"):
        assert 'class="row-link"' not in alice.get("/customers", query_string={"q": query}).text
    for where in ("has Street", "did Bought 5 times", "tag = planted-tag"):
        page = alice.get("/customers", query_string={"where": where}).text
        assert NAME not in page
        assert path not in page
    assert path not in alice.get("/customers").text
    assert path not in alice.get("/activity").text
    assert "Planted" not in alice.get("/data/attribute?name=Street").text
    assert counted.differences(shop.database) == []
    erasing.work_off(shop.database, settling=0)
    assert counted.differences(shop.database) == []


BATCH = {"changes": [{"type": "event", "customerId": "ravi", "name": "Kept"}]}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/rest-api/customer", {"id": ID, "attributes": []}),
        ("/rest-api/customer", {"id": "new", "attributes": [{"name": "email", "type": "string", "value": EMAIL}]}),
        ("/rest-api/event", {"customerId": ID, "name": "Again"}),
        ("/track/user", {"id": ID, "attributes": {}}),
        ("/track/user", {"id": "new", "attributes": {"email": EMAIL.upper()}}),
        ("/track/user", {"id": "new", "attributes": {"mobile": "098765-43210"}}),
        ("/track/event", {"customerId": ID, "name": "Again", "time": NOON, "attributes": []}),
        ("/track/event/v2", {"customerId": ID, "name": "Again", "time": NOON, "attributes": []}),
        ("/mcrs_appl_v1", {"did": PHONE, "timestamp": NOON}),
        ("/msv_cevt", {"did": PHONE, "name": "Again", "timestamp": NOON}),
        ("/msv_cs_id", {"did": "another-phone", "clientCustomerId": ID, "timestamp": NOON}),
        ("/logout", {"did": LAPTOP}),
        ("/mpush_token", {"did": PHONE, "token": "t1"}),
    ],
)
def test_every_door_refuses_the_erased(shop: Shop, alice: FlaskClient, path: str, body: dict[str, Any]) -> None:
    _fill(shop, alice)
    erase(shop)
    before = _people(shop)
    answer = shop.send(path, body)
    assert [type_ for _, type_ in faults(answer)] == [ERASED]
    assert not [one for one in TRACES if one in answer.text]
    assert _people(shop) == before
    assert [one for one in TRACES if one in told(shop.database)] == [], "also what is refused isn't kept"
    assert "of somebody whose data was erased" in alice.get("/refused").text


def _people(shop: Shop) -> tuple[int, ...]:
    with shop.database.read() as session:
        return tuple(session.scalar(select(func.count()).select_from(one)) or 0 for one in (Customer, Device, Event))


def test_batch_stores_the_rest(shop: Shop, alice: FlaskClient) -> None:
    _fill(shop, alice)
    erase(shop)
    gone = {"type": "event", "customerId": ID, "name": "Again"}
    answer = shop.send("/api/v1/batch", {"changes": [gone, *BATCH["changes"]]})
    assert answer.status_code == 200
    assert answer.json is not None
    assert [one["index"] for one in answer.json["refused"]] == [0]
    assert shop.events("ravi")[0].name == "Kept"
    assert ID not in told(shop.database)


def test_browser_of_the_erased_is_refused(shop: Shop, alice: FlaskClient) -> None:
    shop.app.config["WTF_CSRF_ENABLED"] = False
    with shop.database.write() as session:
        session.get_one(Workspace, shop.workspace.id).allowed_origins = "https://shop.example"
        key, _ = keys.create(session, shop.workspace.id, "Website", "browser")

    def say(did: str, *messages: dict[str, Any]) -> Any:
        body: Any = {
            "key": key.public_text,
            "did": did,
            "sentAt": clock.now(),
            "device": {},
            "messages": list(messages),
        }
        headers = {"Origin": "https://shop.example"}
        return shop.app.test_client().post("/api/v1/browser", json=body, headers=headers).json

    now = clock.now()
    came = {"id": "m1", "type": "identify", "time": now - 2, "userId": ID}
    assert say("0123456789abcdef", came)["success"]
    erase(shop)
    seen_again = {"id": "m2", "type": "event", "time": now - 1, "name": "Again"}
    answer = say("0123456789abcdef", seen_again)
    assert (answer["accepted"], answer["refused"][0]["details"][0]["type"]) == (0, ERASED)
    answer = say("fedcba9876543210", seen_again, came | {"id": "m3"})
    assert answer["refused"][0]["id"] == "m3"
    assert "0123456789abcdef" not in told(shop.database)
    assert ID not in told(shop.database)


def test_what_is_at_fault_otherwise_leaves_no_trace_either(shop: Shop, alice: FlaskClient) -> None:
    _fill(shop, alice)
    erase(shop)
    assert shop.send("/track/user", {"id": ID, "attributes": {"Broken": None}}).status_code == 422
    assert shop.send("/track/user", f'{{"id": "{ID}", "attributes": '.encode()).status_code == 422
    assert shop.send("/track/user", {"id": 5, "attributes": {"email": EMAIL}}).status_code == 422
    assert [one for one in TRACES if one in told(shop.database)] == []


def test_erased_come_back_where_that_is_allowed(shop: Shop, alice: FlaskClient) -> None:
    _fill(shop, alice)
    erase(shop)
    assert submit(alice, "/erasures/returning", "/erasures", returning="allowed").status_code == 303
    shop.customer(ID, email=EMAIL, Street="3")
    tell(shop, seen(PHONE, T0 + 9 * HOUR))
    assert shop.attributes(ID).keys() == {"email", "Street"}
    assert submit(alice, "/erasures/returning", "/erasures", returning="refused").status_code == 303
    shop.customer(ID, Street="4", email=EMAIL)  # who is there again stays
    erase(shop)
    assert shop.send("/track/user", {"id": ID, "attributes": {}}).status_code == 422


def test_who_shares_an_email_keeps_it(shop: Shop, alice: FlaskClient) -> None:
    _fill(shop, alice)
    shop.customer("sister", email=EMAIL, mobile=MOBILE)
    erase(shop)
    shop.customer("sister", email=EMAIL, City="Pune")
    assert shop.find("sister").email == EMAIL


def test_merges_elsewhere_and_their_undoing_stay_right(shop: Shop, alice: FlaskClient) -> None:
    _fill(shop, alice)
    tell(shop, seen("stray", T0), seen("other", T0))
    with shop.database.read() as session:
        query = select(Customer).join(Device, Device.id == Customer.device_id)
        stray, other = (session.scalars(query.where(Device.did == did)).one() for did in ("stray", "other"))
    user = _user(shop)
    workspace, base = fresh(shop), shop.database
    one = base.transact(lambda s: merges.by_hand(s, workspace, user, shop.find("ravi").id, stray.id))
    base.transact(lambda s: merges.by_hand(s, workspace, user, shop.find(ID).id, other.id))
    base.transact(lambda s: merges.undo(s, workspace, user, one.id))
    base.transact(lambda s: merges.by_hand(s, workspace, user, shop.find(ID).id, stray.id))
    erase(shop)  # and with her both visitors that are hers now
    with shop.database.read() as session:
        assert session.get(Customer, other.id) is None
        assert session.get(Customer, stray.id) is None
        assert session.scalar(select(func.count()).select_from(Merge).where(Merge.undone_at.is_(None))) == 0
    assert counted.differences(shop.database) == []
    with pytest.raises(merges.NotFoundError):
        base.transact(lambda s: merges.redo(s, workspace, one.id))


def _user(shop: Shop) -> int:
    with shop.database.read() as session:
        return session.scalars(select(Base.metadata.tables["users"].c.id)).first() or 0


class _KilledError(BaseException):
    """The process has come to its end."""


def test_removal_goes_on_wherever_it_was_killed(
    shop: Shop, alice: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    _fill(shop, alice)
    monkeypatch.setattr(erasing, "_A_STEP", 2)
    row = ask(shop)
    step = erasing._Work._stepped
    lives, left = 0, 0

    def stepped(self: Any, *given: Any, **more: Any) -> int:
        nonlocal left
        if left == 0:
            raise _KilledError
        left -= 1
        return step(self, *given, **more)

    monkeypatch.setattr(erasing._Work, "_stepped", stepped)
    while find(shop, row).ended_at is None:
        left = 2 + 4 * lives  # what two steps can't bring further, more can
        try:
            erasing.work_off(shop.database, settling=0)
        except _KilledError:
            lives += 1
        assert counted.differences(shop.database) == []
        with shop.database.write() as session:
            session.execute(update(Erasure).values(leased_until=0))
    assert lives > 3
    assert json.loads(find(shop, row).removed)["events"] == 12
    assert [one for one in TRACES if one in told(shop.database)] == []


def test_request_that_was_under_way_goes_too(shop: Shop, alice: FlaskClient) -> None:
    _fill(shop, alice)
    row = ask(shop)
    # As a process would that doesn't know of any erasure yet.
    tell_stale(shop, customer(ID, email=EMAIL), seen(PHONE, T0 + HOUR))
    assert shop.find(ID).email == EMAIL
    erasing.work_off(shop.database, settling=0)
    assert find(shop, row).ended_at is not None
    assert [one for one in TRACES if one in told(shop.database)] == []
    assert counted.differences(shop.database) == []


def tell_stale(shop: Shop, *changes: Any) -> None:
    """Send changes by a process that still remembers the workspace as it was."""
    from webapp.ingest import batch  # noqa: PLC0415 - beside what it is for
    from webapp.ingest.changes import Source  # noqa: PLC0415

    stale = fresh(shop)
    stale.erasure_secret = None
    batch.submit(shop.database, stale, changes, Source("/test"))


def test_who_has_no_profile_can_be_kept_out(shop: Shop, alice: FlaskClient) -> None:
    asked = Asked("erase", identifiers=[Identifier("system_id", ID), Identifier("email", EMAIL)])
    erasures.ask(shop.database, fresh(shop), asked, Who(shop.workspace.id, "console"))
    erasing.work_off(shop.database, settling=0)
    assert shop.send("/track/user", {"id": ID, "attributes": {}}).status_code == 422
    assert shop.send("/track/user", {"id": "x", "attributes": {"email": EMAIL}}).status_code == 422
    shop.customer("x", email="other@example.com")


def test_hashes_are_keyed_by_workspace(shop: Shop, other_shop: Shop) -> None:
    for one in (shop, other_shop):
        one.customer(ID)
        erase(one)
    with shop.database.read() as session:
        found = [json.loads(row.identifiers)[0]["hash"] for row in session.scalars(select(Erasure))]
    assert found[0] != found[1]


def test_archived_profile_keeps_its_history_alone(shop: Shop, alice: FlaskClient) -> None:
    path = _fill(shop, alice)
    number = len(shop.events(ID))
    ask(shop, kind="archive")
    erasing.work_off(shop.database, settling=0)
    after = told(shop.database)
    stays = {PHONE, LAPTOP, "planted event value", "planted-page", "Planted Phone"}
    assert [one for one in TRACES if one in after and one not in stays] == []
    page = alice.get(path, follow_redirects=True).text
    assert "Anonymous" in page
    assert re.search(rf"\b{number}\b", page)
    assert counted.differences(shop.database) == []
    shop.customer(ID, name="Somebody new")
    assert shop.events(ID) == []
    tell(shop, seen(PHONE, clock.now() + HOUR))
    with shop.database.read() as session:
        assert session.scalar(select(func.count()).select_from(Event)) == number + 2  # Ravi's and the new one
    tell(shop, login(PHONE, clock.now() + 2 * HOUR, ID))
    assert [event.name for event in shop.events(ID)] == ["Viewed"], "what came after it is the new profile's"
    assert counted.differences(shop.database) == []


def test_archived_person_joins_nobody_by_a_merge_that_was_set_aside(shop: Shop, alice: FlaskClient) -> None:
    _fill(shop, alice)
    tell(shop, seen("tablet", T0))
    with shop.database.read() as session:
        query = select(Customer).join(Device, Device.id == Customer.device_id).where(Device.did == "tablet")
        visitor = session.scalars(query).one()
    workspace, base, user = fresh(shop), shop.database, _user(shop)
    base.transact(lambda s: merges.by_hand(s, workspace, user, shop.find(ID).id, visitor.id))
    tell(shop, login("tablet", T0 + HOUR, "ravi"))  # who knows better
    ask(shop, kind="archive")
    erasing.work_off(shop.database, settling=0)
    with shop.database.read() as session:
        root = session.get_one(Customer, visitor.id).root_id
    assert root == shop.find("ravi").id
    assert len(shop.events("ravi")) == 2


def test_audit_says_who_did_it_and_nothing_of_whom(shop: Shop, alice: FlaskClient) -> None:
    path = _fill(shop, alice)
    confirm = alice.get(f"{path}/erasing").text
    assert "What goes" in confirm
    answer = alice.post(f"{path}/erasing")
    assert answer.status_code == 422
    assert shop.find(ID)
    answer = alice.post(f"{path}/erasing", data={"sure": "yes"})
    assert answer.status_code == 303
    with shop.database.read() as session:
        entry = session.scalars(select(AuditEntry).where(AuditEntry.action == "customer.erased")).one()
    assert (entry.actor, entry.target) == ("alice@shop.example", path.rpartition("/")[2])
    page = alice.get(answer.location).text
    assert "alice@shop.example" in page
    receipt = alice.get(f"{answer.location}/receipt.json")
    assert receipt.headers["Content-Disposition"].startswith("attachment")
    assert not [one for one in TRACES if one in receipt.text]


def test_viewers_and_editors_may_not(shop: Shop, alice: FlaskClient, bob: FlaskClient) -> None:
    path = _fill(shop, alice)
    for where in (f"{path}/erasing", f"{path}/archiving", "/erasures"):
        assert bob.get(where).status_code == 403
    assert bob.post(f"{path}/erasing", data={"sure": "yes"}).status_code == 403
    assert bob.post(f"{path}/export").status_code == 403
    assert "Erase…" not in bob.get(path).text


def test_logins_of_the_erased_on_a_shared_device_say_nothing_of_them(shop: Shop, alice: FlaskClient) -> None:
    _fill(shop, alice)
    erase(shop)
    with shop.database.read() as session:
        device = session.scalars(select(Device.id).where(Device.did == TILL)).one()
        ids = session.scalars(select(DeviceLogin.id).where(DeviceLogin.device_id == device)).all()
    from webapp import identities  # noqa: PLC0415

    assert identities.login_id(ID) not in ids


def test_what_is_found_in_texts() -> None:
    blotter = erased.Blotter(["48", "asha@example.com"], ["Rose"])
    assert blotter.finds("mail asha@example.com now")
    assert blotter.finds("48")
    assert not blotter.finds("room 48")
    assert not blotter.finds("Rose water")
    assert not blotter.finds("natasha@example.com")
    assert blotter.without({"a": ["to asha@example.com", 48, "Rose"]}) == {"a": ["to ", None, ""]}


def test_api_erases_once_and_says_what_went(shop: Shop, alice: FlaskClient) -> None:
    _fill(shop, alice)
    path = f"/api/v1{shop.profile_path(ID)}/erase"
    would = shop.send(f"{path}?dry_run=1", {})
    assert would.json is not None
    assert would.json["wouldRemove"]["events"] == 12
    assert shop.find(ID)
    answers = [shop.send(path, {}, Idempotency_Key="once") for _ in range(2)]
    assert [one.status_code for one in answers] == [202, 202]
    first, again = (one.json["erasure"]["id"] for one in answers if one.json)
    assert first == again
    assert shop.send(path, {}).status_code == 404
    erasing.work_off(shop.database, settling=0)
    headers = {"x-growlytics-key": shop.key}
    receipt = shop.app.test_client().get(f"/api/v1/erasures/{first}", headers=headers).json
    assert receipt is not None
    assert receipt["erasure"]["identifiers"]
    assert shop.app.test_client().get("/api/v1/erasures/nothing", headers=headers).status_code == 404


def test_api_erases_by_what_somebody_is_known_by(shop: Shop, alice: FlaskClient) -> None:
    _fill(shop, alice)
    shop.customer("sister", mobile=MOBILE)
    assert shop.send("/api/v1/erasures", {"mobile": MOBILE}).status_code == 409
    assert shop.send("/api/v1/erasures", {}).status_code == 422
    assert shop.send("/api/v1/erasures", {"did": PHONE}).status_code == 422
    assert shop.send("/api/v1/erasures", {"email": EMAIL.upper()}).status_code == 202
    assert shop.send("/track/user", {"id": ID, "attributes": {}}).status_code == 422
    assert shop.send("/api/v1/erasures", {"id": "never-seen"}).status_code == 202
    assert shop.send("/track/user", {"id": "never-seen", "attributes": {}}).status_code == 422
    assert "anonymous already" in shop.send(f"/api/v1{_visitor(shop)}/archive", {}).text


def _visitor(shop: Shop) -> str:
    tell(shop, seen("passer-by", T0))
    with shop.database.read() as session:
        query = select(Customer.growlytics_id).join(Device, Device.id == Customer.device_id)
        return f"/customers/{session.scalars(query.where(Device.did == 'passer-by')).one()}"


def test_keys_that_read_may_export_and_change_nothing(shop: Shop, alice: FlaskClient) -> None:
    path = f"/api/v1{_fill(shop, alice)}"
    with shop.database.write() as session:
        _, text = keys.create(session, shop.workspace.id, "Reports", "read")
    client, headers = shop.app.test_client(), {"x-growlytics-key": text}
    for what in ("archive", "erase"):
        assert client.post(f"{path}/{what}", json={}, headers=headers).status_code == 401
    assert client.post("/api/v1/erasures", json={"id": ID}, headers=headers).status_code == 401
    assert client.get(f"{path}/export", headers=headers).status_code == 200


def test_export_has_everything_and_nothing_runs(shop: Shop, alice: FlaskClient) -> None:
    path = _fill(shop, alice)
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
    client, headers = shop.app.test_client(), {"x-growlytics-key": shop.key}
    for what in ("archive", "erase", "erase?dry_run=1"):
        assert shop.send(f"{theirs}/{what}", {}).status_code == 404
    for path in (f"{theirs}/export", f"/api/v1/erasures/{row.public_id}"):
        assert client.get(path, headers=headers).status_code == 404
    shop.customer(ID)  # who is erased there is not erased here
