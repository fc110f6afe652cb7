"""Makes the world map of the Location panel: static/world.svg and webapp/centres.json.

    npm pack world-atlas@2.0.2 && tar xzf world-atlas-2.0.2.tgz
    python maps/world.py package/countries-110m.json package/countries-10m.json

Both files are TopoJSON of Natural Earth 4.1, which is in the public domain: the coarse one gives the land's outlines,
the fine one, which has the small countries too, where on the map a country is.
"""

import json
import sys
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

from babel.core import get_global

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from webapp import world  # noqa: E402 - it is the checkout's, installed or not

_SMALLEST = 6  # square units of the map: smaller islands can't be seen
_WIDEST = 300  # degrees
_NUMBERLESS = {"Kosovo": "XK"}
Point = tuple[float, float]  # degrees of longitude and latitude, or units of the map


def _arcs(topology: dict[str, Any]) -> list[list[Point]]:
    """The lines that all shapes are made of, in degrees."""
    (x_scale, y_scale), (x_shift, y_shift) = topology["transform"]["scale"], topology["transform"]["translate"]
    arcs = []
    for steps in topology["arcs"]:
        x = y = 0
        points = []
        for step in steps:
            x, y = x + step[0], y + step[1]
            points.append((x * x_scale + x_shift, y * y_scale + y_shift))
        arcs.append(points)
    return arcs


def _rings(arcs: list[list[Point]], shape: dict[str, Any]) -> Iterator[list[Point]]:
    """The outer rings of a shape, in degrees, but for those around a pole. Beyond the 180th meridian they go on."""
    polygons = {"Polygon": [shape.get("arcs")], "MultiPolygon": shape.get("arcs")}.get(shape["type"], [])
    for polygon in polygons:
        # The complement of a number means the same line the other way round.
        lines = [arcs[number] if number >= 0 else arcs[~number][::-1] for number in polygon[0]]
        ring: list[Point] = []
        for longitude, latitude in (point for line in lines for point in line[:-1]):
            turns = round((ring[-1][0] - longitude) / 360) if ring else 0
            ring.append((longitude + 360 * turns, latitude))
        if abs(ring[0][0] - ring[-1][0]) < _WIDEST:
            yield ring


def _on_map(rings: Iterable[list[Point]]) -> Iterator[list[Point]]:
    """These rings, and those that go over an edge of the map at the other edge too."""
    for ring in rings:
        longitudes = [longitude for longitude, _ in ring]
        for turn in (-360, 0, 360):
            if max(longitudes) + turn > -180 and min(longitudes) + turn < 180:
                yield [(longitude + turn, latitude) for longitude, latitude in ring]


def _area(ring: list[Point]) -> float:
    return sum(x * b - a * y for (x, y), (a, b) in zip(ring, [*ring[1:], ring[0]], strict=True)) / 2


def _centroid(ring: list[Point]) -> Point:
    sides = zip(ring, [*ring[1:], ring[0]], strict=True)
    pairs = [(one, other, one[0] * other[1] - other[0] * one[1]) for one, other in sides]
    whole = 3 * sum(part for *_, part in pairs)
    return (
        sum((one[0] + other[0]) * part for one, other, part in pairs) / whole,
        sum((one[1] + other[1]) * part for one, other, part in pairs) / whole,
    )


def _path(rings: Iterable[list[Point]]) -> str:
    """Rings of degrees as an SVG path of whole units."""
    parts = []
    for ring in rings:
        points: list[tuple[int, int]] = []
        for longitude, latitude in ring:
            x, y = world.at(longitude, min(latitude, world.TOP))
            if not points or points[-1] != (round(x), round(y)):
                points.append((round(x), round(y)))
        is_seen = abs(_area([(float(x), float(y)) for x, y in points])) >= _SMALLEST
        if is_seen and max(latitude for _, latitude in ring) > world.BOTTOM:
            steps = [(a - x, b - y) for (x, y), (a, b) in pairwise(points)]
            line = "".join(f"{_joined(x)}{_joined(y)}" for x, y in steps).strip()
            parts.append(f"M{points[0][0]} {points[0][1]}l{line}z")
    return "".join(parts)


def _joined(number: int) -> str:
    return str(number) if number < 0 else f" {number}"


def main(coarse: str, fine: str) -> None:
    """Write both files."""
    topology = json.loads(Path(coarse).read_text())
    (land,) = topology["objects"]["land"]["geometries"]
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {world.WIDTH} {world.HEIGHT}">'
    outlines = f'<path id="land" d="{_path(_on_map(_rings(_arcs(topology), land)))}"/>'
    (ROOT / "static" / "world.svg").write_text(f"{head}{outlines}</svg>\n")
    codes = {number: code[0] for number, code in get_global("territory_aliases").items() if number.isdigit()}
    topology = json.loads(Path(fine).read_text())
    arcs, centres = _arcs(topology), {}
    for country in topology["objects"]["countries"]["geometries"]:
        code = codes.get(country.get("id", "")) or _NUMBERLESS.get(country["properties"]["name"])
        rings = list(_rings(arcs, country))
        largest = max(rings, key=lambda ring: abs(_area(ring)), default=[])
        if code and largest and _area(largest):
            longitude, latitude = _centroid(largest)
            centres[code] = [round((longitude + 180) % 360 - 180, 1), round(latitude, 1)]
    lines = ",\n".join(f'  "{code}": {json.dumps(centres[code])}' for code in sorted(centres))
    (ROOT / "webapp" / "centres.json").write_text(f"{{\n{lines}\n}}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
