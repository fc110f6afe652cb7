"""`/api/v1/browser`: who may send, what becomes of each message, and what comes twice."""

import json
from typing import Any

import pytest
from sqlalchemy import select
from werkzeug.test import TestResponse

from tests.world import Shop, rows, stored
from webapp import clock, devices, keys, signatures, visits, workspaces
from webapp.api.browsers import MOST_MESSAGES
from webapp.ingest import messages as browser_messages
from webapp.models import ApiKey, BrowserMessage, Customer, Device, DeviceLogin, Event, Merge, Workspace

ORIGIN = "https://shop.example"
DID = "5b0c6d0e9a4f4c1fa3d1f0a1b2c3d4e5"


class Site:
    """A shop's pages: a browser key, and what one browser sends with it."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self._number = 0
        with shop.database.write() as session:
            session.get_one(Workspace, shop.workspace.id).allowed_origins = f"{ORIGIN}\nhttps://*.partner.example"
            _, self.key = keys.create(session, shop.workspace.id, "Website", "browser")

    def change_key(self, **columns: Any) -> None:
        """Set columns of the key's row."""
        with self.shop.database.write() as session:
            key = session.scalars(select(ApiKey).where(ApiKey.kind == "browser")).one()
            for name, value in columns.items():
                setattr(key, name, value)

    def message(self, type_: str, **fields: Any) -> dict[str, Any]:
        """A message with an id of its own, now unless it says otherwise."""
        self._number += 1
        return {"id": f"m{self._number}", "type": type_, "time": clock.now()} | fields

    def body(self, *messages: Any, **fields: Any) -> dict[str, Any]:
        """A body with these messages."""
        return {"key": self.key, "did": DID, "sentAt": clock.now(), "messages": list(messages)} | fields

    def post(self, body: Any, origin: str | None = ORIGIN, address: str = "203.0.113.9") -> TestResponse:
        """Send a body as a browser does."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {} if origin is None else {"Origin": origin}
        return self.shop.app.test_client().post(
            "/api/v1/browser", data=data, headers=headers, content_type="text/plain;charset=UTF-8",
            environ_base={"REMOTE_ADDR": address},
        )  # fmt: skip

    def send(self, *messages: Any, **fields: Any) -> dict[str, Any]:
        """Send messages, which must be answered with 200. Returns the answer."""
        answer = self.post(self.body(*messages, **fields))
        assert answer.status_code == 200, answer.get_data(as_text=True)
        found: dict[str, Any] = answer.get_json()
        return found

    def take(self, *messages: Any, **fields: Any) -> None:
        """Send messages all of which must be taken."""
        assert self.send(*messages, **fields) == {"success": True, "accepted": len(messages)}

    def events(self) -> list[Event]:
        """All events in the order of their times."""
        with self.shop.database.read() as session:
            return list(session.scalars(select(Event).order_by(Event.reported_at)))

    def device(self) -> Device:
        """The browser's row."""
        with self.shop.database.read() as session:
            return session.scalars(select(Device)).one()


@pytest.fixture
def site(shop: Shop) -> Site:
    return Site(shop)


def _refused(answer: dict[str, Any]) -> list[tuple[int, str, list[str]]]:
    return [(one["index"], one["id"], [fault["type"] for fault in one["details"]]) for one in answer["refused"]]


def _page(site: Site, **fields: Any) -> dict[str, Any]:
    return site.message("page", url="https://shop.example/pullovers", **fields)


def test_page_visit_is_an_event_with_its_context(site: Site) -> None:
    site.take(
        _page(
            site, title="Pullovers", referrer="https://www.google.com/search",
            utm={"source": "google", "medium": "cpc", "term": None}, clickIds={"gclid": "abc"},
        ),
        device={"language": "de-DE", "screen": "1920x1080", "timeZone": "Europe/Berlin"},
    )  # fmt: skip
    (event,) = site.events()
    assert event.name == "Page Visited"
    assert json.loads(event.attributes) == {
        "URL": "https://shop.example/pullovers",
        "Title": "Pullovers",
        "Referrer": "https://www.google.com/search",
        "gclid": "abc",
    }
    with site.shop.database.read() as session:
        (visit,) = visits.begun_between(session, [event.customer_id], 0, clock.now(), 10)
        shown = devices.shown(session.scalars(select(Device)).one())
    assert (visit.came.page, visit.came.source) == ("https://shop.example/pullovers", "google.com")
    assert visit.came.utm == {"source": "google", "medium": "cpc"}
    assert (shown.is_app, shown.details[-1]) == (False, "de-DE")


def test_page_before_of_the_same_shop_is_no_traffic_source(site: Site) -> None:
    site.take(_page(site, referrer="https://www.shop.example/"))
    (event,) = site.events()
    assert json.loads(event.attributes)["Referrer"] == "https://www.shop.example/"
    assert "referrer" not in json.loads(event.context or "{}")


def test_visitor_becomes_the_customer_who_logs_in_and_another_after_logout(site: Site) -> None:
    now = clock.now()
    site.take(
        _page(site, time=now - 5_000),
        site.message("attributes", time=now - 4_500, attributes={"Newsletter": True}),
        site.message("identify", time=now - 4_000, userId="42", attributes={"name": "Ann"}),
        site.message("event", time=now - 3_000, name="Add To Cart", attributes={"Price": 12.5}),
        site.message("logout", time=now - 2_000),
        _page(site, time=now - 1_000),
    )
    assert [one.name for one in site.shop.events("42")] == ["Add To Cart", "Page Visited"]
    assert site.shop.attributes("42") == {"name": ("string", "Ann"), "Newsletter": ("boolean", True)}
    assert rows(site.shop.database, Merge) == 1
    assert rows(site.shop.database, Customer) == 3  # Ann, whom she was before, and who came after her
    assert len({event.customer_id for event in site.events()}) == 3


def test_messages_that_come_again_change_nothing(site: Site) -> None:
    messages = [
        _page(site),
        site.message("event", name="Add To Cart", attributes={"Price": 1}),
        site.message("identify", userId="42", attributes={"name": "Ann"}),
        site.message("attributes", attributes={"Newsletter": True}),
        site.message("logout"),
    ]
    site.take(*messages, messages[1])  # even within one body
    before = stored(site.shop.database)
    assert (before["events"], before["attribute_values"]) == (2, 2)
    site.take(*messages)
    site.take(*reversed(messages), sentAt=clock.now() - clock.DAY)  # even with another clock
    assert stored(site.shop.database) == before
    assert rows(site.shop.database, BrowserMessage) == len(messages)


def test_one_id_twice_in_a_body_is_one_message(site: Site) -> None:
    message = _page(site)
    site.take(message, message, message | {"url": "https://shop.example/other"})
    assert len(site.events()) == 1


def test_equal_messages_with_ids_of_their_own_are_two(site: Site) -> None:
    now = clock.now()
    site.take(_page(site, time=now))
    site.take(_page(site, time=now + 1))
    assert len(site.events()) == 2


def test_messages_are_forgotten_after_a_week(site: Site) -> None:
    site.take(_page(site))
    with site.shop.database.write() as session:
        browser_messages.forget_old(session)
        assert session.scalars(select(BrowserMessage)).one().received_at <= clock.now()
        session.scalars(select(BrowserMessage)).one().received_at -= browser_messages.LIFETIME + 1_000
        session.flush()
        browser_messages.forget_old(session)
    assert rows(site.shop.database, BrowserMessage) == 0


def test_good_messages_are_stored_and_the_others_told(site: Site) -> None:
    answer = site.send(
        _page(site),
        {"id": "b1", "type": "event", "time": "now", "name": "n" * 50, "attributes": []},
        5,
        site.message("click"),
        site.message("attributes", attributes={"x" * 50: 1}),
        site.message("identify", userId="undefined", time=1_700_000_000),
        {"type": "logout", "time": clock.now()},
        site.message("event", name="Add To Cart"),
    )
    assert (answer["success"], answer["accepted"]) == (False, 2)
    assert _refused(answer) == [
        (1, "b1", ["object.base", "string.max", "number.base"]),
        (2, "", ["object.base"]),
        (3, "m2", ["any.only"]),
        (4, "m3", ["string.max"]),
        (5, "m4", ["id.placeholder", "date.range"]),
        (6, "", ["any.required"]),
    ]
    assert [event.name for event in site.events()] == ["Page Visited", "Add To Cart"]


def test_refused_message_can_be_sent_again_mended(site: Site) -> None:
    message = site.message("event", name="")
    assert _refused(site.send(message)) == [(0, message["id"], ["string.empty"])]
    site.take(message | {"name": "Add To Cart"})
    assert len(site.events()) == 1


def test_message_whose_id_is_no_text_is_told_so(site: Site) -> None:
    answer = site.send(_page(site, id="a\udfff\x00"), _page(site, id="x" * 100))
    assert [(one["id"], one["details"][0]["path"]) for one in answer["refused"]] == [
        ("a\ufffd\ufffd", ["id"]),
        ("x" * 64, ["id"]),
    ]


def test_attributes_past_the_limit_are_refused_alone(site: Site) -> None:
    many = {f"a{number}": number for number in range(101)}
    answer = site.send(_page(site), site.message("attributes", attributes=many))
    assert _refused(answer) == [(1, "m2", ["attributes.max"])]
    assert len(site.events()) == 1


def test_ignored_values_are_told_with_their_message(site: Site) -> None:
    site.take(site.message("event", name="Add To Cart", attributes={"Price": 12.5}))
    answer = site.send(_page(site), site.message("event", name="Add To Cart", attributes={"Price": "much"}))
    assert answer["ignored"] == [{"index": 1, "name": "Price", "expected": "number", "received": "string"}]


@pytest.mark.parametrize("skew", [-10 * clock.DAY, 400 * clock.DAY, -2 * clock.MINUTE])
def test_times_of_a_wrong_clock_are_put_right(site: Site, skew: int) -> None:
    now = clock.now()
    site.take(_page(site, time=now + skew - 5_000), sentAt=now + skew)
    (event,) = site.events()
    assert abs(event.reported_at - (now - 5_000)) < 2_000
    assert abs(site.device().clock_skew + skew) < 2_000


def test_times_of_a_clock_that_is_nearly_right_stay(site: Site) -> None:
    now = clock.now()
    site.take(_page(site, time=now - 5_000), sentAt=now - 50_000)
    assert [event.reported_at for event in site.events()] == [now - 5_000]


def test_correction_stays_the_same_until_it_is_wrong_by_a_minute(site: Site) -> None:
    now, wrong = clock.now(), 3 * clock.DAY
    site.take(_page(site, time=now - wrong - 5_000), sentAt=now - wrong)
    first = site.device().clock_skew
    # A slow network looks like another clock; but what happened later stays later.
    site.take(_page(site, time=now - wrong - 4_000), sentAt=now - wrong - 30_000)
    assert site.device().clock_skew == first
    times = [event.reported_at for event in site.events()]
    assert times[1] - times[0] == 1_000
    site.take(_page(site, time=now - 3_000), sentAt=now)  # somebody has set the clock
    assert site.device().clock_skew == 0
    assert site.events()[-1].reported_at == now - 3_000


@pytest.mark.parametrize(
    "origin", [None, "null", "https://evil.example", "http://shop.example", "https://shop.example.evil.example",
               "https://shop.example:8443", "https://partner.example", "https://evilpartner.example", "x" * 5_000],
)  # fmt: skip
def test_other_origins_are_turned_away_and_remembered(site: Site, origin: str | None) -> None:
    before = stored(site.shop.database)
    answer = site.post(site.body(_page(site)), origin)
    assert answer.status_code == 403
    assert [one["type"] for one in answer.get_json()["details"]] == ["origin.refused"]
    assert "Access-Control-Allow-Origin" not in answer.headers
    assert stored(site.shop.database) == before
    (stranger,) = site.shop.app.extensions["house"].strangers.recent(site.shop.workspace.id)
    assert (stranger.origin, stranger.count) == ((origin or "")[:100], 1)


@pytest.mark.parametrize("origin", [ORIGIN, "https://a.partner.example", "https://b.a.partner.example"])
def test_allowed_origins_may_read_the_answer(site: Site, origin: str) -> None:
    answer = site.post(site.body(_page(site)), origin)
    assert (answer.status_code, answer.headers["Access-Control-Allow-Origin"]) == (200, origin)
    assert "Access-Control-Allow-Credentials" not in answer.headers


@pytest.mark.parametrize("key", [None, 5, "", "cpb_wrong", "ключ", "\x00", {"a": 1}])
def test_wrong_key_is_refused(site: Site, key: Any) -> None:
    answer = site.post(site.body(_page(site), key=key))
    assert (answer.status_code, answer.get_json()["details"][0]["type"]) == (401, "key.invalid")


def test_keys_are_good_for_their_own_doors_only(site: Site) -> None:
    answer = site.post(site.body(_page(site), key=site.shop.key))
    assert (answer.status_code, answer.get_json()["details"][0]["type"]) == (401, "key.kind")
    answer = site.shop.send("/track/user", {"id": "u1", "attributes": {}}, x_growlytics_key=site.key)
    assert (answer.status_code, answer.get_json()["details"][0]["type"]) == (401, "key.kind")
    disguised = site.key.replace("cpb_", "cpk_")
    answer = site.shop.send("/track/user", {"id": "u1", "attributes": {}}, x_growlytics_key=disguised)
    assert (answer.status_code, answer.get_json()["details"][0]["type"]) == (401, "key.invalid")


def test_address_that_sends_too_much_is_asked_to_wait(site: Site) -> None:
    site.change_key(requests_a_minute=3)
    assert [site.post(site.body()).status_code for _ in range(4)] == [200, 200, 200, 429]
    answer = site.post(site.body(_page(site)))
    assert 1 <= int(answer.headers["Retry-After"]) <= 60
    assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
    exposed = "Retry-After, RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset"
    assert answer.headers["Access-Control-Expose-Headers"] == exposed
    assert answer.get_json()["details"][0]["type"] == "rate.max"
    assert site.post(site.body(_page(site)), address="203.0.113.10").status_code == 200
    site.change_key(requests_a_minute=None)
    assert {site.post(site.body()).status_code for _ in range(10)} == {200}


def test_login_needs_a_signature_where_the_key_asks_for_one(site: Site) -> None:
    site.change_key(wants_signature=True)
    login = site.message("identify", userId="42")
    with site.shop.database.write() as session:
        secret = workspaces.new_login_secret(session, site.shop.workspace)
    good = signatures.sign(secret, "42")
    for given, type_ in (
        ({}, "signature.required"), ({"signature": None}, "string.base"), ({"signature": "no"}, "signature.invalid"),
        ({"signature": signatures.sign(secret, "43")}, "signature.invalid"),
        ({"signature": signatures.sign("other", "42")}, "signature.invalid"),
    ):  # fmt: skip
        assert _refused(site.send(_page(site), login | given)) == [(1, login["id"], [type_])]
    assert rows(site.shop.database, DeviceLogin) == 0
    site.take(login | {"signature": good.upper()})
    assert site.shop.find("42").is_registered


def test_signature_is_refused_where_no_secret_was_made(site: Site) -> None:
    site.change_key(wants_signature=True)
    login = site.message("identify", userId="42", signature=signatures.sign("", "42"))
    assert _refused(site.send(login)) == [(0, login["id"], ["signature.invalid"])]


def test_faults_of_the_sender_are_all_told_and_nothing_is_stored(site: Site) -> None:
    before = stored(site.shop.database)
    answer = site.post(site.body(_page(site), did="short", sentAt="now", device=[]))
    assert answer.status_code == 422
    assert sorted((one["path"][0], one["type"]) for one in answer.get_json()["details"]) == [
        ("device", "object.base"),
        ("did", "string.pattern"),
        ("sentAt", "number.base"),
    ]
    assert stored(site.shop.database) == before


@pytest.mark.parametrize(
    ("body", "status"),
    [(b"", 422), (b"[]", 422), (b"{", 422), (b"\xff", 422), (b'"x"', 422), (b" " * 1_000_001, 413)],
)
def test_bodies_that_are_none_are_refused(site: Site, body: bytes, status: int) -> None:
    assert site.post(body).status_code == status


def test_too_many_or_no_messages_are_refused(site: Site) -> None:
    site.take(*(_page(site, time=clock.now() + number) for number in range(MOST_MESSAGES)))
    answer = site.post(site.body(*[_page(site)] * (MOST_MESSAGES + 1)))
    assert (answer.status_code, answer.get_json()["details"][0]["type"]) == (422, "messages.max")
    answer = site.post(site.body(messages={}))
    assert (answer.status_code, answer.get_json()["details"][0]["type"]) == (422, "array.base")
    site.take()


@pytest.mark.parametrize(
    "text",
    ['{"a": NaN}', '{"a": 1e999}', '{"a": "\\u0000"}', '{"a": "\\ud800"}', '{"a": 9223372036854775808}',
     '{"a": 1, "a": 2}', '{"a": ' + "[" * 1_000 + "]" * 1_000 + "}"],
)  # fmt: skip
def test_what_no_database_can_store_spoils_its_own_message_only(site: Site, text: str) -> None:
    good, bad = _page(site), site.message("event", name="Odd", attributes="HERE")
    body = json.dumps(site.body(good, bad)).replace('"HERE"', text)
    answer = site.post(body.encode())
    if "[" * 100 in text:
        assert answer.status_code == 422  # nested so deep that it is no JSON here
    else:
        assert (answer.status_code, answer.get_json()["accepted"]) == (200, 1), answer.get_data(as_text=True)
        assert [event.name for event in site.events()] == ["Page Visited"]


def test_endpoint_answers_post_only_and_no_preflight(site: Site) -> None:
    client = site.shop.app.test_client()
    answer = client.options("/api/v1/browser", headers={"Origin": ORIGIN, "Access-Control-Request-Method": "POST"})
    assert answer.status_code == 405
    assert not any(name.startswith("Access-Control") for name, _ in answer.headers)


def test_long_addresses_are_cut_for_the_visit_and_whole_in_the_event(site: Site) -> None:
    url = "https://shop.example/" + "x" * 5_000
    site.take(site.message("page", url=url))
    (event,) = site.events()
    assert json.loads(event.attributes)["URL"] == url
    assert len(json.loads(event.context or "{}")["page"]) == 2_048
