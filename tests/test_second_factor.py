"""The second factor: set up, asked for at every login, each code once, and the ways out for who has lost the app."""

import re
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import orjson
import pyotp
import pytest
from click.testing import CliRunner
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from tests.test_settings import GOOD
from tests.world import PASSWORD, Clock, Shop, rows, submit
from webapp import cli, clock, second_factors, tokens, users
from webapp.models import AuditEntry, Login, RecoveryCode, SecondFactor, User, Workspace
from webapp.pages.login import STEP_LIFETIME

EMAIL = "alice@shop.example"
PAGE = "/settings/account/second-factor"
STEP = 30 * clock.SECOND
WRONG = "no code"


def _code(secret: str, steps: int = 0) -> str:
    return pyotp.TOTP(secret).generate_otp(clock.now() // STEP + steps)


def _begun(browser: FlaskClient, password: str = PASSWORD) -> tuple[str, str]:
    """The secret that is shown, and the form's own field."""
    answer = submit(browser, f"{PAGE}/setup", form_on=PAGE, password=password)
    assert answer.status_code == 200, answer.text
    setup = re.search(r'name="setup" value="([^"]+)"', answer.text)
    secret = re.search(r'data-copy="([A-Z2-7]{32})"', answer.text)
    assert setup is not None
    assert secret is not None
    return secret[1], setup[1]


def _switched_on(browser: FlaskClient) -> tuple[str, list[str]]:
    """The secret and the recovery codes of somebody who sets up the second factor."""
    secret, setup = _begun(browser)
    answer = submit(browser, PAGE, setup=setup, code=_code(secret))
    assert answer.status_code == 201, answer.text
    return secret, _recovery_codes(answer)


def _recovery_codes(answer: TestResponse) -> list[str]:
    shown = re.search(r'<pre class="recovery-codes">(.*?)</pre>', answer.text, re.DOTALL)
    assert shown is not None
    return shown[1].split()


@pytest.fixture
def secret(alice: FlaskClient, hands: Clock) -> str:
    """That of Alice's app; a step has passed since she has set it up."""
    found, _ = _switched_on(alice)
    hands.wait(STEP)
    return found


def _password_given(shop: Shop, email: str = EMAIL) -> FlaskClient:
    """A browser that is asked for the code."""
    browser = shop.app.test_client()
    answer = submit(browser, "/login", email=email, password=PASSWORD, next="/data")
    assert (answer.status_code, answer.location) == (302, "/login/code?next=/data")
    return browser


def _give(browser: FlaskClient, code: str) -> TestResponse:
    return submit(browser, "/login/code", form_on="/login/code?next=/data", code=code, next="/data")


def _is_in(browser: FlaskClient) -> bool:
    return browser.get("/customers").status_code == 200


def _noted(shop: Shop, action: str) -> list[AuditEntry]:
    with shop.database.read() as session:
        return list(session.scalars(select(AuditEntry).where(AuditEntry.action == action).order_by(AuditEntry.id)))


def test_second_factor_is_set_up_with_the_password_and_a_code(shop: Shop, alice: FlaskClient, hands: Clock) -> None:
    assert submit(alice, f"{PAGE}/setup", form_on=PAGE, password="not the password").status_code == 422
    secret, setup = _begun(alice)
    assert rows(shop.database, SecondFactor) == 0
    answer = submit(alice, PAGE, setup=setup, code=_code(secret, 5))
    assert answer.status_code == 422
    assert "That code is not right." in answer.text
    assert rows(shop.database, SecondFactor) == 0
    answer = submit(alice, PAGE, setup=setup, code=f"{_code(secret)[:3]} {_code(secret)[3:]}")
    assert answer.status_code == 201
    codes = _recovery_codes(answer)
    assert len(set(codes)) == 10
    assert all(re.fullmatch(r"[a-z2-7]{4}(-[a-z2-7]{4}){3}", code) for code in codes)
    assert "10 recovery codes left" in alice.get("/settings/account").text
    assert submit(alice, PAGE, setup=setup, code=_code(secret)).location == PAGE, "a reload makes no new codes"
    assert rows(shop.database, RecoveryCode) == 10
    (entry,) = _noted(shop, "second_factor.enabled")
    assert (entry.actor, entry.target, orjson.loads(entry.details)) == (EMAIL, EMAIL, {})


def test_recovery_codes_are_kept_as_hashes(shop: Shop, alice: FlaskClient, hands: Clock) -> None:
    _, codes = _switched_on(alice)
    with shop.database.read() as session:
        kept = set(session.scalars(select(RecoveryCode.code_hash)))
    assert kept == {tokens.hashed(code.replace("-", "")) for code in codes}


def test_switching_it_on_ends_all_other_logins(shop: Shop, alice: FlaskClient, hands: Clock) -> None:
    other = shop.app.test_client()
    submit(other, "/login", email=EMAIL, password=PASSWORD)
    assert _is_in(other)
    _switched_on(alice)
    assert not _is_in(other)
    assert _is_in(alice)


def test_form_of_another_login_switches_nothing_on(shop: Shop, alice: FlaskClient, bob: FlaskClient) -> None:
    secret, setup = _begun(bob)
    for forged in (setup, setup[:-1], "", "é"):
        assert submit(alice, PAGE, setup=forged, code=_code(secret)).location == PAGE
    assert rows(shop.database, SecondFactor) == 0


def test_password_alone_signs_nobody_in(shop: Shop, alice: FlaskClient, secret: str) -> None:
    browser = _password_given(shop)
    assert not _is_in(browser)
    assert rows(shop.database, Login) == 1, "only the one that Alice set it up with"
    answer = _give(browser, _code(secret))
    assert (answer.status_code, answer.location) == (302, "/data")
    assert _is_in(browser)
    assert [orjson.loads(one.details)["by"] for one in _noted(shop, "login.succeeded")] == [
        "password",
        "password and code",
    ]


def test_whoever_is_signed_in_isnt_while_another_account_is_asked_for_its_code(
    shop: Shop, bob: FlaskClient, secret: str
) -> None:
    browser = shop.app.test_client()
    browser.get("/login")
    token = submit(browser, "/login", email="bob@shop.example", password=PASSWORD)
    assert token.status_code == 302
    page = browser.get("/settings/account").text
    csrf = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)
    assert csrf is not None
    browser.post("/login", data={"csrf_token": csrf[1], "email": EMAIL, "password": PASSWORD})
    assert not _is_in(browser)


def test_code_page_is_for_who_has_given_the_password(shop: Shop, secret: str) -> None:
    stranger = shop.app.test_client()
    assert stranger.get("/login/code").location.startswith("/login")
    answer = submit(stranger, "/login/code", form_on="/login", code=_code(secret))
    assert answer.location == "/login"
    assert not _is_in(stranger)


@pytest.mark.parametrize(("steps", "is_right"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
def test_clocks_may_differ_by_one_step(shop: Shop, secret: str, hands: Clock, steps: int, is_right: bool) -> None:
    hands.wait(10 * STEP)
    browser = _password_given(shop)
    assert _give(browser, _code(secret, steps)).status_code == (302 if is_right else 422)
    assert _is_in(browser) is is_right


@pytest.mark.parametrize("code", ["", " ", "12345", "1234567", "١٢٣٤٥٦", "\0" * 6, "x" * 100_000, "-"])
def test_what_is_no_code_is_a_wrong_one(shop: Shop, secret: str, code: str) -> None:
    answer = _give(_password_given(shop), code)
    assert answer.status_code == 422
    assert "That code is not right, or it was used already." in answer.text


def test_code_is_taken_once_and_none_before_it(shop: Shop, secret: str, hands: Clock) -> None:
    hands.wait(10 * STEP)
    assert _give(_password_given(shop), _code(secret)).status_code == 302
    for steps in (0, -1):
        assert _give(_password_given(shop), _code(secret, steps)).status_code == 422
    hands.wait(STEP)
    assert _give(_password_given(shop), _code(secret)).status_code == 302


def test_code_that_has_switched_it_on_signs_nobody_in(shop: Shop, alice: FlaskClient, hands: Clock) -> None:
    secret, _ = _switched_on(alice)
    assert _give(_password_given(shop), _code(secret)).status_code == 422


def _at_once(number: int, act: Callable[[int], TestResponse]) -> Counter[int]:
    barrier = Barrier(number)

    def one(place: int) -> int:
        barrier.wait(60)
        return act(place).status_code

    with ThreadPoolExecutor(number) as threads:
        return Counter(threads.map(one, range(number)))


def _forms(shop: Shop, number: int) -> list[tuple[FlaskClient, str]]:
    """So many browsers that are asked for a code, with the token of their form."""
    found = []
    for _ in range(number):
        browser = _password_given(shop)
        token = re.search(r'name="csrf_token" value="([^"]+)"', browser.get("/login/code").text)
        assert token is not None
        found.append((browser, token[1]))
    return found


def test_of_two_at_once_one_gets_in_with_a_code(shop: Shop, secret: str) -> None:
    forms, code = _forms(shop, 4), _code(secret)

    def give(place: int) -> TestResponse:
        browser, token = forms[place]
        return browser.post("/login/code", data={"csrf_token": token, "code": code})

    assert _at_once(4, give) == {302: 1, 422: 3}
    assert sum(_is_in(browser) for browser, _ in forms) == 1


def test_of_two_at_once_one_gets_in_with_a_recovery_code(shop: Shop, alice: FlaskClient, hands: Clock) -> None:
    _, codes = _switched_on(alice)
    forms = _forms(shop, 4)

    def give(place: int) -> TestResponse:
        browser, token = forms[place]
        return browser.post("/login/code", data={"csrf_token": token, "code": codes[0]})

    assert _at_once(4, give) == {302: 1, 422: 3}
    assert rows(shop.database, RecoveryCode) == 9


def test_of_two_forms_at_once_one_switches_it_on(shop: Shop, alice: FlaskClient, hands: Clock) -> None:
    shop.app.config["WTF_CSRF_ENABLED"] = False
    secret, setup = _begun(alice)
    session = alice.get_cookie("customer_profiles")
    assert session is not None

    def switch_on(_: int) -> TestResponse:
        browser = shop.app.test_client()
        browser.set_cookie("customer_profiles", session.value)
        return browser.post(PAGE, data={"setup": setup, "code": _code(secret)})

    assert _at_once(4, switch_on) == {201: 1, 302: 3}
    assert rows(shop.database, RecoveryCode) == 10


def test_recovery_code_works_once_however_it_is_written(shop: Shop, alice: FlaskClient, hands: Clock) -> None:
    _, codes = _switched_on(alice)
    for code in (codes[0], codes[1].upper().replace("-", " "), f" {codes[2].replace('-', '')}\n"):
        browser = _password_given(shop)
        assert _give(browser, code).status_code == 302
        assert _is_in(browser)
        assert _give(_password_given(shop), code).status_code == 422
    entries = _noted(shop, "recovery_code.used")
    assert [orjson.loads(one.details) for one in entries] == [{"left": 9}, {"left": 8}, {"left": 7}]
    assert not any(code in one.details for one in entries for code in codes)


def test_login_tells_how_many_recovery_codes_are_left_and_warns_of_few(
    shop: Shop, alice: FlaskClient, hands: Clock
) -> None:
    _, codes = _switched_on(alice)
    for left, code in zip(range(9, -1, -1), codes, strict=True):
        browser = _password_given(shop)
        _give(browser, code)
        page = browser.get("/customers").text
        assert f"{left} code{'s' if left != 1 else ''} left." in page
        assert ("Make new ones" in page) is (left <= 3)
        assert ("Make new ones before you need them." in browser.get(PAGE).text) is (left <= 3)


def test_recovery_codes_of_somebody_else_are_worthless(
    shop: Shop, alice: FlaskClient, bob: FlaskClient, hands: Clock
) -> None:
    _, codes = _switched_on(bob)
    _switched_on(alice)
    assert _give(_password_given(shop), codes[0]).status_code == 422
    assert rows(shop.database, RecoveryCode) == 20


def test_new_recovery_codes_end_those_before(shop: Shop, alice: FlaskClient, hands: Clock) -> None:
    secret, before = _switched_on(alice)
    hands.wait(STEP)
    for given in ({"password": "wrong", "code": _code(secret)}, {"password": PASSWORD, "code": WRONG}):
        assert submit(alice, f"{PAGE}/recovery-codes", form_on=PAGE, **given).status_code == 422
    answer = submit(alice, f"{PAGE}/recovery-codes", form_on=PAGE, password=PASSWORD, code=_code(secret))
    assert answer.status_code == 201
    assert _give(_password_given(shop), before[0]).status_code == 422
    assert _give(_password_given(shop), _recovery_codes(answer)[0]).status_code == 302
    assert len(_noted(shop, "recovery_codes.renewed")) == 1


def test_it_is_switched_off_with_password_and_code(shop: Shop, alice: FlaskClient, hands: Clock) -> None:
    secret, codes = _switched_on(alice)
    hands.wait(STEP)
    for given in ({"password": "wrong", "code": _code(secret)}, {"password": PASSWORD, "code": WRONG}):
        assert submit(alice, f"{PAGE}/removal", form_on=PAGE, **given).status_code == 422
    assert submit(alice, f"{PAGE}/removal", form_on=PAGE, password=PASSWORD, code=codes[3]).location == PAGE
    assert rows(shop.database, SecondFactor) == rows(shop.database, RecoveryCode) == 0
    assert submit(shop.app.test_client(), "/login", email=EMAIL, password=PASSWORD).location == "/customers"
    assert len(_noted(shop, "second_factor.disabled")) == 1


@pytest.fixture
def console(database_url: str, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    """A shell on the server."""
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("SECRET_KEY", "a secret for tests only")
    return CliRunner()


def test_console_switches_it_off(shop: Shop, console: CliRunner, secret: str) -> None:
    command = ["user", "second-factor-off", "--email"]
    assert console.invoke(cli.commands, [*command, "Alice@shop.example"]).output.endswith(f"{EMAIL} is off.\n")
    assert console.invoke(cli.commands, [*command, EMAIL]).output.endswith(f"{EMAIL} was off already.\n")
    refused = console.invoke(cli.commands, [*command, "nobody@shop.example"])
    assert (refused.exit_code, refused.stderr) == (1, "Error: there is no user nobody@shop.example\n")
    assert submit(shop.app.test_client(), "/login", email=EMAIL, password=PASSWORD).location == "/customers"
    (entry,) = _noted(shop, "second_factor.disabled")
    assert (entry.actor, entry.target, entry.workspace_id) == ("console", EMAIL, shop.workspace.id)


def test_step_between_password_and_code_ends_after_ten_minutes(shop: Shop, secret: str, hands: Clock) -> None:
    browser, late = _password_given(shop), _password_given(shop)
    page = late.get("/login/code").text
    hands.wait(STEP_LIFETIME)
    assert _give(browser, _code(secret)).status_code == 302
    assert _is_in(browser)
    hands.wait(STEP)
    token = re.search(r'name="csrf_token" value="([^"]+)"', page)
    assert token is not None
    assert late.post("/login/code", data={"csrf_token": token[1], "code": _code(secret)}).location == "/login"
    assert not _is_in(late)
    assert late.get("/login/code").location.startswith("/login?")


def test_change_of_password_ends_the_step(shop: Shop, alice: FlaskClient, secret: str) -> None:
    browser = _password_given(shop)
    token = re.search(r'name="csrf_token" value="([^"]+)"', browser.get("/login/code").text)
    assert token is not None
    submit(alice, "/settings/account", current=PASSWORD, new="an entirely new secret")
    assert browser.post("/login/code", data={"csrf_token": token[1], "code": _code(secret)}).location == "/login"
    assert not _is_in(browser)


def test_step_of_a_tampered_cookie_is_none(shop: Shop, secret: str) -> None:
    browser = _password_given(shop)
    kept = browser.get_cookie("customer_profiles")
    assert kept is not None
    for forged in (f"{kept.value}A", kept.value.replace(".", "", 1), f"A{kept.value}"):
        browser.set_cookie("customer_profiles", forged)
        assert browser.get("/login/code").location.startswith("/login")


def test_step_tells_nothing_of_the_password(shop: Shop, secret: str) -> None:
    browser = _password_given(shop)
    with browser.session_transaction() as cookie, shop.database.read() as session:
        kept = session.scalars(select(User.password_hash).where(User.email == EMAIL)).one()
        assert cookie["step"]["mark"] == tokens.hashed(kept)


def test_wrong_codes_are_limited_and_noted_once(shop: Shop, secret: str, hands: Clock) -> None:
    strangers = [_password_given(shop) for _ in range(7)]
    answers = [_give(one, WRONG) for one in strangers]
    assert [one.status_code for one in answers] == [422] * 5 + [429] * 2
    assert answers[-1].headers["Retry-After"] == "10"
    assert _give(strangers[0], _code(secret)).status_code == 429
    (entry,) = _noted(shop, "login.failed")
    assert orjson.loads(entry.details) == {"step": "second factor"}
    hands.wait(10 * clock.SECOND)
    assert _give(strangers[0], _code(secret)).status_code == 302


def test_browser_that_is_known_isnt_held_up_by_the_codes_of_strangers(shop: Shop, secret: str, hands: Clock) -> None:
    known = _password_given(shop)
    _give(known, _code(secret))
    submit(known, "/account/logout", form_on="/settings/account")
    for stranger in [_password_given(shop) for _ in range(6)]:
        last = _give(stranger, WRONG)
    assert last.status_code == 429
    hands.wait(STEP)
    submit(known, "/login", email=EMAIL, password=PASSWORD)
    assert _give(known, _code(secret)).status_code == 302


def test_codes_of_the_account_page_are_limited(alice: FlaskClient, secret: str, hands: Clock) -> None:
    given = {"password": PASSWORD, "code": WRONG}
    answers = [submit(alice, f"{PAGE}/removal", form_on=PAGE, **given).status_code for _ in range(6)]
    assert answers == [422] * 5 + [429]


def test_login_that_was_verified_before_it_was_switched_on_is_asked_for_a_code(
    shop: Shop, alice: FlaskClient, hands: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    verified = users.authenticate

    def slowly(*given: object) -> User | None:
        found = verified(*given)  # type: ignore[arg-type]
        monkeypatch.setattr(users, "authenticate", verified)
        _switched_on(alice)
        return found

    monkeypatch.setattr(users, "authenticate", slowly)
    answer = submit(shop.app.test_client(), "/login", email=EMAIL, password=PASSWORD)
    assert answer.location == "/login/code?next=/customers"


def _require(browser: FlaskClient, **more: str) -> TestResponse:
    return submit(browser, "/settings/workspace", **(GOOD | {"requires_second_factor": "yes"} | more))


def test_workspace_requires_it_only_of_others_like_its_admin(shop: Shop, alice: FlaskClient, hands: Clock) -> None:
    answer = _require(alice)
    assert answer.status_code == 422
    assert "Set it up for your own account first, under Account." in answer.text
    _switched_on(alice)
    assert _require(alice).status_code == 302
    with shop.database.read() as session:
        assert session.get_one(Workspace, shop.workspace.id).requires_second_factor is True
    assert 'name="requires_second_factor" value="yes" checked' in alice.get("/settings/workspace").text
    submit(alice, "/settings/workspace", **GOOD)
    assert [len(_noted(shop, f"second_factor.{what}")) for what in ("required", "made_optional")] == [1, 1]


def test_member_sees_nothing_of_the_workspace_before_it_is_set_up(
    shop: Shop, alice: FlaskClient, bob: FlaskClient, charlie: FlaskClient, hands: Clock
) -> None:
    shop.customer()
    _switched_on(alice)
    _require(alice)
    for path in ("/customers", "/overview", shop.profile_path(), "/data", "/go?q=a", "/api-reference", "/nowhere"):
        answer = bob.get(path)
        assert (answer.status_code, answer.location) == ((302, PAGE) if path != "/nowhere" else (404, None)), path
    part = bob.get("/customers", headers={"HX-Request": "true", "HX-Target": "list"})
    assert (part.headers["HX-Redirect"], part.text) == (PAGE, "")
    assert submit(bob, "/refused/1/replay", form_on="/settings/account").status_code in {302, 403}
    assert "requires the second factor of its members" in bob.get(PAGE).text
    assert bob.get("/settings/account").status_code == 200
    assert charlie.get("/customers").status_code == 200, "another workspace doesn't require it"
    _switched_on(bob)
    assert bob.get("/customers").status_code == 200


def test_picture_is_the_address_that_apps_take(alice: FlaskClient) -> None:
    secret, _ = _begun(alice)
    picture = second_factors.picture(secret, EMAIL)
    assert picture.startswith("data:image/svg+xml;charset=utf-8,")
    assert second_factors.picture(secret, EMAIL) == picture != second_factors.picture(secret, "bob@shop.example")
