"""What may happen in a random history: so few of everything that most of it meets what happened before."""

from hypothesis import strategies as st

from tests.world import NOON
from webapp.clock import MINUTE
from webapp.ingest.changes import Attribute, Change, Context, CustomerUpdate, EventRecord, Login, Logout, OnDevice

SYSTEM_IDS = ("asha", "meera", "ravi")
EVENTS = ("App Launched", "Bought", "Viewed")
NAMES = ("Ann", "Bo")
CONTEXTS = (
    Context(),
    Context(referrer="https://shop.example/a", utm=(("source", "google"),), country="IN", city="Pune"),
    Context(page="https://shop.example/b", referrer="https://ads.example", country="DE", region="Berlin"),
    Context(page="https://shop.example/c", utm=(("campaign", "diwali"),)),
    Context(page="https://shop.example/d", country="FR"),
)
_STEP = 20 * MINUTE  # two of them part two visits
_LIMIT = 100  # attributes of a customer

system_ids = st.sampled_from(SYSTEM_IDS)
devices = st.sampled_from(["d1", "d1", "d1", "d2", "d3"]).map(OnDevice)
times = st.integers(0, 5).map(lambda number: NOON + number * _STEP)
contexts = st.sampled_from(CONTEXTS)
_pairs = [("name", name) for name in NAMES] + [("city", "Pune"), ("city", "Delhi")]
values = st.sampled_from(_pairs).map(lambda pair: (Attribute(*pair, "string"),))


def event(device: OnDevice, name: str, at: int) -> EventRecord:
    """An event on a device. Its context follows from the rest: what is equal but for the context is the same event."""
    place = at // _STEP + EVENTS.index(name) * 2
    return EventRecord(device, name, (), at, CONTEXTS[place % len(CONTEXTS)])


events: st.SearchStrategy[Change] = st.builds(event, devices, st.sampled_from(EVENTS), times)
updates: st.SearchStrategy[Change] = st.builds(CustomerUpdate, devices | system_ids, values, st.just(_LIMIT), times)
reports: st.SearchStrategy[Change] = st.builds(EventRecord, system_ids, st.sampled_from(EVENTS), st.just(()), times)
logins: st.SearchStrategy[Change] = st.builds(Login, devices, system_ids, times)
logouts: st.SearchStrategy[Change] = st.builds(Logout, devices, times)
# What carries its own times.
timed = st.one_of(events, events, updates, reports, logins, logins, logouts)
# What the server's clock gives a time.
untimed: st.SearchStrategy[Change] = st.one_of(
    st.builds(EventRecord, system_ids, st.sampled_from(EVENTS), st.just(()), st.none()),
    st.builds(CustomerUpdate, system_ids, values, st.just(_LIMIT), st.none()),
)


@st.composite
def timelines(draw: st.DrawFn) -> list[Change]:
    """Some things that happen on one device, one after the other."""
    device = draw(devices)
    told: list[Change] = []
    for number in range(draw(st.integers(3, 6))):
        at = NOON + number * _STEP
        kinds: list[Change] = [Login(device, system_id, at) for system_id in SYSTEM_IDS[:2]]
        kinds += [Logout(device, at), event(device, "Viewed", at), event(device, "Bought", at)]
        kinds.append(CustomerUpdate(device, draw(values), _LIMIT, at))
        told.append(draw(st.sampled_from(kinds)))
    return told
