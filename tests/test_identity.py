"""Who is who, told in examples: the rules of docs/identity.md one after the other, each with the people in it."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.identity_story import Story, at, telling, texts
from tests.world import Shop
from webapp import clock, merges
from webapp.ingest.changes import CustomerUpdate, OnDevice


@pytest.fixture
def story(shared_shop: Shop) -> Iterator[Story]:
    """A new shop, where nothing has happened yet."""
    with telling(shared_shop.database) as told:
        yield told


# Profiles, devices, people


def test_visitor_and_customer_are_two_people_until_somebody_says_otherwise(story: Story) -> None:
    story.opens("phone", "10:00", "App Launched")
    story.creates("1001", name="Meera")
    assert story.people() == {"anonymous: App Launched": ["App Launched"], "1001": []}
    assert len({one.growlytics_id for one in story.look().roots}) == 2


# 1. A login begins, a logout ends


def test_device_is_the_customers_from_login_to_logout(story: Story) -> None:
    story.logs_in("phone", "1001", "10:05")
    story.opens("phone", "10:20", "Bought shoes")
    story.logs_out("phone", "11:00")
    story.opens("phone", "11:30", "Viewed socks")
    assert story.people() == {"1001": ["Bought shoes"], "anonymous: Viewed socks": ["Viewed socks"]}


def test_each_stretch_without_a_customer_is_an_anonymous_profile_of_its_own(story: Story) -> None:
    for time, name in (("10:00", "First"), ("12:00", "Second"), ("14:00", "Third")):
        story.opens("phone", time, name)
        story.logs_out("phone", f"{int(time[:2]) + 1}:00")
    assert story.people() == {f"anonymous: {name}": [name] for name in ("First", "Second", "Third")}


def test_what_happens_in_the_millisecond_of_a_login_or_logout_comes_after_it(story: Story) -> None:
    story.opens("phone", "10:00", "Logged in")
    story.opens("phone", "11:00", "Logged out")
    story.logs_in("phone", "1001", "10:00")
    story.logs_out("phone", "11:00")
    assert story.people() == {"1001": ["Logged in"], "anonymous: Logged out": ["Logged out"]}


def test_of_logout_and_login_in_one_millisecond_the_logout_comes_first(story: Story) -> None:
    story.logs_in("phone", "asha", "09:00")
    story.logs_in("phone", "ravi", "10:00")
    story.logs_out("phone", "10:00")
    story.opens("phone", "10:00", "Viewed socks")
    assert story.people() == {"asha": [], "ravi": ["Viewed socks"]}


# 2. A login joins the visitor before it


def test_login_brings_what_the_visitor_did_before(story: Story) -> None:
    story.creates("1001", name="Meera")
    story.opens("phone", "Mon 10:00", "Viewed shoes", utm=(("source", "instagram"),))
    story.logs_in("phone", "1001", "Tue 18:00")
    story.opens("phone", "Tue 18:01", "Bought shoes")
    assert story.people() == {"1001": ["Viewed shoes", "Bought shoes"]}
    first = story.person("1001").visits[0]
    assert first.started_at == at("Mon 10:00")
    assert first.entry == (at("Mon 10:00"), '{"utm": {"source": "instagram"}}')


def test_visitor_becomes_a_new_customer_and_keeps_its_growlytics_id(story: Story) -> None:
    story.opens("phone", "10:00", "Viewed shoes")
    before = story.growlytics_id("Viewed shoes")
    story.logs_in("phone", "1001", "10:05")
    assert story.people() == {"1001": ["Viewed shoes"]}
    assert story.growlytics_id("Viewed shoes") == before


def test_old_growlytics_id_goes_on_finding_the_person(story: Story) -> None:
    story.creates("1001", name="Meera")
    story.opens("phone", "10:00", "Viewed shoes")
    visitors = story.growlytics_id("Viewed shoes")
    story.logs_in("phone", "1001", "10:05")
    assert story.growlytics_id("Viewed shoes") != visitors
    assert story.finds(visitors) == story.root("Viewed shoes")


def test_several_devices_of_one_system_id_are_one_person(story: Story) -> None:
    story.opens("phone", "10:00", "Viewed shoes")
    story.opens("laptop", "11:00", "Compared shoes")
    story.logs_in("phone", "1001", "12:00")
    story.logs_in("laptop", "1001", "12:30")
    story.backend("1001", "Order shipped", "13:00")
    assert story.people() == {"1001": ["Viewed shoes", "Compared shoes", "Order shipped"]}


# 3. Only that stretch, and never two customers


def test_tablet_on_the_counter_tells_customers_apart(story: Story) -> None:
    story.logs_in("tablet", "asha", "10:00")
    story.opens("tablet", "10:05", "Asha ordered")
    story.logs_out("tablet", "10:10")
    story.opens("tablet", "10:20", "Somebody browsed")
    story.logs_in("tablet", "ravi", "10:30")
    assert story.people() == {"asha": ["Asha ordered"], "ravi": ["Somebody browsed"]}


def test_login_without_a_logout_before_just_hands_the_device_over(story: Story) -> None:
    story.logs_in("tablet", "asha", "10:00")
    story.opens("tablet", "10:05", "Asha ordered")
    story.opens("tablet", "10:20", "Somebody browsed")
    story.logs_in("tablet", "ravi", "10:30")
    story.opens("tablet", "10:35", "Ravi ordered")
    assert story.people() == {"asha": ["Asha ordered", "Somebody browsed"], "ravi": ["Ravi ordered"]}


def test_two_customers_are_never_one_person_by_hand(story: Story) -> None:
    story.backend("asha", "Asha ordered", "10:00")
    story.backend("ravi", "Ravi ordered", "10:00")
    with pytest.raises(merges.ImpossibleError):
        story.support_merges("Asha ordered", "Ravi ordered")


# 4. Late news lands where it belongs


def test_login_from_the_train_takes_what_came_before_it(story: Story) -> None:
    story.opens("phone", "18:30", "Viewed shoes")
    story.fills_in("phone", "18:31", city="Pune")
    assert story.people() == {"anonymous: Viewed shoes": ["Viewed shoes"]}
    story.clock.tick(3 * clock.HOUR)
    story.logs_in("phone", "ravi", "18:10")
    assert story.people() == {"ravi": ["Viewed shoes"]}
    assert story.person("ravi").attributes == (("city", '"Pune"'),)


def test_late_logout_gives_back_what_came_after_it(story: Story) -> None:
    story.logs_in("phone", "ravi", "10:00")
    story.opens("phone", "10:10", "Ravi ordered")
    story.opens("phone", "11:30", "Somebody browsed")
    story.logs_out("phone", "11:00")
    assert story.people() == {"ravi": ["Ravi ordered"], "anonymous: Somebody browsed": ["Somebody browsed"]}


def test_late_event_goes_to_who_had_the_device_then(story: Story) -> None:
    story.logs_in("tablet", "asha", "10:00")
    story.logs_out("tablet", "11:00")
    story.logs_in("tablet", "ravi", "12:00")
    story.opens("tablet", "10:30", "Asha ordered")
    story.opens("tablet", "11:30", "Somebody browsed")
    assert story.people() == {"asha": ["Asha ordered"], "ravi": ["Somebody browsed"]}


def test_late_login_in_between_takes_the_visitor_from_the_later_customer(story: Story) -> None:
    story.opens("tablet", "10:00", "Somebody browsed")
    story.logs_in("tablet", "asha", "12:00")
    assert story.people() == {"asha": ["Somebody browsed"]}
    story.logs_in("tablet", "ravi", "11:00")
    assert story.people() == {"asha": [], "ravi": ["Somebody browsed"]}


def test_late_logout_between_two_customers_gives_the_later_one_what_came_after_it(story: Story) -> None:
    story.logs_in("tablet", "asha", "10:00")
    story.opens("tablet", "11:30", "Somebody browsed")
    story.logs_in("tablet", "ravi", "12:00")
    story.logs_out("tablet", "11:00")
    assert story.people() == {"asha": [], "ravi": ["Somebody browsed"]}


# 5. Merging by hand


def test_later_login_sets_a_merge_by_hand_aside(story: Story) -> None:
    story.backend("1001", "Meera ordered", "Mon 10:00")
    story.opens("phone", "Mon 11:00", "Viewed shoes")
    story.support_merges("Meera ordered", "Viewed shoes")
    assert story.people() == {"1001": ["Meera ordered", "Viewed shoes"]}
    story.logs_in("phone", "ravi", "Tue 10:00")
    assert story.people() == {"1001": ["Meera ordered"], "ravi": ["Viewed shoes"]}
    assert story.standings("Meera ordered") == ["set aside"]


def test_merge_by_hand_holds_again_when_the_logins_merge_is_undone(story: Story) -> None:
    story.backend("1001", "Meera ordered", "Mon 10:00")
    story.opens("phone", "Mon 11:00", "Viewed shoes")
    story.support_merges("Meera ordered", "Viewed shoes")
    story.logs_in("phone", "ravi", "Tue 10:00")
    by_login = next(one.id for one in story.merges() if one.device_id is not None)
    story.undo(by_login)
    assert story.people() == {"1001": ["Meera ordered", "Viewed shoes"], "ravi": []}


def test_of_several_merges_by_hand_the_earlier_one_holds(story: Story) -> None:
    for number, name in enumerate(("phone", "tablet", "kiosk")):
        story.opens(name, f"10:0{number}", f"On the {name}")
    story.support_merges("On the phone", "On the tablet")
    story.support_merges("On the tablet", "On the kiosk")
    assert list(story.people()) == ["anonymous: On the phone"]
    story.logs_in("phone", "asha", "11:00")
    assert story.people() == {"asha": ["On the phone", "On the tablet", "On the kiosk"]}
    story.logs_in("kiosk", "ravi", "11:00")
    assert story.people() == {"asha": ["On the phone", "On the tablet"], "ravi": ["On the kiosk"]}


# 6. Undoing


def test_undoing_the_login_on_her_brothers_phone(story: Story) -> None:
    story.creates("1001", name="Meera")
    story.opens("brothers phone", "Mon 10:00", "Viewed razors")
    story.logs_in("brothers phone", "1001", "Tue 10:00")
    story.opens("brothers phone", "Tue 10:10", "Bought shoes")
    assert story.people() == {"1001": ["Viewed razors", "Bought shoes"]}
    story.undo(story.merge_of("Viewed razors"))
    assert story.people() == {"1001": ["Bought shoes"], "anonymous: Viewed razors": ["Viewed razors"]}


def test_undoing_gives_the_visitor_its_growlytics_id_back(story: Story) -> None:
    story.opens("phone", "10:00", "Viewed razors")
    before = story.growlytics_id("Viewed razors")
    story.logs_in("phone", "1001", "11:00")
    story.opens("phone", "11:10", "Bought shoes")
    story.undo(story.merge_of("Viewed razors"))
    assert story.growlytics_id("Viewed razors") == before
    assert story.growlytics_id("Bought shoes") != before


def test_undoing_after_further_merges_on_top_leaves_those(story: Story) -> None:
    story.opens("brothers phone", "Mon 10:00", "Viewed razors")
    story.logs_in("brothers phone", "1001", "Tue 10:00")
    story.opens("laptop", "Tue 11:00", "Viewed shoes")
    story.logs_in("laptop", "1001", "Tue 12:00")
    story.opens("kiosk", "Tue 13:00", "Viewed socks")
    story.support_merges("Viewed socks", "Viewed shoes")
    story.opens("brothers phone", "Mon 09:00", "Viewed soap")  # what comes late goes along
    story.undo(story.merge_of("Viewed razors"))
    assert story.people() == {
        "1001": ["Viewed shoes", "Viewed socks"],
        "anonymous: Viewed soap": ["Viewed soap", "Viewed razors"],
    }


def test_sending_again_does_not_bring_an_undone_merge_back(story: Story) -> None:
    for again in (False, True):
        story.opens("brothers phone", "Mon 10:00", "Viewed razors")
        story.logs_in("brothers phone", "1001", "Tue 10:00")
        if not again:
            story.undo(story.merge_of("Viewed razors"))
    assert story.people() == {"1001": [], "anonymous: Viewed razors": ["Viewed razors"]}


def test_late_logout_does_not_bring_an_undone_merge_back(story: Story) -> None:
    story.opens("brothers phone", "Mon 10:00", "Viewed razors")
    story.opens("brothers phone", "Mon 18:00", "Viewed soap")
    story.logs_in("brothers phone", "1001", "Tue 10:00")
    story.undo(story.merge_of("Viewed razors"))
    story.logs_out("brothers phone", "Mon 12:00")
    assert story.people() == {
        "1001": [],
        "anonymous: Viewed razors": ["Viewed razors"],
        "anonymous: Viewed soap": ["Viewed soap"],
    }


def test_late_login_of_somebody_else_does_not_bring_an_undone_merge_back(story: Story) -> None:
    story.opens("phone", "Mon 18:00", "Viewed soap")
    story.logs_in("phone", "1001", "Tue 10:00")
    story.undo(story.merge_of("Viewed soap"))
    story.logs_in("phone", "ravi", "Mon 09:00")
    story.logs_out("phone", "Mon 12:00")
    assert story.people() == {"1001": [], "ravi": [], "anonymous: Viewed soap": ["Viewed soap"]}


def test_undone_merge_can_be_made_to_hold_again(story: Story) -> None:
    story.opens("phone", "10:00", "Viewed shoes")
    story.logs_in("phone", "1001", "11:00")
    merge = story.merge_of("Viewed shoes")
    story.undo(merge)
    story.redo(merge)
    assert story.people() == {"1001": ["Viewed shoes"]}


# 7. The fuse


def _everybody_logs_in(story: Story, numbers: range) -> None:
    for number in numbers:
        story.opens(f"d{number}", "10:00", f"Came {number}")
        story.logs_in(f"d{number}", "customer", "11:00")
        story.opens(f"d{number}", "12:00", f"Stayed {number}")


def _stopped_at(story: Story) -> int | None:
    return next(one.merging_stopped_at for one in story.look().customers if one.system_id == "customer")


def test_fuse_stops_an_app_that_sends_one_id_for_everybody(story: Story) -> None:
    _everybody_logs_in(story, range(20))
    assert _stopped_at(story) is None
    _everybody_logs_in(story, range(20, 25))
    assert _stopped_at(story) is not None
    people = story.people()
    # Its logins still count for what follows them.
    assert set(people.pop("customer")) == {f"Came {n}" for n in range(20)} | {f"Stayed {n}" for n in range(25)}
    assert people == {f"anonymous: Came {n}": [f"Came {n}"] for n in range(20, 25)}


def test_each_merge_before_the_fuse_can_be_undone(story: Story) -> None:
    _everybody_logs_in(story, range(21))
    for number in range(20):
        story.undo(story.merge_of(f"Came {number}"))
    people = story.people()
    assert set(people.pop("customer")) == {f"Stayed {n}" for n in range(21)}
    assert people == {f"anonymous: Came {n}": [f"Came {n}"] for n in range(21)}


def test_person_can_let_a_stopped_customer_go_on(story: Story) -> None:
    _everybody_logs_in(story, range(21))
    story.clock.tick()
    with story.database.write() as session:
        merges.resume(session, story.root("Stayed 0"))
    story.clock.tick()
    _everybody_logs_in(story, range(21, 41))
    assert _stopped_at(story) is None
    assert set(story.people()) == {"customer", "anonymous: Came 20"}
    story.redo(story.merge_of("Came 20"))
    assert set(story.people()) == {"customer"}


def test_fuse_counts_the_merges_of_24_hours_by_the_servers_clock(story: Story) -> None:
    _everybody_logs_in(story, range(20))
    story.clock.tick(clock.DAY + 1)
    _everybody_logs_in(story, range(20, 40))
    assert _stopped_at(story) is None
    assert set(story.people()) == {"customer"}


def test_number_of_merges_a_day_is_a_setting(shared_shop: Shop) -> None:
    with telling(shared_shop.database, merges_a_day=2) as story:
        _everybody_logs_in(story, range(3))
        assert set(story.people()) == {"customer", "anonymous: Came 2"}


@pytest.mark.parametrize("nobody", ["null", "undefined", "guest", "0"])
def test_ids_that_stand_for_nobody_are_refused(shared_shop: Shop, nobody: str) -> None:
    answer = shared_shop.send("/msv_cs_id", {"did": "d1", "clientCustomerId": nobody, "timestamp": at("10:00")})
    assert answer.status_code == 422


# What a person's profile adds up to


def _city(story: Story, system_id: str = "1001") -> Any:
    return dict(story.person(system_id).attributes)["city"]


def test_value_reported_last_holds_over_all_profiles(story: Story) -> None:
    story.fills_in("phone", "10:00", city="Pune")
    story.fills_in("laptop", "09:00", city="Delhi")
    story.logs_in("phone", "1001", "11:00")
    story.logs_in("laptop", "1001", "11:00")
    assert _city(story) == '"Pune"'
    story.fills_in("laptop", "10:01", city="Kochi")
    assert _city(story) == '"Kochi"'


def test_of_two_values_of_one_millisecond_the_later_text_holds(story: Story) -> None:
    for city in ("Delhi", "Pune", "Agra"):
        story.fills_in("phone", "10:00", city=city)
    story.logs_in("phone", "1001", "10:00")
    assert _city(story) == '"Pune"'


def test_clock_that_is_ahead_counts_as_the_time_of_arrival(story: Story) -> None:
    ahead = story.clock.time + 365 * clock.DAY
    story.logs_in("phone", "1001", "10:00")
    story.submit([CustomerUpdate(OnDevice("phone"), texts({"city": "Pune"}), 100, ahead)])
    assert _city(story) == '"Pune"'
    story.clock.tick()
    story.creates("1001", city="Delhi")
    assert _city(story) == '"Delhi"'


def test_first_and_last_seen_are_of_all_events(story: Story) -> None:
    story.backend("1001", "Ordered by phone", "Mon 08:00")
    story.opens("phone", "Tue 10:00", "Viewed shoes")
    story.logs_in("phone", "1001", "Tue 11:00")
    story.backend("1001", "Shipped", "Wed 09:00")
    assert story.person("1001").seen == (at("Mon 08:00"), at("Wed 09:00"))
    root = next(one for one in story.look().roots if one.id == story.root("Shipped"))
    assert root.event_count == 3


def test_visit_ends_with_a_pause_of_more_than_thirty_minutes(story: Story) -> None:
    for time in ("10:00", "10:30", "11:01"):
        story.opens("phone", time, f"At {time}")
    story.logs_in("phone", "1001", "12:00")
    first, second = story.person("1001").visits
    assert (first.started_at, first.ended_at, first.event_count) == (at("10:00"), at("10:30"), 2)
    assert (second.started_at, second.event_count) == (at("11:01"), 1)


def test_login_in_between_does_not_part_a_visit(story: Story) -> None:
    story.opens("phone", "10:00", "Viewed shoes")
    story.logs_in("phone", "1001", "10:10")
    story.opens("phone", "10:20", "Bought shoes")
    (visit,) = story.person("1001").visits
    assert (visit.started_at, visit.ended_at, visit.event_count) == (at("10:00"), at("10:20"), 2)


def test_first_and_last_visit_each_have_their_own_source_and_place(story: Story) -> None:
    story.opens("phone", "Mon 10:00", "App Launched", utm=(("source", "instagram"),), country="IN", city="Pune")
    story.opens("laptop", "Tue 10:00", "App Launched", referrer="https://news.example/", country="DE")
    for did in ("phone", "laptop"):
        story.logs_in(did, "1001", "Wed 10:00")
    first, last = sorted(story.person("1001").visits, key=lambda visit: visit.started_at)
    assert first.entry == (at("Mon 10:00"), '{"utm": {"source": "instagram"}}')
    assert first.place == (at("Mon 10:00"), '{"city": "Pune", "country": "IN"}')
    assert last.entry == (at("Tue 10:00"), '{"referrer": "https://news.example/"}')
    assert last.place == (at("Tue 10:00"), '{"country": "DE"}')


def test_backends_report_no_visits(story: Story) -> None:
    story.backend("1001", "Ordered by phone", "10:00")
    assert story.person("1001").visits == ()
