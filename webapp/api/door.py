"""The machine door: every ingestion request, from its key to its answer, whichever way it came in."""

from collections.abc import Callable, Iterable, Mapping
from time import perf_counter
from typing import TYPE_CHECKING

from flask import Response, request
from werkzeug.http import HTTP_STATUS_CODES

from webapp import db, headers, keys, logs
from webapp.api import errors
from webapp.api.call import KEY_HEADER, Call, header, hear_out
from webapp.api.errors import ApiError, fault
from webapp.api.replies import Reply
from webapp.house import House
from webapp.ingest import retries
from webapp.models import ApiKey

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

Endpoint = Callable[[Call], Reply]


class Door:
    """Lets in who carries a valid key, has its endpoint answer, and turns every error into an answer too."""

    def __init__(self, house: House, endpoints: Mapping[str, Endpoint]) -> None:
        self.endpoints = endpoints
        self._house = house
        self._keys = keys.Known(house.database)

    def answer(self, environ: "WSGIEnvironment") -> Reply:
        """The answer to a POST to one of the endpoints."""
        began = perf_counter()
        path, key = environ["PATH_INFO"], None
        error: ApiError | None = None
        failure: Exception | None = None
        try:
            key = self._key(environ)
            found = self.endpoints[path](Call(self._house, environ, key))
        except ApiError as raised:
            error = raised
        except Exception as raised:
            error, failure = unexpected(raised), raised
            self._house.readiness.refused(db.trouble(raised))
        if error is not None:
            if key is None:  # nobody has read the body
                hear_out(environ)
            found = errors.reply(error)
        seconds = perf_counter() - began
        self._house.metrics.answered(path, found.status, seconds)
        if error is not None:
            codes = [fault["type"] for fault in error.faults]
            self._house.metrics.refused(path, codes)
            told = {"codes": sorted(set(codes))} | ({} if key is None else {"key": key.public_id})
            logs.answered("POST", path, found.status, seconds, failure, **told)
        return found

    def _key(self, environ: "WSGIEnvironment") -> ApiKey:
        key = self._keys.authenticate(header(environ, KEY_HEADER) or "")
        if key is None:
            message = f"the API key is missing or not valid; send it in the {KEY_HEADER} header"
            raise ApiError(401, [fault(message, "key.invalid", ["headers", KEY_HEADER])])
        if keys.needs_touch(key):  # about once a minute, which is also often enough to tidy up
            with self._house.database.write() as session:
                keys.touch(session, key.id)
                retries.forget_old(session)
        return key

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
