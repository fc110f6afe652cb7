"""The people of a big shop, as rows: registered customers, visitors of devices, and one who never stops.

Everything is as the product would have stored it: search terms and visits come from its own functions, events and
their ids from samples that it stored. Customer 0 of the crowd has a fifth of all events (at most 200,000) on eight
devices; the e-mail of every tenth customer begins with `info.`; of a hundred customers two are visitors whom nobody
knows and one is a visitor who was merged into the next customer.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from random import Random
from typing import Any, NamedTuple

from webapp import agents, clock, demo_words, lookups, search, visits

COLUMNS = {
    "devices": "id workspace_id did created_at owned_since owner_id info info_at user_agent is_bot",
    "customers": "id workspace_id growlytics_id system_id root_id device_id since_at created_at own_event_count"
    " merges_count_from name email mobile first_seen_at last_seen_at event_count is_bot",
    "device_logins": "device_id at id customer_id received_at source key_id",
    "merges": "id member_id target_id merged_at device_id login_at login_id has_given_id is_stopped",
    "visits": "customer_id started_at device_id ended_at event_count entry_at entry exit_at exit_page place_at place",
    "attribute_values": "customer_id name reported_at id until_at value is_current lookup received_at source key_id",
    "event_counts": "customer_id name count",
    "events": "customer_id reported_at id name attributes received_at device_id context",
    "search_terms": "workspace_id term is_tail customer_id field",
}
Rows = dict[str, list[tuple[Any, ...]]]

PREFIX = "info."
FIRST_SYSTEM_ID = 100_000  # C100000 is the busiest
TRAITS = tuple(f"Preference {number:02}" for number in range(1, 41))
_SPAN = 3 * 365 * clock.DAY
_MOST_OF_ONE = 200_000
_PART = 2_000  # customers whose rows are held in memory at once
_SHARES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 1.0, 1.2, 1.5, 1.7, 2.0, 3.0)  # of the average number of events
_DOMAINS = ("gmail.com", "yahoo.co.in", "outlook.com", "rediffmail.com", "example.com", "example.org", "shop.example")
_AGENTS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36",
    "Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0",
)
_BOT = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
_INFO = json.dumps(
    {"appVersionName": "4.2.1", "deviceManufacturer": "Samsung", "deviceModel": "Galaxy S23", "language": "en",
     "osName": "Android", "osVersion": "14"},
    sort_keys=True,
)  # fmt: skip


class Sample(NamedTuple):
    """An event as the product stored it: its digest, its name and its attributes as JSON."""

    id: int
    name: str
    attributes: str


class Grounds(NamedTuple):
    """What a crowd stands on: the workspace and its region, the key it came by, samples of events, the next free ids.

    `now`: when the last of it happened, epoch ms.
    """

    workspace_id: int
    region: str
    key_id: int
    samples: Sequence[Sample]
    first_customer_id: int
    first_device_id: int
    now: int


@dataclass
class _One:
    """A profile in the making. `seen`: times of all events of the person that it is the root of."""

    id: int
    created_at: int
    growlytics_id: str
    system_id: str | None = None
    root_id: int | None = None
    device_id: int | None = None
    is_bot: bool = False
    basics: dict[str, str | None] = field(default_factory=dict)
    events: list[tuple[Any, ...]] = field(default_factory=list)
    seen: list[int] = field(default_factory=list)


class Crowd:
    """So many customers with so many events, about; the same for the same seed and grounds."""

    def __init__(self, grounds: Grounds, customers: int, events: int, seed: int) -> None:
        self.grounds, self.customers = grounds, customers
        self.random = Random(seed)
        self.most = min(_MOST_OF_ONE, events // 5)
        on_devices = 18 * customers // 50  # what visitors do, on average
        self.average = max(1.0, (events - self.most - on_devices) / customers)
        self.start = grounds.now - _SPAN
        self.step = _SPAN * 0.98 / customers
        self.devices, self.merges = 0, 0
        self.member: _One | None = None  # merged into the customer that comes next
        self.rows: Rows = {}
        self.contexts = [_context(town, state, begins=begins) for begins in (True, False) for town, state in _TOWNS]

    def parts(self) -> Iterator[Rows]:
        """All rows by table, some customers at a time; within a table in the order of its primary key.

        But for search terms, which have to be sorted.
        """
        for begin in range(0, self.customers, _PART):
            self.rows = {table: [] for table in COLUMNS}
            for place in range(begin, min(begin + _PART, self.customers)):
                self._add(place)
            yield self.rows

    def _add(self, place: int) -> None:
        created_at = int(self.start + place * self.step)
        growlytics_id = f"{created_at:012x}{self.random.getrandbits(48):012x}"
        one = _One(self.grounds.first_customer_id + place, created_at, growlytics_id)
        kind = place % 100
        if kind in {1, 2, 3} and place + 1 < self.customers:
            self._visitor(one, is_bot=place % 2000 == 1)
            if kind == 3:
                one.root_id, self.member = one.id + 1, one
        else:
            self._registered(one, place)
        self._store(one)

    def _visitor(self, one: _One, *, is_bot: bool) -> None:
        agent = _BOT if is_bot else self.random.choice((None, *_AGENTS))
        one.device_id = self._device(one.id, one.created_at, 0, agent)
        one.is_bot = is_bot
        self._visits(one, one.device_id, one.created_at, self.random.randint(1, 4))

    def _registered(self, one: _One, place: int) -> None:
        one.system_id = f"C{FIRST_SYSTEM_ID + place}"
        self._introduce(one, place)
        if place == 0:
            self._live_here(one)
            return
        if self.member is not None:
            self._merge(one, self.member)
        number = int(self.average * _SHARES[place % len(_SHARES)] + self.random.random())
        span, chance = self.grounds.now - one.created_at, self.random.random
        for at in sorted({int(one.created_at + span * chance()) for _ in range(number)}):
            self._happen(one, at)

    def _introduce(self, one: _One, place: int) -> None:
        pick, people = self.random.choice, demo_words.INDIA
        first, last = pick(people.women if place % 2 else people.men), pick(people.last_names)
        email = f"{first}.{last.replace(chr(39), '')}{place}@{pick(_DOMAINS)}".casefold()
        mobile = f"{pick(people.mobile_prefixes)}{place:08}" if place % 10 < 7 else None
        one.basics = {"email": email if place % 10 else PREFIX + email, "mobile": mobile, "name": f"{first} {last}"}
        town = pick(_TOWNS)[0]
        values: list[tuple[str, int, Any, bool]] = []
        if place % 5 < 3:
            if place % 10 == 1:
                values.append(("City", one.created_at - clock.HOUR, pick(_TOWNS)[0], False))
            values.append(("City", one.created_at, town, True))
        if place % 5 < 2:
            values.append(("Loyalty Points", one.created_at, self.random.randint(0, 5000), True))
        if place == 0:
            since = one.created_at
            values += [(name, since + n, f"choice {n}", n == 4) for name in TRAITS for n in range(5)]
        values += [(name, one.created_at, value, True) for name, value in one.basics.items() if value is not None]
        came = ("/track/user", self.grounds.key_id)
        self.rows["attribute_values"] += [
            (one.id, name, at, 0, at, json.dumps(value, ensure_ascii=False), is_current,
             lookups.of(self.grounds.workspace_id, name, value), at, *came)
            for name, at, value, is_current in values
        ]  # fmt: skip

    def _live_here(self, one: _One) -> None:
        """Somebody on eight devices, each visit with eight events on one of them and two that the backend tells of."""
        devices = [self._device(one.id, one.created_at, one.created_at, None) for _ in range(8)]
        for device_id in devices:
            self._log_in(one, device_id, one.created_at)
        number = max(1, self.most // 10)
        for place in range(number):
            at = one.created_at + (place + 1) * (_SPAN - clock.DAY) // number
            self._visit(one, devices[place % len(devices)], at, 8)
            for later in (10, 11):
                self._happen(one, at + later * clock.MINUTE)
        self._end_visits(one)

    def _merge(self, one: _One, member: _One) -> None:
        """Somebody logs in where a visitor was, and goes on there."""
        device_id, at = member.device_id, max(member.seen) + clock.HOUR
        assert device_id is not None
        login_id = self._log_in(one, device_id, at)
        device = self.rows["devices"][-1]
        self.rows["devices"][-1] = (*device[:4], at, one.id, *device[6:])
        self.merges += 1
        self.rows["merges"].append((self.merges, member.id, one.id, at + 150, device_id, at, login_id, False, False))
        one.seen += member.seen
        self.member = None
        self._visits(one, device_id, at + clock.DAY, 2)

    def _log_in(self, one: _One, device_id: int, at: int) -> int:
        login_id = _digest(str(one.system_id))
        row = (device_id, at, login_id, one.id, at + 150, "/msv_cs_id", self.grounds.key_id)
        self.rows["device_logins"].append(row)
        return login_id

    def _device(self, owner_id: int, created_at: int, owned_since: int, agent: str | None) -> int:
        device_id = self.grounds.first_device_id + self.devices
        self.devices += 1
        did = f"{self.random.getrandbits(128):032x}"
        info = None if agent else _INFO
        is_bot = agents.describe(agent).is_bot
        self.rows["devices"].append(
            (device_id, self.grounds.workspace_id, did, created_at, owned_since, owner_id, info,
             created_at if info else 0, agent, is_bot)
        )  # fmt: skip
        return device_id

    def _visits(self, one: _One, device_id: int, since: int, number: int) -> None:
        at = since
        for _ in range(number):
            self._visit(one, device_id, at, self.random.randint(2, 8))
            at += self.random.randint(clock.HOUR * 2, clock.DAY * 3)
        self._end_visits(one)

    def _visit(self, one: _One, device_id: int, at: int, number: int) -> None:
        town = self.random.randrange(len(_TOWNS))
        for place in range(number):
            self._happen(one, at, device_id, self.contexts[town + (len(_TOWNS) if place else 0)])
            at += self.random.randint(clock.SECOND * 5, clock.MINUTE)

    def _happen(self, one: _One, at: int, device_id: int | None = None, context: str | None = None) -> None:
        sample = self.random.choice(self.grounds.samples)
        # What happens on a device has a digest with the device in it.
        id_ = sample.id if device_id is None else _digest(f"{sample.id} {device_id}")
        one.events.append((one.id, at, id_, sample.name, sample.attributes, at + 120, device_id, context))
        one.seen.append(at)

    def _end_visits(self, one: _One) -> None:
        """Join what somebody did on devices to visits, as the product does."""
        moments = [visits.moment(event[6], event[1], event[7]) for event in one.events if event[6] is not None]
        for span in visits.coalesced(moments):
            marks = chain(*((mark and mark.at, mark and mark.text) for mark in (span.entry, span.exit, span.place)))
            times = (one.id, span.started_at, span.device_id, span.ended_at)
            self.rows["visits"].append((*times, span.event_count, *marks))

    def _store(self, one: _One) -> None:
        ground = self.grounds
        one.events.sort(key=lambda event: event[1:3])
        self.rows["events"] += one.events
        names = Counter(event[3] for event in one.events)
        self.rows["event_counts"] += [(one.id, name, number) for name, number in sorted(names.items())]
        name, email, mobile = (one.basics.get(key) for key in ("name", "email", "mobile"))
        first, last = min(one.seen, default=one.created_at), max(one.seen, default=one.created_at)
        since = None if one.device_id is None else 0
        self.rows["customers"].append(
            (one.id, ground.workspace_id, one.growlytics_id, one.system_id, one.root_id, one.device_id, since,
             one.created_at, len(one.events), 0, name, email, mobile, first, last, len(one.seen), one.is_bot)
        )  # fmt: skip
        texts = {"system_id": one.system_id, "growlytics_id": one.growlytics_id, **one.basics}
        self.rows["search_terms"] += [
            (ground.workspace_id, term, is_tail, one.id, key)
            for key, text in texts.items()
            if text is not None
            for term, is_tail in search.terms(key, text, ground.region).items()
        ]


_TOWNS = demo_words.INDIA.cities


def _context(city: str, state: str, *, begins: bool) -> str:
    came = {"referrer": "https://www.google.com/", "utm": {"source": "google", "medium": "cpc"}} if begins else {}
    place = {"country": "IN", "region": state, "city": city, "address": "203.0.113.0"}
    return json.dumps({"page": "/p/mixer", **came, **place}, ensure_ascii=False)


def _digest(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") >> 1
