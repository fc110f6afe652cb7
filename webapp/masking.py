"""What a masked reader gets instead of what was found: the one place that decides it, for every page and answer.

Templates get nothing else: before one is drawn, all that it is told goes through `covered`. Records that know what they
are about are covered by themselves, so a new page that shows a customer, an attribute or an event can't forget it.
Bare texts and numbers know nothing: what makes such of values asks `contacts` (columns, samples of the dictionary).
"""

from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from typing import Any
from urllib.parse import parse_qsl, urlencode

import orjson
from flask import Flask, before_render_template

from webapp import attributes, conditions, contacts, events, evidence, refusals, refused, search, timeline
from webapp.models import Customer, RefusedReason, Segment

MODES = ("off", "revealable", "always")  # what viewers see of e-mail and mobile: all, masked, masked for good


class Covered:
    """A row of which some fields are others than they are."""

    def __init__(self, row: Any, **instead: Any) -> None:
        self.__dict__.update(instead, _row=row)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._row, name)


def register(app: Flask, is_masked: Callable[[], bool]) -> None:
    """Cover what every template is told, where the reader of the page is masked."""

    def cover(_: Flask, context: dict[str, Any], **__: Any) -> None:
        if is_masked():
            context.update({name: covered(one) for name, one in context.items()})

    before_render_template.connect(cover, app, weak=False)


def covered(found: Any) -> Any:
    """The same as far as a masked reader may see it; the very same where nothing of it is an e-mail or mobile."""
    if rule := _RULES.get(type(found)):
        return rule(found)
    if type(found) in {list, tuple}:
        parts = [covered(one) for one in found]
        return found if _is_same(parts, found) else type(found)(parts)
    if isinstance(found, dict):
        changed = {name: new for name, one in found.items() if (new := covered(one)) is not one}
        return {**found, **changed} if changed and type(found) is dict else _with(found, changed)
    if isinstance(found, tuple) and hasattr(found, "_replace"):
        parts = [covered(one) for one in found]
        return found if _is_same(parts, found) else type(found)(*parts)
    if is_dataclass(found) and not isinstance(found, type):
        told = {one.name: getattr(found, one.name) for one in fields(found) if one.init}
        changed = {name: new for name, one in told.items() if (new := covered(one)) is not one}
        return replace(found, **changed) if changed else found
    return found


def _is_same(parts: Any, found: Any) -> bool:
    return all(one is other for one, other in zip(parts, found, strict=True))


def _with(found: Any, changed: dict[Any, Any]) -> Any:
    """A mapping of a kind of its own (one that makes what is missing) with other values."""
    if not changed:
        return found
    other = found.copy()
    other.update(changed)
    return other


def _customer(one: Customer) -> Any:
    email, mobile = one.email, one.mobile
    if email is None and mobile is None:
        return one
    return Covered(one, email=email and contacts.mask(email), mobile=mobile and contacts.mask(mobile))


def _attribute(one: attributes.Shown) -> attributes.Shown:
    text = contacts.as_json(one.name, one.text)
    return one if text == one.text else replace(one, value=orjson.loads(text), text=text)


def _former(one: attributes.Former) -> attributes.Former:
    text = contacts.as_json(one.name, one.text)
    return one if text == one.text else one._replace(value=orjson.loads(text), text=text)


def _change(one: timeline.Change) -> timeline.Change:
    return replace(one, value=contacts.value(one.name, one.value))


def _of_event(one: events.ShownAttribute) -> events.ShownAttribute:
    value = contacts.value(one.name, one.value)
    if value == one.value:
        return one
    return replace(one, value=value, excerpt=one.excerpt and events.excerpt(value))


def _hit(one: search.Hit) -> search.Hit:
    value = contacts.mask(one.value) if contacts.is_contact(one.field) else one.value
    return replace(one, customer=_customer(one.customer), value=value)


def _refusal(one: refusals.Refusal) -> refusals.Refusal:
    return replace(one, sample=contacts.as_json(one.name, one.sample))


def _reason(one: RefusedReason) -> Any:
    return Covered(one, words="", sample="")  # both can have values in them


def _sample(one: refused.Sample) -> refused.Sample:
    """Nothing of what came: who is told in it, and how, nobody knows."""
    row: Any = Covered(one.row, body=b"")
    return replace(one, row=row, details={}, customer=covered(one.customer))


def segment_query(query: str) -> str:
    """The URL's parameters of a segment without e-mails and mobiles in its filters, which then can't be applied."""
    return urlencode([(name, _blotted(text) if name == "where" else text) for name, text in parse_qsl(query)])


def _blotted(text: str) -> str:
    try:
        return str(contacts.blotted(conditions.parse(text)))
    except conditions.WrongError:
        return text


def _segment(one: Segment) -> Any:
    return Covered(one, query=segment_query(one.query))


_RULES: dict[type, Callable[[Any], Any]] = {
    Customer: _customer,
    RefusedReason: _reason,
    Segment: _segment,
    attributes.Former: _former,
    attributes.Shown: _attribute,
    events.ShownAttribute: _of_event,
    refusals.Refusal: _refusal,
    refused.Sample: _sample,
    search.Hit: _hit,
    timeline.Change: _change,
    evidence.Difference: lambda one: one._replace(
        of_target=contacts.value(one.name, one.of_target), of_member=contacts.value(one.name, one.of_member)
    ),
}
