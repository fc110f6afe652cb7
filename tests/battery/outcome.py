"""What a row of the battery came to."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Outcome:
    """Figures by name, in the order of telling, and in words everything that broke the promise."""

    size: str
    figures: dict[str, str]
    broken: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        told = ", ".join(f"{name} {figure}" for name, figure in self.figures.items())
        verdict = f"BROKEN: {'; '.join(self.broken)}" if self.broken else "held"
        return f"{self.size}: {told}: {verdict}"


def spread(seconds: list[float]) -> str:
    """Median and worst of some times."""
    ranked = sorted(seconds)
    return f"{ranked[len(ranked) // 2]:.2f} s (worst {ranked[-1]:.2f} s)"
