"""Who was erased doesn't come back: nothing of them is stored again."""

import json
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select

from tests.asha import EMAIL, ID, LAPTOP, PHONE, TRACES, erase, fill, fresh, told, work_off
from tests.visitors import HOUR, T0, seen, tell
from tests.world import NOON, Shop, faults, submit
from webapp import clock, erased, erasing, erasures, keys
from webapp.audit import Who
from webapp.erased import ERASED, Identifier
from webapp.erasures import Asked
from webapp.models import Customer, Device, Erasure, Event, Workspace

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
    fill(shop, alice)
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
    fill(shop, alice)
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
    fill(shop, alice)
    erase(shop)
    assert shop.send("/track/user", {"id": ID, "attributes": {"Broken": None}}).status_code == 422
    assert shop.send("/track/user", f'{{"id": "{ID}", "attributes": '.encode()).status_code == 422
    assert shop.send("/track/user", {"id": 5, "attributes": {"email": EMAIL}}).status_code == 422
    assert [one for one in TRACES if one in told(shop.database)] == []


def test_erased_come_back_where_that_is_allowed(shop: Shop, alice: FlaskClient) -> None:
    fill(shop, alice)
    erase(shop)
    assert submit(alice, "/erasures/returning", "/erasures", returning="allowed").status_code == 303
    shop.customer(ID, email=EMAIL, Street="3")
    tell(shop, seen(PHONE, T0 + 9 * HOUR))
    assert shop.attributes(ID).keys() == {"email", "Street"}
    assert submit(alice, "/erasures/returning", "/erasures", returning="refused").status_code == 303
    shop.customer(ID, Street="4", email=EMAIL)  # who is there again stays
    erase(shop)
    assert shop.send("/track/user", {"id": ID, "attributes": {}}).status_code == 422


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


@pytest.mark.parametrize("kept", ["+91 98765 43210", "0091 98765 43210", "+91 (0) 98765-43210"])
def test_mobile_is_one_however_it_is_spelled(shop: Shop, kept: str) -> None:
    spellings = ("+91 98765 43210", "0091 98765 43210", "+91 (0) 98765-43210", "098765 43210", "9876543210")
    shop.customer(ID, mobile=kept)
    for one in spellings:
        with shop.database.read() as session:
            found = erasures.find_person(session, fresh(shop), Asked("erase", identifiers=[Identifier("mobile", one)]))
        assert found is not None, one
    shop.customer("sister", mobile="+91 98765 43211")
    asked = Asked("erase", identifiers=[Identifier("mobile", "00919876543210")])
    erasures.ask(shop.database, fresh(shop), asked, Who(shop.workspace.id, "console"))
    work_off(shop)
    for one in spellings:
        answer = shop.send("/track/user", {"id": "new", "attributes": {"mobile": one}})
        assert [type_ for _, type_ in faults(answer)] == [ERASED], one
    shop.send("/track/user", {"id": 5, "attributes": {"mobile": "0091 98765 43210"}})
    assert "98765 43210" not in told(shop.database)
    assert erased.plain(Identifier("mobile", "ask at desk 12"), "IN").value == "12"
    assert erased.plain(Identifier("mobile", "Ask me"), "IN").value == "ask me"


def test_what_names_the_erased_beside_a_refused_body_is_not_kept(shop: Shop, alice: FlaskClient) -> None:
    fill(shop, alice)
    erase(shop)
    wrong = {"id": "new", "attributes": {"Broken": None}}
    shop.send(f"/track/user?who={ID}", wrong)
    shop.send(f"/track/user?{EMAIL.replace('@', '%40')}", wrong)
    shop.send("/track/user", wrong, Idempotency_Key=f"sync of {ID}")
    shop.send("/track/user", wrong, User_Agent=f"mailer ({EMAIL})")
    assert [one for one in TRACES if one in told(shop.database)] == []
    shop.send("/track/user", wrong, User_Agent="kept", Idempotency_Key="kept as well")
    assert "kept as well" in told(shop.database)
