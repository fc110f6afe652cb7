"""The Idempotency-Key: a retry is harmless, and a key belongs to one request."""

from typing import Any

import pytest

from tests.world import SMALLEST, Shop, faults, is_taken, rows, stored
from webapp import clock
from webapp.ingest import retries
from webapp.models import ApiKey, Event, IdempotencyKey

every_endpoint = pytest.mark.parametrize("path", list(SMALLEST))
PLACE = ("headers", "Idempotency-Key")
EVENT = "/rest-api/event"


@every_endpoint
def test_retry_gets_the_same_answer_and_changes_nothing(shop: Shop, path: str) -> None:
    first = shop.send(path, SMALLEST[path], Idempotency_Key="k1")
    before = stored(shop.database)
    retries = [shop.send(path, SMALLEST[path], Idempotency_Key="k1") for _ in range(3)]
    assert [one.get_data() for one in (first, *retries)] == [first.get_data()] * 4
    assert is_taken(first)
    assert stored(shop.database) == before


def test_retry_of_an_event_without_a_time_is_stored_once(shop: Shop) -> None:
    for _ in range(3):
        shop.send(EVENT, SMALLEST[EVENT], Idempotency_Key="k1")
    shop.send(EVENT, SMALLEST[EVENT], Idempotency_Key="k2")
    assert rows(shop.database, Event) == 2


def test_late_retry_does_not_undo_a_later_update(shop: Shop) -> None:
    early = {"id": "u1", "attributes": {"plan": "free"}}
    shop.send("/track/user", early, Idempotency_Key="k1")
    shop.customer(plan="paid")
    assert shop.send("/track/user", early, Idempotency_Key="k1").json == {"success": True}
    assert shop.attributes() == {"plan": ("string", "paid")}


def test_retry_hears_again_what_was_ignored(shop: Shop) -> None:
    shop.customer(age=7)
    body = {"id": "u1", "attributes": {"age": "seven"}}
    answers = [shop.send("/track/user", body, Idempotency_Key="k1").json for _ in range(2)]
    told = [{"name": "age", "expected": "number", "received": "string"}]
    assert answers == [{"success": True, "ignored": told}] * 2


@every_endpoint
def test_key_of_another_body_is_refused(shop: Shop, path: str) -> None:
    shop.send(path, SMALLEST[path], Idempotency_Key="k1")
    before = stored(shop.database)
    other = SMALLEST[path] | {"note": 1}
    assert faults(shop.send(path, other, Idempotency_Key="k1")) == [(PLACE, "idempotency.reused")]
    assert stored(shop.database) == before
    assert is_taken(shop.send(path, SMALLEST[path], Idempotency_Key="k1"))


def test_key_of_another_path_is_refused(shop: Shop) -> None:
    body = SMALLEST["/track/event"]
    shop.send("/track/event", body, Idempotency_Key="k1")
    assert faults(shop.send("/track/event/v2", body, Idempotency_Key="k1")) == [(PLACE, "idempotency.reused")]


@every_endpoint
@pytest.mark.parametrize(
    ("key", "type_"),
    [("", "string.empty"), ("  ", "string.empty"), ("k" * 256, "string.max"), ("\0", "string.unicode")],
)
def test_empty_too_long_and_unstorable_keys_are_refused(shop: Shop, path: str, key: str, type_: str) -> None:
    before = stored(shop.database)
    assert faults(shop.send(path, SMALLEST[path], Idempotency_Key=key)) == [(PLACE, type_)]
    assert stored(shop.database) == before


def test_longest_key_is_taken(shop: Shop) -> None:
    for _ in range(2):
        assert shop.send(EVENT, SMALLEST[EVENT], Idempotency_Key="ÿ" * 255).json == {"success": True}
    assert rows(shop.database, Event) == 1


def test_faults_of_key_and_body_are_told_together(shop: Shop) -> None:
    assert faults(shop.send(EVENT, {"name": "n"}, Idempotency_Key=" ")) == [
        (("customerId",), "any.required"),
        (PLACE, "string.empty"),
    ]


@every_endpoint
def test_refused_body_does_not_use_up_the_key(shop: Shop, path: str) -> None:
    bodies: list[Any] = [{}, b"{", b""]
    for body in bodies:
        assert shop.send(path, body, Idempotency_Key="k1").status_code == 422
    assert is_taken(shop.send(path, SMALLEST[path], Idempotency_Key="k1"))


def test_request_past_the_limit_of_attributes_does_not_use_up_the_key(shop: Shop) -> None:
    too_many = {f"a{place}": 1 for place in range(51)}
    answer = shop.send("/track/user", {"id": "u1", "attributes": too_many}, Idempotency_Key="k1")
    assert faults(answer) == [(("attributes",), "attributes.max")]
    assert rows(shop.database, IdempotencyKey) == 0
    answer = shop.send("/track/user", {"id": "u1", "attributes": {}}, Idempotency_Key="k1")
    assert answer.json == {"success": True}


def test_keys_belong_to_their_workspace(shop: Shop, other_shop: Shop) -> None:
    shop.send(EVENT, SMALLEST[EVENT], Idempotency_Key="k1")
    answer = other_shop.send(EVENT, SMALLEST[EVENT] | {"name": "Viewed"}, Idempotency_Key="k1")
    assert answer.json == {"success": True}
    assert other_shop.find().event_count == 1


def test_keys_differ_by_letter_case(shop: Shop) -> None:
    for key in ("k1", "K1"):
        shop.send(EVENT, SMALLEST[EVENT], Idempotency_Key=key)
    assert rows(shop.database, Event) == 2


def test_key_is_forgotten_after_its_lifetime(shop: Shop) -> None:
    shop.send(EVENT, SMALLEST[EVENT], Idempotency_Key="k1")
    with shop.database.write() as session:
        kept = session.get_one(IdempotencyKey, (shop.workspace.id, "k1"))
        kept.created_at = clock.now() - retries.KEY_LIFETIME - clock.SECOND
        session.query(ApiKey).update({ApiKey.last_used_at: kept.created_at})  # tidied once a minute, as keys are used
    shop.send(EVENT, SMALLEST[EVENT] | {"name": "Viewed"}, Idempotency_Key="k1")
    assert rows(shop.database, Event) == 2
