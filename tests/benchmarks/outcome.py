"""What a part of the benchmark has found: figures round by round, and how they compare with what is wanted."""

import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any


class BenchmarkError(Exception):
    """A measurement that must not be reported: something was refused, or lost, or isn't there."""


@dataclass(frozen=True)
class Measure:
    """One thing that was measured in one or several rounds. `unit` stands behind the figure."""

    label: str
    unit: str
    values: list[float]


@dataclass(frozen=True)
class Target:
    """A limit for the median of values: a lower one if `is_least`."""

    label: str
    unit: str
    values: list[float]
    limit: float
    is_least: bool

    @property
    def is_met(self) -> bool:
        """Whether the median keeps to the limit."""
        middle = statistics.median(self.values)
        return middle >= self.limit if self.is_least else middle <= self.limit


@dataclass(frozen=True)
class Outcome:
    """What a part has found on one engine. `notes`: whole sentences."""

    measures: list[Measure] = field(default_factory=list)
    targets: list[Target] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def measure(self, label: str, unit: str, values: Sequence[float]) -> None:
        """Keep what was measured."""
        self.measures.append(Measure(label, unit, list(values)))

    def at_least(self, label: str, unit: str, values: Sequence[float], limit: float) -> None:
        """Keep values of which the median should not be below a limit."""
        self.targets.append(Target(label, unit, list(values), limit, is_least=True))

    def at_most(self, label: str, unit: str, values: Sequence[float], limit: float) -> None:
        """Keep values of which the median should not be above a limit."""
        self.targets.append(Target(label, unit, list(values), limit, is_least=False))

    def to_json(self) -> dict[str, Any]:
        """What `from_json` reads again."""
        return asdict(self)

    @classmethod
    def from_json(cls, kept: dict[str, Any]) -> "Outcome":
        """An outcome that was kept."""
        measures = [Measure(**one) for one in kept["measures"]]
        return cls(measures, [Target(**one) for one in kept["targets"]], kept["notes"])


def ratios(of: Sequence[float], to: Sequence[float]) -> list[float]:
    """The ratio of two measures, round by round: what slows a whole round down slows both."""
    return [one / other for one, other in zip(of, to, strict=True)]
