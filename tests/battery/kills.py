"""R1 and R2: the server's processes die at any moment under retrying writers, and so does PostgreSQL."""

import time
from collections import Counter
from urllib.request import urlopen

from tests.battery.cluster import Cluster, cluster
from tests.battery.ground import Ground, opened
from tests.battery.outcome import Outcome, spread
from tests.battery.stored import examine
from tests.battery.writers import Ledger, words, writing
from tests.installations import get
from tests.server import LiveServer, create_database, live


def servers_killed(ground: Ground, kills: int) -> Outcome:
    """kill -9 of all processes of the server, again and again."""
    with ground.server() as server:
        with writing(server.url, server.key) as ledger:
            back = _kill_servers(server, ledger, ground, kills)
        return _told(server, ledger, f"{kills} kills", {"serving again after": spread(back)})


def databases_killed(ground: Ground, kills: int) -> Outcome:
    """Half of the kills are the server's, half PostgreSQL's own, while the server goes on."""
    with cluster() as postgresql, live(create_database(postgresql.url), ground.folder) as server:
        with writing(server.url, server.key) as ledger:
            back = _kill_servers(server, ledger, ground, kills // 2)
            began, before = time.monotonic(), Counter(ledger.statuses)
            restored = _kill_databases(postgresql, server, ledger, ground, kills // 2)
            meanwhile = ledger.statuses - before
        figures = {
            "serving again after": spread(back),
            "storing again after PostgreSQL's start": spread(restored),
            "answers while PostgreSQL died": words(meanwhile),
        }
        outcome = _told(server, ledger, f"{kills // 2} + {kills // 2} kills", figures)
        unanswered = [
            f"{at - began:.2f} s after the last kill, for {end - at:.2f} s" for at, end in ledger.cut if at > began
        ]
        outcome.broken.extend(
            f"a request without an answer while only PostgreSQL was away: {one}" for one in unanswered
        )
        return outcome


def _kill_servers(server: LiveServer, ledger: Ledger, ground: Ground, kills: int) -> list[float]:
    chance = ground.random
    back = []
    for _ in range(kills):
        ledger.wait_for_acknowledgement(time.monotonic())
        time.sleep(chance.uniform(0, 0.6))
        began = time.monotonic()
        server.kill()
        dead = time.monotonic()
        server.start()
        back.append(ledger.wait_for_acknowledgement(dead) - began)
    return back


def _kill_databases(postgresql: Cluster, server: LiveServer, ledger: Ledger, ground: Ground, kills: int) -> list[float]:
    chance = ground.random
    back = []
    for _ in range(kills):
        ledger.wait_for_acknowledgement(time.monotonic())
        time.sleep(chance.uniform(0, 0.4))
        postgresql.kill()
        time.sleep(chance.uniform(0, 0.4))
        with urlopen(f"{server.url}/healthz", timeout=60) as answer:  # noqa: S310 - our own server
            assert answer.status == 200
        is_ready = get(f"{server.url}/readyz")
        if is_ready not in {404, 503}:
            ledger.odd.append(f"/readyz says {is_ready} while PostgreSQL is away")
        postgresql.start()
        began = time.monotonic()
        back.append(ledger.wait_for_acknowledgement(began) - began)
    return back


def _told(server: LiveServer, ledger: Ledger, size: str, figures: dict[str, str]) -> Outcome:
    with opened(server.database_url) as database:
        findings = examine(database, ledger.acknowledged)
    broken = findings.faults + [f"odd answer: {one}" for one in ledger.odd[:5]]
    told = findings.figures | {"sent again": f"{ledger.retried:,}", "answers": words(ledger.statuses)}
    return Outcome(size, told | figures, broken)
