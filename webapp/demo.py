"""A demonstration shop: shoppers with a believable year of visits, orders and questions behind them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

from webapp import clock, customers, demo_devices, demo_others, demo_people, workspaces
from webapp.db import Database
from webapp.demo_diary import Diary, Shopper
from webapp.demo_visits import Aim, visit
from webapp.ingest import batch
from webapp.ingest.changes import Change, EventRecord, Source
from webapp.models import Workspace

_SEED = "a shop in Jaipur"
_BATCH = 200
_MOST_VISITS = 70
_LONGEST_VISIT = 90 * clock.MINUTE  # with the pause after which another one begins
# How busy each hour of the day is: a lull at night, a small peak at lunch, a high one in the evening.
_HOURS = (3, 1, 1, 1, 1, 2, 4, 7, 10, 12, 14, 16, 19, 18, 14, 13, 14, 17, 22, 30, 38, 40, 28, 12)


def fill(database: Database, workspace: Workspace, number: int, progress: Callable[[int], None]) -> str:
    """Add shoppers with their events; `progress` is told how many more are done. Returns a sentence that sums it up."""
    with database.read() as session:
        before = customers.count(session, workspace.id, customers.Wanted())
    now, zone = clock.now(), workspaces.zone(workspace)
    post = _Post(database, workspace)
    scene = demo_others.Scene(Random(f"{_SEED} {before} others"), zone, now)
    visitors = 0
    for place in range(before + 1, before + number + 1):
        diary = _life(place, zone, now)
        post.take(diary)
        scene.invite(diary.shopper)
        if place % 10 in {3, 6, 9}:
            post.take(_stranger(place, zone, now))
            visitors += 1
        progress(1)
    for diary in demo_others.diaries(scene):
        post.take(diary)
    post.close()
    return (
        f"“{workspace.name}” has {number:,} more customers, with {post.events:,} events. "
        f"{visitors:,} visitors haven't signed up."
    )


@dataclass(slots=True)
class _Post:
    """Changes on their way to the database, a batch at a time; what is late comes in the end."""

    database: Database
    workspace: Workspace
    events: int = 0
    waiting: list[Change] = field(default_factory=list)
    late: list[Change] = field(default_factory=list)

    def take(self, diary: Diary) -> None:
        """Send what a diary holds, or keep it for the next batch."""
        self.waiting += diary.changes
        self.late += diary.late
        while len(self.waiting) >= _BATCH:
            self._send()

    def close(self) -> None:
        """Send all the rest."""
        while self.waiting:
            self._send()
        self.waiting, self.late = self.late, []
        while self.waiting:
            self._send()

    def _send(self) -> None:
        part, self.waiting = self.waiting[:_BATCH], self.waiting[_BATCH:]
        self.events += sum(isinstance(change, EventRecord) for change in part)
        batch.submit(self.database, self.workspace, part, Source("demo"))


def _life(place: int, zone: ZoneInfo, now: int) -> Diary:
    """All that is known of one shopper: what was done on devices, what the backend tells, and what that adds up to."""
    random = Random(f"{_SEED} {place}")
    joined_at = _moment(random, zone, now - clock.HOUR, int(350 * random.random() ** 1.2))
    diary = _diary(demo_people.shopper(place, random, joined_at), random, zone, now)
    first, visits = diary.device, _visits(diary)
    second = demo_devices.another(random, first)
    since = _since(diary, visits)
    for at in visits:
        uses_second = at == since or (at > since and diary.happens(0.5))
        diary.at, diary.device = at, second if uses_second else first
        visit(diary, _aim(diary))
        if at > joined_at:
            demo_people.go_on(diary)
    demo_people.sum_up(diary)
    return diary


def _diary(shopper: Shopper, random: Random, zone: ZoneInfo, now: int) -> Diary:
    device = demo_devices.android(random) if shopper.has_old_app else demo_devices.any_device(random)
    return Diary(shopper, random, zone, now, device=device, home=shopper.town, town=shopper.town)


def _since(diary: Diary, visits: list[int]) -> int:
    """When the shopper comes by on a second device for the first time, epoch ms; after all visits for most."""
    later = [at for at in visits if at > diary.shopper.joined_at]
    if diary.shopper.has_second_device and later:
        return diary.random.choice(later[:3])
    return diary.now + 1


def _aim(diary: Diary) -> Aim:
    """What a visit is for. Nobody logs in before signing up; some log out, and log in again sooner or later."""
    device, joined_at = diary.device, diary.shopper.joined_at
    if diary.at <= joined_at:
        return "sign up" if diary.at == joined_at else "look"
    if device.is_known:
        if diary.shopper.is_careful and diary.happens(0.4):
            device.rests = diary.random.choice((0, 1, 1, _MOST_VISITS))
            return "log out"
        return "look"
    if device.rests:
        device.rests -= 1
        return "look"
    return "log in"


def _stranger(place: int, zone: ZoneInfo, now: int) -> Diary:
    """Somebody who comes by once or a few times and never signs up; a few leave an e-mail address."""
    random = Random(f"{_SEED} stranger {place}")
    diary = _diary(demo_people.shopper(place, random, now), random, zone, now)
    latest = int(300 * random.random() ** 1.5)
    days = [latest + days for days in (0, *random.sample(range(1, 30), random.choice((0, 0, 0, 1, 1, 2))))]
    for at in sorted(_moment(random, zone, now, day) for day in days):
        diary.at = at
        visit(diary, "look")
    if diary.happens(0.1):
        diary.pause(5, 60)
        diary.leave({"email": demo_people.email(diary.shopper, random), "Newsletter": True})
    return diary


def _visits(diary: Diary) -> list[int]:
    """When the shopper comes by: before signing up, then, and after that: most a few times, some again and again."""
    random, joined_at = diary.random, diary.shopper.joined_at
    days = (diary.now - joined_at) // clock.DAY
    number = min(int(random.paretovariate(1.05)), _MOST_VISITS, 1 + 2 * days)
    if diary.shopper.has_second_device:
        number = max(number, min(3, 1 + days))
    before = random.sample(range(1, 15), random.choices((0, 1, 2), (45, 35, 20))[0])
    visits = sorted(_moment(random, diary.zone, joined_at, day) for day in before)
    visits.append(joined_at)
    for moment in sorted(_free_moment(diary, days) for _ in range(number - 1)):
        if moment >= visits[-1] + _LONGEST_VISIT:  # so that none begins within another
            visits.append(moment)
    return visits


def _free_moment(diary: Diary, days: int) -> int:
    """A time in the last so many days, rather at a weekend."""
    moment = _moment(diary.random, diary.zone, diary.now, diary.random.randint(0, days))
    is_weekend = datetime.fromtimestamp(moment / 1000, diary.zone).weekday() >= 5
    if is_weekend or diary.happens(0.7):
        return moment
    return _moment(diary.random, diary.zone, diary.now, diary.random.randint(0, days))


def _moment(random: Random, zone: ZoneInfo, now: int, days_ago: int) -> int:
    """A time on the day so many days ago, at an hour when people shop; not in the future."""
    midnight = datetime.fromtimestamp(now / 1000, zone).replace(hour=0, minute=0, second=0, microsecond=0)
    hour = random.choices(range(24), _HOURS)[0]
    at = midnight - timedelta(days=days_ago) + timedelta(hours=hour)
    moment = int(at.timestamp()) * clock.SECOND + random.randrange(clock.HOUR)
    return moment if moment < now - 5 * clock.MINUTE else moment - clock.DAY
