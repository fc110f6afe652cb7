"""A slow way to a server, for `--slow`: what a test looks at too early isn't there yet, or only its beginning.

Playwright waits for the first byte of the page that a click leads to, not for the rest of it. So answers come late and
in pieces, as they do on a machine that has too much to do.
"""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from socketserver import BaseRequestHandler, ThreadingTCPServer

_REQUEST_DELAY = 0.1  # seconds
_PIECE, _PIECE_DELAY = 6_000, 0.05  # bytes, seconds
_SLOW_BYTES = 60_000  # of an answer; what is larger has been late enough by then


@contextmanager
def way_to(server_port: int) -> Iterator[int]:
    """Another port that leads to a server on this machine."""

    class Way(BaseRequestHandler):
        def handle(self) -> None:
            with suppress(OSError), socket.create_connection(("127.0.0.1", server_port)) as server:
                back = threading.Thread(target=_bring_back, args=(server, self.request), daemon=True)
                back.start()
                while data := self.request.recv(65_536):
                    time.sleep(_REQUEST_DELAY)
                    server.sendall(data)

    class Ways(ThreadingTCPServer):
        daemon_threads = True
        block_on_close = False

    with Ways(("127.0.0.1", 0), Way) as ways:
        thread = threading.Thread(target=ways.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        yield ways.server_address[1]
        ways.shutdown()
        thread.join()


def _bring_back(server: socket.socket, client: socket.socket) -> None:
    """Answers, in pieces. Once the server ends a connection, the client's ends too."""
    sent = 0
    with suppress(OSError), closing(client):
        while data := server.recv(65_536):
            sent = 0 if data.startswith(b"HTTP/1.1 ") else sent
            while data:
                size = _PIECE if sent < _SLOW_BYTES else len(data)
                piece, data = data[:size], data[size:]
                client.sendall(piece)
                sent += size
                if data and sent < _SLOW_BYTES:
                    time.sleep(_PIECE_DELAY)
        client.shutdown(socket.SHUT_RDWR)
