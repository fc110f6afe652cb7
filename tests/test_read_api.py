"""Reading by the API: who may ask, one profile by any id, and how answers are kept and refused."""

from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from tests import readers
from tests.dumps import dump
from tests.readers import Reader
from tests.visitors import CHROME, HOUR, MINUTE, MUMBAI, T0, customer, login, seen, tell, values
from tests.world import Shop, submit
from webapp import api, keys, search
from webapp.api import answers, erasures, profiles
from webapp.db import Database
from webapp.models import ApiKey, DictionaryEntry, Workspace

PATHS = ("customers", "customer?id=u1", "customers/{id}", "customers/{id}/events", "segments", "attributes", "events")


@pytest.fixture
def reader(shop: Shop) -> Reader:
    """A program with a read key of the shop."""
    return readers.reader(shop)


@pytest.fixture
def asha(shop: Shop) -> str:
    """The Growlytics ID of a customer with some history on the website."""
    tell(shop, customer("u1", T0, name="Asha Rao", email="Asha@Example.com", mobile="+91 99192 11112"))
    shop.customer("u1", City="Pune", Points=10.5, Vip=True, Born="2000-01-31 23:30:00")
    tell(shop, seen("d1", T0, "Viewed", CHROME, page="https://shop.example/", utm={"source": "google"}, **MUMBAI))
    tell(shop, login("d1", T0 + MINUTE, "u1"), seen("d1", T0 + HOUR * 5, "Viewed", referrer="https://news.example/"))
    shop.event("Purchased", T0 + HOUR, "u1", Amount=732.5)
    return shop.find("u1").growlytics_id


# Who may ask


@pytest.mark.parametrize("path", PATHS)
def test_read_keys_alone_may_ask(shop: Shop, reader: Reader, asha: str, path: str) -> None:
    path = path.format(id=asha)
    assert reader.ask(path).status_code == 200
    for kind in ("server", "browser"):
        with shop.database.write() as session:
            _, key = keys.create(session, shop.workspace.id, "Other", kind)
        assert Reader(shop, key).fault(path, status=401)["type"] == "key.kind"
    assert Reader(shop, "").fault(path, status=401)["type"] == "key.invalid"


@pytest.mark.parametrize("path", PATHS)
def test_nothing_can_be_sent_where_something_is_asked(reader: Reader, asha: str, path: str) -> None:
    answer = reader.ask(path.format(id=asha), method="POST")
    assert (answer.status_code, "MethodNotAllowedError" in answer.text) == (405, True)


def test_use_of_the_key_is_noted(shop: Shop, reader: Reader) -> None:
    reader.read("segments")
    with shop.database.read() as session:
        key = session.scalars(select(ApiKey).where(ApiKey.kind == "read")).one()
    assert key.last_used_at is not None
    assert key.last_used_from == "127.0.0.1"


def test_key_with_a_limit_is_told_where_it_stands(shop: Shop) -> None:
    reader = readers.reader(shop, rate_limit=2)
    assert [reader.ask("customers").headers["RateLimit-Remaining"] for _ in range(2)] == ["1", "0"]
    answer = reader.ask("customers")
    assert answer.status_code == 429
    assert answer.headers["Retry-After"]


def test_customers_of_other_workspaces_are_not_there(shop: Shop, other_shop: Shop, reader: Reader, asha: str) -> None:
    other_shop.customer("u1", name="Zoe", email="zoe@example.com", City="Zagreb")
    other_shop.event("Zapped", system_id="u1")
    stranger = readers.reader(other_shop)
    theirs = other_shop.find("u1").growlytics_id
    for path in (f"customers/{theirs}", f"customers/{theirs}/events"):
        assert reader.faults(path, status=404) == [("path.growlytics_id", "customer.unknown")]
    assert stranger.read("customer", ("id", "u1"))["name"] == "Zoe"
    assert reader.read("customer", ("id", "u1"))["name"] == "Asha Rao"
    for name, value in (("growlytics_id", theirs), ("email", "zoe@example.com")):
        assert reader.faults("customer", (name, value), status=404) == [(f"query.{name}", "customer.unknown")]
    assert "Z" not in reader.ask("customers").text
    assert reader.read("customers", ("q", "zoe"))["customers"] == []
    for path in ("attributes", "events"):
        assert not {"Zapped"} & {one["name"] for one in reader.read(path)[path]}


# One profile


def test_profile_tells_who_it_is(shop: Shop, reader: Reader, asha: str) -> None:
    found = reader.read(f"customers/{asha}")
    assert {name: found[name] for name in ("growlyticsId", "id", "status", "name", "email", "mobile")} == {
        "growlyticsId": asha,
        "id": "u1",
        "status": "registered",
        "name": "Asha Rao",
        "email": "Asha@Example.com",
        "mobile": "+91 99192 11112",
    }
    assert (found["firstSeenAt"], found["lastSeenAt"]) == (T0, T0 + 5 * HOUR)
    assert found["createdAt"] == shop.find("u1").created_at
    assert list(found) == [
        "growlyticsId", "id", "status", "name", "email", "mobile", "createdAt", "firstSeenAt", "lastSeenAt", "counts",
        "merged", "tags", "acquisition", "places", "devices", "attributes", "attributesNext",
    ]  # fmt: skip


def test_attributes_have_type_value_times_and_where_they_came_from(shop: Shop, reader: Reader, asha: str) -> None:
    found = reader.read(f"customers/{asha}")["attributes"]
    by_name = {one["name"]: one for one in found}
    assert [one["name"] for one in found] == ["name", "email", "mobile", "Born", "City", "Points", "Vip"]
    assert {
        name: (one["type"], one["value"]) for name, one in by_name.items() if name in {"Born", "Points", "Vip"}
    } == {
        "Born": ("date", "2000-01-31T18:00:00Z"),
        "Points": ("number", 10.5),
        "Vip": ("boolean", True),
    }
    assert by_name["City"]["key"] == "Backend"
    assert by_name["City"]["source"] == "/track/user"
    assert by_name["name"]["reportedAt"] == T0
    assert by_name["name"]["key"] is None
    assert by_name["City"]["receivedAt"] == by_name["City"]["reportedAt"]


def test_profile_tells_how_they_came_and_from_where(reader: Reader, asha: str) -> None:
    found = reader.read(f"customers/{asha}")
    place = {"country": "IN", "region": "Maharashtra", "city": "Mumbai"}
    first, last = found["acquisition"]["first"], found["acquisition"]["last"]
    assert (first["page"], first["referrer"], first["utm"]) == ("https://shop.example/", None, {"source": "google"})
    assert (first["startedAt"], first["place"]) == (T0, place)
    assert (last["startedAt"], last["referrer"], last["place"]) == (T0 + 5 * HOUR, "https://news.example/", None)
    assert found["places"] == [{**place, "firstAt": T0, "lastAt": T0}]
    (device,) = found["devices"]
    assert (device["did"], device["title"], device["firstAt"], device["lastAt"]) == (
        "d1",
        "Chrome 126",
        T0,
        T0 + 5 * HOUR,
    )
    assert (device["isApp"], device["isBot"], device["takesPush"]) == (False, False, False)


def test_profile_tells_what_its_history_adds_up_to(reader: Reader, asha: str) -> None:
    assert reader.read(f"customers/{asha}")["counts"] == {
        "events": 3, "visits": 2, "orders": 1, "revenue": 732.5, "attributes": 7, "mergedProfiles": 1,
    }  # fmt: skip


def test_customer_without_any_history_is_told_as_such(shop: Shop, reader: Reader) -> None:
    shop.send("/rest-api/customer", {"id": "new", "attributes": []})
    found = reader.read("customer", ("id", "new"))
    assert found["counts"] == {
        "events": 0, "visits": 0, "orders": None, "revenue": None, "attributes": 0, "mergedProfiles": 0,
    }  # fmt: skip
    assert (found["acquisition"], found["places"], found["devices"], found["attributes"]) == (None, [], [], [])
    assert found["firstSeenAt"] == found["createdAt"]


def test_merged_growlytics_id_answers_the_profile_that_it_is_part_of(shop: Shop, reader: Reader) -> None:
    tell(shop, seen("d1", T0))
    (visitor,) = [one["growlyticsId"] for one in reader.read("customers")["customers"]]
    shop.customer("u1", name="Asha")
    tell(shop, login("d1", T0 + MINUTE, "u1"))
    found = reader.read(f"customers/{visitor}")
    assert found["growlyticsId"] == shop.find("u1").growlytics_id != visitor
    assert (found["merged"], found["name"]) == ([visitor], "Asha")
    assert reader.read("customer", ("growlytics_id", visitor)) == found
    assert reader.read(f"customers/{visitor}/events")["growlyticsId"] == found["growlyticsId"]


def test_tags_are_told(shop: Shop, reader: Reader, asha: str, alice: FlaskClient) -> None:
    path = shop.profile_path("u1")
    for tag in ("VIP", "angry"):
        submit(alice, f"{path}/tags", form_on=path, tag=tag)
    assert reader.read(f"customers/{asha}")["tags"] == ["angry", "vip"]


def test_masking_concerns_people_not_keys(shop: Shop, reader: Reader, asha: str) -> None:
    with shop.database.write() as session:
        session.get_one(Workspace, shop.workspace.id).masking = "always"
    assert reader.read(f"customers/{asha}")["email"] == "Asha@Example.com"


def test_hidden_attributes_are_left_out_unless_they_are_asked_for(shop: Shop, reader: Reader, asha: str) -> None:
    _hide(shop, "", "City")
    assert "City" not in _names(reader.read(f"customers/{asha}"))
    assert "City" in _names(reader.read(f"customers/{asha}", ("hidden", "show")))
    assert reader.read(f"customers/{asha}")["counts"]["attributes"] == 6


def _hide(shop: Shop, event_name: str, name: str) -> None:
    with shop.database.write() as session:
        session.get_one(DictionaryEntry, (shop.workspace.id, event_name, name)).is_hidden = True


def _names(profile: dict[str, Any]) -> list[str]:
    return [one["name"] for one in profile["attributes"]]


def test_many_attributes_come_part_by_part(
    shop: Shop, reader: Reader, asha: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = _names(reader.read(f"customers/{asha}"))
    monkeypatch.setattr(profiles, "MOST_ATTRIBUTES", 3)
    found: list[str] = []
    after = None
    while after is not None or not found:
        page = reader.read(f"customers/{asha}", *(() if after is None else [("attributes_after", after)]))
        assert page["counts"]["attributes"] == 7
        found, after = [*found, *_names(page)], page["attributesNext"]
    assert found == whole


def test_large_attributes_come_part_by_part(shop: Shop, reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.customer("u1", **{f"a{number}": "é" * 1_000 for number in range(4)})
    monkeypatch.setattr(answers, "MOST_BYTES", 5_000)
    page = reader.read("customer", ("id", "u1"))
    assert (_names(page), page["attributesNext"]) == (["a0", "a1"], "a1")
    page = reader.read("customer", ("id", "u1"), ("attributes_after", "a1"))
    assert (_names(page), page["attributesNext"]) == (["a2", "a3"], None)


# By any id


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("id", "u1"),
        ("email", "Asha@Example.com"),
        ("email", " asha@example.COM "),
        ("mobile", "+91 99192 11112"),
        ("mobile", "9919211112"),
        ("mobile", "0 99192-11112"),
        ("mobile", "+919919211112"),
    ],
)
def test_customer_is_found_by_any_id(reader: Reader, asha: str, name: str, value: str) -> None:
    assert reader.read("customer", (name, value)) == reader.read(f"customers/{asha}")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("id", "U1"),
        ("id", "nobody"),
        ("growlytics_id", "0" * 24),
        ("growlytics_id", "u1"),
        ("email", "asha@example.co"),
        ("email", "example.com"),
        ("email", "Asha Rao"),
        ("mobile", "99192"),
        ("mobile", "+1 991 921 1112"),
        ("mobile", "u1"),
    ],
)
def test_who_is_not_known_is_not_found(reader: Reader, asha: str, name: str, value: str) -> None:
    assert reader.faults("customer", (name, value), status=404) == [(f"query.{name}", "customer.unknown")]


def test_former_email_finds_nobody(shop: Shop, reader: Reader, asha: str) -> None:
    shop.customer("u1", email="new@example.com")
    assert reader.faults("customer", ("email", "asha@example.com"), status=404)
    assert reader.read("customer", ("email", "new@example.com"))["id"] == "u1"


def test_email_of_a_visitor_finds_the_person(shop: Shop, reader: Reader) -> None:
    tell(shop, seen("d1", T0), values("d1", T0 + 1, email="web@example.com"))
    shop.customer("u1", name="Asha")
    tell(shop, login("d1", T0 + MINUTE, "u1"))
    assert reader.read("customer", ("email", "web@example.com"))["id"] == "u1"


def test_email_of_several_people_names_them_all(shop: Shop, reader: Reader, asha: str) -> None:
    shop.customer("u2", email="ASHA@example.com")
    shop.event("Purchased", T0 + 9 * HOUR, "u2")
    assert '"ConflictError"' in reader.ask("customer", ("email", "asha@example.com")).text
    fault = reader.fault("customer", ("email", "asha@example.com"), status=409)
    assert (fault["type"], fault["path"], fault["context"]["count"]) == ("customer.ambiguous", ["query", "email"], 2)
    assert [one["id"] for one in fault["context"]["candidates"]] == ["u2", "u1"]
    assert fault["context"]["candidates"][1]["growlyticsId"] == asha


def test_email_that_too_many_have_had_is_no_id(shop: Shop, reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "_MOST_ROWS", 3)
    for number in range(5):
        shop.customer(f"u{number}", email="info@example.com")
    for number in range(4):
        shop.customer(f"u{number}", email=f"u{number}@example.com")
    # u4 has it, but not everybody who may was looked at.
    assert reader.fault("customer", ("email", "info@example.com"), status=409)["context"]["isAll"] is False


# Questions that make no sense


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ((), [("query", "query.one")]),
        ((("id", "u1"), ("email", "a@b.example")), [("query", "query.one")]),
        ((("id", ""),), [("query.id", "string.empty")]),
        ((("id", "a"), ("id", "b")), [("query.id", "query.max")]),
        ((("id", "a\x00"),), [("query.id", "string.unicode")]),
        ((("id", "a" * 1001),), [("query.id", "string.max")]),
        ((("Id", "u1"),), [("query.Id", "query.unknown"), ("query", "query.one")]),
        ((("id", "u1"), ("hidden", "yes"), ("x", "y")), [("query.x", "query.unknown"), ("query.hidden", "any.only")]),
        ((("id", "u1"), ("dry_run", "1")), [("query.dry_run", "query.unknown")]),
    ],
)
def test_every_fault_of_a_question_is_told(
    reader: Reader, query: tuple[tuple[str, str], ...], expected: list[tuple[str, str]]
) -> None:
    assert reader.faults("customer", *query) == expected


def test_unknown_parameters_are_refused_by_name_everywhere(reader: Reader, asha: str) -> None:
    for path in PATHS:
        more = [] if "?" in path else [("page", "2")]
        path_or_more = path.format(id=asha) + ("&page=2" if "?" in path else "")
        assert reader.faults(path_or_more, *more) == [("query.page", "query.unknown")], path


@pytest.mark.parametrize("text", ["%FF%FE", "%ED%A0%80", "é", "%00", "a%", "&&;=", "🙂"])
def test_odd_texts_are_answered_calmly(reader: Reader, asha: str, text: str) -> None:
    asked = ("?id", "?email", "?mobile", "s?q", "s?where", "s?column", f"s/{asha}/events?name", f"s/{asha}/events?text")
    others = ("customers?a", "attributes?event", "attributes?cursor", "events?cursor", "segments?")
    for path in (*(f"customer{one}=" for one in asked), *(f"{one}=" for one in others)):
        answer = reader.shop.app.test_client().get(f"/api/v1/{path}{text}", headers={"x-growlytics-key": reader.key})
        assert answer.status_code in {200, 404, 422}, (path, answer.text)


@pytest.mark.parametrize("id_", ["a%00b", "%FF", "x" * 300, "..", "🙂"])
def test_odd_ids_are_unknown(reader: Reader, id_: str) -> None:
    for path in (f"customers/{id_}", f"customers/{id_}/events"):
        assert reader.ask(path).status_code == 404


# Answers


@pytest.mark.parametrize("path", PATHS)
def test_program_is_told_that_nothing_has_changed(shop: Shop, reader: Reader, asha: str, path: str) -> None:
    path = path.format(id=asha)
    first = reader.ask(path)
    again = reader.ask(path, If_None_Match=first.headers["ETag"])
    assert (again.status_code, again.data, again.headers["ETag"]) == (304, b"", first.headers["ETag"])
    assert reader.ask(path, If_None_Match=f'"other", W/{first.headers["ETag"]}').status_code == 304
    assert reader.ask(path, If_None_Match='"other"').status_code == 200
    assert first.headers["Cache-Control"] == again.headers["Cache-Control"] == "no-store"


def test_change_of_a_profile_is_another_answer(shop: Shop, reader: Reader, asha: str) -> None:
    before = reader.ask(f"customers/{asha}").headers["ETag"]
    shop.customer("u1", City="Goa")
    after = reader.ask(f"customers/{asha}", If_None_Match=before)
    assert (after.status_code, after.headers["ETag"] != before) == (200, True)


@pytest.mark.parametrize("path", PATHS)
def test_head_is_answered_without_a_body(reader: Reader, asha: str, path: str) -> None:
    path = path.format(id=asha)
    get, head = reader.ask(path), reader.ask(path, method="HEAD")
    assert (head.status_code, head.data) == (200, b"")
    assert {name: head.headers[name] for name in ("ETag", "Content-Length", "Content-Type")} == {
        name: get.headers[name] for name in ("ETag", "Content-Length", "Content-Type")
    }


def test_reading_changes_nothing(database: Database, shop: Shop, reader: Reader, asha: str) -> None:
    reader.read("segments")  # notes that the key is used
    before = dump(database)
    for path in PATHS:
        reader.read(path.format(id=asha))
    assert dump(database) == before


def test_paths_are_those_of_the_api() -> None:
    rules = {path.partition("?")[0].replace("{id}", "<growlytics_id>") for path in PATHS}
    others = {"/api/v1/key", *erasures.READING, *erasures.EXPORTING}  # asked in tests of their own
    assert {f"/api/v1/{rule}" for rule in rules} == api.READING.keys() - others
