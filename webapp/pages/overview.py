"""The overview of a workspace: what came in over some days, from the counters, and what somebody should look at."""

from datetime import date
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode

from flask import Blueprint, abort, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from webapp import alerts, clock, counts, customers, overview, recounts, workspaces
from webapp.conditions import Did, Range, Seen, Visited
from webapp.counts import Kind
from webapp.db import database
from webapp.overview import Compared, Days
from webapp.pages.charts import Chart
from webapp.pages.guards import Place, place

door = Blueprint("overview", __name__, url_prefix="/overview")

CHOICES = (7, 30, 90)
_USUAL = 30
_FEW, _MANY = 8, 200  # names
# What can be looked at by name: the title, and what one of them is.
NAMED: dict[Kind, tuple[str, str]] = {
    "event": ("Events", "event"),
    "source": ("Sources", "visit"),
    "country": ("Countries", "visit"),
}


class Asked(NamedTuple):
    """The days of a page. `latest`: so many up to today, or None where the address has others. `fault`: why not those
    that it asks for.
    """

    days: Days
    latest: int | None
    fault: str = ""

    @property
    def dates(self) -> tuple[date, date]:
        """The first and the last of them."""
        return counts.date_of(self.days.first), counts.date_of(self.days.last)

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """What an address says of them."""
        if self.latest is not None:
            return [("days", str(self.latest))]
        return [(name, day.isoformat()) for name, day in zip(("from", "to"), self.dates, strict=True)]


class Card(NamedTuple):
    """A figure with its days. `number`: beside the days before; `link`: to the list that it counts, and its words."""

    title: str
    number: Compared
    chart: Chart
    link: tuple[str, str] | None


@door.get("")
def show() -> ResponseReturnValue:
    """The figures of some days; for a workspace without customers, how to get started."""
    here = place()
    with database().read() as session:
        if not customers.exist(session, here.workspace.id):
            return redirect(url_for("people.index"))
        asked = _asked(here)
        tops = {kind: overview.top(session, here.workspace.id, kind, asked.days, _FEW) for kind in NAMED}
        return render_template(
            "overview/overview.html",
            cards=_cards(session, here, asked),
            tops=tops,
            **_common(session, here, asked),
            **_alerts(session, here),
        )


@door.get("/<kind>")
def names(kind: str) -> ResponseReturnValue:
    """All names of a kind, or with `name` the days of one of them."""
    known = next((one for one in NAMED if one == kind), None)
    if known is None:
        abort(404)
    here, name = place(), request.args.get("name", "").replace("\x00", "")
    asked = _asked(here)
    with database().read() as session:
        common = _common(session, here, asked) | {"kind": known, "name": name}
        if name:
            series = overview.series(session, here.workspace.id, known, asked.days, name)
            chart = Chart(asked.days, series.numbers, NAMED[known][1])
            return render_template("overview/days.html", number=series.total, chart=chart, **common)
        found = overview.top(session, here.workspace.id, known, asked.days, _MANY)
    return render_template("overview/names.html", found=found, is_cut=len(found) == _MANY, **common)


def _common(session: Session, here: Place, asked: Asked) -> dict[str, Any]:
    return {
        "asked": asked,
        "choices": CHOICES,
        "named": NAMED,
        "link": link,
        "counted": lambda kind, name: _counted(kind, name, asked),
        "recounting": recounts.progress(session, here.workspace.id),
        "time_zone": workspaces.zone(here.workspace),
        "today": counts.date_of(counts.day_of(clock.now(), workspaces.zone(here.workspace))),
    }


def _alerts(session: Session, here: Place) -> dict[str, Any]:
    file = Path(str(database().engine.url.database)) if database().is_sqlite else None
    return {
        "silence": alerts.silence(session, here.workspace.id, workspaces.zone(here.workspace)),
        "refusals": alerts.refusals(session, here.workspace.id),
        "stopped": customers.stopped(session, here.workspace.id),
        "space": alerts.space(file),
        "knows_space": file is not None,
    }


def _cards(session: Session, here: Place, asked: Asked) -> list[Card]:
    id_, days, name = here.workspace.id, asked.days, counts.REGISTERED
    everybody = overview.until(session, id_, name, days)
    created, active = (overview.series(session, id_, kind, days, name) for kind in ("customer", "active"))
    events = overview.series(session, id_, "event", days)
    a_day = Compared(*(_average(number, days.number) for number in active.total))
    number_by_day = Chart(days, _sums(everybody.before, created.numbers), "customer")
    return [
        Card("Customers", everybody, number_by_day, _registered(asked)),
        Card("New customers", created.total, Chart(days, created.numbers, "new customer"), _created(asked)),
        Card("Events", events.total, Chart(days, events.numbers, "event"), (link("names", asked, "event"), "By name")),
        Card("Active customers a day", a_day, Chart(days, active.numbers, "active customer"), _seen(asked)),
    ]


def _average(number: float, days: int) -> float:
    """A day's share, as exact as it has a meaning."""
    found = number / days
    return round(found, 1) if 0 < found < 10 else round(found)


def _sums(before: float, numbers: list[int]) -> list[int]:
    """How many there were at the end of each day."""
    found, total = [], int(before)
    for number in numbers:
        total += number
        found.append(total)
    return found


def _registered(asked: Asked) -> tuple[str, str]:
    """Everybody, as far as they were there at the end of the last day."""
    until = [] if asked.latest is not None else [("where", str(Seen("created", Range(until=asked.dates[1]))))]
    return _people(("status", "registered"), *until), "All of them"


def _created(asked: Asked) -> tuple[str, str]:
    where = str(Seen("created", Range(*asked.dates)))
    return _people(("status", "registered"), ("sort", "created"), ("where", where)), "Who they are"


def _seen(asked: Asked) -> tuple[str, str] | None:
    """Who was seen in these days, if they go on until today: of others only the last time is known."""
    if asked.latest is None:
        return None
    where = str(Seen("last", Range(since=asked.dates[0])))
    return _people(("status", "registered"), ("where", where)), "Seen since then"


def _asked(here: Place) -> Asked:
    """The days that the address asks for; the usual ones where that can't be read."""
    today = counts.day_of(clock.now(), workspaces.zone(here.workspace))
    latest = next((number for number in CHOICES if str(number) == request.args.get("days")), _USUAL)
    usual = Asked(Days(today - latest + 1, today), latest)
    if not request.args.get("from") and not request.args.get("to"):
        return usual
    first, last = (_day(request.args.get(name, "")) for name in ("from", "to"))
    if first is None or last is None:
        return usual._replace(fault="Give both days, such as 2026-01-31.")
    if not first <= min(last, today):
        return usual._replace(fault="The first day is after the last one, or has not come yet.")
    last = min(last, today)
    if last - first >= overview.MOST_DAYS:
        return usual._replace(fault=f"At most {overview.MOST_DAYS} days are shown at once.")
    return Asked(Days(first, last), None)


def _day(text: str) -> int | None:
    try:
        found = date.fromisoformat(text)
    except ValueError:
        return None
    return counts.number_of(found) if found.year > 1900 and found.isoformat() == text else None


def link(page: str, asked: Asked, kind: str | None = None, name: str = "") -> str:
    """The address of a page of the overview for these days."""
    pairs = [*asked.pairs, *([("name", name)] if name else [])]
    return f"{url_for(f'overview.{page}', kind=kind)}?{urlencode(pairs)}"


def _counted(kind: Kind, name: str, asked: Asked) -> str:
    """The list of those who did something in these days, or whose visits began so."""
    days = Range(*asked.dates)
    where = Did(name, range=days) if kind == "event" else Visited("by" if kind == "source" else "in", name, days)
    return _people(("where", str(where)))


def _people(*pairs: tuple[str, str]) -> str:
    return f"{url_for('people.index')}?{urlencode(pairs)}"
