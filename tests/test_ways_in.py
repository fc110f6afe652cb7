"""Two ways lead to the machine door, and two through a body; each pair gives the same."""

import json
from typing import Any

import pytest
from flask import Flask
from hypothesis import example, given, settings
from hypothesis import strategies as st
from werkzeug.test import Client

from tests.world import SMALLEST, Shop
from webapp.api import bodies
from webapp.api.errors import ApiError

PATHS = (*SMALLEST, "/api/v1/batch")
BODIES: tuple[Any, ...] = (None, {}, {"attributes": 5}, [], "text", {"changes": [5]})


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_answers_ahead_of_flask_are_those_of_flask(shop: Shop, path: str, scheme: str) -> None:
    ahead = shop.app.test_client()
    through_flask = Client(lambda environ, start: Flask.wsgi_app(shop.app, environ, start))
    for body in (SMALLEST.get(path, {"changes": []}), *BODIES):
        for key in (shop.key, "wrong"):
            more: dict[str, Any] = {"base_url": f"{scheme}://shop.example", "headers": {"x-growlytics-key": key}}
            answers = [one.post(path, json=body, **more) for one in (ahead, through_flask)]
            assert answers[0].status == answers[1].status
            assert answers[0].get_data() == answers[1].get_data()
            headers = [sorted(one for one in answer.headers if one[0] != "X-Request-Id") for answer in answers]
            assert headers[0] == headers[1]


_texts = st.text(max_size=8) | st.sampled_from(['":', '" :', "\x00", "\ud800", "a\\u0000", "1e999", "name"])
_numbers = st.integers(-(2**70), 2**70) | st.floats() | st.sampled_from([2**63, -(2**63) - 1, 2**64, 1e300, -0.0])
_values = st.recursive(
    st.none() | st.booleans() | _numbers | _texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_texts, inner, max_size=4),
    max_leaves=30,
)
_edits = st.lists(st.tuples(st.integers(0, 400), st.binary(max_size=3)), max_size=2)
_doubled = st.sampled_from([b"", b'{"a":1,"a":2}', b'{"a" :1,"b":1,"b":2}', b'{"a":{"b":1},"b":"\\":"}', b"1E400"])


@settings(max_examples=1_000, deadline=None)
@given(_values, _edits, _doubled, st.booleans())
@example({"a": [[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]}, [], b"", True)
@example({"a": [[[[[[[[[[[[[[1]]]]]]]]]]]]]]}, [], b"", True)
@example({"a": [[[[[[[[[[[[[1]]]]]]]]]]]]]}, [], b"", True)
def test_quick_way_through_a_body_finds_what_the_careful_way_finds(
    value: Any, edits: list[tuple[int, bytes]], doubled: bytes, is_compact: bool
) -> None:  # fmt: skip
    text = json.dumps({"value": value}, ensure_ascii=False, separators=(",", ":") if is_compact else None)
    data = text.encode("utf-8", "surrogatepass")
    if doubled:
        data = data[:-1] + b',"more":' + doubled + b"}"
    for place, replacement in edits:
        data = data[:place] + replacement + data[place + len(replacement) :]
    quick = bodies._plain(data)
    if quick is None:
        return
    try:
        careful = bodies._carefully(data, "the body")
    except ApiError as error:
        pytest.fail(f"{data!r} is refused: {error.faults}")
    bodies.checked(careful).refuse()
    assert repr(careful) == repr(quick)


@pytest.mark.parametrize("body", [{"a": 1, "b": [1.5, "x", None, True, {"c": []}]}, SMALLEST["/track/event"]])
def test_ordinary_bodies_take_the_quick_way(body: Any) -> None:
    assert bodies._plain(json.dumps(body).encode()) == body
