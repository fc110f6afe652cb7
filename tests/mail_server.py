"""A little mail server for tests: real SMTP over a real socket, with STARTTLS, TLS and a password as wanted."""

import base64
import email
import email.policy
import socketserver
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path


@dataclass
class Got:
    """A mail as it came: for whom, what, and whether over TLS."""

    to: list[str]
    message: EmailMessage
    is_safe: bool

    @property
    def text(self) -> str:
        """What it says."""
        return self.message.get_content()  # type: ignore[no-any-return]


@dataclass
class MailServer:
    """What a server offers and asks for, and what it got. `certificate`: with it, it offers STARTTLS."""

    certificate: Path | None = None
    is_tls: bool = False  # from the first byte
    login: tuple[str, str] | None = None
    refuses: str = ""  # recipients
    is_silent: bool = False
    got: list[Got] = field(default_factory=list)
    port: int = 0

    def wait(self, number: int = 1) -> list[Got]:
        """The mails, once so many have come."""
        until = time.monotonic() + 60
        while len(self.got) < number:
            assert time.monotonic() < until, f"{len(self.got)} mails have come, not {number}"
            time.sleep(0.01)
        return self.got


@contextmanager
def serving(server: MailServer) -> Iterator[MailServer]:
    """The server, on a free port of this machine."""
    ending = threading.Event()

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            if server.is_silent:
                ending.wait(60)
                return
            try:
                _Talk(server, self).run()
            except OSError:  # who connected doesn't trust us, or has gone
                return

    class Listener(socketserver.ThreadingTCPServer):
        daemon_threads = True
        allow_reuse_address = True

    with Listener(("127.0.0.1", 0), Handler) as listener:
        server.port = listener.server_address[1]
        threading.Thread(target=listener.serve_forever, daemon=True).start()
        yield server
        ending.set()
        listener.shutdown()


def certificate(folder: Path) -> Path:
    """A key and a certificate for localhost in one file, which only those trust who are told to."""
    path = folder / "localhost.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    subprocess.run([*command, "-keyout", str(path), "-out", str(folder / "cert.pem")], check=True, capture_output=True)
    path.write_text(path.read_text() + (folder / "cert.pem").read_text())
    return path


class _Talk:
    """One connection."""

    def __init__(self, server: MailServer, handler: socketserver.StreamRequestHandler) -> None:
        self._server, self._socket = server, handler.connection
        self._to: list[str] = []
        self._is_safe = self._may_go_on = False
        if server.is_tls:
            self._secure()
        self._lines = self._socket.makefile("rb")

    def run(self) -> None:
        """Answer until the other side ends it."""
        self._say("220 here")
        while line := self._lines.readline():
            word, _, rest = line.decode().strip().partition(" ")
            if word.upper() == "QUIT":
                self._say("221 bye")
                return
            getattr(self, f"_{word.lower()}", self._unknown)(rest)

    def _say(self, *lines: str) -> None:
        self._socket.sendall("".join(f"{line}\r\n" for line in lines).encode())

    def _secure(self) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        assert self._server.certificate is not None
        context.load_cert_chain(self._server.certificate)
        self._socket = context.wrap_socket(self._socket, server_side=True)
        self._is_safe = True

    def _unknown(self, _: str) -> None:
        self._say("500 what?")

    def _ehlo(self, _: str) -> None:
        offers = ["STARTTLS"] if self._server.certificate and not self._is_safe else []
        offers += ["AUTH PLAIN"] if self._server.login else []
        self._say("250-here", *(f"250-{one}" for one in offers), "250 8BITMIME")

    def _starttls(self, _: str) -> None:
        self._say("220 go on")
        self._secure()
        self._lines = self._socket.makefile("rb")

    def _auth(self, rest: str) -> None:
        _, user, password = base64.b64decode(rest.split()[1]).decode().split("\0")
        self._may_go_on = (user, password) == self._server.login
        self._say("235 welcome" if self._may_go_on else "535 no")

    def _noop(self, _: str) -> None:
        self._say("250 yes")

    _rset = _noop

    def _mail(self, _: str) -> None:
        self._to = []
        self._say("530 who are you?" if self._server.login and not self._may_go_on else "250 yes")

    def _rcpt(self, rest: str) -> None:
        one = rest.partition("<")[2].partition(">")[0]
        if one == self._server.refuses:
            self._say("550 nobody of that name")
        else:
            self._to.append(one)
            self._say("250 yes")

    def _data(self, _: str) -> None:
        self._say("354 go on")
        lines = []
        while (line := self._lines.readline()) not in {b".\r\n", b""}:
            lines.append(line.removeprefix(b"."))
        message = email.message_from_bytes(b"".join(lines), policy=email.policy.default)
        assert isinstance(message, EmailMessage)
        self._server.got.append(Got(self._to, message, self._is_safe))
        self._say("250 taken")
