"""Places in lists that are sorted by time, as they stand in URLs: bookmarks that don't shift when rows arrive."""

from dataclasses import dataclass

_END_OF_TIME = 250_000_000_000_000  # the year 9892, epoch ms: what a calendar can still show in any zone


@dataclass(frozen=True, slots=True)
class Cursor:
    """The sort time (epoch ms) and the id of a row."""

    at: int
    id: int

    @classmethod
    def parse(cls, text: str | None) -> "Cursor | None":
        """Read `<at>.<id>`; None when it is absent or not one."""
        try:
            at, id_ = (int(part) for part in (text or "").split("."))
        except ValueError:
            return None
        return cls(at, id_) if 0 <= at < _END_OF_TIME and abs(id_) < 2**63 else None

    @property
    def key(self) -> tuple[int, int]:
        """To compare with the columns that a list is sorted by."""
        return self.at, self.id

    def __str__(self) -> str:
        return f"{self.at}.{self.id}"
