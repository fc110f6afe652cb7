"""placeholder."""

from collections.abc import Callable

from webapp.db import Database
from webapp.models import Workspace


def fill(database: Database, workspace: Workspace, number: int, progress: Callable[[int], None]) -> str:
    """x"""
    return ""
