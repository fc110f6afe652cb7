"""The pages of what was refused and ignored: looking, trying, sending again, dismissing."""

import re
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.test_refused import groups, one, samples
from tests.test_replay import mend
from tests.world import Shop, rows, submit
from webapp import refused
from webapp.models import AttributeType, Event, RefusedPayload, RefusedReason

EVIL = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"
REFUSED = {"customerId": "0", "name": "Purchased"}


def test_nothing_has_been_refused_yet(alice: FlaskClient) -> None:
    assert "Nothing has been refused" in alice.get("/refused").text


def test_reasons_are_listed_with_words_and_advice(shop: Shop, alice: FlaskClient) -> None:
    shop.customer(Points=1)
    shop.customer(Points="17")
    wrong = {"name": "Points", "type": "number", "value": "17"}
    shop.send("/rest-api/customer", {"id": "u1", "attributes": [wrong]})
    page = " ".join(alice.get("/refused").text.split())
    assert "<code>attributes[].value</code> must be a number, not a string" in page
    assert "<b>Points</b> is a number, but a string came" in page
    assert page.count("Send it as a number: 17, not &#34;17&#34;.") == 2
    assert "key Backend" in page


def test_filters_stand_in_the_url(shop: Shop, alice: FlaskClient) -> None:
    shop.customer(Points=1)
    shop.customer(Points="17")
    shop.send("/track/user", {"id": 5})
    assert "but a string came" not in alice.get("/refused?kind=refused").text
    assert "must be a string" not in alice.get("/refused?kind=ignored").text
    assert "must be a string" in alice.get("/refused?endpoint=/track/user&kind=refused").text
    assert "Nothing here" in alice.get("/refused?endpoint=/nowhere").text
    of_place = alice.get("/refused?place=Points").text
    assert "but a string came" in of_place
    assert "must be a string" not in of_place
    part = alice.get("/refused?kind=refused", headers={"HX-Request": "true", "HX-Target": "groups"}).text
    assert part.lstrip().startswith('<section id="groups"')


def test_list_goes_on(shop: Shop, alice: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refused, "PAGE_SIZE", 2)
    for number in range(5):
        shop.send("/track/user", {"id": "u1", "attributes": {f"a{number}": None}})
    path: str | None = "/refused?kind=refused"
    seen = []
    while path:
        page = alice.get(path).text
        seen += re.findall(r"attributes\.a\d", page)
        found = re.search(r'rel="next" href="([^"]+)"', page)
        path = found and found[1].replace("&amp;", "&")
    assert seen == [f"attributes.a{number}" for number in (4, 3, 2, 1, 0)]


def test_dry_run_then_sending_again(shop: Shop, alice: FlaskClient) -> None:
    for name in ("Purchased", "Viewed", ""):
        shop.send("/rest-api/event", REFUSED | {"name": name})
    group, kept = one(shop)
    path = f"/refused/{group.row.id}"
    tried = submit(alice, f"{path}/rehearsal", form_on=path).text
    assert "None of them would be stored" in tried
    assert "is the placeholder" in tried
    mend(shop)
    tried = " ".join(submit(alice, f"{path}/rehearsal", form_on=path).text.split())
    assert "2 of them would be stored, 1 would not" in tried
    assert rows(shop.database, Event) == 0
    single = submit(alice, f"{path}/rehearsal", form_on=path, digest=str(kept[-1].row.digest)).text
    assert "It would be stored" in " ".join(single.split())
    answer = submit(alice, f"{path}/replay", form_on=path, digest=str(kept[-1].row.digest))
    assert answer.status_code == 303
    assert rows(shop.database, Event) == 1
    submit(alice, f"{path}/replay", form_on=path)
    page = alice.get(path).text
    assert "1 is stored, 1 is still refused: &#34;name&#34; is empty" in page
    assert (rows(shop.database, Event), len(samples(shop, group))) == (2, 1)
    assert "Sent again in vain 1 time" in page


def test_customer_of_a_sample_is_linked(shop: Shop, alice: FlaskClient) -> None:
    shop.customer("u1", name="Asha Rao")
    shop.send("/track/user", {"id": "u1", "attributes": {"a": None}})
    page = alice.get(f"/refused/{one(shop)[0].row.id}").text
    assert shop.profile_path() in page
    assert "Asha Rao" in page


def test_values_of_events_can_only_be_looked_at(shop: Shop, alice: FlaskClient) -> None:
    shop.event(Amount=1)
    shop.event(Amount="much")
    page = alice.get(f"/refused/{one(shop)[0].row.id}").text
    assert "be sent again by themselves" in page
    assert "Dry run" not in page


def test_dismissed_reason_is_gone_until_it_happens_again(shop: Shop, alice: FlaskClient) -> None:
    shop.send("/track/user", {"id": 5})
    path = f"/refused/{one(shop)[0].row.id}"
    assert submit(alice, f"{path}/dismissal", form_on=path).location == "/refused"
    assert rows(shop.database, RefusedReason) == rows(shop.database, RefusedPayload) == 0
    assert alice.get(path).status_code == 404
    shop.send("/track/user", {"id": 5})
    assert one(shop)[0].row.count == 1


def test_viewer_looks_and_no_more(shop: Shop, alice: FlaskClient, bob: FlaskClient) -> None:
    shop.send("/track/user", {"id": 5})
    page = bob.get(f"/refused/{one(shop)[0].row.id}").text
    assert "must be a string" in page
    assert "Dry run" not in page
    assert "Dismiss" not in page
    assert "Dry run" in alice.get(f"/refused/{one(shop)[0].row.id}").text


@pytest.mark.parametrize("text", ["x", "-1", "1e3", "9" * 19, "9" * 40, "٣", "%00"])
def test_there_is_no_such_reason(alice: FlaskClient, text: str) -> None:
    assert alice.get(f"/refused/{text}").status_code == 404


def test_stranger_sees_nothing_of_it(shop: Shop, charlie: FlaskClient) -> None:
    shop.send("/track/user", {"id": 5})
    assert charlie.get(f"/refused/{one(shop)[0].row.id}").status_code == 404
    assert "must be a string" not in charlie.get("/refused").text


def test_what_came_is_shown_as_text(shop: Shop, alice: FlaskClient) -> None:
    for value in (1, EVIL):
        attributes: dict[str, Any] = {EVIL[:49]: value}
        shop.customer(**attributes)
    shop.send("/track/user", {"id": {EVIL: EVIL}, "attributes": {EVIL: None}}, User_Agent=EVIL)
    shop.send("/track/user", EVIL.encode())
    shop.send("/track/user", b"\xff\x00\xfe" + EVIL.encode())
    assert len(groups(shop)) == 4
    for path in ("/refused", *(f"/refused/{group.row.id}" for group in groups(shop))):
        page = alice.get(path)
        assert page.status_code == 200
        assert "<script>alert" not in page.text
        assert "<img src=x" not in page.text


def test_large_and_deep_bodies_are_shown_in_part(shop: Shop, alice: FlaskClient) -> None:
    deep: object = 1
    for _ in range(900):
        deep = [deep]
    shop.send("/track/user", {"id": 5, "x": "y" * 200_000})
    shop.send("/track/user", {"id": deep})
    shop.send("/track/user", b"[" * 100_000)
    shop.send("/track/user", b'{"id": 7, "a": "\\ud800", "b": 1e999, "c": NaN, "\\udfff": "\\u0000"}')
    shop.send("/track/user", b'{"id": "\\ud800", "attributes": {"\\ud800": null}}')
    for group in groups(shop):
        page = alice.get(f"/refused/{group.row.id}")
        assert page.status_code == 200
        assert len(page.data) < 200_000


def test_profile_leads_to_all_such_values(shop: Shop, alice: FlaskClient) -> None:
    shop.customer(Points=1)
    shop.customer(Points="17")
    assert "/refused?kind=ignored&amp;place=Points" in alice.get(shop.profile_path()).text


def test_value_can_be_sent_again_after_its_type_was_changed(shop: Shop, alice: FlaskClient) -> None:
    shop.customer(Points=1)
    shop.customer(Points="17")
    path = f"/refused/{one(shop)[0].row.id}"
    assert "would not be stored" in " ".join(submit(alice, f"{path}/rehearsal", form_on=path).text.split())
    with shop.database.write() as session:
        session.get_one(AttributeType, (shop.workspace.id, "", "Points")).type = "string"
        session.info["remembered"].clear()
    submit(alice, f"{path}/replay", form_on=path)
    assert shop.attributes()["Points"] == ("string", "17")
