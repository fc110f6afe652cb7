"""Which event is an order, and which of its attributes the amount: the workspace says so, or it is guessed."""

from collections.abc import Iterable
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from webapp import registry
from webapp.models import AttributeType, Workspace

# What shops call an order, the likeliest first: the first that the workspace has tracked is it. Each is looked for as
# it stands here and in the other ways of writing it.
_EVENTS = (
    "Purchased", "Order Completed", "Order Placed", "Checkout Completed", "Purchase", "Order Paid", "Payment Completed",
    "Order Created", "Product Purchased", "Purchase Completed", "Transaction",
)  # fmt: skip
# What they call its amount, without case, spaces and underscores.
_AMOUNTS = (
    "amount", "total", "revenue", "ordervalue", "ordertotal", "orderamount", "totalamount", "totalprice", "grandtotal",
    "dollarvalue", "value", "price", "subtotal",
)  # fmt: skip
_MOST_NAMES = 200


class Meaning(NamedTuple):
    """The event that is an order and the attribute that is its amount; None where nobody knows."""

    event: str | None
    amount: str | None


def meaning(session: Session, workspace: Workspace) -> Meaning:
    """What orders and amounts are in a workspace."""
    if workspace.order_event is not None and workspace.amount_attribute is not None:
        return Meaning(workspace.order_event, workspace.amount_attribute)
    guess = guessed(session, workspace.id, workspace.order_event)
    return guess._replace(amount=workspace.amount_attribute or guess.amount)


def guessed(session: Session, workspace_id: int, event: str | None) -> Meaning:
    """What they are where the workspace says no more than `event`."""
    candidates = [event] if event is not None else [way for name in _EVENTS for way in _ways(name)]
    types = registry.registered(session, workspace_id, AttributeType.event_name.in_(candidates))
    found = next((name for name in candidates if any(name == tracked for tracked, _ in types)), event)
    numbers = sorted(name for (tracked, name), type_ in types.items() if tracked == found and type_ == "number")
    return Meaning(found, next((one for plain in _AMOUNTS for one in numbers if _plain(one) == plain), None))


def _ways(name: str) -> Iterable[str]:
    """`Order Placed`, `Order placed`, `order placed`, `order_placed`, `OrderPlaced`, `orderPlaced`."""
    joined = name.replace(" ", "")
    ways = (name, name.capitalize(), name.lower(), name.lower().replace(" ", "_"), joined)
    return dict.fromkeys((*ways, joined[0].lower() + joined[1:]))


def _plain(name: str) -> str:
    return "".join(filter(str.isalnum, name.casefold()))


def type_of(session: Session, workspace_id: int, event: str, attribute: str) -> str | None:
    """The type of an attribute of an event, None where it hasn't been tracked."""
    is_it = (AttributeType.event_name == event) & (AttributeType.name == attribute)
    return registry.registered(session, workspace_id, is_it).get((event, attribute))


def tracked_events(session: Session, workspace_id: int) -> list[str]:
    """The names of events that came with attributes, the first of them in order."""
    name = AttributeType.event_name
    query = select(name).where(AttributeType.workspace_id == workspace_id, name != registry.CUSTOMER)
    return list(session.scalars(query.distinct().order_by(name).limit(_MOST_NAMES)))
