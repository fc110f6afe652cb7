"""The phones and browsers of the demonstration shop: what they are, what they send of themselves."""

from dataclasses import dataclass, field
from random import Random
from typing import Any, NamedTuple

from webapp import clock
from webapp.ingest.changes import OnDevice

_DAYS_BETWEEN_RELEASES = 42
_NEWEST = 9  # the app is 4.9 today, and was 4.8 six weeks ago
_CARRIERS = ("Jio", "Jio", "Airtel", "Airtel", "Vi")
# Kept for documents (RFC 5737, RFC 3849), and shortened as the server shortens them.
ADDRESSES = ("203.0.113.0", "198.51.100.0", "2001:db8::")


class Phone(NamedTuple):
    """A model, as its app tells it."""

    maker: str
    model: str
    systems: tuple[str, ...]
    kind: str = "Phone"


_ANDROIDS = (
    Phone("samsung", "SM-A155F", ("14", "15")),
    Phone("samsung", "SM-M346B", ("13", "14", "15")),
    Phone("samsung", "SM-S921B", ("15", "16")),
    Phone("Xiaomi", "Redmi Note 12", ("12", "13")),
    Phone("vivo", "V2318", ("14",)),
    Phone("OPPO", "CPH2591", ("14",)),
    Phone("OnePlus", "ONEPLUS A5000", ("9",)),
    Phone("motorola", "moto g84 5G", ("14", "15")),
    Phone("Google", "Pixel 8", ("15", "16")),
)
_IPHONES = tuple(
    Phone("Apple", model, ("17.7", "18.5", "18.6.2"))
    for model in ("iPhone 12", "iPhone 13", "iPhone 14", "iPhone 15", "iPhone 16 Pro")
)
TABLET = Phone("samsung", "SM-X210", ("15",), "Tablet")

_CHROME = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0"
_COMPUTERS = (
    f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {_CHROME} Safari/537.36",
    f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {_CHROME} Safari/537.36",
    f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {_CHROME} Safari/537.36 Edg/141.0.0.0",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:144.0) Gecko/20100101 Firefox/144.0",
    f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {_CHROME} Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 "
    "Safari/605.1.15",
    "Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0",
)
_MOBILE_BROWSERS = (
    f"Mozilla/5.0 (Linux; Android 10; K) {_CHROME} Mobile Safari/537.36",
    f"Mozilla/5.0 (Linux; Android 10; K) {_CHROME} Mobile Safari/537.36",
    "Mozilla/5.0 (Linux; Android 14; SM-S918B) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/27.0 "
    "Chrome/125.0.0.0 Mobile Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 "
    "Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (iPad; CPU OS 17_7 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.7 "
    "Mobile/15E148 Safari/604.1",
)
BOTS = (
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)",
    "Mozilla/5.0 (Linux; Android 6.0.1; Nexus 5X Build/MMB29P) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/141.0.0.0 Mobile Safari/537.36 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
)


@dataclass(slots=True)
class Device:
    """A phone with the shop's app, which tells of itself, or a browser, which doesn't.

    `is_known`: somebody is logged in. `rests`: so many visits that somebody stays logged out.
    """

    on: OnDevice
    told: dict[str, Any] = field(default_factory=dict)
    push_token: str | None = None
    is_new: bool = True
    is_known: bool = False
    rests: int = 0

    @property
    def is_app(self) -> bool:
        """Whether it has the shop's app."""
        return bool(self.told)

    def info(self, at: int, now: int) -> dict[str, Any]:
        """What the app tells when it is opened at a time (epoch ms); it is updated every few weeks."""
        minor = max(0, _NEWEST - (now - at) // (_DAYS_BETWEEN_RELEASES * clock.DAY))
        return self.told | {
            "appVersionCode": 400 + minor,
            "appVersionName": f"4.{minor}.0",
            "firstTime": self.is_new,
        }


def any_device(random: Random) -> Device:
    """Somebody's: a phone with the app, or a browser."""
    make = random.choices((android, iphone, computer, mobile_browser), (34, 14, 32, 20))[0]
    return make(random)


def another(random: Random, first: Device) -> Device:
    """Somebody's second one, which is of another sort."""
    return computer(random) if first.is_app else random.choice((android, android, iphone))(random)


def android(random: Random) -> Device:
    """A phone with the app for Android."""
    return app(random, random.choice(_ANDROIDS))


def iphone(random: Random) -> Device:
    """A phone with the app for iOS."""
    return app(random, random.choice(_IPHONES))


def computer(random: Random) -> Device:
    """A browser on a desk."""
    return browser(random, random.choice(_COMPUTERS))


def mobile_browser(random: Random) -> Device:
    """A browser on a phone or a tablet."""
    return browser(random, random.choice(_MOBILE_BROWSERS))


def app(random: Random, phone: Phone) -> Device:
    """The app on such a phone."""
    is_apple = phone.maker == "Apple"
    agent = "JaipurBazaar/4 CFNetwork/1568.300.101 Darwin/24.2.0" if is_apple else "okhttp/4.12.0"
    told = {
        "deviceType": phone.kind,
        "deviceManufacturer": phone.maker,
        "deviceModel": phone.model,
        "deviceCarrier": random.choice(_CARRIERS),
        "osName": "iOS" if is_apple else "Android",
        "osVersion": random.choice(phone.systems),
        "platform": "IOS" if is_apple else "ANDROID",
        "language": random.choice(("en", "en", "en", "hi", "ta")),
        "sdkVersion": "2.1.0",
    }
    token = f"demo:{random.getrandbits(96):024x}" if random.random() < 0.6 else None
    return Device(OnDevice(f"{random.getrandbits(128):032x}", agent), told, token)


def browser(random: Random, agent: str) -> Device:
    """A browser, which an id in its cookie makes known."""
    return Device(OnDevice(f"web-{random.getrandbits(64):016x}", agent))
