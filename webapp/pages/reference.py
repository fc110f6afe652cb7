"""The API's reference: every endpoint, with samples for the reader's host and keys, and a form to try it."""

from http.client import responses
from typing import Any, NamedTuple

import orjson
from flask import Blueprint, abort, current_app, render_template, request
from flask.typing import ResponseReturnValue

from webapp import api, clock, htmx, keys, openapi, origins
from webapp.api import trials
from webapp.api.replies import Reply
from webapp.db import database
from webapp.house import House
from webapp.models import ApiKey
from webapp.pages.guards import place
from webapp.reference import ENDPOINTS, GROUPS, rules, samples
from webapp.reference.samples import LANGUAGES
from webapp.reference.shapes import Described

door = Blueprint("reference", __name__, url_prefix="/api-reference")

_ORIGIN = "https://shop.example"  # where the workspace allows none yet
_MOST_TOLD = 50  # changes in words; the JSON below has all of them


class Answer(NamedTuple):
    """What a dry run was answered: a status with its name, the changes that are told in words, JSON."""

    status: int
    words: str
    changes: list[dict[str, Any]]
    text: str


@door.get("")
def index() -> str:
    """What holds for all endpoints."""
    examples = {name: samples.as_json(getattr(rules, name)) for name in ("ERROR", "IGNORED", "DRY_RUN")}
    return _page("reference/rules.html", rules=rules, examples=examples)


@door.get("/<path:path>")
def endpoint(path: str) -> str:
    """One endpoint; or its samples in another language."""
    described = _found(path)
    body = samples.as_json(_sample(described))
    return _page("reference/endpoint.html", described, body=body, answer=None)


@door.post("/<path:path>")
def try_it(path: str) -> ResponseReturnValue:
    """What the endpoint would do with the body of the form: nothing is stored."""
    described = _found(path)
    if described.path not in api.ENDPOINTS:  # there is no dry run of a question, nor a form for what removes
        abort(404)
    body = request.form.get("body", "").replace("\r\n", "\n")
    house: House = current_app.extensions["house"]
    found = trials.answer(
        house,
        place().workspace,
        described.path,
        api.ENDPOINTS[described.path],
        body.encode(errors="replace"),
        request.remote_addr or "",
    )
    answer = _answer(found)
    if htmx.wants("answer"):
        return render_template("reference/_answer.html", answer=answer)
    return _page("reference/endpoint.html", described, body=body, answer=answer)


def _found(path: str) -> Described:
    return ENDPOINTS.get(f"/{path}") or abort(404)


def _answer(found: Reply) -> Answer:
    content = orjson.loads(found.body)
    words = responses.get(found.status, "")
    return Answer(found.status, words, content.get("changes", [])[:_MOST_TOLD], samples.as_json(content))


def _page(template: str, described: Described | None = None, **shown: Any) -> str:
    with database().read() as session:
        usable = [one for one in keys.of_workspace(session, place().workspace.id) if keys.is_usable(one)]
    asked = request.args.get("language", "")
    chosen = asked if asked in LANGUAGES else next(iter(LANGUAGES))
    if described is not None:
        shown |= {"code": _code(described, chosen, usable), "answers": samples.as_json(described.answer)}
        shown |= {"languages": LANGUAGES, "chosen": chosen, "anchor": openapi.id_of_path(described.path)}
        if htmx.wants("samples"):
            return render_template("reference/_samples.html", described=described, **shown)
    return render_template(template, described=described, groups=GROUPS, keys=usable, host=_host(), **shown)


def _host() -> str:
    return request.host_url.rstrip("/")


def _code(described: Described, language: str, usable: list[ApiKey]) -> str:
    """How the sample body is sent in a language, to the reader's own host."""
    body = _sample(described)
    public = next((one.public_text for one in usable if one.kind == "browser"), None)
    if described.is_for_browsers and public is not None:
        body["key"] = public
    allowed = next(iter(origins.parse(place().workspace.allowed_origins)[0]), _ORIGIN)
    return render_template(
        f"reference/samples/{'asked/' if described.is_asked else ''}{language}.txt",
        url=f"{_host()}{described.asks or described.path}",
        body=samples.as_python(body) if language == "python" else samples.as_json(body),
        is_file=described.is_file,
        origin=allowed.replace("*", "www") if described.is_for_browsers else None,
    )


def _sample(described: Described) -> dict[str, Any]:
    return described.sample(clock.now() // clock.MINUTE * clock.MINUTE)
