"""The demonstration shop."""

import json
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from tests.installations import run
from tests.world import Shop, rows
from webapp import attributes, clock, demo, values
from webapp.models import AttributeType, Customer, Event, IgnoredValue

NUMBER = 30


def _fill(shop: Shop, number: int = NUMBER) -> str:
    return demo.fill(shop.database, shop.workspace, number, lambda _: None)


def _customers(shop: Shop) -> Sequence[Customer]:
    with shop.database.read() as session:
        query = select(Customer).where(Customer.workspace_id == shop.workspace.id).order_by(Customer.system_id)
        return session.scalars(query).all()


def _attributes(shop: Shop, customer: Customer) -> dict[str, Any]:
    with shop.database.read() as session:
        shown = attributes.of_customer(session, shop.workspace.id, customer.id)
    return {one.name: one.value for one in shown}


def _events(shop: Shop, customer: Customer, name: str) -> Sequence[Event]:
    with shop.database.read() as session:
        query = select(Event).where(Event.customer_id == customer.id, Event.name == name).order_by(Event.reported_at)
        return session.scalars(query).all()


def test_shop_is_filled_and_summed_up(shop: Shop) -> None:
    told: list[int] = []
    summary = demo.fill(shop.database, shop.workspace, NUMBER, told.append)
    assert rows(shop.database, Customer) == NUMBER == sum(told)
    events = rows(shop.database, Event)
    assert summary == f"“Alice's shop” has 30 more customers, with {events:,} events."
    assert rows(shop.database, IgnoredValue) == 0


def test_totals_agree_with_the_events(shop: Shop) -> None:
    _fill(shop)
    orders = Counter[int]()
    for customer in _customers(shop):
        purchases = _events(shop, customer, "Purchased")
        orders[len(purchases)] += 1
        said = _attributes(shop, customer)
        totals = [json.loads(one.attributes)["Total"] for one in purchases]
        assert said["Total Orders"] == len(totals)
        assert said["Total Spent"] == sum(totals)
        assert said["Is First Time Purchaser"] == (len(totals) == 1)
        if purchases:
            last_at = datetime.fromisoformat(said["Last Order Date"]).timestamp()
            assert last_at == purchases[-1].reported_at // clock.SECOND
        else:
            assert "Last Order Date" not in said
    assert len(orders) > 2, "some shoppers buy more often than others"


def test_order_adds_up(shop: Shop) -> None:
    _fill(shop)
    purchases = [one for customer in _customers(shop) for one in _events(shop, customer, "Purchased")]
    assert purchases
    for purchase in purchases:
        said = json.loads(purchase.attributes)
        products, totals = said["Order"]["products"], said["Order"]["totals"]
        assert sum(one["price"] * one["quantity"] for one in products) == totals["subtotal"]
        assert totals["subtotal"] - totals["discount"] + totals["delivery"] == said["Total"]
        assert said["Sku Purchased"] == [one["sku"] for one in products]


def test_attributes_of_every_type_occur(shop: Shop) -> None:
    _fill(shop)
    with shop.database.read() as session:
        types = set(session.scalars(select(AttributeType.type)))
    assert types == set(values.EVENT_TYPES)


def test_events_lie_in_the_last_year(shop: Shop) -> None:
    _fill(shop)
    with shop.database.read() as session:
        times = session.scalars(select(Event.reported_at)).all()
    assert clock.now() - 366 * clock.DAY < min(times)
    assert max(times) <= clock.now()


def test_shoppers_are_the_same_every_time(shop: Shop, other_shop: Shop) -> None:
    _fill(shop, 5)
    _fill(other_shop, 5)
    assert [_who(one) for one in _customers(shop)] == [_who(one) for one in _customers(other_shop)]


def _who(customer: Customer) -> tuple[str | None, ...]:
    return customer.system_id, customer.name, customer.email, customer.mobile


def test_more_shoppers_are_other_people(shop: Shop) -> None:
    _fill(shop, 5)
    _fill(shop, 5)
    assert len({customer.system_id for customer in _customers(shop)}) == 10


def test_app_that_sends_prices_as_text_shows_in_ignored_values(shop: Shop) -> None:
    _fill(shop, 40)
    with shop.database.read() as session:
        ignored = session.scalars(select(IgnoredValue)).all()
    assert {(one.event_name, one.name, one.expected, one.received) for one in ignored} == {
        ("Product Viewed", "Price", "number", "string")
    }


def test_everybody_has_a_profile_page(shop: Shop, alice: FlaskClient) -> None:
    _fill(shop)
    for customer in _customers(shop):
        assert alice.get(f"/customers/{customer.growlytics_id}").status_code == 200


def test_demo_refuses_a_shop_with_customers_unless_forced(tmp_path: Path) -> None:
    first = run(tmp_path, "demo", "--customers", "3")
    assert first.returncode == 0
    assert "/invitations/" in first.stdout, "the link of a first start is shown only once, so here"
    assert "“My shop” has 3 more customers" in first.stdout
    refused = run(tmp_path, "demo", "--customers", "3")
    assert refused.returncode == 1
    assert refused.stderr == "Error: “My shop” has customers; --force adds the demonstration to them\n"
    assert run(tmp_path, "demo", "--customers", "3", "--force").returncode == 0


@pytest.mark.parametrize("number", ["0", "many"])
def test_demo_needs_a_number_of_customers(tmp_path: Path, number: str) -> None:
    assert run(tmp_path, "demo", "--customers", number).returncode == 2
