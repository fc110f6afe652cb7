"""What somebody who runs the product has: the console script, and a server process with settings of their own."""

import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from tests import server
from tests.server import environment, free_port

SCRIPT = str(server.SCRIPT)
PATIENCE = server.PATIENCE


@dataclass(frozen=True)
class Server:
    """A server process, and the files into which it prints."""

    process: subprocess.Popen[bytes]
    url: str
    out: Path
    err: Path

    def answers(self) -> bool:
        """Whether it serves now."""
        try:
            return get(f"{self.url}/healthz") == 200
        except (URLError, OSError):
            return False


@contextmanager
def serving(
    folder: Path, *, host: str = "127.0.0.1", command: Sequence[str] = (SCRIPT, "serve"), **settings: str
) -> Iterator[Server]:
    """A server that answers, started in a folder; ended with the block."""
    settings.setdefault("PORT", str(free_port()))
    out, err = folder / "out.txt", folder / "err.txt"
    with out.open("wb") as stdout, err.open("wb") as stderr:
        process = subprocess.Popen(command, cwd=folder, env=environment(**settings), stdout=stdout, stderr=stderr)
    started = Server(process, f"http://{host}:{settings['PORT']}", out, err)
    try:
        wait_until_it_serves(started)
        yield started
    finally:
        process.terminate()
        process.wait(PATIENCE)


def wait_until_it_serves(started: Server) -> None:
    """Fail when it ends instead, or doesn't answer in good time."""
    until = time.monotonic() + PATIENCE
    while not started.answers():
        assert started.process.poll() is None, started.err.read_text()
        assert time.monotonic() < until, f"the server doesn't answer: {started.err.read_text()}"
        time.sleep(0.05)


def run(folder: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """The console script with these arguments, run to its end in a folder."""
    return run_command(folder, SCRIPT, *arguments, **settings)


def run_command(folder: Path, *command: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """A command run to its end in a folder, with these settings of the product and no others."""
    return subprocess.run(
        command,
        cwd=folder,
        env=environment(**settings),
        capture_output=True,
        text=True,
        timeout=4 * PATIENCE,
        check=False,
    )


def get(url: str) -> int:
    """The status of a GET."""
    try:
        with urlopen(url, timeout=PATIENCE) as answer:  # noqa: S310 - our own server
            return int(answer.status)
    except HTTPError as error:
        return error.code


def post(url: str, key: str, body: bytes) -> int:
    """The status of a POST with an API key."""
    request = Request(url, body, {"x-growlytics-key": key})  # noqa: S310 - our own server
    try:
        with urlopen(request, timeout=PATIENCE) as answer:  # noqa: S310
            return int(answer.status)
    except HTTPError as error:
        return error.code
