"""The dictionary of a workspace: attributes and events, when each came first and last, and what people say of it."""

import unicodedata
from collections.abc import Collection, Iterable, Sequence
from typing import Any, Literal, NamedTuple

from sqlalchemy import ClauseElement, ColumnElement, Select, func, select, tuple_, update
from sqlalchemy.orm import Session

from webapp import clock, statements
from webapp.db import Base
from webapp.ingest.arrival import Arrival
from webapp.models import DictionaryEntry

CUSTOMER = ""  # the event name of attributes of customers
ITSELF = ""  # the name that stands for an event itself, beside those of its attributes
PAGE_SIZE = 50
LONGEST_DESCRIPTION = 2_000
_MOST_HIDDEN = 2_000
_MOST_ALIKE = 200
_TABLE = Base.metadata.tables[DictionaryEntry.__tablename__]
_KEY = (DictionaryEntry.event_name, DictionaryEntry.name)

Show = Literal["shown", "hidden", "alike", "all"]


class NotFoundError(LookupError):
    """Nothing of this name has come in."""


class WrongError(ValueError):
    """Something can't be written so; the message says why, as a sentence without its full stop."""


class Wanted(NamedTuple):
    """Which entries: with a text in their name, and those that aren't hidden, are, or have near-duplicates."""

    text: str = ""
    show: Show = "shown"


class Page(NamedTuple):
    """Some entries by name without regard to letter case. `alike`: names that one might take for theirs, by theirs."""

    entries: Sequence[DictionaryEntry]
    number: int  # of all that are wanted
    alike: dict[str, list[str]]


def fold(name: str) -> str:
    """A name without letter case, spaces and punctuation, so that `Total Orders` and `total_orders` are alike."""
    plain = unicodedata.normalize("NFKC", name).casefold()
    return "".join(one for one in plain if unicodedata.category(one)[0] not in "CPZ") or plain


def note(arrival: Arrival, keys: Iterable[tuple[str, str]]) -> set[tuple[str, str]]:
    """Note that something came, by event name and name. Returns what is known already to have come in this hour."""
    workspace_id, at = arrival.workspace.id, arrival.received_at
    wanted = set(keys)
    asked = [{"workspace_id": workspace_id, "event_name": event, "name": name} for event, name in wanted]
    last = {(event, name): last_at for event, name, last_at in statements.fetch(arrival.session, _finding, asked)}
    noted = {key for key, last_at in last.items() if last_at // clock.HOUR >= at // clock.HOUR}
    # Everybody writes them in one order, so that nobody waits in a circle.
    fresh = sorted(wanted - noted)
    rows = [
        {
            "workspace_id": workspace_id,
            "event_name": event,
            "name": name,
            "folded": fold(name or event),
            "first_at": at,
            "last_at": at,
        }
        for event, name in fresh
    ]
    if rows:
        statements.execute_later(arrival.session, _noting, rows)
    return noted


def _finding(dialect: str) -> Select[Any]:
    keys = list(_TABLE.primary_key)
    told = statements.given(dialect, keys).subquery("told").c
    query = select(_TABLE.c.event_name, _TABLE.c.name, _TABLE.c.last_at)
    return query.where(*(column == told[column.name] for column in keys))


def _noting(dialect: str) -> ClauseElement:
    columns = ("workspace_id", "event_name", "name", "folded", "first_at", "last_at")
    statement = statements.inserting(dialect, [_TABLE.c[name] for name in columns])
    return statement.on_conflict_do_update(
        index_elements=list(_TABLE.primary_key),
        set_={"last_at": statement.excluded.last_at},
        where=_TABLE.c.last_at < statement.excluded.last_at,
    )


def attributes(session: Session, workspace_id: int, event_name: str, wanted: Wanted, number: int = 1) -> Page:
    """One page (from 1) of the attributes of an event, or of customers."""
    where = [DictionaryEntry.workspace_id == workspace_id, DictionaryEntry.event_name == event_name]
    return _page(session, [*where, DictionaryEntry.name != ITSELF], DictionaryEntry.name, wanted, number)


def events(session: Session, workspace_id: int, wanted: Wanted, number: int = 1) -> Page:
    """One page (from 1) of the events."""
    where = [DictionaryEntry.workspace_id == workspace_id, DictionaryEntry.name == ITSELF]
    return _page(session, where, DictionaryEntry.event_name, wanted, number)


def following(
    session: Session, workspace_id: int, event_name: str | None, after: str, size: int, *, shows_hidden: bool
) -> Sequence[DictionaryEntry]:  # fmt: skip
    """Some entries by name without regard to letter case, from a name on (which needn't be there).

    `event_name`: attributes of this event, or of customers; None: the events.
    """
    where = [DictionaryEntry.workspace_id == workspace_id]
    named = DictionaryEntry.event_name if event_name is None else DictionaryEntry.name
    if event_name is None:
        where.append(DictionaryEntry.name == ITSELF)
    else:
        where += [DictionaryEntry.event_name == event_name, DictionaryEntry.name != ITSELF]
    if after:
        where.append(tuple_(DictionaryEntry.folded, named) > (fold(after), after))
    if not shows_hidden:
        where.append(~DictionaryEntry.is_hidden)
    query = select(DictionaryEntry).where(*where).order_by(DictionaryEntry.folded, named).limit(size)
    return session.scalars(query).all()


def _page(session: Session, where: list[ColumnElement[bool]], named: Any, wanted: Wanted, number: int) -> Page:
    folded = DictionaryEntry.folded
    is_wanted = [*where, *_wanted(where, wanted)]
    total = session.scalar(select(func.count()).select_from(DictionaryEntry).where(*is_wanted)) or 0
    query = select(DictionaryEntry).where(*is_wanted).order_by(folded, named)
    entries = session.scalars(query.limit(PAGE_SIZE).offset((number - 1) * PAGE_SIZE)).all()
    return Page(entries, total, _alike(session, where, named, {one.folded for one in entries}))


def _wanted(where: list[ColumnElement[bool]], wanted: Wanted) -> list[ColumnElement[bool]]:
    folded = DictionaryEntry.folded
    found: list[ColumnElement[bool]] = []
    if wanted.text:
        found.append(folded.contains(fold(wanted.text), autoescape=True))
    if wanted.show == "alike":
        found.append(folded.in_(select(folded).where(*where).group_by(folded).having(func.count() > 1)))
    elif wanted.show != "all":
        found.append(DictionaryEntry.is_hidden == (wanted.show == "hidden"))
    return found


def _alike(
    session: Session, where: list[ColumnElement[bool]], named: Any, folded: Collection[str]
) -> dict[str, list[str]]:  # fmt: skip
    """The names that are alike when folded, by each of them."""
    query = select(DictionaryEntry.folded, named).where(*where, DictionaryEntry.folded.in_(folded))
    groups: dict[str, list[str]] = {}
    for one, name in session.execute(query.order_by(named).limit(PAGE_SIZE + _MOST_ALIKE)):
        groups.setdefault(one, []).append(name)
    return {name: [one for one in names if one != name] for names in groups.values() for name in names}


def find(session: Session, workspace_id: int, event_name: str, name: str) -> DictionaryEntry:
    """One entry. Raises NotFoundError."""
    found = None
    if (event_name or name) and "\x00" not in event_name + name:  # PostgreSQL can't even be asked
        found = session.get(DictionaryEntry, (workspace_id, event_name, name))
    if found is None:
        raise NotFoundError(event_name, name)
    return found


def named(event_name: str, name: str) -> dict[str, str]:
    """An entry as details of a note in the audit log."""
    return {what: text for what, text in (("event", event_name), ("attribute", name)) if text}


def alike(session: Session, entry: DictionaryEntry) -> list[str]:
    """The names of the same kind that one might take for an entry's."""
    where = [DictionaryEntry.workspace_id == entry.workspace_id]
    if entry.name == ITSELF:
        where.append(DictionaryEntry.name == ITSELF)
        return _alike(session, where, DictionaryEntry.event_name, {entry.folded}).get(entry.event_name, [])
    where += [DictionaryEntry.event_name == entry.event_name, DictionaryEntry.name != ITSELF]
    return _alike(session, where, DictionaryEntry.name, {entry.folded}).get(entry.name, [])


def describe(session: Session, entry: DictionaryEntry, description: str) -> None:
    """Say what it is. Raises WrongError."""
    text = description.replace("\x00", "").replace("\r\n", "\n").strip()
    if len(text) > LONGEST_DESCRIPTION:
        raise WrongError(f"a description has at most {LONGEST_DESCRIPTION:,} characters")
    _set(session, entry, description=text)


def hide(session: Session, entry: DictionaryEntry, *, is_hidden: bool) -> None:
    """Leave it out of profiles and choices, or show it there again. It goes on being stored."""
    _set(session, entry, is_hidden=is_hidden)


def _set(session: Session, entry: DictionaryEntry, **values: Any) -> None:
    key = (entry.workspace_id, entry.event_name, entry.name)
    is_it = tuple_(DictionaryEntry.workspace_id, *_KEY) == key
    session.execute(update(DictionaryEntry).where(is_it).values(**values))


class Hidden(NamedTuple):
    """What is hidden: attributes of customers, events, and attributes of events, these by event name and name."""

    attributes: frozenset[str]
    events: frozenset[str]
    of_events: frozenset[tuple[str, str]]


def hidden(session: Session, workspace_id: int) -> Hidden:
    """What is hidden in a workspace; asked for once in a session."""
    known: Hidden | None = session.info.get("hidden")
    if known is None:
        query = select(*_KEY).where(DictionaryEntry.workspace_id == workspace_id, DictionaryEntry.is_hidden)
        keys = [(event_name, name) for event_name, name in session.execute(query.limit(_MOST_HIDDEN))]
        known = session.info["hidden"] = Hidden(
            frozenset(name for event_name, name in keys if event_name == CUSTOMER),
            frozenset(event_name for event_name, name in keys if name == ITSELF),
            frozenset(key for key in keys if CUSTOMER not in key),
        )
    return known


def shown_events(session: Session, workspace_id: int, most: int) -> Sequence[str]:
    """The names of the first events that aren't hidden, without regard to letter case."""
    query = select(DictionaryEntry.event_name).where(
        DictionaryEntry.workspace_id == workspace_id, DictionaryEntry.name == ITSELF, ~DictionaryEntry.is_hidden
    )
    return session.scalars(query.order_by(DictionaryEntry.folded, DictionaryEntry.event_name).limit(most)).all()
