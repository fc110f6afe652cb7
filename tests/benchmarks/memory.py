"""The memory of a server: the resident sets of its processes, added up, in MB (10⁶ bytes).

Pages that the processes share count for each of them, so the sum is never too small.
"""

import threading
from pathlib import Path

MOST = 250  # MB that a server may need
_PAUSE = 0.25  # seconds between two looks


class Watch:
    """Looks at a process and its descendants all along: `with Watch(pid) as watch: …`.

    `most` is the most it ever saw, `marks` what it saw at each `mark()`.
    """

    def __init__(self, pid: int) -> None:
        self.most = 0.0
        self.marks: list[float] = []
        self._pid = pid
        self._ended = threading.Event()
        self._looking = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> "Watch":
        self._looking.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._looking.join()

    def mark(self) -> None:
        """Keep what it is now."""
        self.marks.append(resident(self._pid))
        self.most = max(self.most, self.marks[-1])

    def _look(self) -> None:
        while not self._ended.wait(_PAUSE):
            self.most = max(self.most, resident(self._pid))


def resident(pid: int) -> float:
    """The memory of a process and its descendants. One that has ended meanwhile has none."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        status = Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    lines = (line.split() for line in status.splitlines())
    own = next((int(line[1]) for line in lines if line[0] == "VmRSS:"), 0)
    return own * 1024 / 1_000_000 + sum(resident(int(child)) for child in children)
