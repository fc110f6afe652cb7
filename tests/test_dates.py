"""Dates in attributes: what is one, in which zone it is read, how it is kept."""

from typing import Any

import pytest

from tests.world import NOON, Shop, faults
from webapp.models import Workspace

INSTANTS = [
    ("2020-01-20 13:44:15", "2020-01-20T08:14:15Z"),  # the shop is in Asia/Kolkata
    ("2020-01-20T13:44:15", "2020-01-20T08:14:15Z"),
    ("2020-01-20T13:44:15Z", "2020-01-20T13:44:15Z"),
    ("2020-01-20T13:44:15+00:00", "2020-01-20T13:44:15Z"),
    ("2020-01-20T13:44:15-08:00", "2020-01-20T21:44:15Z"),
    ("2020-01-20T13:44:15+0530", "2020-01-20T08:14:15Z"),
    ("2020-01-20T13:44:15.5Z", "2020-01-20T13:44:15.500000Z"),
    ("2020-01-20T13:44:15.123456789Z", "2020-01-20T13:44:15.123456Z"),
    ("2020-02-29 00:00:00", "2020-02-28T18:30:00Z"),
    ("0001-06-01T00:00:00Z", "0001-06-01T00:00:00Z"),
    ("9999-12-31 23:59:59", "9999-12-31T18:29:59Z"),
    # Sentinels for "never", which have no UTC instant that a calendar could hold, stay what they are.
    ("0001-01-01 00:00:00", "0001-01-01T00:00:00Z"),
    ("9999-12-31T23:59:59-08:00", "9999-12-31T23:59:59Z"),
]
NO_DATES = [
    "2020-01-20",
    "13:44:15",
    "2020-01-20 13:44",
    "2020-1-20 13:44:15",
    "20-01-2020 13:44:15",
    "01/20/2020 13:44:15",
    "2020-01-20  13:44:15",
    " 2020-01-20 13:44:15",
    "2020-01-20 13:44:15 ",
    "2020-01-20 13:44:15\n",
    "2021-02-29 13:44:15",
    "2020-13-20 13:44:15",
    "2020-01-20 24:00:00",
    "2020-01-20 13:60:15",
    "2020-01-20T13:44:15+25:00",
    "2020-01-20T13:44:15 Z",
    "2020-01-20t13:44:15z",
    "0000-01-01 00:00:00",
    "10000-01-01 00:00:00",
    "-2020-01-20 13:44:15",
    "２０２０-01-20 13:44:15",
    "٢٠٢٠-٠١-٢٠ ١٣:٤٤:١٥",
    "now",
    "",
]


def _item(value: object) -> dict[str, object]:
    return {"name": "day", "type": "date", "value": value}


@pytest.mark.parametrize(("text", "instant"), INSTANTS)
def test_date_of_a_customer_is_kept_as_its_instant(shop: Shop, text: str, instant: str) -> None:
    answer = shop.send("/rest-api/customer", {"id": "u1", "attributes": [_item(text)]})
    assert answer.json == {"success": True}
    assert shop.customer("u2", day=text).json == {"success": True}
    assert shop.attributes("u1") == shop.attributes("u2") == {"day": ("date", instant)}


def test_date_of_an_event_is_kept_as_it_came(shop: Shop) -> None:
    days: dict[str, Any] = {f"day {place}": text for place, (text, _) in enumerate(INSTANTS)}
    shop.event(**days)
    assert {one.name: (one.type, one.value) for one in shop.events()[0].attributes} == {
        name: ("date", text) for name, text in days.items()
    }


@pytest.mark.parametrize("zone", ["America/Los_Angeles", "Pacific/Kiritimati", "UTC"])
def test_ends_of_the_calendar_are_dates_in_every_zone(shop: Shop, zone: str) -> None:
    with shop.database.write() as session:
        session.get_one(Workspace, shop.workspace.id).time_zone = zone
    assert shop.customer(never="9999-12-31 23:59:59", always="0001-01-01 00:00:00").json == {"success": True}
    assert {type_ for type_, _ in shop.attributes().values()} == {"date"}


def test_date_without_a_zone_is_read_in_the_zone_of_the_workspace(shop: Shop) -> None:
    with shop.database.write() as session:
        session.get_one(Workspace, shop.workspace.id).time_zone = "America/New_York"
    shop.customer(winter="2020-01-20 12:00:00", summer="2020-07-20 12:00:00")
    assert shop.attributes() == {
        "summer": ("date", "2020-07-20T16:00:00Z"),
        "winter": ("date", "2020-01-20T17:00:00Z"),
    }


@pytest.mark.parametrize("text", NO_DATES)
def test_text_that_is_no_date_is_refused_as_one_and_inferred_a_string(shop: Shop, text: str) -> None:
    fault = [(("attributes", 0, "value"), "date.base")]
    body: dict[str, Any] = {"id": "u1", "attributes": [_item(text)]}
    assert faults(shop.send("/rest-api/customer", body)) == fault
    body = {"customerId": "u1", "name": "Purchased", "time": NOON, "attributes": [_item(text)]}
    for path in ("/rest-api/event", "/track/event", "/track/event/v2"):
        assert faults(shop.send(path, body)) == fault
    shop.customer(day=text)
    assert shop.attributes() == {"day": ("string", text)}


@pytest.mark.parametrize("text", ["2020-01-20 13:44:15.5", "2020-01-20 13:44:15Z", "2020-01-20 13:44:15+05:30"])
def test_date_that_is_written_otherwise_must_be_called_one(shop: Shop, text: str) -> None:
    shop.customer(called=text)
    assert shop.types() == {"called": "string"}
    body = {"id": "u1", "attributes": [{"name": "typed", "type": "date", "value": text}]}
    assert shop.send("/rest-api/customer", body).json == {"success": True}
    assert shop.customer(typed=text).json == {"success": True}
    assert shop.types() == {"called": "string", "typed": "date"}


def test_string_for_an_attribute_known_as_date_must_be_one(shop: Shop) -> None:
    shop.customer(day="2020-01-20 13:44:15")
    told = [{"name": "day", "expected": "date", "received": "string"}]
    assert shop.customer(day="tomorrow").json == {"success": True, "ignored": told}
    assert shop.attributes() == {"day": ("date", "2020-01-20T08:14:15Z")}


def test_date_where_a_string_was_typed_first_is_ignored_when_typed_as_date(shop: Shop) -> None:
    shop.customer(day="tomorrow")
    answer = shop.send("/rest-api/customer", {"id": "u1", "attributes": [_item("2020-01-20 13:44:15")]})
    told = [{"name": "day", "expected": "string", "received": "date"}]
    assert answer.json == {"success": True, "ignored": told}
