"""The endpoints of mobile apps: launch, event, login, logout, push token."""

import json
import re
from typing import Any

import pytest
from sqlalchemy import select
from werkzeug.test import TestResponse

from tests.world import LAUNCH, MOBILE, NOON, SMALLEST, Shop, faults, is_taken, rows, stored
from webapp import clock
from webapp.models import Customer, Device, DeviceLogin, Event, Workspace
from webapp.places import Place, Places

EVENT, LOGIN, LOGOUT, PUSH_TOKEN = "/msv_cevt", "/msv_cs_id", "/logout", "/mpush_token"
TIMED = (LAUNCH, EVENT, LOGIN, LOGOUT)
PHONE = "203.0.113.77"
# What the documents say that an app tells at launch.
INFO: dict[str, Any] = {
    "appVersionCode": 12,
    "appVersionName": "1.2.0",
    "sdkVersion": 3,
    "firstTime": True,
    "deviceType": "MOBILE",
    "deviceManufacturer": "Xiaomi",
    "deviceModel": "Redmi Note 8",
    "deviceCarrier": "Jio",
    "osName": "Android",
    "osVersion": "Android 9",
    "platform": "ANDROID",
    "language": "en",
}


def _from(shop: Shop, address: str, path: str, body: dict[str, Any], **headers: str) -> TestResponse:
    named = {name.replace("_", "-"): value for name, value in headers.items()} | {"x-growlytics-key": shop.key}
    client = shop.app.test_client()
    return client.post(path, json=body, headers=named, environ_overrides={"REMOTE_ADDR": address})


def _launch(shop: Shop, did: str | None = "d1", at: int = NOON, **info: Any) -> dict[str, str]:
    answer = shop.send(LAUNCH, {"did": did, "timestamp": at, "info": info})
    assert is_taken(answer), answer.json
    ids: dict[str, str] = answer.json or {}
    return ids


def _event(shop: Shop, at: int = NOON, name: str = "Purchased", did: str = "d1", **fields: Any) -> TestResponse:
    answer = shop.send(EVENT, {"did": did, "name": name, "timestamp": at} | fields)
    assert answer.status_code == 200, answer.json
    return answer


def _login(shop: Shop, at: int = NOON, system_id: str = "u1", did: str = "d1", **fields: Any) -> TestResponse:
    answer = shop.send(LOGIN, {"did": did, "clientCustomerId": system_id, "timestamp": at} | fields)
    assert answer.status_code == 200, answer.json
    return answer


def _told(*attributes: tuple[str, str, Any]) -> list[dict[str, Any]]:
    return [{"name": name, "type": type_, "value": value} for name, type_, value in attributes]


def _device(shop: Shop, did: str = "d1") -> Device:
    with shop.database.read() as session:
        query = select(Device).where(Device.workspace_id == shop.workspace.id, Device.did == did)
        return session.scalars(query).one()


def _events(shop: Shop) -> list[Event]:
    """The events of all customers, earliest first."""
    with shop.database.read() as session:
        return list(session.scalars(select(Event).order_by(Event.reported_at, Event.name)))


def _attributes(shop: Shop) -> dict[str, Any]:
    """The attributes of the only event."""
    (event,) = _events(shop)
    kept: dict[str, Any] = json.loads(event.attributes)
    return kept


def _context(shop: Shop) -> dict[str, Any]:
    """The context of the only event."""
    (event,) = _events(shop)
    kept: dict[str, Any] = json.loads(event.context or "{}")
    return kept


def _whose(shop: Shop) -> list[str | None]:
    """The System ID of the person of each event, earliest first; None for an anonymous one."""
    with shop.database.read() as session:
        people = {one.id: one for one in session.scalars(select(Customer))}
    owners = [people[event.customer_id] for event in _events(shop)]
    return [(owner if owner.root_id is None else people[owner.root_id]).system_id for owner in owners]


# Launch


@pytest.mark.parametrize("none", [{}, {"did": None}, {"did": ""}, {"did": " \t"}], ids=str)
def test_launch_without_an_id_gets_one(shop: Shop, none: dict[str, Any]) -> None:
    answer = shop.send(LAUNCH, none | {"timestamp": NOON, "info": INFO})
    assert is_taken(answer)
    assert answer.json is not None
    assert re.fullmatch("[0-9a-f]{32}", answer.json["did"])
    assert _device(shop, answer.json["did"]).created_at >= NOON
    assert [(event.name, event.reported_at, event.attributes) for event in _events(shop)] == [
        ("App Launched", NOON, "{}")
    ]
    assert _whose(shop) == [None]


def test_launch_with_an_id_keeps_it(shop: Shop) -> None:
    assert _launch(shop, "  my phone ")["did"] == "my phone"
    assert rows(shop.database, Device) == 1


def test_first_launch_that_is_sent_again_is_the_same_device(shop: Shop) -> None:
    answers = [_from(shop, PHONE, LAUNCH, {"timestamp": NOON, "info": INFO}).json for _ in range(3)]
    assert answers == [answers[0]] * 3
    assert (rows(shop.database, Device), rows(shop.database, Event), rows(shop.database, Customer)) == (1, 1, 1)


def test_first_launch_that_is_sent_again_from_another_network_is_known_by_its_key(shop: Shop) -> None:
    body = {"timestamp": NOON, "info": INFO}
    answers = [_from(shop, address, LAUNCH, body, Idempotency_Key="k1").json for address in (PHONE, "198.51.100.4")]
    assert answers == [answers[0]] * 2
    assert rows(shop.database, Device) == 1


def test_first_launches_of_different_phones_are_different_devices(shop: Shop, other_shop: Shop) -> None:
    body = {"timestamp": NOON, "info": INFO}
    answers = [
        _from(shop, PHONE, LAUNCH, body),
        _from(shop, "198.51.100.4", LAUNCH, body),
        _from(shop, PHONE, LAUNCH, body | {"timestamp": NOON + 1}),
        _from(shop, PHONE, LAUNCH, body, Idempotency_Key="k1"),
        _from(other_shop, PHONE, LAUNCH, body),
    ]
    assert all(is_taken(answer) for answer in answers)
    assert len({(answer.json or {})["did"] for answer in answers}) == rows(shop.database, Device) == 5


def test_launches_within_half_an_hour_are_one_visit(shop: Shop) -> None:
    first = _launch(shop)["sid"]
    assert first
    assert _launch(shop, at=NOON + 29 * clock.MINUTE)["sid"] == first
    later = _launch(shop, at=NOON + 90 * clock.MINUTE)["sid"]
    assert later != first
    assert _launch(shop, "d2")["sid"] not in {first, later}


def test_description_of_the_device_is_kept_with_keys_that_nobody_knows(shop: Shop) -> None:
    unknown: dict[str, Any] = {"screen": {"width": 1080, "notch": None}, "Süß": ["🧵"], "rooted": None}
    _launch(shop, **INFO, **unknown, referrer="https://example.com/", utmInfo={"us": "google"})
    assert json.loads(_device(shop).info or "") == INFO | unknown
    _launch(shop, at=NOON + 1, osVersion="Android 10")
    _launch(shop, at=NOON - 1, osVersion="Android 8")
    assert json.loads(_device(shop).info or "") == {"osVersion": "Android 10"}


@pytest.mark.parametrize("agent", ["okhttp/4.9 (Süß)", "a" * 512])
def test_user_agent_is_kept(shop: Shop, agent: str) -> None:
    for path in MOBILE:
        did = f"of {path}"
        _from(shop, PHONE, path, SMALLEST[path] | {"did": did}, User_Agent=agent)
        assert _device(shop, did).user_agent == agent


def test_user_agent_is_cut_and_may_be_missing(shop: Shop) -> None:
    _from(shop, PHONE, EVENT, SMALLEST[EVENT], User_Agent="a" * 9_000)
    _from(shop, PHONE, EVENT, SMALLEST[EVENT] | {"did": "d2"}, User_Agent="")
    assert (_device(shop).user_agent, _device(shop, "d2").user_agent) == ("a" * 512, None)


def test_user_agent_that_can_not_be_stored_does_not_matter(shop: Shop) -> None:
    assert is_taken(_from(shop, PHONE, EVENT, SMALLEST[EVENT], User_Agent="a\x00b"))
    assert _device(shop).user_agent == "a\ufffdb"


@pytest.mark.parametrize("info", [{}, {"info": None}, {"info": {}}, {"info": dict.fromkeys(INFO)}], ids=str)
def test_launch_may_tell_nothing(shop: Shop, info: dict[str, Any]) -> None:
    assert is_taken(shop.send(LAUNCH, SMALLEST[LAUNCH] | info))


@pytest.mark.parametrize("info", [[], "info", 7, True])
def test_info_of_a_launch_must_be_an_object(shop: Shop, info: Any) -> None:
    assert faults(shop.send(LAUNCH, SMALLEST[LAUNCH] | {"info": info})) == [(("info",), "object.base")]


@pytest.mark.parametrize("platform", ["ANDROID", "ios", "iOS", "Android"])
def test_platform_is_known_in_any_letter_case(shop: Shop, platform: str) -> None:
    _launch(shop, platform=platform)


def test_every_fault_of_a_launch_is_told(shop: Shop) -> None:
    info = {
        "appVersionCode": "12",
        "appVersionName": 1.2,
        "sdkVersion": True,
        "firstTime": 1,
        "deviceType": [],
        "deviceManufacturer": {},
        "deviceModel": "m" * 513,
        "deviceCarrier": False,
        "osName": 0,
        "osVersion": 9,
        "platform": "WEB",
        "language": ["en"],
        "referrer": 5,
        "unknown": "u" * 513,
        "utmInfo": {"us": 1, "um": "m" * 513, "uc": [], "else": 1},
    }
    before = stored(shop.database)
    answer = shop.send(LAUNCH, {"did": 5, "timestamp": "now", "info": info})
    assert sorted(faults(answer)) == sorted(
        [
            (("did",), "string.base"),
            (("timestamp",), "number.base"),
            (("info", "appVersionCode"), "number.base"),
            (("info", "appVersionName"), "string.base"),
            (("info", "sdkVersion"), "number.base"),
            (("info", "firstTime"), "boolean.base"),
            (("info", "deviceType"), "string.base"),
            (("info", "deviceManufacturer"), "string.base"),
            (("info", "deviceModel"), "string.max"),
            (("info", "deviceCarrier"), "string.base"),
            (("info", "osName"), "string.base"),
            (("info", "osVersion"), "string.base"),
            (("info", "platform"), "any.only"),
            (("info", "language"), "string.base"),
            (("info", "referrer"), "string.base"),
            (("info", "unknown"), "string.max"),
            (("info", "utmInfo", "us"), "string.base"),
            (("info", "utmInfo", "um"), "string.max"),
            (("info", "utmInfo", "uc"), "string.base"),
        ]
    )
    assert stored(shop.database) == before
    messages = {one["context"]["label"]: one["message"] for one in (answer.json or {})["details"]}
    assert messages["info.sdkVersion"] == '"info.sdkVersion" must be a number or a string, not a boolean'
    assert messages["info.platform"] == '"info.platform" must be ANDROID or IOS, not "WEB"'


@pytest.mark.parametrize("utm", ["google", 1, [], True])
def test_utm_of_a_launch_must_be_an_object(shop: Shop, utm: Any) -> None:
    answer = shop.send(LAUNCH, SMALLEST[LAUNCH] | {"info": {"utmInfo": utm}})
    assert faults(answer) == [(("info", "utmInfo"), "object.base")]


def test_info_of_a_launch_has_up_to_64_kib(shop: Shop) -> None:
    info = {"x": [1] * 32_761, "y": 10}  # of which each takes two bytes
    assert is_taken(shop.send(LAUNCH, SMALLEST[LAUNCH] | {"info": info}))
    assert faults(shop.send(LAUNCH, SMALLEST[LAUNCH] | {"info": info | {"y": 100}})) == [(("info",), "object.max")]


# Events


@pytest.mark.parametrize(
    ("type_", "given", "kept"),
    [
        ("integer", 7, 7),
        ("INTEGER", "7", 7),
        ("integer", 7.0, 7.0),
        ("integer", "7.0", 7.0),
        ("long", 2**63 - 1, 2**63 - 1),
        ("Long", str(-(2**63)), -(2**63)),
        ("long", "+007", 7),
        ("float", 1.5, 1.5),
        ("float", "-1.5", -1.5),
        ("double", "732.23", 732.23),
        ("Double", "7", 7),
        ("double", ".5", 0.5),
        ("double", "5.", 5.0),
        ("double", "1.0E10", 1e10),
        ("double", "-1e-5", -1e-5),
        ("double", "1e-999", 0.0),
        ("boolean", True, True),
        ("BOOLEAN", "true", True),
        ("boolean", "False", False),
        ("date", "2020-01-20 13:44:15", "2020-01-20 13:44:15"),
        ("Date", "2020-01-20T13:44:15Z", "2020-01-20T13:44:15Z"),
        ("string", "732.23", "732.23"),
        ("String", "", ""),
        (" string ", " Süß 🧵", " Süß 🧵"),
    ],
)
def test_value_comes_as_json_or_as_its_text(shop: Shop, type_: str, given: Any, kept: Any) -> None:
    assert _event(shop, info=_told(("x", type_, given))).json == {"success": True}
    assert repr(_attributes(shop)) == repr({"x": kept})
    kinds = {"boolean": "boolean", "date": "date", "string": "string"}
    assert shop.types("Purchased") == {"x": kinds.get(type_.strip().lower(), "number")}


@pytest.mark.parametrize(
    ("type_", "given", "fault"),
    [
        ("integer", "seven", "number.base"),
        ("integer", "", "number.base"),
        ("integer", " 7", "number.base"),
        ("integer", "7_000", "number.base"),
        ("integer", "٧", "number.base"),
        ("integer", "0x10", "number.base"),
        ("integer", True, "number.base"),
        ("integer", [7], "number.base"),
        ("integer", 7.5, "number.integer"),
        ("long", "7.5", "number.integer"),
        ("long", 1e300, "number.unsafe"),
        ("long", "1e30", "number.unsafe"),
        ("long", str(2**63), "number.unsafe"),
        ("double", str(-(2**63) - 1), "number.unsafe"),
        ("double", "9" * 100, "number.unsafe"),
        ("double", "1e999", "number.infinity"),
        ("float", "-1e999", "number.infinity"),
        ("double", "9" * 101, "string.max"),
        ("double", "NaN", "number.base"),
        ("double", "Infinity", "number.base"),
        ("double", "1,5", "number.base"),
        ("double", ".", "number.base"),
        ("double", {}, "number.base"),
        ("boolean", "yes", "boolean.base"),
        ("boolean", 1, "boolean.base"),
        ("boolean", "", "boolean.base"),
        ("date", "2020-01-20", "date.base"),
        ("date", NOON, "date.base"),
        ("string", 7, "string.base"),
        ("string", False, "string.base"),
        ("string", "𝔘" * 101, "string.max"),
    ],
)
def test_value_that_is_not_of_its_type_is_refused(shop: Shop, type_: str, given: Any, fault: str) -> None:
    for path in (EVENT, LOGIN):
        answer = shop.send(path, SMALLEST[path] | {"info": _told(("fine", "string", "a"), ("x", type_, given))})
        assert faults(answer) == [(("info", 1, "value"), fault)]


def test_attribute_of_null_is_left_out(shop: Shop) -> None:
    info = [*_told(("a", "string", None), ("b", "long", 7), ("c", "Date", None)), {"name": "d", "value": None}]
    assert _event(shop, info=[*info, {"name": "e", "type": None, "value": None}]).json == {"success": True}
    assert _attributes(shop) == {"b": 7}
    assert shop.types("Purchased") == {"b": "number"}


def test_null_is_the_only_value_without_a_type_and_its_type_is_none_of_many(shop: Shop) -> None:
    info = [
        {"name": "a", "value": "x"},
        {"name": "b", "type": None, "value": 1},
        {"name": "c", "type": "money", "value": None},
        {"name": "d"},
        {"name": "e", "type": "number", "value": 1},
        {"value": None},
    ]
    assert sorted(faults(shop.send(EVENT, SMALLEST[EVENT] | {"info": info}))) == [
        (("info", 0, "type"), "any.required"),
        (("info", 1, "type"), "string.base"),
        (("info", 2, "type"), "any.only"),
        (("info", 3, "type"), "any.required"),
        (("info", 3, "value"), "any.required"),
        (("info", 4, "type"), "any.only"),
        (("info", 5, "name"), "any.required"),
    ]


def test_name_may_occur_once_even_with_null(shop: Shop) -> None:
    info = _told(("x", "string", "a"), ("x", "string", None))
    assert faults(shop.send(EVENT, SMALLEST[EVENT] | {"info": info})) == [(("info", 1, "name"), "array.unique")]


@pytest.mark.parametrize("path", [EVENT, LOGIN])
def test_info_is_an_array_or_nothing(shop: Shop, path: str) -> None:
    nothing: list[dict[str, Any]] = [{}, {"info": None}, {"info": []}]
    for info in nothing:
        assert is_taken(shop.send(path, SMALLEST[path] | info))
    wrong: list[Any] = [{}, {"x": 1}, "x", 7, False]
    for given in wrong:
        assert faults(shop.send(path, SMALLEST[path] | {"info": given})) == [(("info",), "array.base")]
    assert faults(shop.send(path, SMALLEST[path] | {"info": ["x"]})) == [(("info", 0), "object.base")]


@pytest.mark.parametrize("path", MOBILE)
def test_every_missing_field_is_told(shop: Shop, path: str) -> None:
    needed = [field for field in SMALLEST[path] if (path, field) != (LAUNCH, "did")]
    assert sorted(faults(shop.send(path, {}))) == sorted(((field,), "any.required") for field in needed)


def test_every_fault_of_an_event_is_told(shop: Shop) -> None:
    body = {"did": "null", "name": "", "timestamp": NOON // 1_000, "info": _told(("", "long", 1.5)) * 2}
    assert sorted(faults(shop.send(EVENT, body)), key=str) == [
        (("did",), "id.placeholder"),
        (("info", 0, "name"), "string.empty"),
        (("info", 0, "value"), "number.integer"),
        (("info", 1, "name"), "string.empty"),
        (("info", 1, "value"), "number.integer"),
        (("name",), "string.empty"),
        (("timestamp",), "date.range"),
    ]


def test_event_sent_twice_is_stored_once_and_value_or_text_makes_no_difference(shop: Shop) -> None:
    for value in (7, "7", 7.0):
        _event(shop, info=_told(("x", "long", value)))
    assert rows(shop.database, Event) == 1
    _event(shop, did="d2", info=_told(("x", "long", 7)))
    assert rows(shop.database, Event) == 2


def test_value_of_another_type_than_the_attributes_is_ignored_and_told(shop: Shop) -> None:
    _event(shop, info=_told(("x", "long", 7)))
    told = [{"name": "x", "expected": "number", "received": "string"}]
    assert _event(shop, NOON + 1, info=_told(("x", "string", "7"))).json == {"success": True, "ignored": told}


def test_devices_belong_to_their_workspace(shop: Shop, other_shop: Shop) -> None:
    for one in (shop, other_shop):
        _event(one, did="d1")
    assert rows(shop.database, Device) == rows(shop.database, Customer) == 2


# Times


@pytest.mark.parametrize("path", TIMED)
def test_timestamp_is_a_number_or_its_digits(shop: Shop, path: str) -> None:
    times: list[Any] = [NOON, str(NOON), float(NOON), f"0{NOON}"]
    for time in times:
        assert is_taken(shop.send(path, SMALLEST[path] | {"timestamp": time}))
    with shop.database.read() as session:
        noted = [*session.scalars(select(Event.reported_at)), *session.scalars(select(DeviceLogin.at))]
    assert noted == [NOON]


@pytest.mark.parametrize("path", TIMED)
@pytest.mark.parametrize(
    ("time", "fault", "words"),
    [
        (NOON // 1_000, "date.range", "looks like seconds (2023-11-14)"),
        (str(NOON // 1_000), "date.range", "looks like seconds (2023-11-14)"),
        (str(NOON * 1_000), "date.range", "looks like microseconds (2023-11-14)"),
        ("9" * 20, "date.range", "in the future"),
        ("0", "date.range", "before 1980"),
        ("9" * 21, "number.base", "must be a number of epoch milliseconds, not a string"),
        ("1" * 10_000, "number.base", "must be a number of epoch milliseconds, not a string"),
        ("", "number.base", "must be a number of epoch milliseconds, not a string"),
        (f"-{NOON}", "number.base", "must be a number of epoch milliseconds, not a string"),
        (f"{NOON}.5", "number.base", "must be a number of epoch milliseconds, not a string"),
        ("2023-11-14 12:00:00", "number.base", "must be a number of epoch milliseconds, not a string"),
        (NOON + 0.5, "number.integer", "must be whole milliseconds"),
        (True, "number.base", "not a boolean"),
        ([NOON], "number.base", "not an array"),
    ],
)
def test_timestamp_out_of_range_is_refused_and_the_slip_is_named(
    shop: Shop, path: str, time: Any, fault: str, words: str
) -> None:
    answer = shop.send(path, SMALLEST[path] | {"timestamp": time})
    assert faults(answer) == [(("timestamp",), fault)]
    assert words in (answer.json or {})["details"][0]["message"]


@pytest.mark.parametrize("path", [LAUNCH, EVENT, LOGIN])
def test_timestamp_is_not_null_but_at_a_logout(shop: Shop, path: str) -> None:
    assert faults(shop.send(path, SMALLEST[path] | {"timestamp": None})) == [(("timestamp",), "number.base")]
    assert is_taken(shop.send(LOGOUT, SMALLEST[LOGOUT] | {"timestamp": None}))


# Who is who


def test_login_makes_the_visitor_the_customer(shop: Shop) -> None:
    did = _launch(shop, None)["did"]
    with shop.database.read() as session:
        visitor = session.scalars(select(Customer)).one()
    _login(shop, NOON + 1, did=did)
    _event(shop, NOON + 2, did=did)
    assert _whose(shop) == ["u1", "u1"]
    assert shop.find().growlytics_id == visitor.growlytics_id
    with shop.database.read() as session:
        login = session.scalars(select(DeviceLogin)).one()
    assert (login.at, login.source, login.key_id is not None) == (NOON + 1, LOGIN, True)


def test_login_sets_attributes_of_the_customer(shop: Shop) -> None:
    info = _told(("name", "string", "Asha"), ("Total Orders", "integer", "7"), ("vip", "boolean", "TRUE"))
    info += _told(("joined", "date", "2020-01-20T13:44:15Z"), ("city", "string", None))
    assert _login(shop, info=info).json == {"success": True}
    assert shop.attributes() == {
        "name": ("string", "Asha"),
        "Total Orders": ("number", 7),
        "vip": ("boolean", True),
        "joined": ("date", "2020-01-20T13:44:15Z"),
    }
    assert shop.find().name == "Asha"


def test_attributes_of_a_late_login_do_not_replace_later_ones(shop: Shop) -> None:
    _login(shop, NOON + 1, did="d2", info=_told(("plan", "string", "paid")))
    _login(shop, NOON, info=_told(("plan", "string", "free"), ("city", "string", "Pune")))
    assert shop.attributes() == {"city": ("string", "Pune"), "plan": ("string", "paid")}


def test_ignored_attribute_of_a_login_is_told(shop: Shop) -> None:
    shop.customer("other", age=7)
    told = [{"name": "age", "expected": "number", "received": "string"}]
    assert _login(shop, info=_told(("age", "string", "7"))).json == {"success": True, "ignored": told}
    _event(shop, NOON + 1)
    assert _whose(shop) == ["u1"]


def test_login_past_the_limit_of_attributes_is_no_login(shop: Shop) -> None:
    info = _told(*((f"a{place}", "long", place) for place in range(101)))
    answer = shop.send(LOGIN, SMALLEST[LOGIN] | {"info": info})
    assert faults(answer) == [(("info",), "attributes.max")]
    assert (answer.json or {})["details"][0]["context"] == {"key": "info", "limit": 100, "count": 101}
    _event(shop, NOON + 1)
    assert _whose(shop) == [None]


def test_late_login_takes_what_happened_since(shop: Shop) -> None:
    _launch(shop, at=NOON)
    _event(shop, NOON + 2)
    _login(shop, NOON + 3, "u2")
    _login(shop, NOON + 1, "u1")
    _event(shop, NOON + 4)
    assert _whose(shop) == ["u1", "u1", "u2"]


def test_whatever_the_order_of_arrival_everybody_has_the_same(shop: Shop) -> None:
    _event(shop, NOON + 6)
    _event(shop, NOON + 4)
    shop.send(LOGOUT, {"did": "d1", "timestamp": str(NOON + 3)})
    _login(shop, NOON + 1)
    _event(shop, NOON + 2)
    _login(shop, NOON + 5, "u2")
    _event(shop, NOON)
    assert _whose(shop) == ["u1", "u1", "u2", "u2"]


def test_after_a_logout_the_next_visitor_is_a_new_one(shop: Shop) -> None:
    _login(shop, NOON)
    _event(shop, NOON + 1)
    assert shop.send(LOGOUT, {"did": "d1", "timestamp": NOON + 2}).json == {"success": True}
    again = _launch(shop, None, NOON + 3)["did"]
    _event(shop, NOON + 4, did=again)
    _event(shop, NOON + 5)
    assert again != "d1"
    assert _whose(shop) == ["u1", None, None, None]
    assert shop.find().event_count == 1


def test_logout_without_a_time_is_now_by_the_devices_clock(shop: Shop) -> None:
    _login(shop, NOON)
    shop.send(LOGOUT, {"did": "d1"})
    with shop.database.read() as session:
        login, logout = session.scalars(select(DeviceLogin).order_by(DeviceLogin.at))
    assert login.customer_id is not None
    assert logout.customer_id is None
    assert NOON < logout.at < NOON + clock.MINUTE
    _event(shop, NOON + 1)
    _event(shop, logout.at)
    assert _whose(shop) == ["u1", None]


def test_logout_on_a_device_whose_clock_is_slow_comes_before_what_follows_it(shop: Shop) -> None:
    slow = clock.now() - 5 * clock.MINUTE
    _login(shop, slow)
    _event(shop, slow + clock.SECOND)
    shop.send(LOGOUT, {"did": "d1"})
    _event(shop, slow + clock.MINUTE)
    assert _whose(shop) == ["u1", None]
    shop.send(LOGIN, {"did": "d1", "clientCustomerId": "ravi", "timestamp": slow + 2 * clock.MINUTE})
    _event(shop, slow + 3 * clock.MINUTE)
    assert (shop.find("u1").event_count, shop.find("ravi").event_count) == (1, 2)


def test_push_token_is_kept_under_any_of_its_names(shop: Shop) -> None:
    for name in ("token", "pushToken", "push_token"):
        assert shop.send(PUSH_TOKEN, {"did": name, name: "t" * 4_096}).json == {"success": True}
        assert _device(shop, name).push_token == "t" * 4_096
    shop.send(PUSH_TOKEN, {"did": "token", "token": None, "pushToken": "newer"})
    assert _device(shop, "token").push_token == "newer"
    assert rows(shop.database, Event) == 0


@pytest.mark.parametrize(
    ("token", "fault"),
    [("", "string.empty"), (" ", "string.empty"), ("t" * 4_097, "string.max"), (5, "string.base"), ([], "string.base")],
)
def test_token_must_be_a_text(shop: Shop, token: Any, fault: str) -> None:
    for name in ("token", "pushToken", "push_token"):
        assert faults(shop.send(PUSH_TOKEN, {"did": "d1", name: token})) == [((name,), fault)]
    assert faults(shop.send(PUSH_TOKEN, {"did": "d1", "token": None})) == [(("token",), "string.base")]


# Where somebody was


class _Pune(Places):
    """Knows one place, which is everywhere."""

    def __init__(self) -> None:
        self.asked: list[str | None] = []

    def locate(self, address: str, country: str | None) -> Place:
        self.asked += [address, country]
        return Place("IN", "Maharashtra", "Pune")


def test_referrer_and_utm_of_a_launch_are_told_with_it(shop: Shop) -> None:
    utm = {"us": " google ", "um": "", "uc": None, "else": "x"}
    shop.send(LAUNCH, SMALLEST[LAUNCH] | {"info": {"referrer": " https://example.com/a ", "utmInfo": utm}})
    context = _context(shop)
    assert context["referrer"] == "https://example.com/a"
    assert dict(context["utm"]) == {"source": "google"}


def test_utm_of_a_launch_is_source_medium_and_campaign(shop: Shop) -> None:
    _launch(shop, utmInfo={"us": "google", "um": "cpc", "uc": "diwali"})
    assert dict(_context(shop)["utm"]) == {"source": "google", "medium": "cpc", "campaign": "diwali"}


@pytest.mark.parametrize("path", [LAUNCH, EVENT])
def test_place_and_shortened_address_are_kept_with_what_happens(shop: Shop, path: str) -> None:
    pune = shop.app.extensions["house"].places = _Pune()
    assert is_taken(_from(shop, PHONE, path, SMALLEST[path]))
    assert pune.asked == [PHONE, None]
    context = _context(shop)
    assert {name: context[name] for name in ("country", "region", "city", "address")} == {
        "country": "IN",
        "region": "Maharashtra",
        "city": "Pune",
        "address": "203.0.113.0",
    }


def test_country_is_asked_of_the_header_that_is_set(shop: Shop) -> None:
    pune = shop.app.extensions["house"].places = _Pune()
    shop.app.extensions["house"].country_header = "CF-IPCountry"
    for country in ("IN", "NP"):
        _from(shop, PHONE, EVENT, SMALLEST[EVENT], CF_IPCountry=country)
    _from(shop, PHONE, EVENT, SMALLEST[EVENT])
    assert pune.asked == [PHONE, "IN", PHONE, "NP", PHONE, None]


@pytest.mark.parametrize("path", [LAUNCH, EVENT])
def test_address_is_not_kept_where_the_workspace_says_so(shop: Shop, path: str) -> None:
    with shop.database.write() as session:
        session.get_one(Workspace, shop.workspace.id).keeps_addresses = False
    shop.app.extensions["house"].places = _Pune()
    assert is_taken(_from(shop, PHONE, path, SMALLEST[path]))
    assert "address" not in _context(shop)
    assert _context(shop)["city"] == "Pune"


def test_events_of_the_backend_are_on_no_device_and_nowhere(shop: Shop) -> None:
    shop.app.extensions["house"].places = _Pune()
    shop.event()
    (event,) = _events(shop)
    assert (event.device_id, event.context) == (None, None)


# Among the pages


@pytest.mark.parametrize("path", [f"{path}/x" for path in MOBILE])
def test_paths_below_them_are_no_endpoints_but_pages(shop: Shop, path: str) -> None:
    answer = shop.app.test_client().get(path)
    assert (answer.status_code, answer.mimetype) == (404, "text/html")
