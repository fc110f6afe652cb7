"""What bodies may carry: values are kept as they came, and every depth up to the parser's own is refused alike.

The table of edge bodies itself is row F5 of the battery (tests/battery/edges.py).
"""

import json

import pytest

from tests.battery.edges import VALUES, with_attribute
from tests.world import SMALLEST, Shop, faults


@pytest.mark.parametrize("row", [row for row, (_, type_) in VALUES.items() if type_ is None])
def test_value_is_kept_as_it_came(shared_shop: Shop, row: str) -> None:
    value = json.loads(VALUES[row][0])
    id_ = f"kept {row}"
    shared_shop.customer(id_, **{id_: value})
    shared_shop.event(system_id=id_, **{id_: value})
    (kept, event) = shared_shop.attributes(id_)[id_][1], shared_shop.events(id_)[0].attributes[0].value
    assert [repr(kept), repr(event)] == [repr(value)] * 2


@pytest.mark.parametrize("path", list(SMALLEST))
def test_every_depth_up_to_the_parsers_own_limit_is_refused(shared_shop: Shop, path: str) -> None:
    for depth in (*range(17, 900, 97), *range(900, 1_010, 10)):
        text = "[" * depth + "]" * depth
        answer = shared_shop.send(path, with_attribute(path, depth, "string", text))
        assert answer.status_code == 422, depth
        assert "json.depth" in {type_ for _, type_ in faults(answer)}, depth
