"""From a User-Agent header to the browser, the system and the device in words."""

import re
from dataclasses import dataclass
from functools import cache, lru_cache

from ua_parser import OS, BasicResolver, Device, Domain, PartialResult, Resolver, UserAgent, load_builtins

_LONGEST = 512  # characters that are read; what the patterns take grows faster than the text
_LONGEST_WORDS = 100

# Who looks at a shop without being a customer, and isn't known to ua-parser as a spider.
_BOT = re.compile(
    r"Headless\w+|PhantomJS|Chrome-Lighthouse|GoogleOther|APIs-Google|Mediapartners-Google|Google-Read-Aloud|Applebot"
    r"|Bytespider|GPTBot|ChatGPT-User|ClaudeBot|Claude-User|Perplexity-User|cohere-ai"
)
# The libraries by which apps and the shop's own backend speak, for what ua-parser takes for a spider: some by
# themselves, others because of the app's name (SnappyShop and Robotics contain a spider's name).
_LIBRARY = re.compile(
    r"okhttp/|CFNetwork/|Alamofire/|; Scale/|Dalvik/|Dart/|Expo/"
    r"|^Java/|urllib|WordPress/|WinHTTP|Google-HTTP-Java-Client",
    re.IGNORECASE,
)
# Models that say nothing: Chrome sends K for every Android phone, iOS-Device stands for any app's requests.
_NO_MODEL = {"K", "iOS-Device"}
_NO_BRAND = {"Generic", "Spider"}
# Browsers whose name says that they are for phones, which follows from the system.
_MOBILE = re.compile(
    r"(?:Mobile )?(Chrome|DuckDuckGo|Ecosia|Edge|Firefox|IE|Opera|QQ Browser|Safari)(?: Mobile)?(?: iOS)?( WebView|)"
)
_WEB_VIEW = "Mobile Safari UI/WKWebView"  # a page within an app on iOS
_MINOR_TELLS = {"Mac OS X", "Windows"}  # 10.15 and 8.1, where 10 and 8 would be too little


@dataclass(frozen=True, slots=True)
class Agent:
    """What sent a request: `Chrome 126`, `Android 14`, `Pixel 8`; what is unknown is empty."""

    browser: str = ""
    os: str = ""
    model: str = ""
    is_bot: bool = False


def describe(user_agent: str | None) -> Agent:
    """What a User-Agent header says; any text is one, and there are no errors.

    Takes about a millisecond for one that hasn't been seen lately, ten at worst.
    """
    # Cut before it is looked up, so that the cache holds nothing long.
    return _described((user_agent or "")[:_LONGEST])


@lru_cache(maxsize=4096)
def _described(text: str) -> Agent:
    text = "".join(one if one.isprintable() else " " for one in text)
    system = _system(_found(text, Domain.OS).os)
    bot = _BOT.search(text)
    if bot is not None:
        return Agent(bot[0], system, is_bot=True)
    browser = _browser(_found(text, Domain.USER_AGENT).user_agent)
    device = _found(text, Domain.DEVICE).device
    return Agent(
        browser="" if browser == system else browser,  # of an app on Android, the system is all that it tells
        os=system,
        model=_model(device),
        is_bot=device is not None and device.brand == "Spider" and not _LIBRARY.search(text),
    )


def _found(text: str, domain: Domain) -> PartialResult:
    try:
        return _resolver()(text, domain)
    except (IndexError, TypeError, ValueError):  # a pattern that fits, but with no name: `; AIRIS )`
        return PartialResult(domain, None, None, None, text)


@cache
def _resolver() -> Resolver:
    return BasicResolver(load_builtins())  # made at first use: it compiles 1,300 patterns


def _browser(found: UserAgent | None) -> str:
    if found is None:
        return ""
    mobile = _MOBILE.fullmatch(found.family)
    family = mobile.expand(r"\1\2") if mobile else found.family
    return _words("WebView" if family == _WEB_VIEW else family, found.major)


def _system(found: OS | None) -> str:
    if found is None or found.family == "Other":
        return ""
    has_minor = found.major and found.minor and found.family in _MINOR_TELLS
    return _words(found.family, f"{found.major}.{found.minor}" if has_minor else found.major)


def _model(found: Device | None) -> str:
    if found is None or found.brand in _NO_BRAND or found.model in _NO_MODEL:
        return ""
    return _words(found.model)


def _words(*parts: str | None) -> str:
    return " ".join(filter(None, parts))[:_LONGEST_WORDS].strip()
