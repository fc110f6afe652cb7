"""E-mail and mobile as values: which attributes hold them, and what a masked reader may see and ask of them."""

import json
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from webapp import dictionary
from webapp.conditions import Compared, Condition, WrongError

HIDDEN = "•••"
# Folded names that end so, and a number behind it: `Email`, `billing_email`, `Phone Number`, `mobile 2`.
_NAME = re.compile(r"(e?mail(address|id)?|(mobile|phone|telephone|whatsapp|contact|msisdn)(number|num|no)?)(e?s)?\d*\Z")
_NO_NAME = {
    "contact",
    "contact2",
    "contacts",
    "headphone",
    "headphones",
    "microphone",
    "microphones",
    "lastcontact",
}  # without `number` it is a person or a page
_EMAIL = re.compile(r"([^\s@]+)@([^\s@]+)\.([a-z]{2,12})", re.IGNORECASE)
_MOBILE = re.compile(r"[\d\s()+./\-]+", re.ASCII)
# What is masked already stays as it is: it has no more in it, whoever wrote it.
_MASKED = re.compile(r"[^\s@•]?•••@[^\s@•]?•••\.[a-z]{2,12}|•{8} \d\d|•••", re.IGNORECASE)
_LONGEST, _FEWEST_LETTERS, _FEWEST_DIGITS = 320, 3, 7


@lru_cache(maxsize=4096)
def is_contact(name: str) -> bool:
    """Whether an attribute of customers or events is called like an e-mail or a phone number, however it is written."""
    folded = dictionary.fold(name[:_LONGEST])
    return _NAME.search(folded) is not None and folded not in _NO_NAME


def mask(text: str) -> str:
    """What is shown of an e-mail, `a•••@e•••.com`, or a mobile, `•••••••• 43`. Of what is short or odd, nothing."""
    plain = text[: _LONGEST + 1].strip()
    if len(plain) > _LONGEST:
        return HIDDEN
    if _MASKED.fullmatch(plain):
        return plain
    if found := _EMAIL.fullmatch(plain):
        local, domain, top = found.groups()
        return f"{_first(local)}{HIDDEN}@{_first(domain)}{HIDDEN}.{top}"
    digits = re.sub(r"\D", "", plain, flags=re.ASCII)
    if _MOBILE.fullmatch(plain) and len(digits) >= _FEWEST_DIGITS:
        return f"•••••••• {digits[-2:]}"
    return HIDDEN


def _first(part: str) -> str:
    return part[0] if len(part) >= _FEWEST_LETTERS and part[0].isalnum() else ""


def value(name: str, any_value: Any) -> Any:
    """What is shown of the JSON value of an attribute, which may have e-mails and mobiles deep in it."""
    if isinstance(any_value, dict):
        if is_contact(name):
            return {part: value(name, one) for part, one in any_value.items()}
        return {part: value(part, one) for part, one in any_value.items()}
    if isinstance(any_value, list):
        return [value(name, one) for one in any_value]
    if not is_contact(name) or any_value is None or isinstance(any_value, bool):
        return any_value
    return mask(str(any_value))


def as_json(name: str, text: str) -> str:
    """The same of a value that is written as JSON and may be cut short: of such, texts of other names are shown."""
    if not is_contact(name) and not text.startswith(("{", "[")):
        return text
    try:
        return json.dumps(value(name, json.loads(text)), ensure_ascii=False)
    except (ValueError, RecursionError):
        return HIDDEN


def without(any_value: Any) -> Any:
    """A JSON value without what is e-mail and mobile in it; the names stay."""
    if isinstance(any_value, dict):
        return {name: None if is_contact(name) else without(one) for name, one in any_value.items()}
    return [without(one) for one in any_value] if isinstance(any_value, list) else any_value


def texts(any_value: Any) -> Iterator[str]:
    """The e-mails and mobiles in a JSON value."""
    if isinstance(any_value, dict):
        for name, one in any_value.items():
            yield from _leaves(one) if is_contact(name) else texts(one)
    elif isinstance(any_value, list):
        for one in any_value:
            yield from texts(one)


def _leaves(any_value: Any) -> Iterator[str]:
    if isinstance(any_value, dict | list):
        for one in any_value.values() if isinstance(any_value, dict) else any_value:
            yield from _leaves(one)
    elif any_value is not None:
        yield str(any_value)


def check(condition: Condition) -> None:
    """Raises WrongError for what a masked reader may not ask: anything that tells of a part of an e-mail or mobile."""
    if not isinstance(condition, Compared) or not is_contact(condition.attribute):
        return
    if "•" in condition.value:
        raise WrongError("You see e-mail and mobile masked, so neither which one this filter names nor whose it is")
    if condition.comparison != "=":
        raise WrongError(
            "You see e-mail and mobile masked, and can filter them by the whole value (=), by has and by lacks"
        )


def blotted(condition: Condition) -> Condition:
    """A condition that somebody else wrote, without the e-mail or mobile in it."""
    if isinstance(condition, Compared) and is_contact(condition.attribute):
        return Compared(condition.attribute, condition.comparison, HIDDEN)
    return condition
