"""Clients that send one message after another, each of them until it is acknowledged, and what they remember of it."""

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.battery.client import Answer, Client
from tests.world import NOON

WRITERS = 6
PATIENCE = 120  # seconds in which a server must be back
_BATCH = 20  # events
_PAUSE = 0.05  # seconds before the next attempt
TRY_AGAIN = {429, 503, 507}


@dataclass(frozen=True)
class Message:
    """A request that may be sent again and again. `marks`: values of which each must be stored exactly once."""

    path: str
    body: bytes
    marks: tuple[str, ...]
    headers: dict[str, str] = field(default_factory=dict)


def _message(path: str, body: dict[str, Any], mark: str, **headers: str) -> Message:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Message(path, json.dumps(body).encode(), (mark,), named)


def _attributes(mark: str) -> list[dict[str, Any]]:
    sku = {"name": "sku", "type": "string", "value": f"sku-{len(mark)}"}
    amount = {"name": "amount", "type": "number", "value": 732.23}
    return [{"name": "mark", "type": "string", "value": mark}, sku, amount]


def timed(mark: str, number: int) -> Message:
    """An event with a time, which is known again by its content."""
    body = {"customerId": f"u{number % 50}", "name": "Purchased", "time": NOON + number}
    return _message("/track/event/v2", body | {"attributes": _attributes(mark)}, mark)


def keyed(mark: str, number: int) -> Message:
    """An event of now, which is known again by its Idempotency-Key."""
    body = {"customerId": f"u{number % 50}", "name": "Add To Cart", "attributes": _attributes(mark)}
    return _message("/rest-api/event", body, mark, Idempotency_Key=mark)


def mobile(mark: str, number: int) -> Message:
    """An event on a device, of a visit."""
    body = {"did": f"d{number % 50}", "name": "Viewed", "timestamp": NOON + number}
    info = [one | {"type": "double" if one["type"] == "number" else "string"} for one in _attributes(mark)]
    return _message("/msv_cevt", body | {"info": info}, mark)


def profile(mark: str, number: int) -> Message:
    """A new value of a customer's attribute, whose history keeps each."""
    body = {"id": f"p{number % 50} {mark.partition('-')[0]}", "attributes": {"mark": mark}}
    return _message("/track/user", body, mark)


def bundled(messages: Sequence[Message], **headers: str) -> Message:
    """Events of other messages as one batch, with all their marks."""
    changes = [{"type": "event"} | json.loads(message.body) for message in messages]
    marks = tuple(mark for message in messages for mark in message.marks)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Message("/api/v1/batch", json.dumps({"changes": changes}).encode(), marks, named)


def batch(mark: str, number: int) -> Message:
    """A batch in which every event has a time, or one that is known again by its Idempotency-Key."""
    if number % 2:
        return bundled([timed(f"{mark}-{place}", number + place) for place in range(_BATCH)])
    return bundled([keyed(f"{mark}-{place}", number + place) for place in range(_BATCH)], Idempotency_Key=mark)


SENDERS: tuple[Callable[[str, int], Message], ...] = (timed, keyed, mobile, profile, batch)


@dataclass
class Ledger:
    """What the writers know: marks that were acknowledged, statuses that they got, and answers nobody should get.

    Moments are seconds of the monotonic clock.
    """

    acknowledged: set[str] = field(default_factory=set)
    statuses: Counter[int] = field(default_factory=Counter)  # 0: no answer
    odd: list[str] = field(default_factory=list)
    retried: int = 0
    cut: list[tuple[float, float]] = field(default_factory=list)  # begin and end of requests without an answer
    last_at: float = 0.0

    def note(self, message: Message, answer: Answer | None, began: float) -> bool:
        """Write an answer down. Returns whether the message is done with."""
        status = answer.status if answer else 0
        self.statuses[status] += 1
        if answer is None:
            self.cut.append((began, time.monotonic()))
        if answer and status == 200:
            if answer.json.get("success") is not True or "ignored" in answer.json:
                self.odd.append(f"{message.path}: {answer}")
            self.acknowledged.update(message.marks)
            self.last_at = time.monotonic()
        elif answer and status not in TRY_AGAIN:
            self.odd.append(f"{message.path}: {answer}")
        elif answer and "Retry-After" not in {name.title() for name in answer.headers}:
            self.odd.append(f"{message.path}: no Retry-After: {answer}")
        return bool(status) and status not in TRY_AGAIN

    def wait_for_acknowledgement(self, since: float) -> float:
        """Wait until something sent is acknowledged after a moment. Returns when that was."""
        until = time.monotonic() + PATIENCE
        while self.last_at <= since:
            assert time.monotonic() < until, f"nothing is acknowledged any more: {dict(self.statuses)}, {self.odd[:3]}"
            time.sleep(0.002)
        return self.last_at


def words(statuses: Counter[int]) -> str:
    """`200: 1,234 · 503: 5 · no answer: 7`."""
    return " · ".join(f"{status or 'no answer'}: {count:,}" for status, count in sorted(statuses.items(), reverse=True))


@contextmanager
def writing(url: str, key: str) -> Iterator[Ledger]:
    """Writers at work; at the end of the block each has its last message acknowledged, or the block fails."""
    ledger, lock, done = Ledger(), threading.Lock(), threading.Event()

    def write(name: str) -> None:
        client = Client(url, key)
        number = 0
        while not done.is_set():
            sender = SENDERS[number % len(SENDERS)]
            message = sender(f"{name}-{number}", number)
            _send(client, message, ledger, lock)
            number += 1
        client.close()

    threads = [threading.Thread(target=write, args=(f"w{place}",), daemon=True) for place in range(WRITERS)]
    for thread in threads:
        thread.start()
    try:
        yield ledger
    finally:
        done.set()
        until = time.monotonic() + PATIENCE
        for thread in threads:
            thread.join(max(0, until - time.monotonic()))
    assert not any(thread.is_alive() for thread in threads), f"a writer waits for ever: {dict(ledger.statuses)}"


def _send(client: Client, message: Message, ledger: Ledger, lock: threading.Lock) -> None:
    until = time.monotonic() + PATIENCE
    attempts = 0
    while time.monotonic() < until:
        began = time.monotonic()
        answer = client.post(message.path, message.body, message.headers)
        attempts += 1
        with lock:
            if ledger.note(message, answer, began):
                ledger.retried += attempts > 1
                return
        time.sleep(_PAUSE)
