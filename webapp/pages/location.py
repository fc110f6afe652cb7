"""Where a person's visits came from: a list of places, and their countries on a map."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from flask import current_app
from sqlalchemy.orm import Session

from webapp import visits, world
from webapp.house import House
from webapp.pages import shared
from webapp.pages.guards import Place
from webapp.pages.panels import Panel, Person
from webapp.visits import Stay


class Pin(NamedTuple):
    """A country on the map, and its cities that are in the list. `is_latest`: the last visit came from there."""

    country: str
    cities: list[str]
    spot: world.Spot
    is_latest: bool


def read(session: Session, here: Place, person: Person) -> dict[str, Any]:
    """The places of the first and the last visits."""
    stays = visits.stays(session, person.ids, person.as_of)
    return {
        "stays": stays,
        "visit_ends": shared.visit_ends(session, here, person),
        "knows_places": _knows_places(),
        "pins": _pins(stays),
        "map_size": (world.WIDTH, world.HEIGHT),
    }


def _knows_places() -> bool:
    """Whether the server has any way to know where a visit comes from."""
    house: House = current_app.extensions["house"]
    return house.places.metadata is not None or house.country_header is not None


def _pins(stays: Iterable[Stay]) -> list[Pin]:
    """The countries of these places that the map knows, the latest last, so that it lies above its neighbours."""
    cities: dict[str, list[str]] = {}
    for stay in stays:
        known = cities.setdefault(stay.place.country, [])
        if stay.place.city and stay.place.city not in known:
            known.append(stay.place.city)
    latest = next(iter(cities), None)
    spots = [(code, world.country(code)) for code in cities]
    return [Pin(code, cities[code], spot, code == latest) for code, spot in reversed(spots) if spot is not None]


PANEL = Panel("location", "Location Info", read)
