"""The world map: where on it a country is. maps/world.py makes its outlines and the table of centres."""

import json
from functools import cache
from pathlib import Path
from typing import NamedTuple

# Equirectangular, true at 34° north and south; without Antarctica. Latitudes in degrees, the size in units.
TOP, BOTTOM = 84, -57
_X_SCALE, _Y_SCALE = 5 / 3, 2
WIDTH, HEIGHT = 600, _Y_SCALE * (TOP - BOTTOM)


class Spot(NamedTuple):
    """A place on the map, in its units from the left and from the top."""

    x: float
    y: float


def at(longitude: float, latitude: float) -> Spot:
    """Where something is that lies there, in degrees."""
    return Spot(round((longitude + 180) * _X_SCALE, 1), round((TOP - latitude) * _Y_SCALE, 1))


def country(code: str) -> Spot | None:
    """About the middle of the largest part of a country (ISO 3166 alpha-2), None where it isn't known."""
    found = _centres().get(code)
    return None if found is None else at(*found)


@cache
def _centres() -> dict[str, tuple[float, float]]:
    found: dict[str, tuple[float, float]] = json.loads(Path(__file__).with_name("centres.json").read_text())
    return found
