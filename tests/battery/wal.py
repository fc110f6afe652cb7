"""SQLite's log of writes while somebody reads for long: it grows, and is cut afterwards."""

import time
from pathlib import Path

from tests.battery.ground import Ground, opened
from tests.battery.outcome import Outcome
from tests.battery.stored import examine
from tests.battery.writers import writing
from webapp.db import sqlite_library

MOST_AFTER = 16  # megabytes of the log once the reader has gone
_PATIENCE = 600  # seconds


def long_read(ground: Ground, megabytes: int) -> Outcome:
    """Another process's transaction stays open until the log has so many megabytes; writers go on, also after it."""
    file = ground.folder / "live.sqlite3"
    log = Path(f"{file}-wal")
    with ground.server() as server:
        with writing(server.url, server.key) as ledger:
            ledger.wait_for_acknowledgement(time.monotonic())
            reader = sqlite_library().connect(file, isolation_level=None)
            reader.execute("BEGIN")
            reader.execute("SELECT count(*) FROM customers").fetchone()
            seconds = _wait(log, megabytes, is_over=True)
            most = log.stat().st_size
            acknowledged = len(ledger.acknowledged)
            reader.execute("COMMIT")
            reader.close()
            settled = _wait(log, MOST_AFTER, is_over=False)
            after = log.stat().st_size
        with opened(server.database_url) as database:
            findings = examine(database, ledger.acknowledged)
    broken = findings.faults + [f"odd answer: {one}" for one in ledger.odd[:5]]
    if after > MOST_AFTER * 1_000_000:
        broken.append(f"the log still has {after:,} bytes {settled:.0f} s after the reader has gone")
    figures = {
        "while reading": f"{most / 1e6:.1f} MB after {seconds:.0f} s and {acknowledged:,} requests",
        "afterwards": f"{after / 1e6:.1f} MB within {settled:.1f} s",
    }
    return Outcome(f"a read while the log grows to {megabytes} MB", findings.figures | figures, broken)


def _wait(file: Path, megabytes: int, *, is_over: bool) -> float:
    """Wait until a file is larger than a size, or not larger any more. Returns the seconds that took."""
    began = time.monotonic()
    while (file.stat().st_size > megabytes * 1_000_000) is not is_over and time.monotonic() < began + _PATIENCE:
        time.sleep(0.02)
    return time.monotonic() - began
