"""F3: schemathesis holds a server against its own description, by data that fits it and data that doesn't."""

import copy
import json
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import schemathesis
from jsonschema import Draft202012Validator
from schemathesis.core.failures import AcceptedNegativeData, Failure
from schemathesis.engine import events, from_schema
from schemathesis.openapi.checks import RejectedPositiveData
from sqlalchemy import select

from tests.battery.ground import Ground, opened
from tests.battery.outcome import Outcome
from tests.server import LiveServer
from webapp import clock, keys
from webapp.api.shapes import EARLIEST
from webapp.models import Customer, Workspace
from webapp.reference import rules

Document = dict[str, Any]
BROWSER, ERASURES = "/api/v1/browser", "/api/v1/erasures"
_ORIGIN = "https://shop.example"
# From so many on, the boundaries of everything in the description are tried as well, which are thousands of requests.
_WITH_BOUNDARIES = 100
# What a schema can't say: the rest of a 422 to what fits it is told by faults of these types, and no others.
UNSAYABLE = {
    "array.unique",  # names, not items
    "attributes.max",  # of a profile with those that it has
    "cursor.invalid",  # which no answer has given
    "customer.erased",
    "date.base",  # the 30th of February
    "date_array.base",
    "date_map.base",
    "date.range",  # digits, and the end, which is tomorrow
    "id.placeholder",
    "idempotency.reused",
    "json.depth",
    "number.infinity",  # digits
    "number.integer",
    "number.unsafe",
    "object.max",  # bytes
    "query.beside",
    "query.one",
    "string.max",  # bytes
    "where.invalid",  # a language of its own
}
assert rules.FAULTS.keys() >= UNSAYABLE


@dataclass
class _Tally:
    statuses: Counter[int] = field(default_factory=Counter)
    operations: set[str] = field(default_factory=set)
    broken: list[str] = field(default_factory=list)


def conformed(ground: Ground, examples: int) -> Outcome:
    """So many requests of random data for each operation, beside the examples and, of many, the boundaries."""
    tally = _Tally()
    with ground.server() as server:
        key = _browser_key(server)
        with urllib.request.urlopen(f"{server.url}/openapi.json", timeout=30) as file:  # noqa: S310 - our http://
            told = json.load(file)
        people = {name: _person(server, name) for name in ("1001", "archived", "erased")}
        fitted = _fitted(told, key)
        _name(fitted, people)
        if examples < _WITH_BOUNDARIES:
            _shorten(fitted)
        schema = schemathesis.openapi.from_dict(
            fitted, config=_config(server, ground.seed, examples, _key(server, "read"), _key(server, "privacy"))
        )
        schema.config.update(base_url=server.url)
        schema.hook("filter_failure")(_judge(told))
        for event in from_schema(schema).execute():
            _count(event, tally)
        said = [line for line in server.log().splitlines() if "Traceback" in line]
    left = {f"{method.upper()} {path}" for path, one in told["paths"].items() for method in one} - tally.operations
    tally.broken += [f"{one} was never asked" for one in sorted(left)] + said
    figures = {
        "requests": f"{tally.statuses.total():,}",
        "answers": " · ".join(f"{status}: {count:,}" for status, count in sorted(tally.statuses.items())),
        "operations": f"{len(tally.operations)}",
        "findings": f"{len(tally.broken)}",
    }
    return Outcome(f"{examples:,} to an operation", figures, tally.broken[:10])


def _browser_key(server: LiveServer) -> str:
    with opened(server.database_url) as database, database.write() as session:
        workspace = session.scalars(select(Workspace)).one()
        workspace.allowed_origins = _ORIGIN
        page, text = keys.create(session, workspace.id, "Page", "browser")
        page.requests_a_minute = None
    return text


def _key(server: LiveServer, kind: keys.Kind) -> str:
    with opened(server.database_url) as database, database.write() as session:
        workspace = session.scalars(select(Workspace)).one()
        return keys.create(session, workspace.id, f"A {kind} key", kind)[1]


def _person(server: LiveServer, system_id: str) -> str:
    """The Growlytics ID of a new customer."""
    body = json.dumps({"id": system_id, "attributes": {"City": "Mumbai"}}).encode()
    headers = {"x-growlytics-key": server.key}
    request = urllib.request.Request(f"{server.url}/track/user", body, headers)  # noqa: S310 - our http://
    urllib.request.urlopen(request, timeout=30).close()  # noqa: S310
    with opened(server.database_url) as database, database.read() as session:
        return session.scalars(select(Customer.growlytics_id).where(Customer.system_id == system_id)).one()


def _name(fitted: Document, people: dict[str, str]) -> None:
    """Let questions be about the one person of all examples. Who is archived or erased is nobody's example."""
    whose = {"archive": people["archived"], "erase": people["erased"]}
    for path, told in fitted["paths"].items():
        for one in _nodes(told):
            if one.get("in") == "path" and one["name"] == "growlytics_id":
                found = whose.get(path.rpartition("/")[2], people["1001"])
                one |= {"schema": {"type": "string", "enum": [found]}, "example": found}
    (content,) = fitted["paths"][ERASURES]["post"]["requestBody"]["content"].values()
    content["example"] = {"email": "forgotten@example.com"}


def _config(server: LiveServer, seed: int, examples: int, read_key: str, privacy_key: str) -> schemathesis.Config:
    return schemathesis.Config.from_dict(
        {
            "seed": seed,
            "workers": 1,
            "continue-on-failure": True,
            "headers": {"x-growlytics-key": server.key},
            "operations": [
                {"include-tag": tag, "headers": {"x-growlytics-key": key}}
                for tag, key in (("Reading", read_key), ("Privacy", privacy_key))
            ],
            "generation": {"mode": "all", "max-examples": examples, "no-shrink": True, "database": "none"},
            "phases": {"stateful": {"enabled": False}, "coverage": {"enabled": examples >= _WITH_BOUNDARIES}},
            "checks": {"negative_data_rejection": {"expected-statuses": [400, 401, 403, 404, 405, 413, 415, 422]}},
        }
    )


def _fitted(told: Document, key: str) -> Document:
    """The document with what only this server knows, and no room in answers for what it doesn't tell of."""
    fitted = copy.deepcopy(told)
    now = clock.now()
    for one in _nodes(fitted["paths"]):
        if one.get("minimum") == EARLIEST:
            one["maximum"] = now
    asked = fitted["paths"][BROWSER]["post"]
    (content,) = asked["requestBody"]["content"].values()
    near = {"type": "integer", "minimum": now - clock.MINUTE // 2, "maximum": now + clock.MINUTE // 2}
    content["schema"]["properties"] |= {"key": {"const": key}, "sentAt": near}
    content["example"] |= {"key": key, "sentAt": now}
    only = {"Origin": _ORIGIN, "Content-Encoding": "identity"}  # what is sent isn't compressed
    for one in _nodes(fitted["paths"]):
        if one.get("in") == "header" and one["name"] in only:
            one["schema"] = {"type": "string", "enum": [only[one["name"]]]}
    answers = [one["responses"] for path in fitted["paths"].values() for one in path.values()]
    for one in _nodes(
        [answers, {name: fitted["components"]["schemas"][name] for name in ("Change", "Error", "Fault")}]
    ):
        if one.get("type") == "object" and "properties" in one:
            one["additionalProperties"] = False
    return fitted


def _shorten(fitted: Document) -> None:
    """Let nothing have many parts: making them up takes most of the time."""
    for one in _nodes(fitted["paths"]):
        one |= {name: 4 for name in ("maxItems", "maxProperties") if one.get(name, 0) > 4}


def _nodes(value: Any) -> Iterator[dict[str, Any]]:
    """All objects in a JSON value."""
    if isinstance(value, dict):
        yield value
    for one in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _nodes(one)


def _judge(told: Document) -> Callable[..., bool]:
    """What tells findings from what the description says in words."""

    def is_broken(context: Any, failure: Failure, case: Any, response: Any) -> bool:
        if isinstance(failure, RejectedPositiveData):
            return case.media_type in {None, "application/json"} and bool(_faults(response) - UNSAYABLE)
        if isinstance(failure, AcceptedNegativeData):
            return not (_faults(response) or _fits(case, told))
        return True

    return is_broken


def _fits(case: Any, told: Document) -> bool:
    """Whether a body fits the description itself, which doesn't know what time it is; or is no JSON at all."""
    content = told["paths"][case.path][case.method.lower()].get("requestBody", {}).get("content", {})
    if case.media_type != "application/json" or not _has_fitting_query(case):
        return case.media_type not in {None, "application/json"}
    schema = content["application/json"]["schema"] | {"components": told["components"]}
    return bool(Draft202012Validator(schema).is_valid(case.body))


def _has_fitting_query(case: Any) -> bool:
    return set(case.query.values()) <= {"1", "true"}


def _faults(response: Any) -> set[str]:
    """The types of the faults that an answer tells, also of parts."""
    body = json.loads(response.content)
    details = [*body.get("details", ()), *(fault for one in body.get("refused", ()) for fault in one["details"])]
    return {one["type"] for one in details}


def _count(event: events.EngineEvent, tally: _Tally) -> None:
    if isinstance(event, events.ScenarioFinished):
        for one in event.recorder.interactions.values():
            tally.statuses[one.response.status_code if one.response else 0] += 1
            tally.operations.add(event.recorder.label)
        for id_, checks in event.recorder.checks.items():
            sent = event.recorder.interactions.get(id_)
            for check in checks:
                if check.failure_info is not None:
                    tally.broken.append(_in_words(check.name, check.failure_info.failure, sent))
    elif isinstance(event, events.NonFatalError):
        tally.broken.append(f"{event.label}: {event.value!r}"[:500])
    elif isinstance(event, events.FatalError):
        raise event.exception


def _in_words(check: str, failure: Failure, sent: Any) -> str:
    if sent is None or sent.response is None:
        return f"{check}: {failure.message}"
    request, response = sent.response.request, sent.response
    told = f"{request.method} {request.path_url} {(request.body or b'')[:300]!r}"
    words = " ".join(failure.message.split())[:300]
    return f"{check}: {words}: {told} → {response.status_code} {response.content[:300]!r}"


@schemathesis.check
def parts_that_fit_are_taken(_: Any, response: Any, case: Any) -> None:
    """Of many changes that fit the description, none is left out but for what it can't say."""
    is_fit = case.meta is not None and case.meta.generation.mode.is_positive and case.media_type == "application/json"
    if is_fit and response.status_code == 200 and (faults := _faults(response) - UNSAYABLE):
        raise AssertionError(f"refused for {', '.join(sorted(faults))}")


@schemathesis.serializer("application/x-ndjson")
def _lines(_: Any, value: Any) -> bytes:
    return value.encode() if isinstance(value, str) else json.dumps(value).encode()
