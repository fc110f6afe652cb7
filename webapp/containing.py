"""Whether an event as it is stored contains a text, as far as people can see it."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import orjson

from webapp import contacts

Contains = Callable[[str, str | None], bool]


def of(text: str, *, is_masked: bool = False) -> Contains:
    """Tells whether the text, whatever its case, is in a name or a value of attributes or in the address of a page.

    What is asked are the texts of `events.attributes` and `events.context`: JSON objects. `is_masked`: an e-mail or
    mobile has it only if it is the whole of it, so that nobody finds out letter by letter what they don't see.
    """
    wanted = text.casefold()
    # As JSON has it inside of a text; what lacks that needn't be taken apart.
    written = orjson.dumps(wanted).decode()[1:-1]

    def has(told: dict[str, Any]) -> bool:
        if any(wanted in one.casefold() for one in _texts(contacts.without(told) if is_masked else told)):
            return True
        return is_masked and any(wanted == one.casefold() for one in contacts.texts(told))

    def contains(attributes: str, context: str | None) -> bool:
        if written in attributes.casefold() and has(orjson.loads(attributes)):
            return True
        if context is None or written not in context.casefold():
            return False
        return wanted in orjson.loads(context).get("page", "").casefold()

    return contains


def _texts(told: Any) -> Iterator[str]:
    rest: list[Any] = [told]
    while rest:
        one = rest.pop()
        if isinstance(one, dict):
            yield from one
            rest += one.values()
        elif isinstance(one, list):
            rest += one
        else:
            yield one if isinstance(one, str) else json.dumps(one)
