"""A demonstration shop: shoppers with a believable year of visits, orders and questions behind them."""

import unicodedata
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from webapp import clock, customers, workspaces
from webapp.api.rest import MOST_CUSTOM_ATTRIBUTES
from webapp.db import Database
from webapp.demo_visits import Diary, Shopper, date, listed, visit
from webapp.demo_words import ABROAD, INDIA, MAIL_DOMAINS, Country
from webapp.ingest import batch
from webapp.ingest.changes import Change, CustomerUpdate
from webapp.models import Workspace

_SEED = "a shop in Jaipur"
_BATCH = 200
_MOST_VISITS = 70
# How busy each hour of the day is: a lull at night, a small peak at lunch, a high one in the evening.
_HOURS = (3, 1, 1, 1, 1, 2, 4, 7, 10, 12, 14, 16, 19, 18, 14, 13, 14, 17, 22, 30, 38, 40, 28, 12)
_TIERS = ((50_000, "Platinum"), (20_000, "Gold"), (5_000, "Silver"), (0, "Bronze"))


def fill(database: Database, workspace: Workspace, number: int, progress: Callable[[int], None]) -> str:
    """Add shoppers with their events; `progress` is told how many more are done. Returns a sentence that sums it up."""
    with database.read() as session:
        before = customers.count(session, workspace.id)
    changes: list[Change] = []
    events = people = 0
    for place in range(before + 1, before + number + 1):
        life = _life(place, workspaces.zone(workspace), clock.now())
        changes += life
        events += len(life) - 1
        people += 1
        if len(changes) >= _BATCH or place == before + number:
            for part in _parts(changes):
                batch.submit(database, workspace, part)
            progress(people)
            changes, people = [], 0
    return f"“{workspace.name}” has {number:,} more customers, with {events:,} events."


def _parts(changes: list[Change]) -> Iterator[list[Change]]:
    for start in range(0, len(changes), _BATCH):
        yield changes[start : start + _BATCH]


def _life(place: int, zone: ZoneInfo, now: int) -> list[Change]:
    """All that is known of one shopper: the events in order, then who it is with the totals of those events."""
    random = Random(f"{_SEED} {place}")
    diary = Diary(_shopper(place, random, zone, now), random, zone, now)
    for at in _visits(diary):
        diary.at = at
        visit(diary)
    diary.events.sort(key=lambda event: event.reported_at or 0)
    return [*diary.events, _profile(diary)]


def _shopper(place: int, random: Random, zone: ZoneInfo, now: int) -> Shopper:
    country = INDIA if random.random() < 0.9 else random.choice(ABROAD)
    gender, firsts = random.choice((("Female", country.women), ("Male", country.men)))
    # Large cities come first in the list, and more shoppers live there.
    city, state = country.cities[int(len(country.cities) * random.random() ** 1.8)]
    return Shopper(
        system_id=f"C-{100_000 + place}",
        name=f"{random.choice(firsts)} {random.choice(country.last_names)}",
        gender=gender,
        country=country,
        city=city,
        state=state,
        device=random.choice(("Android", "Android", "Android", "iPhone", "Desktop", "Desktop")),
        joined_at=_moment(random, zone, now, int(364 * random.random() ** 1.2)),
        has_old_app=place % 40 == 0,
    )


def _moment(random: Random, zone: ZoneInfo, now: int, days_ago: int) -> int:
    """A time on the day so many days ago, at an hour when people shop; not in the future."""
    midnight = datetime.fromtimestamp(now / 1000, zone).replace(hour=0, minute=0, second=0, microsecond=0)
    hour = random.choices(range(24), _HOURS)[0]
    at = midnight - timedelta(days=days_ago) + timedelta(hours=hour)
    moment = int(at.timestamp()) * clock.SECOND + random.randrange(clock.HOUR)
    return moment if moment < now - 5 * clock.MINUTE else moment - clock.DAY


def _visits(diary: Diary) -> list[int]:
    """When the shopper comes by: most of them a few times, some again and again."""
    random, joined_at = diary.random, diary.shopper.joined_at
    days = (diary.now - joined_at) // clock.DAY
    number = min(int(random.paretovariate(0.95)), _MOST_VISITS, 1 + 2 * days)
    visits = [joined_at]
    for moment in sorted(_free_moment(diary, days) for _ in range(number - 1)):
        if moment >= visits[-1] + clock.HOUR:  # no visit lasts longer, so none begins within another
            visits.append(moment)
    return visits


def _free_moment(diary: Diary, days: int) -> int:
    """A time in the last so many days, rather at a weekend."""
    moment = _moment(diary.random, diary.zone, diary.now, diary.random.randint(0, days))
    is_weekend = datetime.fromtimestamp(moment / 1000, diary.zone).weekday() >= 5
    if is_weekend or diary.happens(0.7):
        return moment
    return _moment(diary.random, diary.zone, diary.now, diary.random.randint(0, days))


def _profile(diary: Diary) -> CustomerUpdate:
    attributes = _basics(diary) | _traits(diary) | _totals(diary)
    return CustomerUpdate(diary.shopper.system_id, listed(attributes), MOST_CUSTOM_ATTRIBUTES)


def _basics(diary: Diary) -> dict[str, Any]:
    """Name, email and mobile; not everybody has told everything."""
    shopper, random = diary.shopper, diary.random
    basics = {"name": shopper.name, "email": _email(shopper, random), "mobile": _mobile(shopper.country, random)}
    missing = random.choices(("", "email", "mobile", "name"), (85, 6, 7, 2))[0]
    return {name: value for name, value in basics.items() if name != missing}


def _email(shopper: Shopper, random: Random) -> str:
    plain = unicodedata.normalize("NFKD", shopper.name.casefold()).encode("ascii", "ignore").decode()
    first, last = plain.replace("'", "").split(" ", 1)
    local = random.choice((f"{first}.{last}", f"{first}{last}", f"{first}_{last}", f"{last}.{first}"))
    return f"{local.replace(' ', '')}{shopper.system_id[-4:]}@{random.choice(MAIL_DOMAINS)}"


def _mobile(country: Country, random: Random) -> str:
    """A number in one of the ways in which people write it."""
    digits = "".join(random.choices("0123456789", k=country.mobile_digits))
    number = f"{random.choice(country.mobile_prefixes)}{digits}"
    if country is not INDIA:
        return number
    national = number.removeprefix("+91")
    return random.choice((number, number, national, f"+91 {national[:5]} {national[5:]}", f"0{national}"))


def _traits(diary: Diary) -> dict[str, Any]:
    shopper, random = diary.shopper, diary.random
    born = datetime(random.randint(1958, 2006), random.randint(1, 12), random.randint(1, 28), tzinfo=UTC)
    return {
        "City": shopper.city,
        "State": shopper.state,
        "Country": shopper.country.name,
        "Gender": shopper.gender,
        "Date of Birth": f"{born:%Y-%m-%d} 00:00:00",
        "Signed Up On": date(shopper.joined_at, diary.zone),
        "Preferred Language": random.choice(("English", "English", "Hindi", "Tamil", "Marathi")),
        "Favourite Category": max(sorted(set(diary.categories)), key=diary.categories.count),
        "Accepts Marketing": diary.happens(0.7),
    }


def _totals(diary: Diary) -> dict[str, Any]:
    """What the events add up to."""
    number, spent = len(diary.orders), sum(total for _, total in diary.orders)
    totals = {
        "Total Orders": number,
        "Total Spent": spent,
        "Is First Time Purchaser": number == 1,
        "Loyalty Tier": next(tier for least, tier in _TIERS if spent >= least),
    }
    if number:
        last_at, _ = diary.orders[-1]
        totals |= {"Last Order Date": date(last_at, diary.zone), "Average Order Value": round(spent / number, 2)}
    return totals
