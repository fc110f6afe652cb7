"""Checking an installation and saying in words what is wrong with it."""

import os
from dataclasses import dataclass
from datetime import timedelta

import humanize
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from webapp import assets, clock, config, mail, migrate, openid
from webapp.config import ConfigError, Settings
from webapp.db import SAFE_SQLITE, Database, sqlite_library
from webapp.places import Places
from webapp.wire import CrowdedError, NoAnswerError


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at."""

    is_fine: bool
    words: str


def examine() -> list[Finding]:
    """Look at everything that an installation needs; what depends on something broken is left out."""
    findings = [_assets()]
    try:
        settings = config.load()
        if settings.database_file is None or settings.database_file.exists():
            config.secret_key(settings)  # makes one otherwise, and looking should leave nothing behind
        places = [*_places(settings), *_provider(settings)]
    except ConfigError as error:
        return [*findings, Finding(False, f"configuration: {error}")]
    findings.append(Finding(True, "configuration: every setting can be used"))
    return findings + places + _mail(settings) + _database(settings)


def _assets() -> Finding:
    missing = [name for name in ("templates", "static", "migrations") if not assets.folder(name).is_dir()]
    if missing:
        return Finding(False, f"installation: {', '.join(missing)} are missing; install the package again")
    return Finding(True, "installation: templates, static files and migrations are there")


def _places(settings: Settings) -> list[Finding]:
    found = Places(settings.geoip_database).metadata
    if found is None:
        return []
    age = timedelta(milliseconds=max(0, clock.now() - found.build_epoch * clock.SECOND))
    built = f"built {humanize.naturaldelta(age, months=False)} ago"
    return [Finding(True, f"places: a database of type {found.database_type}, {built}, {found.node_count:,} nodes")]


def _mail(settings: Settings) -> list[Finding]:
    server = settings.mail_server
    if server is None:
        return []
    try:
        mail.check(server)
    except mail.MailError as error:
        return [Finding(False, f"mail: {error}")]
    return [Finding(True, f"mail: {server} lets us in")]


def _provider(settings: Settings) -> list[Finding]:
    found = openid.configured(settings, "")
    if found is None:
        return []
    try:
        found.check()
    except (NoAnswerError, CrowdedError) as error:
        return [Finding(False, f"OpenID Connect: {found.issuer} can't be used: {error}")]
    return [Finding(True, f"OpenID Connect: {found.issuer} answers")]


def _database(settings: Settings) -> list[Finding]:
    file = settings.database_file
    if file is not None and not file.exists():
        return [Finding(False, f"database: {file} does not exist yet; `customer-profiles serve` makes it")]
    if file is not None and not (os.access(file, os.W_OK) and os.access(file.parent, os.W_OK)):
        return [Finding(False, f"database: {file} or its folder can't be written by this user")]
    database = Database(settings.url)
    where = settings.url.render_as_string(hide_password=True)
    try:
        with database.write() as session:
            session.execute(text("SELECT 1"))
        findings = [Finding(True, f"database: {where} answers"), _migrations(database)]
    except SQLAlchemyError as error:
        cause = str(getattr(error, "orig", error)).strip()
        return [Finding(False, f"database: {where} can't be used: {cause}")]
    return [*findings, sqlite_version() if database.is_sqlite else _walls(database)]


def _walls(database: Database) -> Finding:
    """Whether PostgreSQL holds this role to row-level security."""
    query = text("SELECT rolname, rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user")
    with database.read() as session:
        name, is_above = session.execute(query).one()
    if is_above:
        words = f"{name} is a superuser or has BYPASSRLS, whom row-level security doesn't hold"
        return Finding(False, f"database: {words}; give the server an ordinary role that owns its database")
    return Finding(True, f"database: row-level security holds for {name}")


def _migrations(database: Database) -> Finding:
    try:
        missing = migrate.missing(database)
    except migrate.NewerSchemaError as error:
        return Finding(False, f"migrations: {error}; install that version")
    if missing:
        return Finding(False, f"migrations: {', '.join(missing)} not applied; run `customer-profiles migrate`")
    return Finding(True, "migrations: all applied")


def sqlite_version() -> Finding:
    """Whether the SQLite library in use is one that keeps databases whole."""
    version = sqlite_library().sqlite_version_info
    dotted = ".".join(map(str, version))
    if version < SAFE_SQLITE:
        return Finding(
            False, f"SQLite: {dotted} has a bug that can corrupt databases; install pysqlite3 0.6.1 or later"
        )
    return Finding(True, f"SQLite: {dotted}")
