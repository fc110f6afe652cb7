"""The attributes of a profile: pinned, reserved and custom ones, refused values, many and huge ones."""

import re
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.visitors import T0, customer, login, page, part, section, seen, tell, values, words
from tests.world import Shop, submit
from webapp import clock, pins
from webapp.pages import attribute_list


def _groups(of: str) -> list[tuple[str, list[str]]]:
    """The headings of the panel, each with the names under it."""
    panel = re.findall(r'<div id="attribute-rows">.*?</section>', of, re.DOTALL)[0]
    parts = re.split(r'<h3 class="group"[^>]*>([^<]*)</h3>', panel)[1:]
    names = [re.findall(r'<th scope="row">\s*<div class="attribute-name">\s*<span[^>]*>([^<]*)<', one) for one in parts]
    return list(zip(parts[::2], names[1::2], strict=True))


def _pin(browser: FlaskClient, path: str, name: str, query: str = "") -> None:
    assert submit(browser, f"{path}/pins{query}", form_on=path, name=name).status_code == 303


def _unpin(browser: FlaskClient, path: str, name: str) -> None:
    assert submit(browser, f"{path}/pins/removal", form_on=path, name=name).status_code == 303


def test_reserved_and_custom_ones_stand_apart(shop: Shop, alice: FlaskClient) -> None:
    shop.customer(name="Asha", email="asha@example.com", city="Pune", Age=30, mobile="9919211112")
    assert _groups(page(alice, shop.profile_path())) == [
        ("Reserved", ["name", "email", "mobile"]),
        ("Custom", ["Age", "city"]),
    ]


def test_pinned_ones_stand_on_top_of_every_profile_in_their_order(
    shop: Shop, alice: FlaskClient, bob: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.customer(name="Asha", City="Pune", Age=30)
    shop.customer("u2", City="Goa", Tier="Gold")
    for number, name in enumerate(("Tier", "name", "Age")):
        monkeypatch.setattr(clock, "now", lambda number=number: T0 + number)
        _pin(alice, shop.profile_path(), name)
        _pin(alice, shop.profile_path(), name)  # which changes nothing
    monkeypatch.undo()
    for browser in (alice, bob):
        assert _groups(page(browser, shop.profile_path())) == [
            ("Pinned", ["Tier", "name", "Age"]),
            ("Custom", ["City"]),
        ]
        assert _groups(page(browser, shop.profile_path("u2")))[0] == ("Pinned", ["Tier", "name", "Age"])
    assert "Tier – name" in section(page(bob, shop.profile_path()), "attributes")
    _unpin(alice, shop.profile_path(), "name")
    _unpin(alice, shop.profile_path(), "name")
    assert _groups(page(alice, shop.profile_path())) == [
        ("Pinned", ["Tier", "Age"]),
        ("Reserved", ["name"]),
        ("Custom", ["City"]),
    ]


def test_only_attributes_of_the_workspace_are_pinned(
    shop: Shop, alice: FlaskClient, charlie: FlaskClient, other_shop: Shop
) -> None:
    shop.customer(City="Pune")
    shop.event(Amount=1)
    other_shop.customer(City="Goa")
    path = shop.profile_path()
    for name in ("Nothing", "Amount", "", "\x00", "x" * 5000):
        _pin(alice, path, name)
        assert "There is no such attribute in this workspace." in page(alice, path)
    _pin(alice, path, "City")
    assert _groups(page(alice, path)) == [("Pinned", ["City"])]
    assert _groups(page(charlie, other_shop.profile_path())) == [("Custom", ["City"])]


def test_number_of_pins_is_limited(shop: Shop, alice: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pins, "MOST", 2)
    shop.customer(a=1, b=2, c=3)
    path = shop.profile_path()
    for name in "abc":
        _pin(alice, path, name)
    assert "2 attributes are pinned already." in page(alice, path)
    assert _groups(page(alice, path)) == [("Pinned", ["a", "b"]), ("Custom", ["c"])]


def test_viewer_has_no_buttons_and_no_way_to_pin(shop: Shop, bob: FlaskClient, charlie: FlaskClient) -> None:
    shop.customer(City="Pune")
    path = shop.profile_path()
    assert "/pins" not in page(bob, path)
    assert submit(bob, f"{path}/pins", form_on=path, name="City").status_code == 403
    assert submit(charlie, f"{path}/pins", form_on="/settings/workspace", name="City").status_code == 404


def test_pinning_leads_back_to_what_the_address_asked_for(shop: Shop, alice: FlaskClient) -> None:
    shop.customer(City="Pune")
    path = shop.profile_path()
    shown = page(alice, f"{path}?event=A%26B&show=visit&show=merge&as_of=2030-01-01&older_than=1.1&q=")
    action = re.findall(r'action="([^"]+/pins\?[^"]+)"', shown)[0].replace("&amp;", "&")
    answer = submit(alice, action, form_on=path, name="City")
    assert answer.location == f"{path}?event=A%26B&show=visit&show=merge&as_of=2030-01-01#attributes"


def test_htmx_gets_the_panel_with_what_the_form_has_to_say(shop: Shop, alice: FlaskClient) -> None:
    shop.customer(City="Pune")
    path = shop.profile_path()
    _pin(alice, path, "Nothing")
    fragment = part(alice, path, "attributes")
    assert fragment.lstrip().startswith('<section id="attributes"')
    assert "There is no such attribute" in fragment
    assert "There is no such attribute" not in page(alice, path)


# Refused values


def _fixed_at(at: int, patch: pytest.MonkeyPatch, shop: Shop, **told: Any) -> None:
    patch.setattr(clock, "now", lambda: at)
    shop.customer("first", **told)
    patch.undo()


def test_refused_value_is_told_on_its_attribute(
    shop: Shop, alice: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    _fixed_at(T0, monkeypatch, shop, Age=30)
    shop.customer(Age=31)
    for age in ("32", "33"):
        shop.customer(Age=age)
    shown = section(page(alice, shop.profile_path()), "attributes")
    assert '2 values were not stored A string came, 2 times, last now: "33" Send it as a number: 33, not "33".' in shown
    assert "Expected is a number: that is its type since 10 Mar 2026, 17:30." in shown


def test_refused_attribute_that_the_customer_does_not_have_is_shown(shop: Shop, alice: FlaskClient) -> None:
    shop.customer("u2", Age=30)
    shop.customer(Age="old")
    shown = page(alice, shop.profile_path())
    assert _groups(shown) == [("Custom", ["Age"])]
    assert "Age none 1 value was not stored A string came" in section(shown, "attributes")
    assert "Send a number, or send this under another name." in section(shown, "attributes")


def test_refused_values_of_merged_profiles_are_added_up(shop: Shop, alice: FlaskClient) -> None:
    shop.customer("u2", Age=30)
    shop.customer(Age="x")
    tell(shop, seen("phone", T0), values("phone", T0, Age="y"), login("phone", T0 + 1))
    assert "2 values were not stored A string came, 2 times" in section(page(alice, shop.profile_path()), "attributes")


def test_refused_values_of_events_are_listed_apart(shop: Shop, alice: FlaskClient) -> None:
    shop.event(Amount=1, time=T0)
    shop.event(Amount="2", time=T0 + 1)
    shop.customer(Amount="of the customer")
    shown = section(page(alice, shop.profile_path()), "attributes")
    assert "1 value of events was not stored Amount of the event Purchased is a number, but a string came" in shown
    assert 'Send it as a number: 2, not "2".' in shown


@pytest.mark.parametrize(
    ("first", "then", "advice"),
    [
        (1, "1,299.50", 'Send it as a number: 1299.5, not "1,299.50".'),
        (1, "many", "Send a number, or send this under another name."),
        (1, True, "Send a number, or send this under another name."),
        ("a", 12, 'Send it as a string: "12", not 12.'),
        ("a", True, 'Send it as a string: "true", not true.'),
        (True, "Yes", 'Send it as a boolean: true, not "Yes".'),
        (True, 0, "Send it as a boolean: false, not 0."),
        (True, 7, "Send true or false, or send this under another name."),
        ("2026-03-01 12:00:00", 1772366400, 'Send it as a date: "2026-03-01T12:00:00Z", not 1772366400.'),
        ("2026-03-01 12:00:00", 1772366400123, 'Send it as a date: "2026-03-01T12:00:00Z", not 1772366400123.'),
        ("2026-03-01 12:00:00", 7, "Send a date written YYYY-MM-DD HH:mm:ss or ISO 8601 with a zone, or"),
        (1, "x" * 5000, "Send a number, or send this under another name."),
    ],
)
def test_advice_says_what_to_send_instead(shop: Shop, alice: FlaskClient, first: Any, then: Any, advice: str) -> None:
    shop.customer(Thing=first)
    shop.customer(Thing=then)
    assert advice in section(page(alice, shop.profile_path()), "attributes")


@pytest.mark.parametrize(
    ("first", "then", "advice"),
    [
        (["a"], "b", 'Send it as a string array: ["b"], not "b".'),
        (["a"], [1], "Send an array, each of its values a string, or send this under another name."),
        ({"a": 1}, {"a": "1"}, "Send an object, each of its values a number, or send this under another name."),
        ([1, "a"], "b", ""),  # which takes anything
    ],
)
def test_advice_for_lists_and_objects_of_events(
    shop: Shop, alice: FlaskClient, first: Any, then: Any, advice: str
) -> None:
    shop.event(time=T0, Thing=first)
    shop.event(time=T0 + 1, Thing=then)
    shown = section(page(alice, shop.profile_path()), "attributes")
    assert advice in shown
    assert ("not stored" in shown) == bool(advice)


def test_advice_names_the_type_where_only_that_was_wrong(shop: Shop, alice: FlaskClient) -> None:
    shop.customer(Thing="text")
    shop.send(
        "/rest-api/customer",
        {"id": "u1", "attributes": [{"name": "Thing", "type": "date", "value": "2026-03-01 12:00:00"}]},
    )
    shown = section(page(alice, shop.profile_path()), "attributes")
    assert "Send it with the type string, not date." in shown


def test_reserved_attributes_type_is_given(shop: Shop, alice: FlaskClient) -> None:
    shop.customer(name="Asha")
    shop.customer(name=12)
    shown = section(page(alice, shop.profile_path()), "attributes")
    assert 'Send it as a string: "12", not 12. Expected is a string: name is reserved, so its type is given.' in shown


def test_refusal_is_shown_as_text(shop: Shop, alice: FlaskClient) -> None:
    told: dict[str, Any] = {"<b>": 1}
    shop.customer(**told)
    shop.customer(**{"<b>": "<script>"})
    assert "<script>alert" not in page(alice, shop.profile_path())
    assert "<b></b>" not in page(alice, shop.profile_path())
    assert "&#34;&lt;script&gt;&#34;" in page(alice, shop.profile_path())


# Many and huge ones


def test_many_attributes_are_cut_until_all_are_asked_for(
    shop: Shop, alice: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attribute_list, "MOST_ROWS", 4)
    told: dict[str, Any] = {f"Attribute {number}": number for number in range(9)}
    shop.customer(name="Asha", **told)
    path = shop.profile_path()
    shown = page(alice, path)
    assert [len(names) for _, names in _groups(shown)] == [1, 3]
    link = re.findall(r'href="([^"]+)#attributes"[^>]*>Show all 10 attributes<', shown)[0]
    for whole in (page(alice, link), part(alice, link, "attribute-rows")):
        assert "Attribute 8" in whole
        assert "Show all" not in whole
    assert "Attribute 8" in page(alice, f"{path}?attribute=attribute+8")


def test_value_of_any_size_stays_usable(shop: Shop, alice: FlaskClient) -> None:
    told = {"Short": "s" * 300, "Long": "l" * 1900, "Huge": "h" * 60_000}
    tell(shop, customer("u1", T0, **told, List=list(range(20)), Tree={"a": {"b": 1}}))
    path = shop.profile_path()
    shown = page(alice, path)
    assert len(shown) < 60_000
    assert (shown.count("s" * 300), shown.count("l" * 1900), shown.count("h" * 201)) == (1, 1, 0)
    assert shown.count('class="long"') == 2
    link = re.findall(r'href="([^"]+)">Show all \(60 KB\)<', shown)[0].replace("&amp;", "&")
    answer = alice.get(link)
    assert (answer.content_type, answer.json) == ("application/json", "h" * 60_000)


def test_whole_value_is_for_members_only_and_404_where_there_is_none(
    shop: Shop, alice: FlaskClient, bob: FlaskClient, charlie: FlaskClient
) -> None:
    shop.customer(City="Pune")
    path = f"{shop.profile_path()}/value?attribute="
    assert bob.get(f"{path}City").json == "Pune"
    assert charlie.get(f"{path}City").status_code == 404
    assert [alice.get(f"{path}{name}").status_code for name in ("", "Nothing", "%00")] == [404] * 3


def test_former_huge_value_can_be_read_whole(shop: Shop, alice: FlaskClient) -> None:
    tell(shop, customer("u1", T0, Text="o" * 9000), customer("u1", T0 + 5000, Text="n" * 9000))
    shown = page(alice, f"{shop.profile_path()}/history?attribute=Text")
    links = [one.replace("&amp;", "&") for one in re.findall(r'href="([^"]+)">Show all \(9 KB\)<', shown)]
    assert [alice.get(link).json for link in links] == ["n" * 9000, "o" * 9000]


def test_words_of_the_panel_of_nobody(shop: Shop, alice: FlaskClient) -> None:
    shop.customer(City="Pune")
    shop.customer("u2")
    _pin(alice, shop.profile_path(), "City")
    assert "None yet." in words(page(alice, shop.profile_path("u2")))
