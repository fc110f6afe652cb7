"""Merges: which profiles are one person. Joining by a login, by hand, undoing. The rules: docs/identity.md.

Merges are rows that say "these two are one". Who is one person is worked out from the rows that hold, so that undoing
one is leaving it out. Logins are believed first; a merge by hand that would then join two registered customers is set
aside.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Select, func, or_, select, update
from sqlalchemy.orm import Session

from webapp import clock, counts, customers, profiles, search
from webapp.ingest.arrival import Arrival
from webapp.models import Customer, DeviceLogin, Merge, Workspace


class NotFoundError(LookupError):
    """There is no such merge of this person."""


class ImpossibleError(Exception):
    """Two profiles can't be merged by hand; the message says why."""


def join(arrival: Arrival, login: DeviceLogin, member_id: int) -> None:
    """Merge the anonymous profile that a login ends into the login's customer, unless too many came today.

    A login joins one profile only: where late news gave it another, that one takes the earlier one's place.
    """
    session, target_id = arrival.session, login.customer_id
    assert target_id is not None  # noqa: S101 - a login, not a logout
    known = session.scalar(_of_login(login))
    if known is not None:
        arrival.touched.add(known.member_id)
        _give_id_back(arrival.session, arrival.workspace, known)
        known.member_id = member_id
    else:
        known = Merge(
            member_id=member_id,
            target_id=target_id,
            merged_at=arrival.received_at,
            device_id=login.device_id,
            login_at=login.at,
            login_id=login.id,
            is_stopped=_is_too_much(arrival, target_id),
            has_given_id=False,
        )
        if target_id in arrival.born and not known.is_stopped:
            arrival.born.discard(target_id)
            known.has_given_id = True
            _swap_ids(session, arrival.workspace, member_id, target_id)
        session.add(known)
    session.flush()
    # One that is stopped changes nothing for the customer, who may have thousands of them.
    arrival.touched |= {member_id} if known.is_stopped else {member_id, target_id}


def part(arrival: Arrival, login: DeviceLogin) -> None:
    """Forget the merge of a login: late news says that no anonymous stretch ended with it.

    One that is undone is kept as a merge of the customer with itself, so that it stays undone whatever comes later.
    """
    known = arrival.session.scalar(_of_login(login))
    if known is not None:
        _give_id_back(arrival.session, arrival.workspace, known)
        arrival.touched |= {known.member_id, known.target_id}
        if known.undone_at is None:
            arrival.session.delete(known)
        else:
            known.member_id = known.target_id
        arrival.session.flush()


def _of_login(login: DeviceLogin) -> Select[Any]:
    # Locked: somebody may be undoing it at this moment.
    query = select(Merge).where(
        Merge.device_id == login.device_id, Merge.login_at == login.at, Merge.login_id == login.id
    )
    return query.with_for_update().execution_options(populate_existing=True)


def _is_too_much(arrival: Arrival, target_id: int) -> bool:
    """Whether a customer has taken in so many profiles that its merging stops, now or earlier."""
    target = arrival.session.get_one(Customer, target_id, with_for_update=True, populate_existing=True)
    since = max(arrival.received_at - clock.DAY, target.merges_count_from)
    if target.merging_stopped_at is None:
        query = select(func.count()).where(
            Merge.target_id == target_id, Merge.device_id.is_not(None), Merge.merged_at > since, ~Merge.is_stopped
        )
        if (arrival.session.scalar(query) or 0) < arrival.workspace.merges_a_day:
            return False
        target.merging_stopped_at = arrival.received_at
    return True


def _give_id_back(session: Session, workspace: Workspace, merge: Merge) -> None:
    if merge.has_given_id:
        _swap_ids(session, workspace, merge.member_id, merge.target_id)
        merge.has_given_id = False


def _swap_ids(session: Session, workspace: Workspace, one_id: int, other_id: int) -> None:
    """Exchange the Growlytics IDs of two profiles."""
    query = select(Customer.id, Customer.growlytics_id).where(Customer.id.in_((one_id, other_id)))
    before = {row.id: row.growlytics_id for row in session.execute(query)}
    after = {one_id: before[other_id], other_id: before[one_id]}
    for id_, growlytics_id in ((one_id, f"{before[one_id]}~"), (other_id, after[other_id]), (one_id, after[one_id])):
        session.execute(update(Customer).where(Customer.id == id_).values(growlytics_id=growlytics_id))
    for id_, growlytics_id in after.items():
        search.replace(session, workspace, id_, "growlytics_id", [growlytics_id])


# Below, the notes of the counters are opened before anybody is locked: who counts anew waits for those who have them.


def by_hand(session: Session, workspace: Workspace, user_id: int, one_id: int, other_id: int) -> Merge:
    """Merge two people because somebody says that they are one. Takes ids of roots. Raises ImpossibleError."""
    counts.of(session, workspace.id)
    locked(session, {one_id, other_id})
    roots = set(customers.hold(session, (one_id, other_id)).values())
    query = select(Customer).where(Customer.workspace_id == workspace.id, Customer.id.in_(roots))
    target, member = order(session.scalars(query.execution_options(populate_existing=True)).all())
    made = Merge(member_id=member.id, target_id=target.id, merged_at=clock.now(), user_id=user_id)
    session.add(made)
    session.flush()
    regroup(session, (member.id, target.id))
    counts.store(session, workspace.id)
    return made


def order(people: Sequence[Customer]) -> tuple[Customer, Customer]:
    """Of two people, who would stand for both after a merge, and the other one. Raises ImpossibleError."""
    if len({person.id for person in people}) < 2:
        raise ImpossibleError("These two are one person already.")
    if all(person.is_registered for person in people):
        raise ImpossibleError(
            "Both are registered. A System ID is your own word for one customer, so two of them are never one person."
        )
    first, second = sorted(people, key=lambda person: (not person.is_registered, person.id))
    return first, second


def undo(session: Session, workspace: Workspace, user_id: int, merge_id: int) -> Merge:
    """Let two profiles be what they would be if they had never been merged. Raises NotFoundError."""
    counts.of(session, workspace.id)
    merge = _find(session, workspace, merge_id)
    if merge.undone_at is None:
        merge.undone_at, merge.undone_by_id = clock.now(), user_id
        _give_id_back(session, workspace, merge)
        session.flush()
        regroup(session, (merge.member_id, merge.target_id))
        counts.store(session, workspace.id)
    return merge


def redo(session: Session, workspace: Workspace, merge_id: int) -> Merge:
    """Let a merge hold that was undone or stopped. Raises NotFoundError."""
    counts.of(session, workspace.id)
    merge = _find(session, workspace, merge_id)
    merge.undone_at = merge.undone_by_id = None
    merge.is_stopped = False
    session.flush()
    regroup(session, (merge.member_id, merge.target_id))
    counts.store(session, workspace.id)
    return merge


def resume(session: Session, customer_id: int) -> None:
    """Let a customer take in anonymous profiles again, after the limit stopped that."""
    customer = session.get_one(Customer, customer_id, with_for_update=True)
    customer.merging_stopped_at, customer.merges_count_from = None, clock.now()


def _find(session: Session, workspace: Workspace, merge_id: int) -> Merge:
    target = select(Customer.id).where(Customer.workspace_id == workspace.id)
    # One of a customer with itself only remembers that it was undone (see `part`).
    query = select(Merge).where(Merge.id == merge_id, Merge.target_id.in_(target), Merge.member_id != Merge.target_id)
    merge = session.scalar(query)
    if merge is not None:
        locked(session, {merge.member_id, merge.target_id})
        merge = session.scalar(query.with_for_update().execution_options(populate_existing=True))
    if merge is None:
        raise NotFoundError(merge_id)
    return merge


def regroup(session: Session, seeds: Iterable[int]) -> None:
    """Work out anew who is one person, among all profiles that merges connect with these. Notes who is a customer."""
    reached = set(seeds)
    if not reached:
        return
    links, rows = locked(session, reached)
    registered = {row.id for row in rows if row.system_id is not None}
    groups = _Groups(registered)
    for link in links:
        groups.join(link.member_id, link.target_id)
    for row in rows:
        root = groups.root(row.id)
        root_id = None if root == row.id else root
        if root_id != row.root_id:
            session.execute(update(Customer).where(Customer.id == row.id).values(root_id=root_id))
    profiles.refresh(session, {groups.root(row.id) for row in rows})
    note_standing(session, rows, -1)
    note_standing(session, session.execute(select(*_STANDING).where(Customer.id.in_(reached))).all(), 1)


def note_standing(session: Session, rows: Sequence[Any], number: int) -> None:
    """Note that those of these profiles that stand for a person are customers (with -1: are no more)."""
    for row in rows:
        if row.root_id is None:
            name = counts.standing(row.system_id, is_bot=row.is_bot)
            counts.of(session, row.workspace_id).add(row.id, "customer", name, row.created_at, number)


# What is decided of a profile, and what it counts as.
_STANDING = (
    Customer.id, Customer.system_id, Customer.root_id, Customer.workspace_id, Customer.created_at, Customer.is_bot,
)  # fmt: skip


def locked(session: Session, reached: set[int]) -> tuple[list[Merge], Sequence[Any]]:
    """All merges around these profiles, and the locked rows of all whom they reach."""
    _connected(session, reached)  # most are known beforehand, and locked in the order in which everybody locks
    while True:
        query = select(*_STANDING).where(Customer.id.in_(reached))
        rows = session.execute(query.order_by(Customer.id).with_for_update(key_share=True)).all()
        # Whoever merges one of them meanwhile waits; what was merged while this waited is seen now.
        links = _connected(session, reached)
        if len(reached) == len(rows):
            return links, rows


def _connected(session: Session, reached: set[int]) -> list[Merge]:
    """All merges that are neither undone nor stopped around these profiles, in the order in which they hold.

    Adds the profiles that they reach.
    """
    found: dict[int, Merge] = {}
    fresh = set(reached)
    while fresh:
        query = select(Merge).where(
            or_(Merge.member_id.in_(fresh), Merge.target_id.in_(fresh)), Merge.undone_at.is_(None), ~Merge.is_stopped
        )
        links = session.scalars(query.execution_options(populate_existing=True)).all()
        found |= {link.id: link for link in links}
        fresh = {end for link in links for end in (link.member_id, link.target_id)} - reached
        reached |= fresh
    # What a login says comes before what people say, whenever it was said.
    return sorted(found.values(), key=lambda link: (link.device_id is None, link.merged_at, link.id))


@dataclass
class _Groups:
    """Profiles that are one person, where no group ever has two registered ones."""

    registered: set[int]
    _above: dict[int, int] = field(default_factory=dict)

    def root(self, id_: int) -> int:
        """Who stands for this profile's group: the registered one, else the one made first."""
        while id_ in self._above:
            id_ = self._above[id_]
        return id_

    def join(self, one: int, other: int) -> None:
        """Make one group of two, unless both have a registered profile."""
        roots = {self.root(one), self.root(other)}
        if len(roots) == 2 and not roots <= self.registered:
            lower, upper = sorted(roots, key=lambda id_: (id_ in self.registered, -id_))
            self._above[lower] = upper
