"""The console script `customer-profiles`."""

import os
import signal
import sys
from typing import NoReturn

from webapp.cli import audit, importing, keeping, keys, moving, people, privacy, refused, retention, serving
from webapp.cli.base import commands

# Importing the modules is what makes commands of what is in them.
__all__ = [
    "audit",
    "commands",
    "importing",
    "keeping",
    "keys",
    "main",
    "moving",
    "people",
    "privacy",
    "refused",
    "retention",
    "serving",
]


def main() -> None:
    """Run the console script."""
    os.umask(0o077)  # the embedded database holds a shop's customers: nobody else on the machine reads it
    signal.signal(signal.SIGTERM, _end)
    commands()


def _end(_signal: int, _frame: object) -> NoReturn:
    sys.exit(128 + signal.SIGTERM)  # as an exception, so that half a backup is removed
