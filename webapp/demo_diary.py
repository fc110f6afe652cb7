"""A shopper's diary: what is done on a device and what the shop's backend has to tell, as changes to be sent."""

from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from webapp import clock
from webapp.api.rest import MOST_CUSTOM_ATTRIBUTES
from webapp.demo_devices import Device
from webapp.demo_words import DIRECT, Origin, Town
from webapp.ingest.changes import (
    Attribute,
    Change,
    Context,
    CustomerUpdate,
    DeviceInfo,
    EventRecord,
    Login,
    Logout,
    PushToken,
)

_SITE = "https://shop.example"


@dataclass(frozen=True, slots=True)
class Shopper:
    """Who somebody is, before they do anything. `joined_at`: when they sign up, epoch ms."""

    system_id: str
    name: str
    gender: str
    town: Town
    joined_at: int
    has_old_app: bool  # it sends prices as text, which the attribute's type doesn't allow
    has_second_device: bool
    is_careful: bool  # logs out now and then


@dataclass(slots=True)
class Diary:
    """What a shopper does, as it is written down. `at` is the time there, `now` the end of it all (epoch ms)."""

    shopper: Shopper
    random: Random
    zone: ZoneInfo
    now: int
    device: Device  # the one in use
    home: Town  # where the shopper lives now
    town: Town  # where the shopper is now
    address: str = ""
    at: int = 0
    is_late: bool = False  # what the device has to tell now arrives after all the rest
    changes: list[Change] = field(default_factory=list)
    late: list[Change] = field(default_factory=list)
    orders: list[tuple[int, int]] = field(default_factory=list)  # time and total of each
    emails: list[str] = field(default_factory=list)  # that the shopper has told, the latest last
    categories: list[str] = field(default_factory=list)

    @property
    def is_over(self) -> bool:
        """Whether the diary has reached the future, which isn't known yet."""
        return self.at > self.now

    def pause(self, least: int, most: int) -> None:
        """Let some seconds pass."""
        self.at += self.random.randint(least, most) * clock.SECOND + self.random.randrange(clock.SECOND)

    def happens(self, chance: float) -> bool:
        """Whether something with this chance comes about."""
        return self.random.random() < chance

    def date(self, after: int = 0) -> str:
        """The date, so many milliseconds from here, as the API documents it."""
        return date(self.at + after, self.zone)

    def note(self, name: str, attributes: dict[str, Any], page: str = "", origin: Origin = DIRECT) -> None:
        """Write down what happens on the device, on a page of the site, led there by something."""
        if not self.is_over:
            where = self._context("" if self.device.is_app else page, origin)
            self._send(EventRecord(self.device.on, name, listed(attributes), self.at, where))

    def _context(self, page: str, origin: Origin) -> Context:
        town = self.town
        return Context(
            page=f"{_SITE}{page}" if page else "",
            referrer=origin.referrer,
            utm=origin.utm,
            country=town.country.code,
            region="" if town.state == town.name else town.state,
            city=town.name,
            address=self.address,
        )

    def launch(self) -> None:
        """Let the app tell of its device."""
        self._send(DeviceInfo(self.device.on, self.device.info(self.at, self.now), self.at))
        if self.device.is_new and self.device.push_token:
            self._send(PushToken(self.device.on, self.device.push_token))

    def log_in(self, attributes: dict[str, Any] | None = None) -> None:
        """Say on the device who is there, and what is known of them."""
        if not self.is_over:
            self.device.is_known = True
            self._send(Login(self.device.on, self.shopper.system_id, self.at))
            if attributes:
                self._send(self._update(attributes, self.at))

    def log_out(self) -> None:
        """Leave the device to somebody else."""
        if not self.is_over:
            self.device.is_known = False
            self._send(Logout(self.device.on, self.at))

    def leave(self, attributes: dict[str, Any]) -> None:
        """Let somebody tell a little of themselves without signing up."""
        if not self.is_over:
            self._send(CustomerUpdate(self.device.on, listed(attributes), MOST_CUSTOM_ATTRIBUTES, self.at))

    def _send(self, change: Change) -> None:
        (self.late if self.is_late else self.changes).append(change)

    def report(self, name: str, attributes: dict[str, Any], after: int = 0) -> None:
        """Write down what the shop's backend tells, so many milliseconds from here."""
        at = self.at + after
        if at <= self.now:
            self.changes.append(EventRecord(self.shopper.system_id, name, listed(attributes), at))

    def update(self, attributes: dict[str, Any], at: int | None = None) -> None:
        """Let the backend tell what has become of the shopper; without a time, what is so now."""
        self.changes.append(self._update(attributes, at))

    def _update(self, attributes: dict[str, Any], at: int | None) -> CustomerUpdate:
        return CustomerUpdate(self.shopper.system_id, listed(attributes), MOST_CUSTOM_ATTRIBUTES, at)


def date(at: int, zone: ZoneInfo) -> str:
    """Epoch ms as the API documents a date."""
    return f"{datetime.fromtimestamp(at // clock.SECOND, zone):%Y-%m-%d %H:%M:%S}"


def listed(attributes: dict[str, Any]) -> tuple[Attribute, ...]:
    """Attributes whose types follow from their values."""
    return tuple(Attribute(name, value, None) for name, value in attributes.items())
