"""What is refused or ignored is kept: by reason, bounded, without secrets, and never in the way of an answer."""

import gzip
import json
import threading
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select, text
from sqlalchemy.exc import OperationalError

from tests.world import NOON, SMALLEST, Shop, rows, submit
from webapp import clock, db, inbox, keys, refused, statements
from webapp.api import ENDPOINTS
from webapp.inbox import Inbox
from webapp.models import RefusedHour, RefusedPayload, RefusedReason, Workspace
from webapp.refused import Filter, Group, Sample

ORIGIN = "https://shop.example"
BAD_EVENT = {"type": "event", "customerId": "u1", "name": 5}


def groups(shop: Shop, **wanted: Any) -> list[Group]:
    """The reasons of the shop."""
    with shop.database.read() as session:
        return refused.find(session, shop.workspace, Filter(**wanted), None)


def samples(shop: Shop, group: Group) -> list[Sample]:
    """What is kept of one."""
    with shop.database.read() as session:
        return refused.samples(session, group)


def one(shop: Shop, **wanted: Any) -> tuple[Group, list[Sample]]:
    """The only reason there is, and what is kept of it."""
    (group,) = groups(shop, **wanted)
    return group, samples(shop, group)


def browser_key(shop: Shop) -> str:
    """A key of the shop's pages."""
    with shop.database.write() as session:
        session.get_one(Workspace, shop.workspace.id).allowed_origins = ORIGIN
        return keys.create(session, shop.workspace.id, "Website", "browser")[1]


def browse(shop: Shop, key: str, *messages: Any, origin: str = ORIGIN, **more: Any) -> Any:
    """Send what a page would send."""
    body = {"key": key, "did": "0123456789abcdef", "sentAt": clock.now(), "messages": list(messages)} | more
    return shop.app.test_client().post("/api/v1/browser", json=body, headers={"Origin": origin})


@pytest.mark.parametrize("path", ENDPOINTS)
def test_whatever_an_endpoint_refuses_is_written_down(shop: Shop, path: str) -> None:
    if path == "/api/v1/browser":
        answer = browse(shop, browser_key(shop), did=5)
    else:
        answer = shop.send(path, {"did": 5, "id": 5, "customerId": 5})
    assert answer.status_code == 422
    group, (sample,) = one(shop)
    assert (group.row.endpoint, group.row.kind, group.row.count) == (path, "refused", 1)
    assert sample.faults[0]["message"] == answer.json["details"][0]["message"]
    assert sample.row.is_whole
    assert sample.value["did"] == 5
    assert group.advice


@pytest.mark.parametrize("path", [path for path in ENDPOINTS if path != "/api/v1/browser"])
def test_of_what_is_too_large_the_beginning_is_kept(shop: Shop, path: str) -> None:
    assert shop.send(path, b'{"id": "u1"' + b" " * 5_000_000).status_code == 413
    group, (sample,) = one(shop)
    assert group.row.code == "request.payload.too.large"
    assert sample.row.body is not None
    assert (sample.row.body[:11], sample.row.byte_count) == (b'{"id": "u1"', inbox.FIRST)
    assert not sample.row.is_whole


def test_equal_faults_are_one_row_wherever_in_an_array_they_are(shop: Shop) -> None:
    for place in range(3):
        attributes = [{"name": f"a{number}", "type": "number", "value": 1} for number in range(place)]
        wrong = {"name": "Points", "type": "number", "value": f"many {place}"}
        shop.send("/rest-api/customer", {"id": f"u{place}", "attributes": [*attributes, wrong]})
    group, found = one(shop)
    row = group.row
    assert (row.count, row.place, row.words) == (3, "attributes[].value", "must be a number, not a string")
    assert (row.expected, row.received) == ("number", "a string")
    assert len(found) == 3
    assert row.first_at <= row.last_at
    assert group.advice == "Send a number, or send this under another name."


def test_reasons_differ_by_key_endpoint_and_fault(shop: Shop) -> None:
    with shop.database.write() as session:
        _, other = keys.create(session, shop.workspace.id, "Other")
    for key in (shop.key, other):
        for path in ("/track/user", "/rest-api/customer"):
            for body in ({}, {"id": 1}, {"id": "null"}):
                Shop(shop.app, shop.database, shop.workspace, key).send(path, body)
    assert len(groups(shop)) == 12
    assert len(groups(shop, endpoint="/track/user")) == 6
    assert len(groups(shop, endpoint="/track/user", key=other[4:16])) == 3
    assert groups(shop, key="nobody") == groups(shop, kind="ignored") == groups(shop, place="\x00") == []


def test_refused_changes_of_a_batch_are_written_one_by_one(shop: Shop) -> None:
    good = {"type": "customer", "id": "u1", "attributes": {"City": "Pune"}}
    answer = shop.send("/api/v1/batch", {"changes": [good, BAD_EVENT, BAD_EVENT, {"type": "what"}]})
    assert answer.json is not None
    assert answer.json["accepted"] == 1
    by_place = {group.row.place: group for group in groups(shop)}
    assert {place: group.row.count for place, group in by_place.items()} == {"name": 2, "type": 1}
    first, second = samples(shop, by_place["name"])
    assert first.value == second.value == BAD_EVENT
    assert first.row.digest != second.row.digest  # neither says when it was: they are two


def test_lines_are_kept_as_they_came(shop: Shop) -> None:
    line = b'{"type": "event", "customerId": "u1", "name": 5, "name": 12345678901234567890}'
    shop.send("/api/v1/batch", line + b"\nnonsense\n", Content_Type="application/x-ndjson")
    found = [sample for group in groups(shop) for sample in samples(shop, group)]
    assert {sample.row.body for sample in found} == {line, b"nonsense"}
    assert all(sample.row.is_whole for sample in found)


def test_change_whose_json_says_less_than_what_came_is_not_sent_again(shop: Shop) -> None:
    shop.send(
        "/api/v1/batch", b'{"changes": [{"type": "customer", "id": "u1", "attributes": {"a": 1234567890123456789012}}]}'
    )
    _, (sample,) = one(shop)
    assert not sample.row.is_whole


def test_unpacked_body_is_kept(shop: Shop) -> None:
    shop.send("/api/v1/batch", gzip.compress(b'{"changes": 5}'), Content_Encoding="gzip")
    _, (sample,) = one(shop)
    assert (sample.row.body, sample.row.is_whole) == (b'{"changes": 5}', True)


def test_refused_messages_of_browsers_are_written_one_by_one(shop: Shop) -> None:
    key = browser_key(shop)
    now = clock.now()
    wrong = {"id": "m1", "type": "event", "time": now, "name": ""}
    for _ in range(2):  # the SDK sends again what isn't answered
        browse(shop, key, wrong, {"id": "m2", "type": "event", "time": now, "name": "Viewed"}, sentAt=now)
    group, (sample,) = one(shop)
    assert (group.row.endpoint, group.row.place, group.row.count) == ("/api/v1/browser", "name", 2)
    assert sample.value == {"did": "0123456789abcdef", "sentAt": now, "messages": [wrong]}
    assert browse(shop, key, origin="https://evil.example").status_code == 403
    assert {one.row.code for one in groups(shop)} == {"string.empty", "origin.refused"}


def test_ignored_values_are_written_with_their_customer(shop: Shop) -> None:
    shop.customer(Points=1)
    shop.event(Amount=1)
    shop.customer(Points="many")
    shop.customer(Points="more")
    for _ in range(2):
        shop.event(time=NOON + 1, Amount="much")  # an event that comes again is ignored as a whole
    of_customer, of_event = sorted(groups(shop, kind="ignored"), key=lambda group: group.row.place, reverse=True)
    assert (of_customer.row.place, of_customer.row.expected, of_customer.row.received) == ("Points", "number", "string")
    assert (of_customer.row.count, of_event.row.count, of_event.row.event_name) == (2, 1, "Purchased")
    values = samples(shop, of_customer)
    assert {one.value for one in values} == {"many", "more"}
    assert {one.customer and one.customer.system_id for one in values} == {"u1"}
    (value,) = samples(shop, of_event)
    assert value.details["reported_at"] == NOON + 1
    assert (of_customer.can_be_replayed, of_event.can_be_replayed) == (True, False)


def test_ignored_values_cost_the_same_statements_however_many_there_are(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[str] = []
    run = statements.run

    def counting(cursor: Any, sql: str, parameters: Any) -> None:
        sent.append(sql)
        run(cursor, sql, parameters)

    names = [f"a{number}" for number in range(40)]
    shop.send("/track/user", {"id": "u1", "attributes": dict.fromkeys(names, 1)})
    monkeypatch.setattr(statements, "run", counting)
    numbers = []
    for some in (1, 40):
        sent.clear()
        change = {"type": "customer", "id": "u1", "attributes": dict.fromkeys(names[:some], "text")}
        shop.send("/api/v1/batch", {"changes": [change] * some})
        numbers.append(len([sql for sql in sent if "refused_" in sql]))
    assert numbers == [3, 3]
    assert sum(group.row.count for group in groups(shop)) == 1 + 40 * 40


def test_no_key_is_written_down(shop: Shop) -> None:
    key = browser_key(shop)
    browse(shop, key, did=5)
    shop.send("/track/user", {"id": 5, "note": shop.key}, Authorization="Bearer secret", Cookie="a=secret")
    with shop.database.read() as session:
        for table in (RefusedReason, RefusedPayload):
            for row in session.scalars(select(table)):
                told = repr([getattr(row, column.name) for column in table.__table__.columns])
                assert "secret" not in told
                assert shop.key[17:] not in told
                assert key[17:] not in told
    assert {sample.row.is_whole for group in groups(shop) for sample in samples(shop, group)} == {True}


def test_workspace_can_keep_nothing_but_counts(shop: Shop, alice: FlaskClient) -> None:
    shop.customer(Points=1)
    shop.customer(Points="before")
    submit(alice, "/settings/workspace", **_settings(keeps_refused=""))
    assert rows(shop.database, RefusedPayload) == 0
    shop.customer(Points="private")
    shop.send("/track/user", {"id": "private", "attributes": {"a": None}})
    shop.send("/rest-api/customer", {"id": "u", "attributes": [{"name": "a", "type": "private", "value": 1}]})
    assert rows(shop.database, RefusedPayload) == 0
    found = groups(shop)
    assert sorted(group.row.count for group in found) == [1, 1, 2]
    assert "private" not in json.dumps([[group.row.words, group.row.sample] for group in found])
    assert all(group.row.words for group in found if group.row.kind == "refused")
    page = alice.get(f"/refused/{found[0].row.id}").text
    assert "This workspace keeps nothing" in page


def test_what_waits_while_a_workspace_stops_keeping_is_not_kept(
    shop: Shop, alice: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting = shop.app.extensions["house"].inbox
    monkeypatch.setattr(waiting, "_interval", 3)
    shop.send("/track/user", {"id": "u", "attributes": {"first": None}})
    shop.send("/track/user", {"id": "u", "attributes": {"private": None}})
    submit(alice, "/settings/workspace", **_settings(keeps_refused=""))
    waiting.flush()
    assert (rows(shop.database, RefusedPayload), sum(group.row.count for group in groups(shop))) == (0, 2)


def _settings(**more: str) -> dict[str, str]:
    usual = {"name": "Shop", "time_zone": "UTC", "default_region": "IN", "placeholder_ids": "0", "merges_a_day": "20"}
    return {**usual, "order_event": "", "amount_attribute": "", **more}


def test_only_the_newest_payloads_of_a_reason_are_kept(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbox, "MOST_KEPT", 3)
    for number in range(7):
        shop.send("/track/user", {"id": 5, "number": number})
    group, found = one(shop)
    assert (group.row.count, [sample.value["number"] for sample in found]) == (7, [6, 5, 4])


def test_what_says_itself_when_it_was_is_kept_once_however_often_it_comes(shop: Shop) -> None:
    for _ in range(3):
        shop.send("/track/event/v2", {"customerId": "u1", "name": "", "time": NOON, "attributes": []})
        shop.send("/rest-api/event", {"customerId": "u1", "name": ""}, Idempotency_Key="k")
        shop.send("/rest-api/event", {"customerId": "u2", "name": ""})
    by_path = {group.row.endpoint: group for group in groups(shop)}
    assert {path: group.row.count for path, group in by_path.items()} == {"/track/event/v2": 3, "/rest-api/event": 6}
    assert len(samples(shop, by_path["/track/event/v2"])) == 1
    assert len(samples(shop, by_path["/rest-api/event"])) == 1 + 3


def clock_moves_on() -> None:
    """Wait for the next millisecond."""
    now = clock.now()
    while clock.now() == now:
        pass


def test_bytes_of_a_workspace_are_bounded(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbox, "MOST_BYTES", 10_000)
    monkeypatch.setattr(inbox, "LARGEST", 5_000)
    for number in range(8):
        shop.send("/track/user", {"id": 5, "number": number, "x": "y" * 3_000})
        clock_moves_on()
    shop.send("/track/user", {"id": 5, "number": 8, "x": "y" * 300_000})
    group, found = one(shop)
    assert group.row.count == 9
    assert sum(sample.row.byte_count for sample in found) <= 10_000
    assert [sample.row.is_whole for sample in found] == [False, True]


def test_reasons_that_are_too_many_become_one(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbox, "MOST_REASONS", 3)
    for number in range(6):
        shop.send("/track/user", {"id": "u1", "attributes": {f"a{number}": None}})
    shop.send("/track/user", {"id": "u1", "attributes": {"a0": None}})
    found = {group.row.code: group.row.count for group in groups(shop) if group.row.code == "other"}
    assert (found, len(groups(shop))) == ({"other": 3}, 4)


def test_flood_costs_one_transaction_a_second(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shop.app.extensions["house"], "inbox", Inbox(shop.database, 0.3))
    transactions = []
    transact = shop.database.transact

    def counting(work: Any) -> Any:
        transactions.append(work)
        return transact(work)

    monkeypatch.setattr(shop.database, "transact", counting)
    for number in range(40):
        shop.send("/track/user", {"id": 5, "number": number})
        if number == 0:
            assert one(shop)[0].row.count == 1  # the first is written before its answer goes out
    _wait_for_timers()
    assert one(shop)[0].row.count == 40
    assert len(transactions) < 10


def _wait_for_timers() -> None:
    for thread in threading.enumerate():
        if isinstance(thread, threading.Timer):
            thread.join(60)


def test_refusal_is_answered_also_when_it_can_not_be_written(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shop.app.extensions["house"], "inbox", Inbox(shop.database, 0.05))

    def fail(_: Any) -> None:
        raise OperationalError("", None, Exception("database or disk is full"))

    with monkeypatch.context() as patch:
        patch.setattr(shop.database, "transact", fail)
        for _ in range(3):
            assert shop.send("/track/user", {"id": 5}).status_code == 422
    _wait_for_timers()
    assert one(shop)[0].row.count == 3


def test_mistake_of_ours_in_writing_does_not_reach_the_client(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbox, "write", lambda *_: 1 / 0)
    assert shop.send("/track/user", {"id": 5}).status_code == 422
    monkeypatch.setattr(shop.app.extensions["house"].inbox, "note", lambda *_: 1 / 0)
    assert shop.send("/track/user", {"id": 5}).status_code == 422


def test_what_is_the_servers_fault_is_no_refusal(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: Any) -> None:
        raise OperationalError("", None, Exception("gone"))

    with monkeypatch.context() as patch:
        patch.setattr(shop.database, "transact", fail)
        assert shop.send("/track/user", SMALLEST["/track/user"]).status_code == 503
    assert shop.app.test_client().post("/track/user", json={}).status_code == 401
    assert groups(shop) == []


def test_hours_are_counted(shop: Shop) -> None:
    shop.customer(Points=1)
    shop.customer(Points="many")
    for _ in range(3):
        shop.send("/track/user", {})
    shop.send("/api/v1/batch", {"changes": [BAD_EVENT] * 5})
    now = clock.now()
    with shop.database.read() as session:
        counted = refused.by_hour(session, shop.workspace.id, now - clock.HOUR)
        ignored = refused.by_hour(session, shop.workspace.id, now - clock.HOUR, "ignored")
    assert sum(counted.values()) == 8
    assert sum(ignored.values()) == 1
    assert all(now - 2 * clock.HOUR < hour <= now and hour % clock.HOUR == 0 for hour in counted)


def test_old_ones_are_forgotten(shop: Shop) -> None:
    shop.send("/track/user", {})
    shop.send("/track/user", {"id": 5})
    old = clock.now() - refused.LIFETIME - clock.DAY
    with shop.database.write() as session:
        for table, column in (("refused_reasons", "last_at"), ("refused_payloads", "received_at")):
            code = "WHERE code = 'any.required'" if table == "refused_reasons" else ""
            session.execute(text(f"UPDATE {table} SET {column} = {old} {code}"))  # noqa: S608 - our own words
        session.execute(text(f"UPDATE refused_hours SET hour = {old // clock.HOUR}"))  # noqa: S608
        refused.forget_old(session, shop.workspace.id)
    assert [group.row.code for group in groups(shop)] == ["string.base"]
    assert rows(shop.database, RefusedPayload) == rows(shop.database, RefusedHour) == 0


def test_of_too_many_reasons_the_oldest_are_forgotten(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refused, "MOST_REASONS", 2)
    for number in range(4):
        shop.send("/track/user", {"id": "u1", "attributes": {f"a{number}": None}})
        clock_moves_on()
    with shop.database.write() as session:
        refused.forget_old(session, shop.workspace.id)
    assert [group.row.place for group in groups(shop)] == ["attributes.a3", "attributes.a2"]


def test_two_writers_lose_no_count(shop: Shop) -> None:
    inboxes = [Inbox(shop.database, 0) for _ in range(4)]

    def send(box: Inbox) -> None:
        shop.app.extensions["house"].inbox = box
        for number in range(10):
            shop.send("/track/user", {"id": 5, "number": number})
            shop.send("/track/user", {})

    threads = [threading.Thread(target=send, args=(box,)) for box in inboxes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [group.row.count for group in groups(shop)] == [40, 40]
    assert db.trouble(ValueError()) is None
