"""Watching requests: each answer goes into the metrics and, as far as LOG_LEVEL wants it, into the log."""

import time

from flask import Flask, Response, g, request

from webapp import logs
from webapp.metrics import NO_ROUTE, metrics


def register(app: Flask) -> None:
    """Watch all requests that reach Flask; ingestion is answered ahead of it, and tells more of its own."""
    app.before_request(_begin)
    app.after_request(_end)


def failed(error: Exception) -> None:
    """Remember the error behind the answer of this request, for its line in the log."""
    g.failure = error


def _begin() -> None:
    g.began = time.perf_counter()


def _end(response: Response) -> Response:
    if (request.endpoint or "").startswith("api."):
        return response  # the machine door watches itself
    endpoint = NO_ROUTE if request.url_rule is None else request.url_rule.rule
    seconds = time.perf_counter() - g.began
    metrics().answered(endpoint, response.status_code, seconds)
    failure = g.get("failure") if response.status_code >= 500 else None
    logs.answered(request.method, endpoint, response.status_code, seconds, failure=failure)
    return response
