"""Archiving: a person keeps what was done, and loses whatever says who it was. What that is: docs/privacy.md."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from webapp import clock, counts, hiding, identities, merges
from webapp.audit import Who
from webapp.hiding import Pending
from webapp.ingest.arrival import Arrival
from webapp.ingest.changes import Logout, OnDevice, Source
from webapp.models import AttributeValue, Customer, Device, Event, IgnoredValue, Merge, Note, SearchTerm, Tag, Workspace


def strip(session: Session, workspace: Workspace, root_id: int, who: Who, removed: Counter[str]) -> Pending:
    """Take from a person whatever says who it is. Returns by what it was known."""
    rows, links = hiding.locked(session, root_id)
    ids = [row.id for row in rows]
    own, _ = hiding.devices(session, ids)
    pending = hiding.found(session, workspace, rows, own)
    pending.devices, pending.growlytics_ids = [], []  # those stay
    pending.identifiers = [one for one in pending.identifiers if one[0] != "device_id"]
    _count_as_anonymous(session, workspace, root_id)
    _part_aside(session, links, who)
    arrival = Arrival(session, workspace, clock.now())
    for device in session.scalars(select(Device).where(Device.owner_id.in_(ids)).order_by(Device.did)).all():
        # What comes from now on is another visitor's.
        identities.log_out(arrival, device, Logout(OnDevice(device.did), None), Source("archive"))
    for device in own:
        device.push_token = None
    root = rows[-1]
    merges.note_standing(session, [root], -1)
    for row in rows:
        row.name = row.email = row.mobile = None
    root.system_id = root.merging_stopped_at = None
    session.flush()
    merges.note_standing(session, [root], 1)
    for name, column in (
        ("attributes", AttributeValue.customer_id),
        ("notes", Note.customer_id),
        ("tags", Tag.customer_id),
        ("ignored_values", IgnoredValue.customer_id),
    ):
        done: Any = session.execute(delete(column.class_).where(column.in_(ids)))
        removed[name] += done.rowcount
    done = session.execute(
        delete(SearchTerm).where(SearchTerm.customer_id.in_(ids), SearchTerm.field != "growlytics_id")
    )
    removed["search_terms"] += done.rowcount
    session.expire_all()
    merges.regroup(session, {root_id} | arrival.touched)
    return pending


def _count_as_anonymous(session: Session, workspace: Workspace, customer_id: int) -> None:
    """Note the days on which a profile was active as those of somebody anonymous."""
    notes = counts.of(session, workspace.id)
    at: int | None = -(2**62)
    while at is not None:
        query = select(Event.reported_at).where(Event.customer_id == customer_id, Event.reported_at >= at)
        first = session.scalar(query.order_by(Event.reported_at).limit(1))
        if first is None:
            return
        day = counts.day_of(first, notes.zone)
        for name, number in ((counts.REGISTERED, -1), (counts.ANONYMOUS, 1)):
            notes.add_on(customer_id, "active", name, day, number)
        at = max(counts.start(day + 1, notes.zone), first + 1)


def _part_aside(session: Session, links: Iterable[Merge], who: Who) -> None:
    """Undo the merges by hand that are set aside since the person is registered: it isn't any more."""
    now = clock.now()
    for link in links:
        if link.device_id is None:
            query = select(Customer).where(Customer.id.in_((link.member_id, link.target_id)))
            roots = {one.root_id or one.id for one in session.scalars(query)}
            if len(roots) == 2:
                link.undone_at, link.undone_by_id = now, who.user_id
    session.flush()
