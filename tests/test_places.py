"""Places of addresses: both layouts of databases, odd files, files that change, whose country header is believed."""

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, request
from hypothesis import given
from hypothesis import strategies as st
from mmdb_writer import MMDBWriter
from netaddr import IPSet

from tests.conftest import settings_for
from webapp import config, create_app, doctor
from webapp.config import ConfigError
from webapp.places import Place, Places, shortened

PHONE = "203.0.113.7"
PUNE = Place("IN", "Maharashtra", "Pune")
LYON = Place("FR", "Auvergne-Rhône-Alpes", "Lyon")
NOWHERE = Place()


def nested(place: Place, **more: Any) -> dict[str, Any]:
    """A record as MaxMind, DB-IP and IP2Location write it."""
    return {
        "city": {"geoname_id": 1259229, "names": {"de": "Puna", "en": place.city}},
        "country": {"iso_code": place.country, "names": {"en": "a country"}},
        "registered_country": {"iso_code": "US"},
        "subdivisions": [{"iso_code": "MH", "names": {"en": place.region}}, {"names": {"en": "a district"}}],
    } | more


class _Writer(MMDBWriter):
    built_at: int | None = None  # epoch seconds

    def _build_meta(self) -> dict[str, Any]:
        return super()._build_meta() | ({"build_epoch": self.built_at} if self.built_at is not None else {})


def write(file: Path, records: dict[str, Any], ip_version: int = 6, built_at: int | None = None) -> Path:
    """Write a database of records by network, under another name first, so that it replaces a file whole."""
    writer = _Writer(ip_version, "Shop-City", ["en"], "Places of the tests", ipv4_compatible=ip_version == 6)
    writer.built_at = built_at
    for network, record in records.items():
        writer.insert_network(IPSet([network]), record)
    fresh = file.with_suffix(".fresh")
    writer.to_db_file(str(fresh))
    return fresh.rename(file)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A database that knows the phone's network to be in Pune."""
    return write(tmp_path / "city.mmdb", {"203.0.113.0/24": nested(PUNE), "2001:db8::/32": nested(LYON)})


# Records


def of(tmp_path: Path, record: Any) -> Place:
    """The place that a record tells."""
    return Places(write(tmp_path / "one.mmdb", {"203.0.113.0/24": record})).locate(PHONE, None)


@pytest.mark.parametrize(
    "record",
    [
        nested(PUNE),
        {"country_code": "IN", "state1": "Maharashtra", "state2": "Pune Division", "city": "Pune", "latitude": 18.5},
        {"country": "IN", "country_name": "India", "region": "Maharashtra", "region_code": "MH", "city": "Pune"},
        {"country": "India", "country_code": "IN", "region": "Maharashtra", "city": "Pune"},
        {"country_code": "IN", "country_name": "India", "region_name": "Maharashtra", "city_name": "Pune"},
        {"country_code": " in ", "state1": " Maharashtra", "region": "MH", "city": "Pu\x00ne\n"},
    ],
)
def test_place_is_read_from_both_layouts(tmp_path: Path, record: dict[str, Any]) -> None:
    assert of(tmp_path, record) == PUNE


@pytest.mark.parametrize(
    ("record", "place"),
    [
        ({"country": {"iso_code": "IN"}}, Place("IN")),
        ({"country_code": "IN", "continent": "Asia"}, Place("IN")),
        ({"registered_country": {"iso_code": "IN"}}, NOWHERE),
        ({"country": "India"}, NOWHERE),
        ({"country_code": "ZZ"}, NOWHERE),
        ({"country_code": "I1"}, NOWHERE),
        ({"country_code": "ÍN"}, NOWHERE),
        ({"country_code": "ZZ", "country": "IN"}, Place("IN")),
        (nested(PUNE, city={"names": {"de": "Puna"}}), Place("IN", "Maharashtra")),
        (nested(PUNE, city="Poona", subdivisions=[]), Place("IN", "", "Poona")),
        (nested(PUNE, city=7, subdivisions={"en": "x"}), Place("IN")),
        (nested(PUNE, city={"names": ["Pune"]}, subdivisions=["x", {"names": {"en": "y"}}]), Place("IN")),
        (nested(PUNE, city={"names": {"en": ["Pune"]}}, subdivisions=[[1]]), Place("IN")),
        (nested(PUNE, country=["IN"]), Place("", "Maharashtra", "Pune")),
        ({"country_code": 91, "state1": True, "city": b"Pune"}, NOWHERE),
        ({"country_code": "IN", "state1": "x" * 70_000, "city": "é" * 101}, Place("IN", "x" * 100, "é" * 100)),
        ({}, NOWHERE),
        ([], NOWHERE),
        ("IN", NOWHERE),
        (91, NOWHERE),
    ],
)
def test_odd_record_tells_what_can_be_read_of_it(tmp_path: Path, record: Any, place: Place) -> None:
    assert of(tmp_path, record) == place


def test_record_that_is_broken_tells_nothing(file: Path) -> None:
    file.write_bytes(file.read_bytes().replace(b"Pune", b"P\xff\xfee"))
    assert Places(file).locate(PHONE, "in") == Place("IN")


# Addresses


@pytest.mark.parametrize(
    ("address", "place"),
    [
        (PHONE, PUNE),
        ("::ffff:203.0.113.7", PUNE),
        ("2001:db8:1:2::3", LYON),
        ("2001:db8::1%eth0", LYON),
        ("fe80::1%eth0", NOWHERE),
        ("198.51.100.1", NOWHERE),
        ("127.0.0.1", NOWHERE),
        ("192.168.1.2", NOWHERE),
        ("", NOWHERE),
        ("203.0.113.7:443", NOWHERE),
        ("203.0.113.07", NOWHERE),
        ("unknown", NOWHERE),
        ("/run/app.sock", NOWHERE),
    ],
)
def test_address_has_a_place(file: Path, address: str, place: Place) -> None:
    assert Places(file).locate(address, None) == place


def test_database_of_one_kind_of_addresses_knows_none_of_the_other(tmp_path: Path) -> None:
    places = Places(write(tmp_path / "four.mmdb", {"203.0.113.0/24": nested(PUNE)}, ip_version=4))
    assert places.locate(PHONE, None) == places.locate("::ffff:203.0.113.7", None) == PUNE
    assert places.locate("2001:db8::1", "fr") == Place("FR")


@pytest.fixture(scope="module")
def lasting(tmp_path_factory: pytest.TempPathFactory) -> Places:
    """Places for a test that runs many times."""
    return Places(write(tmp_path_factory.mktemp("places") / "city.mmdb", {"203.0.113.0/24": nested(PUNE)}))


@given(address=st.text() | st.ip_addresses().map(str), country=st.none() | st.text())
def test_any_text_is_an_address(lasting: Places, address: str, country: str | None) -> None:
    place = lasting.locate(address, country)
    assert place == PUNE or (place.region, place.city) == ("", "")
    assert len(place.country) in {0, 2}
    shortened(address)


@pytest.mark.parametrize(
    ("address", "short"),
    [
        (PHONE, "203.0.113.0"),
        ("::ffff:203.0.113.7", "203.0.113.0"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1::"),
        ("fe80::1%eth0", "fe80::"),
        ("203.0.113", ""),
        ("unknown", ""),
        ("", ""),
    ],
)
def test_shortened_address_is_a_network(address: str, short: str) -> None:
    assert shortened(address) == short


# The country that a proxy tells


@pytest.mark.parametrize(
    ("country", "known"),
    [
        ("FR", "FR"),
        (" fr ", "FR"),
        (None, ""),
        ("", ""),
        ("XX", ""),
        ("xx", ""),
        ("T1", ""),
        ("ZZ", ""),
        ("FRA", ""),
        ("FR,IN", ""),
        ("ßß", ""),
        ("ſt", ""),
    ],
)
def test_country_of_a_proxy_is_taken_where_the_database_knows_none(file: Path, country: str | None, known: str) -> None:
    for places in (Places(file), Places()):
        assert places.locate("198.51.100.1", country) == Place(known)
    assert Places(file).locate(PHONE, country) == PUNE


def test_country_of_a_proxy_joins_a_region_that_the_database_knows(tmp_path: Path) -> None:
    places = Places(write(tmp_path / "city.mmdb", {"203.0.113.0/24": {"region": "Maharashtra"}}))
    assert places.locate(PHONE, "IN") == Place("IN", "Maharashtra")


@pytest.fixture
def shop(tmp_path: Path, file: Path) -> Iterator[Flask]:
    """The real app behind a proxy at 10.0.0.1, with a page that tells a request's address and place."""
    app = create_app(
        config.load(
            _env_file=None,
            database_url=f"sqlite:///{tmp_path / 'shop.sqlite3'}",
            secret_key="a secret for tests only",
            trusted_proxies="10.0.0.1",
            geoip_database=file,
            country_header="CF-IPCountry",
        )
    )

    def here() -> dict[str, Any]:
        country = request.headers.get(app.extensions["house"].country_header)
        place = app.extensions["house"].places.locate(request.remote_addr, country)
        return {"address": request.remote_addr, "header": country, "place": [place.country, place.city]}

    app.add_url_rule("/here", view_func=here)
    yield app
    app.extensions["database"].engine.dispose()


@pytest.mark.parametrize(
    ("peer", "told"),
    [
        ("10.0.0.1", {"address": "198.51.100.1", "header": "FR", "place": ["FR", ""]}),
        ("::ffff:10.0.0.1", {"address": "198.51.100.1", "header": "FR", "place": ["FR", ""]}),
        ("10.0.0.2", {"address": "10.0.0.2", "header": None, "place": ["", ""]}),
        (PHONE, {"address": PHONE, "header": None, "place": ["IN", "Pune"]}),
        ("", {"address": "", "header": None, "place": ["", ""]}),
    ],
)
def test_country_header_is_believed_only_from_a_trusted_proxy(shop: Flask, peer: str, told: dict[str, Any]) -> None:
    headers = {"cf-ipcountry": "FR", "X-Forwarded-For": "198.51.100.1"}
    assert shop.test_client().get("/here", headers=headers, environ_overrides={"REMOTE_ADDR": peer}).json == told


def test_header_that_is_no_setting_stays(tmp_path: Path) -> None:
    app = create_app(settings_for(f"sqlite:///{tmp_path / 'shop.sqlite3'}"))
    app.add_url_rule("/here", view_func=lambda: {"header": request.headers.get("CF-IPCountry")})
    assert app.test_client().get("/here", headers={"CF-IPCountry": "FR"}).json == {"header": "FR"}


# Files


def _missing(file: Path) -> None:
    file.unlink()


def _half(file: Path) -> None:
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])


def _empty(file: Path) -> None:
    file.write_bytes(b"")


def _text(file: Path) -> None:
    file.write_text("country,city\n" * 1000)


def _folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


def _no_metadata(file: Path) -> None:
    file.write_bytes(file.read_bytes().replace(b"node_count", b"no_account"))


UNUSABLE = [
    (_missing, "does not exist"),
    (_folder, "can't be read: Is a directory"),
    (_half, "is not a whole MMDB database"),
    (_empty, "is not a whole MMDB database"),
    (_text, "is not a whole MMDB database"),
    (_no_metadata, "is not a whole MMDB database"),
]


@pytest.mark.parametrize(("spoil", "words"), UNUSABLE)
def test_file_that_cannot_be_used_at_the_start_is_told(file: Path, spoil: Callable[[Path], None], words: str) -> None:
    spoil(file)
    with pytest.raises(ConfigError) as refused:
        Places(file)
    assert str(refused.value) == f"GEOIP_DATABASE: {file} {words}"


@pytest.mark.parametrize(("spoil", "words"), UNUSABLE)
def test_file_that_becomes_unusable_leaves_the_one_before_and_is_told_once(
    file: Path, caplog: pytest.LogCaptureFixture, spoil: Callable[[Path], None], words: str
) -> None:
    places = Places(file, look_every=0)
    spoil(file)
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            assert places.locate(PHONE, None) == PUNE
            if file.is_file():
                file.write_bytes(file.read_bytes() + b"more of a download")
    expected = f"GEOIP_DATABASE: {file} {words}; the one before stays in use"
    assert [record.getMessage() for record in caplog.records] == [expected]
    if file.is_dir():
        file.rmdir()
    write(file, {"203.0.113.0/24": nested(LYON)})
    assert places.locate(PHONE, None) == LYON
    _text(file)
    with caplog.at_level(logging.WARNING):
        assert places.locate(PHONE, None) == LYON
    assert len(caplog.records) == 2, "another fault, another warning"


def test_file_that_goes_and_comes_back_is_used(file: Path) -> None:
    places = Places(file, look_every=0)
    away = file.rename(file.with_suffix(".away"))
    assert places.locate(PHONE, None) == PUNE
    away.rename(file)
    assert places.locate(PHONE, None) == PUNE
    write(file, {"203.0.113.0/24": nested(LYON)})
    assert places.locate(PHONE, None) == LYON


def test_file_is_looked_at_now_and_then_only(file: Path) -> None:
    places = Places(file, look_every=2)
    write(file, {"203.0.113.0/24": nested(LYON)})
    assert places.locate(PHONE, None) == PUNE
    until = time.monotonic() + 60
    while places.locate(PHONE, None) == PUNE:
        assert time.monotonic() < until, "it is never looked at again"
        time.sleep(0.05)
    assert places.locate(PHONE, None) == LYON


def test_file_of_the_same_time_and_size_is_another_file(file: Path) -> None:
    places = Places(file, look_every=0)
    before = file.stat()
    there = Place("IN", "Maharashtra", "Nasi")
    write(file, {"203.0.113.0/24": nested(there), "2001:db8::/32": nested(LYON)})
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert file.stat().st_size == before.st_size
    assert places.locate(PHONE, None) == there


def test_no_copy_of_a_database_is_left_behind(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    places = Places(file, look_every=0)
    for place in (LYON, PUNE, LYON):
        write(file, {"203.0.113.0/24": nested(place)})
        assert places.locate(PHONE, None) == place
    _half(file)
    assert places.locate(PHONE, None) == LYON
    assert list(folder.iterdir()) == []


def test_threads_read_while_the_file_is_replaced_overwritten_and_cut(file: Path, tmp_path: Path) -> None:
    places = Places(file, look_every=0)
    contents = [
        write(tmp_path / name, {"203.0.113.0/24": nested(place)}).read_bytes()
        for name, place in (("pune", PUNE), ("lyon", LYON))
    ]
    seen: set[Place] = set()
    errors: list[BaseException] = []
    is_over = threading.Event()

    def read() -> None:
        try:
            while not is_over.wait(0.0005):
                seen.add(places.locate(PHONE, None))
        except BaseException as error:
            errors.append(error)

    readers = [threading.Thread(target=read) for _ in range(4)]
    for reader in readers:
        reader.start()
    for content in islice(cycle(contents), 40):
        fresh = file.with_suffix(".fresh")
        fresh.write_bytes(content)
        fresh.rename(file)
        file.write_bytes(b"")  # in place, as `cp` does; a mapping of this file would end the process here
        file.write_bytes(content[:200])
        time.sleep(0.005)
        file.write_bytes(content)
        time.sleep(0.005)
    is_over.set()
    for reader in readers:
        reader.join(timeout=30)
    assert errors == []
    assert seen == {PUNE, LYON}
    assert places.locate(PHONE, None) == LYON


# What the doctor says


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An empty folder, and no settings from outside."""
    empty = tmp_path / "empty"
    empty.mkdir()
    monkeypatch.chdir(empty)
    for name in config.Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    return monkeypatch


def _said() -> list[tuple[bool, str]]:
    return [(one.is_fine, one.words) for one in doctor.examine() if one.words.startswith(("places", "configuration"))]


@pytest.mark.parametrize(
    ("age", "words"),
    [(0, "a moment"), (21 * 86_400 + 60, "21 days"), (800 * 86_400, "2 years"), (-86_400, "a moment")],
)
def test_doctor_tells_how_old_the_database_is(file: Path, bare: pytest.MonkeyPatch, age: int, words: str) -> None:
    write(file, {"203.0.113.0/24": nested(PUNE)}, ip_version=4, built_at=int(time.time()) - age)
    bare.setenv("GEOIP_DATABASE", str(file))
    told = f"places: a database of type Shop-City, built {words} ago, 24 nodes"
    assert _said() == [(True, "configuration: every setting can be used"), (True, told)]


def test_doctor_finds_that_there_is_no_database_where_the_setting_says(
    tmp_path: Path, bare: pytest.MonkeyPatch
) -> None:
    missing = tmp_path / "missing.mmdb"
    bare.setenv("GEOIP_DATABASE", str(missing))
    assert _said() == [(False, f"configuration: GEOIP_DATABASE: {missing} does not exist")]


def test_doctor_says_nothing_of_places_that_nobody_asked_for(bare: pytest.MonkeyPatch) -> None:
    assert _said() == [(True, "configuration: every setting can be used")]
