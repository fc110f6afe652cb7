"""The page of activity: what is in its address, what it shows of each arrival, and what htmx is answered with."""

import html
import json
import re

import pytest
from flask.testing import FlaskClient
from sqlalchemy import delete, func, select

from tests.visitors import T0, login, seen, tell
from tests.world import Shop
from webapp.ingest.changes import EventRecord
from webapp.models import Arrived, Event


def _names(page: str) -> list[str]:
    return [html.unescape(one) for one in re.findall(r'class="arrival-event"[^>]*><a [^>]*>([^<]*)</a>', page)]


def _get(browser: FlaskClient, path: str, target: str | None = None) -> str:
    answer = browser.get(path, headers={} if target is None else {"HX-Request": "true", "HX-Target": target})
    assert answer.status_code == 200, path
    return answer.text


def _newest(shop: Shop) -> int:
    with shop.database.read() as session:
        return session.scalar(select(func.max(Arrived.id))) or 0


def test_each_arrival_tells_what_is_known_of_it(shop: Shop, alice: FlaskClient) -> None:
    shop.customer("u1", name="Asha Rao")
    shop.event("Purchased", T0, "u1", Amount=5)
    page = _get(alice, "/activity")
    assert _names(page) == ["Purchased"]
    person = shop.profile_path("u1")
    (event,) = shop.events("u1")
    assert f'href="{person}?at_event={event.cursor}#event-{event.reported_at}-{event.id}"' in page
    assert f'<a href="{person}">Asha Rao</a>' in page.replace(' dir="auto"', "")
    for text in ("/track/event/v2", "Backend", "10 Mar 2026, 17:30", "late by"):
        assert text in page
    linked = alice.get(f"{person}?at_event={event.cursor}")
    assert 'class="event event-linked"' in linked.text


def test_address_filters(shop: Shop, alice: FlaskClient, bob: FlaskClient) -> None:
    shop.event("Viewed", T0)
    shop.send("/rest-api/event", {"customerId": "u1", "name": "Purchased"})
    assert _names(_get(bob, "/activity?event=Viewed")) == ["Viewed"]
    page = _get(alice, "/activity?source=/rest-api/event", "feed")
    assert "<html" not in page
    assert _names(page) == ["Purchased"]
    assert '<option value="/rest-api/event" selected>' in page
    assert "Nothing like this" in _get(alice, "/activity?event=nothing")
    assert '<option value="nothing" selected>' in _get(alice, "/activity?event=nothing")


@pytest.mark.parametrize(
    "query", ["event=%00", "key=%00&source=%F0", "raw=x", "raw=-1", "raw=99999999999999999999", "before=x", "after=",
              "before=0", "after=4000000000000000000", "since=x", "event=a&event=b"],
)  # fmt: skip
def test_nonsense_in_the_address_is_no_error(shop: Shop, alice: FlaskClient, query: str) -> None:
    shop.event("Viewed", T0)
    assert alice.get(f"/activity?{query}").status_code == 200
    assert alice.get(f"/activity?{query}", headers={"HX-Request": "true", "HX-Target": "live"}).status_code == 204


def test_event_of_an_arrival_as_json(shop: Shop, alice: FlaskClient) -> None:
    shop.event("Purchased", T0, "u1", Amount=5, Note="<b>")
    id_ = _newest(shop)
    for number in range(60):
        shop.event("Viewed", T0 + number)
    part = _get(alice, f"/activity?raw={id_}", f"raw-{id_}")
    raw = json.loads(html.unescape(re.findall(r"<pre>(.*)</pre>", part, re.DOTALL)[0]))
    assert raw == {"name": "Purchased", "time": T0, "attributes": {"Amount": 5, "Note": "<b>"}}
    page = _get(alice, f"/activity?raw={id_}")
    assert _names(page) == ["Purchased"], "the page begins with it"
    assert "&lt;b&gt;" in page


def test_event_of_an_arrival_after_a_late_login(shop: Shop, alice: FlaskClient) -> None:
    tell(shop, seen("d1", T0 + 5))
    id_ = _newest(shop)
    tell(shop, login("d1", T0, "u1"))
    assert '"time": ' in html.unescape(_get(alice, f"/activity?raw={id_}", f"raw-{id_}"))
    assert f'href="{shop.profile_path("u1")}?at_event=' in _get(alice, "/activity")


def test_large_event_is_a_link(shop: Shop, alice: FlaskClient) -> None:
    shop.event("Large", T0, "u1", Text="x" * 60_000)
    part = _get(alice, f"/activity?raw={_newest(shop)}", f"raw-{_newest(shop)}")
    assert len(part) < 1_000
    (path,) = re.findall(r'href="([^"]+)"', part)
    assert len(alice.get(path).text) > 60_000


def test_what_is_gone_is_said(shop: Shop, alice: FlaskClient) -> None:
    shop.event("Viewed", T0)
    id_ = _newest(shop)
    with shop.database.write() as session:
        session.execute(delete(Event))
    assert "isn’t stored any more" in _get(alice, f"/activity?raw={id_}", f"raw-{id_}")
    assert "isn’t kept any more" in _get(alice, f"/activity?raw={id_ + 1}", f"raw-{id_ + 1}")
    assert "isn’t kept any more" in _get(alice, f"/activity?raw={id_ + 1}")


def test_strangers_see_nothing(shop: Shop, alice: FlaskClient, charlie: FlaskClient) -> None:
    shop.event("Secret", T0, "u1", Secret="yes")
    id_ = _newest(shop)
    assert "Secret" in _get(alice, "/activity")
    for path, target in (("", None), (f"?raw={id_}", None), (f"?raw={id_}", f"raw-{id_}"), ("?since=0", "live")):
        assert "Secret" not in _get(charlie, f"/activity{path}", target)


def test_live_part_brings_what_arrived_and_asks_on(shop: Shop, alice: FlaskClient) -> None:
    shop.event("Old", T0)
    (since,) = re.findall(r'id="live"[^>]*since=([\d.-]+)', _get(alice, "/activity?event=New"))
    headers = {"HX-Request": "true", "HX-Target": "live"}
    assert alice.get(f"/activity?since={since}", headers=headers).status_code == 204
    tell(shop, EventRecord("u1", "New", (), T0), EventRecord("u1", "Newer", (), T0))
    part = _get(alice, f"/activity?since={since}&event=New", "live")
    assert _names(part) == ["New"]
    (asks,) = re.findall(r'id="live"[^>]*hx-get="([^"]+)"', part)
    assert "event=New" in asks
    assert alice.get(html.unescape(asks), headers=headers).status_code == 204


def test_live_part_of_a_flood_leads_to_the_rest(shop: Shop, alice: FlaskClient) -> None:
    tell(shop, *(EventRecord("u1", f"Event {number:03}", (), T0 + number) for number in range(80)))
    part = _get(alice, "/activity?since=0", "live")
    assert len(_names(part)) == 50
    (where,) = re.findall(r'href="([^"]+)">30 others arrived in between', part)
    assert _names(_get(alice, html.unescape(where)))[0] == "Event 029"


def test_only_the_newest_page_is_live(shop: Shop, alice: FlaskClient) -> None:
    tell(shop, *(EventRecord("u1", "Event", (), T0 + number) for number in range(80)))
    page = _get(alice, "/activity")
    assert 'id="live"' in page
    (older,) = re.findall(r'class="older" rel="next" href="([^"]+)"', page)
    below = _get(alice, html.unescape(older))
    assert 'id="live"' not in below
    (newer,) = re.findall(r'rel="prev" href="([^"]+)"', below)
    assert 'id="live"' in _get(alice, html.unescape(newer))
