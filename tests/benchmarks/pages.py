"""Reading while events come in: the pages of a big shop, as `reading` asks for them."""

from tests.benchmarks import generate, reading
from tests.benchmarks.outcome import Outcome
from tests.benchmarks.stage import Stage

CUSTOMERS, EVENTS = 1_000_000, 10_000_000
SLOWEST_MEDIAN, SLOWEST = 25, 100  # ms; for 99 of 100 requests
SLOWEST_FILTERED = 100  # ms, likewise by its median
_OF_ONE_ROUND = 40  # requests for each page


def run(stage: Stage, customers: int = CUSTOMERS, events: int = EVENTS) -> Outcome:
    """Fill a database, then ask for each page again and again."""
    with stage.database() as url:
        generate.filled(url, customers, events)
        result = reading.measure(url, _OF_ONE_ROUND * stage.rounds)
    found = Outcome(notes=[f"{_OF_ONE_ROUND * stage.rounds} requests for each page."])
    for row in result.rows:
        found.measure(f"{row.page}: median", "ms", [row.median])
        found.measure(f"{row.page}: 99th percentile", "ms", [row.percentile_99])
    found.measure("events that came in meanwhile", "/s", [result.events_per_second])
    plain = [row for row in result.rows if reading.WHERE not in row.page]
    found.at_most("slowest page by its median", "ms", [max(row.median for row in plain)], SLOWEST_MEDIAN)
    found.at_most("slowest page by its 99th percentile", "ms", [max(row.percentile_99 for row in plain)], SLOWEST)
    filtered = [row.median for row in result.rows if reading.WHERE in row.page]
    found.at_most("slowest filtered page by its median", "ms", [max(filtered)], SLOWEST_FILTERED)
    return found
