"""Numbers of lines for ids of rows, and what of a million lines has to be remembered: some bytes for each."""

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from typing import Any


class Numbers:
    """The ids of rows in the order of their lines, which are numbered from 1. 8 bytes for each."""

    def __init__(self, ids: Iterable[int] = ()) -> None:
        self.ids = array("q", ids)

    def __len__(self) -> int:
        return len(self.ids)

    def add(self, ids: Iterable[int]) -> None:
        """Number some more."""
        self.ids.extend(ids)

    def of(self, id_: int) -> int:
        """The number of a row; ids have to be in their order. Raises KeyError."""
        place = bisect_left(self.ids, id_)
        if place == len(self.ids) or self.ids[place] != id_:
            raise KeyError(id_)
        return place + 1

    def id(self, number: int) -> int:
        """The id of the row of a line."""
        return self.ids[number - 1]

    def parts(self, size: int) -> Iterator[Sequence[int]]:
        """All ids, so many at a time."""
        for start in range(0, len(self.ids), size):
            yield self.ids[start : start + size]


class Prints:
    """Fingerprints of what lines have told: whether something is among them, and which are there twice.

    Two things have one fingerprint (64 bits) by chance once in ten million files of a million lines; such a file is
    refused, and taken at the next try.
    """

    def __init__(self) -> None:
        self._prints = array("q")
        self._sorted: array[int] | None = None

    def add(self, told: Any) -> None:
        """Remember what a line told."""
        self._prints.append(hash(told))

    def has(self, told: Any) -> bool:
        """Whether a line told it. From the first question on nothing may be added."""
        if self._sorted is None:
            self._sorted = array("q", sorted(self._prints))
        print_ = hash(told)
        place = bisect_left(self._sorted, print_)
        return place < len(self._sorted) and self._sorted[place] == print_

    def twice(self) -> list[tuple[int, int]]:
        """Places, from 0, of lines that told the same: the first of them, and each other."""
        prints = self._prints
        places = sorted(range(len(prints)), key=prints.__getitem__)  # in their order where equal
        found, first = [], 0
        for place, one in enumerate(places):
            if prints[one] != prints[places[first]]:
                first = place
            elif place != first:
                found.append((places[first], one))
        return sorted(found, key=lambda pair: pair[1])
