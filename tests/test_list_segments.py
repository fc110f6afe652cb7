"""Segments of the customer list: saved, counted, changed, deleted; and who may."""

import html
import re

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select, update
from sqlalchemy.exc import OperationalError
from werkzeug.test import TestResponse

from tests.visitors import page, words
from tests.world import Shop, submit
from webapp import segments
from webapp.models import Segment

VIEW = "where=City+%3D+Pune&column=email&column=attribute%3ACity"


@pytest.fixture(autouse=True)
def _people(shop: Shop) -> None:
    shop.customer("a", name="Asha", City="Pune")
    shop.customer("b", name="Ravi", City="Goa")


def _save(browser: FlaskClient, name: str = "People of Pune", view: str = VIEW) -> TestResponse:
    return submit(browser, "/segments", form_on=f"/customers?{VIEW}", name=name, view=view)


def _all(shop: Shop) -> list[Segment]:
    with shop.database.read() as session:
        return list(session.scalars(select(Segment).order_by(Segment.id)))


def _side(browser: FlaskClient, path: str = "/customers") -> str:
    found = re.search(r'<nav id="segments".*?</nav>', page(browser, path), re.DOTALL)
    return words(found[0]) if found else ""


def test_view_is_saved_and_shown_at_the_side(shop: Shop, alice: FlaskClient) -> None:
    assert _side(alice) == ""
    answer = _save(alice)
    (segment,) = _all(shop)
    assert answer.location == f"/customers?{VIEW}&segment={segment.id}"
    shown = page(alice, answer.location)
    assert "Segment “People of Pune” is saved." in words(shown)
    assert _side(alice) == "Segments Everybody People of Pune 1 customer"
    assert "Asha" in shown
    assert "Ravi" not in shown
    assert re.search(rf'<a href="[^"]*segment={segment.id}" aria-current="page"', shown)


def test_segment_of_another_shop_is_neither_seen_nor_touched(
    shop: Shop, alice: FlaskClient, charlie: FlaskClient, other_shop: Shop
) -> None:
    other_shop.customer("x", City="Pune")
    _save(alice)
    (segment,) = _all(shop)
    assert _side(charlie) == ""
    for path in ("", "/view", "/deletion"):
        answer = submit(charlie, f"/segments/{segment.id}{path}", form_on=f"/customers?{VIEW}", name="x", view=VIEW)
        assert answer.status_code == 404
    assert _all(shop)[0].name == "People of Pune"


def test_count_is_kept_for_some_minutes(shop: Shop, alice: FlaskClient) -> None:
    _save(alice)
    assert "Pune 1 " in _side(alice)
    shop.customer("c", City="Pune")
    assert "Pune 1 " in _side(alice)
    with shop.database.write() as session:
        session.execute(update(Segment).values(counted_at=Segment.counted_at - segments.FRESH))
    assert "Pune 2 " in _side(alice)


def test_one_segment_is_counted_at_a_time(shop: Shop, alice: FlaskClient) -> None:
    for name in ("one", "two", "three"):
        _save(alice, name)
    with shop.database.write() as session:
        session.execute(update(Segment).values(counted_at=0, count=None, count_kind=None))
    for number in (1, 2, 3):
        page(alice, "/customers")
        assert sum(one.count is not None for one in _all(shop)) == number


def test_changed_view_can_replace_the_segment_or_become_another(shop: Shop, alice: FlaskClient) -> None:
    _save(alice)
    (segment,) = _all(shop)
    other = "where=City+%3D+Goa"
    path = f"/customers?{other}&segment={segment.id}"
    assert "People of Pune Changed" in words(page(alice, path))
    answer = submit(alice, f"/segments/{segment.id}/view", form_on=path, view=other)
    assert answer.location == path
    assert "Changed" not in words(page(alice, path))
    assert _all(shop)[0].query == other
    _save(alice, "Once more")
    assert [one.name for one in _all(shop)] == ["People of Pune", "Once more"]


def test_filter_taken_away_keeps_the_segment_in_the_url(shop: Shop, alice: FlaskClient) -> None:
    _save(alice)
    (segment,) = _all(shop)
    shown = page(alice, f"/customers?{VIEW}&segment={segment.id}")
    (link,) = re.findall(r'<a href="([^"]*)" aria-label="Take away', shown)
    assert html.unescape(link) == f"/customers?column=email&column=attribute%3ACity&segment={segment.id}"


def test_segment_is_renamed_and_deleted(shop: Shop, alice: FlaskClient) -> None:
    _save(alice)
    (segment,) = _all(shop)
    path = f"/customers?{VIEW}&segment={segment.id}"
    submit(alice, f"/segments/{segment.id}", form_on=path, name="  Puneites ")
    assert _all(shop)[0].name == "Puneites"
    answer = submit(alice, f"/segments/{segment.id}/deletion", form_on=path)
    assert answer.location == "/customers"
    assert _all(shop) == []
    assert page(alice, path)  # an old link still shows its view


@pytest.mark.parametrize(
    ("name", "view", "why"),
    [
        ("  ", VIEW, "A segment needs a name."),
        ("x" * 61, VIEW, "The name of a segment has at most 60 characters."),
        ("people of PUNE", VIEW, "There is a segment “people of PUNE” already."),
        ("New", "", "There is nothing to save: choose filters, columns or an order first."),
        ("New", "where=City+%3E", "A filter that can't be used can't be saved either."),
    ],
)
def test_wrong_segment_is_explained(shop: Shop, alice: FlaskClient, name: str, view: str, why: str) -> None:
    _save(alice)
    answer = _save(alice, name, view)
    assert why in html.unescape(words(page(alice, answer.location)))
    assert len(_all(shop)) == 1


def test_name_cannot_be_taken_from_another_segment(shop: Shop, alice: FlaskClient) -> None:
    _save(alice, "one")
    _save(alice, "two")
    second = _all(shop)[1]
    answer = submit(alice, f"/segments/{second.id}", form_on=f"/customers?{VIEW}", name="ONE")
    assert "There is a segment “ONE” already." in words(page(alice, answer.location))
    assert [one.name for one in _all(shop)] == ["one", "two"]


def test_viewer_uses_segments_only(shop: Shop, alice: FlaskClient, bob: FlaskClient) -> None:
    _save(alice)
    (segment,) = _all(shop)
    shown = page(bob, f"/customers?{VIEW}&segment={segment.id}")
    assert "People of Pune" in words(shown)
    assert "Edit segment" not in shown
    assert "Save as segment" not in page(bob, f"/customers?{VIEW}")


def test_list_is_read_while_counts_cannot_be_kept(
    shop: Shop, alice: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(work: object) -> None:
        raise OperationalError("UPDATE segments", {}, Exception("database or disk is full"))

    _save(alice)
    monkeypatch.setattr(shop.database, "transact", fail)
    assert "People of Pune 1 " in _side(alice)
