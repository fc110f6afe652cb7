"""The list, the timeline and the words of a workspace, by the API."""

import re
from typing import Any
from urllib.parse import parse_qsl

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from tests import readers
from tests.readers import Reader
from tests.visitors import DAY, HOUR, T0, login, seen, tell
from tests.world import PASSWORD, Shop, submit
from webapp import clock, lookup, merges, roster, users
from webapp.api import answers
from webapp.models import DictionaryEntry, Merge, Segment


@pytest.fixture
def reader(shop: Shop) -> Reader:
    """A program with a read key of the shop."""
    return readers.reader(shop)


@pytest.fixture
def people(shop: Shop) -> Shop:
    """Twelve customers, seen one after the other, every third in Pune, and a visitor."""
    for number in range(12):
        who = f"u{number}"
        shop.customer(who, name=f"Person {number}", City="Pune" if number % 3 == 0 else "Goa", Points=number)
        shop.event("Purchased", T0 + number * HOUR, who, Amount=number)
    tell(shop, seen("d1", T0 - DAY))
    return shop


def _ids(rows: list[dict[str, Any]]) -> list[str | None]:
    return [one["id"] for one in rows]


# The list


def test_list_comes_in_pages_each_customer_once(people: Shop, reader: Reader) -> None:
    pages = reader.pages("customers", "customers", ("limit", 5))
    assert [len(page) for page in pages] == [5, 5, 3]
    assert _ids([one for page in pages for one in page]) == [*(f"u{number}" for number in range(11, -1, -1)), None]
    backwards = reader.pages("customers", "customers", ("limit", 5), ("order", "oldest"))
    assert [one for page in backwards for one in page] == [one for page in pages for one in page][::-1]


def test_list_tells_of_each_what_the_profile_begins_with(people: Shop, reader: Reader) -> None:
    one = reader.read("customers")["customers"][0]
    profile = reader.read("customer", ("id", "u11"))
    assert one == {name: profile[name] for name in list(profile)[:9]} | {"events": 1}


def test_pages_do_not_shift_when_others_arrive(people: Shop, reader: Reader) -> None:
    first = reader.read("customers", ("limit", 4))
    for number in range(20, 25):
        people.event("Purchased", T0 + DAY * 2, f"u{number}")
    second = reader.read("customers", ("limit", 4), ("cursor", first["next"]))
    assert _ids(second["customers"]) == ["u7", "u6", "u5", "u4"]


def test_list_by_filters_sort_and_kind(people: Shop, reader: Reader) -> None:
    assert _ids(reader.read("customers", ("where", "City = pune"))["customers"]) == ["u9", "u6", "u3", "u0"]
    both = (("where", "City = Pune"), ("where", "Points > 4"))
    assert _ids(reader.read("customers", *both)["customers"]) == ["u9", "u6"]
    assert _ids(reader.read("customers", ("status", "anonymous"))["customers"]) == [None]
    created = reader.read("customers", ("sort", "created"), ("status", "registered"), ("order", "oldest"), ("limit", 2))
    assert _ids(created["customers"]) == ["u0", "u1"]
    rest = reader.read("customers", ("sort", "created"), ("order", "oldest"), ("limit", 2), ("cursor", created["next"]))
    assert _ids(rest["customers"]) == ["u2", "u3"]


def test_attributes_that_are_asked_for_have_their_types(people: Shop, reader: Reader) -> None:
    people.customer("u11", Vip=True)
    query = [("column", f"attribute:{name}") for name in ("Vip", "Points", "City", "Nothing")]
    one = reader.read("customers", *query, ("column", "email"), ("limit", 1))["customers"][0]
    assert one["attributes"] == {"Vip": True, "Points": 11, "City": "Goa", "Nothing": None}
    assert "attributes" not in reader.read("customers")["customers"][0]


def test_address_of_the_page_asks_for_the_same(people: Shop, reader: Reader, alice: FlaskClient) -> None:
    query = "status=registered&sort=created&order=oldest&where=City+%3D+Goa&where=did+Purchased&column=attribute:City"
    page = alice.get(f"/customers?{query}").text
    names = re.findall(r'class="row-link"[^>]*>([^<]*)<', page)
    assert [one["name"] for one in reader.read("customers", *parse_qsl(query))["customers"]] == names != []


def test_number_of_customers_is_told_when_it_is_asked_for(people: Shop, reader: Reader) -> None:
    counted = reader.read("customers", ("count", "yes"), ("where", "City = Goa"), ("limit", 1))
    assert counted["count"] == {"number": 8, "kind": "exact"}


def test_list_says_where_it_stopped_looking_and_goes_on_from_there(
    people: Shop, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(roster, "MOST_LOOKED_AT", 3)
    monkeypatch.setattr(roster, "_FIRST_CHUNK", 3)
    query = (("where", "Points < 2"), ("where", "lacks Nothing"), ("where", "City != Nowhere"))
    people.customer("u0", Nothing="x")
    monkeypatch.setattr("webapp.matching.MOST_CANDIDATES", 0)
    first = reader.read("customers", *query)
    assert (first["customers"], first["stopped"]) == ([], {"lookedAt": 3, "until": T0 + 9 * HOUR})
    pages = reader.pages("customers", "customers", *query)
    assert len(pages) == 5
    assert _ids([one for page in pages for one in page]) == ["u1"]


def test_list_by_segment(people: Shop, reader: Reader, alice: FlaskClient) -> None:
    view = "status=registered&sort=created&order=oldest&where=City+%3D+Pune"
    submit(alice, "/segments", form_on="/customers", name="In Pune", view=view)
    (segment,) = reader.read("segments")["segments"]
    assert (segment["name"], segment["query"]) == ("In Pune", view)
    by = ("segment", segment["id"])
    assert _ids(reader.read("customers", by)["customers"]) == ["u0", "u3", "u6", "u9"]
    assert _ids(reader.read("customers", by, ("where", "Points > 4"))["customers"]) == ["u6", "u9"]
    assert _ids(reader.read("customers", by, ("order", "newest"))["customers"]) == ["u9", "u6", "u3", "u0"]
    assert _ids(reader.read("customers", by, ("status", "anonymous"))["customers"]) == []
    assert reader.faults("customers", ("segment", segment["id"] + 1), status=404) == [
        ("query.segment", "segment.unknown")
    ]


def test_segment_whose_filter_cannot_be_used_says_so(people: Shop, reader: Reader) -> None:
    with people.database.write() as session:
        one = Segment(workspace_id=people.workspace.id, name="Odd", query="where=Gone+%3D+1", created_at=clock.now())
        session.add(one)
        session.flush()
        id_ = one.id
    assert reader.faults("customers", ("segment", id_)) == [("query.segment", "where.invalid")]


def test_segments_of_others_are_not_there(people: Shop, other_shop: Shop, reader: Reader, charlie: FlaskClient) -> None:
    other_shop.customer("u1", City="Goa")
    submit(charlie, "/segments", form_on="/customers", name="Theirs", view="where=City+%3D+Goa")
    with people.database.read() as session:
        theirs = session.scalars(select(Segment.id)).one()
    assert reader.read("segments") == {"segments": [], "next": None}
    assert reader.faults("customers", ("segment", theirs), status=404)


def test_search_tells_what_matched(people: Shop, reader: Reader) -> None:
    people.customer("u3", email="three@example.com")
    found = reader.read("customers", ("q", "THREE@example.com"), ("column", "attribute:City"))
    (one,) = found["customers"]
    assert (one["id"], one["attributes"], found["hasMore"]) == ("u3", {"City": "Pune"}, False)
    assert one["matched"] == {"field": "email", "value": "three@example.com", "isWhole": True, "isFormer": False}
    assert reader.read("customers", ("q", "Person"), ("limit", 3))["hasMore"] is True


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ([("where", "Gone = 1"), ("where", "City"), ("where", "City = Pune")],
         {("query.where[0]", "where.invalid"), ("query.where[1]", "where.invalid")}),
        ([("where", f"City = {number}") for number in range(21)], {("query.where", "query.max")}),
        ([("status", "all "), ("bots", "shown"), ("sort", "name"), ("order", "up")],
         {(f"query.{name}", "any.only") for name in ("status", "bots", "sort", "order")}),
        ([("limit", "101")], {("query.limit", "number.range")}),
        ([("limit", "0")], {("query.limit", "number.range")}),
        ([("limit", "-1"), ("cursor", "x")], {("query.limit", "number.range"), ("query.cursor", "cursor.invalid")}),
        ([("cursor", "99999999999999999999.1")], {("query.cursor", "cursor.invalid")}),
        ([("column", "City"), ("column", "attribute:")], {("query.column", "any.only")}),
        ([("q", "a"), ("where", "has City"), ("cursor", "1.1")],
         {("query.where", "query.beside"), ("query.cursor", "query.beside")}),
        ([("q", " ")], {("query.q", "string.empty")}),
        ([("segment", "one")], {("query.segment", "number.range")}),
        ([("older_than", "1.1"), ("City", "Pune")],
         {("query.older_than", "query.unknown"), ("query.City", "query.unknown")}),
    ],
)  # fmt: skip
def test_every_fault_of_a_list_is_told(
    people: Shop, reader: Reader, query: list[tuple[str, str]], expected: set[tuple[str, str]]
) -> None:
    assert set(reader.faults("customers", *query)) == expected


def test_large_rows_make_a_page_shorter(people: Shop, reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(12):
        people.customer(f"u{number}", Story="é" * 1_000)
    monkeypatch.setattr(answers, "MOST_BYTES", 5_000)
    pages = reader.pages("customers", "customers", ("column", "attribute:Story"))
    assert _ids([one for page in pages for one in page]) == [*(f"u{number}" for number in range(11, -1, -1)), None]
    assert len(pages[0]) == 2
    backwards = reader.pages("customers", "customers", ("column", "attribute:Story"), ("order", "oldest"))
    assert [one for page in backwards for one in page] == [one for page in pages for one in page][::-1]


# The timeline


@pytest.fixture
def asha(shop: Shop) -> str:
    """The path of the events of somebody with twenty of them, every fifth a purchase."""
    for number in range(20):
        name = "Viewed" if number % 5 else "Purchased"
        shop.event(name, T0 + number * HOUR, "u1", Number=number, Tags=["a", "b"], When="2026-01-31 10:00:00")
    return f"customers/{shop.find('u1').growlytics_id}/events"


def _numbers(events: list[dict[str, Any]]) -> list[int]:
    return [one["attributes"][0]["value"] for one in events]


def test_events_come_newest_first_page_by_page(reader: Reader, asha: str) -> None:
    pages = reader.pages(asha, "events", ("limit", 8))
    assert [_numbers(page) for page in pages] == [
        list(range(19, 11, -1)), list(range(11, 3, -1)), list(range(3, -1, -1))
    ]  # fmt: skip


def test_event_is_told_as_it_was_sent(shop: Shop, reader: Reader, asha: str) -> None:
    one = reader.read(asha, ("limit", 1))["events"][0]
    stored = shop.events("u1")[0]
    assert one == {
        "id": f"{stored.reported_at}.{stored.id}",
        "name": "Viewed",
        "time": T0 + 19 * HOUR,
        "receivedAt": stored.received_at,
        "attributes": [
            {"name": "Number", "type": "number", "value": 19},
            {"name": "Tags", "type": "string array", "value": ["a", "b"]},
            {"name": "When", "type": "date", "value": "2026-01-31 10:00:00"},
        ],
        "did": None,
        "context": {},
    }
    sent = {"customerId": "copy", **{name: one[name] for name in ("name", "time", "attributes")}}
    assert shop.send("/track/event/v2", sent).json == {"success": True}


def test_events_of_a_device_name_it_and_the_page(shop: Shop, reader: Reader) -> None:
    tell(shop, seen("d1", T0, "Viewed", page="https://shop.example/", utm={"source": "google"}))
    (visitor,) = reader.read("customers")["customers"]
    (one,) = reader.read(f"customers/{visitor['growlyticsId']}/events")["events"]
    assert one["did"] == "d1"
    assert one["context"] == {"page": "https://shop.example/", "utm": {"source": "google"}}


def test_timeline_of_a_name_goes_on_after_a_merge_was_undone(shop: Shop, reader: Reader) -> None:
    shop.customer()
    tell(shop, *[seen("d1", T0 + number, "Bought") for number in range(4)], login("d1", T0 + HOUR))
    for number in range(6):
        shop.event("Bought", T0 - HOUR + number)
    path = f"customers/{shop.find().growlytics_id}/events"
    query = (("name", "Bought"), ("limit", 5))
    first = reader.read(path, *query)
    with shop.database.write() as session:
        merge = session.scalars(select(Merge)).one()
        user = users.create(session, users.credentials("u@shop.example", PASSWORD), shop.workspace.id, "admin")
        merges.undo(session, shop.workspace, user.id, merge.id)
    second = reader.read(path, *query, ("cursor", first["next"]))
    assert len(second["events"]) == 5, "all that are left"


def test_timeline_is_stable_while_events_arrive(shop: Shop, reader: Reader, asha: str) -> None:
    first = reader.read(asha, ("limit", 8))
    shop.event("Viewed", T0 + 100 * HOUR, "u1", Number=100)
    shop.event("Viewed", T0 + 5 * HOUR + 1, "u1", Number=50)
    second = reader.read(asha, ("limit", 8), ("cursor", first["next"]))
    assert _numbers(second["events"]) == [11, 10, 9, 8, 7, 6, 50, 5]


def test_events_by_name_time_and_text(shop: Shop, reader: Reader, asha: str) -> None:
    assert _numbers(reader.read(asha, ("name", "Purchased"))["events"]) == [15, 10, 5, 0]
    assert len(reader.read(asha, ("name", "Purchased"), ("name", "Viewed"))["events"]) == 20
    bounds = (("from", T0 + 3 * HOUR), ("to", T0 + 6 * HOUR))
    assert _numbers(reader.read(asha, *bounds)["events"]) == [5, 4, 3]
    # T0 is 17:30 of 10 March in the workspace's zone.
    assert _numbers(reader.read(asha, ("from", "2026-03-11"), ("to", "2026-03-11"))["events"]) == list(range(19, 6, -1))
    assert _numbers(reader.read(asha, ("to", "2026-03-10"))["events"]) == list(range(6, -1, -1))
    shop.event("Viewed", T0 + 2, "u1", Number=7, Product="Mixer")
    (one,) = reader.read(asha, ("text", "mixer"))["events"]
    assert one["time"] == T0 + 2
    assert reader.read(asha, ("name", "Nothing")) | {"growlyticsId": ""} == {
        "growlyticsId": "", "events": [], "next": None, "stopped": None
    }  # fmt: skip


def test_all_of_a_name_ends_the_pages(reader: Reader, asha: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lookup, "MOST_EXAMINED", 7)
    pages = reader.pages(asha, "events", ("name", "Purchased"), ("limit", 3))
    assert [_numbers(page) for page in pages] == [[15], [10], [5, 0]]
    first = reader.read(asha, ("name", "Purchased"))
    assert first["stopped"] == {"until": T0 + 13 * HOUR}
    pages = reader.pages(asha, "events", ("name", "Viewed"), ("to", T0 + 2 * HOUR))
    assert [number for page in pages for number in _numbers(page)] == [1]


def test_hidden_events_and_attributes_are_left_out_unless_they_are_asked_for(
    shop: Shop, reader: Reader, asha: str
) -> None:
    with shop.database.write() as session:
        for key in (("Viewed", ""), ("Purchased", "Tags")):
            session.get_one(DictionaryEntry, (shop.workspace.id, *key)).is_hidden = True
    found = reader.read(asha)["events"]
    assert {one["name"] for one in found} == {"Purchased"}
    assert [each["name"] for each in found[0]["attributes"]] == ["Number", "When"]
    everything = reader.read(asha, ("hidden", "show"))["events"]
    assert len(everything) == 20
    assert [each["name"] for each in everything[-1]["attributes"]] == ["Number", "Tags", "When"]
    assert len(reader.read(asha, ("name", "Viewed"))["events"]) == 16


def test_large_events_make_a_page_shorter(shop: Shop, reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(5):
        shop.event("Viewed", T0 + number, "u1", Number=number, Story="é" * 1_000)
    monkeypatch.setattr(answers, "MOST_BYTES", 5_000)
    path = f"customers/{shop.find('u1').growlytics_id}/events"
    assert [_numbers(page) for page in reader.pages(path, "events")] == [[4, 3], [2, 1], [0]]
    assert [_numbers(page) for page in reader.pages(path, "events", ("name", "Viewed"))] == [[4, 3], [2, 1], [0]]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ([("cursor", "1"), ("limit", "x")], {("query.cursor", "cursor.invalid"), ("query.limit", "number.range")}),
        ([("cursor", "1.2.3")], {("query.cursor", "cursor.invalid")}),
        ([("cursor", "1.2.3.4.5")], {("query.cursor", "cursor.invalid")}),
        ([("cursor", "1.99999999999999999999")], {("query.cursor", "cursor.invalid")}),
        ([("from", "today"), ("to", "2026-02-30")], {("query.from", "date.base"), ("query.to", "date.base")}),
        ([("to", "9" * 16)], {("query.to", "date.base")}),
        ([("event", "Purchased")], {("query.event", "query.unknown")}),
        ([("name", "")], {("query.name", "string.empty")}),
        ([("name", f"E{number}") for number in range(51)], {("query.name", "query.max")}),
    ],
)
def test_every_fault_of_a_timeline_is_told(
    reader: Reader, asha: str, query: list[tuple[str, str]], expected: set[tuple[str, str]]
) -> None:
    assert set(reader.faults(asha, *query)) == expected


# The words of a workspace


def test_attributes_and_their_types(people: Shop, reader: Reader) -> None:
    found = reader.read("attributes")["attributes"]
    assert {one["name"]: one["type"] for one in found} == {"City": "string", "name": "string", "Points": "number"}
    assert [one["name"] for one in found] == ["City", "name", "Points"]
    of_event = reader.read("attributes", ("event", "Purchased"))["attributes"]
    assert [(one["name"], one["type"], one["isHidden"]) for one in of_event] == [("Amount", "number", False)]
    assert of_event[0]["firstAt"] is not None
    assert reader.read("attributes", ("event", "Nothing")) == {"attributes": [], "next": None}


def test_events_of_the_dictionary(people: Shop, reader: Reader) -> None:
    with people.database.write() as session:
        session.get_one(DictionaryEntry, (people.workspace.id, "Viewed", "")).is_hidden = True
        session.get_one(DictionaryEntry, (people.workspace.id, "Purchased", "")).description = "An order"
    found = reader.read("events")["events"]
    assert [(one["name"], one["description"]) for one in found] == [("Purchased", "An order")]
    found = reader.read("events", ("hidden", "show"))["events"]
    assert [(one["name"], one["isHidden"]) for one in found] == [("Purchased", False), ("Viewed", True)]


def test_long_lists_of_words_come_in_pages(shop: Shop, reader: Reader) -> None:
    names = ["total orders", "Total Orders", "TOTAL-orders", "é", "ab", "a b", "Z", "z", "!", "1", "🙂"]
    for name in names:
        shop.event(name, T0, "u1", **dict.fromkeys(names, 1))
        shop.customer("u1", **{name: 1})
    for path, of, query in (
        ("events", "events", []), ("attributes", "attributes", []), ("attributes", "attributes", [("event", "é")])
    ):  # fmt: skip
        whole = [one["name"] for one in reader.read(path, *query)[of]]
        assert sorted(whole) == sorted(names)
        pages = reader.pages(path, of, *query, ("limit", 1))
        assert [one["name"] for page in pages for one in page] == whole
        assert [len(page) for page in pages] == [1] * len(names)
