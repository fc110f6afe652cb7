"""Imports outlive whoever works on them: server and console, killed in the middle, go on without losing a row."""

import io
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
from sqlalchemy import func, select

from tests.importing import figures, suggested
from tests.installations import SCRIPT
from tests.server import SECRET, LiveServer, environment
from tests.world import Shop
from webapp import audit, imports
from webapp.imports import Limits
from webapp.models import Customer, Event, Import

PATIENCE = 120  # seconds
ROWS, CUSTOMERS = 3_000, 70
FILE = "customer,date,amount\n" + "".join(
    f"u{number % CUSTOMERS},2024-01-{1 + number % 28:02},{number % 3}\n" if number % 100 else f",2024-01-31,{number}\n"
    for number in range(ROWS)
)
FAILED = ROWS // 100


def _get(shop: Shop, id_: int) -> Import:
    with shop.database.read() as session:
        return session.get_one(Import, id_)


def _expire(shop: Shop, id_: int) -> None:
    """Lest everybody waits until the lease of who was killed is over."""
    with shop.database.write() as session:
        session.get_one(Import, id_).leased_until = 0


def _wait(shop: Shop, id_: int, number: int) -> Import:
    """The import once so many rows are worked off, or it is over."""
    until = time.monotonic() + PATIENCE
    while True:
        imported = _get(shop, id_)
        if imported.is_over or imported.rows >= number:
            return imported
        assert time.monotonic() < until, (imported.state, imported.rows)
        time.sleep(0.02)


def _check(shop: Shop, imported: Import) -> None:
    """Every row is there, once."""
    assert imported.state == "done"
    assert figures(imported) == {"rows": ROWS, "created": CUSTOMERS, "events": ROWS - FAILED, "failed": FAILED}
    with shop.database.read() as session:
        is_here = Customer.workspace_id == imported.workspace_id
        events = select(func.count()).select_from(Event).join(Customer, Customer.id == Event.customer_id)
        assert session.scalar(events.where(is_here)) == ROWS - FAILED
        assert session.scalar(select(func.count()).select_from(Customer).where(is_here)) == CUSTOMERS


def test_an_import_goes_on_after_kills_of_the_server(live_server: LiveServer, live_shop: Shop) -> None:
    who = audit.console(live_shop.workspace.id)
    live_server.kill()  # or it might be over before it is looked at
    id_ = imports.prepare(live_shop.database, who, io.BytesIO(FILE.encode()), "a.csv", "events", Limits())
    with live_shop.database.write() as session:
        imports.start(session, who, id_, suggested(live_shop, id_), Limits(), dry=False)
    for wanted in (1, 900):
        live_server.start()
        _wait(live_shop, id_, wanted)
        live_server.kill()
        _expire(live_shop, id_)
    assert not _get(live_shop, id_).is_over, "it was killed in the middle"
    live_server.start()
    _check(live_shop, _wait(live_shop, id_, ROWS + 1))


def test_an_import_goes_on_after_a_kill_of_the_console(database_url: str, shop: Shop, tmp_path: Path) -> None:
    file = tmp_path / "purchases.csv"
    file.write_text(FILE)
    command = [SCRIPT, "import", str(file), "--events", "--event-name", "Purchased", "--failed", "failed.csv"]
    told = environment(DATABASE_URL=database_url, SECRET_KEY=SECRET)
    with subprocess.Popen(command, cwd=tmp_path, env=told, stdout=subprocess.DEVNULL) as process:
        until = time.monotonic() + PATIENCE
        while not (found := _running(shop)) or found.rows < 300:
            assert process.poll() is None, "it has ended before it was killed"
            assert time.monotonic() < until
            time.sleep(0.01)
        os.kill(process.pid, signal.SIGKILL)
    cut = _get(shop, found.id)
    assert 0 < cut.rows < ROWS
    _expire(shop, found.id)
    done = subprocess.run(
        command, cwd=tmp_path, env=told, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert f"Going on with the import of purchases.csv after row {cut.rows:,}." in done.stdout, done.stderr
    assert done.returncode == 1, "rows have failed"
    _check(shop, _get(shop, found.id))
    assert len((tmp_path / "failed.csv").read_text().splitlines()) == FAILED + 1


def _running(shop: Shop) -> Import | None:
    with shop.database.read() as session:
        return session.scalar(select(Import).where(Import.state == "running"))


def _run(database_url: str, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    told = environment(DATABASE_URL=database_url, SECRET_KEY=SECRET)
    command = [SCRIPT, "import", *arguments]
    return subprocess.run(command, cwd=folder, env=told, capture_output=True, text=True, timeout=PATIENCE, check=False)


def test_the_console_takes_columns_as_it_is_told(database_url: str, shop: Shop, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("Kunde;Wer;Geboren;Punkte;Notiz\n17;Änn;31.01.1990;1,5;x\n18;Bob;32.01.1990;2;\n")
    arguments = ("a.csv", "--id", "Kunde", "--map", "Wer=name", "--map", "Geboren=born:date:day", "--map", "Notiz=")
    tried = _run(database_url, tmp_path, *arguments, "--dry-run")
    assert tried.returncode == 0, tried.stderr
    assert "Would be: 2 customers created" in tried.stdout
    done = _run(database_url, tmp_path, *arguments)
    assert done.returncode == 0, done.stderr
    assert "a.csv: customers, 2 rows, UTF-8, semicolon" in done.stdout
    assert "2 customers created, 0 rows updated, 0 unchanged; 0 rows failed, 1 cells left out" in done.stdout
    assert shop.attributes("17") == {
        "name": ("string", "Änn"), "born": ("date", "1990-01-30T18:30:00Z"), "Punkte": ("number", 1.5),
    }  # fmt: skip
    assert shop.attributes("18") == {"name": ("string", "Bob"), "Punkte": ("number", 2)}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "--id COLUMN"),
        (("--id", "nobody"), "no column “nobody”; it has: Kunde, Wer"),
        (("--id", "Kunde", "--map", "Wer"), "COLUMN=ATTRIBUTE"),
        (("--events", "--id", "Kunde"), "--time COLUMN"),
    ],
)
def test_the_console_says_what_is_wrong(
    database_url: str, shop: Shop, tmp_path: Path, arguments: tuple[str, ...], words: str
) -> None:
    (tmp_path / "a.csv").write_text("Kunde,Wer\n17,Ann\n")
    done = _run(database_url, tmp_path, "a.csv", *arguments)
    assert (done.returncode, words in done.stderr) == (1, True), done.stderr
    assert _running(shop) is None
