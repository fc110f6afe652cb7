"""The shoppers of the demonstration shop: who they are, and what the shop's backend knows of each."""

import unicodedata
from datetime import UTC, datetime
from random import Random
from typing import Any

from webapp.demo_diary import Diary, Shopper, date
from webapp.demo_words import ABROAD, INDIA, MAIL_DOMAINS, Country, Town

_TIERS = ((50_000, "Platinum"), (20_000, "Gold"), (5_000, "Silver"), (0, "Bronze"))


def shopper(place: int, random: Random, joined_at: int) -> Shopper:
    """Somebody who signs up at a time (epoch ms)."""
    country = INDIA if random.random() < 0.9 else random.choice(ABROAD)
    gender, firsts = random.choice((("Female", country.women), ("Male", country.men)))
    return Shopper(
        system_id=f"C-{100_000 + place}",
        name=f"{random.choice(firsts)} {random.choice(country.last_names)}",
        gender=gender,
        town=town(random, country),
        joined_at=joined_at,
        has_old_app=place % 40 == 0,
        has_second_device=random.random() < 0.25,
        is_careful=random.random() < 0.08,
    )


def town(random: Random, country: Country) -> Town:
    """Somewhere in a country. Large cities come first in its list, and more people are there."""
    return Town(country, *country.cities[int(len(country.cities) * random.random() ** 1.8)])


def introduction(diary: Diary) -> dict[str, Any]:
    """What shoppers tell of themselves when they sign up."""
    home = diary.home
    return _basics(diary) | {"City": home.name, "State": home.state, "Country": home.country.name}


def _basics(diary: Diary) -> dict[str, Any]:
    """Name, email and mobile; not everybody has told everything."""
    one, random = diary.shopper, diary.random
    basics = {"name": one.name, "email": email(one, random), "mobile": _mobile(one.town.country, random)}
    missing = random.choices(("", "email", "mobile", "name"), (85, 6, 7, 2))[0]
    if missing != "email":
        diary.emails.append(basics["email"])
    return {name: value for name, value in basics.items() if name != missing}


def email(one: Shopper, random: Random) -> str:
    """An address in one of the ways in which people make them up."""
    plain = unicodedata.normalize("NFKD", one.name.casefold()).encode("ascii", "ignore").decode()
    first, last = plain.replace("'", "").split(" ", 1)
    local = random.choice((f"{first}.{last}", f"{first}{last}", f"{first}_{last}", f"{last}.{first}"))
    return f"{local.replace(' ', '')}{one.system_id[-4:]}@{random.choice(MAIL_DOMAINS)}"


def _mobile(country: Country, random: Random) -> str:
    """A number in one of the ways in which people write it."""
    digits = "".join(random.choices("0123456789", k=country.mobile_digits))
    number = f"{random.choice(country.mobile_prefixes)}{digits}"
    if country is not INDIA:
        return number
    national = number.removeprefix("+91")
    return random.choice((number, number, national, f"+91 {national[:5]} {national[5:]}", f"0{national}"))


def _traits(diary: Diary) -> dict[str, Any]:
    one, random = diary.shopper, diary.random
    born = datetime(random.randint(1958, 2006), random.randint(1, 12), random.randint(1, 28), tzinfo=UTC)
    return {
        "Gender": one.gender,
        "Date of Birth": f"{born:%Y-%m-%d} 00:00:00",
        "Signed Up On": date(one.joined_at, diary.zone),
        "Preferred Language": random.choice(("English", "English", "Hindi", "Tamil", "Marathi")),
        "Accepts Marketing": diary.happens(0.7),
    }


def go_on(diary: Diary) -> None:
    """Let something change in a shopper's life now and then: another town, another e-mail address."""
    if diary.is_over:
        return
    if diary.home == diary.shopper.town and diary.happens(0.03):
        diary.home = town(diary.random, diary.home.country)
        diary.update({"City": diary.home.name, "State": diary.home.state}, diary.at)
    if len(diary.emails) == 1 and diary.happens(0.03):
        local, _, old = diary.emails[0].partition("@")
        new = diary.random.choice([domain for domain in MAIL_DOMAINS if domain != old])
        diary.emails.append(f"{local}@{new}")
        diary.update({"email": diary.emails[-1]}, diary.at)


def sum_up(diary: Diary) -> None:
    """Let the backend tell the rest: each loyalty tier when it was reached, all else as of now, without a time."""
    spent, tier = 0, _TIERS[-1][1]
    diary.update({"Loyalty Tier": tier}, diary.shopper.joined_at)
    for at, total in diary.orders:
        spent += total
        reached = next(tier for least, tier in _TIERS if spent >= least)
        if reached != tier:
            tier = reached
            diary.update({"Loyalty Tier": tier}, at)
    diary.update(_traits(diary) | _totals(diary, spent))


def _totals(diary: Diary, spent: int) -> dict[str, Any]:
    number = len(diary.orders)
    totals = {
        "Total Orders": number,
        "Total Spent": spent,
        "Is First Time Purchaser": number == 1,
        "Favourite Category": max(sorted(set(diary.categories)), key=diary.categories.count),
    }
    if number:
        totals |= {
            "Last Order Date": date(diary.orders[-1][0], diary.zone),
            "Average Order Value": round(spent / number, 2),
        }
    return totals
