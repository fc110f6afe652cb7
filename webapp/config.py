"""The settings of one installation, read once from the environment and `.env`, refused when wrong."""

import os
import re
import secrets
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

DEFAULT_DATABASE = "sqlite:///data/customer-profiles.sqlite3"
_SHORTEST_SECRET = 16


class ConfigError(Exception):
    """The configuration can't be used; the message says which setting is wrong and why."""


class Settings(BaseSettings):
    """Every setting, its type and its default. The README lists them for operators.

    In `.env` an unknown name is refused, because a misspelt setting would otherwise silently not apply.
    """

    model_config = SettingsConfigDict(env_file=".env", extra="forbid", frozen=True)

    database_url: str = DEFAULT_DATABASE
    secret_key: SecretStr | None = Field(default=None, min_length=_SHORTEST_SECRET)
    host: str = Field(default="127.0.0.1", min_length=1)
    port: int = Field(default=8000, ge=1, le=65535)
    threads: int = Field(default=32, ge=1, le=256)
    trusted_proxies: Annotated[tuple[IPv4Network | IPv6Network, ...], NoDecode] = ()
    geoip_database: Path | None = None
    country_header: str | None = None
    metrics_token: SecretStr | None = Field(default=None, min_length=_SHORTEST_SECRET)
    demo_shop: bool = False
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["json", "text"] | None = None

    @field_validator("database_url")
    @classmethod
    def _known_database(cls, value: str) -> str:
        try:
            url = make_url(value)
        except (ArgumentError, ValueError):
            raise ValueError("is not a database URL; try sqlite:///path/to/file or postgresql://…") from None
        backend = url.get_backend_name()
        if backend == "sqlite":
            if not url.database or url.database == ":memory:":
                raise ValueError("must name a file: an SQLite database in memory would lose everything at exit")
        elif backend != "postgresql" or url.drivername not in {"postgresql", "postgresql+psycopg"}:
            raise ValueError("must start with sqlite:/// or postgresql://")
        return value

    @field_validator("trusted_proxies", mode="before")
    @classmethod
    def _networks(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        try:
            return tuple(ip_network(part.strip()) for part in value.split(",") if part.strip())
        except ValueError as error:
            raise ValueError(f"must be addresses or networks separated by commas; {error}") from None

    @field_validator("geoip_database", "country_header", "log_format", mode="before")
    @classmethod
    def _none_if_empty(cls, value: object) -> object:
        return None if value == "" else value

    @field_validator("log_level", "log_format", mode="before")
    @classmethod
    def _lower_case(cls, value: object) -> object:
        return value.lower() if isinstance(value, str) else value

    @field_validator("country_header")
    @classmethod
    def _believed_header(cls, value: str | None, others: ValidationInfo) -> str | None:
        if value is None:
            return None
        if not re.fullmatch(r"[A-Za-z0-9]+(?:-[A-Za-z0-9]+)*", value):
            raise ValueError("must be the name of a header, such as CF-IPCountry")
        if others.data.get("trusted_proxies") == ():
            raise ValueError("is believed only from TRUSTED_PROXIES, of which there are none")
        return value

    @property
    def url(self) -> URL:
        """The database URL with the driver that this product uses."""
        url = make_url(self.database_url)
        return url.set(drivername="postgresql+psycopg") if url.get_backend_name() == "postgresql" else url

    @property
    def database_file(self) -> Path | None:
        """The file of the embedded database, or None on PostgreSQL."""
        return Path(str(self.url.database)) if self.url.get_backend_name() == "sqlite" else None

    @property
    def listens_on(self) -> str:
        """The address to open in a browser, as printed at start."""
        host = "127.0.0.1" if self.host in {"0.0.0.0", "::"} else self.host  # noqa: S104 - compared, not bound
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}"


def load(**overrides: Any) -> Settings:
    """Read the settings. Raises ConfigError with one line for each setting that is wrong."""
    try:
        return Settings(**overrides)
    except ValidationError as error:
        raise ConfigError("\n".join(map(_line, error.errors()))) from None


_WORDS = {
    "extra_forbidden": "is not a setting of this product (misspelt in .env?)",
    "greater_than_equal": "must be at least {ge}",
    "int_from_float": "must be a whole number",
    "int_parsing": "must be a whole number",
    "literal_error": "must be {expected}",
    "less_than_equal": "must be at most {le}",
    "string_too_short": "must not be empty",
    "too_short": "must have at least {min_length} characters",
}


def _line(fault: ErrorDetails) -> str:
    name = str(fault["loc"][0]).upper()
    words = _WORDS.get(fault["type"], fault["msg"].removeprefix("Value error, "))
    return f"{name}: {words.format_map(fault.get('ctx', {}))}"


def secret_key(settings: Settings) -> str:
    """The key that signs cookies: SECRET_KEY, else one made once and kept beside the embedded database.

    Raises ConfigError on PostgreSQL without SECRET_KEY: several servers must share one key.
    """
    if settings.secret_key is not None:
        return settings.secret_key.get_secret_value()
    database = settings.database_file
    if database is None:
        raise ConfigError(
            "SECRET_KEY: is needed with PostgreSQL. Make one with: "
            'python3 -c "import secrets; print(secrets.token_urlsafe(48))"'
        )
    return _kept_secret(database.parent / "secret-key")


def _kept_secret(path: Path) -> str:
    try:
        if not path.exists():
            _make_secret(path)
        kept = path.read_text().strip()
    except OSError as error:
        raise ConfigError(f"SECRET_KEY: can't be kept in {path}: {error.strerror}") from None
    if len(kept) < _SHORTEST_SECRET:
        raise ConfigError(
            f"SECRET_KEY: {path} has been cut short; delete it, and a new one is made (all sign in again)"
        )
    return kept


def _make_secret(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    # Written whole under another name and then linked, so that two first starts agree on one key.
    fresh = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    fresh.touch(mode=0o600)
    with fresh.open("w") as file:
        file.write(secrets.token_urlsafe(48))
        file.flush()
        os.fsync(file.fileno())
    try:
        path.hardlink_to(fresh)
    except FileExistsError:
        pass
    finally:
        fresh.unlink()
