"""From an IP address to a place, by a database in a file that the operator keeps up to date."""

import logging
import shutil
import tempfile
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from pathlib import Path
from typing import Any

import maxminddb
from maxminddb.reader import Metadata, Reader

from webapp.config import ConfigError

log = logging.getLogger(__name__)

_LONGEST_NAME = 100  # characters
_NOWHERE = {"XX", "ZZ"}  # how proxies and databases write an unknown country
# Of the files without MaxMind's nesting: ip-location-db, IPinfo and IP2Location, in this order.
_FLAT_COUNTRY = ("country_code", "country")
_FLAT_REGION = ("state1", "region", "region_name")
_FLAT_CITY = ("city", "city_name")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a request came from; what is unknown is empty. `country` is ISO 3166 alpha-2, the names are English."""

    country: str = ""
    region: str = ""
    city: str = ""


class Places:
    """Knows the places of addresses by an MMDB file, or by nothing where there is none.

    Raises ConfigError when the file can't be used at the start. Later it is looked at every `look_every` seconds and
    opened again when it has changed; while the new one can't be used, the one before stays.
    """

    def __init__(self, file: Path | None = None, look_every: float = 5) -> None:
        self._file = file
        self._look_every = look_every
        self._looking = threading.Lock()
        self._look_at = time.monotonic() + look_every
        self._is_told = False
        self._tried = _state(file) if file else None
        try:
            self._reader = _opened(file) if file else None
        except (OSError, _UnusableError) as error:
            raise ConfigError(f"GEOIP_DATABASE: {file} {_in_words(error)}") from None

    @property
    def metadata(self) -> Metadata | None:
        """What the database says of itself."""
        return self._reader.metadata() if self._reader else None

    def locate(self, address: str, country: str | None) -> Place:
        """The place of an address; of one that the database doesn't know, the `country` that a trusted proxy told.

        Any text is an address that isn't known; there are no errors.
        """
        known = _place(self._record(address))
        return known if known.country else replace(known, country=_country(country))

    def _record(self, address: str) -> dict[str, Any]:
        reader, parsed = self._current(), _parsed(address)
        if reader is None or parsed is None:
            return {}
        try:
            record = reader.get(parsed)
        except (RuntimeError, TypeError, ValueError):  # IPv6 in a database of IPv4; a record that is broken
            return {}
        return record if isinstance(record, dict) else {}

    def _current(self) -> Reader | None:
        # One thread looks, the others go on with what is open. A reader closes itself when its last user is done.
        if self._file and time.monotonic() >= self._look_at and self._looking.acquire(blocking=False):
            try:
                self._look(self._file)
            finally:
                self._look_at = time.monotonic() + self._look_every
                self._looking.release()
        return self._reader

    def _look(self, file: Path) -> None:
        state = _state(file)
        if state == self._tried:
            return
        self._tried = state
        try:
            self._reader = _opened(file)
            self._is_told = False
        except (OSError, _UnusableError) as error:
            if not self._is_told:  # once, and not at every part of a download that arrives
                log.warning("GEOIP_DATABASE: %s %s; the one before stays in use", file, _in_words(error))
            self._is_told = True


def shortened(address: str) -> str:
    """The network of an address, which is less than one household: IPv4 cut to /24, IPv6 to /48; else empty."""
    parsed = _parsed(address)
    if parsed is None:
        return ""
    return str(ip_network((parsed, 24 if parsed.version == 4 else 48), strict=False).network_address)


class _UnusableError(Exception):
    """A file is no database; the message says why, as the end of a sentence that begins with the file's name."""


def _opened(file: Path) -> Reader:
    # What is mapped is a copy without a name. Whoever overwrites a mapped file in place (`cp` and `curl` do) pulls it
    # from under its readers: the whole server would end by SIGBUS, or find places in a mixture of two files.
    before = _state(file)
    with tempfile.NamedTemporaryFile(prefix="customer-profiles-", suffix=".mmdb") as copy:
        shutil.copyfile(file, copy.name)
        if _state(file) != before:
            raise _UnusableError("is being written just now")
        try:
            return maxminddb.open_database(copy.name)
        except (RuntimeError, TypeError, ValueError):  # no metadata, some of it missing, an empty file
            raise _UnusableError("is not a whole MMDB database") from None


def _in_words(error: OSError | _UnusableError) -> str:
    if isinstance(error, FileNotFoundError):
        return "does not exist"
    return f"can't be read: {error.strerror}" if isinstance(error, OSError) else str(error)


def _state(file: Path) -> tuple[int, int, int] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def _parsed(address: str) -> IPv4Address | IPv6Address | None:
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return None
    return getattr(parsed, "ipv4_mapped", None) or parsed


def _place(record: dict[str, Any]) -> Place:
    country, subdivisions, city = (record.get(key) for key in ("country", "subdivisions", "city"))
    codes = (country.get("iso_code") if isinstance(country, dict) else None, *map(record.get, _FLAT_COUNTRY))
    largest = subdivisions[0] if isinstance(subdivisions, list) and subdivisions else None
    return Place(
        country=_first(map(_country, codes)),
        region=_first(map(_name, (_english(largest), *map(record.get, _FLAT_REGION)))),
        city=_first(map(_name, (_english(city), *map(record.get, _FLAT_CITY)))),
    )


def _first(texts: Iterable[str]) -> str:
    return next(filter(None, texts), "")


def _english(part: object) -> object:
    names = part.get("names") if isinstance(part, dict) else None
    return names.get("en") if isinstance(names, dict) else None


def _name(value: object) -> str:
    if not isinstance(value, str):
        return ""
    return "".join(filter(str.isprintable, value)).strip()[:_LONGEST_NAME]  # no NUL, which PostgreSQL can't store


def _country(value: object) -> str:
    code = value.strip() if isinstance(value, str) else ""
    is_code = len(code) == 2 and code.isascii() and code.isalpha()  # Cloudflare's T1, the Tor network, is none
    return code.upper() if is_code and code.upper() not in _NOWHERE else ""
