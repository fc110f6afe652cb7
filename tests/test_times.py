"""The time of an event: epoch milliseconds from 1980 to a day ahead, and the slips that are named."""

from typing import Any

import pytest

from tests.world import NOON, SMALLEST, Shop, faults
from webapp import clock

both_paths = pytest.mark.parametrize("path", ["/track/event", "/track/event/v2"])
EARLIEST = 315_532_800_000  # 1980-01-01


def _message(shop: Shop, path: str, time: Any) -> str:
    answer = shop.send(path, SMALLEST[path] | {"time": time})
    assert faults(answer) == [(("time",), "date.range")]
    assert answer.json is not None
    return str(answer.json["details"][0]["message"])


@both_paths
def test_times_from_1980_to_a_day_ahead_are_taken(shop: Shop, path: str) -> None:
    times = [EARLIEST, NOON, clock.now() + clock.DAY]
    for time in times:
        assert shop.send(path, SMALLEST[path] | {"time": time}).json == {"success": True}
    assert [event.reported_at for event in shop.events()] == times[::-1]


@both_paths
@pytest.mark.parametrize(
    ("time", "slip"),
    [
        (NOON // 1000, "looks like seconds (2023-11-14)"),
        (NOON / 1000, "looks like seconds (2023-11-14)"),
        (NOON * 1_000, "looks like microseconds (2023-11-14)"),
        (NOON * 1_000_000, "looks like nanoseconds (2023-11-14)"),
        (EARLIEST - 1, "before 1980"),
        (0, "before 1980"),
        (-1, "before 1980"),
        (-NOON, "before 1980"),
        (-(2**63), "before 1980"),
        (2**63 - 1, "in the future"),
        (1e300, "in the future"),
    ],
)
def test_time_out_of_range_is_refused_and_the_slip_is_named(shop: Shop, path: str, time: float, slip: str) -> None:
    assert slip in _message(shop, path, time)


@both_paths
def test_time_more_than_a_day_ahead_is_refused(shop: Shop, path: str) -> None:
    assert "more than 24 hours in the future" in _message(shop, path, clock.now() + clock.DAY + clock.MINUTE)


@both_paths
@pytest.mark.parametrize(
    ("time", "type_"),
    [
        (str(NOON), "number.base"),
        ("2023-11-14 12:00:00", "number.base"),
        (None, "number.base"),
        (True, "number.base"),
        ([NOON], "number.base"),
        ({}, "number.base"),
        (NOON + 0.5, "number.integer"),
    ],
)
def test_time_must_be_a_whole_number(shop: Shop, path: str, time: Any, type_: str) -> None:
    assert faults(shop.send(path, SMALLEST[path] | {"time": time})) == [(("time",), type_)]


def test_whole_number_with_a_decimal_point_is_one(shop: Shop) -> None:
    shop.send("/track/event", SMALLEST["/track/event"] | {"time": float(NOON)})
    assert [event.reported_at for event in shop.events()] == [NOON]
