"""Threads of a process that work off what waits in the database."""

import logging
import threading
import time
from collections.abc import Callable, Iterable

from flask import current_app

from webapp import db
from webapp.db import Database

_BREAK = 5.0  # seconds; between two looks at what others work on, or were killed at
_PAUSE = 60.0  # seconds; between two looks at whether anything waits that nobody was woken for
_log = logging.getLogger("webapp.background")


class Background:
    """Work of one kind: a thread does it when woken, and ends when nothing is left.

    `work` does what is free, and returns whether anything is left that others hold at the moment.
    """

    def __init__(self, name: str, database: Database, work: Callable[[Database], bool]) -> None:
        self._name, self._database, self._work = name, database, work
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._is_woken = False

    def wake(self) -> None:
        """See to it that somebody works, if there is anything to do."""
        with self._lock:
            self._is_woken = True
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
                self._thread.start()

    def _run(self) -> None:
        while self._is_called():
            while self._is_left():
                time.sleep(_BREAK)

    def _is_called(self) -> bool:
        """Whether somebody has called since the last look; if not, the thread is over."""
        with self._lock:
            is_called, self._is_woken = self._is_woken, False
            if not is_called:
                self._thread = None
            return is_called

    def _is_left(self) -> bool:
        try:
            return self._work(self._database)
        except Exception as error:
            if db.trouble(error) is not None:
                _log.warning("%s waits for the database", self._name)
                return True
            # It is tried again when somebody calls: the next minute, if nobody else does.
            _log.error("%s stopped", self._name, exc_info=error)
            return False


def wake(name: str) -> None:
    """Have the current app do what waits of this kind."""
    works: dict[str, Background] = current_app.extensions["background"]
    works[name].wake()


def keep_going(works: Iterable[Background]) -> None:
    """Wake each of these every minute, for ever: what a killed server left is gone on with."""
    all_of_them = list(works)
    while True:
        for work in all_of_them:
            work.wake()
        time.sleep(_PAUSE)
