"""`?dry_run=1`: what a request would do is told, and nothing of it is stored."""

import gzip
import json
from typing import Any

import pytest
from sqlalchemy import select
from werkzeug.test import TestResponse

from tests.dumps import dump
from tests.test_browsers import Site
from tests.world import LAUNCH, NOON, SMALLEST, Shop, faults, rows
from webapp.house import House
from webapp.models import ApiKey, AttributeType, Customer, Event

BATCH = "/api/v1/batch"
BODIES = SMALLEST | {
    BATCH: {
        "changes": [
            {"type": "customer", "id": "u1", "attributes": {"City": "Pune", "Points": 3}},
            {"type": "event", "customerId": "u2", "name": "Purchased", "time": NOON, "attributes": {"Amount": 5}},
        ]
    },
    LAUNCH: {"timestamp": NOON, "info": {"deviceModel": "Pixel"}},
}
U1 = {"id": "u1", "growlyticsId": None, "isNew": True}


@pytest.fixture
def site(shop: Shop) -> Site:
    return Site(shop)


def dry(shop: Shop, path: str, body: Any, **headers: str) -> Any:
    """What a request would do; it must be one that would be answered with 200, and must store nothing."""
    before = dump(shop.database)
    answer = shop.send(f"{path}?dry_run=1", body, **headers)
    assert answer.status_code == 200, answer.get_data(as_text=True)
    assert answer.json is not None
    assert answer.json["dryRun"] is True
    assert dump(shop.database) == before
    return answer.json


def change(shop: Shop, path: str, body: Any) -> dict[str, Any]:
    """What would become of the one change of a request."""
    (one,) = dry(shop, path, body)["changes"]
    return dict(one)


def user(shop: Shop, **attributes: Any) -> dict[str, Any]:
    return change(shop, "/track/user", {"id": "u1", "attributes": attributes})


@pytest.mark.parametrize("path", BODIES)
def test_dry_run_stores_nothing_and_goes_on_saying_the_same(shop: Shop, path: str) -> None:
    first = dry(shop, path, BODIES[path])
    assert dry(shop, path, BODIES[path], Idempotency_Key="k1") == first or path == LAUNCH  # another `did` by its key
    assert {one["result"] for one in first["changes"]} == {"created"}
    real = shop.send(path, BODIES[path])
    assert real.status_code == 200
    told = dry(shop, path, BODIES[path])
    assert all(told[name] == value for name, value in (real.json or {}).items() if name != "sid")
    results = {one["result"] for one in told["changes"]}
    assert results <= ({"created"} if path in {"/rest-api/event", "/logout"} else {"unchanged", "duplicate"})


def test_dry_run_of_what_a_browser_sends_stores_nothing(site: Site) -> None:
    site.shop.event(system_id="u1")
    messages = [
        site.message("page", time=NOON, url="https://shop.example/"),
        site.message("event", time=NOON),
        site.message("attributes", time=NOON + 1, attributes={"City": "Pune"}),
        site.message("identify", time=NOON + 2, userId="u1", attributes={"name": "Ann"}),
        site.message("logout", time=NOON + 3),
    ]
    messages.append(messages[0])
    body = site.body(*messages, device={"language": "de"})
    before = dump(site.shop.database)
    answer = _browser(site, body)
    assert dump(site.shop.database) == before
    assert (answer["success"], answer["accepted"], answer["dryRun"]) == (False, 5, True)
    assert [one["index"] for one in answer["refused"]] == [1]
    visitor, u1 = {"id": None, "growlyticsId": None}, {"id": "u1", "growlyticsId": site.shop.find().growlytics_id}
    told = [(one.get("index"), one.get("type"), one["result"]) for one in answer["changes"]]
    assert told == [
        (None, "device", "created"),
        (0, "event", "created"),
        (1, None, "refused"),
        (2, "customer", "updated"),
        (3, "login", "created"),
        (3, "customer", "updated"),
        (4, "logout", "created"),
        (5, "event", "duplicate"),
    ]
    assert answer["changes"][4]["merged"] == [{"from": visitor, "into": u1}]
    assert answer["changes"][1]["customer"] == u1 | {"isNew": False}
    site.send(*messages, device={"language": "de"})
    assert {one["result"] for one in _browser(site, body)["changes"]} == {"unchanged", "duplicate", "refused"}


def _browser(site: Site, body: dict[str, Any]) -> Any:
    headers = {"Origin": "https://shop.example"}
    answer = site.shop.app.test_client().post("/api/v1/browser?dry_run=1", json=body, headers=headers)
    assert answer.status_code == 200, answer.get_data(as_text=True)
    return answer.json


def test_origin_turned_away_in_a_dry_run_is_not_noted(site: Site) -> None:
    headers = {"Origin": "https://stranger.example"}
    answer = site.shop.app.test_client().post("/api/v1/browser?dry_run=1", json=site.body(), headers=headers)
    assert answer.status_code == 403
    house: House = site.shop.app.extensions["house"]
    assert list(house.strangers.recent(site.shop.workspace.id)) == []


def test_each_attribute_is_told(shop: Shop) -> None:
    told = user(shop, City="Pune")
    assert told == {"type": "customer", "result": "created", "customer": U1, "attributes": {"City": "created"}}
    shop.customer(City="Pune", Points=3)
    known = {"id": "u1", "growlyticsId": shop.find().growlytics_id, "isNew": False}
    assert user(shop, City="Pune") == {
        "type": "customer", "result": "unchanged", "customer": known, "attributes": {"City": "unchanged"},
    }  # fmt: skip
    told = user(shop, City="Goa", Plan="gold", Points="many")
    assert told == {
        "type": "customer",
        "result": "updated",
        "customer": known,
        "attributes": {"City": "updated", "Plan": "created"},
        "ignored": [{"name": "Points", "value": "many", "expected": "number", "received": "string"}],
    }
    assert shop.attributes()["City"] == ("string", "Pune")


def test_late_value_belongs_to_the_past(shop: Shop, site: Site) -> None:
    site.take(site.message("attributes", attributes={"City": "Goa"}))
    answer = _browser(site, site.body(site.message("attributes", time=NOON, attributes={"City": "Pune"})))
    assert answer["changes"][0]["attributes"] == {"City": "past"}
    assert answer["changes"][0]["result"] == "updated"


def test_large_ignored_value_is_cut(shop: Shop) -> None:
    shop.customer(Points=3)
    (one,) = user(shop, Points="x" * 60_000)["ignored"]
    assert len(one["value"]) == 201


def test_event_is_told_with_its_new_customer_and_as_a_duplicate(shop: Shop) -> None:
    body = SMALLEST["/track/event/v2"]
    created = {"type": "event", "result": "created", "customer": U1}
    assert change(shop, "/track/event/v2", body) == created
    shop.send("/track/event/v2", body)
    known = U1 | {"growlyticsId": shop.find().growlytics_id, "isNew": False}
    assert change(shop, "/track/event/v2", body) == created | {"result": "duplicate", "customer": known}


def test_login_tells_who_is_merged_into_whom(shop: Shop) -> None:
    shop.send("/msv_cevt", {"did": "d1", "name": "Viewed", "timestamp": NOON})
    with shop.database.read() as session:
        visitor = session.scalars(select(Customer.growlytics_id)).one()
    login = {"did": "d1", "clientCustomerId": "u1", "timestamp": NOON + 1}
    told = change(shop, "/msv_cs_id", login)
    # Who is made by the login takes the visitor's Growlytics ID.
    u1 = {"id": "u1", "growlyticsId": visitor}
    merged = [{"from": {"id": None, "growlyticsId": visitor}, "into": u1}]
    assert told == {"type": "login", "result": "created", "customer": u1 | {"isNew": True}, "merged": merged}
    shop.send("/msv_cs_id", login)
    assert shop.find().growlytics_id == visitor
    assert change(shop, "/msv_cs_id", login)["result"] == "duplicate"


def test_late_logout_tells_whose_history_is_apart_again(shop: Shop) -> None:
    for name, at in (("Viewed", NOON), ("Bought", NOON + 100)):
        shop.send("/msv_cevt", {"did": "d1", "name": name, "timestamp": at})
    shop.send("/msv_cs_id", {"did": "d1", "clientCustomerId": "u1", "timestamp": NOON + 200})
    told = change(shop, "/logout", {"did": "d1", "timestamp": NOON + 50})
    assert [one["from"]["id"] for one in told["parted"]] == [None]
    assert [one["into"]["id"] for one in told["merged"]] == ["u1"]


def test_refused_request_is_answered_as_it_would_be(shop: Shop) -> None:
    before = dump(shop.database)
    body = {"id": "", "attributes": {"x" * 50: 1}}
    told = shop.send("/track/user?dry_run=1", body)
    assert dump(shop.database) == before
    assert (told.status_code, told.json) == (422, shop.send("/track/user", body).json)


def test_limit_of_a_profile_is_told(shop: Shop) -> None:
    full = {f"a{number}": number for number in range(50)}
    shop.send("/track/user", {"id": "u1", "attributes": full})
    before = dump(shop.database)
    assert faults(shop.send("/track/user?dry_run=1", {"id": "u1", "attributes": {"b": 1}})) == [
        (("attributes",), "attributes.max")
    ]
    assert dump(shop.database) == before


def test_partial_batch_tells_of_each_row(shop: Shop) -> None:
    changes = [
        {"type": "customer", "id": "u1", "attributes": {"Points": 3}},
        {"type": "customer", "id": "", "attributes": {}},
        {"type": "customer", "id": "u1", "attributes": {"Points": "many"}},
        {"type": "customer", "id": "u1", "attributes": {f"a{number}": 1 for number in range(100)}},
        {"type": "event", "customerId": "u1", "name": "Bought", "time": NOON},
        {"type": "event", "customerId": "u1", "name": "Bought", "time": NOON},
    ]
    told = dry(shop, BATCH, {"changes": changes})
    rows_ = [(one["index"], one.get("type"), one["result"]) for one in told["changes"]]
    assert rows_ == [
        (0, "customer", "created"),
        (1, None, "refused"),
        (2, "customer", "unchanged"),
        (3, None, "refused"),
        (4, "event", "created"),
        (5, "event", "duplicate"),
    ]
    assert told["changes"][2]["ignored"][0]["value"] == "many"
    real = shop.send(BATCH, {"changes": changes}).json
    assert {name: told[name] for name in real or {}} == real
    lines = gzip.compress(b"\n".join(json.dumps(one).encode() for one in changes))
    headers = {"Content_Type": "application/x-ndjson", "Content_Encoding": "gzip"}
    assert [one["result"] for one in dry(shop, BATCH, lines, **headers)["changes"]].count("refused") == 2


def test_strict_batch_is_refused_as_a_whole(shop: Shop) -> None:
    before = dump(shop.database)
    answer = shop.send(f"{BATCH}?strict=1&dry_run=1", {"changes": [{"type": "customer", "id": ""}]})
    assert faults(answer) == [(("changes", 0, "id"), "string.empty")]
    assert dump(shop.database) == before


@pytest.mark.parametrize(
    ("query", "path", "type_"),
    [
        ("dry_run=0", "dry_run", "any.only"),
        ("dry_run=yes", "dry_run", "any.only"),
        ("dry_run=true", "dry_run", "any.only"),
        ("dry_run=", "dry_run", "any.only"),
        ("dry_run", "dry_run", "any.only"),
        ("dry_run=%001", "dry_run", "any.only"),
        ("dry_run=1&dry_run=0", "dry_run", "any.only"),
        ("strict=1;dry_run=no", "dry_run", "any.only"),
        ("dry%5Frun=no", "dry_run", "any.only"),
        ("dryRun=1", "dryRun", "query.unknown"),
        ("dry-run=1", "dry-run", "query.unknown"),
        ("DRY_RUN=1", "DRY_RUN", "query.unknown"),
    ],
)
def test_other_words_for_a_dry_run_are_refused(shop: Shop, query: str, path: str, type_: str) -> None:
    before = dump(shop.database)
    for endpoint in (*BODIES, "/api/v1/browser"):
        answer = shop.send(f"{endpoint}?{query}", BODIES.get(endpoint, {}))
        assert faults(answer) == [(("query", path), type_)], endpoint
    assert dump(shop.database) == before


def test_other_parameters_are_no_dry_run(shop: Shop) -> None:
    assert shop.send("/track/user?utm_source=x&run=dry", SMALLEST["/track/user"]).json == {"success": True}
    assert shop.find().system_id == "u1"


def test_nothing_of_a_dry_run_is_remembered(shop: Shop) -> None:
    """An attribute's type, above all, which is otherwise remembered for good."""
    user(shop, City=17)
    change(shop, "/track/event/v2", SMALLEST["/track/event/v2"] | {"attributes": {"Amount": "much"}})
    assert shop.customer(City="Pune").json == {"success": True}
    assert shop.event(Amount=5).json == {"success": True}
    assert rows(shop.database, AttributeType) == 2
    assert user(shop, City=17)["ignored"][0]["expected"] == "string"


def test_idempotency_key_is_neither_kept_nor_answered_from(shop: Shop) -> None:
    first, second = ({"customerId": "u1", "name": name} for name in ("Viewed", "Bought"))
    dry(shop, "/rest-api/event", first, Idempotency_Key="k1")
    assert shop.send("/rest-api/event", second, Idempotency_Key="k1").status_code == 200
    assert dry(shop, "/rest-api/event", first, Idempotency_Key="k1")["changes"][0]["result"] == "created"
    assert rows(shop.database, Event) == 1
    assert faults(shop.send("/rest-api/event?dry_run=1", first, Idempotency_Key=" ")) == [
        (("headers", "Idempotency-Key"), "string.empty")
    ]


def test_key_counts_as_used_by_what_is_stored_only(shop: Shop) -> None:
    def used_at() -> int | None:
        with shop.database.read() as session:
            return session.scalars(select(ApiKey.last_used_at)).one()

    user(shop, City="Pune")
    assert used_at() is None
    shop.customer()
    assert used_at() is not None


def test_dry_run_needs_a_key_as_well(shop: Shop) -> None:
    answer: TestResponse = shop.app.test_client().post("/track/user?dry_run=1", json=SMALLEST["/track/user"])
    assert answer.status_code == 401
