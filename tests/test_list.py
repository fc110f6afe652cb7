"""The customer list: order, filters, pages."""

import re

import pytest
from flask.testing import FlaskClient

from tests.visitors import GOOGLEBOT, T0, login, page, part, seen, tell, words
from tests.world import Shop, submit
from webapp import clock, customers, roster
from webapp.models import Customer, Login, Workspace

DAY = 86_400_000
NOW = 1_750_000_000_000


@pytest.fixture(autouse=True)
def _small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(roster, "PAGE_SIZE", 3)


def _names(browser: FlaskClient, path: str = "/customers") -> list[str]:
    page = browser.get(path)
    assert page.status_code == 200
    return re.findall(r'class="row-link"[^>]*>([^<]*)<', page.get_data(as_text=True))


def _link(browser: FlaskClient, path: str, rel: str) -> str | None:
    found = re.search(rf'rel="{rel}" href="([^"]+)"', browser.get(path).get_data(as_text=True))
    return found[1].replace("&amp;", "&") if found else None


def _fill(shop: Shop, number: int) -> None:
    for place in range(number):
        shop.customer(f"u{place}", name=f"Person {place}")
        shop.event(system_id=f"u{place}", time=NOW - place * DAY)


def _anonymous(shop: Shop, name: str | None = None) -> None:
    with shop.database.write() as session:
        session.add(
            Customer(
                workspace_id=shop.workspace.id,
                growlytics_id=customers.new_growlytics_id(NOW),
                name=name,
                created_at=NOW,
                first_seen_at=NOW,
                last_seen_at=NOW,
                event_count=0,
            )
        )


def test_list_is_headed_and_counted(shop: Shop, alice: FlaskClient) -> None:
    _fill(shop, 2)
    page = alice.get("/customers").get_data(as_text=True)
    assert "<h1>Customer Profiles</h1>" in page
    assert "2 customers" in page


def test_count_stops_where_a_page_would_wait_for_it(
    shop: Shop, alice: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(roster, "MOST_COUNTED", 3)
    _fill(shop, 3)
    assert "3 customers" in words(page(alice, "/customers"))
    _anonymous(shop)
    assert "More than 3 customers" in words(page(alice, "/customers"))
    assert "More than" not in words(page(alice, "/customers?status=registered"))
    assert "More than 3 customers" in words(part(alice, "/customers", "list"))


def test_row_shows_who_it_is(shop: Shop, alice: FlaskClient) -> None:
    shop.customer("u1", name="Asha Rao", email="asha@example.com", mobile="9919211112")
    page = alice.get("/customers").get_data(as_text=True)
    for text in ("Asha Rao", "asha@example.com", "9919211112", "u1", shop.find().growlytics_id):
        assert text in page


def test_last_seen_comes_first(shop: Shop, alice: FlaskClient) -> None:
    _fill(shop, 3)
    assert _names(alice) == ["Person 0", "Person 1", "Person 2"]


def test_late_event_does_not_move_its_customer_up(shop: Shop, alice: FlaskClient) -> None:
    _fill(shop, 3)
    shop.event(system_id="u2", time=NOW - 9 * DAY)
    assert _names(alice) == ["Person 0", "Person 1", "Person 2"]


def test_newest_created_comes_first_when_asked(shop: Shop, alice: FlaskClient) -> None:
    _fill(shop, 3)
    assert _names(alice, "/customers?sort=created") == ["Person 2", "Person 1", "Person 0"]


def test_pages_lead_to_older_and_back_to_newer(shop: Shop, alice: FlaskClient) -> None:
    _fill(shop, 8)
    older = _link(alice, "/customers", "next")
    assert older is not None
    assert _names(alice, older) == ["Person 3", "Person 4", "Person 5"]
    oldest = _link(alice, older, "next")
    assert oldest is not None
    assert _names(alice, oldest) == ["Person 6", "Person 7"]
    assert _link(alice, oldest, "next") is None
    newer = _link(alice, oldest, "prev")
    assert newer is not None
    assert _names(alice, newer) == ["Person 3", "Person 4", "Person 5"]
    newest = _link(alice, newer, "prev")
    assert newest is not None
    assert _names(alice, newest) == ["Person 0", "Person 1", "Person 2"]
    assert _link(alice, newest, "prev") is None


def test_bookmarked_page_stays_the_same_when_customers_arrive(shop: Shop, alice: FlaskClient) -> None:
    _fill(shop, 5)
    older = _link(alice, "/customers", "next")
    assert older is not None
    shop.event(system_id="new", time=NOW + DAY)
    assert _names(alice, older) == ["Person 3", "Person 4"]


def test_pages_keep_filter_and_order(shop: Shop, alice: FlaskClient) -> None:
    _fill(shop, 4)
    older = _link(alice, "/customers?status=registered&sort=created", "next")
    assert older is not None
    assert "status=registered" in older
    assert "sort=created" in older
    assert _names(alice, older) == ["Person 0"]


def test_customers_seen_at_one_instant_are_all_listed_once(shop: Shop, alice: FlaskClient) -> None:
    for place in range(7):
        shop.event(system_id=f"u{place}", time=NOW)
    seen = _names(alice)
    path = _link(alice, "/customers", "next")
    for _ in range(2):
        assert path is not None
        seen += _names(alice, path)
        path = _link(alice, path, "next")
    assert path is None
    assert sorted(seen) == [f"u{place}" for place in range(7)]


def test_registered_and_anonymous_can_be_told_apart(shop: Shop, alice: FlaskClient) -> None:
    _fill(shop, 1)
    _anonymous(shop)
    assert _names(alice, "/customers?status=registered") == ["Person 0"]
    assert _names(alice, "/customers?status=anonymous") == ["Anonymous visitor"]
    assert "1 customer<" in alice.get("/customers?status=anonymous").get_data(as_text=True)


@pytest.mark.parametrize(
    "query", ["status=nobody", "sort=name", "older_than=x", "newer_than=1.", "older_than=9.9.9", "older_than=-1.1"]
)
def test_nonsense_in_the_url_shows_the_list(shop: Shop, alice: FlaskClient, query: str) -> None:
    _fill(shop, 1)
    assert _names(alice, f"/customers?{query}") == ["Person 0"]


def test_cursor_past_the_integers_shows_the_list(shop: Shop, alice: FlaskClient) -> None:
    _fill(shop, 1)
    assert _names(alice, f"/customers?older_than={10**30}.1") == ["Person 0"]


def test_getting_started_left_open_does_not_keep_the_login_alive(shop: Shop, alice: FlaskClient) -> None:
    an_hour_ago = clock.now() - clock.HOUR
    with shop.database.write() as session:
        session.query(Login).update({Login.seen_at: an_hour_ago})
    alice.get("/customers", headers={"HX-Request": "true", "HX-Target": "getting-started"})
    with shop.database.read() as session:
        assert session.query(Login).one().seen_at == an_hour_ago


def test_another_workspaces_customers_are_not_listed(shop: Shop, alice: FlaskClient, charlie: FlaskClient) -> None:
    _fill(shop, 1)
    assert "Getting started" in charlie.get("/customers").get_data(as_text=True)


def test_without_customers_the_page_tells_how_to_get_started(shop: Shop, alice: FlaskClient) -> None:
    page = alice.get("/customers").get_data(as_text=True)
    assert "Getting started" in page
    assert "curl http://localhost/rest-api/customer" in page
    assert shop.key not in page


def test_getting_started_turns_into_the_list(shop: Shop, alice: FlaskClient) -> None:
    asking = {"HX-Request": "true", "HX-Target": "getting-started"}
    assert alice.get("/customers", headers=asking).status_code == 204
    _fill(shop, 1)
    answer = alice.get("/customers", headers=asking)
    assert answer.status_code == 200
    assert answer.headers["HX-Redirect"] == "/customers"


def _bots(shop: Shop, number: int) -> None:
    tell(shop, *(seen(f"bot {place}", NOW - place * DAY - 1, agent=GOOGLEBOT) for place in range(number)))


def test_bots_are_marked_and_can_be_hidden(shop: Shop, alice: FlaskClient) -> None:
    _fill(shop, 1)
    _bots(shop, 1)
    shown = page(alice, "/customers")
    assert "2 customers" in shown
    assert "Anonymous visitor Bot" in words(shown)
    hidden = page(alice, "/customers?bots=hidden")
    assert "1 customer<" in hidden
    assert _names(alice, "/customers?bots=hidden") == ["Person 0"]
    assert "Bots are hidden" in hidden


def test_hidden_bots_stay_hidden_on_every_page_and_filter(shop: Shop, alice: FlaskClient) -> None:
    _fill(shop, 8)
    _bots(shop, 8)
    seen_names: list[str] = []
    path: str | None = "/customers?bots=hidden"
    for _ in range(3):
        assert path is not None
        assert "bots=hidden" in path
        seen_names += _names(alice, path)
        path = _link(alice, path, "next")
    assert path is None
    assert seen_names == [f"Person {number}" for number in range(8)]
    for href in re.findall(r'<nav class="segments[^>]*>(.*?)</nav>', page(alice, "/customers?bots=hidden"), re.DOTALL):
        assert href.count("bots=hidden") == href.count("<a ")


def test_bots_come_back_by_the_same_link(shop: Shop, alice: FlaskClient) -> None:
    _bots(shop, 1)
    chips = [
        re.search(r'class="chip" href="([^"]+)"', page(alice, f"/customers?{query}"))
        for query in ("status=anonymous", "status=anonymous&bots=hidden")
    ]
    assert [chip and chip[1].replace("&amp;", "&") for chip in chips] == [
        "/customers?status=anonymous&bots=hidden",
        "/customers?status=anonymous",
    ]


@pytest.mark.parametrize("query", ["bots=", "bots=shown", "bots=1", "bots=%00"])
def test_nonsense_about_bots_shows_them(shop: Shop, alice: FlaskClient, query: str) -> None:
    _bots(shop, 1)
    assert _names(alice, f"/customers?{query}") == ["Anonymous visitor"]


def test_list_without_anybody_but_bots_is_no_beginning(shop: Shop, alice: FlaskClient) -> None:
    _bots(shop, 1)
    assert "No customers here" in words(page(alice, "/customers?bots=hidden"))


def test_links_to_profiles_are_plain(shop: Shop, alice: FlaskClient) -> None:
    _fill(shop, 1)
    assert f'href="{shop.profile_path("u0")}"' in page(alice, "/customers")
    assert f'href="{shop.profile_path("u0")}?q=u0"' in page(alice, "/customers?q=u0")


def _stop(shop: Shop) -> None:
    with shop.database.write() as session:
        session.get_one(Workspace, shop.workspace.id).merges_a_day = 1
    for number in range(2):
        tell(shop, seen(f"d{number}", T0), login(f"d{number}", T0 + 1, "<guest>"))


def test_list_says_for_whom_merging_has_stopped(shop: Shop, alice: FlaskClient, charlie: FlaskClient) -> None:
    _stop(shop)
    path = shop.profile_path("<guest>")
    shown = page(alice, "/customers")
    assert f'href="{path}#why">&lt;guest&gt;</a>' in shown
    assert "Merging has stopped for <guest>: more visitors than 1 a day logged in as this customer." in words(shown)
    assert "Merging has stopped" in part(alice, "/customers", "list")
    assert "Merging has stopped" not in page(alice, "/customers?q=guest")
    assert "Merging has stopped" not in page(charlie, "/customers")
    submit(alice, f"{path}/merges/resumption", form_on=path)
    assert "Merging has stopped" not in page(alice, "/customers")
