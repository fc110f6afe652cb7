"""Trying passwords: few a minute, whoever tries from wherever, and the owner gets in all the same (S6)."""

import re
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import orjson
import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from tests.world import PASSWORD, Clock, Shop, rows, submit
from webapp import clock, config, create_app, throttles, users
from webapp.models import AuditEntry, Membership, Throttle
from webapp.pages import tries

EMAIL, OWNER = "alice@shop.example", "198.51.100.7"
WRONG = "wrong password here"
EACH_TIME_ANOTHER = {"Set-Cookie", "X-Request-Id", "Content-Length"}


@pytest.fixture
def tried(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """When a password was really compared, epoch ms."""
    times: list[int] = []
    verifies = users._verifies

    def noted(password: str, kept: str) -> bool:
        times.append(clock.now())
        return verifies(password, kept)

    monkeypatch.setattr(users, "_verifies", noted)
    return times


@pytest.fixture
def server(shop: Shop, alice: FlaskClient, database_url: str) -> Iterator[Flask]:
    """Another server on Alice's database, which trusts a proxy on the same machine."""
    told = {"database_url": database_url, "secret_key": "a secret for tests only", "trusted_proxies": "127.0.0.1"}
    app = create_app(config.load(_env_file=None, **told))
    app.config["WTF_CSRF_ENABLED"] = False  # a thousand forms needn't be fetched first
    yield app
    app.extensions["database"].engine.dispose()


def _try(browser: FlaskClient, password: str = WRONG, email: str = EMAIL, address: str = "203.0.113.1") -> TestResponse:
    return browser.post("/login", data={"email": email, "password": password}, headers={"X-Forwarded-For": address})


def _in_a_minute(times: list[int]) -> int:
    """The most of these times that lie within any minute."""
    return max(sum(start <= time < start + clock.MINUTE for time in times) for start in times)


@pytest.mark.parametrize("number", [1, 50])
def test_a_thousand_wrong_passwords_are_hardly_tried_and_the_owner_gets_in(
    server: Flask, hands: Clock, tried: list[int], number: int
) -> None:
    owners = server.test_client()
    assert _try(owners, PASSWORD, address=OWNER).status_code == 302
    tried.clear()
    answers: Counter[int] = Counter()
    for place in range(1000):
        hands.wait(300)
        answers[_try(server.test_client(), address=f"203.0.113.{place % number}").status_code] += 1
        if place % 250 == 100:
            before = len(tried)
            assert _try(owners, PASSWORD, address=OWNER).status_code == 302, "a browser that is known isn't held up"
            del tried[before:]
    assert set(answers) == {422, 429}
    assert answers[422] == len(tried)
    assert 5 <= _in_a_minute(tried) <= 10
    assert len(tried) < 20
    refused = _try(server.test_client(), PASSWORD, address="198.51.100.8")
    wait = int(refused.headers["Retry-After"])
    assert refused.status_code == 429
    assert wait <= 4 * 60
    hands.wait(wait * clock.SECOND)
    assert _try(server.test_client(), PASSWORD, address="198.51.100.8").status_code == 302, "a fresh browser, later"


def test_whoever_goes_on_for_a_day_tries_few(server: Flask, hands: Clock, tried: list[int]) -> None:
    for _ in range(24 * 60):
        hands.wait(clock.MINUTE)
        _try(server.test_client(), address=f"203.0.113.{hands.at % 250}")
    assert len(tried) < 24 * 16


def test_refused_try_is_not_looked_at_and_prolongs_nothing(server: Flask, hands: Clock, tried: list[int]) -> None:
    for _ in range(5):
        assert _try(server.test_client()).status_code == 422
    for passed in range(9):
        answer = _try(server.test_client(), PASSWORD)
        assert (answer.status_code, answer.headers["Retry-After"]) == (429, str(10 - passed))
        assert f"Wait {10 - passed} s, then go back and try again" in answer.text
        hands.wait(clock.SECOND)
    assert len(tried) == 5
    hands.wait(clock.SECOND)
    assert _try(server.test_client(), PASSWORD).status_code == 302


def test_wait_grows_to_four_minutes_and_fades(server: Flask, hands: Clock) -> None:
    waits = []
    for _ in range(16):
        while (answer := _try(server.test_client())).status_code == 429:
            waits.append(int(answer.headers["Retry-After"]))
            hands.wait(waits[-1] * clock.SECOND)
    assert (waits[:4], waits[-3:]) == ([10, 20, 40, 80], [240] * 3)
    assert waits == sorted(waits)
    hands.wait(clock.HOUR)
    assert [_try(server.test_client()).status_code for _ in range(6)] == [422] * 5 + [429]


def test_spelling_of_an_account_makes_no_other_of_it(server: Flask, hands: Clock, tried: list[int]) -> None:
    for email in (
        "alice@shop.example",
        "ALICE@shop.example",
        " alice@shop.example",
        "alice@shop.example\0",
        "Alice@Shop.Example",
    ):
        _try(server.test_client(), email=email)
    assert len(tried) == 5
    assert _try(server.test_client(), PASSWORD).status_code == 429


def test_one_address_tries_few_passwords_for_many_accounts(server: Flask, hands: Clock, tried: list[int]) -> None:
    for number in range(200):
        hands.wait(100)
        _try(server.test_client(), email=f"somebody{number}@shop.example")
    assert len(tried) <= 21
    assert _try(server.test_client(), PASSWORD, address=OWNER).status_code == 302, "others aren't concerned"


def test_own_account_takes_no_wrong_tries_from_an_address(server: Flask, hands: Clock, tried: list[int]) -> None:
    for number in range(60):
        _try(server.test_client(), PASSWORD)
        _try(server.test_client(), email=f"somebody{number}@shop.example")
    assert len(tried) <= 2 * 20


def test_right_passwords_hold_nobody_up(server: Flask, hands: Clock) -> None:
    assert {_try(server.test_client(), PASSWORD).status_code for _ in range(40)} == {302}
    assert [_try(server.test_client()).status_code for _ in range(6)] == [422] * 5 + [429]


def test_two_servers_count_together(shop: Shop, server: Flask, hands: Clock, tried: list[int]) -> None:
    for _ in range(5):
        _try(server.test_client())
    shop.app.config["WTF_CSRF_ENABLED"] = False
    assert shop.app.test_client().post("/login", data={"email": EMAIL, "password": PASSWORD}).status_code == 429


@pytest.mark.parametrize(("before", "most"), [(0, 5), (5, 1)])
def test_of_tries_at_once_none_slips_through(
    server: Flask, hands: Clock, tried: list[int], before: int, most: int
) -> None:
    for _ in range(before):
        _try(server.test_client())
    hands.wait(10 * clock.SECOND)
    tried.clear()
    barrier = Barrier(12)

    def at_once(number: int) -> int:
        browser = server.test_client()
        barrier.wait(60)
        return _try(browser, address=f"203.0.113.{number}").status_code

    with ThreadPoolExecutor(12) as threads:
        answers = Counter(threads.map(at_once, range(12)))
    assert answers == {422: most, 429: 12 - most}
    assert len(tried) == most


def _masked(answer: TestResponse) -> tuple[int, str, list[tuple[str, str]]]:
    """An answer without what is different each time."""
    text = re.sub(r'name="csrf_token" value="[^"]+"|[a-z]+@shop\.example', "", answer.text)
    told = sorted(
        (name, value) for name, value in answer.headers if name not in {"Set-Cookie", "X-Request-Id", "Content-Length"}
    )
    return answer.status_code, text, told


def test_account_that_is_not_there_behaves_like_one_that_is(
    shop: Shop, alice: FlaskClient, hands: Clock, tried: list[int]
) -> None:
    told, hashes = [], []
    for email in (EMAIL, "nobody@shop.example"):
        answers = []
        for _ in range(8):
            answers.append(_masked(submit(shop.app.test_client(), "/login", email=email, password=WRONG)))
            hands.wait(4 * clock.SECOND)
        told.append(answers)
        hashes.append(len(tried))
        tried.clear()
        hands.wait(clock.DAY)
    assert told[0] == told[1]
    assert hashes[0] == hashes[1]
    assert {status for status, _, _ in told[0]} == {422, 429}


def _cookies(browser: FlaskClient) -> dict[str, str]:
    """The cookies of known browsers, by name."""
    return {key[2]: one.value for key, one in (browser._cookies or {}).items() if "known" in key[2]}


def test_cookie_of_a_known_browser_is_out_of_reach_and_tells_nothing(shop: Shop, alice: FlaskClient) -> None:
    browser = shop.app.test_client()
    answer = submit(browser, "/login", email=EMAIL, password=PASSWORD)
    (cookie,) = (one for one in answer.headers.getlist("Set-Cookie") if "known" in one)
    for part in ("HttpOnly", "Path=/login", "SameSite=Strict", "Max-Age=31536000"):
        assert part in cookie
    assert "alice" not in cookie


def _held_up(app: Flask) -> None:
    while _try(app.test_client()).status_code != 429:
        pass


def test_cookie_of_another_account_is_worthless(server: Flask, shop: Shop, bob: FlaskClient, hands: Clock) -> None:
    bobs = server.test_client()
    _try(bobs, PASSWORD, "bob@shop.example")
    alices = server.test_client()
    _try(alices, PASSWORD)
    ((name, _),), ((_, value),) = _cookies(alices).items(), _cookies(bobs).items()
    _held_up(server)
    thief = server.test_client()
    thief.set_cookie(name, value, path="/login")
    assert _try(thief, PASSWORD).status_code == 429
    assert _try(alices, PASSWORD).status_code == 302


@pytest.mark.parametrize("where", [0, 20, -1])
def test_tampered_cookie_is_a_strangers(server: Flask, hands: Clock, where: int) -> None:
    known = server.test_client()
    _try(known, PASSWORD)
    ((name, value),) = _cookies(known).items()
    letters = list(value)
    letters[where] = "A" if letters[where] != "A" else "Q"
    _held_up(server)
    forged = server.test_client()
    for text in ("".join(letters), value.split(".")[0], "é" * 9, ""):
        forged.set_cookie(name, text, path="/login")
        assert _try(forged, PASSWORD).status_code == 429, text


def test_known_browser_has_its_own_limit(server: Flask, hands: Clock, tried: list[int]) -> None:
    known, other = server.test_client(), server.test_client()
    for browser in (known, other):
        _try(browser, PASSWORD)
    assert [_try(known).status_code for _ in range(6)] == [422] * 5 + [429]
    assert _try(other, PASSWORD).status_code == 302
    assert _try(server.test_client(), PASSWORD).status_code == 302


def test_too_many_at_once_are_not_counted(server: Flask, hands: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(users, "_PATIENCE", 0)
    for _ in range(2):
        users._hashing.acquire()
    try:
        assert {_try(server.test_client(), PASSWORD).status_code for _ in range(9)} == {503}
    finally:
        for _ in range(2):
            users._hashing.release()
    assert _try(server.test_client(), PASSWORD).status_code == 302


def test_rows_tell_nobody_who_was_tried_and_go_in_the_end(shop: Shop, server: Flask, hands: Clock) -> None:
    for number in range(15):
        _try(server.test_client(), email=f"somebody{number}@shop.example", address=f"203.0.113.{number}")
    with shop.database.read() as session:
        keys = session.scalars(select(Throttle.key)).all()
    assert len(keys) == 30
    assert all(re.fullmatch(r"[0-9a-f]{64}", key) for key in keys)
    assert throttles.key("another secret", "password", "account", "somebody0@shop.example") not in keys
    hands.wait(clock.DAY)
    for number in range(2):
        _try(server.test_client(), address=f"203.0.113.{100 + number}")
    assert rows(shop.database, Throttle) == 3


def test_clock_that_was_set_back_locks_nobody_out(server: Flask, hands: Clock) -> None:
    _held_up(server)
    hands.wait(-clock.DAY)
    assert _try(server.test_client(), PASSWORD).status_code == 302


@pytest.mark.parametrize(
    ("one", "other", "are_same"),
    [
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("", "unknown", False),
    ],
)
def test_ipv6_line_is_one_address(one: str, other: str, are_same: bool) -> None:
    assert (tries.network(one) == tries.network(other)) is are_same


def _noted(shop: Shop, action: str) -> list[AuditEntry]:
    with shop.database.read() as session:
        return list(session.scalars(select(AuditEntry).where(AuditEntry.action == action).order_by(AuditEntry.id)))


def test_wrong_passwords_are_noted_once_for_many(shop: Shop, server: Flask, hands: Clock) -> None:
    for _ in range(100):
        hands.wait(clock.SECOND)
        _try(server.test_client())
        _try(server.test_client(), email="nobody@shop.example", address="203.0.113.9")
    (entry,) = _noted(shop, "login.failed")
    assert (entry.target, entry.actor, entry.user_id, entry.address) == (EMAIL, "stranger", None, "203.0.113.1")
    assert (entry.workspace_id, orjson.loads(entry.details)) == (shop.workspace.id, {"step": "password"})
    hands.wait(clock.DAY)
    _try(server.test_client())
    assert len(_noted(shop, "login.failed")) == 2


def test_login_is_noted_in_all_workspaces_of_the_user(
    shop: Shop, other_shop: Shop, server: Flask, hands: Clock
) -> None:
    with shop.database.write() as session:
        user = users.find(session, EMAIL)
        assert user is not None
        session.add(Membership(user_id=user.id, workspace_id=other_shop.workspace.id, role="viewer"))
    _try(server.test_client(), PASSWORD, address=OWNER)
    entries = _noted(shop, "login.succeeded")[-2:]
    assert [one.workspace_id for one in entries] == [shop.workspace.id, other_shop.workspace.id]
    assert {(one.actor, one.user_id, one.address) for one in entries} == {(EMAIL, user.id, OWNER)}


def test_current_password_is_limited_by_login(shop: Shop, alice: FlaskClient, hands: Clock) -> None:
    other = shop.app.test_client()
    submit(other, "/login", email=EMAIL, password=PASSWORD)
    given = {"new": "an entirely new secret"}
    answers = [submit(alice, "/settings/account", current="wrong", **given) for _ in range(6)]
    assert [one.status_code for one in answers] == [422] * 5 + [429]
    assert answers[-1].headers["Retry-After"] == "10"
    assert submit(other, "/settings/account", current=PASSWORD, **given).status_code == 302
