"""Keys of all kinds: which doors they open, where they were used, how they are replaced and end."""

import re
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import orjson
import pytest
from flask.testing import FlaskClient
from sqlalchemy import event, select
from werkzeug.test import TestResponse

from tests.world import SMALLEST, Shop, stored, submit
from webapp import clock, keys
from webapp.keys import RotationError
from webapp.models import ApiKey, AuditEntry, Workspace

PAGE = "/settings/keys"
ASK = "/api/v1/key"


def _key(shop: Shop, kind: keys.Kind = "server", **given: Any) -> tuple[ApiKey, str]:
    with shop.database.write() as session:
        return keys.create(session, shop.workspace.id, f"A {kind} key", kind, **given)


def _row(shop: Shop, public_id: str) -> ApiKey:
    with shop.database.read() as session:
        return session.scalars(select(ApiKey).where(ApiKey.public_id == public_id)).one()


def _ask(shop: Shop, key: str | None, **headers: str) -> TestResponse:
    given = {} if key is None else {"x-growlytics-key": key}
    return shop.app.test_client().get(ASK, headers=given | headers)


def _send(shop: Shop, key: str, path: str = "/track/user", **options: Any) -> TestResponse:
    return shop.app.test_client().post(path, json=SMALLEST[path], headers={"x-growlytics-key": key}, **options)


def _type(answer: TestResponse) -> str:
    assert answer.json is not None
    return str(answer.json["details"][0]["type"])


def _notes(shop: Shop, action: str) -> list[AuditEntry]:
    with shop.database.read() as session:
        return list(session.scalars(select(AuditEntry).where(AuditEntry.action == action).order_by(AuditEntry.id)))


# What key it is


@pytest.mark.parametrize("kind", keys.KINDS)
def test_key_of_each_kind_is_told_what_it_is(shop: Shop, kind: keys.Kind) -> None:
    key, text = _key(shop, kind, rate_limit=100, lifetime=clock.DAY)
    answer = _ask(shop, text)
    assert (answer.status_code, answer.content_type) == (200, "application/json")
    assert answer.json == {
        "id": key.public_id,
        "kind": kind,
        "name": f"A {kind} key",
        "workspace": "Alice's shop",
        "endsAt": key.ends_at,
        "limits": {"perMinute": 100, "perMinutePerAddress": 120 if kind == "browser" else None},
    }
    assert text.startswith(f"{keys.PREFIXES[kind]}_{key.public_id}_")
    assert answer.headers["Cache-Control"] == "no-store"


def test_key_that_is_none_is_told_so_in_the_one_shape(shop: Shop) -> None:
    _, text = _key(shop, "read")
    for wrong in (
        None,
        "",
        "cpr_wrong",
        text[:-1],
        text.replace("cpr_", "cpk_"),
        "\u043a\u043b\u044e\u0447",
        "x" * 10_000,
    ):
        answer = _ask(shop, wrong)
        assert answer.status_code == 401
        assert answer.json is not None
        assert answer.json["type"] == "AuthenticationError"
        assert answer.json["details"][0]["path"] == ["headers", "x-growlytics-key"]
        assert _type(answer) == "key.invalid"
    answer = shop.app.test_client().post(ASK, headers={"x-growlytics-key": text})
    assert (answer.status_code, set(answer.headers["Allow"].split(", "))) == (405, {"GET", "HEAD"})
    assert answer.json is not None
    assert answer.json["details"][0]["message"] == "POST is not allowed here; use GET"
    assert shop.app.test_client().head(ASK, headers={"x-growlytics-key": text}).status_code == 200


@pytest.mark.parametrize("path", [*SMALLEST, "/api/v1/batch"])
def test_read_key_sends_nothing(shop: Shop, path: str) -> None:
    _, text = _key(shop, "read")
    before = stored(shop.database)
    answer = shop.app.test_client().post(
        path, json=SMALLEST.get(path, {"changes": []}), headers={"x-growlytics-key": text}
    )
    assert answer.status_code == 401
    assert answer.json is not None
    (told,) = answer.json["details"]
    assert (told["type"], told["message"]) == ("key.kind", "this is a read key; a server key is needed here")
    assert told["context"]["valids"] == ["server"]
    assert stored(shop.database) == before


def test_read_key_is_none_of_a_browser(shop: Shop) -> None:
    _, text = _key(shop, "read")
    body = {"key": text, "did": "d" * 32, "sentAt": clock.now(), "messages": []}
    answer = shop.app.test_client().post("/api/v1/browser", json=body)
    assert answer.status_code == 401
    assert answer.json is not None
    assert answer.json["details"][0]["message"] == "this is a read key; a browser key is needed here"


def test_question_is_answered_while_nothing_can_be_written(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    from sqlalchemy.exc import OperationalError  # noqa: PLC0415

    def full(*_: Any, **__: Any) -> None:
        raise OperationalError("UPDATE", {}, Exception("database or disk is full"))

    monkeypatch.setattr(keys, "touch", full)
    assert _ask(shop, shop.key).status_code == 200
    assert _send(shop, shop.key).status_code == 507


# Where it was used


def test_last_use_says_from_where(shop: Shop) -> None:
    server, text = _key(shop)
    _send(shop, text, environ_base={"REMOTE_ADDR": "203.0.113.7"})
    assert _row(shop, server.public_id).last_used_from == "203.0.113.7"
    reader, text = _key(shop, "read")
    shop.app.test_client().get(ASK, headers={"x-growlytics-key": text}, environ_base={"REMOTE_ADDR": "2001:db8::7"})
    assert _row(shop, reader.public_id).last_used_from == "2001:db8::7"


def test_phone_is_no_place_of_a_key(shop: Shop) -> None:
    key, text = _key(shop)
    _send(shop, text, "/msv_cevt", environ_base={"REMOTE_ADDR": "203.0.113.7"})
    assert _row(shop, key.public_id).last_used_from == "a mobile app"


def test_browser_key_was_used_where_the_page_is(shop: Shop) -> None:
    key, text = _key(shop, "browser")
    with shop.database.write() as session:
        session.get_one(Workspace, shop.workspace.id).allowed_origins = "https://shop.example"
    body = {"key": text, "did": "d" * 32, "sentAt": clock.now(), "messages": []}
    assert _ask(shop, text).status_code == 200
    for origin, status in (("https://elsewhere.example", 403), ("https://shop.example", 200)):
        assert _row(shop, key.public_id).last_used_at is None, "neither asking nor a stranger is a page that is heard"
        answer = shop.app.test_client().post("/api/v1/browser", json=body, headers={"Origin": origin})
        assert answer.status_code == status
    assert _row(shop, key.public_id).last_used_from == "https://shop.example"


def test_dry_run_is_no_use(shop: Shop) -> None:
    key, text = _key(shop)
    shop.app.test_client().post(
        "/track/user?dry_run=1", json=SMALLEST["/track/user"], headers={"x-growlytics-key": text}
    )
    assert _row(shop, key.public_id).last_used_at is None


# Its end


def test_key_with_an_end_works_until_then(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    key, text = _key(shop, lifetime=clock.HOUR)
    assert _send(shop, text).status_code == 200
    assert key.ends_at is not None
    now = key.ends_at - 1
    monkeypatch.setattr(clock, "now", lambda: now)
    assert _send(shop, text).status_code == 200
    now += 1
    answer = _send(shop, text)  # remembered a moment ago, and refused all the same
    assert (answer.status_code, _type(answer)) == (401, "key.invalid")


def test_keys_last_for_ever_unless_somebody_says_otherwise(shop: Shop, alice: FlaskClient) -> None:
    submit(alice, PAGE, name="For ever", once="1")
    submit(alice, PAGE, name="For a month", lifetime="30d", kind="read", once="2")
    with shop.database.read() as session:
        found = {one.name: one for one in keys.of_workspace(session, shop.workspace.id)}
    assert found["For ever"].ends_at is None
    ends_at = found["For a month"].ends_at
    assert ends_at is not None
    assert abs(ends_at - clock.now() - 30 * clock.DAY) < clock.MINUTE
    assert "in 30 days" in alice.get(PAGE).text
    assert orjson.loads(_notes(shop, "key.created")[1].details)["ends_at"] == ends_at


# Rotation


def _rotate(shop: Shop, public_id: str, overlap: int = clock.DAY) -> keys.Rotation:
    with shop.database.write() as session:
        return keys.rotate(session, shop.workspace.id, public_id, overlap)


@pytest.mark.parametrize("kind", keys.KINDS)
def test_rotated_key_goes_on_for_a_while_beside_its_successor(
    shop: Shop, kind: keys.Kind, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, text = _key(shop, kind, rate_limit=50)
    with shop.database.write() as session:
        session.get_one(ApiKey, key.id).wants_signature = True
    former, made, new = _rotate(shop, key.public_id, clock.HOUR)
    assert former.ends_at is not None
    assert made.replaces_id == key.id
    for name in ("name", "kind", "rate_limit", "requests_a_minute", "workspace_id"):
        assert getattr(made, name) == getattr(key, name)
    assert made.wants_signature
    assert (made.ends_at, made.public_text) == (None, new if kind == "browser" else None)
    assert [_ask(shop, one).status_code for one in (text, new)] == [200, 200]
    now = former.ends_at
    monkeypatch.setattr(clock, "now", lambda: now)
    assert [_ask(shop, one).status_code for one in (text, new)] == [401, 200]


def test_rotation_at_once_ends_the_former_key(shop: Shop) -> None:
    _, _, new = _rotate(shop, shop.key.split("_")[1], 0)
    assert (_send(shop, shop.key).status_code, _send(shop, new).status_code) == (401, 200)


def test_end_is_never_put_off_and_lasts_as_long_as_meant(shop: Shop) -> None:
    key, _ = _key(shop, lifetime=7 * clock.DAY)
    former, made, _ = _rotate(shop, key.public_id, 30 * clock.DAY)
    assert former.ends_at == key.ends_at
    assert made.ends_at is not None
    assert made.ends_at - made.created_at == 7 * clock.DAY


def test_key_is_rotated_once_and_not_after_its_end(shop: Shop) -> None:
    key, _ = _key(shop)
    made = _rotate(shop, key.public_id).made
    with pytest.raises(RotationError, match="replaced already"):
        _rotate(shop, key.public_id)
    _rotate(shop, made.public_id)
    revoked, _ = _key(shop)
    with shop.database.write() as session:
        keys.revoke(session, shop.workspace.id, revoked.public_id)
    with pytest.raises(RotationError, match="come to its end"):
        _rotate(shop, revoked.public_id)


def test_key_whose_successor_is_revoked_is_rotated_again(shop: Shop, alice: FlaskClient) -> None:
    key, text = _key(shop, "browser")
    lost = _rotate(shop, key.public_id).made
    with shop.database.write() as session:
        keys.revoke(session, shop.workspace.id, lost.public_id)
    assert text in alice.get("/settings/website").text
    assert "Rotate key" in alice.get(f"{PAGE}/{key.public_id}").text
    former, made, _ = _rotate(shop, key.public_id, 7 * clock.DAY)
    assert (made.replaces_id, made.ends_at) == (lost.id, None)
    assert former.ends_at is not None
    assert former.ends_at < clock.now() + clock.DAY + clock.MINUTE, "the end that was set first holds"
    assert str(made.public_text) in alice.get(f"/settings/website?key={key.public_id}").text
    with pytest.raises(RotationError, match="replaced already"):
        _rotate(shop, key.public_id)


def _at_once(*works: Callable[[], Any]) -> list[Any]:
    """What pieces of work return, or raise, that begin together."""
    ready = threading.Barrier(len(works))

    def run(work: Callable[[], Any]) -> Any:
        ready.wait()
        try:
            return work()
        except RotationError as error:
            return error

    with ThreadPoolExecutor(len(works)) as pool:
        return list(pool.map(run, works))


def test_several_that_rotate_at_once_make_one_key(shop: Shop) -> None:
    for _ in range(5):
        key, _ = _key(shop)
        done = _at_once(*[lambda id_=key.public_id: _rotate(shop, id_) for _ in range(4)])
        assert sum(isinstance(one, RotationError) for one in done) == 3
        with shop.database.read() as session:
            assert len(session.scalars(select(ApiKey).where(ApiKey.replaces_id == key.id)).all()) == 1


def test_revoking_while_rotating_leaves_the_former_key_revoked(shop: Shop) -> None:
    def revoke(public_id: str) -> None:
        with shop.database.write() as session:
            keys.revoke(session, shop.workspace.id, public_id)

    for _ in range(8):
        key, text = _key(shop)
        rotated, _ = _at_once(lambda id_=key.public_id: _rotate(shop, id_), lambda id_=key.public_id: revoke(id_))  # type: ignore[misc]
        assert _row(shop, key.public_id).revoked_at is not None
        assert _send(shop, text).status_code == 401
        if not isinstance(rotated, RotationError):
            assert _send(shop, rotated.text).status_code == 200


# The pages


def _shown(page: str) -> str:
    found = re.search(r'<span class="mono">(cp[kr]_[0-9a-f]{12}_[\w-]{43})</span>', page)
    assert found is not None
    return found[1]


def test_key_is_rotated_on_its_page_and_shown_once(shop: Shop, alice: FlaskClient) -> None:
    id_ = shop.key.split("_")[1]
    answer = submit(alice, f"{PAGE}/{id_}/rotation", form_on=f"{PAGE}/{id_}", overlap="7d")
    assert answer.status_code == 201
    new = _shown(answer.text)
    new_id = new.split("_")[1]
    assert _send(shop, new).status_code == _send(shop, shop.key).status_code == 200
    for path in (PAGE, f"{PAGE}/{id_}", f"{PAGE}/{new_id}"):
        page = alice.get(path).text
        assert new not in page
        assert f"cpk_{id_}_…" in page
        assert f"cpk_{new_id}_…" in page
    assert "in 7 days" in alice.get(PAGE).text
    assert "Rotate key" not in alice.get(f"{PAGE}/{id_}").text
    (note,) = _notes(shop, "key.rotated")
    details = orjson.loads(note.details)
    assert (note.target, details["successor"], note.actor) == (id_, new_id, "alice@shop.example")
    assert new not in note.details


def test_form_of_rotation_sent_twice_says_so(shop: Shop, alice: FlaskClient) -> None:
    id_ = shop.key.split("_")[1]
    path = f"{PAGE}/{id_}"
    assert submit(alice, f"{path}/rotation", form_on=path, overlap="1d").status_code == 201
    answer = submit(alice, f"{path}/rotation", form_on=path, overlap="now")
    assert answer.location == path
    assert "This key has been replaced already" in alice.get(path).text
    assert _send(shop, shop.key).status_code == 200


@pytest.mark.parametrize("overlap", ["", "forever", "1", "\x00"])
def test_overlap_is_one_of_the_list(shop: Shop, alice: FlaskClient, overlap: str) -> None:
    id_ = shop.key.split("_")[1]
    answer = submit(alice, f"{PAGE}/{id_}/rotation", form_on=f"{PAGE}/{id_}", overlap=overlap)
    assert answer.status_code == 302
    assert _row(shop, id_).ends_at is None


def test_browser_key_is_rotated_and_its_snippet_follows(shop: Shop, alice: FlaskClient) -> None:
    blog, _ = _key(shop, "browser")
    site, old = _key(shop, "browser")
    answer = submit(alice, f"{PAGE}/{site.public_id}/rotation", form_on=f"{PAGE}/{site.public_id}", overlap="1d")
    with shop.database.read() as session:
        made = session.scalars(select(ApiKey).where(ApiKey.replaces_id == site.id)).one()
    assert made.public_text is not None
    assert answer.location == f"/settings/website?key={made.public_id}"
    for path in (answer.location, f"/settings/website?key={site.public_id}"):
        page = alice.get(path).text
        assert made.public_text in page
        assert old not in page
    page = alice.get("/settings/website").text
    assert str(blog.public_text) in page
    assert page.count('class="chip"') == 2


def test_warning_tells_of_a_former_key_that_is_still_used(shop: Shop, alice: FlaskClient) -> None:
    key, _ = _key(shop)
    made = _rotate(shop, key.public_id, clock.HOUR).made
    assert "there in time" not in alice.get(PAGE).text
    with shop.database.write() as session:
        used = session.get_one(ApiKey, key.id)
        used.last_used_at, used.last_used_from = made.created_at + 1, "203.0.113.7"
    for path in (PAGE, f"{PAGE}/{key.public_id}"):
        page = alice.get(path).text
        assert "from 203.0.113.7" in page
        assert re.search(rf"Put <a [^>]*>cpk_{made.public_id}_…</a> there in time", page)
    with shop.database.write() as session:
        session.get_one(ApiKey, key.id).ends_at = clock.now() + 3 * clock.DAY
    assert "there in time" not in alice.get(PAGE).text


def test_key_that_ends_soon_shall_be_rotated(shop: Shop, alice: FlaskClient) -> None:
    key, text = _key(shop, lifetime=clock.HOUR)
    _send(shop, text)
    assert f'href="{PAGE}/{key.public_id}#rotation">Rotate it</a>' in alice.get(PAGE).text


def test_ended_keys_are_folded_away(shop: Shop, alice: FlaskClient) -> None:
    key, _ = _key(shop)
    with shop.database.write() as session:
        session.get_one(ApiKey, key.id).ends_at = clock.now() - clock.HOUR
    page = alice.get(PAGE).text
    assert "1 key revoked or ended" in page
    page = alice.get(f"{PAGE}/{key.public_id}").text
    assert "Ended" in page
    assert "Revoke A server key" not in page


@pytest.mark.parametrize(("path", "form"), [("rotation", {"overlap": "1d"}), ("limit", {"rate_limit": "5"}), ("", {})])
def test_keys_of_others_are_not_there(shop: Shop, charlie: FlaskClient, path: str, form: dict[str, str]) -> None:
    id_ = shop.key.split("_")[1]
    for key in (id_, "nobody", "%00", "x" * 5000):
        whole = f"{PAGE}/{key}/{path}"
        answer = submit(charlie, whole, form_on=PAGE, **form) if path else charlie.get(whole.rstrip("/"))
        assert answer.status_code == 404, key
    row = _row(shop, id_)
    assert (row.ends_at, row.rate_limit) == (None, None)


def test_asking_takes_no_statement_of_its_own_for_a_known_key(shop: Shop) -> None:
    _send(shop, shop.key)
    _ask(shop, shop.key)
    sent: list[str] = []
    event.listen(shop.database.engine, "before_cursor_execute", lambda *given: sent.append(given[2]))
    assert _ask(shop, shop.key).status_code == 200
    assert sent == []
