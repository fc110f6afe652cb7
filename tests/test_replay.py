"""What was refused or ignored can be sent again once its cause is mended: neither lost nor stored twice."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text

from tests.test_refused import BAD_EVENT, browse, browser_key, clock_moves_on, groups, one, samples
from tests.visitors import T0
from tests.world import NOON, Shop, rows, stored
from webapp import clock, devices, refused, replay
from webapp.api import ENDPOINTS
from webapp.db import Base, Database
from webapp.models import AttributeType, Event, IgnoredValue, RefusedPayload, Workspace
from webapp.refused import Group, Sample
from webapp.replay import Result

# Of each endpoint a body that is refused as long as `0` is no customer's id.
DISALLOWED: dict[str, dict[str, Any]] = {
    "/rest-api/customer": {"id": "0", "attributes": [{"name": "City", "type": "string", "value": "Pune"}]},
    "/rest-api/event": {"customerId": "0", "name": "Purchased"},
    "/track/user": {"id": "0", "attributes": {"City": "Pune"}},
    "/track/event": {"customerId": "0", "name": "Purchased", "time": NOON, "attributes": {}},
    "/track/event/v2": {"customerId": "0", "name": "Purchased", "time": NOON, "attributes": {}},
    "/mcrs_appl_v1": {"did": "0", "timestamp": NOON},
    "/msv_cevt": {"did": "0", "name": "Purchased", "timestamp": NOON},
    "/msv_cs_id": {"did": "d1", "clientCustomerId": "0", "timestamp": NOON},
    "/logout": {"did": "0"},
    "/mpush_token": {"did": "0", "token": "t1"},
    "/api/v1/batch": {"changes": [{"type": "event", "customerId": "0", "name": "Purchased"}]},
}


def mend(shop: Shop) -> None:
    """Let every id be one."""
    with shop.database.write() as session:
        session.get_one(Workspace, shop.workspace.id).placeholder_ids = ""


def again(shop: Shop, group: Group, some: list[Sample] | None = None, *, is_rehearsal: bool = False) -> list[Result]:
    """Send some or all of a group again."""
    chosen = samples(shop, group) if some is None else some
    house = shop.app.extensions["house"]
    with shop.database.read() as session:
        workspace = session.get_one(Workspace, shop.workspace.id)
    return [result for _, result in replay.several(house, workspace, group, chosen, is_rehearsal=is_rehearsal)]


def states(results: list[Result]) -> list[str]:
    """What became of each."""
    return [result.state for result in results]


@pytest.mark.parametrize("path", ENDPOINTS)
def test_whatever_was_refused_can_be_sent_again(shop: Shop, path: str) -> None:
    if path == "/api/v1/browser":
        message = {"id": "m1", "type": "identify", "time": clock.now(), "userId": "0"}
        browse(shop, browser_key(shop), message)
    else:
        shop.send(path, DISALLOWED[path])
    group, _ = one(shop)
    assert states(again(shop, group)) == ["refused"]
    assert (one(shop)[1][0].row.tries, sum(stored(shop.database).values())) == (1, 0)
    mend(shop)
    before = contents(shop.database)
    assert states(again(shop, group, is_rehearsal=True)) == ["stored"]
    assert contents(shop.database) == before
    assert states(again(shop, group)) == ["stored"]
    assert sum(stored(shop.database).values()) > 0
    group, kept = one(shop)
    assert (group.row.count, group.row.replayed_count, kept) == (1, 1, [])


def contents(database: Database) -> dict[str, list[Any]]:
    """Every row of every table."""
    with database.engine.connect() as connection:
        return {
            table.name: sorted(map(repr, connection.execute(select(table)))) for table in Base.metadata.sorted_tables
        }


def test_event_without_a_time_happened_when_it_came_first(shop: Shop) -> None:
    for _ in range(3):
        shop.send("/rest-api/event", DISALLOWED["/rest-api/event"])
    group, kept = one(shop)
    mend(shop)
    clock_moves_on()
    assert states(again(shop, group)) == ["stored"] * 3
    found = shop.events("0")
    assert [event.reported_at for event in found] == [sample.row.received_at for sample in kept]
    assert len(found) == 3
    assert all(event.received_at > event.reported_at for event in found)


def test_equal_events_of_one_batch_stay_as_many(shop: Shop) -> None:
    shop.send("/api/v1/batch", {"changes": [{"type": "event", "customerId": "0", "name": "Purchased"}] * 5})
    shop.send("/api/v1/batch?strict=1", {"changes": [{"type": "event", "customerId": "0", "name": "Purchased"}] * 5})
    mend(shop)
    for group in groups(shop):
        assert set(states(again(shop, group))) == {"stored"}
    assert len(shop.events("0")) == 10


def test_older_value_does_not_replace_a_newer_one(shop: Shop) -> None:
    shop.send("/track/user", {"id": "0", "attributes": {"City": "Pune"}})
    group, _ = one(shop)
    mend(shop)
    clock_moves_on()
    shop.send("/track/user", {"id": "0", "attributes": {"City": "Goa"}})
    assert states(again(shop, group)) == ["stored"]
    assert shop.attributes("0")["City"] == ("string", "Goa")


def test_idempotency_key_holds_for_both_ways(shop: Shop) -> None:
    body = DISALLOWED["/rest-api/event"]
    for key in ("a", "b"):
        shop.send("/rest-api/event", body, Idempotency_Key=key)
    group, _ = one(shop)
    mend(shop)
    assert shop.send("/rest-api/event", body, Idempotency_Key="a").status_code == 200
    assert states(again(shop, group)) == ["stored", "stored"]
    assert shop.send("/rest-api/event", body, Idempotency_Key="b").status_code == 200
    assert len(shop.events("0")) == 2


def test_one_that_is_sent_again_twice_is_stored_once(shop: Shop) -> None:
    shop.send("/rest-api/event", DISALLOWED["/rest-api/event"])
    group, kept = one(shop)
    mend(shop)
    assert states(again(shop, group, kept)) == ["stored"]
    assert states(again(shop, group, kept)) == ["gone"]
    assert rows(shop.database, Event) == 1


def test_those_who_send_again_at_once_store_it_once(shop: Shop) -> None:
    for number in range(10):
        shop.send("/rest-api/event", DISALLOWED["/rest-api/event"] | {"name": f"Event {number}"})
    group, kept = one(shop)
    mend(shop)
    ends: list[str] = []
    crowd = [threading.Thread(target=lambda: ends.extend(states(again(shop, group, kept)))) for _ in range(4)]
    for thread in crowd:
        thread.start()
    for thread in crowd:
        thread.join()
    assert (ends.count("stored"), ends.count("gone"), rows(shop.database, Event)) == (10, 30, 10)


def test_some_of_a_group_may_still_be_at_fault(shop: Shop) -> None:
    for name in ("Purchased", ""):
        shop.send("/rest-api/event", {"customerId": "0", "name": name})
    group, _ = one(shop)
    mend(shop)
    results = again(shop, group)
    assert states(results) == ["stored", "refused"]
    assert results[1].faults == ['"name" is empty']
    assert [sample.row.tries for sample in samples(shop, group)] == [1]


def test_browsers_body_is_stored_as_a_whole_or_not(shop: Shop) -> None:
    key, now = browser_key(shop), clock.now()
    messages = [{"id": f"m{number}", "type": "event", "time": now, "name": f"V{number}"} for number in range(3)]
    browse(shop, key, *messages, sentAt="now")
    browse(shop, key, *messages, origin="https://new.example", sentAt=now)
    browse(shop, key, *messages[:2], {"id": "m3", "type": "event"}, origin="https://new.example", sentAt=now)
    with shop.database.write() as session:
        session.get_one(Workspace, shop.workspace.id).allowed_origins = "https://new.example"
    assert states(again(shop, one(shop, place="sentAt")[0])) == ["refused"]
    group, _ = one(shop, place="headers.Origin")
    assert states(again(shop, group)) == ["stored", "refused"]
    assert rows(shop.database, Event) == 3
    assert len(samples(shop, group)) == 1


def test_clock_of_a_browser_is_read_as_it_was_then(shop: Shop) -> None:
    key, slow = browser_key(shop), clock.now() - 5 * clock.HOUR
    browse(shop, key, {"id": "m1", "type": "identify", "time": slow, "userId": "0"}, sentAt=slow)
    browse(shop, key, {"id": "m2", "type": "event", "time": slow, "name": "Viewed"}, sentAt=slow)
    with shop.database.write() as session:
        session.execute(text(f"UPDATE refused_payloads SET received_at = {slow + 2 * clock.HOUR}"))  # noqa: S608
    mend(shop)
    group, _ = one(shop)
    assert states(again(shop, group)) == ["stored"]
    with shop.database.read() as session:
        known = devices_clock(session, shop)
        (at,) = session.scalars(select(Event.reported_at)).all()
    assert abs(known - 5 * clock.HOUR) < clock.MINUTE  # as it was measured last
    assert abs(at - clock.now()) < clock.MINUTE
    assert T0


def devices_clock(session: Any, shop: Shop) -> int:
    """How wrong the browser's clock is."""
    return devices.clock_skew(session, shop.workspace.id, "0123456789abcdef")


def test_ignored_values_are_stored_once_their_type_is_right(shop: Shop) -> None:
    shop.customer("u1", Points=1)
    shop.customer("u1", Points="many")
    shop.customer("u2", Points="few")
    group, kept = one(shop, kind="ignored")
    assert states(again(shop, group)) == ["ignored", "ignored"]
    assert rows(shop.database, RefusedPayload) == 2
    _set_type(shop, "Points", "string")
    assert states(again(shop, group, is_rehearsal=True)) == ["stored", "stored"]
    assert states(again(shop, group)) == ["stored", "stored"]
    assert (shop.attributes("u1")["Points"][1], shop.attributes("u2")["Points"][1]) == ("many", "few")
    assert rows(shop.database, RefusedPayload) == rows(shop.database, IgnoredValue) == 0
    with shop.database.read() as session:
        at = session.execute(text("SELECT reported_at FROM attribute_values WHERE value = '\"few\"'")).scalar_one()
    assert at == min(sample.row.received_at for sample in kept if sample.value == "few")


def _set_type(shop: Shop, name: str, type_: str) -> None:
    with shop.database.write() as session:
        session.get_one(AttributeType, (shop.workspace.id, "", name)).type = type_
        session.info["remembered"].clear()


def test_value_ignored_on_a_device_goes_to_whoever_was_on_it(shop: Shop) -> None:
    shop.customer("u1", Points=1)
    key, now = browser_key(shop), clock.now()
    browse(shop, key, {"id": "m1", "type": "attributes", "time": now, "attributes": {"Points": "many"}}, sentAt=now)
    browse(shop, key, {"id": "m2", "type": "identify", "time": now + 1, "userId": "u1"}, sentAt=now)
    _set_type(shop, "Points", "string")
    group, _ = one(shop, kind="ignored")
    assert states(again(shop, group)) == ["stored"]
    assert shop.attributes("u1")["Points"][1] == "many"


def test_values_of_events_and_what_is_cut_stay(shop: Shop) -> None:
    shop.event(Amount=1)
    shop.event(Amount="much")
    shop.send("/track/user", b'{"id": "u1"' + b" " * 1_000_000)
    for group in groups(shop):
        assert states(again(shop, group)) == ["cut"]
    assert rows(shop.database, RefusedPayload) == 2


def test_strangers_have_no_reasons(shop: Shop, other_shop: Shop) -> None:
    shop.send("/track/user", {})
    group, _ = one(shop)
    with shop.database.read() as session, pytest.raises(refused.NotFoundError):
        refused.get(session, other_shop.workspace.id, str(group.row.id))


_KILLED = """
import os, sys
from tests.conftest import settings_for
from webapp import create_app, refused, replay
from webapp.refused import Filter
from webapp.models import Workspace
app = create_app(settings_for(sys.argv[1]))
house = app.extensions["house"]
left = int(sys.argv[2])
take = refused.take
commit = house.database._attempt
def attempt(work, done):
    global left
    left -= 1
    result = commit(work, done)
    if left == 0 and sys.argv[3] == "after":
        os.kill(os.getpid(), 9)
    return result
def taking(session, row):
    took = take(session, row)
    if left == 0 and sys.argv[3] == "before":
        session.flush()
        os.kill(os.getpid(), 9)
    return took
house.database._attempt = attempt
refused.take = taking
with house.database.read() as session:
    workspace = session.get_one(Workspace, int(sys.argv[4]))
    (group,) = refused.find(session, workspace, Filter(), None)
    kept = refused.samples(session, group)
replay.several(house, workspace, group, kept, is_rehearsal=False)
"""


@pytest.mark.parametrize("when", ["before", "after"])
def test_kill_in_the_middle_loses_and_doubles_nothing(shop: Shop, database_url: str, when: str) -> None:
    for number in range(5):
        shop.send("/rest-api/event", DISALLOWED["/rest-api/event"] | {"name": f"Event {number}"})
    mend(shop)
    told = [sys.executable, "-c", _KILLED, database_url, "3", when, str(shop.workspace.id)]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
    done = subprocess.run(told, env=environment, capture_output=True, timeout=60, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    group, kept = one(shop)
    assert len(kept) + rows(shop.database, Event) == 5
    assert rows(shop.database, Event) == (3 if when == "after" else 2)
    assert states(again(shop, group)) == ["stored"] * len(kept)
    assert sorted(event.name for event in shop.events("0")) == [f"Event {number}" for number in range(5)]


def test_refused_changes_are_sent_as_they_came(shop: Shop) -> None:
    shop.send("/api/v1/batch", {"changes": [BAD_EVENT]})
    (result,) = again(shop, one(shop)[0])
    assert result.faults == ['"changes[0].name" must be a string, not a number']
