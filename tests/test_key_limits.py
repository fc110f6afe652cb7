"""Limits of keys: how many requests a minute, what the headers say, what a refusal costs and leaves."""

import re
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import orjson
import pytest
from flask.testing import FlaskClient
from sqlalchemy import event, func, select
from werkzeug.test import TestResponse

from tests.world import SMALLEST, Shop, rows, stored, submit
from webapp import clock, keys, rates
from webapp.api import call
from webapp.models import ApiKey, AuditEntry, Event, RefusedPayload, RefusedReason, Workspace
from webapp.rates import Limit, Rates

PAGE = "/settings/keys"
ORIGIN = "https://shop.example"
HEADERS = ("RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset", "Retry-After")


def _limit(shop: Shop, most: int | None, public_id: str | None = None) -> None:
    with shop.database.write() as session:
        keys.limit(session, shop.workspace.id, public_id or shop.key.split("_")[1], most)


def _told(answer: TestResponse) -> tuple[str | None, ...]:
    return tuple(answer.headers.get(name) for name in HEADERS)


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds of the monotonic clock, as the limits see it."""
    now = [1000.0]
    monkeypatch.setattr(rates, "monotonic", lambda: now[0])
    return now


def test_minute_begins_with_the_first_request(at: list[float]) -> None:
    counted, limit = Rates(), Limit(3, "1")
    assert [counted.count(limit)[1:] for _ in range(4)] == [
        (2, 60, False),
        (1, 60, False),
        (0, 60, False),
        (0, 60, True),
    ]
    at[0] += 59.5
    assert counted.count(limit)[1:] == (0, 1, True)
    at[0] += 0.5
    assert counted.count(limit)[1:] == (2, 60, False)


def test_keys_and_addresses_are_counted_apart() -> None:
    counted = Rates()
    for limit in (Limit(1, "1"), Limit(1, "2"), Limit(1, "1", "a"), Limit(1, "1", "b"), Limit(1, "2", "a")):
        assert not counted.count(limit).is_over
        assert counted.count(limit).is_over


def test_limit_that_changes_holds_at_once() -> None:
    counted = Rates()
    for _ in range(5):
        counted.count(Limit(5, "1"))
    assert counted.count(Limit(3, "1"))[1:] == (0, 60, True)
    assert counted.count(Limit(7, "1")).remaining == 1


def test_what_is_counted_is_bounded(at: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rates, "_MOST_COUNTED", 10)
    counted = Rates()
    for number in range(100):
        counted.count(Limit(1, "1", f"address {number}"))
    assert len(counted._minutes) == 10
    at[0] += rates.MINUTE
    counted.count(Limit(1, "1", "one more"))
    assert len(counted._minutes) == 1


def test_no_more_than_are_allowed_come_through_at_once() -> None:
    counted = Rates()
    with ThreadPoolExecutor(16) as pool:
        done = list(pool.map(lambda _: counted.count(Limit(100, "1")), range(400)))
    assert sum(not one.is_over for one in done) == 100
    assert sorted(one.remaining for one in done if not one.is_over) == list(range(100))


@pytest.mark.parametrize("path", [*SMALLEST, "/api/v1/batch"])
def test_every_answer_of_a_limited_key_says_where_it_stands(shop: Shop, at: list[float], path: str) -> None:
    body = SMALLEST.get(path, {"changes": [{"type": "customer", "id": str(number)} for number in range(50)]})
    _limit(shop, 3)
    assert _told(shop.send(path, body)) == ("3", "2", "60", None)
    at[0] += 10.2
    refused = shop.send(path, b"{")
    assert (refused.status_code, _told(refused)) == (422, ("3", "1", "50", None))
    assert _told(shop.send(path, body)) == ("3", "0", "50", None)
    over = shop.send(path, body)
    assert (over.status_code, _told(over)) == (429, ("3", "0", "50", "50"))
    assert over.json == {
        "type": "TooManyRequestsError",
        "details": [
            {
                "message": "this key may be used for 3 requests a minute",
                "path": [],
                "type": "rate.max",
                "context": {"limit": 3},
            }
        ],
    }
    at[0] += 50
    assert _told(shop.send(path, body)) == ("3", "2", "60", None)


def test_key_without_a_limit_says_nothing_and_counts_nothing(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    def counted(*_: Any) -> None:
        raise AssertionError("there is nothing to be counted")

    monkeypatch.setattr(Rates, "count", counted)
    assert _told(shop.customer()) == (None, None, None, None)
    ask = shop.app.test_client().get("/api/v1/key", headers={"x-growlytics-key": shop.key})
    assert (ask.status_code, _told(ask)) == (200, (None, None, None, None))


def test_questions_and_dry_runs_count_and_trying_does_not(shop: Shop, alice: FlaskClient) -> None:
    _limit(shop, 3)
    machine, key = shop.app.test_client(), {"x-growlytics-key": shop.key}
    assert machine.get("/api/v1/key", headers=key).headers["RateLimit-Remaining"] == "2"
    body = SMALLEST["/track/user"]
    assert machine.post("/track/user?dry_run=1", json=body, headers=key).headers["RateLimit-Remaining"] == "1"
    page = submit(alice, "/api-reference/track/user", body='{"id": "u1", "attributes": {}}')
    assert (page.status_code, _told(page)) == (200, (None, None, None, None))
    assert machine.post("/track/user", json=body, headers=key).headers["RateLimit-Remaining"] == "0"
    for answer in (
        machine.get("/api/v1/key", headers=key),
        machine.post("/track/user?dry_run=1", json=body, headers=key),
    ):
        assert (answer.status_code, answer.headers["Retry-After"]) == (429, answer.headers["RateLimit-Reset"])


def test_refusal_comes_before_the_body_and_leaves_nothing(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    _limit(shop, 1)
    shop.event()
    before = rows(shop.database, Event)
    with monkeypatch.context() as patch:
        patch.setattr(call, "received", lambda *_: pytest.fail("nobody needs the body"))
        for body in ({"id": 5}, b"{", b" " * 3_000_000):
            assert shop.send("/track/user", body).status_code == 429
    assert rows(shop.database, Event) == before


def test_flood_is_counted_by_its_reason_and_keeps_no_body(shop: Shop, alice: FlaskClient) -> None:
    _limit(shop, 1)
    shop.customer()
    shop.app.extensions["house"].inbox._interval = 30
    sent: list[str] = []
    event.listen(shop.database.engine, "before_cursor_execute", lambda *given: sent.append(given[2]))
    for number in range(200):
        assert shop.send("/track/user", {"id": f"u{number}", "attributes": {}}).status_code == 429
    assert len(sent) < 60, "one look at the key now and then, one transaction for all refusals"
    shop.app.extensions["house"].inbox.flush()
    with shop.database.read() as session:
        (reason,) = session.scalars(select(RefusedReason)).all()
        assert session.scalar(select(func.count()).select_from(RefusedPayload)) == 0
    assert (reason.code, reason.count, reason.kept_count) == ("rate.max", 200, 0)
    assert "Settings › API keys" in alice.get(f"/refused/{reason.id}").text


def test_other_keys_are_not_held_up(shop: Shop) -> None:
    _limit(shop, 1)
    with shop.database.write() as session:
        _, other = keys.create(session, shop.workspace.id, "Other")
    assert [shop.send("/logout", {"did": "d1"}).status_code for _ in range(2)] == [200, 429]
    assert shop.send("/logout", {"did": "d1"}, x_growlytics_key=other).status_code == 200


# Browser keys


@pytest.fixture
def site(shop: Shop) -> str:
    """The text of a browser key whose pages may send."""
    with shop.database.write() as session:
        session.get_one(Workspace, shop.workspace.id).allowed_origins = ORIGIN
        return keys.create(session, shop.workspace.id, "Website", "browser")[1]


def _visit(shop: Shop, key: str, address: str = "203.0.113.9", origin: str = ORIGIN) -> TestResponse:
    body = {"key": key, "did": "d" * 32, "sentAt": clock.now(), "messages": []}
    return shop.app.test_client().post(
        "/api/v1/browser", json=body, headers={"Origin": origin}, environ_base={"REMOTE_ADDR": address}
    )


def test_page_may_read_where_its_address_stands(shop: Shop, site: str) -> None:
    answer = _visit(shop, site)
    assert _told(answer)[:2] == ("120", "119")
    exposed = answer.headers["Access-Control-Expose-Headers"].split(", ")
    assert sorted(exposed) == sorted(HEADERS)


def test_limit_of_a_browser_key_holds_for_all_addresses_together(shop: Shop, site: str) -> None:
    _limit(shop, 4, site.split("_")[1])
    assert [_told(_visit(shop, site, f"203.0.113.{number}"))[:2] for number in range(4)] == [
        ("4", "3"), ("4", "2"), ("4", "1"), ("4", "0"),
    ]  # fmt: skip
    answer = _visit(shop, site, "203.0.113.77")
    assert answer.status_code == 429
    assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert "this key may be used for 4 requests a minute" in answer.text


def test_address_that_sends_too_much_takes_nothing_from_others(shop: Shop, site: str) -> None:
    _limit(shop, 5, site.split("_")[1])
    with shop.database.write() as session:
        session.scalars(select(ApiKey).where(ApiKey.kind == "browser")).one().requests_a_minute = 2
    statuses = [_visit(shop, site).status_code for _ in range(6)]
    assert statuses == [200, 200, 429, 429, 429, 429]
    assert [_visit(shop, site, "203.0.113.10").status_code for _ in range(3)] == [200, 200, 429]
    assert [_visit(shop, site, "203.0.113.11").status_code for _ in range(2)] == [200, 429]


def test_origin_that_is_not_allowed_takes_nothing(shop: Shop, site: str) -> None:
    _limit(shop, 1, site.split("_")[1])
    for _ in range(3):
        answer = _visit(shop, site, origin="https://elsewhere.example")
        assert (answer.status_code, _told(answer)) == (403, (None, None, None, None))
    assert _visit(shop, site).status_code == 200


# Setting it


def test_limit_is_set_and_lifted_on_the_page_of_the_key(shop: Shop, alice: FlaskClient) -> None:
    id_ = shop.key.split("_")[1]
    path = f"{PAGE}/{id_}"
    assert submit(alice, f"{path}/limit", form_on=path, rate_limit="1,200").location == path
    assert "1,200 requests a minute" in alice.get(PAGE).text
    assert 'name="rate_limit" value="1200"' in alice.get(path).text
    assert shop.customer().headers["RateLimit-Limit"] == "1200"
    submit(alice, f"{path}/limit", form_on=path, rate_limit="")
    assert _told(shop.customer()) == (None, None, None, None)
    with shop.database.read() as session:
        notes = session.scalars(select(AuditEntry).where(AuditEntry.action == "key.limited").order_by(AuditEntry.id))
        assert [orjson.loads(one.details) for one in notes] == [
            {"name": "Backend", "most": 1200},
            {"name": "Backend", "most": None},
        ]


@pytest.mark.parametrize("given", ["0", "-1", "many", "1.5", "1000001", "9" * 12, "१२"])
def test_limit_is_a_number_of_requests(shop: Shop, alice: FlaskClient, given: str) -> None:
    path = f"{PAGE}/{shop.key.split('_')[1]}"
    answer = submit(alice, f"{path}/limit", form_on=path, rate_limit=given)
    assert answer.status_code == 422
    assert f'name="rate_limit" value="{given}"' in answer.text
    assert "Give a whole number from 1 to 1,000,000, or nothing." in answer.text
    answer = submit(alice, PAGE, name="New", rate_limit=given, kind="read", lifetime="7d")
    assert answer.status_code == 422
    assert f'name="rate_limit" value="{given}"' in answer.text
    assert 'value="7d" selected' in answer.text
    assert 'value="read" checked' in answer.text


def test_new_key_may_have_a_limit(shop: Shop, alice: FlaskClient) -> None:
    page = submit(alice, PAGE, name="New", rate_limit="7").text
    found = re.search(r'<span class="mono">(cpk_[0-9a-f]{12}_[\w-]{43})</span>', page)
    assert found is not None
    assert shop.send("/logout", {"did": "d1"}, x_growlytics_key=found[1]).headers["RateLimit-Limit"] == "7"


def test_refusing_costs_less_than_storing(shop: Shop) -> None:
    body = {"changes": [{"type": "customer", "id": str(number), "attributes": {"a": number}} for number in range(500)]}
    before = time.perf_counter()
    shop.send("/api/v1/batch", body)
    stored_in = time.perf_counter() - before
    _limit(shop, 1)
    shop.send("/api/v1/batch", body)
    kept = stored(shop.database)
    before = time.perf_counter()
    for _ in range(10):
        assert shop.send("/api/v1/batch", body).status_code == 429
    assert (time.perf_counter() - before) / 10 < stored_in / 2
    assert stored(shop.database) == kept
