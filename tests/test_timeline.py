"""Activities: by day and by visit, with visits, profile changes and merges between the events."""

import re
from collections import Counter
from collections.abc import Iterator
from itertools import count
from typing import Any, NamedTuple

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from tests.visitors import (
    BERLIN,
    DAY,
    HOUR,
    MINUTE,
    T0,
    customer,
    login,
    page,
    part,
    path_of,
    section,
    seen,
    tell,
    values,
    words,
)
from tests.world import Shop, submit
from webapp import clock, customers, events, lookup, timeline
from webapp.events import NEWEST, Filter, Start
from webapp.ingest.changes import Attribute, Change, EventRecord, OnDevice

PAUSE = 30 * MINUTE
EXTRAS = ("visit", "change", "merge")
_numbers = count()


class Act(NamedTuple):
    """Something that happens: on a device (by its number), or told by a backend (None)."""

    kind: str
    device: int | None
    at: int
    name: str


# Few moments, so that many things happen in one millisecond; one more than the longest pause lies between some.
LOGIN_AT = T0 + 2
NOW = T0 + 3 * HOUR
MOMENTS = (T0, T0 + 1, LOGIN_AT, T0 + PAUSE, T0 + PAUSE + 1, T0 + 2 * HOUR, NOW)

acts = st.builds(
    Act, st.sampled_from(["event", "event", "change"]), st.none() | st.integers(0, 2), st.sampled_from(MOMENTS),
    st.sampled_from("abcde"),
)  # fmt: skip


class History:
    """What was told of one person, and what the activities must show of it; worked out from the acts alone."""

    def __init__(self, told: list[Act]) -> None:
        self.acts = set(told)
        self.number = next(_numbers)
        self.devices = sorted({act.device for act in told if act.device is not None})

    def did(self, device: int) -> str:
        return f"{self.number}-{device}"

    @property
    def system_id(self) -> str:
        return f"customer {self.number}"

    def changes(self) -> Iterator[Change]:
        """The acts as they are sent, and a login on every device in the middle of them."""
        for kind, device, at, name in sorted(self.acts, key=str):
            who = self.system_id if device is None else OnDevice(self.did(device))
            if kind == "event":
                yield EventRecord(who, f"{name} {device}", (Attribute("x", name, None),), at)
            else:
                told = {name: f"{name} {device}"}
                yield customer(self.system_id, at, **told) if device is None else values(self.did(device), at, **told)
        yield from (login(self.did(device), LOGIN_AT, self.system_id) for device in self.devices)

    def visits(self) -> list[tuple[int, int, int, int]]:
        """Device, first and last moment, number of events."""
        found: list[tuple[int, int, int, int]] = []
        for device, at in sorted((act.device, act.at) for act in self.of("event") if act.device is not None):
            if found and found[-1][0] == device and at - found[-1][2] <= PAUSE:
                found[-1] = (device, found[-1][1], at, found[-1][3] + 1)
            else:
                found.append((device, at, at, 1))
        return found

    def of(self, kind: str) -> list[Act]:
        return [act for act in self.acts if act.kind == kind]

    def shown(self, extras: tuple[str, ...], wanted: Filter) -> Counter[tuple[Any, ...]]:
        """Every entry, however often."""
        found: list[tuple[Any, ...]] = []
        for act in self.of("event"):
            name = f"{act.name} {act.device}"
            has_text = not wanted.text or wanted.text.casefold() == act.name
            if has_text and (not wanted.names or name in wanted.names):
                found.append(("event", act.at, name))
        if "visit" in extras:
            found += [("visit", first, last, number) for _, first, last, number in self.visits()]
        if "change" in extras:
            found += [("change", act.at, act.name, f"{act.name} {act.device}") for act in self.of("change")]
        if "merge" in extras:
            joined = {act.device for act in self.acts if act.at < LOGIN_AT and act.device is not None}
            found += [("merge", NOW, False)] * len(joined)
        since, until = wanted.since or 0, wanted.until or 2**62
        return Counter(one for one in found if since <= one[1] < until)


def _key(entry: timeline.Entry) -> tuple[Any, ...]:
    item = entry.item
    match entry.kind:
        case "event":
            return "event", item.reported_at, item.name
        case "visit":
            return "visit", item.started_at, item.ended_at, item.event_count
        case "change":
            return "change", entry.at, item.name, item.value
    return "merge", entry.at, item.is_undone


def _is_in_order(entries: list[timeline.Entry]) -> bool:
    """Newest first; of one millisecond events first, in the order of their ids."""
    places = [(entry.at, entry.id if entry.kind == "event" else -1) for entry in entries]
    return places == sorted(places, reverse=True)


class Walk:
    """All pages of a person's activities, one after the other."""

    def __init__(self, shop: Shop, history: History, extras: tuple[str, ...], wanted: Filter) -> None:
        self.pages: list[timeline.Page] = []
        self.groups: list[timeline.Group] = []
        start, below = NEWEST, None
        with shop.database.read() as session:
            person = _person(session, shop, history)
            for _ in range(300):
                one = timeline.read(session, person, wanted, extras, start)
                self.pages.append(one)
                self.groups += timeline.by_visit(session, person, one, extras, below)
                if one.older is None:
                    return
                start, below = Start(one.older), None if one.looked_until else one.older
        raise AssertionError("paging doesn't end")

    @property
    def entries(self) -> list[timeline.Entry]:
        return [entry for one in self.pages for entry in one.entries]


def _person(session: Session, shop: Shop, history: History) -> timeline.Person:
    return timeline.Person(shop.workspace.id, customers.members(session, shop.find(history.system_id).id))


def _walk_up(shop: Shop, history: History, extras: tuple[str, ...], wanted: Filter) -> list[timeline.Entry]:
    """All entries, page by page from the oldest one on, newest first."""
    start, found = timeline.OLDEST, list[timeline.Entry]()
    with shop.database.read() as session:
        person = _person(session, shop, history)
        for _ in range(300):
            one = timeline.read(session, person, wanted, extras, start)
            found = [*one.entries, *found]
            if one.newer is None:
                return found
            start = Start(newer_than=one.newer)
    raise AssertionError("paging doesn't end")


filters = st.builds(
    Filter, st.sampled_from([(), (), ("a 0",), ("a 0", "b None", "nothing")]),
    *[st.sampled_from([None, *MOMENTS])] * 2, st.sampled_from(["", "", "C"]),
)  # fmt: skip


@given(
    told=st.lists(acts, min_size=1, max_size=30),
    size=st.sampled_from([1, 2, 3, 5, 8]),
    extras=st.sets(st.sampled_from(EXTRAS)),
    wanted=filters,
    examined=st.sampled_from([1, 4, 10_000]),
)
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_every_entry_is_on_exactly_one_page_and_in_order(
    shared_shop: Shop, told: list[Act], size: int, extras: set[str], wanted: Filter, examined: int
) -> None:
    history, chosen = History(told), tuple(sorted(extras))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clock, "now", lambda: NOW)
        tell(shared_shop, customer(history.system_id), *history.changes())
        patch.setattr(events, "PAGE_SIZE", size)
        patch.setattr(lookup, "MOST_EXAMINED", examined)
        patch.setattr(lookup, "FIRST_LOOK", 2)
        walk = Walk(shared_shop, history, chosen, wanted)
        assert _walk_up(shared_shop, history, chosen, wanted) == walk.entries
    assert Counter(map(_key, walk.entries)) == history.shown(chosen, wanted)
    assert _is_in_order(walk.entries)
    assert [entry for group in walk.groups for entry in group.entries] == walk.entries
    _are_grouped(history, walk.groups)
    if any(one.looked_until for one in walk.pages):
        return
    assert all(one.entries for one in walk.pages[1:]), "a link to older activities leads to none"
    visits = [group.visit for group in walk.groups]
    assert [group.is_new for group in walk.groups] == [
        place == 0 or visit != visits[place - 1] for place, visit in enumerate(visits)
    ]


def _are_grouped(history: History, groups: list[timeline.Group]) -> None:
    """Every event stands under its visit; a backend's under the one that began last of those going on then."""
    visits = sorted(history.visits(), key=lambda visit: visit[1])
    for group in groups:
        shown = group.visit and (group.visit.started_at, group.visit.ended_at, group.visit.event_count)
        for entry in group.entries:
            if entry.kind == "event":
                device = entry.item.name.split()[1]
                going_on = [visit for visit in visits if visit[1] <= entry.at <= visit[2]]
                possible = [visit[1:] for visit in going_on if device in {"None", str(visit[0])}]
                latest = [visit for visit in possible if visit[0] == possible[-1][0]]
                assert shown in latest if latest else shown is None


def test_hundred_attributes_of_one_millisecond_are_all_shown(shop: Shop) -> None:
    history = History([])
    told = {f"attribute {number}": number for number in range(100)}
    tell(shop, customer(history.system_id, T0, **told), *(seen("d", T0 + n - 60) for n in range(120)))
    tell(shop, login("d", T0 + 200, history.system_id))
    walk = Walk(shop, history, ("change",), Filter())
    assert [len(one.entries) for one in walk.pages] == [50, 110, 50, 10]
    changes = [entry.item.name for entry in walk.entries if entry.kind == "change"]
    assert sorted(changes) == sorted(told)
    assert len(walk.entries) == 220


def test_visits_of_an_id_that_an_app_sends_for_everybody_are_all_shown(shop: Shop) -> None:
    history = History([])
    tell(shop, *(login(f"d{number}", 1, history.system_id) for number in range(700)))
    tell(shop, *(seen(f"d{number}", T0 + number * MINUTE) for number in range(700)))
    walk = Walk(shop, history, ("visit",), Filter())
    for kind in ("visit", "event"):
        assert sum(entry.kind == kind for entry in walk.entries) == 700
    assert len(walk.groups) == 700
    assert None not in {group.visit for group in walk.groups}


# The pages


ENTRY = re.compile(r'<details class="event" id="(event-\d+-\d+)"|<p class="aside">(.*?)</p>', re.DOTALL)


def _entries(of: str) -> list[str]:
    """Every entry of a page: an event's own address, or what the line says, with the exact time."""
    found = []
    for event, aside in ENTRY.findall(of):
        at = "" if event else re.findall(r'datetime="([^"]+)"', aside)[0]
        found.append(event or f"{at} {words(aside).split(maxsplit=1)[1]}")
    return found


def _older(of: str) -> str | None:
    found = re.search(r'id="older" class="older" href="([^"]+)"', of)
    return found[1].replace("&amp;", "&") if found else None


def _walk(browser: FlaskClient, path: str, *, as_parts: bool) -> list[str]:
    """All pages, by the link at the end of each."""
    found: list[str] = []
    target: str | None = path
    for _ in range(100):
        assert target is not None
        shown = part(browser, target, "older") if as_parts and target != path else page(browser, target)
        found.append(shown)
        target = _older(shown)
        if target is None:
            return found
    raise AssertionError("paging doesn't end")


def _fill(shop: Shop, alice: FlaskClient) -> str:
    """A person of two devices, with a merge by login, one by hand and one undone. Returns the profile's path."""
    came: dict[str, Any] = {"utm": {"source": "google"}, **BERLIN}
    tell(shop, seen("phone", T0), seen("phone", T0 + MINUTE, **came), login("phone", T0 + HOUR))
    tell(shop, *(seen("phone", T0 + HOUR, f"Event {number}") for number in range(6)))
    tell(shop, *(customer("u1", T0 + HOUR, **{f"attribute {n}": n}) for n in range(6)))
    tell(shop, *(seen(f"tab {number}", T0 + HOUR) for number in range(3)))
    tell(shop, *(login(f"tab {number}", T0 + DAY) for number in range(3)))
    shop.event("Delivered", T0 + MINUTE // 2)
    shop.event("Paid", T0 + 9 * HOUR)
    tell(shop, seen("other", T0 - DAY))
    other = path_of(alice, "other").split("/")[-1]
    path = shop.profile_path()
    submit(alice, f"{path}/merges", form_on=f"{path}/merges?with={other}", **{"with": other})
    undoing = re.findall(rf'action="({path}/merges/\d+/undoing)"', page(alice, path))
    submit(alice, undoing[1], form_on=path)
    return path


@pytest.mark.parametrize("by", ["day", "visit"])
@pytest.mark.parametrize("show", ["", "visit", "change", "merge", "visit,change", "change,merge", "visit,change,merge"])
def test_pages_hold_together_whatever_is_shown(
    shop: Shop, alice: FlaskClient, monkeypatch: pytest.MonkeyPatch, by: str, show: str
) -> None:
    path = _fill(shop, alice)
    asked = f"{path}?by={by}" + "".join(f"&show={one}" for one in show.split(",") if one)
    whole = _walk(alice, asked, as_parts=False)
    assert len(whole) == 1
    expected = _entries(whole[0])
    number = {"": 0, "visit": 5, "change": 6, "merge": 6}
    assert len(expected) == 13 + sum(number[one] for one in show.split(","))
    for size in (1, 2, 4, 7):
        monkeypatch.setattr(events, "PAGE_SIZE", size)
        for as_parts in (True, False):
            pages = _walk(alice, asked, as_parts=as_parts)
            assert [entry for one in pages for entry in _entries(one)] == expected
            assert len(pages) <= len(expected) / size + 1
            titles = [title for one in pages for title in re.findall(r'<h3 class="day"[^>]*>([^<]*)', one)]
            if as_parts:
                assert len(titles) == len(set(titles)), "a day that is begun twice"


def _shown(browser: FlaskClient, path: str) -> str:
    return section(page(browser, path), "activities")


def test_backends_event_stands_under_the_visit_that_it_came_in(shop: Shop, alice: FlaskClient) -> None:
    came: dict[str, Any] = {"utm": {"source": "google", "medium": "cpc"}, "page": "https://shop.example/"}
    tell(shop, login("phone", 1), seen("phone", T0, **came, **BERLIN), seen("phone", T0 + 20 * MINUTE))
    shop.event("Paid", T0 + 10 * MINUTE)
    shop.event("Delivered", T0 + DAY)
    shown = _shown(alice, f"{shop.profile_path()}?by=visit")
    nowhere, visit = "11 Mar 2026, 17:30 Not on a visit: your systems sent this", "10 Mar 2026, 17:30 20 min, 2 events"
    assert shown.index(nowhere) < shown.index("Delivered", shown.index(nowhere)) < shown.index(visit)
    of_visit = shown[shown.index(visit) :]
    for text in ("google / cpc", "https://shop.example/", "Berlin, Berlin, Germany", "Unknown device", "Paid"):
        assert text in of_visit
    assert shown.count("Not on a visit") == 1


def test_two_devices_at_once_take_turns(shop: Shop, alice: FlaskClient) -> None:
    tell(shop, *(login(did, 1) for did in ("phone", "laptop")))
    tell(shop, *(seen(did, T0 + number * MINUTE) for number, did in enumerate(("phone", "laptop", "phone", "laptop"))))
    assert _shown(alice, f"{shop.profile_path()}?by=visit").count("2 min, 2 events") == 4


def test_change_on_a_device_stands_under_the_visit_there(shop: Shop, alice: FlaskClient) -> None:
    came: dict[str, Any] = {"utm": {"source": "laptop"}}
    tell(shop, *(login(did, 1) for did in ("phone", "laptop")))
    tell(shop, *(seen("phone", T0 + number * MINUTE) for number in (0, 9)))
    tell(shop, *(seen("laptop", T0 + number * MINUTE, **came) for number in (1, 2, 8)))
    tell(shop, values("phone", T0 + 5 * MINUTE, City="Pune"), source="/msv_cs_id")
    shown = _shown(alice, f"{shop.profile_path()}?by=visit&show=change")
    direct = shown.rindex("Direct", 0, shown.index("City"))
    assert direct > shown.rindex("laptop", 0, shown.index("City"))


def test_only_what_systems_sent_is_said_to_be_so(shop: Shop, alice: FlaskClient) -> None:
    tell(shop, customer("u1", T0, City="Pune"))
    shown = _shown(alice, f"{shop.profile_path()}?by=visit&show=change")
    assert "Not on a visit" in shown
    assert "your systems sent this" not in shown


def test_visit_that_goes_on_on_the_next_page_is_headed_once(
    shop: Shop, alice: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    tell(shop, login("phone", 1), *(seen("phone", T0 + number * MINUTE) for number in range(10)))
    tell(shop, *(seen("phone", T0 + DAY + number * MINUTE) for number in range(5)))
    path = f"{shop.profile_path()}?by=visit"
    monkeypatch.setattr(events, "PAGE_SIZE", 4)
    parts = _walk(alice, path, as_parts=True)
    assert [one.count('<header class="visit"') for one in parts] == [1, 1, 0, 0]
    assert all('<header class="visit"' in one for one in _walk(alice, path, as_parts=False))


def test_what_stands_between_the_events_says_what_it_is(shop: Shop, alice: FlaskClient) -> None:
    path = _fill(shop, alice)
    shown = _shown(alice, f"{path}?show=visit&show=change&show=merge")
    for text in (
        "Visit of 1 min, 2 events · google · Berlin, Berlin, Germany",
        "attribute 3 is 3 by /msv_cevt",
        "Merged with",
        "after a login",
        "Merge undone with",
        "by alice@shop.example",
    ):
        assert text in shown


def test_undone_merge_is_told_on_both_sides_with_the_other_one(shop: Shop, alice: FlaskClient) -> None:
    shop.customer()
    tell(shop, seen("phone", T0), login("phone", T0 + HOUR))
    undoing = re.findall(r'action="([^"]+/undoing)"', page(alice, shop.profile_path()))
    submit(alice, undoing[0], form_on=shop.profile_path())
    visitor, known = path_of(alice, "phone"), shop.profile_path()
    for path, other in ((visitor, known), (known, visitor)):
        shown = _shown(alice, f"{path}?show=merge")
        assert shown.count(other.split("/")[-1]) == 2
        assert path.split("/")[-1] not in shown
        assert "Merge undone with" in shown


def test_dates_choose_among_everything_that_is_shown(shop: Shop, alice: FlaskClient) -> None:
    tell(shop, login("phone", 1))
    for number, name in enumerate(("Monday", "Tuesday", "Wednesday"), -1):
        at = T0 + number * DAY
        tell(shop, seen("phone", at, name), customer("u1", at, City=f"{name}s city"))
    asked = f"{shop.profile_path()}?show=visit&show=change"
    shown = _shown(alice, f"{asked}&from=2026-03-10&to=2026-03-10")
    assert "Tuesday" in shown
    assert "City is Tuesdays city" in shown
    assert shown.count("Visit of") == 1
    assert "City is Mondays city" not in shown
    assert "City is Wednesdays city" not in shown
    assert "Nothing matches this filter." in _shown(alice, f"{asked}&from=2026-04-01")
    assert "City is Mondays city" in _shown(alice, f"{asked}&event=Nothing")


def test_links_keep_what_is_chosen(shop: Shop, alice: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    tell(shop, login("phone", 1), *(seen("phone", T0 + number) for number in range(6)))
    tell(shop, customer("u1", T0 + 10, **{f"attribute {letter}": letter for letter in "abcdefghijklm"}))
    monkeypatch.setattr(events, "PAGE_SIZE", 2)
    chosen = "event=Viewed&from=2026-03-01&to=2026-03-31&show=visit&show=change&by=visit"
    whole = page(alice, f"{shop.profile_path()}?{chosen}")
    older = _older(whole)
    assert older is not None
    assert older.endswith(chosen)
    second = page(alice, older)
    newest = re.search(r'href="([^"]+)"[^>]*>Back to the newest<', second)
    assert newest is not None
    assert newest[1].replace("&amp;", "&").endswith(f"?{chosen}")
    assert _older(second) is not None
    assert re.findall(r'type="checkbox" name="show" value="(\w+)" checked', second) == ["visit", "change"]
    assert 'type="radio" name="by" value="visit" checked' in second
    box = second[second.index('id="attributes"') : second.index('id="acquisition"')]
    filter_of_attributes = re.findall(r'<input type="hidden" name="show" value="([^"]*)"', box)
    assert filter_of_attributes == ["visit", "change"]


@pytest.mark.parametrize(
    "query",
    [
        "show=nonsense", "show=", "by=", "by=week", "by=visit&by=day", "show=visit&show=visit", "show=%00", "by=%00",
        "show=event", "show=visit%2Cchange", f"older_than={10**14}.-1&show=change", f"older_than={T0}.-5",
        "event=%00&show=visit",
    ],
)  # fmt: skip
def test_nonsense_in_the_address_is_harmless(shop: Shop, alice: FlaskClient, query: str) -> None:
    tell(shop, login("phone", 1), seen("phone", T0 - 1))
    tell(shop, customer("u1", T0 - 1, City="Pune"))
    for target in ("", "activities", "older"):
        shown = part(alice, f"{shop.profile_path()}?{query}", target)
        assert ("Viewed" in words(shown)) or "event=" in query
        assert shown.count("Visit</strong>") == (1 if "show=visit&" in f"{query}&" else 0)


def test_activities_alone_come_by_htmx_with_all_that_is_chosen(shop: Shop, alice: FlaskClient) -> None:
    tell(shop, login("phone", 1), seen("phone", T0))
    shown = part(alice, f"{shop.profile_path()}?by=visit&show=visit", "activities")
    assert shown.lstrip().startswith('<section id="activities"')
    assert 'class="visit"' in shown
    assert "Visit</strong> of 0 s, 1 event" in shown
