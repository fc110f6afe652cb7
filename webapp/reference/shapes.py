"""What the description of an endpoint consists of. Words may have `code` in them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

# What a field may hold, as a reader is told and as tests/test_reference.py tries it.
Kind = Literal["string", "number", "boolean", "epoch ms", "array", "object", "array or object", "value"]


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a body. `name` is its path: `attributes[].name` is one of each of the attributes."""

    name: str
    kind: Kind
    words: str
    is_required: bool = True


@dataclass(frozen=True, slots=True)
class Described:
    """An endpoint. `sample` makes a body that it takes, of a moment (epoch ms); `answer` is what it answers then.

    `is_asked`: by GET, without a body; its fields are then those of the answer. `parameters`: of its path and query;
    `asks`: an address with some of them, as it is shown. `is_acting`: it does something with a person by POST; there is
    no form to try it, and its samples are dry runs, so that nobody is erased by one. `is_file`: the answer is a file.
    """

    path: str
    title: str
    words: str
    fields: Sequence[Field]
    sample: Callable[[int], dict[str, Any]]
    answer: dict[str, Any]
    notes: Sequence[str] = ()
    is_for_browsers: bool = False
    is_asked: bool = False
    parameters: Sequence[Field] = ()
    asks: str = ""
    is_acting: bool = False
    is_file: bool = False


def optional(name: str, kind: Kind, words: str) -> Field:
    """A field that needn't be there."""
    return Field(name, kind, words, is_required=False)


SUCCESS = {"success": True}
