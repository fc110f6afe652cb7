"""The bodies of the browser SDK: who sends, and what each message says."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from webapp import beginnings, signatures, values
from webapp.api.mobile_shapes import LARGEST_INFO
from webapp.api.rest import MOST_CUSTOM_ATTRIBUTES
from webapp.api.shapes import MOST_EVENT_ATTRIBUTES, MOST_SENT_ATTRIBUTES, Reader
from webapp.ingest.changes import Attribute, Change, Context, CustomerUpdate, EventRecord, Login, Logout, OnDevice
from webapp.models import ApiKey

PAGE_VISITED = "Page Visited"
UTM = ("source", "medium", "campaign", "term", "content")
CLICK_IDS = ("gclid", "fbclid")
LONGEST_TEXT = 512  # of UTM and click ids
LONGEST_MESSAGE_ID = 64
LONGEST_PAGE = 2_048  # of a visit's pages and referrers, which are cut; the event has the whole
_DID = re.compile(r"[A-Za-z0-9_-]{16,64}", re.ASCII)
_LARGEST = 2**63


class Envelope(Reader):
    """Reads what a body says of its sender."""

    __slots__ = ()

    def did(self) -> str:
        """The id of the browser."""
        text = self._text_in(self.body, "did", [])
        if text is not None and not _DID.fullmatch(text):
            self.faults.add(["did"], "must be 16–64 letters, digits, - or _", "string.pattern")
        return text or ""

    def sent_at(self) -> int:
        """When the body was sent by the browser's clock, however wrong that is: epoch ms."""
        given = self.body.get("sentAt")
        if isinstance(given, bool) or not isinstance(given, int | float) or not -_LARGEST < given < _LARGEST:
            self.faults.add(["sentAt"], "must be a number of epoch milliseconds", "number.base")
            return 0
        return int(given)

    def info(self) -> dict[str, Any] | None:
        """What the browser tells of itself, if it does now."""
        given = self.body.get("device")
        if given is None:
            return None
        if not isinstance(given, dict):
            self._not("an object", "object.base", ["device"], given)
            return None
        size = len(json.dumps(given, ensure_ascii=False).encode("utf-8", "surrogatepass"))
        if size > LARGEST_INFO:
            message = f"is {size:,} bytes of JSON; {LARGEST_INFO:,} are allowed"
            self.faults.add(["device"], message, "object.max", limit=LARGEST_INFO, length=size)
        return given | {"client": "browser"}


@dataclass(frozen=True, slots=True)
class MessageReader(Reader):
    """Reads a message of a device.

    `context`: where the device is; `skew`: what is to be added to its times, ms.
    """

    key: ApiKey
    device: OnDevice
    context: Context
    skew: int

    def changes(self) -> list[Change]:
        """What the message says, nothing where that can't be told; faults are noted."""
        id_, type_ = self._text_in(self.body, "id", []), self._text_in(self.body, "type", [])
        if id_ is not None and not 0 < len(id_) <= LONGEST_MESSAGE_ID:
            self.faults.add(["id"], f"must be 1–{LONGEST_MESSAGE_ID} characters long", "string.length")
        reads = _KINDS.get(type_ or "")
        if type_ is not None and reads is None:
            self._not(" or ".join(f'"{kind}"' for kind in _KINDS), "any.only", ["type"], type_)
        return [] if reads is None else reads(self)

    def time(self) -> int:
        """When it happened, by the server's clock: epoch milliseconds from 1980 to a day ahead."""
        given: Any = self.body.get("time")
        return self._moment("time", given + self.skew if type(given) in {int, float} else given)

    def page(self) -> list[Change]:
        """A page visit, which is an event."""
        url, referrer = self._text_in(self.body, "url", []) or "", self._text_if_any("referrer")
        clicks = self._texts("clickIds", CLICK_IDS)
        told = {"URL": url, "Title": self._text_if_any("title"), "Referrer": referrer, **clicks}
        for name, text in told.items():
            self._check_lengths([name], text)
        is_from_outside = beginnings.domain(referrer) != beginnings.domain(url)
        context = replace(
            self.context,
            page=url[:LONGEST_PAGE],
            referrer=referrer[:LONGEST_PAGE] if is_from_outside else "",
            utm=tuple(self._texts("utm", UTM).items()),
        )
        attributes = tuple(Attribute(name, text, "string") for name, text in told.items() if text)
        return [EventRecord(self.device, PAGE_VISITED, attributes, self.time(), context)]

    def event(self) -> list[Change]:
        """An event that the page tracks."""
        attributes = self.attributes(values.EVENT_TYPES, (dict,), MOST_EVENT_ATTRIBUTES, is_required=False)
        context = replace(self.context, page=self._text_if_any("url")[:LONGEST_PAGE])
        return [EventRecord(self.device, self.event_name(), attributes, self.time(), context)]

    def update(self) -> list[Change]:
        """Attributes of whoever is there."""
        told = self.attributes(values.SCALARS, (dict,), MOST_SENT_ATTRIBUTES)
        return [CustomerUpdate(self.device, told, MOST_CUSTOM_ATTRIBUTES, self.time())]

    def login(self) -> list[Change]:
        """Who is there from now on, and attributes of that customer."""
        system_id, at = self.system_id("userId"), self.time()
        if self.key.wants_signature and system_id:
            self._check_signature(system_id)
        changes: list[Change] = [Login(self.device, system_id, at)]
        told = self.attributes(values.SCALARS, (dict,), MOST_SENT_ATTRIBUTES, is_required=False)
        return [*changes, CustomerUpdate(system_id, told, MOST_CUSTOM_ATTRIBUTES, at)] if told else changes

    def logout(self) -> list[Change]:
        """That the customer has left."""
        return [Logout(self.device, self.time())]

    def _check_signature(self, system_id: str) -> None:
        if "signature" not in self.body:
            message = "is required: this key takes a login only with the shop's signature of the id"
            self.faults.add(["signature"], message, "signature.required")
            return
        text, secret = self._text_in(self.body, "signature", []), self.workspace.login_secret
        if text is not None and (secret is None or not signatures.holds(secret, system_id, text)):
            message = "is not the signature of this id: its HMAC-SHA-256 with the workspace's secret, in hexadecimal"
            self.faults.add(["signature"], message, "signature.invalid")

    def _text_if_any(self, field: str) -> str:
        return "" if self.body.get(field) is None else self._text_in(self.body, field, []) or ""

    def _texts(self, field: str, names: tuple[str, ...]) -> dict[str, str]:
        """Those of the names that have a text in an object, which needn't be there."""
        given = self.body.get(field)
        if given is None:
            return {}
        if not isinstance(given, dict):
            self._not("an object", "object.base", [field], given)
            return {}
        found = {}
        for name in names:
            text = None if given.get(name) is None else self._text_in(given, name, [field])
            if text and len(text) > LONGEST_TEXT:
                self._too_long([field, name], text, LONGEST_TEXT)
            elif text:
                found[name] = text
        return found


_KINDS: dict[str, Callable[[MessageReader], list[Change]]] = {
    "page": MessageReader.page,
    "event": MessageReader.event,
    "attributes": MessageReader.update,
    "identify": MessageReader.login,
    "logout": MessageReader.logout,
}
