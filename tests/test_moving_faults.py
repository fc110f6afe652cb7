"""Files that can't be imported: each fault with its line, and nothing of them is stored."""

import gzip
import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from tests import moved
from tests.conftest import settings_for
from tests.dumps import dump
from tests.world import Shop, stored
from webapp import clock, migrate, workspaces
from webapp.db import Database
from webapp.models import Device
from webapp.moving import FaultyError, UnderWayError, checking, filling, halves
from webapp.moving.checking import Checked

Lines = list[dict[str, Any]]
Breaking = Callable[[Lines], object]


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A small workspace as a file, made once."""
    folder = tmp_path_factory.mktemp("small")
    database = Database(settings_for(f"sqlite:///{folder}/small.sqlite3").url)
    migrate.upgrade(database)
    lines: Lines = [
        {"kind": "head", "format": "customer-profiles workspace", "version": 1, "product": "0", "created_at": "now"},
        {"kind": "workspace", "name": "Small", "time_zone": "Asia/Kolkata", "default_region": "IN", "merges_a_day": 20}
        | {"keeps_addresses": True, "allowed_origins": "", "created_at": 1, "keeps_refused": True}
        | {"requires_second_factor": False, "masking": "off", "lets_erased_return": False},
        {"kind": "author", "email": "asha@shop.example"},
        {"kind": "type", "event_name": "", "name": "City", "type": "string", "created_at": 1},
        {"kind": "type", "event_name": "Bought", "name": "Price", "type": "number", "created_at": 1},
        {"kind": "device", "did": "phone", "created_at": 1, "owned_since": 0, "info_at": 0, "is_bot": False}
        | {"clock_skew": 0},
        _customer("a" * 24, system_id="u1", own_event_count=1, event_count=1),
        _customer("b" * 24, device=1, since_at=0),
        {"kind": "member", "customer": 2, "root": 1},
        {"kind": "login", "device": 1, "customer": 1, "at": 5, "id": 7, "received_at": 5, "source": "/x"},
        {"kind": "merge", "member": 2, "target": 1, "device": 1, "merged_at": 5, "login_at": 5, "login_id": 7}
        | {"has_given_id": False, "is_stopped": False},
        {"kind": "value", "customer": 1, "name": "City", "reported_at": 1, "id": 0, "until_at": 1, "value": '"Pune"'}
        | {"is_current": True, "received_at": 1, "source": "/x"},
        {"kind": "event", "customer": 1, "reported_at": 1, "id": 3, "name": "Bought", "attributes": '{"Price":1}'}
        | {"received_at": 1},
        {"kind": "note", "customer": 1, "user": 1, "text": "Hello", "created_at": 1},
    ]
    return _file(lines)


def _customer(id_: str, **more: Any) -> dict[str, Any]:
    told = {"kind": "customer", "growlytics_id": id_, "created_at": 1, "own_event_count": 0, "merges_count_from": 0}
    return told | {"first_seen_at": 1, "last_seen_at": 1, "event_count": 0, "is_bot": False, "has_pruned": False} | more


def _file(lines: Lines) -> bytes:
    """The file of these lines, with the last one that they should have."""
    texts = [json.dumps(one).encode() + b"\n" for one in lines]
    counts = Counter(str(one.get("kind")) for one in lines[1:])
    end = {"kind": "end", "counts": counts, "sha256": hashlib.sha256(b"".join(texts[1:])).hexdigest()}
    return b"".join([*texts, json.dumps(end).encode() + b"\n"])


@pytest.fixture
def untouched(shop: Shop) -> Iterator[Database]:
    """The shop's database, in which nothing may have changed at the end."""
    before = dump(shop.database)
    yield shop.database
    assert dump(shop.database) == before


def _faults(database: Database, content: bytes, folder: Path) -> list[str]:
    file = folder / "broken.ndjson"
    file.write_bytes(content)
    with pytest.raises(FaultyError) as caught:
        filling.bring_in(database, file)
    return list(caught.value.faults)


def _set(line: int, **fields: Any) -> Breaking:
    """Change fields of a line, which are numbered from 1; None takes one away."""

    def broken(lines: Lines) -> None:
        lines[line - 1].update(fields)
        for name in [name for name, value in fields.items() if value is None]:
            del lines[line - 1][name]

    return broken


NO_TIME = "is no time in epoch ms, up to the year 9999"
BROKEN: dict[str, tuple[Breaking, str]] = {
    "format": (_set(1, format="other"), "line 1: this is no export of a workspace"),
    "version": (_set(1, version=9), "line 1: the file is of version “9” (made by 0); this reads version 1"),
    "kind": (_set(14, kind="poem"), "line 14: the kind “poem” isn’t known"),
    "zone": (_set(2, time_zone="Mars/Olympus"), "line 2: workspace: Choose a time zone from the list."),
    "missing": (_set(4, type=None), "line 4: type: type is missing"),
    "type": (_set(5, type="colour"), "line 5: type: “colour” is none"),
    "unknown field": (_set(6, colour="red"), "line 6: device: “colour” isn’t known"),
    "no number": (_set(6, clock_skew="x"), "line 6: device: clock_skew is no whole number"),
    "too large": (_set(6, clock_skew=2**63), "line 6: device: clock_skew is no whole number"),
    "no time": (_set(6, created_at="x"), f"line 6: device: created_at {NO_TIME}"),
    "too late": (_set(13, reported_at=2**62), f"line 13: event: reported_at {NO_TIME}"),
    "days": (_set(2, retention_days=-5), "line 2: workspace: retention_days is not from 1 to 3,650"),
    "no text to be found by": (_set(12, name="email", value="17"), "line 12: value: email is no text"),
    "too large a setting": (_set(2, merges_a_day=2**31), "line 2: workspace: merges_a_day is no whole number"),
    "no boolean": (_set(6, is_bot=1), "line 6: device: is_bot is not true or false"),
    "no text": (_set(14, text=3), "line 14: note: text is no text"),
    "NUL": (_set(14, text="a\x00"), "line 14: note: text has a NUL in it"),
    "twins": (_set(8, growlytics_id="a" * 24), "line 8: customer: has the growlytics_id of line 7"),
    "bad id": (_set(8, growlytics_id="../a"), "line 8: customer: growlytics_id is none"),
    "device ahead": (_set(8, device=2), "line 8: customer: device names no device before it"),
    "customer ahead": (_set(13, customer=3), "line 13: event: customer names no customer before it"),
    "no author": (_set(14, user=2), "line 14: note: user names no author before it"),
    "root of itself": (_set(9, root=2), "line 9: member: customer 2 is both a root and a member"),
    "no login": (_set(11, login_id=8), "line 11: merge: there is no such login"),
    "no JSON": (_set(12, value="{"), "line 12: value: value is no JSON"),
    "no object": (_set(13, attributes="[]"), "line 13: event: attributes is no object in JSON"),
    "no type": (_set(13, attributes='{"Colour":1}'), "line 13: event: there is no type of “Colour”"),
    "no type of customers": (_set(12, name="Colour"), "line 12: value: there is no type of “Colour”"),
    "count": (_set(7, own_event_count=2), "line 7: own_event_count isn’t the number of its events"),
    "again": (
        lambda lines: lines.insert(13, lines[12]),
        "line 14: event: is out of order, or the same as the line before",
    ),
    "order": (
        lambda lines: lines.insert(3, lines.pop(4 + 1)),
        "line 5: type: has to stand before all of the kind “device”",
    ),
    "no workspace": (lambda lines: lines.pop(1), "there has to be one line of the kind “workspace”"),
}  # fmt: skip


@pytest.mark.parametrize("fault", BROKEN)
def test_each_fault_is_told_with_its_line(untouched: Database, exported: bytes, tmp_path: Path, fault: str) -> None:
    lines = [json.loads(line) for line in exported.splitlines()[:-1]]
    breaking, words = BROKEN[fault]
    breaking(lines)
    assert words in _faults(untouched, _file(lines), tmp_path)


def test_all_faults_are_told_at_once(untouched: Database, exported: bytes, tmp_path: Path) -> None:
    lines = [json.loads(line) for line in exported.splitlines()[:-1]]
    for name in ("kind", "no number", "bad id", "no JSON"):
        BROKEN[name][0](lines)
    found = [one.partition(":")[0] for one in _faults(untouched, _file(lines), tmp_path)]
    assert found == ["line 6", "line 8", "line 12", "line 14", "line 15"]


@pytest.mark.parametrize("size", [0, 1, 200, -1, -2, -300])
@pytest.mark.parametrize("packed", [False, True])
def test_file_that_was_cut_short(
    untouched: Database, exported: bytes, tmp_path: Path, size: int, packed: bool
) -> None:  # fmt: skip
    whole = gzip.compress(exported) if packed else exported
    if not packed and size == -1:
        return  # without its last line break it is whole
    assert _faults(untouched, whole[:size], tmp_path)


def test_what_was_changed_or_damaged(untouched: Database, exported: bytes, tmp_path: Path) -> None:
    changed = exported.replace(b"Hello", b"Howdy")
    found = "line 15: the digest is another: the file has been changed, or damaged"
    assert _faults(untouched, changed, tmp_path) == [found]
    assert _faults(untouched, b"\x1f\x8bnonsense", tmp_path) == [
        "after line 0: the compressed file is damaged, or cut short"
    ]
    for nonsense in (b"\xff\xfe{}\n", b"[]\n", b"null", b"{" * 100_000, b"\x00" * 100):
        assert _faults(untouched, nonsense, tmp_path) == ["line 1: this is no export of a workspace"]
    assert "line 3: is no JSON object" in _faults(
        untouched, exported.replace(b'{"kind": "author"', b'{"kind', 1), tmp_path
    )


def test_growlytics_ids_that_are_here_already(shop: Shop, alice: FlaskClient, tmp_path: Path) -> None:
    shop.customer("u1")
    exported = moved.export(shop.database, shop.workspace.id)
    found = _faults(shop.database, exported, tmp_path)
    assert [f"the Growlytics ID {shop.find('u1').growlytics_id} is in this installation already" in found[0]] == [True]


def test_name_that_is_taken(untouched: Database, exported: bytes, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(exported)
    with pytest.raises(UnderWayError, match="give this one another name"):
        filling.bring_in(untouched, file, "Alice's shop")


class _KilledError(Exception):
    """What happens in the middle of an import."""


def _break_off(database: Database, file: Path) -> None:
    """Import a file until its notes, where it is broken off as if the process were killed."""

    left = 11

    def told(_number: int) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            raise _KilledError

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(filling._Filling, "give_up", lambda _: None)
        with pytest.raises(_KilledError):
            filling.bring_in(database, file, told=told)


def test_what_a_killed_import_has_left_is_seen_by_nobody_and_removed(
    shop: Shop, exported: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "file"
    file.write_bytes(exported)
    _break_off(shop.database, file)
    with shop.database.read() as session:
        assert [one.name for one, _ in workspaces.every(session)] == ["Alice's shop"]
        with pytest.raises(workspaces.NotFoundError):
            workspaces.find(session, "Small")
    with pytest.raises(UnderWayError, match="another import is under way"):
        filling.bring_in(shop.database, file)
    now = clock.now()
    monkeypatch.setattr(clock, "now", lambda: now + halves.LEASE + 1)
    halves.clear(shop.database)
    assert {name: number for name, number in stored(shop.database).items() if number} == {"devices": 1}
    with shop.database.read() as session:
        assert session.scalars(select(Device.did)).one() != "phone"
        assert [one.name for one, _ in workspaces.every(session)] == ["Alice's shop"]
    assert filling.bring_in(shop.database, file).counts["customer"] == 2


def test_import_that_fails_takes_away_what_it_has_stored(shop: Shop, exported: bytes, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(exported)
    look_through = checking.check

    def change_afterwards(database: Database, _: Path) -> Checked:
        found = look_through(database, file)
        file.write_bytes(exported.replace(b"Hello", b"Howdy"))
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checking, "check", change_afterwards)
        with pytest.raises(FaultyError, match="was changed while it was imported"):
            filling.bring_in(shop.database, file)
    assert {name: number for name, number in stored(shop.database).items() if number} == {"devices": 1}
    file.write_bytes(exported)
    assert filling.bring_in(shop.database, file).counts["note"] == 1
