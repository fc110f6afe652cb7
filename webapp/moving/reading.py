"""The lines of a file, plain or gzip, one by one."""

import gzip
import hashlib
import zlib
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import IO, Any, NamedTuple

import orjson

from webapp.moving import FaultyError

LONGEST_LINE = 64_000_000  # bytes; what one request may carry is a fraction of it
_GZIP = b"\x1f\x8b"


class Line(NamedTuple):
    """A line: its number from 1, what it tells, None where that is no JSON object, and its bytes."""

    number: int
    told: dict[str, Any] | None
    size: int

    @property
    def kind(self) -> str:
        """Its kind; empty where it tells none."""
        kind = None if self.told is None else self.told.get("kind")
        return kind if isinstance(kind, str) else ""


class Reader:
    """A file while it is read. `sha256`: of the lines so far, but for the first and those of the kind `end`."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._digest = hashlib.sha256()

    @property
    def sha256(self) -> str:
        """As hexadecimal digits."""
        return self._digest.hexdigest()

    def lines(self) -> Iterator[Line]:
        """All of them. Raises FaultyError where it can't go on."""
        number = 0
        try:
            with closing(_opened(self._file)) as opened:
                while raw := opened.readline(LONGEST_LINE + 1):
                    number += 1
                    if len(raw) > LONGEST_LINE:
                        raise FaultyError([f"line {number:,}: is longer than {LONGEST_LINE:,} bytes"])
                    line = Line(number, _told(raw), len(raw))
                    if number > 1 and line.kind != "end":
                        self._digest.update(raw)
                    yield line
        except (gzip.BadGzipFile, EOFError, zlib.error):
            raise FaultyError([f"after line {number:,}: the compressed file is damaged, or cut short"]) from None
        except OSError as error:
            raise FaultyError([f"{self._file}: {error.strerror}"]) from None


def _opened(file: Path) -> IO[bytes]:
    opened = file.open("rb")
    if opened.peek(2)[:2] != _GZIP:
        return opened
    opened.close()
    return gzip.open(file)  # type: ignore[return-value] # as good as a file


def _told(raw: bytes) -> dict[str, Any] | None:
    try:
        told = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return None
    return told if isinstance(told, dict) else None
