"""All there is of one person, as a ZIP: JSON for programs, and a page for people. It is made piece by piece.

No more than some hundred rows are in memory, or read in one go, however many events somebody has.
"""

import heapq
import time
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import orjson
from markupsafe import Markup, escape
from sqlalchemy import or_, select, tuple_
from sqlalchemy.orm import Session

from webapp import clock, customers, hiding, workspaces
from webapp.db import Database
from webapp.filters import instant, local
from webapp.models import (
    AttributeValue,
    Customer,
    Device,
    DeviceLogin,
    Event,
    IgnoredValue,
    KeptVisit,
    Merge,
    Note,
    Tag,
    User,
    Visit,
    Workspace,
)

AT_ONCE = 500  # rows
MOST_SHOWN = 1_000  # events on the page; the file of events has all of them
_STYLE = Markup(
    "body{font:16px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:60rem;padding:0 1rem;color-scheme:light dark}"
    "table{border-collapse:collapse;width:100%;table-layout:fixed}td,th{border-bottom:1px solid #8884;padding:.4rem;"
    "text-align:left;vertical-align:top;overflow-wrap:anywhere}h2{margin-top:2.5rem}"
)
_HEAD = Markup(
    '<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n'
    '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
    # Nothing that somebody has sent may run here, or ask another server for anything.
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
    "<title>{title}</title>\n<style>{style}</style>\n<h1>{title}</h1>\n<p>{told}</p>\n"
)


def headers(person: Customer) -> dict[str, str]:
    """The headers with which the file goes out."""
    name = f'attachment; filename="customer-{person.growlytics_id}.zip"'
    return {"Content-Type": "application/zip", "Content-Disposition": name, "Cache-Control": "no-store"}


class _Sink:
    """Takes what is written until somebody fetches it. It can't be sought in, and needn't be."""

    def __init__(self) -> None:
        self._waiting: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._waiting.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """There is nothing to be done."""

    def taken(self) -> bytes:
        """What has been written since the last time."""
        found, self._waiting = b"".join(self._waiting), []
        return found


def pieces(database: Database, workspace: Workspace, root_id: int) -> Iterator[bytes]:
    """The ZIP of the person with this root, a piece at a time."""
    with database.read() as session:
        ids = customers.members(session, root_id)
    one = _One(database, workspace, ids)
    files: tuple[tuple[str, Callable[[], Iterator[str]]], ...] = (
        ("index.html", one.page),
        ("person.json", one.person),
        ("attributes.json", lambda: _array(map(_value, one.values()))),
        ("visits.json", lambda: _array(map(_visit, one.visits()))),
        ("events.json", lambda: _array(map(_event, one.events()))),
    )
    sink = _Sink()
    now = time.gmtime(clock.now() / 1000)[:6]
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:  # type: ignore[call-overload]
        for name, texts in files:
            about = zipfile.ZipInfo(name, now)
            about.compress_type = zipfile.ZIP_DEFLATED
            with archive.open(about, "w", force_zip64=True) as file:
                for text in texts():
                    file.write(text.encode("utf-8", "replace"))
                    if data := sink.taken():
                        yield data
    yield sink.taken()


def _array(rows: Iterable[dict[str, Any]]) -> Iterator[str]:
    """Objects as a JSON array, one to a line."""
    begin = "[\n"
    for row in rows:
        yield begin + _json(row)
        begin = ",\n"
    yield "\n]\n" if begin != "[\n" else "[]\n"


def _json(value: Any, *, is_indented: bool = False) -> str:
    return orjson.dumps(value, option=orjson.OPT_INDENT_2 if is_indented else 0).decode()


class _One:
    """What is stored of a person, read some at a time."""

    def __init__(self, database: Database, workspace: Workspace, ids: Sequence[int]) -> None:
        self._database, self._ids = database, ids
        self._workspace, self._zone = workspace, workspaces.zone(workspace)

    def events(self, *, newest: int | None = None) -> Iterator[Event]:
        """The events of each profile, oldest first; or so many of each, newest first."""
        yield from self._rows(Event, (Event.reported_at, Event.id), newest)

    def visits(self) -> Iterator[Visit | KeptVisit]:
        """The visits of each profile, oldest first: before all others those that stay without their events."""
        for table in (KeptVisit, Visit):
            yield from self._rows(table, (table.started_at, table.device_id))

    def values(self) -> Iterator[AttributeValue]:
        """All values that attributes have or had, by name, oldest first."""
        yield from self._rows(AttributeValue, (AttributeValue.name, AttributeValue.reported_at, AttributeValue.id))

    def _rows(self, table: Any, order: Sequence[Any], newest: int | None = None) -> Iterator[Any]:
        for id_ in self._ids:
            after: tuple[Any, ...] | None = None
            left = newest
            while left is None or left > 0:
                number = AT_ONCE if left is None else min(left, AT_ONCE)
                query = select(table).where(table.customer_id == id_).limit(number)
                if after is not None:
                    query = query.where(tuple_(*order) > after if newest is None else tuple_(*order) < after)
                sorted_ = query.order_by(*(order if newest is None else (one.desc() for one in order)))
                with self._database.read() as session:
                    rows = session.scalars(sorted_).all()
                yield from rows
                if len(rows) < number:
                    break
                left = None if left is None else left - len(rows)
                after = tuple(getattr(rows[-1], one.key) for one in order)

    def person(self) -> Iterator[str]:
        """Who it is, and what there is little of."""
        with self._database.read() as session:
            yield _json(self._told(session), is_indented=True) + "\n"

    def _told(self, session: Session) -> dict[str, Any]:
        profiles = session.scalars(select(Customer).where(Customer.id.in_(self._ids)).order_by(Customer.id)).all()
        root = next(one for one in profiles if one.id == self._ids[0])
        return {
            "growlyticsId": root.growlytics_id,
            "systemId": root.system_id,
            "name": root.name,
            "email": root.email,
            "mobile": root.mobile,
            "workspace": self._workspace.name,
            "exportedAt": clock.now(),
            "createdAt": root.created_at,
            "firstSeenAt": root.first_seen_at,
            "lastSeenAt": root.last_seen_at,
            "eventCount": root.event_count,
            "profiles": [
                {"growlyticsId": one.growlytics_id, "systemId": one.system_id, "createdAt": one.created_at}
                for one in profiles
            ],
            "devices": [_device(one) for one in self._devices(session)],
            "logins": self._logins(session),
            "merges": self._merges(session),
            "tags": sorted(set(session.scalars(select(Tag.name).where(Tag.customer_id.in_(self._ids))))),
            "notes": self._notes(session),
            "ignoredValues": self._ignored(session),
        }

    def _devices(self, session: Session) -> Sequence[Device]:
        return session.scalars(select(Device).where(Device.id.in_(hiding.used(self._ids))).order_by(Device.id)).all()

    def _logins(self, session: Session) -> list[dict[str, Any]]:
        query = select(DeviceLogin.at, Device.did).join(Device, Device.id == DeviceLogin.device_id)
        rows = session.execute(query.where(DeviceLogin.customer_id.in_(self._ids)).order_by(DeviceLogin.at))
        return [{"at": at, "device": did} for at, did in rows]

    def _merges(self, session: Session) -> list[dict[str, Any]]:
        is_theirs = or_(Merge.member_id.in_(self._ids), Merge.target_id.in_(self._ids))
        found = session.scalars(select(Merge).where(is_theirs, Merge.member_id != Merge.target_id).order_by(Merge.id))
        rows = found.all()
        ends = {end for row in rows for end in (row.member_id, row.target_id)}
        called = session.execute(select(Customer.id, Customer.growlytics_id).where(Customer.id.in_(ends)))
        names = {row.id: row.growlytics_id for row in called}
        return [
            {
                "member": names[row.member_id],
                "target": names[row.target_id],
                "at": row.merged_at,
                "because": "login" if row.device_id is not None else "by hand",
                "undoneAt": row.undone_at,
            }
            for row in rows
        ]

    def _notes(self, session: Session) -> list[dict[str, Any]]:
        query = select(Note.text, Note.created_at, User.email).join(User, User.id == Note.user_id)
        rows = session.execute(query.where(Note.customer_id.in_(self._ids)).order_by(Note.id))
        return [{"text": text, "at": at, "by": by} for text, at, by in rows]

    def _ignored(self, session: Session) -> list[dict[str, Any]]:
        order = (IgnoredValue.last_at, IgnoredValue.event_name, IgnoredValue.name, IgnoredValue.received)
        rows = session.scalars(select(IgnoredValue).where(IgnoredValue.customer_id.in_(self._ids)).order_by(*order))
        return [
            {
                "event": one.event_name or None,
                "name": one.name,
                "expected": one.expected,
                "received": one.received,
                "sample": one.sample,  # JSON, but it may be cut short
                "count": one.count,
                "lastAt": one.last_at,
            }
            for one in rows
        ]

    def page(self) -> Iterator[str]:
        """The same for people, with the newest events."""
        with self._database.read() as session:
            told = self._told(session)
        title = told["name"] or told["email"] or told["systemId"] or "Anonymous visitor"
        words = f"All that {self._workspace.name} has stored of this person, exported {self._at(told['exportedAt'])}."
        yield _HEAD.format(title=title, style=_STYLE, told=words)
        basics = [(label, told[name]) for label, name in _BASICS]
        yield from _table("Profile", ("", ""), [(label, text) for label, text in basics if text is not None])
        rows: Iterable[Sequence[Any]] = (
            (one.name, _shown(orjson.loads(one.value)), self._at(one.reported_at), "now" if one.is_current else "")
            for one in self.values()
        )
        yield from _table("Attributes and their history", ("Attribute", "Value", "From", ""), rows)
        yield from _table(
            "Devices",
            ("Device", "What it told of itself"),
            ((one["did"], _shown(one["info"] or one["userAgent"] or "")) for one in told["devices"]),
        )
        yield from _table("Tags", ("Tag",), ((one,) for one in told["tags"]))
        notes = ((self._at(one["at"]), one["by"], one["text"]) for one in told["notes"])
        yield from _table("Notes", ("Written", "By", "Note"), notes)
        merged = ((self._at(one["at"]), one["member"], one["target"], one["because"]) for one in told["merges"])
        yield from _table("Merges", ("When", "Profile", "Became part of", "Because of"), merged)
        ignored = (
            (self._at(one["lastAt"]), one["event"] or "", one["name"], one["sample"]) for one in told["ignoredValues"]
        )
        yield from _table("Ignored for their type", ("Last", "Event", "Attribute", "Value"), ignored)
        visits = (
            (self._at(one.started_at), self._at(one.ended_at), _place(one), _shown(orjson.loads(one.entry or "{}")))
            for one in self.visits()
        )
        yield from _table("Visits", ("Began", "Ended", "Place", "How it began"), visits)
        # Of all that come by, no more than are shown are held at a time.
        candidates = self.events(newest=MOST_SHOWN)
        newest = heapq.nlargest(MOST_SHOWN, candidates, key=lambda one: (one.reported_at, one.id))
        events = ((self._at(one.reported_at), one.name, _shown(orjson.loads(one.attributes))) for one in newest)
        head = f"The newest {MOST_SHOWN:,} events" if told["eventCount"] > MOST_SHOWN else "Events"
        yield from _table(head, ("When", "Event", "Attributes"), events)
        if told["eventCount"] > MOST_SHOWN:
            yield f"<p>All {told['eventCount']:,} events are in the file events.json beside this page.</p>\n"
        yield "</html>\n"

    def _at(self, at: int) -> str:
        return f"{local(at, self._zone)} ({instant(at)})"


_BASICS = (
    ("Name", "name"), ("Email", "email"), ("Mobile", "mobile"), ("System ID", "systemId"),
    ("Growlytics ID", "growlyticsId"), ("Events", "eventCount"),
)  # fmt: skip


def _table(title: str, heads: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[str]:
    """A heading and its table; nothing where it has no rows. Whatever stands in it is escaped."""
    is_begun = False
    for row in rows:
        if not is_begun:
            named = "".join(f'<th scope="col">{escape(head)}</th>' for head in heads)
            yield f"<h2>{escape(title)}</h2>\n<table>\n<tr>{named}</tr>\n"
            is_begun = True
        yield f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>\n"
    if is_begun:
        yield "</table>\n"


def _shown(value: Any) -> str:
    """A value in a line: of an object its names and values."""
    if isinstance(value, dict):
        return "; ".join(f"{name}: {_shown(one)}" for name, one in value.items())
    return value if isinstance(value, str) else _json(value)


def _place(visit: Visit | KeptVisit) -> str:
    place = orjson.loads(visit.place or "{}")
    return ", ".join(str(place[name]) for name in ("city", "region", "country") if place.get(name))


def _value(row: AttributeValue) -> dict[str, Any]:
    return {
        "name": row.name,
        "value": orjson.loads(row.value),
        "isCurrent": row.is_current,
        "reportedAt": row.reported_at,
        "untilAt": row.until_at,
        "receivedAt": row.received_at,
        "source": row.source,
    }


def _visit(row: Visit | KeptVisit) -> dict[str, Any]:
    return {
        "startedAt": row.started_at,
        "endedAt": row.ended_at,
        "eventCount": row.event_count,
        "entry": orjson.loads(row.entry or "null"),
        "exitPage": row.exit_page,
        "place": orjson.loads(row.place or "null"),
    }


def _event(row: Event) -> dict[str, Any]:
    return {
        "name": row.name,
        "time": row.reported_at,
        "receivedAt": row.received_at,
        "attributes": orjson.loads(row.attributes),
        "context": orjson.loads(row.context or "null"),
    }


def _device(row: Device) -> dict[str, Any]:
    return {
        "did": row.did,
        "createdAt": row.created_at,
        "userAgent": row.user_agent,
        "info": orjson.loads(row.info or "null"),
        "pushToken": row.push_token,
    }
