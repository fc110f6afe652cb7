"""What can come in, whatever door it comes through, and what became of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple


@dataclass(frozen=True, slots=True)
class Source:
    """Where changes come from: the path of an endpoint (or the name of a tool), and the API key."""

    name: str
    key_id: int | None = None


class Attribute(NamedTuple):
    """A named value. `type` is None where the client didn't say: then it follows from the value and the registry."""

    name: str
    value: Any
    type: str | None


@dataclass(frozen=True, slots=True)
class OnDevice:
    """Whoever is on a device at the time of a change: who logged in there last, else an anonymous visitor.

    A device that isn't known yet is made. `user_agent`: as the request told it, for the device's own description.
    """

    did: str
    user_agent: str | None = None


# The registered customer with this System ID, who is created if there is none; or whoever is on a device.
Who = str | OnDevice


@dataclass(frozen=True, slots=True)
class Context:
    """Where somebody was when something happened on a device. What isn't known is empty.

    `utm`: any of source, medium, campaign, term, content. `country` is an ISO 3166 alpha-2 code; `region` and `city`
    are English names. `address`: an IP address, shortened, or none at all.
    """

    page: str = ""
    referrer: str = ""
    utm: tuple[tuple[str, str], ...] = ()
    country: str = ""
    region: str = ""
    city: str = ""
    address: str = ""


NOWHERE = Context()


@dataclass(frozen=True, slots=True)
class CustomerUpdate:
    """Set attributes of a customer.

    `limit`: how many custom attributes the profile may have afterwards. `reported_at`: epoch ms by the client's clock,
    None where the server's clock counts.
    """

    who: Who
    attributes: tuple[Attribute, ...]
    limit: int
    reported_at: int | None = None


@dataclass(frozen=True, slots=True)
class EventRecord:
    """Record an event of a customer. `reported_at`: epoch ms by the client's clock, None where the server's counts.

    `mark`: tells an event that is sent again with the time of its arrival from an equal one that came with it.
    """

    who: Who
    name: str
    attributes: tuple[Attribute, ...]
    reported_at: int | None
    context: Context = NOWHERE
    mark: str = ""


@dataclass(frozen=True, slots=True)
class DeviceInfo:
    """Describe a device: any JSON object, as the app reports it at launch; the one reported last holds."""

    who: OnDevice
    info: dict[str, Any]
    reported_at: int


@dataclass(frozen=True, slots=True)
class PushToken:
    """Keep the token by which a device takes push messages."""

    who: OnDevice
    token: str


@dataclass(frozen=True, slots=True)
class ClockSkew:
    """From now on, so many ms are added to the times that a device tells."""

    who: OnDevice
    skew: int


@dataclass(frozen=True, slots=True)
class Login:
    """On this device somebody is the customer with this System ID, from `reported_at` on (epoch ms)."""

    who: OnDevice
    system_id: str
    reported_at: int


@dataclass(frozen=True, slots=True)
class Logout:
    """From `reported_at` on (epoch ms; None: from now) a device is in nobody's hands."""

    who: OnDevice
    reported_at: int | None


Fault = dict[str, Any]  # as in the API's `details`: message, path, type, context
Carrying = CustomerUpdate | EventRecord  # what carries attributes
Change = CustomerUpdate | EventRecord | DeviceInfo | PushToken | ClockSkew | Login | Logout


class Message(NamedTuple):
    """A browser's message, by the device's id and its own: what changes came in it. One that comes again is another."""

    did: str
    id: str


class Told(NamedTuple):
    """A change, who told it, and the browser's message that it came in, if it came so."""

    change: Change
    source: Source
    message: Message | None = None


@dataclass(frozen=True, slots=True)
class Ignored:
    """A value that was not stored, because its type isn't the attribute's."""

    name: str
    expected: str
    received: str
    value: Any = field(compare=False)


@dataclass(frozen=True, slots=True)
class Settled:
    """A change's attributes, parted by the registry of types: name → value that is kept, and those that aren't."""

    kept: dict[str, Any]
    ignored: tuple[Ignored, ...]


class Person(NamedTuple):
    """Whose something is. `growlytics_id` is None where it is made with the profile. `is_new`: isn't stored yet."""

    system_id: str | None
    growlytics_id: str | None
    is_new: bool


class Joined(NamedTuple):
    """A profile that becomes part of a person, or of none any more (`person` is None)."""

    profile: Person
    person: Person | None


# What a change does, as a whole or to an attribute. "past": a value that is older than the present one.
Result = Literal["created", "updated", "unchanged", "duplicate", "past"]


@dataclass(frozen=True, slots=True)
class Effect:
    """What a change would do: whose it is, and what becomes of each attribute's value.

    `joined`: profiles whose person would be another because of it.
    """

    change: Change
    result: Result
    person: Person | None = None
    attributes: Mapping[str, Result] = field(default_factory=dict)
    ignored: Sequence[Ignored] = ()
    joined: Sequence[Joined] = ()


class RefusedError(Exception):
    """A request that can't be stored as things stand: faults by the places of its changes, None for the whole of it."""

    def __init__(self, faults: Mapping[int | None, Fault]) -> None:
        super().__init__(faults)
        self.faults = faults
