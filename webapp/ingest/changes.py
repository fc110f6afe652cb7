"""What can come in, whatever door it comes through, and what became of it."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Attribute:
    """A named value. `type` is None where the client didn't say: then it follows from the value and the registry."""

    name: str
    value: Any
    type: str | None


@dataclass(frozen=True, slots=True)
class CustomerUpdate:
    """Set attributes of the registered customer with this System ID, who is created if there is none.

    `limit`: how many custom attributes the profile may have afterwards.
    """

    system_id: str
    attributes: tuple[Attribute, ...]
    limit: int


@dataclass(frozen=True, slots=True)
class EventRecord:
    """Record an event of the registered customer with this System ID, who is created if there is none.

    `reported_at`: epoch milliseconds by the client's clock, None where the server's clock counts.
    """

    system_id: str
    name: str
    attributes: tuple[Attribute, ...]
    reported_at: int | None


Change = CustomerUpdate | EventRecord


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


class RefusedError(Exception):
    """A change that can't be stored as things stand. Carries the fault in the shape of the API's `details`."""

    def __init__(self, fault: dict[str, Any]) -> None:
        super().__init__(fault["message"])
        self.fault = fault
