"""Web origins: those from which a workspace takes what browsers send, and those that were turned away."""

import re
import threading
from collections import OrderedDict
from dataclasses import dataclass
from functools import lru_cache

from webapp import clock

MOST = 100
_SHAPE = re.compile(r"(https?)://((?:\*\.)?[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\])(?::(\d{1,5}))?", re.ASCII)
_PORTS = {"http": "80", "https": "443"}
_MOST_STRANGERS = 100


def parse(text: str) -> tuple[list[str], list[str]]:
    """The origins in a text, one a line, each as browsers write it and once; and what is wrong with the other lines.

    `https://*.shop.example` stands for all hosts below `shop.example`.
    """
    found: dict[str, None] = {}
    faults = []
    for line in filter(None, map(str.strip, text.splitlines())):
        origin = normal(line)
        if origin is None:
            shown = line if len(line) <= 100 else f"{line[:100]}…"
            faults.append(f"“{shown}” is not an origin like https://shop.example or http://localhost:8080.")
        else:
            found[origin] = None
    if len(found) > MOST:
        faults.append(f"There are {len(found):,} origins; {MOST} are allowed.")
    return list(found), faults


def normal(text: str) -> str | None:
    """An origin as browsers write it: lower case, without its usual port; None where the text is none."""
    shape = _SHAPE.fullmatch(text.strip().lower().rstrip("/"))
    if shape is None or ".." in shape[2] or int(shape[3] or 1) not in range(1, 65_536):
        return None
    scheme, host, port = shape.groups()
    return f"{scheme}://{host}" if port in {None, _PORTS[scheme]} else f"{scheme}://{host}:{port}"


@lru_cache(maxsize=1024)
def allows(allowed: str, origin: str) -> bool:
    """Whether an origin, as a browser tells it, is one of these, one a line."""
    scheme, _, host = origin.partition("://")
    return any(
        origin == one or (one.startswith(f"{scheme}://*.") and host.endswith(one.partition("*")[2]))
        for one in allowed.splitlines()
    )


@dataclass(frozen=True, slots=True)
class Stranger:
    """An origin that was turned away: how often, and when last (epoch ms)."""

    origin: str
    count: int
    last_at: int


class Strangers:
    """The origins that were turned away since this process began: some, for whoever wonders why nothing arrives."""

    def __init__(self) -> None:
        self._found: OrderedDict[tuple[int, str], Stranger] = OrderedDict()
        self._lock = threading.Lock()

    def note(self, workspace_id: int, origin: str) -> None:
        """Note one that is turned away now."""
        with self._lock:
            known = self._found.pop((workspace_id, origin), None)
            self._found[workspace_id, origin] = Stranger(origin, (known.count if known else 0) + 1, clock.now())
            if len(self._found) > _MOST_STRANGERS:
                self._found.popitem(last=False)

    def recent(self, workspace_id: int) -> list[Stranger]:
        """Those of a workspace, the last first."""
        with self._lock:
            return [one for (whose, _), one in reversed(self._found.items()) if whose == workspace_id]
