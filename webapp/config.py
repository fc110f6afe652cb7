"""The settings of one installation, read once from the environment and `.env`, refused when wrong."""

import os
import re
import secrets
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from webapp import mail

DEFAULT_DATABASE = "sqlite:///data/customer-profiles.sqlite3"
_SHORTEST_SECRET = 16
_NEEDED = {
    "mail_from": "the address that mails come from",
    "public_url": "links in mails lead there, whatever a request says of where it came",
}
_HOST = re.compile(r"(?:\*\.)?[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?|\[[0-9a-f:.]+\]", re.ASCII)


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
    allowed_hosts: Annotated[tuple[str, ...], NoDecode] = ()
    geoip_database: Path | None = None
    country_header: str | None = None
    metrics_token: SecretStr | None = Field(default=None, min_length=_SHORTEST_SECRET)
    demo_shop: bool = False
    public_url: str | None = None
    mail_from: str | None = None
    smtp_url: SecretStr | None = None
    openid_issuer: str | None = None
    openid_client_id: str | None = Field(default=None, validate_default=True)
    openid_client_secret: SecretStr | None = Field(default=None, validate_default=True)
    openid_name: str = Field(default="single sign-on", min_length=1, max_length=40)
    openid_only: bool = False
    import_largest_file: int = Field(default=500_000_000, ge=1_000)
    import_max_columns: int | None = Field(default=None, ge=1)
    import_max_rows: int | None = Field(default=None, ge=1)
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

    @field_validator("allowed_hosts", mode="before")
    @classmethod
    def _hosts(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        hosts = tuple(part.strip().lower() for part in value.split(",") if part.strip())
        wrong = [one for one in hosts if not _HOST.fullmatch(one)]
        if wrong:
            words = "must be names or addresses of hosts separated by commas, without ports"
            raise ValueError(f"{words}; *.shop.example stands for all below shop.example; {wrong[0]!r} is none")
        return hosts

    @field_validator(
        "geoip_database", "country_header", "log_format", "public_url", "mail_from", "smtp_url", "openid_issuer",
        "openid_client_id", "openid_client_secret", "import_max_columns", "import_max_rows", mode="before",
    )  # fmt: skip
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

    @field_validator("public_url")
    @classmethod
    def _origin(cls, value: str | None) -> str | None:
        if value is None:
            return None
        try:
            parts = urlsplit(value)
            is_origin = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
        except ValueError:
            is_origin = False
        if not is_origin or "@" in value or parts.path.strip("/") or parts.query or parts.fragment:
            raise ValueError("must be where the dashboard is opened, such as https://profiles.shop.example")
        return value.rstrip("/")

    @field_validator("mail_from")
    @classmethod
    def _sender(cls, value: str | None) -> str | None:
        return None if value is None else mail.sender(value)

    @field_validator("smtp_url")
    @classmethod
    def _mail_server(cls, value: SecretStr | None, others: ValidationInfo) -> SecretStr | None:
        if value is None:
            return None
        mail.server(value.get_secret_value())
        for name in ("mail_from", "public_url"):
            if others.data.get(name, "faulty") is None:
                raise ValueError(f"needs {name.upper()} too: {_NEEDED[name]}")
        return value

    @field_validator("openid_issuer")
    @classmethod
    def _issuer(cls, value: str | None) -> str | None:
        if value is not None and (not is_secure(value) or set(value) & set("?#")):
            raise ValueError("must be an address that begins with https://, without ? and #, as the provider writes it")
        return value

    @field_validator("openid_client_id", "openid_client_secret")
    @classmethod
    def _needed_with_issuer(cls, value: str | SecretStr | None, others: ValidationInfo) -> str | SecretStr | None:
        if value is None and others.data.get("openid_issuer") is not None:
            raise ValueError("is needed with OPENID_ISSUER")
        text = value.get_secret_value() if isinstance(value, SecretStr) else value or ""
        if not (text.isascii() and text.isprintable()):
            raise ValueError("has characters that no provider gives")
        return value

    @field_validator("openid_only")
    @classmethod
    def _only_with_issuer(cls, value: bool, others: ValidationInfo) -> bool:
        if value and others.data.get("openid_issuer", "") is None:
            raise ValueError("would let nobody in without OPENID_ISSUER")
        return value

    @property
    def mail_server(self) -> mail.Server | None:
        """The server that mails are sent by, if there is one."""
        return None if self.smtp_url is None else mail.server(self.smtp_url.get_secret_value())

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
    def opened_at(self) -> str:
        """Where people open the dashboard, as far as it is known here."""
        return self.public_url or self.listens_on

    @property
    def listens_on(self) -> str:
        """The address to open in a browser, as printed at start."""
        host = "127.0.0.1" if self.host in {"0.0.0.0", "::"} else self.host  # noqa: S104 - compared, not bound
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}"


def is_secure(address: str) -> bool:
    """Whether an address is of HTTPS, or of plain HTTP on this very machine."""
    if not (address.isascii() and address.isprintable()) or set(address) & set(' \\"<>'):
        return False
    try:
        parts = urlsplit(address)
        host, _ = parts.hostname, parts.port  # which is read only when it is asked for
    except ValueError:
        return False
    if not host or "@" in parts.netloc:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and _is_near(host))


def _is_near(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


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
    "string_too_long": "must have at most {max_length} characters",
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
