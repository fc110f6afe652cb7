"""Bodies of a megabyte that are made to cost time: each is answered within a second, and shortly."""

import json
from collections.abc import Callable, Iterator
from itertools import count

import pytest
from werkzeug.test import TestResponse

from tests import costs
from tests.world import ATTRIBUTES, SMALLEST, Shop

PATHS = ("/rest-api/customer", "/track/user", "/track/event", "/mcrs_appl_v1", "/msv_cevt", "/msv_cs_id")
IDS = {"id", "customerId", "clientCustomerId", "did"}


@pytest.fixture(autouse=True, scope="module")
def _small_heap() -> Iterator[None]:
    with costs.small_heap():
        yield


def _filled(unit: str, most: int = 990_000) -> str:
    return ",".join([unit] * (most // (len(unit) + 1)))


def _numbered(unit: str, many: int) -> str:
    return ",".join(unit.replace("#", f"{place:x}") for place in range(many))


# The JSON text of `attributes`, or of `info`.
HOSTILE: dict[str, Callable[[], str]] = {
    "numbers": lambda: f"[{_filled('0')}]",
    "arrays": lambda: f"[{_filled('[]')}]",
    "objects": lambda: f"[{_filled('{}')}]",
    "NaN": lambda: f"[{_filled('NaN')}]",
    "NULs": lambda: "[" + _filled(r'"\u0000"') + "]",
    "dates": lambda: "[" + _filled('"2020-01-20 13:44:15"') + "]",
    "one key again and again": lambda: "{" + _filled('"a":1') + "}",
    "names": lambda: "{" + _numbered('"#":1', 80_000) + "}",
    "names of nulls": lambda: "{" + _numbered('"#":null', 65_000) + "}",
    "items": lambda: "[" + _numbered('{"name":"#","type":"number","value":1}', 20_000) + "]",
    "items of a mobile": lambda: "[" + _numbered('{"name":"#","type":"long","value":"1"}', 20_000) + "]",
    "faulty items": lambda: "[" + _numbered('{"name":"#"}', 50_000) + "]",
    "a long key over faults": lambda: '{"' + "k" * 500_000 + '":[' + _filled("NaN", 400_000) + "]}",
    "long keys over faults": lambda: '{"a":{"' + "k" * 500_000 + '":{' + _numbered('"#":NaN', 30_000) + "}}}",
    "an array as value": lambda: '{"x":[' + _filled("0") + "]}",
    "a map as value": lambda: '{"x":{' + _numbered('"#":1', 80_000) + "}}",
    "combining marks": lambda: '{"name":"a' + "\u0300\u0323" * 16_000 + '","email":"' + "\u0345\u0300" * 16_000 + '"}',
    "a mobile": lambda: '{"mobile":"' + "+9 (" * 16_000 + '"}',
    "an e-mail": lambda: '{"email":"' + ".@-" * 20_000 + '"}',
}


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("row", HOSTILE)
def test_hostile_megabyte_takes_no_second(shared_shop: Shop, path: str, row: str) -> None:
    field = ATTRIBUTES.get(path, "info")
    rest = {key: value for key, value in SMALLEST[path].items() if key != field}
    hostile = HOSTILE[row]()
    people = count()

    def send() -> TestResponse:
        # Each time of another person and device: the second of two equal ones may cost less.
        one = {key: f"{value}-{next(people)}" if key in IDS else value for key, value in rest.items()}
        body = f'{json.dumps(one)[:-1]}, "{field}": {hostile}}}'.encode()
        assert len(body) <= 1_000_000
        return shared_shop.send(path, body)

    assert costs.cpu_of(send, 1) < 1
    answer = send()
    assert answer.status_code in {200, 422}
    assert len(answer.get_data()) < 2_000_000
