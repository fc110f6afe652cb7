"""The whole number by which one index finds who has an attribute, and who has a certain value of it.

Its upper half stands for the workspace and the attribute, its lower half for the folded value. Who is found by it may
have had the value formerly, or, rarely, never: the value itself decides.
"""

import hashlib
import json
from typing import Any, NamedTuple

from webapp import search

_HALF = 32  # bits; the upper half has one less, so that the whole is a positive number of 64 bits


class Stretch(NamedTuple):
    """A part of the index, from its first to its last number."""

    first: int
    last: int


def of_text(workspace_id: int, name: str, text: str) -> int:
    """The number of a value that is written as JSON."""
    return of(workspace_id, name, json.loads(text))


def of(workspace_id: int, name: str, value: Any) -> int:
    """The number of a value. Equal for texts that differ in letter case, and for 1 and 1.0."""
    return _upper(workspace_id, name) + _bits(_plain(value), _HALF)


def everything(workspace_id: int, name: str) -> Stretch:
    """Where all values of an attribute lie."""
    first = _upper(workspace_id, name)
    return Stretch(first, first + (1 << _HALF) - 1)


def _upper(workspace_id: int, name: str) -> int:
    return _bits(f"{workspace_id} {name}", _HALF - 1) << _HALF


def _plain(value: Any) -> str:
    if isinstance(value, str):
        return search.fold(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return repr(float(value))
    return json.dumps(value)


def _bits(text: str, number: int) -> int:
    digest = hashlib.blake2b(text.encode(), digest_size=4).digest()
    return int.from_bytes(digest, "big") >> (_HALF - number)
