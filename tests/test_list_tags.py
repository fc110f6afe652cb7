"""The list's filter by tags: of the whole person, in the URL, in segments, and from the profile with a click."""

import html
import re
from collections.abc import Sequence

import pytest
from flask.testing import FlaskClient

from tests.visitors import T0, login, merges, page, path_of, seen, tell, words
from tests.world import Shop, submit
from webapp import conditions, matching
from webapp.conditions import Compared, Condition, Having, Tagged, WrongError

TAGS = {"a": ["VIP", "angry"], "b": ["vip"], "c": ["refund pending"], "d": []}


def _names(browser: FlaskClient, *where: str, **others: str) -> list[str]:
    answer = browser.get("/customers", query_string=[*others.items(), *(("where", one) for one in where)])
    assert answer.status_code == 200
    return sorted(re.findall(r'class="row-link"[^>]*>([^<]*)<', answer.get_data(as_text=True)))


def _tag(browser: FlaskClient, path: str, names: Sequence[str]) -> None:
    for name in names:
        assert submit(browser, f"{path}/tags", form_on=path, tag=name).status_code == 303


@pytest.fixture
def people(shop: Shop, alice: FlaskClient) -> Shop:
    """Four customers, three of whom have tags."""
    for system_id, names in TAGS.items():
        shop.customer(system_id, City="Pune", tag="attribute" if system_id == "d" else "none")
        _tag(alice, shop.profile_path(system_id), names)
    return shop


FOUND = {
    ("tag = VIP",): ["a", "b"],
    ("tag = ｖｉｐ",): ["a", "b"],
    ("tag = refund  Pending",): ["c"],
    ("tag = refund",): [],
    ("tag = nobody's",): [],
    ("not tag vip",): ["c", "d"],
    ("tag != vip",): ["c", "d"],
    ("not tag nobody's",): ["a", "b", "c", "d"],
    ("tag = vip", "tag = angry"): ["a"],
    ("tag = vip", "not tag angry"): ["b"],
    ("tag = vip", "City = Goa"): [],
    ("not tag vip", "City = Pune", "did not Purchased"): ["c", "d"],
    ('"tag" = attribute',): ["d"],
    ("has tag",): ["a", "b", "c", "d"],
}


@pytest.mark.parametrize("has_index", [True, False])
def test_filter_finds(people: Shop, alice: FlaskClient, monkeypatch: pytest.MonkeyPatch, has_index: bool) -> None:
    if not has_index:
        monkeypatch.setattr(matching, "MOST_CANDIDATES", -1)
    for where, found in FOUND.items():
        for sort in ("last_seen", "created"):
            assert _names(alice, *where, sort=sort) == found, where


def test_tag_of_any_profile_is_the_persons(shop: Shop, alice: FlaskClient) -> None:
    shop.customer("u1")
    tell(shop, seen("phone", T0), seen("tablet", T0))
    visitor = path_of(alice, "phone")
    _tag(alice, visitor, ["vip"])
    _tag(alice, shop.profile_path("u1"), ["angry"])
    assert _names(alice, "tag = vip", "tag = angry") == []
    assert len(_names(alice, "not tag vip")) == 2
    tell(shop, login("phone", T0 + 1, "u1"))
    assert _names(alice, "tag = vip", "tag = angry") == _names(alice, "tag = vip") == ["u1"]
    assert _names(alice, "not tag vip") == ["Anonymous visitor"]
    (merge,) = merges(shop)
    path = shop.profile_path("u1")
    submit(alice, f"{path}/merges/{merge.id}/undoing", form_on=path)
    assert _names(alice, "tag = vip") == ["Anonymous visitor"]
    assert _names(alice, "tag = angry") == ["u1"]


def test_another_workspace_has_its_own(
    people: Shop, alice: FlaskClient, other_shop: Shop, charlie: FlaskClient
) -> None:
    other_shop.customer("x")
    _tag(charlie, other_shop.profile_path("x"), ["angry"])
    assert _names(charlie, "tag = vip") == []
    assert _names(charlie, "tag = angry") == ["x"]
    assert "refund pending" not in page(charlie, "/customers")


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("tag = vip", Tagged("vip")),
        ("tag = a = b", Tagged("a = b")),
        ("tag = vip from 2026-01-01", Tagged("vip from 2026-01-01")),
        ('tag = "quoted"', Tagged('"quoted"')),
        ("not tag vip", Tagged("vip", is_so=False)),
        ("not tag a = b", Tagged("a = b", is_so=False)),
        ('"tag" = vip', Compared("tag", "=", "vip")),
        ('"tag" != vip', Compared("tag", "!=", "vip")),
        ('"not tag a" = b', Compared("not tag a", "=", "b")),
        ("tag > 3", Compared("tag", ">", "3")),
        ("has tag", Having("tag")),
        ("not tags = b", Compared("not tags", "=", "b")),
    ],
)
def test_condition_is_written_as_it_is_read(text: str, meant: Condition) -> None:
    assert conditions.parse(text) == meant
    assert str(meant) == text
    assert conditions.in_words(meant)


@pytest.mark.parametrize("text", ["tag =", "not tag", "tag !=", "tag = " + "x" * 51])
def test_tag_that_nobody_can_have_is_explained(text: str) -> None:
    with pytest.raises(WrongError, match="tag"):
        conditions.parse(text)


def test_filter_is_added_by_the_form_and_taken_away_by_its_chip(people: Shop, alice: FlaskClient) -> None:
    shown = page(alice, "/customers?status=registered")
    assert re.findall(r'<datalist id="tag-names">(.*?)</datalist>', shown) == [
        "".join(f'<option value="{name}"></option>' for name in ("angry", "refund pending", "vip"))
    ]
    for choice, where, found in (("yes", "tag+%3D+vip", "Tagged vip"), ("not", "not+tag+vip", "Not tagged vip")):
        asked = {"status": "registered", "tagged": choice, "tag": " VIP"}
        address = alice.get("/customers", query_string=asked).location
        assert address == f"/customers?status=registered&where={where}"
        listed = page(alice, address)
        assert found in words(listed)
        links = re.findall(r'<a href="([^"]*)" aria-label="Take away the filter', listed)
        assert links == ["/customers?status=registered"]
    address = alice.get("/customers?tagged=yes&tag=").location
    assert "The tag is missing" in words(page(alice, address))


def test_form_is_there_once_there_are_tags(shop: Shop, alice: FlaskClient) -> None:
    shop.customer("a")
    assert "By tag" not in page(alice, "/customers")
    _tag(alice, shop.profile_path("a"), ["vip"])
    assert "By tag" in page(alice, "/customers")


def test_tag_on_a_profile_leads_to_everybody_who_has_it(people: Shop, alice: FlaskClient, bob: FlaskClient) -> None:
    _tag(alice, people.profile_path("d"), ["a = b & <c>"])
    for browser in (alice, bob):
        for system_id, found in (("b", ["a", "b"]), ("d", ["d"])):
            shown = page(browser, people.profile_path(system_id))
            header = re.findall(r'<header id="summary".*?</header>', shown, re.DOTALL)[0]
            (link,) = re.findall(r'<li class="chip tag"[^>]*>\s*<a href="([^"]*)"', header)
            assert sorted(re.findall(r'class="row-link"[^>]*>([^<]*)<', page(browser, html.unescape(link)))) == found


def test_segment_keeps_the_filter(people: Shop, alice: FlaskClient) -> None:
    submit(alice, "/segments", form_on="/customers?where=tag+%3D+vip", name="Very important", view="where=tag+%3D+VIP")
    side = re.findall(r'<nav id="segments".*?</nav>', page(alice, "/customers"), re.DOTALL)[0]
    assert "Very important 2 customers" in words(side)
    assert "where=tag+%3D+vip&amp;segment=" in side


def test_export_has_who_is_shown(people: Shop, alice: FlaskClient) -> None:
    lines = page(alice, "/customers/export.csv?where=tag+%3D+vip&column=system_id").splitlines()
    assert len(lines) == 3
