"""The settings: their defaults, what each takes, and what each refuses."""

import stat
import subprocess
import sys
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

from webapp import config, openid
from webapp.config import ConfigError, Settings


@pytest.fixture(autouse=True)
def _machine_without_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("name", "default"),
    [
        ("database_url", "sqlite:///data/customer-profiles.sqlite3"),
        ("secret_key", None),
        ("host", "127.0.0.1"),
        ("port", 8000),
        ("threads", 32),
        ("trusted_proxies", ()),
        ("allowed_hosts", ()),
        ("geoip_database", None),
        ("country_header", None),
        ("metrics_token", None),
        ("demo_shop", False),
        ("public_url", None),
        ("mail_from", None),
        ("smtp_url", None),
        ("openid_issuer", None),
        ("openid_client_id", None),
        ("openid_client_secret", None),
        ("openid_name", "single sign-on"),
        ("openid_only", False),
        ("import_largest_file", 500_000_000),
        ("import_max_columns", None),
        ("import_max_rows", None),
        ("log_level", "info"),
        ("log_format", None),
    ],
)
def test_setting_has_a_default(name: str, default: Any) -> None:
    assert getattr(config.load(), name) == default


def test_every_setting_is_tested_here() -> None:
    assert set(Settings.model_fields) == {
        "database_url",
        "secret_key",
        "host",
        "port",
        "threads",
        "trusted_proxies",
        "allowed_hosts",
        "geoip_database",
        "country_header",
        "metrics_token",
        "demo_shop",
        "public_url",
        "mail_from",
        "smtp_url",
        "openid_issuer",
        "openid_client_id",
        "openid_client_secret",
        "openid_name",
        "openid_only",
        "import_largest_file",
        "import_max_columns",
        "import_max_rows",
        "log_level",
        "log_format",
    }


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("DATABASE_URL", "sqlite:////srv/shop.sqlite3", "sqlite:////srv/shop.sqlite3"),
        ("DATABASE_URL", "postgresql://shop:pw@db/shop", "postgresql://shop:pw@db/shop"),
        ("DATABASE_URL", "postgresql+psycopg://db/shop", "postgresql+psycopg://db/shop"),
        ("HOST", "0.0.0.0", "0.0.0.0"),  # noqa: S104
        ("HOST", "::1", "::1"),
        ("PORT", "1", 1),
        ("PORT", "65535", 65535),
        ("THREADS", "256", 256),
        ("TRUSTED_PROXIES", "", ()),
        ("TRUSTED_PROXIES", "10.0.0.1", (ip_network("10.0.0.1"),)),
        ("TRUSTED_PROXIES", "10.0.0.0/8, fd00::/8,", (ip_network("10.0.0.0/8"), ip_network("fd00::/8"))),
        ("ALLOWED_HOSTS", "", ()),
        ("ALLOWED_HOSTS", "Shop.example, *.shop.example,", ("shop.example", "*.shop.example")),
        ("ALLOWED_HOSTS", "[::1],10.0.0.1", ("[::1]", "10.0.0.1")),
        ("GEOIP_DATABASE", "", None),
        ("GEOIP_DATABASE", "/srv/GeoLite2-City.mmdb", Path("/srv/GeoLite2-City.mmdb")),
        ("COUNTRY_HEADER", "", None),
        ("PUBLIC_URL", "", None),
        ("PUBLIC_URL", "https://profiles.shop.example/", "https://profiles.shop.example"),
        ("PUBLIC_URL", "http://10.0.0.1:8000", "http://10.0.0.1:8000"),
        ("MAIL_FROM", "", None),
        ("MAIL_FROM", "profiles@shop.example", "profiles@shop.example"),
        ("MAIL_FROM", "Customer Profiles <profiles@shop.example>", "Customer Profiles <profiles@shop.example>"),
        ("SMTP_URL", "", None),
        ("OPENID_ISSUER", "", None),
        ("OPENID_NAME", "Acme", "Acme"),
        ("LOG_LEVEL", "debug", "debug"),
        ("LOG_LEVEL", "WARNING", "warning"),
        ("LOG_FORMAT", "", None),
        ("LOG_FORMAT", "json", "json"),
        ("LOG_FORMAT", "Text", "text"),
    ],
)
def test_setting_is_read_from_the_environment(
    monkeypatch: pytest.MonkeyPatch, name: str, text: str, value: Any
) -> None:
    monkeypatch.setenv(name, text)
    assert getattr(config.load(), name.lower()) == value


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("DATABASE_URL", "", "is not a database URL"),
        ("DATABASE_URL", "a file", "is not a database URL"),
        ("DATABASE_URL", "postgresql://shop:pw@db:port/shop", "is not a database URL"),
        ("DATABASE_URL", "mysql://db/shop", "must start with sqlite:/// or postgresql://"),
        ("DATABASE_URL", "postgresql+psycopg2://db/shop", "must start with sqlite:/// or postgresql://"),
        ("DATABASE_URL", "sqlite://", "must name a file"),
        ("DATABASE_URL", "sqlite:///:memory:", "must name a file"),
        ("SECRET_KEY", "", "must have at least 16 characters"),
        ("SECRET_KEY", "fifteen letters", "must have at least 16 characters"),
        ("HOST", "", "must not be empty"),
        ("PORT", "", "must be a whole number"),
        ("PORT", "http", "must be a whole number"),
        ("PORT", "0", "must be at least 1"),
        ("PORT", "65536", "must be at most 65535"),
        ("THREADS", "1.5", "must be a whole number"),
        ("THREADS", "0", "must be at least 1"),
        ("THREADS", "257", "must be at most 256"),
        ("TRUSTED_PROXIES", "10.0.0.0/33", "must be addresses or networks separated by commas"),
        ("TRUSTED_PROXIES", "10.0.0.1 10.0.0.2", "must be addresses or networks separated by commas"),
        ("TRUSTED_PROXIES", "everybody", "must be addresses or networks separated by commas"),
        ("PUBLIC_URL", "profiles.shop.example", "must be where the dashboard is opened"),
        ("PUBLIC_URL", "ftp://profiles.shop.example", "must be where the dashboard is opened"),
        ("PUBLIC_URL", "https://shop.example/profiles", "must be where the dashboard is opened"),
        ("PUBLIC_URL", "https://a:b@shop.example", "must be where the dashboard is opened"),
        ("PUBLIC_URL", "https://shop.example:port", "must be where the dashboard is opened"),
        ("PUBLIC_URL", "https://[", "must be where the dashboard is opened"),
        ("MAIL_FROM", "profiles", "must be an e-mail address"),
        ("MAIL_FROM", "a@shop.example, b@shop.example", "must be an e-mail address"),
        ("MAIL_FROM", "a@shop.example\nBcc: b@shop.example", "must be an e-mail address"),
        ("SMTP_URL", "smtp://mail.shop.example", "needs MAIL_FROM too"),
        ("SMTP_URL", "mail.shop.example:587", "must be smtp://user:password@host:587"),
        ("SMTP_URL", "smtp://mail.shop.example:port", "is not a URL"),
        ("SMTP_URL", "smtp://shop@mail.shop.example", "must have both a user and a password"),
        ("SMTP_URL", "smtp://mail.shop.example/path", "must be smtp://user:password@host:587"),
        ("COUNTRY_HEADER", "CF-IPCountry", "is believed only from TRUSTED_PROXIES, of which there are none"),
        ("COUNTRY_HEADER", "CF-IPCountry:", "must be the name of a header"),
        ("COUNTRY_HEADER", "CF_IPCountry", "must be the name of a header"),
        ("COUNTRY_HEADER", " ", "must be the name of a header"),
        ("ALLOWED_HOSTS", "*", "must be names or addresses of hosts"),
        ("ALLOWED_HOSTS", "shop.example:8000", "must be names or addresses of hosts"),
        ("ALLOWED_HOSTS", "https://shop.example", "must be names or addresses of hosts"),
        ("ALLOWED_HOSTS", "shop.*", "must be names or addresses of hosts"),
        ("METRICS_TOKEN", "", "must have at least 16 characters"),
        ("METRICS_TOKEN", "fifteen letters", "must have at least 16 characters"),
        ("PUBLIC_URL", "https://profiles.shop.example/path", "must be where the dashboard is opened"),
        ("OPENID_ISSUER", "acme.example", "must be an address that begins with https://"),
        ("OPENID_ISSUER", "http://acme.example", "must be an address that begins with https://"),
        ("OPENID_ISSUER", "https://acme.example?realm=shop", "must be an address that begins with https://"),
        ("OPENID_ISSUER", "https://user@acme.example", "must be an address that begins with https://"),
        ("OPENID_ISSUER", "https://[", "must be an address that begins with https://"),
        ("OPENID_NAME", "", "must not be empty"),
        ("OPENID_NAME", "x" * 41, "must have at most 40 characters"),
        ("OPENID_CLIENT_ID", "näme", "has characters that no provider gives"),
        ("OPENID_ONLY", "1", "would let nobody in without OPENID_ISSUER"),
        ("LOG_LEVEL", "", "must be 'debug', 'info', 'warning' or 'error'"),
        ("LOG_LEVEL", "trace", "must be 'debug', 'info', 'warning' or 'error'"),
        ("LOG_FORMAT", "xml", "must be 'json' or 'text'"),
    ],
)
def test_wrong_setting_is_refused_by_name(monkeypatch: pytest.MonkeyPatch, name: str, text: str, words: str) -> None:
    monkeypatch.setenv(name, text)
    with pytest.raises(ConfigError) as refused:
        config.load()
    assert str(refused.value).startswith(f"{name}: {words}")


@pytest.mark.parametrize("issuer", ["https://acme.example/realms/shop", "http://127.0.0.1:9000", "http://localhost"])
def test_provider_needs_to_know_this_server(monkeypatch: pytest.MonkeyPatch, issuer: str) -> None:
    monkeypatch.setenv("OPENID_ISSUER", issuer)
    with pytest.raises(ConfigError, match=r"\AOPENID_CLIENT_ID: is needed .+\nOPENID_CLIENT_SECRET: is needed .+\Z"):
        config.load()
    monkeypatch.setenv("OPENID_CLIENT_ID", "profiles")
    monkeypatch.setenv("OPENID_CLIENT_SECRET", "a secret")
    monkeypatch.setenv("OPENID_ONLY", "1")
    settings = config.load()
    assert (settings.openid_issuer, settings.openid_client_id, settings.openid_only) == (issuer, "profiles", True)
    assert "a secret" not in repr(settings)


def test_provider_needs_a_package(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = config.load(openid_issuer="https://acme.example", openid_client_id="x", openid_client_secret="y")
    monkeypatch.setitem(sys.modules, "authlib", None)
    with pytest.raises(ConfigError, match=r"OPENID_ISSUER: needs a package .+ 'customer-profiles\[openid\]'"):
        openid.configured(settings, "a secret of the server")
    assert openid.configured(config.load(), "a secret of the server") is None


def test_package_is_imported_only_where_it_is_needed() -> None:
    program = "import sys, webapp; webapp.create_app(); print('authlib' in sys.modules or 'joserfc' in sys.modules)"
    printed = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert printed.stdout == "False\n"


def test_country_header_needs_a_proxy_that_is_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COUNTRY_HEADER", "CF-IPCountry")
    monkeypatch.setenv("TRUSTED_PROXIES", "10.0.0.1")
    assert config.load().country_header == "CF-IPCountry"
    monkeypatch.setenv("TRUSTED_PROXIES", "nobody")
    with pytest.raises(ConfigError, match=r"\ATRUSTED_PROXIES: must be addresses .+\Z"):
        config.load()


def test_every_wrong_setting_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "http")
    monkeypatch.setenv("THREADS", "many")
    with pytest.raises(ConfigError, match=r"\APORT: .+\nTHREADS: .+\Z"):
        config.load()


def test_refusal_does_not_repeat_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", "hunter2")
    monkeypatch.setenv("DATABASE_URL", "mysql://shop:hunter2@db/shop")
    with pytest.raises(ConfigError) as refused:
        config.load()
    assert "hunter2" not in str(refused.value)


def test_env_file_is_read_and_the_environment_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".env").write_text("PORT=9000\nTHREADS=4\n")
    monkeypatch.setenv("THREADS", "8")
    settings = config.load()
    assert (settings.port, settings.threads) == (9000, 8)


def test_unknown_name_in_env_file_is_refused() -> None:
    Path(".env").write_text("PROT=9000\n")
    with pytest.raises(ConfigError, match="PROT: is not a setting of this product"):
        config.load()


def test_unknown_name_in_the_environment_belongs_to_somebody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROT", "9000")
    assert config.load().port == 8000


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("127.0.0.1", "http://127.0.0.1:8000"),
        ("0.0.0.0", "http://127.0.0.1:8000"),  # noqa: S104
        ("::", "http://127.0.0.1:8000"),
        ("::1", "http://[::1]:8000"),
        ("shop.example", "http://shop.example:8000"),
    ],
)
def test_printed_address_can_be_opened(host: str, address: str) -> None:
    assert config.load(host=host).listens_on == address


MAIL = {"mail_from": "profiles@shop.example", "public_url": "https://profiles.shop.example"}


def test_mail_server_is_read_from_its_url() -> None:
    server = config.load(smtp_url="smtp://shop%40x:p%40ss@mail.shop.example", **MAIL).mail_server
    assert server is not None
    assert (server.host, server.port, server.is_tls) == ("mail.shop.example", 587, False)
    assert (server.user, server.password) == ("shop@x", "p@ss")
    assert "p@ss" not in repr(server)
    safe = config.load(smtp_url="smtps://[::1]", **MAIL).mail_server
    assert safe is not None
    assert (safe.host, safe.port, safe.is_tls, safe.user) == ("::1", 465, True, None)


def test_mail_server_needs_a_public_address() -> None:
    with pytest.raises(ConfigError, match="SMTP_URL: needs PUBLIC_URL too"):
        config.load(smtp_url="smtp://mail.shop.example", mail_from="profiles@shop.example")


@pytest.mark.parametrize("url", ["smtp://shop:secret@", "smtp://shop:secret@mail:port", "http://shop:secret@mail"])
def test_fault_of_the_mail_server_tells_no_password(url: str) -> None:
    with pytest.raises(ConfigError, match="SMTP_URL") as refused:
        config.load(smtp_url=url, **MAIL)
    assert "secret" not in str(refused.value)


def test_secret_key_is_made_once_beside_the_database() -> None:
    settings = config.load()
    made = config.secret_key(settings)
    kept = Path("data/secret-key")
    assert len(made) >= 64
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert config.secret_key(settings) == made
    assert list(Path("data").iterdir()) == [kept]


def test_secret_key_that_is_set_is_taken_and_not_kept() -> None:
    assert config.secret_key(config.load(secret_key="a secret of the shop")) == "a secret of the shop"
    assert not Path("data").exists()


def test_processes_that_start_together_agree_on_one_secret_key() -> None:
    program = "import sys; from webapp import config; sys.stdin.readline(); print(config.secret_key(config.load()))"
    racers = [
        subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for _ in range(4)
    ]
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write(b"\n")
        racer.stdin.flush()
    keys = {racer.communicate(timeout=120)[0] for racer in racers}
    assert len(keys) == 1
    assert keys.pop().strip()


def test_secret_key_is_needed_with_postgresql() -> None:
    with pytest.raises(ConfigError, match="SECRET_KEY: is needed with PostgreSQL"):
        config.secret_key(config.load(database_url="postgresql://db/shop"))


def test_secret_key_that_was_cut_short_is_refused() -> None:
    Path("data").mkdir()
    Path("data/secret-key").touch()
    with pytest.raises(ConfigError, match="SECRET_KEY: data/secret-key has been cut short"):
        config.secret_key(config.load())


def test_secret_key_that_cannot_be_kept_is_told_in_words() -> None:
    Path("data").write_text("a file where the folder should be")
    with pytest.raises(ConfigError, match="SECRET_KEY: can't be kept in data/secret-key: "):
        config.secret_key(config.load())
