"""Small disks in memory, which fill up."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class NoDiskError(Exception):
    """This machine doesn't let us mount a disk."""


@contextmanager
def mounted(folder: Path, size: str, *, is_lazy: bool = False) -> Iterator[Path]:
    """A disk of a size such as `8m` in a folder; `is_lazy`: it may still be in use at the end. Raises NoDiskError."""
    command = ["mount", "-t", "tmpfs", "-o", f"size={size},mode=755", "small", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NoDiskError(f"a small disk can't be mounted here: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", *(["--lazy"] if is_lazy else []), str(folder)], check=True)
