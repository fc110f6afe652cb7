"""The machine door: the documented ingestion API, in JSON."""

from http import HTTPStatus

from flask import Flask, Response, request
from flask_wtf import CSRFProtect
from werkzeug.exceptions import HTTPException

from webapp.api import batches, browsers, errors, mobile, rest, track
from webapp.api.door import Ahead, Door, keyed, response, unexpected
from webapp.house import House

_KEYED = rest.ENDPOINTS | track.ENDPOINTS | mobile.ENDPOINTS | batches.ENDPOINTS
ENDPOINTS = {path: keyed(endpoint) for path, endpoint in _KEYED.items()} | browsers.ENDPOINTS
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
        return f"{request.method} is not allowed here; use POST"
    if error.code == HTTPStatus.NOT_FOUND:
        return f"there is no endpoint {request.path}"
    return (error.description or error.name).rstrip(".")
