"""The description of the API: as OpenAPI for programs, as a page for people. Anybody may read both.

They say what every installation of the product does, and nothing of this one but the address that the reader has typed.
"""

from functools import cache
from typing import Any, NamedTuple

from flask import Blueprint, Response, current_app, render_template, request

from webapp import openapi, reference
from webapp.house import House
from webapp.openapi.answers import SCHEMAS
from webapp.openapi.rows import Row, bounds, kind, rows
from webapp.reference import rules, samples

door = Blueprint("docs", __name__)

_IN_REFERENCE = {openapi.braced(path): path for path in reference.ENDPOINTS}


class Shown(NamedTuple):
    """An endpoint as the page shows it. `id`: the anchor of its part of the page; `in_reference`: its path there."""

    id: str
    method: str
    path: str
    title: str
    words: list[str]
    keys: list[str]
    parameters: list[tuple[Row, str]]
    bodies: list[tuple[str, list[Row], str]]
    answers: list[tuple[str, list[Row], str]]
    refusals: list[tuple[int, str]]
    in_reference: str


@door.get("/openapi.json")
def document() -> Response:
    """The document, for the address by which it is asked for."""
    found = openapi.text(_server())
    response = Response(found.text, mimetype="application/json")
    response.headers["Cache-Control"] = "no-cache"  # kept, and asked for again by its ETag
    response.set_etag(found.digest)
    response.make_conditional(request)
    return response


@door.get("/docs")
def show() -> str:
    """The page."""
    shared = {name: list(rows(SCHEMAS[name])) for name in ("Change", "Error", "Fault")}
    error = samples.as_json(rules.ERROR)
    return render_template(
        "docs/docs.html", families=_families(), server=_server(), shared=shared, faults=rules.FAULTS, error=error
    )


def _server() -> str:
    """The address of the API: as it is set, else as the reader knows it."""
    house: House = current_app.extensions["house"]
    return (house.public_url or request.host_url).rstrip("/")


@cache
def _families() -> dict[str, list[Shown]]:
    """All endpoints, as the document has them at any address."""
    found: dict[str, list[Shown]] = {}
    for path, methods in openapi.document("")["paths"].items():
        for method, told in methods.items():
            found.setdefault(told["tags"][0], []).append(_shown(path, method, told))
    return found


def _shown(path: str, method: str, told: dict[str, Any]) -> Shown:
    responses = told["responses"]
    return Shown(
        id=told["operationId"],
        method=method.upper(),
        path=path,
        title=told["summary"],
        words=told["description"].split("\n\n"),
        keys=[name.removesuffix("Key") for one in told["security"] for name in one],
        parameters=[(_parameter(one), one["in"]) for one in told["parameters"]],
        bodies=_contents(told.get("requestBody", {})),
        answers=_contents(responses["200"]),
        refusals=[(int(status), _meaning(int(status), one)) for status, one in responses.items() if status != "200"],
        in_reference=_IN_REFERENCE.get(path, ""),
    )


def _parameter(told: dict[str, Any]) -> Row:
    schema = told["schema"]
    return Row(told["name"], kind(schema), bounds(schema), told["description"], told["required"])


def _contents(told: dict[str, Any]) -> list[tuple[str, list[Row], str]]:
    """Of each media type, the fields and an example."""
    return [
        (media_type, list(rows(one["schema"])), _example(one.get("example", "")))
        for media_type, one in told.get("content", {}).items()
    ]


def _example(value: Any) -> str:
    return value if isinstance(value, str) else samples.as_json(value)


def _meaning(status: int, told: dict[str, Any]) -> str:
    return rules.STATUSES[status] if "$ref" in told else told["description"]
