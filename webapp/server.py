"""Serving the app with granian."""

import errno
import socket

from granian import Granian
from granian.constants import Interfaces
from granian.log import LogLevels

from webapp.config import ConfigError, Settings


def run(settings: Settings) -> None:
    """Serve until told to stop. Raises ConfigError when the address can't be listened on."""
    _check_address(settings)
    Granian(
        "webapp.wsgi:app",
        address=settings.host,
        port=settings.port,
        interface=Interfaces.WSGI,
        blocking_threads=settings.threads,
        websockets=False,
        log_level=LogLevels.error,
        respawn_failed_workers=True,
    ).serve()


def _check_address(settings: Settings) -> None:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            is_taken = error.errno == errno.EADDRINUSE
            reason = "something else listens there already; set PORT" if is_taken else error.strerror
            raise ConfigError(f"HOST, PORT: can't listen on {settings.host}:{settings.port}: {reason}") from None
