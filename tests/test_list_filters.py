"""The filters of the customer list: what each finds, how they combine and are written, and what is wrong with some."""

import html
import re
from datetime import date
from urllib.parse import urlencode

import pytest
from flask.testing import FlaskClient

from tests.visitors import BERLIN, GOOGLEBOT, MUMBAI, T0, login, page, seen, tell, words
from tests.world import Shop, submit
from webapp import clock, conditions, matching, roster
from webapp.conditions import Compared, Condition, Did, Having, Range, Seen, Visited, WrongError

DAY = clock.DAY


def _names(browser: FlaskClient, *where: str, **others: str) -> list[str]:
    answer = browser.get("/customers", query_string=[*others.items(), *(("where", one) for one in where)])
    assert answer.status_code == 200
    return sorted(re.findall(r'class="row-link"[^>]*>([^<]*)<', answer.get_data(as_text=True)))


@pytest.fixture
def people(shop: Shop) -> Shop:
    """Four customers who differ in all that filters look at."""
    shop.customer("a", name="Asha Rao", email="asha@example.com", City="Pune", Points=10, Vip=True)
    shop.customer("b", name="Ravi Iyer", City="PUNE ", Points=10.5, Vip=False)
    shop.customer("c", name="Çağla", City="Pune City", Points=-3, Born="2000-01-31 23:30:00")
    shop.customer("d", name="Dev", Points=900719925474099, Born="2000-02-01 00:30:00")
    for number in range(3):
        shop.event("Purchased", T0 + number * DAY, "a")
    shop.event("Purchased", T0 + 10 * DAY, "b")
    shop.event("Refunded", T0 - 30 * DAY, "c")
    return shop


ASHA, RAVI, CAGLA, DEV = "Asha Rao", "Ravi Iyer", "Çağla", "Dev"

# T0 is 10 March 2026, 17:30 in the workspace's zone.
FOUND: dict[str, list[str]] = {
    "City = pune": [ASHA, RAVI],
    "City = Ｐｕｎｅ": [ASHA, RAVI],
    "City != Pune": [CAGLA, DEV],
    "City contains UNE": [ASHA, RAVI, CAGLA],
    "City > pune": [CAGLA],
    "City < pune city": [ASHA, RAVI],
    "has City": [ASHA, RAVI, CAGLA],
    "lacks City": [DEV],
    "Points = 10": [ASHA],
    "Points = 10.0": [ASHA],
    "Points != 10": [RAVI, CAGLA, DEV],
    "Points > 9": [ASHA, RAVI, DEV],
    "Points > 10": [RAVI, DEV],
    "Points < 0": [CAGLA],
    "Points = -3": [CAGLA],
    "Points > 1,000": [DEV],
    "Vip = yes": [ASHA],
    "Vip = False": [RAVI],
    "Vip != true": [RAVI, CAGLA, DEV],
    "Born = 2000-01-31": [CAGLA],
    "Born > 2000-01-31": [DEV],
    "Born < 2000-02-01": [CAGLA],
    "Born = 2000-02-01 00:30": [DEV],
    "Born < 2000-02-01 00:30": [CAGLA],
    "Born = 2000-01-31T18:00:00Z": [CAGLA],
    "has Born": [CAGLA, DEV],
    "name contains çAĞ": [CAGLA],
    "name = asha rao": [ASHA],
    "email contains @EXAMPLE": [ASHA],
    "lacks email": [RAVI, CAGLA, DEV],
    "did Purchased": [ASHA, RAVI],
    "did not Purchased": [CAGLA, DEV],
    "did Purchased 3 times": [ASHA],
    "did Purchased 4 times": [],
    "did not Purchased 3 times": [RAVI, CAGLA, DEV],
    "did Purchased from 2026-03-12": [ASHA, RAVI],
    "did Purchased 2 times from 2026-03-11 to 2026-03-12": [ASHA],
    "did Purchased to 2026-03-10": [ASHA],
    "did not Purchased to 2026-03-10": [RAVI, CAGLA, DEV],
    "did Nothing": [],
    "did not Nothing": [ASHA, RAVI, CAGLA, DEV],
    "first seen from 2026-03-10 to 2026-03-10": [ASHA],
    "last seen from 2026-03-12 to 2026-03-20": [ASHA, RAVI],
    "first seen to 2026-02-28": [CAGLA],
    "last seen to 2026-02-28": [CAGLA],
}


@pytest.mark.parametrize("sort", ["last_seen", "created"])
def test_filter_finds(people: Shop, alice: FlaskClient, sort: str) -> None:
    for where, found in FOUND.items():
        assert _names(alice, where, sort=sort) == sorted(found), where


def test_filter_finds_the_same_with_and_without_an_index(
    people: Shop, alice: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(matching, "MOST_CANDIDATES", -1)
    for where, found in FOUND.items():
        assert _names(alice, where) == sorted(found), where


def test_filters_combine(people: Shop, alice: FlaskClient) -> None:
    assert _names(alice, "City = Pune", "did Purchased") == sorted([ASHA, RAVI])
    assert _names(alice, "City = Pune", "did Purchased", "Points > 10") == [RAVI]
    assert _names(alice, "City = Pune", "did not Purchased") == []
    assert _names(alice, "has City", "City != Pune") == [CAGLA]


def test_last_days_are_counted_from_now(shop: Shop, alice: FlaskClient) -> None:
    now = clock.now()
    shop.event("Purchased", now - 5 * DAY, "u1")
    shop.event("Purchased", now - 50 * DAY, "u2")
    shop.event("Viewed", now, "u2")
    assert _names(alice, "last seen in 3 days") == ["u2"]
    assert _names(alice, "first seen in 7 days") == ["u1"]
    assert _names(alice, "did Purchased in 7 days") == ["u1"]
    assert _names(alice, "did Purchased in 60 days") == ["u1", "u2"]


def test_present_value_decides_not_a_former_one(shop: Shop, alice: FlaskClient) -> None:
    shop.customer("u1", City="Pune")
    shop.customer("u1", City="Goa")
    assert _names(alice, "City = Pune") == []
    assert _names(alice, "City = Goa") == ["u1"]
    assert _names(alice, "City != Pune") == ["u1"]


def test_whole_person_is_looked_at(shop: Shop, alice: FlaskClient) -> None:
    tell(shop, seen("d1", T0), seen("d1", T0 + 1000), login("d1", T0 + 60_000, "u1"))
    shop.event("Viewed", T0 + 2 * DAY, "u1")
    assert _names(alice, "did Viewed 3 times") == ["u1"]
    assert _names(alice, "did Viewed 2 times to 2026-03-10") == ["u1"]
    assert _names(alice, "did Viewed 3 times to 2026-03-10") == []


def test_visits_that_began_by_a_source_or_in_a_country(shop: Shop, alice: FlaskClient) -> None:
    tell(shop, seen("d1", T0, utm={"source": "Newsletter"}, **MUMBAI), login("d1", T0 + 60_000, "u1"))
    tell(
        shop, seen("d2", T0 + DAY, referrer="https://www.google.com/search", **BERLIN), login("d2", T0 + 2 * DAY, "u2")
    )
    tell(shop, seen("d1", T0 + 5 * DAY, utm={"source": "google.com"}))
    assert _names(alice, "visited by newsletter") == ["u1"]
    assert _names(alice, "visited by google.com") == ["u1", "u2"]
    assert _names(alice, "visited by google.com to 2026-03-12") == ["u2"]
    assert _names(alice, "visited by google.com from 2026-03-13") == ["u1"]
    assert _names(alice, "visited by newsletter", "visited by google.com in 30000 days") == ["u1"]
    assert _names(alice, "visited in DE") == ["u2"]
    assert _names(alice, "visited in in", "did Viewed 2 times") == ["u1"], "letter case doesn't matter"
    assert _names(alice, "visited in FR") == []


def test_visits_are_a_filter_of_their_own_form(shop: Shop, alice: FlaskClient) -> None:
    tell(shop, seen("d1", T0, **MUMBAI), login("d1", T0 + 60_000, "u1"))
    added = alice.get("/customers?came=in&origin=IN&from=2026-03-10&to=2026-03-10").location
    shown = words(page(alice, added))
    assert "Visited in IN from 10 Mar 2026 to 10 Mar 2026" in shown
    assert "u1" in shown


def test_kinds_and_filters_combine(shop: Shop, alice: FlaskClient) -> None:
    shop.event("Viewed", T0, "u1")
    tell(shop, seen("d1", T0), seen("bot", T0, agent=GOOGLEBOT))
    assert len(_names(alice, "did Viewed")) == 3
    assert len(_names(alice, "did Viewed", bots="hidden")) == 2
    assert len(_names(alice, "did Viewed", status="anonymous", bots="hidden")) == 1
    assert _names(alice, "did Viewed", status="registered") == ["u1"]


def test_another_workspace_has_its_own(people: Shop, charlie: FlaskClient, other_shop: Shop) -> None:
    other_shop.customer("x", name="Stranger", City="Pune")
    assert _names(charlie, "City = Pune") == ["Stranger"]
    assert _names(charlie, "did Purchased") == []
    assert "Refunded" not in page(charlie, "/customers")
    assert "Points" not in page(charlie, "/customers")


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("City = Pune", Compared("City", "=", "Pune")),
        ("Loyalty Points > 100", Compared("Loyalty Points", ">", "100")),
        ('"A = B" = C', Compared("A = B", "=", "C")),
        ("City != Pune = x", Compared("City", "!=", "Pune = x")),
        ('"say ""hi""" contains "x"', Compared('say "hi"', "contains", '"x"')),
        ("has City", Having("City")),
        ('has "A = B"', Having("A = B")),
        ("has has", Having("has")),
        ("has = 3", Compared("has", "=", "3")),
        ("lacks Loyalty Points", Having("Loyalty Points", is_so=False)),
        ("first seen in 30 days", Seen("first", Range(days=30))),
        ("created in 2 days", Seen("created", Range(days=2))),
        ("last seen from 2026-01-01 to 2026-01-31", Seen("last", Range(date(2026, 1, 1), date(2026, 1, 31)))),
        ("did Purchased", Did("Purchased")),
        ("did not Add To Cart 3 times in 7 days", Did("Add To Cart", 3, is_so=False, range=Range(days=7))),
        ('did "not Purchased"', Did("not Purchased")),
        ('did "Purchased 3 times"', Did("Purchased 3 times")),
        ('did "Back from 2026-01-01"', Did("Back from 2026-01-01")),
        ("visited by google.com", Visited("by", "google.com")),
        ("visited in IN in 7 days", Visited("in", "IN", Range(days=7))),
        ('visited by "mail to 2026-01-01"', Visited("by", "mail to 2026-01-01")),
        ("City = नमस्ते 🎉", Compared("City", "=", "नमस्ते 🎉")),
    ],
)
def test_condition_is_written_as_it_is_read(text: str, meant: Condition) -> None:
    assert conditions.parse(text) == meant
    assert str(meant) == text
    assert conditions.in_words(meant)


@pytest.mark.parametrize(
    ("where", "why"),
    [
        ("", "This is not how a filter is written"),
        ("City", "This is not how a filter is written"),
        ("City =", "The value to compare with is missing"),
        ("Town = Pune", "No customer has had an attribute “Town” yet"),
        ("has Town", "No customer has had an attribute “Town” yet"),
        ("Points > many", "Points is a number, and “many” isn't one"),
        ("Points = 1e999", "Points is a number"),
        ("Points contains 1", "“contains” looks into texts"),
        ("Vip > yes", "Vip is Yes or No"),
        ("Born > yesterday", "Born is a date, and “yesterday” isn't one"),
        ("Born = 2026-02-30", "Born is a date"),
        ("first seen", "The days are missing"),
        ("last seen from 2026-02-30", "“2026-02-30” is not a day"),
        ("last seen from 2026-02-02 to 2026-02-01", "The range ends before it begins"),
        ("last seen from 2026-02-02 in 3 days", "Either the last days or dates"),
        ("did Purchased 0 times", "once at least"),
        ("did Purchased in 0 days", "at least 1"),
        ("x" * 1001, "at most 1,000 characters"),
        ("City = \x00", "NUL"),
        ("<script>alert(1)</script>", "This is not how a filter is written"),
    ],
)
def test_wrong_filter_is_explained_and_none_is_lost(people: Shop, alice: FlaskClient, where: str, why: str) -> None:
    answer = alice.get("/customers", query_string=[("where", where), ("where", "did Purchased")])
    text = answer.get_data(as_text=True)
    assert answer.status_code == 200
    assert why in words(text)
    assert "is not applied" in words(text)
    assert "<script>alert" not in text
    assert "Purchased done" in words(text)
    links = [html.unescape(one) for one in re.findall(r'<a href="([^"]*)">Take it out</a>', text)]
    assert links == ["/customers?where=did+Purchased"]
    assert alice.get("/customers/export.csv", query_string={"where": where}).status_code == 400


def test_too_many_filters_are_explained(people: Shop, alice: FlaskClient) -> None:
    query = [("where", f"City != {number}") for number in range(21)]
    text = words(alice.get("/customers", query_string=query).get_data(as_text=True))
    assert "A list has at most 20 filters" in text


def test_chip_takes_its_filter_away(people: Shop, alice: FlaskClient) -> None:
    text = page(alice, "/customers?where=City+%3D+Pune&where=did+Purchased+3+times&sort=created")
    assert "City is Pune" in words(text)
    assert "Purchased done at least 3 times" in words(text)
    links = [html.unescape(one) for one in re.findall(r'<a href="([^"]*)" aria-label="Take away', text)]
    assert links == [
        "/customers?sort=created&where=did+Purchased+3+times",
        "/customers?sort=created&where=City+%3D+Pune",
    ]


@pytest.mark.parametrize(
    ("form", "where"),
    [
        ({"attribute": "City", "comparison": "=", "value": " Pune "}, "City = Pune"),
        ({"attribute": "A = B", "comparison": "contains", "value": "x"}, '"A = B" contains x'),
        ({"attribute": "City", "comparison": "lacks", "value": ""}, "lacks City"),
        ({"attribute": "City", "comparison": "=", "value": ""}, '"City" = '),
        ({"event": "Purchased", "performed": "yes", "times": "1"}, "did Purchased"),
        (
            {"event": "Purchased", "performed": "not", "times": "3", "from": "2026-01-01", "to": "2026-02-01"},
            "did not Purchased 3 times from 2026-01-01 to 2026-02-01",
        ),
        ({"event": "Purchased", "performed": "yes", "times": "often"}, 'did "Purchased" 0 times'),
        ({"seen": "first", "from": "", "to": "", "days": "30"}, "first seen in 30 days"),
        ({"seen": "last", "from": "", "to": "", "days": ""}, "last seen"),
        ({"seen": "created", "from": "2026-01-31", "to": "", "days": ""}, "created from 2026-01-31"),
    ],
)
def test_form_adds_a_filter_to_the_url(people: Shop, alice: FlaskClient, form: dict[str, str], where: str) -> None:
    answer = alice.get("/customers", query_string={"status": "registered", **form})
    assert answer.status_code == 302
    seen_at = alice.get(answer.location)
    assert seen_at.status_code == 200
    assert dict(seen_at.request.args) == {"status": "registered", "where": where}


def test_page_that_ends_early_says_so_and_leads_further(
    shop: Shop, alice: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("MOST_LOOKED_AT", 4), ("_FIRST_CHUNK", 2), ("_LARGEST_CHUNK", 2), ("PAGE_SIZE", 3)):
        monkeypatch.setattr(roster, name, value)
    for number in range(10):
        shop.customer(f"u{number}", Number=number)
        shop.event("Viewed", T0 - number * DAY, f"u{number}")
    for order in ("newest", "oldest"):
        expected = ["u0", "u7", "u9"] if order == "newest" else ["u9", "u7", "u0"]
        where = "&".join(f"where=Number+!%3D+{number}" for number in (1, 2, 3, 4, 5, 6, 8))
        path, met, stops = f"/customers?order={order}&{where}", [], 0
        while path:
            text = page(alice, path)
            met += re.findall(r'class="row-link"[^>]*>([^<]*)<', text)
            further = re.search(r'<a href="([^"]*)">Look further</a>', text)
            stops += further is not None
            if further:
                assert "Looked through 4 customers, the last of them last seen on" in words(text)
            onward = further or re.search(r'rel="next" href="([^"]+)"', text)
            path = html.unescape(onward[1]) if onward else ""
        assert met == expected
        assert stops == 2


def test_way_back_through_a_filtered_list_meets_everybody(
    shop: Shop, alice: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(roster, "PAGE_SIZE", 2)
    for number in range(9):
        shop.customer(f"u{number}", Even="yes" if number % 2 == 0 else "no")
        shop.event("Viewed", T0 - number * DAY, f"u{number}")
    path = "/customers?where=Even+%3D+yes"
    there = [path]
    while onward := re.search(r'rel="next" href="([^"]+)"', page(alice, there[-1])):
        there.append(html.unescape(onward[1]))
    assert [_met(alice, one) for one in there] == [["u0", "u2"], ["u4", "u6"], ["u8"]]
    back = [there[-1]]
    while before := re.search(r'rel="prev" href="([^"]+)"', page(alice, back[-1])):
        back.append(html.unescape(before[1]))
    assert [_met(alice, one) for one in back] == [["u8"], ["u4", "u6"], ["u0", "u2"]]


def _met(browser: FlaskClient, path: str) -> list[str]:
    return re.findall(r'class="row-link"[^>]*>([^<]*)<', page(browser, path))


def test_customer_with_very_many_events_costs_a_page_of_its_own(
    shop: Shop, alice: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(roster, "MOST_LOOKED_AT", 5)
    for number in range(3):
        for place in range(20):
            shop.event("Viewed", T0 - number * DAY * 40 + place * DAY, f"u{number}")
    path, met = "/customers?where=did+not+Viewed+15+times+from+2026-03-12", []
    while path:
        text = page(alice, path)
        met += _met(alice, path)
        further = re.search(r'<a href="([^"]*)">Look further</a>', text)
        path = html.unescape(further[1]) if further else ""
    assert met == ["u1", "u2"]


def test_counts_are_exact_where_that_is_cheap(people: Shop, alice: FlaskClient) -> None:
    assert "2 customers" in words(page(alice, "/customers?where=City+%3D+Pune"))
    assert "No customer passes this filter" in words(page(alice, "/customers?where=did+Nothing"))


def test_counts_of_many_are_told_from_a_sample(shop: Shop, alice: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("PAGE_SIZE", 3), ("_MOST_TESTED", 5), ("_FEWEST_FOUND", 5)):
        monkeypatch.setattr(roster, name, value)
    for number in range(40):
        shop.customer(f"u{number}", Even="yes" if number % 2 == 0 else "no")
    found = re.search(r"About (\d+) customers", words(page(alice, "/customers?where=Even+%21%3D+no")))
    assert found is not None
    assert 15 <= int(found[1]) <= 25


def test_flood_of_filters_makes_no_large_page(shop: Shop, alice: FlaskClient) -> None:
    # Each filter has a link without itself and with all others: a thousand were 55 MB, and took 14 s.
    shop.customer()
    for flood in (
        [f"City = x{number}" for number in range(1_500)],
        ["x" * 10_000, *("y" * number for number in range(99))],
    ):
        answer = alice.get("/customers", query_string={"where": flood})
        assert answer.status_code == 200
        assert len(answer.data) < 1_000_000
    view = urlencode({"where": "x" * 100_000})
    answer = submit(alice, "/segments", form_on="/settings/account", name="Odd", view=view)
    assert len(answer.location) < 5_000, "proxies take no header of such a size"


def test_condition_that_cannot_be_read_raises() -> None:
    with pytest.raises(WrongError):
        conditions.parse("did")
