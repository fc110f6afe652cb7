"""Notes and tags: by whom and when, through merges, and who may change them."""

import re

import pytest
from flask.testing import FlaskClient

from tests.visitors import T0, login, merges, page, part, path_of, section, seen, tell
from tests.world import PASSWORD, Shop, submit
from webapp import clock, notes, tags, users
from webapp.filters import linked
from webapp.models import Note, Tag

HOSTILE = "<script>alert(1)</script>"


@pytest.fixture
def erin(shop: Shop) -> FlaskClient:
    """The browser of an editor of the shop."""
    with shop.database.write() as session:
        users.create(session, users.credentials("erin@shop.example", PASSWORD), shop.workspace.id, "editor")
    browser = shop.app.test_client()
    assert submit(browser, "/login", email="erin@shop.example", password=PASSWORD).status_code == 302
    return browser


@pytest.fixture
def path(shop: Shop) -> str:
    """Where the profile of a customer is."""
    shop.customer(name="Asha")
    return shop.profile_path()


def _send(browser: FlaskClient, path: str, where: str, **fields: str) -> None:
    answer = submit(browser, f"{path}/{where}", form_on=path, **fields)
    panel = "summary" if where.startswith("tags") else "notes"
    assert (answer.status_code, answer.location) == (303, f"{path}#{panel}")


def _written(browser: FlaskClient, path: str) -> list[str]:
    return re.findall(r'<div class="note" dir="auto">(.*?)</div>', page(browser, path), re.DOTALL)


def _tags(browser: FlaskClient, path: str) -> list[str]:
    shown = re.findall(r'<li class="chip tag".*?</li>', page(browser, path), re.DOTALL)
    return [re.findall(r'<span dir="auto">([^<]*)<', one)[0] for one in shown]


def _ids(browser: FlaskClient, path: str) -> list[str]:
    return re.findall(r'action="[^"]+/notes/(\d+)"', page(browser, path))


def test_notes_are_shown_newest_first_with_who_and_when(
    path: str, alice: FlaskClient, erin: FlaskClient, bob: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock, "now", lambda: T0)
    _send(alice, path, "notes", text="Called.\r\nWill call again. ")
    monkeypatch.setattr(clock, "now", lambda: T0 + clock.HOUR)
    _send(erin, path, "notes", text="Refunded")
    shown = section(page(bob, path), "notes")
    assert "Refunded erin@shop.example · 10 Mar 2026, 18:30 Called. Will call again. alice@shop.example" in shown
    assert _written(bob, path) == ["Refunded", "Called.\nWill call again."]


def test_note_is_changed_and_deleted_by_its_author_or_an_administrator(
    path: str, alice: FlaskClient, erin: FlaskClient, bob: FlaskClient
) -> None:
    _send(alice, path, "notes", text="Of Alice")
    _send(erin, path, "notes", text="Of Erin")
    assert len(_ids(alice, path)) == 2
    (erins,) = _ids(erin, path)
    assert _ids(bob, path) == []
    (alices,) = {*_ids(alice, path)} - {erins}
    for browser in (erin, bob):
        for where in (f"notes/{alices}", f"notes/{alices}/removal"):
            assert submit(browser, f"{path}/{where}", form_on=path, text="Mine").status_code == 403
    _send(erin, path, f"notes/{erins}", text="Still of Erin")
    assert re.search(r"Still of Erin erin@shop\.example · [^·]+ · changed \d", section(page(bob, path), "notes"))
    _send(alice, path, f"notes/{erins}", text="Put right")
    assert "changed by alice@shop.example" in section(page(bob, path), "notes")
    _send(alice, path, f"notes/{erins}/removal")
    assert _written(bob, path) == ["Of Alice"]
    assert submit(alice, f"{path}/notes/{erins}/removal", form_on=path).status_code == 404


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "A note needs some text."),
        (" \r\n\x00", "A note needs some text."),
        ("x" * 10_001, "A note has at most 10,000 characters; this one had 10,001."),
    ],
)
def test_note_that_cannot_be_kept_is_told(path: str, alice: FlaskClient, text: str, fault: str) -> None:
    _send(alice, path, "notes", text=text)
    assert fault in page(alice, path)
    _send(alice, path, "notes", text="Good")
    (id_,) = _ids(alice, path)
    _send(alice, path, f"notes/{id_}", text=text)
    fragment = part(alice, path, "note-list")
    assert fragment.lstrip().startswith('<div id="note-list"')
    assert fragment.count(fault) == 1
    assert _written(alice, path) == ["Good"]


def test_note_as_long_as_may_be_is_folded(path: str, alice: FlaskClient) -> None:
    _send(alice, path, "notes", text="\r\n".join("🧵" for _ in range(5_000)))
    assert len(_written(alice, path)[0]) == 9_999
    assert 'class="long"' in page(alice, path)


def test_number_of_notes_is_limited(path: str, alice: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notes, "MOST", 2)
    for number in range(3):
        _send(alice, path, "notes", text=f"Note {number}")
    assert "There are 2 notes already." in page(alice, path)
    assert _written(alice, path) == ["Note 1", "Note 0"]


def test_note_is_text_in_which_addresses_are_links(path: str, alice: FlaskClient) -> None:
    _send(alice, path, "notes", text=f"See https://a.example/?x=1&y=2, {HOSTILE} javascript:alert(1)")
    (shown,) = _written(alice, path)
    assert '<a href="https://a.example/?x=1&amp;y=2" rel="noopener noreferrer nofollow">' in shown
    assert shown.count("<") == 2
    assert HOSTILE not in page(alice, path)


@pytest.mark.parametrize(
    ("text", "links"),
    [
        ("http://a.example.", ["http://a.example"]),
        ("(see https://a.example/b)", ["https://a.example/b"]),
        ("https://a.example/b_(c)!", ["https://a.example/b_(c)"]),
        ("HTTPS://A.EXAMPLE and http://b.example", ["HTTPS://A.EXAMPLE", "http://b.example"]),
        ('https://a.example/"onclick="x', ["https://a.example/"]),
        ("javascript:alert(1) data:text/html,x ftp://a.example //b.example mailto:a@b.example", []),
        ("javascript:https://a.example", ["https://a.example"]),
        ("https://a.example/<b>", ["https://a.example/"]),
        ("no address", []),
    ],
)
def test_links_are_http_only(text: str, links: list[str]) -> None:
    assert re.findall(r'href="([^"]*)"', linked(text)) == links
    assert linked(text).striptags() == " ".join(text.split())


def test_tags_are_folded_and_each_there_once(
    path: str, alice: FlaskClient, erin: FlaskClient, bob: FlaskClient
) -> None:
    _send(alice, path, "tags", tag="  VIP ")
    _send(erin, path, "tags", tag="vip")
    _send(alice, path, "tags", tag="ｒｅｆｕｎｄ   Pending")
    assert _tags(bob, path) == ["refund pending", "vip"]
    assert "by alice@shop.example" in page(bob, path)
    assert "erin@shop.example" not in page(bob, path)
    _send(erin, path, "tags/removal", tag="vip")
    assert _tags(bob, path) == ["refund pending"]


@pytest.mark.parametrize(
    ("tag", "fault"), [(" \x00", "A tag needs a word."), ("x" * 51, "A tag has at most 50 characters")]
)
def test_tag_that_cannot_be_added_is_told(path: str, alice: FlaskClient, tag: str, fault: str) -> None:
    _send(alice, path, "tags", tag=tag)
    assert fault in page(alice, path)
    _send(alice, path, "tags", tag=tag)
    fragment = part(alice, path, "tags")
    assert fragment.lstrip().startswith('<div id="tags"')
    assert fragment.count(fault) == 1
    assert _tags(alice, path) == []


def test_number_of_tags_is_limited(path: str, alice: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tags, "MOST", 2)
    for name in ("a", "b", "b", "c"):
        _send(alice, path, "tags", tag=name)
    assert "There are 2 tags already." in page(alice, path)
    assert _tags(alice, path) == ["a", "b"]


def test_tags_of_the_workspace_are_suggested(
    shop: Shop, path: str, alice: FlaskClient, bob: FlaskClient, charlie: FlaskClient, other_shop: Shop
) -> None:
    shop.customer("u2")
    other_shop.customer("o1")
    _send(charlie, other_shop.profile_path("o1"), "tags", tag="of another shop")
    for name in ("vip", "angry", "العربية"):
        _send(alice, shop.profile_path("u2"), "tags", tag=name)
    _send(alice, path, "tags", tag="vip")
    assert re.findall(r'<option value="([^"]+)"></option>', page(alice, path)) == ["angry", "العربية"]
    assert "tag-names" not in page(bob, path)


def test_suggestions_end(shop: Shop, path: str, alice: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tags, "_MOST_SUGGESTED", 3)
    shop.customer("u2")
    for name in ("c", "a", "d", "b"):
        _send(alice, shop.profile_path("u2"), "tags", tag=name)
    with shop.database.read() as session:
        assert tags.of_workspace(session, shop.workspace.id) == ["a", "b", "c"]


def test_tag_is_shown_as_text(path: str, alice: FlaskClient) -> None:
    _send(alice, path, "tags", tag=f'"><img src=x> {HOSTILE}')
    assert HOSTILE not in page(alice, path)
    assert "<img src=x>" not in page(alice, path)


def test_viewer_reads_only(path: str, alice: FlaskClient, bob: FlaskClient) -> None:
    assert "No notes." in section(page(bob, path), "notes")
    _send(alice, path, "notes", text="Called")
    _send(alice, path, "tags", tag="vip")
    shown = page(bob, path)
    for panel in (r'<section id="notes".*?</section>', r'<header id="summary".*?</header>'):
        assert "<form" not in re.findall(panel, shown, re.DOTALL)[0]
    for where in ("notes", "tags", "tags/removal"):
        assert submit(bob, f"{path}/{where}", form_on=path, text="x", tag="vip").status_code == 403


def test_another_workspaces_profile_is_a_404(path: str, alice: FlaskClient, charlie: FlaskClient) -> None:
    _send(alice, path, "notes", text="Called")
    (id_,) = _ids(alice, path)
    for where in ("notes", f"notes/{id_}", f"notes/{id_}/removal", "tags", "tags/removal"):
        answer = submit(charlie, f"{path}/{where}", form_on="/settings/workspace", text="x", tag="x")
        assert answer.status_code == 404, where
    assert _written(alice, path) == ["Called"]


def test_note_of_another_person_is_a_404(shop: Shop, path: str, alice: FlaskClient) -> None:
    shop.customer("u2")
    _send(alice, path, "notes", text="Called")
    (id_,) = _ids(alice, path)
    for where in (f"notes/{id_}", f"notes/{id_}/removal"):
        assert submit(alice, f"{shop.profile_path('u2')}/{where}", form_on=path, text="x").status_code == 404


def test_merging_shows_those_of_both_and_undoing_gives_them_back(shop: Shop, path: str, alice: FlaskClient) -> None:
    tell(shop, seen("phone", T0))
    visitor = path_of(alice, "phone")
    for where, what in ((path, "customer"), (visitor, "visitor")):
        _send(alice, where, "notes", text=f"Of the {what}")
        _send(alice, where, "tags", tag=what)
        _send(alice, where, "tags", tag="both")
    tell(shop, login("phone", T0 + 1))
    assert _written(alice, path) == ["Of the visitor", "Of the customer"]
    assert _tags(alice, path) == ["both", "customer", "visitor"]
    _send(alice, path, "notes", text="Of the person")
    _send(alice, path, "tags/removal", tag="both")
    assert _tags(alice, path) == ["customer", "visitor"]
    (merge,) = merges(shop)
    submit(alice, f"{path}/merges/{merge.id}/undoing", form_on=path)
    assert _written(alice, path) == ["Of the person", "Of the customer"]
    assert _written(alice, visitor) == ["Of the visitor"]
    assert (_tags(alice, path), _tags(alice, visitor)) == (["customer"], ["visitor"])


def test_note_written_on_a_page_left_open_stays_with_that_profile(shop: Shop, path: str, alice: FlaskClient) -> None:
    tell(shop, seen("phone", T0))
    visitor = path_of(alice, "phone")
    tell(shop, login("phone", T0 + 1))
    answer = submit(alice, f"{visitor}/notes", form_on=path, text="Of the visitor")
    assert alice.get(answer.location.partition("#")[0]).location == path
    assert _written(alice, path) == ["Of the visitor"]
    (merge,) = merges(shop)
    submit(alice, f"{path}/merges/{merge.id}/undoing", form_on=path)
    assert (_written(alice, path), _written(alice, visitor)) == ([], ["Of the visitor"])


def test_rows_say_whose_they_are(shop: Shop, path: str, alice: FlaskClient) -> None:
    _send(alice, path, "notes", text="Called")
    _send(alice, path, "tags", tag="vip")
    with shop.database.read() as session:
        note, tag = session.query(Note).one(), session.query(Tag).one()
    assert note.customer_id == tag.customer_id == shop.find().id
    assert tag.workspace_id == shop.workspace.id
