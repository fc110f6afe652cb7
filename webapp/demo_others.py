"""Who else uses the demonstration shop: a tablet that many share, robots, and an app that logs everybody in as one."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

from webapp import clock, demo_devices, demo_people
from webapp.demo_devices import Device
from webapp.demo_diary import Diary, Shopper, date
from webapp.demo_visits import land, view
from webapp.demo_words import ABROAD, DIRECT, INDIA, PRODUCTS, Town

_MUMBAI = Town(INDIA, *INDIA.cities[0])
_ROBOT_TOWN = Town(next(one for one in ABROAD if one.code == "US"), "Ashburn", "Virginia")
_MOST_GUESTS = 12
_FORGETFUL = 4  # the guest who doesn't log out
_SHARED_ID = "customer"  # what a broken app sends instead of a System ID
_LOGINS = 24  # of the broken app: more than a workspace takes within a day


@dataclass(slots=True)
class Scene:
    """Where the others come in: a source of chance, the shop's time zone, now (epoch ms), and the guests of its stall.

    The stall stood in Mumbai last Saturday. Its guests logged in on the shop's tablet.
    """

    random: Random
    zone: ZoneInfo
    now: int
    guests: list[Shopper] = field(default_factory=list)

    @property
    def opening(self) -> int:
        """When the stall opened, epoch ms."""
        return self.day((self._today.weekday() - 5) % 7 or 7, 11)

    def day(self, days_ago: int, hour: int) -> int:
        """An hour of the day so many days ago, epoch ms."""
        return int((self._today - timedelta(days=days_ago) + timedelta(hours=hour)).timestamp()) * clock.SECOND

    @property
    def _today(self) -> datetime:
        at = datetime.fromtimestamp(self.now / 1000, self.zone)
        return at.replace(hour=0, minute=0, second=0, microsecond=0)

    def invite(self, shopper: Shopper) -> None:
        """Let a shopper come to the stall, if they live nearby and there is room for them."""
        can_come = shopper.town == _MUMBAI and shopper.joined_at < self.opening and not shopper.has_old_app
        if can_come and len(self.guests) < _MOST_GUESTS:
            self.guests.append(shopper)

    def diary(self, device: Device, town: Town, at: int, system_id: str = "") -> Diary:
        """The diary of a device that isn't one shopper's."""
        someone = replace(demo_people.shopper(1, self.random, at), system_id=system_id)
        return Diary(
            someone, self.random, self.zone, self.now, device, home=town, town=town, address="203.0.113.0", at=at
        )


def diaries(scene: Scene) -> Iterator[Diary]:
    """What they all do."""
    yield _tablet(scene)
    for agent in demo_devices.BOTS:
        yield _robot(scene, agent)
    start = scene.day(1, 18)
    for place in range(_LOGINS):
        yield _broken_app(scene, start + place * 2 * clock.MINUTE)


def _tablet(scene: Scene) -> Diary:
    """A stall's tablet. Guest after guest logs in, looks around and logs out; between them others only look."""
    diary = scene.diary(demo_devices.app(scene.random, demo_devices.TABLET), _MUMBAI, scene.opening)
    land(diary, DIRECT)
    for place, guest in enumerate(scene.guests):
        if diary.happens(0.5):
            _look(diary, 2)
        diary.pause(60, 240)
        diary.shopper = guest
        diary.log_in()
        diary.pause(5, 30)
        diary.note("Checked In", {"Stall": "Kala Ghoda, Mumbai", "Member Since": date(guest.joined_at, diary.zone)})
        _look(diary, diary.random.randint(1, 3))
        if place != _FORGETFUL:
            diary.pause(5, 60)
            diary.log_out()
    return diary


def _look(diary: Diary, number: int) -> None:
    for product in diary.random.sample(PRODUCTS, number):
        diary.pause(20, 120)
        view(diary, product)


def _robot(scene: Scene, agent: str) -> Diary:
    """A search engine that crawls the shop once a week or so."""
    diary = scene.diary(demo_devices.browser(scene.random, agent), _ROBOT_TOWN, scene.now)
    for week in range(8, 0, -1):
        diary.at = scene.day(week * 7 - diary.random.randrange(6), diary.random.randrange(24))
        diary.pause(0, 3500)
        land(diary, DIRECT)
        for product in diary.random.sample(PRODUCTS, diary.random.randint(5, 15)):
            diary.pause(2, 20)
            diary.note("Page Visited", {"Page": product.page, "Is First Visit": False}, product.page)
    return diary


def _broken_app(scene: Scene, at: int) -> Diary:
    """Somebody's phone whose app has just been updated, and now says that everybody is one customer."""
    device = demo_devices.android(scene.random)
    town = demo_people.town(scene.random, INDIA)
    diary = scene.diary(device, town, at + scene.random.randrange(clock.MINUTE), _SHARED_ID)
    land(diary, DIRECT)
    _look(diary, scene.random.randint(1, 2))
    diary.pause(5, 30)
    diary.log_in()
    _look(diary, scene.random.randint(0, 2))
    return diary
