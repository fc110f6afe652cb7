"""The answers of the machine door."""

import json
from collections.abc import Iterator
from typing import Any, NamedTuple


class Reply(NamedTuple):
    """The answer to a request. `body` is JSON; `headers` are those beyond what every answer has.

    `pieces`: what is sent instead of the body, as it is made; `headers` then say what it is.
    """

    status: int
    body: bytes
    headers: dict[str, str]
    pieces: Iterator[bytes] | None = None


def of(content: dict[str, Any], status: int = 200, headers: dict[str, str] | None = None) -> Reply:
    """A reply with this content."""
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    return Reply(status, text.encode() + b"\n", headers or {})


SUCCESS = of({"success": True})
