"""What an operator's own tools ask: whether the server lives, works, and how much."""

from webapp.openapi.shapes import Operation, Schema
from webapp.reference.shapes import Described

_LINES: Schema = {"type": "string"}


def _asked(path: str, title: str, words: str, *statuses: int) -> Operation:
    told = Described(path, title, words, (), lambda _: {}, {}, is_asked=True)
    return Operation(told, {"text/plain": _LINES}, keys=(), statuses=statuses, method="get", is_open=True)


OPERATIONS = (
    _asked(
        "/healthz",
        "Is the process there",
        "Answers `ok` as long as the process serves, without asking the database.",
    ),
    _asked(
        "/readyz",
        "Can it do its work",
        "Answers `ok`, or 503 with the reason: the database is away, full, damaged …",
        503,
    ),
    _asked(
        "/metrics",
        "Counters for Prometheus",
        "With `Authorization: Bearer` and the METRICS_TOKEN or, while there is none, from the same machine: 401 and "
        "404 for everybody else.",
        401,
        404,
    ),
)
