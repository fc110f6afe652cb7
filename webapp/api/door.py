"""The machine door: every ingestion request, from its key to its answer, whichever way it came in."""

from collections.abc import Callable, Iterable, Mapping
from time import perf_counter
from typing import TYPE_CHECKING

from flask import Response, request
from werkzeug.http import HTTP_STATUS_CODES

from webapp import db, headers, logs
from webapp.api import dry_runs, errors, refusing
from webapp.api.call import KEY_HEADER, Call, hear_out
from webapp.api.errors import ApiError
from webapp.api.replies import Reply
from webapp.house import House

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

Endpoint = Callable[[Call], Reply]


def keyed(endpoint: Endpoint) -> Endpoint:
    """An endpoint for who carries a server's key in a header. Raises ApiError (401)."""

    def entered(call: Call) -> Reply:
        call.enter(call.header(KEY_HEADER) or "", "server")
        return endpoint(call)

    return entered


class Door:
    """Has each request's endpoint answer it, and turns every error into an answer too."""

    def __init__(self, house: House, endpoints: Mapping[str, Endpoint]) -> None:
        self.endpoints = endpoints
        self._house = house

    def answer(self, environ: "WSGIEnvironment") -> Reply:
        """The answer to a POST to one of the endpoints."""
        began = perf_counter()
        path, call = environ["PATH_INFO"], Call(self._house, environ)
        error: ApiError | None = None
        failure: Exception | None = None
        try:
            call.is_dry_run = dry_runs.is_asked_for(environ)
            found = self.endpoints[path](call)
        except ApiError as raised:
            error = raised
        except Exception as raised:
            error, failure = unexpected(raised), raised
            self._house.readiness.refused(db.trouble(raised))
        if error is not None:
            if call.key is None:  # nobody may have read the body
                hear_out(environ)
            elif error.status < 500 and not call.is_dry_run:
                refusing.note(call, error)
            found = errors.reply(error)
        elif call.parts and not call.is_dry_run:
            refusing.note(call, None)
        if call.headers:
            found = found._replace(headers=found.headers | call.headers)
        seconds = perf_counter() - began
        self._house.metrics.answered(path, found.status, seconds)
        if error is not None:
            codes = [fault["type"] for fault in error.faults]
            self._house.metrics.refused(path, codes)
            told = {"codes": sorted(set(codes))} | ({} if call.key is None else {"key": call.key.public_id})
            logs.answered("POST", path, found.status, seconds, failure, **told)
        return found

    def view(self) -> Response:
        """Answer a request that came through Flask."""
        return response(self.answer(request.environ))


_MIMETYPE = "application/json"


def response(found: Reply) -> Response:
    """A reply as Flask gives it."""
    return Response(found.body, found.status, found.headers, mimetype=_MIMETYPE)


class Ahead:
    """WSGI middleware: answers ingestion requests ahead of Flask's own dispatch, which takes as long as all the rest.

    What it answers is byte for byte what Flask would (see docs/decisions/0010).
    """

    def __init__(self, app: "WSGIApplication", door: Door) -> None:
        self._app = app
        self._door = door

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] != "POST" or environ["PATH_INFO"] not in self._door.endpoints:
            return self._app(environ, start_response)
        found = self._door.answer(environ)
        start_response(
            f"{found.status} {HTTP_STATUS_CODES[found.status].upper()}",
            [
                ("Content-Type", _MIMETYPE),
                ("Content-Length", str(len(found.body))),
                *found.headers.items(),
                *headers.of_api(is_secure=environ["wsgi.url_scheme"] == "https"),
            ],
        )
        return [found.body]


def unexpected(error: Exception) -> ApiError:
    """What to tell of an error of the database, or of ours."""
    trouble = db.trouble(error)
    if trouble is not None:
        return errors.of_trouble(trouble)
    return errors.of_status(500, "something went wrong on the server; nothing of this request was stored")
