"""The description of the API: it is valid, has every route and nothing else, and says what the code does."""

import copy
import json
import re
from collections.abc import Iterator
from typing import Any, get_args
from urllib.parse import quote

import pytest
from flask import Flask
from flask.testing import FlaskClient
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator
from sqlalchemy import select

from tests.conftest import settings_for
from tests.world import Shop
from webapp import clock, create_app, keys, openapi
from webapp.api import errors
from webapp.keys import Kind
from webapp.models import Customer, Workspace
from webapp.openapi import Operation
from webapp.openapi.rows import rows
from webapp.reference import ENDPOINTS, privacy, readers, rules

FILE, PAGE = "/openapi.json", "/docs"
ORIGIN = "https://shop.example"
PLAIN = {"/healthz", "/readyz", "/metrics"}
all_operations = pytest.mark.parametrize(
    "operation", openapi.OPERATIONS, ids=[openapi.id_of(one) for one in openapi.OPERATIONS]
)


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    """The document, as a program reads it."""
    found: dict[str, Any] = json.loads(openapi.text("https://profiles.example").text)
    return found


# It is whole


def test_document_is_valid_openapi(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1.")
    assert [str(one) for one in OpenAPIV31SpecValidator(document).iter_errors()] == []


def test_every_route_of_the_machine_door_is_described_and_nothing_else(app: Flask, document: dict[str, Any]) -> None:
    """Who adds an endpoint adds an Operation: webapp/openapi/asked.py shows how."""
    routes = {
        (openapi.braced(rule.rule), method.lower())
        for rule in app.url_map.iter_rules()
        if rule.endpoint.startswith("api.") or rule.rule in PLAIN
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert {(path, method) for path, told in document["paths"].items() for method in told} == routes


def test_every_operation_has_words_answers_and_a_name_of_its_own(document: dict[str, Any]) -> None:
    told = [one for path in document["paths"].values() for one in path.values()]
    names = [one["operationId"] for one in told]
    assert len(set(names)) == len(names)
    for one in told:
        assert one["summary"]
        assert one["description"]
        assert one["tags"][0] in {tag["name"] for tag in document["tags"]}


def test_everything_shared_is_used(document: dict[str, Any]) -> None:
    text = json.dumps(document)
    components = document["components"]
    for kind in ("schemas", "responses", "headers"):
        assert {name for name in components[kind] if f'"#/components/{kind}/{name}"' not in text} == set(), kind


def test_parts_of_paths_are_described_as_parameters() -> None:
    for operation in openapi.OPERATIONS:
        parts = set(re.findall(r"{(\w+)}", openapi.path_of(operation)))
        assert {one["name"] for one in operation.parameters if one["in"] == "path"} == parts


# It says what the code does


@all_operations
def test_example_fits_and_is_answered_as_described(shop: Shop, operation: Operation, document: dict[str, Any]) -> None:
    told = document["paths"][openapi.path_of(operation)][operation.method]
    for media_type, one in told.get("requestBody", {}).get("content", {}).items():
        fit = one["example"] if media_type == "application/json" else "text"
        assert _faults(document, one["schema"], fit) == []
    shop.customer("1001", City="Mumbai")  # the one of all examples
    answer = _ask(shop, operation, operation.described.sample(clock.now()))
    assert answer.status_code == 200, answer.text
    if operation.accepted:
        accepted = told["responses"]["202"]["content"]["application/json"]
        assert _faults(document, accepted["schema"], accepted["example"]) == []
        done = _ask(shop, operation, operation.described.sample(clock.now()), is_dry=False)
        assert done.status_code == 202, done.text
        assert _faults(document, accepted["schema"], done.json) == []
    if not operation.is_open and not operation.described.is_file:
        ((_, content),) = told["responses"]["200"]["content"].items()
        assert _faults(document, content["schema"], answer.json) == []
        assert _faults(document, content["schema"], content["example"]) == []


def _faults(document: dict[str, Any], schema: dict[str, Any], value: Any) -> list[str]:
    whole = schema | {"components": document["components"]}
    return [one.message for one in Draft202012Validator(whole).iter_errors(value)]


def _filled(shop: Shop, operation: Operation, *, is_dry: bool = True) -> str:
    """Its address as the reference shows it, with ids that are there."""
    told = operation.described
    with shop.database.read() as session:
        ours = select(Customer.growlytics_id).where(Customer.workspace_id == shop.workspace.id)
        found = session.scalars(ours).first() or readers.ID
    if "{erasure_id}" in openapi.path_of(operation):
        made = shop.with_key("privacy").send("/api/v1/erasures", {"id": "gone-1"}).json or {}
        return told.asks.replace(privacy.ERASURE, made["erasure"]["id"])
    asked = (told.asks or told.path).replace(readers.ID, found)
    return asked if is_dry else asked.partition("?")[0]


def _key(shop: Shop, operation: Operation) -> str:
    if operation.is_open or not operation.keys or "server" in operation.keys:
        return shop.key
    return shop.with_key(operation.keys[0]).key


def _ask(shop: Shop, operation: Operation, body: Any, key: str | None = None, *, is_dry: bool = True) -> Any:
    path, machine = _filled(shop, operation, is_dry=is_dry), shop.app.test_client()
    headers = {"x-growlytics-key": _key(shop, operation) if key is None else key}
    if operation.method == "get":
        return machine.get(path, headers=headers)
    if operation.described.is_for_browsers:
        with shop.database.write() as session:
            session.get_one(Workspace, shop.workspace.id).allowed_origins = ORIGIN
            _, browser_key = keys.create(session, shop.workspace.id, "Website", "browser")
        body, headers = {**body, "key": browser_key}, {"Origin": ORIGIN}
    return machine.open(path, method=operation.method, json=body, headers=headers)


@all_operations
def test_every_error_fits_what_is_described(shop: Shop, operation: Operation, document: dict[str, Any]) -> None:
    if operation.is_open:
        return
    asked = [_ask(shop, operation, {}, key="nonsense"), _ask(shop, operation, {"nonsense": 1})]
    machine, path = shop.app.test_client(), _filled(shop, operation).partition("?")[0]
    asked += [
        machine.open(
            path,
            method=operation.method,
            headers={"x-growlytics-key": _key(shop, operation)},
            query_string="dry_run=no",
        )
    ]
    for answer in asked:
        if answer.status_code == 200:  # of what is asked
            continue
        shared = document["components"]["responses"][_shared(document, operation, answer.status_code)]
        schema = shared["content"]["application/json"]["schema"]
        assert _faults(document, schema, answer.json) == [], answer.text


def _shared(document: dict[str, Any], operation: Operation, status: int) -> str:
    told = document["paths"][openapi.path_of(operation)][operation.method]["responses"]
    assert str(status) in told
    return str(told[str(status)]["$ref"]).rpartition("/")[2]


@all_operations
def test_keys_are_those_that_it_says(shop: Shop, operation: Operation) -> None:
    if operation.is_open or operation.described.is_for_browsers:
        assert operation.keys == ()
        return
    taken = set()
    for kind in get_args(Kind):
        with shop.database.write() as session:
            _, text = keys.create(session, shop.workspace.id, kind, kind)
        if _ask(shop, operation, {}, text).status_code != 401:
            taken.add(kind)
    assert taken == set(operation.keys)


def test_examples_of_errors_have_their_shape(document: dict[str, Any]) -> None:
    for name, told in document["components"]["responses"].items():
        content = told["content"]["application/json"]
        assert _faults(document, content["schema"], content["example"]) == [], name


def test_statuses_are_those_of_the_reference(document: dict[str, Any]) -> None:
    told = {status for path in document["paths"].values() for one in path.values() for status in one["responses"]}
    assert told <= {*map(str, rules.STATUSES), "304"}
    for status in errors.TYPES.keys() - {405}:
        assert str(status) in told, status


def test_types_of_faults_are_described(document: dict[str, Any]) -> None:
    types = {one["const"] for one in document["components"]["schemas"]["Fault"]["properties"]["type"]["anyOf"]}
    assert rules.FAULTS.keys() <= types


@all_operations
def test_no_more_is_in_the_reference_than_in_the_schema(operation: Operation) -> None:
    """The page of the reference has words for fields that the schema has, and for no others."""
    schemas = operation.answers if operation.described.is_asked else operation.bodies
    found = {row.name for schema in schemas.values() for row in rows(schema)}
    assert {one.name.removesuffix("[]") for one in operation.described.fields} <= found


# How it is served


def test_anybody_reads_it_at_the_address_that_they_use(app: Flask) -> None:
    stranger = app.test_client()
    answer = stranger.get(FILE, base_url="https://profiles.example")
    assert (answer.status_code, answer.content_type) == (200, "application/json")
    assert (answer.json or {})["servers"] == [{"url": "https://profiles.example"}]
    assert "Set-Cookie" not in answer.headers
    assert stranger.get(FILE).json["servers"] == [{"url": "http://localhost"}]  # type: ignore[index]


def test_public_address_is_what_the_operator_says(database_url: str) -> None:
    settings = settings_for(database_url).model_copy(update={"public_url": "https://cp.example"})
    app = create_app(settings)
    told = app.test_client().get(FILE, base_url="http://10.0.0.7:8000").json or {}
    assert told["servers"] == [{"url": "https://cp.example"}]
    app.extensions["database"].engine.dispose()


def test_document_is_not_sent_again_to_who_has_it(app: Flask) -> None:
    first = app.test_client().get(FILE)
    assert first.headers["Cache-Control"] == "no-cache"
    again = app.test_client().get(FILE, headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    elsewhere = app.test_client().get(
        FILE, base_url="https://b.example", headers={"If-None-Match": first.headers["ETag"]}
    )
    assert elsewhere.status_code == 200


def test_document_is_built_once() -> None:
    before = copy.deepcopy(openapi.document("https://a.example"))
    assert openapi.document("https://a.example") == before
    assert openapi.text("https://a.example") is openapi.text("https://a.example")


# The page


def test_anybody_reads_the_page_which_has_every_endpoint(app: Flask) -> None:
    page = app.test_client().get(PAGE)
    assert page.status_code == 200
    for one in openapi.OPERATIONS:
        assert page.text.count(f'id="{openapi.id_of(one)}"') == 1
        assert f'href="#{openapi.id_of(one)}"' in page.text
        assert f'<span class="mono">{openapi.path_of(one)}</span>' in page.text
    assert f'href="{FILE}"' in page.text
    assert "at most 1,000" in page.text
    assert not re.search(r'(?:src|href)="(?:https?:)?//', page.text), "it needs no other host"


def test_page_says_nothing_of_a_workspace(shop: Shop, app: Flask) -> None:
    shop.customer("u1", City="Zebra")
    page = app.test_client().get(PAGE).text
    assert "Backend" not in page
    assert shop.workspace.name not in page
    assert "Zebra" not in page


def test_page_and_reference_lead_to_each_other(alice: FlaskClient) -> None:
    page = alice.get(PAGE).text
    for path in ENDPOINTS:
        assert f'href="/api-reference{quote(path)}"' in page
        told = alice.get(f"/api-reference{path}").text
        assert f'href="{PAGE}#{openapi.id_of_path(path)}"' in told
    assert f'href="{PAGE}"' in alice.get("/api-reference").text


def test_rows_tell_types_and_bounds(document: dict[str, Any]) -> None:
    told = dict(_rows(document, "/track/event/v2", "post"))
    assert told["customerId"] == ("string", ["1–255 characters"])
    assert told["time"] == ("integer", ["from 315532800000"])
    assert told["attributes"][0] == "array or object"
    assert told["attributes[].type"][1][0].startswith("one of `string`, `number`")
    in_batch = dict(_rows(document, "/api/v1/batch", "post"))
    assert in_batch["changes[].type"][1] == ["one of `customer`, `event`"]


def _rows(document: dict[str, Any], path: str, method: str) -> Iterator[tuple[str, Any]]:
    content = document["paths"][path][method]["requestBody"]["content"]["application/json"]
    for row in rows(content["schema"]):
        yield row.name, (row.kind, list(row.bounds))
