"""Backups of the embedded database made while it is written, and what becomes of them."""

import hashlib
import os
import shutil
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from alembic import command

from tests.conftest import settings_for
from tests.disks import NoDiskError, mounted
from tests.installations import PATIENCE, SCRIPT, Server, get, post, run, serving
from tests.server import environment
from webapp import backup, migrate, occupancy, restore
from webapp.backup import BackupError
from webapp.db import Database, sqlite_library
from webapp.occupancy import OccupiedError

DATABASE = "data/customer-profiles.sqlite3"
NOON = 1_700_000_000_000


@pytest.fixture
def database(tmp_path: Path, sqlite_template: Path) -> Path:
    """The file of a migrated database that nobody has open, in a folder of its own."""
    file = tmp_path / DATABASE
    file.parent.mkdir()
    shutil.copy(sqlite_template, file)
    return file


def _connect(file: Path) -> Any:
    return sqlite_library().connect(str(file), isolation_level=None)


def _mark(file: Path, name: str) -> None:
    """Leave something in a database by which it is known again."""
    with closing(_connect(file)) as connection:
        connection.execute(f"CREATE TABLE {name} (it)")


def _is_marked(file: Path, name: str) -> bool:
    with closing(_connect(file)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        query = "SELECT count(*) FROM sqlite_master WHERE name = ?"
        return bool(connection.execute(query, (name,)).fetchone()[0])


def _names(file: Path) -> set[str]:
    with closing(_connect(file)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return {name for (name,) in connection.execute("SELECT name FROM events")}


def _contents(folder: Path) -> dict[str, str]:
    """The hash of every file in a folder, but for the lock, which is always empty."""
    files = (path for path in folder.iterdir() if path.is_file() and path.suffix != ".lock")
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@contextmanager
def _nothing_changes(folder: Path) -> Iterator[None]:
    before = _contents(folder)
    yield
    assert _contents(folder) == before


@contextmanager
def _writing(server: Server, key: str) -> Iterator[list[str]]:
    """Writers that send events, each with a name of its own; the list has the names of those that were acknowledged."""
    acknowledged: list[str] = []
    is_over = threading.Event()

    def write(writer: int) -> None:
        for number in range(20_000):
            if is_over.is_set():
                return
            name = f"e{writer}-{number}"
            body = f'{{"customerId": "u{writer}", "name": "{name}", "time": {NOON}, "attributes": {{}}}}'
            with suppress(OSError):  # of a server that has been killed
                if post(f"{server.url}/track/event", key, body.encode()) == 200:
                    acknowledged.append(name)

    writers = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for writer in writers:
        writer.start()
    try:
        yield acknowledged
    finally:
        is_over.set()
        for writer in writers:
            writer.join()


def _wait_for(acknowledged: list[str], number: int) -> None:
    until = time.monotonic() + 60
    while len(acknowledged) < number:
        assert time.monotonic() < until, f"only {len(acknowledged)} of {number} events were taken"
        time.sleep(0.01)


def _set_up(folder: Path) -> str:
    """A database with some megabytes in it, so that copying takes a while. Returns an API key."""
    assert run(folder, "init").returncode == 0
    key = run(folder, "key", "create", "--name", "Backend").stdout.strip()
    with closing(_connect(folder / DATABASE)) as connection:
        connection.execute("CREATE TABLE ballast (it)")
        connection.executemany("INSERT INTO ballast VALUES (randomblob(?))", [(1_000_000,)] * 30)
    return key


def test_backup_of_a_written_database_has_all_that_was_acknowledged_before_it_began(tmp_path: Path) -> None:
    key = _set_up(tmp_path)
    copy = tmp_path / "copy.sqlite3"
    with serving(tmp_path) as server, _writing(server, key) as acknowledged:
        _wait_for(acknowledged, 50)
        before = set(acknowledged)
        done = run(tmp_path, "backup", "copy.sqlite3")
        assert (done.returncode, done.stderr) == (0, "")
        assert len(acknowledged) > len(before), "nothing was written while it was copied"
        _wait_for(acknowledged, len(acknowledged) + 20)
        assert get(f"{server.url}/readyz") == 200
    assert done.stdout == f"copy.sqlite3: {copy.stat().st_size:,} bytes.\n"
    assert before <= _names(copy)
    after = _names(tmp_path / DATABASE)
    assert set(acknowledged) <= after
    assert _names(copy) < after

    restored = run(tmp_path, "restore", "copy.sqlite3")
    assert restored.returncode == 0, restored.stderr
    with serving(tmp_path) as server:
        assert get(f"{server.url}/readyz") == 200
        assert post(f"{server.url}/track/event", key, b'{"customerId": "u1", "name": "later", "time": 1700000000000}')
        assert before <= _names(tmp_path / DATABASE)
    (kept,) = (tmp_path / "data").glob("*.before-restore-*")
    assert set(acknowledged) <= _names(kept)


def test_backup_is_one_file_for_its_owner_only(database: Path, tmp_path: Path) -> None:
    target = tmp_path / "copies" / "copy.sqlite3"
    target.parent.mkdir()
    with closing(_connect(database)) as open_one:
        open_one.execute("CREATE TABLE in_the_log (it)")
        before = os.umask(0o022)
        size = backup.make(database, target)
        os.umask(before)
    assert size == target.stat().st_size
    assert list(target.parent.iterdir()) == [target]
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert target.read_bytes()[18:20] == b"\x01\x01"  # not in WAL mode, which wants files beside it
    assert _is_marked(target, "in_the_log")


def test_existing_file_is_replaced_only_by_force(database: Path, tmp_path: Path) -> None:
    (tmp_path / "copy.sqlite3").write_text("precious")
    refused = run(tmp_path, "backup", "copy.sqlite3")
    assert (refused.returncode, refused.stderr) == (1, "Error: copy.sqlite3 exists; --force replaces it\n")
    assert (tmp_path / "copy.sqlite3").read_text() == "precious"
    _mark(database, "ours")
    assert run(tmp_path, "backup", "--force", "copy.sqlite3").returncode == 0
    assert _is_marked(tmp_path / "copy.sqlite3", "ours")


def test_targets_that_would_do_harm_are_refused_even_by_force(database: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.sqlite3"
    link.symlink_to(database)
    with _nothing_changes(database.parent):
        for target in (database, link):
            with pytest.raises(BackupError, match="is the database itself"):
                backup.make(database, target, replaces=True)
        with pytest.raises(BackupError, match="is a folder"):
            backup.make(database, tmp_path, replaces=True)
        with pytest.raises(BackupError, match="No such file or directory"):
            backup.make(database, tmp_path / "nowhere" / "copy.sqlite3")
    other = tmp_path / "other.sqlite3"
    with closing(_connect(other)) as open_one:
        open_one.execute("PRAGMA journal_mode=WAL")
        open_one.execute("CREATE TABLE theirs (it)")
        with pytest.raises(BackupError, match=r"other\.sqlite3 is a database that something has open"):
            backup.make(database, other, replaces=True)


def test_backup_without_a_database_leaves_nothing_behind(tmp_path: Path) -> None:
    refused = run(tmp_path, "backup", "copy.sqlite3")
    assert (refused.returncode, refused.stderr) == (1, f"Error: there is no database at {DATABASE} yet\n")
    assert list(tmp_path.iterdir()) == []


def test_damaged_database_is_told_and_not_copied(database: Path, tmp_path: Path) -> None:
    _damage(database)
    with pytest.raises(BackupError, match=r"damaged|malformed"):
        backup.make(database, tmp_path / "copy.sqlite3")
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def _damage(file: Path) -> None:
    with file.open("r+b") as opened:
        opened.seek(3 * 4096)
        opened.write(b"\xff" * 4 * 4096)


def test_backup_that_is_ended_leaves_nothing_behind(database: Path, tmp_path: Path) -> None:
    with closing(_connect(database)) as connection:
        connection.execute("PRAGMA locking_mode=EXCLUSIVE")
        connection.execute("BEGIN EXCLUSIVE")  # so that it has to wait
        ended = subprocess.Popen([SCRIPT, "backup", "copy.sqlite3"], cwd=tmp_path, env=environment())
        until = time.monotonic() + PATIENCE
        while not list(tmp_path.glob(".copy.*.part")):
            assert time.monotonic() < until
            time.sleep(0.02)
        ended.terminate()
    assert ended.wait(PATIENCE) == 143
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of a megabyte."""
    folder = tmp_path / "small"
    folder.mkdir()
    try:
        with mounted(folder, "1m"):
            yield folder
    except NoDiskError:
        pytest.skip("only root can make a small disk here")


def test_full_disk_is_told_and_nothing_is_left_on_it(database: Path, tmp_path: Path, small_disk: Path) -> None:
    with closing(_connect(database)) as connection:
        connection.execute("CREATE TABLE ballast AS SELECT randomblob(2000000)")
    refused = run(tmp_path, "backup", "small/copy.sqlite3")
    assert (refused.returncode, refused.stderr) == (1, "Error: small/copy.sqlite3: no space left on the disk\n")
    assert list(small_disk.iterdir()) == []


def test_backup_that_does_not_fit_is_not_restored(
    database: Path, tmp_path: Path, small_disk: Path, sqlite_template: Path
) -> None:
    there = small_disk / "shop.sqlite3"
    shutil.copy(sqlite_template, there)
    with closing(_connect(database)) as connection:
        connection.execute("CREATE TABLE ballast AS SELECT randomblob(2000000)")
    with _nothing_changes(small_disk), pytest.raises(BackupError, match="no space left on the disk"):
        restore.restore(database, there)


@pytest.mark.parametrize(("name", "tool"), [("backup", "pg_dump or pg_basebackup"), ("restore", "pg_restore")])
def test_postgresql_has_tools_of_its_own(tmp_path: Path, name: str, tool: str) -> None:
    refused = run(tmp_path, name, "copy", DATABASE_URL="postgresql://shop@127.0.0.1:1/shop")
    assert refused.returncode == 1
    assert refused.stderr.startswith("Error: the database is PostgreSQL; ")
    assert tool in refused.stderr
    assert list(tmp_path.iterdir()) == []


def test_restored_database_takes_the_place_of_the_one_that_was_there(database: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.sqlite3"
    backup.make(database, copy)
    before = copy.read_bytes()
    _mark(database, "later")
    done = run(tmp_path, "restore", "copy.sqlite3")
    assert done.returncode == 0, done.stderr
    assert f"{DATABASE} is what copy.sqlite3 was.\n" in done.stdout
    (kept,) = database.parent.glob("*.before-restore-*")
    assert f"kept as {kept.relative_to(tmp_path)}.\n" in done.stdout
    assert not _is_marked(database, "later")
    assert _is_marked(kept, "later")
    assert stat.S_IMODE(database.stat().st_mode) == 0o600
    assert copy.read_bytes() == before


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_what_root_restores_belongs_to_the_owner_of_the_database(database: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.sqlite3"
    backup.make(database, copy)
    os.chown(database, 1234, 1235)
    restore.restore(copy, database)
    for path in (database, Path(f"{database}.lock")):
        assert (path.stat().st_uid, path.stat().st_gid) == (1234, 1235)
    with occupancy.shared(database):
        pass


def test_backup_is_restored_where_there_is_no_database(database: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "another" / "shop.sqlite3"
    done = restore.restore(database, elsewhere)
    assert done == restore.Restored(None, [])
    assert _is_marked(elsewhere, "events")
    assert not list(elsewhere.parent.glob("*.before-restore-*"))


def test_server_in_use_refuses_a_restore_even_when_it_has_no_connection_open(tmp_path: Path) -> None:
    assert run(tmp_path, "init").returncode == 0
    assert run(tmp_path, "backup", "copy.sqlite3").returncode == 0
    with serving(tmp_path):
        refused = run(tmp_path, "restore", "copy.sqlite3")
        assert refused.returncode == 1
        assert refused.stderr == f"Error: a server or another command has {DATABASE} open; stop it first\n"
    assert not list((tmp_path / "data").glob("*.before-restore-*"))
    assert run(tmp_path, "restore", "copy.sqlite3").returncode == 0


def test_other_programs_refuse_a_restore(database: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.sqlite3"
    backup.make(database, copy)
    program = (
        "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); print(c.execute('SELECT 1 FROM events').fetchall()); "
    )
    program += "sys.stdout.flush(); sys.stdin.read()"
    command_line = [sys.executable, "-c", program, str(database)]
    with subprocess.Popen(command_line, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as shell:
        assert shell.stdout is not None
        assert shell.stdout.readline() == b"[]\n"
        with _nothing_changes(database.parent), pytest.raises(OccupiedError, match="another program has"):
            restore.restore(copy, database)
        shell.communicate(timeout=120)
    restore.restore(copy, database)


def test_server_does_not_start_during_a_restore(database: Path, tmp_path: Path) -> None:
    with occupancy.alone(database):
        refused = run(tmp_path, "serve")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr == f"Error: {DATABASE} is being restored; try again in a moment\n"


def _as_of(revision: str, file: Path) -> Path:
    made = Database(settings_for(f"sqlite:///{file}").url)
    with migrate.changing_schema(made) as connection:
        command.upgrade(migrate.config(connection), revision)
    return file


def test_backup_of_an_earlier_version_is_migrated_at_the_next_start(tmp_path: Path) -> None:
    _as_of("0001", tmp_path / "copy.sqlite3")
    done = run(tmp_path, "restore", "copy.sqlite3")
    assert done.returncode == 0, done.stderr
    assert "It lacks 0002" in done.stdout
    with serving(tmp_path) as server:
        assert get(f"{server.url}/readyz") == 200


def test_files_that_can_not_be_restored_change_nothing(database: Path, tmp_path: Path) -> None:
    files = {name: tmp_path / name for name in ("text", "empty", "foreign", "damaged", "newer", "without")}
    files["text"].write_text("to do: buy milk\n" * 1000)
    files["empty"].touch()
    _mark(files["foreign"], "notes")
    for name in ("damaged", "newer", "without"):
        shutil.copy(database, files[name])
    _damage(files["damaged"])
    with closing(_connect(files["newer"])) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    with closing(_connect(files["without"])) as connection:
        connection.execute("DELETE FROM alembic_version")
    words = {
        "text": "is not a database of this product: file is not a database",
        "empty": "is not a database of this product: it has no table",
        "foreign": "is not a database of this product: it has no table alembic_version, customers, events, workspaces",
        "damaged": "damaged|malformed",
        "newer": "a later version of this product has brought the database to 9999; install that version",
        "without": "is not a database of this product: it says of no schema",
    }
    for name, file in files.items():
        before = _contents(tmp_path)
        with _nothing_changes(database.parent), pytest.raises(BackupError, match=words[name]):
            restore.restore(file, database)
        assert _contents(tmp_path) == before, name
    for file, told in ((tmp_path / "nowhere", "there is no file"), (database, "is the database itself")):
        with _nothing_changes(database.parent), pytest.raises(BackupError, match=told):
            restore.restore(file, database)


def test_restore_that_fails_at_its_last_step_changes_nothing(
    database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / "copy.sqlite3"
    backup.make(database, copy)

    def fail(*_: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(Path, "replace", fail)
    with _nothing_changes(database.parent), pytest.raises(BackupError, match="Input/output error"):
        restore.restore(copy, database)


def test_damaged_database_is_replaced_and_kept_as_it_is(database: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.sqlite3"
    backup.make(database, copy)
    database.write_text("to do: buy milk\n" * 1000)
    done = restore.restore(copy, database)
    assert done.kept is not None
    assert done.kept.read_text().startswith("to do")
    assert _is_marked(database, "events")


def _killed(folder: Path) -> set[str]:
    """What a server in a folder has acknowledged that was killed while it was written."""
    assert run(folder, "init").returncode == 0
    key = run(folder, "key", "create", "--name", "Backend").stdout.strip()
    with serving(folder) as server, _writing(server, key) as acknowledged:
        _wait_for(acknowledged, 30)
        worker = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text().split()
        server.process.kill()
        os.kill(int(worker[0]), 9)
    assert Path(f"{folder / DATABASE}-wal").stat().st_size > 0
    return set(acknowledged)


def test_log_of_a_killed_server_is_kept_with_its_database_and_restored_with_it(tmp_path: Path) -> None:
    acknowledged = _killed(tmp_path)
    fresh = tmp_path / "fresh" / "shop.sqlite3"
    with _nothing_changes(tmp_path / "data"):
        restore.restore(tmp_path / DATABASE, fresh)  # a copy of its files, taken after a crash
    assert acknowledged <= _names(fresh)
    done = restore.restore(fresh, tmp_path / DATABASE)
    assert done.kept is not None
    assert acknowledged <= _names(done.kept)
    assert {path.suffix for path in (tmp_path / "data").iterdir() if "before-restore" not in path.name} == {
        ".sqlite3",
        ".lock",
        "",
    }
