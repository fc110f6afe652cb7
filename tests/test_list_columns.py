"""The columns and the order of the customer list, and its export as CSV."""

import csv
import html
import io
import re

import pytest
from flask.testing import FlaskClient

from tests.visitors import T0, login, page, seen, tell, words
from tests.world import Shop
from webapp import clock, exports

DAY = clock.DAY


def _table(browser: FlaskClient, path: str) -> list[list[str]]:
    """What is in the cells of the list, its head first."""
    rows = re.findall(r"<tr>(.*?)</tr>", page(browser, path), re.DOTALL)
    return [[words(cell) for cell in re.findall(r"<t[dh].*?</t[dh]>", row, re.DOTALL)] for row in rows]


def test_usual_columns_come_without_asking(shop: Shop, alice: FlaskClient) -> None:
    shop.customer("u1")
    head = _table(alice, "/customers")[0]
    assert head == ["Name", "Email", "Mobile", "System ID", "Growlytics ID", "Last seen ↓"]


def test_columns_are_chosen_in_the_url(shop: Shop, alice: FlaskClient) -> None:
    shop.customer("u1", name="Asha", City="Pune", Points=10.5, Vip=True, Born="2000-01-31 23:30:00")
    shop.event("Viewed", T0, "u1")
    keys = ["status", "events", *(f"attribute:{name}" for name in ("City", "Points", "Vip", "Born", "Unheard"))]
    head, row = _table(alice, "/customers?" + "&".join(f"column={key}" for key in keys))
    assert head == ["Name", "Status", "Events", "City", "Points", "Vip", "Born", "Unheard"]
    assert row == ["A Asha", "Registered", "1", "Pune", "10.5", "Yes", "2000-01-31 23:30:00", ""]


def test_value_is_that_of_the_whole_person(shop: Shop, alice: FlaskClient) -> None:
    shop.customer("u1", City="Pune")
    tell(shop, seen("d1", T0), login("d1", T0 + 1000, "u1"))
    assert _table(alice, "/customers?column=attribute:City")[1:] == [["U u1", "Pune"]]


@pytest.mark.parametrize("query", ["column=", "column=nonsense", "column=attribute:", "column=attribute:%00"])
def test_nonsense_about_columns_shows_the_usual_ones(shop: Shop, alice: FlaskClient, query: str) -> None:
    shop.customer("u1")
    assert len(_table(alice, f"/customers?{query}")[0]) == 6


def test_form_of_the_columns_leads_to_their_url(shop: Shop, alice: FlaskClient) -> None:
    shop.customer("u1", City="Pune")
    answer = alice.get("/customers?choose=columns&where=has+City&column=email&another=City")
    assert answer.location == "/customers?where=has+City&column=email&column=attribute%3ACity"
    assert alice.get("/customers?choose=columns&another=").location == "/customers"
    chosen = page(alice, answer.location)
    assert re.search(r'value="attribute:City" checked', chosen)


def test_long_value_does_not_fill_the_page(shop: Shop, alice: FlaskClient) -> None:
    shop.customer("u1", Story="<b>" + "x" * 60_000)
    text = page(alice, "/customers?column=attribute:Story")
    assert "<b>x" not in text
    assert len(text) < 30_000


def test_both_orders_are_links_of_the_head(shop: Shop, alice: FlaskClient) -> None:
    for number in range(3):
        shop.customer(f"u{number}")
        shop.event("Viewed", T0 - number * DAY, f"u{number}")
    assert _names(alice, "/customers?order=oldest") == ["u2", "u1", "u0"]
    assert _names(alice, "/customers?sort=created&order=oldest") == ["u0", "u1", "u2"]
    first, again = (
        re.search(r'aria-sort="(\w+)"><a href="([^"]*)"', page(alice, f"/customers{query}"))
        for query in ("", "?order=oldest")
    )
    assert first is not None
    assert again is not None
    assert (first[1], html.unescape(first[2])) == ("descending", "/customers?order=oldest")
    assert (again[1], html.unescape(again[2])) == ("ascending", "/customers")


def _names(browser: FlaskClient, path: str) -> list[str]:
    return re.findall(r'class="row-link"[^>]*>([^<]*)<', page(browser, path))


def _exported(browser: FlaskClient, query: str = "") -> list[list[str]]:
    answer = browser.get(f"/customers/export.csv?{query}")
    assert answer.status_code == 200
    text = answer.get_data().decode()
    assert text.startswith("\ufeff")
    return list(csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline="")))


def test_export_has_the_filters_and_the_columns(shop: Shop, alice: FlaskClient, bob: FlaskClient) -> None:
    shop.customer("u1", name='Asha, "the first"\nof many', City="Pune", Points=10.5, Vip=False)
    shop.customer("u2", name="Ravi", City="Goa")
    shop.event("Viewed", T0, "u1")
    keys = ("system_id", "events", "last_seen", "attribute:Points", "attribute:Vip")
    query = "where=City+%3D+pune&" + "&".join(f"column={key}" for key in keys)
    for browser in (alice, bob):
        assert _exported(browser, query) == [
            ["Name", "System ID", "Events", "Last seen", "Points", "Vip"],
            ['Asha, "the first"\nof many', "u1", "1", "2026-03-10 17:30:00", "10.5", "No"],
        ]


def test_export_is_a_file_that_nobody_keeps(shop: Shop, alice: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: T0 + 7 * clock.HOUR)  # the next day already in the workspace's zone
    shop.customer("u1")
    answer = alice.get("/customers/export.csv")
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="customers-2026-03-11.csv"'
    assert "no-store" in answer.headers["Cache-Control"]
    assert answer.is_streamed


def test_export_has_everybody_once_however_many(
    shop: Shop, alice: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exports, "AT_ONCE", 3)
    for number in range(10):
        shop.customer(f"u{number}", Even="yes" if number % 2 == 0 else "no")
    everybody = [row[0] for row in _exported(alice, "column=system_id&sort=last_seen&order=oldest")[1:]]
    assert everybody == [""] * 10
    assert [row[1] for row in _exported(alice, "column=system_id")[1:]] == [f"u{number}" for number in range(9, -1, -1)]
    for where in ("Even+%3D+yes", "Even+%21%3D+no", "did+not+Viewed&where=Even+%3D+yes"):
        rows = _exported(alice, f"column=system_id&where={where}")[1:]
        assert [row[1] for row in rows] == [f"u{number}" for number in (8, 6, 4, 2, 0)]


@pytest.mark.parametrize(
    "text", ["=1+2", "+cmd", "-2+3", "@SUM(1)", "\t=1", "\r=1", "  =1+2", "＝1", '=HYPERLINK("http://x","y")']
)
def test_no_text_is_taken_for_a_formula(shop: Shop, alice: FlaskClient, text: str) -> None:
    shop.customer("u1", name=text, City=text, **{f"={text}": "x"})
    query = {"column": ["attribute:City", f"attribute:={text}"]}
    answer = alice.get("/customers/export.csv", query_string=query)
    head, row = csv.reader(io.StringIO(answer.get_data().decode().removeprefix("\ufeff"), newline=""))
    for cell in (head[2], row[0], row[1]):
        assert cell.startswith("'"), cell
    assert row[1] == f"'{text}"


def test_numbers_stay_numbers(shop: Shop, alice: FlaskClient) -> None:
    shop.customer("u1", name="5", Balance=-12.5, Points=7)
    text = alice.get("/customers/export.csv?column=attribute:Balance&column=attribute:Points").get_data(as_text=True)
    assert text.splitlines()[1] == '"5",-12.5,7'


def test_export_of_another_workspace_is_its_own(shop: Shop, charlie: FlaskClient, other_shop: Shop) -> None:
    shop.customer("u1", name="Asha")
    other_shop.customer("x", name="Stranger")
    assert [row[0] for row in _exported(charlie)[1:]] == ["Stranger"]
