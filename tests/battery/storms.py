"""R5: the same thousand messages from everybody, shuffled, many times each."""

import random
import time
from collections import Counter
from collections.abc import Iterator

from tests.battery.client import Client
from tests.battery.crowd import CLIENTS, at_once
from tests.battery.ground import Ground, opened
from tests.battery.outcome import Outcome
from tests.battery.stored import examine
from tests.battery.writers import Ledger, Message, bundled, keyed, timed, words

MESSAGES = 1_000
_SENDERS = (timed, keyed)
_ALONE = 0.9  # how often an event with a time is a request of its own
_COMPANY = 9  # events beside it in a batch


def duplicates_stormed(ground: Ground, requests: int) -> Outcome:
    """Everybody sends every message, in an order of their own."""
    messages = [_SENDERS[number % len(_SENDERS)](f"m-{number}", number) for number in range(MESSAGES)]
    share = requests // CLIENTS
    with ground.server() as server:

        def client(place: int) -> Ledger:
            sender, ledger = Client(server.url, server.key), Ledger()
            for message in _order(random.Random(f"{ground.seed} {place}"), messages, share):
                began = time.monotonic()
                answer = sender.post(message.path, message.body, message.headers)
                ledger.note(message, answer, began)
                if answer is None or answer.status != 200:
                    ledger.odd.append(f"{message.path}: {answer}")
            sender.close()
            return ledger

        began = time.monotonic()
        got = at_once(client)
        seconds = time.monotonic() - began
        with opened(server.database_url) as database:
            findings = examine(database, {mark for ledger in got for mark in ledger.acknowledged})
    odd = [one for ledger in got for one in ledger.odd]
    broken = findings.faults + [f"odd answer: {one}" for one in odd[:5]]
    figures = findings.figures | {
        "rows": f"{findings.found + findings.duplicated:,}",
        "answers": words(sum((ledger.statuses for ledger in got), Counter())),
        "requests a second": f"{share * CLIENTS / seconds:,.0f}",
    }
    return Outcome(f"{share * CLIENTS:,} requests of {MESSAGES:,} messages", figures, broken)


def _order(chance: random.Random, messages: list[Message], many: int) -> Iterator[Message]:
    """So many requests: whole shuffles and a part of one; now and then an event with a time comes among others."""
    whole, rest = divmod(many, len(messages))
    for number in [len(messages)] * whole + [rest]:
        for message in chance.sample(messages, number):
            if "Idempotency-Key" in message.headers or chance.random() < _ALONE:
                yield message
            else:
                others = chance.sample([one for one in messages if one.path == message.path], _COMPANY)
                yield bundled([message, *others])
