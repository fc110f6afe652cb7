"""Whether an event as it is stored contains a text, as far as people can see it."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import orjson

Contains = Callable[[str, str | None], bool]


def of(text: str) -> Contains:
    """Tells whether the text, whatever its case, is in a name or a value of attributes or in the address of a page.

    What is asked are the texts of `events.attributes` and `events.context`: JSON objects.
    """
    wanted = text.casefold()
    # As JSON has it inside of a text; what lacks that needn't be taken apart.
    written = orjson.dumps(wanted).decode()[1:-1]

    def contains(attributes: str, context: str | None) -> bool:
        if written in attributes.casefold() and any(wanted in one.casefold() for one in _texts(attributes)):
            return True
        if context is None or written not in context.casefold():
            return False
        return wanted in orjson.loads(context).get("page", "").casefold()

    return contains


def _texts(attributes: str) -> Iterator[str]:
    rest: list[Any] = [orjson.loads(attributes)]
    while rest:
        one = rest.pop()
        if isinstance(one, dict):
            yield from one
            rest += one.values()
        elif isinstance(one, list):
            rest += one
        else:
            yield one if isinstance(one, str) else json.dumps(one)
