"""Logs: a line for each thing worth knowing, with the id of its request and without anybody's data.

What lines may carry: the rule of a route (never a path or a query), statuses, reason codes, public ids of keys, where
in the code something failed. What they never carry: values, bodies, search texts, addresses, ids of customers, nor the
messages of exceptions, which repeat values.
"""

import json
import logging
import logging.config
import random
import re
import sys
import time
import traceback
from collections.abc import Iterable, Iterator
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from sqlalchemy.exc import DBAPIError, OperationalError

from webapp.config import Settings

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

requests = logging.getLogger("webapp.requests")

REQUEST_ID_HEADER = "X-Request-Id"
_SANE_ID = re.compile(r"[A-Za-z0-9._-]{8,64}", re.ASCII)

# The id of the request that this thread answers now; empty outside of requests.
request_id: ContextVar[str] = ContextVar("request_id", default="")


def new_request_id() -> str:
    """16 hexadecimal digits, not to be met again."""
    # Nobody gains by guessing it. Asking the system for random bytes lets other threads run, and costs the turn.
    return f"{random.getrandbits(64):016x}"


class RequestIds:
    """WSGI middleware: gives each request an id, and sends it back in every answer.

    It takes the one that came in `X-Request-Id`; TrustedProxies, which stands before, lets only trusted ones through.
    """

    def __init__(self, app: "WSGIApplication") -> None:
        self._app = app

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        sent: str | None = environ.get("HTTP_X_REQUEST_ID")
        own = sent if sent is not None and _SANE_ID.fullmatch(sent) else new_request_id()
        request_id.set(own)

        def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            return start_response(status, [*headers, (REQUEST_ID_HEADER, own)], exc_info)

        return self._app(environ, start)


def answered(
    method: str, endpoint: str, status: int, seconds: float, failure: BaseException | None = None, **fields: Any
) -> None:
    """Note an answered request: failures of ours as errors, refusals as information, the rest for debugging.

    `endpoint`: the rule of the route, never the path. `fields`: more to say, such as `codes` (of the faults) and `key`
    (its public id). `failure`: the exception behind a 5xx; its traceback is logged where the fault is ours (500).
    """
    level = logging.ERROR if status >= 500 else logging.INFO if status >= 400 else logging.DEBUG
    if not requests.isEnabledFor(level):
        return
    told = {"method": method, "endpoint": endpoint, "status": status, "ms": round(seconds * 1000, 1), **fields}
    if failure is not None and status != 500:  # the database is away or full: no matter where that was met
        told["error"] = _cause(failure)
    requests.log(level, "answered", extra={"fields": told}, exc_info=failure if status == 500 else None)


def panel_failed(name: str, failure: BaseException) -> None:
    """Note that a part of a page could not be shown, while the rest of it was."""
    requests.error("panel failed", extra={"fields": {"panel": name}}, exc_info=failure)


def configure(settings: Settings) -> None:
    """Let this process log as the settings say, for servers that don't do it themselves."""
    logging.config.dictConfig(configuration(settings))


def configuration(settings: Settings) -> dict[str, Any]:
    """What `logging.config.dictConfig` needs. LOG_LEVEL is for our own lines; libraries only warn."""
    kind = settings.log_format or ("text" if sys.stderr.isatty() else "json")
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"()": JsonLines if kind == "json" else TextLines}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
        "loggers": {"webapp": {"level": settings.log_level.upper()}},
        "root": {"handlers": ["stderr"], "level": "WARNING"},
    }


class JsonLines(logging.Formatter):
    """One JSON object a line: time, level, logger, message, request_id, then what else is known."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        said = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            "request_id": request_id.get(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            said |= {"error": _cause(record.exc_info[1]), "traceback": "".join(_frames(record.exc_info[1]))}
        return json.dumps({name: value for name, value in said.items() if value != ""}, default=str)


class TextLines(logging.Formatter):
    """Lines for somebody who watches a terminal."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, and a traceback below it."""
        fields = {**getattr(record, "fields", {}), "request_id": request_id.get()}
        if record.exc_info:
            fields["error"] = _cause(record.exc_info[1])
        told = " ".join(f"{name}={value}" for name, value in fields.items() if value != "")
        line = f"{_time(record)} {record.levelname.lower():<7} {record.name}: {record.getMessage()}"
        trace = "".join(_frames(record.exc_info[1])) if record.exc_info else ""
        return f"{line} {told}\n{trace}".rstrip()


def _time(record: logging.LogRecord) -> str:
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(record.created))}.{int(record.msecs):03}Z"


def _cause(error: BaseException | None) -> str:
    """The kind of an error, and of the database's own its code, or what it says of being away or full."""
    kind = type(error).__qualname__
    if not isinstance(error, DBAPIError):
        return kind
    code = getattr(error.orig, "sqlstate", None) or getattr(error.orig, "sqlite_errorname", None)
    words = str(error.orig).partition("\n")[0] if isinstance(error, OperationalError) else ""
    return ": ".join(part for part in (kind, code, words) if part)


def _frames(error: BaseException | None) -> Iterator[str]:
    # Without the messages, which repeat values: what PostgreSQL says of a duplicate is the e-mail address itself.
    if error is None:
        return
    earlier = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if earlier is not None:
        yield from _frames(earlier)
        yield "which led to\n"
    yield from traceback.format_tb(error.__traceback__)
    yield f"{_cause(error)}\n"
