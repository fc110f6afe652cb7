"""Going somewhere by typing: what is found, for whom, and in which order."""

import html
import re

import pytest
from flask.testing import FlaskClient

from tests.world import Shop
from webapp import segments


def _found(browser: FlaskClient, text: str, *, is_part: bool = True) -> list[tuple[str, str]]:
    headers = {"HX-Request": "true", "HX-Target": "results"} if is_part else {}
    answer = browser.get("/go", query_string={"q": text}, headers=headers)
    assert answer.status_code == 200
    assert ("<html" in answer.text) != is_part
    part = answer.text[answer.text.index('id="results"') :]
    links = re.findall(r'<a href="([^"]+)">.*?<span class="result-name"[^>]*>\s*(.*?)\s*</span>', part, re.DOTALL)
    return [(html.unescape(name), html.unescape(where)) for where, name in links]


def test_nothing_typed_shows_every_page(alice: FlaskClient) -> None:
    found = dict(_found(alice, ""))
    assert found["Customers"] == "/customers"
    assert found["Activity"] == "/activity"
    assert found["API keys"] == "/settings/keys"
    for where in found.values():
        assert alice.get(where, follow_redirects=True).status_code == 200


def test_viewer_is_not_led_to_what_is_not_for_viewers(bob: FlaskClient) -> None:
    found = _found(bob, "settings") + _found(bob, "")
    assert ("Account", "/settings/account") in found
    for _, where in found:
        assert bob.get(where, follow_redirects=True).status_code == 200


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("act", "Activity"),
        ("api k", "API keys"),
        ("SNIPPET", "Website"),
        ("time zone", "Workspace"),
        ("pass", "Account"),
    ],
)
def test_pages_are_found_by_what_is_on_them(alice: FlaskClient, text: str, name: str) -> None:
    assert name in dict(_found(alice, text))


def test_customers_are_found_as_in_the_list_with_the_reason(shop: Shop, alice: FlaskClient) -> None:
    shop.customer("A-1001", name="Asha Rao", email="asha@example.com", mobile="98000 00017")
    shop.customer("A-1002", name="Ravi Iyer")
    for text in ("asha", "A-1001", "+91 98000 00017", "rao"):
        assert _found(alice, text)[0] == ("Asha Rao", shop.profile_path("A-1001")), text
    assert "email matches" in alice.get("/go?q=asha@example.com").text
    assert _found(alice, "asha") == _found(alice, "asha", is_part=False)


def test_many_customers_lead_to_the_list(shop: Shop, alice: FlaskClient) -> None:
    for number in range(12):
        shop.customer(f"u{number}", name=f"Person {number}")
    found = _found(alice, "person")
    assert len(found) == 9
    assert found[-1] == ("All customers that match “person”", "/customers?q=person")


def test_segments_are_found_by_any_of_their_words(shop: Shop, alice: FlaskClient) -> None:
    shop.customer("u1", City="Pune")
    with shop.database.write() as session:
        segments.create(session, shop.workspace.id, "People of Pune", "where=City+%3D+Pune")
    found = dict(_found(alice, "pun"))
    assert "where=City" in found["People of Pune"]
    assert alice.get(found["People of Pune"]).status_code == 200


def test_other_shops_customers_are_not_found(shop: Shop, alice: FlaskClient, charlie: FlaskClient) -> None:
    shop.customer("A-1001", name="Asha Rao")
    assert _found(alice, "asha")
    assert not _found(charlie, "asha")


@pytest.mark.parametrize("text", ["\x00", " ", "'", "%", "x" * 5_000, "\ud83d\ude00", "<script>"])
def test_anything_can_be_typed(alice: FlaskClient, text: str) -> None:
    _found(alice, text.encode("utf-16", "surrogatepass").decode("utf-16"))


def test_every_page_has_the_dialog_and_the_palettes_own_page_has_not(alice: FlaskClient) -> None:
    for path in ("/customers", "/activity", "/settings/account"):
        page = alice.get(path).text
        assert page.count('id="palette"') == page.count('id="results"') == 1, path
        assert 'href="/go" data-palette' in page
    assert alice.get("/go").text.count('id="results"') == 1
