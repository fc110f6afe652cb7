"""IP addresses of customers: shortened or not kept at the door, and taken out of what is stored."""

import json
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from tests.asha import ask, work_off
from tests.visitors import DAY, MUMBAI, T0, login, page, seen, tell
from tests.world import Clock, Shop, submit
from webapp import retention, stripping, sweeping
from webapp.models import Customer, Erasure, Event, RefusedPayload, Sweep, Workspace

EVENT = "/msv_cevt"


def _from(shop: Shop, address: str, did: str, at: int) -> None:
    answer = shop.app.test_client().post(
        EVENT,
        json={"did": did, "name": "Viewed", "timestamp": at},
        headers={"x-growlytics-key": shop.key},
        environ_base={"REMOTE_ADDR": address},
    )
    assert answer.status_code == 200, answer.text


def _addresses(shop: Shop) -> list[str | None]:
    query = select(Event.context).join(Customer, Customer.id == Event.customer_id)
    with shop.database.read() as session:
        found = session.scalars(query.where(Customer.workspace_id == shop.workspace.id).order_by(Event.reported_at))
        return [json.loads(one or "{}").get("address") for one in found]


def _keep(shop: Shop, *, keeps: bool) -> None:
    with shop.database.write() as session:
        retention.change_addresses(session, shop.workspace.id, keeps=keeps)


def _strip(shop: Shop, hands: Clock) -> Sweep | None:
    _keep(shop, keeps=False)
    hands.wait(sweeping.SETTLING)
    sweeping.work_off(shop.database)
    with shop.database.read() as session:
        return sweeping.find(session, shop.workspace.id, "addresses")


@pytest.mark.parametrize(
    ("address", "kept"), [("203.0.113.77", "203.0.113.0"), ("2001:db8:1:2:3::4", "2001:db8:1::"), ("nowhere", None)]
)
def test_address_is_shortened_or_not_kept_at_the_door(shop: Shop, address: str, kept: str | None) -> None:
    _from(shop, address, "d1", T0)
    assert _addresses(shop) == [kept]
    _keep(shop, keeps=False)
    _from(shop, address, "d1", T0 + 1)
    assert _addresses(shop) == [kept, None]
    _keep(shop, keeps=True)
    _from(shop, address, "d1", T0 + 2)
    assert _addresses(shop) == [kept, None, kept]


def test_stored_addresses_are_taken_out_and_nothing_else(
    shop: Shop, other_shop: Shop, hands: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stripping, "_MOST_EVENTS", 3)
    for one in (shop, other_shop):
        for number in range(10):
            utm = {"source": '"address": "x"'}
            tell(one, seen(f"d{number % 4}", T0 + number, address="203.0.113.0", page="/", utm=utm, **MUMBAI))
        tell(one, seen("d9", T0 + 20, address="203.0.113.0"), seen("d9", T0 + 21))
    before = _contexts(shop)
    sweep = _strip(shop, hands)
    assert sweep is not None
    assert sweep.ended_at is not None
    assert (sweep.done, sweep.due_at) == (11, None)
    assert _addresses(shop) == [None] * 12
    assert _contexts(shop) == [{name: told for name, told in one.items() if name != "address"} for one in before]
    assert _addresses(other_shop) == ["203.0.113.0"] * 11 + [None]
    with shop.database.read() as session:
        query = select(Event.context).join(Customer, Customer.id == Event.customer_id)
        of_shop = query.where(Customer.workspace_id == shop.workspace.id, Event.reported_at == T0 + 20)
        assert session.scalars(of_shop).one() is None, "where nothing else was known, nothing is left"


def _contexts(shop: Shop) -> list[dict[str, object]]:
    query = select(Event.context).join(Customer, Customer.id == Event.customer_id)
    with shop.database.read() as session:
        found = session.scalars(query.where(Customer.workspace_id == shop.workspace.id).order_by(Event.reported_at))
        return [json.loads(one or "{}") for one in found]


def test_addresses_of_what_was_refused_go_as_well(shop: Shop, hands: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stripping, "_MOST_PAYLOADS", 1)
    for number in range(3):
        shop.send("/track/user", {"id": "u1", "attributes": {"City": None}, "number": number})
    assert _refused_from(shop) == ["127.0.0.0"] * 3
    _strip(shop, hands)
    assert _refused_from(shop) == [""] * 3
    shop.send("/track/user", {"id": "u1", "attributes": {"City": None}, "number": 4})
    assert _refused_from(shop) == [""] * 4


def _refused_from(shop: Shop) -> list[str]:
    with shop.database.read() as session:
        return [json.loads(one)["address"] for one in session.scalars(select(RefusedPayload.details))]


def test_event_that_a_late_login_moves_meanwhile_is_not_missed(
    shop: Shop, hands: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To a profile that has been passed already."""
    tell(shop, seen("d0", T0), login("d0", T0 + 1, "u1"))
    tell(shop, login("d1", T0, "u2"), seen("d1", T0 + DAY, address="203.0.113.0"))
    seen_by = stripping._with_address

    def late(*given: object) -> object:
        found = seen_by(*given)  # type: ignore[arg-type]
        monkeypatch.setattr(stripping, "_with_address", seen_by)
        tell(shop, login("d1", T0 + 5, "u1"))
        return found

    monkeypatch.setattr(stripping, "_with_address", late)
    _strip(shop, hands)
    assert _addresses(shop) == [None, None]


def test_change_of_mind_ends_it(shop: Shop, hands: Clock) -> None:
    _from(shop, "203.0.113.77", "d1", T0)
    _keep(shop, keeps=False)
    _keep(shop, keeps=True)
    hands.wait(sweeping.SETTLING)
    sweeping.work_off(shop.database)
    assert _addresses(shop) == ["203.0.113.0"]


def test_choice_is_made_on_the_page(shop: Shop, alice: FlaskClient) -> None:
    path = "/settings/privacy"
    assert 'value="yes" checked' in page(alice, path)
    for choice, keeps in (("no", False), ("yes", True), ("nonsense", False)):
        assert submit(alice, f"{path}/addresses", form_on=path, keeps_addresses=choice).status_code == 303
        with shop.database.read() as session:
            assert session.get_one(Workspace, shop.workspace.id).keeps_addresses is keeps
    assert 'value="no" checked' in page(alice, path)


def test_what_is_taken_out_otherwise_meanwhile_does_not_come_back(
    shop: Shop, hands: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    tell(shop, seen("d1", T0, address="203.0.113.0", page="/?m=ada@example.com"), login("d1", T0 + 1))
    shop.customer(email="ada@example.com")
    look, archived = stripping._with_address, list[Erasure]()

    def late(session: Session, *given: Any) -> Any:
        found = look(session, *given)
        if not archived:  # between the look and what comes of it
            archived.append(ask(shop, "u1", kind="archive"))
            work_off(shop)
        return found

    monkeypatch.setattr(stripping, "_with_address", late)
    _strip(shop, hands)
    assert _contexts(shop) == [{"page": "/?m="}]
