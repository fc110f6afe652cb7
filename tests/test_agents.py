"""User agents in words, who is a bot, and texts that are meant to do harm."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import costs
from webapp import agents
from webapp.agents import Agent

WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)"
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)"
MAC = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko)"


@pytest.mark.parametrize(
    ("user_agent", "agent"),
    [
        (
            f"Mozilla/5.0 (Linux; Android 14; Pixel 8) {WEBKIT} Chrome/126.0.0.0 Mobile Safari/537.36",
            Agent("Chrome 126", "Android 14", "Pixel 8"),
        ),
        (
            f"Mozilla/5.0 (Linux; Android 13; SM-S911B Build/TP1A.220624.014; wv) {WEBKIT} Version/4.0 "
            "Chrome/114.0.5735.196 Mobile Safari/537.36",
            Agent("Chrome WebView 114", "Android 13", "SM-S911B"),
        ),
        (
            f"Mozilla/5.0 (Linux; Android 13; SM-S911B) {WEBKIT} SamsungBrowser/23.0 Chrome/115.0.0.0 Mobile",
            Agent("Samsung Internet 23", "Android 13", "SM-S911B"),
        ),
        ("Mozilla/5.0 (Android 14; Mobile; rv:127.0) Gecko/127.0 Firefox/127.0", Agent("Firefox 127", "Android 14")),
        (f"{IPHONE} Version/17.5 Mobile/15E148 Safari/604.1", Agent("Safari 17", "iOS 17", "iPhone")),
        (f"{IPHONE} CriOS/126.0.6478.54 Mobile/15E148 Safari/604.1", Agent("Chrome 126", "iOS 17", "iPhone")),
        (f"{IPHONE} FxiOS/127.0 Mobile/15E148 Safari/605.1.15", Agent("Firefox 127", "iOS 17", "iPhone")),
        (f"{IPHONE} Mobile/15E148", Agent("WebView", "iOS 17", "iPhone")),
        (f"{MAC} Version/17.5 Safari/605.1.15", Agent("Safari 17", "Mac OS X 10.15", "Mac")),
        (
            f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {WEBKIT} Chrome/126.0.0.0 Safari/537.36 Edg/126.0.0.0",
            Agent("Edge 126", "Windows 10"),
        ),
        (
            "Mozilla/5.0 (Windows NT 6.3; Win64; x64; rv:109.0) Gecko/20100101 Firefox/115.0",
            Agent("Firefox 115", "Windows 8.1"),
        ),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0", Agent("Firefox 127", "Linux")),
        (
            "Dalvik/2.1.0 (Linux; U; Android 14; Pixel 8 Build/AP2A.240605.024)",
            Agent("", "Android 14", "Pixel 8"),
        ),
        ("MyShop/1.4.2 CFNetwork/1490.0.4 Darwin/23.2.0", Agent("MyShop 1", "iOS 17")),
        ("okhttp/4.12.0", Agent("okhttp 4")),
    ],
)
def test_user_agent_is_told_in_words(user_agent: str, agent: Agent) -> None:
    assert agents.describe(user_agent) == agent


def test_model_that_chrome_invents_for_every_phone_is_none() -> None:
    reduced = f"Mozilla/5.0 (Linux; Android 10; K) {WEBKIT} Chrome/126.0.0.0 Mobile Safari/537.36"
    assert agents.describe(reduced) == Agent("Chrome 126", "Android 10", "")


def test_device_whose_name_is_empty_is_none() -> None:
    nameless = f"Mozilla/5.0 (Linux; Android 9; AIRIS ) {WEBKIT} Chrome/91.0.4472.120 Mobile Safari/537.36"
    assert agents.describe(nameless) == Agent("Chrome 91", "Android 9", "")


@pytest.mark.parametrize("user_agent", [None, "", " ", "-", "Mozilla/5.0", "\x00", "\ud800", "😀" * 600, "(" * 5000])
def test_user_agent_that_says_nothing_is_an_agent_of_nothing(user_agent: str | None) -> None:
    assert agents.describe(user_agent) == Agent()


@pytest.mark.parametrize(
    "user_agent",
    [
        "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
        "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)",
        "Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)",
        f"Mozilla/5.0 {WEBKIT[:-1]}; compatible; GPTBot/1.2; +https://openai.com/gptbot)",
        f"Mozilla/5.0 {WEBKIT[:-1]}; compatible; ClaudeBot/1.0; +claudebot@anthropic.com)",
        f"Mozilla/5.0 {WEBKIT}; compatible; ChatGPT-User/1.0; +https://openai.com/bot",
        "Perplexity-User/1.0",
        f"Mozilla/5.0 (Linux; Android 5.0) {WEBKIT} Mobile Safari/537.36 (compatible; Bytespider; spider@example.com)",
        f"Mozilla/5.0 (Linux; Android 6.0.1; Nexus 5X) {WEBKIT} Chrome/126.0 Mobile (compatible; GoogleOther)",
        f"Mozilla/5.0 (X11; Linux x86_64) {WEBKIT} HeadlessChrome/126.0.0.0 Safari/537.36",
        f"Mozilla/5.0 (Linux; Android 11; moto g) {WEBKIT} Chrome/109.0.0.0 Mobile Safari/537.36 Chrome-Lighthouse",
        f"{MAC} Version/13.1.1 Safari/605.1.15 (Applebot/0.1; +http://www.apple.com/go/applebot)",
        "Mediapartners-Google",
        "APIs-Google (+https://developers.google.com/webmasters/APIs-Google.html)",
        "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)",
        "WhatsApp/2.23.20.0 A",  # the preview of a link; its browser names a system
        "Scrapy/2.11.2 (+https://scrapy.org)",
    ],
)
def test_bot_is_known_as_one(user_agent: str) -> None:
    agent = agents.describe(user_agent)
    assert agent.is_bot
    assert agent.model == "", "what a bot pretends to be"


@pytest.mark.parametrize(
    "user_agent",
    [
        "okhttp/4.12.0",
        "Dart/3.3 (dart:io)",
        "MyShop/1.4.2 CFNetwork/1490.0.4 Darwin/23.2.0",
        "MyShop/1.4.2 (iPhone; iOS 17.5; Scale/3.00)",
        "SnappyShop/4 (com.snappyshop.app; build:1; iOS 17.0.0) Alamofire/5.9",
        "Robotics/3.1 okhttp/4.9.0",
        "Dalvik/2.1.0 (Linux; U; Android 11; CUBOT X30 Build/RP1A)",
        f"Mozilla/5.0 (Linux; Android 9; CUBOT_X19) {WEBKIT} Chrome/91.0.4472.120 Mobile Safari/537.36",
        f"Mozilla/5.0 (Linux; Android 9; KFMAWI) {WEBKIT} Silk/108.4.6 like Chrome/108.0.5359.160 Safari/537.36",
        f"Mozilla/5.0 (Linux; Android 14; Pixel 8) {WEBKIT} WhatsApp/2.24",
    ],
)
def test_app_is_no_bot_whatever_its_name(user_agent: str) -> None:
    assert not agents.describe(user_agent).is_bot


@pytest.mark.parametrize(
    "user_agent",
    [
        "curl/8.5.0",
        "python-requests/2.32.3",
        "Python-urllib/3.11",
        "Go-http-client/1.1",
        "Java/17.0.1",
        "Apache-HttpClient/4.5.14 (Java/17.0.1)",
        "axios/1.7.2",
        "GuzzleHttp/7",
        "WordPress/6.5; https://shop.example",
        "Microsoft-WinHTTP/5.1",
    ],
)
def test_backend_that_passes_on_what_apps_send_is_no_bot(user_agent: str) -> None:
    assert not agents.describe(user_agent).is_bot


@given(
    st.text(max_size=700)
    | st.lists(st.sampled_from(["Mozilla/5.0 (", "Android ", "; ", "Build/", "1.", "bot", ")"])).map("".join)
)
@settings(deadline=None, max_examples=60)
def test_any_text_is_a_user_agent(text: str) -> None:
    agent = agents.describe(text)
    for words in (agent.browser, agent.os, agent.model):
        assert words == words.strip()
        assert len(words) <= 100
        assert words.isprintable(), "a NUL could not be stored"


def test_only_the_beginning_of_a_long_text_is_read() -> None:
    long = "okhttp/4.12.0 " + "x" * 498
    assert agents.describe(long + " Googlebot/2.1" + "y" * 1_000_000) == agents.describe(long) == Agent("okhttp 4")


@pytest.mark.parametrize(
    "part",
    [
        ";",
        "; ",
        "(;",
        " ",
        "a",
        "1",
        "1.1",
        "Android 1; a; ",
        "Chrome",
        "iPhone Version/1.1 ",
        "iPod touch/ Saf",
        "CrKeyDeviceT",
        "MozillaaMobile11",
        "; htc ",
        "htc_blocked ",
        "AppleWebKit/1.1 Safari ",
        "a1bot",
        "CFNetwork/1 ",
    ],
)
def test_text_that_is_made_to_be_slow_is_not(part: str) -> None:
    agents.describe("the patterns are compiled at first use")

    def described() -> None:
        agents._described.cache_clear()
        agents.describe(part * 600)

    assert costs.cpu_of(described, 0.1) < 0.1
