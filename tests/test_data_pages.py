"""The pages of /data: the dictionary with what people say of it, what is hidden, and changes of types."""

import re
from typing import Any
from urllib.parse import quote_plus

import pytest
from flask.testing import FlaskClient
from sqlalchemy import update

from tests.world import Shop, submit
from webapp import clock, converting, dictionary
from webapp.background import Background
from webapp.models import DailyCount, DictionaryEntry


@pytest.fixture(autouse=True)
def woken(monkeypatch: pytest.MonkeyPatch) -> list[Background]:
    """Who was woken to work; the tests do the work themselves, when they want it done."""
    found: list[Background] = []

    def wake(one: Background) -> None:
        found.append(one)

    monkeypatch.setattr(Background, "wake", wake)
    return found


def _text(browser: FlaskClient, path: str) -> str:
    answer = browser.get(path)
    assert answer.status_code == 200, path
    return " ".join(re.sub(r"<[^>]+>", " ", answer.text.partition("<main")[2]).split())


def _entries(shop: Shop) -> dict[tuple[str, str], DictionaryEntry]:
    with shop.database.read() as session:
        return {(one.event_name, one.name): one for one in session.query(DictionaryEntry)}


def test_what_comes_in_is_in_the_dictionary(shop: Shop) -> None:
    shop.customer(City="Pune", email="a@b.example")
    shop.event("Viewed")
    shop.event("Purchased", Amount=3)
    before = clock.now() - clock.MINUTE
    found = _entries(shop)
    assert set(found) == {("", "City"), ("", "email"), ("Viewed", ""), ("Purchased", ""), ("Purchased", "Amount")}
    assert all(before < one.first_at == one.last_at for one in found.values())


def test_last_seen_is_written_once_an_hour(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    hour = clock.now() // clock.HOUR * clock.HOUR
    written: list[int] = []
    note = dictionary.note

    def noted(arrival: Any, keys: Any) -> set[tuple[str, str]]:
        known = note(arrival, keys)
        written.append(len(set(keys) - known))
        return known

    monkeypatch.setattr(dictionary, "note", noted)
    for minutes in (1, 2, 30, 59, 61, 62, 119):
        monkeypatch.setattr(clock, "now", lambda at=hour + minutes * clock.MINUTE: at)
        shop.customer(City="Pune")
        shop.event("Viewed", time=hour + minutes)
    # In each hour: once written for each of both, once found to be known, and not asked for again.
    assert written == [1, 1, 0, 0] * 2
    found = _entries(shop)
    assert (found["", "City"].first_at - hour, found["", "City"].last_at - hour) == (clock.MINUTE, 61 * clock.MINUTE)


def test_what_a_refused_request_would_have_told_is_not_taken_for_known(shop: Shop) -> None:
    many: dict[str, Any] = {f"a{number}": 1 for number in range(50)}
    shop.customer("u1", **many)
    assert shop.send("/track/user", {"id": "u1", "attributes": {"late": 1}}).status_code == 422
    assert ("", "late") not in _entries(shop)
    shop.customer("u2", late=1)
    assert ("", "late") in _entries(shop)


@pytest.mark.parametrize(
    ("one", "other", "is_alike"),
    [
        ("Total Orders", "total_orders", True),
        ("totalOrders", "TOTAL-ORDERS", True),
        ("ｔｏｔａｌ orders", "total.orders", True),
        ("Total Orders", "Total Order", False),
        ("की", "का", False),
        ("__", "--", False),
        ("👍", "👎", False),
    ],
)
def test_near_duplicates(one: str, other: str, is_alike: bool) -> None:
    assert (dictionary.fold(one) == dictionary.fold(other)) == is_alike


def test_list_of_attributes(shop: Shop, alice: FlaskClient) -> None:
    for number in range(3):
        shop.customer(f"u{number}", City="Pune", **{"Total Orders": number, "total_orders": 1} if number else {})
    told = _text(alice, "/data")
    assert "3 attributes" in told
    assert "City string 3 &#34;Pune&#34;" in told
    assert "Total Orders Looks like total_orders number 2 1 2" in told
    assert "City" not in _text(alice, "/data?show=alike").partition("Type")[2]
    assert "2 attributes for “TOTALORD”" in _text(alice, "/data?q=TOTALORD")
    assert "No attribute is called so" in _text(alice, "/data?q=nothing")
    fragment = alice.get("/data?q=city", headers={"HX-Request": "true", "HX-Target": "dictionary"}).text
    assert fragment.lstrip().startswith('<section id="dictionary">')


def test_list_of_events_with_their_volume(shop: Shop, alice: FlaskClient) -> None:
    shop.event("Viewed")
    shop.event("Purchased", Amount=3)
    today = clock.now() // clock.DAY
    with shop.database.write() as session:
        for day, count in ((today, 1), (today - 3, 80), (today - 200, 1000)):
            key = {"workspace_id": shop.workspace.id, "kind": "event", "name": "Viewed", "day": day}
            session.add(DailyCount(**key, count=count))
    told = _text(alice, "/data/events")
    assert "2 events" in told
    assert re.search(r"Viewed 8[01] events in 30 days, most on \d+ \w+ \d+ \(80\)", told)
    assert "Purchased 0 events in 30 days" in told
    assert "By day 8" in _text(alice, "/data/event?name=Viewed")


def test_page_of_an_event_tells_what_the_newest_carried(shop: Shop, alice: FlaskClient) -> None:
    for number in range(4):
        shop.event(time=1_700_000_000_000 + number, **({"Amount": number} if number else {"Coupon": "x"}))
    told = _text(alice, "/data/event?name=Purchased")
    assert "by the newest 4 such events" in told
    assert "Amount number 75 %" in told
    assert "Coupon string 25 % &#34;x&#34;" in told
    told = _text(alice, "/data/attribute?event=Purchased&name=Amount&type=string")
    assert "3 of the newest 4 such events" in told
    assert "Of 3 values that came lately, 0 would be taken. Not taken would be" in told
    answer = submit(
        alice,
        "/data/types",
        form_on="/data/attribute?event=Purchased&name=Amount&type=string",
        event="Purchased",
        name="Amount",
        type="string",
    )
    assert answer.status_code == 303
    assert shop.types("Purchased") == {"Amount": "string", "Coupon": "string"}


def test_description_and_hiding(shop: Shop, alice: FlaskClient) -> None:
    shop.customer(City="Pune", Secret="x")
    shop.event("Noise", Amount=1, Internal=2)
    shop.event("Purchased")
    profile = shop.profile_path()
    page = "/data/attribute?name=Secret"
    answer = submit(alice, "/data/description", form_on=page, event="", name="Secret", description="Not for <b>all</b>")
    assert answer.location == page
    assert "Not for &lt;b&gt;all" in alice.get("/data").text
    for event, name in (("", "Secret"), ("Noise", ""), ("Purchased", "none")):
        status = submit(alice, "/data/hiding", form_on=page, event=event, name=name, hidden="yes").status_code
        assert status == (404 if name == "none" else 303)
    told = _text(alice, profile)
    assert "Secret" not in told
    assert "Noise" not in told
    assert "Show 1 hidden attribute too" in told
    told = _text(alice, f"{profile}?hidden=show&attributes=all")
    assert "Secret" in told
    assert "Noise" in told
    assert "Noise" in _text(alice, f"{profile}?event=Noise"), "whoever names it asks for it"
    told = alice.get("/customers").text
    assert '<option value="City">' in told
    assert '<option value="Secret">' not in told
    assert '<option value="Noise">' not in told
    assert '<option value="Purchased">' in told
    assert "Secret" not in _text(alice, "/data")
    assert "Secret Hidden" in _text(alice, "/data?show=hidden")
    submit(alice, "/data/hiding", form_on=page, event="", name="Secret", hidden="no")
    assert "Secret" in _text(alice, profile)
    assert shop.attributes()["Secret"] == ("string", "x")


def test_hidden_attribute_of_an_event_stands_in_the_raw_event_only(shop: Shop, alice: FlaskClient) -> None:
    shop.event(Amount=1, Internal="token")
    page = "/data/attribute?event=Purchased&name=Internal"
    submit(alice, "/data/hiding", form_on=page, event="Purchased", name="Internal", hidden="yes")
    shown = alice.get(shop.profile_path()).text
    assert '<th scope="row">Amount' in shown
    assert '<th scope="row">Internal' not in shown
    assert "&#34;Internal&#34;: &#34;token&#34;" in shown


def test_description_that_is_too_long_is_refused(shop: Shop, alice: FlaskClient) -> None:
    shop.customer(City="Pune")
    page = "/data/attribute?name=City"
    submit(alice, "/data/description", form_on=page, event="", name="City", description="x" * 2001)
    assert "A description has at most 2,000 characters." in alice.get(page).text


def test_change_of_a_type_with_its_preview_and_its_progress(
    shop: Shop, alice: FlaskClient, woken: list[Background]
) -> None:
    for number in range(4):
        shop.customer(f"u{number}", age=str(number) if number else "unknown", name=f"Person {number}")
    page = "/data/attribute?name=age"
    told = _text(alice, f"{page}&type=number")
    assert "Of all 4 values, 0 stay as they are, 3 would be converted, 1 could not." in told
    assert "&#34;unknown&#34; Person 0" in told
    answer = submit(alice, "/data/types", form_on=f"{page}&type=number", event="", name="age", type="number")
    assert (answer.status_code, answer.location) == (303, page)
    assert len(woken) == 1
    told = _text(alice, page)
    assert "string → number" in told
    assert "Begins …" in told
    assert "by alice@shop.example" in told
    assert len(woken) == 2, "nobody works on it yet"
    polled = alice.get(page, headers={"HX-Request": "true", "HX-Target": "change"}).text
    assert 'hx-trigger="every 2s"' in polled
    converting.work_off(shop.database, settling=0)
    polled = alice.get(page, headers={"HX-Request": "true", "HX-Target": "change"}).text
    assert "Done." in polled
    assert "hx-trigger" not in polled
    told = _text(alice, page)
    assert "3 values converted, 1 could not be" in told
    (id_,) = re.findall(r"/data/types/(\d+)/undoing", alice.get(page).text)
    assert submit(alice, f"/data/types/{id_}/undoing", form_on=page).status_code == 303
    converting.work_off(shop.database, settling=0)
    assert shop.attributes("u0")["age"] == ("string", "unknown")
    assert shop.attributes("u3")["age"] == ("string", "3")


def test_pages_stand_while_values_follow(shop: Shop, alice: FlaskClient) -> None:
    values: dict[str, Any] = {"text": "soon", "number": 1_700_000_000, "boolean": True, "other": "7"}
    shop.customer(**values)
    for name, type_ in (("text", "date"), ("number", "date"), ("boolean", "string"), ("other", "number")):
        page = f"/data/attribute?name={name}&type={type_}"
        assert submit(alice, "/data/types", form_on=page, event="", name=name, type=type_).status_code == 303
    assert "soon" in alice.get(shop.profile_path()).text
    for name in values:
        for query in (f"column=attribute:{name}", f"where=has+{name}"):
            assert alice.get(f"/customers?{query}").status_code == 200
        for query in (f"attribute={name}", f"attribute={name}&as_of=2030-01-01"):
            assert alice.get(f"{shop.profile_path()}/history?{query}").status_code == 200
    assert alice.get("/customers/export.csv?column=attribute:number").status_code == 200


def test_type_is_for_administrators_and_strangers_see_nothing(
    shop: Shop, alice: FlaskClient, bob: FlaskClient, charlie: FlaskClient
) -> None:
    shop.customer(City="Pune")
    assert "Change it to" not in _text(bob, "/data/attribute?name=City")
    assert "<textarea" not in bob.get("/data/attribute?name=City").text
    assert charlie.get("/data/attribute?name=City").status_code == 404
    assert "No attributes yet" in _text(charlie, "/data")
    reserved = "/data/attribute?name=email"
    shop.customer(email="a@b.example")
    assert "always a string" in _text(alice, reserved)


@pytest.mark.parametrize(
    "path",
    [
        "/data/attribute",
        "/data/attribute?name=%00",
        "/data/attribute?name=nothing",
        "/data/attribute?event=Purchased",
        "/data/event",
        "/data/event?name=nothing",
        "/data/event?name=%00",
    ],
)
def test_what_has_not_come_is_not_there(alice: FlaskClient, path: str) -> None:
    assert alice.get(path).status_code == 404


def test_masses_of_attributes_with_odd_names(shop: Shop, alice: FlaskClient) -> None:
    odd = ["مرحبا بالعالم", "👩‍👩‍👧‍👦", "<script>alert(1)</script>", "a/b?c=d&e#f", "w" * 49, '"quoted"']
    shop.customer("odd", **dict.fromkeys(odd, "x"))
    for part in range(10):
        shop.customer(f"u{part}", **{f"Attribute {part:02}{number:02}": 1 for number in range(40)})
    assert "406 attributes" in _text(alice, "/data")
    seen = "".join(alice.get(f"/data?page={number}").text for number in range(1, 10))
    assert "<script>alert" not in seen
    for name in odd:
        assert alice.get(f"/data/attribute?name={quote_plus(name)}").status_code == 200, name
    assert len(set(re.findall(r'class="row-link" href="([^"]+)"', seen))) == 406
    for query in ("page=0", "page=-1", "page=x", "page=99999999", "page=10", "show=nonsense", "q=%00", "q=%25", "q=_"):
        assert alice.get(f"/data?{query}").status_code == 200, query


def test_times_before_they_were_kept_are_left_open(shop: Shop, alice: FlaskClient) -> None:
    shop.customer(City="Pune")
    with shop.database.write() as session:
        session.execute(update(DictionaryEntry).values(first_at=0, last_at=0))
    assert "Before this was kept" in alice.get("/data").text
