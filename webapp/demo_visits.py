"""What a shopper of the demonstration shop does in a visit, and what comes of it, written down as events."""

from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from webapp import clock
from webapp.demo_words import CAMPAIGNS, CARRIERS, PAYMENTS, PRODUCTS, REVIEWS, SEARCHES, TICKETS, Country, Product
from webapp.ingest.changes import Attribute, EventRecord

_FREE_DELIVERY_FROM = 999  # rupees


@dataclass(frozen=True, slots=True)
class Shopper:
    """Who somebody is, before they do anything. `joined_at`: epoch ms."""

    system_id: str
    name: str
    gender: str
    country: Country
    city: str
    state: str
    device: str
    joined_at: int
    has_old_app: bool  # it sends prices as text, which the attribute's type doesn't allow


@dataclass(frozen=True, slots=True)
class Line:
    """A product in a cart."""

    product: Product
    variant: str
    quantity: int

    @property
    def total(self) -> int:
        """Rupees."""
        return self.product.price * self.quantity


@dataclass(slots=True)
class Diary:
    """What a shopper does, as it is written down. `at` is the time there, `now` the end of it all (epoch ms)."""

    shopper: Shopper
    random: Random
    zone: ZoneInfo
    now: int
    at: int = 0
    events: list[EventRecord] = field(default_factory=list)
    orders: list[tuple[int, int]] = field(default_factory=list)  # time and total of each
    categories: list[str] = field(default_factory=list)

    def pause(self, least: int, most: int) -> None:
        """Let some seconds pass."""
        self.at += self.random.randint(least, most) * clock.SECOND + self.random.randrange(clock.SECOND)

    def note(self, name: str, attributes: dict[str, Any], after: int = 0) -> None:
        """Write an event down, so many milliseconds from here; the future isn't known yet."""
        at = self.at + after
        if at <= self.now:
            self.events.append(EventRecord(self.shopper.system_id, name, listed(attributes), at))

    def happens(self, chance: float) -> bool:
        """Whether something with this chance comes about."""
        return self.random.random() < chance

    def date(self, after: int = 0) -> str:
        """The date, so many milliseconds from here, as the API documents it."""
        return date(self.at + after, self.zone)


def visit(diary: Diary) -> None:
    """Come by at `diary.at`: look around, perhaps order something."""
    is_first = diary.at == diary.shopper.joined_at
    page = {"Page": "/", "Device": diary.shopper.device, "Is First Visit": is_first}
    if diary.happens(0.6):
        source, medium, campaign = CAMPAIGNS[int(len(CAMPAIGNS) * diary.random.random() ** 2)]
        page |= {"UTM Source": source, "UTM Medium": medium, "UTM Campaign": campaign}
    diary.note("Page Visited", page)
    if is_first:
        diary.pause(20, 90)
        diary.note("Signed Up", {"Method": diary.random.choice(("E-mail", "Mobile OTP", "Google"))})
    if diary.happens(0.25):
        diary.pause(5, 40)
        found = diary.random.randint(0, 12)
        diary.note("Product Searched", {"Query": diary.random.choice(SEARCHES), "Results": found})
    cart = _browse(diary)
    if cart and diary.happens(0.62):
        _check_out(diary, cart)


def _browse(diary: Diary) -> list[Line]:
    cart: list[Line] = []
    for product in diary.random.sample(PRODUCTS, diary.random.choice((1, 1, 2, 2, 3, 5))):
        diary.pause(15, 240)
        _view(diary, product)
        if diary.happens(0.3):
            diary.pause(10, 60)
            cart.append(Line(product, diary.random.choice(product.variants), diary.random.choice((1, 1, 1, 2, 3))))
            _add(diary, cart)
    return cart


def _view(diary: Diary, product: Product) -> None:
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
    )


def _check_out(diary: Diary, cart: list[Line]) -> None:
    diary.pause(30, 300)
    total = sum(line.total for line in cart)
    slots = [diary.date(days * clock.DAY) for days in (3, 4, 6)]
    diary.note("Checkout Started", {"Cart Total": total, "Items": len(cart), "Delivery Slots": slots})
    if diary.happens(0.7):
        diary.pause(40, 400)
        if diary.at <= diary.now:
            _purchase(diary, cart, total)


def _purchase(diary: Diary, cart: list[Line], subtotal: int) -> None:
    coupon = "NAMASTE10" if not diary.orders else "FESTIVE10" if diary.happens(0.15) else None
    discount = subtotal // 10 if coupon else 0
    delivery = 0 if subtotal - discount >= _FREE_DELIVERY_FROM else 79
    total = subtotal - discount + delivery
    number = f"ORD-{diary.shopper.system_id[2:]}-{len(diary.orders) + 1}"
    days = diary.random.randint(2, 7)
    attributes = {
        "Order ID": number,
        "Total": total,
        "Is First Order": not diary.orders,
        "Payment Method": diary.random.choice(PAYMENTS),
        "Expected Delivery": diary.date(5 * clock.DAY),
        "Sku Purchased": [line.product.sku for line in cart],
        "Prices": [line.product.price for line in cart],
        "Gift Wrapped": [diary.happens(0.1) for _ in cart],
        "Quantities": {line.product.sku: line.quantity for line in cart},
        "Ship To": {"City": diary.shopper.city, "State": diary.shopper.state, "Country": diary.shopper.country.name},
        "Offers": {"Coupon": coupon is not None, "Free Delivery": delivery == 0},
        "Order": _order(cart, subtotal, discount, delivery, coupon),
    }
    diary.note("Purchased", attributes)
    diary.orders.append((diary.at, total))
    _deliver(diary, number, days)
    _follow_up(diary, cart, number, days)


def _order(cart: list[Line], subtotal: int, discount: int, delivery: int, coupon: str | None) -> dict[str, Any]:
    products = [
        {
            "sku": line.product.sku,
            "name": line.product.name,
            "category": line.product.category,
            "variant": line.variant,
            "quantity": line.quantity,
            "price": line.product.price,
        }
        for line in cart
    ]
    totals = {"subtotal": subtotal, "discount": discount, "delivery": delivery, "currency": "INR"}
    return {"products": products, "totals": totals, "coupon": coupon}


def _deliver(diary: Diary, number: str, days: int) -> None:
    # People order in the evening, and the courier comes by day.
    took = days * clock.DAY - diary.random.randint(120, 600) * clock.MINUTE - diary.random.randrange(clock.MINUTE)
    milestones = {
        "Packed": diary.date(6 * clock.HOUR),
        "Shipped": diary.date(clock.DAY),
        "Delivered": diary.date(took),
    }
    attributes = {
        "Order ID": number,
        "Carrier": diary.random.choice(CARRIERS),
        "On Time": days <= 5,
        "Milestones": milestones,
    }
    diary.note("Order Delivered", attributes, after=took)


def _follow_up(diary: Diary, cart: list[Line], number: str, days: int) -> None:
    """What comes of an order: a review from some, a question from a few, most often when it was late."""
    if diary.happens(0.2):
        rating, text = diary.random.choice(REVIEWS)
        review = {"Product": cart[0].product.name, "Rating": rating, "Text": text, "Would Recommend": rating >= 4}
        diary.note("Review Submitted", review, after=(days + 1) * clock.DAY + diary.random.randrange(6 * clock.DAY))
    if diary.happens(0.25 if days > 5 else 0.04):
        subject, topic = TICKETS[0] if days > 5 else diary.random.choice(TICKETS[1:])
        opened = (days - 1 if days > 5 else days + 1) * clock.DAY + diary.random.randrange(8 * clock.HOUR)
        diary.note("Support Ticket Opened", {"Subject": subject, "Topic": topic, "Order ID": number}, after=opened)
        hours = diary.random.randint(1, 40)
        solved = {"Topic": topic, "Hours": hours, "Satisfied": hours < 24}
        diary.note("Support Ticket Closed", solved, after=opened + hours * clock.HOUR)


def date(at: int, zone: ZoneInfo) -> str:
    """Epoch ms as the API documents a date."""
    return f"{datetime.fromtimestamp(at // clock.SECOND, zone):%Y-%m-%d %H:%M:%S}"


def listed(attributes: dict[str, Any]) -> tuple[Attribute, ...]:
    """Attributes whose types follow from their values."""
    return tuple(Attribute(name, value, None) for name, value in attributes.items())
