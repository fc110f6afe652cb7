"""How visits begin: the page, the referrer, the UTM; and how many began by which source and in which country."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple
from urllib.parse import urlsplit

from webapp.counts import Notes

_LONGEST = 100  # characters of a source: anybody can make up as many as they like


@dataclass(frozen=True, slots=True)
class Entry:
    """How a visit began: what is known of where the visitor came from and to. Empty where nothing is."""

    page: str = ""
    referrer: str = ""
    utm: dict[str, str] = field(default_factory=dict)

    @property
    def source(self) -> str:
        """The traffic source: the domain of the referrer, without `www.`."""
        return domain(self.referrer)


class Beginning(NamedTuple):
    """When a visit began (epoch ms), and its entry and place, JSON each."""

    at: int
    entry: str | None
    place: str | None


def domain(url: str) -> str:
    """The domain of a URL, without `www.`; of a text that is none, the text."""
    try:
        host = urlsplit(url).hostname
    except ValueError:
        host = None
    return (host or url).removeprefix("www.")


def note(notes: Notes, customer_id: int, before: Iterable[Beginning], after: Iterable[Beginning]) -> None:
    """Note that a customer's visits began so, and not any more as they did before."""
    gone, fresh = set(before), set(after)
    for sign, some in ((-1, gone - fresh), (1, fresh - gone)):
        for one in some:
            if name := source(one.entry):
                notes.add(customer_id, "source", name, one.at, sign)
            if name := country(one.place):
                notes.add(customer_id, "country", name, one.at, sign)


def country(place: str | None) -> str:
    """Where a visit began: an ISO code; empty where that isn't known."""
    return json.loads(place or "{}").get("country") or ""


def source(entry: str | None) -> str:
    """By what a visit came: its UTM source, else the domain of its referrer; empty where neither is known."""
    if entry is None:
        return ""
    came = Entry(**json.loads(entry))
    told = came.utm.get("source", "").strip().casefold() or came.source
    return "".join(filter(str.isprintable, told))[:_LONGEST]
