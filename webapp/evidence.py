"""Why several profiles are shown as one person, and what a merge by hand would do."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import or_, select
from sqlalchemy.orm import Session, aliased

from webapp import attributes, customers, devices, merges, visits
from webapp.models import ApiKey, Customer, Device, DeviceLogin, Merge, User

_MOST = 200
_member, _target, _undoer = aliased(Customer), aliased(Customer), aliased(User)


class Standing(NamedTuple):
    """What has become of a merge: a word for the page, and whether the two are one person because of it now."""

    word: str
    holds: bool


HOLDS = Standing("holds", holds=True)
UNDONE = Standing("undone", holds=False)
STOPPED = Standing("stopped", holds=False)
SET_ASIDE = Standing("set aside", holds=False)


@dataclass(frozen=True, slots=True)
class Shown:
    """A merge as a page tells of it. Times are epoch ms.

    `login_at`, `device`, `source` and `key`: of the login that caused it. `by`: the person who did, or undid, it.
    """

    id: int
    member: Customer
    target: Customer
    standing: Standing
    merged_at: int
    login_at: int | None
    device: devices.Shown | None
    source: str | None
    key: str | None
    by: str | None
    undone_at: int | None
    undone_by: str | None


def of_person(session: Session, ids: Sequence[int]) -> list[Shown]:
    """The merges that a person's profiles are in, whether they hold or not; the latest first, stopped ones last."""
    is_theirs = or_(Merge.member_id.in_(ids), Merge.target_id.in_(ids))
    if session.scalar(select(Merge.id).where(is_theirs).limit(1)) is None:  # as for nearly everybody
        return []
    query = (
        select(Merge, _member, _target, DeviceLogin, Device, ApiKey.name, User.email, _undoer.email)
        .join(_member, _member.id == Merge.member_id)
        .join(_target, _target.id == Merge.target_id)
        .outerjoin(
            DeviceLogin,
            (DeviceLogin.device_id == Merge.device_id)
            & (DeviceLogin.at == Merge.login_at)
            & (DeviceLogin.id == Merge.login_id),
        )
        .outerjoin(Device, Device.id == Merge.device_id)
        .outerjoin(ApiKey, ApiKey.id == DeviceLogin.key_id)
        .outerjoin(User, User.id == Merge.user_id)
        .outerjoin(_undoer, _undoer.id == Merge.undone_by_id)
        .where(is_theirs, Merge.member_id != Merge.target_id)
        # Those that hold first: an app that sends one id for everybody leaves thousands that were stopped.
        .order_by(Merge.is_stopped, Merge.merged_at.desc(), Merge.id.desc())
        .limit(_MOST)
    )
    return [_shown(row) for row in session.execute(query)]


def _shown(row: Any) -> Shown:
    merge, member, target, login, device, key, by, undone_by = row
    return Shown(
        id=merge.id,
        member=member,
        target=target,
        standing=_standing(merge, member, target),
        merged_at=merge.merged_at,
        login_at=merge.login_at,
        device=devices.shown(device) if device else None,
        source=login.source if login else None,
        key=key,
        by=by,
        undone_at=merge.undone_at,
        undone_by=undone_by,
    )


def _standing(merge: Merge, member: Customer, target: Customer) -> Standing:
    if merge.undone_at is not None:
        return UNDONE
    if merge.is_stopped:
        return STOPPED
    return HOLDS if (member.root_id or member.id) == (target.root_id or target.id) else SET_ASIDE


class Side(NamedTuple):
    """One of two people in a preview, and how much there is of them."""

    customer: Customer
    event_count: int
    visit_count: int
    profile_count: int


class Difference(NamedTuple):
    """An attribute in which two people differ: each one's value (None: has none), and whose is the later one."""

    name: str
    type: str
    of_target: Any
    of_member: Any
    member_wins: bool


@dataclass(frozen=True, slots=True)
class Preview:
    """What a merge by hand would do: `member` becomes part of `target`. `same`: attributes that don't differ."""

    target: Side
    member: Side
    differences: Sequence[Difference]
    same: int


def preview(session: Session, workspace_id: int, people: Sequence[Customer]) -> Preview:
    """What merging two people (roots) would do. Raises merges.ImpossibleError."""
    target, member = merges.order(people)
    theirs, added_ids = customers.members(session, target.id), customers.members(session, member.id)
    kept, added = (_values(session, workspace_id, ids) for ids in (theirs, added_ids))
    joined = _values(session, workspace_id, [*theirs, *added_ids])
    differences = [
        Difference(
            name, one.type, _value(kept.get(name)), _value(added.get(name)), _text(added.get(name)) == _text(one)
        )
        for name, one in joined.items()
        if _text(kept.get(name)) != _text(added.get(name))
    ]
    return Preview(
        Side(target, target.event_count, visits.count(session, theirs), len(theirs)),
        Side(member, member.event_count, visits.count(session, added_ids), len(added_ids)),
        differences,
        len(joined) - len(differences),
    )


def _values(session: Session, workspace_id: int, ids: Sequence[int]) -> dict[str, attributes.Shown]:
    return {one.name: one for one in attributes.of_person(session, workspace_id, ids)}


def _value(one: attributes.Shown | None) -> Any:
    return None if one is None else one.value


def _text(one: attributes.Shown | None) -> str:
    return "" if one is None else json.dumps(one.value)  # 1, 1.0 and True are equal in Python
