"""A whole workspace as one file of NDJSON, and such a file as a workspace: here, elsewhere, on the other engine.

What travels is said in `carried`; the file is written by `writing`, looked through by `checking` and stored by
`filling`. The format: docs/moving.md.
"""

from collections.abc import Sequence

FORMAT, VERSION = "customer-profiles workspace", 1
MOST_FAULTS = 50  # that are told of one file


class UnderWayError(Exception):
    """It can't be moved now; the message says why, as a sentence without its full stop."""


class FaultyError(Exception):
    """A file can't be imported. `faults`: why, each with its line; there are more where `has_more`."""

    def __init__(self, faults: Sequence[str], *, has_more: bool = False) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults
        self.has_more = has_more
