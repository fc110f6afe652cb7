"""How many events of a name there are each day, as a picture in one line and in words."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from webapp import clock, counts, days, filters, workspaces
from webapp.models import DailyCount, Workspace

_HEIGHT = 20  # units; a day is two wide


@dataclass(frozen=True, slots=True)
class Volume:
    """The numbers of days in a row, the last one `until`."""

    numbers: Sequence[int]
    until: date

    @property
    def total(self) -> int:
        """Of all days."""
        return sum(self.numbers)

    @property
    def path(self) -> str:
        """A bar for each day on which there is anything, as an SVG path."""
        most = max(self.numbers, default=0)
        bars = ((place, max(1, round(_HEIGHT * number / most))) for place, number in enumerate(self.numbers) if number)
        return "".join(f"M{2 * place} {_HEIGHT}v-{height}h1.5v{height}z" for place, height in bars)

    @property
    def box(self) -> str:
        """The view box of the picture."""
        return f"0 0 {2 * len(self.numbers)} {_HEIGHT}"

    @property
    def words(self) -> str:
        """What the picture shows: `320 events in 30 days, most on 3 Nov 2026 (80)`."""
        told = f"{filters.plural(self.total, 'event')} in {len(self.numbers)} days"
        if not self.total:
            return told
        busiest = max(range(len(self.numbers)), key=lambda place: self.numbers[place])
        day = self.until - timedelta(days=len(self.numbers) - 1 - busiest)
        return f"{told}, most on {days.plain_date(day)} ({filters.count(self.numbers[busiest])})"


def of_events(session: Session, workspace: Workspace, names: Collection[str], days: int) -> dict[str, Volume]:
    """The events of these names in the last so many days of the workspace's calendar, by name."""
    last = counts.day_of(clock.now(), workspaces.zone(workspace))
    query = select(DailyCount.name, DailyCount.day, DailyCount.count).where(
        DailyCount.workspace_id == workspace.id,
        DailyCount.kind == "event",
        DailyCount.name.in_(names),
        DailyCount.day.between(last - days + 1, last),
    )
    numbers = {name: [0] * days for name in names}
    for name, day, count in session.execute(query):
        numbers[name][day - last + days - 1] += count
    return {name: Volume(found, counts.date_of(last)) for name, found in numbers.items()}
