"""A shop to which things happen, told in the words of docs/identity.md."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.identity_stored import FakeClock, Store, fake_clock
from webapp import customers, evidence
from webapp.db import Database
from webapp.ingest.changes import Attribute, Context, CustomerUpdate, EventRecord, Login, Logout, OnDevice

DAYS = ("Mon", "Tue", "Wed")


def at(text: str) -> int:
    """A reported time, epoch ms: `Mon 10:05` is a Monday of November 2023; without a day it is that Monday."""
    day, _, time = text.rpartition(" ")
    hours, minutes = map(int, time.split(":"))
    moment = datetime(2023, 11, 13 + DAYS.index(day or "Mon"), tzinfo=UTC) + timedelta(hours=hours, minutes=minutes)
    return int(moment.timestamp() * 1000)


class Story(Store):
    """A shop to which things happen, and what its people's profiles then show."""

    clock: FakeClock

    def opens(self, did: str, time: str, name: str, **context: Any) -> None:
        """Something happens on a device."""
        self.submit([EventRecord(OnDevice(did), name, (), at(time), Context(**context))])

    def backend(self, system_id: str, name: str, time: str) -> None:
        """The shop's backend tells of an event."""
        self.submit([EventRecord(system_id, name, (), at(time))])

    def creates(self, system_id: str, **values: str) -> None:
        """The shop's backend tells of a customer."""
        self.submit([CustomerUpdate(system_id, texts(values), 100)])

    def fills_in(self, did: str, time: str, **values: str) -> None:
        """Somebody tells something of themselves on a device."""
        self.submit([CustomerUpdate(OnDevice(did), texts(values), 100, at(time))])

    def logs_in(self, did: str, system_id: str, time: str) -> None:
        """Somebody logs in on a device."""
        self.submit([Login(OnDevice(did), system_id, at(time))])

    def logs_out(self, did: str, time: str) -> None:
        """Somebody logs out on a device."""
        self.submit([Logout(OnDevice(did), at(time))])

    def people(self) -> dict[str, list[str]]:
        """The events of everybody: by System ID, or `anonymous: ` and the first event; and no two of one name."""
        found: dict[str, list[str]] = {}
        for person in self.look().people():
            names = [one.name for one in sorted(person.events, key=lambda one: (one.at, one.name))]
            name = person.system_id or f"anonymous: {names[0]}"
            assert name not in found
            found[name] = names
        return found

    def person(self, system_id: str) -> Any:
        """What a customer's profile shows."""
        return next(one for one in self.look().people() if one.system_id == system_id)

    def root(self, event: str) -> int:
        """The row of the person of an event."""
        look = self.look()
        ids = {one.customer_id for one in look.events if one.name == event}
        assert len(ids) == 1
        return next(root for root, members in look.members.items() if ids <= set(members))

    def growlytics_id(self, event: str) -> str:
        """The Growlytics ID that the profile of the person of an event shows."""
        return next(one.growlytics_id for one in self.look().roots if one.id == self.root(event))

    def finds(self, growlytics_id: str) -> int:
        """The row of the person whom a Growlytics ID finds."""
        with self.database.read() as session:
            found = customers.find(session, self.workspace.id, growlytics_id)
            return found.root_id or found.id

    def standings(self, event: str) -> list[str]:
        """What the profile of the person of an event says of its merges, the latest first."""
        with self.database.read() as session:
            members = customers.members(session, self.root(event))
            return [one.standing.word for one in evidence.of_person(session, members)]

    def support_merges(self, one: str, other: str) -> int:
        """Support says that the people of two events are one. Returns the merge's id."""
        self.clock.tick()
        return self.merge(self.root(one), self.root(other)).id

    def merge_of(self, event: str) -> int:
        """The merge that brought the profile of an event to its person."""
        profile = next(one.customer_id for one in self.look().events if one.name == event)
        return next(one.id for one in self.merges() if one.member_id == profile)


def texts(values: dict[str, str]) -> tuple[Attribute, ...]:
    """Attributes, all of them strings."""
    return tuple(Attribute(name, value, "string") for name, value in values.items())


@contextmanager
def telling(database: Database, merges_a_day: int = 20) -> Iterator[Story]:
    """A new shop, where nothing has happened yet."""
    with fake_clock() as fake:
        told = Story(database, merges_a_day)
        told.clock = fake
        yield told
        told.look().check()
