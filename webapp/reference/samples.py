"""How a body is sent, in the languages of the reference: JSON, and the samples in templates/reference/samples/."""

import json
from collections.abc import Callable, Iterable
from typing import Any

_WIDE = 76  # characters of a line

LANGUAGES = {"curl": "curl", "python": "Python", "node": "Node", "php": "PHP"}


def as_json(value: Any) -> str:
    """A value as JSON for people: in one line where that is short."""
    return _written(value, lambda one: json.dumps(one, ensure_ascii=False))


def as_python(value: Any) -> str:
    """A JSON value as Python writes it."""
    return _written(value, lambda one: json.dumps(one, ensure_ascii=False) if isinstance(one, str) else repr(one))


def _written(value: Any, scalar: Callable[[Any], str], indent: str = "") -> str:
    if not isinstance(value, dict | list):
        return scalar(value)
    around = "{}" if isinstance(value, dict) else "[]"
    flat = f"{around[0]}{', '.join(_parts(value, scalar, ''))}{around[1]}"
    if len(indent) + len(flat) <= _WIDE:
        return flat
    inner = f"{indent}  "
    lines = ",\n".join(f"{inner}{part}" for part in _parts(value, scalar, inner))
    return f"{around[0]}\n{lines}\n{indent}{around[1]}"


def _parts(value: dict[str, Any] | list[Any], scalar: Callable[[Any], str], indent: str) -> Iterable[str]:
    if isinstance(value, list):
        return [_written(one, scalar, indent) for one in value]
    return [f"{scalar(name)}: {_written(one, scalar, indent)}" for name, one in value.items()]
