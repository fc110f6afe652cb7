"""Serving the app with granian."""

import ctypes
import errno
import gc
import multiprocessing
import os
import socket
import threading
from contextlib import suppress

from flask import Flask
from granian import Granian
from granian.constants import Interfaces
from granian.log import LogLevels

from webapp import background, create_app, logs, recounts
from webapp.config import ConfigError, Settings

# How long requests may go on after SIGTERM or Ctrl-C, in seconds.
_GRACE = 10
_M_ARENA_MAX = -8  # of glibc's mallopt
# So many are made before Python looks for those that nothing needs. With its own 700, a third of the time in which a
# megabyte of `[]` is refused goes into that.
_YOUNG_OBJECTS = 10_000


def run(settings: Settings) -> None:
    """Serve until told to stop. Raises ConfigError when the address can't be listened on."""
    Granian(
        "webapp.wsgi:app",  # only a name here: `_app` makes the app
        address=address(settings),
        port=settings.port,
        interface=Interfaces.WSGI,
        blocking_threads=settings.threads,
        websockets=False,
        log_level=LogLevels.error,
        log_dictconfig=logs.configuration(settings),
        respawn_failed_workers=True,
        workers_kill_timeout=_GRACE,
    ).serve(target_loader=_app, wrap_loader=False)


def _app() -> Flask:
    """The app, in the worker."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _hold_memory_together()
    app = create_app()
    threading.Thread(target=recounts.keep_going, args=(app.extensions["database"],), daemon=True).start()
    works = app.extensions["background"].values()
    threading.Thread(target=background.keep_going, args=(works,), daemon=True).start()
    settle_heap()
    return app


def settle_heap() -> None:
    """Let Python look through its heap more seldom: parsing one large body makes a third of a million objects."""
    gc.freeze()  # what lives as long as the process isn't looked through any more
    gc.set_threshold(_YOUNG_OBJECTS)


def _hold_memory_together() -> None:
    # glibc gives threads arenas of their own; what they have taken for large batches never comes back.
    with suppress(AttributeError, OSError):  # another C library
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 2)


def _end_with_parent() -> None:
    # A worker left behind by a killed server would hold the port, and the next start would fail.
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def address(settings: Settings) -> str:
    """The numeric address of HOST. Raises ConfigError when it can't be listened on."""
    try:
        found = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, _, _, _, place = found[0]
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(place)
    except OSError as error:
        is_taken = error.errno == errno.EADDRINUSE
        reason = "something else listens there already; set PORT" if is_taken else error.strerror
        raise ConfigError(f"HOST, PORT: can't listen on {settings.host}:{settings.port}: {reason}") from None
    return str(place[0])
