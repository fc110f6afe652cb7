"""Well-known events in words, and nothing in words that isn't certain."""

from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.visitors import page, words
from tests.world import Shop
from webapp import sentences
from webapp.events import Shown, ShownAttribute


def _event(name: str, told: dict[str, Any], **context: Any) -> Shown:
    attributes = [ShownAttribute(one, "custom", value, None) for one, value in told.items()]
    return Shown(1, name, 0, 0, attributes, None, context)


@pytest.mark.parametrize(
    ("name", "told", "expected"),
    [
        ("Purchased", {"Amount": 128.5, "Products": ["a", "b", "c"]}, "Bought 3 products for 128.50"),
        ("Order Completed", {"order_total": "1280", "Currency": "INR"}, "Bought for 1,280 INR"),
        ("purchased", {"Product Name": "Mug", "Quantity": 2}, "Bought 2 × Mug"),
        ("Purchased", {"products": ["p1"], "Product": "Mug"}, "Bought Mug"),
        ("Purchased", {"Price": 5}, None),
        ("Purchased", {"Amount": "a lot", "Quantity": 1.5, "Items": {}}, None),
        ("Purchased", {"Amount": True, "Quantity": "NaN"}, None),
        ("Purchased", {"Amount": 10**400, "Total": float("1e300")}, None),
        ("Purchased", {}, None),
        ("add_to_cart", {"Product": "Mixer", "Cart Total": 900}, "Added Mixer to the cart"),
        ("AddedToCart", {"Amount": 732.23}, None),
        ("Removed From Cart", {"product": "Mixer"}, "Took Mixer out of the cart"),
        ("Checkout Started", {"Cart Total": 900, "Items": 3}, "Started to check out 3 products for 900"),
        ("Product Viewed", {"Product": "Mixer", "Price": "12.5"}, "Looked at Mixer for 12.50"),
        ("Page Visited", {"Title": "Pullovers", "URL": "https://a.example/c/p?x=1"}, "Visited Pullovers /c/p"),
        ("Page Visited", {"Page": "/sale"}, "Visited /sale"),
        ("Page Visited", {"URL": "http://[broken"}, "Visited http://[broken"),
        ("Search", {"Query": "mug", "Results": 12}, "Searched for “mug”, 12 found"),
        ("Product Searched", {"q": "mug", "Results": 0}, "Searched for “mug”, nothing found"),
        ("Search", {"Query": ["mug"]}, None),
        ("Signed Up", {"Method": "Google"}, "Signed up by Google"),
        ("Logged In", {}, "Logged in"),
        ("Logged Out", {"x": 1}, "Logged out"),
        ("App Launched", {"App Version": "4.2"}, "Opened the app, version 4.2"),
        ("Clicked", {"Button Text": "Pay"}, "Clicked Pay"),
        ("Form Submitted", {"Form Name": "Contact"}, "Sent the form Contact"),
        ("Coupon Applied", {"Code": "TEN"}, "Used the coupon TEN"),
        ("Refunded", {"Amount": 10}, "Got back 10"),
    ],
)
def test_known_event_is_said_as_far_as_it_is_told(name: str, told: dict[str, Any], expected: str | None) -> None:
    known = sentences.of(_event(name, told))
    assert known is not None
    assert (None if known.words is None else words(known.words)) == expected


def test_page_of_the_context_is_what_was_visited() -> None:
    known = sentences.of(_event("Page Visited", {}, page="https://a.example/"))
    assert known is not None
    assert words(str(known.words)) == "Visited /"


def test_unknown_event_is_left_as_it_is() -> None:
    assert sentences.of(_event("Purchased Nothing", {"Amount": 5})) is None


def test_long_and_hostile_values_are_cut_and_escaped() -> None:
    known = sentences.of(_event("Clicked", {"Text": "<b>" + "w" * 500}))
    assert known is not None
    assert str(known.words) == f"Clicked <b>&lt;b&gt;{'w' * 77}…</b>"


def test_row_has_the_sentence_and_the_real_name(shop: Shop, alice: FlaskClient) -> None:
    shop.event("Purchased", Amount=128.5, Products=["a", "b"])
    shop.event("Purchased", 1_700_000_000_001, Colour="red")
    shown = words(page(alice, shop.profile_path()))
    assert "Bought 2 products for 128.50 Purchased" in shown
    assert "Purchased Colour red" in shown
