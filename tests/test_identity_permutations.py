"""The same history gives the same profiles, whatever the order in which it arrives, however batched and repeated.

PERMUTATION_EXAMPLES sets how many histories are tried on each engine.
"""

import json
import os
from collections.abc import Iterator, Sequence
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.identity_changes import SYSTEM_IDS, devices, timed, timelines, times
from tests.identity_model import History
from tests.identity_stored import Look, Store, fake_clock, ranks, same
from tests.world import Shop
from webapp import attributes
from webapp.ingest.changes import Change, DeviceInfo

EXAMPLES = int(os.environ.get("PERMUTATION_EXAMPLES", "100"))
infos: st.SearchStrategy[Change] = st.builds(DeviceInfo, devices, st.sampled_from([{"v": 1}, {"v": 2}]), times)


@st.composite
def requests(draw: st.DrawFn, history: list[Change]) -> list[list[Change]]:
    """The history in some order, some of it twice, some of it in one request."""
    again = draw(st.lists(st.sampled_from(history), max_size=3))
    order = draw(st.permutations(history + again))
    batches: list[list[Change]] = []
    for change in order:
        is_together = draw(st.booleans())
        if batches and is_together:
            batches[-1].append(change)
        else:
            batches.append([change])
    return batches


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data(), history=timelines(), others=st.lists(timed | infos, max_size=6))
def test_order_of_arrival_makes_no_difference(
    shared_shop: Shop, data: st.DataObject, history: list[Change], others: list[Change]
) -> None:
    history += others
    found = [_outcome(shared_shop, batches) for batches in ([history], data.draw(requests(history)))]
    assert found[0] == found[1]


def _outcome(shop: Shop, batches: Sequence[list[Change]]) -> Any:
    """All that a fresh workspace shows after these requests, and is what the rules say."""
    store, rules = Store(shop.database), History(_ranks(shop).__getitem__)
    with fake_clock() as clock:
        for told in batches:
            now = clock.tick()
            store.submit(told)
            rules.tell(told, now)
    look = store.look()
    same(look, rules)
    return look.people(), look.marks(), list(_values(shop, look)), sorted(_devices(look))


_known: dict[int, dict[str, int]] = {}


def _ranks(shop: Shop) -> dict[str, int]:
    if shop.workspace.id not in _known:
        _known[shop.workspace.id] = ranks(shop.database, SYSTEM_IDS)
    return _known[shop.workspace.id]


def _values(shop: Shop, look: Look) -> Iterator[Any]:
    """Every value that an attribute of somebody has had, and when."""
    people = [(root, person) for root in look.roots if (person := look.person(root)).system_id or person.stretches]
    with shop.database.read() as session:
        for root, person in sorted(people, key=lambda pair: (pair[1].system_id, sorted(pair[1].stretches))):
            for shown in look.shown[root.id]:
                former = attributes.history(session, look.workspace_id, look.members[root.id], shown.name)
                times = sorted((one.reported_at, one.until_at, one.value) for one in former)
                yield person.system_id, shown.name, shown.type, shown.value, shown.changed_at, times


def _devices(look: Look) -> Iterator[Any]:
    for device in look.devices:
        yield device.did, device.owned_since, json.loads(device.info or "null") == {"v": 2}, device.info_at
