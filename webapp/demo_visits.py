"""What a shopper of the demonstration shop does in a visit, written down as events."""

from typing import Literal

from webapp import clock
from webapp.demo_devices import ADDRESSES
from webapp.demo_diary import Diary
from webapp.demo_orders import Line, purchase
from webapp.demo_people import introduction, town
from webapp.demo_words import ABROAD, DIRECT, DISCOVERIES, PRODUCTS, RETURNS, SEARCHES, Origin, Product, Town

# What a visit is for, as far as it matters who is there.
Aim = Literal["look", "sign up", "log in", "log out"]


def visit(diary: Diary, aim: Aim) -> None:
    """Come by at `diary.at`: look around, perhaps order something."""
    _arrive(diary)
    cart: list[Line] = []
    if aim == "log in" or (aim == "sign up" and diary.happens(0.4)):
        _browse(diary, cart, 1)
    if aim == "sign up":
        _sign_up(diary)
    elif aim == "log in":
        diary.pause(10, 60)
        diary.log_in()
    if diary.happens(0.25):
        _search(diary)
    _browse(diary, cart, diary.random.choice((1, 1, 2, 2, 3, 5) if diary.device.is_known else (0, 1, 1, 2, 3)))
    if cart and diary.happens(0.62 if diary.device.is_known else 0.2):
        _check_out(diary, cart)
    if aim == "log out":
        diary.pause(10, 90)
        diary.log_out()


def _arrive(diary: Diary) -> None:
    diary.is_late = diary.device.is_app and diary.happens(0.03)
    diary.town = _whereabouts(diary)
    diary.address = diary.random.choice(ADDRESSES)
    land(diary, _origin(diary))


def land(diary: Diary, origin: Origin) -> None:
    """Open the app, or the page to which something led."""
    device = diary.device
    if device.is_app:
        diary.launch()
        diary.note("App Launched", {}, origin=origin)
    else:
        diary.note("Page Visited", {"Page": origin.page, "Is First Visit": device.is_new}, origin.page, origin)
    device.is_new = False


def _whereabouts(diary: Diary) -> Town:
    """At home, but for some who travel."""
    if diary.happens(0.94):
        return diary.home
    is_far = diary.happens(0.15)
    return town(diary.random, diary.random.choice(ABROAD) if is_far else diary.home.country)


def _origin(diary: Diary) -> Origin:
    """What led to a visit: somebody who comes for the first time must have heard of the shop."""
    is_new = diary.device.is_new and not diary.device.is_known
    if diary.happens(0.2 if is_new else 0.4):
        return DIRECT
    origins = DISCOVERIES if is_new else RETURNS
    return origins[int(len(origins) * diary.random.random() ** 1.6)]


def _sign_up(diary: Diary) -> None:
    diary.pause(20, 90)
    diary.note("Signed Up", {"Method": diary.random.choice(("E-mail", "Mobile OTP", "Google"))}, "/sign-up")
    diary.at += diary.random.randint(300, 1500)
    diary.log_in(introduction(diary))


def _search(diary: Diary) -> None:
    diary.pause(5, 40)
    found = diary.random.randint(0, 12)
    diary.note("Product Searched", {"Query": diary.random.choice(SEARCHES), "Results": found}, "/search")


def _browse(diary: Diary, cart: list[Line], number: int) -> None:
    for product in diary.random.sample(PRODUCTS, number):
        diary.pause(15, 240)
        view(diary, product)
        if diary.happens(0.3):
            diary.pause(10, 60)
            cart.append(Line(product, diary.random.choice(product.variants), diary.random.choice((1, 1, 1, 2, 3))))
            _add(diary, cart)


def view(diary: Diary, product: Product) -> None:
    """Look at a product."""
    price: int | str = str(product.price) if diary.shopper.has_old_app else product.price
    diary.categories.append(product.category)
    diary.note(
        "Product Viewed",
        {
            "Product": product.name,
            "SKU": product.sku,
            "Category": product.category,
            "Price": price,
            "In Stock": diary.happens(0.95),
            "Variants": list(product.variants),
        },
        product.page,
    )


def _add(diary: Diary, cart: list[Line]) -> None:
    latest = cart[-1]
    diary.note(
        "Add To Cart",
        {
            "Product": latest.product.name,
            "Variant": latest.variant,
            "Quantity": latest.quantity,
            "Cart Total": sum(line.total for line in cart),
            "Cart SKUs": [line.product.sku for line in cart],
        },
        latest.product.page,
    )


def _check_out(diary: Diary, cart: list[Line]) -> None:
    diary.pause(30, 300)
    total = sum(line.total for line in cart)
    slots = [diary.date(days * clock.DAY) for days in (3, 4, 6)]
    diary.note("Checkout Started", {"Cart Total": total, "Items": len(cart), "Delivery Slots": slots}, "/checkout")
    if diary.device.is_known and diary.happens(0.7):
        diary.pause(40, 400)
        if not diary.is_over:
            purchase(diary, cart, total)
            diary.pause(1, 9)
            diary.note("Order Confirmation Seen", {"Total": diary.orders[-1][1]}, "/thanks")
