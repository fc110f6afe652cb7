"""The end: SIGTERM under load. What was accepted is answered and there, the process ends in time."""

import threading
import time

from sqlalchemy import text

from tests.battery.ground import Ground, opened
from tests.battery.outcome import Outcome, spread
from tests.battery.stored import examine
from tests.battery.writers import WRITERS, words, writing
from webapp.db import Database

GRACE = 10  # seconds that the server gives itself
_MARGIN = 5  # seconds for the process itself to go, on a busy machine
_HELD = 1.5  # seconds in which nothing can be stored, around the signal


def ended(ground: Ground, times: int) -> Outcome:
    """Stop and start the server again and again, each time while every writer waits for an answer."""
    seconds, signals = [], []
    with ground.server() as server, opened(server.database_url) as database:
        with writing(server.url, server.key) as ledger:
            for _ in range(times):
                ledger.wait_for_acknowledgement(time.monotonic())
                holder = _hold(database)
                time.sleep(_HELD / 2)
                began, before = time.monotonic(), ledger.statuses[200]
                server.stop()
                seconds.append(time.monotonic() - began)
                holder.join()
                signals.append(began)
                answered = ledger.statuses[200] - before
                if answered < WRITERS:
                    ledger.odd.append(f"only {answered} of {WRITERS} requests under way were answered at the end")
                server.start()
        findings = examine(database, ledger.acknowledged)
        said = [line for line in server.log().splitlines() if "Customer Profiles: http" not in line]
    cut = sum(1 for began, end in ledger.cut if any(began < at < end for at in signals))
    broken = findings.faults + [f"odd answer: {one}" for one in ledger.odd[:5]]
    broken += [f"the log says: {line}" for line in said[:5]]
    broken += [f"{cut} requests under way were cut off"] if cut else []
    if max(seconds) > GRACE + _MARGIN:
        broken.append(f"it took {max(seconds):.1f} s to end; the grace is {GRACE} s")
    figures = {
        "answered after the signal": f"{WRITERS * times - cut} of {WRITERS * times}",
        "sent again": f"{ledger.retried:,}",
        "answers": words(ledger.statuses),
        "ended after": spread(seconds),
    }
    return Outcome(f"{times} ends", findings.figures | figures, broken)


def _hold(database: Database) -> threading.Thread:
    """Keep everybody from writing for a while, from outside; returns once nobody can."""
    is_held = threading.Event()

    def hold() -> None:
        with database.write() as session:
            # On SQLite any transaction that writes keeps the others waiting; it begins with its first statement.
            session.execute(text("SELECT 1" if database.is_sqlite else "LOCK TABLE customers"))
            is_held.set()
            time.sleep(_HELD)

    holder = threading.Thread(target=hold)
    holder.start()
    assert is_held.wait(30)
    return holder
