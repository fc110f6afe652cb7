"""The hosts that this server answers to, where ALLOWED_HOSTS names them."""

import re
from collections.abc import Iterable, Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING

from flask import Response, request

from webapp import api, headers
from webapp.api import errors
from webapp.api.call import hear_out

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

# Whoever looks whether the server lives asks by its address.
_PROBES = {"/healthz", "/readyz"}
_SHAPE = re.compile(r"([a-z0-9._-]+|\[[0-9a-f:.]+\])(?::\d*)?", re.ASCII | re.IGNORECASE)  # name, port
_STATUS = HTTPStatus.BAD_REQUEST
_WORDS = "this server doesn't answer to that host name; ALLOWED_HOSTS lists those that it answers to"


def only(app: "WSGIApplication", allowed: Sequence[str]) -> "WSGIApplication":
    """The app for requests to allowed hosts; others are told so by a 400, at both doors. No hosts: any is allowed."""
    if not allowed:
        return app
    names = frozenset(one for one in allowed if not one.startswith("*"))
    ends = tuple(one[1:] for one in allowed if one.startswith("*"))

    def answer(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        shape = _SHAPE.fullmatch(environ.get("HTTP_HOST", ""))
        name = "" if shape is None else shape[1].lower()
        if name in names or name.endswith(ends) or environ["PATH_INFO"] in _PROBES:
            return app(environ, start_response)
        hear_out(environ)
        return _refusal(environ, start_response)

    return answer


def without(response: Response) -> Response:
    """Let a redirect to a path that is written better lead to that path, not to whatever host the request names."""
    if response.location is not None and response.location.startswith(request.host_url):
        response.location = "/" + response.location.removeprefix(request.host_url).lstrip("/")
    return response


def _refusal(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
    is_secure = environ["wsgi.url_scheme"] == "https"
    if api.is_api(environ["PATH_INFO"]):
        kind, body = "application/json", errors.reply(errors.of_status(_STATUS, _WORDS)).body
    else:
        kind, body = "text/plain; charset=utf-8", f"{_WORDS}\n".encode()
    told = [("Content-Type", kind), ("Content-Length", str(len(body))), *headers.of_api(is_secure=is_secure)]
    start_response(f"{_STATUS.value} {_STATUS.phrase.upper()}", told)
    return [body] if environ["REQUEST_METHOD"] != "HEAD" else []
