"""Devices and who is on them: logins, logouts, and whose an event is. The rules and examples: docs/identity.md.

A device's logins part its time into stretches. A stretch after a login belongs to that customer; one before the first
login or after a logout to an anonymous profile of its own, which is made when something happens in it. A login also
merges the anonymous stretch that it ends into its customer.
"""

import hashlib
import json
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence

from sqlalchemy import ColumnElement, select, tuple_, update
from sqlalchemy.orm import Session

from webapp import agents, arrivals, attributes, counts, customers, events, kept_visits, merges, visits
from webapp.db import insert
from webapp.ingest.arrival import Arrival
from webapp.ingest.changes import ClockSkew, DeviceInfo, Login, Logout, OnDevice, PushToken, Source
from webapp.models import AttributeValue, Customer, Device, DeviceLogin, Event

_PLACE = tuple_(DeviceLogin.at, DeviceLogin.id)
_LAST_ID = 2**63 - 1  # sorts after every login of its millisecond
LOGOUT_ID = 0  # sorts before them


def devices(arrival: Arrival, asked: Iterable[OnDevice]) -> dict[str, Device]:
    """These devices by did, locked until the transaction ends. Makes those that aren't known yet."""
    agents_of = {one.did: one.user_agent for one in asked}
    wanted = sorted(agents_of)
    found = _locked(arrival, wanted)
    missing = [did for did in wanted if did not in found]
    if missing:
        _make(arrival, {did: agents_of[did] for did in missing})
        found |= _locked(arrival, missing)
    return found


def _locked(arrival: Arrival, dids: list[str]) -> dict[str, Device]:
    if not dids:
        return {}
    query = (
        select(Device)
        .where(Device.workspace_id == arrival.workspace.id, Device.did.in_(dids))
        .order_by(Device.did)  # everybody locks in one order, so that nobody waits in a circle
        .with_for_update(key_share=True)  # rows that refer to the device may still be written
        .execution_options(populate_existing=True)
    )
    return {device.did: device for device in arrival.session.scalars(query)}


def _make(arrival: Arrival, agents_of: dict[str, str | None]) -> None:
    rows = [
        {
            "workspace_id": arrival.workspace.id,
            "did": did,
            "created_at": arrival.received_at,
            "owned_since": 0,
            "info_at": 0,
            "user_agent": agent,
            "is_bot": agents.describe(agent).is_bot,
        }
        for did, agent in agents_of.items()
    ]
    arrival.session.execute(insert(arrival.session)(Device).on_conflict_do_nothing(), rows)


def describe(arrival: Arrival, device: Device, change: DeviceInfo | PushToken | ClockSkew) -> None:
    """Keep what a device tells of itself; of several descriptions the one reported last."""
    if isinstance(change, ClockSkew):
        device.clock_skew = change.skew
        return
    if isinstance(change, PushToken):
        device.push_token = change.token
        return
    text = json.dumps(change.info, ensure_ascii=False, sort_keys=True)
    if (change.reported_at, text) > (device.info_at, device.info or ""):
        device.info, device.info_at = text, change.reported_at
        if change.who.user_agent:
            device.user_agent = change.who.user_agent
            is_bot = agents.describe(device.user_agent).is_bot
            if is_bot != device.is_bot:
                device.is_bot = is_bot
                _turn(arrival, device)


def _turn(arrival: Arrival, device: Device) -> None:
    """Let a device's visitors be bots as it is, or people."""
    # A profile merged with others is looked at when one of its merges comes or goes.
    are_others = (Customer.device_id == device.id) & Customer.root_id.is_(None) & (Customer.is_bot != device.is_bot)
    change = update(Customer).where(are_others).values(is_bot=device.is_bot)
    notes = counts.of(arrival.session, arrival.workspace.id)
    for id_, created_at in arrival.session.execute(change.returning(Customer.id, Customer.created_at)).all():
        for is_bot, number in ((not device.is_bot, -1), (device.is_bot, 1)):
            notes.add(id_, "customer", counts.standing(None, is_bot=is_bot), created_at, number)


def owners(arrival: Arrival, moments: Sequence[tuple[Device, int]]) -> list[int]:
    """The customers whose these devices are at these times (epoch ms); who is anonymous and not there yet is made."""
    earlier = {device.id for device, at in moments if at < device.owned_since}
    logins = _logins(arrival.session, earlier) if earlier else {}
    found: dict[tuple[int, int], int] = {}  # the anonymous profiles of devices by the start of their stretch
    whose = []
    for device, at in moments:
        if at >= device.owned_since:
            if device.owner_id is None:
                device.owner_id = _stretch(arrival, device, device.owned_since)
            whose.append(device.owner_id)
            continue
        theirs = logins[device.id]
        place = bisect_right(theirs, (at, _LAST_ID), key=lambda login: (login.at, login.id))
        login = theirs[place - 1] if place else None
        if login is not None and login.customer_id is not None:
            whose.append(login.customer_id)
        else:
            stretch = (device.id, login.at if login else 0)
            found[stretch] = found.get(stretch) or _stretch(arrival, device, stretch[1])
            whose.append(found[stretch])
    return whose


def _logins(session: Session, device_ids: set[int]) -> dict[int, list[DeviceLogin]]:
    """The logins and logouts on devices, in their order."""
    query = (
        select(DeviceLogin)
        .where(DeviceLogin.device_id.in_(device_ids))
        .order_by(DeviceLogin.device_id, DeviceLogin.at, DeviceLogin.id)
    )
    found: dict[int, list[DeviceLogin]] = {id_: [] for id_ in device_ids}
    for login in session.scalars(query):
        found[login.device_id].append(login)
    return found


def log_in(arrival: Arrival, device: Device, change: Login, customer_id: int, source: Source) -> None:
    """From its time on, the device is this customer's; the anonymous stretch before it is merged into the customer."""
    login = _note(arrival, device, change.reported_at, (login_id(change.system_id), customer_id), source)
    if login is None:
        return
    before, after = _neighbours(arrival.session, device, login)
    earlier = _owner_after(arrival.session, device, before)
    if earlier is not None and earlier != customer_id:
        _move(arrival, device, earlier, customer_id, login.at, after)
    if earlier is not None and _is_anonymous(before):
        if after is not None and after.customer_id is not None:
            merges.part(arrival, after)
        merges.join(arrival, login, earlier)
    if after is None:
        device.owned_since, device.owner_id = login.at, customer_id


def login_id(system_id: str) -> int:
    """What the logins of a customer have as their id: those of one moment are in the order of these."""
    return int.from_bytes(hashlib.blake2b(system_id.encode(), digest_size=8).digest(), "big") >> 1 or 1


def log_out(arrival: Arrival, device: Device, change: Logout, source: Source) -> None:
    """From its time on, the device is in nobody's hands; what happens there is another anonymous profile's."""
    logout = _note(arrival, device, change.reported_at, (LOGOUT_ID, None), source)
    if logout is None:
        return
    before, after = _neighbours(arrival.session, device, logout)
    earlier = _owner_after(arrival.session, device, before)
    since = None if earlier is None else _leave(arrival, device, earlier, before, logout, after)
    if after is None:
        device.owned_since, device.owner_id = logout.at, since


def _leave(
    arrival: Arrival, device: Device, earlier: int, before: DeviceLogin | None, logout: DeviceLogin,
    after: DeviceLogin | None,
) -> int | None:  # fmt: skip
    """Take what happened after a logout from who had the device till then. Returns the profile that has it now."""
    session = arrival.session
    if _is_anonymous(before) and not _had_any(session, device, earlier, logout.at):
        # Nothing happened between the two ends of the stretch: the profile is the later one, whose history it has.
        session.get_one(Customer, earlier).since_at = logout.at
        return earlier
    found = None
    if _has_any(session, device, earlier, logout.at, None if after is None else after.at):
        found = customers.create_anonymous(arrival, device, logout.at)
        _move(arrival, device, earlier, found, logout.at, after)
    if after is not None and after.customer_id is not None:
        if found is not None:
            merges.join(arrival, after, found)
        elif _is_anonymous(before):
            merges.part(arrival, after)
    return found


def _note(
    arrival: Arrival, device: Device, reported_at: int | None, who: tuple[int, int | None], source: Source
) -> DeviceLogin | None:
    """Store a login or logout, None if it is there already. `who`: its id, and the customer."""
    id_, customer_id = who
    row = {
        "device_id": device.id,
        "at": _now_on(arrival, device) if reported_at is None else reported_at,
        "id": id_,
        "customer_id": customer_id,
        "received_at": arrival.received_at,
        "source": source.name,
        "key_id": source.key_id,
    }
    statement = insert(arrival.session)(DeviceLogin).on_conflict_do_nothing().returning(DeviceLogin)
    stored: DeviceLogin | None = arrival.session.scalar(statement.values(row))
    return stored


def _now_on(arrival: Arrival, device: Device) -> int:
    """The time by a device's own clock (epoch ms), which may be wrong: counted on from the last thing it reported.

    It is after everything that came from the device before.
    """
    session = arrival.session
    last = select(DeviceLogin.at, DeviceLogin.received_at).where(DeviceLogin.device_id == device.id)
    login = session.execute(last.order_by(DeviceLogin.at.desc(), DeviceLogin.id.desc()).limit(1)).first()
    known = [moment for moment in (visits.latest_on(session, device.id), login) if moment is not None]
    if not known:
        return arrival.received_at
    at, received_at = max((moment.at, moment.received_at) for moment in known)
    return at + max(1, arrival.received_at - received_at)


def _neighbours(session: Session, device: Device, login: DeviceLogin) -> tuple[DeviceLogin | None, DeviceLogin | None]:
    place = (login.at, login.id)
    return _before(session, device, place), _after(session, device, place)


def _before(session: Session, device: Device, place: tuple[int, int]) -> DeviceLogin | None:
    query = select(DeviceLogin).where(DeviceLogin.device_id == device.id, place > _PLACE)
    return session.scalar(query.order_by(DeviceLogin.at.desc(), DeviceLogin.id.desc()).limit(1))


def _after(session: Session, device: Device, place: tuple[int, int]) -> DeviceLogin | None:
    query = select(DeviceLogin).where(DeviceLogin.device_id == device.id, place < _PLACE)
    return session.scalar(query.order_by(DeviceLogin.at, DeviceLogin.id).limit(1))


def _is_anonymous(login: DeviceLogin | None) -> bool:
    """Whether a device is in nobody's hands after this login or logout, or before the first."""
    return login is None or login.customer_id is None


def _owner_after(session: Session, device: Device, login: DeviceLogin | None) -> int | None:
    """The profile that has the stretch after a login or logout (None: the first stretch), if there is one."""
    if login is not None and login.customer_id is not None:
        return login.customer_id
    return _of_stretch(session, device, 0 if login is None else login.at)


def _of_stretch(session: Session, device: Device, since: int) -> int | None:
    return session.scalar(select(Customer.id).where(Customer.device_id == device.id, Customer.since_at == since))


def _stretch(arrival: Arrival, device: Device, since: int) -> int:
    """The anonymous profile of a stretch. One that is made where a login has ended the stretch already is merged."""
    found = _of_stretch(arrival.session, device, since)
    if found is not None:
        return found
    made = customers.create_anonymous(arrival, device, since)
    ended_by = _after(arrival.session, device, (since, _LAST_ID))
    if ended_by is not None and ended_by.customer_id is not None:
        merges.join(arrival, ended_by, made)
    return made


def _has_any(session: Session, device: Device, customer_id: int, since: int, until: int | None) -> bool:
    """Whether a profile has anything that was reported by a device from (inclusive) until (exclusive), epoch ms."""
    return any(
        session.scalar(select(table.reported_at).where(*_within(table, device, customer_id, since, until)).limit(1))
        for table in (Event, AttributeValue)
    )


def _had_any(session: Session, device: Device, customer_id: int, until: int) -> bool:
    """Whether a profile has anything that was reported by a device before a time, or had what retention has taken."""
    first = session.scalar(select(Customer.pruned_from_at).where(Customer.id == customer_id))
    return (first is not None and first < until) or _has_any(session, device, customer_id, 0, until)


def _within(
    table: type[Event | AttributeValue], device: Device, customer_id: int, since: int, until: int | None
) -> list[ColumnElement[bool]]:
    where = [table.customer_id == customer_id, table.device_id == device.id, table.reported_at >= since]
    return where if until is None else [*where, table.reported_at < until]


def _move(
    arrival: Arrival, device: Device, earlier: int, later: int, since: int, until: DeviceLogin | None
) -> None:  # fmt: skip
    """Give what happened on a device from a time on, until a login or logout, to another profile."""
    session = arrival.session
    end = None if until is None else until.at
    kept_visits.move(session, device.id, earlier, later, since, end)
    if not _has_any(session, device, earlier, since, end):  # nearly always: logins come before what follows them
        return
    where = _within(Event, device, earlier, since, end)
    moved = session.execute(select(Event.name, Event.reported_at, Event.received_at).where(*where)).all()
    names = Counter(one.name for one in moved)
    notes = counts.of(session, arrival.workspace.id)
    days = {counts.day_of(one.reported_at, notes.zone) for one in moved}
    counts.active(session, notes, [(later, day) for day in days])
    session.execute(update(Event).where(*where).values(customer_id=later))
    arrivals.follow(session, arrival.workspace.id, earlier, later)
    counts.active(session, notes, [(earlier, day) for day in days], -1)
    for customer_id, sign in ((earlier, -1), (later, 1)):
        for one in moved:  # a recount may have come to one of the two only
            notes.add(customer_id, "event", one.name, one.reported_at, sign)
            notes.arrived(customer_id, one.received_at, sign)
        events.add_to_counts(session, {(customer_id, name): sign * number for name, number in names.items()})
        count = Customer.own_event_count + sign * len(moved)
        figures = {"own_event_count": count, "moved_count": Customer.moved_count + 1}
        session.execute(update(Customer).where(Customer.id == customer_id).values(figures))
        visits.rebuild(session, notes, customer_id, device.id)
    values = _within(AttributeValue, device, earlier, since, end)
    attributes.move(session, arrival.workspace, values, earlier, later)
    arrival.touched |= {earlier, later}
