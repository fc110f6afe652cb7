"""What a person's profiles add up to, as far as the list repeats it on the root's row."""

from collections.abc import Iterable

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from webapp import attributes, customers
from webapp.models import Customer, Device, Event, Visit
from webapp.registry import RESERVED


def refresh(session: Session, roots: Iterable[int]) -> None:
    """Work out anew what these locked roots repeat: basic information, events, first and last seen, whether a bot."""
    for root_id in sorted(roots):
        ids = customers.members(session, root_id)
        root = session.get_one(Customer, root_id, populate_existing=True)
        first, last, has_pruned = _seen(session, ids)
        values = {
            "first_seen_at": root.created_at if first is None else first,
            "last_seen_at": root.created_at if last is None else last,
            "event_count": session.scalar(select(func.sum(Customer.own_event_count)).where(Customer.id.in_(ids))) or 0,
            "has_pruned": has_pruned,
            "is_bot": not root.is_registered and _are_bots(session, ids),
            **dict.fromkeys(RESERVED),
            **attributes.basics(session, ids),
        }
        session.execute(update(Customer).where(Customer.id == root_id).values(**values))


def _seen(session: Session, ids: list[int]) -> tuple[int | None, int | None, bool]:
    """The reported times of the first and the last event, epoch ms: two looks into the index for each profile.

    Also of those that are kept no longer, and whether there were such.
    """
    at = select(Event.reported_at).where(Event.customer_id == Customer.id).limit(1).correlate(Customer)
    first, last = at.order_by(Event.reported_at), at.order_by(Event.reported_at.desc())
    columns = (first.scalar_subquery(), last.scalar_subquery(), Customer.pruned_from_at, Customer.pruned_until_at)
    rows = session.execute(select(*columns).select_from(Customer).where(Customer.id.in_(ids))).all()
    firsts = [at for row in rows for at in (row[0], row[2]) if at is not None]
    lasts = [at for row in rows for at in (row[1], row[3]) if at is not None]
    return min(firsts, default=None), max(lasts, default=None), any(row[2] is not None for row in rows)


def _are_bots(session: Session, ids: list[int]) -> bool:
    """Whether all devices on which these profiles did anything are known bots, and there is one."""
    used = select(Visit.device_id).where(Visit.customer_id.in_(ids))
    theirs = used.union(select(Customer.device_id).where(Customer.id.in_(ids), Customer.device_id.is_not(None)))
    bots = session.scalars(select(Device.is_bot).where(Device.id.in_(theirs))).all()
    return bool(bots) and all(bots)
