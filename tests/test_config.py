"""The settings: their defaults, what each takes, and what each refuses."""

import stat
import subprocess
import sys
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

from webapp import config
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
        ("geoip_database", None),
        ("country_header", None),
        ("metrics_token", None),
        ("demo_shop", False),
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
        "geoip_database",
        "country_header",
        "metrics_token",
        "demo_shop",
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
        ("GEOIP_DATABASE", "", None),
        ("GEOIP_DATABASE", "/srv/GeoLite2-City.mmdb", Path("/srv/GeoLite2-City.mmdb")),
        ("COUNTRY_HEADER", "", None),
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
        ("COUNTRY_HEADER", "CF-IPCountry", "is believed only from TRUSTED_PROXIES, of which there are none"),
        ("COUNTRY_HEADER", "CF-IPCountry:", "must be the name of a header"),
        ("COUNTRY_HEADER", "CF_IPCountry", "must be the name of a header"),
        ("COUNTRY_HEADER", " ", "must be the name of a header"),
        ("METRICS_TOKEN", "", "must have at least 16 characters"),
        ("METRICS_TOKEN", "fifteen letters", "must have at least 16 characters"),
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
    keys = {racer.communicate(timeout=30)[0] for racer in racers}
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
