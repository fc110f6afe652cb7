"""Changes of the types of attributes: what becomes of values, while others come in, after a kill, and taken back."""

import json
import threading
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from tests.visitors import T0, customer, login, tell, values
from tests.world import Shop
from webapp import clock, conversions, converting, refusals, type_changes, users
from webapp.models import AttributeValue, TypeChange
from webapp.views import parse_query

ZONE = ZoneInfo("Asia/Kolkata")


@pytest.mark.parametrize(
    ("value", "type_", "made"),
    [
        ("12", "number", 12),
        (" 1,200.5 ", "number", 1200.5),
        ("1e3", "number", 1000.0),
        (True, "number", 1),
        ("twelve", "number", None),
        ("", "number", None),
        ("9" * 30, "number", None),
        ("9" * 500, "number", None),
        (12, "string", "12"),
        (1.5, "string", "1.5"),
        (False, "string", "false"),
        ("Yes", "boolean", True),
        (" no ", "boolean", False),
        (1, "boolean", True),
        (0, "boolean", False),
        (2, "boolean", None),
        ("maybe", "boolean", None),
        ("2026-01-31 12:00:00", "date", "2026-01-31T06:30:00Z"),
        ("2026-01-31T12:00:00Z", "date", "2026-01-31T12:00:00Z"),
        ("2026-01-31", "date", "2026-01-30T18:30:00Z"),
        ("2026-02-31", "date", None),
        (1_700_000_000, "date", "2023-11-14T22:13:20Z"),
        (1_700_000_000_123, "date", "2023-11-14T22:13:20.123000Z"),
        (17, "date", None),
        (True, "date", None),
    ],
)
def test_value_as_another_type(value: Any, type_: str, made: Any) -> None:
    assert conversions.turned(value, type_, ZONE) == made
    fit = conversions.fit(json.dumps(value), None, type_, ZONE)
    assert (fit and json.loads(fit.value)) == made
    if fit is not None:
        assert conversions.fit(fit.value, fit.original, type_, ZONE) == fit, "made once, it stays"


def _user(shop: Shop) -> int:
    with shop.database.write() as session:
        return users.create(
            session, users.credentials("ann@shop.example", "a long enough one"), shop.workspace.id, "admin"
        ).id


def _change(shop: Shop, user_id: int, name: str, type_: str, *, is_worked_off: bool = True) -> TypeChange:
    with shop.database.write() as session:
        change = type_changes.start(session, shop.workspace.id, user_id, ("", name), type_)
    if is_worked_off:
        converting.work_off(shop.database, settling=0)
    return _read(shop, change.id)


def _read(shop: Shop, id_: int) -> TypeChange:
    with shop.database.read() as session:
        return session.get_one(TypeChange, id_)


def _listed(shop: Shop, where: str) -> set[str | None]:
    with shop.database.read() as session:
        roster = parse_query(session, shop.workspace, f"where={where}").roster(session, shop.workspace)
        return {one.system_id for one in roster.people(roster.part(None, 50).found)}


def test_values_follow_the_type_and_what_cannot_is_told(shop: Shop) -> None:
    user_id = _user(shop)
    for id_, age in (("u1", "0012"), ("u2", "unknown"), ("u3", "7")):
        shop.customer(id_, age=age, city="Pune")
    change = _change(shop, user_id, "age", "number")
    assert (change.converted, change.left_behind, change.total) == (2, 1, 3)
    assert change.ended_at is not None
    assert shop.attributes("u1") == {"age": ("number", 12), "city": ("string", "Pune")}
    assert shop.attributes("u2") == {"city": ("string", "Pune")}
    with shop.database.read() as session:
        (told,) = refusals.of_person(session, shop.workspace.id, [shop.find("u2").id]).of_attributes["age"]
    assert (told.expected, told.received, told.sample, told.count) == ("number", "string", '"unknown"', 1)
    assert _listed(shop, "age = 12") == {"u1"}
    assert _listed(shop, "age < 10") == {"u3"}
    assert _listed(shop, "has age") == {"u1", "u3"}
    answer = shop.customer("u3", age="8")
    assert answer.json == {"success": True, "ignored": [{"name": "age", "expected": "number", "received": "string"}]}
    assert shop.customer("u3", age=8).json == {"success": True}


def test_change_that_is_taken_back_leaves_everything_as_it_was(shop: Shop) -> None:
    user_id = _user(shop)
    shop.customer("u1", code="0012")
    shop.customer("u2", code="12")
    shop.customer("u2", code="none")
    before = [shop.attributes(id_) for id_ in ("u1", "u2")]
    change = _change(shop, user_id, "code", "number")
    assert [shop.attributes(id_) for id_ in ("u1", "u2")] == [{"code": ("number", 12)}, {"code": ("number", 12)}]
    with shop.database.write() as session:
        back = type_changes.take_back(session, shop.workspace.id, user_id, change.id)
    converting.work_off(shop.database, settling=0)
    assert [shop.attributes(id_) for id_ in ("u1", "u2")] == before
    with shop.database.read() as session:
        assert session.scalars(select(AttributeValue.original)).unique().all() == [None]
        # "none" was left behind as no number; nobody has to be told now.
        assert not refusals.of_person(session, shop.workspace.id, [shop.find("u2").id]).of_attributes
    assert _read(shop, back.id).left_behind == 0


def test_lists_and_profiles_cope_while_values_follow(shop: Shop) -> None:
    user_id = _user(shop)
    shop.customer("u1", points="1,200", born="1990-01-31", member="yes")
    shop.customer("u2", points="many", born="long ago", member="perhaps")
    for name, type_ in (("points", "number"), ("born", "date"), ("member", "boolean")):
        _change(shop, user_id, name, type_, is_worked_off=False)
    for where in ("points > 1000", "points = 1200", "born = 1990-01-31", "born < 2000-01-01", "member = yes"):
        assert _listed(shop, where) == {"u1"}, where
    assert _listed(shop, "points < 2000") == {"u1"}
    browser = shop.app.test_client()
    assert browser  # the pages are looked at in test_data_pages
    converting.work_off(shop.database, settling=0)
    for where in ("points > 1000", "points = 1200", "born = 1990-01-31", "born < 2000-01-01", "member = yes"):
        assert _listed(shop, where) == {"u1"}, where


def test_what_comes_in_meanwhile_is_of_the_new_type_and_nothing_is_lost(shop: Shop) -> None:
    user_id = _user(shop)
    for number in range(60):
        shop.customer(f"u{number}", points=str(number))
    stop = threading.Event()
    refused: list[int] = []

    def send(place: int) -> None:
        sent = 0
        while not stop.is_set():
            answer = shop.customer(f"u{(place * 7 + sent) % 60}", points=1000 + sent)
            refused.append("ignored" in (answer.json or {}))
            sent += 1

    change = _change(shop, user_id, "points", "number", is_worked_off=False)
    threads = [threading.Thread(target=send, args=(place,)) for place in range(4)]
    for thread in threads:
        thread.start()
    try:
        converting.work_off(shop.database, settling=500)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert len(refused) > 10
    assert not any(refused)
    assert _read(shop, change.id).ended_at is not None
    for number in range(60):
        (type_, value) = shop.attributes(f"u{number}")["points"]
        assert type_ == "number"
        assert value == number or value >= 1000
    with shop.database.read() as session:
        current = session.scalars(select(AttributeValue.value).where(AttributeValue.is_current)).all()
    assert len(current) == 60
    assert all(not text.startswith('"') for text in current)


def test_work_that_was_cut_off_goes_on_and_counts_nothing_twice(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    user_id = _user(shop)
    for number in range(25):
        shop.customer(f"u{number}", points=str(number) if number % 5 else "none")
    monkeypatch.setattr(converting, "_LOOKED_AT", 4)
    monkeypatch.setattr(converting, "_CHANGED", 2)
    change = _change(shop, user_id, "points", "number", is_worked_off=False)
    calls = 0
    changed = converting._Work._changed

    def failing(self: Any, session: Any, ids: list[int]) -> set[int]:
        nonlocal calls
        calls += 1
        done = changed(self, session, ids)
        if calls in {3, 7}:
            raise KeyboardInterrupt  # after the statements, before the commit
        return done

    monkeypatch.setattr(converting._Work, "_changed", failing)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            converting.work_off(shop.database, settling=0)
        assert _read(shop, change.id).ended_at is None
        converting.work_off(shop.database, settling=0)  # another worker, while the lease of the first one holds
        assert _read(shop, change.id).ended_at is None
        with shop.database.write() as session:
            session.get_one(TypeChange, change.id).leased_until = 0
    converting.work_off(shop.database, settling=0)
    ended = _read(shop, change.id)
    assert (ended.converted, ended.left_behind) == (20, 5)
    assert ended.ended_at is not None
    assert _listed(shop, "points > 22") == {"u23", "u24"}


def test_two_workers_share_no_change(shop: Shop) -> None:
    user_id = _user(shop)
    for number in range(40):
        shop.customer(f"u{number}", a=str(number), b=str(number))
    changes = [_change(shop, user_id, name, "number", is_worked_off=False) for name in ("a", "b")]
    threads = [threading.Thread(target=partial(converting.work_off, shop.database, 0)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    ended = [_read(shop, one.id) for one in changes]
    assert [(one.converted, one.left_behind, one.ended_at is None) for one in ended] == [(40, 0, False)] * 2


def test_another_change_takes_the_place_of_one_under_way(shop: Shop) -> None:
    user_id = _user(shop)
    shop.customer("u1", x="1")
    first = _change(shop, user_id, "x", "number", is_worked_off=False)
    second = _change(shop, user_id, "x", "boolean")
    assert (_read(shop, first.id).is_superseded, second.ended_at is None) == (True, False)
    assert shop.attributes("u1") == {"x": ("boolean", True)}


def test_late_login_finds_values_of_the_former_type(shop: Shop) -> None:
    user_id = _user(shop)
    tell(shop, values("d1", T0, points="7"), values("d1", T0 + 100, points="none"))
    tell(shop, customer("u1", T0, points="3"))
    _change(shop, user_id, "points", "number")
    tell(shop, login("d1", T0 + 50, "u1"))
    query = select(AttributeValue.value).where(AttributeValue.is_current, AttributeValue.name == "points")
    with shop.database.read() as session:
        found = session.scalars(query).all()
    assert all(not text.startswith('"') for text in found), found
    assert shop.attributes("u1")["points"][0] == "number"


def test_type_of_an_attribute_of_events_changes_for_what_comes_from_now_on(shop: Shop) -> None:
    user_id = _user(shop)
    shop.event(time=clock.now() - 10, amount="12")
    with shop.database.write() as session:
        change = type_changes.start(session, shop.workspace.id, user_id, ("Purchased", "amount"), "number")
    assert change.ended_at is not None
    shop.event(time=clock.now(), amount=13)
    answer = shop.event(time=clock.now() + 10, amount="14")
    assert answer.json is not None
    assert [one["expected"] for one in answer.json["ignored"]] == ["number"]
    assert [[one.value for one in event.attributes] for event in shop.events()] == [[], [13], ["12"]]


@pytest.mark.parametrize(
    ("key", "type_"),
    [(("", "email"), "number"), (("", "x"), "string array"), (("", "x"), "string"), (("", "x"), "nonsense")],
)
def test_wrong_changes_are_refused(shop: Shop, key: tuple[str, str], type_: str) -> None:
    user_id = _user(shop)
    shop.customer(x="1", email="a@b.example")
    with pytest.raises((type_changes.WrongError, type_changes.NotFoundError)), shop.database.write() as session:
        type_changes.start(session, shop.workspace.id, user_id, key, type_)
    assert shop.types() == {"x": "string"}


def test_preview_tells_what_the_change_will_do(shop: Shop) -> None:
    for number in range(30):
        shop.customer(f"u{number}", name=f"Person {number}", age=str(number) if number < 20 else f"about {number}")
    with shop.database.read() as session:
        told = type_changes.preview(session, shop.workspace, "age", "number")
    assert (told.is_all, told.looked_at, told.fitting, len(told.converting), len(told.failing)) == (True, 30, 0, 20, 10)
    assert {(one.value, one.called) for one in told.failing} == {
        (f'"about {number}"', f"Person {number}") for number in range(20, 30)
    }
    assert {one.becomes for one in told.converting} == {str(number) for number in range(20)}
