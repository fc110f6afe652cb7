"""The dictionary of a workspace: its attributes and events, and a page of each."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar, get_args
from urllib.parse import urlencode

from flask import Blueprint, render_template, request, url_for
from sqlalchemy.orm import Session

from webapp import background, clock, contacts, dictionary, htmx, pins, registry, samples, type_changes, volumes
from webapp.conditions import Did, Having
from webapp.customers import Wanted as WantedCustomers
from webapp.db import database
from webapp.dictionary import CUSTOMER, ITSELF, Page, Show, Wanted
from webapp.models import DictionaryEntry
from webapp.pages.guards import Place, place
from webapp.roster import Roster
from webapp.samples import Carried, CarriedByEvents
from webapp.type_changes import Told

Samples = TypeVar("Samples", Carried, CarriedByEvents)
door = Blueprint("data", __name__, url_prefix="/data")

_FEW_DAYS, _MANY_DAYS = 30, 90
_LONGEST_SEARCH = 300
_MOST_PAGES = 10_000


@door.get("")
def attributes() -> str:
    """The attributes of customers."""
    here = place()
    with database().read() as session:
        wanted, number = _asked()
        page = dictionary.attributes(session, here.workspace.id, CUSTOMER, wanted, number)
        names = [one.name for one in page.entries]
        shown = {
            "types": registry.types_of(session, here.workspace.id, names),
            "carried": _covered(here, samples.carried(session, here.workspace.id, names)),
            "pinned": set(pins.of_workspace(session, here.workspace.id)),
        }
    return _list("attributes", page, wanted, number, **shown)


@door.get("/events")
def events() -> str:
    """The events."""
    here = place()
    with database().read() as session:
        wanted, number = _asked()
        page = dictionary.events(session, here.workspace.id, wanted, number)
        names = [one.event_name for one in page.entries]
        found = volumes.of_events(session, here.workspace, names, _FEW_DAYS)
    return _list("events", page, wanted, number, volumes=found, days=_FEW_DAYS)


def _asked() -> tuple[Wanted, int]:
    """What the URL asks for; nonsense is what is usual."""
    asked = request.args.get("show", "")
    show: Show = next((one for one in get_args(Show) if one == asked), "shown")
    text = request.args.get("q", "").replace("\x00", "").strip()[:_LONGEST_SEARCH]
    number = request.args.get("page", 1, type=int)
    return Wanted(text, show), min(max(number, 1), _MOST_PAGES)


def _list(kind: str, page: Page, wanted: Wanted, number: int, **shown: Any) -> str:
    is_fragment = htmx.wants("dictionary")
    return render_template(
        "data/_dictionary.html" if is_fragment else "data/list.html",
        kind=kind,
        page=page,
        wanted=wanted,
        number=number,
        is_last=number * dictionary.PAGE_SIZE >= page.number,
        link=_link,
        entry_link=entry_link,
        **shown,
    )


def _link(kind: str, wanted: Wanted, number: int = 1) -> str:
    """The address of a list; what is usual is left out of it."""
    pairs = {"q": wanted.text, "show": wanted.show if wanted.show != "shown" else "", "page": number > 1 and number}
    query = urlencode({name: text for name, text in pairs.items() if text})
    path = url_for(f"data.{kind}")
    return f"{path}?{query}" if query else path


def entry_link(event_name: str, name: str) -> str:
    """The address of the page of an entry."""
    if name == ITSELF:
        return url_for("data.event", name=event_name)
    return url_for("data.attribute", event=event_name or None, name=name)


@door.get("/attribute")
def attribute() -> str:
    """An attribute of customers, or of an event; also what a change of its type would do."""
    here, key = place(), (request.args.get("event", CUSTOMER), request.args.get("name", ""))
    with database().read() as session:
        entry = _entry(session, here, key, lambda found: found.name != ITSELF)
        changes = type_changes.of_attribute(session, here.workspace.id, key)
        change = _current(changes)
        if htmx.wants("change"):
            return render_template("data/_change.html", change=change, key=key, address=_address(), is_part=True)
        read = _of_customers if entry.event_name == CUSTOMER else _of_event
        shown = {
            "type": registry.registered(session, here.workspace.id, registry.is_one_of([key])).get(key, "string"),
            "alike": dictionary.alike(session, entry),
            **read(session, here, entry),
        }
    return render_template(
        "data/attribute.html",
        entry=entry,
        key=key,
        change=change,
        earlier=[one for one in changes if one is not change],
        choices=type_changes.choices(*key),
        ignored=f"/refused?{urlencode({'kind': 'ignored', 'place': entry.name})}",
        address=_address(),
        entry_link=entry_link,
        **shown,
    )


def _covered(here: Place, found: dict[str, Samples]) -> dict[str, Samples]:
    """What is told of attributes by name, with samples as far as they may be seen."""
    return {name: one._replace(values=_shown(here, name, one.values)) for name, one in found.items()}


def _shown(here: Place, name: str, texts: Sequence[str]) -> Sequence[str]:
    return list(dict.fromkeys(contacts.as_json(name, text) for text in texts)) if here.masks else texts


def _address() -> str:
    return entry_link(request.args.get("event", CUSTOMER), request.args.get("name", ""))


def _entry(
    session: Session, here: Place, key: tuple[str, str], is_right: Callable[[DictionaryEntry], bool]
) -> DictionaryEntry:  # fmt: skip
    entry = dictionary.find(session, here.workspace.id, *key)
    if not is_right(entry):
        raise dictionary.NotFoundError(key)
    return entry


def _current(changes: list[Told]) -> Told | None:
    """The change that is under way. One that nobody works on is worked on from now on."""
    latest = next(iter(changes), None)
    if latest is None or latest.change.ended_at is not None:
        return None
    if latest.change.leased_until < clock.now():
        background.wake("converting")
    return latest


def _of_customers(session: Session, here: Place, entry: DictionaryEntry) -> dict[str, Any]:
    asked = request.args.get("type", "")
    has_it = Having(entry.name)
    is_to_change = asked in type_changes.choices(CUSTOMER, entry.name)
    return {
        "count": Roster(session, here.workspace, WantedCustomers(), [has_it]).count(),
        "carriers": url_for("people.index", where=str(has_it)),
        "values": _shown(here, entry.name, samples.values(session, here.workspace.id, entry.name)),
        "preview": type_changes.preview(session, here.workspace, entry.name, asked) if is_to_change else None,
        "asked": asked,
    }


def _of_event(session: Session, here: Place, entry: DictionaryEntry) -> dict[str, Any]:
    latest = samples.latest(session, here.workspace.id, entry.event_name)
    told = _covered(here, samples.of_events(latest, [entry.name]))[entry.name]
    asked = request.args.get("type", "")
    is_to_change = asked in type_changes.choices(entry.event_name, entry.name)
    return {
        "looked_at": len(latest),
        "told": told,
        "values": told.values,
        "trial": type_changes.trial(told.came, asked) if is_to_change else None,
        "asked": asked,
    }


@door.get("/event")
def event() -> str:
    """An event, how often it happens, and its attributes."""
    here, name = place(), request.args.get("name", "")
    wanted, number = _asked()
    with database().read() as session:
        entry = _entry(session, here, (name, ITSELF), lambda found: found.event_name == name)
        page = dictionary.attributes(session, here.workspace.id, name, wanted._replace(show="all"), number)
        names = [one.name for one in page.entries]
        types = registry.registered(session, here.workspace.id, registry.is_one_of((name, one) for one in names))
        latest = samples.latest(session, here.workspace.id, name)
        shown = {
            "alike": dictionary.alike(session, entry),
            "volume": volumes.of_events(session, here.workspace, [name], _MANY_DAYS)[name],
        }
    return render_template(
        "data/event.html",
        entry=entry,
        page=page,
        wanted=wanted,
        number=number,
        is_last=number * dictionary.PAGE_SIZE >= page.number,
        types={one: type_ for (_, one), type_ in types.items()},
        looked_at=len(latest),
        told=_covered(here, samples.of_events(latest, names)),
        doers=url_for("people.index", where=str(Did(name))),
        entry_link=entry_link,
        **shown,
    )
