"""Archiving a person: what was done stays, and whatever says who it was goes."""

import json
import re
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from tests import counted
from tests.asha import ID, LAPTOP, PHONE, TRACES, ask, fill, fresh, told, user_id, work_off
from tests.visitors import HOUR, T0, login, seen, tell
from tests.world import NOON, Shop
from webapp import clock, erased, erasing, merges
from webapp.models import Customer, Device, Event


def test_archived_profile_keeps_its_history_alone(shop: Shop, alice: FlaskClient) -> None:
    path = fill(shop, alice)
    number = len(shop.events(ID))
    ask(shop, kind="archive")
    work_off(shop)
    after = told(shop.database)
    stays = {PHONE, LAPTOP, "planted event value", "planted-page", "Planted Phone"}
    assert [one for one in TRACES if one in after and one not in stays] == []
    page = alice.get(path, follow_redirects=True).text
    assert "Anonymous" in page
    assert re.search(rf"\b{number}\b", page)
    assert counted.differences(shop.database) == []
    shop.customer(ID, name="Somebody new")
    assert shop.events(ID) == []
    tell(shop, seen(PHONE, clock.now() + HOUR))
    with shop.database.read() as session:
        assert session.scalar(select(func.count()).select_from(Event)) == number + 2  # Ravi's and the new one
    tell(shop, login(PHONE, clock.now() + 2 * HOUR, ID))
    assert [event.name for event in shop.events(ID)] == ["Viewed"], "what came after it is the new profile's"
    assert counted.differences(shop.database) == []


def test_archived_person_joins_nobody_by_a_merge_that_was_set_aside(shop: Shop, alice: FlaskClient) -> None:
    fill(shop, alice)
    tell(shop, seen("tablet", T0))
    with shop.database.read() as session:
        query = select(Customer).join(Device, Device.id == Customer.device_id).where(Device.did == "tablet")
        visitor = session.scalars(query).one()
    workspace, base, user = fresh(shop), shop.database, user_id(shop)
    base.transact(lambda s: merges.by_hand(s, workspace, user, shop.find(ID).id, visitor.id))
    tell(shop, login("tablet", T0 + HOUR, "ravi"))  # who knows better
    ask(shop, kind="archive")
    work_off(shop)
    with shop.database.read() as session:
        root = session.get_one(Customer, visitor.id).root_id
    assert root == shop.find("ravi").id
    assert len(shop.events("ravi")) == 2


def test_what_is_found_in_texts() -> None:
    blotter = erased.Blotter(["48", "asha@example.com"], ["Rose"])
    assert blotter.finds("mail asha@example.com now")
    assert blotter.finds("48")
    assert not blotter.finds("room 48")
    assert not blotter.finds("Rose water")
    assert not blotter.finds("natasha@example.com")
    assert blotter.without({"a": ["to asha@example.com", 48, "Rose"]}) == {"a": ["to ", None, ""]}


@pytest.mark.parametrize(
    ("known_by", "value"),
    [
        ('Ann "Annie" Lee', 'Ann "Annie" Lee'),
        ("dom\\ada", "by dom\\ada"),
        (" ada@example.com ", "ada@example.com"),
        ("İST-1234", "order of İST-1234 today"),
        ("Straße-99", "order of STRASSE-99"),
        ("ada@example.com", "https://shop.example/?to=mailto%3aada%40example.com"),
        ("Ada/1815", "https://shop.example/?who%3DAda%2F1815"),
        ("ada lovelace", "https://shop.example/?q=Ada+Lovelace"),
    ],
)
def test_it_is_found_however_it_is_written(known_by: str, value: str) -> None:
    blotter = erased.Blotter([known_by])
    told = {"said": value}
    assert blotter.may_find(json.dumps(told, ensure_ascii=False))
    assert blotter.finds_in(told)
    assert not blotter.finds_in(blotter.without(told))


def test_names_in_attributes_are_no_place_to_hide() -> None:
    blotter = erased.Blotter(["ada@example.com", "page"])
    told = {"ada@example.com": 1, "for ada@example.com": {"ADA@example.com": 2}, "_": 3}
    assert blotter.without(told, with_names=True) == {"_": 1, "for ": {"_": 2}, "__": 3}
    assert blotter.without({"page": "/"}) == {"page": "/"}, "our own names stay"


def test_what_is_nested_too_deep_is_searched_all_the_same() -> None:
    blotter = erased.Blotter(["ada@example.com"])
    assert not blotter.finds_in_body(b'{"a":' * 50_000)
    for depth in (900, 100_000):
        assert blotter.finds_in_body(b"[" * depth + rb'"ada\u0040example.com"' + b"]" * depth)
    assert blotter.finds_in_body(b"[" * 100_000 + rb'"for ada\u0040example.com')
    assert not blotter.finds_in_body(rb'"\"' * 100_000), "and that in no time"


def test_email_of_two_people_is_taken_out_of_what_one_has_done(shop: Shop) -> None:
    for who in ("u1", "u2"):
        shop.customer(who, email="ada@example.com", mobile="+91 98765 43210")
        shop.event("Bought", NOON, who, Contact="ada@example.com", Phone="+91 98765 43210")
    ask(shop, "u1", kind="archive")
    work_off(shop)
    with shop.database.read() as session:
        said = [json.loads(one) for one in session.scalars(select(Event.attributes).order_by(Event.customer_id))]
    assert said == [{"Contact": "", "Phone": ""}, {"Contact": "ada@example.com", "Phone": "+91 98765 43210"}]


def test_source_of_a_visit_that_named_the_person_is_counted_no_more(shop: Shop) -> None:
    tell(shop, seen("d1", T0, utm={"source": "ada@example.com"}, page="/?m=ada%40example.com"), login("d1", T0 + 1))
    shop.customer(email="ada@example.com")
    assert "ada@example.com" in told(shop.database)
    ask(shop, "u1", kind="archive")
    assert counted.differences(shop.database) == []
    work_off(shop)
    assert [one for one in ("ada@example.com", "ada%40example.com") if one in told(shop.database)] == []
    assert counted.differences(shop.database) == []


def test_what_others_write_meanwhile_is_not_lost(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    tell(shop, seen("d1", T0, page="/?m=ada@example.com", address="203.0.113.0"), login("d1", T0 + 1))
    shop.customer(email="ada@example.com")
    ask(shop, "u1", kind="archive")
    write = erasing._Work._write

    def late(self: Any, table: Any, changes: Any, session: Session, removed: Any) -> int:
        if table is Event:
            session.execute(update(Event).values(context=func.replace(Event.context, "113.0", "113.9")))
        return write(self, table, changes, session, removed)

    monkeypatch.setattr(erasing._Work, "_write", late)
    work_off(shop)
    with shop.database.read() as session:
        context = json.loads(session.scalars(select(Event.context)).one() or "")
    assert context == {"address": "203.0.113.9", "page": "/?m="}
