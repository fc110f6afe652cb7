"""Why several profiles are one person, merging by hand, undoing, and where old ids lead."""

import re

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.visitors import (
    DAY,
    HOUR,
    MINUTE,
    T0,
    customer,
    launched,
    login,
    merges,
    page,
    path_of,
    section,
    seen,
    tell,
    values,
    words,
)
from tests.world import PASSWORD, Shop, submit
from webapp import users
from webapp.models import Workspace

PHONE = {"deviceManufacturer": "Apple", "deviceModel": "iPhone 15"}


def _id(path: str) -> str:
    return path.rsplit("/", maxsplit=1)[-1]


def _why(browser: FlaskClient, path: str) -> str:
    return section(page(browser, path), "why")


def _press(browser: FlaskClient, path: str, action: str, place: int = 0) -> TestResponse:
    """Press a button of a profile: `undoing`, `renewal`, `resumption`."""
    actions = re.findall(rf'action="([^"]+/{action})"', page(browser, path))
    answer = submit(browser, actions[place], form_on=path)
    assert answer.status_code == 302
    return answer


def _merge(browser: FlaskClient, path: str, with_: str) -> TestResponse:
    """Send the form of the preview, without having looked at it."""
    return submit(browser, f"{path}/merges", form_on=path, **{"with": with_})


def _told(browser: FlaskClient, answer: TestResponse) -> str:
    """What the page says on which a form ends."""
    return words(page(browser, answer.location))


def _number(browser: FlaskClient) -> str:
    found = re.search(r'<p class="count">([^<]*)<', page(browser, "/customers"))
    assert found is not None
    return found[1]


def _log_in(shop: Shop) -> str:
    """Meera looks around on her phone for five minutes and logs in. Returns the profile's path."""
    shop.customer("M-1", name="Meera")
    tell(shop, launched("phone", T0, **PHONE), seen("phone", T0), login("phone", T0 + 5 * MINUTE, "M-1"))
    return shop.profile_path("M-1")


# Why is this one person?


def test_profile_that_was_never_merged_says_nothing_of_it(shop: Shop, alice: FlaskClient) -> None:
    shop.customer()
    assert _why(alice, shop.profile_path()) == ""


def test_merge_by_a_login_is_told_in_plain_words(shop: Shop, alice: FlaskClient) -> None:
    shop.customer("M-1")
    tell(shop, launched("phone", T0, **PHONE), seen("phone", T0))
    visitor = _id(path_of(alice, "phone"))
    body = {"did": "phone", "clientCustomerId": "M-1", "timestamp": T0 + 5 * MINUTE}
    assert shop.send("/msv_cs_id", body).status_code == 200
    shown = _why(alice, shop.profile_path("M-1"))
    assert shown.startswith(
        "Why is this one person? Your systems and logins call this person M-1. "
        f"The visitor {visitor} is this person because M-1 logged in on the same device (Apple iPhone 15), "
        "10 Mar 2026, 17:35. received "
    )
    assert shown.endswith("by /msv_cs_id, key Backend Undo")


def test_merge_by_hand_is_told_with_who_said_so(shop: Shop, alice: FlaskClient) -> None:
    shop.customer("M-1")
    tell(shop, seen("tab", T0))
    path, other = shop.profile_path("M-1"), _id(path_of(alice, "tab"))
    _merge(alice, path, other)
    assert f"The visitor {other} is this person because alice@shop.example said so, " in _why(alice, path)


def test_undoing_makes_two_people_who_both_tell_of_it(shop: Shop, alice: FlaskClient) -> None:
    path = _log_in(shop)
    tell(shop, seen("phone", T0 + HOUR, "Purchased"))
    assert _number(alice) == "1 customer"
    answer = _press(alice, path, "undoing")
    assert "is a profile apart again." in _told(alice, answer)
    assert _number(alice) == "2 customers"
    visitor = path_of(alice, "phone")
    shown = _why(alice, path)
    assert f"The visitor {_id(visitor)} was this person because M-1 logged in" in shown
    assert "Undone by alice@shop.example, " in shown
    assert "This visitor was M-1 because M-1 logged in" in _why(alice, visitor)
    assert "Viewed" in section(page(alice, visitor), "activities")
    assert "Purchased" in section(page(alice, path), "activities")


def test_undone_merge_can_hold_again_from_either_side(shop: Shop, alice: FlaskClient) -> None:
    path = _log_in(shop)
    for side in (path, None):
        _press(alice, path, "undoing")
        answer = _press(alice, side or path_of(alice, "phone"), "renewal")
        assert answer.location == path
        assert _number(alice) == "1 customer"
        assert "Undone" not in _why(alice, path)


def test_undoing_twice_is_undoing_once(shop: Shop, alice: FlaskClient) -> None:
    path = _log_in(shop)
    undoing = re.findall(r'action="([^"]+/undoing)"', page(alice, path))[0]
    answers = [submit(alice, undoing, form_on=path) for _ in range(2)]
    assert [answer.location for answer in answers] == [path, path]
    assert _number(alice) == "2 customers"


def test_customer_whom_a_login_made_gives_the_visitors_id_back(shop: Shop, alice: FlaskClient) -> None:
    tell(shop, seen("phone", T0))
    visitor = path_of(alice, "phone")
    tell(shop, login("phone", T0 + MINUTE, "M-1"))
    assert shop.profile_path("M-1") == visitor
    answer = _press(alice, visitor, "undoing")
    assert answer.location == shop.profile_path("M-1") != visitor
    assert f"Undone. {_id(visitor)} is a profile apart again." in _told(alice, answer)
    assert path_of(alice, "phone") == visitor


def test_merge_that_a_login_contradicts_is_set_aside_and_says_so(shop: Shop, alice: FlaskClient) -> None:
    shop.customer("M-1")
    tell(shop, seen("phone", T0))
    path = shop.profile_path("M-1")
    _merge(alice, path, _id(path_of(alice, "phone")))
    tell(shop, login("phone", T0 + DAY, "R-2"))
    ravi = shop.profile_path("R-2")
    assert "would be this person because alice@shop.example said so" in _why(alice, path)
    assert "would be M-1 because alice@shop.example said so" in _why(alice, ravi)
    for side in (path, ravi):
        assert "Set aside: logins say that these are two customers." in _why(alice, side)
    _press(alice, ravi, "undoing")
    assert "is this person because alice@shop.example said so" in _why(alice, path)


def test_many_merges_are_folded(shop: Shop, alice: FlaskClient) -> None:
    shop.customer()
    tell(shop, *(seen(f"d{number}", T0) for number in range(5)), *(login(f"d{number}", T0 + 1) for number in range(5)))
    assert "2 more merges" in _why(alice, shop.profile_path())


# The fuse


def _stop(shop: Shop, alice: FlaskClient) -> str:
    """Let an app send one id for everybody, past the workspace's limit of two a day."""
    with shop.database.write() as session:
        session.get_one(Workspace, shop.workspace.id).merges_a_day = 2
    for number in range(4):
        tell(shop, seen(f"d{number}", T0), login(f"d{number}", T0 + 1, "customer"))
    return shop.profile_path("customer")


def test_too_many_merges_stop_and_the_profile_says_so(shop: Shop, alice: FlaskClient) -> None:
    path = _stop(shop, alice)
    shown = _why(alice, path)
    assert "Logins no longer join visitors with this customer. More than 2 within a day did" in shown
    assert shown.count("was not joined when customer logged in on the same device") == 2
    assert _number(alice) == "3 customers"
    assert "This visitor was not joined when customer logged in" in _why(alice, path_of(alice, "d3"))


def test_person_lets_merging_go_on(shop: Shop, alice: FlaskClient) -> None:
    path = _stop(shop, alice)
    assert "Logins join visitors with this customer again." in _told(alice, _press(alice, path, "resumption"))
    assert "no longer" not in _why(alice, path)
    tell(shop, seen("d9", T0), login("d9", T0 + 1, "customer"))
    assert _number(alice) == "3 customers"


def test_visitor_who_was_not_joined_can_be_joined_by_hand(shop: Shop, alice: FlaskClient) -> None:
    path = _stop(shop, alice)
    assert _press(alice, path, "renewal").location == path
    assert _number(alice) == "2 customers"
    assert _why(alice, path).count("was not joined") == 1


# Old ids


def test_old_id_leads_to_the_person_with_the_query(shop: Shop, alice: FlaskClient) -> None:
    shop.customer("M-1")
    tell(shop, seen("phone", T0))
    old = path_of(alice, "phone")
    tell(shop, login("phone", T0 + 1, "M-1"))
    answer = alice.get(f"{old}?by=visit&show=visit&show=merge&event=%C3%9C+%26+%F0%9F%98%80")
    assert answer.status_code == 302
    assert answer.location == f"{shop.profile_path('M-1')}?by=visit&show=visit&show=merge&event=%C3%9C+%26+%F0%9F%98%80"
    assert alice.get(old).location == shop.profile_path("M-1")


def test_fragment_of_an_old_id_sends_the_whole_browser_on(shop: Shop, alice: FlaskClient) -> None:
    shop.customer("M-1")
    tell(shop, seen("phone", T0))
    old = path_of(alice, "phone")
    tell(shop, login("phone", T0 + 1, "M-1"))
    answer = alice.get(f"{old}?by=visit", headers={"HX-Request": "true", "HX-Target": "activities"})
    assert answer.status_code == 200
    assert answer.headers["HX-Redirect"] == f"{shop.profile_path('M-1')}?by=visit"


@pytest.mark.parametrize("query", ["\xff", "a=\xc3\xbc", "%ff", "a=%0d%0aSet-Cookie:x"])
@pytest.mark.parametrize("headers", [{}, {"HX-Request": "true"}])
def test_old_id_with_an_odd_query_leads_there_too(
    shop: Shop, alice: FlaskClient, query: str, headers: dict[str, str]
) -> None:
    shop.customer("M-1")
    tell(shop, seen("phone", T0))
    old = path_of(alice, "phone")
    tell(shop, login("phone", T0 + 1, "M-1"))
    answer = alice.get(old, headers=headers, environ_overrides={"QUERY_STRING": query})
    where = answer.headers.get("HX-Redirect", answer.location)
    assert where is not None
    assert where.startswith(f"{shop.profile_path('M-1')}?")
    assert where.isascii()
    assert "Set-Cookie" not in answer.headers


def test_old_id_is_a_page_of_its_own_again_after_undoing(shop: Shop, alice: FlaskClient) -> None:
    shop.customer("M-1")
    tell(shop, seen("phone", T0))
    old = path_of(alice, "phone")
    tell(shop, login("phone", T0 + 1, "M-1"))
    _press(alice, shop.profile_path("M-1"), "undoing")
    assert "Anonymous visitor" in page(alice, old)


def test_history_and_events_are_found_by_an_old_id(shop: Shop, alice: FlaskClient) -> None:
    shop.customer("M-1")
    tell(shop, seen("phone", T0), values("phone", T0, City="Pune"))
    old = path_of(alice, "phone")
    tell(shop, login("phone", T0 + 1, "M-1"))
    assert "Pune" in page(alice, f"{old}/history?attribute=City")
    found = re.search(r'id="event-(\d+)-(\d+)"', page(alice, shop.profile_path("M-1")))
    assert found is not None
    answer = alice.get(f"{old}/events/{found[1]}.{found[2]}")
    assert answer.json == {"name": "Viewed", "time": T0, "attributes": {}}


def test_search_finds_the_person_by_a_merged_id_and_says_so(shop: Shop, alice: FlaskClient) -> None:
    shop.customer("M-1", name="Meera")
    tell(shop, seen("phone", T0))
    old = _id(path_of(alice, "phone"))
    tell(shop, login("phone", T0 + 1, "M-1"))
    shown = section(page(alice, f"/customers?q={old}"), "list")
    assert f"Meera merged id: {old}" in shown
    assert "1 match " in shown
    assert f"part of merged id: {old}" in section(page(alice, f"/customers?q={old[:-1]}"), "list")


# By hand


def _two(shop: Shop, alice: FlaskClient) -> tuple[str, str]:
    """Meera, and a visitor who told something of herself. Returns both paths."""
    tell(shop, customer("M-1", T0, name="Meera", City="Mumbai", Tier="Gold", VIP=True))
    shop.event("Paid", T0, "M-1")
    tell(shop, values("tab", T0 + DAY, City="Pune", VIP=True, Newsletter=False), seen("tab", T0), seen("tab", T0 + DAY))
    return shop.profile_path("M-1"), path_of(alice, "tab")


def _choice(browser: FlaskClient, path: str, text: str) -> str:
    return page(browser, f"{path}/merges?q={text}")


def test_other_profile_is_found_by_search(shop: Shop, alice: FlaskClient) -> None:
    path, other = _two(shop, alice)
    shop.customer("M-2", name="Meera Two")
    shown = _choice(alice, path, "meera")
    assert re.findall(r'class="row-link" href="([^"]+)">([^<]*)<', shown) == [
        (f"{path}/merges?with={_id(shop.profile_path('M-2'))}", "Meera Two")
    ]
    assert "part of name · M-2" in words(shown)
    assert f"{path}/merges?with={_id(other)}" in _choice(alice, path, _id(other))
    assert "Nobody matches “zebra”." in _choice(alice, path, "zebra")
    assert "Nobody matches “&lt;b&gt;”." in _choice(alice, path, "<b>")


def test_search_that_finds_the_profile_itself_says_so(shop: Shop, alice: FlaskClient) -> None:
    path, _ = _two(shop, alice)
    shown = _choice(alice, path, "Meera")
    assert "Only this profile matches “Meera”." in shown
    assert 'class="card entries"' not in shown


def test_search_says_when_there_are_more(shop: Shop, alice: FlaskClient) -> None:
    shop.customer()
    tell(shop, *(customer(f"many-{number}") for number in range(55)))
    assert "These are the first 50." in _choice(alice, shop.profile_path(), "many-")


def _preview(browser: FlaskClient, path: str, other: str) -> dict[str, tuple[str, str, str]]:
    """What differs: what each has, and whose value wins."""
    shown = page(browser, f"{path}/merges?with={_id(other)}")
    rows = re.findall(r'<th scope="row">(.*?)</th>\s*(<td.*?)</tr>', shown, re.DOTALL)
    found = {}
    for name, cells in rows:
        classes = re.findall(r'<td class="(\w+)"', cells)
        assert sorted(classes) == ["loses", "wins"]
        of_member, of_target = (words(cell) for cell in re.findall(r"<td.*?</td>", cells, re.DOTALL))
        found[words(name)] = (of_member, of_target, "member" if classes[0] == "wins" else "target")
    return found


def test_preview_tells_what_differs_and_which_value_wins(shop: Shop, alice: FlaskClient) -> None:
    path, other = _two(shop, alice)
    expected = {
        "name": ("–", "Meera", "target"),
        "City": ("Pune", "Mumbai", "member"),
        "Tier": ("–", "Gold", "target"),
        "Newsletter": ("No", "–", "member"),
    }
    assert _preview(alice, path, other) == _preview(alice, other, path) == expected
    shown = words(page(alice, f"{path}/merges?with={_id(other)}"))
    assert f"Anonymous visitor Anonymous {_id(other)} 2 events, 2 visits becomes part of" in shown
    assert "becomes part of Meera Registered M-1 1 event, 0 visits" in shown


def test_preview_is_what_the_merge_then_does(shop: Shop, alice: FlaskClient) -> None:
    path, other = _two(shop, alice)
    assert _number(alice) == "2 customers"
    assert merges(shop) == []
    answer = _merge(alice, other, _id(path))
    assert answer.location == path
    assert "Merged. You can undo it under “Why is this one person?”." in _told(alice, answer)
    attributes = {name: value for name, (_, value) in shop.attributes("M-1").items()}
    assert attributes == {"name": "Meera", "City": "Pune", "Tier": "Gold", "VIP": True, "Newsletter": False}
    assert "<dt>Events</dt><dd>3</dd>" in page(alice, path)
    assert alice.get(other).location == path


def test_preview_counts_what_was_merged_before(shop: Shop, alice: FlaskClient) -> None:
    path, other = _two(shop, alice)
    _merge(alice, path, _id(other))
    tell(shop, seen("watch", T0))
    shown = words(page(alice, f"{path}/merges?with={_id(path_of(alice, 'watch'))}"))
    assert "3 events, 2 visits, with 1 profile merged into it" in shown


@pytest.mark.parametrize(
    ("number", "shown"), [(0, "No attribute differs."), (1, "No attribute differs: 1 attribute is the same.")]
)
def test_preview_without_differences_says_so(shop: Shop, alice: FlaskClient, number: int, shown: str) -> None:
    told = {"City": "Pune"} if number else {}
    tell(shop, customer("M-1", T0, **told), seen("tab", T0), values("tab", T0 + 1, **told))
    other = _id(path_of(alice, "tab"))
    text = words(page(alice, f"{shop.profile_path('M-1')}/merges?with={other}"))
    assert shown in text


def test_numbers_that_look_different_but_are_equal_win_on_the_right_side(shop: Shop, alice: FlaskClient) -> None:
    tell(shop, customer("M-1", T0 + DAY, Total=1), values("tab", T0, Total=1.0), seen("tab", T0))
    assert _preview(alice, shop.profile_path("M-1"), path_of(alice, "tab")) == {"Total": ("1.0", "1", "target")}


def test_hostile_values_in_a_preview_are_shown_as_text(shop: Shop, alice: FlaskClient) -> None:
    hostile = "<script>alert(1)</script>"
    tell(shop, customer("M-1", T0, **{"name": hostile, hostile: hostile}), seen("tab", T0))
    shown = page(alice, f"{shop.profile_path('M-1')}/merges?with={_id(path_of(alice, 'tab'))}")
    assert hostile not in shown


def test_two_visitors_can_be_merged(shop: Shop, alice: FlaskClient) -> None:
    tell(shop, seen("phone", T0), seen("tab", T0))
    phone, tab = path_of(alice, "phone"), path_of(alice, "tab")
    assert _merge(alice, tab, _id(phone)).location == phone
    assert alice.get(tab).location == phone


def test_two_customers_are_never_merged(shop: Shop, alice: FlaskClient) -> None:
    shop.customer("M-1")
    shop.customer("R-2")
    path, other = shop.profile_path("M-1"), _id(shop.profile_path("R-2"))
    assert "Both are registered." in page(alice, f"{path}/merges?with={other}")
    assert "Merge these two" not in page(alice, f"{path}/merges?with={other}")
    answer = _merge(alice, path, other)
    assert answer.location == path
    assert "Both are registered." in _told(alice, answer)
    assert merges(shop) == []


def test_profile_is_not_merged_with_itself(shop: Shop, alice: FlaskClient) -> None:
    path = _log_in(shop)
    assert "These two are one person already." in page(alice, f"{path}/merges?with={_id(path)}")
    assert "These two are one person already." in _told(alice, _merge(alice, path, _id(path)))
    assert len(merges(shop)) == 1


def test_form_sent_twice_merges_once(shop: Shop, alice: FlaskClient) -> None:
    path, other = _two(shop, alice)
    first, second = (_merge(alice, path, _id(other)) for _ in range(2))
    assert first.location == second.location == path
    assert "These two are one person already." in _told(alice, second)
    assert len(merges(shop)) == 1


def test_merged_id_stands_for_its_person_in_a_merge(shop: Shop, alice: FlaskClient) -> None:
    path, other = _two(shop, alice)
    _merge(alice, path, _id(other))
    tell(shop, seen("watch", T0))
    watch = path_of(alice, "watch")
    assert "with 1 profile merged into it" in words(page(alice, f"{watch}/merges?with={_id(other)}"))
    assert _merge(alice, watch, _id(other)).location == path


@pytest.mark.parametrize("with_", ["", "nobody", "\x00", "0" * 24, "x" * 5000])
def test_profile_that_there_is_not_cannot_be_merged(shop: Shop, alice: FlaskClient, with_: str) -> None:
    shop.customer()
    path = shop.profile_path()
    assert _merge(alice, path, with_).status_code == 404
    if with_:
        assert alice.get(f"{path}/merges", query_string={"with": with_}).status_code == 404


def test_form_without_the_other_profile_is_a_404(shop: Shop, alice: FlaskClient) -> None:
    shop.customer()
    assert submit(alice, f"{shop.profile_path()}/merges", form_on=shop.profile_path()).status_code == 404


# Who may


def test_viewer_reads_why_but_changes_nothing(shop: Shop, alice: FlaskClient, bob: FlaskClient) -> None:
    path = _stop(shop, alice)
    shown = page(bob, path)
    assert "is this person because customer logged in" in section(shown, "why")
    assert "Logins no longer join" in section(shown, "why")
    for hidden in ("/undoing", "/renewal", "/resumption", f"{path}/merges", "Undo"):
        assert hidden not in shown
    first = merges(shop)[0].id
    assert bob.get(f"{path}/merges").status_code == 403
    for action in ("", f"/{first}/undoing", f"/{first}/renewal", "/resumption"):
        answer = submit(bob, f"{path}/merges{action}", form_on=path, **{"with": _id(path)})
        assert answer.status_code == 403, action
    assert _number(alice) == "3 customers"


def test_editor_may_merge_and_undo(shop: Shop) -> None:
    with shop.database.write() as session:
        users.create(session, users.credentials("eve@shop.example", PASSWORD), shop.workspace.id, "editor")
    eve = shop.app.test_client()
    submit(eve, "/login", email="eve@shop.example", password=PASSWORD)
    path, other = _two(shop, eve)
    _merge(eve, path, _id(other))
    _press(eve, path, "undoing")
    assert "Undone by eve@shop.example" in _why(eve, path)


def test_strangers_profiles_are_not_there(
    shop: Shop, alice: FlaskClient, other_shop: Shop, charlie: FlaskClient
) -> None:
    path, other = _two(shop, alice)
    other_shop.customer("M-1", name="Stranger")
    strange = other_shop.profile_path("M-1")
    for mine, with_ in ((path, strange), (strange, other), (strange, strange)):
        assert alice.get(f"{mine}/merges?with={_id(with_)}").status_code == 404
        answer = submit(alice, f"{mine}/merges", form_on=path, **{"with": _id(with_)})
        assert answer.status_code == 404
    assert alice.get(f"{strange}/history?attribute=name").status_code == 404
    assert submit(alice, f"{strange}/merges/resumption", form_on=path).status_code == 404
    assert "Nobody matches" in _choice(alice, path, "Stranger")
    assert merges(shop) == []


@pytest.mark.parametrize("action", ["undoing", "renewal"])
def test_strangers_merge_can_neither_be_undone_nor_renewed(
    shop: Shop, alice: FlaskClient, other_shop: Shop, charlie: FlaskClient, action: str
) -> None:
    path = _log_in(shop)
    if action == "renewal":
        _press(alice, path, "undoing")
    other_shop.customer("M-1")
    mine = other_shop.profile_path("M-1")
    before = merges(shop)[0].undone_at
    for on in (mine, path):
        answer = submit(charlie, f"{on}/merges/{merges(shop)[0].id}/{action}", form_on=mine)
        assert answer.status_code == 404
    assert merges(shop)[0].undone_at == before


@pytest.mark.parametrize("number", ["0", "999999", "9" * 20, "9" * 5000, "-1", "x"])
@pytest.mark.parametrize("action", ["undoing", "renewal"])
def test_merge_that_there_is_not_is_a_404(shop: Shop, alice: FlaskClient, number: str, action: str) -> None:
    path = _log_in(shop)
    assert submit(alice, f"{path}/merges/{number}/{action}", form_on=path).status_code == 404
