"""A workspace moved to another database, and back: the same profiles, and everything goes on as it would have."""

import gzip
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from tests import conftest, counted, moved
from tests.conftest import settings_for
from tests.visitors import DAY, HOUR, MINUTE, T0, login, seen, tell
from tests.world import NOON, PASSWORD, Shop, stored, submit
from webapp import clock, merges, type_changes, users, workspaces
from webapp.config import Settings
from webapp.models import Customer, Merge, Note, User, Workspace
from webapp.moving import UnderWayError, writing
from webapp.moving.carried import BY_NAME


@pytest.fixture
def elsewhere(shop: Shop, request: pytest.FixtureRequest, tmp_path: Path, sqlite_template: Path) -> Settings:
    """The settings of another installation, which is empty and has the other engine."""
    if shop.database.is_sqlite:
        url: str = request.getfixturevalue("postgresql_database")
        conftest._empty(url)
    else:
        path = tmp_path / "elsewhere.sqlite3"
        shutil.copy(sqlite_template, path)
        url = f"sqlite:///{path}"
    return settings_for(url)


@pytest.fixture
def full(shop: Shop, alice: FlaskClient) -> Shop:
    """The shop with everything in it."""
    moved.fill(shop, alice)
    return shop


@pytest.fixture
def there(full: Shop, elsewhere: Settings, tmp_path: Path) -> Iterator[Shop]:
    """The same workspace, moved to the other engine."""
    made = moved.bring(moved.export(full.database, full.workspace.id), elsewhere, tmp_path)
    yield made
    made.database.engine.dispose()


def test_profiles_are_the_same(full: Shop, there: Shop) -> None:
    assert moved.profiles(there) == moved.profiles(full)
    assert counted.differences(there.database) == []


def test_moved_twice_the_file_is_the_same(full: Shop, there: Shop, tmp_path: Path) -> None:
    first = moved.export(full.database, full.workspace.id)
    second = moved.export(there.database, there.workspace.id)
    assert moved.rest(second) == moved.rest(first)


def test_file_has_something_of_every_kind(full: Shop) -> None:
    lines = map(json.loads, moved.export(full.database, full.workspace.id).splitlines())
    assert {line["kind"] for line in lines} == {"head", "end", *BY_NAME}


def test_who_was_erased_here_is_refused_there(there: Shop) -> None:
    for body in ({"id": moved.ERASED}, {"id": "u9", "attributes": {"email": "Gone@shop.example"}}):
        answer = there.send("/track/user", {"attributes": {}} | body)
        assert answer.status_code == 422
        assert answer.json is not None
        assert [one["type"] for one in answer.json["details"]] == ["customer.erased"]


def test_merges_are_undone_there_as_they_are_here(full: Shop, there: Shop) -> None:
    shops = (full, there)
    assert moved.rest(moved.export(there.database, there.workspace.id)) == moved.rest(
        moved.export(full.database, full.workspace.id)
    )
    holding = [[one.id for one in _merges(shop) if one.undone_at is None] for shop in shops]
    assert len(holding[0]) == len(holding[1]) > 2
    for pair in zip(*holding, strict=True):
        for shop, id_ in zip(shops, pair, strict=True):
            _undo(shop, id_)
        here, moved_ = map(moved.profiles, shops)
        assert moved_ == here
    assert counted.differences(there.database) == []


def _merges(shop: Shop) -> list[Merge]:
    with shop.database.read() as session:
        query = select(Merge).join(Customer, Customer.id == Merge.target_id).order_by(Merge.id)
        return list(session.scalars(query.where(Customer.workspace_id == shop.workspace.id)))


def _undo(shop: Shop, id_: int) -> None:
    def undo(session: Session) -> None:
        by = session.scalars(select(User.id).where(User.email == "alice@shop.example")).one()
        merges.undo(session, session.get_one(Workspace, shop.workspace.id), by, id_)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clock, "now", lambda: T0 + 1_000 * DAY)
        shop.database.transact(undo)


def test_what_is_sent_again_is_not_doubled(there: Shop) -> None:
    before = moved.rest(moved.export(there.database, there.workspace.id)), stored(there.database)
    tell(there, seen("friend", T0, "Visited"), login("laptop", T0 + HOUR, "u2"))
    again = there.send("/rest-api/event", {"customerId": "u2", "name": "Called"}, Idempotency_Key="call-1")
    assert again.status_code == 200
    there.event("Purchased", NOON - DAY, system_id="u1", Price="free")
    assert (moved.rest(moved.export(there.database, there.workspace.id)), stored(there.database)) == before


def test_login_there_joins_who_was_a_visitor_here(full: Shop, there: Shop) -> None:
    for shop in (full, there):
        tell(shop, seen("stranger", T0 + DAY, "Returned"), login("stranger", T0 + DAY + MINUTE, "u2"))
    names = [{one.name for one in shop.events("u2")} for shop in (full, there)]
    assert names[0] == names[1] >= {"Strayed", "Returned"}


def test_authors_keep_their_names_and_can_join(there: Shop) -> None:
    with there.database.write() as session:
        author = session.scalars(select(User).where(User.email == "alice@shop.example")).one()
        assert (author.password_hash, users.exist(session)) == ("", False)
        note = session.scalars(select(Note)).one()
        assert note.user_id == author.id
        assert users.authenticate(session, author.email, "") is None
        wanted = users.credentials(author.email, PASSWORD)
        assert users.create(session, wanted, there.workspace.id, "admin").id == author.id
        with pytest.raises(users.InvalidError):
            users.create(session, wanted, there.workspace.id, "admin")


def test_no_secret_is_in_the_file(full: Shop) -> None:
    with full.database.write() as session:
        secret = workspaces.new_login_secret(session, full.workspace)
        password = session.scalars(select(User.password_hash)).first() or ""
    exported = moved.export(full.database, full.workspace.id).decode()
    assert "login_secret" not in exported
    assert not [one for one in (secret, password, full.key, full.key.split("_")[1]) if one in exported]


def test_only_the_workspace_itself_is_in_the_file(full: Shop, other_shop: Shop, charlie: FlaskClient) -> None:
    other_shop.customer("zebra", name="Zebra")
    tell(other_shop, seen("zebra", T0, "Zebra"), login("zebra", T0 + MINUTE, "zebra"))
    assert b"ebra" not in moved.export(full.database, full.workspace.id)


def test_no_export_while_a_type_is_changed(shop: Shop, alice: FlaskClient) -> None:
    shop.customer("u1", size="12")
    with shop.database.write() as session:
        by = session.scalars(select(User.id)).one()
        type_changes.start(session, shop.workspace.id, by, ("", "size"), "number")
    with pytest.raises(UnderWayError, match="“size”"):
        moved.export(shop.database, shop.workspace.id)
    answer = submit(alice, "/settings/workspace/export", form_on="/settings/workspace")
    assert answer.status_code == 302
    assert "The type of “size” is being changed" in alice.get(answer.location).get_data(as_text=True)


def test_export_is_of_one_moment(full: Shop) -> None:
    pieces = writing.pieces(full.database, full.workspace.id)
    begun = next(pieces)
    before = moved.export(full.database, full.workspace.id)
    full.event("Later", system_id="u1")
    full.customer("later")
    assert moved.rest(begun + b"".join(pieces)) == moved.rest(before)


def test_administrators_take_it_from_the_page(
    full: Shop, alice: FlaskClient, bob: FlaskClient, elsewhere: Settings, tmp_path: Path
) -> None:  # fmt: skip
    path = "/settings/workspace/export"
    answer = submit(alice, path, form_on="/settings/workspace")
    assert answer.status_code == 200
    assert re.search(r'filename="workspace-[\d-]+\.ndjson\.gz"', answer.headers["Content-Disposition"])
    assert answer.headers["Cache-Control"] == "no-store"
    assert moved.rest(gzip.decompress(answer.data)) == moved.rest(moved.export(full.database, full.workspace.id))
    made = moved.bring(answer.data, elsewhere, tmp_path)
    assert moved.profiles(made) == moved.profiles(full)
    made.database.engine.dispose()
    for method in ("GET", "HEAD"):
        assert alice.open(path, method=method).status_code == 405
    assert alice.post(path).status_code == 400, "without its token"
    assert submit(bob, path, form_on="/settings/account").status_code == 403
