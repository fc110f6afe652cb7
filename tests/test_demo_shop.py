"""The demonstration shop: off unless asked for, its key, its cart, and who is logged in."""

import html
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import delete, select

from tests.conftest import settings_for
from tests.world import submit
from webapp import create_app, keys, signatures, workspaces
from webapp.db import Database
from webapp.demo_shop import KEY_NAME, MOST_OF_ONE, PRODUCTS, SHOPPERS
from webapp.models import ApiKey, Counting, Workspace

SHOP = "/demo-shop"
PAGES = ["", "?room=garden", "?room=nonsense", "/products/mug", "/cart", "/login"]


@pytest.fixture
def demo(database_url: str) -> Iterator[Flask]:
    """The app with the demonstration shop, and one workspace."""
    app = create_app(settings_for(database_url).model_copy(update={"demo_shop": True}))
    database: Database = app.extensions["database"]
    with database.write() as session:
        workspaces.create(session, "First")
    yield app
    database.engine.dispose()


@pytest.fixture
def visitor(demo: Flask) -> FlaskClient:
    """The browser of somebody who comes along."""
    return demo.test_client()


def _text(browser: FlaskClient, path: str) -> str:
    return browser.get(f"{SHOP}{path}").get_data(as_text=True)


def _keys(app: Flask) -> list[ApiKey]:
    database: Database = app.extensions["database"]
    with database.read() as session:
        return list(session.scalars(select(ApiKey).order_by(ApiKey.id)))


def _workspace(app: Flask) -> Workspace:
    database: Database = app.extensions["database"]
    with database.read() as session:
        return session.scalars(select(Workspace)).one()


def _told(page: str, what: str) -> dict[str, Any]:
    """What a page tells the SDK, from its attribute."""
    found = re.search(f"data-{what}='([^']+)'", page)
    assert found is not None
    told: dict[str, Any] = json.loads(html.unescape(found[1]))
    return told


@pytest.mark.parametrize("path", PAGES)
def test_shop_is_not_there_unless_asked_for(app: Flask, path: str) -> None:
    assert app.test_client().get(f"{SHOP}{path}").status_code == 404


@pytest.mark.parametrize("path", PAGES)
def test_page_works_and_has_nothing_that_the_policy_forbids(visitor: FlaskClient, path: str) -> None:
    page = _text(visitor, path)
    assert "Fern" in page
    for script in re.findall(r"<script[^>]*>", page):
        assert " src=" in script
    assert " style=" not in page


def test_address_with_a_slash_leads_to_the_shop(visitor: FlaskClient) -> None:
    assert visitor.get(f"{SHOP}/").location == SHOP


def test_key_is_made_at_the_first_visit_and_its_origin_allowed(demo: Flask, visitor: FlaskClient) -> None:
    assert _keys(demo) == []
    answer = visitor.get(f"{SHOP}/snippet.js")
    (key,) = _keys(demo)
    assert (key.name, key.kind) == (KEY_NAME, "browser")
    assert key.public_text is not None
    assert key.public_text in answer.get_data(as_text=True)
    assert answer.content_type == "text/javascript; charset=utf-8"
    assert _workspace(demo).allowed_origins == "http://localhost"
    assert visitor.get(f"{SHOP}/snippet.js").data == answer.data
    assert len(_keys(demo)) == 1


def test_origins_that_are_allowed_stay(demo: Flask, visitor: FlaskClient) -> None:
    with demo.extensions["database"].write() as session:
        session.scalars(select(Workspace)).one().allowed_origins = "https://shop.example"
    visitor.get(f"{SHOP}/snippet.js")
    assert _workspace(demo).allowed_origins == "https://shop.example\nhttp://localhost"


def test_host_that_a_stranger_claims_later_is_not_allowed(demo: Flask, visitor: FlaskClient) -> None:
    visitor.get(f"{SHOP}/snippet.js")
    visitor.get(f"{SHOP}/snippet.js", headers={"Host": "evil.example"})
    assert _workspace(demo).allowed_origins == "http://localhost"


def test_key_of_a_server_is_never_in_the_snippet(demo: Flask, visitor: FlaskClient) -> None:
    with demo.extensions["database"].write() as session:
        keys.create(session, _workspace(demo).id, KEY_NAME)
    visitor.get(f"{SHOP}/snippet.js")
    assert [key.kind for key in _keys(demo)] == ["server", "browser"]


def test_revoked_key_is_replaced(demo: Flask, visitor: FlaskClient) -> None:
    visitor.get(f"{SHOP}/snippet.js")
    with demo.extensions["database"].write() as session:
        keys.revoke(session, _workspace(demo).id, _keys(demo)[0].public_id)
    new = visitor.get(f"{SHOP}/snippet.js").get_data(as_text=True)
    assert str(_keys(demo)[1].public_text) in new


def test_without_a_workspace_there_is_no_snippet(demo: Flask, visitor: FlaskClient) -> None:
    with demo.extensions["database"].write() as session:
        session.execute(delete(Counting))
        session.delete(session.scalars(select(Workspace)).one())
    assert visitor.get(f"{SHOP}/snippet.js").status_code == 404


def test_room_is_in_the_address(visitor: FlaskClient) -> None:
    page = _text(visitor, "?room=garden")
    shown = re.findall(r'<li data-in="(\w+)" >', page)
    hidden = re.findall(r'<li data-in="(\w+)" hidden>', page)
    assert set(shown) == {"garden"}
    assert set(hidden) == {"kitchen", "living"}
    assert len(shown) + len(hidden) == len(PRODUCTS)


def _add(browser: FlaskClient, slug: str) -> None:
    answer = submit(browser, f"{SHOP}/cart", form_on=f"{SHOP}/products/{slug}", product=slug)
    assert answer.status_code == 302


def test_cart_fills_is_bought_and_empties(visitor: FlaskClient) -> None:
    for slug in ("mug", "mug", "lamp"):
        _add(visitor, slug)
    page = _text(visitor, "/cart")
    assert "2 × €18.00" in page
    assert "€105.00" in page
    bought = re.findall(r"data-event='([^']+)'", page)[-1]
    told = json.loads(html.unescape(bought))
    assert told["name"] == "Purchased"
    number = told["attributes"].pop("Order ID")
    assert told["attributes"] == {"Amount": 105.0, "Items": 3, "Products": ["Stoneware mug", "Paper lamp"]}
    assert submit(visitor, f"{SHOP}/orders", form_on=f"{SHOP}/cart", number=number).location == f"{SHOP}/thanks"
    assert number in _text(visitor, "/thanks")
    assert "There is nothing in it yet." in _text(visitor, "/cart")


def test_product_is_taken_out(visitor: FlaskClient) -> None:
    for slug in ("mug", "lamp"):
        _add(visitor, slug)
    submit(visitor, f"{SHOP}/cart", form_on=f"{SHOP}/cart", product="mug", out="yes")
    page = _text(visitor, "/cart")
    assert "Stoneware mug" not in page
    assert "Paper lamp" in page


def test_cart_has_an_end(visitor: FlaskClient) -> None:
    for _ in range(MOST_OF_ONE + 3):
        _add(visitor, "candle")
    assert f"{MOST_OF_ONE} × €14.50" in _text(visitor, "/cart")


@pytest.mark.parametrize("path", ["/products/nothing", "/products/%00"])
def test_unknown_product_is_nowhere(visitor: FlaskClient, path: str) -> None:
    assert visitor.get(f"{SHOP}{path}").status_code == 404


def test_unknown_product_and_shopper_are_refused(visitor: FlaskClient) -> None:
    assert submit(visitor, f"{SHOP}/cart", form_on=f"{SHOP}/products/mug", product="gold").status_code == 404
    assert submit(visitor, f"{SHOP}/login", shopper="somebody-elses-id").status_code == 404


def test_pages_for_later_lead_back(visitor: FlaskClient) -> None:
    assert visitor.get(f"{SHOP}/thanks").location == SHOP
    assert visitor.get(f"{SHOP}/account").location == f"{SHOP}/login"


def test_login_is_told_and_ends(visitor: FlaskClient) -> None:
    assert submit(visitor, f"{SHOP}/login", shopper="demo-shop-1").location == f"{SHOP}/account"
    assert _told(_text(visitor, "/account"), "login") == {
        "id": "demo-shop-1",
        "attributes": {"name": "Anna Berg", "email": "anna.berg@example.com", "City": "Hamburg"},
    }
    submit(visitor, f"{SHOP}/logout", form_on=f"{SHOP}/account")
    assert visitor.get(f"{SHOP}/account").status_code == 302


@pytest.mark.parametrize("shopper", SHOPPERS)
def test_login_is_signed_where_there_is_a_secret(demo: Flask, visitor: FlaskClient, shopper: str) -> None:
    with demo.extensions["database"].write() as session:
        secret = workspaces.new_login_secret(session, session.scalars(select(Workspace)).one())
    submit(visitor, f"{SHOP}/login", shopper=shopper)
    told = _told(_text(visitor, "/account"), "login")
    assert told["id"] == shopper
    assert told["signature"] == signatures.sign(secret, shopper)
