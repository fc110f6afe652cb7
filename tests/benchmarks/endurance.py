"""The memory of one server that takes single events and batches, round after round: it has to stay what it is."""

from tests.benchmarks import memory
from tests.benchmarks.bulk import Batches
from tests.benchmarks.outcome import Outcome
from tests.benchmarks.singles import CONNECTIONS
from tests.benchmarks.stage import Sender, Stage, check_stored

FLAT = 1.1  # times what it was after the first round


def run(stage: Stage) -> Outcome:
    """Send for as many rounds as there are, one more to begin with, and look after each."""
    customers = stage.system_ids
    with stage.database() as url:
        with stage.product(url) as product, memory.Watch(product.pid) as watch:
            singles, batches = Sender(product, customers, stage.runs), Batches(product, customers, stage.runs)
            for _ in range(1 + stage.rounds):
                singles.send(CONNECTIONS, stage.seconds)
                batches.send(2, stage.seconds)
                watch.mark()
        answered = singles.answered + batches.accepted
        check_stored(url, answered, singles.in_flight)
    found = Outcome(notes=[f"One server took {answered:,} events meanwhile."])
    found.measure("memory after each round", "MB", watch.marks)
    found.measure("memory at its most", "MB", [watch.most])
    found.at_most("memory at its most", "MB", [watch.most], memory.MOST)
    found.at_most("memory after the last round, of that after the first", "×", [watch.marks[-1] / watch.marks[0]], FLAT)
    return found
