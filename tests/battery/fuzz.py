"""F1: hundreds of thousands of bodies on every ingestion endpoint. Through the app within this process, for speed."""

import io
import json
import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from flask import Flask

from tests.battery import planted
from tests.battery.client import Answer
from tests.battery.grammar import KINDS
from tests.battery.ground import Ground, settings_for
from tests.battery.outcome import Outcome
from tests.server import create_database
from tests.world import SMALLEST
from webapp import create_app, keys, migrate, workspaces

PLANTED = "faults planted"
_SLOWEST = 1.0  # seconds


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
        _, key = keys.create(session, workspaces.create(session, "Fuzzed").id, "Fuzzer")
    tally = _Tally()
    for number in range(bodies):
        _try(app, key, random.Random(f"{ground.seed} {number}"), f"{ground.seed} {number}", tally)
    database.engine.dispose()
    figures = {
        "5xx": f"{sum(count for status, count in tally.statuses.items() if status >= 500):,}",
        "answers": " · ".join(f"{status}: {count:,}" for status, count in sorted(tally.statuses.items())),
        "faults planted and told": f"{tally.faults:,}",
        "slower than 1 s": f"{tally.slow:,}",
        "slowest": f"{tally.slowest * 1000:.0f} ms",
    }
    return Outcome(f"{bodies:,} bodies", figures, tally.broken[:10])


def _try(app: Flask, key: str, chance: random.Random, name: str, tally: _Tally) -> None:
    (kind,) = chance.choices([*KINDS, PLANTED], [*(weight for _, weight in KINDS.values()), 3])
    expected = None
    if kind == PLANTED:
        path = chance.choice(planted.PATHS)
        body, expected = planted.plant(chance, path)
        tally.faults += len(expected)
    else:
        path = chance.choice(list(SMALLEST))
        body = KINDS[kind][0](chance, path)
    wall, cpu = time.perf_counter(), time.process_time()
    answer = call(app, path, body, key)
    # The machine may be busy with others: only what it cost us counts.
    seconds = min(time.perf_counter() - wall, time.process_time() - cpu)
    tally.statuses[answer.status] += 1
    tally.slowest = max(tally.slowest, seconds)
    tally.slow += seconds > _SLOWEST
    fault = f"{seconds:.1f} s" if seconds > _SLOWEST else _fault(answer, expected)
    if fault:
        tally.broken.append(f"{name} ({kind}, {path}): {fault}: {body[:300]!r}")


def call(app: Flask, path: str, body: bytes, key: str) -> Answer:
    """Send a body to the app as its server would, with as little around it as can be."""
    told: list[tuple[int, dict[str, str]]] = []
    environ: dict[str, Any] = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": path,
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "CONTENT_LENGTH": str(len(body)),
        "HTTP_HOST": "127.0.0.1",
        "HTTP_X_GROWLYTICS_KEY": key,
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": io.StringIO(),
    }

    def start_response(status: str, headers: list[tuple[str, str]], _error: Any = None) -> Callable[[bytes], object]:
        told.append((int(status[:3]), dict(headers)))
        return lambda _: None  # for writing as one did before WSGI took what a function returns

    data = b"".join(app(environ, start_response))
    return Answer(*told[0], data)


def _fault(answer: Answer, expected: list[planted.Fault] | None) -> str | None:
    """What is wrong with an answer, in words."""
    try:
        body = json.loads(answer.body.decode())
    except ValueError:
        return f"no JSON: {answer}"
    if answer.status == 200:
        is_fine = bool(set(body) <= {"success", "ignored", "did", "sid"} and (body.get("success") or "did" in body))
        return None if is_fine and not expected else f"taken: {answer}"
    if answer.status != 422 or body.get("type") != "ValidationError" or not body["details"]:
        return str(answer)
    for one in body["details"]:
        is_shaped = set(one) == {"message", "path", "type", "context"} and one["message"].strip()
        if not is_shaped or not all(isinstance(part, str | int) for part in one["path"]):
            return f"not the shape of a fault: {one}"
    if expected is None:
        return None
    told = sorted(((tuple(one["path"]), one["type"]) for one in body["details"]), key=str)
    return None if told == expected else f"{len(expected)} faults, {len(told)} details: {expected} told as {told}"
