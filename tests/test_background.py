"""Threads that work off what waits: they begin when called, end when nothing is left, and outlive failures."""

import threading
from collections.abc import Callable

import pytest
from sqlalchemy.exc import OperationalError

from tests.world import Shop
from webapp import background
from webapp.background import Background
from webapp.db import Database

PATIENCE = 60  # seconds


def _work(answers: list[bool | Exception], ended: threading.Event) -> Callable[[Database], bool]:
    def work(_: Database) -> bool:
        answer = answers.pop(0)
        if not answers:
            ended.set()
        if isinstance(answer, Exception):
            raise answer
        return answer

    return work


@pytest.mark.parametrize(
    "answers",
    [[False], [True, True, False], [OperationalError("", None, Exception("away")), False]],
    ids=["nothing left", "others hold it", "the database is away"],
)
def test_works_until_nothing_is_left(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, answers: list[bool | Exception]
) -> None:
    monkeypatch.setattr(background, "_BREAK", 0.01)
    left, ended = list(answers), threading.Event()
    one = Background("testing", shop.database, _work(left, ended))
    one.wake()
    assert ended.wait(PATIENCE)
    assert not left


def test_works_again_after_it_failed_and_for_whoever_calls_while_it_works(shop: Shop) -> None:
    begun, go_on, ended = threading.Event(), threading.Event(), threading.Event()
    seen: list[str] = []

    def work(_: Database) -> bool:
        seen.append(threading.current_thread().name)
        if len(seen) == 1:
            begun.set()
            go_on.wait(PATIENCE)
            raise ValueError("a fault of ours")
        ended.set()
        return False

    one = Background("testing", shop.database, work)
    one.wake()
    assert begun.wait(PATIENCE)
    one.wake()
    go_on.set()
    assert ended.wait(PATIENCE)
    assert seen == ["testing", "testing"]
