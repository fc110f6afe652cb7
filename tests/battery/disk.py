"""R4: the disk fills up, is freed and fills up again, while writers write and somebody looks at profiles."""

import os
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import select

from tests.battery.client import Browser, Client
from tests.battery.cluster import cluster
from tests.battery.ground import Ground, opened
from tests.battery.outcome import Outcome, spread
from tests.battery.stored import examine
from tests.battery.writers import Ledger, words, writing
from tests.disks import mounted
from tests.installations import get
from tests.server import LiveServer, create_database, live
from tests.world import PASSWORD
from webapp.models import Customer

SIZES = {"sqlite": 48, "postgresql": 96}  # megabytes of the disk
_STARVED = 30  # refusals for a full disk in each cycle
_BREATH = 0.5  # seconds of ordinary life between two cycles
_PATIENCE = 60  # seconds


def disks_filled(ground: Ground, cycles: int) -> Outcome:
    """A real disk in memory, of a few megabytes. Raises NoDiskError where nobody may mount one."""
    with _disk(SIZES[ground.engine]) as disk, _server(ground, disk) as server:
        server.run("user", "create", "--email", "alice@shop.example", "--password-stdin", told=f"{PASSWORD}\n")
        browser = Browser(server.url)
        browser.sign_in("alice@shop.example", PASSWORD)
        seen = [_profile(server), "/customers"]
        freed, pages, colours = [], Counter[int](), []
        with writing(server.url, server.key) as ledger:
            for _ in range(cycles):
                ledger.wait_for_acknowledgement(time.monotonic())
                ballast = _fill(disk, ledger)
                pages.update(browser.get(path).status for path in seen * 5)
                colours.append(_readiness(server, 503))
                ballast.unlink()
                began = time.monotonic()
                freed.append(ledger.wait_for_acknowledgement(began) - began)
                time.sleep(_BREATH)
            colours.append(_readiness(server, 200))
        with opened(server.database_url) as database:
            findings = examine(database, ledger.acknowledged)
    broken = findings.faults + [f"odd answer: {one}" for one in ledger.odd[:5]]
    broken += [f"a page answers {status}" for status in pages if status != 200]
    if set(colours) != {404} and colours != [*[503] * cycles, 200]:
        broken.append(f"/readyz says {colours}")
    broken += ["requests without an answer"] if ledger.statuses[0] else []
    figures = {
        "answers": words(ledger.statuses),
        "pages meanwhile": words(pages),
        "/readyz while full": words(Counter(colours[:-1])),
        "/readyz in the end": str(colours[-1]),
        "storing again after": spread(freed),
    }
    return Outcome(f"{cycles} cycles on {SIZES[ground.engine]} MB", findings.figures | figures, broken)


@contextmanager
def _disk(megabytes: int) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="battery-disk-"))
    try:
        with mounted(folder, f"{megabytes}m", is_lazy=True):
            yield folder
    finally:
        folder.rmdir()


@contextmanager
def _server(ground: Ground, disk: Path) -> Iterator[LiveServer]:
    if ground.engine == "sqlite":
        with live(f"sqlite:///{disk / 'live.sqlite3'}", ground.folder) as server:
            yield server
        return
    data = disk / "data"
    data.mkdir()
    with cluster(data) as postgresql, live(create_database(postgresql.url), ground.folder) as server:
        yield server


def _profile(server: LiveServer) -> str:
    """The path of a customer's profile."""
    client = Client(server.url, server.key)
    answer = client.post("/track/user", b'{"id": "asha", "attributes": {"name": "Asha"}}')
    client.close()
    assert answer is not None
    assert answer.status == 200, answer
    with opened(server.database_url) as database, database.read() as session:
        found = session.scalars(select(Customer.growlytics_id).where(Customer.system_id == "asha")).one()
    return f"/customers/{found}"


def _fill(disk: Path, ledger: Ledger) -> Path:
    """Take all the room there is, and whatever is freed, until writers are refused for it."""
    ballast = disk / "ballast"
    before, until = ledger.statuses[507], time.monotonic() + _PATIENCE
    with ballast.open("ab", buffering=0) as file:
        while ledger.statuses[507] < before + _STARVED:
            assert time.monotonic() < until, f"the disk is full, and nobody is told: {words(ledger.statuses)}"
            for size in (1_000_000, 4_096):
                _append(file.fileno(), size)
            time.sleep(0.01)
    return ballast


def _append(file: int, size: int) -> None:
    try:
        while os.write(file, b"\0" * size) == size:
            pass
    except OSError:
        return  # full: that is what it is for


def _readiness(server: LiveServer, expected: int) -> int:
    """What /readyz says in the end; it may look again only every few seconds. 404 while there is no such page."""
    until = time.monotonic() + _PATIENCE / 2
    while (status := get(f"{server.url}/readyz")) not in {expected, 404} and time.monotonic() < until:
        time.sleep(0.1)
    return status
