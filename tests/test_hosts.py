"""The hosts that the server answers to, and whose word it takes for them."""

from collections.abc import Callable, Iterator

import pytest
from flask import Flask, request
from flask.testing import FlaskClient

from tests.conftest import settings_for
from tests.world import SMALLEST
from webapp import config, create_app
from webapp.api import errors

PROXY, CLIENT = "10.0.0.1", "198.51.100.7"
Made = Callable[..., Flask]


@pytest.fixture
def made(database_url: str) -> Iterator[Made]:
    """Makes apps with settings of their own."""
    apps = []

    def make(**settings: str) -> Flask:
        kept = settings_for(database_url)
        app = create_app(config.load(_env_file=None, database_url=kept.database_url, secret_key="x" * 16, **settings))
        apps.append(app)
        return app

    yield make
    for app in apps:
        app.extensions["database"].engine.dispose()


def _status(browser: FlaskClient, host: str, path: str = "/login", **more: str) -> int:
    return browser.get(path, headers={"Host": host, **more}).status_code


@pytest.mark.parametrize("host", ["anything.example", "localhost:8000", "10.0.0.1", "[::1]:8000"])
def test_any_host_will_do_where_none_is_set(app: Flask, host: str) -> None:
    assert _status(app.test_client(), host) == 200


@pytest.mark.parametrize(
    ("host", "is_allowed"),
    [
        ("profiles.example", True),
        ("PROFILES.example", True),
        ("profiles.example:8443", True),
        ("a.shop.example", True),
        ("b.a.shop.example", True),
        ("[::1]", True),
        ("[::1]:8000", True),
        ("shop.example", False),
        ("evilshop.example", False),
        ("profiles.example.evil.example", False),
        ("profiles.example@evil.example", False),
        ("evil.example:profiles.example", False),
        ("evil.example#.shop.example", False),
        ("evil.example/.shop.example:80", False),
        ("profiles.example, evil.example", False),
        ("", False),
        ("::1", False),
        ("127.0.0.1", False),
    ],
)
def test_only_hosts_that_are_set_are_answered(made: Made, host: str, *, is_allowed: bool) -> None:
    browser = made(allowed_hosts="profiles.example, *.shop.example, [::1]").test_client()
    assert (_status(browser, host) != 400) == is_allowed
    assert _status(browser, host, "/healthz") == 200, "probes come by address"
    assert _status(browser, host, "/readyz") == 200


@pytest.mark.parametrize("path", ["/customers", "/customers/", "/customers//", "/static//app.css", "/login/"])
def test_no_redirect_leads_to_the_host_that_a_request_names(app: Flask, path: str) -> None:
    answer = app.test_client().get(path, headers={"Host": "evil.example"})
    assert "evil.example" not in answer.headers.get("Location", "")


def test_refusal_says_why_at_both_doors(made: Made) -> None:
    browser = made(allowed_hosts="profiles.example").test_client()
    page = browser.get("/customers")
    assert (page.status_code, page.mimetype) == (400, "text/plain")
    assert page.text == "this server doesn't answer to that host name; ALLOWED_HOSTS lists those that it answers to\n"
    for path in (*SMALLEST, "/api/v1/batch", "/api/v1/browser", "/track/nowhere"):
        answer = browser.post(path, json={})
        assert (answer.status_code, answer.mimetype) == (400, "application/json"), path
        assert answer.json is not None
        assert answer.json["type"] == errors.TYPES[400]
        assert "ALLOWED_HOSTS" in answer.json["details"][0]["message"]
    assert browser.head("/customers").data == b""


# X-Forwarded-*: believed of trusted proxies, the last value of each only: the ones before are the client's own.


@pytest.fixture
def seen(made: Made) -> Callable[..., tuple[str, ...]]:
    """What the app takes for address, scheme, host and root, by the peer and the headers of a request."""
    app = made(trusted_proxies=PROXY)
    app.add_url_rule("/seen", "seen", lambda: [request.remote_addr, request.scheme, request.host, request.root_path])

    def look(peer: str, **headers: str) -> tuple[str, ...]:
        named = {name.replace("_", "-"): text for name, text in headers.items()}
        told = app.test_client().get("/seen", headers=named, environ_base={"REMOTE_ADDR": peer}).json
        assert told is not None
        return tuple(told)

    return look


FORGED = {
    "X_Forwarded_For": "127.0.0.1",
    "X_Forwarded_Proto": "https",
    "X_Forwarded_Host": "evil.example",
    "X_Forwarded_Port": "444",
    "X_Forwarded_Prefix": "/evil",
    "X_Real_Ip": "127.0.0.1",
    "Forwarded": "for=127.0.0.1;host=evil.example;proto=https",
}


def test_headers_of_whoever_is_no_trusted_proxy_are_not_believed(seen: Callable[..., tuple[str, ...]]) -> None:
    assert seen(CLIENT, **FORGED) == (CLIENT, "http", "localhost", "")


def test_headers_of_a_trusted_proxy_are_believed(seen: Callable[..., tuple[str, ...]]) -> None:
    told = {"X_Forwarded_For": CLIENT, "X_Forwarded_Proto": "https", "X_Forwarded_Host": "profiles.example"}
    assert seen(PROXY, **told) == (CLIENT, "https", "profiles.example", "")
    assert seen(f"::ffff:{PROXY}", **told) == (CLIENT, "https", "profiles.example", "")


def test_what_a_client_puts_before_the_words_of_the_proxy_is_not_believed(
    seen: Callable[..., tuple[str, ...]],
) -> None:
    told = {
        "X_Forwarded_For": f"127.0.0.1, {CLIENT}",
        "X_Forwarded_Proto": "https, http",
        "X_Forwarded_Host": "evil.example, profiles.example",
        "X_Forwarded_Port": "444",
        "X_Forwarded_Prefix": "/evil",
        "Forwarded": "for=127.0.0.1;host=evil.example",
    }
    assert seen(PROXY, **told) == (CLIENT, "http", "profiles.example", "")


def test_host_that_a_proxy_tells_is_checked(made: Made) -> None:
    browser = made(allowed_hosts="profiles.example", trusted_proxies=PROXY).test_client()

    def status(peer: str, host: str, forwarded: str) -> int:
        headers = {"Host": host, "X-Forwarded-Host": forwarded}
        return browser.get("/login", headers=headers, environ_base={"REMOTE_ADDR": peer}).status_code

    assert status(PROXY, "127.0.0.1:8000", "profiles.example") == 200
    assert status(PROXY, "profiles.example", "evil.example") == 400
    assert status(CLIENT, "evil.example", "profiles.example") == 400
    assert status(CLIENT, "profiles.example", "evil.example") == 200
