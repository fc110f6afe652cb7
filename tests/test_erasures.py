"""Erasing a person: nobody finds them, nothing is left, and what was under way goes too."""

import json
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select, update

from tests import counted
from tests.asha import (
    EMAIL,
    ID,
    LAPTOP,
    MOBILE,
    NAME,
    PHONE,
    TILL,
    TRACES,
    ask,
    erase,
    fill,
    find,
    fresh,
    tell_stale,
    told,
    user_id,
    work_off,
)
from tests.dumps import dump
from tests.visitors import HOUR, MINUTE, T0, customer, login, seen, tell
from tests.world import Shop, faults
from webapp import clock, erasing, erasures, merges
from webapp.erased import ERASED
from webapp.ingest.changes import OnDevice, PushToken
from webapp.models import AuditEntry, Customer, Device, DeviceLogin, Erasure, KeptVisit, Merge, RefusedPayload, Visit


def test_nothing_is_left_of_an_erased_person(shop: Shop, alice: FlaskClient) -> None:
    fill(shop, alice)
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
    fill(shop, alice)
    erase(shop)
    data = dump(shop.database)
    assert [one for one in TRACES if one.encode() in data] == ["planted-tag"], "which the audit log has"


def test_others_keep_what_is_theirs(shop: Shop, alice: FlaskClient) -> None:
    fill(shop, alice)
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
    path = fill(shop, alice)
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


def test_who_shares_an_email_keeps_it(shop: Shop, alice: FlaskClient) -> None:
    fill(shop, alice)
    shop.customer("sister", email=EMAIL, mobile=MOBILE)
    erase(shop)
    shop.customer("sister", email=EMAIL, City="Pune")
    assert shop.find("sister").email == EMAIL


def test_merges_elsewhere_and_their_undoing_stay_right(shop: Shop, alice: FlaskClient) -> None:
    fill(shop, alice)
    tell(shop, seen("stray", T0), seen("other", T0))
    with shop.database.read() as session:
        query = select(Customer).join(Device, Device.id == Customer.device_id)
        stray, other = (session.scalars(query.where(Device.did == did)).one() for did in ("stray", "other"))
    user = user_id(shop)
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


class _KilledError(BaseException):
    """The process has come to its end."""


def test_removal_goes_on_wherever_it_was_killed(
    shop: Shop, alice: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(shop, alice)
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
    fill(shop, alice)
    row = ask(shop)
    # As a process would that doesn't know of any erasure yet.
    tell_stale(shop, customer(ID, email=EMAIL), seen(PHONE, T0 + HOUR))
    assert shop.find(ID).email == EMAIL
    erasing.work_off(shop.database, settling=0)
    assert find(shop, row).ended_at is not None
    assert [one for one in TRACES if one in told(shop.database)] == []
    assert counted.differences(shop.database) == []


def test_audit_says_who_did_it_and_nothing_of_whom(shop: Shop, alice: FlaskClient) -> None:
    path = fill(shop, alice)
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
    path = fill(shop, alice)
    for where in (f"{path}/erasing", f"{path}/archiving", "/erasures"):
        assert bob.get(where).status_code == 403
    assert bob.post(f"{path}/erasing", data={"sure": "yes"}).status_code == 403
    assert bob.post(f"{path}/export").status_code == 403
    assert "Erase…" not in bob.get(path).text


def test_logins_of_the_erased_on_a_shared_device_say_nothing_of_them(shop: Shop, alice: FlaskClient) -> None:
    fill(shop, alice)
    erase(shop)
    with shop.database.read() as session:
        device = session.scalars(select(Device.id).where(Device.did == TILL)).one()
        ids = session.scalars(select(DeviceLogin.id).where(DeviceLogin.device_id == device)).all()
    from webapp import identities  # noqa: PLC0415

    assert identities.login_id(ID) not in ids


def test_traces_of_what_was_under_way_go_too(shop: Shop, alice: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(shop, alice)
    row = ask(shop)
    back = erasing._Work._is_back
    said: list[str] = []

    def late(work: Any) -> bool:
        if not said:  # as a process that doesn't know of it yet: an ignored value, an answer, a device with but a token
            tell_stale(shop, customer(ID, Points="planted-points"), key=f"sync of {ID}, again")
            tell_stale(shop, PushToken(OnDevice(LAPTOP), "planted-token"))
            said.append(told(shop.database))
        return back(work)

    monkeypatch.setattr(erasing._Work, "_is_back", late)
    work_off(shop)
    assert all(one in said[0] for one in ("planted-points", f"sync of {ID}, again", LAPTOP, "planted-token"))
    assert find(shop, row).ended_at is not None
    assert [one for one in (*TRACES, "planted-points") if one in told(shop.database)] == []
    answer = shop.send("/msv_cevt", {"did": LAPTOP, "name": "Again", "timestamp": clock.now()})
    assert [type_ for _, type_ in faults(answer)] == [ERASED]


def test_body_nested_without_end_stops_no_erasure(shop: Shop, alice: FlaskClient) -> None:
    fill(shop, alice)
    deep = b"[" * 50_000 + f'"{ID}"'.encode() + b"]" * 50_000
    assert shop.send("/track/user", b'{"id": "x", "attributes": {"a": ' + deep + b"}}").status_code == 422
    with shop.database.read() as session:
        assert any(one and deep in one for one in session.scalars(select(RefusedPayload.body)))
    assert erase(shop).ended_at is not None
    assert [one for one in TRACES if one in told(shop.database)] == []


def test_visits_that_stay_without_events_are_told_before(shop: Shop) -> None:
    tell(shop, seen("d1", T0), login("d1", T0 + 1))
    with shop.database.write() as session:
        visit = session.scalars(select(Visit)).one()
        session.add(KeptVisit(**{one.name: getattr(visit, one.name) for one in Visit.__table__.c}))
    with shop.database.read() as session:
        would = erasures.preview(session, "erase", shop.find().id).numbers
    assert would["visits"] == 2
    assert json.loads(erase(shop, "u1").removed)["visits"] == 2


def test_whoever_is_anonymous_or_known_twice_is_no_error(
    shop: Shop, alice: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.app.config["WTF_CSRF_ENABLED"] = False
    for who in ("u1", "u2"):  # the second one comes between the look and the erasing
        shop.customer(who, email=EMAIL)
    find_person = erasures.find_person
    looks: list[None] = []

    def late(*given: Any) -> Customer | None:
        looks.append(None)
        return None if len(looks) == 1 else find_person(*given)

    monkeypatch.setattr(erasures, "find_person", late)
    answer = alice.post("/erasures", data={"by": "email", "text": EMAIL})
    assert (answer.status_code, answer.location) == (303, "/erasures")
    assert "Several people" in alice.get("/erasures").text
