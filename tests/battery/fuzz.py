"""F1: hundreds of thousands of bodies on every ingestion endpoint. Through the app within this process, for speed."""

import gzip
import io
import json
import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from flask import Flask

from tests.battery import grammar, planted
from tests.battery.client import Answer
from tests.battery.grammar import BROWSER, BROWSER_KEY, KINDS
from tests.battery.ground import Ground
from tests.battery.outcome import Outcome
from tests.conftest import settings_for
from tests.server import create_database
from tests.world import SMALLEST
from webapp import create_app, keys, migrate, workspaces

PLANTED = "faults planted"
BATCHES = "batches"
BATCH = "/api/v1/batch"
_ORIGIN = "https://shop.example"
_SLOWEST = 1.0  # seconds
_LOOKS = 3  # at a body that took longer: one that is slow by itself is slow each time
_KEYS = {"success", "accepted", "refused", "ignored", "did", "sid"}


@dataclass(frozen=True)
class _Sent:
    """A request. `faults`: all that it has, where they are known; in a batch each begins with its change's place."""

    kind: str
    path: str
    body: bytes
    faults: list[planted.Fault] | None = None
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class _Tally:
    statuses: Counter[int] = field(default_factory=Counter)
    slowest: float = 0.0
    slow: int = 0
    faults: int = 0
    broken: list[str] = field(default_factory=list)


def fuzzed(ground: Ground, bodies: int) -> Outcome:
    """So many bodies; the kind and the endpoint of each is chance, which the seed and its number repeat."""
    url = f"sqlite:///{ground.folder / 'fuzz.sqlite3'}"
    if ground.engine == "postgresql":
        assert ground.postgresql_url is not None
        url = create_database(ground.postgresql_url)
    app = create_app(settings_for(url))
    database = app.extensions["database"]
    migrate.upgrade(database)
    with database.write() as session:
        workspace = workspaces.create(session, "Fuzzed")
        workspace.allowed_origins = _ORIGIN
        _, key = keys.create(session, workspace.id, "Fuzzer")
        page, browser_key = keys.create(session, workspace.id, "Page", "browser")
        page.requests_a_minute = None
    tally = _Tally()
    for number in range(bodies):
        sent = _sent(random.Random(f"{ground.seed} {number}"))
        if sent.path == BROWSER:
            body = sent.body.replace(BROWSER_KEY.encode(), browser_key.encode())
            sent = replace(sent, body=body, headers=sent.headers | {"HTTP_ORIGIN": _ORIGIN})
        _try(app, key, sent, f"{ground.seed} {number}", tally)
    database.engine.dispose()
    figures = {
        "5xx": f"{sum(count for status, count in tally.statuses.items() if status >= 500):,}",
        "answers": " · ".join(f"{status}: {count:,}" for status, count in sorted(tally.statuses.items())),
        "faults planted and told": f"{tally.faults:,}",
        "slower than 1 s": f"{tally.slow:,}",
        "slowest": f"{tally.slowest * 1000:.0f} ms",
    }
    return Outcome(f"{bodies:,} bodies", figures, tally.broken[:10])


def _try(app: Flask, key: str, sent: _Sent, name: str, tally: _Tally) -> None:
    tally.faults += len(sent.faults or [])
    seconds, answer = _timed(app, key, sent)
    for _ in range(_LOOKS - 1):
        if seconds > _SLOWEST:
            seconds = min(seconds, _timed(app, key, sent)[0])
    tally.statuses[answer.status] += 1
    tally.slowest = max(tally.slowest, seconds)
    tally.slow += seconds > _SLOWEST
    fault = f"{seconds:.1f} s" if seconds > _SLOWEST else _fault(answer, sent)
    if fault:
        tally.broken.append(f"{name} ({sent.kind}, {sent.path}): {fault}: {sent.body[:300]!r}")


def _timed(app: Flask, key: str, sent: _Sent) -> tuple[float, Answer]:
    """Seconds, and the answer. The machine may be busy with others: only what it cost us counts."""
    wall, cpu = time.perf_counter(), time.process_time()
    answer = call(app, sent, key)
    return min(time.perf_counter() - wall, time.process_time() - cpu), answer


def _sent(chance: random.Random) -> _Sent:
    (kind,) = chance.choices([*KINDS, PLANTED, BATCHES], [*(weight for _, weight in KINDS.values()), 3, 2])
    path = chance.choice(planted.PATHS if kind == PLANTED else [*SMALLEST, BROWSER])
    if kind == PLANTED:
        body, faults = planted.plant(chance, path)
        return _Sent(kind, path, body, faults)
    if kind != BATCHES:
        return _Sent(kind, path, KINDS[kind][0](chance, path))
    if chance.random() < 0.5:
        body, found = planted.plant_batch(chance)
        told = [((place, *path), type_) for place, faults in found.items() for path, type_ in faults]
        return _Sent(kind, BATCH, body, sorted(told, key=str))
    body = grammar.batch(chance)
    headers = {"CONTENT_TYPE": chance.choice(["application/json", "application/x-ndjson", "text/plain", ""])}
    if chance.random() < 0.2:
        body = gzip.compress(body, 1)[: None if chance.random() < 0.7 else chance.randrange(40)]
        headers["HTTP_CONTENT_ENCODING"] = "gzip"
    query = chance.choice(["", "", "strict=1", "strict=%ff&strict"])
    return _Sent(kind, BATCH, body, None, headers | {"QUERY_STRING": query})


def call(app: Flask, sent: _Sent, key: str) -> Answer:
    """Send a body to the app as its server would, with as little around it as can be."""
    told: list[tuple[int, dict[str, str]]] = []
    environ: dict[str, Any] = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": sent.path,
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "CONTENT_LENGTH": str(len(sent.body)),
        "HTTP_HOST": "127.0.0.1",
        "HTTP_X_GROWLYTICS_KEY": key,
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(sent.body),
        "wsgi.errors": io.StringIO(),
    } | sent.headers

    def start_response(status: str, headers: list[tuple[str, str]], _error: Any = None) -> Callable[[bytes], object]:
        told.append((int(status[:3]), dict(headers)))
        return lambda _: None  # for writing as one did before WSGI took what a function returns

    data = b"".join(app(environ, start_response))
    return Answer(*told[0], data)


def _fault(answer: Answer, sent: _Sent) -> str | None:
    """What is wrong with an answer, in words."""
    try:
        body = json.loads(answer.body.decode())
    except ValueError:
        return f"no JSON: {answer}"
    if answer.status == 200:
        details = [(one["index"], fault) for one in body.get("refused", []) for fault in one["details"]]
        is_fine = set(body) <= _KEYS and body.get("success") is not bool(details)
    else:
        details = [(None, fault) for fault in body.get("details", [])]
        # In a browser's body the key can be at fault, too.
        types = {422: "ValidationError"} | ({401: "AuthenticationError"} if sent.path == BROWSER else {})
        is_fine = body.get("type") == types.get(answer.status, "") and bool(details)
    if not is_fine:
        return str(answer)
    if strange := next((fault for _, fault in details if not _is_shaped(fault)), None):
        return f"not the shape of a fault: {strange}"
    if sent.faults is None:
        return None
    told = [((*([] if place is None else [place]), *one["path"]), one["type"]) for place, one in details]
    if sorted(told, key=str) == sent.faults:
        return None
    return f"{len(sent.faults)} faults, {len(told)} details: {sent.faults} told as {told}"


def _is_shaped(fault: dict[str, Any]) -> bool:
    is_whole = set(fault) == {"message", "path", "type", "context"} and bool(fault["message"].strip())
    return is_whole and all(isinstance(part, str | int) for part in fault["path"])
