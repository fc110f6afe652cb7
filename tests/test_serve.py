"""`customer-profiles serve` as a process, from its first start to its end."""

import http.client
import json
import os
import re
import signal
import socket
import sqlite3
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.installations import (
    PATIENCE,
    SCRIPT,
    get,
    post,
    run,
    serving,
    wait_until_it_serves,
)
from tests.server import create_database, free_port, worker_of
from webapp.db import SAFE_SQLITE

BODY = b'{"id": "u1", "attributes": {}}'


def _shown_once(text: str) -> tuple[str, str]:
    """The link and the key that a first start prints."""
    link = re.search(r"http://\S+/invitations/\S+", text)
    key = re.search(r"cpk_\S+", text)
    assert link is not None, text
    assert key is not None, text
    return link[0], key[0]


def test_first_start_prints_an_address_a_link_and_a_key_that_work(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        printed = server.out.read_text()
        link, key = _shown_once(printed)
        assert f"Customer Profiles: {server.url}\n" in printed
        assert link.startswith(server.url)
        assert get(link) == 200
        assert get(f"{server.url}/login") == 200
        assert post(f"{server.url}/track/user", key, BODY) == 200
        assert post(f"{server.url}/track/user", "another", BODY) == 401
    lines = [json.loads(line) for line in server.err.read_text().splitlines()]
    assert [line for line in lines if line["level"] not in {"debug", "info"}] == []


def test_second_start_prints_the_address_only(tmp_path: Path) -> None:
    with serving(tmp_path):
        pass
    with serving(tmp_path) as server:
        assert server.out.read_text() == f"Customer Profiles: {server.url}\n"


def test_port_in_use_is_told_before_anything_that_is_shown_once(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        refused = run(tmp_path, "serve", PORT=port)
    assert refused.returncode == 1
    message = f"HOST, PORT: can't listen on 127.0.0.1:{port}: something else listens there already; set PORT"
    assert refused.stderr == f"Error: {message}\n"
    assert refused.stdout == ""
    with serving(tmp_path) as server:
        assert _shown_once(server.out.read_text())


def test_host_that_does_not_exist_is_told(tmp_path: Path) -> None:
    refused = run(tmp_path, "serve", HOST="no-such-host.invalid", PORT=str(free_port()))
    assert refused.returncode == 1
    assert "HOST, PORT: can't listen on no-such-host.invalid" in refused.stderr


def _has_ipv6() -> bool:
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


@pytest.mark.parametrize(
    ("host", "reached_at"),
    [("0.0.0.0", "127.0.0.1"), ("localhost", "localhost"), ("::1", "[::1]"), ("::", "[::1]")],  # noqa: S104
)
def test_host_chooses_where_it_listens(tmp_path: Path, host: str, reached_at: str) -> None:
    if ":" in host and not _has_ipv6():
        pytest.skip("this machine has no IPv6")
    with serving(tmp_path, host=reached_at, HOST=host) as server:
        assert server.answers()


def test_settings_come_from_env_file_in_the_current_folder(tmp_path: Path) -> None:
    port = free_port()
    (tmp_path / ".env").write_text(f"PORT={port}\nDATABASE_URL=sqlite:///elsewhere/shop.sqlite3\n")
    with serving(tmp_path, PORT=str(port)):
        assert (tmp_path / "elsewhere/shop.sqlite3").exists()


@pytest.mark.parametrize("signal_", [signal.SIGTERM, signal.SIGINT])
def test_signal_ends_it_cleanly(tmp_path: Path, signal_: signal.Signals) -> None:
    with serving(tmp_path) as server:
        server.process.send_signal(signal_)
        assert server.process.wait(PATIENCE) == 0
        assert not server.answers()
    assert server.err.read_text() == ""


def test_worker_that_crashes_is_replaced(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        os.kill(worker_of(server.process.pid), signal.SIGKILL)
        wait_until_it_serves(server)
    assert "Unexpected exit from worker" in server.err.read_text()


def test_killed_server_leaves_nothing_behind_that_holds_the_port(tmp_path: Path) -> None:
    port = str(free_port())
    with serving(tmp_path, PORT=port) as server:
        server.process.kill()
        until = time.monotonic() + PATIENCE
        while server.answers() and time.monotonic() < until:
            time.sleep(0.02)
    with serving(tmp_path, PORT=port) as server:
        assert server.answers()


@pytest.mark.parametrize(("key", "size", "status"), [("wrong", 900_000, 401), (None, 3_000_000, 413)])
def test_refusal_reaches_a_client_that_still_sends_its_body(
    tmp_path: Path, key: str | None, size: int, status: int
) -> None:  # fmt: skip
    with serving(tmp_path) as server:
        _, valid = _shown_once(server.out.read_text())
        client = http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=PATIENCE)
        client.putrequest("POST", "/track/user")
        client.putheader("x-growlytics-key", key or valid)
        client.putheader("Content-Length", str(size))
        client.endheaders()
        time.sleep(0.2)  # long enough to be refused by the headers alone
        client.send(b" " * size)
        assert client.getresponse().status == status
        client.close()


def test_old_sqlite_library_is_warned_of_in_one_line(tmp_path: Path) -> None:
    if sqlite3.sqlite_version_info >= SAFE_SQLITE:
        pytest.skip("this Python's own SQLite is recent")
    # As on a platform for which pysqlite3 has no wheel: Python's own library is used then.
    (tmp_path / "pysqlite3.py").write_text("raise ImportError\n")
    with serving(tmp_path, PYTHONPATH=str(tmp_path)) as server:
        warning = server.err.read_text()
    assert re.fullmatch(r"Warning: SQLite: \S+ has a bug that can corrupt databases; install [^\n]+\n", warning)


def test_gunicorn_serves_it_as_well(tmp_path: Path) -> None:
    assert run(tmp_path, "init").returncode == 0
    port = str(free_port())
    gunicorn = (str(Path(SCRIPT).with_name("gunicorn")), "--bind", f"127.0.0.1:{port}", "webapp.wsgi:app")
    with serving(tmp_path, command=gunicorn, PORT=port) as server:
        assert get(f"{server.url}/login") == 200


def test_postgresql_is_migrated_by_command_and_then_served(tmp_path: Path, postgresql_server: str) -> None:
    settings = {"DATABASE_URL": create_database(postgresql_server), "SECRET_KEY": "a secret for tests only"}
    refused = run(tmp_path, "serve", PORT=str(free_port()), **settings)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.endswith("run `customer-profiles migrate` first\n")
    assert run(tmp_path, "migrate", **settings).returncode == 0
    with serving(tmp_path, **settings) as server:
        _, key = _shown_once(server.out.read_text())
        assert post(f"{server.url}/track/user", key, BODY) == 200
