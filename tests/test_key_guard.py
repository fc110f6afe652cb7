"""The key in front of every ingestion endpoint: one answer to all who don't carry a valid one."""

from typing import Any

import pytest
from sqlalchemy import select

from tests.world import SMALLEST, Shop, stored
from webapp import keys
from webapp.models import ApiKey

every_endpoint = pytest.mark.parametrize("path", list(SMALLEST))


def _answer(shop: Shop, path: str, key: str | None, body: Any = None) -> tuple[int, Any, str | None]:
    headers = {} if key is None else {"x-growlytics-key": key}
    answer = shop.app.test_client().post(path, json=SMALLEST[path] if body is None else body, headers=headers)
    return answer.status_code, answer.json, answer.mimetype


def _wrong(key: str) -> list[str]:
    prefix, public_id, secret = key.split("_", 2)
    return [
        "",
        " ",
        "null",
        "a" * 100_000,
        f"Bearer {key}",
        f"{key}x",
        key[:-1],
        key.upper(),
        f"{prefix}_{public_id}",
        f"{prefix}_{public_id}_{'A' * 43}",
        f"{prefix}_{'0' * 12}_{secret}",
        f"{prefix}_{public_id}_{secret[::-1]}",
        f"xyz_{public_id}_{secret}",
        "ключ",
        "\x00",
        "' OR 1=1 --",
    ]


def _revoke(shop: Shop) -> None:
    with shop.database.write() as session:
        for row in keys.of_workspace(session, shop.workspace.id):
            keys.revoke(session, shop.workspace.id, row.public_id)


@every_endpoint
def test_missing_malformed_unknown_and_revoked_keys_get_the_same_401(shop: Shop, path: str) -> None:
    before = stored(shop.database)
    answers = [_answer(shop, path, key) for key in (None, *_wrong(shop.key))]
    _revoke(shop)
    answers.append(_answer(shop, path, shop.key))
    status, body, mimetype = answers[0]
    assert (status, mimetype) == (401, "application/json")
    assert body["type"] == "AuthenticationError"
    assert [(one["path"], one["type"]) for one in body["details"]] == [(["headers", "x-growlytics-key"], "key.invalid")]
    assert answers == [answers[0]] * len(answers)
    assert stored(shop.database) == before


def test_key_is_asked_for_before_the_body_is_read(shop: Shop) -> None:
    for body in ({}, {"id": 5}):
        assert _answer(shop, "/track/user", "wrong", body)[0] == 401
    too_large = shop.app.test_client().post("/track/user", data=b" " * 1_000_001)
    assert too_large.status_code == 401


def test_spaces_around_the_key_and_its_headers_letter_case_do_not_matter(shop: Shop) -> None:
    for name in ("x-growlytics-key", "X-Growlytics-Key", "X-GROWLYTICS-KEY"):
        headers = {name: f" {shop.key} "}
        answer = shop.app.test_client().post("/track/user", json=SMALLEST["/track/user"], headers=headers)
        assert answer.json == {"success": True}


def test_key_opens_its_own_workspace_only(shop: Shop, other_shop: Shop) -> None:
    shop.customer("mine")
    other_shop.customer("theirs")
    assert shop.find("mine").workspace_id == shop.workspace.id
    assert other_shop.find("theirs").workspace_id == other_shop.workspace.id


def test_revoking_one_key_leaves_the_others(shop: Shop) -> None:
    with shop.database.write() as session:
        row, second = keys.create(session, shop.workspace.id, "Second")
        keys.revoke(session, shop.workspace.id, row.public_id)
    assert _answer(shop, "/track/user", second)[0] == 401
    assert _answer(shop, "/track/user", shop.key)[0] == 200


def test_use_of_a_key_is_noted(shop: Shop) -> None:
    assert _answer(shop, "/track/user", "wrong")[0] == 401
    with shop.database.read() as session:
        assert session.scalars(select(ApiKey.last_used_at)).all() == [None]
    shop.customer()
    with shop.database.read() as session:
        (used_at,) = session.scalars(select(ApiKey.last_used_at)).all()
    assert used_at is not None


def test_secret_is_kept_only_as_a_hash(shop: Shop) -> None:
    with shop.database.read() as session:
        row = session.scalars(select(ApiKey)).one()
        kept = [str(getattr(row, column.key)) for column in ApiKey.__table__.columns]
    secret = shop.key.split("_", 2)[2]
    assert not any(secret in text for text in kept)
