"""The machine door: the documented ingestion API, and what may be read by a key, in JSON."""

from http import HTTPStatus

from flask import Flask, Response, request
from flask_wtf import CSRFProtect
from werkzeug.exceptions import HTTPException

from webapp.api import (
    batches,
    browsers,
    erasures,
    errors,
    key,
    lists,
    mobile,
    profiles,
    rest,
    timelines,
    track,
    vocabulary,
)
from webapp.api.door import Ahead, Door, keyed, response, unexpected
from webapp.house import House
from webapp.keys import KINDS

# What is sent, by POST. An app has the address of whoever holds the phone.
_SERVERS = rest.ENDPOINTS | track.ENDPOINTS | batches.ENDPOINTS
ENDPOINTS = {path: keyed(endpoint, "server") for path, endpoint in _SERVERS.items()}
ENDPOINTS |= {path: keyed(endpoint, "server", whence="a mobile app") for path, endpoint in mobile.ENDPOINTS.items()}
ENDPOINTS |= browsers.ENDPOINTS
# What is asked, by GET; the paths are rules of routes, and their parts go to the endpoint.
READING = {path: keyed(endpoint, *KINDS) for path, endpoint in key.ENDPOINTS.items()}
READING |= {path: keyed(endpoint, "privacy") for path, endpoint in erasures.READING.items()}
READING |= {path: keyed(endpoint, "read", "privacy") for path, endpoint in erasures.EXPORTING.items()}
# What is done by POST with a person; the paths are rules of routes too. Server keys stand in apps, where they can be
# found: they never take anything away.
ACTING = {path: keyed(endpoint, "privacy") for path, endpoint in erasures.ACTING.items()}
for readers in (profiles.ENDPOINTS, timelines.ENDPOINTS, lists.ENDPOINTS, vocabulary.ENDPOINTS):
    READING |= {path: keyed(endpoint, "read") for path, endpoint in readers.items()}
BATCHES = batches.ENDPOINTS.keys()
PREFIXES = ("/rest-api/", "/track/", "/api/")


def is_api(path: str) -> bool:
    """Whether a path belongs to this door, so that also its errors are JSON."""
    # The mobile endpoints stand among the pages: no more than exactly their paths belongs to this door.
    return f"{path}/".startswith(PREFIXES) or path in mobile.ENDPOINTS


def register(app: Flask, house: House, csrf: CSRFProtect) -> None:
    """Hang the machine door in: in Flask's map of routes, and ahead of it for the requests that matter."""
    door = Door(house, ENDPOINTS)
    csrf.exempt(door.view)  # machines carry keys, not cookies
    for path in ENDPOINTS:
        app.add_url_rule(path, f"api.{path[1:]}", door.view, methods=["POST"], provide_automatic_options=False)
    for rule, endpoint in READING.items():
        view = door.reading(rule, endpoint)
        app.add_url_rule(rule, f"api.{rule[1:]}", view, methods=["GET"], provide_automatic_options=False)
    for rule, endpoint in ACTING.items():
        view = csrf.exempt(door.acting(rule, endpoint))
        app.add_url_rule(rule, f"api.{rule[1:]}", view, methods=["POST"], provide_automatic_options=False)
    app.wsgi_app = Ahead(app.wsgi_app, door)  # type: ignore[method-assign]


def error_response(error: Exception) -> Response:
    """The JSON answer to an error before any endpoint was reached: wrong method, unknown path."""
    if isinstance(error, HTTPException):
        status = error.code or 500
        allow = {name: value for name, value in error.get_headers() if name == "Allow"}
        told = errors.of_status(status, _in_words(error), allow)
    else:
        told = unexpected(error)
    return response(errors.reply(told))


def _in_words(error: HTTPException) -> str:
    if error.code == HTTPStatus.METHOD_NOT_ALLOWED:
        # HEAD goes without saying.
        allowed = sorted(set(getattr(error, "valid_methods", None) or ["POST"]) - {"HEAD"})
        return f"{request.method} is not allowed here; use {' or '.join(allowed)}"
    if error.code == HTTPStatus.NOT_FOUND:
        return f"there is no endpoint {request.path}"
    return (error.description or error.name).rstrip(".")
