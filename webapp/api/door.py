"""The machine door: every request of a machine, from its key to its answer, whichever way it came in."""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from http import HTTPStatus
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
from webapp.keys import Kind

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

Endpoint = Callable[[Call], Reply]


def keyed(endpoint: Callable[..., Reply], *kinds: Kind, whence: str = "") -> Callable[..., Reply]:
    """An endpoint for who carries a key of one of these kinds in a header. Raises ApiError (401, 429).

    `whence`: what is noted as the place where the key is used, instead of the address. What the endpoint is given
    beside the call are the parts of its path.
    """

    def entered(call: Call, **parts: str) -> Reply:
        key = call.enter(call.header(KEY_HEADER) or "", *kinds)
        # Pages are heard by their own door alone.
        call.use(None if key.kind == "browser" else whence or call.address)
        return endpoint(call, **parts)

    return entered


class Door:
    """Has each request's endpoint answer it, and turns every error into an answer too."""

    def __init__(self, house: House, endpoints: Mapping[str, Endpoint]) -> None:
        self.endpoints = endpoints
        self._house = house

    def answer(self, environ: "WSGIEnvironment") -> Reply:
        """The answer to a POST to one of the endpoints."""
        path = environ["PATH_INFO"]
        return self._answer(Call(self._house, environ), path, self.endpoints[path])

    def _answer(self, call: Call, rule: str, endpoint: Endpoint, *, is_kept: bool = True) -> Reply:
        """The answer of an endpoint. `rule`: that of its route, never its path. `is_kept`: what it refuses."""
        began = perf_counter()
        error: ApiError | None = None
        failure: Exception | None = None
        try:
            call.is_dry_run = dry_runs.is_asked_for(call.environ)
            found = endpoint(call)
        except ApiError as raised:
            error = raised
        except Exception as raised:
            error, failure = unexpected(raised), raised
            self._house.readiness.refused(db.trouble(raised))
        if not call.is_reading:
            _keep(call, error, is_kept=is_kept)
        if error is not None:
            found = errors.reply(error)
        if call.headers:
            found = found._replace(headers=found.headers | call.headers)
        seconds = perf_counter() - began
        self._house.metrics.answered(rule, found.status, seconds)
        if error is not None:
            codes = [fault["type"] for fault in error.faults]
            self._house.metrics.refused(rule, codes)
            told = {"codes": sorted(set(codes))} | ({} if call.key is None else {"key": call.key.public_id})
            logs.answered(call.environ["REQUEST_METHOD"], rule, found.status, seconds, failure, **told)
        return found

    def view(self) -> Response:
        """Answer a POST that came through Flask."""
        return response(self.answer(request.environ))

    def reading(self, rule: str, endpoint: Callable[..., Reply]) -> Callable[..., Response]:
        """The view of an endpoint that is asked by GET; it is given the parts of its path."""

        def view(**parts: str) -> Response:
            return response(self._answer(Call(self._house, request.environ), rule, partial(endpoint, **parts)))

        return view

    def acting(self, rule: str, endpoint: Callable[..., Reply]) -> Callable[..., Response]:
        """Likewise, of one that is asked to do something by POST. What it refuses isn't kept: it may name somebody."""

        def view(**parts: str) -> Response:
            call = Call(self._house, request.environ)
            found = self._answer(call, rule, partial(endpoint, **parts), is_kept=False)
            return response(found)

        return view


def _keep(call: Call, error: ApiError | None, *, is_kept: bool) -> None:
    """Keep what was refused of a request that was let in; take in a body that nobody has read."""
    if error is not None and (call.key is None or error.status == HTTPStatus.TOO_MANY_REQUESTS) and not call.body:
        hear_out(call.environ)
    if (
        is_kept
        and call.key is not None
        and not call.is_dry_run
        and (call.parts if error is None else error.status < 500)
    ):
        refusing.note(call, error)


_MIMETYPE = "application/json"


def response(found: Reply) -> Response:
    """A reply as Flask gives it."""
    if found.pieces is not None:
        return Response(found.pieces, found.status, found.headers, content_type=found.headers["Content-Type"])
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
