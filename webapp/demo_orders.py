"""What comes of a visit that ends at the till: the order, its delivery, a review, a question. The backend tells it."""

from dataclasses import dataclass
from typing import Any

from webapp import clock
from webapp.demo_diary import Diary
from webapp.demo_words import CARRIERS, PAYMENTS, REVIEWS, TICKETS, Product

_FREE_DELIVERY_FROM = 999  # rupees


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


def purchase(diary: Diary, cart: list[Line], subtotal: int) -> None:
    """Order what is in the cart."""
    coupon = "NAMASTE10" if not diary.orders else "FESTIVE10" if diary.happens(0.15) else None
    discount = subtotal // 10 if coupon else 0
    delivery = 0 if subtotal - discount >= _FREE_DELIVERY_FROM else 79
    total = subtotal - discount + delivery
    number = f"ORD-{diary.shopper.system_id[2:]}-{len(diary.orders) + 1}"
    days, home = diary.random.randint(2, 7), diary.home
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
        "Ship To": {"City": home.name, "State": home.state, "Country": home.country.name},
        "Offers": {"Coupon": coupon is not None, "Free Delivery": delivery == 0},
        "Order": _order(cart, subtotal, discount, delivery, coupon),
    }
    diary.report("Purchased", attributes)
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
    diary.report("Order Delivered", attributes, after=took)


def _follow_up(diary: Diary, cart: list[Line], number: str, days: int) -> None:
    """What comes of an order: a review from some, a question from a few, most often when it was late."""
    if diary.happens(0.2):
        rating, text = diary.random.choice(REVIEWS)
        review = {"Product": cart[0].product.name, "Rating": rating, "Text": text, "Would Recommend": rating >= 4}
        diary.report("Review Submitted", review, after=(days + 1) * clock.DAY + diary.random.randrange(6 * clock.DAY))
    if diary.happens(0.25 if days > 5 else 0.04):
        subject, topic = TICKETS[0] if days > 5 else diary.random.choice(TICKETS[1:])
        opened = (days - 1 if days > 5 else days + 1) * clock.DAY + diary.random.randrange(8 * clock.HOUR)
        diary.report("Support Ticket Opened", {"Subject": subject, "Topic": topic, "Order ID": number}, after=opened)
        hours = diary.random.randint(1, 40)
        solved = {"Topic": topic, "Hours": hours, "Satisfied": hours < 24}
        diary.report("Support Ticket Closed", solved, after=opened + hours * clock.HOUR)
