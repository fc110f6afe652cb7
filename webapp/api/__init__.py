"""The machine door: the documented ingestion API, in JSON."""

import logging
from http import HTTPStatus

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException

from webapp import db, doors
from webapp.api import door, errors, mobile, rest, track
from webapp.api.errors import ApiError

log = logging.getLogger(__name__)

DOORS = (rest.door, track.door, mobile.door)
PREFIXES = tuple(f"{one.url_prefix}/" for one in DOORS if one.url_prefix)


def is_api(path: str) -> bool:
    """Whether a path belongs to this door, so that also its errors are JSON."""
    # The mobile endpoints stand among the pages: no more than exactly their paths belongs to this door.
    return f"{path}/".startswith(PREFIXES) or path in mobile.PATHS


def register(app: Flask) -> None:
    """Hang the machine door in, behind its guard."""
    for blueprint in DOORS:
        doors.hang(app, blueprint, door.guard)
    app.register_error_handler(ApiError, errors.answer)


def error_response(error: Exception) -> Response:
    """The JSON answer to an error of HTTP, of the database or of ours."""
    if isinstance(error, HTTPException):
        status = error.code or 500
        allow = {name: value for name, value in error.get_headers() if name == "Allow"}
        return errors.answer(errors.of_status(status, _in_words(error), allow))
    trouble = db.trouble(error)
    if trouble is None:
        log.exception("an ingestion request failed")
        words = "something went wrong on the server; nothing of this request was stored"
        return errors.answer(errors.of_status(500, words))
    return errors.answer(errors.of_trouble(trouble))


def _in_words(error: HTTPException) -> str:
    if error.code == HTTPStatus.METHOD_NOT_ALLOWED:
        return f"{request.method} is not allowed here; use POST"
    if error.code == HTTPStatus.NOT_FOUND:
        return f"there is no endpoint {request.path}"
    return (error.description or error.name).rstrip(".")
