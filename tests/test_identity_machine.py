"""Whatever comes in and whatever people merge and undo, the profiles are what docs/identity.md says.

Random steps on the server and on the model of tests/identity_model.py, compared after each one. IDENTITY_RUNS and
IDENTITY_STEPS set how many (and how long) on each engine.
"""

import os
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from tests import counted
from tests.identity_changes import NAMES, SYSTEM_IDS, contexts, devices, timed, timelines, times, untimed
from tests.identity_model import History
from tests.identity_stored import Store, fake_clock, link, login_of, ranks, same
from tests.world import Shop
from webapp import attributes, merges, search
from webapp.db import Database
from webapp.ingest.changes import Change, EventRecord
from webapp.models import Merge

RUNS = int(os.environ.get("IDENTITY_RUNS", "40"))
STEPS = int(os.environ.get("IDENTITY_STEPS", "25"))

changes = st.one_of(
    timed, timed, untimed, st.builds(EventRecord, devices, st.just("Viewed"), st.just(()), times, contexts)
)
places = st.integers(0, 20)


class Profiles(RuleBasedStateMachine):
    """A workspace, and what the rules make of what happens in it."""

    database: Database
    ranks: dict[str, int]

    def __init__(self) -> None:
        super().__init__()
        self.held = fake_clock()
        self.clock = self.held.__enter__()
        self.store = Store(self.database)
        self.history = History(self.ranks.__getitem__)
        self.sent: list[list[Change]] = []
        self.growlytics_ids: set[str] = set()

    def teardown(self) -> None:
        """Look once more into what is slow to look at."""
        try:
            self._check_histories()
            self._check_search()
        finally:
            self.held.__exit__(None, None, None)

    @rule(told=st.lists(changes, min_size=1, max_size=4))
    def tell(self, told: list[Change]) -> None:
        """Send some changes in one request."""
        self._tell(told)
        self._check()

    @rule(told=changes)
    def tell_one(self, told: Change) -> None:
        """Send a change."""
        self._tell([told])
        self._check()

    @rule(told=timelines().flatmap(st.permutations))
    def live(self, told: list[Change]) -> None:
        """Somebody uses a device for some time, and it reaches the server in whatever order."""
        for change in told:
            self._tell([change])
        self._check()

    def _tell(self, told: list[Change]) -> None:
        now = self.clock.tick()
        self.store.submit(told)
        self.history.tell(told, now)
        self.sent.append(told)

    @precondition(lambda self: self.sent)
    @rule(place=places)
    def tell_again(self, place: int) -> None:
        """Send again what carried its own times: nothing changes."""
        self.clock.tick()
        before = self.store.look().identity()
        told = self.sent[place % len(self.sent)]
        again = [one for one in told if getattr(one, "reported_at", None) is not None]
        self.store.submit(again)
        assert self.store.look().identity() == before

    @rule(one=places, other=places)
    def merge(self, one: int, other: int) -> None:
        """Merge two people by hand."""
        made = self._merge(one, other)
        if made is not None:
            self.history.links.append(link(self.store.look(), made))
        self._check()

    @rule(one=places, other=places)
    def merge_and_undo(self, one: int, other: int) -> None:
        """Merge two people by hand and think better of it: everything is as before."""
        before = self.store.look().identity()
        made = self._merge(one, other)
        if made is not None:
            self.store.undo(made.id)
            self.history.links.append(link(self.store.look(), made))
            self.history.links[-1].is_undone = True
        assert self.store.look().identity() == before

    @rule(place=places)
    def undo(self, place: int) -> None:
        """Undo a merge of whatever kind."""
        self._turn(place, is_undone=True)
        self._check()

    @rule(place=places)
    def undo_login(self, place: int) -> None:
        """Undo what a login merged."""
        self._turn(place, is_undone=True, by_login=True)
        self._check()

    @rule(place=places)
    def redo(self, place: int) -> None:
        """Let a merge hold again."""
        self._turn(place, is_undone=False)
        self._check()

    def _merge(self, one: int, other: int) -> Merge | None:
        self.clock.tick()
        roots = self.store.roots()
        if not roots:
            return None
        one_id, other_id = roots[one % len(roots)], roots[other % len(roots)]
        look = self.store.look()
        registered = [look.system_ids[id_] for id_ in {one_id, other_id}]
        if one_id == other_id or all(registered):
            with pytest.raises(merges.ImpossibleError):
                self.store.merge(one_id, other_id)
            return None
        made = self.store.merge(one_id, other_id)
        assert {made.member_id, made.target_id} == {one_id, other_id}
        return made

    def _turn(self, place: int, *, is_undone: bool, by_login: bool = False) -> None:
        self.clock.tick()
        # One of a customer with itself only remembers that it was undone, until late news gives it a stretch again.
        known = [one for one in self.store.merges() if one.member_id != one.target_id]
        fitting = [one for one in known if (one.undone_at is None) == is_undone and (one.device_id or not by_login)]
        if not fitting:
            return
        merge = fitting[place % len(fitting)]
        (self.store.undo if is_undone else self.store.redo)(merge.id)
        if merge.device_id is None:
            by_hand = [one.id for one in known if one.device_id is None]
            self.history.links[by_hand.index(merge.id)].is_undone = is_undone
            return
        login = login_of(self.store.look(), merge)
        self.history.undone = self.history.undone | {login} if is_undone else self.history.undone - {login}

    def _check(self) -> None:
        look = self.store.look()
        same(look, self.history)
        with self.database.read() as session:
            workspace_id = self.store.workspace.id
            assert counted.stored(session, workspace_id) == counted.afresh(session, workspace_id)
        now = {one.growlytics_id for one in look.customers}
        assert now >= self.growlytics_ids, "a Growlytics ID that finds nobody any more"
        self.growlytics_ids = now

    def _check_histories(self) -> None:
        told: dict[str, set[Any]] = {}
        for fact in self.history.values:
            told.setdefault(fact.name, set()).add(fact.content.strip('"'))
        look = self.store.look()
        with self.database.read() as session:
            for root in look.roots:
                for shown in look.shown[root.id]:
                    former = attributes.history(session, self.store.workspace.id, look.members[root.id], shown.name)
                    assert former[0].value == shown.value
                    assert {one.value for one in former} <= told[shown.name]

    def _check_search(self) -> None:
        """Everybody is found by each id and each name they have or had, and by nobody else's."""
        look = self.store.look()
        person = {one: root for root, members in look.members.items() for one in members}
        finds = {one.growlytics_id: {person[one.id]} for one in look.customers}
        finds |= {one.system_id: {one.id} for one in look.customers if one.system_id is not None}
        for name in NAMES:
            rows = [one for one in look.values if (one.name, one.value) == ("name", f'"{name}"')]
            finds[name] = {person[one.customer_id] for one in rows}
        with self.database.read() as session:
            for text, expected in finds.items():
                found = search.find(session, self.store.workspace, text)
                assert {hit.customer.id for hit in found.hits} == expected, text


def test_profiles_are_what_the_rules_say_after_any_steps(shared_shop: Shop) -> None:
    class OnEngine(Profiles):
        database = shared_shop.database
        ranks = ranks(shared_shop.database, SYSTEM_IDS)

    sizes = settings(
        max_examples=RUNS,
        stateful_step_count=STEPS,
        deadline=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(OnEngine, settings=sizes)
