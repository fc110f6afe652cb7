"""The figures of a person: since when, how often, how much."""

from collections.abc import Sequence
from typing import Any, NamedTuple
from urllib.parse import urlencode

from flask import request
from sqlalchemy.orm import Session

from webapp import dictionary, events, htmx, orders, rhythm, tallies
from webapp.db import database
from webapp.orders import Meaning
from webapp.pages import shared
from webapp.pages.guards import Place
from webapp.pages.panels import Panel, Person
from webapp.tallies import Figures

_LATEST_VISITS = 200  # the more, the longer a page takes; so many tell how somebody visits now
_FEW_NAMES, _MOST_NAMES = 8, 50
# Of the address, what a link that filters the timeline leaves as it is.
_KEPT = ("q", "attribute", "year", "by", "show", "view", "zone", "as_of")


class Counted(NamedTuple):
    """What is counted of a person: what an order is, and the figures, None while that would take too long."""

    order: Meaning
    figures: Figures | None


@shared.once
def counted(session: Session, here: Place, whose: Person) -> Counted:
    """What would take long is counted when it is asked for by itself."""
    order = orders.meaning(session, here.workspace)
    terms = tallies.Whose(whose.customer, whose.ids, order, here.zone)
    is_patient = "count" in request.args or any(map(htmx.wants, ("overview", "figures", "year")))
    if whose.as_of is not None:
        return Counted(order, tallies.past(session, terms, whose.as_of + 1, is_patient=is_patient))
    return Counted(order, tallies.count(session, database(), terms) if is_patient else tallies.glance(session, terms))


def is_waiting(session: Session) -> bool:
    """Whether something that was drawn in this session waits to be counted."""
    known: Counted | None = session.info.get(counted)
    return known is not None and known.figures is None


def filtering(**wanted: str) -> str:
    """The query of an address that filters the timeline by this and by nothing else."""
    kept = [(name, value) for name in _KEPT for value in request.args.getlist(name)]
    return f"?{urlencode([*kept, *wanted.items()])}"


def _figures(session: Session, here: Place, person: Person) -> dict[str, Any]:
    order, figures = counted(session, here, person)
    until = None if person.as_of is None else person.as_of + 1
    names = _numbers(session, here, person)
    return {
        "order": order,
        "orders": dict(names).get(order.event, 0) if order.event and names is not None else None,
        "figures": figures,
        "rhythm": rhythm.rhythm(session, person.ids, _LATEST_VISITS, until),
        "seen": _seen(session, person),
        "number": person.customer.event_count if until is None else figures and figures.event_count,
        "patiently": filtering(count="yes"),
    }


def _seen(session: Session, person: Person) -> tuple[int, int] | None:
    """The reported times of the first and the last event, epoch ms; None before the first."""
    first, last = person.customer.first_seen_at, person.customer.last_seen_at
    if person.as_of is None or person.as_of >= last:
        return first, last
    before = events.last_before(session, person.ids, person.as_of + 1)
    return None if before is None else (first, before)


@shared.once
def _numbers(session: Session, here: Place, person: Person) -> Sequence[tuple[str, int]] | None:
    """The names of events and how many there are of each, most frequent first; None where that would take long."""
    if person.as_of is None:
        return shared.event_names(session, here, person)
    if counted(session, here, person).figures is None:
        return None
    return events.names_until(session, person.ids, person.as_of + 1)


def _names(session: Session, here: Place, person: Person) -> dict[str, Any]:
    hidden = dictionary.hidden(session, here.workspace.id).events
    names = [one for one in _numbers(session, here, person) or () if one[0] not in hidden]
    bars = [(name, number, filtering(event=name)) for name, number in names[:_MOST_NAMES]]
    return {"bars": bars, "few": _FEW_NAMES, "more": len(names) - len(bars), "chosen": request.args.get("event")}


FIGURES = Panel("figures", "Figures", _figures)
NAMES = Panel("names", "Events by name", _names)
