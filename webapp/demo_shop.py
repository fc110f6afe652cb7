"""A demonstration shop, as plain as a shop can be, that uses the browser SDK as a customer's own shop would.

It stands on the product's own host, so the strict Content-Security-Policy holds for it too. Its carts live in the
visitor's cookie; what the visitor does reaches the database by the SDK alone.
"""

import secrets
from dataclasses import dataclass
from typing import Any, NamedTuple

from flask import Blueprint, Response, abort, redirect, render_template, request, url_for
from flask import session as cookie
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from webapp import keys, origins, signatures, workspaces
from webapp.db import database
from webapp.models import ApiKey, Workspace
from webapp.pages import website

door = Blueprint("demo_shop", __name__, url_prefix="/demo-shop")

KEY_NAME = "Demo shop"
MOST_OF_ONE = 9  # pieces of a product in a cart
ROOMS = {"kitchen": "Kitchen", "living": "Living room", "garden": "Garden"}


@dataclass(frozen=True, slots=True)
class Product:
    """Something to buy. `price`: in cents."""

    slug: str
    name: str
    room: str
    price: int
    words: str


PRODUCTS = {
    product.slug: product
    for product in (
        Product("mug", "Stoneware mug", "kitchen", 1800, "Thrown by hand, glazed in oat. Holds 35 cl and the morning."),
        Product("kettle", "Enamel kettle", "kitchen", 5400, "Two litres, a beech handle, and a whistle that forgives."),
        Product("board", "Olive-wood board", "kitchen", 3900, "One piece of wood, oiled twice. No two are alike."),
        Product("lamp", "Paper lamp", "living", 6900, "Washi paper on a folded frame: a warm, even light."),
        Product("blanket", "Lambswool blanket", "living", 11900, "Woven in a small mill, 130 by 180 cm, brushed soft."),
        Product("candle", "Beeswax candle", "living", 1450, "Burns for forty hours and smells of summer."),
        Product("pot", "Terracotta pot", "garden", 2200, "Fired hot enough for frost, 22 cm across, with a saucer."),
        Product("can", "Watering can", "garden", 4600, "Galvanised steel, five litres, and a fine brass rose."),
        Product("nest", "Nesting box", "garden", 3200, "Larch, for tits and sparrows. Hang it before March."),
    )
}


class Shopper(NamedTuple):
    """Somebody who has an account: the shop signs for these ids alone, never for one that a visitor types."""

    id: str
    name: str
    email: str
    city: str


SHOPPERS = {
    shopper.id: shopper
    for shopper in (
        Shopper("demo-shop-1", "Anna Berg", "anna.berg@example.com", "Hamburg"),
        Shopper("demo-shop-2", "Ravi Iyer", "ravi.iyer@example.com", "Chennai"),
        Shopper("demo-shop-3", "Lucie Moreau", "lucie.moreau@example.com", "Lyon"),
    )
}


class Line(NamedTuple):
    """A product in a cart, and how many of it."""

    product: Product
    pieces: int

    @property
    def amount(self) -> int:
        """Cents."""
        return self.product.price * self.pieces


@door.get("")
def home() -> str:
    """All products, or those for one room. The page itself changes the room without a load, where scripts run."""
    room = request.args.get("room", "")
    return render_template("demo_shop/home.html", products=PRODUCTS.values(), room=room if room in ROOMS else "")


@door.get("/")
def typed() -> ResponseReturnValue:
    """The address as people type it, with a slash at its end."""
    return redirect(url_for("demo_shop.home"))


@door.get("/products/<slug>")
def product(slug: str) -> str:
    """One product."""
    return render_template("demo_shop/product.html", product=PRODUCTS.get(slug) or abort(404))


@door.get("/cart")
def cart() -> str:
    """What the visitor is about to buy."""
    lines = _lines()
    number = f"D-{secrets.token_hex(3).upper()}"
    return render_template("demo_shop/cart.html", lines=lines, total=_total(lines), number=number)


@door.post("/cart")
def change_cart() -> ResponseReturnValue:
    """Put one more of a product in, or take all of it out."""
    chosen = PRODUCTS.get(request.form.get("product", "")) or abort(404)
    kept: dict[str, int] = _remembered().get("cart", {})
    if request.form.get("out"):
        kept = {slug: count for slug, count in kept.items() if slug != chosen.slug}
    else:
        kept = kept | {chosen.slug: min(kept.get(chosen.slug, 0) + 1, MOST_OF_ONE)}
    _remember(cart=kept)
    return redirect(url_for("demo_shop.cart"))


@door.post("/orders")
def order() -> ResponseReturnValue:
    """Buy what is in the cart: it is empty afterwards, and that is all."""
    if _lines():
        _remember(cart={}, order=request.form.get("number", "")[:20])
    return redirect(url_for("demo_shop.thanks"))


@door.get("/thanks")
def thanks() -> ResponseReturnValue:
    """After an order."""
    number = _remembered().get("order")
    return render_template("demo_shop/thanks.html", number=number) if number else redirect(url_for("demo_shop.home"))


@door.get("/login")
def login() -> str:
    """Choose who to be."""
    return render_template("demo_shop/login.html", shoppers=SHOPPERS.values())


@door.post("/login")
def log_in() -> ResponseReturnValue:
    """Be that shopper. The page that this leads to tells the SDK."""
    shopper = SHOPPERS.get(request.form.get("shopper", "")) or abort(404)
    _remember(shopper=shopper.id)
    return redirect(url_for("demo_shop.account"))


@door.get("/account")
def account() -> ResponseReturnValue:
    """Who is logged in, which this page tells the SDK, signed if the workspace has a secret for that."""
    shopper = _shopper()
    if shopper is None:
        return redirect(url_for("demo_shop.login"))
    with database().read() as session:
        secret = _workspace(session).login_secret
    told: dict[str, Any] = {
        "id": shopper.id,
        "attributes": {"name": shopper.name, "email": shopper.email, "City": shopper.city},
    }
    if secret is not None:
        told["signature"] = signatures.sign(secret, shopper.id)
    return render_template("demo_shop/account.html", told=told)


@door.post("/logout")
def log_out() -> ResponseReturnValue:
    """Be nobody again; the cart stays."""
    _remember(shopper=None)
    return redirect(url_for("demo_shop.home"))


@door.get("/snippet.js")
def snippet() -> Response:
    """The snippet of Settings › Website in a file of its own: the policy forbids scripts within pages."""
    with database().read() as session:
        key = _key(session, _workspace(session).id)
    return Response(website.snippet(key or _first_use()), mimetype="text/javascript")


def _first_use() -> ApiKey:
    """Make the shop's key and allow the origin of this request.

    Another origin is never allowed by itself: any stranger can say that a request is for any host.
    """
    with database().write() as session:
        workspace = _workspace(session)
        key = _key(session, workspace.id)
        if key is None:
            key, _ = keys.create(session, workspace.id, KEY_NAME, "browser")
            found, faults = origins.parse(f"{workspace.allowed_origins}\n{request.host_url}")
            if not faults:
                workspace.allowed_origins = "\n".join(found)
        return key


def _key(session: Session, workspace_id: int) -> ApiKey | None:
    usable = website.usable(keys.of_workspace(session, workspace_id))
    return next((one.row for one in usable if one.row.name == KEY_NAME), None)


def _workspace(session: Session) -> Workspace:
    return workspaces.first(session) or abort(404)


@door.context_processor
def _frame() -> dict[str, Any]:
    """What every page of the shop shows: who is logged in, how much is in the cart."""
    return {
        "shopper": _shopper(),
        "cart_count": sum(line.pieces for line in _lines()),
        "rooms": ROOMS,
        "euros": lambda cents: f"€{cents / 100:,.2f}",
    }


def _remembered() -> dict[str, Any]:
    remembered: dict[str, Any] = cookie.get("demo_shop", {})
    return remembered


def _remember(**changed: Any) -> None:
    cookie["demo_shop"] = _remembered() | changed


def _shopper() -> Shopper | None:
    return SHOPPERS.get(_remembered().get("shopper") or "")


def _lines() -> list[Line]:
    kept: dict[str, int] = _remembered().get("cart", {})
    return [Line(PRODUCTS[slug], count) for slug, count in kept.items() if slug in PRODUCTS]


def _total(lines: list[Line]) -> int:
    return sum(line.amount for line in lines)
